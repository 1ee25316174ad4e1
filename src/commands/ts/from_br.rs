//! `tisync ts from-br`: the commit ts that a backup by BR ends at.

use std::env;
use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Serialize;

use crate::backup::br::{self, Backup};
use crate::backup::crypter::Crypter;
use crate::backup::storage::Storage;
use crate::cli::Format;
use crate::cli::ts::{CrypterArgs, FromBrArgs};
use crate::commands::ts::show;
use crate::error::Fault;
use crate::output;

/// The key's variable in the environment.
const KEY_VARIABLE: &str = "TISYNC_CRYPTER_KEY";

/// The longest key file that is read; a key has at most 64 digits.
const MAX_KEY_FILE: u64 = 4096;

#[derive(Serialize)]
struct Row<'a> {
    version: u32,
    ts: String,
    time: String,
    kind: &'static str,
    start_version: String,
    end_version: String,
    cluster_id: String,
    cluster_version: &'a str,
    br_version: &'a str,
    format: String,
    new_collations: &'a str,
    size: u64,
    encrypted: bool,
}

pub fn run(args: &FromBrArgs, format: Format, verbose: u8) -> Result<()> {
    let backup = open(&args.storage, &args.crypter)?;
    for warning in warnings(&args.storage, &backup)? {
        output::warn(&warning);
    }
    if backup.is_incremental() {
        output::note(&incremental(&backup));
    }
    if verbose > 0 {
        output::note(&format!("the backup of cluster {} ends at {}", backup.cluster_id, backup.end_version.explain()));
    }
    let row = Row {
        version: show::VERSION,
        ts: backup.end_version.to_string(),
        time: show::utc(backup.end_version),
        kind: if backup.is_incremental() { "incremental" } else { "full" },
        start_version: backup.start_version.to_string(),
        end_version: backup.end_version.to_string(),
        cluster_id: backup.cluster_id.to_string(),
        cluster_version: &backup.cluster_version,
        br_version: &backup.br_version,
        format: format!("v{}", backup.version + 1),
        new_collations: &backup.new_collations,
        size: backup.size,
        encrypted: backup.encrypted,
    };
    show::one(format, &backup.end_version.to_string(), &row)
}

/// The backup at `address`.
pub fn open(address: &str, args: &CrypterArgs) -> Result<Backup> {
    let crypter = crypter(args)?;
    br::read(&Storage::open(address)?, crypter.as_ref(), Timestamp::now())
}

/// What about `backup` may keep it from being restored.
fn warnings(address: &str, backup: &Backup) -> Result<Vec<String>> {
    let storage = Storage::open(address)?;
    let absent = match br::absent_files(&storage, backup) {
        Ok(absent) => absent,
        // Whoever may read the one file need not be allowed to list the others.
        Err(error) if storage.is_remote() => {
            return Ok(vec![format!("whether all files of the backup are there cannot be told: {error:#}")]);
        }
        Err(error) => return Err(error),
    };
    let warning =
        |name| format!("{} refers to {name}, which is not beside it: this copy cannot be restored", backup.place);
    Ok(absent.iter().map(warning).collect())
}

/// What it means that `backup` is incremental.
pub fn incremental(backup: &Backup) -> String {
    format!(
        "this backup is incremental: it holds only the changes after {} up to and including {}. Replication can start at its \
         end once it was restored on top of the backup that ends at its start",
        backup.start_version.explain(),
        backup.end_version.explain()
    )
}

/// The cipher that the options ask for.
fn crypter(args: &CrypterArgs) -> Result<Option<Crypter>> {
    let given = args.crypter_key.is_some() || args.crypter_key_file.is_some();
    let Some(method) = args.crypter_method.and_then(|m| m.cipher()) else {
        if given {
            let fault = Fault::usage("a key was given, but no method to decrypt the backup with");
            return Err(fault.hint("add --crypter-method aes128-ctr, aes192-ctr or aes256-ctr, as BR got it").into());
        }
        return Ok(None);
    };
    let hex = if let Some(hex) = &args.crypter_key {
        hex.clone()
    } else if let Some(path) = &args.crypter_key_file {
        let mut hex = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_KEY_FILE).read_to_string(&mut hex));
        read.with_context(|| {
            let fault = Fault::connect(format!("cannot read the key file {}", path.display()));
            fault.hint("it holds the key in hex digits, as BR's --crypter.key-file does")
        })?;
        hex
    } else if let Some(hex) = env::var(KEY_VARIABLE).ok().filter(|hex| !hex.is_empty()) {
        hex
    } else {
        let fault = Fault::usage(format!("{} needs a key", method.name()));
        return Err(fault.hint(format!("give --crypter-key-file, or {KEY_VARIABLE} in the environment")).into());
    };
    Crypter::new(method, &hex).map(Some)
}
