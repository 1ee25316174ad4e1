//! `ts from-dumpling`.

use std::fs;

use tempfile::TempDir;

use crate::{TS, answer, failure, folder, path, piped};

/// A finished dump whose file has `middle` between its first and last line.
fn dump(middle: &str) -> TempDir {
    folder(&[(
        "metadata",
        &format!("Started dump at: 2020-11-10 10:40:19\n{middle}\nFinished dump at: 2020-11-10 10:40:20\n"),
    )])
}

fn dump_failure(middle: &str) -> String {
    let dump = dump(middle);
    failure(dump.path(), &["from-dumpling", path(&dump)])
}

#[test]
fn dumps_of_tidb() {
    let block = format!("\tLog: tidb-binlog\n\tPos: {TS}\n");
    for (middle, warns) in [
        (format!("SHOW MASTER STATUS:\n{block}"), false),
        (format!("SHOW MASTER STATUS:\n{block}\tGTID:\n"), false),
        (format!("SHOW BINARY LOG STATUS:\n\tGTID:\n\tPos: {TS}\n\tLog: tidb-binlog\n"), false),
        (
            format!("SHOW MASTER STATUS:\n{block}SHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n{block}"),
            false,
        ),
        (
            format!(
                "SHOW MASTER STATUS:\n{block}\nSHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n\tLog: tidb-binlog\n\tPos: 420747102999999999\n"
            ),
            true,
        ),
        (format!("SHOW SLAVE STATUS:\n\tHost: h\n\tLog: m.1\n\tPos: 4\n\nSHOW MASTER STATUS:\n{block}"), false),
        (format!("[source]\nFile = tidb-binlog\nPosition = {TS}\nExecuted_Gtid_Set = \n\n[`d`.`t`]\nrows = 1\n"), true),
    ] {
        for middle in [middle.clone(), middle.replace('\n', "\r\n")] {
            let dump = dump(&middle);
            let (stdout, stderr) = answer(&["from-dumpling", path(&dump)]);
            assert_eq!((stdout, stderr.contains("warning: ")), (format!("{TS}\n"), warns), "{middle}{stderr}");
            let file = dump.path().join("metadata");
            assert_eq!(answer(&["from-dumpling", file.to_str().unwrap()]).0, format!("{TS}\n"));
            assert_eq!(answer(&["from-dumpling", &format!("file://{}", file.display())]).0, format!("{TS}\n"));
            assert_eq!(
                piped(&["from-dumpling", "/dev/stdin"], &fs::read_to_string(file).unwrap(), &[]).0,
                format!("{TS}\n")
            );
        }
    }
}

