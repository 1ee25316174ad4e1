//! Every folder of the real recordings through the source and the merge: as many transactions as its README says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod fake_cluster;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fake_cluster::{FakeCluster, NoJobs};
use libtest_mimic::{Arguments, Trial};
use tisync::event::silent;
use tisync::merge::{Merge, Merged};
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::source::recording::{Frames, Recording};
use tisync::source::{Options, Source, open};

/// Folder, transactions with rows, DDL, fakes (where the README tells).
const FOLDERS: [(&str, usize, usize, Option<usize>); 6] = [
    ("everything", 3047, 124, None),
    ("sbtest", 48_081, 47, Some(0)),
    ("bidi-a", 790, 9, Some(17)),
    ("bidi-b", 828, 10, Some(16)),
    ("two-pumps", 0, 0, None),
    ("feed-v81/pump", 0, 0, None),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = env::var_os("TISYNC_RECORDINGS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings"), PathBuf::from);
    let there = root.is_dir();
    if !there {
        eprintln!("SKIPPED: {} is not there; set TISYNC_RECORDINGS to the folder of the recordings", root.display());
    }
    let mut trials = Vec::new();
    for (folder, rows, ddl, fakes) in FOLDERS {
        let dir = root.join(folder);
        trials.push(Trial::test(format!("{folder}: counts"), move || {
            counts(&dir, rows, ddl, fakes);
            Ok(())
        }));
    }
    let dir = root.clone();
    trials.push(Trial::test("bidi-a: resumed from every commit ts", move || {
        resumed(&dir.join("bidi-a"));
        Ok(())
    }));
    let dir = root.clone();
    trials.push(Trial::test("two-pumps: over the wire, equal to the files", move || {
        over_the_wire(&dir.join("two-pumps"));
        Ok(())
    }));
    let trials = trials.into_iter().map(|t| t.with_ignored_flag(!there)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn recording(dir: &Path) -> Recording {
    Recording::open(dir, Arc::new(NoJobs)).unwrap()
}

fn merged(source: &mut dyn Source, from: CommitTs) -> (Vec<RawTxn>, CommitTs) {
    let mut merge = Merge::new(source.streams(from).unwrap(), from);
    let mut got = Vec::new();
    loop {
        match merge.next(Duration::from_secs(20)).unwrap() {
            Merged::Txn(txn) => got.push(txn),
            Merged::Resolved(_) => {}
            Merged::Idle => panic!("nothing more; behind {:?}", merge.holding_back()),
            Merged::End => return (got, merge.position()),
        }
    }
}

fn counts(dir: &Path, rows: usize, ddl: usize, fakes: Option<usize>) {
    let mut source = recording(dir);
    let meta = source.meta().clone();
    let from = source.first().unwrap();
    let (list, position) = merged(&mut source, from);
    // What the files hold, counted apart from source and merge.
    let (mut in_files, mut fakes_in_files) = (Vec::new(), 0);
    for file in source.files() {
        for frame in Frames::open(file).unwrap() {
            match frame.unwrap().read().unwrap() {
                Pulled::Txn(txn) => in_files.push(txn),
                Pulled::Resolved(_) => fakes_in_files += 1,
                Pulled::Joins { .. } => panic!("no file holds a stream"),
            }
        }
    }
    in_files.sort_by_key(|t| t.commit_ts);
    assert!(list == in_files, "{} merged, {} in the files", list.len(), in_files.len());
    assert!(list.windows(2).all(|w| w[0].commit_ts < w[1].commit_ts));
    let ddls = list.iter().filter(|t| matches!(t.body, Body::Ddl { .. })).count();
    let with_rows = list.iter().filter(|t| matches!(t.body, Body::Rows(_))).count();
    assert_eq!(ddls + with_rows, list.len(), "nothing without rows or DDL was ever seen");
    if rows > 0 {
        assert_eq!((with_rows, ddls), (rows, ddl));
    } else {
        assert!(with_rows > 2000, "{with_rows} with rows, {ddls} DDL");
    }
    if let Some(fakes) = fakes {
        assert_eq!(fakes_in_files, fakes);
    }
    assert_eq!(source.now().unwrap(), position);
    if let Some(end) = meta.end_ts {
        assert!(list.last().unwrap().commit_ts <= end);
        assert_eq!(position, end);
    }
}

fn resumed(dir: &Path) {
    let (list, _) = merged(&mut recording(dir), recording(dir).first().unwrap());
    for (i, txn) in list.iter().enumerate().step_by(7) {
        let (rest, _) = merged(&mut recording(dir), txn.commit_ts);
        assert!(rest == list[i + 1..], "behind {}", txn.commit_ts);
    }
}

/// The real pair of Pumps, served by fake ones that end the stream again and again.
fn over_the_wire(dir: &Path) {
    let source = recording(dir);
    let (from, end) = (source.first().unwrap(), source.now().unwrap());
    let cluster = FakeCluster::start(end);
    for (i, file) in source.files().iter().enumerate() {
        let said: Vec<Pulled> = Frames::open(file).unwrap().map(|f| f.unwrap().read().unwrap()).collect();
        let pump = cluster.pump(&format!("pump-{i}"), &said);
        pump.0.lock().unwrap().cut = fake_cluster::Cut::Clean(300 + 11 * i);
    }
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.pump.timing.retry = Duration::from_millis(5);
    options.pump.timing.list_every = Duration::from_millis(20);
    let mut live = open(&format!("pd://{}", cluster.pd_address()), &options, &silent()).unwrap();
    let mut merge = Merge::new(live.streams(from).unwrap(), from);
    let mut got = Vec::new();
    while merge.position() < end {
        match merge.next(Duration::from_secs(20)).unwrap() {
            Merged::Txn(txn) => got.push(txn),
            Merged::Resolved(_) => {}
            other => panic!("{other:?}; behind {:?}", merge.holding_back()),
        }
    }
    assert!(got == merged(&mut recording(dir), from).0);
}
