//! What `ts check` found.

use serde::Serialize;

/// How bad a finding is, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Fine.
    Ok,
    /// Nobody gave what it takes to tell.
    Unchecked,
    /// Possible, with a price.
    Warn,
    /// Data would be lost, or nothing would come.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `plausible`, `future`, `pump-gc`, `cluster`, `backup`, `checkpoint`, `interval`.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it; empty when nothing.
    pub hint: String,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst level; nothing that was left unchecked makes it worse than fine.
    #[must_use]
    pub fn verdict(&self) -> Level {
        let known = self.findings.iter().map(|f| f.level).filter(|l| *l != Level::Unchecked);
        known.max().unwrap_or(Level::Unchecked)
    }

    /// Appends a finding.
    pub fn add(&mut self, level: Level, code: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding { level, code, message: message.into(), hint: hint.into() });
    }

    /// Appends a finding that is fine.
    pub fn ok(&mut self, code: &'static str, message: impl Into<String>) {
        self.add(Level::Ok, code, message, "");
    }
}
