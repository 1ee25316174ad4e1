//! The files of a folder that Drainer wrote, in their order (spec/tidb-binlog.md §9.6).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::Fault;

/// What the names begin with.
const PREFIX: &str = "binlog-";

/// A file by its place in the folder's order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PbFile {
    /// Rises by one from file to file.
    pub index: u64,
    /// Where it lies.
    pub path: PathBuf,
}

/// The index in a file's name: `binlog-0000000000000007-20261121113036`, with two to four parts between dashes and perhaps an
/// extension behind. `None` for any other name.
#[must_use]
pub fn index(name: &str) -> Option<u64> {
    let parts: Vec<&str> = name.strip_prefix(PREFIX)?.split('-').collect();
    if parts.len() > 3 {
        return None;
    }
    // Only the last part may have an extension.
    let digits = parts.first()?.split('.').next()?;
    let plausible = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plausible)
}

/// Whether there is such a file in `dir`; false also where it cannot be read.
#[must_use]
pub fn any(dir: &Path) -> bool {
    let names = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.file_name());
    names.into_iter().any(|name| name.to_str().and_then(index).is_some())
}

/// The files of `dir`, by index.
///
/// # Errors
/// If there is none, one is missing between others, or one is there twice.
pub fn list(dir: &Path) -> Result<Vec<PbFile>> {
    let unreadable = |e: std::io::Error| {
        Fault::connect(format!("cannot read the folder {}: {e}", dir.display()))
            .hint("check the path and its permissions")
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(index) = path.file_name().and_then(|n| n.to_str()).and_then(index)
            && path.is_file()
        {
            files.push(PbFile { index, path });
        }
    }
    files.sort();
    if files.is_empty() {
        let text = format!("{} holds no file of Drainer's (binlog-0000000000000000-…)", dir.display());
        return Err(Fault::usage(text).hint("name the folder that Drainer's `dir` named").into());
    }
    for (a, b) in files.iter().zip(files.iter().skip(1)) {
        if a.index == b.index {
            let text = format!("file {} is there twice: {} and {}", a.index, a.path.display(), b.path.display());
            return Err(Fault::usage(text).hint("keep the one that is whole, and move the other away").into());
        }
        if b.index != a.index + 1 {
            let text = format!(
                "the files of {} are not complete: behind number {} comes number {}",
                dir.display(),
                a.index,
                b.index
            );
            return Err(Fault::refused(text)
                .hint("bring the missing files back; what they hold would be lost. To begin behind the gap, move the files before it away")
                .into());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_drainer_and_its_tools_give() {
        assert_eq!(index("binlog-0000000000000000-20261121113036"), Some(0));
        assert_eq!(index("binlog-0000000000000012"), Some(12));
        assert_eq!(index("binlog-0000000000000012.gz"), Some(12));
        assert_eq!(index("binlog-0000000000000012-20261121113036.zst"), Some(12));
        assert_eq!(index("binlog-0000000000000012-20261121113036-470616376687198209.tar"), Some(12));
        for name in ["binlog-", "binlogs.bin", "binlog-x-1", "binlog-1-2-3-4", "savepoint", ".lock", "binlog--1"] {
            assert_eq!(index(name), None, "{name}");
        }
        assert_eq!(index("binlog-99999999999999999999"), None, "beyond any number");
    }

    #[test]
    fn gaps_and_doubles_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["binlog-0000000000000003-a", "binlog-0000000000000004-b.gz", "binlog-0000000000000006"];
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let gap = format!("{:#}", list(dir.path()).unwrap_err());
        assert!(gap.contains("behind number 4 comes number 6"), "{gap}");
        fs::write(dir.path().join("binlog-0000000000000005"), "").unwrap();
        assert_eq!(list(dir.path()).unwrap().iter().map(|f| f.index).collect::<Vec<_>>(), [3, 4, 5, 6]);
        fs::write(dir.path().join("binlog-0000000000000005.zst"), "").unwrap();
        let twice = format!("{:#}", list(dir.path()).unwrap_err());
        assert!(twice.contains("file 5 is there twice"), "{twice}");
    }
}
