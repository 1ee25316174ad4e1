//! Can replication start at a ts? Pure logic over facts that were gathered elsewhere.

use jiff::Timestamp;
use serde::Serialize;

use crate::backup::plausible::{self, AHEAD_MS, EARLIEST_MS};
use crate::model::{CommitTs, span_text};

/// How much older than the start a Pump's oldest data should be, so that it is still there when sync asks for it.
const PUMP_MARGIN_MS: u64 = 60 * 60 * 1000;

/// Why a start is exact when it equals the backup's ts.
pub const INTERVAL: &str = "A backup's end is closed: it holds every transaction with a commit ts up to and including its ts. \
A start is open: replication begins behind it. So the right start ts is the backup's ts itself, neither one more nor one less.";

/// What is known about the place to start from. What is absent was not asked for.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// This machine's clock.
    pub clock: Timestamp,
    /// A fresh ts of the upstream.
    pub now: Option<CommitTs>,
    /// The upstream's cluster id.
    pub cluster_id: Option<u64>,
    /// The upstream's Pumps that are not offline.
    pub pumps: Option<Vec<PumpFact>>,
    /// What the target was restored or loaded from.
    pub backup: Option<BackupFact>,
    /// How far an earlier replication has brought the target.
    pub checkpoint: CheckpointFact,
}

/// A Pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpFact {
    /// Its node id.
    pub name: String,
    /// Its gauge `binlog_pump_storage_gc_ts`: it has deleted everything older. Milliseconds since the Unix epoch; 0 when it
    /// has not deleted anything yet.
    pub gc_ms: u64,
}

/// A backup or dump that the target was filled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFact {
    /// Which, as in `the dump in /dumps/today`.
    pub name: String,
    /// It holds everything up to and including this.
    pub ts: CommitTs,
    /// For an incremental backup: it holds only what is above this.
    pub start: Option<CommitTs>,
    /// The cluster that it was taken of, where it says.
    pub cluster_id: Option<u64>,
    /// What makes its ts less than certain.
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

/// How bad a finding is, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Fine.
    Ok,
    /// Nobody gave what it takes to tell.
    Unchecked,
    /// Possible, with a price.
    Warn,
    /// Data would be lost, or nothing would come.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `plausible`, `future`, `pump-gc`, `cluster`, `backup`, `checkpoint`, `interval`.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it; empty when nothing.
    pub hint: String,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst level; nothing that was left unchecked makes it worse than fine.
    #[must_use]
    pub fn verdict(&self) -> Level {
        let known = self.findings.iter().map(|f| f.level).filter(|l| *l != Level::Unchecked);
        known.max().unwrap_or(Level::Unchecked)
    }

    fn add(&mut self, level: Level, code: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding { level, code, message: message.into(), hint: hint.into() });
    }

    fn ok(&mut self, code: &'static str, message: impl Into<String>) {
        self.add(Level::Ok, code, message, "");
    }
}

/// Whether replication can start at `ts`, as far as `facts` tell.
#[must_use]
pub fn judge(ts: CommitTs, facts: &Facts) -> Report {
    let mut report = Report::default();
    if !plausible_ts(&mut report, ts, facts.clock) {
        // Whatever else would be said about this number is noise.
        return report;
    }
    future(&mut report, ts, facts);
    pumps(&mut report, ts, facts.pumps.as_deref());
    cluster(&mut report, facts);
    interval(&mut report, ts, facts);
    report
}

/// Can it be a ts at all? A real one that is only too new is left to [`future`].
fn plausible_ts(report: &mut Report, ts: CommitTs, clock: Timestamp) -> bool {
    let eighteen_digits = (100_000_000_000_000_000..1_000_000_000_000_000_000).contains(&ts.0);
    if eighteen_digits && ts.physical_ms() >= EARLIEST_MS {
        report.ok("plausible", "it has 18 digits, and a time at which there was a TiDB");
        return true;
    }
    let why = plausible::doubt(ts, clock).unwrap_or_else(|| "its time is out of range".to_owned());
    report.add(
        Level::Bad,
        "plausible",
        format!("{ts} is no TS of a cluster: {why}"),
        "copy the number again; `tisync ts from-br` and `from-dumpling` print it, `tisync ts encode` makes one from a time",
    );
    false
}

fn future(report: &mut Report, ts: CommitTs, facts: &Facts) {
    let clock_ms = u64::try_from(facts.clock.as_millisecond()).unwrap_or(0);
    let hint =
        "nothing would arrive until that time, and what is committed before it would be skipped: use a TS of the past";
    match facts.now {
        Some(now) if ts > now => {
            let ahead = span_text(ts.physical_ms().saturating_sub(now.physical_ms()));
            report.add(
                Level::Bad,
                "future",
                format!("it is {ahead} ahead of the cluster's clock, {}", now.explain()),
                hint,
            );
        }
        Some(now) => {
            let behind = span_text(now.physical_ms().saturating_sub(ts.physical_ms()));
            report.ok("future", format!("it is {behind} behind the cluster's clock"));
        }
        None if ts.physical_ms() > clock_ms => {
            let ahead = ts.physical_ms() - clock_ms;
            let message = format!("it is {} ahead of this machine's clock", span_text(ahead));
            let level = if ahead > AHEAD_MS { Level::Bad } else { Level::Warn };
            report.add(level, "future", message, format!("{hint}; --pd asks the cluster's own clock"));
        }
        None => {
            report.ok("future", format!("it is {} behind this machine's clock", span_text(clock_ms - ts.physical_ms())))
        }
    }
}

