//! Reads the definition of one table from the target, for rows that come without one.
//!
//! - The partition that a row belongs to: the server is asked, by means of a copy of the table
//!   without its rows, in a transaction that is rolled back.
//! - SHOW CREATE TABLE with its names quoted as in a statement. MariaDB 11 does not double the back
//!   quotes in the names of a foreign key, its columns and its parent's columns, so its text is
//!   ambiguous; those names are queried instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Error, Result};

use super::MysqlSink;
use super::batch::full_name;
use super::limits::condition;
use super::shape::found::{self, column_type, elements};
use super::shared::Context;
use super::watch::{Backoff, Outlook};
use crate::checkpoint::SCHEMA;
use crate::model::{Column, Definition, ForeignKey, Generated, Key, KeyPart, Kind, Partition, Row, Table, Value};
use crate::mysql::error::SessionError;
use crate::mysql::error::class_of;
use crate::mysql::literal;
use crate::mysql::server::Flavour;
use crate::mysql::session::Session;
use crate::sql::{quote_name, quote_text};

impl MysqlSink {
    /// The target's definition of a table. Uses its own connection, and retries while the
    /// target is away.
    pub(super) fn define(&self, schema: &str, table: &str) -> Result<Definition> {
        if self.context.shared.skipped().has_table(Table::id_of_names(schema, table)) {
            return Ok(Definition::LeftOut(Arc::new(Table::named(schema, table))));
        }
        self.asked(|| ask(&self.context, schema, table))
    }

    /// The names of the tables in a database.
    pub(super) fn tables_of(&self, schema: &str) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = {} AND table_type = 'BASE TABLE' ORDER BY 1",
            quote_text(schema)
        );
        self.asked(|| {
            let mut session = Session::open(&self.context.target)?;
            if session.server().cannot_name(schema).is_some() {
                return Ok(Vec::new());
            }
            session.fetch(&sql).map_err(Error::from)
        })
    }

    /// The result of `ask`, retried while the target is away.
    pub(super) fn asked<T>(&self, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
        let mut backoff = Backoff::new();
        loop {
            let asked = ask();
            let Err(error) = asked else { return asked };
            let Some(class) = class_of(&error).filter(|c| c.is_transient()) else { return Err(error) };
            let Context { options, shared, events, told, .. } = &*self.context;
            backoff.pause(class, &error, &Outlook { stop: &options.stop, shared, events, told })?;
        }
    }
}

fn ask(context: &Context, schema: &str, table: &str) -> Result<Definition> {
    let mut session = Session::open(&context.target)?;
    let found = read(&mut session, schema, table).map_err(Error::from)?;
    Ok(found.map_or(Definition::Missing, |table| Definition::Table(Arc::new(table))))
}

/// The table or view as information_schema shows it; `None` if it does not exist.
fn read(session: &mut Session, schema: &str, name: &str) -> Result<Option<Table>, SessionError> {
    if session.server().cannot_name_table(schema, name).is_some() {
        return Ok(None);
    }
    let named = format!("table_schema = {} AND table_name = {}", quote_text(schema), quote_text(name));
    let mut columns = columns(session, &named)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let keys = keys(session, &named, &mut columns)?;
    let foreign_keys = foreign_keys(session, &named)?;
    Ok(Some(Table { columns, keys, foreign_keys, ..Table::named(schema, name) }))
}

type Found = (String, String, String, Option<String>, Option<String>, String, String, Option<u64>);

fn columns(session: &mut Session, named: &str) -> Result<Vec<Column>, SessionError> {
    let mut rows: Vec<Found> = session.fetch(&format!(
        "SELECT column_name, data_type, column_type, character_set_name, collation_name, is_nullable, extra, \
         character_octet_length FROM information_schema.columns WHERE {named} ORDER BY ordinal_position"
    ))?;
    // TiDB lists a table twice after a RENAME that swapped it across databases.
    rows.dedup();
    let flavour = session.server().flavour;
    let column = |(i, row): (usize, Found)| {
        let (name, data_type, told, charset, collation, nullable, extra, octets) = row;
        let definition = column_type(flavour, told);
        let extra = extra.to_uppercase();
        let generated = if extra.contains("VIRTUAL") {
            Generated::Virtual
        } else if extra.contains("STORED") || extra.contains("PERSISTENT") {
            Generated::Stored
        } else {
            Generated::No
        };
        Column {
            id: i64::try_from(i).unwrap_or(i64::MAX),
            name,
            kind: kind(&data_type.to_lowercase(), &definition, (charset, collation), octets),
            nullable: nullable == "YES",
            generated,
            hidden: false,
            missing: Value::Absent,
        }
    };
    Ok(rows.into_iter().enumerate().map(column).collect())
}

