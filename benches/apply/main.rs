//! How long applying takes: `tisync sync` of several workloads over a simulated Pump against the bulk reference of the same rows,
//! in turns, each on a fresh private MariaDB that flushes its log at every commit; once over loopback and once with 2 ms more for
//! each round trip. `cargo bench --bench apply`; the table also goes to `target/bench-apply.csv`. See `benches/README.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its result")]

#[allow(dead_code, reason = "each binary uses its own part")]
#[path = "../../tests/common/load/mod.rs"]
mod load;
mod measure;
mod net;
#[path = "../../tests/common/proxy.rs"]
mod proxy;
mod reader;
mod reference;
mod report;
mod workload;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mysql::prelude::Queryable;
use proxy::Proxy;
use tisync::model::Mark;
use tisync::playground::mariadb::PrivateServer;

use measure::{Figures, Served};
use reader::Reader;
use reference::Reference;
use report::{Line, Report};
use workload::Load;

/// What the server promises about a commit, and gets for memory.
const SERVER: [&str; 5] = [
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=512M",
    // The log's size by the names of MariaDB and of MySQL; and no binlog, which MySQL has unless told otherwise.
    "--loose-innodb-log-file-size=512M",
    "--loose-innodb-redo-log-capacity=512M",
    "--skip-log-bin",
];
/// Where the target is: the name in the report, and what each round trip takes longer.
const LINKS: [(&str, Duration); 2] = [("loopback", Duration::ZERO), ("+2ms", Duration::from_millis(2))];

/// Who applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The `tisync` of this build.
    This,
    /// The `tisync` that BENCH_OTHER names.
    Other,
    /// The `tisync` of this build as one of two opposite links: it writes with marks and looks for its own.
    Marked,
    /// The bulk reference.
    Reference,
}

impl Who {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::This => "tisync",
            Self::Other => "other",
            Self::Marked => "marks",
            Self::Reference => "reference",
        }
    }
}

/// What the environment asks for.
struct Settings {
    pairs: usize,
    other: Option<String>,
    /// Measure what marks cost, and nothing else.
    marks: bool,
    only: Option<String>,
    link: Option<String>,
}

impl Settings {
    fn read() -> Result<Self> {
        let get = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let pairs = get("BENCH_PAIRS").map_or(Ok(3), |n| n.parse()).context("BENCH_PAIRS must be a whole number")?;
        ensure!(pairs > 0, "BENCH_PAIRS must be at least 1");
        Ok(Self {
            pairs,
            other: get("BENCH_OTHER"),
            marks: get("BENCH_MARKS").is_some(),
            only: get("BENCH_ONLY"),
            link: get("BENCH_LINK"),
        })
    }
}

/// Whether the list `names`, with commas, has `name`; no list has all.
fn listed(names: Option<&str>, name: &str) -> bool {
    names.is_none_or(|n| n.split(',').any(|n| n == name))
}

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|a| a == "--test" || a == "--list") {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let settings = Settings::read()?;
    let loads = Load::all(&|name| listed(settings.only.as_deref(), name))?;
    ensure!(!loads.is_empty(), "nothing to measure: BENCH_ONLY takes sbtest, bank, wide and no_key");
    println!("server: {}", durability()?);
    println!("        the same for tisync and the reference; the simulated cluster is a process of its own");
    let mut report = Report::default();
    for load in &loads {
        let reference = Reference::render(load)?;
        println!("\n{}: reference: {}", load.name, reference.shape());
        let served = Served::start(load.folder())?;
        for (link, delay) in LINKS.into_iter().filter(|(name, _)| listed(settings.link.as_deref(), name)) {
            measure(&Run { load, reference: &reference, served: &served, link, delay }, &settings, &mut report)?;
            report.write()?;
        }
    }
    report.print();
    Ok(())
}

/// One workload at one distance.
struct Run<'a> {
    load: &'a Load,
    reference: &'a Reference,
    served: &'a Served,
    link: &'static str,
    delay: Duration,
}

