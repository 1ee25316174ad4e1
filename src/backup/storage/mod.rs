//! Opens the storage of a backup or dump: local, or a prefix in a bucket.
//!
//! Source: docs/protocol/tidb-binlog.md §11.3.
//!
//! The rest of `backup` needs no more than [`Storage::find`] and [`Storage::names`].
//!
//! - Local: a folder or file, given as a plain path or as a storage address.
//! - Object storage: it is asynchronous underneath. That stays within `remote.rs`, which has a
//!   small runtime of its own for as long as the storage is open.
//! - Errors of object storage, reworded for the operator.

mod address;
mod remote;

use std::borrow::Cow;
use std::error::Error as _;
use std::fs::{self, File};
use std::io::{BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use object_store::Error;
use percent_encoding::percent_decode_str;

use crate::error::Fault;
use address::{Address, Service};
use remote::Remote;

/// A folder or prefix, or one file in it, that was named on the command line.
#[derive(Debug)]
pub struct Storage(Kind);

#[derive(Debug)]
enum Kind {
    Local(Local),
    Remote(Remote),
}

/// A file that is open for reading.
pub struct Object {
    /// Where it is, for messages.
    pub place: String,
    /// Its length in bytes when it was opened.
    pub len: u64,
    /// Its bytes.
    pub reader: Box<dyn Read>,
}

/// How long object storage may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until a connection is there.
    pub connect: Duration,
    /// Until the next bytes come.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_secs(30) }
    }
}

impl Storage {
    /// What `address` names: a path, `local:///path`, `file:///path`, or `s3://bucket/prefix`,
    /// `gcs://bucket/prefix` (`gs://`), `azure://container/prefix` (`azblob://`) with options
    /// behind a `?`.
    ///
    /// # Errors
    /// A usage fault for an invalid address or an unknown option; a connect fault when there is
    /// nothing at a path, or it may not be read. Object storage is not asked yet.
    pub fn open(address: &str) -> Result<Self> {
        Self::open_within(address, Patience::default())
    }

    /// Opens `address` as [`open`](Self::open) does, with other time limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(address: &str, patience: Patience) -> Result<Self> {
        Ok(Self(match Address::parse(address)? {
            Some(address) => Kind::Remote(Remote::open(address, patience)?),
            None => Kind::Local(Local::open(address)?),
        }))
    }

    /// Where it is, for messages: without options, which may be secret.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.0 {
            Kind::Local(local) => local.place(),
            Kind::Remote(remote) => remote.place(),
        }
    }

    /// Whether a file was named and not a folder.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(&self.0, Kind::Local(local) if local.is_file())
    }

    /// Whether it is on another machine, where reading and listing need different rights.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.0, Kind::Remote(_))
    }

    /// The file `name` of the folder; where a file was named, that file under any name. `None` when
    /// it is not there.
    ///
    /// # Errors
    /// A connect fault when it is there but cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Object>> {
        match &self.0 {
            Kind::Local(local) => local.find(name),
            Kind::Remote(remote) => remote.find(name),
        }
    }

    /// The names in the folder itself, sorted, folders with a `/` behind. Empty where a file was
    /// named.
    ///
    /// # Errors
    /// A connect fault when the folder cannot be listed.
    pub fn names(&self) -> Result<Vec<String>> {
        match &self.0 {
            Kind::Local(local) => local.names(),
            Kind::Remote(remote) => remote.names(),
        }
    }
}

/// `text` with each `%2F` replaced by what it stands for, as in a URL.
fn percent_decoded(text: &str) -> Result<String> {
    let is_code = |after: &str| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.split('%').skip(1).all(is_code) {
        return Err(Fault::usage("the address has a `%` that is not followed by two hex digits")
            .hint("write %25 for a percent sign in a URL, or give a plain path")
            .into());
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(Cow::into_owned)
        .map_err(|_| Fault::usage("the address is not UTF-8 when decoded").hint("give a plain path").into())
}

/// The most that is taken from a pipe, which has to be held in memory.
const MAX_PIPED: u64 = 256 << 20;

/// A folder, or one file in it, that was named on the command line.
#[derive(Debug)]
struct Local {
    folder: PathBuf,
    /// The file that was named itself, when it was not a folder.
    file: Option<PathBuf>,
}

impl Local {
    /// What `address` names: a path, `local:///path` or `file:///path`.
    ///
    /// # Errors
    /// A usage fault for an address without a path; a connect fault when there is nothing at that
    /// path, or it may not be read.
    fn open(address: &str) -> Result<Self> {
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
    fn place(&self) -> String {
        self.file.as_ref().unwrap_or(&self.folder).display().to_string()
    }

    /// Whether a file was named and not a folder.
    fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// The file `name` of the folder; where a file was named, that file under any name. `None` when
    /// it is not there.
    ///
    /// # Errors
    /// A connect fault when it is there but cannot be read.
    fn find(&self, name: &str) -> Result<Option<Object>> {
        let path = self.file.clone().unwrap_or_else(|| self.folder.join(name));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unreadable(&path, &e)),
        };
        let meta = file.metadata().map_err(|e| unreadable(&path, &e))?;
        if meta.is_dir() {
            return Err(Fault::refused(format!("{} is a folder, where a file was expected", path.display()))
                .hint("give the folder that contains the backup or dump")
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
                .hint("save it as a file and give that")
                .into());
        }
        Ok(Some(Object { place, len, reader: Box::new(Cursor::new(bytes)) }))
    }

    /// The names in the folder itself, sorted, folders with a `/` behind. Empty where a file was
    /// named.
    ///
    /// # Errors
    /// A connect fault when the folder cannot be listed.
    fn names(&self) -> Result<Vec<String>> {
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
            return Err(Fault::usage("the path is empty").hint("give a folder or a file").into());
        }
        return Ok(PathBuf::from(address));
    };
    // Options behind `?` may hold keys: they are no part of the path, and must not get into a
    // message.
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "local" | "file" if rest.starts_with('/') => Ok(PathBuf::from(percent_decoded(rest)?)),
        "local" | "file" => {
            let fault =
                Fault::usage(format!("`{scheme}://{rest}` treats its first part as a host name, not as a folder"));
            Err(fault
                .hint(format!("use three slashes for an absolute path, {scheme}:///{rest}, or a plain path"))
                .into())
        }
        _ => Err(Fault::usage(format!("`{scheme}://` is not a kind of storage"))
            .hint(
                "give a folder or file by its path, local:///path or file:///path; or s3://, gcs:// or azure:// with \
                   bucket and prefix",
            )
            .into()),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied => "run as a user who can read it",
        _ => "check the path and the disk",
    };
    Fault::connect(format!("cannot read {}: {error}", path.display())).hint(hint).into()
}

