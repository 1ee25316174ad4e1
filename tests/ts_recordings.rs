//! `tisync ts` on what real Dumplings, mydumpers and BRs wrote. The recordings are read in place.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test with its own main")]

#[path = "ts/stand_in.rs"]
mod stand_in;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use stand_in::StandIn;

/// The key of `br-encrypted`, from the recordings' README.
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = std::env::var_os("TISYNC_RECORDINGS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings"), PathBuf::from);
    if !root.is_dir() {
        eprintln!("NOT RUN: there are no recordings; TISYNC_RECORDINGS names their folder");
        let trial = Trial::test("all_recordings", || Ok(())).with_ignored_flag(true);
        return libtest_mimic::run(&arguments, vec![trial]).exit_code();
    }
    libtest_mimic::run(&arguments, trials(&root)).exit_code()
}

fn trials(root: &Path) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let dump = folder.join("dump");
        if dump.join("metadata").is_file() {
            trials.push(Trial::test(format!("dump_{name}"), move || a_dump(&dump)));
        }
        if folder.join("backupmeta").is_file() {
            trials.push(Trial::test(format!("backup_{name}"), move || a_backup(&folder)));
        }
    }
    assert!(trials.len() >= 9, "only {} dumps and backups", trials.len());
    let metadata = root.join("metadata");
    trials.push(Trial::test("metadata_by_time", {
        let m = metadata.clone();
        move || by_time(&m)
    }));
    trials.push(Trial::test("metadata_without_a_ts", {
        let m = metadata.clone();
        move || without_ts(&m)
    }));
    trials.push(Trial::test("metadata_inconsistent", move || inconsistent(&metadata)));
    let root = root.to_owned();
    trials.push(Trial::test("from_object_storage", {
        let root = root.clone();
        move || from_object_storage(&root)
    }));
    trials.push(Trial::test("check_of_backups", move || checks(&root)));
    trials
}

/// Standard output, standard error with `root` shown as `DIR`, exit code.
fn tisync(root: &Path, args: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tisync"));
    command.arg("ts").args(args);
    for name in ["TISYNC_PD", "TISYNC_TO", "TISYNC_CRYPTER_KEY"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap().replace(&root.display().to_string(), "DIR");
    (String::from_utf8(output.stdout).unwrap(), stderr.trim_end().to_owned(), output.status.code().unwrap())
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}").into()) }
}

fn a_dump(folder: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(folder.join("metadata"))?;
    let pos = text.lines().find_map(|l| l.strip_prefix("\tPos: ")).ok_or("no Pos")?;
    for path in [folder.to_owned(), folder.join("metadata")] {
        let found = tisync(folder, &["from-dumpling", path.to_str().unwrap()]);
        same(found, (format!("{pos}\n"), String::new(), 0))?;
    }
    Ok(())
}

