//! Reads BR's `backupmeta`: what a backup holds, and its end ts.
//!
//! The format is in docs/protocol/tidb-binlog.md §11.2.
//!
//! Only the fields of the message itself are read. Format v1 lists all files and schemas in it and
//! v2 refers to other files, so both are read alike, at any size.
//!
//! Also decrypts BR's encryption: AES in counter mode over the whole file, behind an IV of 16 bytes
//! (docs/protocol/tidb-binlog.md §11.2). Nothing in the file says that it is encrypted, and nothing
//! proves that the key is right: the reader of the plaintext has to.

use std::io::{self, Read};

use aes::{Aes128, Aes192, Aes256};
use anyhow::{Context, Result, anyhow, ensure};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use jiff::Timestamp;

use super::storage::{Object, Storage};
use super::{Fields, Shape};
use crate::backup;
use crate::error::Fault;
use crate::model::CommitTs;

/// The longest text that is read; BR's longest are a few hundred bytes.
const MAX_TEXT: u64 = 64 << 10;

/// The longest index of v2 that is looked into. Its root has one entry per few thousand tables.
const MAX_INDEX: u64 = 64 << 20;

/// How much of a file is looked at to tell whether it is encrypted.
const SAMPLE: u64 = 4096;

/// A backup, as its `backupmeta` describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub place: String,
    /// PD's id of the cluster that was backed up.
    pub cluster_id: u64,
    /// Its version, such as `8.1.0`.
    pub cluster_version: String,
    /// 0 for a full backup; else the backup holds only changes with a commit ts above this.
    pub start_version: CommitTs,
    /// The backup holds changes with a commit ts up to and including this.
    pub end_version: CommitTs,
    /// The first lines of what BR says about itself.
    pub br_version: String,
    /// 0 for backupmeta v1, 1 for v2.
    pub version: u64,
    /// Whether the cluster had new collations on; empty when an old BR does not say.
    pub new_collations: String,
    /// Bytes of the backup; 0 when an old BR does not say.
    pub size: u64,
    /// Whether the file is encrypted.
    pub encrypted: bool,
    /// Files that v2's index refers to, beside `backupmeta`.
    pub index_files: Vec<String>,
    /// Made of raw keys, without commit ts.
    pub raw: bool,
    /// Made of a cluster without TiDB, by `br backup txn`.
    pub txn: bool,
}

impl Backup {
    /// Whether the backup holds only what changed after another backup.
    #[must_use]
    pub fn is_incremental(&self) -> bool {
        // The format's own comment has full backups with both versions equal; BR writes 0.
        self.start_version.0 > 0 && self.start_version != self.end_version
    }
}

/// The backup in the folder, or of the backupmeta file, that `storage` names. `now` bounds its end
/// ts.
///
/// # Errors
/// A usage fault when there is no backup, it is encrypted and `crypter` absent, or `crypter` has
/// another key; a refused one when the backup is unfinished, damaged, or has no ts that replication
/// could start at; a connect fault when the file cannot be read.
pub fn read(storage: &Storage, crypter: Option<&Crypter>, now: Timestamp) -> Result<Backup> {
    let Some(object) = storage.find("backupmeta")? else { return Err(missing(storage)?.into()) };
    let place = object.place.clone();
    if object.len == 0 {
        return Err(Fault::refused(format!("{place} is empty"))
            .hint("the backup or the copy has failed: see BR's log")
            .into());
    }
    let outcome = parse(object, crypter, now);
    let mut backup = match outcome {
        Ok(backup) => backup,
        Err(e) => return Err(unreadable(storage, &place, crypter, &e)?.into()),
    };
    backup.place = place;
    check(&backup)?;
    Ok(backup)
}

