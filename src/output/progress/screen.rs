//! The lines at the bottom of a terminal that are rewritten, and how other lines get past them.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::one_line;

/// The bottom of the terminal, where there is one.
pub(super) struct Screen {
    rewritten: bool,
    /// `None` while it is out of the way.
    bar: Option<ProgressBar>,
}

impl Screen {
    /// `quiet`: as if there were no terminal.
    pub(super) fn start(quiet: bool) -> Self {
        let mut screen = Self { rewritten: !quiet && io::stderr().is_terminal(), bar: None };
        screen.resume();
        screen
    }

    /// Whether lines are rewritten; otherwise each is printed once, and now and then.
    pub(super) fn rewritten(&self) -> bool {
        self.rewritten
    }

    /// Shows these lines instead of those before.
    pub(super) fn draw(&self, lines: &[String]) {
        if let Some(bar) = &self.bar {
            // Below each other, behind the sign of life.
            bar.set_message(lines.iter().map(|line| one_line(line)).collect::<Vec<_>>().join("\n  "));
        }
    }

    /// Prints a line without tearing those that are rewritten.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the lines away, until [`resume`](Self::resume).
    pub(super) fn pause(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The next lines are shown again.
    pub(super) fn resume(&mut self) {
        self.bar = self.rewritten.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar
        });
    }
}
