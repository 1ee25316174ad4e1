//! Decides whether replication can start at a ts: pure logic on facts that were gathered before.

use jiff::Timestamp;

use super::check::{CheckpointFact, Facts, PumpFact};
use super::check::{Level, Report};
use crate::backup::{self, AHEAD_MS, EARLIEST_MS};
use crate::model::{CommitTs, span_text};

/// How much older than the start a Pump's oldest data should be, so that the data is still there
/// when sync asks for it.
const PUMP_MARGIN_MS: u64 = 60 * 60 * 1000;

/// Why a start is exact when it equals the backup's ts.
pub const INTERVAL: &str = "A backup's end is inclusive: it holds every transaction with a commit ts up to and \
    including its ts. A start is exclusive: replication begins after it. So the right start ts is the backup's ts \
    itself, neither one more nor one less.";

/// Whether replication can start at `ts`, according to `facts`.
#[must_use]
pub fn judge(ts: CommitTs, facts: &Facts) -> Report {
    let mut report = Report::default();
    if !plausible_ts(&mut report, ts, facts.clock) {
        // Any other finding about this number would be noise.
        return report;
    }
    future(&mut report, ts, facts);
    pumps(&mut report, ts, facts.pumps.as_deref());
    cluster(&mut report, facts);
    interval(&mut report, ts, facts);
    if let Some(risk) = &facts.risk {
        let hint = "set innodb_flush_log_at_trx_commit = 1 there, and sync_binlog = 1 if it writes a binlog";
        report.add(Level::Warn, "durability", risk.clone(), hint);
    }
    report
}

/// Checks whether `ts` can be a ts at all. One that is only too new is left to [`future`].
fn plausible_ts(report: &mut Report, ts: CommitTs, clock: Timestamp) -> bool {
    let eighteen_digits = (100_000_000_000_000_000..1_000_000_000_000_000_000).contains(&ts.0);
    if eighteen_digits && ts.physical_ms() >= EARLIEST_MS {
        report.ok("plausible", "it has 18 digits, and its time is after the first TiDB release");
        return true;
    }
    let why = backup::doubt(ts, clock).unwrap_or_else(|| "its time is out of range".to_owned());
    report.add(
        Level::Bad,
        "plausible",
        format!("{ts} is not a TiDB timestamp: {why}"),
        "copy the number again; `tisync ts from-br` and `from-dumpling` print it, `tisync ts encode` makes one from a time",
    );
    false
}

fn future(report: &mut Report, ts: CommitTs, facts: &Facts) {
    let clock_ms = u64::try_from(facts.clock.as_millisecond()).unwrap_or(0);
    let hint = "nothing would be replicated until that time, and everything committed before it would be skipped: use \
                a TS in the past";
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
            report.add(level, "future", message, format!("{hint}; --pd checks against the cluster's own clock"));
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
            "not checked whether the Pumps still hold the changes after it",
            "give --pd",
        );
        return;
    };
    if pumps.is_empty() {
        let hint = "replication reads from Pumps: start them, and TiDB with binlog enabled; TiDB 8.4 and later have no \
                    TiDB Binlog";
        report.add(Level::Bad, code, "the cluster has no Pump", hint);
    }
    for PumpFact { name, gc_ms } in pumps {
        let oldest = CommitTs::from_millis((*gc_ms).min((1 << 46) - 1));
        // The gauge has only milliseconds, so if both are equal, the start may be on either side:
        // this is not proven, so not accepted.
        let margin = ts.physical_ms().checked_sub(*gc_ms).filter(|m| *m > 0);
        match margin {
            _ if *gc_ms == 0 => {
                report.ok(
                    code,
                    format!("Pump {name} has not deleted anything yet; tisync cannot tell how far back it goes"),
                );
            }
            None => report.add(
                Level::Bad,
                code,
                format!(
                    "Pump {name} has deleted everything up to {}: replication would silently begin there, {} after the \
                     start",
                    oldest.explain(),
                    span_text(gc_ms.saturating_sub(ts.physical_ms()))
                ),
                "take a new backup and start at its TS; raise the Pumps' `gc` to more than backup and restore take",
            ),
            Some(margin) if margin < PUMP_MARGIN_MS => report.add(
                Level::Warn,
                code,
                format!(
                    "Pump {name} deletes changes older than {}: only {} left before it reaches the start",
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
            format!("the backup is of cluster {backup}, but the PD is that of cluster {source}"),
            "a TS of one cluster means nothing in another: check --backup and --pd",
        );
    }
}

/// Checks whether the start follows the target's data without a gap or an overlap.
fn interval(report: &mut Report, ts: CommitTs, facts: &Facts) {
    if let Some(backup) = &facts.backup {
        if let Some(start) = backup.start {
            let message =
                format!("{} is incremental: it holds only the changes after {}", backup.name, start.explain());
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
                    "the target has been replicated up to {} since, so that counts, not {}",
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
                    "the target has a checkpoint, {}, that is older than {}: sync would continue from it",
                    at.explain(),
                    backup.name
                ),
                "if the target was restored after that, start a new link: `tisync sync --link NAME`",
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
            "not checked whether it leaves a gap after what the target holds, or overlaps it",
            "give --backup, --dump or --backup-ts, or --to for the target's checkpoint",
        ),
    }
}

