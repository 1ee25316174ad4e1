//! `tisync ts check`: gathers the facts, has them judged, prints the report.

use std::fmt::Write;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use crate::backup::plausible;
use crate::cli::Format;
use crate::cli::ts::CheckArgs;
use crate::commands::ts::facts::{BackupFact, CheckpointFact, Facts};
use crate::commands::ts::report::{Finding, Level, Report};
use crate::commands::ts::{Live, from_br, from_dumpling, judge, show};
use crate::error::Fault;
use crate::model::CommitTs;
use crate::output;

#[derive(Serialize)]
struct Answer<'a> {
    version: u32,
    ts: String,
    time: String,
    verdict: Level,
    interval: &'static str,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Row<'a> {
    version: u32,
    ts: String,
    level: Level,
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

/// Judges `args.ts` and prints the report.
///
/// # Errors
/// A negative fault when replication cannot start there; else whatever kept the facts from being gathered.
pub fn run(args: &CheckArgs, format: Format, live: &dyn Live) -> Result<()> {
    let ts = plausible::number(&args.ts)?;
    let facts = gather(args, live)?;
    let report = judge::judge(ts, &facts);
    print(ts, &report, format)?;
    verdict(ts, &report)
}

/// Whether replication can start at `ts`.
///
/// # Errors
/// A negative fault if it cannot.
pub(in crate::commands) fn verdict(ts: CommitTs, report: &Report) -> Result<()> {
    let bad: Vec<&Finding> = report.findings.iter().filter(|f| f.level == Level::Bad).collect();
    let Some(first) = bad.first() else { return Ok(()) };
    let codes: Vec<&str> = bad.iter().map(|f| f.code).collect();
    let message = format!("replication cannot start at {}: {}", ts.explain(), codes.join(", "));
    Err(Fault::negative(message).hint(first.hint.clone()).into())
}

/// Whatever the options name, from the cheapest to the dearest.
pub(in crate::commands) fn gather(args: &CheckArgs, live: &dyn Live) -> Result<Facts> {
    let mut facts = Facts { clock: Timestamp::now(), ..Facts::default() };
    if let Some(address) = &args.backup {
        let backup = from_br::open(address, &args.crypter)?;
        let incremental = backup.is_incremental();
        facts.backup = Some(BackupFact {
            name: format!("the backup in {address}"),
            ts: backup.end_version,
            start: incremental.then_some(backup.start_version),
            cluster_id: Some(backup.cluster_id),
            warnings: Vec::new(),
        });
    } else if let Some(address) = &args.dump {
        let dump = from_dumpling::open(address, args.time_zone.as_ref())?;
        let name = format!("the dump in {address}");
        facts.backup = Some(BackupFact { name, ts: dump.ts, start: None, cluster_id: None, warnings: dump.warnings });
    } else if let Some(text) = &args.backup_ts {
        let held = plausible::number(text)?;
        if let Some(why) = plausible::doubt(held, facts.clock) {
            let fault = Fault::usage(format!("--backup-ts {held} is no TS of a cluster: {why}"));
            return Err(fault.hint("`tisync ts from-br` and `from-dumpling` print a backup's TS").into());
        }
        let name = "the backup that --backup-ts names".to_owned();
        facts.backup = Some(BackupFact { name, ts: held, start: None, cluster_id: None, warnings: Vec::new() });
    }
    if !args.pd.pd.is_empty() {
        let source = live.source(&args.pd)?;
        facts.now = Some(source.now);
        facts.cluster_id = Some(source.cluster_id);
        facts.pumps = Some(source.pumps);
    }
    if let Some(to) = &args.to {
        let upstream = facts.cluster_id.or_else(|| facts.backup.as_ref().and_then(|b| b.cluster_id));
        facts.checkpoint = live.checkpoint(to, upstream)?.map_or(CheckpointFact::None, CheckpointFact::At);
        facts.risk = live.risk(to)?;
    }
    Ok(facts)
}

fn print(ts: CommitTs, report: &Report, format: Format) -> Result<()> {
    match format {
        Format::Text => output::answer(&text(ts, report)),
        Format::Json => show::json(&Answer {
            version: show::VERSION,
            ts: ts.to_string(),
            time: show::utc(ts),
            verdict: report.verdict(),
            interval: judge::INTERVAL,
            findings: &report.findings,
        }),
        Format::Csv => {
            let mut rows = Vec::new();
            for Finding { level, code, message, hint } in &report.findings {
                rows.push(Row { version: show::VERSION, ts: ts.to_string(), level: *level, code, message, hint });
            }
            show::csv(&rows)
        }
    }
}

/// The report for people.
pub(in crate::commands) fn text(ts: CommitTs, report: &Report) -> String {
    let mut text = format!("{}\n", ts.explain());
    for finding in &report.findings {
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Unchecked => "--",
            Level::Warn => "warn",
            Level::Bad => "BAD",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{level:<5}{:<12}{}", finding.code, finding.message);
        if !finding.hint.is_empty() {
            let _ = write!(text, "\n{:17}-> {}", "", finding.hint);
        }
    }
    let _ = write!(text, "\n\n{}", judge::INTERVAL);
    text
}
