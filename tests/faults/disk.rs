//! A full disk: the run stops with a clear error, and when there is room again the next one ends equal.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Failed, Trial};
use mysql::prelude::Queryable;
use tempfile::TempDir;

use crate::common::server;
use crate::summary::note;
use crate::truth;
use crate::workload::{self, Options};
use crate::world::{self, Ended, Server, World};

/// Room for a fresh server, and some more.
const DISK: &str = "400m";
/// What is left of it for the run, in bytes.
const LEFT: u64 = 400_000;

/// The same of a table space, which also has to take the notes for rolling back.
const SPACE_LEFT: u64 = 6_000_000;

pub fn trials() -> Vec<Trial> {
    let test = || full_disk().map_err(|e| Failed::from(format!("{e:#}")));
    vec![server::trial("a_full_disk_stops_the_run_until_there_is_room", test)]
}

/// A file system of its own, in memory.
struct Disk(TempDir);

impl Disk {
    /// `None` where this account may not mount.
    fn mount() -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let size = format!("size={DISK}");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tisync-test"]).arg(dir.path()).output();
        Ok(mounted.is_ok_and(|o| o.status.success()).then(|| Self(dir)))
    }

    fn free(&self) -> Result<u64> {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(self.0.path()).output()?;
        let text = String::from_utf8(output.stdout)?;
        text.lines().nth(1).and_then(|l| l.trim().parse().ok()).context("df says nothing")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn full_disk() -> Result<()> {
    if server::is_mysql() {
        server::refuse("the small disk is measured for the files of MariaDB");
    }
    let Some(disk) = Disk::mount()? else {
        println!("this account may not mount a small disk: a table space of limited size stands in for it");
        return full_table_space();
    };
    let extra = [&world::UNSYNCED[..], &["--innodb-log-file-size=8M"]].concat();
    let server = Arc::new(Mutex::new(server::start_in(disk.0.path(), &extra)?));
    let filler = disk.0.path().join("filler");
    let fill = || {
        // The log is mapped into memory: without all its pages on the disk it is a crash that comes, not an error.
        let log = find(disk.0.path(), "ib_logfile0")?;
        ensure!(Command::new("fallocate").args(["-l", "8M"]).arg(log).status()?.success(), "fallocate failed");
        fill(&filler, disk.free()?.saturating_sub(LEFT))
    };
    play(&server, ("disk full", 40), fill, || Ok(fs::remove_file(&filler)?))
}

/// The file of the one server below `dir`.
fn find(dir: &Path, name: &str) -> Result<PathBuf> {
    let servers = fs::read_dir(dir)?.map(|e| Ok(e?.path().join("data").join(name)));
    let found: Vec<PathBuf> = servers.collect::<Result<_>>()?;
    found.into_iter().find(|p| p.exists()).with_context(|| format!("no {name}"))
}

fn fill(path: &Path, mut bytes: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let block = vec![1; 1 << 16];
    while bytes > 0 {
        let now = usize::try_from(bytes)?.min(block.len());
        file.write_all(&block[..now])?;
        bytes -= now as u64;
    }
    Ok(())
}

/// One file for all tables, that may not grow.
fn full_table_space() -> Result<()> {
    let limit = ["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:64M"];
    let extra = [&world::UNSYNCED[..], &limit].concat();
    let server = Arc::new(Mutex::new(server::start(&extra)?));
    let connect = || server.lock().unwrap_or_else(|e| e.into_inner()).connect();
    let fill = || {
        let mut conn = connect()?;
        conn.query_drop("CREATE DATABASE filler")?;
        conn.query_drop("CREATE TABLE filler.f (b LONGBLOB)")?;
        // What is left is less than the run needs, and enough for the server to drop this again.
        let free = "SELECT t.data_free + 67108864 - s.file_size FROM information_schema.tables t \
             JOIN information_schema.innodb_sys_tablespaces s ON s.name = 'innodb_system' WHERE t.table_name = 'f'";
        while conn.query_first::<u64, _>(free)?.context("no table space")? > SPACE_LEFT {
            conn.query_drop("INSERT INTO filler.f VALUES (REPEAT('x', 500000))")?;
        }
        Ok(())
    };
    play(&server, ("table space full", 200), fill, || Ok(connect()?.query_drop("DROP TABLE filler.f")?))
}

fn play(
    server: &Server,
    (label, rows): (&str, u64),
    fill: impl Fn() -> Result<()>,
    make_room: impl Fn() -> Result<()>,
) -> Result<()> {
    let mut world = World::new(server.clone(), 7_400_000_000_002_000_001, 1, false)?;
    let options = Options { only_inserts: Some(rows), txns: 400, ..Options::small() };
    let truth = workload::write(&world.cluster, &options)?;
    // A server that has no room to roll back an insert into an empty table crashes.
    let run = world.start(truth.half, &[])?;
    ensure!(run.wait()? == Ended::Code(0), "the first half failed: {}", world.ended(&run));

    fill()?;
    let run = world.start(truth.end, &[])?;
    let ended = run.wait()?;
    let said = world.ended(&run);
    println!("{label}: {ended:?}\n{said}");
    ensure!(matches!(ended, Ended::Code(3 | 4)), "with a full disk a run ended as {ended:?}: {said}");
    let hint = said.split_once("hint: ").map(|(_, hint)| hint).context("no hint")?;
    ensure!(said.contains("full") || said.contains("space"), "the error does not name the full disk: {said}");
    ensure!(["room", "disk", "space"].iter().any(|w| hint.contains(w)), "the hint does not name the disk: {hint}");

    make_room()?;
    let run = world.start(truth.end, &[])?;
    let ended = run.wait()?;
    ensure!(ended == Ended::Code(0), "with room again a run ended as {ended:?}: {}", world.ended(&run));
    truth::compare(|| world.connect(), &truth)?;
    note(|all| all.fault(label, 1));
    Ok(())
}
