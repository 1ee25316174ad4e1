//! Backups and dumps in object storage.

use std::time::{Duration, Instant};

use tisync::backup::storage::{Patience, Storage};
use tisync::error::{Kind, fault};

use crate::backups::{backupmeta, bytes, number};
use crate::stand_in::StandIn;
use crate::{Outcome, TS, piped};

fn dump() -> Vec<u8> {
    format!("Started dump at: x\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: {TS}\n\nFinished dump at: x\n").into()
}

fn stand_in() -> StandIn {
    let of = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let meta = backupmeta(0, &[]);
    // What makes a backup one of several files: whether they are there can only be told by a list.
    let file = [bytes(1, b"backupmeta.schema.000000001"), bytes(2, &[7; 32])].concat();
    StandIn::start([
        of("b/full one/backupmeta", &meta),
        of("b/full one/1/x.sst", b"x"),
        of("b/dump/metadata", &dump()),
        of("b/data/d.t.sql", b"x"),
        of("b/metadata", &dump()),
        of("short/full/backupmeta", &meta),
        of("flaky/full/backupmeta", &meta),
        of("unlisted/full/backupmeta", &backupmeta(0, &[number(12, 1), bytes(14, &bytes(1, &file))])),
        of("slow/full/backupmeta", &meta),
        of("old/fullbackupmeta", &meta),
    ])
}

/// Nothing of this machine's own accounts gets in.
fn tisync(args: &[&str]) -> Outcome {
    let none = [
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("HOME", "/nonexistent"),
        ("NO_PROXY", "*"),
    ];
    piped(args, "", &none)
}

fn answer_of(args: &[&str]) -> String {
    let (stdout, stderr, code) = tisync(args);
    assert_eq!(code, 0, "{args:?}: {stderr}");
    assert!(!stderr.contains("geheim"), "{stderr}");
    stdout
}

fn failure_of(args: &[&str]) -> String {
    let (stdout, stderr, code) = tisync(args);
    assert_eq!(stdout, "", "{args:?}");
    assert!(code != 0 && stderr.contains("\nhint: ") && !stderr.contains("geheim"), "{args:?}: {code} {stderr}");
    format!("{code} {stderr}")
}

#[test]
fn an_s3_bucket_in_path_style() {
    let server = stand_in();
    assert_eq!(answer_of(&["from-br", &server.s3("b/full%20one/", "")]), format!("{TS}\n"));
    let asked = server.asked();
    assert!(asked[0].starts_with("b/full one/backupmeta? AWS4-HMAC-SHA256 Credential=ID/"), "{asked:?}");
    assert!(asked[0].contains("/us-west-7/s3/"), "the region is signed: {asked:?}");
    assert_eq!(
        answer_of(&["from-dumpling", &server.s3("b/dump", "&Storage_Class=x&force_path_style=TRUE")]),
        format!("{TS}\n")
    );
    assert_eq!(answer_of(&["from-dumpling", &server.s3("b", "")]), format!("{TS}\n"), "the bucket itself");
    assert_eq!(answer_of(&["from-dumpling", &server.s3("b/dump/metadata", "")]), format!("{TS}\n"), "the file itself");
    assert_eq!(answer_of(&["from-br", &server.s3("flaky/full", "")]), format!("{TS}\n"), "asked again after a 503");
    // The bucket in front of the host needs a host with a name, and one that is known.
    let hosted = failure_of(&["from-br", &server.s3("b/full", "&force-path-style=false")]);
    assert!(hosted.starts_with("2 error: the bucket `b` cannot be put before the endpoint's host"), "{hosted}");
    let hosted =
        "s3://b/full?access-key=ID&secret-access-key=geheim&force-path-style=0&endpoint=http://nowhere.invalid:1";
    let unknown = failure_of(&["from-br", hosted]);
    assert!(unknown.starts_with("3 error: cannot read s3://b/full/backupmeta: "), "{unknown}");
    for bad in ["minio:9000", "ftp://h", "http://", "http://[1"] {
        let refused = failure_of(&["from-br", &format!("s3://b/full?endpoint={bad}")]);
        assert!(refused.starts_with("2 error: the option endpoint of s3://b/full is not a URL"), "{refused}");
    }
}

#[test]
fn what_is_not_in_the_bucket_is_named() {
    let server = stand_in();
    let unfinished = failure_of(&["from-dumpling", &server.s3("b/data", "")]);
    assert!(
        unfinished.starts_with("4 error: the dump in s3://b/data is unfinished: it has data files but no `metadata`"),
        "{unfinished}"
    );
    let nothing = failure_of(&["from-br", &server.s3("b/none", "")]);
    assert!(nothing.starts_with("2 error: ") && nothing.contains("s3://b/none"), "{nothing}");
    let bucket = failure_of(&["from-br", &server.s3("nobucket/full", "")]);
    assert!(
        bucket.starts_with("3 error: bucket or container `nobucket` does not exist at http://127.0.0.1:"),
        "{bucket}"
    );
}

