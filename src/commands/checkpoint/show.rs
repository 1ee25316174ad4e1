//! `tisync checkpoint show`: the links on a target and their positions.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::open;
use crate::checkpoint::drainer::{self, Row};
use crate::checkpoint::lease::{Seen, Terms};
use crate::checkpoint::{LinkSurvey, Who, survey};
use crate::cli::Format;
use crate::cli::target::CheckpointShow;
use crate::commands::ts::{self, VERSION, utc};
use crate::error::{Fault, counted};
use crate::model::CommitTs;
use crate::output::{self, one_line};

/// Shows every link and Drainer's rows.
pub(super) fn run(args: &CheckpointShow, format: Format) -> Result<()> {
    let (mut session, place) = open(&args.target, args.link.as_deref())?;
    let mut links = survey(&mut session)?;
    links.retain(|l| args.link.as_ref().is_none_or(|name| *name == l.link));
    let drainers = place.rows(&mut session)?;
    match format {
        Format::Text => output::answer(text(&links, &drainers).trim_end()),
        Format::Json => ts::json(&Answer {
            version: VERSION,
            links: links.iter().map(LinkRow::new).collect(),
            drainer: drainers.iter().map(|(id, row)| DrainerRow::new(*id, row, &links)).collect(),
        }),
        Format::Csv => ts::csv(&links.iter().map(Line::new).collect::<Vec<_>>()),
    }
}

fn text(links: &[LinkSurvey], drainers: &[drainer::DrainerRow]) -> String {
    let mut out = String::new();
    if links.is_empty() && drainers.is_empty() {
        out.push_str("no checkpoint of tisync or Drainer\n");
    }
    for link in links {
        one(&mut out, link);
    }
    for (cluster, row) in drainers {
        let row = match row {
            Ok(row) => row,
            Err(fault) => {
                let _ = writeln!(out, "{fault}: {}", fault.hint);
                continue;
            }
        };
        let how = if row.consistent { "after a clean stop" } else { "not after a clean stop" };
        let by = match author(*cluster, row, links) {
            Some(link) => format!("written by link `{}`", one_line(link)),
            None => "written by Drainer".to_owned(),
        };
        let at = row.commit_ts.explain();
        let _ = writeln!(
            out,
            "Drainer's checkpoint{}: at {at}, {how}, schema version {}, {by}",
            cluster.map_or(String::new(), |id| format!(" of cluster {id}")),
            row.schema_version
        );
    }
    out
}

fn one(out: &mut String, link: &LinkSurvey) {
    let at = link.position.map_or("has not started".to_owned(), |ts| format!("at {}", ts.explain()));
    let running = match link.running {
        Some(true) => "running",
        Some(false) => "not running",
        None => "the target cannot say whether it is running",
    };
    let name = one_line(&link.link);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "link `{name}` of cluster {}: {at}; run {}, {running}", link.cluster_id, link.run);
    if let Some(who) = &link.who {
        let _ = writeln!(out, "  {}", one_line(&holder(link, who)));
    }
    if let (Some(floor), count) = link.slots {
        let _ = writeln!(out, "  {}, lowest floor at {floor}", counted(count, "slot"));
    }
    let (ranges, single, parts) = link.above();
    if ranges + single + parts > 0 {
        let last = link.applied.last().unwrap_or_default();
        let _ = writeln!(
            out,
            "  durable above that: {} and {}, {parts} in part, up to {last}",
            counted(ranges, "range"),
            counted(single, "single transaction")
        );
    }
    if let Some(until) = link.safe_until.filter(|until| link.position.is_none_or(|at| at < *until)) {
        let _ = writeln!(out, "  in safe mode up to {}", until.explain());
    }
    if let Some(ts) = link.overtaken {
        let at = ts.explain();
        let _ = writeln!(out, "  overtaken by a Drainer that reached {at}: the next run continues after that");
    }
    if let Some(fault) = &link.damaged {
        let _ = writeln!(out, "  damaged: {}", one_line(&format!("{fault}: {}", fault.hint)));
    }
    if let Some(ddl) = &link.pending {
        let at = ddl.ts.explain();
        let _ = writeln!(
            out,
            "  DDL started, outcome unknown: job {} at {at}, statement {} of `{}`",
            ddl.job,
            ddl.step + 1,
            one_line(&ddl.query)
        );
    }
    for ddl in &link.skipped {
        let _ = writeln!(
            out,
            "  skipped as you asked: `{}` at {}; {} lacks {}",
            one_line(&ddl.query),
            ddl.commit_ts,
            one_line(&ddl.name),
            counted(ddl.rows, "row change")
        );
    }
}

/// The process that had the link last, and whether it still has it.
fn holder(link: &LinkSurvey, who: &Who) -> String {
    match &link.lease {
        Seen::Free if link.running == Some(true) => format!("run by {who}, whose lease is not held at this moment"),
        Seen::Free => format!("last run by {who}, which has ended"),
        Seen::Unknown => format!("last run by {who}; the target cannot say whether it is still running"),
        Seen::Held(now) => {
            let connection = now.connection.map_or(String::new(), |id| format!(", connection {id}"));
            match now.silent {
                Some(silent) if link.running == Some(true) => {
                    format!("run by {who}{connection}, last heard from {} s ago", silent.as_secs())
                }
                Some(silent) => format!("last run by {who}{connection}, silent for {} s: gone", silent.as_secs()),
                None => format!("run by {who}{connection}"),
            }
        }
    }
}

