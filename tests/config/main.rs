//! Configurations: tisync.toml, drainer.toml as it is, what is said about them, and what a run makes of them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it saw"
)]

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod convert;
mod documents;
mod drainer;
mod passwords;
mod runs;
mod shown;
mod tisync;

use std::path::{Path, PathBuf};

use ::tisync::config::{self, Draft, FileKind, Loaded};
use ::tisync::error::fault;
use tempfile::TempDir;

/// A folder with one file in it.
struct File {
    dir: TempDir,
    path: PathBuf,
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        private(&path);
        Self { dir, path }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// What it gives, with `variables` as the environment.
    fn loaded(&self, variables: &[(&str, &str)]) -> Result<(FileKind, Loaded), String> {
        let environment = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        config::open(&self.path, &environment).map_err(|e| fault(&e).expect("a fault").message.clone())
    }

    #[track_caller]
    fn draft(&self) -> Draft {
        self.loaded(&[]).unwrap().1.draft
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What is shown of a setting, with its origin.
fn shown(draft: &Draft, key: &str) -> Option<(String, String)> {
    draft.shown().into_iter().find(|(k, ..)| *k == key).map(|(_, value, origin)| (value, origin.to_string()))
}

#[track_caller]
fn assert_shown(draft: &Draft, key: &str, value: &str) {
    assert_eq!(shown(draft, key).map(|(v, _)| v).as_deref(), Some(value), "{key}");
}
