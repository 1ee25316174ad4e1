//! Checks before and during a run: Pumps, how far back they reach, TiDB servers with Binlog on.
//!
//! It refuses a start if there is no Pump, if a Pump no longer holds what is asked for, or if a
//! TiDB server does not write Binlog. A server that stops writing Binlog during a run is reported
//! and counted ([`Lapse`]).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;

use crate::error::{Fault, counted};
use crate::event::{Event, Events};
use crate::model::{CommitTs, span_text};
use crate::pd::{Node, Security, State, TidbServer, Unread};

/// How often an online Pump is asked for the oldest ts that it holds, before that is an error.
const TRIES: u32 = 4;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Gauge in a Pump's metrics: everything older is deleted (milliseconds since the Unix epoch).
const GC_GAUGE: &str = "binlog_pump_storage_gc_ts";
/// Gauge in a Pump's metrics: the newest commit ts that it has in order (milliseconds, too).
const NEWEST_GAUGE: &str = "binlog_pump_storage_max_commit_ts";
/// Limit on a Pump's metrics page, in bytes; usually it has some 25 KB.
const MOST_METRICS: u64 = 16 << 20;

/// Whether a Pump has to be read. Only one that went offline in order has nothing left.
pub(super) fn is_active(node: &Node) -> bool {
    node.state != State::Offline
}

/// Refuses if the entry of a Pump in etcd could not be read.
pub(super) fn readable(unread: Option<&Unread>) -> Result<()> {
    let Some(Unread { id, why }) = unread else { return Ok(()) };
    let text =
        format!("the entry of Pump {id} in etcd {why}, so it is unknown whether it has data that no other Pump has");
    Err(Fault::refused(text)
        .hint(
            "start that Pump: it rewrites its entry; if it is gone for good and all its data has been read, delete the \
             entry (`etcdctl del` of /tidb-binlog/v1/pumps/ and its id)",
        )
        .into())
}

/// The Pumps that have to be read; those that are left out are reported.
pub(super) fn active<'a>(nodes: &'a [Node], events: &Events) -> Result<Vec<&'a Node>> {
    if nodes.is_empty() {
        return Err(Fault::refused("no Pump is registered in this cluster, so there is no binlog to read")
            .hint(
                "TiDB 8.4 and later have no TiDB Binlog any more; before that, install Pump and set `binlog.enable = true` \
                 in TiDB's configuration, then take the backup",
            )
            .into());
    }
    let (active, offline): (Vec<_>, Vec<_>) = nodes.iter().partition(|n| is_active(n));
    for node in offline {
        events(Event::Note(format!("Pump {} ({}) is offline and is left out", node.id, node.host)));
    }
    if active.is_empty() {
        return Err(Fault::refused("every Pump of this cluster is offline, so its changes are not being recorded")
            .hint("start a Pump; changes made since the last one went offline need a new backup")
            .into());
    }
    for node in &active {
        let text = format!("reading Pump {} ({}, {})", node.id, node.host, node.state);
        events(match node.state {
            State::Online => Event::Note(text),
            _ => Event::Warning(format!("{text}: it may have data that no other Pump has, so everything waits for it")),
        });
    }
    Ok(active)
}

/// Checks that `node` still holds everything above `from`. A Pump that is not online may be down:
/// it is asked when it comes back, before anything is taken from it.
pub(super) fn reaches_back(
    agent: &ureq::Agent,
    security: &Security,
    node: &Node,
    from: CommitTs,
    events: &Events,
) -> Result<()> {
    let mut answer = gc_ts(agent, security, &node.host);
    for _ in 0..TRIES {
        if answer.is_ok() || node.state != State::Online {
            break;
        }
        // The Pump may just be restarting.
        std::thread::sleep(PAUSE);
        answer = gc_ts(agent, security, &node.host);
    }
    match answer {
        Ok(gc) => covers(node, from, gc).map_err(Into::into),
        Err(error) if node.state == State::Online => Err(Fault::connect(format!(
            "cannot find out whether Pump {} still holds everything since {}: {error:#}",
            node.id,
            from.explain()
        ))
        .hint(
            "a Pump silently leaves out what it has deleted, so its metrics must be readable; check the address and \
               the Pump, or take it offline if it is gone",
        )
        .into()),
        Err(error) => {
            let text = format!(
                "Pump {} is {} and does not answer ({error:#}); it will be asked when it is back",
                node.id, node.state
            );
            events(Event::Warning(text));
            Ok(())
        }
    }
}

