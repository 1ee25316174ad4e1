//! What a round plays in: a MariaDB with the proxy in front, a simulated cluster, and runs of the real binary.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mysql::Conn;
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;

use crate::common::binary;
use crate::common::server;
use crate::marks;
use crate::proxy::Proxy;
use crate::tables::DATABASE;

/// No run takes longer.
const LIMIT: Duration = Duration::from_secs(240);
/// How often a run is looked at.
const TICK: Duration = Duration::from_millis(2);

/// What is killed here is the server, never the machine: all that it has written is there again, whether or not it has
/// waited for the disk.
pub const UNSYNCED: [&str; 4] = [
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--loose-debug-no-sync",
    "--innodb-fast-shutdown=2",
];

/// A server that rounds use one after the other.
pub type Server = Arc<Mutex<PrivateServer>>;

/// Servers that nobody uses at the moment.
static IDLE: Mutex<Vec<Server>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clean server: one that a round has left, or a new one.
pub fn server() -> Result<Server> {
    let idle = lock(&IDLE).pop();
    let server = match idle {
        Some(server) => server,
        None => Arc::new(Mutex::new(server::start(&UNSYNCED)?)),
    };
    clean(&lock(&server))?;
    Ok(server)
}

/// A server of its own for a round with marks, which keeps a binlog.
pub fn logging_server() -> Result<Server> {
    let flags: Vec<&str> = UNSYNCED.into_iter().chain(marks::LOGGED).collect();
    let server = server::start(&flags)?;
    marks::set_up(&mut server.connect()?)?;
    Ok(Arc::new(Mutex::new(server)))
}

/// Gives back a server that is as good as new but for its databases.
pub fn give_back(server: Server) {
    lock(&IDLE).push(server);
}

/// Stops all idle servers.
pub fn stop_servers() {
    lock(&IDLE).clear();
}

fn clean(server: &PrivateServer) -> Result<()> {
    let mut conn = server.connect()?;
    conn.query_drop("SET SESSION foreign_key_checks = 0")?;
    for database in [DATABASE, "truth", "tidb_binlog"] {
        conn.query_drop(format!("DROP DATABASE IF EXISTS {database}"))?;
    }
    Ok(())
}

pub struct World {
    pub server: Server,
    pub port: u16,
    pub proxy: Proxy,
    pub cluster: Arc<Cluster>,
    /// Kills the run that goes on, whichever it is.
    pub current: Killer,
    dir: TempDir,
    runs: u32,
    /// Whether runs write with marks.
    marked: bool,
    /// Everything that runs have said, for a failure.
    pub told: String,
}

impl World {
    pub fn new(server: Server, cluster_id: u64, pumps: usize, marked: bool) -> Result<Self> {
        let port = lock(&server).port();
        let mut spec = ClusterSpec::new(cluster_id, pumps);
        for pump in &mut spec.pumps {
            pump.behaviour.fakes = Some(Duration::from_millis(20));
        }
        let cluster = Arc::new(Cluster::start(spec)?);
        let (proxy, dir) = (Proxy::start(port)?, tempfile::tempdir()?);
        Ok(Self { server, port, proxy, cluster, current: Killer::default(), dir, runs: 0, marked, told: String::new() })
    }

    pub fn connect(&self) -> Result<Conn> {
        lock(&self.server).connect()
    }

    /// Starts a run up to `end`.
    pub fn start(&mut self, end: u64, more: &[String]) -> Result<Run> {
        self.runs += 1;
        let path = self.dir.path().join(format!("run-{}", self.runs));
        let (from, to, end) = (self.cluster.pd_url(), self.proxy.url(), end.to_string());
        let args = ["sync", "--from", &from, "--to", &to, "--start-ts", "1", "--until", &end];
        let mut command = binary::command(&args);
        if self.marked {
            command.args(["--channel-id", &marks::mark().channel.to_string()]);
        }
        command.args(more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&path)?);
        let child = command.spawn().context("the binary runs")?;
        self.told.push_str(&format!("--- run {} {}\n", self.runs, more.join(" ")));
        *lock(&self.current.0) = Some(Process { child, killed: false, interrupted: false });
        Ok(Run { child: self.current.clone(), path, begun: Instant::now() })
    }

    /// Takes note of what a run said.
    pub fn ended(&mut self, run: &Run) -> String {
        let said = fs::read_to_string(&run.path).unwrap_or_default();
        self.told.push_str(&said);
        said
    }
}

/// A run of the binary. There is one at a time.
pub struct Run {
    child: Killer,
    path: PathBuf,
    begun: Instant,
}

/// Kills a run from any thread.
#[derive(Clone, Default)]
pub struct Killer(Arc<Mutex<Option<Process>>>);

struct Process {
    child: Child,
    killed: bool,
    interrupted: bool,
}

impl Killer {
    /// SIGKILL; gone when this returns.
    pub fn kill(&self) {
        let mut child = lock(&self.0);
        let Some(process) = child.as_mut() else { return };
        if process.child.try_wait().is_ok_and(|s| s.is_none()) {
            process.killed = true;
        }
        let _ = process.child.kill();
        let _ = process.child.wait();
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Killed,
    Code(i32),
}

impl Run {
    pub fn killer(&self) -> Killer {
        self.child.clone()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Result<Option<Ended>> {
        let mut child = lock(&self.child.0);
        let process = child.as_mut().context("no run was started")?;
        let Some(status) = process.child.try_wait()? else {
            drop(child);
            if self.begun.elapsed() > LIMIT {
                self.child.kill();
                bail!("a run did not end within {LIMIT:?}");
            }
            return Ok(None);
        };
        // One that is only just beginning does not know signals yet.
        if process.killed || process.interrupted && status.code().is_none() {
            return Ok(Some(Ended::Killed));
        }
        let code = status.code().context("a run was ended by a signal that the test did not send")?;
        Ok(Some(Ended::Code(code)))
    }

    pub fn wait(&self) -> Result<Ended> {
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(ended);
            }
            sleep(TICK);
        }
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&self) {
        let mut child = lock(&self.child.0);
        let Some(process) = child.as_mut() else { return };
        process.interrupted = true;
        let id = process.child.id().to_string();
        // It may have ended meanwhile; its child entry is still ours, so nobody else has the number.
        let _ = std::process::Command::new("kill").args(["-INT", &id]).stderr(Stdio::null()).status();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.current.kill();
    }
}

/// The help of `sync`, which says what flags this binary has.
pub fn help() -> &'static str {
    static HELP: OnceLock<String> = OnceLock::new();
    HELP.get_or_init(|| binary::tisync(&["sync", "--help"]).stdout)
}
