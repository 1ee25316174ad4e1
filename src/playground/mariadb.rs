//! A private MariaDB or MySQL with its own data directory, socket and port, gone when dropped.
//!
//! The port is a free one on loopback, or there is none.
//!
//! Its root has no password. So a server that others must not reach
//! ([`PrivateServer::start_alone`]) has no port, its socket is in a folder that no other account
//! may enter, and it does not run as root even if we do.
//!
//! Also here: what must not be left behind, however this process ends. That is a folder, and a
//! server that works in it.

mod program;

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mysql::{Conn, OptsBuilder};
use tempfile::TempDir;

use crate::config::encode;
use crate::error::Fault;
pub use program::VARIABLE;
use program::{Account, Program};

/// How long the server may take to answer its first connection.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often another port is tried.
const TRIES: u32 = 3;

/// A private server.
pub struct PrivateServer {
    child: Option<Child>,
    program: Program,
    dir: TempDir,
    /// Ends the server and removes the folder if we cannot.
    keeper: Keeper,
    /// On 127.0.0.1; `None` if only the socket leads to it.
    port: Option<u16>,
    /// The system account that it runs as, where it is not ours.
    account: Option<Account>,
    extra: Vec<String>,
    /// Logs of earlier starts, which are called `log.1`, `log.2` and so on.
    starts: u32,
}

impl PrivateServer {
    /// Makes a data directory in the system's temporary folder and starts a server on it.
    ///
    /// # Errors
    /// If MariaDB is not installed, or is not up within a minute; then the error has the end of its
    /// log.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with more options for `mariadbd`, such as `--max-allowed-packet=1M`.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_with(extra: &[&str]) -> Result<Self> {
        Self::start_in(&std::env::temp_dir(), extra)
    }

    /// Starts a server with its files below `parent`, which may be on a disk of its own.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_in(parent: &Path, extra: &[&str]) -> Result<Self> {
        Self::start_program(Program::find()?, parent, extra, false)
    }

    /// Starts a server for this process alone: without a port, and not as the system's root.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_alone(extra: &[&str]) -> Result<Self> {
        Self::start_program(Program::find()?, &std::env::temp_dir(), extra, true)
    }

    /// Starts the `mariadbd` or `mysqld` at `program`, which is in the folder of a server:
    /// `BASE/bin/mysqld`.
    ///
    /// # Errors
    /// See [`start`](Self::start); also if there is no such server.
    pub fn start_at(program: &Path, parent: &Path, extra: &[&str]) -> Result<Self> {
        Self::start_program(Program::at(program)?, parent, extra, false)
    }

    fn start_program(program: Program, parent: &Path, extra: &[&str], alone: bool) -> Result<Self> {
        // No other account may enter it: the socket asks for no password.
        let private = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("tisync-mariadb-").permissions(private).tempdir_in(parent)?;
        // An unpacked server may lie in a folder that no other account can enter.
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
            // Another process may take the port between the check and the start.
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
            // Its log before it was killed is kept: it would show a crash of its own.
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
            // The files of this machine that its accounts may read and write.
            .arg(format!("--secure-file-priv={}", files(&self.dir).display()))
            .args(["--skip-log-bin", "--innodb-buffer-pool-size=256M"])
            // A server that is killed and comes back at once must not meet writes of its
            // predecessor that io_uring may still have in flight: 2 in 1,119 such restarts found
            // their own files damaged, without any tisync involved; with this option, none in
            // 1,041.
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

    /// Its process id, while it runs.
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
            // Both can only fail if it is gone already, which is the goal.
            let _ = child.kill();
            // Before its process id can be given to another process.
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

/// The value of the server's user option: `root` where it runs as our own account, because only
/// root has to be named.
fn name(account: Option<&Account>) -> &str {
    account.map_or("root", Account::name)
}

/// A port on 127.0.0.1 that is free at this moment.
///
/// # Errors
/// If the system gives no port.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Reads the id of the process that works in the folder `$1`, again after each change, until the
/// writer of those ids is gone. Then it ends that process and removes the folder, again until no
/// write that was still in flight creates it anew.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
process=
while read -r line; do process=$line; done
[ -z "$process" ] || kill -KILL "$process"
calm=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    if [ -e "$1" ]; then rm -rf "$1"; calm=0; else calm=$((calm + 1)); fi
    if [ -z "$process" ] || [ "$calm" -ge 3 ]; then break; fi
    sleep 0.1
done
"#;

/// A small process that waits for the end of ours. No signal handler could do its work: after a
/// second Ctrl-C or a SIGKILL no code of ours runs any more.
pub struct Keeper {
    child: Child,
    /// The end of this pipe tells it that we are gone.
    tell: Option<ChildStdin>,
}

impl Keeper {
    /// Removes `dir` when this process has ended, or when the keeper is dropped.
    ///
    /// # Errors
    /// If there is no `sh`.
    pub fn start(dir: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "tisync-playground"]).arg(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Signals from the terminal are for us, not for it.
        command.process_group(0);
        let mut child = command.spawn().context("cannot run sh")?;
        let tell = child.stdin.take();
        Ok(Self { child, tell })
    }

    /// Sets the process that works in the folder from now on, and is to end with us; `None`: it has
    /// ended.
    ///
    /// # Errors
    /// If the keeper is gone.
    pub fn holds(&mut self, process: Option<u32>) -> io::Result<()> {
        let line = process.map(|id| id.to_string()).unwrap_or_default();
        self.tell.as_mut().map_or(Ok(()), |tell| writeln!(tell, "{line}"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tell = None;
        // If it is gone already there is nothing to wait for.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn folder_and_process_go_with_it() {
        let dir = tempfile::tempdir().unwrap().keep();
        std::fs::write(dir.join("file"), "x").unwrap();
        let mut worker = Command::new("sleep").arg("100").spawn().unwrap();
        let mut keeper = Keeper::start(&dir).unwrap();
        keeper.holds(Some(worker.id())).unwrap();
        assert!(dir.exists() && worker.try_wait().unwrap().is_none());
        drop(keeper);
        assert!(!dir.exists());
        assert!(!worker.wait().unwrap().success());
    }

    #[test]
    fn what_has_ended_by_itself_is_left_alone() {
        let dir = tempfile::tempdir().unwrap().keep();
        let mut worker = Command::new("sleep").arg("100").spawn().unwrap();
        let mut keeper = Keeper::start(&dir).unwrap();
        keeper.holds(Some(worker.id())).unwrap();
        keeper.holds(None).unwrap();
        let begin = Instant::now();
        drop(keeper);
        assert!(!dir.exists() && worker.try_wait().unwrap().is_none());
        assert!(begin.elapsed() < Duration::from_secs(30));
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}
