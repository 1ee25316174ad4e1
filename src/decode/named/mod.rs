//! Decodes rows that name their columns, from Drainer's files (docs/protocol/tidb-binlog.md §9.6).
//!
//! They are read with the definitions that the target has at that moment.
//!
//! The row says the upstream's type of each value. The rest comes from the target: character sets,
//! keys, and generated columns. A [`Shape`] is the target's definition cut down to the columns that
//! a row has.

pub mod text;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use bytes::Bytes;
use jiff::tz::TimeZone;
use prost::Message;

use super::{Kinds, LeftOut};
use crate::error::Fault;
use crate::model::{
    Column as Defined, CommitTs, Definition, Generated, Key, KeyPart, Kind, Row, RowChange, RowKind, Table, Value,
};

/// Limit of shapes kept for one table. Rows of one definition have one or two: deletes may have
/// more columns than inserts.
const SHAPES: usize = 8;

/// `pb_binlog.DMLData`: the rows of a transaction, each a serialized [`Event`].
#[derive(Clone, PartialEq, Message)]
pub struct DmlData {
    /// In the order in which they happened.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
}

/// `pb_binlog.Event`: one changed row.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// The database.
    #[prost(string, optional, tag = "1")]
    pub schema_name: Option<String>,
    /// The table.
    #[prost(string, optional, tag = "2")]
    pub table_name: Option<String>,
    /// 0 insert, 1 update, 2 delete.
    #[prost(int32, optional, tag = "3")]
    pub tp: Option<i32>,
    /// A serialized [`Column`] for each column.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub row: Vec<Bytes>,
}

/// `pb_binlog.column`: one value of a row, or two for an update.
#[derive(Clone, PartialEq, Message)]
pub struct Column {
    /// The name of the column, in its original case.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The first byte is MySQL's code of the type.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub tp: Option<Bytes>,
    /// The type's name in lower case, without length and sign.
    #[prost(string, optional, tag = "3")]
    pub mysql_type: Option<String>,
    /// One datum (docs/protocol/tidb-binlog.md §3.3): the value, for an update the old one.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub value: Option<Bytes>,
    /// The new value of an update.
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub changed_value: Option<Bytes>,
}

/// The definitions of the target's tables that rows have named since the last DDL.
#[derive(Debug, Default)]
pub struct Names {
    tables: HashMap<(String, String), Known>,
}

#[derive(Debug)]
struct Known {
    definition: Definition,
    shapes: Vec<Shape>,
}

impl Names {
    /// Drops all definitions: a DDL may have changed any of them.
    pub fn forget(&mut self) {
        self.tables.clear();
    }

    /// The row changes in `events`, a serialized [`DmlData`], in its order, and how many were left
    /// out. `find` gives the target's definition, `wanted` which changes of a table are wanted.
    ///
    /// # Errors
    /// If `find` fails, a table or column is not on the target, or the bytes do not fit the format.
    pub fn rows(
        &mut self,
        (events, zone, commit_ts): (&Bytes, &TimeZone, CommitTs),
        wanted: &dyn Fn(&str, &str) -> Kinds,
        find: &mut dyn FnMut(&str, &str) -> Result<Definition>,
    ) -> Result<(Vec<RowChange>, LeftOut)> {
        let blamed = |e: Error| {
            let text =
                format!("cannot read the row data of the transaction committed at {}: {e:#}", commit_ts.explain());
            Error::new(Fault::refused(text).hint(DAMAGED))
        };
        let data = DmlData::decode(events.clone()).map_err(|e| blamed(e.into()))?;
        let mut changes = Vec::with_capacity(data.events.len());
        let mut left_out = LeftOut::default();
        for event in data.events {
            let event = Event::decode(event).map_err(|e| blamed(e.into()))?;
            let (schema, table) = (event.schema_name.unwrap_or_default(), event.table_name.unwrap_or_default());
            let kinds = wanted(&schema, &table);
            let kind_wanted = match event.tp.unwrap_or_default() {
                0 => kinds.insert,
                1 => kinds.update,
                2 => kinds.delete,
                // An unknown kind: reading the row reports it.
                _ => kinds != Kinds::NONE,
            };
            if !kind_wanted {
                *(if kinds == Kinds::NONE { &mut left_out.tables } else { &mut left_out.kinds }) += 1;
                continue;
            }
            let known = self.known(schema, table, commit_ts, find)?;
            if let Definition::LeftOut(table) = &known.definition {
                changes.push(RowChange { table: Arc::clone(table), kind: RowKind::Insert(Row::new()) });
                continue;
            }
            let columns = event.row.into_iter().map(Column::decode).collect::<Result<Vec<_>, _>>();
            let columns = columns.map_err(|e| blamed(e.into()))?;
            changes.push(
                known.change(event.tp.unwrap_or_default(), &columns, zone).map_err(|e| known.blame(e, commit_ts))?,
            );
        }
        Ok((changes, left_out))
    }