fn a_backup(folder: &Path) -> Result<(), Failed> {
    let end = fs::read_to_string(folder.join("end_version"))?;
    let path = folder.to_str().unwrap();
    let plain = tisync(folder, &["from-br", path]);
    let name = folder.file_name().unwrap().to_string_lossy();
    if name != "br-encrypted" {
        same((plain.0.trim(), plain.2), (end.trim(), 0))?;
        same(plain.1.starts_with("note: this backup is incremental: "), name == "br-incremental")?;
        let json: serde_json::Value = serde_json::from_str(&tisync(folder, &["from-br", path, "--output", "json"]).0)?;
        same(json["cluster_id"].as_str(), Some("7710597548067916630"))?;
        same(json["format"].as_str(), Some(if name == "br-v1" { "v1" } else { "v2" }))?;
        let start = if name == "br-incremental" { "470617655293509638" } else { "0" };
        return same((json["start_version"].as_str(), json["end_version"].as_str()), (Some(start), Some(end.trim())));
    }
    insta::assert_snapshot!(format!("{} {}", plain.2, plain.1), @"
    2 error: DIR/backupmeta looks encrypted: field 15 is stored as Fixed32 and not as Bytes, before byte 1
    hint: give --crypter-method and --crypter-key-file as given to BR; if BR had none, the file is damaged
    ");
    same(plain.0.as_str(), "")?;
    let args = ["from-br", path, "--crypter-method", "aes128-ctr", "--crypter-key"];
    same(tisync(folder, &[&args[..], &[KEY]].concat()), (format!("{}\n", end.trim()), String::new(), 0))?;
    let wrong = tisync(folder, &[&args[..], &["0123456789abcdef0123456789abcdee"]].concat());
    insta::assert_snapshot!(format!("{} {}", wrong.2, wrong.1), @"
    2 error: DIR/backupmeta does not make sense when decrypted with aes128-ctr and this key: field 6 is stored as Fixed64 and not as Varint, before byte 1
    hint: check the method and the key against BR's own command line; if the backup is not encrypted, give neither
    ");
    same(wrong.0.as_str(), "")
}

fn by_time(metadata: &Path) -> Result<(), Failed> {
    let file = metadata.join("dumpling-snapshot-by-time");
    let path = file.to_str().unwrap();
    let found = tisync(metadata, &["from-dumpling", path]);
    insta::assert_snapshot!(format!("{} {}{}", found.2, found.0, found.1), @"
    2 error: `Pos` in DIR/dumpling-snapshot-by-time is a date-time without a time zone: 2026-11-21 13:05:00
    hint: give the zone of the session that dumped, TiDB's `time_zone`: --time-zone UTC, +08:00, Europe/Berlin
    ");
    let (ts, _, code) = tisync(metadata, &["from-dumpling", path, "--time-zone", "+00:00"]);
    same((tisync(metadata, &["decode", ts.trim()]).0.trim(), code), ("2026-11-21T13:05:00.000Z", 0))
}

fn without_ts(metadata: &Path) -> Result<(), Failed> {
    let failure = |name| {
        let (stdout, stderr, code) = tisync(metadata, &["from-dumpling", metadata.join(name).to_str().unwrap()]);
        format!("{code} {stdout}{stderr}")
    };
    insta::assert_snapshot!(failure("dumpling-of-mariadb"), @"
    4 error: DIR/dumpling-of-mariadb belongs to a dump of MariaDB, not of TiDB: its position is 763 in the binlog file mysql-bin.000001
    hint: tisync replicates from TiDB; to replicate from MySQL or MariaDB use DM with that position
    ");
    insta::assert_snapshot!(failure("mydumper-0.10-of-tidb"), @"
    4 error: DIR/mydumper-0.10-of-tidb has no position: mydumper 0.10 writes none for TiDB, nor does any dump tool for a server with binlog disabled
    hint: dump again with Dumpling, which takes a snapshot of TiDB and records its TS
    ");
    Ok(())
}

/// `--consistency none` leaves no trace in the file, so there is nothing to warn of.
fn inconsistent(metadata: &Path) -> Result<(), Failed> {
    let file = metadata.join("dumpling-consistency-none");
    same(
        tisync(metadata, &["from-dumpling", file.to_str().unwrap()]),
        ("470618382467858433\n".into(), String::new(), 0),
    )
}

/// The same answers, warnings included, whether they are read from the disk or from a bucket.
fn from_object_storage(root: &Path) -> Result<(), Failed> {
    let mut objects = Vec::new();
    let mut asked = Vec::new();
    for folder in fs::read_dir(root)? {
        let folder = folder?.path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (command, place, below) in
            [("from-br", folder.clone(), ""), ("from-dumpling", folder.join("dump"), "/dump")]
        {
            let file = if below.is_empty() { "backupmeta" } else { "metadata" };
            if !place.join(file).is_file() {
                continue;
            }
            for entry in fs::read_dir(&place)? {
                let path = entry?.path();
                let key = format!("b/{name}{below}/{}", path.file_name().unwrap().to_string_lossy());
                // Of the rest only the names matter.
                let matters = key.ends_with("metadata") || key.contains("backupmeta");
                objects.push((key, if matters { fs::read(path)? } else { vec![] }));
            }
            asked.push((command, place, format!("b/{name}{below}")));
        }
    }
    let server = StandIn::start(objects);
    assert!(asked.len() >= 9, "{asked:?}");
    for (command, place, key) in asked {
        let encrypted = ["--crypter-method", "aes128-ctr", "--crypter-key", KEY];
        let more = if key.contains("encrypted") { &encrypted[..] } else { &[] };
        let disk = tisync(&place, &[&[command, place.to_str().unwrap()], more].concat());
        let bucket = tisync(&place, &[&[command, &server.s3(&key, "")], more].concat());
        same(disk.2, 0)?;
        same((bucket.0, bucket.1.replace(&format!("s3://{key}"), "DIR"), bucket.2), disk)?;
    }
    Ok(())
}

fn checks(root: &Path) -> Result<(), Failed> {
    let (full, next) = (root.join("br-v2"), root.join("br-incremental"));
    let end = fs::read_to_string(full.join("end_version"))?;
    for (ts, backup, verdict, code) in [
        (end.trim(), &full, "ok", 0),
        // The incremental one goes on from the full one's end to its own: starting there again would apply it twice.
        (end.trim(), &next, "warn", 0),
        ("470617665713733637", &next, "warn", 0),
        ("470617665713733637", &full, "bad", 1),
    ] {
        let found = tisync(root, &["check", ts, "--backup", backup.to_str().unwrap(), "--output", "json"]);
        let report: serde_json::Value = serde_json::from_str(&found.0)?;
        same((report["verdict"].as_str(), found.2), (Some(verdict), code))?;
    }
    Ok(())
}
