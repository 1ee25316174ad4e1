//! The storage of one simulated Pump: messages in rising commit ts.
//!
//! Also how the Pump behaves as it sends them.
//!
//! Also what a Pump does when it restarts and when it goes offline
//! (docs/protocol/tidb-binlog.md §1.6).

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use prost::Message;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::pump::Site;
use super::state::{Clock, Shared};
use crate::decode;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::pd::{DRAINERS, Security, State, Status as Entry, words};
use crate::source::binlog::{Binlog, TP_ROLLBACK};

/// How a Pump ends a stream that is to break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Break {
    /// With the gRPC error `Unavailable`, as a lost connection shows it.
    #[default]
    Error,
    /// Without an error, as a real Pump does when it cannot read its own store
    /// (docs/protocol/tidb-binlog.md §2.1).
    CleanEnd,
}

/// How a Pump sends. May be changed at any time and holds for running streams too.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// After this long without a message the Pump writes a fake; `None`: never.
    pub fakes: Option<Duration>,
    /// Waits this long before each message.
    pub delay: Duration,
    /// Breaks every stream after this many messages.
    pub break_every: Option<u64>,
    /// How it breaks them.
    pub break_how: Break,
    /// Keeps connections open and sends nothing.
    pub silent: bool,
}

impl Default for Behaviour {
    /// As a healthy Pump: a fake every 3 s.
    fn default() -> Self {
        Self {
            fakes: Some(Duration::from_secs(3)),
            delay: Duration::ZERO,
            break_every: None,
            break_how: Break::Error,
            silent: false,
        }
    }
}

/// One stored message.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) start_ts: i64,
    pub(super) commit_ts: i64,
    /// The DDL job of the message; 0 for none.
    pub(super) job: i64,
    /// The schema version of its rows; 0 where it has none.
    pub(super) schema_version: i64,
    pub(super) payload: Bytes,
}

impl Stored {
    /// Reads the timestamps out of a serialized `Binlog`.
    pub(super) fn read(payload: Bytes) -> Result<Self> {
        let binlog = Binlog::decode(payload.clone()).context("a message for the simulated Pump is not a Binlog")?;
        let commit_ts = binlog.commit_ts.unwrap_or(0);
        if commit_ts <= 0 {
            return Err(Fault::usage("a message for the simulated Pump has no commit ts").into());
        }
        let job = binlog.ddl_job_id.unwrap_or(0);
        let schema_version = binlog.prewrite_value.as_ref().and_then(|v| decode::schema_version(v).ok()).unwrap_or(0);
        Ok(Self { start_ts: binlog.start_ts.unwrap_or(0), commit_ts, job, schema_version, payload })
    }

    /// A position marker, with all the fields that a Pump writes
    /// (docs/protocol/tidb-binlog.md §2.3).
    fn fake(ts: i64) -> Self {
        let binlog = Binlog {
            tp: Some(TP_ROLLBACK),
            start_ts: Some(ts),
            commit_ts: Some(ts),
            ddl_job_id: Some(0),
            ddl_schema_state: Some(0),
            ..Binlog::default()
        };
        Self { start_ts: ts, commit_ts: ts, job: 0, schema_version: 0, payload: binlog.encode_to_vec().into() }
    }
}

/// The messages of a Pump.
pub(super) struct Store {
    messages: RwLock<Vec<Stored>>,
    behaviour: Mutex<Behaviour>,
    gc_ts: Mutex<CommitTs>,
    written: Mutex<Instant>,
    changed: watch::Sender<u64>,
}

impl Store {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Self {
            messages: RwLock::default(),
            behaviour: Mutex::new(behaviour),
            gc_ts: Mutex::default(),
            written: Mutex::new(Instant::now()),
            changed: watch::Sender::new(0),
        }
    }

    /// Adds the message that `build` makes. Nothing else is written in between, so a timestamp that
    /// `build` takes is above everything that any stream of this Pump has sent.
    pub(super) fn write(&self, build: impl FnOnce() -> Result<Stored>) -> Result<CommitTs> {
        let mut messages = self.messages.write();
        let message = build()?;
        let commit_ts = CommitTs::from_wire(message.commit_ts).unwrap_or_default();
        let last = messages.last().map_or(0, |m| m.commit_ts);
        if message.commit_ts <= last {
            let last = CommitTs::from_wire(last).unwrap_or_default().explain();
            return Err(Fault::usage(format!(
                "commit ts {} is not above {last}, which the simulated Pump has already reached",
                commit_ts.explain()
            ))
            .hint("append in rising commit ts, and switch the Pump's fakes off when appending old messages")
            .into());
        }
        messages.push(message);
        drop(messages);
        *self.written.lock() = Instant::now();
        self.wake();
        Ok(commit_ts)
    }

    /// Writes a fake with a fresh timestamp.
    pub(super) fn write_fake(&self, clock: &Clock) -> Result<CommitTs> {
        self.write(|| Ok(Stored::fake(clock.next().to_wire())))
    }

    /// Writes a fake at `ts`; nothing happens if the store is there already.
    pub(super) fn write_fake_at(&self, ts: CommitTs) {
        // It only fails if the store is past `ts`, which is as good.
        let _ = self.write(|| Ok(Stored::fake(ts.to_wire())));
    }

    /// How long until a fake is due; `None` if there are none.
    pub(super) fn fake_due(&self) -> Option<Duration> {
        let interval = self.behaviour.lock().fakes?;
        Some(interval.saturating_sub(self.written.lock().elapsed()))
    }

    /// Up to `limit` messages above `position`.
    pub(super) fn after(&self, position: i64, limit: usize) -> Vec<Stored> {
        let messages = self.messages.read();
        let from = messages.partition_point(|m| m.commit_ts <= position);
        messages.iter().skip(from).take(limit).cloned().collect()
    }

    pub(super) fn max_commit_ts(&self) -> CommitTs {
        self.messages.read().last().and_then(|m| CommitTs::from_wire(m.commit_ts)).unwrap_or_default()
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().clone()
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock());
        self.wake();
    }

    pub(super) fn gc_ts(&self) -> CommitTs {
        *self.gc_ts.lock()
    }

    pub(super) fn set_gc_ts(&self, ts: CommitTs) {
        *self.gc_ts.lock() = ts;
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn wake(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }
}

