//! `ts from-br`, on backupmeta files built here.

use std::fs;

use ctr::cipher::{KeyIvInit, StreamCipher};
use tempfile::TempDir;

use crate::{TS, answer, failure, folder, path, piped, tisync};

fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    bytes.push(n.to_le_bytes()[0]);
    bytes
}

pub fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

pub fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A backupmeta that ends at [`TS`]; `fields` come behind the versions.
pub fn backupmeta(start: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    let head = [number(1, 77), bytes(2, b"\"8.1.0\"\n"), number(5, start), number(6, TS.parse().unwrap())].concat();
    [head, fields.concat(), bytes(11, b"BR\nRelease Version: v8.1.0\nGit Branch: heads/refs/tags/v8.1.0\n")].concat()
}

fn backup(content: &[u8]) -> TempDir {
    let folder = folder(&[]);
    fs::write(folder.path().join("backupmeta"), content).unwrap();
    folder
}

fn backup_failure(content: &[u8], options: &[&str]) -> String {
    let backup = backup(content);
    failure(backup.path(), &[&["from-br", path(&backup)], options].concat())
}

/// BR prints `field 'x' not found` for a field that there is not, and says that all is well: a script then has that text for a ts.
#[test]
fn t31_only_a_ts_is_ever_printed() {
    let whole = backup(&backupmeta(0, &[]));
    for args in [&["--field", "nowhere"][..], &["--field=end_version"], &["nowhere"], &["--nowhere"]] {
        let (stdout, _, code) = tisync(&[&["from-br", path(&whole)], args].concat());
        assert!(stdout.is_empty() && code != 0, "{args:?}: {code} `{stdout}`");
    }
    // Without an end there is no ts either, whatever else the file says.
    for content in [number(1, 77), bytes(2, b"\"8.1.0\"\n"), vec![], [number(1, 77), number(6, 0)].concat()] {
        let (stdout, stderr, code) = tisync(&["from-br", path(&backup(&content))]);
        assert!(stdout.is_empty() && code != 0, "{content:?}: {code} `{stdout}` {stderr}");
    }
}

#[test]
fn backups_in_both_formats() {
    let index = bytes(1, &[bytes(1, b"backupmeta.schema.000000001"), bytes(2, &[7; 32])].concat());
    let v1 = backup(&backupmeta(0, &[bytes(7, b"a schema")]));
    assert_eq!(answer(&["from-br", path(&v1)]), (format!("{TS}\n"), String::new()));
    let v2 = backup(&backupmeta(0, &[number(12, 1), bytes(14, &index)]));
    let (stdout, stderr) = answer(&["from-br", &format!("local://{}/backupmeta", path(&v2))]);
    assert_eq!((stdout, stderr), (format!("{TS}\n"), String::new()));
    let (stdout, stderr) = answer(&["from-br", path(&v2)]);
    assert_eq!(stdout, format!("{TS}\n"));
    assert!(stderr.contains("backupmeta.schema.000000001, which is missing"), "{stderr}");
    fs::write(v2.path().join("backupmeta.schema.000000001"), "").unwrap();
    assert_eq!(answer(&["from-br", path(&v2)]).1, "");
}

#[test]
fn an_incremental_backup_says_so() {
    let backup = backup(&backupmeta(420_747_000_000_000_000, &[]));
    let (stdout, stderr) = answer(&["from-br", path(&backup), "--output", "json"]);
    assert!(
        stderr.starts_with("note: this backup is incremental: it holds only the changes after 420747000000000000 ("),
        "{stderr}"
    );
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "version": 1, "ts": TS, "time": "2020-11-10T15:40:19.591Z", "kind": "incremental",
            "start_version": "420747000000000000", "end_version": TS, "cluster_id": "77", "cluster_version": "8.1.0",
            "br_version": "BR\nRelease Version: v8.1.0\nGit Branch: heads/refs/tags/v8.1.0", "format": "v1",
            "new_collations": "", "size": 0, "encrypted": false
        })
    );
}

