//! Conflict keys: which row changes must keep their order, on any target and collation.
//!
//! Each change has conflict keys: hashes of the keys it takes. Two transactions are ordered if they
//! share a hash and at least one of them takes it exclusively. A hash that two keys share by chance
//! only costs time, but a missed conflict would cost rows; so anything uncertain counts as a
//! conflict ([`digest`] says what is certain about texts).
//!
//! - Primary and unique keys: their values, exclusively. Keys with a NULL conflict with no other.
//! - Tables without an identifying key: the table itself, too; shared for inserts, as equal rows
//!   may come in any order.
//! - Foreign keys: children take their parent's key shared, parents take it exclusively. So parent
//!   and child keep their order, and the children of one parent are not ordered among themselves.
//!
//! Order is transitive: a change need not share a conflict key with every change that it must
//! follow, only with one that does.
//!
//! The parts of the file: the set of conflict keys of one change, each once; what a table's rows
//! take conflict keys for, worked out once per definition; foreign keys.

mod digest;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::model::{ForeignKey, Key, Row, RowChange, RowKind, Table};
use digest::{Digest, Part, digest, seed};

/// Limit of definitions; above it, those that no row uses any more are dropped.
const PLANS: usize = 256;

/// A key value that a transaction touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictKey {
    /// Hash of the value; two different values may share it by chance.
    pub hash: u64,
    /// Whether no other transaction may touch it meanwhile; otherwise others may take it shared.
    pub exclusive: bool,
}

/// Gives the conflict keys of row changes.
///
/// It holds the definitions that it has seen as long as another owner does, and every foreign key
/// that it has learnt.
#[derive(Debug)]
pub struct Causality {
    /// By the address of the definition, which each plan keeps alive.
    plans: HashMap<usize, Plan, foldhash::fast::FixedState>,
    most: usize,
    registry: Registry,
    /// Keys that only the target has, by the address of the definition, which each entry keeps
    /// taken.
    more: HashMap<usize, (Weak<Table>, Vec<Key>)>,
    scratch: Vec<u8>,
}

impl Default for Causality {
    fn default() -> Self {
        Self::new()
    }
}

impl Causality {
    /// A new one that knows no table.
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

    /// From the next [`learn`](Self::learn) on, rows of this definition are also ordered by `keys`,
    /// which only the target has.
    pub fn order_by(&mut self, table: &Arc<Table>, keys: Vec<Key>) {
        self.more.retain(|_, (table, _)| table.strong_count() > 0);
        if keys.is_empty() {
            self.more.remove(&address(table));
        } else {
            self.more.insert(address(table), (Arc::downgrade(table), keys));
        }
        self.plans.remove(&address(table));
    }

    /// Learns a definition; cheap for one that is known. `true` if it brought a foreign key that
    /// changes the conflict keys of other tables: conflict keys from before and after must not be
    /// compared, so everything with conflict keys from before has to finish first.
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

    /// Appends the conflict keys of a change, without duplicates. Its table should have been
    /// [learnt](Self::learn).
    pub fn conflict_keys(&mut self, change: &RowChange, out: &mut Vec<ConflictKey>) {
        let address = address(&change.table);
        if let Some(plan) = self.plans.get(&address) {
            return plan.add_keys(&change.kind, &mut self.scratch, &mut KeySet::new(out));
        }
        self.learn(&change.table);
        if let Some(plan) = self.plans.get(&address) {
            plan.add_keys(&change.kind, &mut self.scratch, &mut KeySet::new(out));
        }
    }
}

fn address(table: &Arc<Table>) -> usize {
    Arc::as_ptr(table).addr()
}

/// Collects the conflict keys of one change.
struct KeySet<'a> {
    out: &'a mut Vec<ConflictKey>,
    from: usize,
}

impl<'a> KeySet<'a> {
    fn new(out: &'a mut Vec<ConflictKey>) -> Self {
        let from = out.len();
        Self { out, from }
    }

    /// A change has few conflict keys: a linear search is faster than a set.
    fn add(&mut self, hash: u64, exclusive: bool) {
        let known = self.out.iter_mut().skip(self.from).find(|t| t.hash == hash);
        match known {
            Some(conflict_key) => conflict_key.exclusive |= exclusive,
            None => self.out.push(ConflictKey { hash, exclusive }),
        }
    }
}

