//! A folder or file of this machine, as a plain path or a storage address.

use std::fs::{self, File};
use std::io::{BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Object, percent_decoded};
use crate::error::Fault;

/// The most that is taken from a pipe, which has to be held in memory.
const MAX_PIPED: u64 = 256 << 20;

/// A folder, or one file in it, that was named on the command line.
#[derive(Debug)]
pub(super) struct Local {
    folder: PathBuf,
    /// The file that was named itself, when it was not a folder.
    file: Option<PathBuf>,
}

impl Local {
    /// What `address` names: a path, `local:///path` or `file:///path`.
    ///
    /// # Errors
    /// A usage fault for an address without a path; a connect fault when there is nothing at that path, or it may not be read.
    pub(super) fn open(address: &str) -> Result<Self> {
        let path = local_path(address)?;
        let attempt = |e| unreadable(&path, &e);
        let kind = fs::metadata(&path).map_err(attempt)?;
        if kind.is_dir() {
            return Ok(Self { folder: path, file: None });
        }
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { folder, file: Some(path) })
    }

    /// Where it is, for messages.
    pub(super) fn place(&self) -> String {
        self.file.as_ref().unwrap_or(&self.folder).display().to_string()
    }

    /// Whether a file was named and not a folder.
    pub(super) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// The file `name` of the folder; the named file itself, whatever its name, where a file was named. `None` when it
    /// is not there.
    ///
    /// # Errors
    /// A connect fault when it is there but cannot be read.
    pub(super) fn find(&self, name: &str) -> Result<Option<Object>> {
        let path = self.file.clone().unwrap_or_else(|| self.folder.join(name));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unreadable(&path, &e)),
        };
        let meta = file.metadata().map_err(|e| unreadable(&path, &e))?;
        if meta.is_dir() {
            return Err(Fault::refused(format!("{} is a folder, where a file was expected", path.display()))
                .hint("name the folder that holds the backup or dump")
                .into());
        }
        let place = path.display().to_string();
        if meta.is_file() {
            return Ok(Some(Object { place, len: meta.len(), reader: Box::new(BufReader::new(file)) }));
        }
        // A pipe, as in `… | tisync ts from-br /dev/stdin`: its length shows only at its end.
        let mut bytes = Vec::new();
        let read = file.take(MAX_PIPED + 1).read_to_end(&mut bytes);
        let len = u64::try_from(read.map_err(|e| unreadable(&path, &e))?)?;
        if len > MAX_PIPED {
            return Err(Fault::usage(format!("{place} gives more than {MAX_PIPED} bytes"))
                .hint("save it as a file and name that")
                .into());
        }
        Ok(Some(Object { place, len, reader: Box::new(Cursor::new(bytes)) }))
    }

    /// The names in the folder itself, sorted, folders with a `/` behind. Empty where a file was named.
    ///
    /// # Errors
    /// A connect fault when the folder cannot be listed.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        if self.is_file() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|e| unreadable(&self.folder, &e))? {
            let entry = entry.map_err(|e| unreadable(&self.folder, &e))?;
            let slash = if entry.file_type().is_ok_and(|t| t.is_dir()) { "/" } else { "" };
            names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
        }
        names.sort();
        Ok(names)
    }
}

/// The path that `address` names on this machine.
fn local_path(address: &str) -> Result<PathBuf> {
    let Some((scheme, rest)) = address.split_once("://") else {
        if address.is_empty() {
            return Err(Fault::usage("the path is empty").hint("name a folder or a file").into());
        }
        return Ok(PathBuf::from(address));
    };
    // Options behind `?` may hold keys: they are no part of the path, and must not get into a message.
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "local" | "file" if rest.starts_with('/') => Ok(PathBuf::from(percent_decoded(rest)?)),
        "local" | "file" => {
            let fault =
                Fault::usage(format!("`{scheme}://{rest}` takes its first part as a host's name, not as a folder"));
            Err(fault
                .hint(format!("use three slashes for an absolute path, {scheme}:///{rest}, or a plain path"))
                .into())
        }
        _ => Err(Fault::usage(format!("`{scheme}://` is not a kind of storage"))
            .hint("name a folder or file by its path, local:///path or file:///path; or s3://, gcs:// or azure:// with bucket and prefix")
            .into()),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied => "run as a user who may read it",
        _ => "check the path and the disk",
    };
    Fault::connect(format!("cannot read {}: {error}", path.display())).hint(hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses() {
        for (address, path) in [
            ("dump", "dump"),
            ("/b/full", "/b/full"),
            ("local:///b/full", "/b/full"),
            ("file:///b/a%20%25b", "/b/a %b"),
            ("LOCAL:///b?access-key=k", "/b"),
            ("a%20b", "a%20b"),
        ] {
            assert_eq!(local_path(address).unwrap(), Path::new(path), "{address}");
        }
    }

    #[test]
    fn other_addresses_are_refused_without_their_secrets() {
        for address in [
            "",
            "local://b/full",
            "hdfs://id:geheim@bucket/p?secret-access-key=geheim",
            "nope://x",
            "file:///b/%2",
            "file:///b/%zz",
            "file:///%ff",
        ] {
            let error = local_path(address).unwrap_err();
            let fault = crate::error::fault(&error).unwrap();
            assert_eq!((fault.kind, fault.hint.is_empty()), (crate::error::Kind::Usage, false), "{address}");
            assert!(!format!("{error:#}{}", fault.hint).contains("geheim"), "{error:#}");
        }
    }
}
