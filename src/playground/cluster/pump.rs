//! A simulated Pump: the gRPC stream of what it stored, and its HTTP pages, both on one port.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::state::{Pump, Shared};
use super::store::{Break, Store, Stored};
use super::{pd, store};
use crate::source::binlog::{Entity, Meta, Pos, PullBinlogReq, PullBinlogResp, WriteBinlogReq, WriteBinlogResp};

/// How often an idle stream checks whether its reader is still there.
const IDLE: Duration = Duration::from_millis(100);
/// How many messages a stream takes from the store at once.
const BATCH: usize = 64;

/// One Pump of the cluster, as its handlers hold it.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
}

impl Site {
    pub(super) fn pump(&self) -> Option<&Pump> {
        self.shared.pumps.get(self.index)
    }

    fn check(&self, got: u64) -> Result<&Pump, Status> {
        let own = self.shared.cluster_id;
        if got != own {
            return Err(Status::unknown(format!("cluster ID are mismatch, {got} vs {own}")));
        }
        self.pump().ok_or_else(|| Status::internal("no such Pump"))
    }
}

pub(super) fn router(site: Site) -> Router {
    Router::new()
        .route("/binlog.Pump/PullBinlogs", post(pull_binlogs))
        .route("/binlog.Pump/WriteBinlog", post(write_binlog))
        .route("/metrics", get(metrics_page))
        .route("/status", get(status_page))
        .route("/drainers", get(drainers_page))
        .route("/state/{node}/{action}", put(state_action))
        .fallback(pd::unknown)
        .with_state(site)
}

/// Writes fakes while nothing else is written; ends with the Pump's runtime.
pub(super) async fn write_fakes(site: Site) {
    let Some(pump) = site.pump() else { return };
    loop {
        if pump.has_left() {
            sleep(IDLE).await;
            continue;
        }
        match pump.store.fake_due() {
            Some(Duration::ZERO) => {
                // The fake takes its ts under the store's lock, so this can only fail if a message
                // with a ts of the future was appended; then there is no position to mark until the
                // clock is there.
                if pump.store.write_fake(&site.shared.clock).is_err() {
                    sleep(IDLE).await;
                }
            }
            Some(wait) => sleep(wait.min(IDLE)).await,
            None => sleep(IDLE).await,
        }
    }
}

async fn pull_binlogs(State(site): State<Site>, request: Request) -> Response {
    pd::server_stream(request, |asked: PullBinlogReq| {
        let pump = site.check(asked.cluster_id)?;
        if pump.has_left() {
            return Err(Status::unavailable("connection refused: the Pump has ended"));
        }
        let offset = asked.start_from.map_or(0, |p| p.offset);
        // A real Pump goes on silently from its GC ts as well.
        let position = offset.max(pump.store.gc_ts().to_wire());
        let (sender, receiver) = mpsc::channel(BATCH);
        tokio::spawn(send_all(site.clone(), position, sender));
        Ok(ReceiverStream::new(receiver))
    })
    .await
}

type Sender = mpsc::Sender<Result<PullBinlogResp, Status>>;

/// Sends everything above `position`, without end.
async fn send_all(site: Site, mut position: i64, sender: Sender) {
    let Some(pump) = site.pump() else { return };
    let mut changed = pump.store.subscribe();
    let mut sent = 0;
    while !sender.is_closed() && !pump.has_left() {
        let batch = if pump.store.behaviour().silent { Vec::new() } else { pump.store.after(position, BATCH) };
        if batch.is_empty() {
            // Either a message was written, or it is time to check whether the reader has gone.
            let _ = timeout(IDLE, changed.changed()).await;
        }
        for message in batch {
            let commit_ts = message.commit_ts;
            match send_one(&site, &pump.store, message, sent, &sender).await {
                Sent::Yes => (position, sent) = (commit_ts, sent + 1),
                Sent::NotNow => break,
                Sent::Never => return,
            }
        }
    }
}

enum Sent {
    Yes,
    NotNow,
    Never,
}

async fn send_one(site: &Site, store: &Store, message: Stored, sent: u64, sender: &Sender) -> Sent {
    let behaviour = store.behaviour();
    if !behaviour.delay.is_zero() {
        sleep(behaviour.delay).await;
    }
    if store.behaviour().silent {
        return Sent::NotNow;
    }
    if behaviour.break_every.is_some_and(|n| sent >= n) {
        if behaviour.break_how == Break::Error {
            // If this cannot be sent the reader has gone anyway.
            let _ = sender.send(Err(Status::unavailable("transport is closing"))).await;
        }
        return Sent::Never;
    }
    let job = message.job;
    if sender.send(Ok(response(message))).await.is_err() {
        return Sent::Never;
    }
    if job > 0 {
        site.shared.jobs.message_sent(job);
    }
    Sent::Yes
}

