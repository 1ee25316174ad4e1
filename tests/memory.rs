//! Memory stays under `--memory-limit` plus one raw transaction, whatever the transaction, the backlog, the number of
//! tables or the length of the DDL history. Each test runs what it measures as a process of its own, reads its peak
//! from the system, and prints it beside the limit.
//!
//! `make memory` runs the large sizes as well, which are ignored otherwise.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "what was measured is part of the answer")]

mod common;
#[allow(dead_code, reason = "each binary uses its own part")]
#[path = "common/load/mod.rs"]
mod load;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::load::{Backlog, Big, Draft, ManyTables, Stream, Truth, Workload};
use anyhow::{Context, Result, ensure};
use common::binary::command;
use serde_json::Value;
use tempfile::TempDir;
use tisync::event::silent;
use tisync::model::{Change, CommitTs, Kind, Pulled, Row, Txn, Value as Cell};
use tisync::pipeline::Pipeline;
use tisync::playground::mariadb::PrivateServer;
use tisync::schema::{Catalog, HttpHistory};
use tisync::sink::{Sink, Totals};
use tisync::source::recording::{DDL_HISTORY, Meta, Writer};
use tisync::source::{self, Options, Origin};

const MIB: u64 = 1 << 20;
/// Nothing here takes longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// A process that is not left behind.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A simulated cluster in a process of its own, and the address of its PD.
fn serve(recording: &Path) -> Result<(Process, String)> {
    let args = ["playground", "--serve", "--recording", &recording.display().to_string()];
    let child = command(&args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut process = Process(child);
    let mut address = String::new();
    BufReader::new(process.0.stdout.take().context("its output")?).read_line(&mut address)?;
    ensure!(address.starts_with("pd://"), "the simulated cluster did not start");
    Ok((process, address.trim().to_owned()))
}

/// The highest memory of a process so far, in bytes.
fn peak_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Runs it to its end; gives the peak of its memory.
fn measured(mut command: Command) -> Result<u64> {
    let err = tempfile::NamedTempFile::new()?;
    command.stdin(Stdio::null()).stdout(err.reopen()?).stderr(err.reopen()?);
    let mut process = Process(command.spawn()?);
    let (begin, mut peak) = (Instant::now(), 0);
    loop {
        peak = peak.max(peak_of(process.0.id()).unwrap_or(0));
        if let Some(status) = process.0.try_wait()? {
            ensure!(status.success(), "it ended with {status}:\n{}", fs::read_to_string(err.path())?);
            ensure!(peak > MIB, "its memory was not seen");
            return Ok(peak);
        }
        ensure!(begin.elapsed() < LONGEST, "it does not end");
        sleep(Duration::from_millis(2));
    }
}

fn judge(what: &str, peak: u64, limit: u64, raw: u64) -> Result<()> {
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    println!("{what}: peak {} MiB, limit {} MiB, largest raw transaction {} MiB", mib(peak), mib(limit), mib(raw));
    ensure!(peak <= limit + raw, "{what}: {} MiB is above {} + {}", mib(peak), mib(limit), mib(raw));
    Ok(())
}

/// `sync` of the served recording up to its end, with `limit` bytes of memory.
fn sync(from: &str, to: &str, start: CommitTs, end: CommitTs, limit: u64) -> Command {
    let (start, end, limit) = (start.to_string(), end.to_string(), limit.to_string());
    let args = ["sync", "--quiet", "--from", from, "--to", to, "--start-ts", &start, "--until-ts", &end];
    command(&[&args[..], &["--allow-missing", "--memory-limit", &limit]].concat())
}

/// Replicates a workload through the wire into MariaDB; the target must hold what its maker says.
fn replicate(workload: &dyn Workload, limit: u64, raw: u64) -> Result<()> {
    let (dir, server) = (TempDir::new()?, PrivateServer::start()?);
    let truth = load::write(workload, dir.path())?;
    let (_cluster, from) = serve(dir.path())?;
    let peak = measured(sync(&from, &server.url(), truth.start_ts, truth.end_ts, limit))?;
    let differences = truth.differences(&mut server.connect()?)?;
    ensure!(differences.is_empty(), "{differences:?}");
    let what = format!("{}, {} transactions, {} row changes", workload.name(), truth.txns, truth.row_changes);
    judge(&what, peak, limit, raw)
}

#[test]
fn a_backlog() -> Result<()> {
    replicate(&Backlog { txns: 50_000, ..Backlog::default() }, 64 * MIB, 0)
}

#[test]
#[ignore = "large: make memory"]
fn a_backlog_of_a_million() -> Result<()> {
    replicate(&Backlog { txns: 1_000_000, ..Backlog::default() }, 256 * MIB, 0)
}

#[test]
fn many_tables() -> Result<()> {
    replicate(&ManyTables { tables: 500, ..ManyTables::default() }, 64 * MIB, 0)
}

#[test]
#[ignore = "large: make memory"]
fn five_thousand_tables() -> Result<()> {
    replicate(&ManyTables { tables: 5_000, ..ManyTables::default() }, 256 * MIB, 0)
}

#[test]
fn a_large_transaction() -> Result<()> {
    replicate(&Big { bytes: 48 * MIB, ..Big::default() }, 64 * MIB, 48 * MIB)
}

/// Rows of 3 MB, one in each transaction.
struct LargeRows {
    rows: i64,
    kind: Kind,
}

impl LargeRows {
    const COLUMNS: usize = 50;
    const CELL: usize = 60_000;

    fn row(id: i64) -> Row {
        let cell = |at: usize| {
            let text: String = (0..Self::CELL / 8).map(|n| format!("{:08}", n * 31 + at)).collect();
            Cell::Bytes(text.into())
        };
        std::iter::once(Cell::Int(id)).chain((0..Self::COLUMNS).map(cell)).collect()
    }
}

impl Workload for LargeRows {
    fn name(&self) -> &'static str {
        "large_rows"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let mut draft = Draft::new("large_rows").column("id", Kind::Int { bytes: 8, unsigned: false });
        for at in 0..Self::COLUMNS {
            draft = draft.column(&format!("c{at}"), self.kind.clone());
        }
        let place = out.table(draft.primary(&[0]))?;
        for id in 0..self.rows {
            out.insert(place, 0, Self::row(id))?;
            out.commit()?;
        }
        Ok(())
    }
}

