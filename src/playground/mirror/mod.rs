//! A private MariaDB that passes for a TiDB cluster: its row binlog becomes the stream of a Pump.
//!
//! So `tisync sync` reads everything that is typed into it as from a TiDB.
//!
//! ```text
//! MariaDB ──► reader ──► turn ──► cluster (PD, Pump, TiDB's status port)
//!  binlog     groups     │  statement: which DDL, which link ran it; the shadow repeats each DDL
//!                        │  definition: tables and columns        rows: events and their values
//!                        │  known: ids; a census of what each transaction was
//! ```
//!
//! The thread that reads, turns and writes is in this file, with the state that it reports.
//!
//! Each group that MariaDB commits becomes one transaction with a commit ts of the simulated PD's
//! clock, which only rises: through any restart of MariaDB too. The reader goes on behind the last
//! whole group, so a restart neither leaves a group out nor gives one twice. Nothing is kept beyond
//! this process: MariaDB's data directory goes with it.
//!
//! As in a TiDB, `mysql.tidb` says which cluster it is.
//!
//! Definitions come from a second MariaDB, the shadow. It has no rows and repeats every DDL when
//! the reader comes to it, so information_schema there is that of the right moment, however far the
//! first server is ahead.
//!
//! # DDL that is followed
//!
//! - CREATE [OR REPLACE], ALTER and DROP DATABASE
//! - CREATE [OR REPLACE] TABLE (also LIKE and SELECT), DROP TABLE, TRUNCATE, RENAME TABLE
//! - ALTER TABLE with columns, keys, character sets and options, alone or several at once; ALTER
//!   TABLE … RENAME
//! - CREATE [UNIQUE, FULLTEXT] INDEX, DROP INDEX
//!
//! Statements about accounts, statistics and maintenance, and on MariaDB's own databases, leave no
//! trace, as in a TiDB's binlog. Anything else is refused: views, triggers, procedures, events,
//! sequences, partitions, ALTER TABLE that renames and changes at once, XA, and statements instead
//! of rows (`binlog_format = STATEMENT`). So are types and character sets that no TiDB has (UUID,
//! INET6, geometry, compressed and invisible columns; character sets but utf8mb4, utf8, latin1,
//! ascii and binary). After a refusal the stream stops at once before the statement, without fakes,
//! and [`Mirror::failure`] says why. It stays so.
//!
//! # What a TiDB does otherwise
//!
//! - What MariaDB changes through a foreign key that cascades is not in its row binlog: such a
//!   table earns a warning.
//! - Hidden row ids are made up: an update or a delete names another one than its insert did. They
//!   are never read.
//! - A DROP or RENAME of several tables is as many jobs, and the states between them can be seen.
//! - A -0.0 becomes 0.0, as on its way through a TiDB.

mod definition;
mod known;
pub mod load;
mod reader;
mod rows;
mod statement;
mod turn;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use mysql::Conn;
use mysql::prelude::Queryable;
use parking_lot::{Condvar, Mutex};

use super::cluster::{Cluster, ClusterSpec};
use super::mariadb::PrivateServer;
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::mysql::answer::Answers;
pub use known::Census;
use reader::{Broken, Place, Reader, Step};
use statement::Shadow;
use turn::Turner;

/// What both servers are started with: TiDB's defaults.
const LIKE_TIDB: [&str; 3] =
    ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin", "--default-time-zone=+00:00"];

/// The DDL that is followed, for the help text; the header of this file has the whole list.
pub const FOLLOWED: &str =
    "CREATE, ALTER and DROP DATABASE; CREATE, ALTER, RENAME, TRUNCATE and DROP TABLE; CREATE and DROP INDEX";
/// What is refused, for the help text.
pub const REFUSED: &str =
    "views, triggers, procedures, events, sequences, partitions, XA, and types and character sets that no TiDB has";

/// Options of a mirrored cluster.
#[derive(Clone)]
pub struct MirrorOptions {
    /// The cluster's id.
    pub cluster_id: u64,
    /// `Some(n)`: MariaDB gives only numbers n, n + 2, n + 4 … to AUTO_INCREMENT columns; n is 1 or
    /// 2.
    pub auto_increment_offset: Option<u8>,
    /// How long an idle Pump waits before it writes a fake.
    pub fakes: Duration,
    /// Receives warnings.
    pub events: Events,
}

