//! Applies routes: tracks which names of the target are taken, and rewrites DDL to those names.
//!
//! Names in a statement are found token by token. Where it is not certain that all were found,
//! nothing is guessed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Routes;
use crate::error::Fault;
use crate::filter::{concerns_cluster, drop_tables, if_not_exists};
use crate::model::{ActionType, CommitTs, Ddl, Table};
use crate::sql::{Edit, Place, Role, Statement, Verb, edited, quote_name, statements, tokens};

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
    /// Begins with what the upstream has at the start: `tables` that are replicated, `databases`
    /// all of them.
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

    /// `ddl` under the target's names; `None` if nothing is left to run. It is marked as refused if
    /// it cannot be renamed for sure, or would make one table of two.
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
                    "{APART}, and start again; `--skip-ddl {}` continues without it, and leaves its rows out",
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

    /// Whether tables of another upstream database go into the target's database of `schema`.
    fn shared(&self, schema: &str) -> bool {
        let target = self.routes.database(schema);
        let other = |name: &&String| **name != schema.to_lowercase();
        // Drainer's files do not say which databases there are: then each that has a route may be.
        let routed = self.routes.others_lead(schema, target);
        routed || self.databases.iter().filter(other).any(|name| self.routes.leads(name, target))
    }

    /// DROP DATABASE; or DROP TABLE of its tables alone, if they are not all that the target's
    /// database holds, or not all in it.
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

/// `text`, in which nothing is renamed, with its table's database written out, since the current
/// database will be another one.
fn written_out(text: &str, home: &str) -> String {
    let statement = Statement::of(text);
    let bare = statement.places.iter().filter(|p| p.schema.is_none() && p.role != Role::Database);
    let edits: Vec<Edit> =
        bare.map(|p| (p.at.clone(), format!("{}.{}", quote_name(home), quote_name(&p.name)))).collect();
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
        "the routes may rename the tables of `{}` (commit ts {}), but tisync cannot tell which of its words are table \
         names",
        ddl.query.trim_end_matches(';'),
        ts.explain()
    ))
    .hint(format!(
        "use the target's names: `--on-ddl-error 'replace:{}=SQL'`; or leave it out with `--skip-ddl {}`",
        ts.0, ts.0
    ))
}

/// What a statement is rewritten to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// It stays as it is: nothing in it is called otherwise.
    Same,
    /// Its text, and the database that its first name is in.
    As(String, String),
    /// Every table of it has its new name already.
    Nothing,
    /// It cannot be told which of its words are names.
    Unsure,
}

/// Database and name, quoted.
fn sql((schema, name): &(String, String)) -> String {
    format!("{}.{}", quote_name(schema), quote_name(name))
}

impl Routes {
    /// `query`, run while `home` is the database, with the target's names.
    pub(super) fn rewrite(&self, query: &str, home: &str) -> Rewritten {
        let names = Statement::of(query);
        if !names.complete {
            return if self.may_concern(query, home, &names) { Rewritten::Unsure } else { Rewritten::Same };
        }
        let targets: Vec<(&Place, (String, String), bool)> =
            names.places.iter().map(|place| self.target(place, home)).collect();
        let Some((_, first, _)) = targets.first() else {
            // ALTER DATABASE without a name.
            let database = self.database(home);
            return if database == home {
                Rewritten::Same
            } else {
                Rewritten::As(query.to_owned(), database.to_owned())
            };
        };
        if targets.iter().all(|(_, _, changed)| !changed) {
            return Rewritten::Same;
        }
        let schema = first.0.clone();
        if let Some(rest) = moved_already(&names, &targets) {
            return if rest.is_empty() {
                Rewritten::Nothing
            } else {
                Rewritten::As(format!("RENAME TABLE {};", rest.join(", ")), schema)
            };
        }
        let edit = |(place, to, _): &(&Place, (String, String), bool)| match place.role {
            Role::Database => (place.at.clone(), quote_name(&to.0)),
            _ => (place.at.clone(), sql(to)),
        };
        let edits: Vec<Edit> = targets.iter().map(edit).collect();
        Rewritten::As(edited(query, &edits), schema)
    }

