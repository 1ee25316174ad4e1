//! Arguments of `tisync ts`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::SecurityArgs;
use crate::backup::br::Method;

/// `tisync ts …`. Each prints its answer alone on standard output.
#[derive(Debug, Subcommand)]
pub enum TsCommand {
    /// Print the commit ts at the end of a BR backup
    #[command(after_help = FROM_BR_EXAMPLES)]
    FromBr(FromBrArgs),
    /// Print the commit ts of a Dumpling or mydumper dump
    #[command(after_help = FROM_DUMPLING_EXAMPLES)]
    FromDumpling(FromDumplingArgs),
    /// Print the current ts of a cluster
    #[command(after_help = NOW_EXAMPLES)]
    Now(NowArgs),
    /// Print the time of each ts
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArgs),
    /// Print the first ts of a time's millisecond
    #[command(after_help = ENCODE_EXAMPLES)]
    Encode(EncodeArgs),
    /// Check whether replication can start at a ts: typing errors, gaps, overlaps, data already
    /// deleted
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
}

const FROM_BR_EXAMPLES: &str = "Examples:
  COMMIT_TS=$(tisync ts from-br /backups/full)
  tisync ts from-br local:///backups/full/backupmeta --output json
  tisync ts from-br /backups/secret --crypter-method aes256-ctr --crypter-key-file key.hex

A backup holds every transaction up to and including this ts; replication begins after its start ts. So start exactly at it.";

const FROM_DUMPLING_EXAMPLES: &str = "Examples:
  COMMIT_TS=$(tisync ts from-dumpling /dumps/today)
  tisync ts from-dumpling /dumps/today/metadata --time-zone Europe/Berlin

A dump holds every transaction up to and including this ts; replication begins after its start ts. So start exactly at it.";

const NOW_EXAMPLES: &str = "Examples:
  tisync ts now --pd http://10.0.0.1:2379
  tisync ts now --pd https://pd1:2379,https://pd2:2379 --ssl-ca ca.pem --ssl-cert client.pem --ssl-key client-key.pem";

const DECODE_EXAMPLES: &str = "Examples:
  tisync ts decode 470616376687198209
  tisync ts from-br /backups/full | tisync ts decode
  tisync ts decode --output csv - < list-of-ts";

const ENCODE_EXAMPLES: &str = "Examples:
  tisync ts encode 2026-11-21T10:00:00Z
  tisync ts encode '2026-11-21 10:00:00' --time-zone Europe/Berlin
  tisync ts encode -1h30m

Relative times count from this machine's clock, not from the cluster's.";

const CHECK_EXAMPLES: &str = "Examples:
  tisync ts check $COMMIT_TS --backup /backups/full --pd http://10.0.0.1:2379
  tisync ts check 470616376687198209 --dump /dumps/today --output json

Exit code: 0 replication can start there (warnings included), 1 it cannot.";

/// Arguments of `ts from-br`.
#[derive(Debug, Args)]
pub struct FromBrArgs {
    /// The backup's folder or its backupmeta file: a path, local:///path or file:///path; or object
    /// storage as BR writes it: s3://, gcs:// (gs://) or azure:// (azblob://) BUCKET/PREFIX with
    /// options after a `?`
    pub storage: String,
    /// How it is encrypted.
    #[command(flatten)]
    pub crypter: CrypterArgs,
}

/// How a backup is encrypted.
#[derive(Args, Clone, Default)]
pub struct CrypterArgs {
    /// How the backup is encrypted [default: plaintext]
    #[arg(long, value_enum, ignore_case = true, alias = "crypter.method")]
    pub crypter_method: Option<CrypterMethod>,
    /// The key in hex digits. All users of this machine can read a command line: prefer
    /// --crypter-key-file, or the environment's TISYNC_CRYPTER_KEY, which counts when neither is
    /// given
    #[arg(long, value_name = "HEX", conflicts_with = "crypter_key_file", alias = "crypter.key")]
    pub crypter_key: Option<String>,
    /// A file with the key in hex digits
    #[arg(long, value_name = "FILE", alias = "crypter.key-file")]
    pub crypter_key_file: Option<PathBuf>,
}

