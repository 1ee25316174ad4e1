//! Files and addresses of operators, other tools' files, and what others write into PD and into the target.

use std::path::Path;

use jiff::Timestamp;
use tempfile::TempDir;
use tisync::backup::dumpling::Metadata;
use tisync::backup::storage::Storage;
use tisync::backup::{br, dumpling};
use tisync::checkpoint::Who;
use tisync::config::{Document, FileKind, open};
use tisync::event::silent;
use tisync::filter::{Filter, Rules};
use tisync::moment;
use tisync::mysql::address::Target as Server;
use tisync::pd::{State, Status, parse_endpoints};
use tisync::sink::mysql::ddl::Begun;

use crate::mutate::varint;
use crate::targets::Target;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "configuration", seeds: configurations, words: TOML, read: configuration, share: 50 },
        Target { name: "address", seeds: addresses, words: URL, read: address, share: 60 },
        Target { name: "registration", seeds: registrations, words: JSON, read: registration, share: 60 },
        Target { name: "records", seeds: records, words: JSON, read: record, share: 60 },
        Target { name: "dump", seeds: dumps, words: DUMP, read: dump, share: 20 },
        Target { name: "backup", seeds: backups, words: &[], read: backup, share: 20 },
    ]
}

const TOML: &[&str] = &[
    "[[link]]\n",
    "[cluster.a]\n",
    "[syncer.to]\n",
    "= {",
    "a.b.c = ",
    "[",
    "]",
    "{",
    "}",
    "\"\"\"",
    "'''",
    "\\u0000",
    "= 1e400",
    "= -1",
    "= true",
    "= [[[[",
    "a={",
    "a=[",
    "1979-05-27",
    "\n",
    "tables = ",
    "\"~^a[\"",
    "\"/(a+)+$/\"",
    "memory-limit = \"999999999999TiB\"",
];
const URL: &[&str] = &[
    "mysql://",
    "pd://",
    "tidb://",
    "s3://",
    "@",
    ":",
    "?",
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "[::1]",
    ":99999",
    "ssl-mode=",
    "socket=",
    ",",
    "*.*",
    "!",
    "/a/",
    "~",
    "\u{1f600}",
];
const JSON: &[&str] =
    &["null", "-1", "1e400", "18446744073709551616", "\"\"", "[", "]", "{", "}", ",", ":", "\"state\":", "\\ud800"];
const DUMP: &[&str] = &[
    "SHOW MASTER STATUS:\n",
    "\tPos: ",
    "Log: ",
    "Started dump at: ",
    "Finished dump at: ",
    "[source]\n",
    "File = ",
    "\u{feff}",
    "\r\n",
    "99999999999999999999",
];

/// tisync.toml or drainer.toml.
fn configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(document) = Document::parse(Path::new("tisync.toml"), &text, false) else { return };
    if FileKind::of(&document).is_ok() {
        with_file("tisync.toml", text.as_bytes(), &|folder| drop(open(&folder.join("tisync.toml"), &|_| None)));
    }
}

