//! Every vector that TiDB's own code computed and a binlog can carry: read back to what it stands for, and written
//! again to the same bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test: it fails loudly")]

mod rows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value as Json, json};
use tisync::decode::datum::Cursor;
use tisync::decode::datum::{self, Datum};
use tisync::decode::json as binary_json;
use tisync::decode::value::{self, Binary};
use tisync::model::{Kind, Value};
use tisync::playground::encode;

/// Kinds that other tests run.
const SCHEMA: &[&str] =
    &["origin_default", "zero_value", "table_info_json", "ddl_job_json", "db_info_json", "schema_diff_json"];

/// Kinds that no binlog carries: rows in TiKV's new format, keys, index entries, sort keys, vectors.
const NOT_IN_A_BINLOG: &[&str] = &[
    "row_v2",
    "row_v2_large_data",
    "row_v2_checksum",
    "vector_float32",
    "index_kv",
    "meta_key",
    "key_record",
    "key_table_prefix",
    "sort_key",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let path = recordings().join("../spec/vectors.json");
    let trials = match std::fs::read(&path) {
        Ok(bytes) => trials(&serde_json::from_slice::<Vec<Json>>(&bytes).expect("vectors.json is a list")),
        Err(error) => {
            eprintln!("\nNOT RUN: no vectors at {} ({error}); set TISYNC_RECORDINGS\n", path.display());
            vec![Trial::test("vectors", || Ok(())).with_ignored_flag(true)]
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn recordings() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from)
}

fn trials(vectors: &[Json]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for vector in vectors {
        let kind = vector["kind"].as_str().unwrap_or_default();
        let id = vector["id"].as_str().unwrap_or("no id").to_owned();
        if SCHEMA.contains(&kind) {
            continue;
        }
        let vector = vector.clone();
        let ignored = NOT_IN_A_BINLOG.contains(&kind);
        let trial = Trial::test(id, move || run(&vector).map_err(|e| Failed::from(format!("{e:#}\n{vector}"))));
        trials.push(trial.with_kind(if ignored { "no binlog carries it" } else { "" }).with_ignored_flag(ignored));
    }
    trials
}

fn run(vector: &Json) -> Result<()> {
    let vector = Vector(vector);
    match vector.text("kind")? {
        "varint" => number(&vector, |from| from.varint(), encode::varint),
        "uvarint" => number(&vector, |from| from.uvarint(), encode::uvarint),
        "mem_int" => number(&vector, datum::int, |out, n| unflagged(out, |out| encode::key_int(out, n))),
        "mem_uint" => number(&vector, datum::uint, |out, n| unflagged(out, |out| encode::key_uint(out, n))),
        "mem_float" => float(&vector),
        "mem_bytes" => string(&vector, datum::comparable_bytes, encode::comparable_bytes),
        "compact_bytes" => string(&vector, |from| Ok(from.compact_bytes()?.to_vec()), encode::compact_bytes),
        "decimal" => decimal(&vector),
        "time_packed" => packed_time(&vector),
        "duration" => duration(&vector),
        "json" => document(&vector),
        "datum" => one_datum(&vector),
        "datum_seq" => datums(&vector),
        "row_v1" => rows::plain_row(&vector, "hex", "values"),
        "binlog_delete" => rows::deleted(&vector),
        "binlog_insert" => rows::inserted(&vector),
        "binlog_update" => rows::updated(&vector),
        "key_record_common" => handle_prefix(&vector),
        kind => bail!("nobody runs vectors of the kind {kind}"),
    }
}

struct Vector<'a>(&'a Json);

impl<'a> Vector<'a> {
    fn text(&self, field: &str) -> Result<&'a str> {
        self.0[field].as_str().with_context(|| format!("no text `{field}`"))
    }

    fn bytes(&self, field: &str) -> Result<Bytes> {
        Ok(hex::decode(self.text(field)?)?.into())
    }

    fn small(&self, field: &str) -> Result<u8> {
        Ok(u8::try_from(self.0[field].as_i64().with_context(|| format!("no number `{field}`"))?)?)
    }
}

