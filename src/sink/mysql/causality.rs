//! Which row changes have to keep their order, whatever the target and its collations.
//!
//! Each change has tokens: hashes of the keys it takes. Two transactions are ordered if they share a hash and at least
//! one of them takes it exclusively. A hash that two keys share by chance only costs time, a missed conflict would cost
//! rows; so whatever is not certain counts as a conflict ([`fold`] says what is certain about texts).
//!
//! - Primary and unique keys: their values, exclusively. Keys with a NULL meet no other.
//! - Tables without an identifying key: the table itself, too; shared for inserts, as equal rows may come in any order.
//! - Foreign keys: see [`foreign`].
//!
//! Order is transitive: a change need not share a token with every other that it must follow, only with one that does.

mod digest;
mod fold;
mod foreign;
mod give;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use self::foreign::Registry;
use self::give::Give;
use self::plan::Plan;
use crate::model::{Key, RowChange, Table};

/// Definitions kept before those are dropped that no row uses any more.
const PLANS: usize = 256;

/// Something that a transaction touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What; two different things may have the same by chance.
    pub hash: u64,
    /// Whether nobody else may touch it meanwhile; otherwise it is shared with others that say so.
    pub exclusive: bool,
}

/// Gives the tokens of row changes.
///
/// It holds the definitions that it has seen as long as somebody else does, and every foreign key that it has learnt.
#[derive(Debug)]
pub struct Causality {
    /// By the address of the definition, which each plan keeps alive.
    plans: HashMap<usize, Plan, foldhash::fast::FixedState>,
    most: usize,
    registry: Registry,
    /// Keys that only the target has, by the address of the definition, which each entry keeps taken.
    more: HashMap<usize, (Weak<Table>, Vec<Key>)>,
    scratch: Vec<u8>,
}

impl Default for Causality {
    fn default() -> Self {
        Self::new()
    }
}

impl Causality {
    /// Knows no table yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            plans: HashMap::default(),
            most: PLANS,
            registry: Registry::default(),
            more: HashMap::new(),
            scratch: Vec::new(),
        }
    }

    /// Whether this definition is known.
    #[must_use]
    pub fn knows(&self, table: &Arc<Table>) -> bool {
        self.plans.contains_key(&address(table))
    }

    /// From the next [`learn`](Self::learn) on, rows of this definition are ordered by `keys` as well, which only the target has.
    pub fn order_by(&mut self, table: &Arc<Table>, keys: Vec<Key>) {
        self.more.retain(|_, (table, _)| table.strong_count() > 0);
        if keys.is_empty() {
            self.more.remove(&address(table));
        } else {
            self.more.insert(address(table), (Arc::downgrade(table), keys));
        }
        self.plans.remove(&address(table));
    }

    /// Takes note of a definition; cheap for one that is known. `true` if it brought a foreign key that changes the
    /// tokens of other tables: tokens given before and after must not be compared, so everything has to be awaited
    /// that was given its tokens before.
    pub fn learn(&mut self, table: &Arc<Table>) -> bool {
        let address = address(table);
        if self.plans.contains_key(&address) {
            return false;
        }
        let news = self.registry.learn(table);
        if news {
            self.plans.clear();
        }
        if self.plans.len() >= self.most {
            self.plans.retain(|_, plan| Arc::strong_count(&plan.table) > 1);
            self.most = PLANS.max(self.plans.len() * 2);
        }
        let more = self.more.get(&address).map_or([].as_slice(), |(_, keys)| keys);
        self.plans.insert(address, Plan::new(table, more, &self.registry));
        news
    }

    /// Appends the tokens of a change, each once. Its table should have been [learnt](Self::learn).
    pub fn tokens(&mut self, change: &RowChange, out: &mut Vec<Token>) {
        let address = address(&change.table);
        if let Some(plan) = self.plans.get(&address) {
            return plan.give(&change.kind, &mut self.scratch, &mut Give::new(out));
        }
        self.learn(&change.table);
        if let Some(plan) = self.plans.get(&address) {
            plan.give(&change.kind, &mut self.scratch, &mut Give::new(out));
        }
    }
}

fn address(table: &Arc<Table>) -> usize {
    Arc::as_ptr(table).addr()
}
