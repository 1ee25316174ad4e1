//! What the HTTP pages hold, in Drainer's forms.

use std::collections::BTreeMap;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::model::CommitTs;

/// `code` of an answer: done.
pub(super) const DONE: u16 = 200;
/// `code` of an answer: not done.
pub(super) const FAILED: u16 = 3;
/// A target that is no further behind than this has all there is: an idle Pump says where it is every 3 s.
const SYNCED_MS: u64 = 10_000;

/// Whether the target has all that the cluster had at `now`, but for a moment: both what is durable and what every Pump has sent have
/// to be that far. A Pump that says nothing is no sign that there is nothing.
fn synced(pumps: &BTreeMap<String, CommitTs>, durable: CommitTs, now: Option<CommitTs>) -> bool {
    let Some(now) = now else { return false };
    let slowest = pumps.values().min().copied().unwrap_or_default();
    now.physical_ms().saturating_sub(slowest.min(durable).physical_ms()) <= SYNCED_MS
}

/// `GET /status`.
pub(super) fn status(pumps: &BTreeMap<String, CommitTs>, durable: CommitTs, now: Option<CommitTs>) -> Response {
    let positions: serde_json::Map<String, Value> =
        pumps.iter().map(|(id, ts)| (id.clone(), ts.to_wire().into())).collect();
    let positions = Value::Object(positions);
    let (synced, last) = (synced(pumps, durable, now), durable.to_wire());
    json_page(format!(r#"{{"PumpPos":{positions},"Synced":{synced},"LastTS":{last},"TsMap":""}}"#))
}

/// `GET /commit_ts`.
pub(super) fn commit_ts(durable: CommitTs) -> Response {
    let ts = durable.to_wire();
    json_page(format!(r#"{{"message":"get drainer's latest ts success!","code":200,"data":{{"ts":{ts}}}}}"#))
}

/// The answer to an action; always HTTP 200, its `code` tells.
pub(super) fn answer(code: u16, message: &str) -> Response {
    json_page(format!(r#"{{"message":{},"code":{code},"data":null}}"#, json!(message)))
}

/// `GET /metrics`: what Drainer's alert rules ask for.
pub(super) fn metrics(pumps: &BTreeMap<String, CommitTs>, durable: CommitTs, now: CommitTs) -> Response {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, lines: &[(String, String)]| {
        text.push_str(&format!("# HELP binlog_drainer_{name} {help}\n# TYPE binlog_drainer_{name} gauge\n"));
        for (labels, value) in lines {
            text.push_str(&format!("binlog_drainer_{name}{labels} {value}\n"));
        }
    };
    let whole = |value: String| [(String::new(), value)];
    gauge("checkpoint_tso", "What is durable on the target, in ms.", &whole(durable.physical_ms().to_string()));
    let delay = now.physical_ms().saturating_sub(durable.physical_ms());
    let delay = format!("{}.{:03}", delay / 1000, delay % 1000);
    gauge("checkpoint_delay_seconds", "How far that is behind the cluster's clock.", &whole(delay));
    let label = |id: &String| format!("{{nodeID=\"{}\"}}", id.replace('\\', "\\\\").replace('"', "\\\""));
    let positions: Vec<_> = pumps.iter().map(|(id, ts)| (label(id), ts.physical_ms().to_string())).collect();
    gauge("pump_position", "How far each Pump has been read, in ms.", &positions);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn json_page(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t29_synced_tells_whether_all_is_there_not_whether_nothing_came() {
        let at = |s: u64| CommitTs::from_millis(s * 1000);
        let pumps = |a, b| BTreeMap::from([("p1".to_owned(), at(a)), ("p2".to_owned(), at(b))]);
        assert!(synced(&pumps(98, 97), at(97), Some(at(100))));
        assert!(!synced(&pumps(99, 40), at(40), Some(at(100))), "one Pump is stuck");
        assert!(!synced(&pumps(99, 99), at(40), Some(at(100))), "the target is behind");
        assert!(!synced(&pumps(99, 40), at(99), Some(at(100))));
        assert!(!synced(&pumps(99, 99), at(99), None), "PD does not tell the time");
        assert!(!synced(&BTreeMap::new(), at(99), Some(at(100))), "no Pump has said anything");
    }
}
