//! The fits of all tables that differ between the two sides, by upstream definition.
//!
//! The second part finds what differs between a table upstream and on the target.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use anyhow::{Context, Result};
use parking_lot::Mutex;

use super::fit::Fit;
use super::found::{Facts, FoundColumn, Parts, Signature, TargetTable, elements, places, same_numbers};
use crate::model::{Column, Generated, Key, Kind, RowChange, RowKind, Table};
use crate::sink::mysql::batch::{Part, full_name};
use crate::sink::mysql::options::Mode;
use crate::sql::quote_name;

/// Limit of definitions; above it, those that no row uses any more are dropped.
const KEPT: usize = 256;

/// What is known of the target's tables.
#[derive(Default)]
pub(in crate::sink::mysql) struct Fits {
    /// Whether any table differs: read for every batch.
    any: AtomicBool,
    known: Mutex<Known>,
    /// Tables whose DDL the operator's rules leave out, in lower case.
    differ: Mutex<HashSet<(String, String)>>,
}

/// The result of comparing a table, until its columns change.
#[derive(Clone, PartialEq)]
pub(in crate::sink::mysql) struct TakenFor {
    /// How rows are written; `None` if unchanged.
    pub(in crate::sink::mysql) fit: Option<Arc<Fit>>,
    /// The target's columns that this is valid for, if they may change at any time.
    pub(in crate::sink::mysql) signature: Option<Signature>,
}

/// A definition that was compared.
struct Entry {
    table: Weak<Table>,
    taken_for: TakenFor,
}

#[derive(Default)]
struct Known {
    /// By the address of the definition, which each entry keeps from being reused, though not
    /// alive.
    tables: HashMap<usize, Entry, foldhash::fast::FixedState>,
    most: usize,
    /// The last report about each table.
    said: HashMap<String, String>,
}

/// The row changes of a table with additional columns on the target: each has to be applied as it
/// came.
pub(in crate::sink::mysql) struct Ordered {
    pub(in crate::sink::mysql) fit: Arc<Fit>,
    pub(in crate::sink::mysql) changes: Vec<RowKind>,
}

/// Transactions as they are applied to the target.
#[derive(Default)]
pub(in crate::sink::mysql) struct Split {
    /// Changes that can be folded.
    pub(in crate::sink::mysql) parts: Vec<Part>,
    /// Changes that are applied one by one.
    pub(in crate::sink::mysql) ordered: Vec<Ordered>,
    /// Row changes that were written without some of their columns, by table.
    pub(in crate::sink::mysql) narrowed: HashMap<String, u64>,
}

impl Fits {
    /// Records that the operator's rules leave out DDL on this table.
    pub(in crate::sink::mysql) fn may_differ(&self, schema: &str, table: &str) {
        let name = (schema.to_lowercase(), table.to_lowercase());
        self.differ.lock().insert(name);
    }

    fn differs(&self, table: &Table) -> bool {
        let differ = self.differ.lock();
        !differ.is_empty() && differ.contains(&(table.schema.to_lowercase(), table.name.to_lowercase()))
    }

    /// Whether both sides must have the same columns of `table`.
    pub(in crate::sink::mysql) fn mode(&self, table: &Table, mode: Mode) -> Mode {
        if self.differs(table) { Mode::Partial } else { mode }
    }

    /// How rows of `table` are written to `there` if their columns may differ; `None` if they are
    /// written unchanged.
    ///
    /// # Errors
    /// All reasons why they cannot be written.
    pub(in crate::sink::mysql) fn make(
        &self,
        table: &Table,
        there: &TargetTable,
        facts: Facts,
    ) -> Result<Option<Arc<Fit>>, Vec<String>> {
        let why = if self.differs(table) { "its DDL is left out by an event rule" } else { "--sync-mode 2" };
        Ok(Fit::of(table, there, facts, why)?.map(Arc::new))
    }

    /// Whether this definition was compared already.
    pub(in crate::sink::mysql) fn knows(&self, table: &Arc<Table>) -> bool {
        self.known.lock().tables.contains_key(&address(table))
    }

    /// Forgets these definitions, so that they are compared again.
    pub(in crate::sink::mysql) fn forget(&self, tables: &[Arc<Table>]) {
        let mut known = self.known.lock();
        for table in tables {
            known.tables.remove(&address(table));
        }
    }

