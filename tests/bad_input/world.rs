//! One case: a recording in a folder, a database on the server, a run of the binary and what it must leave behind.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;
use prost::Message;
use tempfile::TempDir;
use tisync::model::Pulled;
use tisync::playground::mariadb::PrivateServer;
use tisync::source::recording::Writer;
use tisync::source::write;

use crate::common::binary::{Ran, spawn, wait};
use crate::story;

/// No error is longer.
const SCREEN: usize = 15;
/// No run takes longer.
const LIMIT: Duration = Duration::from_secs(100);

pub struct World<'a> {
    pub server: &'a PrivateServer,
    pub conn: Conn,
    /// Database and link.
    pub db: String,
    pub cluster_id: u64,
    pub dir: TempDir,
}

impl<'a> World<'a> {
    pub fn new(server: &'a PrivateServer, number: u64) -> Self {
        let conn = server.connect().unwrap();
        Self { server, conn, db: format!("bad_{number}"), cluster_id: 1000 + number, dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn sql(&mut self, sql: &str) {
        self.conn.query_drop(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// The payloads of the good stream.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        story::messages(&self.db).iter().map(|p| write(p).encode_to_vec()).collect()
    }

    /// Writes the recording with these payloads.
    pub fn record(&self, payloads: &[Vec<u8>]) {
        let meta = serde_json::json!({
            "cluster_id": self.cluster_id, "start_ts": story::start().0, "end_ts": story::end().0,
        });
        fs::write(self.path("meta.json"), meta.to_string()).unwrap();
        fs::write(self.path("ddl_history.json"), story::history(&self.db).to_string()).unwrap();
        let _ = fs::remove_file(self.path("binlogs.bin"));
        let mut writer = Writer::create(self.dir.path(), false).unwrap();
        payloads.iter().for_each(|p| writer.payload(p).unwrap());
        writer.finish().unwrap();
    }

    /// Writes the recording with another message at [`story::BAD`].
    pub fn record_with(&self, bad: &Pulled) {
        self.record_payload(write(bad).encode_to_vec());
    }

    pub fn record_payload(&self, bad: Vec<u8>) {
        let mut payloads = self.payloads();
        payloads[story::BAD] = bad;
        self.record(&payloads);
    }

    /// Syncs the recording to the server as root.
    pub fn sync(&self) -> Ran {
        self.sync_to(&self.server.url())
    }

    pub fn sync_to(&self, url: &str) -> Ran {
        let folder = self.dir.path().to_str().unwrap();
        run(&["sync", "--quiet", "--from", folder, "--to", url, "--link", &self.db])
    }

    /// The rows of the table in its order, `None` if it is not there.
    pub fn rows(&mut self) -> Option<Vec<String>> {
        self.conn.query(format!("SELECT CONCAT_WS(' ', id, name, price) FROM {}.t ORDER BY id", self.db)).ok()
    }

    /// The checkpoint, 0 where there is none.
    pub fn checkpoint(&mut self) -> u64 {
        let sql = format!("SELECT commit_ts FROM tidb_binlog.tisync_checkpoint WHERE link = '{}'", self.db);
        self.conn.query_first(sql).ok().flatten().unwrap_or(0)
    }

    /// That the table and the checkpoint are those after the first `count` messages.
    #[track_caller]
    pub fn expect_applied(&mut self, count: usize, said: &str) {
        let expected = story::rows_after(count).map(|rows| rows.into_iter().map(str::to_owned).collect());
        assert_eq!(self.rows(), expected, "the rows after {count} messages; it said:\n{said}");
        let checkpoint = self.checkpoint();
        let right = match count {
            0 => checkpoint == 0 || checkpoint == story::start().0,
            story::MESSAGES => checkpoint == story::end().0,
            _ => checkpoint == story::ts(count - 1).0,
        };
        assert!(right, "the checkpoint {checkpoint} is not that after {count} messages; it said:\n{said}");
    }

    /// That a sync of what is recorded fails properly behind the first `count` messages.
    #[track_caller]
    pub fn fails(&mut self, code: i32, words: &[&str], count: usize) {
        let ran = self.sync();
        proper(&ran, code, words);
        self.expect_applied(count, &ran.stderr);
    }
}

/// Runs the binary; one that hangs is stopped and fails the test.
pub fn run(args: &[&str]) -> Ran {
    let mut child = spawn(args);
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{args:?} did not end within {LIMIT:?}:\n{}", wait(child).stderr);
        }
        sleep(Duration::from_millis(5));
    }
    wait(child)
}

/// That a run ended with a short error, a hint, these words and no answer.
#[track_caller]
pub fn proper(ran: &Ran, code: i32, words: &[&str]) {
    let said = &ran.stderr;
    if std::env::var_os("SHOW_ERRORS").is_some() {
        eprintln!("{said}");
    }
    assert_eq!(ran.code, code, "{said}");
    assert_eq!(ran.stdout, "");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.lines().count() <= SCREEN, "{} lines:\n{said}", said.lines().count());
    assert!(said.contains("error: ") && said.contains("\nhint: "), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
}