/// Files that `backup`'s index refers to and that do not lie beside it. Empty where only the file
/// itself was named.
///
/// # Errors
/// A connect fault when the folder cannot be listed.
pub fn absent_files(storage: &Storage, backup: &Backup) -> Result<Vec<String>> {
    if storage.is_file() {
        return Ok(Vec::new());
    }
    let names = storage.names()?;
    Ok(backup.index_files.iter().filter(|f| !f.contains('/') && names.binary_search(f).is_err()).cloned().collect())
}

fn parse(object: Object, crypter: Option<&Crypter>, now: Timestamp) -> Result<Backup> {
    let backup = match crypter {
        None => scan(object.reader, object.len)?,
        Some(crypter) => {
            let plain = crypter.decrypt(object.reader)?;
            Backup { encrypted: true, ..scan(plain, object.len.saturating_sub(IV_LEN))? }
        }
    };
    // Nothing in the file guards it against a wrong key or a damaged byte, so everything has to
    // make sense.
    ensure!(backup.cluster_id != 0, "it has no cluster id");
    if backup.raw {
        return Ok(backup);
    }
    ensure!(backup.end_version.0 != 0, "it has no end-version: it may have been cut off");
    if let Some(why) = backup::doubt(backup.end_version, now) {
        anyhow::bail!("its end-version is not a TiDB timestamp: {}: {why}", backup.end_version.explain());
    }
    ensure!(
        backup.start_version <= backup.end_version,
        "it ends, at {}, before it starts, at {}",
        backup.end_version.explain(),
        backup.start_version.explain()
    );
    Ok(backup)
}

/// The message of `len` bytes in `reader`.
fn scan(reader: impl Read, len: u64) -> Result<Backup> {
    let mut backup = Backup::default();
    let mut fields = Fields::new(reader, len);
    while let Some((number, shape)) = fields.tag()? {
        if let Some(expected) = shape_of(number) {
            ensure!(
                shape == expected,
                "field {number} is stored as {shape:?} and not as {expected:?}, before byte {}",
                fields.offset()
            );
        }
        match number {
            1 => backup.cluster_id = fields.varint()?,
            // PD's answer as it came, in quotes and with a line end.
            2 => backup.cluster_version = fields.text(MAX_TEXT)?.trim().trim_matches('"').to_owned(),
            5 => backup.start_version = CommitTs(fields.varint()?),
            6 => backup.end_version = CommitTs(fields.varint()?),
            8 => backup.raw = fields.varint()? != 0,
            11 => backup.br_version = fields.text(MAX_TEXT)?.trim().to_owned(),
            12 => backup.version = fields.varint()?,
            13..=16 => {
                let index = fields.bytes(MAX_INDEX)?;
                index_files(&index, &mut backup.index_files)?;
            }
            20 => backup.new_collations = fields.text(MAX_TEXT)?,
            21 => backup.txn = fields.varint()? != 0,
            25 => backup.size = fields.varint()?,
            _ => fields.skip(shape)?,
        }
    }
    Ok(backup)
}

/// How `BackupMeta` stores the field `number`; `None` for those that this version does not know.
fn shape_of(number: u64) -> Option<Shape> {
    match number {
        1 | 5 | 6 | 8 | 12 | 18 | 21 | 23 | 25 | 26 => Some(Shape::Varint),
        2 | 4 | 7 | 9..=11 | 13..=17 | 19 | 20 | 22 | 24 => Some(Shape::Bytes),
        _ => None,
    }
}

/// The names of the files that a `MetaFile` refers to: its field 1, of which field 1 is the name
/// and 2 the SHA-256.
fn index_files(index: &[u8], names: &mut Vec<String>) -> Result<()> {
    let mut fields = Fields::new(index, u64::try_from(index.len())?);
    while let Some((number, shape)) = fields.tag()? {
        if (number, shape) != (1, Shape::Bytes) {
            fields.skip(shape)?;
            continue;
        }
        let file = fields.bytes(MAX_INDEX)?;
        let mut parts = Fields::new(&file[..], u64::try_from(file.len())?);
        let (mut name, mut sha256) = (String::new(), 0);
        while let Some((number, shape)) = parts.tag()? {
            match (number, shape) {
                (1, Shape::Bytes) => name = parts.text(MAX_TEXT)?,
                (2, Shape::Bytes) => sha256 = parts.bytes(MAX_TEXT)?.len(),
                _ => parts.skip(shape)?,
            }
        }
        ensure!(!name.is_empty() && sha256 == 32, "its index refers to a file without a name or checksum");
        names.push(name);
    }
    Ok(())
}

