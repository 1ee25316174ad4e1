//! The table at the end, and the same as CSV.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::Who;
use crate::measure::Figures;
use crate::reader::Seen;

/// The medians of one workload, distance and applier.
pub struct Line {
    pub load: &'static str,
    pub link: &'static str,
    pub who: Who,
    pub rows: u64,
    pub figures: Figures,
}

impl Line {
    /// Row changes a second.
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn rate(&self) -> f64 {
        self.rows as f64 / self.figures.wall
    }
}

/// All lines so far.
#[derive(Default)]
pub struct Report {
    pub lines: Vec<Line>,
}

impl Report {
    /// How fast it is, the reference of the same workload and distance being 1.
    fn ratio(&self, line: &Line) -> f64 {
        let same = |l: &&Line| l.load == line.load && l.link == line.link && l.who == Who::Reference;
        self.lines.iter().find(same).map_or(f64::NAN, |r| line.rate() / r.rate())
    }

    /// What it keeps of its own speed over loopback.
    fn kept(&self, line: &Line) -> Option<f64> {
        let near = |l: &&Line| l.load == line.load && l.who == line.who && l.link == "loopback";
        let near = self.lines.iter().find(near)?;
        (line.link != near.link).then(|| line.rate() / near.rate())
    }

    /// Prints it.
    pub fn print(&self) {
        println!(
            "\n{:<8}{:<10}{:<11}{:>8}{:>10}{:>13}{:>12}{:>8}{:>13}{:>9}  reader",
            "medians", "", "", "wall s", "rows/s", "of reference", "of loopback", "CPU s", "server CPU s", "peak MB"
        );
        for line in &self.lines {
            let f = &line.figures;
            let kept = self.kept(line).map_or_else(String::new, |k| format!("{k:.2}"));
            let own = |value: f64, digits: usize| match line.who {
                Who::Reference => String::new(),
                _ => format!("{value:.digits$}"),
            };
            let seen =
                f.seen.map_or_else(String::new, |Seen { reads, wrong }| format!("{wrong} wrong of {reads} reads"));
            println!(
                "{:<8}{:<10}{:<11}{:>8.2}{:>10.0}{:>13.2}{kept:>12}{:>8}{:>13.2}{:>9}  {seen}",
                line.load,
                line.link,
                line.who.name(),
                f.wall,
                line.rate(),
                self.ratio(line),
                own(f.cpu, 2),
                f.server,
                own(f.peak, 0),
            );
        }
        println!("written to target/bench-apply.csv");
    }

    /// Writes it as CSV; what was not measured is empty.
    pub fn write(&self) -> Result<()> {
        let mut csv = "workload,link,name,row_changes,wall_s,rows_per_s,of_reference,of_loopback,cpu_s,server_cpu_s,peak_mb,reads,wrong_reads\n"
            .to_owned();
        for line in &self.lines {
            let f = &line.figures;
            let (cpu, peak) = match line.who {
                Who::Reference => (String::new(), String::new()),
                _ => (format!("{:.3}", f.cpu), format!("{:.0}", f.peak)),
            };
            let kept = self.kept(line).map_or_else(String::new, |k| format!("{k:.3}"));
            let seen = f.seen.map_or_else(|| ",".to_owned(), |s| format!("{},{}", s.reads, s.wrong));
            writeln!(
                csv,
                "{},{},{},{},{:.3},{:.0},{:.3},{kept},{cpu},{:.3},{peak},{seen}",
                line.load,
                line.link,
                line.who.name(),
                line.rows,
                f.wall,
                line.rate(),
                self.ratio(line),
                f.server,
            )?;
        }
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-apply.csv");
        std::fs::write(&file, csv).with_context(|| format!("cannot write {}", file.display()))
    }
}
