//! The real binary at a pseudo-terminal, and somebody who types.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::common::binary::command;

const LIMIT: Duration = Duration::from_secs(60);
pub const ENTER: &str = "\r";
pub const DOWN: &str = "\x1b[B";
pub const CTRL_C: &str = "\x03";
const SHOW_CURSOR: &str = "\x1b[?25h";
const HIDE_CURSOR: &str = "\x1b[?25l";

/// A run at a terminal. What it shows is read all the time; standard output is apart.
pub struct Terminal {
    child: Child,
    master: File,
    slave: File,
    screen: Arc<Mutex<String>>,
    /// How much of the screen is known.
    seen: usize,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    /// All that was to be seen.
    pub screen: String,
}

impl Terminal {
    /// Starts `tisync init` with `args` in the folder `dir`.
    pub fn start(dir: &Path, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("a path");
        let no_ctty = i32::try_from(OpenptFlags::NOCTTY.bits()).expect("a flag");
        let slave = OpenOptions::new().read(true).write(true).custom_flags(no_ctty).open(name).expect("its other side");
        tcsetwinsize(&master, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let ours = command(&[&["init"], args].concat());
        // A session of its own, so that Ctrl-C reaches it as from a keyboard.
        let mut all = Command::new("setsid");
        all.arg("-c").arg(ours.get_program()).args(ours.get_args()).current_dir(dir).env("TERM", "xterm");
        for (name, value) in ours.get_envs() {
            match value {
                Some(value) => all.env(name, value),
                None => all.env_remove(name),
            };
        }
        let side = || Stdio::from(slave.try_clone().expect("a handle"));
        let child = all.stdin(side()).stderr(side()).stdout(Stdio::piped()).spawn().expect("setsid runs");
        let master = File::from(master);
        let screen = Arc::<Mutex<String>>::default();
        let (mut reader, shown) = (master.try_clone().expect("a handle"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        });
        Self { child, master, slave, screen, seen: 0 }
    }

    /// Waits until `text` is to be seen behind what was waited for before.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("its own child").is_some();
            let screen = self.screen.lock().unwrap().clone();
            let new = &screen[self.seen..];
            if let Some(at) = new.find(text) {
                let before = new[..at].to_owned();
                self.seen += at + text.len();
                return before;
            }
            assert!(!ended && begin.elapsed() < LIMIT, "ended: {ended}; `{text}` is not in:\n{new}");
            sleep(Duration::from_millis(10));
        }
    }

    /// Types `keys` as they are.
    pub fn types(&mut self, keys: &str) {
        // dialoguer reads keys in raw mode, one call each: what comes before it would be taken for a line.
        sleep(Duration::from_millis(60));
        self.master.write_all(keys.as_bytes()).expect("the terminal takes it");
    }

    /// Waits for a question after which nothing may be shown that is typed, and answers it with a line.
    #[track_caller]
    pub fn answers_unseen(&mut self, question: &str, line: &str) {
        self.sees(question);
        let modes = tcgetattr(&self.slave).expect("a terminal").local_modes;
        assert!(!modes.contains(LocalModes::ECHO), "{question} is asked while the terminal still shows what is typed");
        self.types(&format!("{line}{ENTER}"));
    }

    /// Waits for a question and answers it with a line.
    #[track_caller]
    pub fn answers(&mut self, question: &str, line: &str) -> String {
        let before = self.sees(question);
        self.types(&format!("{line}{ENTER}"));
        before
    }

    /// Waits for a choice and takes the one `below` the first.
    #[track_caller]
    pub fn chooses(&mut self, question: &str, below: usize) {
        self.sees(question);
        self.types(&format!("{}{ENTER}", DOWN.repeat(below)));
    }

    /// Waits for the end.
    #[track_caller]
    pub fn ends(mut self) -> Ended {
        let begin = Instant::now();
        let code = loop {
            match self.child.try_wait().expect("its own child") {
                Some(status) => break status.code().unwrap_or(-1),
                None if begin.elapsed() > LIMIT => {
                    self.child.kill().expect("its own child");
                    panic!("does not end:\n{}", self.screen.lock().unwrap());
                }
                None => sleep(Duration::from_millis(10)),
            }
        };
        let mut stdout = String::new();
        self.child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
        // The reader gets the last of it a moment later.
        sleep(Duration::from_millis(100));
        let screen = self.screen.lock().unwrap().clone();
        let modes = tcgetattr(&self.slave).expect("a terminal").local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "left behind as {modes:?}");
        assert!(screen.rfind(HIDE_CURSOR) < screen.rfind(SHOW_CURSOR) || !screen.contains(HIDE_CURSOR), "no cursor");
        Ended { code, stdout, screen }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands on the screen two spaces in, behind the line that begins with `head`.
pub fn line_after(screen: &str, head: &str) -> String {
    let plain = screen.replace('\r', "");
    let mut lines = plain.lines().skip_while(|l| !l.trim_start().starts_with(head));
    lines.nth(1).expect("a line").trim().to_owned()
}