/// Bytes become twice as many digits: the statement of one such row has 6 MB, and is held several times.
#[test]
fn large_rows() -> Result<()> {
    replicate(&LargeRows { rows: 12, kind: Kind::Binary { fixed: None } }, 128 * MIB, 3 * MIB)
}

#[test]
#[ignore = "large: make memory"]
fn a_transaction_of_512_mib() -> Result<()> {
    replicate(&Big::default(), 256 * MIB, 512 * MIB)
}

/// The history of `tables` tables, each created and altered again and again, all of it before the start.
fn long_history(dir: &Path, tables: u32, jobs: usize) -> Result<Meta> {
    let made = TempDir::new()?;
    let truth: Truth = load::write(&ManyTables { tables, rows: 1, ..ManyTables::default() }, made.path())?;
    let mut history: Vec<Value> = serde_json::from_slice(&fs::read(made.path().join(DDL_HISTORY))?)?;
    history.sort_by_key(|job| job["id"].as_i64());
    let creates: Vec<Value> = history.iter().filter(|job| job["type"] == 3).cloned().collect();
    let (first, mut next) = (history.len(), history.last().and_then(|job| job["id"].as_i64()).context("a job")?);
    let version =
        history.iter().filter_map(|job| job["binlog"]["SchemaVersion"].as_i64()).max().context("a version")?;
    for (n, create) in (1..).zip(creates.iter().cycle().take(jobs - first)) {
        let mut alter = create.clone();
        next += 1;
        (alter["id"], alter["type"]) = (next.into(), 5.into());
        alter["binlog"]["SchemaVersion"] = (version + n).into();
        // Real definitions are longer than those of the workload.
        alter["query"] =
            "ALTER TABLE a_table ADD COLUMN another_column VARCHAR(100) DEFAULT 'nothing' ".repeat(20).into();
        history.push(alter);
    }
    history.reverse();
    fs::write(dir.join(DDL_HISTORY), serde_json::to_vec(&history)?)?;
    let end = CommitTs(truth.end_ts.0 + (1 << 30));
    let mut out = Writer::create(dir, false)?;
    out.pulled(&Pulled::Resolved(end))?;
    out.finish()?;
    let more = Meta::read(made.path())?.more;
    let meta = Meta { cluster_id: 7, start_ts: CommitTs(end.0 - 1), end_ts: Some(end), more };
    meta.write(dir)?;
    Ok(meta)
}