#[test]
fn t32_a_dump_by_time_needs_its_zone() {
    let dump = dump("SHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: 2026-07-21 13:05:00\n");
    insta::assert_snapshot!(failure(dump.path(), &["from-dumpling", path(&dump)]), @"
    2 error: `Pos` in DIR/metadata is a date-time without a time zone: 2026-07-21 13:05:00
    hint: give the zone of the session that dumped, TiDB's `time_zone`: --time-zone UTC, +08:00, Europe/Berlin
    ");
    for (zone, time) in [
        ("UTC", "2026-07-21T13:05:00.000Z"),
        ("+00:00", "2026-07-21T13:05:00.000Z"),
        ("-05:30", "2026-07-21T18:35:00.000Z"),
        ("Europe/Berlin", "2026-07-21T11:05:00.000Z"),
    ] {
        let (ts, stderr) = answer(&["from-dumpling", path(&dump), "--time-zone", zone]);
        assert_eq!(answer(&["decode", ts.trim()]).0.trim(), time, "{zone}");
        assert!(stderr.contains("cannot check"), "{stderr}");
    }
    let far = dump_failure("SHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: 2076-07-21 13:05:00+00:00\n");
    assert!(far.starts_with("4 error: ") && far.contains("in the future"), "{far}");
}

/// A dump that did not read one snapshot has a position that is no consistent point.
#[test]
fn t33_a_dump_of_no_snapshot_is_warned_of() {
    let block = |pos: &str| format!("\tLog: tidb-binlog\n\tPos: {pos}\n\tGTID:\n");
    let after = "SHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n";
    let dump_at = |later: &str| dump(&format!("SHOW MASTER STATUS:\n{}\n{after}{}", block(TS), block(later)));
    let moved = dump_at("420747102999999999");
    let (stdout, stderr) = answer(&["from-dumpling", path(&moved)]);
    assert_eq!(stdout, format!("{TS}\n"), "the first one: nothing is lost from there on");
    assert!(
        stderr.contains("warning: the dump was not taken from one snapshot") && stderr.contains("safe mode"),
        "{stderr}"
    );
    let (stdout, stderr) = answer(&["from-dumpling", path(&dump_at(TS))]);
    assert_eq!((stdout, stderr), (format!("{TS}\n"), String::new()), "one snapshot");
}

#[test]
fn dumps_without_a_position() {
    insta::assert_snapshot!(dump_failure(""), @"
    4 error: DIR/metadata has no position: mydumper 0.10 writes none for TiDB, nor does any dump tool for a server with binlog disabled
    hint: dump again with Dumpling, which takes a snapshot of TiDB and records its TS
    ");
    insta::assert_snapshot!(dump_failure("SHOW MASTER STATUS:\n\tLog: bin.000003\n\tPos: 154\n\tGTID:6ce40be3:1-7,\n9afe121c:1\n"), @"
    4 error: DIR/metadata belongs to a dump of MySQL, not of TiDB: its position is 154 in the binlog file bin.000003
    hint: tisync replicates from TiDB; to replicate from MySQL or MariaDB use DM with that position
    ");
    insta::assert_snapshot!(dump_failure("[master]\nFile = bin.000003\nPosition = 154\nExecuted_Gtid_Set = 0-1-7\n"), @"
    4 error: DIR/metadata belongs to a dump of MariaDB, not of TiDB: its position is 154 in the binlog file bin.000003
    hint: tisync replicates from TiDB; to replicate from MySQL or MariaDB use DM with that position
    ");
    insta::assert_snapshot!(dump_failure("SHOW SLAVE STATUS:\n\tHost: h\n\tLog: tidb-binlog\n\tPos: 420747102018863124\n"), @"
    4 error: DIR/metadata has no position: only the position of the primary of the replica that was dumped
    hint: dump again with Dumpling, which takes a snapshot of TiDB and records its TS
    ");
    insta::assert_snapshot!(dump_failure("SHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n\tLog: tidb-binlog\n\tPos: 420747102018863124\n"), @"
    4 error: DIR/metadata has no position: only a position taken after the data connections were opened
    hint: dump again with Dumpling, which takes a snapshot of TiDB and records its TS
    ");
    insta::assert_snapshot!(dump_failure("SHOW MASTER STATUS:\n\tPos: 420747102018863124\n"), @"
    4 error: DIR/metadata does not say which server was dumped: `Log` is missing or empty
    hint: a dump of TiDB says `Log: tidb-binlog`; dump again with Dumpling
    ");
    insta::assert_snapshot!(dump_failure("SHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: \n"), @"
    4 error: DIR/metadata has no position: `Pos` is missing or empty
    hint: dump again with Dumpling
    ");
    insta::assert_snapshot!(dump_failure("SHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: 1\n\tPos: 2\n"), @"
    4 error: DIR/metadata contradicts itself at Pos: `1` and `2`
    hint: dump again, or find out who edited the file
    ");
}

#[test]
fn positions_that_are_no_ts() {
    for (pos, part) in [
        ("154", "an offset in a MySQL binlog"),
        ("1605022819", "Unix time in seconds"),
        ("42074710201886312", "17 digits"),
        ("42074710201886312444", "digits"),
        ("300000000000000000", "before the first TiDB release"),
        ("999999999999999999", "in the future"),
        ("now", "neither a TSO nor a date-time"),
        ("-5m", "neither a TSO nor a date-time"),
        ("420747102018863124x", "neither a TSO nor a date-time"),
    ] {
        let text = dump_failure(&format!("SHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: {pos}\n"));
        assert!(
            text.starts_with("4 error: `Pos` in DIR/metadata ") || text.starts_with("4 error: `Pos` in DIR/metadata: "),
            "{text}"
        );
        assert!(text.contains(part), "{pos}: {text}");
    }
}

#[test]
fn folders_that_hold_no_finished_dump() {
    let unfinished = |files: &[(&str, &str)]| {
        let folder = folder(files);
        failure(folder.path(), &["from-dumpling", path(&folder)])
    };
    insta::assert_snapshot!(unfinished(&[("metadata", &format!("Started dump at: x\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: {TS}\n"))]), @"
    4 error: the dump of DIR/metadata is unfinished: the file has no line `Finished dump at`
    hint: wait until the dump ends; if it ended already it has failed: dump again into an empty folder
    ");
    insta::assert_snapshot!(unfinished(&[("d.t.000000000.sql.zst", "")]), @"
    4 error: the dump in DIR is unfinished: it has data files but no `metadata`, which is written last
    hint: wait until Dumpling ends; if it ended already it has failed: dump again into an empty folder
    ");
    insta::assert_snapshot!(unfinished(&[("metadata.partial", ""), ("d.t.sql", "")]), @"
    4 error: the dump in DIR is unfinished: it has a `metadata.partial` but no `metadata`
    hint: wait until mydumper ends; if it ended already it has failed: dump again into an empty folder
    ");
    insta::assert_snapshot!(unfinished(&[("notes.txt", "")]), @"
    2 error: DIR is not a dump's folder: it has neither `metadata` nor dump files
    hint: give the folder that was Dumpling's --output
    ");
    insta::assert_snapshot!(unfinished(&[("backupmeta", "")]), @"
    2 error: DIR contains a BR backup, not a dump
    hint: use `tisync ts from-br DIR`
    ");
    insta::assert_snapshot!(unfinished(&[("metadata", "CREATE TABLE t (a INT);\n")]), @"
    2 error: DIR/metadata is not the metadata file of a dump
    hint: give the dump's folder, or the file `metadata` in it
    ");
    let empty = folder(&[]);
    let nowhere = empty.path().join("nowhere");
    insta::assert_snapshot!(failure(empty.path(), &["from-dumpling", nowhere.to_str().unwrap()]), @"
    3 error: cannot read DIR/nowhere: No such file or directory (os error 2)
    hint: check the path
    ");
    insta::assert_snapshot!(failure(empty.path(), &["from-dumpling", "hdfs://bucket/dump?secret-access-key=geheim"]), @"
    2 error: `hdfs://` is not a kind of storage
    hint: give a folder or file by its path, local:///path or file:///path; or s3://, gcs:// or azure:// with bucket and prefix
    ");
}
