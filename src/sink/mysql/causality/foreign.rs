//! Foreign keys: children take their parent's key shared, parents take it exclusively, so parent and child keep their
//! order, and the children of one parent have none among them.

use std::collections::HashMap;

use super::digest::{Digest, Part, digest, seed};
use super::give::Give;
use crate::model::{ForeignKey, Row, Table};

/// Database and name of a table, in lower case.
type Name = (String, String);

/// The columns of a table that some child refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    /// In lower case.
    columns: Vec<String>,
    /// Parent or child has a column among them that the target computes, so values cannot be compared.
    computed: bool,
}

/// Which columns of which tables the known foreign keys refer to.
#[derive(Debug, Default)]
pub(super) struct Registry {
    parents: HashMap<Name, Vec<Reference>>,
}

impl Registry {
    /// Takes note of a table's foreign keys; `true` if that changes the tokens of any table.
    pub(super) fn learn(&mut self, table: &Table) -> bool {
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

    /// What the rows of `table` take for foreign keys, as a child and as a parent.
    pub(super) fn ends(&self, table: &Table) -> Vec<End> {
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

/// The columns of `table` with these names, and whether one of them has no values, or is not there.
fn parts(table: &Table, names: &[String]) -> (Vec<Part>, bool) {
    let find = |name: &String| table.columns.iter().position(|c| c.name.to_lowercase() == name.to_lowercase());
    let found: Vec<Part> = names.iter().filter_map(|n| Part::new(table, find(n)?, None)).collect();
    let computed = found.len() < names.len();
    (found, computed)
}

/// One end of a foreign key.
///
/// Texts that may equal other texts need a token that stands for all of them. There are two: `children`, which all
/// children share and an exotic parent takes exclusively, and `parents`, which all plain parents share and an exotic
/// child takes exclusively. So exotic children do not hold up plain ones.
#[derive(Debug)]
pub(super) struct End {
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

    /// Whether both images refer, or are referred to, alike.
    pub(super) fn same(&self, a: &Row, b: &Row) -> bool {
        !self.computed && self.parts.iter().all(|p| p.same(a, b))
    }

    /// The tokens of one image.
    pub(super) fn give(&self, row: &Row, scratch: &mut Vec<u8>, give: &mut Give<'_>) {
        let Digest { own, exotic, null, .. } = digest(self.seed, &self.parts, row, false, scratch);
        if null {
            return;
        }
        let exotic = exotic || self.computed;
        if !exotic {
            give.token(own, self.parent);
        }
        match (self.wide, self.parent, exotic) {
            (false, ..) => {}
            (_, true, true) => give.token(self.children, true),
            (_, true, false) => give.token(self.parents, false),
            (_, false, exotic) => {
                give.token(self.children, false);
                if exotic {
                    give.token(self.parents, true);
                }
            }
        }
    }
}
