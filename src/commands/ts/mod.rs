//! `tisync ts`: commit timestamps. Standard output holds the answer alone, at every verbosity.
//!
//! - `decode`: the time of each ts.
//! - `encode`: the first ts of the millisecond of a time.
//! - `now`: the current ts of a cluster.
//! - `from-br`: the commit ts at which a BR backup ends.
//! - `from-dumpling`: the commit ts of a dump by Dumpling or mydumper.
//!
//! Answers have three formats. In JSON every ts and cluster id is a string: they have more than 53
//! bits, and jq before 1.7, JavaScript and others would silently round them, so that replication
//! would start at another ts.

pub mod check;
pub mod judge;

use std::env;
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::backup;
use crate::backup::br::{self, Backup, Crypter};
use crate::backup::dumpling::{self, Dump};
use crate::backup::storage::Storage;
use crate::cli::Format;
use crate::cli::ts::{CrypterArgs, DecodeArgs, EncodeArgs, FromBrArgs, FromDumplingArgs, NowArgs, PdArgs, TsCommand};
use crate::error::Fault;
use crate::model::CommitTs;
use crate::{moment, output};

/// Requests to running clusters; everything else in this command is local.
pub trait Live {
    /// A fresh ts of the cluster at `pd`.
    ///
    /// # Errors
    /// If PD cannot be reached or does not answer.
    fn now(&self, pd: &PdArgs) -> Result<CommitTs>;

    /// The facts from the cluster at `pd`.
    ///
    /// # Errors
    /// If PD or a Pump cannot be reached or does not answer.
    fn source(&self, pd: &PdArgs) -> Result<SourceFacts>;

    /// The checkpoint on the target at `to` for the upstream `cluster_id` (for its only upstream if
    /// that is unknown); `None` if it has none.
    ///
    /// # Errors
    /// If the target cannot be reached, or has several upstreams and `cluster_id` is unknown.
    fn checkpoint(&self, to: &str, cluster_id: Option<u64>) -> Result<Option<CommitTs>>;

    /// Settings of the target at `to` that may cost it its last commits, in words; `None` if it
    /// keeps each commit.
    ///
    /// # Errors
    /// If the target cannot be reached.
    fn risk(&self, to: &str) -> Result<Option<String>>;
}

/// The facts from a running upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// PD's cluster id.
    pub cluster_id: u64,
    /// A fresh ts.
    pub now: CommitTs,
    /// Its Pumps, except those that are offline.
    pub pumps: Vec<check::PumpFact>,
}

/// Runs `command`; prints its answer on standard output once it is complete.
///
/// # Errors
/// The reason why the command has no answer; for `check`, a negative fault if replication cannot
/// start there.
pub fn run(command: &TsCommand, format: Format, verbose: u8, live: &dyn Live) -> Result<()> {
    match command {
        TsCommand::FromBr(args) => from_br(args, format, verbose),
        TsCommand::FromDumpling(args) => from_dumpling(args, format, verbose),
        TsCommand::Now(args) => now(args, format, verbose, live),
        TsCommand::Decode(args) => decode(args, format),
        TsCommand::Encode(args) => encode(args, format, verbose),
        TsCommand::Check(args) => check::run(args, format, live),
    }
}

/// The time zone of an option, if it was given.
fn zone(option: Option<&String>) -> Result<Option<TimeZone>> {
    option.map(|name| moment::zone(name)).transpose()
}

#[derive(Serialize)]
struct Row {
    /// In CSV only; JSON has the version outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    ts: String,
    physical_ms: u64,
    logical: u64,
    utc: String,
    local: String,
    /// Milliseconds; negative if the ts is in the future.
    age_ms: i64,
}

#[derive(Serialize)]
struct Answer {
    version: u32,
    timestamps: Vec<Row>,
}

/// `tisync ts decode`: the time of each ts.
pub fn decode(args: &DecodeArgs, format: Format) -> Result<()> {
    let list = list(args)?;
    let rows = |version| list.iter().map(|ts| row(*ts, version)).collect::<Vec<_>>();
    match format {
        Format::Text => {
            let lines: Vec<String> = list.iter().map(|ts| utc(*ts)).collect();
            output::answer(&lines.join("\n"))
        }
        Format::Json => json(&Answer { version: VERSION, timestamps: rows(None) }),
        Format::Csv => csv(&rows(Some(VERSION))),
    }
}

