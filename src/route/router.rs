//! Routes at work: which of the target's names are taken, and DDL under the target's names.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Routes;
use super::text::Rewritten;
use crate::error::Fault;
use crate::filter::{concerns_cluster, drop_tables, if_not_exists};
use crate::model::{ActionType, CommitTs, Ddl, Table};
use crate::sql::{Edit, Role, Statement, Verb, edited, quoted, statements};

/// Database and name.
type Name = (String, String);

/// Routes, and what is on the target under which name. The default renames nothing.
#[derive(Debug, Default)]
pub struct Router {
    routes: Arc<Routes>,
    /// Names on the target, in lower case, with the upstream's table that has them.
    taken: HashMap<Name, Name>,
    /// The upstream's databases, in lower case.
    databases: BTreeSet<String>,
}

impl Router {
    /// Begins with what the upstream has at the start: `tables` that are replicated, `databases` all of them.
    ///
    /// # Errors
    /// Refused, if two tables would become one.
    pub fn start<'a>(
        routes: Arc<Routes>,
        tables: impl Iterator<Item = &'a Arc<Table>>,
        databases: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Fault> {
        let databases = databases.map(str::to_lowercase).collect();
        let mut router = Self { routes, taken: HashMap::new(), databases };
        if !router.routes.is_empty() {
            for table in tables {
                router.take(table).map_err(|other| clash(table, &other, &router.name(table)).hint(APART))?;
            }
        }
        Ok(router)
    }

    /// Database and name of a table on the target, where they are other ones.
    #[must_use]
    pub fn target(&self, schema: &str, table: &str) -> Option<(String, String)> {
        self.routes.table(schema, table)
    }

    /// The routes.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// `table` as it is called on the target.
    #[must_use]
    pub fn table(&self, table: &Arc<Table>) -> Arc<Table> {
        if self.routes.is_empty() { Arc::clone(table) } else { self.routes.apply(table) }
    }

    /// `ddl` under the target's names; `None` if nothing is left to run. What cannot be renamed for sure, and what would make one table of
    /// two, is marked as refused.
    #[must_use]
    pub fn ddl(&mut self, ts: CommitTs, mut ddl: Ddl) -> Option<Ddl> {
        if self.routes.is_empty() || concerns_cluster(&ddl) {
            return Some(ddl);
        }
        let refused = self.follow(ts, &ddl);
        let home = ddl.schema.clone();
        let (before, after) = (self.all(&ddl.before), self.all(&ddl.after));
        let brings_back = matches!(ddl.action, ActionType::RecoverTable | ActionType::RecoverSchema);
        let rewritten = if brings_back { Rewritten::Same } else { self.statement(&ddl, &before) };
        let moved = self.routes.table(&home, &ddl.table).filter(|_| !ddl.table.is_empty());
        let database = self.routes.database(&home).to_owned();
        (ddl.schema, ddl.table) = moved.unwrap_or((database, ddl.table));
        let mut refused = refused;
        match rewritten {
            Rewritten::Nothing => return None,
            Rewritten::Same => {
                // The text stands as it is, and so does the database that was current.
                if !brings_back {
                    ddl.schema = home;
                }
            }
            Rewritten::As(text, schema) => (ddl.query, ddl.schema) = (text, schema),
            Rewritten::Unsure => refused = refused.or_else(|| Some(unsure(ts, &ddl))),
        }
        (ddl.before, ddl.after) = (before, after);
        for name in &mut ddl.sequences {
            *name = self.routes.table(&name.0, &name.1).unwrap_or_else(|| name.clone());
        }
        match &mut ddl.refused {
            Some(fault) => fault.hint.push_str("; in SQL for the target use the target's names"),
            none => *none = refused.map(Box::new),
        }
        Some(ddl)
    }

    fn all(&self, tables: &[Arc<Table>]) -> Vec<Arc<Table>> {
        tables.iter().map(|t| self.routes.apply(t)).collect()
    }

    fn name(&self, table: &Table) -> Name {
        self.routes.table(&table.schema, &table.name).unwrap_or_else(|| (table.schema.clone(), table.name.clone()))
    }

    /// Takes the name of `table` on the target; fails with the table that has it.
    fn take(&mut self, table: &Table) -> Result<(), Name> {
        let own = (table.schema.to_lowercase(), table.name.to_lowercase());
        let name = lower(&self.name(table));
        match self.taken.get(&name) {
            Some(other) if *other != own => Err(other.clone()),
            _ => {
                self.taken.insert(name, own);
                Ok(())
            }
        }
    }

