//! Reads tables as they are on the target: columns, ENUM and SET texts, unique keys.
//!
//! - The columns.
//! - The texts of an ENUM or SET, as `information_schema` writes them: `enum('a','it''s')`.
//! - The unique keys.
//! - The columns of a table as the server itself names them in a result. Queried within the
//!   transaction that writes to the table, this tells that they are still those that the rows were
//!   made for. From then until that transaction ends, no DDL changes them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use mysql::prelude::Queryable;

use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session};
use crate::sql::quote_text;

/// A key's columns in lower case, with their prefix lengths, in order.
pub type Parts = Vec<(String, Option<u32>)>;

/// A table as it is on the target.
#[derive(Debug, Default)]
pub struct TargetTable {
    /// Storage engine, in lower case.
    pub engine: String,
    /// By name in lower case.
    pub columns: BTreeMap<String, FoundColumn>,
    /// Unique keys, including the primary key.
    pub keys: BTreeSet<Parts>,
}

/// A column as it is on the target.
#[derive(Clone, Debug, Default)]
pub struct FoundColumn {
    /// Its name in its original case.
    pub name: String,
    /// Whether the server computes it.
    pub generated: bool,
    /// Whether a new row needs a value for it: NOT NULL, no default, no AUTO_INCREMENT.
    pub needed: bool,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether each row gets a generated number.
    pub counted: bool,
    /// Whether it is a key that the server made by itself, because the table had none.
    pub invisible_key: bool,
    /// The type in full, like `enum('a','b')`, `bigint(20)`.
    pub definition: String,
    /// The type's name, like `enum`, `bigint`.
    pub kind: String,
    /// Whether it is a text that has to be JSON (MariaDB).
    pub json: bool,
}

/// Settings of a server that decide how its tables are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Whether names of tables are compared without letter case.
    pub folded: bool,
    /// Whether the server itself accepts zero dates; our sessions always may.
    pub zero_dates: bool,
}

impl Facts {
    /// Reads the server's settings.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn read(session: &mut Session) -> Result<Self> {
        let found: Option<(u8, String)> = session.first("SELECT @@lower_case_table_names, @@GLOBAL.sql_mode")?;
        let (case, mode) = found.unwrap_or_default();
        let zero_dates = !mode.split(',').any(|m| m == "NO_ZERO_DATE" || m == "TRADITIONAL");
        Ok(Self { folded: case != 0, zero_dates })
    }

    /// The key to look up a table: TiDB itself compares names without case, the target perhaps
    /// with.
    #[must_use]
    pub fn key(&self, schema: &str, table: &str) -> (String, String) {
        if self.folded { (schema.to_lowercase(), table.to_lowercase()) } else { (schema.to_owned(), table.to_owned()) }
    }
}

/// Tables by [`Facts::key`].
pub type Tables = BTreeMap<(String, String), TargetTable>;

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
        // MySQL 8 shows DEFAULT_GENERATED for an ordinary column with an expression as its default.
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

