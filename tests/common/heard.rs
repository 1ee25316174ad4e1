//! A process whose lines are read while it goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use super::binary::command;

/// No line takes longer than this.
const LIMIT: Duration = Duration::from_secs(120);

/// A run of `tisync`; killed if the test gives it up.
pub struct Heard {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    pub fn start(args: &[&str]) -> Self {
        let mut child = command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let lines = Arc::default();
        read(child.stdout.take().expect("a pipe"), &lines);
        read(child.stderr.take().expect("a pipe"), &lines);
        Self { child, lines }
    }

    /// Everything it has said.
    pub fn said(&self) -> String {
        self.lines.lock().expect("whole").join("\n")
    }

    /// Waits for the first line behind the first `from` that holds all `words`; gives it with the number of lines up to it.
    #[track_caller]
    pub fn line(&mut self, from: usize, words: &[&str]) -> (String, usize) {
        let begin = Instant::now();
        loop {
            let found = {
                let lines = self.lines.lock().expect("whole");
                let found = lines.iter().enumerate().skip(from).find(|(_, l)| words.iter().all(|w| l.contains(w)));
                found.map(|(n, line)| (line.clone(), n + 1))
            };
            if let Some(found) = found {
                return found;
            }
            let ended = self.child.try_wait().expect("its own child");
            assert!(ended.is_none() && begin.elapsed() < LIMIT, "{ended:?} without {words:?}\n{}", self.said());
            sleep(Duration::from_millis(20));
        }
    }

    /// How many lines it has said.
    pub fn lines(&self) -> usize {
        self.lines.lock().expect("whole").len()
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Asks it to end, and waits for that: the exit code.
    #[track_caller]
    pub fn end(mut self) -> Option<i32> {
        self.signal("INT");
        let begin = Instant::now();
        loop {
            match self.child.try_wait().expect("its own child") {
                Some(status) => return status.code(),
                None => assert!(begin.elapsed() < LIMIT, "it does not end\n{}", self.said()),
            }
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the process `id` the signal of that name.
#[track_caller]
pub fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "{name} to {id}");
}

fn read(from: impl Read + Send + 'static, into: &Arc<Mutex<Vec<String>>>) {
    let into = Arc::clone(into);
    spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().expect("whole").push(line);
        }
    });
}