    /// The upstream's definition of `table`, which is that definition itself or the one for
    /// statements.
    pub(in crate::sink::mysql) fn upstream(&self, table: &Arc<Table>) -> Option<Arc<Table>> {
        let known = self.known.lock();
        let seen = |entry: &&Entry| entry.taken_for.fit.as_ref().is_some_and(|f| Arc::ptr_eq(&f.table, table));
        let entry = known.tables.get(&address(table)).or_else(|| known.tables.values().find(seen));
        entry.and_then(|entry| entry.table.upgrade())
    }

    /// The result of the last comparison of `table`, if there was one.
    pub(in crate::sink::mysql) fn taken_for(&self, table: &Arc<Table>) -> Option<TakenFor> {
        self.known.lock().tables.get(&address(table)).map(|entry| entry.taken_for.clone())
    }

    pub(in crate::sink::mysql) fn get(&self, table: &Arc<Table>) -> Option<Arc<Fit>> {
        self.known.lock().tables.get(&address(table)).and_then(|entry| entry.taken_for.fit.clone())
    }

    /// Records the result of a comparison. Returns the report about it, if it is a new one.
    pub(in crate::sink::mysql) fn put(&self, table: &Arc<Table>, fit: Option<Arc<Fit>>) -> Option<String> {
        self.put_for(table, fit, None)
    }

    /// As `put`, for a target whose columns may change at any time: the fit is valid while they are
    /// those of `signature`.
    pub(in crate::sink::mysql) fn put_for(
        &self,
        table: &Arc<Table>,
        fit: Option<Arc<Fit>>,
        signature: Option<Signature>,
    ) -> Option<String> {
        let mut known = self.known.lock();
        if known.tables.len() >= known.most.max(KEPT) {
            known.tables.retain(|_, entry| entry.table.strong_count() > 0);
            known.most = known.tables.len() * 2;
        }
        let name = full_name(table);
        let news = match &fit {
            Some(fit) => {
                (known.said.insert(name, fit.says.clone()).as_ref() != Some(&fit.says)).then(|| fit.says.clone())
            }
            None => known.said.remove(&name).map(|_| format!("{name}: its columns are the same on both sides again")),
        };
        known
            .tables
            .insert(address(table), Entry { table: Arc::downgrade(table), taken_for: TakenFor { fit, signature } });
        let any = known.tables.values().any(|entry| entry.taken_for.fit.is_some());
        self.any.store(any, Ordering::SeqCst);
        news
    }

    /// `parts` as they are applied to the target; `None` if unchanged.
    ///
    /// # Errors
    /// If a row cannot be written there.
    pub(in crate::sink::mysql) fn split(&self, parts: &[Part]) -> Result<Option<Split>> {
        if !self.any.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let mut splitting = Splitting { fits: self, last: None, split: Split::default(), differs: false };
        for part in parts {
            splitting
                .add(part)
                .with_context(|| format!("cannot apply the transaction of commit ts {}", part.ts.explain()))?;
        }
        Ok(splitting.differs.then_some(splitting.split))
    }
}

fn address(table: &Arc<Table>) -> usize {
    Arc::as_ptr(table).addr()
}

struct Splitting<'a> {
    fits: &'a Fits,
    /// The table of the previous change, which most changes share.
    last: Option<(usize, Option<Arc<Fit>>)>,
    split: Split,
    differs: bool,
}

impl Splitting<'_> {
    fn add(&mut self, part: &Part) -> Result<()> {
        let mut seen = Part { changes: Vec::new(), left_out: part.left_out.clone(), ..*part };
        for change in &part.changes {
            let Some(fit) = self.fit(&change.table) else {
                seen.changes.push(change.clone());
                continue;
            };
            self.differs = true;
            if !fit.left_out.is_empty() {
                *self.split.narrowed.entry(full_name(&fit.table)).or_default() += 1;
            }
            let kind = fit.change(&change.kind)?;
            if !fit.keeps {
                seen.changes.push(RowChange { table: fit.table.clone(), kind });
                continue;
            }
            match self.split.ordered.iter_mut().find(|o| Arc::ptr_eq(&o.fit, &fit)) {
                Some(ordered) => ordered.changes.push(kind),
                None => self.split.ordered.push(Ordered { fit, changes: vec![kind] }),
            }
        }
        self.split.parts.push(seen);
        Ok(())
    }

    fn fit(&mut self, table: &Arc<Table>) -> Option<Arc<Fit>> {
        match &self.last {
            Some((last, fit)) if *last == address(table) => fit.clone(),
            _ => {
                let fit = self.fits.get(table);
                self.last = Some((address(table), fit.clone()));
                fit
            }
        }
    }
}