fn pumps(report: &mut Report, ts: CommitTs, pumps: Option<&[PumpFact]>) {
    let code = "pump-gc";
    let Some(pumps) = pumps else {
        report.add(
            Level::Unchecked,
            code,
            "not checked whether the Pumps still hold the changes behind it",
            "give --pd",
        );
        return;
    };
    if pumps.is_empty() {
        let hint = "replication reads from Pumps: start them, and TiDB with binlog on; TiDB 8.4 and later have none";
        report.add(Level::Bad, code, "the cluster has no Pump", hint);
    }
    for PumpFact { name, gc_ms } in pumps {
        let oldest = CommitTs::from_millis((*gc_ms).min((1 << 46) - 1));
        // The gauge has only milliseconds, so an equal one may be on either side: not proven, so not accepted.
        let margin = ts.physical_ms().checked_sub(*gc_ms).filter(|m| *m > 0);
        match margin {
            _ if *gc_ms == 0 => {
                report.ok(
                    code,
                    format!("Pump {name} has not deleted anything yet; since when it records cannot be seen"),
                );
            }
            None => report.add(
                Level::Bad,
                code,
                format!(
                    "Pump {name} has deleted everything up to {}: it would silently begin there, {} after the start",
                    oldest.explain(),
                    span_text(gc_ms.saturating_sub(ts.physical_ms()))
                ),
                "take a new backup and start at its TS; raise the Pumps' `gc` to more than backup and restore take",
            ),
            Some(margin) if margin < PUMP_MARGIN_MS => report.add(
                Level::Warn,
                code,
                format!(
                    "Pump {name} deletes what is older than {}: only {} are left before it reaches the start",
                    oldest.explain(),
                    span_text(margin)
                ),
                "start the sync now, or raise the Pumps' `gc` first",
            ),
            Some(margin) => report.ok(code, format!("Pump {name} holds {} more than is needed", span_text(margin))),
        }
    }
}

fn cluster(report: &mut Report, facts: &Facts) {
    let Some((backup, source)) = facts.backup.as_ref().and_then(|b| Some((b.cluster_id?, facts.cluster_id?))) else {
        return;
    };
    if backup == source {
        report.ok("cluster", format!("the backup is of this cluster, {source}"));
    } else {
        report.add(
            Level::Bad,
            "cluster",
            format!("the backup is of cluster {backup}, but PD is that of cluster {source}"),
            "a TS of one cluster means nothing in another: check --backup and --pd",
        );
    }
}

/// Does the start join what the target holds, without a gap or an overlap?
fn interval(report: &mut Report, ts: CommitTs, facts: &Facts) {
    if let Some(backup) = &facts.backup {
        if let Some(start) = backup.start {
            let message = format!("{} is incremental: it holds only what is above {}", backup.name, start.explain());
            let hint = format!("the target must have been restored from a backup that ends at {start} before it");
            report.add(Level::Warn, "backup", message, hint);
        }
        for warning in &backup.warnings {
            report.add(Level::Warn, "backup", warning.clone(), "");
        }
    }
    let held = match (facts.checkpoint, &facts.backup) {
        (CheckpointFact::NotAsked | CheckpointFact::None, None) => None,
        (CheckpointFact::NotAsked | CheckpointFact::None, Some(backup)) => Some((backup.ts, backup.name.clone())),
        (CheckpointFact::At(at), None) => Some((at, "the target, by its checkpoint,".to_owned())),
        (CheckpointFact::At(at), Some(backup)) if at >= backup.ts => {
            report.ok(
                "checkpoint",
                format!(
                    "the target has been replicated on to {}, so that counts and not {}",
                    at.explain(),
                    backup.name
                ),
            );
            Some((at, "the target, by its checkpoint,".to_owned()))
        }
        (CheckpointFact::At(at), Some(backup)) => {
            report.add(
                Level::Warn,
                "checkpoint",
                format!(
                    "the target has a checkpoint, {}, that is older than {}: sync would go on from it",
                    at.explain(),
                    backup.name
                ),
                "if the target was restored after that, remove the old checkpoint with `tisync checkpoint clear`",
            );
            Some((backup.ts, backup.name.clone()))
        }
    };
    if facts.checkpoint == CheckpointFact::None {
        report.ok("checkpoint", "the target has no checkpoint: this would be its first start");
    }
    match held {
        Some((held, name)) => join(report, ts, held, &name),
        None => report.add(
            Level::Unchecked,
            "interval",
            "not checked whether it leaves a gap behind what the target holds, or overlaps it",
            "give --backup, --dump or --backup-ts, or --to for the target's checkpoint",
        ),
    }
}

/// `name` holds everything up to and including `held`; replication would begin behind `ts`.
fn join(report: &mut Report, ts: CommitTs, held: CommitTs, name: &str) {
    let span = span_text(ts.physical_ms().abs_diff(held.physical_ms()));
    match ts.cmp(&held) {
        std::cmp::Ordering::Equal => {
            report.ok("interval", format!("exact: {name} holds everything up to and including it"))
        }
        std::cmp::Ordering::Greater => report.add(
            Level::Bad,
            "interval",
            format!(
                "a gap of {span}: {name} ends at {}, so all changes after that, up to and including {}, would be lost",
                held.explain(),
                ts.explain()
            ),
            format!("start at {held}"),
        ),
        std::cmp::Ordering::Less => report.add(
            Level::Warn,
            "interval",
            format!(
                "an overlap of {span}: {name} ends at {}, so all changes after {}, up to that, would be applied twice",
                held.explain(),
                ts.explain()
            ),
            format!("start at {held}; or in safe mode, which tables without a key and DDL do not stand"),
        ),
    }
}