    /// Keeps account of names through `ddl`, whose names are still the upstream's.
    fn follow(&mut self, ts: CommitTs, ddl: &Ddl) -> Option<Fault> {
        let names = Statement::of(&ddl.query);
        match names.verb {
            Verb::CreateDatabase => drop(self.databases.insert(ddl.schema.to_lowercase())),
            Verb::DropDatabase => drop(self.databases.remove(&ddl.schema.to_lowercase())),
            _ => {}
        }
        for table in &ddl.before {
            let name = lower(&self.name(table));
            if self.taken.get(&name) == Some(&(table.schema.to_lowercase(), table.name.to_lowercase())) {
                self.taken.remove(&name);
            }
        }
        let mut refused = None;
        for table in &ddl.after {
            if let Err(other) = self.take(table) {
                let fault = clash(table, &other, &self.name(table));
                let text = format!("`{}` (commit ts {}): {fault}", ddl.query.trim_end_matches(';'), ts.explain());
                refused.get_or_insert(Fault::refused(text).hint(format!(
                    "{APART}, and start again; `--skip-ddl {}` goes on without it, and leaves its rows out",
                    ts.0
                )));
            }
        }
        refused
    }

    fn statement(&self, ddl: &Ddl, before: &[Arc<Table>]) -> Rewritten {
        let home = &ddl.schema;
        if ddl.action == ActionType::CreateTables {
            let (mut texts, mut schema, mut changed) = (Vec::new(), None, false);
            for text in statements(&ddl.query) {
                match self.routes.rewrite(text, home) {
                    Rewritten::As(text, of) => {
                        schema.get_or_insert(of);
                        changed = true;
                        texts.push(text);
                    }
                    Rewritten::Same => texts.push(written_out(text, home)),
                    other => return other,
                }
            }
            let schema = schema.unwrap_or_else(|| home.clone());
            return if changed { Rewritten::As(texts.join("; "), schema) } else { Rewritten::Same };
        }
        let rewritten = self.routes.rewrite(&ddl.query, home);
        match Statement::of(&ddl.query).verb {
            Verb::DropDatabase => self.dropped(home, before, rewritten),
            Verb::CreateDatabase if self.shared(home) || self.routes.scatters(home) => {
                let (text, schema) = match rewritten {
                    Rewritten::As(text, schema) => (text, schema),
                    _ => (ddl.query.clone(), home.clone()),
                };
                let place = Statement::of(&text).place(Role::Database).cloned();
                let text = place.map_or_else(|| text.clone(), |p| if_not_exists(&text, p.at.start));
                Rewritten::As(text, schema)
            }
            _ => rewritten,
        }
    }

    /// Whether something of another database of the upstream comes into the target's database of `schema`.
    fn shared(&self, schema: &str) -> bool {
        let target = self.routes.database(schema);
        let other = |name: &&String| **name != schema.to_lowercase();
        // Drainer's files do not say which databases there are: then each that has a route may be.
        let routed = self.routes.others_lead(schema, target);
        routed || self.databases.iter().filter(other).any(|name| self.routes.leads(name, target))
    }

    /// DROP DATABASE, unless its tables are not all that is in the target's database, or not all in it: then these tables alone.
    fn dropped(&self, schema: &str, before: &[Arc<Table>], rewritten: Rewritten) -> Rewritten {
        let target = self.routes.database(schema).to_lowercase();
        let elsewhere = before.iter().any(|t| t.schema.to_lowercase() != target);
        if !elsewhere && !self.shared(schema) {
            return rewritten;
        }
        if before.is_empty() { Rewritten::Nothing } else { Rewritten::As(drop_tables(before), target) }
    }
}

fn lower((schema, name): &Name) -> Name {
    (schema.to_lowercase(), name.to_lowercase())
}

/// `text`, in which nothing is renamed, with its table's database, since the current one will be another.
fn written_out(text: &str, home: &str) -> String {
    let statement = Statement::of(text);
    let bare = statement.places.iter().filter(|p| p.schema.is_none() && p.role != Role::Database);
    let edits: Vec<Edit> = bare.map(|p| (p.at.clone(), format!("{}.{}", quoted(home), quoted(&p.name)))).collect();
    edited(text, &edits)
}

const APART: &str = "give one of them another route, or leave it out with a `!` pattern";

fn clash(table: &Table, other: &Name, target: &Name) -> Fault {
    Fault::refused(format!(
        "`{}`.`{}` and `{}`.`{}` of the upstream would both be `{}`.`{}` on the target",
        other.0, other.1, table.schema, table.name, target.0, target.1
    ))
}

fn unsure(ts: CommitTs, ddl: &Ddl) -> Fault {
    Fault::refused(format!(
        "the routes may rename what `{}` (commit ts {}) is about, but it cannot be told which of its words are names of tables",
        ddl.query.trim_end_matches(';'),
        ts.explain()
    ))
    .hint(format!(
        "write it with the target's names: `--on-ddl-error 'replace:{}=SQL'`; or leave it out with `--skip-ddl {}`",
        ts.0, ts.0
    ))
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