#[test]
fn backups_that_replication_cannot_start_from() {
    insta::assert_snapshot!(backup_failure(&backupmeta(0, &[number(8, 1)]), &[]), @"
    4 error: DIR/backupmeta belongs to a backup of raw keys (`br backup raw`), without tables or commit ts
    hint: replication starts from a backup made by `br backup full`, `db` or `table`
    ");
    insta::assert_snapshot!(backup_failure(&backupmeta(0, &[number(12, 2)]), &[]), @"
    4 error: DIR/backupmeta is in format v3, and this version supports v1 and v2
    hint: update tisync, or read the TS with `br validate decode --field=end-version`
    ");
    insta::assert_snapshot!(backup_failure(b"", &[]), @"
    4 error: DIR/backupmeta is empty
    hint: the backup or the copy has failed: see BR's log
    ");
    let whole = backupmeta(0, &[]);
    insta::assert_snapshot!(backup_failure(&whole[..14], &[]), @"
    4 error: DIR/backupmeta is damaged, or not a BR backupmeta: it has no end-version: it may have been cut off
    hint: copy it again from the backup, or check in BR's log that the backup succeeded
    ");
    for end in 1..whole.len() {
        let backup = backup(&whole[..end]);
        let (stdout, stderr, code) = tisync(&["from-br", path(&backup)]);
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert!(
            code == 4 && stdout.is_empty() || code == 0 && stdout == format!("{TS}\n"),
            "cut at {end}: {code} {stdout}"
        );
    }
    for (files, part) in [
        (&[("backup.lock", "")][..], "4 error: the backup in DIR is unfinished"),
        (&[("metadata", "")], "2 error: DIR contains a dump, not a BR backup"),
        (&[], "2 error: DIR is not the folder of a backup"),
    ] {
        let folder = folder(files);
        let text = failure(folder.path(), &["from-br", path(&folder)]);
        assert!(text.starts_with(part), "{text}");
    }
}

#[test]
fn encrypted_backups() {
    let iv = [0xa5; 16];
    let plain = backupmeta(0, &[bytes(7, &[b'x'; 300])]);
    let key = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210";
    for (method, digits) in [("aes128-ctr", 32), ("AES192-CTR", 48), ("aes256-ctr", 64)] {
        let hex = &key[..digits];
        let raw = hex::decode(hex).unwrap();
        let mut body = plain.clone();
        match digits {
            32 => ctr::Ctr128BE::<aes::Aes128>::new_from_slices(&raw, &iv).unwrap().apply_keystream(&mut body),
            48 => ctr::Ctr128BE::<aes::Aes192>::new_from_slices(&raw, &iv).unwrap().apply_keystream(&mut body),
            _ => ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&raw, &iv).unwrap().apply_keystream(&mut body),
        }
        let content = [&iv[..], &body].concat();
        let backup = backup(&content);
        let key_file = backup.path().join("key");
        fs::write(&key_file, format!("{hex}\n")).unwrap();
        let args = ["from-br", path(&backup), "--crypter-method", method];
        let by_file = [&args[..], &["--crypter-key-file", key_file.to_str().unwrap()]].concat();
        let by_flag = [&args[..], &["--crypter.key", hex]].concat();
        for (stdout, stderr, code) in [
            tisync(&by_file),
            tisync(&by_flag),
            piped(&args, "", &[("TISYNC_CRYPTER_KEY", hex)]),
            // A flag comes before the environment.
            piped(&by_file, "", &[("TISYNC_CRYPTER_KEY", "00")]),
        ] {
            assert_eq!((stdout, stderr, code), (format!("{TS}\n"), String::new(), 0), "{method}");
        }
        let wrong = hex.replace('7', "8");
        let text = failure(backup.path(), &[&args[..], &["--crypter-key", &wrong]].concat());
        assert!(text.starts_with("2 error: DIR/backupmeta does not make sense when decrypted with aes"), "{text}");
        assert!(!text.contains(&wrong), "{text}");
        for (options, part) in [
            (&[][..], "2 error: DIR/backupmeta looks encrypted: "),
            (&["--crypter-method", "plaintext"], "2 error: DIR/backupmeta looks encrypted: "),
            (&["--crypter-key", hex], "2 error: a key was given, but no method"),
            (&["--crypter-method", method], "needs a key\n"),
            (&["--crypter-method", method, "--crypter-key", "0011"], "2 error: the key has 2 bytes, but aes"),
            (
                &["--crypter-method", method, "--crypter-key", "no hex"],
                "2 error: the key is not written in pairs of hex digits",
            ),
            (
                &["--crypter-method", method, "--crypter-key-file", "/nonexistent/key"],
                "3 error: cannot read the key file /nonexistent/key",
            ),
        ] {
            let text = failure(backup.path(), &[&["from-br", path(&backup)], options].concat());
            assert!(text.contains(part), "{options:?}: {text}");
        }
    }
    let both =
        tisync(&["from-br", "x", "--crypter-method", "aes128-ctr", "--crypter-key", "00", "--crypter-key-file", "k"]);
    assert!(both.2 == 2 && both.0.is_empty() && both.1.contains("cannot be used with"), "{both:?}");
    let plain_with_key = backup_failure(&plain, &["--crypter-method", "aes128-ctr", "--crypter-key", &key[..32]]);
    assert!(plain_with_key.contains("if the backup is not encrypted, give neither"), "{plain_with_key}");
}