/// The finding for a target of which `name` holds everything up to and including `held`, if
/// replication begins behind `ts`.
fn join(report: &mut Report, ts: CommitTs, held: CommitTs, name: &str) {
    let span = match ts.physical_ms().abs_diff(held.physical_ms()) {
        0 => "less than a millisecond".to_owned(),
        ms => span_text(ms),
    };
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
            format!("start at {held}; or in safe mode, which does not cover tables without a key, or DDL"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::ts::check::BackupFact;

    const TS: CommitTs = CommitTs(470_616_376_687_198_209);

    fn after(ms: u64) -> CommitTs {
        CommitTs::from_parts(TS.physical_ms() + ms, 0)
    }

    fn facts() -> Facts {
        Facts {
            clock: Timestamp::from_millisecond(i64::try_from(TS.physical_ms()).unwrap() + 7_200_000).unwrap(),
            ..Facts::default()
        }
    }

    fn held(ts: CommitTs) -> Option<BackupFact> {
        Some(BackupFact { name: "the dump in d".into(), ts, start: None, cluster_id: Some(7), warnings: Vec::new() })
    }

    /// The level, message and hint of each finding of `code`.
    fn found(ts: CommitTs, facts: &Facts, code: &str) -> Vec<(Level, String)> {
        let report = judge(ts, facts);
        report
            .findings
            .iter()
            .filter(|f| f.code == code)
            .map(|f| (f.level, format!("{} | {}", f.message, f.hint)))
            .collect()
    }

    fn only(ts: CommitTs, facts: &Facts, code: &str) -> (Level, String) {
        let mut all = found(ts, facts, code);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_slip_ends_the_report() {
        for n in [
            0,
            154,
            47_061_637_668_719_820,
            4_706_163_766_871_982_090,
            u64::MAX,
            CommitTs::from_millis(EARLIEST_MS).0 - 1,
        ] {
            let report = judge(CommitTs(n), &facts());
            assert_eq!((report.findings.len(), report.verdict()), (1, Level::Bad), "{n}");
        }
        let report = judge(TS, &facts());
        assert_eq!(report.verdict(), Level::Ok);
        assert_eq!(report.findings.iter().filter(|f| f.level == Level::Unchecked).count(), 2);
    }

    #[test]
    fn the_future_is_the_clusters_where_it_is_known() {
        let live = |now| Facts { now: Some(now), ..facts() };
        assert_eq!(only(TS, &live(TS), "future").0, Level::Ok);
        assert_eq!(only(TS, &live(CommitTs(TS.0 - 1)), "future").0, Level::Bad);
        let (level, text) = only(after(60_000), &live(TS), "future");
        assert!(level == Level::Bad && text.starts_with("it is 1m 0s ahead of the cluster's clock, "), "{text}");
        assert_eq!(only(after(7_200_000), &facts(), "future").0, Level::Ok);
        assert_eq!(only(after(7_200_001), &facts(), "future").0, Level::Warn);
        assert_eq!(only(after(7_200_000 + AHEAD_MS), &facts(), "future").0, Level::Warn);
        assert_eq!(only(after(7_200_001 + AHEAD_MS), &facts(), "future").0, Level::Bad);
    }

    #[test]
    fn each_pump_has_to_hold_the_changes() {
        let pump = |gc_ms| Facts { pumps: Some(vec![PumpFact { name: "p1".into(), gc_ms }]), ..facts() };
        let at = TS.physical_ms();
        assert_eq!(only(TS, &facts(), "pump-gc").0, Level::Unchecked);
        assert_eq!(only(TS, &pump(0), "pump-gc").0, Level::Ok);
        assert_eq!(only(TS, &pump(at - PUMP_MARGIN_MS), "pump-gc").0, Level::Ok);
        assert_eq!(only(TS, &pump(at - PUMP_MARGIN_MS + 1), "pump-gc").0, Level::Warn);
        assert_eq!(only(TS, &pump(at - 1), "pump-gc").0, Level::Warn);
        assert_eq!(only(TS, &pump(at), "pump-gc").0, Level::Bad);
        assert_eq!(only(TS, &pump(at + 60_000), "pump-gc").0, Level::Bad);
        assert_eq!(only(TS, &pump(u64::MAX), "pump-gc").0, Level::Bad);
        assert_eq!(only(TS, &Facts { pumps: Some(Vec::new()), ..facts() }, "pump-gc").0, Level::Bad);
        let two = [at + 1, 0].map(|gc_ms| PumpFact { name: gc_ms.to_string(), gc_ms });
        assert_eq!(judge(TS, &Facts { pumps: Some(two.to_vec()), ..facts() }).verdict(), Level::Bad);
    }

    #[test]
    fn closed_end_and_open_start() {
        let with = |ts| Facts { backup: held(ts), ..facts() };
        assert_eq!(only(TS, &with(TS), "interval").0, Level::Ok);
        let (level, text) = only(CommitTs(TS.0 + 1), &with(TS), "interval");
        assert!(
            level == Level::Bad
                && text.starts_with("a gap of less than a millisecond")
                && text.ends_with(&format!("start at {TS}")),
            "{text}"
        );
        let (level, text) = only(TS, &with(after(90_000)), "interval");
        assert!(
            level == Level::Warn
                && text.starts_with("an overlap of 1m 30s")
                && text.contains(&after(90_000).to_string()),
            "{text}"
        );
        let (level, text) = only(after(3_600_000), &with(TS), "interval");
        assert!(level == Level::Bad && text.starts_with("a gap of ") && text.contains(&TS.explain()), "{text}");
    }

    #[test]
    fn the_newest_of_backup_and_checkpoint_counts() {
        let with = |at, backup| Facts { checkpoint: at, backup, ..facts() };
        let at = CheckpointFact::At;
        assert_eq!(only(TS, &with(at(TS), None), "interval").0, Level::Ok);
        assert_eq!(only(after(1), &with(at(TS), None), "interval").0, Level::Bad);
        assert_eq!(only(TS, &with(CheckpointFact::None, None), "interval").0, Level::Unchecked);
        assert_eq!(only(TS, &with(CheckpointFact::None, held(TS)), "interval").0, Level::Ok);
        let replicated_on = with(at(after(5000)), held(TS));
        assert_eq!(only(after(5000), &replicated_on, "interval").0, Level::Ok);
        assert_eq!(only(TS, &replicated_on, "interval").0, Level::Warn);
        let restored_since = with(at(TS), held(after(5000)));
        assert_eq!(only(after(5000), &restored_since, "interval").0, Level::Ok);
        assert_eq!(only(after(5000), &restored_since, "checkpoint").0, Level::Warn);
    }

    #[test]
    fn what_a_backup_says_of_itself() {
        let incremental =
            BackupFact { start: Some(CommitTs(TS.0 - 9)), warnings: vec!["doubtful".into()], ..held(TS).unwrap() };
        let facts = Facts { backup: Some(incremental), cluster_id: Some(7), ..facts() };
        assert_eq!(found(TS, &facts, "backup").iter().map(|f| f.0).collect::<Vec<_>>(), [Level::Warn, Level::Warn]);
        assert_eq!(only(TS, &facts, "cluster").0, Level::Ok);
        assert_eq!(only(TS, &Facts { cluster_id: Some(8), ..facts }, "cluster").0, Level::Bad);
    }
}
