//! Files of a recording as they may be found: whole, cut off, damaged, in the wrong place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_possible_truncation)]

mod fake_cluster;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fake_cluster::NoJobs;
use tisync::error::{Kind, fault};
use tisync::merge::{Merge, Merged};
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::source::Source;
use tisync::source::recording::recorder::{Layout, Recorder};
use tisync::source::recording::{Meta, Recording, Writer, frames, history_file};

fn said() -> Vec<Pulled> {
    let ts = |i: u64| CommitTs((5 << 30) + i * 300);
    let txn = |i: u64, body| Pulled::Txn(RawTxn { commit_ts: ts(i), start_ts: ts(i - 1), body });
    vec![
        Pulled::Resolved(ts(1)),
        txn(2, Body::Rows(vec![8, 1].into())),
        txn(3, Body::Ddl { job_id: 7, query: "drop table t".into(), schema_state: 0 }),
        txn(4, Body::Rows((0..90).collect::<Vec<u8>>().into())),
        Pulled::Resolved(ts(5)),
        txn(6, Body::Nothing),
    ]
}

fn write(dir: &Path, said: &[Pulled], compressed: bool) {
    let mut writer = Writer::create(dir, compressed).unwrap();
    said.iter().for_each(|p| writer.pulled(p).unwrap());
    writer.finish().unwrap();
}

fn meta(dir: &Path, end_ts: Option<CommitTs>) {
    Meta { cluster_id: 9, start_ts: CommitTs(0), end_ts, more: serde_json::Map::new() }.write(dir).unwrap();
}

fn open(dir: &Path) -> anyhow::Result<Recording> {
    Recording::open(dir, Arc::new(NoJobs))
}

fn read(dir: &Path) -> anyhow::Result<(Vec<RawTxn>, CommitTs)> {
    read_behind(dir, CommitTs(0))
}

fn read_behind(dir: &Path, from: CommitTs) -> anyhow::Result<(Vec<RawTxn>, CommitTs)> {
    let mut merge = Merge::new(open(dir)?.streams(from)?, from);
    let mut got = Vec::new();
    loop {
        match merge.next(Duration::from_secs(10))? {
            Merged::Txn(txn) => got.push(txn),
            Merged::Resolved(_) => {}
            Merged::Idle => panic!("stuck"),
            Merged::End => return Ok((got, merge.position())),
        }
    }
}

fn txns() -> Vec<RawTxn> {
    txns_of(&said())
}

fn txns_of(said: &[Pulled]) -> Vec<RawTxn> {
    let txn = |p: &Pulled| if let Pulled::Txn(txn) = p { Some(txn.clone()) } else { None };
    said.iter().filter_map(txn).collect()
}

fn is_clean(error: &anyhow::Error) {
    let fault = fault(error).unwrap_or_else(|| panic!("no fault in {error:?}"));
    assert!(!fault.hint.is_empty(), "{error:?}");
}

#[test]
fn written_and_read_again() {
    for compressed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &said(), compressed);
        meta(dir.path(), None);
        let last = said().last().unwrap().ts();
        assert_eq!(read(dir.path()).unwrap(), (txns(), last));
        assert_eq!(open(dir.path()).unwrap().now().unwrap(), last);
        // With an end: nothing more follows up to it, and the stream says so.
        let end = CommitTs(last.0 + 5);
        meta(dir.path(), Some(end));
        assert_eq!(read(dir.path()).unwrap(), (txns(), end));
        assert_eq!(open(dir.path()).unwrap().now().unwrap(), end);
        assert!(Writer::create(dir.path(), compressed).is_err(), "never over another recording");
    }
}