/// Lengths and precisions that nothing here depends on are the largest possible: the row's own type
/// decides how it is read.
fn kind(data_type: &str, column_type: &str, text: (Option<String>, Option<String>), octets: Option<u64>) -> Kind {
    let unsigned = column_type.to_lowercase().contains("unsigned");
    let int = |bytes| Kind::Int { bytes, unsigned };
    match data_type {
        "tinyint" => int(1),
        "smallint" => int(2),
        "mediumint" => int(3),
        "int" | "integer" => int(4),
        "bigint" => int(8),
        "year" => Kind::Year,
        "float" => Kind::Float,
        "double" | "real" => Kind::Double,
        "decimal" | "numeric" => Kind::Decimal { precision: 65, scale: 30 },
        "date" => Kind::Date,
        "datetime" => Kind::Datetime { fsp: 6 },
        "timestamp" => Kind::Timestamp { fsp: 6 },
        "time" => Kind::Duration { fsp: 6 },
        "bit" => Kind::Bit { width: 64 },
        "json" => Kind::Json,
        "enum" => Kind::Enum { elements: elements(column_type).unwrap_or_default() },
        "set" => Kind::Set { elements: elements(column_type).unwrap_or_default() },
        _ => match text {
            (Some(charset), collation) => {
                Kind::Text { charset: charset.to_lowercase(), collation: collation.unwrap_or_default() }
            }
            (None, _) => Kind::Binary {
                fixed: (data_type == "binary").then(|| octets.and_then(|n| u32::try_from(n).ok())).flatten(),
            },
        },
    }
}

fn keys(session: &mut Session, named: &str, columns: &mut Vec<Column>) -> Result<Vec<Key>, SessionError> {
    let mut found: BTreeMap<(bool, String), Vec<KeyPart>> = BTreeMap::new();
    for found::UniquePart { index, column, prefix, .. } in found::read_unique_keys(session, named)? {
        let place = column.and_then(|c| columns.iter().position(|d| d.name.to_lowercase() == c.to_lowercase()));
        let column = place.unwrap_or_else(|| {
            columns.push(expression());
            columns.len() - 1
        });
        found.entry((!index.eq_ignore_ascii_case("PRIMARY"), index)).or_default().push(KeyPart { column, prefix });
    }
    let key = |((secondary, name), parts): ((bool, String), Vec<KeyPart>)| Key { name, primary: !secondary, parts };
    Ok(found.into_iter().map(key).collect())
}

/// A placeholder for an expression in an index: computed, so that no row has a value for it, and
/// the key identifies no rows.
fn expression() -> Column {
    Column {
        id: -1,
        name: String::new(),
        kind: Kind::Binary { fixed: None },
        nullable: true,
        generated: Generated::Virtual,
        hidden: true,
        missing: Value::Absent,
    }
}

fn foreign_keys(session: &mut Session, named: &str) -> Result<Vec<ForeignKey>, SessionError> {
    type Part = (String, String, Option<String>, Option<String>, Option<String>);
    let mut rows: Vec<Part> = session.fetch(&format!(
        "SELECT constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name \
         FROM information_schema.key_column_usage WHERE {named} AND referenced_table_name IS NOT NULL \
         ORDER BY constraint_name, ordinal_position"
    ))?;
    rows.dedup();
    let mut keys: Vec<ForeignKey> = Vec::new();
    for (name, column, schema, table, parent) in rows {
        let (Some(schema), Some(table), Some(parent)) = (schema, table, parent) else { continue };
        if keys.last().is_none_or(|k| k.name != name) {
            let (columns, parent_columns) = (Vec::new(), Vec::new());
            keys.push(ForeignKey { name, parent_schema: schema, parent_table: table, columns, parent_columns });
        }
        if let Some(key) = keys.last_mut() {
            key.columns.push(column);
            key.parent_columns.push(parent);
        }
    }
    Ok(keys)
}

/// The error code for a row that fits no partition.
const NO_PARTITION: u16 = 1526;

impl MysqlSink {
    /// Implements [`Sink::locate`](crate::sink::Sink::locate). Uses its own connection, and
    /// retries while the target is away.
    pub(super) fn find_partitions(
        &self,
        table: &Table,
        partitions: &[Partition],
        rows: &[&Row],
    ) -> Result<Vec<Option<usize>>> {
        self.asked(|| ask_partition(&self.context, table, partitions, rows))
            .with_context(|| format!("cannot tell which partitions of {} the late rows are in", full_name(table)))
    }
}

fn ask_partition(
    context: &Context,
    table: &Table,
    partitions: &[Partition],
    rows: &[&Row],
) -> Result<Vec<Option<usize>>> {
    let mut session = Session::open(&context.target)?;
    let copy = format!("{}.{}", quote_name(SCHEMA), quote_name(&format!("tisync_copy_{}", context.link.run())));
    let drop = format!("DROP TABLE IF EXISTS {copy}");
    session.exec(&drop).map_err(Error::from)?;
    session.exec(&format!("CREATE TABLE {copy} LIKE {}", full_name(table))).map_err(Error::from)?;
    let found = rows.iter().map(|row| one(&mut session, &copy, table, partitions, row)).collect();
    session.exec(&drop).map_err(Error::from)?;
    found
}

