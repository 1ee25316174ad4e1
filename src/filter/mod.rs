//! Which databases and tables are replicated, and which events of them. Names are the upstream's. System databases, and the tools' own
//! books, never are.
//!
//! ```text
//! tables    lists of patterns (pattern: one name)      drainer   Drainer's filters in these terms
//! event     kinds of events and the rules on them      explain   which rule decides about a table
//! ddl       what becomes of a DDL: as it is, in part, not at all, refused (moves: RENAME)
//! ```

mod count;
mod ddl;
pub mod drainer;
mod event;
mod explain;
mod moves;
mod pattern;
mod tables;

use std::collections::BTreeSet;

use crate::decode::Kinds;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::sql::Verb;

pub use count::Counts;
pub use ddl::{Judged, Why};
pub use explain::Explanation;
pub use tables::{Scope, split};

pub(crate) use ddl::{concerns_cluster, drop_tables, if_not_exists, ways_on};
pub(crate) use moves::from_nowhere;
pub(crate) use pattern::quoted as quoted_name;

use self::event::{Event, Rule};
use self::tables::Patterns;

/// Databases of TiDB and MySQL themselves, and those in which replication tools keep their checkpoints and marks; with what they are.
const NEVER: [(&str, &str); 9] = [
    ("mysql", SYSTEM),
    ("sys", SYSTEM),
    ("information_schema", SYSTEM),
    ("performance_schema", SYSTEM),
    ("metrics_schema", SYSTEM),
    ("inspection_schema", SYSTEM),
    ("tidb_binlog", "here Drainer and tisync keep their checkpoints"),
    ("retl", "here Drainer keeps the marks of two-way replication"),
    ("tidb_lightning_task_info", "here TiDB Lightning keeps its state"),
];
const SYSTEM: &str = "a database of the server itself";

/// Whether the tables of `database` belong to the users of the cluster.
#[must_use]
pub fn wanted(database: &str) -> bool {
    why_never(database).is_none()
}

fn why_never(database: &str) -> Option<&'static str> {
    NEVER.iter().find(|(never, _)| never.eq_ignore_ascii_case(database)).map(|(_, why)| *why)
}

/// What the operator wants of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Table patterns in TiDB's table-filter syntax; the last one that takes a table decides. None: every table.
    pub tables: Vec<String>,
    /// Events that are left out.
    pub events: Vec<EventRule>,
    /// Commit ts of transactions that are left out whole.
    pub ignore_ts: Vec<u64>,
}

/// Events of some tables that are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRule {
    /// Of which tables, as in [`Rules::tables`]. A pattern for all tables of a database stands for DDL on the database as well.
    pub tables: Vec<String>,
    /// Names of events: `delete`, `truncate table`, `all ddl`.
    pub ignore: Vec<String>,
    /// Regular expressions searched in the text of a DDL as the user wrote it, in any case.
    pub ignore_sql: Vec<String>,
    /// Whether the case of names counts in `tables`.
    pub case_sensitive: bool,
}

/// What of an upstream is replicated, by its own names. The default is everything that is [`wanted`].
#[derive(Clone, Debug, Default)]
pub struct Filter {
    rules: Rules,
    tables: Patterns,
    events: Vec<Rule>,
    ignore_ts: BTreeSet<CommitTs>,
}