/// Whether a Pump that has deleted everything before `gc` still holds what follows `from`.
pub(super) fn covers(node: &Node, from: CommitTs, gc: CommitTs) -> Result<(), Fault> {
    if from.physical_ms() >= gc.physical_ms() {
        return Ok(());
    }
    let text = format!(
        "Pump {} ({}) has deleted everything older than {}; it no longer has the changes after {}",
        node.id,
        node.host,
        gc.explain(),
        from.explain()
    );
    Err(Fault::refused(text).hint(
        "the changes between are lost: start from a newer backup, and raise the Pump's `gc` setting (7 days by default)",
    ))
}

/// The ts below which the Pump at `host` (`host:port`) has deleted everything; 0 if nothing was.
///
/// # Errors
/// If its metrics cannot be read or lack the gauge.
pub fn gc_ts(agent: &ureq::Agent, security: &Security, host: &str) -> Result<CommitTs> {
    gauge(agent, security, host, GC_GAUGE)
}

/// The newest commit ts that the Pump at `host` has in order, to the millisecond.
pub(super) fn newest(agent: &ureq::Agent, security: &Security, host: &str) -> Result<CommitTs> {
    gauge(agent, security, host, NEWEST_GAUGE)
}

fn gauge(agent: &ureq::Agent, security: &Security, host: &str, name: &str) -> Result<CommitTs> {
    let url = format!("{}://{host}/metrics", security.scheme());
    let failed = |why: String| {
        Fault::connect(format!("cannot read {url}: {why}"))
            .hint("check that the Pump runs and that its port can be reached from here")
    };
    let mut answer = agent.get(&url).call().map_err(|e| failed(e.to_string()))?;
    if !answer.status().is_success() {
        return Err(failed(format!("HTTP status {}", answer.status())).into());
    }
    let text = answer.body_mut().with_config().limit(MOST_METRICS).lossy_utf8(true).read_to_string();
    let text = text.map_err(|e| failed(e.to_string()))?;
    Ok(read_gauge(&text, name).ok_or_else(|| failed(format!("it has no usable {name}")))?)
}

/// A gauge as a ts. Prometheus writes floats: `0`, `1795266299653`, `1.795266299653e+12`.
fn read_gauge(metrics: &str, name: &str) -> Option<CommitTs> {
    let value = metrics.lines().find_map(|line| {
        let rest = line.trim().strip_prefix(name)?;
        let rest = match rest.strip_prefix('{') {
            Some(labelled) => labelled.split_once('}')?.1,
            None => rest,
        };
        rest.starts_with(char::is_whitespace).then(|| rest.split_whitespace().next()).flatten()
    })?;
    let value: f64 = value.parse().ok()?;
    // Milliseconds have 46 bits: far below 2^53, up to which floats are exact.
    if !(0.0..70_368_744_177_664.0).contains(&value) {
        return None;
    }
    Some(CommitTs::from_millis(format!("{value:.0}").parse().ok()?))
}

/// The only status with which nothing is lost.
const ON: &str = "On";

