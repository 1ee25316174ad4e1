//! How a run shows where it stands: one line that is rewritten on a terminal, `key=value` lines elsewhere.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::sink::mysql::{Answer, DdlTrouble};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often the line on a terminal is rewritten.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// The view of one run. Clones of its events may be used from any thread.
pub struct Progress {
    state: Arc<Mutex<State>>,
}

struct State {
    bar: Option<ProgressBar>,
    quiet: bool,
    begin: Instant,
    shown: Instant,
    /// Rows and time at the last line, for the rate.
    before: (u64, Instant),
    rate: f64,
    txns: u64,
    rows: u64,
    durable: CommitTs,
    reached: CommitTs,
    taken: u64,
    dropped: u64,
    waiting: Option<String>,
}

impl Progress {
    /// Starts the view; `from` is the position at which the run starts. `quiet` leaves out notes and progress, not warnings.
    #[must_use]
    pub fn start(from: CommitTs, quiet: bool) -> Self {
        let bar = (!quiet && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar
        });
        let now = Instant::now();
        let state = State {
            bar,
            quiet,
            begin: now,
            shown: now,
            before: (0, now),
            rate: 0.0,
            txns: 0,
            rows: 0,
            durable: from,
            reached: from,
            taken: 0,
            dropped: 0,
            waiting: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Where the engine sends its events.
    #[must_use]
    pub fn events(&self) -> Events {
        let state = Arc::clone(&self.state);
        Arc::new(move |event| state.lock().unwrap_or_else(PoisonError::into_inner).take(event))
    }

    /// Asks at the terminal what to do about a DDL, with the line that is rewritten out of the way.
    pub fn asker(&self) -> impl Fn(&DdlTrouble) -> Answer + Send + Sync + 'static {
        let state = Arc::clone(&self.state);
        move |trouble| {
            let mut answer = Answer::Stop;
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.aside(|| answer = super::ask::at_terminal(trouble));
            answer
        }
    }

    /// Ends the view with one last line.
    pub fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        // A run that failed before it began has nothing to sum up.
        if !state.quiet && state.durable > CommitTs::default() {
            super::note(&state.summary());
        }
    }
}

impl State {
    fn take(&mut self, event: Event) {
        match event {
            Event::Note(text) if !self.quiet => self.aside(|| super::note(&text)),
            Event::Note(_) => {}
            Event::Warning(text) => self.aside(|| super::warn(&text)),
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
            Event::Retrying { why, next, since } => {
                let text =
                    format!("{why}; trying again in {:.1} s (failing for {} s)", next.as_secs_f64(), since.as_secs());
                self.aside(|| super::warn(&text));
            }
            Event::Waiting { what, since } => self.waiting = Some(format!("waiting {}s for {what}", since.as_secs())),
        }
        self.show();
    }

    /// Prints a line without tearing the one that is rewritten.
    fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn show(&mut self) {
        let every = if self.bar.is_some() { REDRAW_EVERY } else { LINE_EVERY };
        if self.quiet || self.shown.elapsed() < every {
            return;
        }
        let (rows, since) = self.before;
        let seconds = since.elapsed().as_secs_f64();
        if seconds >= 1.0 {
            self.rate = count(self.rows - rows) / seconds;
            self.before = (self.rows, Instant::now());
        }
        self.shown = Instant::now();
        match &self.bar {
            Some(bar) => bar.set_message(self.terminal_line()),
            None => super::note(&self.plain_line()),
        }
    }

    /// How far the target is behind what was read, by the upstream's clock.
    fn lag_ms(&self) -> u64 {
        self.reached.physical_ms().saturating_sub(self.durable.physical_ms())
    }

    /// Transactions that were read and are not durable yet.
    fn backlog(&self) -> u64 {
        self.taken.saturating_sub(self.txns)
    }

    fn terminal_line(&self) -> String {
        let waiting = self.waiting.as_ref().map_or(String::new(), |w| format!(" · {w}"));
        let dropped =
            if self.dropped > 0 { format!(" · {} came from the other side", self.dropped) } else { String::new() };
        format!(
            "at {} · lag {:.1}s · {:.0} rows/s · {} transactions, {} rows · backlog {}{dropped}{waiting}",
            self.durable.explain(),
            count(self.lag_ms()) / 1000.0,
            self.rate,
            self.txns,
            self.rows,
            self.backlog()
        )
    }

    fn plain_line(&self) -> String {
        let waiting = self.waiting.as_ref().map_or(String::new(), |w| format!(" waiting={w:?}"));
        let dropped = if self.dropped > 0 { format!(" dropped={}", self.dropped) } else { String::new() };
        format!(
            "position={} age_s={} lag_ms={} rows_per_s={:.0} transactions={} rows={} backlog={}{dropped}{waiting}",
            self.durable,
            self.durable.age_ms() / 1000,
            self.lag_ms(),
            self.rate,
            self.txns,
            self.rows,
            self.backlog()
        )
    }

    fn summary(&self) -> String {
        let seconds = self.begin.elapsed().as_secs_f64();
        format!(
            "{} transactions with {} rows applied in {seconds:.1}s; position {}",
            self.txns,
            self.rows,
            self.durable.explain()
        )
    }
}

/// A count as a float, for a rate; counts stay far below 2^52.
#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn count(n: u64) -> f64 {
    n as f64
}
