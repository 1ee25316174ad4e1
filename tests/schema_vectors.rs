//! Schema vectors that TiDB's own code computed: defaults, zero values, and the JSON of tables, jobs and databases.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test: a panic is its answer, and a loud line its duty")]

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value as Json, json};
use tisync::decode::value;
use tisync::model::{Handle, Kind, Table, Value};
use tisync::schema::{Converted, DbInfo, Job, TableInfo, convert};

fn main() {
    let args = Arguments::from_args();
    let recordings = std::env::var_os("TISYNC_RECORDINGS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings"), PathBuf::from);
    let path = recordings.join("../spec/vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("NOT RUN: no vectors at {}; set TISYNC_RECORDINGS", path.display());
        let trial = Trial::test("schema_vectors", || Ok(())).with_ignored_flag(true);
        libtest_mimic::run(&args, vec![trial]).exit();
    };
    let vectors: Vec<Json> = serde_json::from_str(&text).unwrap();
    let trials = vectors.into_iter().filter_map(trial).collect();
    libtest_mimic::run(&args, trials).exit();
}

fn trial(vector: Json) -> Option<Trial> {
    let name = vector["id"].as_str()?.to_owned();
    let check: fn(&Json) -> Result<(), Failed> = match vector["kind"].as_str()? {
        "origin_default" | "zero_value" => default,
        "table_info_json" => table,
        "ddl_job_json" => job,
        "db_info_json" => database,
        // Diffs are how TiKV's meta store tells of changes; a binlog's reader has the jobs.
        "schema_diff_json" => {
            return Some(Trial::test(format!("{name} (not in a binlog's path)"), || Ok(())).with_ignored_flag(true));
        }
        _ => return None,
    };
    Some(Trial::test(name, move || check(&vector)))
}

fn same<T: PartialEq + std::fmt::Debug>(have: T, want: T) -> Result<(), Failed> {
    if have == want { Ok(()) } else { Err(format!("have {have:?}, want {want:?}").into()) }
}

fn converted(info: &TableInfo) -> Result<Table, Failed> {
    match convert(info, "test") {
        Converted::Table(table) => Ok(*table),
        other => Err(format!("{other:?}").into()),
    }
}

fn default(vector: &Json) -> Result<(), Failed> {
    let column = &vector["column"];
    let info = json!({"id": 1, "name": "t", "state": 5, "cols": [{
        "id": column["id"], "name": column["name"], "offset": 0, "state": 5,
        "origin_default": vector["origin_default"],
        "origin_default_bit": vector["origin_default_bit_base64"],
        "version": vector["column_version"],
        "type": {"Tp": column["tp"], "Flag": column["flag"], "Flen": column["flen"], "Decimal": column["decimal"],
                 "Charset": column["charset"], "Collate": column["collate"], "Elems": column["elems"]},
    }]});
    let table = converted(&serde_json::from_value(info)?)?;
    let (kind, missing) = (&table.columns[0].kind, &table.columns[0].missing);
    let have = shown(kind, missing, vector["time_zone"].as_str());
    let want = match (&vector["value"], kind) {
        // TiDB's zero of a DECIMAL has no fraction digits; ours has the column's.
        (Json::String(zero), Kind::Decimal { scale, .. }) if zero == "0" => {
            json!(format!("0.{:0width$}", 0, width = usize::from(*scale)))
        }
        (Json::String(text), Kind::Float | Kind::Double) => json!(text.parse::<f64>()?),
        (want, _) => want.clone(),
    };
    same(have, want)
}

