//! Writing what TiDB writes into its binlog, byte for byte: the simulated cluster speaks it, and tests read it back.
//! The reverse of [`decode`](crate::decode).

pub mod datum;
pub mod decimal;
pub(crate) mod job;
pub mod json;
pub mod row;

use anyhow::{Context, Result};
use bytes::Bytes;
use prost::Message;

use crate::model::{RowChange, RowKind};
use crate::source::binlog::{PrewriteValue, TableMutation};

/// A serialized `PrewriteValue` of `changes`: one mutation for each table in the order of their first touch, their
/// changes in the order given. `row_id` gives the hidden row id of a row whose table has no clustered key.
///
/// # Errors
/// If a row does not fit its table.
pub fn prewrite(
    schema_version: i64,
    changes: &[RowChange],
    row_id: &mut dyn FnMut(&RowChange) -> i64,
) -> Result<Bytes> {
    let mut mutations: Vec<TableMutation> = Vec::new();
    for change in changes {
        let table = &change.table;
        let at = mutations.iter().position(|m| m.table_id == Some(table.id)).unwrap_or_else(|| {
            mutations.push(TableMutation { table_id: Some(table.id), ..TableMutation::default() });
            mutations.len() - 1
        });
        let Some(mutation) = mutations.get_mut(at) else { continue };
        add(mutation, change, row_id(change))
            .with_context(|| format!("encoding a row of `{}`.`{}`", table.schema, table.name))?;
    }
    Ok(PrewriteValue { schema_version: Some(schema_version), mutations }.encode_to_vec().into())
}

/// Appends `change` to `mutation`, in its list and in the sequence.
///
/// # Errors
/// If the row does not fit its table.
pub fn add(mutation: &mut TableMutation, change: &RowChange, row_id: i64) -> Result<()> {
    let table = &change.table;
    match &change.kind {
        RowKind::Insert(new) => {
            mutation.inserted_rows.push(row::insert(table, new, row_id)?.into());
            mutation.sequence.push(0);
        }
        RowKind::Update { old, new } => {
            mutation.updated_rows.push(row::update(table, old, new, row_id)?.into());
            mutation.sequence.push(1);
        }
        RowKind::Delete(old) => {
            mutation.deleted_rows.push(row::delete(table, old, row_id)?.into());
            mutation.sequence.push(4);
        }
    }
    Ok(())
}

/// The raw TiKV key of a row with an integer handle.
pub(crate) fn row_key(table: i64, handle: i64) -> Bytes {
    let comparable = |n: i64| (n.cast_unsigned() ^ 1 << 63).to_be_bytes();
    let mut key = vec![b't'];
    key.extend(comparable(table));
    key.extend(b"_r");
    key.extend(comparable(handle));
    key.into()
}
