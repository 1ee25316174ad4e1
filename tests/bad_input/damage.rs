//! Damaged files and messages, and rows that do not fit.

use std::fs;

use prost::Message;
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::source::{binlog, write};

use crate::Case;
use crate::story::{self, BAD, TABLE, body, ddl, end, inserted, mutation, ts};
use crate::world::{World, proper, run};

pub const CASES: &[Case] = &[
    ("the undamaged stream passes", undamaged),
    ("a file that is cut off", cut_file),
    ("a message with an impossible length", impossible_length),
    ("a message that is no binlog", no_binlog),
    ("messages that no Pump sends", wrong_kinds),
    ("a commit ts that goes back", goes_back),
    ("rows that are no row data", no_row_data),
    ("a table id that no DDL job made", unknown_table),
    ("a row that does not fit its definition", unfit_rows),
    ("lengths that nothing could hold", oversized),
    ("small input that grows", growing),
    ("a DDL that the history does not have", unknown_job),
    ("a DDL history that is none", bad_history),
    ("a folder that is no recording", no_recording),
    ("a dump without metadata", dump_without_metadata),
];

/// A few bytes that would take gigabytes.
fn growing(world: &mut World) {
    let payloads = world.payloads();
    let tables = [0x12, 0x02, 0x08, 0x01].repeat(70_000);
    let bad = body(BAD, Body::Rows(tables.into()));
    world.record_with(&bad);
    world.fails(4, &["it has changes of more than 65536 tables"], BAD);
    // A message of 200 MiB in a compressed file of 20 KB.
    world.record(&payloads);
    let mut whole = fs::read(world.path("binlogs.bin")).unwrap();
    fs::remove_file(world.path("binlogs.bin")).unwrap();
    whole.extend((200_u32 << 20).to_be_bytes());
    whole.resize(whole.len() + (200 << 20), 0);
    let packed = zstd::encode_all(whole.as_slice(), 3).unwrap();
    assert!(packed.len() < 100_000, "{}", packed.len());
    fs::write(world.path("binlogs.bin.zst"), packed).unwrap();
    let (folder, url) = (world.dir.path().to_str().unwrap().to_owned(), world.server.url());
    let args = ["sync", "--quiet", "--from", &folder, "--to", &url, "--link", &world.db, "--memory-limit", "64MiB"];
    proper(
        &run(&args),
        4,
        &["a message of a compressed file has 209715200 bytes, more than --memory-limit (67108864 bytes)"],
    );
}

fn undamaged(world: &mut World) {
    world.record(&world.payloads());
    let ran = world.sync().expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    world.expect_applied(story::MESSAGES, &ran.stderr);
}

/// The offset of the message `at` in the file.
fn offset(payloads: &[Vec<u8>], at: usize) -> usize {
    payloads[..at].iter().map(|p| p.len() + 4).sum()
}

fn cut_file(world: &mut World) {
    let payloads = world.payloads();
    world.record(&payloads);
    let file = world.path("binlogs.bin");
    let whole = fs::read(&file).unwrap();
    let at = offset(&payloads, BAD);
    let place = format!("{} at byte {at}", file.display());
    fs::write(&file, &whole[..at + 2]).unwrap();
    world.fails(4, &[&place, "ends within the length"], BAD);
    fs::write(&file, &whole[..at + 4 + 10]).unwrap();
    world.fails(4, &[&place, "cut off after 10 bytes"], BAD);
    // Repaired, the run goes on where it stood.
    fs::write(&file, &whole).unwrap();
    let ran = world.sync().expect(0);
    world.expect_applied(story::MESSAGES, &ran.stderr);
}

fn impossible_length(world: &mut World) {
    let payloads = world.payloads();
    world.record(&payloads);
    let file = world.path("binlogs.bin");
    let mut bytes = fs::read(&file).unwrap();
    let at = offset(&payloads, BAD);
    for (length, words) in [(u32::MAX, "more than the maximum"), (i32::MAX as u32, "cut off after")] {
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        fs::write(&file, &bytes).unwrap();
        world.fails(4, &[&format!("at byte {at}"), words], BAD);
    }
}

fn no_binlog(world: &mut World) {
    let place = format!("at byte {}", offset(&world.payloads(), BAD));
    for bad in [vec![0x12, 0x7f], vec![0xff; 40], b"<html>nothing here</html>".to_vec()] {
        world.record_payload(bad);
        world.fails(4, &[&place, "is not a binlog"], BAD);
    }
    world.record_payload(Vec::new());
    world.fails(4, &[&place, "no commit ts"], BAD);
}

