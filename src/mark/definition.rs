//! Is the mark table what Drainer's code makes?

use std::collections::BTreeMap;

use anyhow::Result;

use super::Mark;
use super::statements::INFO_CHARS;
use crate::sink::mysql::session::{Session, quote_text};

/// Engines that keep a transaction together; TiDB says InnoDB.
const ENGINES: [&str; 3] = ["innodb", "rocksdb", "tokudb"];

/// What is there of a mark table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// No such database.
    NoDatabase,
    /// The database, but no such table.
    NoTable,
    /// The table; each entry says how it differs from what it must be.
    Table(Vec<String>),
}

impl Definition {
    /// Whether marks can be written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        matches!(self, Self::Table(different) if different.is_empty())
    }
}

/// A column as the server describes it.
struct Column {
    kind: String,
    chars: u64,
    needed: bool,
    generated: bool,
}

/// Looks at the mark table.
///
/// # Errors
/// If it cannot be read.
pub fn definition(session: &mut Session, mark: &Mark) -> Result<Definition> {
    let database = format!("LOWER(table_schema) = LOWER({})", quote_text(&mark.schema));
    let here = format!("{database} AND LOWER(table_name) = LOWER({})", quote_text(&mark.table));
    let found: Option<(String, String, Option<String>)> =
        session.first(&format!("SELECT table_name, table_type, engine FROM information_schema.tables WHERE {here}"))?;
    let Some((_, kind, engine)) = found else {
        let database: Option<u64> = session.first(&format!(
            "SELECT COUNT(*) FROM information_schema.schemata WHERE LOWER(schema_name) = LOWER({})",
            quote_text(&mark.schema)
        ))?;
        return Ok(if database.unwrap_or(0) > 0 { Definition::NoTable } else { Definition::NoDatabase });
    };
    let mut different = Vec::new();
    let engine = engine.unwrap_or_default().to_lowercase();
    if kind != "BASE TABLE" {
        different.push(format!("it is no table but a {}", kind.to_lowercase()));
    } else if !ENGINES.contains(&engine.as_str()) {
        different.push(format!("it is kept by {engine}, which has no transactions"));
    }
    columns(session, &here, &mut different)?;
    let key: Vec<String> = session.rows(&format!(
        "SELECT LOWER(column_name) FROM information_schema.statistics WHERE {here} AND index_name = 'PRIMARY' ORDER BY seq_in_index"
    ))?;
    let mut sorted = key.clone();
    sorted.sort();
    if sorted != ["channel_id", "id"] {
        different.push(format!("its primary key is ({}), not (id, channel_id)", key.join(", ")));
    }
    let triggers: Vec<String> = session.rows(&format!(
        "SELECT trigger_name FROM information_schema.triggers WHERE LOWER(event_object_schema) = LOWER({}) \
         AND LOWER(event_object_table) = LOWER({})",
        quote_text(&mark.schema),
        quote_text(&mark.table)
    ))?;
    different.extend(triggers.iter().map(|t| format!("trigger `{t}` fires for it")));
    Ok(Definition::Table(different))
}

fn columns(session: &mut Session, here: &str, different: &mut Vec<String>) -> Result<()> {
    type Row = (String, String, Option<u64>, bool, String, String);
    let rows: Vec<Row> = session.rows(&format!(
        "SELECT LOWER(column_name), LOWER(data_type), character_maximum_length, column_default IS NULL, is_nullable, LOWER(extra) \
         FROM information_schema.columns WHERE {here}"
    ))?;
    let read = |(name, kind, chars, no_default, nullable, extra): Row| {
        let generated = ["virtual", "stored", "persistent"].iter().any(|w| extra.contains(w));
        let needed = no_default && nullable == "NO" && !generated && !extra.contains("auto_increment");
        (name, Column { kind, chars: chars.unwrap_or(0), needed, generated })
    };
    let mut found: BTreeMap<String, Column> = rows.into_iter().map(read).collect();
    for name in ["id", "channel_id", "val"] {
        match found.remove(name) {
            None => different.push(format!("it has no column {name}")),
            Some(c) if c.generated => different.push(format!("its column {name} is generated")),
            Some(c) if c.kind != "bigint" => different.push(format!("its column {name} is {}, not bigint", c.kind)),
            Some(_) => {}
        }
    }
    match found.remove("channel_info") {
        None => different.push("it has no column channel_info".to_owned()),
        Some(c) if c.chars < INFO_CHARS as u64 || !["varchar", "char", "text"].contains(&c.kind.as_str()) => {
            different.push(format!("its column channel_info is {}({}), not varchar({INFO_CHARS})", c.kind, c.chars));
        }
        Some(_) => {}
    }
    for (name, _) in found.iter().filter(|(_, c)| c.needed) {
        different.push(format!("its column {name} needs a value that marks do not have"));
    }
    Ok(())
}
