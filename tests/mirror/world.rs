//! A mirrored MariaDB, a target, and the real binary between them.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::event;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::mirror::{Mirror, MirrorOptions};

use crate::common::run::Running;

/// More than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

pub struct World {
    pub a: Mirror,
    pub b: PrivateServer,
}

impl World {
    pub fn start(cluster_id: u64) -> Self {
        let options = MirrorOptions {
            cluster_id,
            auto_increment_offset: None,
            fakes: Duration::from_millis(100),
            events: event::silent(),
        };
        Self { a: Mirror::start(options).expect("MariaDB starts"), b: PrivateServer::start().expect("MariaDB starts") }
    }

    pub fn conn(&self) -> Conn {
        self.a.connect().expect("A answers")
    }

    /// Runs statements on A.
    #[track_caller]
    pub fn run<S: AsRef<str>>(&self, statements: impl IntoIterator<Item = S>) {
        let mut conn = self.conn();
        for sql in statements {
            conn.query_drop(sql.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", sql.as_ref()));
        }
    }

    pub fn sync(&self, more: &[&str]) -> Running {
        let (from, to) = (self.a.cluster().pd_url(), self.b.url());
        let args = ["sync", "--from", &from, "--to", &to, "--quiet", "--start-ts", "1"];
        Running::start(&args.iter().chain(more).map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    /// Takes all that A holds to B.
    #[track_caller]
    pub fn catch_up(&self) {
        self.a.wait_caught_up(LIMIT).expect("the mirror follows");
        self.sync(&["--until", "caught-up"]).expect(0);
    }

    /// Fails unless the database is the same on both sides, definitions included. Gives tables and rows.
    #[track_caller]
    pub fn same(&self, database: &str) -> (usize, usize) {
        let mut ours = Side::new(self.conn(), database).expect("A answers");
        let mut theirs = Side::new(self.b.connect().expect("B answers"), database).expect("B answers");
        let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, &[]).expect("both can be read");
        assert!(found.equal(), "{}", found.differences.join("\n"));
        (found.tables, found.rows)
    }

    /// The first column of all rows, as text.
    #[track_caller]
    pub fn on_b(&self, query: &str) -> Vec<String> {
        self.b.connect().expect("B answers").query(query).expect("a query")
    }
}