fn seed(tables: u32, jobs: usize, limit: u64) -> Result<()> {
    let (dir, server) = (TempDir::new()?, PrivateServer::start()?);
    let meta = long_history(dir.path(), tables, jobs)?;
    let bytes = fs::metadata(dir.path().join(DDL_HISTORY))?.len();
    let what = |how: &str| format!("a DDL history of {jobs} jobs, {} MiB, {how}", bytes / MIB);
    let end = meta.end_ts.context("an end")?;
    let (_cluster, from) = serve(dir.path())?;
    let peak = measured(sync(&from, &server.url(), meta.start_ts, end, limit))?;
    judge(&what("from TiDB's status port"), peak, limit, 0)?;
    let folder = dir.path().display().to_string();
    let mut from_file = sync(&folder, &server.url(), meta.start_ts, end, limit);
    from_file.args(["--link", "file"]);
    judge(&what("from a file"), measured(from_file)?, limit, 0)
}

#[test]
fn a_long_history() -> Result<()> {
    seed(500, 5_000, 64 * MIB)
}

#[test]
#[ignore = "large: make memory"]
fn a_history_of_forty_thousand_jobs() -> Result<()> {
    seed(5_000, 40_000, 256 * MIB)
}

/// Counts rows, and forgets them: what is left is the memory of source, merge and decoder.
#[derive(Default)]
struct Count {
    rows: u64,
    large: u64,
}

impl Sink for Count {
    fn position(&self) -> Option<CommitTs> {
        None
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        match txn.change {
            Change::Rows(rows) => self.rows += rows.len() as u64,
            Change::Large(mut rows) => {
                self.large += 1;
                let all = rows.row_count();
                rows.by_ref().try_for_each(|row| {
                    self.rows += 1;
                    row.map(drop)
                })?;
                // As a sink does whose target went away.
                rows.rewind();
                ensure!(rows.pass_over(u64::MAX)? == all, "another number of rows the second time");
            }
            Change::Ddl(_) | Change::Nothing => {}
        }
        Ok(())
    }

    fn resolved(&mut self, _: CommitTs) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        Ok(())
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// The variables that make this program the process to be measured.
const FROM: &str = "MEMORY_TEST_FROM";
const SCHEMA: &str = "MEMORY_TEST_SCHEMA";
const RANGE: &str = "MEMORY_TEST_RANGE";

/// Not a test by itself: what [`counted`] runs and measures.
#[test]
#[ignore = "run by others"]
fn counting_process() -> Result<()> {
    let Ok(from) = std::env::var(FROM) else { return Ok(()) };
    let schema = std::env::var(SCHEMA)?;
    let range: Vec<u64> = std::env::var(RANGE)?.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [start, end, limit, rows] = range[..] else { anyhow::bail!("four numbers") };
    let limit = usize::try_from(limit)?;
    let servers = move |origin: &Origin<'_>| -> Result<Arc<dyn tisync::schema::History>> {
        let Origin::Cluster(pd) = origin else { anyhow::bail!("a cluster") };
        let addresses = pd.tidb_servers()?.iter().map(|s| format!("{schema}{}", s.status_address())).collect();
        Ok(Arc::new(HttpHistory::new(addresses)))
    };
    let options = Options { queue_bytes: limit / 16, ..Options::new(Arc::new(servers)) };
    let mut source = source::open(&from, &options, &silent())?;
    let mut sink = Count::default();
    let mut pipeline = Pipeline {
        large: Some(limit / 16),
        until: Some(CommitTs(end)),
        ..Pipeline::new(
            Catalog::at(source.history(), CommitTs(start))?,
            &mut sink,
            tisync::selection::Selection::default(),
            silent(),
        )
    };
    let streams = source.streams(CommitTs(start))?;
    pipeline.run(streams, CommitTs(start))?;
    ensure!((sink.rows, sink.large) == (rows, 1), "{} rows, {} large", sink.rows, sink.large);
    Ok(())
}

/// The way of a large transaction up to the sink, through the wire.
fn counted(big: Big, limit: u64) -> Result<()> {
    let dir = TempDir::new()?;
    let truth = load::write(&big, dir.path())?;
    let (_cluster, from) = serve(dir.path())?;
    let mut command = Command::new(std::env::current_exe()?);
    let range = [truth.start_ts.0, truth.end_ts.0, limit, truth.row_changes].map(|n| n.to_string()).join(" ");
    command.args(["--exact", "counting_process", "--ignored", "--nocapture"]);
    command.env(FROM, from).env(SCHEMA, "http://").env(RANGE, range);
    let what = format!("a transaction of {} MiB into a sink that counts", big.bytes / MIB);
    judge(&what, measured(command)?, limit, big.bytes)
}

#[test]
fn a_large_transaction_up_to_the_sink() -> Result<()> {
    counted(Big { bytes: 48 * MIB, ..Big::default() }, 64 * MIB)
}

#[test]
#[ignore = "large: make memory"]
fn a_transaction_of_512_mib_up_to_the_sink() -> Result<()> {
    counted(Big::default(), 256 * MIB)
}
