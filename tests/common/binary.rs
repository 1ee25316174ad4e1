//! Runs the real binary and says what it did.

use std::process::{Child, Command, Stdio};

/// What one run of `tisync` did.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails the test with everything that was said unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstandard output:\n{}\nstandard error:\n{}", self.stdout, self.stderr);
        self
    }
}

/// The binary with `args`, without what the developer's own environment might add.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tisync"));
    command.args(args).env("NO_COLOR", "1").env("RUST_BACKTRACE", "0").env("HOME", "/nonexistent");
    // Which MariaDB the playground takes is the tests' affair.
    let added = |name: &str| name.starts_with("TISYNC_") && name != tisync::playground::mariadb::VARIABLE;
    for (name, _) in std::env::vars().filter(|(name, _)| added(name)) {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub fn tisync(args: &[&str]) -> Ran {
    let output = command(args).output().expect("the binary runs");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Starts it and goes on.
pub fn spawn(args: &[&str]) -> Child {
    command(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

/// Waits for what `spawn` started.
pub fn wait(child: Child) -> Ran {
    let output = child.wait_with_output().expect("the binary ends");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