/// A value as the vectors show it, TIMESTAMP in the session's zone.
fn shown(kind: &Kind, value: &Value, zone: Option<&str>) -> Json {
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        json!(String::from_utf8(out).unwrap())
    };
    let names = |elements: &[String], bits: u64| {
        let chosen = elements.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        chosen.map(|(_, e)| e.as_str()).collect::<Vec<_>>().join(",")
    };
    match (kind, value) {
        (_, Value::Null) => Json::Null,
        (_, Value::Int(n)) => json!(n.to_string()),
        (_, Value::UInt(n)) => json!(n.to_string()),
        (_, Value::Float(f)) => json!(f.to_string().parse::<f64>().unwrap()),
        (_, Value::Double(f)) => json!(f),
        (_, Value::Decimal(d)) => json!(String::from_utf8(d.text.to_vec()).unwrap()),
        (_, Value::Bytes(b)) => json!({"bytes_hex": hex::encode(b)}),
        (_, Value::Json(b)) => json!(String::from_utf8(b.to_vec()).unwrap()),
        (Kind::Bit { width }, Value::Bit(n)) => {
            let bytes = n.to_be_bytes();
            json!({"bytes_hex": hex::encode(&bytes[8 - usize::from(*width).div_ceil(8)..]), "int": n.to_string()})
        }
        (Kind::Enum { elements }, Value::Enum(i)) => {
            json!({"index": i, "name": elements[usize::try_from(*i).unwrap() - 1]})
        }
        (Kind::Set { elements }, Value::Set(bits)) => json!({"bits": bits, "name": names(elements, *bits)}),
        (Kind::Date, Value::Time(t)) => text(&|out| value::write_date(out, *t)),
        (Kind::Datetime { fsp }, Value::Time(t)) => text(&|out| value::write_datetime(out, *t, *fsp)),
        (Kind::Duration { fsp }, Value::Duration(n)) => text(&|out| value::write_duration(out, *n, *fsp)),
        (Kind::Timestamp { fsp }, Value::Time(t)) => {
            let Json::String(utc) = text(&|out| value::write_datetime(out, *t, *fsp)) else { unreachable!() };
            if *t == 0 {
                return json!(utc);
            }
            assert_eq!(zone, Some("Asia/Shanghai"), "the only zone in these vectors, eight hours ahead");
            let utc: jiff::civil::DateTime = utc.parse().unwrap();
            let there = utc
                .to_zoned(jiff::tz::TimeZone::UTC)
                .unwrap()
                .with_time_zone(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
            json!(there.strftime("%Y-%m-%d %H:%M:%S").to_string())
        }
        (kind, value) => json!(format!("{kind:?} {value:?}")),
    }
}

/// What the table of the vectors is, as its JSON says.
fn is_t1(table: &Table) -> Result<(), Failed> {
    same((table.id, table.name.as_str(), table.schema.as_str()), (100, "T1", "test"))?;
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    same(names, vec!["Id", "b", "g"])?;
    same(table.handle.clone(), Handle::Int(0))?;
    same(table.keys.len(), 1)?;
    same(table.keys[0].identifies(&table.columns), true)?;
    same(table.columns[0].kind.clone(), Kind::Int { bytes: 8, unsigned: false })?;
    same(table.columns[1].missing.clone(), Value::Bit(0x0abc))?;
    same(table.columns[2].missing.clone(), Value::Absent)?;
    same(table.columns[2].writable(), false)
}

fn table(vector: &Json) -> Result<(), Failed> {
    let info: TableInfo = serde_json::from_value(vector["json"].clone())?;
    is_t1(&converted(&info)?)?;
    // What is kept survives being written and read again.
    same(serde_json::from_str::<TableInfo>(&serde_json::to_string(&info)?)?, info)
}

fn job(vector: &Json) -> Result<(), Failed> {
    let job: Job = serde_json::from_value(vector["json"].clone())?;
    same((job.id, job.action.number(), job.state, job.schema_id, job.table_id), (42, 3, 6, 1, 100))?;
    same((job.info.schema_version, job.effective()), (35, true))?;
    let want = vector["json"]["binlog"]["FinishedTS"].as_u64().unwrap_or_default();
    same(job.info.finished_ts, want)?;
    is_t1(&converted(job.info.table.as_deref().ok_or("no TableInfo")?)?)
}

fn database(vector: &Json) -> Result<(), Failed> {
    let db: DbInfo = serde_json::from_value(vector["json"].clone())?;
    same((db.id, db.name.0.as_str(), db.charset.as_str(), db.collate.as_str()), (1, "Test", "utf8mb4", "utf8mb4_bin"))
}
