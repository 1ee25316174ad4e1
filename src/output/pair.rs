//! The view of two links that go opposite ways: two lines that are rewritten on a terminal, `key=value` lines elsewhere.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::event::{Event, Events};
use crate::model::CommitTs;

/// How often lines are written where there is no terminal.
const LINES_EVERY: Duration = Duration::from_secs(10);
/// How often the lines on a terminal are rewritten.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// The view of two links. Clones of its events may be used from any thread.
pub struct Pair {
    state: Arc<Mutex<State>>,
}

struct State {
    bar: Option<ProgressBar>,
    shown: Instant,
    links: [Link; 2],
}

#[derive(Default)]
struct Link {
    name: String,
    txns: u64,
    rows: u64,
    /// Taken from the source, by the link's own count.
    taken: u64,
    dropped: u64,
    durable: CommitTs,
    reached: CommitTs,
    waiting: Option<String>,
}

impl Pair {
    /// Starts the view of two links with these names.
    #[must_use]
    pub fn start(names: [&str; 2]) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar
        });
        let links = names.map(|name| Link { name: name.to_owned(), ..Link::default() });
        Self { state: Arc::new(Mutex::new(State { bar, shown: Instant::now(), links })) }
    }

    /// Where link `which` (0 or 1) sends its events; what neither has sent is shown without a name.
    #[must_use]
    pub fn events(&self, which: Option<usize>) -> Events {
        let state = Arc::clone(&self.state);
        Arc::new(move |event| state.lock().unwrap_or_else(PoisonError::into_inner).take(which, event))
    }

    /// Ends the view with a last line for each.
    pub fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        state.links.iter().for_each(|link| super::note(&link.plain()));
    }
}

impl State {
    fn take(&mut self, which: Option<usize>, event: Event) {
        let name = which.and_then(|i| self.links.get(i)).map_or(String::new(), |link| format!("{}: ", link.name));
        match event {
            Event::Note(text) => self.aside(|| super::note(&format!("{name}{text}"))),
            Event::Warning(text) => self.aside(|| super::warn(&format!("{name}{text}"))),
            Event::Retrying { why, next, .. } => {
                let text = format!("{name}{why}; trying again in {:.1} s", next.as_secs_f64());
                self.aside(|| super::warn(&text));
            }
            event => {
                if let Some(link) = which.and_then(|i| self.links.get_mut(i)) {
                    link.take(event);
                }
            }
        }
        self.show();
    }

    /// Prints a line without tearing those that are rewritten.
    fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn show(&mut self) {
        let every = if self.bar.is_some() { REDRAW_EVERY } else { LINES_EVERY };
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        match &self.bar {
            Some(bar) => bar.set_message(self.links.each_ref().map(Link::line).join("\n  ")),
            None => self.links.iter().for_each(|link| super::note(&link.plain())),
        }
    }
}

impl Link {
    fn take(&mut self, event: Event) {
        match event {
            Event::Applied { txns, rows, position } => {
                self.txns += txns;
                self.rows += rows;
                self.durable = self.durable.max(position);
                self.waiting = None;
            }
            Event::Reached { position, txns, dropped } => {
                self.reached = self.reached.max(position);
                self.taken = txns;
                self.dropped = dropped;
            }
            Event::Waiting { what, since } => self.waiting = Some(format!("waiting {} s for {what}", since.as_secs())),
            Event::Note(_) | Event::Warning(_) | Event::Retrying { .. } => {}
        }
    }

    /// How far the target is behind what was read, in milliseconds of the upstream's clock. An idle link is not behind: its
    /// position is only written down every now and then.
    fn lag_ms(&self) -> u64 {
        if self.taken <= self.txns {
            return 0;
        }
        self.reached.physical_ms().saturating_sub(self.durable.physical_ms())
    }

    fn line(&self) -> String {
        let waiting = self.waiting.as_ref().map_or(String::new(), |w| format!(" · {w}"));
        format!(
            "{} · {} transactions, {} rows · {} came from the other side · lag {} ms{waiting}",
            self.name,
            self.txns,
            self.rows,
            self.dropped,
            self.lag_ms()
        )
    }

    fn plain(&self) -> String {
        let waiting = self.waiting.as_ref().map_or(String::new(), |w| format!(" waiting={w:?}"));
        format!(
            "link={} position={} transactions={} rows={} dropped={} lag_ms={}{waiting}",
            self.name,
            self.durable,
            self.txns,
            self.rows,
            self.dropped,
            self.lag_ms()
        )
    }
}