#[test]
fn cut_off_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &said(), false);
    meta(dir.path(), None);
    let file = dir.path().join("binlogs.bin");
    let whole = fs::read(&file).unwrap();
    let mut boundaries = vec![0];
    while let Some(head) = whole.get(boundaries[boundaries.len() - 1]..).filter(|rest| !rest.is_empty()) {
        let len = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        boundaries.push(boundaries[boundaries.len() - 1] + 4 + len);
    }
    assert_eq!(boundaries.len(), 7);
    for end in 0..whole.len() {
        fs::write(&file, &whole[..end]).unwrap();
        let begin = boundaries.iter().rev().find(|b| **b <= end).unwrap();
        match read(dir.path()) {
            Ok((got, _)) => {
                assert_eq!(*begin, end, "cut within a message");
                assert!(txns().starts_with(&got));
            }
            Err(error) => {
                assert_ne!(*begin, end);
                is_clean(&error);
                let text = format!("{error:#}");
                assert!(text.contains(&format!("binlogs.bin at byte {begin}:")), "{text}");
                assert!(open(dir.path()).unwrap().now().is_err());
            }
        }
    }
}

#[test]
fn every_bit_flipped() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &said(), false);
    meta(dir.path(), None);
    let file = dir.path().join("binlogs.bin");
    let whole = fs::read(&file).unwrap();
    let mut errors = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bytes).unwrap();
        // A flipped bit within a row is a matter of the decoder; here it must only never panic or hang.
        if let Err(error) = read(dir.path()) {
            is_clean(&error);
            assert!(format!("{error:#}").contains("binlogs.bin at byte "), "{error:#}");
            errors += 1;
        }
    }
    assert!(errors > whole.len(), "{errors} errors for {} bytes", whole.len());
}

#[test]
fn a_damaged_compressed_file() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &said(), true);
    meta(dir.path(), None);
    let file = dir.path().join("binlogs.bin.zst");
    let whole = fs::read(&file).unwrap();
    for end in 1..whole.len() {
        fs::write(&file, &whole[..end]).unwrap();
        is_clean(&read(dir.path()).unwrap_err());
    }
}

#[test]
fn a_length_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    meta(dir.path(), None);
    for (head, words) in [([0xff; 4], "claims 4294967295 bytes"), ([0x7f, 0xff, 0xff, 0xff], "cut off after 3 bytes")] {
        fs::write(dir.path().join("binlogs.bin"), [&head[..], b"abc"].concat()).unwrap();
        let text = format!("{:#}", read(dir.path()).unwrap_err());
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn out_of_order() {
    let dir = tempfile::tempdir().unwrap();
    meta(dir.path(), None);
    let mut said = said();
    said.swap(1, 3);
    write(dir.path(), &said, false);
    let error = read(dir.path()).unwrap_err();
    is_clean(&error);
    assert!(format!("{error:#}").contains("goes backwards"));
}

fn txn(i: u64) -> Pulled {
    let body = Body::Rows(vec![i as u8; (i * 37 % 300) as usize + 1].into());
    Pulled::Txn(RawTxn { commit_ts: CommitTs(i * 10), start_ts: CommitTs(i * 10 - 1), body })
}

/// What a recorder leaves behind when it is killed at any moment, with whatever bytes behind its tail, is what it said it had.
#[test]
fn a_recorder_that_is_killed_misses_and_repeats_nothing() {
    for compress in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { compress, part_bytes: if compress { 300 } else { 2_000 } };
        let (mut said, mut cut_off) = (Vec::new(), 0);
        let mut next = 1;
        for run in 0..12_u64 {
            let mut recorder = Recorder::open(dir.path(), 9, CommitTs(5), layout).unwrap();
            // It goes on where it was safe, not where it was.
            let position = recorder.position();
            assert_eq!(position, said.last().map_or(CommitTs(5), Pulled::ts), "run {run}");
            next = position.0 / 10 + 1;
            for i in 0..run * 7 % 23 + 3 {
                recorder.take(&txn(next + i)).unwrap();
                if i % 4 == 3 {
                    recorder.take(&Pulled::Resolved(CommitTs((next + i) * 10 + 3))).unwrap();
                }
                if i % 5 == 4 {
                    recorder.sync().unwrap();
                    let position = recorder.position();
                    let known = said.last().map_or(0, |s: &Pulled| s.ts().0 / 10);
                    said.extend((known + 1..=position.0 / 10).map(txn));
                    if !position.0.is_multiple_of(10) {
                        said.push(Pulled::Resolved(position));
                    }
                }
            }
            drop(recorder);
            // What a killed process may leave: the beginning of a message in the last part, and a part of which nothing is known.
            let parts = frames::list(dir.path());
            let mut bytes = fs::read(&parts.last().unwrap().1).unwrap();
            cut_off += bytes.len();
            bytes.extend_from_slice(&[0, 0, 1, 0, 7]);
            fs::write(&parts.last().unwrap().1, bytes).unwrap();
            fs::write(dir.path().join(frames::name(parts.last().unwrap().0 + 1, compress)), [0, 0, 9]).unwrap();
            // Read as it lies there.
            let expected: Vec<RawTxn> = txns_of(&said);
            let (got, position) = read_behind(dir.path(), CommitTs(5)).unwrap();
            assert_eq!(got, expected);
            assert_eq!(position, said.last().map_or(CommitTs(5), Pulled::ts));
        }
        assert!(cut_off > 0 && next > 40);
        assert!(frames::list(dir.path()).len() > 4, "{:?}", frames::list(dir.path()));
    }
}