/// The differences of columns that mode 1 does not allow, one line each, with what mode 2 would do.
#[must_use]
pub fn columns(table: &Table, there: &TargetTable) -> Vec<String> {
    let name = full_name(table);
    let mut problems = Vec::new();
    let mut known = BTreeSet::new();
    for column in table.columns.iter().filter(|c| !c.hidden) {
        let (lower, quoted) = (column.name.to_lowercase(), quote_name(&column.name));
        match there.columns.get(&lower) {
            None if column.generated != Generated::No => problems.push(format!("{name} has no column {quoted}")),
            None => problems.push(format!("{name} has no column {quoted} (--sync-mode 2 would leave it out)")),
            Some(c) => {
                problems.extend(column_differs(column, c).map(|text| format!("column {quoted} of {name} {text}")))
            }
        }
        known.insert(lower);
    }
    let more = there.columns.iter().filter(|(n, c)| !known.contains(*n) && !c.invisible_key);
    for (_, column) in more {
        let new = match column {
            FoundColumn { generated: true, .. } => "would leave it alone",
            FoundColumn { needed: true, .. } => "would keep its values, and give new rows the zero value of its type",
            _ => "would keep its values, and give new rows its default",
        };
        problems.push(format!(
            "{name} has a column {} that the upstream does not have (--sync-mode 2 {new})",
            quote_name(&column.name)
        ));
    }
    problems
}

fn column_differs(column: &Column, there: &FoundColumn) -> Option<String> {
    let generated = column.generated != Generated::No;
    if there.generated && !generated {
        return Some(
            "is generated on the target, but not upstream (--sync-mode 2 would leave it to the target)".to_owned(),
        );
    }
    if !there.generated && generated {
        return Some(
            "is generated upstream, but not on the target (--sync-mode 2 would treat it as the target's own)"
                .to_owned(),
        );
    }
    let (Kind::Enum { elements: upstream } | Kind::Set { elements: upstream }) = &column.kind else { return None };
    let target = elements(&there.definition)?;
    let places = places(upstream, &target);
    (!generated && !same_numbers(&places)).then(|| {
        format!(
            "has different elements on the target, ({}) instead of ({}), so values would change (--sync-mode 2 would \
             send them by name)",
            target.join(", "),
            upstream.join(", ")
        )
    })
}

/// The differences of keys that do not allow a start.
#[must_use]
pub fn keys(table: &Table, there: &TargetTable) -> Vec<String> {
    let name = full_name(table);
    let mut problems = Vec::new();
    let mut wanted = BTreeSet::new();
    for key in &table.keys {
        // An index over an expression has no column of that name on other servers.
        let Some(parts) = parts(table, key) else { continue };
        if !there.keys.contains(&parts) {
            let what = if key.primary { "primary key" } else { "unique key" };
            problems.push(format!("{name} has no {what} over {}", parts_text(&parts)));
        }
        wanted.insert(parts);
    }
    let own = |parts: &Parts| {
        let made = |c: &str| there.columns.get(c).is_some_and(|c| c.invisible_key);
        parts.iter().all(|(c, _)| !c.is_empty() && !made(c))
    };
    for parts in there.keys.difference(&wanted).filter(|p| own(p)) {
        problems.push(format!("{name} has a unique key over {} that the upstream does not have", parts_text(parts)));
    }
    problems
}

/// A key in the form of the target's keys; `None` for one over a hidden column.
pub(super) fn parts(table: &Table, key: &Key) -> Option<Parts> {
    let part = |p: &crate::model::KeyPart| {
        let column = table.columns.get(p.column).filter(|c| !c.hidden)?;
        Some((column.name.to_lowercase(), p.prefix))
    };
    key.parts.iter().map(part).collect()
}

pub(super) fn parts_text(parts: &Parts) -> String {
    let part = |(name, prefix): &(String, Option<u32>)| match prefix {
        Some(n) => format!("{}({n})", quote_name(name)),
        None => quote_name(name),
    };
    format!("({})", parts.iter().map(part).collect::<Vec<_>>().join(", "))
}
