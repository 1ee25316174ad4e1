//! `ts decode`, `encode`, `check` and `now`, and what holds for all of `ts`.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::{TS, answer, folder, path, piped, tisync};

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&answer(&[args, &["--output", "json"]].concat()).0).unwrap()
}

fn dump() -> TempDir {
    let text =
        format!("Started dump at: x\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: {TS}\nFinished dump at: y\n");
    folder(&[("metadata", &text)])
}

#[test]
fn decode_one_and_many() {
    assert_eq!(answer(&["decode", TS]).0, "2020-11-10T15:40:19.591Z\n");
    assert_eq!(answer(&["decode", TS, "0"]).0, "2020-11-10T15:40:19.591Z\n1970-01-01T00:00:00.000Z\n");
    for args in [&["decode"][..], &["decode", "-"]] {
        let (stdout, _, code) = piped(args, &format!("{TS}\n\n {TS}\r\n"), &[]);
        assert_eq!((stdout.as_str(), code), ("2020-11-10T15:40:19.591Z\n2020-11-10T15:40:19.591Z\n", 0));
    }
    let rows = json(&["decode", TS]);
    let row = &rows["timestamps"][0];
    assert_eq!(rows["version"], 1);
    assert_eq!(
        (&row["ts"], &row["physical_ms"], &row["logical"]),
        (&TS.into(), &1_605_022_819_591_u64.into(), &20.into())
    );
    assert_eq!(
        (&row["utc"], &row["local"]),
        (&"2020-11-10T15:40:19.591Z".into(), &"2020-11-11T00:40:19.591+09:00".into())
    );
    assert!(row["age_ms"].as_i64().unwrap() > 1_000_000_000);
    let csv = answer(&["decode", TS, "--output", "csv"]).0;
    let start = format!(
        "version,ts,physical_ms,logical,utc,local,age_ms\n1,{TS},1605022819591,20,2020-11-10T15:40:19.591Z,2020-11-11T00:40:19.591+09:00,"
    );
    assert!(csv.starts_with(&start) && csv.ends_with('\n') && csv.lines().count() == 2, "{csv}");
}

#[test]
fn decode_answers_all_or_nothing() {
    for (args, stdin, part) in [
        (&["decode", "4e17"][..], "", "`4e17` is not a TS"),
        (&["decode", TS, "x"], "", "`x` is not a TS"),
        (&["decode", "99999999999999999999"], "", "20 digits"),
        (&["decode"], "420747102018863124\nError: no backup\n", "line 2 of standard input"),
        (&["decode", "-"], "\n", "standard input holds no TS"),
    ] {
        let (stdout, stderr, code) = piped(args, stdin, &[]);
        assert_eq!((stdout.as_str(), code), ("", 2), "{args:?}");
        assert!(stderr.contains(part) && stderr.contains("\nhint: "), "{stderr}");
    }
}

#[test]
fn encode_all_forms() {
    let first = (1_605_022_819_591_u64 << 18).to_string();
    for args in [
        &["2020-11-10T15:40:19.591Z"][..],
        &["2020-11-10 15:40:19.591+00:00"],
        &["2020-11-10 10:40:19.591-05:00"],
        &["2020-11-10 15:40:19.591 UTC"],
        &["2020-11-10 10:40:19.591", "--time-zone", "-05:00"],
        &["2020-11-10 10:40:19.591", "--time-zone", "America/New_York"],
        &["2020-11-11 00:40:19.591", "--time-zone", "local"],
    ] {
        assert_eq!(answer(&[&["encode"], args].concat()).0, format!("{first}\n"), "{args:?}");
    }
    let now: u64 = answer(&["encode", "now"]).0.trim().parse().unwrap();
    for (relative, ms) in [("-15m", -900_000), ("-1h30m", -5_400_000), ("-2d", -172_800_000), ("+5s", 5000_i64)] {
        let ts: u64 = answer(&["encode", relative]).0.trim().parse().unwrap();
        let moved = i64::try_from(ts >> 18).unwrap() - i64::try_from(now >> 18).unwrap();
        assert!((ms..ms + 60_000).contains(&moved) && ts.trailing_zeros() >= 18, "{relative}: {moved}");
    }
    assert_eq!(json(&["encode", "2020-11-10T15:40:19.591Z"])["ts"], Value::from(first));
    for (args, part) in [
        (&["2020-11-10 15:40:19"][..], "has no time zone"),
        (&["2026-03-29 02:30:00", "--time-zone", "Europe/Berlin"], "is ambiguous or missing"),
        (&["1969-12-31T00:00:00Z"], "outside the range of a TS"),
        (&["2020-11-10 15:40:19", "--time-zone", "Mars"], "is not a time zone"),
        (&[TS], "is a bare number"),
        (&["soon"], "is not a time"),
    ] {
        let (stdout, stderr, code) = tisync(&[&["encode"], args].concat());
        assert_eq!((stdout.as_str(), code), ("", 2), "{args:?}");
        assert!(stderr.contains(part) && stderr.contains("\nhint: "), "{stderr}");
    }
}

