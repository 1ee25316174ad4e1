//! A run of the binary that goes on while the test does something else, and is never left behind.

use std::io::Read;
use std::process::{Child, ChildStderr, Command};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::binary::{self, Ran};

/// No run that is to end by itself takes longer than this.
pub const LIMIT: Duration = Duration::from_secs(150);

/// A run of `tisync`; killed if the test gives it up.
pub struct Running {
    child: Option<Child>,
    said: Said,
}

/// What a run has written to its stderr so far.
#[derive(Default)]
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

fn so_far(text: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&text.lock().expect("no reader panics")).into_owned()
}

impl Said {
    fn follow(mut stderr: ChildStderr) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = text.clone();
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut part) {
                shared.lock().expect("no reader panics").extend_from_slice(&part[..length]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        so_far(&self.text)
    }
}

impl Running {
    pub fn start(args: &[String]) -> Self {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut child = binary::spawn(&args);
        let said = Said::follow(child.stderr.take().expect("it is piped"));
        Self { child: Some(child), said }
    }

    /// No run, in the place of one that is taken out.
    pub fn none() -> Self {
        Self { child: None, said: Said::default() }
    }

    /// Waits until it has written `text` to its stderr that many times.
    #[track_caller]
    pub fn until_says(&mut self, text: &str, times: usize) {
        let said = self.said.text.clone();
        self.until(text, || so_far(&said).matches(text).count() >= times);
    }

    /// Waits for the end that comes, and gives all that it said.
    fn wait(&mut self) -> Ran {
        let mut ran = binary::wait(self.child.take().expect("it ran"));
        if let Some(reader) = self.said.reader.take() {
            reader.join().expect("it only reads");
        }
        ran.stderr = self.said.text();
        ran
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|c| c.try_wait().expect("its own child").is_some())
    }

    /// Sends it what Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends it the signal of that name.
    pub fn signal(&self, name: &str) {
        let (signal, id) = (format!("-{name}"), self.id().to_string());
        assert!(Command::new("kill").args([&signal, &id]).status().expect("kill runs").success());
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Kills it as `kill -9` does, and gives what it had said. Fails if it had ended before: with everything that it said.
    #[track_caller]
    pub fn kill(&mut self) -> Ran {
        if self.ended() {
            let ran = self.wait();
            panic!("ended by itself with {}\n{}{}", ran.code, ran.stdout, ran.stderr);
        }
        self.child.as_mut().expect("it runs").kill().expect("its own child");
        self.wait()
    }

    /// Waits for its end, and fails unless it comes within the limit with the exit code `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        self.end().expect(code)
    }

    /// Waits for its end, whatever the exit code, and fails unless it comes within the limit.
    #[track_caller]
    pub fn end(mut self) -> Ran {
        let begin = Instant::now();
        while !self.ended() {
            if begin.elapsed() > LIMIT {
                self.child.as_mut().expect("it runs").kill().expect("its own child");
                let ran = self.wait();
                panic!("did not end within {LIMIT:?}\n{}{}", ran.stdout, ran.stderr);
            }
            sleep(Duration::from_millis(10));
        }
        self.wait()
    }

    /// Waits until `reached` says so, as long as the run goes on.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut reached: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !reached() {
            if self.ended() {
                let ran = self.wait();
                panic!("ended with {} before {what}\n{}{}", ran.code, ran.stdout, ran.stderr);
            }
            assert!(begin.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
