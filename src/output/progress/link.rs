//! The progress of one link, and its lines.

use std::time::{Duration, Instant};

use crate::error::counted;
use crate::event::Event;
use crate::model::{CommitTs, span_text};

/// The shortest time over which the rate is measured.
const RATE_OVER: Duration = Duration::from_secs(1);
/// Shorter waits are normal and are not shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
/// A wait that lasts this long is worth a line at once.
const NEWS_AFTER: Duration = Duration::from_secs(5);

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
    /// Transactions taken from the source, as last reported.
    taken: u64,
    dropped: u64,
    /// Rows that were missing, and keys that another row had.
    conflicts: u64,
    /// Whether the source is a live cluster.
    live: bool,
    /// When the position last moved.
    moved: Instant,
    waiting: Option<Wait>,
    /// The target's reason to wait, if there is one.
    target: Option<Wait>,
}

/// A wait: its reason and its beginning.
struct Wait {
    what: String,
    since: Instant,
    /// Whether a line has shown it.
    shown: bool,
}

impl Wait {
    /// A wait that is reported again is the same one.
    fn renew(before: &mut Option<Self>, what: String, since: Duration) {
        let now = Instant::now();
        let since = now.checked_sub(since).unwrap_or(now);
        // A wait that began later is another one.
        let shown = before.as_ref().is_some_and(|b| b.shown && since < b.since + NEWS_AFTER);
        *before = Some(Self { what, since, shown });
    }

    fn text(&self) -> String {
        format!("waiting {}s for {}", self.since.elapsed().as_secs(), self.what)
    }

    fn news(&mut self) -> bool {
        self.since.elapsed() >= NEWS_AFTER && !std::mem::replace(&mut self.shown, true)
    }
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
            live: false,
            moved: now,
            waiting: None,
            target: None,
        }
    }

    /// Updates the link's state from an event; what is printed as it comes is not kept.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Applied { txns, rows, position } => {
                self.txns += txns;
                self.rows += rows;
                self.waiting = None;
                self.durable(position);
            }
            Event::Durable { position } => self.durable(position),
            Event::Reached { position, txns, dropped } => {
                if position > self.reached {
                    // The source has answered. A wait on the target is kept apart.
                    (self.reached, self.moved, self.waiting) = (position, Instant::now(), None);
                }
                self.taken = txns;
                self.dropped = dropped;
            }
            Event::SetBack { position } => (self.durable, self.reached) = (position, position),
            Event::Odd { missing, duplicate, .. } => self.conflicts += missing + duplicate,
            Event::Live => self.live = true,
            Event::Resumed => self.waiting = None,
            Event::Waiting { what, since } => Wait::renew(&mut self.waiting, what, since),
            Event::Unanswered { what: Some(what), since } => Wait::renew(&mut self.target, what, since),
            Event::Unanswered { what: None, .. } => self.target = None,
            Event::Note(_) | Event::Warning(_) | Event::Retrying { .. } => {}
        }
    }

    fn durable(&mut self, position: CommitTs) {
        if position > self.durable {
            (self.durable, self.moved, self.waiting) = (position, Instant::now(), None);
        }
    }

    /// Updates the rate, every [`RATE_OVER`].
    pub(super) fn measure(&mut self) {
        let (rows, since) = self.before;
        let past = since.elapsed();
        if past >= RATE_OVER {
            self.rate = count(self.rows - rows) / past.as_secs_f64();
            self.before = (self.rows, Instant::now());
        }
    }

    /// The prefix of this link's messages.
    pub(super) fn before(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) }
    }

    /// Characters of its name.
    pub(super) fn width(&self) -> usize {
        self.name.chars().count()
    }

    /// The age in milliseconds of the oldest data that may be missing on the target. A live cluster
    /// that is silent may hold data since its last message, so only the clock tells; an idle one
    /// reports every few seconds that there is nothing. Files do not grow: there, the lag is how
    /// far the target is behind what was read.
    fn lag_ms(&self) -> u64 {
        // The target has everything that was read: its position is only stored at intervals.
        let there = if self.backlog() == 0 { self.reached.max(self.durable) } else { self.durable };
        if !self.live {
            return self.reached.physical_ms().saturating_sub(there.physical_ms());
        }
        let still = u64::try_from(self.moved.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Where the cluster's clock is ahead of ours, `still` is a lower bound: the time without
        // any progress.
        u64::try_from(there.age_ms()).unwrap_or_default().max(still)
    }

    /// The waits, as text for the operator; the target's first, which the source cannot get past.
    fn waits(&self) -> impl Iterator<Item = String> {
        self.target.iter().chain(&self.waiting).filter(|wait| wait.since.elapsed() >= SHOWN_AFTER).map(Wait::text)
    }

    /// Whether there is anything to show: a position, or the reason why there is none yet.
    pub(super) fn begun(&self) -> bool {
        self.durable > CommitTs::default() || self.target.is_some() || self.waiting.is_some()
    }

    /// Whether there is a wait worth a line that no line has shown yet.
    pub(super) fn news(&mut self) -> bool {
        let target = self.target.as_mut().is_some_and(Wait::news);
        self.waiting.as_mut().is_some_and(Wait::news) || target
    }

    /// Transactions that were read and are not durable yet.
    fn backlog(&self) -> u64 {
        self.taken.saturating_sub(self.txns)
    }

    /// The line for a terminal; names are padded to `widest` characters.
    pub(super) fn terminal_line(&self, widest: usize) -> String {
        let name = if self.name.is_empty() { String::new() } else { format!("{:widest$} · ", self.name) };
        let mut line = format!(
            "{name}at {} · lag {} · {:.0} rows/s · {}, {} · backlog {}",
            self.durable.explain(),
            span_text(self.lag_ms()),
            self.rate,
            counted(self.txns, "transaction"),
            counted(self.rows, "row"),
            self.backlog()
        );
        if self.dropped > 0 {
            line.push_str(&format!(" · {} came from the other side", self.dropped));
        }
        if self.conflicts > 0 {
            line.push_str(&format!(" · {} conflicts", self.conflicts));
        }
        for waiting in self.waits() {
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
            if self.durable > CommitTs::default() { self.durable.age_ms() / 1000 } else { 0 },
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
        let waits: Vec<String> = self.waits().collect();
        if !waits.is_empty() {
            line.push_str(&format!(" waiting={:?}", waits.join("; ")));
        }
        line
    }

    /// The last line. A link that failed before it began has nothing to sum up.
    pub(super) fn summary(&self) -> Option<String> {
        let seconds = self.begin.elapsed().as_secs_f64();
        (self.durable > CommitTs::default()).then(|| {
            format!(
                "{}{} with {} applied in {seconds:.1}s; position {}",
                self.before(),
                counted(self.txns, "transaction"),
                counted(self.rows, "row"),
                self.durable.explain()
            )
        })
    }
}

/// A value without spaces, for scripts that split the line at them.
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