fn configurations() -> Vec<Vec<u8>> {
    [
        "[cluster.a]\npd = [\"pd0:2379\"]\nsql = \"root@db:4000\"\n\n[[link]]\nname = \"ab\"\nfrom = \"a\"\nto = \"mysql://u@h:3306?ssl-mode=required\"\n\
         start-ts = 470616376687198209\ntables = [\"app.*\", \"!app.tmp_*\", \"/^x/.y\"]\nloopback = true\nchannel-id = 1\nmemory-limit = \"1GiB\"\n\
         [[link.events]]\ntables = [\"app.t\"]\nignore = [\"delete\"]\nignore-sql = [\"^drop\"]\n[[link.route]]\nfrom = \"app.*\"\nto = \"app2\"\n",
        "pd-urls = \"http://127.0.0.1:2379\"\ninitial-commit-ts = -1\n[syncer]\nworker-count = 16\ntxn-batch = 20\ndb-type = \"mysql\"\n\
         ignore-schemas = \"INFORMATION_SCHEMA,test\"\nreplicate-do-db = [\"~^b.*\", \"s1\"]\n[[syncer.replicate-do-table]]\ndb-name = \"test\"\n\
         tbl-name = \"log\"\n[syncer.to]\nhost = \"127.0.0.1\"\nuser = \"root\"\nport = 3306\n[syncer.to.checkpoint]\nschema = \"tidb_binlog\"\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Addresses, patterns of tables, and points in time.
fn address(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let _ = (parse_endpoints(std::slice::from_ref(&text)).is_ok(), Server::parse(&text, &silent()).is_ok());
    let _ =
        Filter::new(&Rules { tables: tisync::filter::split(&text), ..Rules::default() }).map(|f| f.table("app", &text));
    let _ = (moment::parse(&text, None, Timestamp::UNIX_EPOCH).is_ok(), State::read(&text));
}

fn addresses() -> Vec<Vec<u8>> {
    [
        "mysql://user:p%40ss@db.example:3306?ssl-mode=verify-identity&ssl-ca=/ca.pem",
        "mysql://root@localhost?socket=/run/mysqld.sock",
        "pd://10.0.0.1:2379,10.0.0.2:2379",
        "https://[::1]:2379",
        "*.*,!mysql.*,app.`a.b`,/^x.*/.t,db[0-9].t?",
        "2024-02-29T12:00:00+08:00",
        "-1h30m",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// An entry under which a Pump or a Drainer registered.
fn registration(input: &[u8]) {
    if let Ok(status) = Status::read(input) {
        let _ = (status.state(), status.max_commit_ts(), status.update_ts(), status.write().is_ok());
    }
}

fn registrations() -> Vec<Vec<u8>> {
    vec![
        br#"{"nodeId":"pump-1","host":"10.0.0.1:8250","state":"online","isAlive":true,"score":0,"label":null,"maxCommitTS":470616376687198209,"updateTS":470616376687198210}"#.to_vec(),
        Status::new("tisync", "10.0.0.2:8249", &State::Online).write().expect("JSON"),
    ]
}

/// What the link's own rows on the target hold as text.
fn record(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(who) = Who::read(&text) {
        let _ = (who.text(), who.writes_mark());
    }
    if let Some(begun) = Begun::read(&text) {
        (0..3).for_each(|step| drop((begun.form(step).names(), begun.sent(step))));
    }
}

fn records() -> Vec<Vec<u8>> {
    vec![
        Who::this_process("root@localhost", None).text().into_bytes(),
        br#"{"version":1,"action":3,"database":"db","statements":["CREATE TABLE t (a INT)"],"before":[],"after":[],"picture":{}}"#.to_vec(),
    ]
}

/// The metadata of a dump.
fn dump(input: &[u8]) {
    let _ = Metadata::parse(&String::from_utf8_lossy(input));
    with_file("metadata", input, &|folder| {
        let storage = Storage::open(&folder.display().to_string()).expect("a folder");
        drop(dumpling::read(&storage, None, Timestamp::UNIX_EPOCH));
    });
}

fn dumps() -> Vec<Vec<u8>> {
    [
        "Started dump at: 2020-11-10 10:40:19\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: 420747102018863124\n\tGTID:\n\nFinished dump at: 2020-11-10 10:40:20\n",
        "# Started dump at: 2024-02-29 12:00:00\n[config]\nquote-character = BACKTICK\n[source]\nFile = tidb-binlog\nPosition = 420747102018863124\n# Finished dump at: 2024-02-29 12:00:01\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// BR's backupmeta.
fn backup(input: &[u8]) {
    with_file("backupmeta", input, &|folder| {
        let storage = Storage::open(&folder.display().to_string()).expect("a folder");
        drop(br::read(&storage, None, Timestamp::UNIX_EPOCH));
    });
}

fn backups() -> Vec<Vec<u8>> {
    let number = |field: u64, n: u64| [varint(field << 3), varint(n)].concat();
    let bytes =
        |field: u64, value: &[u8]| [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat();
    let head = [number(1, 77), bytes(2, b"\"8.1.0\"\n"), number(5, 0), number(6, 470_616_376_687_198_209)].concat();
    let index = bytes(1, &[bytes(1, b"backupmeta.schema.000000001"), bytes(2, &[7; 32])].concat());
    vec![
        [head.clone(), bytes(7, b"a schema"), bytes(11, b"BR\nRelease Version: v8.1.0\n")].concat(),
        [head, number(12, 1), bytes(14, &index)].concat(),
    ]
}

fn with_file(name: &str, content: &[u8], read: &dyn Fn(&Path)) {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a folder");
    }
    FOLDER.with(|folder| {
        std::fs::write(folder.path().join(name), content).expect("the file");
        read(folder.path());
    });
}
