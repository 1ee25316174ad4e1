//! `tisync ts decode`: the time of each ts.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::backup::plausible;
use crate::cli::Format;
use crate::cli::ts::DecodeArgs;
use crate::commands::ts::show;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::output;

#[derive(Serialize)]
struct Row {
    /// In CSV only; in JSON the version stands outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    ts: String,
    physical_ms: u64,
    logical: u64,
    utc: String,
    local: String,
    /// Milliseconds; negative when it is in the future.
    age_ms: i64,
}

#[derive(Serialize)]
struct Answer {
    version: u32,
    timestamps: Vec<Row>,
}

pub fn run(args: &DecodeArgs, format: Format) -> Result<()> {
    let list = list(args)?;
    let rows = |version| list.iter().map(|ts| row(*ts, version)).collect::<Vec<_>>();
    match format {
        Format::Text => {
            let lines: Vec<String> = list.iter().map(|ts| show::utc(*ts)).collect();
            output::answer(&lines.join("\n"))
        }
        Format::Json => show::json(&Answer { version: show::VERSION, timestamps: rows(None) }),
        Format::Csv => show::csv(&rows(Some(show::VERSION))),
    }
}

/// All ts to decode. All are read before the first is answered, so that an error leaves standard output empty.
fn list(args: &DecodeArgs) -> Result<Vec<CommitTs>> {
    let stdin = io::stdin();
    if args.ts.is_empty() && stdin.is_terminal() {
        let fault = Fault::usage("no TS was given");
        return Err(fault.hint("give one or more, pipe them in, or give `-` to type them").into());
    }
    let from_stdin = args.ts.is_empty() || args.ts.iter().any(|ts| ts == "-");
    let mut list = Vec::new();
    for ts in args.ts.iter().filter(|ts| *ts != "-") {
        list.push(plausible::number(ts)?);
    }
    if from_stdin {
        for (number, line) in stdin.lock().lines().enumerate() {
            let line = line.context("cannot read standard input")?;
            let line = line.trim();
            if !line.is_empty() {
                let place = |f: Fault| Fault::usage(format!("line {} of standard input: {f}", number + 1)).hint(f.hint);
                list.push(plausible::number(line).map_err(place)?);
            }
        }
    }
    if list.is_empty() {
        return Err(Fault::usage("standard input holds no TS")
            .hint("give one a line; did the command before the pipe fail?")
            .into());
    }
    Ok(list)
}

fn row(ts: CommitTs, version: Option<u32>) -> Row {
    let local = ts.time().map(|t| t.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string());
    Row {
        version,
        ts: ts.to_string(),
        physical_ms: ts.physical_ms(),
        logical: ts.logical(),
        utc: show::utc(ts),
        local: local.unwrap_or_default(),
        age_ms: ts.age_ms(),
    }
}
