//! Routes: databases and tables that have another name on the target.
//!
//! They come after the filter, which goes by the names of the upstream, and before the sink, which
//! knows the names of the target alone.
//!
//! ```text
//! app.*       → app2.*            every table of app, and the database itself
//! app.users   → crm.people        one table
//! ```
//!
//! The first route that fits decides. Two tables of the upstream never become one: that is refused
//! when it is seen, at the start or at the DDL that would bring it. `router.rs` knows which names
//! are taken, and rewrites statements.
//!
//! Also here: which tables of the target belong to one upstream database, where the upstream cannot
//! be asked.

mod router;

use std::sync::Arc;

use anyhow::Result;

use crate::error::Fault;
use crate::filter::{quoted_name, wanted};
use crate::model::Table;
pub use router::Router;

/// One route. Names that are looked for are in lower case, as TiDB compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    schema: String,
    /// `None`: every table.
    table: Option<String>,
    to_schema: String,
    to_table: Option<String>,
}

/// The names that differ on the target. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    /// Routes from pairs of patterns: `db.*` to `newdb.*`, `db.table` to `newdb.newtable`. Names
    /// may be quoted.
    ///
    /// # Errors
    /// A usage fault that names the route and says what is wrong with it.
    pub fn new(pairs: &[(String, String)]) -> Result<Self, Fault> {
        let mut routes: Vec<Route> = Vec::new();
        for (from, to) in pairs {
            let route = Route::read(from, to)
                .map_err(|why| Fault::usage(format!("the route {from} to {to}: {why}")).hint(HINT))?;
            let (schema, table) = (route.to_schema.to_lowercase(), route.to_table.as_ref().map(|t| t.to_lowercase()));
            let same = |r: &&Route| {
                let to = (r.to_schema.to_lowercase(), r.to_table.as_ref().map(|t| t.to_lowercase()));
                table.is_some()
                    && to == (schema.clone(), table.clone())
                    && (&r.schema, &r.table) != (&route.schema, &route.table)
            };
            if routes.iter().any(|r| same(&r)) {
                let text = format!("two routes lead to the table {to}");
                return Err(Fault::usage(text).hint("two tables of the upstream cannot become one on the target"));
            }
            routes.push(route);
        }
        Ok(Self { routes })
    }

    /// Whether every name stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Database and name of a table on the target, where they are other ones.
    #[must_use]
    pub fn table(&self, schema: &str, table: &str) -> Option<(String, String)> {
        let (lower, name) = (schema.to_lowercase(), table.to_lowercase());
        let fits = |r: &&Route| r.schema == lower && r.table.as_ref().is_none_or(|t| *t == name);
        let route = self.routes.iter().find(fits)?;
        let to = (route.to_schema.clone(), route.to_table.clone().unwrap_or_else(|| table.to_owned()));
        (to != (schema.to_owned(), table.to_owned())).then_some(to)
    }

    /// The name of a database on the target.
    #[must_use]
    pub fn database<'a>(&'a self, schema: &'a str) -> &'a str {
        let lower = schema.to_lowercase();
        let route = self.routes.iter().find(|r| r.table.is_none() && r.schema == lower);
        route.map_or(schema, |r| r.to_schema.as_str())
    }

    /// `table` as it is called on the target, the parents of its foreign keys too.
    #[must_use]
    pub fn apply(&self, table: &Arc<Table>) -> Arc<Table> {
        let own = self.table(&table.schema, &table.name);
        let parents = table.foreign_keys.iter().map(|key| {
            let schema = if key.parent_schema.is_empty() { &table.schema } else { &key.parent_schema };
            self.table(schema, &key.parent_table).or_else(|| {
                // A parent that stays where it is, while its child moves away.
                own.as_ref().map(|_| (schema.clone(), key.parent_table.clone()))
            })
        });
        let parents: Vec<Option<(String, String)>> = parents.collect();
        if own.is_none() && parents.iter().all(Option::is_none) {
            return Arc::clone(table);
        }
        let mut routed = Table::clone(table);
        if let Some((schema, name)) = own {
            if table.id == Table::id_of_names(&table.schema, &table.name) {
                // Known by its names alone: the target remembers it by those that it has there.
                routed.id = Table::id_of_names(&schema, &name);
            }
            (routed.schema, routed.name) = (schema, name);
        }
        for (key, parent) in routed.foreign_keys.iter_mut().zip(parents) {
            if let Some((schema, name)) = parent {
                (key.parent_schema, key.parent_table) = (schema, name);
            }
        }
        Arc::new(routed)
    }

    /// Whether a route begins at this database, for all of it or for a table.
    fn concerns(&self, schema: &str) -> bool {
        let lower = schema.to_lowercase();
        self.routes.iter().any(|r| r.schema == lower)
    }

    /// Whether a single table of this database has a route of its own.
    fn scatters(&self, schema: &str) -> bool {
        let lower = schema.to_lowercase();
        self.routes.iter().any(|r| r.schema == lower && r.table.is_some())
    }

    /// Whether a route of a database other than `schema` leads into the target's database `target`.
    fn others_lead(&self, schema: &str, target: &str) -> bool {
        let (lower, target) = (schema.to_lowercase(), target.to_lowercase());
        self.routes.iter().any(|r| r.schema != lower && r.to_schema.to_lowercase() == target)
    }

    /// Whether any part of the upstream's database `schema` goes to the target's database `target`.
    fn leads(&self, schema: &str, target: &str) -> bool {
        let lower = schema.to_lowercase();
        let same = |name: &str| name.to_lowercase() == target.to_lowercase();
        same(self.database(schema)) || self.routes.iter().any(|r| r.schema == lower && same(&r.to_schema))
    }
}

