//! Decides what becomes of a DDL under a filter: it runs, runs in part, is left out, or is refused.
//!
//! Drainer judges a statement by one name, that of its last table after the DDL. Here each table of
//! it counts.
//!
//! - CREATE and ALTER DATABASE pass if any table of the database may pass, also where patterns name
//!   tables alone. Where only a part passes, CREATE gets IF NOT EXISTS: the target may keep the
//!   database for other tables.
//! - DROP DATABASE passes if all of the database is replicated. Where only a part is, it becomes
//!   DROP TABLE of the tables of that part: what else the target holds there is not the link's to
//!   drop.
//! - EXCHANGE PARTITION between a table that is replicated and one that is not moves rows that no
//!   binlog repeats: refused.
//! - RENAME: see below. Several tables created at once: each by itself. A view counts by its own
//!   name; if it reads tables that the target does not have, the target says so.
//!
//! A DDL that is left out has changed the schema store all the same.
//!
//! RENAME: each table is judged by its old name and by its new name.
//!
//! | old | new | what becomes of it |
//! |-----|-----|--------------------|
//! | in  | in  | it runs |
//! | out | out | it does not |
//! | in  | out | the table leaves: it stays on the target as it is, which is reported |
//! | out | in  | the table enters: its rows are not on the target, so the run stops, with a hint |
//!
//! A statement that moves several tables runs without those that do not concern the target, unless
//! one that stays behind has the name that another one is to get.

use std::sync::Arc;

use super::event::Event;
use super::tables::Scope;
use super::{Filter, wanted};
use crate::error::Fault;
use crate::model::{ActionType, CommitTs, Ddl, Table};
use crate::sql::{Place, Role, Statement, Verb, quote_name, statements};

/// Whether a DDL concerns the whole cluster, under any name: FLASHBACK CLUSTER, placement policies,
/// resource groups. The sink knows what to do about them.
pub(crate) const fn concerns_cluster(ddl: &Ddl) -> bool {
    let policy = matches!(
        ddl.action,
        ActionType::CreatePlacementPolicy | ActionType::AlterPlacementPolicy | ActionType::DropPlacementPolicy
    );
    let group = matches!(
        ddl.action,
        ActionType::CreateResourceGroup | ActionType::AlterResourceGroup | ActionType::DropResourceGroup
    );
    policy || group || matches!(ddl.action, ActionType::FlashbackCluster) || ddl.schema.is_empty()
}

/// What becomes of a DDL.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What of it concerns the target, unchanged or rewritten; `None`: no part of it.
    pub ddl: Option<Ddl>,
    /// Why nothing is left.
    pub why: Option<Why>,
    /// What the operator should know.
    pub warning: Option<String>,
}

/// Why something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It concerns a system database, or one of the replication tools.
    System,
    /// Its table is not replicated.
    Tables,
    /// An event rule.
    Events,
}

impl Judged {
    fn pass(ddl: Ddl) -> Self {
        Self { ddl: Some(ddl), why: None, warning: None }
    }

    fn out(why: Why) -> Self {
        Self { ddl: None, why: Some(why), warning: None }
    }
}

impl Filter {
    /// Decides what becomes of `ddl` with commit ts `ts`.
    #[must_use]
    pub fn ddl(&self, ts: CommitTs, ddl: Ddl) -> Judged {
        if concerns_cluster(&ddl) {
            return Judged::pass(ddl);
        }
        if ddl.action == ActionType::CreateTables {
            return self.created(ddl);
        }
        let names = Statement::of(&ddl.query);
        if ddl.table.is_empty() {
            return self.on_database(&names, ddl);
        }
        if !names.moves().is_empty() {
            return self.renamed(ts, &names, ddl);
        }
        if let Some(with) = names.place(Role::With) {
            let other = (with.schema.clone().unwrap_or_else(|| ddl.schema.clone()), with.name.clone());
            return self.exchanged(ts, &names, other, ddl);
        }
        if !self.table(&ddl.schema, &ddl.table) {
            return Judged::out(if wanted(&ddl.schema) { Why::Tables } else { Why::System });
        }
        if self.drops_event(Event::Ddl(names.verb), &ddl.schema, &ddl.table, &ddl) {
            return Judged::out(Why::Events);
        }
        Judged::pass(ddl)
    }

    /// Whether a rule on events leaves `ddl` out, as far as it concerns this table; an empty name
    /// stands for the database.
    pub(super) fn drops_event(&self, event: Event, schema: &str, table: &str, ddl: &Ddl) -> bool {
        let text = if ddl.written.is_empty() { &ddl.query } else { &ddl.written };
        self.events.iter().any(|rule| {
            let takes =
                if table.is_empty() { rule.tables.takes_database(schema) } else { rule.tables.takes(schema, table) };
            takes && (rule.ignores(event) || rule.ignores_sql(text))
        })
    }

    fn on_database(&self, names: &Statement, mut ddl: Ddl) -> Judged {
        let scope = self.database(&ddl.schema);
        if scope == Scope::None {
            return Judged::out(if wanted(&ddl.schema) { Why::Tables } else { Why::System });
        }
        if self.drops_event(Event::Ddl(names.verb), &ddl.schema, "", &ddl) {
            return Judged::out(Why::Events);
        }
        if scope == Scope::All {
            return Judged::pass(ddl);
        }
        let place = names.place(Role::Database);
        match (names.verb, place) {
            (Verb::CreateDatabase, Some(place)) => ddl.query = if_not_exists(&ddl.query, place.at.start),
            (Verb::DropDatabase, _) => {
                ddl.before.retain(|t| self.table(&t.schema, &t.name));
                if ddl.before.is_empty() {
                    return Judged::out(Why::Tables);
                }
                ddl.query = drop_tables(&ddl.before);
            }
            _ => self.narrow(&mut ddl),
        }
        Judged::pass(ddl)
    }