fn wrong_kinds(world: &mut World) {
    let good = || write(&story::messages("x")[BAD]);
    let commit = ts(BAD).0.to_string();
    let rows = || good().prewrite_value;
    for (bad, words) in [
        (binlog::Binlog { tp: Some(0), ..good() }, vec![commit.as_str(), "(Prewrite), which no Pump sends"]),
        (binlog::Binlog { tp: Some(77), ..good() }, vec![&commit, "type 77"]),
        (binlog::Binlog { tp: Some(2), ..good() }, vec![&commit, "Rollback but has data"]),
        (binlog::Binlog { commit_ts: Some(-5), ..good() }, vec!["impossible commit ts -5"]),
        (binlog::Binlog { start_ts: Some(end().to_wire()), ..good() }, vec![&commit, "not before its commit"]),
        (binlog::Binlog { ddl_job_id: Some(-3), ..good() }, vec![&commit, "DDL job id -3"]),
        (binlog::Binlog { ddl_job_id: Some(3), prewrite_value: rows(), ..good() }, vec![&commit, "both rows and"]),
    ] {
        world.record_payload(bad.encode_to_vec());
        world.fails(4, &words, BAD);
    }
}

fn goes_back(world: &mut World) {
    let earlier = CommitTs(ts(BAD - 1).0 - 1);
    let txn = RawTxn { commit_ts: earlier, start_ts: CommitTs(earlier.0 - 1), body: Body::Nothing };
    world.record_with(&Pulled::Txn(txn));
    world.fails(4, &[&earlier.0.to_string(), &ts(BAD - 1).0.to_string(), "goes backwards"], BAD);
    world.record_with(&body(BAD - 1, Body::Nothing));
    world.fails(4, &[&ts(BAD - 1).0.to_string(), "another transaction of the same commit ts"], BAD);
}

fn no_row_data(world: &mut World) {
    let commit = ts(BAD).explain();
    let commit = commit.split(',').next().unwrap().to_owned();
    for bad in [vec![0x12, 0x7f], vec![0x0a], vec![0xff; 30]] {
        world.record_with(&body(BAD, Body::Rows(bad.into())));
        world.fails(4, &[&commit, "row data"], BAD);
    }
    let words: &[(&[i32], usize, &str)] = &[
        (&[0, 0], 1, "lists more of them than there are rows"),
        (&[], 1, "1 rows are left over"),
        (&[9], 1, "unknown kind 9"),
        (&[2], 1, "obsolete kind 2"),
    ];
    for (sequence, count, words) in words {
        world.record_with(&mutation(BAD, TABLE, sequence, vec![good_row(); *count]));
        world.fails(4, &[&commit, &format!("`{}`.`t`", world.db), words], BAD);
    }
}

fn unknown_table(world: &mut World) {
    world.record_with(&inserted(BAD, 4711, &good_row()));
    world.fails(4, &[&ts(BAD).0.to_string(), "table id 4711", "ddl_history.json"], BAD);
}

/// Id 3 as the handle, `name` (column id 2) 'x', `price` (column id 3) 3.50.
fn good_row() -> Vec<u8> {
    let price = [6, 6, 2, 0x80, 0x03, 0x32];
    [&[8, 6, 8, 4, 2, 2, b'x', 8, 6][..], &price].concat()
}

fn unfit_rows(world: &mut World) {
    world.record_with(&inserted(BAD, TABLE, &good_row()[..9]));
    let table = format!("`{}`.`t`", world.db);
    let commit = ts(BAD).0.to_string();
    world.fails(4, &[&commit, &table, "`price`", "too early"], BAD);
    for (bytes, column, words) in [
        // The price is NULL, which it must not be.
        (&[8, 6, 8, 6, 0][..], "`price`", "must not be"),
        // A number where the name belongs.
        (&[8, 6, 8, 4, 8, 8], "`name`", "cannot hold"),
        // A name that is no UTF-8, which TiDB can be made to hold: the target refuses it.
        (&[8, 6, 8, 4, 2, 2, 0xff, 8, 6, 6, 6, 2, 0x80, 0x03, 0x32], "`name`", "Incorrect string value"),
        // Twice the same column.
        (&[8, 6, 8, 4, 0, 8, 4, 0], "`name`", "twice"),
        // A string instead of the handle.
        (&[2, 2, b'x'], "", "is a string instead of an integer"),
        // A decimal of more digits than the column has.
        (&[8, 6, 8, 6, 6, 20, 2, 0x80, 0, 0, 7, 0, 0, 0, 1, 0x32], "price", ""),
        // Flags that no value begins with.
        (&[8, 6, 8, 4, 0x77], "`name`", "0x77"),
        (&[], "", "too early"),
    ] {
        world.record_with(&inserted(BAD, TABLE, bytes));
        world.fails(4, &[&commit, &table, column, words], BAD);
    }
}