    /// What a name is on the target, and whether that is another one.
    fn target<'a>(&self, place: &'a Place, home: &str) -> (&'a Place, (String, String), bool) {
        if place.role == Role::Database {
            let to = self.database(&place.name);
            return (place, (to.to_owned(), String::new()), to != place.name);
        }
        let schema = place.schema.as_deref().unwrap_or(home);
        match self.table(schema, &place.name) {
            Some(to) => (place, to, true),
            None => (place, (schema.to_owned(), place.name.clone()), false),
        }
    }

    /// Whether a statement whose names are not all known may hold one that is called otherwise.
    fn may_concern(&self, query: &str, home: &str, names: &Statement) -> bool {
        let named = names.places.iter().any(|p| self.target(p, home).2);
        let words = || tokens(query).into_iter().filter_map(|(token, ..)| token.name());
        named || self.concerns(home) || words().any(|word| self.concerns(&word))
    }
}

/// A RENAME some of whose tables have their new names already: the moves that are left. `None` if
/// it is not one.
fn moved_already(names: &Statement, targets: &[(&Place, (String, String), bool)]) -> Option<Vec<String>> {
    let same = |a: &(String, String), b: &(String, String)| {
        (a.0.to_lowercase(), a.1.to_lowercase()) == (b.0.to_lowercase(), b.1.to_lowercase())
    };
    let pairs: Vec<_> = targets
        .chunks(2)
        .filter_map(|pair| if let [(_, old, _), (_, new, _)] = pair { Some((old, new)) } else { None })
        .collect();
    if !names.only_renames || !pairs.iter().any(|(old, new)| same(old, new)) {
        return None;
    }
    let left = pairs.iter().filter(|(old, new)| !same(old, new));
    Some(left.map(|(old, new)| format!("{} TO {}", sql(old), sql(new))).collect())
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;

#[cfg(test)]
mod text_tests {
    use super::*;
    use crate::route::tests::routes;

    fn shown(rewritten: Rewritten) -> String {
        match rewritten {
            Rewritten::As(text, schema) => format!("{schema}: {text}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn statements_with_the_targets_names() {
        let routes = routes(&[
            ("app.users", "crm.`peo``ple`"),
            ("app.*", "app2.*"),
            ("one.t", "one.t1"),
            ("one.old", "one.new"),
        ]);
        for (home, query, expected) in [
            (
                "app",
                "CREATE TABLE `t` (`users` INT DEFAULT 'users', FOREIGN KEY (`a`) REFERENCES `users`(`id`))",
                "app2: CREATE TABLE `app2`.`t` (`users` INT DEFAULT 'users', FOREIGN KEY (`a`) REFERENCES `crm`.`peo``ple`(`id`))",
            ),
            (
                "x",
                "CREATE TABLE IF NOT EXISTS app . users LIKE y",
                "crm: CREATE TABLE IF NOT EXISTS `crm`.`peo``ple` LIKE `x`.`y`",
            ),
            ("x", "CREATE TABLE `y` LIKE `app`.`users`", "x: CREATE TABLE `x`.`y` LIKE `crm`.`peo``ple`"),
            (
                "app",
                "ALTER TABLE `Users` ADD COLUMN (`app` INT /* users */)",
                "crm: ALTER TABLE `crm`.`peo``ple` ADD COLUMN (`app` INT /* users */)",
            ),
            ("app", "ALTER TABLE `a` RENAME TO `users`;", "app2: ALTER TABLE `app2`.`a` RENAME TO `crm`.`peo``ple`;"),
            (
                "app",
                "RENAME TABLE `a` TO `x`.`b`, `x`.`c` TO `a`;",
                "app2: RENAME TABLE `app2`.`a` TO `x`.`b`, `x`.`c` TO `app2`.`a`;",
            ),
            (
                "app",
                "ALTER TABLE `p` EXCHANGE PARTITION `users` WITH TABLE `users`",
                "app2: ALTER TABLE `app2`.`p` EXCHANGE PARTITION `users` WITH TABLE `crm`.`peo``ple`",
            ),
            ("app", "TRUNCATE TABLE `t`", "app2: TRUNCATE TABLE `app2`.`t`"),
            ("x", "DROP TABLE IF EXISTS `app`.`a`,`b`", "app2: DROP TABLE IF EXISTS `app2`.`a`,`x`.`b`"),
            (
                "app",
                "CREATE UNIQUE INDEX `users` ON `users` (`users`)",
                "crm: CREATE UNIQUE INDEX `users` ON `crm`.`peo``ple` (`users`)",
            ),
            ("app", "DROP INDEX `i` ON t", "app2: DROP INDEX `i` ON `app2`.`t`"),
            (
                "app",
                "CREATE DATABASE IF NOT EXISTS `App` CHARSET utf8",
                "app2: CREATE DATABASE IF NOT EXISTS `app2` CHARSET utf8",
            ),
            ("app", "DROP DATABASE app;", "app2: DROP DATABASE `app2`;"),
            ("app", "ALTER DATABASE CHARACTER SET utf8", "app2: ALTER DATABASE CHARACTER SET utf8"),
            ("app", "DROP VIEW `v`", "app2: DROP VIEW `app2`.`v`"),
            ("app", "CREATE SEQUENCE s", "app2: CREATE SEQUENCE `app2`.`s`"),
            ("one", "ALTER TABLE `other` COMMENT = 't'", "Same"),
            ("app2", "DROP TABLE `t`", "Same"),
            // A table that has its new name already.
            ("one", "RENAME TABLE `old` TO `new`", "Nothing"),
            ("one", "ALTER TABLE `old` RENAME AS `new`", "Nothing"),
            ("one", "RENAME TABLE `old` TO `new`, `t` TO `u`", "one: RENAME TABLE `one`.`t1` TO `one`.`u`;"),
            // Names in a query, or in an expression, cannot be told from others.
            ("app", "CREATE VIEW `v` AS SELECT * FROM `t`", "Unsure"),
            ("x", "CREATE VIEW `v` AS SELECT * FROM `app`.`t`", "Unsure"),
            ("x", "CREATE VIEW `v` AS SELECT * FROM `t`", "Same"),
            ("app", "CREATE TABLE `t` (`a` INT, `b` INT AS (`t`.`a` + 1))", "Unsure"),
            ("one", "CREATE TABLE `x` (`a` INT DEFAULT NEXTVAL(`t`))", "Unsure"),
            ("x", "CREATE PLACEMENT POLICY `p` FOLLOWERS=4", "Same"),
        ] {
            assert_eq!(shown(routes.rewrite(query, home)), expected, "{query}");
        }
    }

    proptest::proptest! {
        /// For names at any place in a statement, only the names change.
        #[test]
        fn without_its_names_a_statement_stays(
            sql in "(CREATE|DROP|ALTER|TRUNCATE) TABLE (`app`\\.|app\\.|y\\.)?(`[a-c`]{1,4}`|[abc]{1,4})( \\(a INT REFERENCES b\\(a\\), c CHAR\\(5\\) DEFAULT 'app.b'\\)| RENAME TO x\\.y| ADD COLUMN d INT|, `app`\\.c| [^`]{0,8})"
        ) {
            if let Rewritten::As(text, schema) = routes(&[("app.*", "app2.*"), ("x.*", "y.*")]).rewrite(&sql, "app") {
                proptest::prop_assert!(["app2", "y"].contains(&schema.as_str()) || !sql.contains("app."), "{}: {}", schema, text);
                // Back again it is what it was, written out.
                let back = routes(&[("app2.*", "app.*"), ("y.*", "x.*")]).rewrite(&text, &schema);
                if let Rewritten::As(back, _) = back {
                    let places = |sql: &str| Statement::of(sql).places.iter().map(|p| (p.role, p.name.clone())).collect::<Vec<_>>();
                    proptest::prop_assert_eq!(places(&back), places(&sql));
                    let bare = |sql: &str| {
                        let mut out = sql.to_owned();
                        for place in Statement::of(sql).places.iter().rev() {
                            out.replace_range(place.at.clone(), "");
                        }
                        out
                    };
                    proptest::prop_assert_eq!(bare(&back), bare(&sql));
                }
            }
        }
    }
}