    /// Takes out of its lists what is not replicated.
    fn narrow(&self, ddl: &mut Ddl) {
        ddl.before.retain(|t| self.table(&t.schema, &t.name));
        ddl.after.retain(|t| self.table(&t.schema, &t.name));
    }

    /// Several tables at once, one statement each.
    fn created(&self, mut ddl: Ddl) -> Judged {
        let (mut why, mut kept) = (Why::System, Vec::new());
        let all = statements(&ddl.query);
        for text in &all {
            let names = Statement::of(text);
            let Some(place) = names.place(Role::Subject) else {
                kept.push(*text);
                continue;
            };
            let schema = place.schema.as_deref().unwrap_or(&ddl.schema);
            if !self.table(schema, &place.name) {
                why = why.max(if wanted(schema) { Why::Tables } else { Why::System });
            } else if self.drops_event(Event::Ddl(names.verb), schema, &place.name, &ddl) {
                why = Why::Events;
            } else {
                kept.push(*text);
            }
        }
        if kept.is_empty() && !all.is_empty() {
            return Judged::out(why);
        }
        if kept.len() < all.len() {
            let subjects: Vec<(String, String)> = kept
                .iter()
                .flat_map(|text| Statement::of(text).places)
                .filter(|p| p.role == Role::Subject)
                .map(|p| (p.schema.unwrap_or_else(|| ddl.schema.clone()).to_lowercase(), p.name.to_lowercase()))
                .collect();
            ddl.query = kept.join("; ");
            ddl.after.retain(|t| subjects.contains(&(t.schema.to_lowercase(), t.name.to_lowercase())));
        }
        Judged::pass(ddl)
    }

    fn exchanged(&self, ts: CommitTs, names: &Statement, other: (String, String), mut ddl: Ddl) -> Judged {
        let subject = names.place(Role::Subject);
        let schema = subject.and_then(|p| p.schema.clone()).unwrap_or_else(|| ddl.schema.clone());
        let table = subject.map_or_else(|| ddl.table.clone(), |p| p.name.clone());
        match (self.table(&schema, &table), self.table(&other.0, &other.1)) {
            (false, false) => {
                return Judged::out(if wanted(&schema) || wanted(&other.0) { Why::Tables } else { Why::System });
            }
            (true, true) if self.drops_event(Event::Ddl(names.verb), &schema, &table, &ddl) => {
                return Judged::out(Why::Events);
            }
            (true, true) => {}
            (inside, _) => {
                let both = [format!("`{schema}`.`{table}`"), format!("`{}`.`{}`", other.0, other.1)];
                let [partitioned, plain] = both;
                let (is, is_not) = if inside { (partitioned, plain) } else { (plain, partitioned) };
                let text = format!(
                    "`{}` (commit ts {}) exchanges rows of {is}, which is replicated, with rows of {is_not}, which is not",
                    ddl.query.trim_end_matches(';'),
                    ts.explain()
                );
                let what = format!("bring {is} on the target to the state after it by hand");
                ddl.refused = Some(Box::new(Fault::refused(text).hint(ways_on(ts, &what, None))));
                self.narrow(&mut ddl);
            }
        }
        Judged::pass(ddl)
    }
}

/// What an operator can do about a DDL that is refused.
pub(crate) fn ways_on(ts: CommitTs, by_hand: &str, rest: Option<&str>) -> String {
    let sql = rest.map_or_else(|| "SQL".to_owned(), |rest| rest.trim_end_matches(';').to_owned());
    format!(
        "{by_hand}, and continue with `--on-ddl-error 'replace:{}={sql}'`, which runs that instead; or leave the DDL \
         out with `--skip-ddl {}`: rows of tables that it creates are then left out, counted and listed",
        ts.0, ts.0
    )
}

/// CREATE DATABASE with IF NOT EXISTS before the name at `at`.
pub(crate) fn if_not_exists(query: &str, at: usize) -> String {
    let (head, tail) = query.split_at_checked(at).unwrap_or((query, ""));
    if head.to_uppercase().contains("EXISTS") {
        return query.to_owned();
    }
    format!("{head}IF NOT EXISTS {tail}")
}

/// A statement that drops these tables, all names written out.
pub(crate) fn drop_tables(tables: &[Arc<Table>]) -> String {
    let name = |t: &Arc<Table>| format!("{}.{}", quote_name(&t.schema), quote_name(&t.name));
    format!("DROP TABLE IF EXISTS {};", tables.iter().map(name).collect::<Vec<_>>().join(", "))
}

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
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.table))
    }
}

/// A table's way through a statement, over however many steps.
#[derive(Debug)]
struct Chain {
    from: Name,
    to: Name,
    steps: Vec<usize>,
}

/// Tables of a RENAME whose origin the text does not tell, as (database, new name): their old names
/// stand without a database, and equal the new ones if they are taken to be in `home`, where the
/// statement leaves them.
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
        "after a RENAME of commit ts {} these tables are no longer replicated: {}. On the target each stays under its \
         old name, as it is now; drop it there, or include the new name in the patterns",
        ts.explain(),
        list(leaving)
    )
}

fn enters(ts: CommitTs, ddl: &Ddl, entering: &[Chain], rest: Option<&str>) -> Fault {
    Fault::refused(format!(
        "after `{}` (commit ts {}) tables are replicated whose rows are not on the target: {}",
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

#[cfg(test)]
#[path = "ddl_tests.rs"]
mod tests;