#[test]
fn a_recorder_goes_on_with_its_own_recording_only() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout { compress: false, part_bytes: 2_000 };
    let open = |dir: &Path, cluster| Recorder::open(dir, cluster, CommitTs(5), layout).map(drop);
    let refused = |result: anyhow::Result<()>| {
        let error = result.unwrap_err();
        is_clean(&error);
        format!("{error:#}")
    };
    let mut recorder = Recorder::open(dir.path(), 9, CommitTs(5), layout).unwrap();
    assert!(refused(open(dir.path(), 9)).contains("another tisync is recording into"));
    (1..9).for_each(|i| recorder.take(&txn(i)).unwrap());
    recorder.sync().unwrap();
    drop(recorder);
    assert!(refused(open(dir.path(), 8)).contains("of cluster 9, and this is cluster 8"));
    let part = dir.path().join(frames::name(1, false));
    let bytes = fs::read(&part).unwrap();
    fs::write(&part, &bytes[1..]).unwrap();
    assert!(refused(open(dir.path(), 9)).contains("is incomplete: part 1 should have"));
    fs::remove_file(&part).unwrap();
    assert!(refused(open(dir.path(), 9)).contains("is incomplete"));
    let other = tempfile::tempdir().unwrap();
    meta(other.path(), None);
    assert!(refused(open(other.path(), 9)).contains("was not made by `tisync record`"));
    fs::remove_file(other.path().join("meta.json")).unwrap();
    write(other.path(), &said(), false);
    assert!(refused(open(other.path(), 9)).contains("already has messages"));
}

#[test]
fn folders() {
    let dir = tempfile::tempdir().unwrap();
    let usage = |dir: &Path| {
        let error = open(dir).err().unwrap();
        assert_eq!(fault(&error).unwrap().kind, Kind::Usage, "{error:#}");
        is_clean(&error);
        format!("{error:#}")
    };
    assert!(usage(dir.path()).contains("has no recording"));
    let said = said();
    write(&dir.path().join("pump-1"), &said[..3], false);
    write(&dir.path().join("pump-2"), &said[3..], true);
    assert!(usage(dir.path()).contains("no meta.json"));
    fs::write(dir.path().join("meta.json"), "{\"start_ts\":1}").unwrap();
    assert!(usage(dir.path()).contains("cluster_id"));
    fs::write(dir.path().join("meta.json"), "{\"cluster_id\":9,\"start_ts\":7,\"end_ts\":5}").unwrap();
    assert!(usage(dir.path()).contains("ends before it starts"));
    meta(dir.path(), None);
    fs::write(dir.path().join("ddl_history.json"), "[]").unwrap();
    assert_eq!(read(dir.path()).unwrap().0, txns());
    // One Pump's folder alone finds what lies beside it.
    let one = dir.path().join("pump-1");
    assert_eq!(open(&one).unwrap().files().len(), 1);
    assert_eq!(history_file(&one).unwrap().file_name().unwrap(), "ddl_history.json");
    write(&one, &said, true);
    assert!(usage(dir.path()).contains("both plain and compressed"));
}
