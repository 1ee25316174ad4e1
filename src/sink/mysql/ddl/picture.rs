//! A picture of what a DDL statement concerns on the target, before it and after an unclear end.
//!
//! A definition alone cannot tell whether a TRUNCATE, an EXCHANGE PARTITION or a swap of two equal
//! tables took place; the ids that the storage engine gives to tables and partitions can. They are
//! `None` where the account may not read them.
//!
//! The second part takes a [`Picture`] of the target.

use std::collections::BTreeMap;

use mysql::Row;
use mysql::prelude::FromRow;
use serde::{Deserialize, Serialize};

use super::form::{Form, Name};
use crate::mysql::error::Class;
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session};
use crate::sink::mysql::schema_diff::well_quoted;
use crate::sql::{Edit, Token, edited, tokens};
use crate::sql::{quote_name, quote_text};

/// The version of the stored form of a [`Picture`].
pub const VERSION: u32 = 1;

/// The state of some objects at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The database that the statement creates, changes or drops.
    pub database: Option<Database>,
    /// Every table, view and sequence that the statement names.
    pub objects: Vec<Object>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its state; `None` if it does not exist.
    pub there: Option<DatabaseState>,
}

/// The state of a database that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// The output of SHOW CREATE DATABASE.
    pub definition: String,
    /// Names of its tables, views and sequences, sorted.
    pub tables: Vec<String>,
}

/// A table, view or sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its database.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its state; `None` if it does not exist.
    pub there: Option<ObjectState>,
}

/// The state of a table, view or sequence that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectState {
    /// The output of SHOW CREATE, without the counter of AUTO_INCREMENT; empty if the account may
    /// not see it.
    pub definition: String,
    /// Names of its columns, in order.
    pub columns: Vec<String>,
    /// Its ids in the storage engine; `None` if the account may not read them.
    pub ids: Option<Ids>,
    /// CREATE_TIME, in whole seconds: a new one shows that something happened, an unchanged one
    /// shows nothing.
    pub created: Option<String>,
    /// A sequence's next value and cycle, if they can be read without using up a value.
    pub counter: Option<String>,
}

/// Ids of the storage engine: never reused, kept by RENAME, swapped by EXCHANGE PARTITION, new
/// after a TRUNCATE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// The table's id; InnoDB has none for a partitioned table.
    pub table: Option<u64>,
    /// The ids of its partitions, by name; several for a partition with sub-partitions.
    pub partitions: BTreeMap<String, Vec<u64>>,
}

impl Ids {
    /// The table's id and those of its partitions.
    pub fn all(&self) -> impl Iterator<Item = u64> {
        self.table.into_iter().chain(self.partitions.values().flatten().copied())
    }

    /// The id of partition `name`. Names of partitions ignore case.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<u64> {
        match self.partitions.iter().find(|(n, _)| same_name(n, name))?.1.as_slice() {
            [id] => Some(*id),
            _ => None,
        }
    }
}

impl Picture {
    /// The state of `name`: `Some(None)` if it did not exist, `None` if it was not read.
    #[must_use]
    pub fn find(&self, name: &Name) -> Option<Option<&ObjectState>> {
        self.objects.iter().find(|o| o.schema == name.schema && o.name == name.name).map(|o| o.there.as_ref())
    }

    /// The state of `name`; `None` if it did not exist.
    #[must_use]
    pub fn state(&self, name: &Name) -> Option<&ObjectState> {
        self.find(name).flatten()
    }
}

/// Whether two names of columns or partitions are equal: they ignore case everywhere.
#[must_use]
pub fn same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// `definition` without parts that change by themselves: the counters of AUTO_INCREMENT and
/// AUTO_RANDOM.
#[must_use]
pub fn without_counters(definition: &str) -> String {
    let all = tokens(definition);
    let mut edits: Vec<Edit> = Vec::new();
    for (i, (token, start, end)) in all.iter().enumerate() {
        let counter = match token {
            Token::Comment(text) if text.starts_with("/*T![auto_rand_base]") => Some(*end),
            t if t.is("AUTO_INCREMENT") => match all.get(i + 1..i + 3) {
                Some([(Token::Sign('='), ..), (Token::Word(_), _, end)]) => Some(*end),
                _ => None,
            },
            _ => None,
        };
        if let Some(end) = counter {
            let before = definition.get(..*start).unwrap_or_default().trim_end().len();
            edits.push((before..end, String::new()));
        }
    }
    edited(definition, &edits)
}

