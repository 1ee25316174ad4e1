//! A table that takes its charset from a database whose default is not the upstream's compares text differently.

use super::run::Ground;
use crate::checkpoint::Failed;
use crate::event::Event;
use crate::model::{ActionType, CommitTs, Ddl, Table};
use crate::sink::mysql::session::{quote_name, quote_text};
use crate::sql::{Role, Statement, names_charset};

/// The table that `ddl` makes without a word about its character set. What is made from a definition always says it.
fn inheriting(ddl: &Ddl) -> Option<&Table> {
    let table = ddl.after.first().filter(|_| ddl.action == ActionType::CreateTable)?;
    let statement = Statement::of(&ddl.query);
    let says =
        table.details.is_some() && !ddl.temporary || statement.place(Role::Like).is_some() || names_charset(&ddl.query);
    (!says && !table.collation.is_empty()).then_some(table)
}

/// Says so before such a table is made.
pub(super) fn warn_of_charset(ground: &mut Ground<'_>, ts: CommitTs, ddl: &Ddl) -> Result<(), Failed> {
    let Some(table) = inheriting(ddl) else { return Ok(()) };
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::TableDetails;

    #[test]
    fn only_a_text_can_leave_it_unsaid() {
        let warns = |query: &str, details: bool| {
            let details = details.then(|| Arc::new(TableDetails::default()));
            let table = Table { collation: "utf8mb4_bin".to_owned(), details, ..Table::named("d", "t") };
            let (action, query) = (ActionType::CreateTable, query.to_owned());
            inheriting(&Ddl { action, query, after: vec![Arc::new(table)], ..Ddl::default() }).is_some()
        };
        assert!(warns("CREATE TABLE `t` (`a` CHAR(5) CHARACTER SET utf8)", false));
        assert!(!warns("CREATE TABLE `t` (`a` CHAR(5))", true), "the statement is made from the definition");
        assert!(!warns("CREATE TABLE `t` (`a` INT) CHARSET utf8", false));
        assert!(!warns("CREATE TABLE `t` LIKE `s`", false));
    }
}
