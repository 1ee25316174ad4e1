//! Wall time, CPU time and memory of processes, from `/proc`.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tisync::playground::mariadb::PrivateServer;

use crate::reader::Seen;

/// Linux's unit of CPU time in `/proc`: 1/100 s on every platform that it runs on.
const TICKS: f64 = 100.0;
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// No run may take longer.
const LIMIT: Duration = Duration::from_secs(150);

/// What one run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Seconds from start to end.
    pub wall: f64,
    /// CPU seconds, user and system.
    pub cpu: f64,
    /// CPU seconds of the server meanwhile.
    pub server: f64,
    /// The most memory at once, in MB; 0 where it was not measured.
    pub peak: f64,
    /// What a reader saw meanwhile.
    pub seen: Option<Seen>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s, {:.2} CPU s, server {:.2} CPU s, {:.0} MB", self.wall, self.cpu, self.server, self.peak)?;
        match self.seen {
            Some(Seen { reads, wrong }) => write!(f, "; {wrong} of {reads} reads wrong"),
            None => Ok(()),
        }
    }
}

impl Figures {
    /// The median of each figure by itself; of what readers saw, the fewest reads and the most wrong ones.
    pub fn median(list: &[Self]) -> Self {
        let middle = |get: fn(&Self) -> f64| {
            let mut values: Vec<f64> = list.iter().map(get).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        Self {
            wall: middle(|f| f.wall),
            cpu: middle(|f| f.cpu),
            server: middle(|f| f.server),
            peak: middle(|f| f.peak),
            seen: list
                .iter()
                .filter_map(|f| f.seen)
                .reduce(|a, b| Seen { reads: a.reads.min(b.reads), wrong: a.wrong.max(b.wrong) }),
        }
    }
}

/// State and CPU seconds of a process; of one that has ended too, until its parent has taken note.
fn look(pid: u32) -> Result<(char, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything.
    let (_, rest) = text.rsplit_once(") ").context("no process line")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    Ok((rest.chars().next().unwrap_or('?'), (number(11) + number(12)) / TICKS))
}

/// The most memory that a process had at once, in MB; `None` once it has ended.
fn peak(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

/// CPU seconds of the server so far.
pub fn server_cpu(server: &PrivateServer) -> Result<f64> {
    let pid = fs::read_to_string(server.socket().with_file_name("pid")).context("the server's pid file")?;
    Ok(look(pid.trim().parse()?)?.1)
}

/// The binary that this bench was built with.
pub const THIS: &str = env!("CARGO_BIN_EXE_tisync");

fn command(binary: &str, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).env("NO_COLOR", "1").env("HOME", "/nonexistent").stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TISYNC_")) {
        command.env_remove(name);
    }
    command
}

/// Runs `tisync sync` with `args` into `server`, which it reaches at `port`, to its end.
pub fn sync(binary: &str, args: &[&str], server: &PrivateServer, port: u16) -> Result<Figures> {
    let url = format!("mysql://root@127.0.0.1:{port}");
    let all: Vec<&str> = ["sync", "--quiet", "--to", &url].iter().chain(args).copied().collect();
    let before = server_cpu(server)?;
    let begin = Instant::now();
    let mut child =
        command(binary, &all).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot start tisync")?;
    let mut figures = Figures::default();
    loop {
        let (state, cpu) = look(child.id())?;
        figures.cpu = cpu;
        figures.peak = peak(child.id()).unwrap_or(figures.peak);
        if state == 'Z' {
            break;
        }
        if begin.elapsed() > LIMIT {
            child.kill()?;
            bail!("tisync was not done after {} s", LIMIT.as_secs());
        }
        sleep(LOOK);
    }
    figures.wall = begin.elapsed().as_secs_f64();
    figures.server = server_cpu(server)? - before;
    let mut words = String::new();
    child.stderr.take().context("a pipe")?.read_to_string(&mut words)?;
    let status = child.wait()?;
    if !status.success() {
        bail!("tisync ended with {status}:\n{words}");
    }
    Ok(figures)
}

/// A simulated cluster that serves a recording, in a process of its own, until it is dropped.
pub struct Served {
    child: Child,
    /// What `--from` takes.
    pub address: String,
}

impl Served {
    /// Starts it and waits for the line of its standard output that names the address.
    pub fn start(folder: &Path) -> Result<Self> {
        let args = ["playground", "--serve", "--recording", &folder.display().to_string()];
        let mut child = command(THIS, &args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("a pipe")?;
        let mut served = Self { child, address: String::new() };
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(address) = line.split_whitespace().find(|w| w.starts_with("pd://")) {
                served.address = address.trim_end_matches(['.', ',', ';', '`']).to_owned();
                return Ok(served);
            }
        }
        bail!("`tisync playground --serve` printed no pd:// address")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It can only have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