/// Reads all of `bytes`.
fn whole<T>(bytes: &[u8], read: impl FnOnce(&mut Cursor<'_>) -> Result<T>) -> Result<T> {
    let mut from = Cursor::new(bytes);
    let value = read(&mut from)?;
    ensure!(from.is_empty(), "{} bytes are left", from.rest().len());
    Ok(value)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<()> {
    ensure!(found == expected, "{what}: found {found:?}, expected {expected:?}");
    Ok(())
}

/// What `write` appends behind a flag.
fn unflagged(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    out.remove(start);
}

fn number<T: std::fmt::Display + Copy>(
    vector: &Vector<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
    write: impl FnOnce(&mut Vec<u8>, T),
) -> Result<()> {
    let bytes = vector.bytes("hex")?;
    let n = whole(&bytes, read)?;
    same("read", n.to_string().as_str(), vector.text("text")?)?;
    let mut out = Vec::new();
    write(&mut out, n);
    same("written", out, bytes.to_vec())
}

fn float(vector: &Vector<'_>) -> Result<()> {
    let bytes = vector.bytes("hex")?;
    let x = whole(&bytes, datum::float)?;
    same("read", x, vector.text("decoded")?.parse()?)?;
    let mut out = Vec::new();
    unflagged(&mut out, |out| {
        let bits = u64::from_str_radix(vector.text("ieee_bits_hex").unwrap(), 16).unwrap();
        encode::float(out, f64::from_bits(bits));
    });
    same("written", out, bytes.to_vec())
}

fn string(
    vector: &Vector<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<Vec<u8>>,
    write: impl FnOnce(&mut Vec<u8>, &[u8]),
) -> Result<()> {
    let (bytes, data) = (vector.bytes("hex")?, vector.bytes("data_hex")?);
    same("read", whole(&bytes, read)?, data.to_vec())?;
    let mut out = Vec::new();
    write(&mut out, &data);
    same("written", out, bytes.to_vec())
}

fn decimal(vector: &Vector<'_>) -> Result<()> {
    let bytes = vector.bytes("hex")?;
    let (precision, scale) = (vector.small("precision")?, vector.small("frac")?);
    same("size", value::size(precision, scale), Some(usize::from(vector.small("bin_size")?)))?;
    let mut from = Cursor::new(&bytes);
    let text = String::from_utf8(Binary::read(&mut from)?.text()?)?;
    ensure!(from.is_empty(), "bytes are left");
    same("read", text.as_str(), vector.text("decoded")?)?;
    for text in [vector.text("text")?, vector.text("decoded")?] {
        let mut out = Vec::new();
        encode::decimal(&mut out, text, precision, scale)?;
        same("written", out, bytes.to_vec())?;
    }
    Ok(())
}

fn packed_time(vector: &Vector<'_>) -> Result<()> {
    let packed: u64 = vector.text("packed")?.parse()?;
    same("bytes", packed.to_be_bytes().to_vec(), vector.bytes("packed_hex_be")?.to_vec())?;
    let fsp = vector.small("fsp")?;
    let (kind, expected) = match vector.text("type")? {
        "date" => (Kind::Date, vector.text("text")?),
        "timestamp" => (Kind::Timestamp { fsp }, vector.text("utc_text")?),
        _ => (Kind::Datetime { fsp }, vector.text("text")?),
    };
    let mut out = Vec::new();
    encode::uint(&mut out, packed);
    let value = cell(&out, &kind)?;
    same("value", &value, &Value::Time(packed))?;
    same("text", rows::shown(&value, &kind, "UTC")?, json!(expected))?;
    same("packed again", value::Civil::unpack(packed).pack(), packed)
}

/// The value datum `bytes` in a column of `kind`.
fn cell(bytes: &[u8], kind: &Kind) -> Result<Value> {
    let source = Bytes::copy_from_slice(bytes);
    let mut from = Cursor::new(&source);
    let value = tisync::decode::value::value(Datum::read(&mut from)?, kind, &source)?;
    ensure!(from.is_empty(), "bytes are left");
    Ok(value)
}

fn duration(vector: &Vector<'_>) -> Result<()> {
    let kind = Kind::Duration { fsp: vector.small("fsp")? };
    let nanos: i64 = vector.text("nanoseconds")?.parse()?;
    let (mut key, mut row) = (Vec::new(), Vec::new());
    encode::duration(&mut key, nanos);
    encode::int(&mut row, nanos);
    for (field, written) in [("datum_key_hex", key), ("row_v1_value_hex", row)] {
        let bytes = vector.bytes(field)?;
        same("written", written, bytes.to_vec())?;
        let value = cell(&bytes, &kind)?;
        same("value", &value, &Value::Duration(nanos))?;
        same("text", rows::shown(&value, &kind, "UTC")?, json!(vector.text("text")?))?;
    }
    Ok(())
}

fn document(vector: &Vector<'_>) -> Result<()> {
    let bytes = vector.bytes("hex")?;
    same("type code", bytes.first().copied(), Some(vector.small("type_code")?))?;
    same("length", binary_json::length(&bytes)?, bytes.len())?;
    let text = String::from_utf8(binary_json::text(&bytes)?)?;
    // The vectors' text is of an older TiDB, whose doubles look like integers; all else is the same to the byte.
    let expected = vector.text("tidb_text")?;
    let (found, old): (Json, Json) = (serde_json::from_str(&text)?, serde_json::from_str(expected)?);
    ensure!(equal(&found, &old), "read as {text}, expected {expected}");
    if !doubles(&found) {
        same("text", text.as_str(), expected)?;
    }
    if let Ok(original) = vector.text("text") {
        same("the text it came from", &found, &serde_json::from_str(original)?)?;
        same("written", encode::document(original.as_bytes())?, bytes.to_vec())?;
        same("written from its text", encode::document(text.as_bytes())?, bytes.to_vec())?;
    }
    Ok(())
}

fn doubles(value: &Json) -> bool {
    match value {
        Json::Number(n) => n.is_f64(),
        Json::Array(items) => items.iter().any(doubles),
        Json::Object(map) => map.values().any(doubles),
        _ => false,
    }
}

/// Equal where a double may have lost its point.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The datums that `desc` may stand for, in key and in value form.
fn described(desc: &str) -> Result<Vec<Datum<'static>>> {
    let (kind, rest) = desc.split_once(' ').unwrap_or((desc, ""));
    Ok(vec![match (kind, rest) {
        ("null", _) => Datum::Null,
        ("max", _) => Datum::Max,
        ("int", "max") => Datum::Int(i64::MAX),
        ("int", "min") => Datum::Int(i64::MIN),
        ("int", n) => Datum::Int(n.parse()?),
        ("uint", "max") => Datum::UInt(u64::MAX),
        ("uint" | "enum" | "set", n) => Datum::UInt(n.parse()?),
        ("bit", n) => Datum::UInt(u64::from_str_radix(n.trim_start_matches("0x"), 16)?),
        ("float64", x) => Datum::Float(x.parse()?),
        ("float32", x) => Datum::Float(f64::from(x.parse::<f32>()?)),
        ("bytes", "empty") => Datum::Bytes(b"".into()),
        ("bytes", "9") => Datum::Bytes(b"abcdefghi".into()),
        ("bytes", text) => Datum::Bytes(text.as_bytes().to_vec().into()),
        ("datetime", "2023-03-03 06:01:10") => Datum::UInt(1_850_845_719_989_059_584),
        ("duration", "01:02:03") => Datum::Duration(3_723_000_000_000),
        ("string", rest) => {
            // The value form holds the text, the key form what its collation sorts by.
            let (collation, text) = rest.split_once(' ').context("no collation")?;
            let text = text.trim_matches('\'');
            let key: &[u8] = match collation {
                "utf8mb4_bin" => b"ab",
                "utf8mb4_general_ci" => b"\0A\0B",
                "utf8mb4_unicode_ci" => b"\x0e\x33\x0e\x4a",
                "gbk_bin" => b"\xd6\xd0",
                "binary" => b"ab  ",
                other => bail!("the collation {other} is new"),
            };
            return Ok(vec![Datum::Bytes(key.into()), Datum::Bytes(text.as_bytes().to_vec().into())]);
        }
        (kind, _) => bail!("a datum of the kind {kind} is new"),
    }])
}

fn one_datum(vector: &Vector<'_>) -> Result<()> {
    let desc = vector.text("desc")?;
    for form in ["key_hex", "value_hex"] {
        let Ok(bytes) = vector.bytes(form) else { continue };
        if desc == "min not null" {
            // A bound in ranges, never in a row; its flag promises a string that is not there.
            ensure!(Datum::read(&mut Cursor::new(&bytes)).is_err() && datum::skip(&mut Cursor::new(&bytes)).is_err());
            continue;
        }
        whole(&bytes, datum::skip)?;
        let mut from = Cursor::new(&bytes);
        let found = Datum::read(&mut from)?;
        ensure!(from.is_empty(), "bytes are left");
        match (&found, desc) {
            (Datum::Decimal(binary), "decimal -12.340 (10,3)") => same("decimal", binary.text()?, b"-12.340".to_vec())?,
            (Datum::Json(document), r#"json {"a":1}"#) => {
                same("document", binary_json::text(document)?, br#"{"a": 1}"#.to_vec())?;
            }
            _ => {
                let expected = described(desc)?;
                let expected = if form == "key_hex" { expected.first() } else { expected.last() };
                same(form, Some(&found), expected)?;
            }
        }
    }
    Ok(())
}

fn datums(vector: &Vector<'_>) -> Result<()> {
    let bytes = vector.bytes("hex")?;
    let mut from = Cursor::new(&bytes);
    for item in vector.0["items"].as_array().context("no items")? {
        let item = item.as_str().context("an item is no text")?;
        let found = Datum::read(&mut from)?;
        match item.split_once(' ') {
            Some(("bytes", text)) => same(item, found, Datum::Bytes(hex::decode(text)?.into()))?,
            Some(("decimal", text)) => match found {
                Datum::Decimal(binary) => same(item, binary.text()?.as_slice(), text.as_bytes())?,
                other => bail!("{item} is {other:?}"),
            },
            _ => same(item, Some(&found), described(item)?.first())?,
        }
    }
    ensure!(from.is_empty(), "bytes are left");
    Ok(())
}

fn handle_prefix(vector: &Vector<'_>) -> Result<()> {
    let (key, prefix) = (vector.bytes("handle_hex")?, vector.bytes("binlog_insert_prefix_hex")?);
    let (mut from_key, mut from_prefix) = (Cursor::new(&key), Cursor::new(&prefix));
    for _ in 0..vector.small("columns")? {
        same("part", Datum::read(&mut from_prefix)?, Datum::read(&mut from_key)?)?;
    }
    ensure!(from_prefix.is_empty() && from_key.rest().iter().all(|b| *b == 0), "bytes are left");
    Ok(())
}
