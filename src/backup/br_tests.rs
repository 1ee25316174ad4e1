use super::*;
use proptest::prelude::*;
use std::io::Cursor;

const END: u64 = 470_617_655_293_509_638;

fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    bytes.push(n.to_le_bytes()[0]);
    bytes
}

fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn v2() -> Vec<u8> {
    let file = [bytes(1, b"backupmeta.schema.000000002"), bytes(2, &[0xab; 32]), number(11, 6586)].concat();
    [
        number(1, 7_710_597_548_067_916_630),
        bytes(2, b"\"8.1.0\"\n"),
        number(6, END),
        bytes(11, b"BR\nRelease Version: v8.1.0\n"),
        number(12, 1),
        bytes(14, &bytes(1, &file)),
        bytes(20, b"True"),
        number(25, 111_184),
    ]
    .concat()
}

fn parsed(message: &[u8]) -> Result<Backup> {
    let reader = Box::new(Cursor::new(message.to_vec()));
    let now = "2026-11-21T13:00:00Z".parse().unwrap();
    parse(Object { place: "b".into(), len: message.len() as u64, reader }, None, now)
}

#[test]
fn both_formats() {
    let backup = parsed(&v2()).unwrap();
    assert_eq!((backup.end_version, backup.version, backup.cluster_version.as_str()), (CommitTs(END), 1, "8.1.0"));
    assert_eq!(
        (backup.index_files.as_slice(), backup.is_incremental()),
        (&["backupmeta.schema.000000002".to_owned()][..], false)
    );
    // v1 holds its files (field 4) in front of the versions; one of them is larger than any text
    // may be.
    let v1 = [
        number(1, 7),
        bytes(4, &vec![0x33; 100_000]),
        number(5, END - 9),
        number(6, END),
        bytes(7, b"x"),
        number(99, 1),
    ]
    .concat();
    let backup = parsed(&v1).unwrap();
    assert_eq!((backup.start_version, backup.version, backup.is_incremental()), (CommitTs(END - 9), 0, true));
    let full = [number(1, 7), number(5, END), number(6, END)].concat();
    assert!(!parsed(&full).unwrap().is_incremental());
}

#[test]
fn what_makes_no_sense() {
    for (message, part) in [
        (number(6, END), "cluster"),
        (number(1, 7), "no end-version"),
        ([number(1, 7), number(6, 154)].concat(), "not a TiDB timestamp"),
        ([number(1, 7), number(6, END + (1 << 40))].concat(), "future"),
        ([number(1, 7), number(5, END + 1), number(6, END)].concat(), "before it starts"),
        ([number(1, 7), bytes(6, b"1")].concat(), "stored as"),
        ([number(1, 7), number(6, END), bytes(2, &[0xff])].concat(), "UTF-8"),
        ([number(1, 7), number(6, END), bytes(14, &bytes(1, b""))].concat(), "without a name"),
        ([number(1, 7), number(6, END), bytes(2, &vec![b'8'; 70_000])].concat(), "at most"),
    ] {
        let error = format!("{:#}", parsed(&message).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_cut_or_flipped_file_never_panics() {
    let whole = v2();
    for end in 0..whole.len() {
        // There is no checksum: a cut between two fields behind the end-version cannot be seen, and
        // loses nothing.
        assert!(parsed(&whole[..end]).map_or(true, |b| b.end_version.0 == END), "cut at {end}");
    }
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused += usize::from(parsed(&flipped).is_err());
    }
    assert!(refused > 100, "{refused}");
}

proptest! {
    #[test]
    fn random_bytes_are_no_backup(message in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parsed(&message).is_err());
    }

    #[test]
    fn every_version_comes_back(start in 0..END, cluster in 1u64.., size: u64) {
        let message = [number(1, cluster), number(5, start), number(6, END), number(25, size)].concat();
        let backup = parsed(&message).unwrap();
        prop_assert_eq!((backup.start_version.0, backup.end_version.0, backup.cluster_id, backup.size), (start, END, cluster, size));
    }
}

fn keystream(method: Method, key: &str, iv: &str, cipher_text: &str) -> String {
    let crypter = Crypter::new(method, key).unwrap();
    let file = hex::decode(format!("{iv}{cipher_text}")).unwrap();
    let mut plain = Vec::new();
    crypter.decrypt(&file[..]).unwrap().read_to_end(&mut plain).unwrap();
    hex::encode(plain)
}

#[test]
fn nist_vectors() {
    // NIST SP 800-38A, F.5: the first two blocks of each.
    let iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
    let k128 = "2b7e151628aed2a6abf7158809cf4f3c";
    let k192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
    let k256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    let c128 = "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff";
    let c192 = "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94";
    let c256 = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5";
    assert_eq!(keystream(Method::Aes128Ctr, k128, iv, c128), plain);
    assert_eq!(keystream(Method::Aes192Ctr, &format!("{k192}\n"), iv, c192), plain);
    assert_eq!(keystream(Method::Aes256Ctr, &format!("{k256}\r\n").to_uppercase(), iv, c256), plain);
}

#[test]
fn keys_that_do_not_fit_are_not_repeated() {
    for (method, key) in [
        (Method::Aes128Ctr, "c0ffee"),
        (Method::Aes192Ctr, "c0ffeeq"),
        (Method::Aes256Ctr, ""),
        (Method::Aes128Ctr, "c0ffee00c0ffee00c0ffee00c0ffee00\n\n"),
    ] {
        let error = Crypter::new(method, key).err().unwrap();
        let text = format!("{error:#} {}", crate::error::fault(&error).unwrap().hint);
        assert!(!text.contains("c0ffee"), "{text}");
    }
}
