//! Arguments of `tisync sync`.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::{SecurityArgs, Size};
use crate::mark::DEFAULT_TABLE;

/// Arguments of `tisync sync`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  # From a backup's end on, until Ctrl-C (the first drains, the second stops at once):
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-ts $(tisync ts from-br /backup)

  # In a migration script: catch up, then go on with the next step:
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --until caught-up

  # One of two opposite links (`tisync mark setup` comes first):
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:4000 --start-ts $TS --loopback --channel-id 1

  # A recorded stream:
  tisync sync --from recordings/everything --to mysql://root@127.0.0.1:3306

The password of the target comes from TISYNC_TARGET_PASSWORD, a `password-file=` parameter of the URL or the MySQL
option file (`defaults-file=`, or [client] of ~/.my.cnf).")]
pub struct SyncArgs {
    /// Where transactions come from: `pd://host:port[,host:port…]` of a TiDB cluster with Pumps, or a folder.
    #[arg(long, value_name = "SOURCE", env = "TISYNC_FROM")]
    pub from: String,
    /// Where they go: `mysql://user@host:port/?ssl-mode=…` (MySQL, MariaDB or TiDB).
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: String,
    /// Starts behind this ts (exclusive): a backup's end is exactly right. Needed on a first start; later the
    /// target's checkpoint decides.
    #[arg(long, value_name = "TS", env = "TISYNC_START_TS")]
    pub start_ts: Option<u64>,
    /// Ends with exit code 0 when everything up to here is applied: a ts, or `caught-up` for PD's current one.
    #[arg(long, value_name = "TS|caught-up")]
    pub until: Option<UntilArg>,
    /// The same as `--until TS`.
    #[arg(long, value_name = "TS", conflicts_with = "until")]
    pub until_ts: Option<u64>,
    /// Goes on without the DDL of this commit ts. Tables that are missing because of it are left out, counted and
    /// listed. May be given several times.
    #[arg(long, value_name = "TS")]
    pub skip_ddl: Vec<u64>,
    /// Says what became of a DDL that an earlier run did not see end.
    #[arg(long, value_enum)]
    pub pending_ddl: Option<PendingDdlArg>,
    /// Rows may already be there, or be missing: replaces and ignores instead of stopping. For a start from a backup
    /// that is no consistent point.
    #[arg(long)]
    pub safe_mode: bool,
    /// Goes on although the target lacks tables that the upstream has; a row for one of them stops the run.
    #[arg(long)]
    pub allow_missing: bool,
    /// Name of this link in the target's checkpoint table.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub link: String,
    /// TiDB's status address for the DDL history, where the one registered in PD cannot be reached:
    /// `http://host:10080`.
    #[arg(long, value_name = "URL", env = "TISYNC_SCHEMA_FROM")]
    pub schema_from: Option<String>,
    /// Most memory that the run takes, beside one raw transaction of the stream if that is larger: `256MiB`, `1GiB` or a
    /// number of bytes; at least 64MiB.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TISYNC_MEMORY_LIMIT",
        default_value = "256MiB",
        value_parser = Size::memory,
        help_heading = "Load"
    )]
    pub memory_limit: Size,
    /// Connections that write to the target at once, 1 to 64. Unless given, chosen from the round trip to the target.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64), help_heading = "Load")]
    pub workers: Option<u8>,
    /// Row changes that are written in one transaction; an upstream transaction that has more stays whole. Unless
    /// given, chosen from the round trip to the target.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    pub batch_rows: Option<u64>,
    /// Splits an upstream transaction that changes more rows than this over several transactions on the target, and
    /// says so: readers there may see a part of it. Unless given, none is ever split.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    pub max_txn_rows: Option<u64>,
    /// Leaves out transactions that carry the mark of our channel: they came from the other side. Everything that this link writes
    /// carries the mark too.
    #[arg(long, requires = "channel_id", help_heading = BOTH_WAYS)]
    pub loopback: bool,
    /// The channel, the same number on both clusters: marks every transaction on the target with it.
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = BOTH_WAYS)]
    pub channel_id: Option<i64>,
    /// The mark table, on both clusters.
    #[arg(
        long,
        value_name = "DB.TABLE",
        default_value = DEFAULT_TABLE,
        requires = "channel_id",
        help_heading = BOTH_WAYS
    )]
    pub mark_table: String,
    /// What to do with transactions that carry the mark of another channel.
    #[arg(long, value_enum, default_value_t, requires = "loopback", help_heading = BOTH_WAYS)]
    pub other_channels: OtherChannelsArg,
    /// What to do where a row to change or delete is missing on the target, or the key of a new one is taken: ends the run
    /// (the default), or makes the row what the upstream has. Both count them by table.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_conflict: Option<OnConflictArg>,
    /// Leaves out notes and progress; warnings and errors stay.
    #[arg(long, short)]
    pub quiet: bool,
    /// TLS to the upstream.
    #[command(flatten)]
    pub security: SecurityArgs,
}

/// Heading of what two opposite links need.
const BOTH_WAYS: &str = "Both ways";

/// What to do with transactions that carry the mark of another channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OtherChannelsArg {
    /// They are replicated, as chains and rings of clusters need it.
    #[default]
    Pass,
    /// The run ends.
    Stop,
}

/// What to do where the target's rows are not as supposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnConflictArg {
    /// The run ends; nothing of the transaction is applied.
    Stop,
    /// The target's row becomes what the upstream has.
    Count,
}

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntilArg {
    /// At PD's current ts.
    CaughtUp,
    /// At this ts.
    Ts(u64),
}

impl FromStr for UntilArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "caught-up" {
            return Ok(Self::CaughtUp);
        }
        text.parse().map(Self::Ts).map_err(|_| "expected a ts (digits) or `caught-up`".to_owned())
    }
}

/// What became of a DDL that an earlier run did not see end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PendingDdlArg {
    /// It took effect: go on behind it.
    Done,
    /// It did not: run it again.
    Again,
}