/// A MariaDB and the cluster that it passes for. Dropping it ends both.
pub struct Mirror {
    server: Mutex<PrivateServer>,
    cluster: Arc<Cluster>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Starts MariaDB, its shadow, the cluster, and the thread between them.
    ///
    /// # Errors
    /// If MariaDB is not installed or does not come up.
    pub fn start(options: MirrorOptions) -> Result<Self> {
        Self::start_on(options, PrivateServer::start_with)
    }

    /// Starts a mirror that no other account can enter, as [`PrivateServer::start_alone`] does.
    ///
    /// # Errors
    /// If MariaDB is not installed or does not come up.
    pub fn start_alone(options: MirrorOptions) -> Result<Self> {
        Self::start_on(options, PrivateServer::start_alone)
    }

    fn start_on(options: MirrorOptions, start: impl Fn(&[&str]) -> Result<PrivateServer>) -> Result<Self> {
        let offset = options.auto_increment_offset.map(|n| format!("--auto-increment-offset={n}"));
        let mut all = vec![
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--binlog-row-metadata=FULL",
            "--binlog-checksum=NONE",
            "--log-bin-compress=OFF",
            "--server-id=1",
            "--innodb-print-all-deadlocks=ON",
        ];
        all.extend(LIKE_TIDB);
        if let Some(offset) = &offset {
            all.extend(["--auto-increment-increment=2", offset.as_str()]);
        }
        let server = start(&all)?;
        introduce(&mut server.connect()?, options.cluster_id)?;
        let shadow = Shadow::start(&LIKE_TIDB)?;
        let mut spec = ClusterSpec::new(options.cluster_id, 1);
        for pump in &mut spec.pumps {
            pump.behaviour.fakes = Some(options.fakes);
        }
        let cluster = Arc::new(Cluster::start(spec)?);
        let state = State { place: Place::FIRST, failure: None, groups: 0, rows: 0, census: Census::default() };
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), state: Mutex::new(state), moved: Condvar::new() });
        let turner = Turner::new(Arc::clone(&cluster), shadow, Arc::clone(&options.events));
        let work = Work {
            socket: server.socket(),
            cluster: Arc::clone(&cluster),
            shared: Arc::clone(&shared),
            events: options.events,
            turner,
        };
        let thread = std::thread::Builder::new().name("mirror".to_owned()).spawn(move || work.run())?;
        Ok(Self { server: Mutex::new(server), cluster, shared, thread: Some(thread) })
    }

    /// The simulated cluster.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// A new connection to its MariaDB, as root.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn connect(&self) -> Result<Conn> {
        self.server.lock().connect()
    }

    /// The address of its MariaDB as a target for `sync`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.lock().url()
    }

    /// The Unix socket of its MariaDB.
    #[must_use]
    pub fn socket(&self) -> std::path::PathBuf {
        self.server.lock().socket()
    }

    /// The error log of its MariaDB since it last started, deadlocks included.
    #[must_use]
    pub fn log(&self) -> std::path::PathBuf {
        self.server.lock().log()
    }

    /// Kills MariaDB as `kill -9` would; [`restart`](Self::restart) starts it again.
    pub fn kill(&self) {
        self.server.lock().kill();
    }

    /// Kills MariaDB as `kill -9` would, and starts it again on the same data and port.
    ///
    /// # Errors
    /// If it does not come up again.
    pub fn restart(&self) -> Result<()> {
        self.server.lock().restart()
    }

    /// Why the stream stopped for good; `None` while it goes on.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.state.lock().failure.clone()
    }

    /// How many groups and rows were turned so far.
    #[must_use]
    pub fn turned(&self) -> (u64, u64) {
        let state = self.shared.state.lock();
        (state.groups, state.rows)
    }

    /// A count of the transactions that were turned so far, by kind.
    #[must_use]
    pub fn census(&self) -> Census {
        self.shared.state.lock().census
    }

    /// Waits until all that MariaDB has committed by now is in the Pump.
    ///
    /// # Errors
    /// If the stream has stopped, MariaDB does not answer, or it takes longer than `limit`.
    pub fn wait_caught_up(&self, limit: Duration) -> Result<()> {
        let status: Option<(String, u64, String, String)> = self.connect()?.one("SHOW MASTER STATUS")?;
        let (file, offset, ..) = status.context("MariaDB keeps no binlog")?;
        let wanted = Place::of(&file, offset)?;
        let end = Instant::now() + limit;
        let mut state = self.shared.state.lock();
        loop {
            if let Some(failure) = &state.failure {
                return Err(Fault::refused(failure.clone()).into());
            }
            if state.place >= wanted {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let why = format!("the binlog was read up to {:?}, not to {wanted:?}, within {limit:?}", state.place);
                return Err(Fault::new(Kind::TimedOut, why).into());
            }
            self.shared.moved.wait_for(&mut state, left);
        }
    }
}

