//! The net effect of some row changes on one table.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use anyhow::{Context, Result};
use tisync::model::{Row, Table};
use tisync::mysql::literal;
use tisync::playground::sql_name;

/// What became of a row, or of all equal rows of a table without a key.
pub struct Effect {
    pub row: Row,
    /// With a key: 1 there, -1 gone. Without: how many more there are.
    pub more: i64,
    /// Of its key, or of the whole row.
    pub hash: u64,
}

/// The net effect of a group on one table, in the order of the first touch.
pub struct Net {
    pub table: Arc<Table>,
    /// Columns that tell rows apart.
    pub key: Vec<usize>,
    /// Whether these are all columns: equal rows are then counted.
    pub keyless: bool,
    index: HashMap<Vec<u8>, usize>,
    pub rows: Vec<Effect>,
}

impl Net {
    pub fn new(table: Arc<Table>) -> Self {
        let key = table.keys.iter().find(|k| k.identifies(&table.columns));
        let keyless = key.is_none();
        let key = key.map_or((0..table.columns.len()).collect(), |k| k.parts.iter().map(|p| p.column).collect());
        Self { table, key, keyless, index: HashMap::new(), rows: Vec::new() }
    }

    /// Its name in SQL.
    pub fn name(&self) -> String {
        format!("{}.{}", sql_name(&self.table.schema), sql_name(&self.table.name))
    }

    /// A row comes, or goes.
    pub fn put(&mut self, row: Row, there: bool) -> Result<()> {
        let mut key = Vec::new();
        for at in &self.key {
            let (column, value) = self.table.columns.get(*at).zip(row.get(*at)).context("a key column")?;
            literal::write(&mut key, &column.kind, value)?;
            key.push(b',');
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&key);
        let at = *self.index.entry(key).or_insert(self.rows.len());
        let step = if there { 1 } else { -1 };
        match self.rows.get_mut(at) {
            Some(effect) => {
                effect.more = if self.keyless { effect.more + step } else { step };
                effect.row = row;
            }
            None => self.rows.push(Effect { row, more: step, hash: hasher.finish() }),
        }
        Ok(())
    }
}
