//! Tables as they are on the target.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::elements::column_type;
use super::unique;
use crate::sink::mysql::session::{Flavour, Session, quote_text};

/// A key's columns in lower case, with their prefix lengths, in order.
pub type Parts = Vec<(String, Option<u32>)>;

/// A table as it is on the target.
#[derive(Debug, Default)]
pub struct Found {
    /// In lower case.
    pub engine: String,
    /// By lower-case name.
    pub columns: BTreeMap<String, FoundColumn>,
    /// Unique keys, the primary one among them.
    pub keys: BTreeSet<Parts>,
}

/// A column as it is on the target.
#[derive(Clone, Debug, Default)]
pub struct FoundColumn {
    /// Its name in its own case.
    pub name: String,
    /// The server computes it.
    pub generated: bool,
    /// A new row has to bring a value for it: NOT NULL, no default, no AUTO_INCREMENT.
    pub needed: bool,
    /// NULL is allowed.
    pub nullable: bool,
    /// Each row gets a number of its own.
    pub counted: bool,
    /// A key that the server made by itself, because the table had none.
    pub invisible_key: bool,
    /// `enum('a','b')`, `bigint(20)`.
    pub definition: String,
    /// `enum`, `bigint`.
    pub kind: String,
    /// A text that has to be JSON (MariaDB).
    pub json: bool,
}

/// What of a server decides how its tables are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Names of tables are compared without letter case.
    pub folded: bool,
    /// The server itself takes zero dates; our sessions always may.
    pub zero_dates: bool,
}

impl Facts {
    /// Asks the server.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn read(session: &mut Session) -> Result<Self> {
        let found: Option<(u8, String)> = session.first("SELECT @@lower_case_table_names, @@GLOBAL.sql_mode")?;
        let (case, mode) = found.unwrap_or_default();
        let zero_dates = !mode.split(',').any(|m| m == "NO_ZERO_DATE" || m == "TRADITIONAL");
        Ok(Self { folded: case != 0, zero_dates })
    }

    /// How a table is looked up: TiDB itself compares names without case, the target perhaps with.
    #[must_use]
    pub fn key(&self, schema: &str, table: &str) -> (String, String) {
        if self.folded { (schema.to_lowercase(), table.to_lowercase()) } else { (schema.to_owned(), table.to_owned()) }
    }
}

/// Tables by [`Facts::key`].
pub type Tables = BTreeMap<(String, String), Found>;

/// Reads the tables of a database, or one of them, into `found`.
///
/// # Errors
/// If the target does not answer.
pub fn read(session: &mut Session, facts: Facts, schema: &str, table: Option<&str>, found: &mut Tables) -> Result<()> {
    if session.server().cannot_name_table(schema, table.unwrap_or_default()).is_some() {
        return Ok(());
    }
    let mut scope = format!("table_schema = {}", quote_text(schema));
    if let Some(table) = table {
        scope.push_str(&format!(" AND table_name = {}", quote_text(table)));
    }
    let rows: Vec<(String, String, Option<String>)> = session.rows(&format!(
        "SELECT table_schema, table_name, engine FROM information_schema.tables WHERE {scope} AND table_type = 'BASE TABLE'"
    ))?;
    for (schema, table, engine) in rows {
        let entry = found.entry(facts.key(&schema, &table)).or_default();
        entry.engine = engine.unwrap_or_default().to_lowercase();
    }
    columns(session, facts, &scope, found)?;
    checks(session, facts, &scope, found)?;
    keys(session, facts, &scope, found)
}

fn columns(session: &mut Session, facts: Facts, scope: &str, found: &mut Tables) -> Result<()> {
    type Column = (String, String, String, String, bool, String, String, String);
    let rows: Vec<Column> = session.rows(&format!(
        "SELECT table_schema, table_name, column_name, extra, column_default IS NULL, is_nullable, column_type, data_type \
         FROM information_schema.columns WHERE {scope}"
    ))?;
    let flavour = session.server().flavour;
    for (schema, table, name, extra, no_default, nullable, definition, kind) in rows {
        let Some(entry) = found.get_mut(&facts.key(&schema, &table)) else { continue };
        let extra = extra.to_uppercase();
        // MySQL 8 says DEFAULT_GENERATED of an ordinary column with an expression as default.
        let generated = ["VIRTUAL", "STORED", "PERSISTENT"].iter().any(|w| extra.contains(w));
        let (counted, nullable) = (extra.contains("AUTO_INCREMENT"), nullable == "YES");
        let lower = name.to_lowercase();
        let column = FoundColumn {
            generated,
            needed: !generated && no_default && !nullable && !counted,
            nullable,
            counted,
            invisible_key: lower == "my_row_id" && extra.contains("INVISIBLE"),
            definition: column_type(flavour, definition),
            kind: kind.to_lowercase(),
            json: false,
            name,
        };
        entry.columns.insert(lower, column);
    }
    Ok(())
}

/// MariaDB's JSON is a text with a check.
fn checks(session: &mut Session, facts: Facts, scope: &str, found: &mut Tables) -> Result<()> {
    if session.server().flavour != Flavour::MariaDb {
        return Ok(());
    }
    let scope = scope.replace("table_schema", "constraint_schema");
    let rows: Vec<(String, String, String)> = session.rows(&format!(
        "SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints WHERE {scope}"
    ))?;
    for (schema, table, clause) in rows {
        let Some(entry) = found.get_mut(&facts.key(&schema, &table)) else { continue };
        let clause = clause.to_lowercase();
        let Some(name) = clause.strip_prefix("json_valid(`").and_then(|c| c.strip_suffix("`)")) else { continue };
        if let Some(column) = entry.columns.get_mut(name) {
            column.json = true;
        }
    }
    Ok(())
}

fn keys(session: &mut Session, facts: Facts, scope: &str, found: &mut Tables) -> Result<()> {
    let mut keys: BTreeMap<((String, String), String), Parts> = BTreeMap::new();
    for part in unique::read(session, scope)? {
        let column = part.column.unwrap_or_default().to_lowercase();
        keys.entry((facts.key(&part.schema, &part.table), part.index)).or_default().push((column, part.prefix));
    }
    for ((table, _), parts) in keys {
        if let Some(entry) = found.get_mut(&table) {
            entry.keys.insert(parts);
        }
    }
    Ok(())
}
