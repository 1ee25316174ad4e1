//! What a table's rows take tokens for, worked out once for each definition.

use std::sync::Arc;

use super::digest::{Digest, Part, digest, seed};
use super::foreign::{End, Registry};
use super::give::Give;
use crate::model::{Key, Row, RowKind, Table};

/// The plan for one definition, which it keeps alive.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) table: Arc<Table>,
    keys: Vec<Unique>,
    /// Which of the keys tells rows apart.
    identity: Option<usize>,
    /// The token of the table itself, for one without such a key.
    whole: u64,
    foreign: Vec<End>,
}

/// A primary or unique key.
#[derive(Debug)]
struct Unique {
    seed: u64,
    parts: Vec<Part>,
    text: bool,
    computed: bool,
}

impl Unique {
    fn new(table: &Table, key: &Key) -> Self {
        let kind = if key.primary { "primary key" } else { "unique key" };
        // A computed part counts as a constant: what the other parts say remains.
        let parts: Vec<Part> = key.parts.iter().filter_map(|p| Part::new(table, p.column, p.prefix)).collect();
        Self {
            seed: seed([kind, &table.schema, &table.name, &key.name]),
            text: parts.iter().any(Part::text),
            computed: parts.len() < key.parts.len(),
            parts,
        }
    }

    fn same(&self, a: &Row, b: &Row) -> bool {
        !self.computed && self.parts.iter().all(|p| p.same(a, b))
    }

    /// A value comes or goes. An exotic one may be equal to any other, so it takes what all of them share.
    fn give(&self, row: &Row, identity: bool, scratch: &mut Vec<u8>, give: &mut Give<'_>) {
        let Digest { own, wide, exotic, null } = digest(self.seed, &self.parts, row, self.text, scratch);
        if null {
            return;
        }
        if !exotic || identity {
            give.token(own, true);
        }
        if self.text {
            give.token(wide, exotic);
        }
    }

    /// A row stays where it is: only what else happens to this very row matters.
    fn stay(&self, row: &Row, scratch: &mut Vec<u8>, give: &mut Give<'_>) {
        give.token(digest(self.seed, &self.parts, row, false, scratch).own, true);
    }
}

impl Plan {
    /// `more`: keys that only the target has.
    pub(super) fn new(table: &Arc<Table>, more: &[Key], registry: &Registry) -> Self {
        let identifies = |k: &Key| !k.parts.is_empty() && k.identifies(&table.columns);
        let keys = || table.keys.iter().chain(more).filter(|k| !k.parts.is_empty());
        Self {
            keys: keys().map(|k| Unique::new(table, k)).collect(),
            identity: keys().position(identifies),
            whole: seed(["table", &table.schema, &table.name]),
            foreign: registry.ends(table),
            table: table.clone(),
        }
    }

    /// The tokens of one change.
    pub(super) fn give(&self, change: &RowKind, scratch: &mut Vec<u8>, give: &mut Give<'_>) {
        match change {
            RowKind::Insert(row) => self.image(row, false, scratch, give),
            RowKind::Delete(row) => self.image(row, true, scratch, give),
            RowKind::Update { old, new } => match self.identity {
                Some(identity) => self.update(identity, old, new, scratch, give),
                None => {
                    self.image(old, true, scratch, give);
                    self.image(new, false, scratch, give);
                }
            },
        }
    }

    fn image(&self, row: &Row, removed: bool, scratch: &mut Vec<u8>, give: &mut Give<'_>) {
        for (i, key) in self.keys.iter().enumerate() {
            key.give(row, self.identity == Some(i), scratch, give);
        }
        if self.identity.is_none() {
            // No row may go before it came. More than that: who looks for one without a key reads the whole table, and
            // would stop at each row that another worker has not committed yet.
            give.token(self.whole, removed);
        }
        self.foreign.iter().for_each(|end| end.give(row, scratch, give));
    }

    /// Values that an update leaves alone need no token: whoever gave the row this value, and whoever takes it away, is
    /// in line with the update through the row's identity, and with all other rows of that value through the key.
    fn update(&self, identity: usize, old: &Row, new: &Row, scratch: &mut Vec<u8>, give: &mut Give<'_>) {
        for (i, key) in self.keys.iter().enumerate() {
            match (key.same(old, new), i == identity) {
                (true, true) => key.stay(new, scratch, give),
                (true, false) => {}
                (false, is_identity) => {
                    key.give(old, is_identity, scratch, give);
                    key.give(new, is_identity, scratch, give);
                }
            }
        }
        for end in self.foreign.iter().filter(|end| !end.same(old, new)) {
            end.give(old, scratch, give);
            end.give(new, scratch, give);
        }
    }
}