const HINT: &str = "a route is `db.*` to `newdb.*`, or `db.table` to `newdb.newtable`; quote names that contain other \
    characters: `my.db`.*";

impl Route {
    fn read(from: &str, to: &str) -> Result<Self, String> {
        let (schema, table) = side(from)?;
        let (to_schema, to_table) = side(to)?;
        if table.is_some() != to_table.is_some() {
            return Err("both sides must be a table, or both all tables of a database".to_owned());
        }
        if !wanted(&schema) {
            return Err(format!("nothing of `{schema}` is ever replicated"));
        }
        if !wanted(&to_schema) {
            return Err(format!(
                "`{to_schema}` belongs to the server or to the tools, and nothing can be written to it"
            ));
        }
        Ok(Self { schema: schema.to_lowercase(), table: table.map(|t| t.to_lowercase()), to_schema, to_table })
    }
}

/// Database and table of one side; no table for `*`.
fn side(text: &str) -> Result<(String, Option<String>), String> {
    let text = text.trim();
    let (schema, rest) = part(text)?;
    let rest =
        rest.strip_prefix('.').ok_or_else(|| format!("there is no `.` between database and table in `{text}`"))?;
    if rest == "*" {
        return Ok((schema, None));
    }
    let (table, rest) = part(rest)?;
    if !rest.is_empty() {
        return Err(format!("unexpected `{rest}` in `{text}`"));
    }
    Ok((schema, Some(table)))
}

fn part(text: &str) -> Result<(String, &str), String> {
    if let Some(quote @ ('`' | '"')) = text.chars().next() {
        return quoted_name(text, quote);
    }
    let (name, rest) = text.split_at_checked(text.find('.').unwrap_or(text.len())).unwrap_or((text, ""));
    if name.is_empty() {
        return Err("a name is missing".to_owned());
    }
    if let Some(c) = name.chars().find(|c| "*?[]!/\\`\"".contains(*c) || c.is_whitespace()) {
        return Err(format!("`{c}` in `{name}`: a route names one database or one table, without wildcards"));
    }
    Ok((name.to_owned(), rest))
}

/// What the target has of an upstream database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its tables, by their names upstream.
    pub tables: Vec<String>,
    /// One that may be another database's as well, if there is any: that database, the target's,
    /// the table.
    pub doubtful: Option<(String, String, String)>,
}

impl Routes {
    /// What the target has of the upstream's database `schema`. `tables` lists one of the target's
    /// databases, `wanted` tells whether an upstream table is replicated.
    ///
    /// # Errors
    /// If `tables` fails.
    pub fn contents(
        &self,
        schema: &str,
        wanted: &dyn Fn(&str, &str) -> bool,
        tables: &mut dyn FnMut(&str) -> Result<Vec<String>>,
    ) -> Result<Contents> {
        let mut found = Contents::default();
        let target = self.database(schema).to_owned();
        let (own, others): (Vec<&Route>, Vec<&Route>) =
            self.routes.iter().partition(|r| r.schema == schema.to_lowercase());
        for table in tables(&target)? {
            let to = self.table(schema, &table).unwrap_or_else(|| (schema.to_owned(), table.clone()));
            // Where a route of a single table ends, no other table ends.
            let single = self.routes.iter().any(|r| r.ends_at(&target, Some(&table)));
            if single || !same(&to.0, &target) || !same(&to.1, &table) || !wanted(schema, &table) {
                continue;
            }
            let other = others.iter().find(|r| r.ends_at(&target, None) && wanted(&r.schema, &table));
            if let Some(other) = other {
                found.doubtful.get_or_insert((other.schema.clone(), target.clone(), table.clone()));
            }
            found.tables.push(table);
        }
        for route in own {
            if let Route { table: Some(table), to_table: Some(to), .. } = route
                && wanted(schema, table)
                && tables(&route.to_schema)?.iter().any(|t| same(t, to))
            {
                found.tables.push(table.clone());
            }
        }
        Ok(found)
    }
}

impl Route {
    /// Whether it leads to this table of the target, or (`None`) all tables of a database to this
    /// one.
    fn ends_at(&self, schema: &str, table: Option<&str>) -> bool {
        let ends = match (&self.to_table, table) {
            (Some(to), Some(table)) => same(to, table),
            (None, None) => true,
            _ => false,
        };
        ends && same(&self.to_schema, schema)
    }
}