    fn known(
        &mut self,
        schema: String,
        table: String,
        commit_ts: CommitTs,
        find: &mut dyn FnMut(&str, &str) -> Result<Definition>,
    ) -> Result<&mut Known> {
        let key = (schema, table);
        if !self.tables.contains_key(&key) {
            let (schema, table) = (&key.0, &key.1);
            let definition = find(schema, table)?;
            if definition == Definition::Missing {
                return Err(missing(schema, table, commit_ts).into());
            }
            self.tables.insert(key.clone(), Known { definition, shapes: Vec::new() });
        }
        self.tables.get_mut(&key).context("a table that was just looked up is not there")
    }
}

impl Known {
    fn change(&mut self, tp: i32, columns: &[Column], zone: &TimeZone) -> Result<RowChange> {
        let shape = self.shape(columns)?;
        let row = |new: bool| -> Result<Row> {
            let mut row = vec![Value::Absent; shape.table.columns.len()];
            for (column, place) in columns.iter().zip(&shape.places) {
                let Some(place) = *place else { continue };
                let (Some(slot), Some(definition)) = (row.get_mut(place), shape.table.columns.get(place)) else {
                    continue;
                };
                let named = || format!("column `{}`", definition.name);
                let datum = if new { &column.changed_value } else { &column.value };
                let datum = datum.as_ref().context("it has no value").with_context(named)?;
                *slot = text::value(datum, &definition.kind, zone).with_context(named)?;
            }
            Ok(row)
        };
        let kind = match tp {
            0 => RowKind::Insert(row(false)?),
            1 => RowKind::Update { old: row(false)?, new: row(true)? },
            2 => RowKind::Delete(row(false)?),
            other => bail!("it is a change of the unknown kind {other}"),
        };
        Ok(RowChange { table: Arc::clone(&shape.table), kind })
    }

    /// The shape of rows with these columns.
    fn shape(&mut self, columns: &[Column]) -> Result<&Shape> {
        let at = match self.shapes.iter().position(|s| s.fits(columns)) {
            Some(at) => at,
            None => {
                let Definition::Table(table) = &self.definition else { bail!("it has no definition") };
                ensure!(!columns.is_empty(), "the row has no columns");
                if self.shapes.len() >= SHAPES {
                    self.shapes.clear();
                }
                self.shapes.push(Shape::new(table, columns)?);
                self.shapes.len() - 1
            }
        };
        self.shapes.get(at).context("a shape that was just made is not there")
    }

    fn blame(&self, error: Error, commit_ts: CommitTs) -> Error {
        let name = match &self.definition {
            Definition::Table(table) => format!("`{}`.`{}`", table.schema, table.name),
            _ => "a table".to_owned(),
        };
        let hint = crate::error::fault(&error).map_or_else(|| DAMAGED.to_owned(), |f| f.hint.clone());
        let text = format!("cannot read a row of {name} committed at {}: {error:#}", commit_ts.explain());
        Error::new(Fault::refused(text).hint(hint))
    }
}

const DAMAGED: &str =
    "the message's checksum is right, so Drainer wrote it that way; nothing of this transaction was applied";

fn missing(schema: &str, table: &str, commit_ts: CommitTs) -> Fault {
    Fault::refused(format!(
        "the transaction committed at {} changes `{schema}`.`{table}`, which does not exist on the target",
        commit_ts.explain()
    ))
    .hint(
        "Drainer's files have no definitions, so the table must exist on the target: load the backup or the schema \
         that the files continue, or leave the table out",
    )
}

/// Limit of the columns of a row; no table in TiDB can have as many.
const MOST: usize = 4096;
/// Fraction digits that times are written with: none of a text's is lost, and more zeros change no
/// value.
const FSP: u8 = 6;

