//! Which of the target's tables are those of one upstream database, where the upstream cannot be asked.

use anyhow::Result;

use super::{Route, Routes};

/// What the target has of an upstream database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its tables, by their names upstream.
    pub tables: Vec<String>,
    /// One that may be another database's as well, if there is any: that database, the target's, the table.
    pub doubtful: Option<(String, String, String)>,
}

impl Routes {
    /// What the target has of the upstream's database `schema`: `tables` lists one of its databases, `wanted` says of an upstream table
    /// whether it is replicated.
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
            // Where a route of a single table ends, nothing else does.
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
    /// Whether it leads to this table of the target, or (`None`) all tables of a database to this one.
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
    use super::super::tests::routes;
    use super::*;

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