/// The conflict keys of one definition, which it keeps alive.
#[derive(Debug)]
struct Plan {
    table: Arc<Table>,
    keys: Vec<Unique>,
    /// Index of the key that identifies rows.
    identity: Option<usize>,
    /// The conflict key of the table itself, for a table without such a key.
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
        // A computed part counts as a constant: the other parts still tell values apart.
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

    /// Adds the keys for a value that comes or goes. An exotic value may equal any other, so it
    /// takes the key that all of them share.
    fn add_keys(&self, row: &Row, identity: bool, scratch: &mut Vec<u8>, keys: &mut KeySet<'_>) {
        let Digest { own, wide, exotic, null } = digest(self.seed, &self.parts, row, self.text, scratch);
        if null {
            return;
        }
        if !exotic || identity {
            keys.add(own, true);
        }
        if self.text {
            keys.add(wide, exotic);
        }
    }

    /// Adds the key for a row that keeps its value: only other changes of this very row matter.
    fn stay(&self, row: &Row, scratch: &mut Vec<u8>, keys: &mut KeySet<'_>) {
        keys.add(digest(self.seed, &self.parts, row, false, scratch).own, true);
    }
}

impl Plan {
    /// `more` are keys that only the target has.
    fn new(table: &Arc<Table>, more: &[Key], registry: &Registry) -> Self {
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

    /// The conflict keys of one change.
    fn add_keys(&self, change: &RowKind, scratch: &mut Vec<u8>, keys: &mut KeySet<'_>) {
        match change {
            RowKind::Insert(row) => self.image(row, false, scratch, keys),
            RowKind::Delete(row) => self.image(row, true, scratch, keys),
            RowKind::Update { old, new } => match self.identity {
                Some(identity) => self.update(identity, old, new, scratch, keys),
                None => {
                    self.image(old, true, scratch, keys);
                    self.image(new, false, scratch, keys);
                }
            },
        }
    }

    fn image(&self, row: &Row, removed: bool, scratch: &mut Vec<u8>, keys: &mut KeySet<'_>) {
        for (i, key) in self.keys.iter().enumerate() {
            key.add_keys(row, self.identity == Some(i), scratch, keys);
        }
        if self.identity.is_none() {
            // A row must not be deleted before it is inserted. Also, a search for a row without a
            // key reads the whole table, and would stop at each row that another worker has not
            // committed yet.
            keys.add(self.whole, removed);
        }
        self.foreign.iter().for_each(|end| end.add_keys(row, scratch, keys));
    }

    /// Values that an update leaves unchanged need no conflict key: the change that gave the row
    /// this value, and the one that takes it away, are ordered with the update by the row's
    /// identity, and with all other rows of that value by the key.
    fn update(&self, identity: usize, old: &Row, new: &Row, scratch: &mut Vec<u8>, keys: &mut KeySet<'_>) {
        for (i, key) in self.keys.iter().enumerate() {
            match (key.same(old, new), i == identity) {
                (true, true) => key.stay(new, scratch, keys),
                (true, false) => {}
                (false, is_identity) => {
                    key.add_keys(old, is_identity, scratch, keys);
                    key.add_keys(new, is_identity, scratch, keys);
                }
            }
        }
        for end in self.foreign.iter().filter(|end| !end.same(old, new)) {
            end.add_keys(old, scratch, keys);
            end.add_keys(new, scratch, keys);
        }
    }
}

/// Database and name of a table, in lower case.
type Name = (String, String);

/// The columns of a table that a foreign key refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    /// Names in lower case.
    columns: Vec<String>,
    /// Whether parent or child has a computed column among them, so that values cannot be compared.
    computed: bool,
}

/// The columns of tables that the known foreign keys refer to.
#[derive(Debug, Default)]
struct Registry {
    parents: HashMap<Name, Vec<Reference>>,
}