/// Reads the present state of everything that `form` concerns. Leaves `information_schema` as the
/// current database: how a view is shown depends on that, and a later session has to see the view
/// alike.
///
/// # Errors
/// If the target cannot be read. If the target cannot be read.
pub fn look(session: &mut Session, form: &Form) -> Result<Picture, SessionError> {
    session.exec("USE `information_schema`")?;
    let database = match form.database() {
        Some(name) => Some(Database { name: name.to_owned(), there: database(session, name)? }),
        None => None,
    };
    let mut objects = Vec::new();
    for name in form.names() {
        let there = object(session, &name)?;
        objects.push(Object { schema: name.schema, name: name.name, there });
    }
    Ok(Picture { database, objects })
}

fn database(session: &mut Session, name: &str) -> Result<Option<DatabaseState>, SessionError> {
    if session.server().cannot_name(name).is_some() {
        return Ok(None);
    }
    // Not SHOW CREATE DATABASE first: for a database that does not exist, its answer depends on the
    // account's rights.
    let found: Option<String> = session.fetch_one(&format!(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name = {}",
        quote_text(name)
    ))?;
    if found.is_none() {
        return Ok(None);
    }
    let definition = show(session, &format!("SHOW CREATE DATABASE {}", quote_name(name)))?.unwrap_or_default();
    let mut tables: Vec<String> = session.fetch(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {}",
        quote_text(name)
    ))?;
    tables.sort();
    tables.dedup();
    Ok(Some(DatabaseState { definition, tables }))
}

fn object(session: &mut Session, name: &Name) -> Result<Option<ObjectState>, SessionError> {
    if session.server().cannot_name_table(&name.schema, &name.name).is_some() {
        return Ok(None);
    }
    let flavour = session.server().flavour;
    let id = if flavour == Flavour::TiDb { "tidb_table_id" } else { "NULL" };
    type Found = (String, Option<String>, Option<String>, Option<u64>);
    let found: Option<Found> = session.fetch_one(&format!(
        "SELECT table_type, engine, CAST(create_time AS CHAR), {id} FROM information_schema.tables WHERE {}",
        named("", name)
    ))?;
    let Some((kind, engine, created, id)) = found else { return Ok(None) };
    let sequence = kind == "SEQUENCE";
    let definition = show(session, &format!("SHOW CREATE {} {name}", if sequence { "SEQUENCE" } else { "TABLE" }))?
        .unwrap_or_default();
    let definition = well_quoted(session, (&name.schema, &name.name), definition)?;
    let mut columns: Vec<String> = Vec::new();
    if !sequence {
        columns = session.fetch(&format!(
            "SELECT column_name FROM information_schema.columns WHERE {} ORDER BY ordinal_position",
            named("", name)
        ))?;
        // TiDB lists a table twice after a RENAME that swapped it across databases.
        columns.dedup();
    }
    let ids = match flavour {
        Flavour::TiDb => tidb_ids(session, name, id)?,
        _ if engine.is_some_and(|e| e.eq_ignore_ascii_case("InnoDB")) => innodb_ids(session, name)?,
        _ => None,
    };
    let counter = if sequence && flavour == Flavour::MariaDb {
        let found: Option<(i64, i64)> =
            session.fetch_one(&format!("SELECT next_not_cached_value, cycle_count FROM {name}"))?;
        found.map(|(next, cycle)| format!("{next}, cycle {cycle}"))
    } else {
        None
    };
    Ok(Some(ObjectState { definition: without_counters(&definition), columns, ids, created, counter }))
}

/// The condition for an object in a table of information_schema.
fn named(prefix: &str, name: &Name) -> String {
    format!("{prefix}table_schema = {} AND {prefix}table_name = {}", quote_text(&name.schema), quote_text(&name.name))
}

