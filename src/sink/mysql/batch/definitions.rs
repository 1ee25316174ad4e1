//! Which definition of each table a set of transactions was read by.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::Table;

/// The tables of transactions that will be folded together: one definition of each.
#[derive(Debug, Default)]
pub struct Definitions {
    by_address: HashMap<usize, Arc<Table>>,
    by_name: HashMap<(String, String), Arc<Table>>,
}

impl Definitions {
    /// Whether `table` is another definition of a table that is there already: the two cannot be folded together.
    #[must_use]
    pub fn conflict(&self, table: &Arc<Table>) -> bool {
        if self.by_address.contains_key(&Arc::as_ptr(table).addr()) {
            return false;
        }
        let there = self.by_name.get(&(table.schema.clone(), table.name.clone()));
        there.is_some_and(|t| **t != **table)
    }

    /// Takes `table` in.
    pub fn learn(&mut self, table: &Arc<Table>) {
        // Kept, so that its address stays taken.
        if self.by_address.insert(Arc::as_ptr(table).addr(), table.clone()).is_none() {
            self.by_name.entry((table.schema.clone(), table.name.clone())).or_insert_with(|| table.clone());
        }
    }
}
