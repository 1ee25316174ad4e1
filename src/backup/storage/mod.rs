//! Where a backup or dump lies: a folder or file of this machine, or a prefix in object storage (spec/tidb-binlog.md §11.3).
//!
//! Whatever offers [`Storage::find`] and [`Storage::names`] is enough for the rest of `backup`. Object storage is asynchronous
//! underneath; that stays within `remote`, which has a small runtime of its own for as long as the storage is open.

mod address;
mod credentials;
mod failure;
mod local;
mod remote;

use std::io::Read;
use std::time::Duration;

use anyhow::{Result, anyhow};

use self::address::Address;
use self::local::Local;
use self::remote::Remote;
use crate::error::Fault;

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
    /// What `address` names: a path, `local:///path`, `file:///path`, or `s3://bucket/prefix`, `gcs://bucket/prefix` (`gs://`),
    /// `azure://container/prefix` (`azblob://`) with options behind a `?`.
    ///
    /// # Errors
    /// A usage fault for an address that is none, or has an option that is not known; a connect fault when there is nothing at a
    /// path, or it may not be read. Object storage is not asked yet.
    pub fn open(address: &str) -> Result<Self> {
        Self::open_within(address, Patience::default())
    }

    /// The same with other limits of time.
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

    /// The file `name` of the folder; the named file itself, whatever its name, where a file was named. `None` when it
    /// is not there.
    ///
    /// # Errors
    /// A connect fault when it is there but cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Object>> {
        match &self.0 {
            Kind::Local(local) => local.find(name),
            Kind::Remote(remote) => remote.find(name),
        }
    }

    /// The names in the folder itself, sorted, folders with a `/` behind. Empty where a file was named.
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
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let code = part.get(..2).filter(|c| c.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = code.and_then(|c| u8::from_str_radix(c, 16).ok()).ok_or_else(|| {
            anyhow!(
                Fault::usage("the address has a `%` that is not followed by two hex digits")
                    .hint("write %25 for a percent sign in a URL, or give a plain path")
            )
        })?;
        bytes.push(code);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8(bytes)
        .map_err(|_| anyhow!(Fault::usage("the address is not UTF-8 when decoded").hint("give a plain path")))
}