/// TiDB compares names without regard to case.
fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ForeignKey, Handle};

    pub(super) fn routes(pairs: &[(&str, &str)]) -> Routes {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Routes::new(&pairs).unwrap()
    }

    pub(super) fn table(id: i64, name: &str, parents: &[&str]) -> Arc<Table> {
        let split = |name: &str| {
            let (schema, table) = name.split_once('.').unwrap_or(("", name));
            (schema.to_owned(), table.to_owned())
        };
        let key = |parent: &&str| {
            let (parent_schema, parent_table) = split(parent);
            ForeignKey { name: String::new(), parent_schema, parent_table, columns: vec![], parent_columns: vec![] }
        };
        let (schema, name) = split(name);
        Arc::new(Table {
            id,
            schema,
            name,
            columns: vec![],
            keys: vec![],
            handle: Handle::RowId,
            foreign_keys: parents.iter().map(key).collect(),
            partitions: vec![],
            charset: String::new(),
            collation: String::new(),
            details: None,
        })
    }

    #[test]
    fn the_first_route_that_fits_decides() {
        let routes = routes(&[("App.Users", "crm.People"), ("app.*", "app2.*"), ("`my.db`.\"a.b\"", "x.`y.z`")]);
        let to = |schema, table| routes.table(schema, table).map(|(s, t)| format!("{s}.{t}"));
        assert_eq!(to("APP", "users").as_deref(), Some("crm.People"));
        assert_eq!(to("app", "Orders").as_deref(), Some("app2.Orders"), "the name keeps its case");
        assert_eq!(to("my.db", "a.b").as_deref(), Some("x.y.z"));
        assert_eq!((to("other", "users"), to("app2", "t")), (None, None));
        assert_eq!((routes.database("APP"), routes.database("my.db"), routes.database("x")), ("app2", "my.db", "x"));
        assert!(Routes::default().is_empty() && Routes::default().table("a", "b").is_none());
    }

    #[test]
    fn parents_of_foreign_keys_are_renamed_too() {
        let routes = routes(&[("app.users", "crm.people"), ("app.child", "app.kid")]);
        let parents = |t: &Table| {
            t.foreign_keys
                .iter()
                .map(|k| format!("{}.{}", k.parent_schema, k.parent_table))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let child = routes.apply(&table(1, "app.child", &["users", "app.users", "other"]));
        assert_eq!((child.schema.as_str(), child.name.as_str()), ("app", "kid"));
        assert_eq!(parents(&child), "crm.people crm.people app.other");
        let stays = routes.apply(&table(2, "app.stays", &["users", "x"]));
        assert_eq!((stays.name.as_str(), parents(&stays)), ("stays", "crm.people .x".to_owned()));
        let plain = table(3, "app.plain", &["x"]);
        assert!(Arc::ptr_eq(&plain, &routes.apply(&plain)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, says) in [
            ("a", "b.*", "there is no `.`"),
            ("a.*", "b.t", "both sides"),
            ("a.t", "b.*", "both sides"),
            ("a_*.*", "b.*", "`*` in `a_*`: a route names one"),
            ("a.*", "mysql.*", "`mysql` belongs to the server"),
            ("a.*", "tidb_binlog.*", "`tidb_binlog` belongs to the server or to the tools"),
            ("retl.*", "b.*", "nothing of `retl` is ever replicated"),
            ("a.b.c", "b.c", "unexpected `.c`"),
            (".t", "b.c", "a name is missing"),
            ("`a.t", "b.c", "has no ``` at its end"),
        ] {
            let fault = Routes::new(&[(from.to_owned(), to.to_owned())]).unwrap_err();
            assert!(fault.message.starts_with(&format!("the route {from} to {to}: ")), "{fault}");
            assert!(fault.message.contains(says) && !fault.hint.is_empty(), "{fault}");
        }
        let pairs = [("a.t", "x.y"), ("b.t", "X.Y")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(Routes::new(&pairs).unwrap_err().message, "two routes lead to the table X.Y");
    }

    #[test]
    fn what_a_database_has_on_the_target() {
        let list =
            [("a.one", "crm.People"), ("a.*", "app.*"), ("x.y", "app.guest"), ("b.*", "both.*"), ("c.*", "both.*")];
        let routes = routes(&list);
        let mut there = |schema: &str| {
            let names: &[&str] = match schema {
                "crm" => &["people", "own"],
                "app" => &["guest", "One", "two", "not"],
                "both" => &["t", "only_b"],
                _ => &["plain"],
            };
            Ok(names.iter().map(|n| (*n).to_owned()).collect())
        };
        let wanted = |schema: &str, table: &str| table != "not" && !(schema == "c" && table == "only_b");
        let mut of = |schema: &str| {
            let Contents { mut tables, doubtful } = routes.contents(schema, &wanted, &mut there).unwrap();
            tables.sort();
            (tables.join(" "), doubtful.map(|(other, ..)| other).unwrap_or_default())
        };
        assert_eq!(of("A"), ("one two".to_owned(), String::new()), "`a`.`one` is in `crm`, `app`.`guest` is x's");
        assert_eq!(of("b"), ("only_b t".to_owned(), "c".to_owned()));
        assert_eq!(of("plain"), ("plain".to_owned(), String::new()));
        assert_eq!(of("x"), ("plain y".to_owned(), String::new()), "its other tables keep their names");
    }
}
