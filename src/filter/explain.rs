//! Which rule decides about a table, for `tisync config filter`.

use std::fmt;

use super::event::Event;
use super::{Filter, Scope, why_never};
use crate::decode::Kinds;
use crate::sql::Verb;

/// What becomes of a table or a database, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked about: a table, or a database with `*`.
    pub what: String,
    /// Whether it is replicated; of a database, whether any table of it may be.
    pub replicated: bool,
    /// The reason.
    pub because: String,
    /// What is left out of it nevertheless, a line each.
    pub without: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.replicated { "is replicated" } else { "is not replicated" };
        write!(f, "{} {verdict}: {}", self.what, self.because)?;
        self.without.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl Filter {
    /// Says which rule decides about a table; with `*` or an empty name about the database.
    #[must_use]
    pub fn explain(&self, schema: &str, table: &str) -> Explanation {
        let whole = table.is_empty() || table == "*";
        let what = if whole { format!("the database {schema}") } else { format!("{schema}.{table}") };
        if let Some(why) = why_never(schema) {
            let because = format!("`{schema}` is always left out, whatever the patterns say: {why}");
            return Explanation { what, replicated: false, because, without: Vec::new() };
        }
        let (replicated, because) = if self.tables.is_empty() {
            (true, "there are no patterns, so every table is".to_owned())
        } else if whole {
            self.explain_database(schema)
        } else {
            match self.tables.deciding(schema, table) {
                Some(line) if line.positive => {
                    (true, format!("{line} takes it in, and no pattern behind it takes it out"))
                }
                Some(line) => (false, format!("{line} takes it out, and no pattern behind it takes it in")),
                None => (false, "no pattern takes it in".to_owned()),
            }
        };
        let without = if replicated { self.left_out(schema, if whole { "" } else { table }) } else { Vec::new() };
        Explanation { what, replicated, because, without }
    }

    fn explain_database(&self, schema: &str) -> (bool, String) {
        match self.tables.scope(schema) {
            Scope::All => (true, "with all its tables; DROP DATABASE runs on the target".to_owned()),
            Scope::Some => (
                true,
                "in part; CREATE DATABASE runs on the target, DROP DATABASE becomes DROP TABLE of that part".to_owned(),
            ),
            Scope::None => (false, "no pattern takes in a table of it".to_owned()),
        }
    }

    /// What the rules on events leave out of a table, or of DDL on a database where `table` is empty.
    fn left_out(&self, schema: &str, table: &str) -> Vec<String> {
        let takes = |r: &&super::event::Rule| {
            if table.is_empty() { r.tables.takes_database(schema) } else { r.tables.takes(schema, table) }
        };
        let mut lines: Vec<String> = self.events.iter().filter(takes).map(|r| r.text.clone()).collect();
        if !table.is_empty() {
            let Kinds { insert, update, delete } = self.kinds(schema, table);
            let gone: Vec<&str> = [(insert, "INSERT"), (update, "UPDATE"), (delete, "DELETE")]
                .into_iter()
                .filter(|(kept, _)| !kept)
                .map(|(_, name)| name)
                .collect();
            if !gone.is_empty() {
                lines.push(format!("so no {} arrives on the target", gone.join(", ")));
            }
        }
        let destructive = [Verb::DropDatabase, Verb::DropTable, Verb::TruncateTable];
        let kept = |verb: Verb| !self.events.iter().filter(takes).any(|r| r.ignores(Event::Ddl(verb)));
        if !lines.is_empty() && destructive.into_iter().all(|v| !kept(v)) {
            lines.push("so nothing is dropped or truncated on the target".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EventRule, Filter, Rules};

    fn own(list: &[&str]) -> Vec<String> {
        list.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn which_rule_decides() {
        let events =
            vec![EventRule { tables: own(&["app.*"]), ignore: own(&["delete", "all ddl"]), ..EventRule::default() }];
        let rules = Rules { tables: own(&["app.*", "!app.tmp_*", "one.t"]), events, ..Rules::default() };
        let filter = Filter::new(&rules).unwrap();
        insta::assert_snapshot!(filter.explain("App", "users"), @r"
        App.users is replicated: `app.*` (tables, pattern 1) takes it in, and no pattern behind it takes it out
          event rule 1 for `app.*`: ignores delete, all ddl
          so no DELETE arrives on the target
          so nothing is dropped or truncated on the target
        ");
        insta::assert_snapshot!(filter.explain("app", "tmp_1"), @"app.tmp_1 is not replicated: `!app.tmp_*` (tables, pattern 2) takes it out, and no pattern behind it takes it in");
        insta::assert_snapshot!(filter.explain("x", "y"), @"x.y is not replicated: no pattern takes it in");
        insta::assert_snapshot!(filter.explain("retl", "_drainer_repl_mark"), @"retl._drainer_repl_mark is not replicated: `retl` is always left out, whatever the patterns say: here Drainer keeps the marks of two-way replication");
        insta::assert_snapshot!(filter.explain("one", ""), @"the database one is replicated: in part; CREATE DATABASE runs on the target, DROP DATABASE becomes DROP TABLE of that part");
        insta::assert_snapshot!(Filter::default().explain("a", "b"), @"a.b is replicated: there are no patterns, so every table is");
        insta::assert_snapshot!(Filter::default().explain("mysql", "user"), @"mysql.user is not replicated: `mysql` is always left out, whatever the patterns say: a database of the server itself");
    }
}