/// The link that wrote the row.
fn author<'a>(cluster: Option<u64>, row: &Row, links: &'a [LinkSurvey]) -> Option<&'a str> {
    let by =
        |l: &&LinkSurvey| Some(l.cluster_id) == cluster && l.position.is_some() && l.drainer == Some(row.commit_ts);
    links.iter().find(by).map(|l| l.link.as_str())
}

#[derive(Serialize)]
struct Answer {
    version: u32,
    links: Vec<LinkRow>,
    drainer: Vec<DrainerRow>,
}

#[derive(Serialize)]
struct LinkRow {
    cluster_id: String,
    link: String,
    run: u64,
    running: Option<bool>,
    holder: Option<HolderRow>,
    commit_ts: Option<String>,
    time: Option<String>,
    slots: usize,
    lowest_floor: Option<String>,
    ranges_above: usize,
    transactions_above: usize,
    parts_above: usize,
    last_above: Option<String>,
    safe_until: Option<String>,
    damaged: Option<String>,
    pending_ddl: Option<PendingRow>,
    skipped_ddl: Vec<SkippedRow>,
    drainer_ts: Option<String>,
    overtaken_ts: Option<String>,
}

#[derive(Serialize)]
struct HolderRow {
    pid: u32,
    host: String,
    account: String,
    since: String,
    tisync: String,
    /// Whether a live run has the link's lease and wrote its sign of life lately; not known on
    /// servers without named locks.
    lives: Option<bool>,
    /// The connection that holds the lease now, as text like all ids.
    connection: Option<String>,
    silent_seconds: Option<u64>,
}

#[derive(Serialize)]
struct PendingRow {
    commit_ts: String,
    job: i64,
    statement: u32,
    query: String,
}

#[derive(Serialize)]
struct SkippedRow {
    commit_ts: String,
    query: String,
    name: String,
    rows_left_out: u64,
}

#[derive(Serialize)]
struct DrainerRow {
    cluster_id: Option<String>,
    damaged: Option<String>,
    #[serde(flatten)]
    said: Option<DrainerSaid>,
}

#[derive(Serialize)]
struct DrainerSaid {
    commit_ts: String,
    time: String,
    consistent: bool,
    schema_version: i64,
    written_by_link: Option<String>,
}

#[derive(Serialize)]
struct Line {
    version: u32,
    cluster_id: String,
    link: String,
    run: u64,
    running: Option<bool>,
    commit_ts: Option<String>,
    time: Option<String>,
}

fn digits(ts: Option<CommitTs>) -> Option<String> {
    ts.map(|ts| ts.to_string())
}

impl Line {
    fn new(link: &LinkSurvey) -> Self {
        Self {
            version: VERSION,
            cluster_id: link.cluster_id.to_string(),
            link: link.link.clone(),
            run: link.run,
            running: link.running,
            commit_ts: digits(link.position),
            time: link.position.map(utc),
        }
    }
}

impl HolderRow {
    fn new(who: &Who, lease: &Seen) -> Self {
        let now = if let Seen::Held(now) = lease { Some(now) } else { None };
        Self {
            pid: who.pid,
            host: who.host.clone(),
            account: who.account.clone(),
            since: who.since.clone(),
            tisync: who.version.clone(),
            lives: lease.lives(Terms::IDLE),
            connection: now.and_then(|n| n.connection).map(|id| id.to_string()),
            silent_seconds: now.and_then(|n| n.silent).map(|silent| silent.as_secs()),
        }
    }
}

impl LinkRow {
    fn new(link: &LinkSurvey) -> Self {
        let (ranges_above, transactions_above, parts_above) = link.above();
        let pending = link.pending.as_ref().map(|ddl| PendingRow {
            commit_ts: ddl.ts.to_string(),
            job: ddl.job,
            statement: ddl.step + 1,
            query: ddl.query.clone(),
        });
        let skipped = link.skipped.iter().map(|ddl| SkippedRow {
            commit_ts: ddl.commit_ts.to_string(),
            query: ddl.query.clone(),
            name: ddl.name.clone(),
            rows_left_out: ddl.rows,
        });
        Self {
            cluster_id: link.cluster_id.to_string(),
            link: link.link.clone(),
            run: link.run,
            running: link.running,
            holder: link.who.as_ref().map(|who| HolderRow::new(who, &link.lease)),
            commit_ts: digits(link.position),
            time: link.position.map(utc),
            slots: link.slots.1,
            lowest_floor: digits(link.slots.0),
            ranges_above,
            transactions_above,
            parts_above,
            last_above: digits(link.applied.last()),
            safe_until: digits(link.safe_until),
            damaged: link.damaged.as_ref().map(ToString::to_string),
            pending_ddl: pending,
            skipped_ddl: skipped.collect(),
            drainer_ts: digits(link.drainer),
            overtaken_ts: digits(link.overtaken),
        }
    }
}

impl DrainerRow {
    fn new(cluster: Option<u64>, row: &Result<Row, Fault>, links: &[LinkSurvey]) -> Self {
        let said = row.as_ref().ok().map(|row| DrainerSaid {
            commit_ts: row.commit_ts.to_string(),
            time: utc(row.commit_ts),
            consistent: row.consistent,
            schema_version: row.schema_version,
            written_by_link: author(cluster, row, links).map(str::to_owned),
        });
        let damaged = row.as_ref().err().map(ToString::to_string);
        Self { cluster_id: cluster.map(|id| id.to_string()), damaged, said }
    }
}
