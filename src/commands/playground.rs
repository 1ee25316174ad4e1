//! `tisync playground`: a simulated cluster, a private MariaDB, a sync between them, a comparison.
//!
//! - A recording over the simulated wire: served for other terminals, or synced and compared with
//!   its dump.
//! - The playground's own load: a bank whose balances always have one sum, and tables that show off
//!   types and keys.

pub(crate) mod both;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cli::{Cli, Command, PlaygroundArgs};
use crate::config::Settings;
use crate::error::{Fault, Kind, counted};
use crate::model::CommitTs;
use crate::mysql::answer::Answers;
use crate::output::{self, Progress};
use crate::pipeline::End;
use crate::playground::bank::{Bank, BankOptions, Limit};
use crate::playground::cluster::{Cluster, ClusterSpec};
use crate::playground::compare::{self, Comparison, Definitions, Side};
use crate::playground::mariadb::PrivateServer;
use crate::playground::{self, Recording};
use crate::stop::Stop;

/// Interval at which a wait checks for signals.
const TICK: Duration = Duration::from_millis(50);
/// The simulated cluster's id: any number, as long as it stays unchanged.
const CLUSTER_ID: u64 = 7_000_000_000_000_000_001;

/// Runs the playground.
pub fn run(args: &PlaygroundArgs) -> Result<()> {
    if args.pumps == 0 {
        return Err(Fault::usage("a cluster without a Pump has nothing to replicate")
            .hint("use --pumps 1 or more")
            .into());
    }
    let stop = Stop::on_signals()?;
    if args.both {
        return both::run(args, &stop);
    }
    match (&args.recording, args.serve) {
        (Some(dir), true) => serve_recording(dir, args, &stop),
        (Some(dir), false) => run_recording(dir, args, &stop),
        (None, true) => serve_bank(args, &stop),
        (None, false) => run_bank(args, &stop),
    }
}

/// A cluster with the requested number of Pumps, without data.
fn cluster(args: &PlaygroundArgs) -> Result<Arc<Cluster>> {
    let cluster = Arc::new(Cluster::start(ClusterSpec::new(CLUSTER_ID, args.pumps))?);
    introduce(&cluster);
    Ok(cluster)
}

fn introduce(cluster: &Cluster) {
    output::note(&format!(
        "a simulated TiDB cluster is up: PD at {}, {}, TiDB's status port at {}",
        cluster.pd_url(),
        counted(cluster.pump_count(), "Pump"),
        cluster.status_address()
    ));
}

fn replay_options(args: &PlaygroundArgs) -> playground::ReplayOptions {
    playground::ReplayOptions { pumps: args.pumps, job_delay: job_delay(args), ..Default::default() }
}

fn job_delay(args: &PlaygroundArgs) -> Option<Duration> {
    (args.ddl_delay > 0).then(|| Duration::from_millis(args.ddl_delay))
}

fn target() -> Result<PrivateServer> {
    output::note("starting a private MariaDB in a temporary folder");
    let server = PrivateServer::start_alone(&[])?;
    output::note(&format!("MariaDB is up at {}", server.url()));
    Ok(server)
}

/// The sync from a command line, as an operator would type it: the playground has no other way.
fn sync(from: &str, to: &str, more: &[String], stop: &Stop) -> Result<End> {
    let mut words: Vec<String> = ["tisync", "sync", "--from", from, "--to", to].map(str::to_owned).to_vec();
    words.extend_from_slice(more);
    output::note(&format!("$ {}", words.join(" ")));
    let settings = parse(&words)?;
    let progress = Progress::start(&[], false);
    let ended = super::sync::link(&settings, stop, &progress.events(Some(0)));
    progress.finish();
    Ok(ended?.0)
}

fn parse(words: &[String]) -> Result<Settings> {
    match <Cli as clap::Parser>::try_parse_from(words)?.command {
        Command::Sync(args) => Settings::of(&args),
        _ => Err(Fault::usage("the playground only runs `sync`").into()),
    }
}

