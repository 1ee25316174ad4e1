//! The definition of one table as the target has it: for rows that come without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Error, Result};

use super::MysqlSink;
use super::context::Context;
use super::failure::class_of;
use super::retry::{Backoff, Outlook, passes};
use super::session::{Session, quote_text};
use super::shape::elements::{column_type, elements};
use super::shape::unique;
use crate::checkpoint::Failed;
use crate::model::{Column, Definition, ForeignKey, Generated, Key, KeyPart, Kind, Table, Value};

impl MysqlSink {
    /// What the target has of a table. Asks over a connection of its own, again and again while the target is away.
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

    /// What `ask` finds, however often it takes.
    pub(super) fn asked<T>(&self, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
        let mut backoff = Backoff::new();
        loop {
            let asked = ask();
            let Err(error) = asked else { return asked };
            let Some(class) = class_of(&error).filter(|c| passes(*c)) else { return Err(error) };
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

/// The table or view as information_schema shows it; `None` where there is none.
fn read(session: &mut Session, schema: &str, name: &str) -> Result<Option<Table>, Failed> {
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

fn columns(session: &mut Session, named: &str) -> Result<Vec<Column>, Failed> {
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

/// Lengths and precisions that nothing here depends on are the largest ones: the row's own type decides how it is read.
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

fn keys(session: &mut Session, named: &str, columns: &mut Vec<Column>) -> Result<Vec<Key>, Failed> {
    let mut found: BTreeMap<(bool, String), Vec<KeyPart>> = BTreeMap::new();
    for unique::UniquePart { index, column, prefix, .. } in unique::read(session, named)? {
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

/// What an index over an expression has for a column: computed, so no row has a value of it, and the key tells no rows apart.
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

fn foreign_keys(session: &mut Session, named: &str) -> Result<Vec<ForeignKey>, Failed> {
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
