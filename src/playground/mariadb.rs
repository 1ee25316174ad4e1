//! A private MariaDB or MySQL: own data directory, own socket, own free port on loopback or none, gone when it is dropped.
//!
//! Its root has no password. So one that others must not come near ([`PrivateServer::start_alone`]) has no port, its socket is in a folder that
//! nobody else may enter, and it does not run as the system's root if we do.

mod account;
mod program;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mysql::{Conn, OptsBuilder};
use tempfile::TempDir;

pub use self::program::VARIABLE;

use self::account::Account;
use self::program::Program;
use super::keeper::Keeper;
use crate::config::encode;
use crate::error::Fault;

/// How long the server may take to answer its first connection.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often another port is tried.
const TRIES: u32 = 3;

/// A server of our own.
pub struct PrivateServer {
    child: Option<Child>,
    program: Program,
    dir: TempDir,
    /// Ends the server and removes the folder if we cannot.
    keeper: Keeper,
    /// On 127.0.0.1; `None` if only the socket leads to it.
    port: Option<u16>,
    /// Which of the system's accounts it runs as, where it is not ours.
    account: Option<Account>,
    extra: Vec<String>,
    /// Logs of earlier starts, which are called `log.1`, `log.2` and so on.
    starts: u32,
}

impl PrivateServer {
    /// Makes a data directory in the system's temporary folder and starts a server on it.
    ///
    /// # Errors
    /// If MariaDB is not installed, or does not come up within a minute; then its own words are in the error.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same with more options for `mariadbd`, as in `--max-allowed-packet=1M`.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_with(extra: &[&str]) -> Result<Self> {
        Self::start_in(&std::env::temp_dir(), extra)
    }

    /// The same with its files below `parent`, which may be a disk of its own.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_in(parent: &Path, extra: &[&str]) -> Result<Self> {
        Self::start_program(Program::find()?, parent, extra, false)
    }

    /// The same for nobody but us: without a port, and as another of the system's accounts than root.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_alone(extra: &[&str]) -> Result<Self> {
        Self::start_program(Program::find()?, &std::env::temp_dir(), extra, true)
    }

    /// The same with the `mariadbd` or `mysqld` at `program`, which is in the folder of a server: `BASE/bin/mysqld`.
    ///
    /// # Errors
    /// See [`start`](Self::start); also if there is no such server.
    pub fn start_at(program: &Path, parent: &Path, extra: &[&str]) -> Result<Self> {
        Self::start_program(Program::at(program)?, parent, extra, false)
    }

    fn start_program(program: Program, parent: &Path, extra: &[&str], alone: bool) -> Result<Self> {
        // Nobody else may enter it: its socket asks for no password.
        let private = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("tisync-mariadb-").permissions(private).tempdir_in(parent)?;
        // One that was unpacked may lie where no other account comes.
        let account = if alone && program == Program::Installed { Account::instead_of_root(dir.path())? } else { None };
        for folder in [scratch(&dir), files(&dir)] {
            fs::create_dir(&folder)?;
            account.iter().try_for_each(|account| account.owns(&folder))?;
        }
        account.iter().try_for_each(|account| account.owns(dir.path()))?;
        let mut keeper = Keeper::start(dir.path())?;
        program.install(&data(&dir), &scratch(&dir), name(account.as_ref()), &mut keeper)?;
        let extra = extra.iter().map(ToString::to_string).collect();
        let mut server = Self { child: None, program, dir, keeper, port: None, account, extra, starts: 0 };
        if alone {
            server.launch()?;
            return Ok(server);
        }
        let mut tries = 0;
        loop {
            // Somebody else may take the port between the look and the start.
            server.port = Some(free_port()?);
            match server.launch() {
                Err(e) if tries == TRIES => return Err(e),
                Err(_) => tries += 1,
                Ok(()) => return Ok(server),
            }
        }
    }

    fn launch(&mut self) -> Result<()> {
        if self.log().exists() {
            // What it said before it was killed: a crash of its own is to be seen there.
            self.starts += 1;
            fs::rename(self.log(), self.log().with_extension(self.starts.to_string()))?;
        }
        let log = fs::File::create(self.log())?;
        let child = self
            .program
            .command()
            .arg(format!("--datadir={}", data(&self.dir).display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.dir.path().join("pid").display()))
            .args(match self.port {
                Some(port) => vec![format!("--port={port}"), "--bind-address=127.0.0.1".to_owned()],
                None => vec!["--skip-networking".to_owned()],
            })
            .arg(format!("--user={}", name(self.account.as_ref())))
            // What its accounts may read and write as files of this machine.
            .arg(format!("--secure-file-priv={}", files(&self.dir).display()))
            .args(["--skip-log-bin", "--innodb-buffer-pool-size=256M"])
            // A server that is killed and comes back at once must not meet writes of the one before it, which io_uring may still have under
            // way: 2 in 1,119 such restarts found their own files damaged, with nothing of tisync near; with this, none in 1,041.
            .arg("--innodb-use-native-aio=OFF")
            .args(&self.extra)
            .env("TMPDIR", scratch(&self.dir))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot run the server")?;
        // If the keeper is gone, the server still ends with us in any ordinary way.
        let _ = self.keeper.holds(Some(child.id()));
        self.child = Some(child);
        self.wait().inspect_err(|_| self.kill())
    }

    fn wait(&mut self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten());
            // By the socket first: on the port another server might answer.
            let socket = self.socket().to_string_lossy().into_owned();
            let ours = OptsBuilder::new().socket(Some(socket)).user(Some("root"));
            if ended.is_none() && Conn::new(ours).is_ok() && (self.port.is_none() || self.connect().is_ok()) {
                return Ok(());
            }
            if ended.is_some() || begin.elapsed() > START_LIMIT {
                let words = fs::read_to_string(self.log()).unwrap_or_default();
                let fault =
                    Fault::connect(format!("the server did not start:\n  {}", words.trim_end().replace('\n', "\n  ")));
                return Err(match &self.account {
                    Some(account) => fault.hint(account.needs()).into(),
                    None => fault.into(),
                });
            }
            sleep(Duration::from_millis(30));
        }
    }

    /// A new connection as root, without a database.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn connect(&self) -> Result<Conn> {
        let options = OptsBuilder::new().user(Some("root"));
        Ok(Conn::new(match self.port {
            Some(port) => options.ip_or_hostname(Some("127.0.0.1")).tcp_port(port),
            None => options.socket(Some(self.socket().to_string_lossy().into_owned())),
        })?)
    }

    /// Its address as a target for `sync`.
    #[must_use]
    pub fn url(&self) -> String {
        match self.port {
            Some(port) => format!("mysql://root@127.0.0.1:{port}"),
            None => format!("mysql://root@localhost/?socket={}", encode(&self.socket().to_string_lossy())),
        }
    }

    /// Its TCP port on 127.0.0.1; 0 if it has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_default()
    }

    /// The number of its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// Its error log since it last started; those of earlier starts lie beside it.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Kills it as `kill -9` would; the data stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // All can only fail if it is gone already, which is what was asked for.
            let _ = child.kill();
            // Before its number can be given to another process.
            let _ = self.keeper.holds(None);
            let _ = child.wait();
        }
    }

    /// Starts it again on the same data and port after [`kill`](Self::kill).
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.launch()
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn data(dir: &TempDir) -> PathBuf {
    Path::new(dir.path()).join("data")
}

/// Its temporary files: a server that starts removes those of any other in the same folder.
fn scratch(dir: &TempDir) -> PathBuf {
    Path::new(dir.path()).join("tmp")
}

/// The only files of the machine that its accounts may read or write.
fn files(dir: &TempDir) -> PathBuf {
    Path::new(dir.path()).join("files")
}

/// Of our own account the server needs to hear only if it is root.
fn name(account: Option<&Account>) -> &str {
    account.map_or("root", Account::name)
}

/// A port on 127.0.0.1 that nobody listens on at this moment.
///
/// # Errors
/// If the system gives none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
