//! Tests of the frames of Drainer's files: damage, names, and gaps between files.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::io::Write;

fn read(bytes: &[u8]) -> Result<(Vec<Bytes>, Next)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let mut frames = Frames::open(file.path())?;
    let mut got = Vec::new();
    loop {
        let size = frames.next_size()?;
        match frames.read()? {
            Next::Payload(payload) => {
                assert_eq!(payload.len(), size);
                got.push(payload);
            }
            end => {
                assert_eq!(frames.read()?, end, "it stays at its end");
                return Ok((got, end));
            }
        }
    }
}

#[test]
fn the_frame_of_the_specification() {
    let payload = hex::decode("080110052202613b").unwrap();
    assert_eq!(hex::encode(frame(&payload)), "04051b1c0800000000000000080110052202613b464131a3");
    assert_eq!(read(&frame(&payload)).unwrap(), (vec![payload.into()], Next::End));
}

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)
}

fn whole(payloads: &[Vec<u8>]) -> Vec<u8> {
    payloads.iter().flat_map(|p| frame(p)).collect()
}

proptest! {
    #[test]
    fn written_and_read_again(payloads in payloads()) {
        let bytes = whole(&payloads);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).unwrap();
        for form in [bytes.clone(), gzip.finish().unwrap(), zstd::encode_all(&bytes[..], 1).unwrap()] {
            let (got, end) = read(&form).unwrap();
            prop_assert_eq!(end, Next::End);
            prop_assert_eq!(&got, &payloads.iter().map(|p| Bytes::from(p.clone())).collect::<Vec<_>>());
        }
    }

    #[test]
    fn cut_off_anywhere(payloads in payloads(), cut in 0..300_usize) {
        let bytes = whole(&payloads);
        let cut = cut.min(bytes.len());
        let (got, end) = read(&bytes[..cut]).unwrap();
        prop_assert!(payloads.iter().zip(&got).all(|(a, b)| a[..] == b[..]));
        let at: usize = got.iter().map(|p| p.len() + HEAD + 4).sum();
        prop_assert_eq!(end, if at == cut { Next::End } else { Next::Torn(at as u64) });
    }

    #[test]
    fn any_flipped_bit_shows(payloads in payloads().prop_filter("some", |p| !p.is_empty()), bit in any::<prop::sample::Index>()) {
        let mut bytes = whole(&payloads);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A length that became too large looks like a file that was cut off.
        match read(&bytes) {
            Err(error) => prop_assert!(crate::error::fault(&error).is_some_and(|f| !f.hint.is_empty())),
            Ok((_, end)) => prop_assert!(matches!(end, Next::Torn(_))),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = read(&bytes);
    }
}

#[test]
fn what_drainer_writes() {
    let parsed = |b: &Binlog| read_message(b.encode_to_vec().into(), &TimeZone::UTC);
    let ddl = hex::decode("080110052202613b").unwrap();
    let txn = super::read_message(ddl.into(), &TimeZone::UTC).unwrap();
    assert_eq!((txn.commit_ts, txn.body), (CommitTs(5), Body::Statement(Bytes::from_static(b"a;"))));
    let rows = Binlog { tp: Some(0), commit_ts: Some(7), dml_data: Some(Bytes::new()), ddl_query: None };
    assert_eq!(parsed(&rows).unwrap().body, Body::Named { events: Bytes::new(), zone: TimeZone::UTC });
    for bad in [
        Binlog { commit_ts: Some(0), ..rows.clone() },
        Binlog { commit_ts: Some(-7), ..rows.clone() },
        Binlog { commit_ts: None, ..rows.clone() },
        Binlog { tp: Some(1), ..rows.clone() },
        Binlog { tp: Some(2), ..rows.clone() },
        Binlog { ddl_query: Some(Bytes::new()), ..rows },
    ] {
        let error = parsed(&bad).unwrap_err();
        assert!(crate::error::fault(&error).is_some_and(|f| !f.hint.is_empty()), "{error:#}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = read_message(bytes.into(), &TimeZone::UTC);
    }
}

#[test]
fn names_that_drainer_and_its_tools_give() {
    assert_eq!(index("binlog-0000000000000000-20261121113036"), Some(0));
    assert_eq!(index("binlog-0000000000000012"), Some(12));
    assert_eq!(index("binlog-0000000000000012.gz"), Some(12));
    assert_eq!(index("binlog-0000000000000012-20261121113036.zst"), Some(12));
    assert_eq!(index("binlog-0000000000000012-20261121113036-470616376687198209.tar"), Some(12));
    for name in ["binlog-", "binlogs.bin", "binlog-x-1", "binlog-1-2-3-4", "savepoint", ".lock", "binlog--1"] {
        assert_eq!(index(name), None, "{name}");
    }
    assert_eq!(index("binlog-99999999999999999999"), None, "beyond any number");
}

#[test]
fn gaps_and_doubles_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["binlog-0000000000000003-a", "binlog-0000000000000004-b.gz", "binlog-0000000000000006"];
    for name in names {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let gap = format!("{:#}", list(dir.path()).unwrap_err());
    assert!(gap.contains("number 4 is followed by number 6"), "{gap}");
    fs::write(dir.path().join("binlog-0000000000000005"), "").unwrap();
    assert_eq!(list(dir.path()).unwrap().iter().map(|f| f.index).collect::<Vec<_>>(), [3, 4, 5, 6]);
    fs::write(dir.path().join("binlog-0000000000000005.zst"), "").unwrap();
    let twice = format!("{:#}", list(dir.path()).unwrap_err());
    assert!(twice.contains("file 5 exists twice"), "{twice}");
}