/// Keeps the server running until a signal.
fn keep(server: &PrivateServer, stop: &Stop) {
    let socket = server.socket();
    output::note(&format!("MariaDB stays up: mariadb -u root -S {}", socket.display()));
    output::note("Ctrl-C stops it and removes its data");
    wait(stop);
}

fn wait(stop: &Stop) {
    while !stop.requested() {
        sleep(TICK);
    }
}

fn rows(server: &PrivateServer) -> Result<u64> {
    let sum: Option<Option<u64>> = server.connect()?.one("SELECT SUM(table_rows) FROM information_schema.tables")?;
    Ok(sum.flatten().unwrap_or(0))
}

fn different(differences: &[String]) -> anyhow::Error {
    Fault::new(Kind::Negative, format!("the target differs from the source:\n  {}", differences.join("\n  ")))
        .hint("this is a bug: please report it with the seed")
        .into()
}

/// Serves a recording until a signal.
pub fn serve_recording(dir: &Path, args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let mut printed = Ok(());
    playground::serve(&Recording::read(dir)?, &replay_options(args), stop.flag(), |cluster| {
        introduce(cluster);
        printed = output::answer(&cluster.pd_url());
        if printed.is_err() {
            // The address could not be printed: nothing can use the server.
            stop.request();
        }
    })?;
    printed
}

/// Serves a recording to a sync into a private MariaDB, and compares the result with the dump
/// beside it, if there is one.
pub fn run_recording(dir: &Path, args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let recording = Recording::read(dir)?;
    let server = target()?;
    let cluster = playground::start(&recording, &replay_options(args))?;
    introduce(&cluster);
    let mut more = vec!["--until".to_owned(), "caught-up".to_owned(), "--allow-missing".to_owned()];
    more.extend(["--start-ts".to_owned(), recording.start_ts.max(CommitTs(1)).to_string()]);
    more.extend(args.skip_ddl.iter().flat_map(|ts| ["--skip-ddl".to_owned(), ts.to_string()]));
    if sync(&cluster.pd_url(), &server.url(), &more, stop)? == End::Stopped {
        return Err(Fault::new(Kind::Interrupted, "stopped by a signal; nothing was compared").into());
    }
    let dump = dir.join("dump");
    if dump.is_dir() {
        let found = compare_with_dump(&server, &dump)?;
        if !found.equal() {
            return Err(different(&found.differences));
        }
        output::answer(&format!(
            "equal to its dump: {}, {}",
            counted(found.tables, "table"),
            counted(found.rows, "row")
        ))?;
    } else {
        output::answer(&format!(
            "applied; the target holds about {}; there is no dump to compare with",
            counted(rows(&server)?, "row")
        ))?;
    }
    if args.keep {
        keep(&server, stop);
    }
    Ok(())
}

fn compare_with_dump(server: &PrivateServer, dir: &Path) -> Result<Comparison> {
    let mut databases = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        databases.extend(name.strip_suffix("-schema-create.sql").map(str::to_owned));
    }
    let names: Vec<&str> = databases.iter().map(String::as_str).collect();
    compare::load_dump(&mut server.connect()?, dir, &names, "truth_")?;
    let mut all = Comparison::default();
    for name in names {
        let mut left = Side::new(server.connect()?, name)?;
        let mut right = Side::new(server.connect()?, &format!("truth_{name}"))?;
        let found = compare::databases(&mut left, &mut right, Definitions::Exact, &[])?;
        all.tables += found.tables;
        all.rows += found.rows;
        all.differences.extend(found.differences);
    }
    Ok(all)
}

/// Time between two readings of the sum.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn options(args: &PlaygroundArgs) -> BankOptions {
    let rate = Some(f64::from(args.rate));
    BankOptions { seed: args.seed, rate, job_delay: job_delay(args), ..BankOptions::default() }
}