impl Registry {
    /// Learns a table's foreign keys; `true` if that changes the conflict keys of any table.
    fn learn(&mut self, table: &Table) -> bool {
        let mut news = false;
        for key in &table.foreign_keys {
            let columns: Vec<String> = key.parent_columns.iter().map(|c| c.to_lowercase()).collect();
            let computed = parts(table, &key.columns).1;
            let known = self.parents.entry(parent(table, key)).or_default();
            match known.iter_mut().find(|r| r.columns == columns) {
                Some(reference) => news |= mark(reference, computed),
                None => {
                    known.push(Reference { columns, computed });
                    news = true;
                }
            }
        }
        for reference in self.parents.get_mut(&name(&table.schema, &table.name)).into_iter().flatten() {
            news |= mark(reference, parts(table, &reference.columns).1);
        }
        news
    }

    /// The ends of foreign keys that `table` has as a child and as a parent.
    fn ends(&self, table: &Table) -> Vec<End> {
        let mut ends = Vec::new();
        for key in &table.foreign_keys {
            let parent = parent(table, key);
            let columns: Vec<String> = key.parent_columns.iter().map(|c| c.to_lowercase()).collect();
            let known = self.parents.get(&parent).into_iter().flatten().find(|r| r.columns == columns);
            let computed = known.is_some_and(|r| r.computed);
            ends.push(End::new(table, &key.columns, &parent, &columns, (false, computed)));
        }
        let own = name(&table.schema, &table.name);
        for reference in self.parents.get(&own).into_iter().flatten() {
            ends.push(End::new(table, &reference.columns, &own, &reference.columns, (true, reference.computed)));
        }
        ends
    }
}

fn mark(reference: &mut Reference, computed: bool) -> bool {
    let news = computed && !reference.computed;
    reference.computed |= computed;
    news
}

fn name(schema: &str, table: &str) -> Name {
    (schema.to_lowercase(), table.to_lowercase())
}

fn parent(table: &Table, key: &ForeignKey) -> Name {
    let schema = if key.parent_schema.is_empty() { &table.schema } else { &key.parent_schema };
    name(schema, &key.parent_table)
}

/// The columns of `table` with these names, and whether one of them has no values or does not
/// exist.
fn parts(table: &Table, names: &[String]) -> (Vec<Part>, bool) {
    let find = |name: &String| table.columns.iter().position(|c| c.name.to_lowercase() == name.to_lowercase());
    let found: Vec<Part> = names.iter().filter_map(|n| Part::new(table, find(n)?, None)).collect();
    let computed = found.len() < names.len();
    (found, computed)
}

/// One end of a foreign key.
///
/// Texts that may equal other texts need a conflict key that stands for all of them. There are two:
/// `children`, which all children share and an exotic parent takes exclusively, and `parents`,
/// which all plain parents share and an exotic child takes exclusively. So exotic children do not
/// hold up plain ones.
#[derive(Debug)]
struct End {
    parent: bool,
    parts: Vec<Part>,
    computed: bool,
    wide: bool,
    seed: u64,
    children: u64,
    parents: u64,
}

impl End {
    fn new(
        table: &Table,
        columns: &[String],
        parent: &Name,
        key: &[String],
        (is_parent, computed): (bool, bool),
    ) -> Self {
        let columns_of = || key.iter().map(String::as_str);
        let tagged = |tag: &str| seed([tag, parent.0.as_str(), parent.1.as_str()].into_iter().chain(columns_of()));
        let (parts, missing) = parts(table, columns);
        Self {
            parent: is_parent,
            wide: computed || missing || parts.iter().any(Part::text),
            computed: computed || missing,
            parts,
            seed: tagged("foreign key"),
            children: tagged("foreign key, children"),
            parents: tagged("foreign key, parents"),
        }
    }

    /// Whether both images have equal values in the key.
    fn same(&self, a: &Row, b: &Row) -> bool {
        !self.computed && self.parts.iter().all(|p| p.same(a, b))
    }

    /// The conflict keys of one image.
    fn add_keys(&self, row: &Row, scratch: &mut Vec<u8>, keys: &mut KeySet<'_>) {
        let Digest { own, exotic, null, .. } = digest(self.seed, &self.parts, row, false, scratch);
        if null {
            return;
        }
        let exotic = exotic || self.computed;
        if !exotic {
            keys.add(own, self.parent);
        }
        match (self.wide, self.parent, exotic) {
            (false, ..) => {}
            (_, true, true) => keys.add(self.children, true),
            (_, true, false) => keys.add(self.parents, false),
            (_, false, exotic) => {
                keys.add(self.children, false);
                if exotic {
                    keys.add(self.parents, true);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