#[test]
fn what_decode_prints_encode_takes() {
    for ms in [0_u64, 1, 999, 1_420_070_400_000, 1_605_022_819_591, 1_795_263_882_803, (1 << 46) - 1] {
        let ts = (ms << 18).to_string();
        let time = answer(&["decode", &ts]).0;
        assert_eq!(answer(&["encode", time.trim()]).0.trim(), ts);
    }
}

#[test]
fn check_of_a_dump() {
    let dump = dump();
    let path = path(&dump);
    let n: u64 = TS.parse().unwrap();
    for (ts, code, level, start) in [
        (n, 0, "ok", "exact: the dump in "),
        (n + 1, 1, "bad", "a gap of less than a millisecond: "),
        (n + (90_000 << 18), 1, "bad", "a gap of 1m 30s: "),
        (n - (90_000 << 18), 0, "warn", "an overlap of 1m 30s: "),
    ] {
        for held in [["--dump", path], ["--backup-ts", TS]] {
            let (stdout, stderr, exit) = tisync(&["check", &ts.to_string(), held[0], held[1], "--output", "json"]);
            let report: Value = serde_json::from_str(&stdout).unwrap();
            let interval = report["findings"].as_array().unwrap().iter().find(|f| f["code"] == "interval").unwrap();
            assert_eq!(
                (exit, &report["version"], &report["verdict"], &interval["level"]),
                (code, &1.into(), &level.into(), &level.into())
            );
            let message = interval["message"].as_str().unwrap();
            assert!(message.starts_with(start.split("the dump in ").next().unwrap()), "{message}");
            assert_eq!(stderr.contains(&format!("error: replication cannot start at {ts} (")), code == 1, "{stderr}");
            assert!(report["interval"].as_str().unwrap().contains("inclusive"));
        }
    }
    let text = answer(&["check", TS, "--dump", path]).0;
    assert!(
        text.contains("\nok   interval    exact: ")
            && text.contains("\n--   pump-gc ")
            && text.contains("A start is exclusive"),
        "{text}"
    );
    let csv = answer(&["check", TS, "--dump", path, "--output", "csv"]).0;
    assert!(csv.starts_with(&format!("version,ts,level,code,message,hint\n1,{TS},ok,plausible,")), "{csv}");
}

#[test]
fn check_of_what_is_no_ts() {
    for (ts, code, part) in [
        ("154", 1, "more like an offset"),
        ("42074710201886312", 1, "17 digits"),
        ("4207471020188631244", 1, "19 digits"),
        ("999999999999999999", 1, "ahead of this machine's clock"),
        ("42074710201886312444", 2, "20 digits"),
        ("yesterday", 2, "is not a TS"),
        ("-5", 2, "is not a TS"),
    ] {
        let (stdout, stderr, exit) = tisync(&["check", ts]);
        assert_eq!(exit, code, "{stderr}");
        assert!(format!("{stdout}{stderr}").contains(part) && stderr.contains("\nhint: "), "{stdout}{stderr}");
        assert_eq!(stdout.is_empty(), code == 2, "{stdout}");
    }
    for args in [
        &["check", TS, "--dump", "a", "--backup", "b"][..],
        &["check", TS, "--backup-ts", "154"],
        &["check"],
        &["now"],
        &["check", TS, "--dump", "/nonexistent"],
    ] {
        let (stdout, stderr, exit) = tisync(args);
        assert!(stdout.is_empty() && !stderr.is_empty() && [2, 3].contains(&exit), "{args:?}: {exit} {stderr}");
    }
}

#[test]
fn standard_output_is_the_answer_alone() {
    let dump = dump();
    let path = path(&dump);
    for args in [&["from-dumpling", path][..], &["encode", "2020-11-10T15:40:19Z"], &["decode", TS]] {
        let plain = answer(args).0;
        assert_eq!(plain.lines().count(), 1);
        if args[0] != "decode" {
            assert!(plain.trim_end_matches('\n').bytes().all(|b| b.is_ascii_digit()), "{plain}");
        }
        for more in [&["-v"][..], &["-vvv"], &["--output", "text"], &["-v", "--output", "text"]] {
            assert_eq!(answer(&[args, more].concat()).0, plain, "{args:?} {more:?}");
        }
        for verbose in [&[][..], &["-v"], &["-vvv"]] {
            let json: Value =
                serde_json::from_str(&answer(&[args, verbose, &["--output", "json"]].concat()).0).unwrap();
            assert_eq!(json["version"], 1);
            let csv = answer(&[args, verbose, &["--output", "csv"]].concat()).0;
            assert!(csv.starts_with("version,ts,") && csv.lines().count() == 2, "{csv}");
        }
    }
    let (_, stderr, _) = tisync(&["from-dumpling", path, "-v"]);
    assert!(stderr.contains("2020-11-10 15:40:19.591 UTC"), "{stderr}");
}

#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tisync")).args(["ts", "decode", TS]).stdout(full).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output"));
}
