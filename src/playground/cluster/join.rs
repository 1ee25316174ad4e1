//! What a Pump does when it starts anew and when it goes offline (spec/tidb-binlog.md §1.6).

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use prost::Message;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::pump::Site;
use super::state::{Shared, lock};
use crate::error::Fault;
use crate::model::CommitTs;
use crate::pd::{DRAINERS, Security, State, Status as Entry, words};

/// How long a Pump takes for all its drainers.
const LIMIT: Duration = Duration::from_secs(10);
/// Waits between its tries.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// How often a Pump that goes offline looks at the drainers. The real one takes a second.
const LOOK: Duration = Duration::from_millis(100);

/// `binlog.NotifyReq` and its answer: without fields.
#[derive(Clone, PartialEq, Message)]
struct Empty {}

/// Tells every drainer that says `online`, one after the other.
pub(super) fn notify_all(shared: &Shared) -> Result<()> {
    let begin = Instant::now();
    for drainer in drainers(shared).into_iter().filter(|d| d.state() == State::Online) {
        let mut pauses = PAUSES.iter();
        loop {
            let left = LIMIT.saturating_sub(begin.elapsed());
            let Err(status) = notify(&drainer.host, left) else { break };
            let Some(pause) = pauses.next().filter(|p| begin.elapsed() + **p < LIMIT) else {
                let text =
                    format!("fail to notify drainer {} at {}: {}", drainer.node_id, drainer.host, words(&status));
                return Err(Fault::connect(text)
                    .hint("a Pump does not start while a drainer that is online does not answer")
                    .into());
            };
            sleep(*pause);
        }
    }
    Ok(())
}

fn notify(host: &str, limit: Duration) -> Result<(), Status> {
    let internal = |e: String| Status::internal(e);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| internal(e.to_string()))?;
    runtime.block_on(async {
        let call = async {
            let channel = Security::default().channel(host, limit).map_err(|e| internal(format!("{e:#}")))?;
            let mut grpc = Grpc::new(channel);
            grpc.ready().await.map_err(|e| Status::unavailable(crate::pd::reason(&e)))?;
            let codec = ProstCodec::<Empty, Empty>::default();
            let path = PathAndQuery::from_static("/binlog.Cistern/Notify");
            grpc.unary(Request::new(Empty {}), path, codec).await.map(|_| ())
        };
        timeout(limit, call).await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer")))
    })
}

/// The entries of all drainers that can be read.
pub(super) fn drainers(shared: &Shared) -> Vec<Entry> {
    let keys = lock(&shared.keys);
    let entries = keys.all().filter(|(key, _)| key.starts_with(DRAINERS));
    entries.filter_map(|(_, pair)| Entry::read(&pair.value).ok()).collect()
}

/// Goes offline: waits, without an end, until every drainer that is not offline has all that this Pump holds; then ends.
pub(super) async fn close(site: Site) {
    let Some(pump) = site.pump() else { return };
    // Whoever has chosen it already is let in.
    tokio::time::sleep(LOOK).await;
    loop {
        // It goes on marking its position, so that whoever waits for it comes to its end.
        let reached = pump.store.max_commit_ts();
        let waiting = drainers(&site.shared).into_iter().filter(|d| d.state() != State::Offline);
        let least = waiting.map(|d| d.max_commit_ts()).min().unwrap_or(CommitTs::MAX);
        if least >= reached {
            break;
        }
        // Fails only behind a message from the future; then there is nothing to mark.
        let _ = pump.store.write_fake(&site.shared.clock);
        for _ in 0..10 {
            tokio::time::sleep(LOOK).await;
            let waiting = drainers(&site.shared).into_iter().filter(|d| d.state() != State::Offline);
            if waiting.map(|d| d.max_commit_ts()).min().unwrap_or(CommitTs::MAX) >= reached {
                return leave(&site, "offline");
            }
        }
    }
    leave(&site, "offline");
}

/// Ends as the real process does: its entry stays as it is, and nobody is answered any more.
pub(super) fn leave(site: &Site, state: &str) {
    let Some(pump) = site.pump() else { return };
    let now = (pump.store.max_commit_ts(), site.shared.clock.about());
    let mut entry = lock(&pump.entry);
    state.clone_into(&mut entry.state);
    entry.stopped = Some(now);
    drop(entry);
    pump.leave(true);
}

/// Registers a Pump that is new, or was offline, and tells the drainers; it is offline again if one of them does not answer.
pub(super) fn register(site: &Site) -> Result<()> {
    let pump = site.pump().context("the simulated cluster has no such Pump")?;
    pump.leave(false);
    let mut entry = lock(&pump.entry);
    (entry.listed, entry.stopped) = (true, None);
    "online".clone_into(&mut entry.state);
    entry.host.clone_from(&pump.address);
    drop(entry);
    notify_all(&site.shared).inspect_err(|_| leave(site, "offline"))
}
