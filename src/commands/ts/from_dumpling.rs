//! `tisync ts from-dumpling`: the commit ts of a dump by Dumpling or mydumper.

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use crate::backup::dumpling::{self, Dump};
use crate::backup::storage::Storage;
use crate::cli::Format;
use crate::cli::ts::FromDumplingArgs;
use crate::commands::ts::{show, zone};
use crate::output;

#[derive(Serialize)]
struct Row<'a> {
    version: u32,
    ts: String,
    time: String,
    pos: &'a str,
    started: &'a str,
    finished: &'a str,
}

pub fn run(args: &FromDumplingArgs, format: Format, verbose: u8) -> Result<()> {
    let dump = open(&args.path, args.time_zone.as_ref())?;
    for warning in &dump.warnings {
        output::warn(warning);
    }
    if verbose > 0 {
        output::note(&format!("{} says {}", dump.place, dump.ts.explain()));
    }
    let row = Row {
        version: show::VERSION,
        ts: dump.ts.to_string(),
        time: show::utc(dump.ts),
        pos: &dump.pos,
        started: dump.started.as_deref().unwrap_or_default(),
        finished: dump.finished.as_deref().unwrap_or_default(),
    };
    show::one(format, &dump.ts.to_string(), &row)
}

/// The dump at `address`; `time_zone` names the zone of a position that is a date-time.
pub fn open(address: &str, time_zone: Option<&String>) -> Result<Dump> {
    let zone = zone(time_zone)?;
    dumpling::read(&Storage::open(address)?, zone.as_ref(), Timestamp::now())
}
