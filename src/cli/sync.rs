//! Arguments of `tisync sync`.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{SecurityArgs, Size};
use crate::moment;

/// Arguments of `tisync sync`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  # From a backup's end on, until Ctrl-C (the first drains, the second stops at once):
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-ts $(tisync ts from-br /backup)

  # In a migration script: catch up, then go on with the next step:
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --until caught-up

  # A recorded stream:
  tisync sync --from recordings/everything --to mysql://root@127.0.0.1:3306

  # What Drainer wrote with db-type `file`, up to a time:
  tisync sync --from /data/drainer --to mysql://root@127.0.0.1:3306 --time-zone Asia/Shanghai --until 2026-11-21T13:00:00Z

The password of the target comes from TISYNC_TARGET_PASSWORD, a `password-file=` parameter of the URL or the MySQL
option file (`defaults-file=`, or [client] of ~/.my.cnf).")]
pub struct SyncArgs {
    /// Where transactions come from: `pd://host:port[,host:port…]` of a TiDB cluster with Pumps, or a folder with a
    /// recording or with Drainer's files (db-type `file`).
    #[arg(long, value_name = "SOURCE", env = "TISYNC_FROM")]
    pub from: String,
    /// Where they go: `mysql://user@host:port/?ssl-mode=…` (MySQL, MariaDB or TiDB).
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: String,
    /// Starts behind this ts (exclusive): a backup's end is exactly right. Needed on a first start; later the
    /// target's checkpoint decides. A ts, or a time: `2026-11-21T13:00:00Z`, `-2h`.
    #[arg(long, value_name = "TS|TIME", env = "TISYNC_START_TS", value_parser = ts_or_time, allow_hyphen_values = true)]
    pub start_ts: Option<u64>,
    /// Ends with exit code 0 when everything up to here (inclusive) is applied: a ts, a time, or `caught-up` for PD's
    /// current one. A time is the first ts of its millisecond.
    #[arg(long, value_name = "TS|TIME|caught-up", allow_hyphen_values = true)]
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
    /// Leaves out notes and progress; warnings and errors stay.
    #[arg(long, short)]
    pub quiet: bool,
    /// Time zone of the Drainer that wrote the files, for their TIMESTAMPs: UTC, an offset or an IANA name.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone, help_heading = "Drainer's files")]
    pub time_zone: TimeZone,
    /// Id of the cluster that the files come from, which they do not tell: the target's checkpoint is kept under it.
    #[arg(long, value_name = "ID", default_value_t = 0, hide_default_value = true, help_heading = "Drainer's files")]
    pub cluster_id: u64,
    /// TLS to the upstream.
    #[command(flatten)]
    pub security: SecurityArgs,
}

fn zone(text: &str) -> Result<TimeZone, String> {
    moment::zone(text).map_err(|e| e.to_string())
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
        ts_or_time(text).map(Self::Ts).map_err(|e| format!("{e}, or `caught-up`"))
    }
}

/// A ts as digits, or the first ts of the millisecond of a time.
pub(super) fn ts_or_time(text: &str) -> Result<u64, String> {
    const EXPECTED: &str = "expected a ts (digits) or a time with its zone (2026-11-21T13:00:00Z, -2h)";
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| EXPECTED.to_owned());
    }
    let time = moment::parse(text, None, Timestamp::now()).and_then(moment::to_ts);
    time.map(|ts| ts.0).map_err(|e| format!("{e}: {EXPECTED}"))
}

/// What became of a DDL that an earlier run did not see end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PendingDdlArg {
    /// It took effect: go on behind it.
    Done,
    /// It did not: run it again.
    Again,
}