/// A table's definition cut down to the columns that some of its rows have.
#[derive(Debug)]
struct Shape {
    /// Names and types, as rows give them.
    columns: Vec<Signature>,
    /// The definition of the rows.
    table: Arc<Table>,
    /// For each column of a row, its index in the definition; `None` for one that the target
    /// computes.
    places: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Signature {
    name: String,
    code: Option<u8>,
    mysql_type: String,
}

fn code(column: &Column) -> Option<u8> {
    column.tp.as_ref().and_then(|tp| tp.first().copied())
}

impl Shape {
    /// The shape of rows of `table` that have `columns`.
    ///
    /// # Errors
    /// If one of them occurs twice, or its type is not known.
    fn new(table: &Table, columns: &[Column]) -> Result<Self> {
        let mut kept: Vec<Defined> = Vec::new();
        let mut places = Vec::new();
        // The new index of each of the target's columns.
        let mut moved: Vec<Option<usize>> = vec![None; table.columns.len()];
        ensure!(columns.len() <= MOST, "the row has {} columns, more than any table can have", columns.len());
        let named: HashMap<String, usize> =
            (0..).zip(&table.columns).map(|(at, c)| (c.name.to_lowercase(), at)).collect();
        let mut strangers = HashSet::new();
        for column in columns {
            let name = column.name.as_deref().unwrap_or_default();
            let lower = name.to_lowercase();
            let found = named.get(&lower).copied();
            let Some((at, defined)) = found.and_then(|at| Some((at, table.columns.get(at)?))) else {
                // The sink decides whether rows may have a column that the target lacks.
                ensure!(strangers.insert(lower), "the row has column `{name}` twice");
                places.push(Some(kept.len()));
                kept.push(stranger(name, kind(column, &Kind::Binary { fixed: None })?));
                continue;
            };
            // Drainer writes values of its own for generated columns into inserts.
            if defined.generated != Generated::No {
                places.push(None);
                continue;
            }
            let slot = moved.get_mut(at).context("a column without a place")?;
            ensure!(slot.is_none(), "the row has column `{name}` twice");
            *slot = Some(kept.len());
            places.push(Some(kept.len()));
            kept.push(Defined { kind: kind(column, &defined.kind)?, ..defined.clone() });
        }
        // Generated columns stay known for the keys over them; no row has a value for one.
        for (slot, defined) in moved.iter_mut().zip(&table.columns).filter(|(_, c)| c.generated != Generated::No) {
            *slot = Some(kept.len());
            kept.push(defined.clone());
        }
        let part = |p: &KeyPart| Some(KeyPart { column: moved.get(p.column).copied()??, prefix: p.prefix });
        let key = |key: &Key| {
            let parts: Option<Vec<_>> = key.parts.iter().map(part).collect();
            Some(Key { name: key.name.clone(), primary: key.primary, parts: parts? })
        };
        let keys = table.keys.iter().filter_map(key).collect();
        let columns = columns.iter().map(|c| Signature {
            name: c.name.clone().unwrap_or_default(),
            code: code(c),
            mysql_type: c.mysql_type.clone().unwrap_or_default(),
        });
        Ok(Self { columns: columns.collect(), table: Arc::new(Table { columns: kept, keys, ..table.clone() }), places })
    }

    /// Whether this is the shape of rows with `columns`.
    fn fits(&self, columns: &[Column]) -> bool {
        self.columns.len() == columns.len()
            && self.columns.iter().zip(columns).all(|(s, c)| {
                c.name.as_deref() == Some(&s.name)
                    && code(c) == s.code
                    && c.mysql_type.as_deref().unwrap_or_default() == s.mysql_type
            })
    }
}

/// A column of a row that the target lacks.
fn stranger(name: &str, kind: Kind) -> Defined {
    Defined {
        id: -1,
        name: name.to_owned(),
        kind,
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: Value::Absent,
    }
}

/// The upstream's type by its code and name, with the target's details that only a definition has.
fn kind(column: &Column, there: &Kind) -> Result<Kind> {
    let name = column.mysql_type.as_deref().unwrap_or_default();
    let code = code(column);
    let int = |bytes| Kind::Int { bytes, unsigned: matches!(there, Kind::Int { unsigned: true, .. }) };
    Ok(match code {
        Some(1) => int(1),
        Some(2) => int(2),
        Some(3) => int(4),
        Some(8) => int(8),
        Some(9) => int(3),
        Some(4) => Kind::Float,
        Some(5) => Kind::Double,
        Some(7) => Kind::Timestamp { fsp: FSP },
        Some(10 | 14) => Kind::Date,
        Some(11) => Kind::Duration { fsp: FSP },
        Some(12) => Kind::Datetime { fsp: FSP },
        Some(13) => Kind::Year,
        Some(16) => Kind::Bit { width: 64 },
        Some(0xf5) => Kind::Json,
        Some(0 | 0xf6) => match there {
            Kind::Decimal { .. } => there.clone(),
            _ => Kind::Decimal { precision: 65, scale: 30 },
        },
        Some(0xf7) => match there {
            Kind::Enum { .. } => there.clone(),
            _ => Kind::Enum { elements: Vec::new() },
        },
        Some(0xf8) => match there {
            Kind::Set { .. } => there.clone(),
            _ => Kind::Set { elements: Vec::new() },
        },
        Some(15 | 0xf9..=0xfe) if is_text(name) => match there {
            Kind::Text { .. } => there.clone(),
            // Its collation is not known; utf8mb4 can hold every text.
            _ => Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() },
        },
        Some(15 | 0xf9..=0xfe) => match there {
            Kind::Binary { .. } => there.clone(),
            _ => Kind::Binary { fixed: None },
        },
        other => {
            let shown = other.map_or("no code".to_owned(), |c| format!("the code {c:#04x}"));
            anyhow::bail!(
                "column `{}` has an unknown type: `{name}`, {shown}",
                column.name.as_deref().unwrap_or_default()
            )
        }
    })
}

/// Whether it is `char`, `varchar` and the like, rather than `binary`, `varbinary` or `blob`.
fn is_text(mysql_type: &str) -> bool {
    let lower = mysql_type.to_ascii_lowercase();
    (lower.contains("char") || lower.contains("text")) && !lower.contains("binary")
}

#[cfg(test)]
mod tests;