fn oversized(world: &mut World) {
    let table = format!("`{}`.`t`", world.db);
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for flag in [1, 2] {
        let row = [&[8, 6, 8, 4, flag][..], &huge, b"abc"].concat();
        world.record_with(&inserted(BAD, TABLE, &row));
        world.fails(4, &[&ts(BAD).0.to_string(), &table, "`name`"], BAD);
    }
    // A row of more columns than any table has.
    let mut row = vec![8, 6];
    (0..20_000).for_each(|_| row.extend([8, 100, 0]));
    world.record_with(&inserted(BAD, TABLE, &row));
    world.fails(4, &[&table, "more than 16384 columns"], BAD);
    // A field of the row data that claims 2^63 bytes.
    let claims = [&[0x12][..], &[0xff; 9], &[0x01, 0x08]].concat();
    world.record_with(&body(BAD, Body::Rows(claims.into())));
    world.fails(4, &[&ts(BAD).0.to_string(), "row data"], BAD);
}

fn unknown_job(world: &mut World) {
    let commit = ts(BAD).0.to_string();
    world.record_with(&ddl(BAD, 999, b"ALTER TABLE t ADD COLUMN z INT"));
    world.fails(4, &[&commit, "DDL job 999", "ddl_history.json"], BAD);
    world.record_with(&ddl(BAD, 202, b"CREATE TABLE t (id INT)"));
    world.fails(4, &[&commit, "job 202"], BAD);
    world.record_with(&ddl(BAD, 999, &[0xff, 0xfe]));
    world.fails(4, &[&commit, "DDL job 999"], BAD);
}

fn bad_history(world: &mut World) {
    world.record(&world.payloads());
    let file = world.path("ddl_history.json");
    let whole = fs::read_to_string(&file).unwrap();
    let name = file.display().to_string();
    for text in [&whole[..whole.len() / 2], "", "{}", "[1, 2]", "<html>", "[{\"id\": \"x\"}]"] {
        fs::write(&file, text).unwrap();
        world.fails(4, &[&name], 0);
    }
    // A history without the table's job: nothing of its rows is applied.
    let mut jobs = story::history(&world.db);
    jobs.as_array_mut().unwrap().truncate(1);
    fs::write(&file, jobs.to_string()).unwrap();
    world.fails(4, &[&ts(1).0.to_string(), "DDL job 202"], 1);
    fs::remove_file(&file).unwrap();
    world.fails(2, &["ddl_history.json"], 1);
}

fn no_recording(world: &mut World) {
    world.record(&world.payloads());
    let meta = world.path("meta.json");
    for (text, words) in [
        ("{\"start_ts\": 5}", "cluster_id"),
        ("{\"cluster_id\": -1, \"start_ts\": 5}", "-1"),
        ("{\"cluster_id\": 7, \"start_ts\": 5, \"end_ts\": 4}", "ends before it starts"),
        ("nonsense", "expected"),
    ] {
        fs::write(&meta, text).unwrap();
        world.fails(2, &["meta.json", words], 0);
    }
    fs::remove_file(&meta).unwrap();
    world.fails(2, &["no meta.json"], 0);
    fs::remove_file(world.path("binlogs.bin")).unwrap();
    world.fails(2, &["has no recording"], 0);
    let url = world.server.url();
    for (from, words) in [("/nonexistent/folder", "/nonexistent/folder"), ("ftp://x", "of an unknown kind")] {
        proper(&run(&["sync", "--from", from, "--to", &url]), 2, &[words]);
    }
}

fn dump_without_metadata(world: &mut World) {
    let folder = world.dir.path().to_str().unwrap();
    proper(&run(&["ts", "from-dumpling", folder]), 2, &[folder, "metadata"]);
    fs::write(world.path("metadata"), "Started dump at: 2026-01-01 00:00:00\n").unwrap();
    proper(&run(&["ts", "from-dumpling", folder]), 4, &[folder]);
}