/// Makes MariaDB say which cluster it is, as a TiDB does; its binlog has no trace of it.
fn introduce(conn: &mut Conn, cluster_id: u64) -> Result<()> {
    for sql in [
        "SET SESSION sql_log_bin = 0".to_owned(),
        "CREATE TABLE mysql.tidb (VARIABLE_NAME VARCHAR(64) NOT NULL PRIMARY KEY, VARIABLE_VALUE VARCHAR(1024), COMMENT VARCHAR(1024))"
            .to_owned(),
        format!("INSERT INTO mysql.tidb VALUES ('cluster_id', '{cluster_id}', 'TiDB Cluster ID.')"),
    ] {
        conn.query_drop(sql)?;
    }
    Ok(())
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // A heartbeat, or the lost connection, wakes the thread. Its panic has been printed
        // already.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The pause before a lost server is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The state that the reading thread shares.
struct Shared {
    stop: AtomicBool,
    state: Mutex<State>,
    moved: Condvar,
}

/// The thread's progress.
struct State {
    place: Place,
    failure: Option<String>,
    groups: u64,
    rows: u64,
    census: Census,
}

/// The parts that the thread works with.
struct Work {
    socket: PathBuf,
    cluster: Arc<Cluster>,
    shared: Arc<Shared>,
    events: Events,
    turner: Turner,
}

impl Drop for Work {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail(&anyhow!("its thread panicked"));
        }
    }
}

impl Work {
    /// Runs until it is told to stop, or the stream has failed.
    fn run(mut self) {
        let mut lost = false;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let place = self.shared.state.lock().place.clone();
            let ended = match Reader::open(&self.socket, place) {
                Ok(reader) => {
                    lost = false;
                    self.read(reader)
                }
                Err(error) => Err(Broken::Connection(error)),
            };
            match ended {
                Ok(()) => return,
                Err(Broken::Connection(error)) => {
                    // Reported once for each outage.
                    if !std::mem::replace(&mut lost, true) {
                        let why = format!("MariaDB's binlog cannot be read: {error:#}");
                        (self.events)(Event::Retrying { why, next: AGAIN, since: Duration::ZERO });
                    }
                    sleep(AGAIN);
                }
                Err(Broken::Cut(next)) => self.shared.state.lock().place = next,
                Err(Broken::Content(error)) => return self.fail(&error),
            }
        }
    }

    /// Reads until it is told to stop.
    fn read(&mut self, mut reader: Reader) -> Result<(), Broken> {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let (place, done) = match reader.next()? {
                Step::Idle(place) => (place, None),
                Step::Group(items, place) => {
                    let rows = self.turner.group(&items).map_err(Broken::Content)?;
                    (place, Some(rows))
                }
            };
            let mut state = self.shared.state.lock();
            state.place = place;
            state.groups += u64::from(done.is_some());
            state.rows += done.unwrap_or(0);
            state.census = self.turner.census();
            self.shared.moved.notify_all();
        }
        Ok(())
    }

    /// Ends the stream: no fake may promise that no data is missing.
    fn fail(&self, error: &anyhow::Error) {
        // Cannot fail: the one Pump exists.
        let _ = self.cluster.behave(0, |b| (b.silent, b.fakes) = (true, None));
        let text = format!("the stream of cluster {} has stopped: {error:#}", self.cluster.cluster_id());
        (self.events)(Event::Warning(text.clone()));
        self.shared.state.lock().failure = Some(text);
        self.shared.moved.notify_all();
    }
}