impl std::fmt::Debug for CrypterArgs {
    // By hand, so that the key never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrypterArgs")
            .field("crypter_method", &self.crypter_method)
            .field("crypter_key", &self.crypter_key.as_ref().map(|_| "…"))
            .field("crypter_key_file", &self.crypter_key_file)
            .finish()
    }
}

/// BR's names of the methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CrypterMethod {
    /// Not encrypted.
    Plaintext,
    /// A key of 16 bytes.
    #[value(name = "aes128-ctr")]
    Aes128Ctr,
    /// A key of 24 bytes.
    #[value(name = "aes192-ctr")]
    Aes192Ctr,
    /// A key of 32 bytes.
    #[value(name = "aes256-ctr")]
    Aes256Ctr,
}

impl CrypterMethod {
    /// The cipher; `None` for plain text.
    #[must_use]
    pub const fn cipher(self) -> Option<Method> {
        match self {
            Self::Plaintext => None,
            Self::Aes128Ctr => Some(Method::Aes128Ctr),
            Self::Aes192Ctr => Some(Method::Aes192Ctr),
            Self::Aes256Ctr => Some(Method::Aes256Ctr),
        }
    }
}

/// Arguments of `ts from-dumpling`.
#[derive(Debug, Args)]
pub struct FromDumplingArgs {
    /// The dump's folder or its metadata file: a path, or object storage: s3://, gcs:// or azure://
    /// BUCKET/PREFIX
    pub path: String,
    /// The time zone of a position that is a date-time (`dumpling --snapshot '2026-…'`): UTC,
    /// +08:00, an IANA name, local
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub time_zone: Option<String>,
}

/// Where a cluster's PD is.
#[derive(Clone, Debug, Default, Args)]
pub struct PdArgs {
    /// PD's addresses, as in http://10.0.0.1:2379, separated by commas
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "TISYNC_PD")]
    pub pd: Vec<String>,
    /// TLS to it.
    #[command(flatten)]
    pub security: SecurityArgs,
}

/// Arguments of `ts now`.
#[derive(Debug, Args)]
pub struct NowArgs {
    /// Where the cluster's PD is.
    #[command(flatten)]
    pub pd: PdArgs,
}

/// Arguments of `ts decode`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// The ts to decode; `-`, or none at all, reads them from standard input, one per line
    #[arg(value_name = "TS")]
    pub ts: Vec<String>,
}

/// Arguments of `ts encode`.
#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// RFC 3339, a date-time (with --time-zone), `now`, or relative to now: -15m, -1h30m, -2d, +5s
    #[arg(allow_hyphen_values = true)]
    pub time: String,
    /// The time zone of a time that has none: UTC, +08:00, an IANA name, local
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub time_zone: Option<String>,
}

/// Arguments of `ts check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The start ts to check
    #[arg(allow_hyphen_values = true)]
    pub ts: String,
    /// Look for a gap or overlap with this BR backup, which the target was restored from
    #[arg(long, value_name = "STORAGE", group = "held")]
    pub backup: Option<String>,
    /// Look for a gap or overlap with this dump, which the target was loaded from
    #[arg(long, value_name = "PATH", group = "held")]
    pub dump: Option<String>,
    /// Look for a gap or overlap with a backup or dump that ends at this ts
    #[arg(long, value_name = "TS", group = "held")]
    pub backup_ts: Option<String>,
    /// The time zone of a dump's position, if that is a date-time
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub time_zone: Option<String>,
    /// How the backup is encrypted.
    #[command(flatten)]
    pub crypter: CrypterArgs,
    /// Where the cluster's PD is.
    #[command(flatten)]
    pub pd: PdArgs,
    /// Look for a gap or overlap with this target's checkpoint, as in mysql://user@host:3306
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: Option<String>,
}