/// The message as a Pump sends it: an empty position first, both timestamps again at the end.
fn response(message: Stored) -> PullBinlogResp {
    let meta = Meta { start_ts: message.start_ts, commit_ts: message.commit_ts };
    let entity =
        Entity { pos: Some(Pos::default()), payload: message.payload, checksum: Bytes::new(), meta: Some(meta) };
    PullBinlogResp { entity: Some(entity) }
}

async fn write_binlog(State(site): State<Site>, request: Request) -> Response {
    pd::unary(request, |asked: WriteBinlogReq| {
        site.check(asked.cluster_id)?;
        let errmsg = if asked.payload.is_empty() { "" } else { "a simulated Pump takes no binlog over the network" };
        Ok(WriteBinlogResp { errmsg: errmsg.to_owned() })
    })
    .await
}

/// The gauges that a reader uses; milliseconds, and floats as Prometheus' Go client prints large
/// numbers.
async fn metrics_page(State(site): State<Site>) -> Response {
    let Some(pump) = site.pump() else { return String::new().into_response() };
    let gauges = [
        ("done_gc_ts", pump.store.gc_ts().physical_ms()),
        ("gc_ts", pump.store.gc_ts().physical_ms()),
        ("max_commit_ts", pump.store.max_commit_ts().physical_ms()),
    ];
    let mut text = String::from("# TYPE binlog_pump_loss_binlog_count counter\nbinlog_pump_loss_binlog_count 0\n");
    for (name, ms) in gauges {
        let name = format!("binlog_pump_storage_{name}");
        text.push_str(&format!("# TYPE {name} gauge\n{name} {}\n", go_float(ms)));
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `1795266299653` as `1.795266299653e+12`: Go prints a float64 with an exponent from 21 digits on,
/// Prometheus earlier.
fn go_float(n: u64) -> String {
    let digits = n.to_string();
    let (first, rest) = digits.split_at(1);
    let rest = rest.trim_end_matches('0');
    match (digits.len(), rest) {
        (..=6, _) => digits,
        (len, "") => format!("{first}e+{:02}", len - 1),
        (len, rest) => format!("{first}.{rest}e+{:02}", len - 1),
    }
}

async fn status_page(State(site): State<Site>) -> Response {
    let shared = &site.shared;
    let listed = shared.pumps.iter().filter(|p| p.entry.lock().listed);
    let status: Vec<_> = listed.map(|p| format!("{}:{}", json!(p.node_id), shared.pump_status(p))).collect();
    let ts = shared.clock.about();
    json_page(format!(r#"{{"status":{{{}}},"CommitTS":{ts},"Checkpoint":{{}},"ErrMsg":""}}"#, status.join(",")))
}

async fn drainers_page(State(site): State<Site>) -> Response {
    let all: Vec<_> = store::drainers(&site.shared).iter().filter_map(|d| d.write().ok()).collect();
    let all: Vec<_> = all.iter().map(|json| String::from_utf8_lossy(json)).collect();
    json_page(format!("[{}]", all.join(",")))
}

/// `pause` and `close`, accepted in the state online alone: the Pump answers at once, and ends when
/// it may.
async fn state_action(State(site): State<Site>, Path((node, action)): Path<(String, String)>) -> Response {
    let Some(pump) = site.pump().filter(|p| p.node_id == node) else {
        return answer_page(3, &format!("invalid nodeID {node}"));
    };
    let now = pump.entry.lock().state.clone();
    let on_the_way = match action.as_str() {
        "pause" => "pausing",
        "close" => "closing",
        _ => return answer_page(3, &format!("invalid action {action}")),
    };
    if now != "online" {
        return answer_page(3, &format!("this pump is {now}, {action} needs it to be online"));
    }
    on_the_way.clone_into(&mut pump.entry.lock().state);
    let site = site.clone();
    tokio::spawn(async move {
        if on_the_way == "closing" {
            store::close(site).await;
        } else {
            sleep(IDLE).await;
            store::leave(&site, "paused");
        }
    });
    answer_page(200, &format!("apply action {action} success!"))
}

fn answer_page(code: u16, message: &str) -> Response {
    json_page(json!({ "message": message, "code": code, "data": null }).to_string())
}

fn json_page(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_look_like_prometheus() {
        assert_eq!(go_float(0), "0");
        assert_eq!(go_float(1_795_266_299_653), "1.795266299653e+12");
        assert_eq!(go_float(1_795_266_300_000), "1.7952663e+12");
        assert_eq!(go_float(2_000_000), "2e+06");
    }
}
