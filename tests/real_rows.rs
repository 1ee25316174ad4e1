//! Every message of the recordings, taken apart without a schema: all of it has to be well-formed, down to the last
//! JSON document and the last digit, and read the same when it is only passed over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test: it fails loudly")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use libtest_mimic::{Arguments, Failed, Trial};
use prost::Message;
use tisync::decode::datum::Cursor;
use tisync::decode::datum::{self, Datum};
use tisync::decode::json;
use tisync::source::binlog::{Binlog, PrewriteValue, TableMutation};

/// Where messages of Pumps are, and how many rows they hold.
const RECORDINGS: &[(&str, usize)] = &[
    ("everything/binlogs.bin", 30_000),
    ("sbtest/binlogs.bin", 320_001),
    ("bidi-a/binlogs.bin", 800),
    ("bidi-b/binlogs.bin", 800),
    ("two-pumps/pump-1/binlogs.bin", 100),
    ("two-pumps/pump-2/binlogs.bin", 100),
    ("feed-v81/pump/binlogs.bin", 30_000),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = recordings();
    let present = folder.is_dir();
    if !present {
        eprintln!("\nNOT RUN: no recordings at {}; set TISYNC_RECORDINGS\n", folder.display());
    }
    let trials = RECORDINGS.iter().map(|(name, least)| {
        let path = folder.join(name);
        let run = move || walk(&path, *least).map_err(|e| Failed::from(format!("{e:#}")));
        Trial::test(*name, run).with_ignored_flag(!present)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn recordings() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from)
}

/// The file, or what `zstd` made of it.
fn load(path: &Path) -> Result<Bytes> {
    if path.exists() {
        return Ok(std::fs::read(path)?.into());
    }
    let packed = PathBuf::from(format!("{}.zst", path.display()));
    let file = std::fs::File::open(&packed).with_context(|| format!("opening {}", packed.display()))?;
    Ok(zstd::decode_all(file)?.into())
}

/// Rows of all messages in `path`, which must be at least `least`.
fn walk(path: &Path, least: usize) -> Result<()> {
    let mut rest = load(path)?;
    let mut rows = 0;
    while !rest.is_empty() {
        ensure!(rest.len() >= 4, "a length is cut off");
        let length = u32::from_be_bytes(rest.split_to(4)[..].try_into()?) as usize;
        ensure!(rest.len() >= length, "a message is cut off");
        let message = Binlog::decode(rest.split_to(length))?;
        let Some(value) = message.prewrite_value else { continue };
        for mutation in PrewriteValue::decode(value)?.mutations {
            rows += mutations(&mutation)
                .with_context(|| format!("commit ts {:?}, table id {:?}", message.commit_ts, mutation.table_id))?;
        }
    }
    ensure!(rows >= least, "{rows} rows only, at least {least} wanted");
    Ok(())
}

fn mutations(mutation: &TableMutation) -> Result<usize> {
    let count = |code: i32| mutation.sequence.iter().filter(|c| **c == code).count();
    ensure!(
        [count(0), count(1), count(4)]
            == [mutation.inserted_rows.len(), mutation.updated_rows.len(), mutation.deleted_rows.len()]
            && mutation.sequence.len() == count(0) + count(1) + count(4),
        "the sequence does not fit the rows"
    );
    for row in &mutation.inserted_rows {
        inserted(row).with_context(|| format!("insert {}", hex::encode(row)))?;
    }
    for row in &mutation.updated_rows {
        let ids = pairs(&mut Cursor::new(row)).with_context(|| format!("update {}", hex::encode(row)))?;
        let (old, new) = ids.split_at(ids.len() / 2);
        ensure!(old == new, "the two images of an update differ in their columns: {ids:?}");
    }
    for row in &mutation.deleted_rows {
        let mut ids = pairs(&mut Cursor::new(row)).with_context(|| format!("delete {}", hex::encode(row)))?;
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        ensure!(ids.len() == count, "a deleted row has a column twice");
    }
    Ok(mutation.sequence.len())
}

/// A handle of one datum or more, then pairs; without the schema nobody knows of how many.
fn inserted(row: &Bytes) -> Result<()> {
    let mut from = Cursor::new(row);
    while !from.is_empty() {
        one(&mut from)?;
        let mut behind = from;
        if from.rest() == [datum::NIL] || (!from.is_empty() && pairs(&mut behind).is_ok()) {
            // All that is left are pairs. Read to the end either way: a longer handle is possible, too.
            while !from.is_empty() {
                one(&mut from)?;
            }
            return Ok(());
        }
    }
    bail!("no row behind the handle")
}

/// The ids of all pairs.
fn pairs(from: &mut Cursor<'_>) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    while !from.is_empty() {
        let Datum::Int(id) = Datum::read(from)? else { bail!("a column id is no integer") };
        ids.push(id);
        one(from)?;
    }
    Ok(ids)
}

/// One datum, read in every way.
fn one(from: &mut Cursor<'_>) -> Result<()> {
    let mut skipping = *from;
    match Datum::read(from)? {
        Datum::Json(document) => {
            let text = json::text(document)?;
            serde_json::from_slice::<serde::de::IgnoredAny>(&text).context("the text of a JSON document")?;
        }
        Datum::Decimal(binary) => {
            binary.text()?;
        }
        Datum::Vector(_) | Datum::Max => bail!("rows of these recordings hold no such value"),
        _ => {}
    }
    datum::skip(&mut skipping)?;
    ensure!(skipping.rest().len() == from.rest().len(), "passing over stops elsewhere than reading");
    Ok(())
}