/// Checks that each TiDB server writes Binlog.
///
/// # Errors
/// Refused, with the first server that does not, and what that means.
pub fn binlog_is_on(servers: &[TidbServer]) -> Result<()> {
    let Some(server) = servers.iter().find(|s| s.binlog_status != ON) else { return Ok(()) };
    let (means, hint) = meaning(&server.binlog_status);
    let text = format!("TiDB {} ({}) {means}", server.sql_address(), server.version);
    Err(Fault::refused(text).hint(hint).into())
}

/// What a status other than `On` means, and what to do about it.
fn meaning(status: &str) -> (&'static str, &'static str) {
    match status {
        "Off" => (
            "has binlog turned off (binlog_status Off): changes written through it never reach a Pump",
            "set `binlog.enable = true` in its configuration and restart it; changes written in the meantime need a \
             new backup",
        ),
        "Skipping" => (
            "skips binlog after an error (binlog_status Skipping, `ignore-error = true`): data is being lost for every \
             target",
            "fix its Pumps, then run `curl http://<status address>/binlog/recover`, and start again from a new backup",
        ),
        "" => (
            "reports no binlog_status: TiDB 8.4 and later have no TiDB Binlog, so changes written through it never \
             reach a Pump",
            "TiDB Binlog supports clusters up to TiDB 8.3",
        ),
        _ => (
            "does not know whether it writes binlog (binlog_status Unknown): data may be lost",
            "look at its log and at `/info/all` of its status port; start again when it says On",
        ),
    }
}

/// A TiDB server that did not write Binlog at some time of a run, as seen in the cluster's list of
/// servers every few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// `host:port` of its SQL port.
    pub server: String,
    /// Its last status other than `On`.
    pub status: String,
    /// How often it stopped writing Binlog.
    pub times: u64,
    /// For how long in all, up to when it last resumed.
    pub lost: Duration,
    /// Since when it has not been writing; `None` if it writes now.
    pub since: Option<(Instant, Timestamp)>,
}

impl Lapse {
    /// Records the state of `server` at `now`; returns a sentence if the state has changed.
    pub(super) fn update(lapses: &mut BTreeMap<String, Self>, server: &TidbServer, now: Instant) -> Option<String> {
        let (address, status) = (server.sql_address(), server.binlog_status.as_str());
        if status == ON {
            let lapse = lapses.get_mut(&address)?;
            let (begin, _) = lapse.since.take()?;
            let lost = now.saturating_duration_since(begin);
            lapse.lost += lost;
            return Some(format!(
                "TiDB {address} writes binlog again, after {} of {}: changes written through it in the meantime are \
                 missing on every target; compare the tables, or start again from a new backup",
                span(lost),
                word(&lapse.status)
            ));
        }
        let lapse = lapses.entry(address.clone()).or_insert_with(|| Self {
            server: address.clone(),
            status: String::new(),
            times: 0,
            lost: Duration::ZERO,
            since: None,
        });
        if lapse.since.is_some() && lapse.status == status {
            return None;
        }
        let (_, when) = *lapse.since.get_or_insert_with(|| {
            lapse.times += 1;
            (now, Timestamp::now())
        });
        status.clone_into(&mut lapse.status);
        let (means, hint) = meaning(status);
        Some(format!("since about {} TiDB {address} ({}) {means}; {hint}", time(when), server.version))
    }

    /// One sentence for the end of a run.
    #[must_use]
    pub fn explain(&self) -> String {
        let open = self.since.map_or(Duration::ZERO, |(begin, _)| begin.elapsed());
        let still = if self.since.is_some() { ", and still does not write it" } else { "" };
        format!(
            "TiDB {} stopped writing binlog {} during this run (binlog_status {}), for {} in total{still}: changes \
             written through it then are missing on the target",
            self.server,
            counted(self.times, "time"),
            word(&self.status),
            span(self.lost + open)
        )
    }
}

fn word(status: &str) -> &str {
    if status.is_empty() { "no binlog_status" } else { status }
}

