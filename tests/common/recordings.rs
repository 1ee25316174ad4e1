//! Where the real recordings are, how a test that has none says so, and a plain reader of their frames that shares
//! nothing with the code under test but the message types.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;
use tisync::source::binlog::Binlog;

/// The folder of the recordings: `TISYNC_RECORDINGS`, or `shared/recordings` beside the checkout. `None`, loudly, where
/// there is none.
pub fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    let dir = std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from);
    if dir.join("everything").is_dir() {
        return Some(dir);
    }
    eprintln!(
        "SKIPPED: no recordings at {}; tests that need them are ignored (TISYNC_RECORDINGS names the folder)",
        dir.display()
    );
    None
}

/// Every message of a recording's one stream.
pub fn messages(dir: &Path) -> Vec<Binlog> {
    let mut rest = Bytes::from(fs::read(dir.join("binlogs.bin")).expect("a stream"));
    let mut all = Vec::new();
    while !rest.is_empty() {
        let head = rest.split_to(4);
        let length = u32::from_be_bytes(head[..].try_into().expect("four bytes")) as usize;
        all.push(Binlog::decode(rest.split_to(length)).expect("a Binlog"));
    }
    all
}

/// The commit ts of each message, in the order of the stream; of transactions with rows alone if `rows_only`.
pub fn commit_tss(dir: &Path, rows_only: bool) -> Vec<u64> {
    let kept = |b: &Binlog| !rows_only || b.prewrite_value.is_some();
    messages(dir).iter().filter(|b| kept(b)).map(|b| b.commit_ts.expect("a commit ts") as u64).collect()
}

/// The commit ts of each DDL message whose job has the type `wanted`.
pub fn ddl_of_type(dir: &Path, wanted: i64) -> Vec<u64> {
    let history = fs::read(dir.join("ddl_history.json")).expect("a history");
    let jobs: Vec<serde_json::Value> = serde_json::from_slice(&history).expect("JSON");
    let ids: HashSet<i64> = jobs.iter().filter(|j| j["type"] == wanted).filter_map(|j| j["id"].as_i64()).collect();
    let ddl = |b: &Binlog| b.ddl_job_id.is_some_and(|id| ids.contains(&id));
    messages(dir).iter().filter(|b| ddl(b)).map(|b| b.commit_ts.expect("a commit ts") as u64).collect()
}