/// Everybody in turns, as often as wanted.
fn measure(run: &Run<'_>, settings: &Settings, report: &mut Report) -> Result<()> {
    let mut all = vec![(Who::This, Vec::new())];
    all.extend(settings.other.as_ref().map(|_| (Who::Other, Vec::new())));
    all.push((if settings.marks { Who::Marked } else { Who::Reference }, Vec::new()));
    for pair in 1..=settings.pairs {
        for (who, list) in &mut all {
            let what = format!("{} {} {}", run.load.name, run.link, who.name());
            let found = once(run, *who, settings.other.as_deref()).with_context(|| what.clone())?;
            println!("{pair:>2} {what:<26} {found}");
            list.push(found);
        }
        // The other way round next time, so that none always comes first.
        all.reverse();
    }
    all.sort_by_key(|(who, _)| *who as u8);
    if let ([(Who::This, plain), .., (Who::Marked, marked)], true) = (all.as_slice(), settings.marks) {
        let mut costs: Vec<f64> = plain.iter().zip(marked).map(|(p, m)| 100.0 * (1.0 - p.wall / m.wall)).collect();
        costs.sort_by(f64::total_cmp);
        let middle = costs.get(costs.len() / 2).copied().unwrap_or_default();
        let each: Vec<String> = costs.iter().map(|c| format!("{c:.1}")).collect();
        println!(
            "{} {}: marks cost {middle:.1} % of throughput (median of {} pairs: {})",
            run.load.name,
            run.link,
            costs.len(),
            each.join(", ")
        );
    }
    for (who, list) in &all {
        let figures = Figures::median(list);
        report.lines.push(Line { load: run.load.name, link: run.link, who: *who, rows: run.reference.rows, figures });
    }
    Ok(())
}

/// One run on a server of its own, whose end is compared.
fn once(run: &Run<'_>, who: Who, other: Option<&str>) -> Result<Figures> {
    let server = PrivateServer::start_with(&SERVER)?;
    let near = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let proxy = if run.delay.is_zero() { None } else { Some(Proxy::start(near, run.delay)?) };
    let port = proxy.as_ref().map_or(near, Proxy::address).port();
    let reader = match run.load.bank {
        Some(bank) => Some(Reader::start(server.connect()?, bank)),
        None => None,
    };
    if who == Who::Marked {
        let mut conn = server.connect()?;
        let mark = Mark::drainers(1);
        conn.query_drop(mark.create_database())?;
        conn.query_drop(mark.create_table())?;
    }
    let found = if who == Who::Reference {
        run.reference.apply(&server, port)
    } else {
        let (start, end) = (run.load.start.to_string(), run.reference.end.to_string());
        let mut args = vec!["--from", &run.served.address, "--start-ts", &start, "--until-ts", &end];
        if who == Who::Marked {
            args.extend(["--loopback", "--channel-id", "1"]);
        }
        let binary = other.filter(|_| who == Who::Other).unwrap_or(measure::THIS);
        measure::sync(binary, &args, &server, port)
    };
    let seen = reader.map(Reader::end).transpose();
    let mut found = found?;
    found.seen = seen?;
    run.load.check(&mut server.connect()?)?;
    Ok(found)
}

/// What the server itself says about how it keeps what is committed.
fn durability() -> Result<String> {
    let server = PrivateServer::start_with(&SERVER)?;
    let told: Option<String> = server.connect()?.query_first(
        "SELECT CONCAT(@@version_comment, ' ', @@version, ', innodb_flush_log_at_trx_commit=', @@innodb_flush_log_at_trx_commit, \
         ', log_bin=', @@log_bin, ', innodb_doublewrite=', @@innodb_doublewrite, ', innodb_flush_method=', \
         @@innodb_flush_method, ', buffer pool ', @@innodb_buffer_pool_size DIV 1048576, ' MiB')",
    )?;
    told.context("the server says nothing about itself")
}
