//! What happens upstream for a seed: transactions and DDL, one after the other, and what the tables hold in the end.

use std::sync::Arc;

use serde_json::Value as Json;
use tisync::model::{Row, RowKind, Table};
use tisync::playground::{sql_name, tableinfo};

use crate::chance::Random;
use crate::column::{Field, literal};
use crate::table::State;
use crate::{ddl, dml};

/// Databases of every story. Both have a name that has to be quoted.
pub const DATABASES: [&str; 2] = ["rnd a", "rnd-b"];
/// A DDL comes about every so many turns.
pub const DDL_EVERY: u64 = 5;
/// The first tables.
const TABLES: usize = 4;

/// One row's change; the number is what a table without a clustered key tells its rows by.
#[derive(Clone, Debug)]
pub struct Change {
    pub table: Arc<Table>,
    pub handle: i64,
    pub kind: RowKind,
}

/// What a job's history entry shows of tables.
#[derive(Clone, Debug)]
pub enum Infos {
    Database(Json),
    One(Json),
    Several(Vec<Json>),
}

/// How a job meets the transactions around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// Those that go before it stay before it.
    None,
    /// Those that go before it may commit behind it, with the version before.
    Late,
    /// The same, and what they wrote into some partition is gone or elsewhere.
    LateByPartition,
    /// Those that follow may commit before its message, with its version.
    Early,
    /// Those just before it carry each change of its table twice.
    Twice,
}

/// A DDL job.
#[derive(Clone, Debug)]
pub struct Job {
    pub action: u8,
    pub schema_id: i64,
    pub schema_name: String,
    pub table_id: i64,
    pub table_name: String,
    pub query: String,
    pub infos: Infos,
    /// The schema version that it ends with.
    pub version: i64,
    pub lag: Lag,
    pub id: i64,
}

#[derive(Clone, Debug)]
pub enum Step {
    Txn {
        changes: Vec<Change>,
        /// The same as statements.
        sql: Vec<String>,
        version: i64,
    },
    Ddl(Job),
}

/// A story and where it has come to.
pub struct Story {
    pub random: Random,
    pub tables: Vec<State>,
    pub steps: Vec<Step>,
    pub made: u64,
    version: i64,
    last_id: i64,
}

impl Story {
    /// A seed's story up to its `length`th turn, each of which is a transaction or a DDL. A longer one begins with the same.
    pub fn new(seed: u64, length: usize, ddl_every: u64) -> Self {
        let mut story = Self {
            random: Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)),
            tables: Vec::new(),
            steps: Vec::new(),
            made: 0,
            version: 40,
            last_id: 100,
        };
        for (id, name) in (101..).zip(DATABASES) {
            story.last_id = id;
            let query = format!("CREATE DATABASE {}", sql_name(name));
            story.job(1, (id, name), (0, ""), query, Infos::Database(tableinfo::db_info(id, name)), Lag::None);
        }
        for _ in 0..TABLES {
            ddl::create(&mut story);
        }
        for _ in 0..length {
            if story.random.one_in(ddl_every) {
                ddl::random(&mut story);
            } else {
                dml::random(&mut story);
            }
        }
        story
    }

    /// Tables and jobs share one sequence of ids.
    pub fn id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn schema_id(database: &str) -> i64 {
        if database == DATABASES[0] { 101 } else { 102 }
    }

    pub fn job(&mut self, action: u8, schema: (i64, &str), table: (i64, &str), query: String, infos: Infos, lag: Lag) {
        // States on the way have a version each.
        self.version += match lag {
            Lag::Early | Lag::Twice => 5,
            _ => 1 + i64::try_from(self.random.below(3)).unwrap_or(0),
        };
        let job = Job {
            action,
            schema_id: schema.0,
            schema_name: schema.1.to_lowercase(),
            table_id: table.0,
            table_name: table.1.to_lowercase(),
            query,
            infos,
            version: self.version,
            lag,
            id: self.id(),
        };
        self.steps.push(Step::Ddl(job));
    }

    /// A job about one table, which it leaves as `state`.
    pub fn alter(&mut self, action: u8, before: (i64, &str), state: &State, query: String, lag: Lag) {
        let schema = (Self::schema_id(&state.database), state.database.clone());
        self.job(action, (schema.0, &schema.1), before, query, Infos::One(state.info(0)), lag);
    }

    pub fn commit(&mut self, changes: Vec<Change>, sql: Vec<String>) {
        if !changes.is_empty() {
            self.steps.push(Step::Txn { changes, sql, version: self.version });
        }
    }
}

impl Step {
    /// In a few words, for whoever looks for the one that fails.
    pub fn told(&self) -> String {
        match self {
            Self::Txn { sql, .. } => sql.iter().map(|s| format!("  {s};\n")).collect(),
            Self::Ddl(job) => format!("{}; -- {:?}\n", job.query, job.lag),
        }
    }
}

/// A row's columns and values as a statement writes them, without those that the server computes.
pub fn written(state: &State, row: &Row) -> Vec<(String, String)> {
    let pair = |(at, field): (usize, &Field)| Some((sql_name(field.name()), literal(&field.column, row.get(at)?)));
    state.written().filter_map(pair).collect()
}
