//! A statement with the names that its objects have on the target. Names are found token by token; where it is not sure that all were
//! found, nothing is guessed.

use super::Routes;
use crate::sql::{Edit, Place, Role, Statement, edited, quoted, tokens};

/// What becomes of a statement.
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
    format!("{}.{}", quoted(schema), quoted(name))
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
            Role::Database => (place.at.clone(), quoted(&to.0)),
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

/// A RENAME some of whose tables have their new names already: the moves that are left. `None` if it is not one.
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
mod tests {
    use super::super::tests::routes;
    use super::*;

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
        /// Wherever a name stands in a statement, only the names change.
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