/// Refuses a backup that can be read but has no ts for replication.
fn check(backup: &Backup) -> Result<()> {
    let place = &backup.place;
    if backup.raw || backup.txn {
        let command = if backup.raw { "raw" } else { "txn" };
        return Err(Fault::refused(format!(
            "{place} belongs to a backup of raw keys (`br backup {command}`), without tables or commit ts"
        ))
        .hint("replication starts from a backup made by `br backup full`, `db` or `table`")
        .into());
    }
    if backup.version > 1 {
        return Err(Fault::refused(format!(
            "{place} is in format v{}, and this version supports v1 and v2",
            backup.version + 1
        ))
        .hint("update tisync, or read the TS with `br validate decode --field=end-version`")
        .into());
    }
    Ok(())
}

/// Why a folder has no backupmeta.
fn missing(storage: &Storage) -> Result<Fault> {
    let names = storage.names()?;
    let place = storage.place();
    if names.iter().any(|n| n == "v1/") {
        return Ok(Fault::refused(format!(
            "{place} seems to contain a log backup, which has no end-version of its own"
        ))
        .hint("give the folder of the full backup; `br log status` shows a log backup's ts"));
    }
    if names
        .iter()
        .any(|n| n == "backup.lock" || n == "checkpoints/" || n.starts_with("backupmeta.") || n.ends_with(".sst"))
    {
        return Ok(Fault::refused(format!("the backup in {place} is unfinished: it has no `backupmeta`, which is written last"))
            .hint("wait until BR ends; if it ended already it has failed: see its log, and back up again into an empty folder"));
    }
    if names.iter().any(|n| n == "metadata") {
        return Ok(Fault::usage(format!("{place} contains a dump, not a BR backup"))
            .hint(format!("use `tisync ts from-dumpling {place}`")));
    }
    Ok(Fault::usage(format!("{place} is not the folder of a backup: it has no `backupmeta`"))
        .hint("give the folder that was BR's --storage"))
}

/// The fault for a file that could not be read because of `error`.
fn unreadable(storage: &Storage, place: &str, crypter: Option<&Crypter>, error: &anyhow::Error) -> Result<Fault> {
    if let Some(crypter) = crypter {
        let message = format!(
            "{place} does not make sense when decrypted with {} and this key: {error:#}",
            crypter.method().name()
        );
        return Ok(Fault::usage(message).hint(
            "check the method and the key against BR's own command line; if the backup is not encrypted, give neither",
        ));
    }
    if looks_encrypted(storage)? {
        return Ok(Fault::usage(format!("{place} looks encrypted: {error:#}"))
            .hint("give --crypter-method and --crypter-key-file as given to BR; if BR had none, the file is damaged"));
    }
    Ok(Fault::refused(format!("{place} is damaged, or not a BR backupmeta: {error:#}"))
        .hint("copy it again from the backup, or check in BR's log that the backup succeeded"))
}

/// Whether the file's bytes are spread as a cipher spreads them. Plain ones are mostly text.
fn looks_encrypted(storage: &Storage) -> Result<bool> {
    let Some(object) = storage.find("backupmeta")? else { return Ok(false) };
    let mut sample = Vec::new();
    object.reader.take(SAMPLE).read_to_end(&mut sample)?;
    let share = |wanted: fn(&u8) -> bool| sample.iter().filter(|b| wanted(b)).count() * 100 / sample.len().max(1);
    // Of random bytes, 50 % are above 127, and 37 % are printable.
    let (high, printable) = (share(|b| *b >= 0x80), share(|b| (0x20..0x7f).contains(b)));
    Ok(sample.len() >= 64 && (36..=64).contains(&high) && (24..=50).contains(&printable))
}