/// Finds JSON columns of MariaDB, which are texts with a check.
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
    for part in read_unique_keys(session, scope)? {
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

/// A `column_type` in the form of MySQL and MariaDB: TiDB does not double backslashes in it.
pub(in crate::sink::mysql) fn column_type(flavour: Flavour, told: String) -> String {
    if flavour == Flavour::TiDb { told.replace('\\', r"\\") } else { told }
}

/// The elements in a column's definition; `None` if it is neither ENUM nor SET.
pub(in crate::sink::mysql) fn elements(definition: &str) -> Option<Vec<String>> {
    let open = definition.find('(')?;
    let (word, list) = definition.split_at_checked(open)?;
    if !word.eq_ignore_ascii_case("enum") && !word.eq_ignore_ascii_case("set") {
        return None;
    }
    let mut chars = list.strip_prefix('(')?.chars().peekable();
    let mut found = Vec::new();
    loop {
        match chars.next()? {
            '\'' => {}
            ',' => continue,
            ')' => return Some(found),
            _ => return None,
        }
        let mut text = String::new();
        loop {
            match chars.next()? {
                '\'' if chars.next_if_eq(&'\'').is_some() => text.push('\''),
                '\'' => break,
                '\\' => match chars.next()? {
                    '0' => text.push('\0'),
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
        found.push(text);
    }
}

/// The number, from 1, of each of `upstream` among `target`; `None` for one that is not there.
pub(super) fn places(upstream: &[String], target: &[String]) -> Vec<Option<u64>> {
    let target: Vec<String> = target.iter().map(|t| shown(t)).collect();
    let place = |(at, element): (usize, &String)| {
        let text = shown(element);
        let here = target.get(at).filter(|t| **t == text).map(|_| at);
        here.or_else(|| target.iter().position(|t| *t == text)).and_then(|at| u64::try_from(at + 1).ok())
    };
    upstream.iter().enumerate().map(place).collect()
}

/// An element as servers show it: some drop trailing spaces earlier than others, and MariaDB's
/// `information_schema` has characters of at most three bytes.
fn shown(element: &str) -> String {
    element.trim_end_matches(' ').chars().map(|c| if c > '\u{ffff}' { '?' } else { c }).collect()
}

/// Whether each element has its number of the upstream; the target may have additional ones at the
/// end.
pub(super) fn same_numbers(places: &[Option<u64>]) -> bool {
    places.iter().zip(1_u64..).all(|(place, n)| *place == Some(n))
}

/// A column of a unique key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UniquePart {
    /// Database of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The key's name.
    pub index: String,
    /// Its position in the key, from 1.
    pub place: u32,
    /// `None` for an expression.
    pub column: Option<String>,
    /// Characters of the column that the key holds, if not all.
    pub prefix: Option<u32>,
}

type Told = (String, String, String, u32, Option<String>, Option<u32>);

/// The unique keys of the tables that `scope`, a condition on `table_schema` and `table_name`,
/// selects; the columns of each in order.
///
/// # Errors
/// If the target does not answer.
pub fn read_unique_keys(session: &mut Session, scope: &str) -> Result<Vec<UniquePart>, SessionError> {
    let sql = query(session.server().flavour, scope);
    Ok(parts(session.fetch::<Told>(&sql)?))
}

fn query(flavour: Flavour, scope: &str) -> String {
    // TiDB's STATISTICS has no prefix lengths (6.6 shows NULL for all). An expression's column is
    // called `NULL` there, as a column may be.
    let (table, name, column) = match flavour {
        Flavour::TiDb => ("tidb_indexes", "key_name", "IF(expression IS NULL, column_name, NULL)"),
        Flavour::MySql | Flavour::MariaDb => ("statistics", "index_name", "column_name"),
    };
    format!(
        "SELECT table_schema, table_name, {name}, seq_in_index, {column}, sub_part FROM information_schema.{table} \
         WHERE {scope} AND non_unique = 0 ORDER BY table_schema, table_name, {name}, seq_in_index"
    )
}

/// TiDB lists a table twice after a RENAME that swapped it across databases.
fn parts(rows: Vec<Told>) -> Vec<UniquePart> {
    let part = |(schema, table, index, place, column, prefix): Told| UniquePart {
        schema,
        table,
        index,
        place,
        column,
        prefix,
    };
    let mut parts: Vec<UniquePart> = rows.into_iter().map(part).collect();
    parts.dedup();
    parts
}

/// Names and types of all columns, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql) struct Signature(Vec<u8>);

impl Session {
    /// The signature of the table `name`, which is quoted.
    ///
    /// # Errors
    /// The server's error.
    pub(in crate::sink::mysql) fn signature(&mut self, name: &str) -> mysql::Result<Signature> {
        let result = self.conn.query_iter(format!("SELECT * FROM {name} LIMIT 0"))?;
        let mut text = Vec::new();
        for column in result.columns().as_ref() {
            text.extend_from_slice(column.name_ref());
            text.push(0);
            let kind = column.column_type() as u8;
            let length = column.column_length().to_le_bytes();
            let flags = column.flags().bits().to_le_bytes();
            text.extend([kind, column.decimals()].into_iter().chain(length).chain(flags));
            text.extend(column.character_set().to_le_bytes());
        }
        Ok(Signature(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read_as_servers_write_them() {
        let read = |text: &str| elements(text).map(|e| e.join("|"));
        assert_eq!(read("enum('a','b c')").as_deref(), Some("a|b c"));
        assert_eq!(read("set('it''s','x,y',')','')").as_deref(), Some("it's|x,y|)|"));
        assert_eq!(read(r"enum('a\\b','\n')").as_deref(), Some("a\\b|\n"));
        assert_eq!(read("bigint(20) unsigned"), None);
        assert_eq!(read("enum('a"), None);
    }

    #[test]
    fn a_backslash_of_tidb_is_one() {
        let read = |flavour, told: &str| elements(&column_type(flavour, told.to_owned())).map(|e| e.join("|"));
        assert_eq!(read(Flavour::TiDb, r"enum('a\b','c\','it''s')").as_deref(), Some(r"a\b|c\|it's"));
        assert_eq!(read(Flavour::MariaDb, r"enum('a\\b','c\\')").as_deref(), Some(r"a\b|c\"));
    }

    #[test]
    fn elements_are_found_by_their_text() {
        let list = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        let places = |a: &str, b: &str| places(&list(a), &list(b));
        assert_eq!(places("a|b", "b|a |c"), [Some(2), Some(1)]);
        assert!(same_numbers(&places("a|b", "a|b|c")));
        assert!(!same_numbers(&places("a|b|c", "a|b")));
        assert!(!same_numbers(&places("a|b", "A|b")));
        assert!(same_numbers(&places("😀|😁", "?|?")));
    }

    fn told(table: &str, index: &str, place: u32, column: Option<&str>, prefix: Option<u32>) -> Told {
        ("d".to_owned(), table.to_owned(), index.to_owned(), place, column.map(str::to_owned), prefix)
    }

    #[test]
    fn a_table_that_is_listed_twice_has_each_key_once() {
        // What TiDB 6.6 shows after `RENAME TABLE a.x TO b.tmp, b.y TO a.x, b.tmp TO b.y`.
        let rows = vec![
            told("y", "PRIMARY", 1, Some("a"), None),
            told("y", "PRIMARY", 1, Some("a"), None),
            told("y", "u", 1, Some("c"), Some(4)),
            told("y", "u", 1, Some("c"), Some(4)),
            told("y", "u", 2, Some("b"), None),
            told("y", "u", 2, Some("b"), None),
        ];
        let found: Vec<(String, Option<String>, Option<u32>)> =
            parts(rows).into_iter().map(|p| (p.index, p.column, p.prefix)).collect();
        let part = |index: &str, column: &str, prefix| (index.to_owned(), Some(column.to_owned()), prefix);
        assert_eq!(found, [part("PRIMARY", "a", None), part("u", "c", Some(4)), part("u", "b", None)]);
    }

    #[test]
    fn two_expressions_of_one_key_stay_two() {
        let rows = vec![told("t", "e", 1, None, None), told("t", "e", 2, None, None)];
        assert_eq!(parts(rows).len(), 2);
    }

    #[test]
    fn tidb_is_asked_where_it_tells_prefixes_and_expressions() {
        let asked = "key_name, seq_in_index, IF(expression IS NULL, column_name, NULL), sub_part FROM information_schema.tidb_indexes";
        assert!(query(Flavour::TiDb, "TRUE").contains(asked));
        for flavour in [Flavour::MySql, Flavour::MariaDb] {
            assert!(query(flavour, "TRUE").contains("FROM information_schema.statistics"));
        }
    }
}
