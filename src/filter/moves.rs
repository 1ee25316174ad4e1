//! RENAME with a filter: each table is judged by the name that it had and the name that it gets.
//!
//! | from | to  | what becomes of it |
//! |------|-----|--------------------|
//! | in   | in  | it runs |
//! | out  | out | it does not |
//! | in   | out | the table leaves: it stays on the target as it is, which is said |
//! | out  | in  | the table enters: its rows are not on the target, so the run stops with instructions |
//!
//! A statement that moves several tables runs without those that do not concern the target, unless one that stays behind has
//! the name that another one is to get.

use super::Filter;
use super::ddl::{Judged, Why, ways_on};
use super::event::Event;
use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::sql::{Place, Statement, quoted};

/// A table's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    schema: String,
    table: String,
}

impl Name {
    fn same(&self, other: &Self) -> bool {
        let lower = |n: &Self| (n.schema.to_lowercase(), n.table.to_lowercase());
        lower(self) == lower(other)
    }

    fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.table))
    }
}

/// A table's way through a statement, over however many steps.
#[derive(Debug)]
struct Chain {
    from: Name,
    to: Name,
    steps: Vec<usize>,
}

/// Tables of a RENAME of which the text does not say where they come from, as (database, new name): their old names stand without a
/// database, and are the new ones if they are taken to be in `home`, where the statement leaves them.
pub(crate) fn from_nowhere(names: &Statement, home: &str) -> Vec<(String, String)> {
    let moved = pairs(names, home).into_iter().filter(|(old, new)| old.same(new));
    moved.map(|(_, new)| (new.schema, new.table)).collect()
}

/// Old and new names as the statement has them; `home` is the database of a name without one.
fn pairs(names: &Statement, home: &str) -> Vec<(Name, Name)> {
    let name = |place: &Place| Name {
        schema: place.schema.clone().unwrap_or_else(|| home.to_owned()),
        table: place.name.clone(),
    };
    names.moves().into_iter().map(|(old, new)| (name(old), name(new))).collect()
}

fn chains(pairs: &[(Name, Name)]) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for (i, (old, new)) in pairs.iter().enumerate() {
        match chains.iter_mut().find(|c| c.to.same(old)) {
            Some(chain) => {
                chain.to = new.clone();
                chain.steps.push(i);
            }
            None => chains.push(Chain { from: old.clone(), to: new.clone(), steps: vec![i] }),
        }
    }
    chains
}

impl Filter {
    /// What becomes of a DDL that renames tables.
    pub(super) fn renamed(&self, ts: CommitTs, names: &Statement, mut ddl: Ddl) -> Judged {
        let pairs = pairs(names, &ddl.schema);
        let (mut kept, mut staying, mut entering, mut leaving) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut why = Why::System;
        for chain in chains(&pairs) {
            let (from, to) = (&chain.from, &chain.to);
            match (self.table(&from.schema, &from.table), self.table(&to.schema, &to.table)) {
                (true, true) if !self.drops_event(Event::Ddl(names.verb), &to.schema, &to.table, &ddl) => {
                    kept.push(chain);
                }
                (true, true) => {
                    why = Why::Events;
                    staying.push(chain);
                }
                (true, false) => leaving.push(chain),
                (false, true) => entering.push(chain),
                (false, false) => {
                    let system = !super::wanted(&from.schema) && !super::wanted(&to.schema);
                    why = if system { why.max(Why::System) } else { why.max(Why::Tables) };
                }
            }
        }
        let warning = (!leaving.is_empty()).then(|| left(ts, &leaving));
        staying.append(&mut leaving);
        if kept.is_empty() && entering.is_empty() {
            let why = if staying.is_empty() { why } else { why.max(Why::Tables) };
            return Judged { ddl: None, why: Some(why), warning };
        }
        let rest = statement(&pairs, &kept);
        let in_the_way = staying.iter().find(|s| kept.iter().chain(&entering).any(|k| k.to.same(&s.from)));
        if !entering.is_empty() {
            ddl.refused = Some(Box::new(enters(ts, &ddl, &entering, rest.as_deref())));
        } else if let Some(chain) = in_the_way {
            ddl.refused = Some(Box::new(blocked(ts, &ddl, chain, rest.as_deref())));
        }
        if let (Some(rest), true) = (rest, pairs.len() > kept.iter().map(|c| c.steps.len()).sum()) {
            ddl.query = rest;
        }
        // What enters is new to the target, what leaves is no longer there.
        let is =
            |t: &crate::model::Table, name: &Name| name.same(&Name { schema: t.schema.clone(), table: t.name.clone() });
        ddl.before.retain(|t| kept.iter().any(|c| is(t, &c.from)));
        ddl.after.retain(|t| kept.iter().chain(&entering).any(|c| is(t, &c.to)));
        Judged { ddl: Some(ddl), why: None, warning }
    }
}

/// The moves that concern the target, all names written out; `None` if there are none.
fn statement(pairs: &[(Name, Name)], kept: &[Chain]) -> Option<String> {
    let mut steps: Vec<usize> = kept.iter().flat_map(|c| c.steps.iter().copied()).collect();
    steps.sort_unstable();
    let moves: Vec<String> = steps
        .into_iter()
        .filter_map(|i| pairs.get(i))
        .map(|(old, new)| format!("{} TO {}", old.sql(), new.sql()))
        .collect();
    (!moves.is_empty()).then(|| format!("RENAME TABLE {};", moves.join(", ")))
}

fn list(chains: &[Chain]) -> String {
    chains.iter().map(|c| format!("{} (as {})", c.from.sql(), c.to.sql())).collect::<Vec<_>>().join(", ")
}

fn left(ts: CommitTs, leaving: &[Chain]) -> String {
    format!(
        "by a RENAME of commit ts {} these tables leave what is replicated: {}. On the target each stays under its old name, as it is \
         now; drop it there, or let the patterns take in the new name",
        ts.explain(),
        list(leaving)
    )
}

fn enters(ts: CommitTs, ddl: &Ddl, entering: &[Chain], rest: Option<&str>) -> Fault {
    Fault::refused(format!(
        "`{}` (commit ts {}) takes tables into what is replicated whose rows are not on the target: {}",
        ddl.query.trim_end_matches(';'),
        ts.explain(),
        list(entering)
    ))
    .hint(ways_on(ts, "copy the tables as they are at that ts to the target", rest))
}

fn blocked(ts: CommitTs, ddl: &Ddl, staying: &Chain, rest: Option<&str>) -> Fault {
    Fault::refused(format!(
        "`{}` (commit ts {}) gives another table the name of {}, which stays on the target because {} is not replicated",
        ddl.query.trim_end_matches(';'),
        ts.explain(),
        staying.from.sql(),
        staying.to.sql()
    ))
    .hint(ways_on(ts, "drop or rename that table on the target", rest))
}
