//! What is kept of both servers when rounds fail.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tisync::playground::mirror::Mirror;

use crate::pair::Pair;

/// Keeps what both servers hold and said if the test fails: the binlogs have every row of the links' records too, as it was at any time, and
/// the logs tell of damage that a server found in its own files when it came back.
pub struct Evidence<'a>(pub &'a Pair);

impl Drop for Evidence<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("dumps, binlogs and logs of both sides: {:?}", keep(self.0));
        }
    }
}

/// Gives the folder.
fn keep(pair: &Pair) -> io::Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("tisync-rounds-").tempdir().map(TempDir::keep)?;
    for (name, mirror) in [("a", &pair.a), ("b", &pair.b)] {
        let (to, socket) = (folder.join(name), mirror.socket());
        fs::create_dir(&to)?;
        dump(mirror, &to)?;
        copy(&socket.with_file_name("data"), "binlog.", &to)?;
        copy(&socket.with_file_name(""), "log", &to)?;
    }
    Ok(folder)
}

fn dump(mirror: &Mirror, to: &Path) -> io::Result<()> {
    let status = Command::new("mariadb-dump")
        .args(["--no-defaults", "--user=root", "--hex-blob", "--skip-extended-insert"])
        .arg(format!("--socket={}", mirror.socket().display()))
        .args(["--databases", "play", "retl", "tidb_binlog"])
        .stdout(File::create(to.join("dump.sql"))?)
        .status();
    status.map(drop)
}

/// The files whose names begin so.
fn copy(from: &Path, beginning: &str, to: &Path) -> io::Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(beginning) {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}
