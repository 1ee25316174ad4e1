//! `tisync playground`: a simulated cluster, a private MariaDB, the sync between them, and a comparison at the end.

mod bank;
mod both;
mod recording;

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::cli::{Cli, Command, PlaygroundArgs};
use crate::config::Settings;
use crate::error::{Fault, Kind};
use crate::output::{self, Progress};
use crate::pipeline::End;
use crate::playground::cluster::{Cluster, ClusterSpec};
use crate::playground::mariadb::PrivateServer;
use crate::playground::replay;
use crate::sink::mysql::answer::Answers;
use crate::stop::Stop;

/// How often waiting looks at the signals.
const TICK: Duration = Duration::from_millis(50);
/// The simulated cluster's id: any will do, as long as it stays.
const CLUSTER_ID: u64 = 7_000_000_000_000_000_001;

/// Runs it.
pub fn run(args: &PlaygroundArgs) -> Result<()> {
    if args.pumps == 0 {
        return Err(Fault::usage("a cluster without a Pump has nothing to replicate").hint("--pumps 1 or more").into());
    }
    let stop = Stop::on_signals()?;
    if args.both {
        return both::run(args, &stop);
    }
    match (&args.recording, args.serve) {
        (Some(dir), true) => recording::serve(dir, args, &stop),
        (Some(dir), false) => recording::run(dir, args, &stop),
        (None, true) => bank::serve(args, &stop),
        (None, false) => bank::run(args, &stop),
    }
}

/// A cluster with as many Pumps as asked for, without data.
fn cluster(args: &PlaygroundArgs) -> Result<Arc<Cluster>> {
    let cluster = Arc::new(Cluster::start(ClusterSpec::new(CLUSTER_ID, args.pumps))?);
    introduce(&cluster);
    Ok(cluster)
}

fn introduce(cluster: &Cluster) {
    output::note(&format!(
        "a simulated TiDB cluster is up: PD at {}, {} Pumps, TiDB's status port at {}",
        cluster.pd_url(),
        cluster.pump_count(),
        cluster.status_address()
    ));
}

fn replay_options(args: &PlaygroundArgs) -> replay::ReplayOptions {
    replay::ReplayOptions { pumps: args.pumps, job_delay: job_delay(args), ..Default::default() }
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

/// The same sync that an operator would type, so that nothing here works by other means.
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
        _ => Err(Fault::usage("the playground runs nothing but `sync`").into()),
    }
}

/// Keeps the server up until the operator has seen enough.
fn keep(server: &PrivateServer, stop: &Stop) {
    let socket = server.socket();
    output::note(&format!("MariaDB stays up: mariadb -u root -S {}", socket.display()));
    output::note("Ctrl-C ends it and removes its data");
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
        .hint("this must not happen: please report it with the seed")
        .into()
}
