//! How long applying takes: `tisync sync` of the `sbtest` recording against the bulk reference of the same rows, in turns, each on
//! a fresh private MariaDB that flushes its log at every commit. `cargo bench --bench apply`; the table also goes to
//! `target/bench-apply.csv`.
//!
//! `BENCH_PAIRS` says how often each is run (3); `BENCH_OTHER` names another `tisync` to run along, from before a change. The simulated cluster, where the binary can serve one, is a process of its own.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its result")]

mod measure;
mod reference;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;

use measure::{Figures, Served};
use reference::Reference;

/// What the server promises about a commit, and gets for memory.
const SERVER: [&str; 3] =
    ["--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M"];

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|a| a == "--test" || a == "--list") {
        return ExitCode::SUCCESS;
    }
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    let folder = std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from).join("sbtest");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED, nothing was measured: no recording at {} (TISYNC_RECORDINGS names the folder)",
            folder.display()
        );
        return ExitCode::SUCCESS;
    }
    match run(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> Result<()> {
    let pairs: usize = std::env::var("BENCH_PAIRS").ok().map_or(Ok(3), |n| n.parse()).context("BENCH_PAIRS")?;
    let reference = Reference::render(folder)?;
    println!("reference: {}", reference.shape());
    println!("server:    MariaDB, {}", SERVER.join(" "));
    let cluster = match Served::start(folder) {
        Ok(served) => Some(served),
        Err(why) => {
            println!("cluster:   left out, the binary does not serve one: {why:#}");
            None
        }
    };
    let other = std::env::var("BENCH_OTHER").ok();
    let mut names = vec!["tisync, folder"];
    names.extend(cluster.as_ref().map(|_| "tisync, cluster"));
    names.extend(other.as_ref().map(|_| "other, folder"));
    names.push("reference");
    let end = reference.end.to_string();
    let from = folder.display().to_string();
    let mut all: Vec<(&str, Vec<Figures>)> = names.into_iter().map(|n| (n, Vec::new())).collect();
    for pair in 1..=pairs {
        for (name, list) in &mut all {
            let server = PrivateServer::start_with(&SERVER)?;
            let found = match (*name, &cluster, &other) {
                ("reference", ..) => reference.apply(&server),
                ("other, folder", _, Some(binary)) => measure::sync(binary, &["--from", &from], &server),
                ("tisync, cluster", Some(served), _) => {
                    let args = ["--from", &served.address, "--start-ts", "1", "--until-ts", &end];
                    measure::sync(measure::THIS, &args, &server)
                }
                _ => measure::sync(measure::THIS, &["--from", &from], &server),
            };
            let found = found.with_context(|| (*name).to_owned())?;
            equals(folder, &server).with_context(|| (*name).to_owned())?;
            println!("{pair:>2} {name:<16} {found}");
            list.push(found);
        }
        // The other way round next time, so that none always comes first.
        all.reverse();
    }
    all.sort_by_key(|(name, _)| *name == "reference");
    report(&all, &reference)
}

/// Compares with what the upstream's own SQL said.
fn equals(folder: &Path, server: &PrivateServer) -> Result<()> {
    let mut conn = server.connect()?;
    for line in std::fs::read_to_string(folder.join("expected.tsv"))?.lines() {
        let table = line.split('\t').next().unwrap_or_default();
        let there: Option<String> = conn.query_first(format!(
            "SELECT CONCAT_WS('\t', '{table}', COUNT(*), SUM(k), SUM(CRC32(CONCAT_WS('#', id, k, c, pad)))) FROM sbtest.{table}"
        ))?;
        if there.as_deref() != Some(line) {
            bail!("the rows are not the upstream's: expected `{line}`, found `{}`", there.unwrap_or_default());
        }
    }
    Ok(())
}

fn report(all: &[(&str, Vec<Figures>)], reference: &Reference) -> Result<()> {
    let medians: Vec<(&str, Figures)> = all.iter().map(|(name, list)| (*name, Figures::median(list))).collect();
    let base = medians.last().map_or(0.0, |(_, f)| f.wall);
    println!(
        "\n{:<18}{:>9}{:>9}{:>13}{:>9}{:>11}{:>13}",
        "median of", "wall s", "CPU s", "server CPU s", "peak MB", "rows/s", "reference/it"
    );
    let mut csv = "name,wall_s,cpu_s,server_cpu_s,peak_mb,rows_per_s,reference_ratio\n".to_owned();
    for (name, f) in &medians {
        let rate = f64::from(u32::try_from(reference.rows)?) / f.wall;
        println!(
            "{name:<18}{:>9.2}{:>9.2}{:>13.2}{:>9.0}{rate:>11.0}{:>13.2}",
            f.wall,
            f.cpu,
            f.server,
            f.peak,
            base / f.wall
        );
        let name = name.replace(',', "");
        writeln!(
            csv,
            "{name},{:.3},{:.3},{:.3},{:.0},{rate:.0},{:.3}",
            f.wall,
            f.cpu,
            f.server,
            f.peak,
            base / f.wall
        )?;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-apply.csv");
    std::fs::write(&file, csv).with_context(|| format!("cannot write {}", file.display()))?;
    println!("written to target/bench-apply.csv");
    Ok(())
}
