//! `tisync ts check`: gathers the facts, judges them, and prints the report.
//!
//! The facts come from backups, PD, the Pumps and the target.

use std::fmt::Write;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use super::{Live, judge};
use crate::cli::Format;
use crate::cli::ts::CheckArgs;
use crate::commands::ts;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::{backup, output};

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
/// A negative fault if replication cannot start there; otherwise the reason why the facts could not
/// be gathered.
pub fn run(args: &CheckArgs, format: Format, live: &dyn Live) -> Result<()> {
    let ts = backup::number(&args.ts)?;
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
    let why: Vec<&str> = bad.iter().map(|f| f.message.as_str()).collect();
    let message = if first.code == "plausible" {
        first.message.clone()
    } else {
        format!("replication cannot start at {}: {}", ts.explain(), why.join("; "))
    };
    Err(Fault::negative(message).hint(first.hint.clone()).into())
}

/// Gathers the facts for the given options, from the cheapest to the most expensive.
pub(in crate::commands) fn gather(args: &CheckArgs, live: &dyn Live) -> Result<Facts> {
    let mut facts = Facts { clock: Timestamp::now(), ..Facts::default() };
    if let Some(address) = &args.backup {
        let backup = ts::open_backup(address, &args.crypter)?;
        let incremental = backup.is_incremental();
        facts.backup = Some(BackupFact {
            name: format!("the backup in {address}"),
            ts: backup.end_version,
            start: incremental.then_some(backup.start_version),
            cluster_id: Some(backup.cluster_id),
            warnings: Vec::new(),
        });
    } else if let Some(address) = &args.dump {
        let dump = ts::open_dump(address, args.time_zone.as_ref())?;
        let name = format!("the dump in {address}");
        facts.backup = Some(BackupFact { name, ts: dump.ts, start: None, cluster_id: None, warnings: dump.warnings });
    } else if let Some(text) = &args.backup_ts {
        let held = backup::number(text)?;
        if let Some(why) = backup::doubt(held, facts.clock) {
            let fault = Fault::usage(format!("--backup-ts {held} is not a TiDB timestamp: {why}"));
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
        Format::Json => ts::json(&Answer {
            version: ts::VERSION,
            ts: ts.to_string(),
            time: ts::utc(ts),
            verdict: report.verdict(),
            interval: judge::INTERVAL,
            findings: &report.findings,
        }),
        Format::Csv => {
            let mut rows = Vec::new();
            for Finding { level, code, message, hint } in &report.findings {
                rows.push(Row { version: ts::VERSION, ts: ts.to_string(), level: *level, code, message, hint });
            }
            ts::csv(&rows)
        }
    }
}

/// The report as text.
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

/// The facts about a start position. A fact that is absent was not asked for.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// This machine's clock.
    pub clock: Timestamp,
    /// A fresh ts of the upstream.
    pub now: Option<CommitTs>,
    /// The upstream's cluster id.
    pub cluster_id: Option<u64>,
    /// The upstream's Pumps, except those that are offline.
    pub pumps: Option<Vec<PumpFact>>,
    /// The backup that the target was restored or loaded from.
    pub backup: Option<BackupFact>,
    /// The target's position from an earlier replication.
    pub checkpoint: CheckpointFact,
    /// Settings of the target that may cost it its last commits, in words.
    pub risk: Option<String>,
}

/// A Pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpFact {
    /// Its node id.
    pub name: String,
    /// Its gauge `binlog_pump_storage_gc_ts`: it has deleted all older data. Milliseconds since the
    /// Unix epoch; 0 if it has not deleted anything yet.
    pub gc_ms: u64,
}

/// A backup or dump that the target was filled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFact {
    /// Its name in messages, as in `the dump in /dumps/today`.
    pub name: String,
    /// It holds everything up to and including this.
    pub ts: CommitTs,
    /// For an incremental backup: it holds only data above this.
    pub start: Option<CommitTs>,
    /// The cluster that it was taken from, if it says so.
    pub cluster_id: Option<u64>,
    /// Reasons why its ts is less than certain.
    pub warnings: Vec<String>,
}

/// The target's checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckpointFact {
    /// No target was named.
    #[default]
    NotAsked,
    /// The target has none.
    None,
    /// The target holds everything up to and including this.
    At(CommitTs),
}

/// How bad a finding is, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Fine.
    Ok,
    /// Not checked: the input for it was not given.
    Unchecked,
    /// Possible, at a price.
    Warn,
    /// Data would be lost, or nothing would be replicated.
    Bad,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Name of the check: `plausible`, `future`, `pump-gc`, `cluster`, `backup`, `checkpoint`,
    /// `interval`.
    pub code: &'static str,
    /// The result.
    pub message: String,
    /// What to do about it; empty if nothing.
    pub hint: String,
}

/// All findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst level. Unchecked items do not make it worse than fine.
    #[must_use]
    pub fn verdict(&self) -> Level {
        let known = self.findings.iter().map(|f| f.level).filter(|l| *l != Level::Unchecked);
        known.max().unwrap_or(Level::Unchecked)
    }

    /// Adds a finding.
    pub fn add(&mut self, level: Level, code: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding { level, code, message: message.into(), hint: hint.into() });
    }

    /// Adds a finding that is fine.
    pub fn ok(&mut self, code: &'static str, message: impl Into<String>) {
        self.add(Level::Ok, code, message, "");
    }
}
