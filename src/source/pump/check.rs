//! What forbids to start: no Pump, TiDB servers that do not write Binlog, Pumps that no longer hold what is asked for.

use anyhow::Result;

use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::pd::{Node, Security, State, Unread};

pub use super::lapse::{Lapse, binlog_is_on};

/// How often a Pump that should be there is asked again for how far back it reaches.
const TRIES: u32 = 4;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Gauge in a Pump's metrics: it holds nothing older than this (milliseconds since the Unix epoch).
const GC_GAUGE: &str = "binlog_pump_storage_gc_ts";
/// Gauge in a Pump's metrics: how far its own order of transactions has come (the same unit).
const NEWEST_GAUGE: &str = "binlog_pump_storage_max_commit_ts";
/// A Pump's metrics are some 25 KB.
const MOST_METRICS: u64 = 16 << 20;

/// Whether a Pump has to be read. Only those that went offline in order have nothing left.
pub(super) fn is_active(node: &Node) -> bool {
    node.state != State::Offline
}

/// Sees to it that there is no entry of a Pump that cannot be read.
pub(super) fn readable(unread: Option<&Unread>) -> Result<()> {
    let Some(Unread { id, why }) = unread else { return Ok(()) };
    let text = format!(
        "the entry of Pump {id} in etcd {why}, so nobody knows whether there is data on it that no other Pump has"
    );
    Err(Fault::refused(text)
        .hint(
            "start that Pump: it writes its entry anew; if it is gone for good and all it held has been read, delete the entry (`etcdctl del` of /tidb-binlog/v1/pumps/ and its id)",
        )
        .into())
}

/// The Pumps that have to be read; the others are told.
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
        return Err(Fault::refused("every Pump of this cluster is offline, so nothing records its changes")
            .hint("start a Pump; changes made since the last one went offline need a new backup")
            .into());
    }
    for node in &active {
        let text = format!("reading Pump {} ({}, {})", node.id, node.host, node.state);
        events(match node.state {
            State::Online => Event::Note(text),
            _ => Event::Warning(format!("{text}: it may hold data that no other has, so everything waits for it")),
        });
    }
    Ok(active)
}

/// Checks that `node` still holds everything above `from`. A Pump that is not online may be down: it is asked when it
/// comes back, before anything is taken from it.
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
        // It may just be starting again.
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
        .hint("a Pump leaves out silently what it has deleted, so its metrics must be readable; check the address and the Pump, or take it offline if it is gone")
        .into()),
        Err(error) => {
            let text = format!("Pump {} is {} and does not answer ({error:#}); it will be asked when it is back", node.id, node.state);
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
        "Pump {} ({}) has deleted what is older than {}; it cannot give what follows {}",
        node.id,
        node.host,
        gc.explain(),
        from.explain()
    );
    Err(Fault::refused(text).hint(
        "what lies between is lost: start from a newer backup, and raise the Pump's `gc` setting (7 days by default)",
    ))
}

/// Everything older than this has been deleted by the Pump at `host` (`host:port`); 0 if nothing was.
///
/// # Errors
/// If its metrics cannot be read or lack the gauge.
pub fn gc_ts(agent: &ureq::Agent, security: &Security, host: &str) -> Result<CommitTs> {
    gauge(agent, security, host, GC_GAUGE)
}

/// The newest that the Pump at `host` has in order, to the millisecond.
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
    Ok(read_gauge(&text, name).ok_or_else(|| failed(format!("it holds no usable {name}")))?)
}

/// The gauge as a ts. Prometheus writes floats: `0`, `1795266299653`, `1.795266299653e+12`.
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
    // 46 bits of milliseconds: far below 2^53, where floats stop being exact.
    if !(0.0..70_368_744_177_664.0).contains(&value) {
        return None;
    }
    Some(CommitTs::from_millis(format!("{value:.0}").parse().ok()?))
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
}