/// Inserts one row into the empty copy, looks in which partition it is, and rolls back.
fn one(session: &mut Session, copy: &str, table: &Table, partitions: &[Partition], row: &Row) -> Result<Option<usize>> {
    session.open_transaction().map_err(Error::from)?;
    let found = match session.exec(&insert(copy, table, row)?) {
        Err(failed) if failed.code() == Some(NO_PARTITION) => Ok(None),
        Err(failed) => Err(failed.into()),
        Ok(_) => first(session, copy, table, partitions).map_err(Error::from),
    };
    session.rollback();
    found
}

fn first(
    session: &mut Session,
    copy: &str,
    table: &Table,
    partitions: &[Partition],
) -> Result<Option<usize>, SessionError> {
    for (at, partition) in partitions.iter().enumerate() {
        let own = partition.hashed.as_ref().filter(|_| !matches!(session.server().flavour, Flavour::TiDb));
        let rows = match own {
            Some(hashed) => format!("{copy} WHERE {}", condition(table, hashed)?),
            None => format!("{copy} PARTITION ({})", quote_name(&partition.name)),
        };
        if session.fetch_one::<u64>(&format!("SELECT COUNT(*) FROM {rows}"))?.unwrap_or(0) > 0 {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn insert(copy: &str, table: &Table, row: &Row) -> Result<String> {
    let mut sql = Vec::new();
    let mut names = Vec::new();
    for (column, value) in table.columns.iter().zip(row).filter(|(_, value)| !matches!(value, Value::Absent)) {
        if !names.is_empty() {
            sql.push(b',');
        }
        names.push(quote_name(&column.name));
        literal::write(&mut sql, &column.kind, value)?;
    }
    let mut text = format!("INSERT INTO {copy} ({}) VALUES (", names.join(", ")).into_bytes();
    text.extend(sql);
    text.push(b')');
    Ok(String::from_utf8(text)?)
}

/// Name, columns and the parent's columns of a foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    key: String,
    columns: Vec<String>,
    parent_columns: Vec<String>,
}

/// The first version whose output cannot be used unchanged.
const CARELESS: (u32, u32, u32) = (11, 0, 0);

/// `text`, the output of SHOW CREATE TABLE of the table on the server of `session`, with names
/// quoted as in a statement.
///
/// # Errors
/// If the target cannot be read.
pub fn well_quoted(session: &mut Session, (schema, table): (&str, &str), text: String) -> Result<String, SessionError> {
    let server = session.server();
    if server.flavour != Flavour::MariaDb || server.version < CARELESS || !text.contains("` FOREIGN KEY (`") {
        return Ok(text);
    }
    let rows: Vec<(String, String, String)> = session.fetch(&format!(
        "SELECT constraint_name, column_name, referenced_column_name FROM information_schema.key_column_usage \
         WHERE table_schema = {} AND table_name = {} AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
        quote_text(schema),
        quote_text(table)
    ))?;
    let mut keys: Vec<Names> = Vec::new();
    for (key, column, parent_column) in rows {
        if keys.last().is_none_or(|last| last.key != key) {
            keys.push(Names { key, ..Names::default() });
        }
        if let Some(last) = keys.last_mut() {
            last.columns.push(column);
            last.parent_columns.push(parent_column);
        }
    }
    Ok(keys.iter().fold(text, |text, key| key.quoted_in(text)))
}

impl Names {
    /// `text` with the names of this foreign key quoted as in a statement. Names that are so
    /// already stay.
    fn quoted_in(&self, text: String) -> String {
        let carelessly = |name: &str| format!("`{name}`");
        let head = |quote: &dyn Fn(&str) -> String| {
            format!("\n  CONSTRAINT {} FOREIGN KEY ({}) REFERENCES ", quote(&self.key), list(&self.columns, quote))
        };
        let tail = |quote: &dyn Fn(&str) -> String| format!(" ({})", list(&self.parent_columns, quote));
        let (shown, meant) = (head(&carelessly), head(&quote_name));
        let Some((before, behind)) = text.split_once(&shown) else { return text };
        let Some((parent, rest)) = behind.split_once(&tail(&carelessly)) else { return text };
        format!("{before}{meant}{parent}{}{rest}", tail(&quote_name))
    }
}

fn list(names: &[String], quote: &dyn Fn(&str) -> String) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_foreign_keys_are_quoted() {
        let key = Names {
            key: "f2`,(".to_owned(),
            columns: vec!["e)`,".to_owned(), "x".to_owned()],
            parent_columns: vec!["i`d".to_owned(), "y".to_owned()],
        };
        let around = |key: &str| format!("CREATE TABLE `k` (\n  KEY `f2``,(` (`e)``,`),\n  {key} ON DELETE CASCADE\n)");
        let shown = around("CONSTRAINT `f2`,(` FOREIGN KEY (`e)`,`, `x`) REFERENCES `p``a` (`i`d`, `y`)");
        let meant = around("CONSTRAINT `f2``,(` FOREIGN KEY (`e)``,`, `x`) REFERENCES `p``a` (`i``d`, `y`)");
        assert_eq!(key.quoted_in(shown), meant);
        assert_eq!(key.quoted_in(meant.clone()), meant);
    }
}
