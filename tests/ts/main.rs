//! `tisync ts` as an operator and a script see it: the real binary, files made here.

#![allow(clippy::unwrap_used, reason = "a test")]

mod backups;
mod convert;
mod dumps;
mod objects;
mod stand_in;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// 2020-11-10 15:40:19.591 UTC.
const TS: &str = "420747102018863124";

/// Standard output, standard error, exit code.
type Outcome = (String, String, i32);

fn tisync(args: &[&str]) -> Outcome {
    piped(args, "", &[])
}

fn piped(args: &[&str], stdin: &str, env: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tisync"));
    command.arg("ts").args(args).env("TZ", "Asia/Tokyo").envs(env.iter().copied());
    for name in ["TISYNC_PD", "TISYNC_TO"] {
        command.env_remove(name);
    }
    if !env.iter().any(|(name, _)| *name == "TISYNC_CRYPTER_KEY") {
        command.env_remove("TISYNC_CRYPTER_KEY");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// The answer of a command that has to succeed; what it said on standard error.
fn answer(args: &[&str]) -> (String, String) {
    let (stdout, stderr, code) = tisync(args);
    assert_eq!(code, 0, "{args:?}: {stderr}");
    (stdout, stderr)
}

/// Exit code and standard error of a command that has to fail with nothing on standard output; `folder` is shown as `DIR`.
fn failure(folder: &Path, args: &[&str]) -> String {
    let (stdout, stderr, code) = tisync(args);
    assert_eq!(stdout, "", "{args:?}");
    assert!(code != 0 && stderr.contains("\nhint: "), "{args:?}: {code} {stderr}");
    format!("{code} {}", stderr.replace(&folder.display().to_string(), "DIR").trim_end())
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}