/// How long the IV in front of the file is.
pub const IV_LEN: u64 = 16;

/// BR's encryption methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A key of 16 bytes.
    Aes128Ctr,
    /// A key of 24 bytes.
    Aes192Ctr,
    /// A key of 32 bytes.
    Aes256Ctr,
}

impl Method {
    /// BR's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Ctr => "aes128-ctr",
            Self::Aes192Ctr => "aes192-ctr",
            Self::Aes256Ctr => "aes256-ctr",
        }
    }

    /// Bytes of its key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Ctr => 16,
            Self::Aes192Ctr => 24,
            Self::Aes256Ctr => 32,
        }
    }
}

/// A method with its key. Has no `Debug`, so that no log ever shows the key.
pub struct Crypter {
    method: Method,
    key: Vec<u8>,
}

impl Crypter {
    /// `method` with the key that is written in `hex` as BR takes it; one line end behind it is
    /// ignored.
    ///
    /// # Errors
    /// A usage fault, which never repeats the key, when it is not hex or of the wrong length.
    pub fn new(method: Method, hex: &str) -> Result<Self> {
        let digits = hex.strip_suffix('\n').unwrap_or(hex);
        let digits = digits.strip_suffix('\r').unwrap_or(digits);
        let need =
            format!("{} needs a key of {} bytes, {} hex digits", method.name(), method.key_len(), method.key_len() * 2);
        let key = hex::decode(digits).map_err(|_| {
            let fault = Fault::usage("the key is not written in pairs of hex digits");
            anyhow!(fault.hint(format!("{need}, as given to BR")))
        })?;
        if key.len() != method.key_len() {
            let fault = Fault::usage(format!("the key has {} bytes, but {need}", key.len()));
            return Err(fault.hint("check --crypter-method and the key against BR's own command line").into());
        }
        Ok(Self { method, key })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The plain bytes behind the IV at the start of `reader`.
    ///
    /// # Errors
    /// When the IV cannot be read.
    pub fn decrypt<R: Read>(&self, mut reader: R) -> Result<Decrypting<R>> {
        let mut iv = [0; 16];
        reader.read_exact(&mut iv).context("the file ends within the 16-byte IV that encrypted files begin with")?;
        Ok(Decrypting { reader, cipher: self.cipher(&iv)? })
    }

    fn cipher(&self, iv: &[u8; 16]) -> Result<Cipher> {
        ensure!(self.key.len() == self.method.key_len(), "the key does not fit {}", self.method.name());
        let wrong = |_| anyhow!("the key does not fit {}", self.method.name());
        Ok(match self.method {
            Method::Aes128Ctr => Cipher::Aes128(Ctr128BE::new_from_slices(&self.key, iv).map_err(wrong)?),
            Method::Aes192Ctr => Cipher::Aes192(Ctr128BE::new_from_slices(&self.key, iv).map_err(wrong)?),
            Method::Aes256Ctr => Cipher::Aes256(Ctr128BE::new_from_slices(&self.key, iv).map_err(wrong)?),
        })
    }
}

enum Cipher {
    Aes128(Ctr128BE<Aes128>),
    Aes192(Ctr128BE<Aes192>),
    Aes256(Ctr128BE<Aes256>),
}

/// A reader whose bytes are decrypted on their way.
pub struct Decrypting<R> {
    reader: R,
    cipher: Cipher,
}

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        let bytes = buffer.get_mut(..len).unwrap_or_default();
        match &mut self.cipher {
            Cipher::Aes128(c) => c.apply_keystream(bytes),
            Cipher::Aes192(c) => c.apply_keystream(bytes),
            Cipher::Aes256(c) => c.apply_keystream(bytes),
        }
        Ok(len)
    }
}

#[cfg(test)]
#[path = "br_tests.rs"]
mod tests;
