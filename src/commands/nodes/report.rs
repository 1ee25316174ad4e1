//! The output of `tisync nodes`, as text and as JSON.

use serde::Serialize;

use super::Kind;
use crate::commands::ts::utc;
use crate::error::quoted;
use crate::model::{CommitTs, span_text};
use crate::output::one_line;
use crate::pd::Node;
use crate::registration::heartbeat::{self, Life};

/// A node for JSON and CSV. Every ts is a string, as it has more than 53 bits.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    kind: &'static str,
    id: String,
    state: String,
    /// `alive`, `dead` or `stopped`.
    life: &'static str,
    address: String,
    max_commit_ts: String,
    max_commit_time: String,
    /// Age by PD's clock, in milliseconds.
    max_commit_age_ms: u64,
    update_ts: String,
    update_age_ms: u64,
}

impl Row {
    pub(super) fn new(kind: Kind, node: &Node, now: CommitTs) -> Self {
        Self {
            kind: kind.word(),
            id: node.id.clone(),
            state: node.state.to_string(),
            life: heartbeat::life(node, now).word(),
            address: node.host.clone(),
            max_commit_ts: node.max_commit_ts.to_string(),
            max_commit_time: utc(node.max_commit_ts),
            max_commit_age_ms: age(node.max_commit_ts, now),
            update_ts: node.update_ts.to_string(),
            update_age_ms: age(node.update_ts, now),
        }
    }

    fn cells(&self) -> [String; 8] {
        let ago = |ms: u64| format!("{} ago", span_text(ms));
        [
            self.kind.to_owned(),
            self.id.clone(),
            self.state.clone(),
            self.life.to_owned(),
            self.address.clone(),
            self.max_commit_ts.clone(),
            format!("{} ({})", self.max_commit_time, ago(self.max_commit_age_ms)),
            ago(self.update_age_ms),
        ]
    }
}

fn age(ts: CommitTs, now: CommitTs) -> u64 {
    now.physical_ms().saturating_sub(ts.physical_ms())
}

/// The table of the text output.
pub(super) fn table(rows: &[Row]) -> String {
    let head = ["KIND", "ID", "STATE", "LIFE", "ADDRESS", "MAX COMMIT TS", "AT", "LAST SEEN"].map(str::to_owned);
    let lines: Vec<[String; 8]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).map(harmless).collect();
    let width =
        |column: usize| lines.iter().filter_map(|l| l.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let line = |cells: &[String; 8]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Puts each cell on one line: ids and hosts were written by others.
fn harmless(cells: [String; 8]) -> [String; 8] {
    cells.map(|cell| one_line(&cell).into_owned())
}

/// Warnings for the operator, one sentence each; `flags` are the command-line flags that lead to
/// the nodes' PD.
pub(super) fn notes(all: &[(Kind, Node)], now: CommitTs, flags: &str) -> Vec<String> {
    let of = |kind: Kind| all.iter().filter(move |(k, _)| *k == kind).map(|(_, node)| node);
    let drainers: Vec<Node> = of(Kind::Drainer).cloned().collect();
    let mut notes = heartbeat::ghosts(&drainers, "", now, flags);
    for pump in of(Kind::Pump) {
        if heartbeat::life(pump, now) == Life::Dead {
            let age = span_text(age(pump.update_ts, now));
            notes.push(format!(
                "pump {} ({}) is probably dead: its state is {}, and it was last heard from {age} ago. Everything that \
                 reads the cluster waits for it: start it again, or, if what it held is lost for good, run `tisync \
                 nodes set-state {} offline {flags}`",
                pump.id,
                pump.host,
                pump.state,
                quoted(&pump.id)
            ));
        }
        let waits = pump.state == crate::pd::State::Closing;
        for drainer in super::held_back_by(pump, drainers.iter()).into_iter().filter(|_| waits) {
            notes.push(format!(
                "pump {} cannot go offline until drainer {} ({}, {}) reaches {}; it is at {}",
                pump.id,
                drainer.id,
                drainer.state,
                heartbeat::life(drainer, now).word(),
                pump.max_commit_ts.explain(),
                drainer.max_commit_ts.explain()
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pd::State;

    #[test]
    fn what_is_wrong_is_named() {
        let now = CommitTs::from_millis(1_000_000_000);
        let node = |id: &str, state, age_s: u64, at_s: u64| Node {
            id: id.into(),
            host: format!("{id}:8250"),
            state,
            max_commit_ts: CommitTs::from_millis(at_s * 1000),
            update_ts: CommitTs::from_millis(1_000_000_000 - age_s * 1000),
        };
        let all = [
            (Kind::Pump, node("p1", State::Online, 1, 999_999)),
            (Kind::Pump, node("p2", State::Closing, 1, 999_000)),
            (Kind::Pump, node("p3", State::Online, 100, 999_000)),
            (Kind::Drainer, node("d1", State::Online, 1, 999_990)),
            (Kind::Drainer, node("d2", State::Paused, 100, 500_000)),
        ];
        let notes = notes(&all, now, "--pd h:1");
        assert_eq!(notes.len(), 3, "{notes:#?}");
        assert!(notes[0].contains("drainer d2") && notes[0].contains("set-state d2 offline"));
        assert!(notes[1].contains("pump p2 cannot go offline until drainer d2 (paused, stopped)"));
        assert!(notes[2].contains("pump p3 (p3:8250) is probably dead"));
        let rows: Vec<Row> = all.iter().map(|(kind, node)| Row::new(*kind, node, now)).collect();
        let table = table(&rows);
        assert_eq!(table.lines().count(), 6);
        let line = table.lines().nth(3).unwrap_or_default();
        assert!(line.starts_with("pump     p3  online   dead") && line.ends_with("1m 40s ago"), "{table}");
    }
}