/// All ts to decode. They are all read before the first is answered, so that an error leaves
/// standard output empty.
fn list(args: &DecodeArgs) -> Result<Vec<CommitTs>> {
    let stdin = io::stdin();
    if args.ts.is_empty() && stdin.is_terminal() {
        let fault = Fault::usage("no TS given");
        return Err(fault.hint("give one or more, pipe them in, or give `-` to type them").into());
    }
    let from_stdin = args.ts.is_empty() || args.ts.iter().any(|ts| ts == "-");
    let mut list = Vec::new();
    for ts in args.ts.iter().filter(|ts| *ts != "-") {
        list.push(backup::number(ts)?);
    }
    if from_stdin {
        for (number, line) in stdin.lock().lines().enumerate() {
            let line = line.context("cannot read standard input")?;
            let line = line.trim();
            if !line.is_empty() {
                let place = |f: Fault| Fault::usage(format!("line {} of standard input: {f}", number + 1)).hint(f.hint);
                list.push(backup::number(line).map_err(place)?);
            }
        }
    }
    if list.is_empty() {
        return Err(Fault::usage("standard input holds no TS")
            .hint("give one per line; did the command before the pipe fail?")
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
        utc: utc(ts),
        local: local.unwrap_or_default(),
        age_ms: ts.age_ms(),
    }
}

/// `tisync ts encode`: the first ts of a time's millisecond.
pub fn encode(args: &EncodeArgs, format: Format, verbose: u8) -> Result<()> {
    let zone = zone(args.time_zone.as_ref())?;
    let ts = moment::to_ts(moment::parse(&args.time, zone.as_ref(), Timestamp::now())?)?;
    if verbose > 0 {
        output::note(&format!("`{}` is {}", args.time, ts.explain()));
    }
    one(format, &ts.to_string(), &TsRow::new(ts))
}

/// `tisync ts now`: the current ts of a cluster.
pub fn now(args: &NowArgs, format: Format, verbose: u8, live: &dyn Live) -> Result<()> {
    if args.pd.pd.is_empty() {
        let fault = Fault::usage("no cluster given to ask for its ts");
        return Err(fault.hint("give --pd http://HOST:2379, or TISYNC_PD in the environment").into());
    }
    let ts = live.now(&args.pd)?;
    if verbose > 0 {
        output::note(&format!("PD says {}", ts.explain()));
    }
    one(format, &ts.to_string(), &TsRow::new(ts))
}

/// The version of the JSON and CSV answers. Rises when a field changes its meaning or is removed.
pub const VERSION: u32 = 1;

/// The time of `ts` in RFC 3339, UTC, with milliseconds.
pub fn utc(ts: CommitTs) -> String {
    ts.time().map(|t| t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()).unwrap_or_default()
}

/// Prints `text`, or `row` as a JSON object, or as a CSV header and one line.
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

/// The row of a command that answers with a single ts.
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

/// The environment variable with the key.
const KEY_VARIABLE: &str = "TISYNC_CRYPTER_KEY";

/// Largest key file that is read, in bytes; a key has at most 64 digits.
const MAX_KEY_FILE: u64 = 4096;

#[derive(Serialize)]
struct BrRow<'a> {
    version: u32,
    ts: String,
    time: String,
    kind: &'static str,
    start_version: String,
    end_version: String,
    cluster_id: String,
    cluster_version: &'a str,
    br_version: &'a str,
    format: String,
    new_collations: &'a str,
    size: u64,
    encrypted: bool,
}

/// `tisync ts from-br`: the commit ts at which a BR backup ends.
pub fn from_br(args: &FromBrArgs, format: Format, verbose: u8) -> Result<()> {
    let backup = open_backup(&args.storage, &args.crypter)?;
    for warning in warnings(&args.storage, &backup)? {
        output::warn(&warning);
    }
    if backup.is_incremental() {
        output::note(&incremental(&backup));
    }
    if verbose > 0 {
        output::note(&format!("the backup of cluster {} ends at {}", backup.cluster_id, backup.end_version.explain()));
    }
    let row = BrRow {
        version: VERSION,
        ts: backup.end_version.to_string(),
        time: utc(backup.end_version),
        kind: if backup.is_incremental() { "incremental" } else { "full" },
        start_version: backup.start_version.to_string(),
        end_version: backup.end_version.to_string(),
        cluster_id: backup.cluster_id.to_string(),
        cluster_version: &backup.cluster_version,
        br_version: &backup.br_version,
        format: format!("v{}", backup.version + 1),
        new_collations: &backup.new_collations,
        size: backup.size,
        encrypted: backup.encrypted,
    };
    one(format, &backup.end_version.to_string(), &row)
}