#[test]
fn refusals_say_what_to_do() {
    let server = stand_in();
    let denied = failure_of(&["from-br", &server.s3("denied/full", "")]);
    assert!(denied.starts_with("3 error: cannot read s3://denied/full/backupmeta: http://127.0.0.1:"), "{denied}");
    assert!(
        denied.contains("AccessDenied") && denied.contains("hint: give keys that can read it (s3:GetObject"),
        "{denied}"
    );
    let moved = failure_of(&["from-br", &server.s3("moved/full", "")]);
    assert!(moved.contains("the bucket is in a different region") && moved.contains("?region="), "{moved}");
    let elsewhere = failure_of(&["from-br", &server.s3("elsewhere/full", "")]);
    assert!(elsewhere.contains("?region=eu-central-1"), "{elsewhere}");
    let (stdout, stderr, code) = tisync(&["from-br", &server.s3("unlisted/full", "")]);
    assert_eq!((stdout, code), (format!("{TS}\n"), 0), "{stderr}");
    assert!(stderr.contains("warning: tisync cannot tell whether the backup is complete"), "{stderr}");
    let slip = failure_of(&["from-br", &server.s3("b/full", "&acces-key=geheim")]);
    assert!(slip.starts_with("2 error: ") && slip.contains("did you mean `access-key`?"), "{slip}");
    let nowhere =
        failure_of(&["from-br", "s3://b/full?access-key=ID&secret-access-key=geheim&endpoint=http://127.0.0.1:1"]);
    assert!(nowhere.starts_with("3 error: cannot read s3://b/full/backupmeta: "), "{nowhere}");
}

#[test]
fn a_body_that_ends_early_is_no_backup() {
    let server = stand_in();
    let short = failure_of(&["from-br", &server.s3("short/full", "")]);
    assert!(
        short.starts_with("3 error: cannot read s3://short/full/backupmeta: ") || short.contains("ended after"),
        "{short}"
    );
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_long() {
    let server = stand_in();
    let patience = Patience { connect: Duration::from_millis(300), idle: Duration::from_millis(300) };
    let begin = Instant::now();
    let storage = Storage::open_within(&server.s3("slow/full", ""), patience).unwrap();
    let error = storage.find("backupmeta").err().expect("it never answers");
    // It would answer after a minute.
    assert!(begin.elapsed() < Duration::from_secs(50), "{:?}", begin.elapsed());
    let fault = fault(&error).unwrap();
    assert_eq!(fault.kind, Kind::Connect);
    assert!(fault.message.contains("did not answer in time") && fault.hint.contains("try again"), "{fault:?}");
}

#[test]
fn google_and_azure() {
    let server = stand_in();
    let gcs = |place: &str| format!("gs://{place}?endpoint=http://{}", server.address);
    assert_eq!(answer_of(&["from-br", &gcs("b/full%20one")]), format!("{TS}\n"));
    assert!(server.asked().iter().all(|a| a.ends_with(' ')), "no token over plain http");
    // BR of old wrote `<prefix>backupmeta`.
    assert_eq!(answer_of(&["from-br", &gcs("old/full")]), format!("{TS}\n"));
    let nothing = failure_of(&["from-dumpling", &gcs("b/none")]);
    assert!(nothing.contains("gs://b/none"), "{nothing}");
    let no_file = failure_of(&["from-br", "gcs://b/full?credentials-file=/nonexistent/key.json"]);
    assert!(no_file.starts_with("2 error: the option credentials-file of gcs://b/full is not a file"), "{no_file}");

    let azure = |place: &str, more: &str| {
        format!("azure://{place}?endpoint=http://{}/account&account-name=account{more}", server.address)
    };
    let key = "&account-key=Z2VoZWlt";
    server.asked();
    assert_eq!(answer_of(&["from-br", &azure("b/full%20one", key)]), format!("{TS}\n"));
    assert!(server.asked()[0].contains("SharedKey account:"), "signed with the account's key");
    assert_eq!(answer_of(&["from-dumpling", &azure("b/dump", "&sas-token=sv%3D1%26sig%3Dgeheim")]), format!("{TS}\n"));
    assert!(server.asked()[0].contains("sig=geheim"), "the token goes with the request");
    let nothing = failure_of(&["from-dumpling", &azure("b/none", key)]);
    assert!(nothing.contains("azure://b/none"), "{nothing}");
    let denied = failure_of(&["from-br", &azure("denied/full", "&sas-token=sv%3D1%26sig%3Dgeheim")]);
    assert!(denied.contains("account-key=…"), "{denied}");
}

#[test]
fn keys_of_the_environment_and_of_a_profile() {
    let server = stand_in();
    let address = format!("s3://b/dump?endpoint=http://{}", server.address);
    let run = |env: &[(&str, &str)]| {
        let (stdout, stderr, code) = piped(&["from-dumpling", &address], "", env);
        assert_eq!((stdout, code), (format!("{TS}\n"), 0), "{stderr}");
        server.asked().remove(0)
    };
    let own =
        [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "geheim"), ("AWS_REGION", "r-1"), ("NO_PROXY", "*")];
    assert!(run(&own).contains("Credential=ENV/") && run(&own).contains("/r-1/s3/"));
    let files = crate::folder(&[
        ("credentials", "[ops]\naws_access_key_id = OPS\naws_secret_access_key = geheim\n"),
        ("config", "[profile ops]\nregion = r-2\n"),
    ]);
    let file = |name: &str| files.path().join(name).display().to_string();
    let (credentials, config) = (file("credentials"), file("config"));
    let profile = [
        ("AWS_PROFILE", "ops"),
        ("AWS_SHARED_CREDENTIALS_FILE", &*credentials),
        ("AWS_CONFIG_FILE", &*config),
        ("NO_PROXY", "*"),
    ];
    let asked = run(&profile);
    assert!(asked.contains("Credential=OPS/") && asked.contains("/r-2/s3/"), "{asked}");
}