/// Two are equal if they were written the same way.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Filter {
    /// The filter that `rules` describe.
    ///
    /// # Errors
    /// A usage fault that names the rule and says what is wrong with it.
    pub fn new(rules: &Rules) -> Result<Self, Fault> {
        let events = rules.events.iter().enumerate().map(|(i, rule)| Rule::read(rule, i + 1));
        Ok(Self {
            rules: rules.clone(),
            tables: Patterns::read(&rules.tables, "tables", false)?,
            events: events.collect::<Result<_, _>>()?,
            ignore_ts: rules.ignore_ts.iter().copied().map(CommitTs).collect(),
        })
    }

    /// Whether rows of this table are replicated, and DDL on it.
    #[must_use]
    pub fn table(&self, schema: &str, table: &str) -> bool {
        wanted(schema) && (self.tables.is_empty() || self.tables.takes(schema, table))
    }

    /// How much of a database is replicated.
    #[must_use]
    pub fn database(&self, schema: &str) -> Scope {
        match (wanted(schema), self.tables.is_empty()) {
            (false, _) => Scope::None,
            (true, true) => Scope::All,
            (true, false) => self.tables.scope(schema),
        }
    }

    /// The kinds of row changes of a table that are replicated, if the table is.
    #[must_use]
    pub fn kinds(&self, schema: &str, table: &str) -> Kinds {
        let mut kinds = Kinds::ALL;
        for rule in self.events.iter().filter(|r| r.tables.takes(schema, table)) {
            let Kinds { insert, update, delete } = rule.kinds();
            kinds.insert &= insert;
            kinds.update &= update;
            kinds.delete &= delete;
        }
        kinds
    }

    /// The rule that keeps rows of a table on the target that the upstream no longer has, or has otherwise, if there is one.
    #[must_use]
    pub fn keeps(&self, schema: &str, table: &str) -> Option<&str> {
        let keeps = |rule: &&Rule| {
            let kinds = rule.kinds();
            rule.tables.takes(schema, table) && !(kinds.delete && kinds.update)
        };
        self.events.iter().find(keeps).map(|rule| rule.text.as_str())
    }

    /// Whether rows of this table may come to the target: only then it has to be there.
    #[must_use]
    pub fn brings_rows(&self, schema: &str, table: &str) -> bool {
        let Kinds { insert, update, delete } = self.kinds(schema, table);
        self.table(schema, table) && (insert || update || delete)
    }

    /// Whether a rule on events leaves out DDL that changes this table's definition where it is: any of a kind, or one with the text `sql`.
    #[must_use]
    pub fn leaves_definition(&self, schema: &str, table: &str, sql: Option<&str>) -> bool {
        const CHANGES: [Verb; 3] = [Verb::AlterTable, Verb::CreateIndex, Verb::DropIndex];
        self.events.iter().filter(|rule| rule.tables.takes(schema, table)).any(|rule| {
            CHANGES.iter().any(|verb| rule.ignores(Event::Ddl(*verb))) || sql.is_some_and(|sql| rule.ignores_sql(sql))
        })
    }

    /// Whether any rule goes by the text of statements.
    #[must_use]
    pub fn judges_texts(&self) -> bool {
        self.events.iter().any(Rule::judges_texts)
    }

    /// Whether the transaction of this commit ts is left out whole.
    #[must_use]
    pub fn ignores(&self, ts: CommitTs) -> bool {
        self.ignore_ts.contains(&ts)
    }

    /// The transactions that are left out whole.
    #[must_use]
    pub fn ignored(&self) -> &BTreeSet<CommitTs> {
        &self.ignore_ts
    }

    /// What an operator should know of rules that do less than they seem to say, or more.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.events.iter().flat_map(Rule::warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_databases_are_out_in_any_case() {
        assert!(!wanted("mysql") && !wanted("PERFORMANCE_SCHEMA") && !wanted("tidb_binlog") && !wanted("retl"));
        assert!(wanted("bank") && wanted("mysql2") && wanted("test"));
        let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        let filter = Filter::new(&Rules { tables: own(&["*.*", "mysql.user"]), ..Rules::default() }).unwrap();
        assert!(!filter.table("mysql", "user") && filter.database("Mysql") == Scope::None && filter.table("a", "user"));
    }

    #[test]
    fn kinds_that_several_rules_leave_out() {
        let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        let rule = |tables: &[&str], ignore: &[&str]| EventRule {
            tables: own(tables),
            ignore: own(ignore),
            ..EventRule::default()
        };
        let events = vec![rule(&["a.*", "!a.x"], &["insert"]), rule(&[], &["delete"])];
        let filter = Filter::new(&Rules { events, ..Rules::default() }).unwrap();
        assert_eq!(filter.kinds("a", "t"), Kinds { insert: false, update: true, delete: false });
        assert_eq!(filter.keeps("a", "t"), Some("event rule 2 for `*.*`: ignores delete"));
        assert_eq!(filter.kinds("a", "x"), Kinds { insert: true, update: true, delete: false });
    }
}
