//! Real files of a real Drainer: the `bidi` database of one side of a bidirectional run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use tempfile::TempDir;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;

use crate::common::binary::{spawn, tisync, wait};
use crate::common::target::{checkpoint, equal, position};
use crate::write;

fn files(folder: &Path) -> PathBuf {
    folder.join("bidi-a/drainer-pb")
}

/// The one file that Drainer wrote.
fn bytes(folder: &Path) -> Vec<u8> {
    let file = fs::read_dir(files(folder)).unwrap().next().unwrap().unwrap().path();
    fs::read(file).unwrap()
}

fn args<'a>(from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["sync", "--from", from, "--to", to, "--quiet"], more].concat()
}

fn replay(from: &Path, server: &PrivateServer, more: &[&str]) -> String {
    let (from, to) = (from.display().to_string(), server.url());
    tisync(&args(&from, &to, more)).expect(0).stderr
}

pub fn same_as_the_stream(folder: &Path) -> Result<(), Failed> {
    let (of_files, of_stream) = (PrivateServer::start()?, PrivateServer::start()?);
    replay(&files(folder), &of_files, &[]);
    let last = write::frames(&bytes(folder)).last().map(|frame| write::commit_ts(frame));
    assert_eq!(Some(checkpoint(&of_files)), last, "the checkpoint stands at the last transaction");
    replay(&folder.join("bidi-a"), &of_stream, &["--allow-missing"]);
    let side = |server: &PrivateServer| Side::new(server.connect()?, "bidi");
    let found = compare::databases(&mut side(&of_files)?, &mut side(&of_stream)?, Definitions::Exact, &[])?;
    assert!(found.equal() && found.tables == 2 && found.rows > 500, "{found:?}");
    println!("{} tables, {} rows equal", found.tables, found.rows);
    equal(&of_files, &folder.join("bidi-a/dump"), &["bidi"])
}

/// In three files: gzip, zstd, and a plain one that ends within a message; Drainer repeats itself behind a restart.
pub fn compressed_and_torn(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let bytes = bytes(folder);
    let frames = write::frames(&bytes);
    let dir = TempDir::new()?;
    let (a, b) = (frames.len() / 3, frames.len() / 2);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&frames[..a].concat())?;
    fs::write(dir.path().join("binlog-0000000000000007-20261121113036.gz"), gzip.finish()?)?;
    let middle = zstd::encode_all(&frames[a - 9..b].concat()[..], 1)?;
    fs::write(dir.path().join("binlog-0000000000000008-20261121113136.zst"), middle)?;
    let mut last = frames[b - 20..].concat();
    last.extend_from_slice(&frames[0][..frames[0].len() - 1]);
    fs::write(write::name(dir.path(), 9), last)?;
    let (from, to) = (dir.path().display().to_string(), server.url());
    let ran = tisync(&["sync", "--from", &from, "--to", &to]).expect(0);
    assert!(ran.stderr.contains("is an unfinished message"), "{}", ran.stderr);
    assert!(ran.stderr.contains("Drainer wrote 29 transactions again after a restart"), "{}", ran.stderr);
    equal(&server, &folder.join("bidi-a/dump"), &["bidi"])
}

pub fn cut_and_continued(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let all: Vec<u64> = write::frames(&bytes(folder)).into_iter().map(write::commit_ts).collect();
    for n in 1..=4 {
        let cut = all[all.len() * n / 5] + n as u64 % 2;
        replay(&files(folder), &server, &["--until", &cut.to_string()]);
        assert_eq!(checkpoint(&server), cut, "the checkpoint stands where the run stopped");
    }
    // A time is the first ts of its millisecond: behind everything here.
    replay(&files(folder), &server, &["--until", "2026-11-21T23:00:00Z"]);
    equal(&server, &folder.join("bidi-a/dump"), &["bidi"])
}

pub fn killed_and_continued(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let (from, to) = (files(folder).display().to_string(), server.url());
    let mut moved = Vec::new();
    let mut pause = 0;
    loop {
        let mut run = spawn(&args(&from, &to, &["--batch-rows", "1", "--workers", "2"]));
        std::thread::sleep(std::time::Duration::from_millis(pause));
        pause += 25;
        if run.try_wait()?.is_some() {
            wait(run).expect(0);
            break;
        }
        run.kill()?;
        run.wait()?;
        moved.extend(position(&server));
    }
    moved.dedup();
    println!("killed at {} different positions", moved.len());
    assert!(moved.len() > 1, "killed on the way: {moved:?}");
    equal(&server, &folder.join("bidi-a/dump"), &["bidi"])
}