/// The backup at `address`.
pub fn open_backup(address: &str, args: &CrypterArgs) -> Result<Backup> {
    let crypter = crypter(args)?;
    br::read(&Storage::open(address)?, crypter.as_ref(), Timestamp::now())
}

/// Problems of `backup` that may prevent its restore.
fn warnings(address: &str, backup: &Backup) -> Result<Vec<String>> {
    let storage = Storage::open(address)?;
    let absent = match br::absent_files(&storage, backup) {
        Ok(absent) => absent,
        // The rights to read the file may not include those to list the others.
        Err(error) if storage.is_remote() => {
            return Ok(vec![format!("tisync cannot tell whether the backup is complete: {error:#}")]);
        }
        Err(error) => return Err(error),
    };
    let warning = |name| format!("{} refers to {name}, which is missing: this copy cannot be restored", backup.place);
    Ok(absent.iter().map(warning).collect())
}

/// The explanation that `backup` is incremental.
pub fn incremental(backup: &Backup) -> String {
    format!(
        "this backup is incremental: it holds only the changes after {} up to and including {}. Replication can start \
         at its end once it has been restored on top of the backup that ends at its start",
        backup.start_version.explain(),
        backup.end_version.explain()
    )
}

/// The cipher of the options.
fn crypter(args: &CrypterArgs) -> Result<Option<Crypter>> {
    let given = args.crypter_key.is_some() || args.crypter_key_file.is_some();
    let Some(method) = args.crypter_method.and_then(|m| m.cipher()) else {
        if given {
            let fault = Fault::usage("a key was given, but no method to decrypt the backup with");
            return Err(fault.hint("add --crypter-method aes128-ctr, aes192-ctr or aes256-ctr, as given to BR").into());
        }
        return Ok(None);
    };
    let hex = if let Some(hex) = &args.crypter_key {
        hex.clone()
    } else if let Some(path) = &args.crypter_key_file {
        let mut hex = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_KEY_FILE).read_to_string(&mut hex));
        read.with_context(|| {
            let fault = Fault::connect(format!("cannot read the key file {}", path.display()));
            fault.hint("it must have the key in hex digits, as BR's --crypter.key-file does")
        })?;
        hex
    } else if let Some(hex) = env::var(KEY_VARIABLE).ok().filter(|hex| !hex.is_empty()) {
        hex
    } else {
        let fault = Fault::usage(format!("{} needs a key", method.name()));
        return Err(fault.hint(format!("give --crypter-key-file, or {KEY_VARIABLE} in the environment")).into());
    };
    Crypter::new(method, &hex).map(Some)
}

#[derive(Serialize)]
struct DumplingRow<'a> {
    version: u32,
    ts: String,
    time: String,
    pos: &'a str,
    started: &'a str,
    finished: &'a str,
}

/// `tisync ts from-dumpling`: the commit ts of a dump by Dumpling or mydumper.
pub fn from_dumpling(args: &FromDumplingArgs, format: Format, verbose: u8) -> Result<()> {
    let dump = open_dump(&args.path, args.time_zone.as_ref())?;
    for warning in &dump.warnings {
        output::warn(warning);
    }
    if verbose > 0 {
        output::note(&format!("{} says {}", dump.place, dump.ts.explain()));
    }
    let row = DumplingRow {
        version: VERSION,
        ts: dump.ts.to_string(),
        time: utc(dump.ts),
        pos: &dump.pos,
        started: dump.started.as_deref().unwrap_or_default(),
        finished: dump.finished.as_deref().unwrap_or_default(),
    };
    one(format, &dump.ts.to_string(), &row)
}

/// The dump at `address`; `time_zone` names the zone of a position that is a date-time.
pub fn open_dump(address: &str, time_zone: Option<&String>) -> Result<Dump> {
    let zone = zone(time_zone)?;
    dumpling::read(&Storage::open(address)?, zone.as_ref(), Timestamp::now())
}