/// The second column of a SHOW CREATE; `None` if the account may not see it (a view without SHOW
/// VIEW).
fn show(session: &mut Session, sql: &str) -> Result<Option<String>, SessionError> {
    match session.fetch_one::<Row>(sql) {
        Ok(row) => Ok(row.and_then(|row| row.get_opt::<String, _>(1)).and_then(Result::ok)),
        Err(failed) if failed.class() == Some(Class::Privilege) => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// The rows of a query on something that not every server has, or that not every account may see;
/// `None` if not.
fn if_allowed<T: FromRow>(session: &mut Session, sql: &str) -> Result<Option<Vec<T>>, SessionError> {
    match session.fetch(sql) {
        Ok(rows) => Ok(Some(rows)),
        Err(failed) if failed.is_not_there() => Ok(None),
        Err(failed) => Err(failed),
    }
}

fn tidb_ids(session: &mut Session, name: &Name, table: Option<u64>) -> Result<Option<Ids>, SessionError> {
    let sql = format!(
        "SELECT partition_name, tidb_partition_id FROM information_schema.partitions \
         WHERE {} AND partition_name IS NOT NULL AND tidb_partition_id IS NOT NULL",
        named("", name)
    );
    // TiDB 4.0 does not have the column yet; the table's own id still shows a TRUNCATE there.
    let mut partitions: Vec<(String, u64)> = if_allowed(session, &sql)?.unwrap_or_default();
    partitions.sort();
    partitions.dedup();
    Ok(table.map(|id| Ids {
        table: Some(id),
        partitions: partitions.into_iter().map(|(name, id)| (name, vec![id])).collect(),
    }))
}

/// InnoDB's ids of a table and of its partitions, whose names are `database/table#P#partition`.
fn innodb_ids(session: &mut Session, name: &Name) -> Result<Option<Ids>, SessionError> {
    let server = session.server();
    let tables = if server.flavour == Flavour::MySql && server.version >= (8, 0, 0) {
        "INNODB_TABLES"
    } else {
        "INNODB_SYS_TABLES"
    };
    let folded: Option<u8> = session.fetch_one("SELECT @@lower_case_table_names")?;
    let (Some(schema), Some(table)) = (file_name(session, &name.schema)?, file_name(session, &name.name)?) else {
        return Ok(None);
    };
    let path = format!("{schema}/{table}");
    let sql = format!(
        "SELECT CAST(NAME AS CHAR), TABLE_ID FROM information_schema.{tables} WHERE NAME = {} OR NAME LIKE {} ORDER BY TABLE_ID",
        quote_text(&path),
        quote_text(&format!("{path}#%"))
    );
    let Some(rows) = if_allowed::<(String, u64)>(session, &sql)? else { return Ok(None) };
    let mut ids = Ids::default();
    for (found, id) in rows {
        // The server's comparison may ignore case, and an underscore in the pattern stands for any
        // character.
        let (own, partition) = found.split_once('#').map_or((found.as_str(), None), |(own, rest)| (own, Some(rest)));
        if own != path && !(folded != Some(0) && own.eq_ignore_ascii_case(&path)) {
            continue;
        }
        match partition {
            None => ids.table = Some(id),
            Some(rest) => {
                // `P#p0`, or `P#p0#SP#s0`; an encoded name has no `#`.
                let encoded = rest.split('#').nth(1).unwrap_or(rest);
                ids.partitions.entry(partition_name(session, encoded)?).or_default().push(id);
            }
        }
    }
    Ok((ids.table.is_some() || !ids.partitions.is_empty()).then_some(ids))
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// How the server spells `name` in a file name: everything except letters, digits and `_` as
/// `@xxxx`. Only the server knows its short forms for letters of some languages; if it does not
/// tell them (MySQL does not), names with such letters give `None`.
fn file_name(session: &mut Session, name: &str) -> Result<Option<String>, SessionError> {
    if is_plain(name) {
        return Ok(Some(name.to_owned()));
    }
    let sql = format!("SELECT CAST(CONVERT({} USING filename) AS BINARY)", quote_text(name));
    if let Some(rows) = if_allowed::<Vec<u8>>(session, &sql)? {
        return Ok(rows.into_iter().next().and_then(|bytes| String::from_utf8(bytes).ok()));
    }
    Ok(name.chars().map(encoded).collect())
}

/// How a server writes `c` in a file name; `None` if it has a short form, which only the server
/// knows.
fn encoded(c: char) -> Option<String> {
    match u32::from(c) {
        _ if c.is_ascii_alphanumeric() || c == '_' => Some(c.to_string()),
        0xc0..=0x5ff | 0x1e00..=0x1fff | 0x2160..=0x217f | 0x24b0..=0x24ef | 0xff20..=0xff5f => None,
        code => Some(format!("@{code:04x}")),
    }
}

/// The name that was encoded, if it has no short forms.
fn decoded(encoded: &str) -> Option<String> {
    let mut parts = encoded.split('@');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(4)?;
        name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        name.push_str(rest);
    }
    Some(name)
}

/// The name that was encoded; the encoded form if the server does not show it.
fn partition_name(session: &mut Session, encoded: &str) -> Result<String, SessionError> {
    if is_plain(encoded) {
        return Ok(encoded.to_owned());
    }
    let sql = format!(
        "SELECT CONVERT(CAST(CAST({} AS BINARY) AS CHAR CHARACTER SET filename) USING utf8mb4)",
        quote_text(encoded)
    );
    let rows: Option<Vec<Option<String>>> = if_allowed(session, &sql)?;
    let told = rows.and_then(|r| r.into_iter().next().flatten());
    Ok(told.or_else(|| decoded(encoded)).unwrap_or_else(|| encoded.to_owned()))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
