//! Rows by the names of their columns, from Drainer's files (spec/tidb-binlog.md §9.6), read with the definitions that the target
//! has at that moment.
//!
//! What a value is, the row says: its type is the upstream's. What the row does not say comes from the target: character sets,
//! keys, and which columns it computes itself.

mod shape;
pub mod text;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use bytes::Bytes;
use jiff::tz::TimeZone;
use prost::Message;

use self::shape::Shape;
use super::{Kinds, LeftOut};
use crate::error::Fault;
use crate::model::{CommitTs, Definition, Row, RowChange, RowKind, Value};

/// Shapes kept of one table. Rows of one definition have one or two: deletes may have more columns than inserts.
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
    /// Its name in the original case.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The first byte is MySQL's code of the type.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub tp: Option<Bytes>,
    /// The type's name in lower case, without length and sign.
    #[prost(string, optional, tag = "3")]
    pub mysql_type: Option<String>,
    /// One datum (spec/tidb-binlog.md §3.3): the value, for an update the old one.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub value: Option<Bytes>,
    /// For an update, the new one.
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub changed_value: Option<Bytes>,
}

/// The definitions of the target's tables, as far as rows have named them since the last DDL.
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
    /// A DDL may change any definition: they are asked for again.
    pub fn forget(&mut self) {
        self.tables.clear();
    }

    /// The row changes in `events`, a serialized [`DmlData`], in its order, and how many were left out. `find` says what the target has,
    /// `wanted` which changes of a table are wanted.
    ///
    /// # Errors
    /// If `find` fails, a table or column is not on the target, or the bytes are not what the format says.
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
                // What it is, is not known: reading it says so.
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

    /// How rows with these columns are read.
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
    "the message's checksum is right, so Drainer wrote it so; nothing of this transaction was applied";

fn missing(schema: &str, table: &str, commit_ts: CommitTs) -> Fault {
    Fault::refused(format!(
        "the transaction committed at {} changes `{schema}`.`{table}`, which is not on the target",
        commit_ts.explain()
    ))
    .hint(
        "Drainer's files hold no definitions, so the table has to be there: load the backup or the schema that the files continue, or leave \
         the table out",
    )
}

#[cfg(test)]
mod tests;
