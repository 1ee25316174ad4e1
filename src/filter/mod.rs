//! Filters: which databases and tables are replicated, and which of their events.
//!
//! Names are those of the upstream. System databases, and the tables in which the tools keep their
//! own state, are never replicated.
//!
//! ```text
//! tables    lists of patterns (pattern: one name)      drainer   Drainer's filters in these terms
//! event     kinds of events and the rules on them
//! ddl       what becomes of a DDL: as it is, in part, not at all, refused; RENAME too
//! ```
//!
//! Here too: which rule decides about a table, for `tisync config filter`; and what the operator's
//! rules left out of a run.

mod ddl;
pub mod drainer;
mod event;
mod pattern;
mod tables;

use std::collections::BTreeSet;
use std::fmt;

use crate::decode::{Kinds, LeftOut};
use crate::error::{Fault, counted};
use crate::model::CommitTs;
use crate::sql::Verb;
pub use ddl::{Judged, Why};
pub(crate) use ddl::{concerns_cluster, drop_tables, from_nowhere, if_not_exists, ways_on};
use event::{Event, Rule};
pub(crate) use pattern::quoted as quoted_name;
use tables::Patterns;
pub use tables::{Scope, split};

/// System databases of TiDB and MySQL, and those in which replication tools keep their checkpoints
/// and marks; with a description of each.
const NEVER: [(&str, &str); 9] = [
    ("mysql", SYSTEM),
    ("sys", SYSTEM),
    ("information_schema", SYSTEM),
    ("performance_schema", SYSTEM),
    ("metrics_schema", SYSTEM),
    ("inspection_schema", SYSTEM),
    ("tidb_binlog", "Drainer and tisync store their checkpoints here"),
    ("retl", "Drainer stores the marks of two-way replication here"),
    ("tidb_lightning_task_info", "TiDB Lightning stores its state here"),
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

/// The operator's rules for an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Table patterns in TiDB's table-filter syntax; the last one that takes a table decides. None:
    /// every table.
    pub tables: Vec<String>,
    /// Events that are left out.
    pub events: Vec<EventRule>,
    /// Commit ts of transactions that are left out whole.
    pub ignore_ts: Vec<u64>,
}

/// Events of some tables that are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRule {
    /// Of which tables, as in [`Rules::tables`]. A pattern for all tables of a database stands for
    /// DDL on the database as well.
    pub tables: Vec<String>,
    /// Names of events: `delete`, `truncate table`, `all ddl`.
    pub ignore: Vec<String>,
    /// Regular expressions searched in the text of a DDL as the user wrote it, in any case.
    pub ignore_sql: Vec<String>,
    /// Whether the case of names counts in `tables`.
    pub case_sensitive: bool,
}

/// What of an upstream is replicated, by its own names. The default is everything that is
/// [`wanted`].
#[derive(Clone, Debug, Default)]
pub struct Filter {
    rules: Rules,
    tables: Patterns,
    events: Vec<Rule>,
    ignore_ts: BTreeSet<CommitTs>,
}

/// Two filters are equal if their rules were written in the same way.
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

    /// The rule that keeps rows of a table on the target that the upstream no longer has, or has
    /// otherwise, if there is one.
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

    /// Whether a rule on events leaves out DDL that changes this table's definition in place: any
    /// such DDL, or one with the text `sql`.
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
    /// Returns the rule that decides about a table; with `*` or an empty name, about the database.
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
                Some(line) if line.positive => (true, format!("{line} includes it, and no later pattern excludes it")),
                Some(line) => (false, format!("{line} excludes it, and no later pattern includes it")),
                None => (false, "no pattern includes it".to_owned()),
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
                "partly; CREATE DATABASE runs on the target, DROP DATABASE becomes DROP TABLE for that part".to_owned(),
            ),
            Scope::None => (false, "no pattern includes a table of it".to_owned()),
        }
    }

    /// What the rules on events leave out of a table, or of DDL on a database where `table` is
    /// empty.
    fn left_out(&self, schema: &str, table: &str) -> Vec<String> {
        let takes = |r: &&event::Rule| {
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
                lines.push(format!("so no {} reaches the target", gone.join(", ")));
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

/// Counts of what the rules left out, system databases not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Row changes of tables that are not replicated.
    pub table_rows: u64,
    /// Row changes of a kind that an event rule leaves out.
    pub event_rows: u64,
    /// DDLs on tables that are not replicated.
    pub table_ddl: u64,
    /// DDLs that an event rule leaves out.
    pub event_ddl: u64,
    /// Transactions of which nothing was left.
    pub emptied: u64,
    /// Transactions left out for their commit ts.
    pub ignored: u64,
}

impl Counts {
    /// Adds the row changes of a transaction, of which nothing was left if `empty`.
    pub fn rows(&mut self, left_out: LeftOut, empty: bool) {
        self.table_rows += left_out.tables;
        self.event_rows += left_out.kinds;
        self.emptied += u64::from(empty && left_out != LeftOut::default());
    }

    /// Adds a DDL.
    pub fn ddl(&mut self, why: Why) {
        match why {
            Why::System => {}
            Why::Tables => self.table_ddl += 1,
            Why::Events => self.event_ddl += 1,
        }
    }

    /// Whether anything was left out.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |rows: u64, ddl: u64, by: &str| {
            let counts: Vec<String> = [(rows, "row change"), (ddl, "DDL")]
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| counted(n, what))
                .collect();
            (!counts.is_empty()).then(|| format!("{} {by}", counts.join(" and ")))
        };
        let parts = [
            part(self.table_rows, self.table_ddl, "of tables that are not replicated"),
            part(self.event_rows, self.event_ddl, "by event rules"),
            (self.ignored > 0).then(|| format!("{} by commit ts", counted(self.ignored, "transaction"))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "left out: {}", parts.join("; "))?;
        if self.emptied > 0 {
            write!(f, "; nothing was left of {}", counted(self.emptied, "transaction"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
