//! The three ways in which `ts` writes its answers.
//!
//! Every ts and cluster id is a string in JSON: they have more than 53 bits, and jq before 1.7, JavaScript and others
//! would silently round them, so that replication would start somewhere else.

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use crate::cli::Format;
use crate::model::CommitTs;
use crate::output;

/// The version of the JSON and CSV answers. Rises when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// The time of `ts` in RFC 3339, UTC, with milliseconds.
pub fn utc(ts: CommitTs) -> String {
    ts.time().map(|t| t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()).unwrap_or_default()
}

/// Prints `text`, or `row` as a JSON object, or as CSV's header and one line.
pub fn one<T: Serialize>(format: Format, text: &str, row: &T) -> Result<()> {
    match format {
        Format::Text => output::answer(text),
        Format::Json => json(row),
        Format::Csv => csv(std::slice::from_ref(row)),
    }
}

/// Prints `value` as JSON.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    output::answer(&serde_json::to_string_pretty(value).context("cannot write the answer as JSON")?)
}

/// Prints `rows` as CSV with a header line.
pub fn csv<T: Serialize>(rows: &[T]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).context("cannot write the answer as CSV")?;
    }
    let bytes = writer.into_inner().map_err(|e| anyhow!("cannot write the answer as CSV: {e}"))?;
    output::answer(String::from_utf8(bytes)?.trim_end_matches('\n'))
}

/// The row of a command whose answer is one ts and no more.
#[derive(Serialize)]
pub struct TsRow {
    version: u32,
    ts: String,
    time: String,
}

impl TsRow {
    /// The row for `ts`.
    pub fn new(ts: CommitTs) -> Self {
        Self { version: VERSION, ts: ts.to_string(), time: utc(ts) }
    }
}
