//! What must not be left behind, however this process ends: a folder, and a server that works in it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// Reads the number of the process that works in the folder `$1`, each time it is another one, until whoever writes them is gone. Then it ends
/// that process and removes the folder, until nothing that was still under way makes it anew.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
process=
while read -r line; do process=$line; done
[ -z "$process" ] || kill -KILL "$process"
calm=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    if [ -e "$1" ]; then rm -rf "$1"; calm=0; else calm=$((calm + 1)); fi
    if [ -z "$process" ] || [ "$calm" -ge 3 ]; then break; fi
    sleep 0.1
done
"#;

/// A small process that waits for the end of ours. No signal handler could do its work: after a second Ctrl-C or a SIGKILL nothing of ours runs
/// any more.
pub struct Keeper {
    child: Child,
    /// Its end is how it learns that we are gone.
    tell: Option<ChildStdin>,
}

impl Keeper {
    /// Removes `dir` when this process has ended, or when the keeper is dropped.
    ///
    /// # Errors
    /// If there is no `sh`.
    pub fn start(dir: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "tisync-playground"]).arg(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // What a terminal sends to us is not for it.
        command.process_group(0);
        let mut child = command.spawn().context("cannot run sh")?;
        let tell = child.stdin.take();
        Ok(Self { child, tell })
    }

    /// The process that works in the folder from now on, which is to end with us; `None`: it has ended.
    ///
    /// # Errors
    /// If the keeper is gone.
    pub fn holds(&mut self, process: Option<u32>) -> io::Result<()> {
        let line = process.map(|id| id.to_string()).unwrap_or_default();
        self.tell.as_mut().map_or(Ok(()), |tell| writeln!(tell, "{line}"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tell = None;
        // If it is gone already there is nothing to wait for.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn folder_and_process_go_with_it() {
        let dir = tempfile::tempdir().unwrap().keep();
        std::fs::write(dir.join("file"), "x").unwrap();
        let mut worker = Command::new("sleep").arg("100").spawn().unwrap();
        let mut keeper = Keeper::start(&dir).unwrap();
        keeper.holds(Some(worker.id())).unwrap();
        assert!(dir.exists() && worker.try_wait().unwrap().is_none());
        drop(keeper);
        assert!(!dir.exists());
        assert!(!worker.wait().unwrap().success());
    }

    #[test]
    fn what_has_ended_by_itself_is_left_alone() {
        let dir = tempfile::tempdir().unwrap().keep();
        let mut worker = Command::new("sleep").arg("100").spawn().unwrap();
        let mut keeper = Keeper::start(&dir).unwrap();
        keeper.holds(Some(worker.id())).unwrap();
        keeper.holds(None).unwrap();
        let begin = Instant::now();
        drop(keeper);
        assert!(!dir.exists() && worker.try_wait().unwrap().is_none());
        assert!(begin.elapsed() < Duration::from_secs(30));
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}