fn span(time: Duration) -> String {
    span_text(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn time(when: Timestamp) -> String {
    when.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::silent;

    #[test]
    fn the_gauge_in_every_form() {
        let gauge = |text: &str| read_gauge(text, GC_GAUGE).map(CommitTs::physical_ms);
        assert_eq!(gauge("# HELP binlog_pump_storage_gc_ts gc\nbinlog_pump_storage_gc_ts 0\n"), Some(0));
        assert_eq!(gauge("binlog_pump_storage_gc_ts 1.795266299653e+12"), Some(1_795_266_299_653));
        assert_eq!(gauge("binlog_pump_storage_gc_ts{job=\"a\"} 1795266299653 17"), Some(1_795_266_299_653));
        for none in [
            "",
            "binlog_pump_storage_gc_ts NaN",
            "binlog_pump_storage_gc_ts -1",
            "binlog_pump_storage_gc_ts +Inf",
            "binlog_pump_storage_gc_ts_x 5",
            "binlog_pump_storage_done_gc_ts 5",
        ] {
            assert_eq!(gauge(none), None, "{none}");
        }
    }

    #[test]
    fn which_pumps_are_read() {
        let node = |state| Node {
            id: "p".into(),
            host: "h:1".into(),
            state,
            max_commit_ts: CommitTs(1),
            update_ts: CommitTs(1),
        };
        assert!(active(&[], &silent()).unwrap_err().to_string().contains("no Pump is registered"));
        assert!(active(&[node(State::Offline)], &silent()).is_err());
        let nodes = [State::Online, State::Paused, State::Pausing, State::Closing, State::Offline].map(node);
        assert_eq!(active(&nodes, &silent()).unwrap().len(), 4);
        let from = CommitTs::from_parts(1000, 5);
        assert!(covers(&nodes[0], from, CommitTs::from_millis(1000)).is_ok());
        assert!(covers(&nodes[0], from, CommitTs::from_millis(1001)).unwrap_err().message.contains("has deleted"));
    }

    fn server(status: &str) -> TidbServer {
        TidbServer {
            id: "x".into(),
            ip: "10.0.0.9".into(),
            port: 4000,
            status_port: 10080,
            binlog_status: status.into(),
            version: "v8.1".into(),
        }
    }

    #[test]
    fn each_binlog_status() {
        assert!(binlog_is_on(&[server("On"), server("On")]).is_ok());
        for (status, word) in
            [("Off", "turned off"), ("Skipping", "being lost"), ("Unknown", "may be lost"), ("", "8.4")]
        {
            let error = binlog_is_on(&[server("On"), server(status)]).unwrap_err();
            assert!(error.to_string().contains(word) && error.to_string().contains("10.0.0.9:4000"), "{error}");
            assert_eq!(crate::error::fault(&error).unwrap().kind, crate::error::Kind::Refused);
        }
    }

    #[test]
    fn each_change_is_told_once_and_counted() {
        let (mut lapses, begin) = (BTreeMap::new(), Instant::now());
        let mut look = |status: &str, s: u64| {
            Lapse::update(&mut lapses, &server(status), begin + Duration::from_secs(s)).unwrap_or_default()
        };
        assert_eq!(look("On", 0), "");
        let text = look("Skipping", 5);
        assert!(text.starts_with("since about 2") && text.contains("10.0.0.9:4000") && text.contains("lost"), "{text}");
        assert_eq!(look("Skipping", 10), "");
        assert!(look("Unknown", 15).contains("Unknown"));
        let text = look("On", 20);
        assert!(text.contains("again, after 15.0s of Unknown"), "{text}");
        assert_eq!(look("On", 25), "");
        assert!(look("Skipping", 30).contains("Skipping"));
        let lapse = &lapses["10.0.0.9:4000"];
        assert_eq!((lapse.times, lapse.lost, lapse.since.is_some()), (2, Duration::from_secs(15), true));
        assert!(lapse.explain().contains("2 times") && lapse.explain().contains("still"), "{}", lapse.explain());
    }
}
