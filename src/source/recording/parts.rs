//! The parts of a long recording: `binlogs-000001.bin`, or `.bin.zst`, and so on. Each goes on where the one before ends.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::Fault;

/// The name of part `number`, from 1.
#[must_use]
pub fn name(number: u32, compressed: bool) -> String {
    format!("binlogs-{number:06}.bin{}", if compressed { ".zst" } else { "" })
}

/// The number in a part's name, and whether it is compressed; `None` for any other name.
#[must_use]
pub fn number(name: &str) -> Option<(u32, bool)> {
    let rest = name.strip_prefix("binlogs-")?;
    let (digits, compressed) = match rest.strip_suffix(".bin.zst") {
        Some(digits) => (digits, true),
        None => (rest.strip_suffix(".bin")?, false),
    };
    let plain = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|n| plain && *n > 0).map(|n| (n, compressed))
}

/// The parts in `dir` by their numbers. Nothing where it cannot be read.
#[must_use]
pub fn list(dir: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut parts: Vec<(u32, PathBuf)> =
        entries.filter_map(|e| Some((number(e.file_name().to_str()?)?.0, e.path()))).collect();
    parts.sort();
    parts
}

/// The first part in `dir`; `None` if there are none.
///
/// # Errors
/// If one is missing or there twice.
pub fn first(dir: &Path) -> Result<Option<PathBuf>> {
    let parts = list(dir);
    for ((found, path), wanted) in parts.iter().zip(1_u32..) {
        if *found > wanted {
            let text = format!("{} lacks part {wanted} of the recording: {} is there", dir.display(), path.display());
            return Err(Fault::usage(text).hint("bring the missing part back").into());
        }
        if *found < wanted {
            let text = format!("{} is there both plain and compressed", path.display());
            return Err(Fault::usage(text).hint("remove the one that is not meant").into());
        }
    }
    Ok(parts.into_iter().next().map(|(_, path)| path))
}

/// The part behind that of `path`, if `path` is a part and there is one.
#[must_use]
pub fn next(path: &Path) -> Option<PathBuf> {
    let (number, _) = number(path.file_name()?.to_str()?)?;
    let dir = path.parent()?;
    [false, true].map(|compressed| dir.join(name(number + 1, compressed))).into_iter().find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (part, compressed) in [(1, false), (999_999, true), (1_000_000, false)] {
            assert_eq!(number(&name(part, compressed)), Some((part, compressed)));
        }
        for other in ["binlogs.bin", "binlogs-1.bin", "binlogs-000000.bin", "binlogs-000001.txt", "binlogs-00000x.bin"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn gaps_and_doubles_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(first(dir.path()).unwrap(), None);
        let put = |number, compressed| fs::write(dir.path().join(name(number, compressed)), "").unwrap();
        put(2, true);
        assert!(format!("{:#}", first(dir.path()).unwrap_err()).contains("lacks part 1"));
        put(1, false);
        let part = first(dir.path()).unwrap().unwrap();
        assert_eq!(next(&part).unwrap(), dir.path().join(name(2, true)));
        assert_eq!(next(&next(&part).unwrap()), None);
        put(2, false);
        assert!(format!("{:#}", first(dir.path()).unwrap_err()).contains("both plain and compressed"));
    }
}