/// Serves the cluster while the bank works, until a signal.
pub fn serve_bank(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let cluster = cluster(args)?;
    let start = cluster.tso();
    let bank = Bank::start(Arc::clone(&cluster), options(args))?;
    output::note(&format!("start after it with --start-ts {start}"));
    output::answer(&cluster.pd_url())?;
    let running = bank.spawn(Limit { time: Some(Duration::from_secs(args.duration)), ..Limit::default() });
    wait(stop);
    running.stop().map(|_| ())
}

/// Runs the whole demonstration: cluster, bank, MariaDB, sync, comparison.
pub fn run_bank(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let server = target()?;
    let cluster = cluster(args)?;
    let start = cluster.tso();
    let bank = Bank::start(Arc::clone(&cluster), options(args))?;
    output::note(&format!(
        "the bank is open: {} transactions per second for {} s, seed {}",
        args.rate, args.duration, args.seed
    ));
    let sum = bank.sum();
    let accounts = BankOptions::default().accounts;
    let running = bank.spawn(Limit { time: Some(Duration::from_secs(args.duration)), ..Limit::default() });
    let reader = Reader::start(&server, accounts, sum);

    // A first run to the end of the load, a second one for the rest: this also shows a restart.
    let end = CommitTs::from_millis(cluster.tso().physical_ms() + args.duration * 1000);
    let from = cluster.pd_url();
    let first = ["--start-ts".to_owned(), start.to_string(), "--until-ts".to_owned(), end.to_string()];
    let ended = sync(&from, &server.url(), &first, stop)?;
    let bank = if ended == End::Stopped { running.stop()? } else { running.wait()? };
    if ended == End::Stopped {
        return Err(Fault::new(Kind::Interrupted, "stopped by a signal; nothing was compared").into());
    }
    sync(&from, &server.url(), &["--until".to_owned(), "caught-up".to_owned()], stop)?;
    let (reads, wrong) = reader.stop()?;

    let found = compare_with_bank(&server, &bank)?;
    output::note(&format!("read {} of the balances meanwhile, {wrong} with a wrong sum", counted(reads, "snapshot")));
    if !found.equal() || wrong > 0 {
        return Err(different(&found.differences));
    }
    let summary = format!(
        "equal: {} of the bank, {}, {}; the balances sum to {}.{:02}",
        counted(bank.done(), "transaction"),
        counted(found.tables, "table"),
        counted(found.rows, "row"),
        sum / 100,
        sum % 100
    );
    output::answer(&summary)?;
    if args.keep {
        keep(&server, stop);
    }
    Ok(())
}

fn compare_with_bank(server: &PrivateServer, bank: &Bank) -> Result<compare::Comparison> {
    let mut conn = server.connect()?;
    compare::load_expected(&mut conn, "bank", "bank_truth", &bank.expected())?;
    let mut left = Side::new(server.connect()?, "bank")?;
    let mut right = Side::new(server.connect()?, "bank_truth")?;
    compare::databases(&mut left, &mut right, Definitions::Exact, &[])
}

/// Reads the sum of all balances again and again while the sync writes.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(u64, u64)>>,
}

impl Reader {
    fn start(server: &PrivateServer, accounts: u32, sum: i64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let conn = server.connect();
        let thread = std::thread::spawn(move || {
            let mut conn = conn?;
            let (mut reads, mut wrong) = (0, 0);
            while !flag.load(Ordering::Relaxed) {
                let query = "SELECT COUNT(*), CAST(SUM(balance) * 100 AS SIGNED) FROM bank.accounts";
                // The table may not exist yet.
                if let Ok(Some((count, Some(found)))) = conn.one::<(u32, Option<i64>)>(query)
                    && count == accounts
                {
                    reads += 1;
                    wrong += u64::from(found != sum);
                }
                sleep(LOOK_EVERY);
            }
            Ok((reads, wrong))
        });
        Self { stop, thread }
    }

    fn stop(self) -> Result<(u64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Fault::refused("the reader's thread panicked"))?
    }
}
