//! A table that takes its charset from a database whose default is not the upstream's compares text differently.

use super::run::Ground;
use super::text::inherits_charset;
use crate::checkpoint::Failed;
use crate::event::Event;
use crate::model::{ActionType, CommitTs, Ddl};
use crate::sink::mysql::session::{quote_name, quote_text};

/// Says so before such a table is made.
pub(super) fn warn_of_charset(ground: &mut Ground<'_>, ts: CommitTs, ddl: &Ddl) -> Result<(), Failed> {
    let Some(table) = ddl.after.first().filter(|_| ddl.action == ActionType::CreateTable) else { return Ok(()) };
    if table.collation.is_empty() || !inherits_charset(&ddl.query) {
        return Ok(());
    }
    let there: Option<String> = ground.session.fetch_one(&format!(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = {}",
        quote_text(&table.schema)
    ))?;
    let Some(there) = there else { return Ok(()) };
    if there.replace("utf8mb3", "utf8") != table.collation.replace("utf8mb3", "utf8") {
        (ground.events)(Event::Warning(format!(
            "table `{}`.`{}` gets collation {there} from its database on the target, but has {} upstream (commit ts {}): its \
             text may compare differently. `ALTER DATABASE {} COLLATE {}` on the target would prevent it for further tables",
            table.schema,
            table.name,
            table.collation,
            ts.explain(),
            quote_name(&table.schema),
            table.collation
        )));
    }
    Ok(())
}
