//! Shows the progress of a run: a line for each link.
//!
//! The line is rewritten on a terminal; elsewhere it is a line of `key=value`.
//!
//! Also keeps the lines at the bottom of a terminal, and lets other lines pass above them.

mod link;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use super::one_line;
use crate::event::{Event, Events};
use crate::sink::mysql::{Answer, DdlTrouble};
use link::Link;

/// How often lines are written where there is no terminal.
const LINES_EVERY: Duration = Duration::from_secs(10);
/// How often the lines on a terminal are rewritten, whether or not there were events: a run without
/// any falls behind all the more.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// The view of one run, of any number of links. Its events may be used from any thread.
pub struct Progress {
    view: Arc<Mutex<View>>,
    /// Held while the operator answers: with two questions at once, an answer could go to the wrong
    /// one.
    asking: Arc<Mutex<()>>,
}

struct View {
    screen: Screen,
    quiet: bool,
    /// True when nothing is drawn any more.
    ended: bool,
    shown: Instant,
    links: Vec<Link>,
}

impl Progress {
    /// Starts the view of links with these names; one alone is shown without its name. `quiet`
    /// leaves out notes and progress, not warnings.
    #[must_use]
    pub fn start(names: &[&str], quiet: bool) -> Self {
        let links = match names {
            [] | [_] => vec![Link::start("")],
            several => several.iter().map(|name| Link::start(name)).collect(),
        };
        let view = View { screen: Screen::start(quiet), quiet, ended: false, shown: Instant::now(), links };
        let view = Arc::new(Mutex::new(view));
        if !quiet {
            redraw(&view);
        }
        Self { view, asking: Arc::default() }
    }

    /// Where the link with this index among the names sends its events. With `None`, notes and
    /// warnings are shown without a name, as those of all links.
    #[must_use]
    pub fn events(&self, which: Option<usize>) -> Events {
        let view = Arc::clone(&self.view);
        Arc::new(move |event| view.lock().take(which, event))
    }

    /// Asks at the terminal what to do about a DDL of this link, with the lines that are rewritten
    /// out of the way. Other links go on meanwhile.
    pub fn asker(&self, which: usize) -> impl Fn(&DdlTrouble) -> Answer + Send + Sync + 'static {
        let ask = self.alone(which);
        move |trouble| ask(&mut |before| super::at_terminal(before, trouble))
    }

    /// Asks at the terminal for a secret of this link, one question at a time; `None` where there
    /// is no terminal to ask at.
    pub fn secret(&self, which: usize) -> impl Fn(&str) -> Result<Option<String>> + Send + Sync + 'static {
        let ask = self.alone(which);
        move |question| ask(&mut |before| super::ask_secret(&format!("{before}{question}")))
    }

    /// Lets one question be asked at a time; the closure gets the prefix of this link's messages.
    fn alone<T>(&self, which: usize) -> impl Fn(&mut dyn FnMut(&str) -> T) -> T + Send + Sync + 'static {
        let (view, asking) = (Arc::clone(&self.view), Arc::clone(&self.asking));
        move |ask| {
            let _alone = asking.lock();
            let before = {
                let mut view = view.lock();
                view.screen.pause();
                view.before(Some(which))
            };
            let answer = ask(&before);
            view.lock().screen.resume();
            answer
        }
    }

    /// Ends the view with one last line of each link.
    pub fn finish(&self) {
        let mut view = self.view.lock();
        view.screen.pause();
        view.ended = true;
        if !view.quiet {
            view.links.iter().filter_map(Link::summary).for_each(|line| super::note(&line));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let mut view = self.view.lock();
        view.screen.pause();
        view.ended = true;
    }
}

/// Shows the lines every now and then, as long as there is a view.
fn redraw(view: &Arc<Mutex<View>>) {
    let view = Arc::downgrade(view);
    let work = move || {
        while let Some(view) = view.upgrade() {
            let mut view = view.lock();
            if view.ended {
                break;
            }
            view.show();
            drop(view);
            std::thread::sleep(REDRAW_EVERY);
        }
    };
    // Without it the lines come with the events, which is better than no run.
    let _ = std::thread::Builder::new().name("view".to_owned()).spawn(work);
}

impl View {
    fn take(&mut self, which: Option<usize>, event: Event) {
        match event {
            Event::Note(_) if self.quiet => {}
            Event::Note(text) => {
                let text = self.before(which) + &text;
                self.screen.aside(|| super::note(&text));
            }
            Event::Warning(text) => self.warn(which, &text),
            Event::Retrying { why, next, since } => {
                let (next, since) = (next.as_secs_f64(), since.as_secs());
                self.warn(which, &format!("{why}; trying again in {next:.1} s (failing for {since} s)"));
            }
            event => {
                if let Some(link) = which.and_then(|i| self.links.get_mut(i)) {
                    link.take(event);
                }
            }
        }
        self.show();
    }

    fn warn(&self, which: Option<usize>, text: &str) {
        let text = self.before(which) + text;
        self.screen.aside(|| super::warn(&text));
    }

    /// The prefix of this link's messages.
    fn before(&self, which: Option<usize>) -> String {
        which.and_then(|i| self.links.get(i)).map_or_else(String::new, Link::before)
    }

    fn show(&mut self) {
        let every = if self.screen.rewritten() { REDRAW_EVERY } else { LINES_EVERY };
        if self.quiet || self.ended {
            return;
        }
        // News of several links at once is shown in one line.
        let news = self.links.iter_mut().map(Link::news).filter(|news| *news).count() > 0;
        if self.shown.elapsed() < every && !news || !self.links.iter().any(Link::begun) {
            return;
        }
        self.shown = Instant::now();
        self.links.iter_mut().for_each(Link::measure);
        if self.screen.rewritten() {
            let widest = self.links.iter().map(Link::width).max().unwrap_or_default();
            self.screen.draw(&self.links.iter().map(|link| link.terminal_line(widest)).collect::<Vec<_>>());
        } else {
            self.links.iter().filter(|link| link.begun()).for_each(|link| super::note(&link.plain_line()));
        }
    }
}

/// The bottom of the terminal, where there is one.
struct Screen {
    rewritten: bool,
    /// `None` while it is out of the way.
    bar: Option<ProgressBar>,
}

impl Screen {
    /// `quiet`: as if there were no terminal.
    fn start(quiet: bool) -> Self {
        let mut screen = Self { rewritten: !quiet && io::stderr().is_terminal(), bar: None };
        screen.resume();
        screen
    }

    /// Whether lines are rewritten; otherwise each is printed once, and now and then.
    fn rewritten(&self) -> bool {
        self.rewritten
    }

    /// Shows these lines instead of those before.
    fn draw(&self, lines: &[String]) {
        if let Some(bar) = &self.bar {
            // Below each other, behind the sign of life.
            bar.set_message(lines.iter().map(|line| one_line(line)).collect::<Vec<_>>().join("\n  "));
        }
    }

    /// Prints a line without tearing those that are rewritten.
    fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the lines away, until [`resume`](Self::resume).
    fn pause(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The next lines are shown again.
    fn resume(&mut self) {
        self.bar = self.rewritten.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar
        });
    }
}
