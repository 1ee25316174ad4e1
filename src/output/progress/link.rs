//! Where one link stands, and its lines.

use std::time::{Duration, Instant};

use crate::event::Event;
use crate::model::CommitTs;

/// The rate is that of at least this long.
const RATE_OVER: Duration = Duration::from_secs(1);

/// What the events of one link add up to.
pub(super) struct Link {
    /// Empty where there is only one.
    name: String,
    begin: Instant,
    /// Rows and time at the last measurement, for the rate.
    before: (u64, Instant),
    rate: f64,
    txns: u64,
    rows: u64,
    durable: CommitTs,
    reached: CommitTs,
    /// Transactions taken from the source, as of the last time that it was told.
    taken: u64,
    dropped: u64,
    /// Rows that were missing, and keys that were taken.
    conflicts: u64,
    waiting: Option<String>,
}

impl Link {
    pub(super) fn start(name: &str) -> Self {
        let now = Instant::now();
        Self {
            name: name.to_owned(),
            begin: now,
            before: (0, now),
            rate: 0.0,
            txns: 0,
            rows: 0,
            durable: CommitTs::default(),
            reached: CommitTs::default(),
            taken: 0,
            dropped: 0,
            conflicts: 0,
            waiting: None,
        }
    }

    /// Keeps what the event says about where the link stands; what is printed as it comes is not kept.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Applied { txns, rows, position } => {
                self.txns += txns;
                self.rows += rows;
                if txns > 0 || position > self.durable {
                    self.waiting = None;
                }
                self.durable = self.durable.max(position);
            }
            Event::Reached { position, txns, dropped } => {
                self.reached = self.reached.max(position);
                self.taken = txns;
                self.dropped = dropped;
            }
            Event::SetBack { position } => (self.durable, self.reached) = (position, position),
            Event::Odd { missing, duplicate, .. } => self.conflicts += missing + duplicate,
            Event::Waiting { what, since } => self.waiting = Some(format!("waiting {}s for {what}", since.as_secs())),
            Event::Note(_) | Event::Warning(_) | Event::Retrying { .. } => {}
        }
    }

    /// Renews the rate, now and then.
    pub(super) fn measure(&mut self) {
        let (rows, since) = self.before;
        let past = since.elapsed();
        if past >= RATE_OVER {
            self.rate = count(self.rows - rows) / past.as_secs_f64();
            self.before = (self.rows, Instant::now());
        }
    }

    /// What stands before a message of this link.
    pub(super) fn before(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) }
    }

    /// Characters of its name.
    pub(super) fn width(&self) -> usize {
        self.name.chars().count()
    }

    /// How far the target is behind what was read, in milliseconds of the upstream's clock. An idle link is not behind: its
    /// position is only written down every now and then.
    fn lag_ms(&self) -> u64 {
        if self.backlog() == 0 {
            return 0;
        }
        self.reached.physical_ms().saturating_sub(self.durable.physical_ms())
    }

    /// Transactions that were read and are not durable yet.
    fn backlog(&self) -> u64 {
        self.taken.saturating_sub(self.txns)
    }

    /// The line for people; names are filled up to `widest` characters.
    pub(super) fn terminal_line(&self, widest: usize) -> String {
        let name = if self.name.is_empty() { String::new() } else { format!("{:widest$} · ", self.name) };
        let mut line = format!(
            "{name}at {} · lag {:.1}s · {:.0} rows/s · {} transactions, {} rows · backlog {}",
            self.durable.explain(),
            count(self.lag_ms()) / 1000.0,
            self.rate,
            self.txns,
            self.rows,
            self.backlog()
        );
        if self.dropped > 0 {
            line.push_str(&format!(" · {} came from the other side", self.dropped));
        }
        if self.conflicts > 0 {
            line.push_str(&format!(" · {} conflicts", self.conflicts));
        }
        if let Some(waiting) = &self.waiting {
            line.push_str(&format!(" · {waiting}"));
        }
        line
    }

    /// The line for scripts and logs.
    pub(super) fn plain_line(&self) -> String {
        let link = if self.name.is_empty() { String::new() } else { format!("link={} ", word(&self.name)) };
        let mut line = format!(
            "{link}position={} age_s={} lag_ms={} rows_per_s={:.0} transactions={} rows={} backlog={}",
            self.durable,
            self.durable.age_ms() / 1000,
            self.lag_ms(),
            self.rate,
            self.txns,
            self.rows,
            self.backlog()
        );
        if self.dropped > 0 {
            line.push_str(&format!(" dropped={}", self.dropped));
        }
        if self.conflicts > 0 {
            line.push_str(&format!(" conflicts={}", self.conflicts));
        }
        if let Some(waiting) = &self.waiting {
            line.push_str(&format!(" waiting={waiting:?}"));
        }
        line
    }

    /// The last line. A link that failed before it began has nothing to sum up.
    pub(super) fn summary(&self) -> Option<String> {
        let seconds = self.begin.elapsed().as_secs_f64();
        (self.durable > CommitTs::default()).then(|| {
            format!(
                "{}{} transactions with {} rows applied in {seconds:.1}s; position {}",
                self.before(),
                self.txns,
                self.rows,
                self.durable.explain()
            )
        })
    }
}

/// A value that stays one word to whoever splits the line at spaces.
fn word(name: &str) -> String {
    if name.contains(|c: char| c.is_whitespace() || c == '"') { format!("{name:?}") } else { name.to_owned() }
}

/// A count as a float, for a rate; counts stay far below 2^52.
#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