/// How long a Pump may take to notify all its Drainers.
const LIMIT: Duration = Duration::from_secs(10);
/// The pauses between its attempts.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// How often a Pump that goes offline checks the Drainers. A real one does so every second.
const LOOK: Duration = Duration::from_millis(100);

/// `binlog.NotifyReq` and its answer: without fields.
#[derive(Clone, PartialEq, Message)]
struct Empty {}

/// Notifies every Drainer that is `online`, one after the other.
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

/// The entries of all Drainers that can be read.
pub(super) fn drainers(shared: &Shared) -> Vec<Entry> {
    let keys = shared.keys.lock();
    let entries = keys.all().filter(|(key, _)| key.starts_with(DRAINERS));
    entries.filter_map(|(_, pair)| Entry::read(&pair.value).ok()).collect()
}

/// Goes offline: waits, without an end, until every drainer that is not offline has all that this
/// Pump holds; then ends.
pub(super) async fn close(site: Site) {
    let Some(pump) = site.pump() else { return };
    // A client that has chosen this Pump already may still write to it.
    tokio::time::sleep(LOOK).await;
    loop {
        // It still marks its position, so that a reader that waits for it reaches its end.
        let reached = pump.store.max_commit_ts();
        let waiting = drainers(&site.shared).into_iter().filter(|d| d.state() != State::Offline);
        let least = waiting.map(|d| d.max_commit_ts()).min().unwrap_or(CommitTs::MAX);
        if least >= reached {
            break;
        }
        // It only fails behind a message from the future; then there is no position to mark.
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

/// Ends as the real process does: its entry stays as it is, and it answers no more requests.
pub(super) fn leave(site: &Site, state: &str) {
    let Some(pump) = site.pump() else { return };
    let now = (pump.store.max_commit_ts(), site.shared.clock.about());
    let mut entry = pump.entry.lock();
    state.clone_into(&mut entry.state);
    entry.stopped = Some(now);
    drop(entry);
    pump.leave(true);
}

/// Registers a Pump that is new or was offline, and notifies the Drainers; it is offline again if
/// one of them does not answer.
pub(super) fn register(site: &Site) -> Result<()> {
    let pump = site.pump().context("the simulated cluster has no such Pump")?;
    pump.leave(false);
    let mut entry = pump.entry.lock();
    (entry.listed, entry.stopped) = (true, None);
    "online".clone_into(&mut entry.state);
    entry.host.clone_from(&pump.address);
    drop(entry);
    notify_all(&site.shared).inspect_err(|_| leave(site, "offline"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playground::cluster::ClockMode;

    #[test]
    fn a_fake_has_the_bytes_of_a_real_one() {
        let fake = Stored::fake(420_747_102_018_863_124);
        assert_eq!(
            hex::encode(fake.payload),
            "08021094 80f0a0a9e8b2eb05 189480f0a0a9e8b2eb05 38004000".replace(' ', "")
        );
    }

    #[test]
    fn commit_ts_only_rises() {
        let store = Store::new(Behaviour::default());
        let clock = Clock::new(ClockMode::Manual(CommitTs(1000)));
        assert_eq!(store.write_fake(&clock).unwrap(), CommitTs(1001));
        let error = store.write(|| Ok(Stored::fake(1001))).unwrap_err();
        assert!(error.to_string().contains("1001"), "{error}");
        store.write_fake_at(CommitTs(900));
        assert_eq!(
            (store.max_commit_ts(), store.after(0, 9).len(), store.after(1001, 9).len()),
            (CommitTs(1001), 1, 0)
        );
    }
}