/// The meaning of a failed request.
enum Failure {
    /// There is no such object.
    Missing,
    /// Anything else.
    Fault(Fault),
}

/// Reads `error`, which came when `what` (a bucket and key) was to be read or listed.
fn explain(address: &Address, what: &str, error: &Error) -> Failure {
    let said = hidden(address, &chain(error));
    let no_bucket =
        ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"].iter().any(|w| said.contains(w));
    if no_bucket {
        let fault =
            Fault::connect(format!("bucket or container `{}` does not exist at {}", address.bucket, end_of(address)));
        return Failure::Fault(fault.hint("check its name, and the options endpoint and region"));
    }
    if matches!(error, Error::NotFound { .. }) {
        return Failure::Missing;
    }
    let denied = matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. });
    let cannot = |why: &str| Fault::connect(format!("cannot read {what}: {why}"));
    let lower = said.to_lowercase();
    let fault = if lower.contains("redirect") || lower.contains("authorizationheadermalformed") {
        let region = region(&said).map_or_else(|| "region=…".to_owned(), |r| format!("region={r}"));
        cannot("the bucket is in a different region from the one that was asked")
            .hint(format!("add the bucket's region to the address: ?{region}"))
    } else if denied {
        cannot(&format!("{} refuses it: {}", end_of(address), short(&said))).hint(rights(address))
    } else if lower.contains("timed out") || lower.contains("timeout") {
        cannot(&format!("{} did not answer in time", end_of(address)))
            .hint("try again; if it persists, check the endpoint and the network path (proxy, firewall)")
    } else if lower.contains("metadata") && address.secrets().next().is_none() {
        cannot(&format!("there are no keys to read it with: {}", short(&said))).hint(rights(address))
    } else {
        cannot(&short(&said))
            .hint("check the endpoint, the bucket's name and the network path (proxy, firewall), then try again")
    };
    Failure::Fault(fault)
}

/// The server that is asked, for messages.
fn end_of(address: &Address) -> String {
    let own = match address.service {
        Service::S3 => "Amazon S3",
        Service::Gcs => "Google Cloud Storage",
        Service::Azure => "Azure Blob Storage",
    };
    let endpoint = address.get("endpoint").map(|e| e.rsplit_once('@').map_or(e, |(_, host)| host));
    endpoint.unwrap_or(own).to_owned()
}

fn rights(address: &Address) -> String {
    match address.service {
        Service::S3 => {
            "give keys that can read it (s3:GetObject, and s3:ListBucket to see what is missing): \
             ?access-key=…&secret-access-key=…, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        }
        Service::Gcs => {
            "give an account that can read it (storage.objects.get and .list): ?credentials-file=…, or \
             GOOGLE_APPLICATION_CREDENTIALS"
        }
        Service::Azure => {
            "give a key that can read it: ?account-name=…&account-key=… or &sas-token=…, or \
             AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"
        }
    }
    .to_owned()
}

/// The region that the answer names.
fn region(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("<Region>").or_else(|| said.split_once("expecting '"))?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?;
    rest.get(..end).filter(|r| !r.is_empty())
}

fn chain(error: &Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        source = cause.source();
    }
    said
}

/// `text` without secrets: neither those of the address, nor what stands behind the `?` of a URL,
/// where signatures are.
fn hidden(address: &Address, text: &str) -> String {
    let mut text = text.to_owned();
    for secret in address.secrets() {
        text = text.replace(secret, "…");
    }
    let mut out = String::with_capacity(text.len());
    let mut in_url = false;
    let mut in_query = false;
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        in_url |= rest.starts_with("http://") || rest.starts_with("https://");
        if c.is_whitespace() || matches!(c, '"' | ')' | '<' | '>') {
            (in_url, in_query) = (false, false);
        } else if in_url && c == '?' {
            in_query = true;
            out.push_str("?…");
        }
        if !in_query {
            out.push(c);
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// The first line of `said`: answers may be whole pages.
fn short(said: &str) -> String {
    const SHOWN: usize = 300;
    let line = said.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let mut text: String = line.chars().take(SHOWN).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
