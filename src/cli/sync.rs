//! Arguments of `tisync sync`, and sizes in bytes as an operator writes them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use jiff::tz::TimeZone;

use super::{PlainArgs, SecurityArgs};
use crate::loopback::OtherChannels;
use crate::moment::{self, Start, Until};
use crate::sink::mysql::{OnConflict, PendingDdl, WrongSide};

/// Arguments of `tisync sync`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  # From a backup's end on, until Ctrl-C (the first drains, the second stops at once):
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-ts $(tisync ts from-br /backup)

  # In a migration script: catch up, then go on with the next step:
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --until caught-up

  # All links of a tisync.toml, as both ways of a pair; or one of them:
  tisync sync --config tisync.toml
  tisync sync --config tisync.toml --link orders

  # One of two opposite links (`tisync mark setup` comes first):
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:4000 --start-ts $TS --loopback --channel-id 1
  # The one back, which runs no DDL, with a Drainer on the other direction:
  tisync sync --from pd://10.0.0.2:2379 --to mysql://repl@db1:4000 --start-ts $TS --loopback --channel-id 1 --no-ddl --wrong-side-ddl ignore

  # In Drainer's place, with its own file:
  tisync sync --config /etc/drainer.toml

  # Instead of a run on another machine, which shall end:
  tisync sync --config tisync.toml --link orders --take-over

  # A recorded stream:
  tisync sync --from recordings/everything --to mysql://root@127.0.0.1:3306

  # What Drainer wrote with db-type `file`, up to a time:
  tisync sync --from /data/drainer --to mysql://root@127.0.0.1:3306 --time-zone Asia/Shanghai --until 2026-11-21T13:00:00Z

The password of the target comes from TISYNC_TARGET_PASSWORD, a `password-file=` parameter of the URL or the MySQL
option file (`defaults-file=`, or [client] of ~/.my.cnf); if the target requires one and none is set, it is asked for on a terminal.")]
pub struct SyncArgs {
    /// A tisync.toml, or a drainer.toml as it is. Flags, and then the environment, override it.
    #[arg(long, value_name = "FILE", env = "TISYNC_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where transactions come from: `pd://host:port[,host:port…]` of a TiDB cluster with Pumps, a
    /// folder with a recording or with Drainer's files (db-type `file`), or the name of a cluster
    /// in the file.
    #[arg(long, value_name = "SOURCE", env = "TISYNC_FROM")]
    pub from: Option<String>,
    /// Where they go: `mysql://user@host:port/?ssl-mode=…` (MySQL, MariaDB or TiDB), or the name of
    /// a cluster in the file.
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: Option<String>,
    /// Starts after this ts (exclusive): a backup's end is exactly right; or `now`, which leaves
    /// out all earlier changes. Needed on a first start; after that the target's checkpoint
    /// decides. A ts, or a time: `2026-11-21T13:00:00Z`, `-2h`.
    #[arg(long, value_name = "TS|TIME|now", env = "TISYNC_START_TS", allow_hyphen_values = true)]
    pub start_ts: Option<Start>,
    /// Ends with exit code 0 when everything up to here (inclusive) is applied: a ts, a time, or
    /// `caught-up` for PD's current one. A time is the first ts of its millisecond.
    #[arg(long, value_name = "TS|TIME|caught-up", allow_hyphen_values = true)]
    pub until: Option<Until>,
    /// Ends with exit code 0 when everything up to this commit ts (inclusive) is applied.
    #[arg(long, value_name = "TS", conflicts_with = "until")]
    pub until_ts: Option<u64>,
    /// Skips the DDL of this commit ts. Tables that are missing because of it are left out, counted
    /// and listed. May be given several times.
    #[arg(long, value_name = "TS")]
    pub skip_ddl: Vec<u64>,
    /// What to do with a DDL that the target refuses: `stop` (the default) ends the run, `ask` asks
    /// at the terminal, `skip:TS` skips the one of this commit ts (as `--skip-ddl TS`),
    /// `replace:TS=SQL` runs SQL instead of it. May be given several times.
    #[arg(long, value_name = "stop|ask|skip:TS|replace:TS=SQL")]
    pub on_ddl_error: Vec<OnDdlErrorArg>,
    /// Runs no DDL on the target, as with Drainer's `sync-ddl = false`: something else has to
    /// maintain its tables. Rows are still replicated as they are upstream.
    #[arg(long)]
    pub no_ddl: bool,
    /// Tells tisync the outcome of a DDL that an earlier run did not see finish.
    #[arg(long, value_enum)]
    pub pending_ddl: Option<PendingDdl>,
    /// Rows may already exist or be missing: replaces and ignores them instead of stopping. For a
    /// start from a backup that is not a consistent snapshot.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub safe_mode: Option<bool>,
    /// Safe mode up to this ts only: for a start whose overlap with the data on the target is known
    /// to end there.
    #[arg(long, value_name = "TS", conflicts_with = "safe_mode")]
    pub safe_until: Option<u64>,
    /// On a first start, uses --start-ts even if a Drainer left a different checkpoint on the
    /// target.
    #[arg(long)]
    pub ignore_drainer: bool,
    /// Ends another running process of this link. Without it, the start is refused and shows who
    /// that is; a run whose process or machine is gone never blocks the start.
    #[arg(long)]
    pub take_over: bool,
    /// Takes over from a Drainer that was not stopped cleanly even if there are tables without a
    /// primary key or a unique key of NOT NULL columns: some of their rows may then exist twice.
    #[arg(long)]
    pub allow_repeats: bool,
    /// Whether a table must have the same columns on both sides. 1 (the default): a missing or
    /// extra column is an error. 2: columns that the target lacks are left out; columns that only
    /// the target has keep their values, and new rows get their default, or zero.
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub sync_mode: Option<u8>,
    /// Continues even if the target lacks tables that the upstream has; a row for one of them stops
    /// the run.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_missing: Option<bool>,
    /// Which tables are replicated: patterns as in TiDB's other tools (`app.*`, `!app.tmp_*`,
    /// `/^a/.*`, `@FILE`), the last pattern that matches a table decides. Separated by commas, or
    /// given several times. All tables by default.
    #[arg(long, value_name = "PATTERN", help_heading = "What is replicated")]
    pub tables: Vec<String>,
    /// Gives a database (`app.*=app2.*`) or a table (`app.users=crm.people`) another name on the
    /// target, in rows and DDL. The first match decides. May be given several times.
    #[arg(long, alias = "routes", value_name = "FROM=TO", help_heading = "What is replicated")]
    pub route: Vec<RouteArg>,
    /// Leaves out the transaction of this commit ts, rows or DDL. May be given several times.
    #[arg(long, value_name = "TS", help_heading = "What is replicated")]
    pub ignore_ts: Vec<u64>,
    /// Name of this link in the target's checkpoint table, `default` if not given; with a file of
    /// several links, the one to run; without it all of them run.
    #[arg(long, value_name = "NAME", env = "TISYNC_LINK")]
    pub link: Option<String>,
    /// With several links: one that fails does not stop the others. The exit code is still that of
    /// the first failure.
    #[arg(long)]
    pub keep_going: bool,
    /// TiDB's status address for the DDL history, if the one registered in PD cannot be reached:
    /// `http://host:10080`.
    #[arg(long, value_name = "URL", env = "TISYNC_SCHEMA_FROM")]
    pub schema_from: Option<String>,
    /// Maximum memory of the run, plus one raw transaction of the stream if that is larger:
    /// `256MiB`, `1GiB` or a number of bytes; at least 64MiB. Default: 256MiB.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TISYNC_MEMORY_LIMIT",
        value_parser = Size::memory,
        help_heading = "Load"
    )]
    pub memory_limit: Option<Size>,
    /// Connections that write to the target at once, 1 to 64. By default, chosen from the
    /// round-trip time to the target.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64), help_heading = "Load")]
    pub workers: Option<u8>,
    /// Row changes per transaction on the target; a larger upstream transaction stays whole. By
    /// default, chosen from the round-trip time to the target.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    pub batch_rows: Option<u64>,
    /// Splits an upstream transaction that changes more rows than this over several transactions on
    /// the target, and says so: readers there may see a part of it. By default, none is ever split.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    pub max_txn_rows: Option<u64>,
    /// Name of this link's entry in the cluster's list of drainers. By default, derived from the
    /// link, the target and the cluster, so that it is the same on every machine.
    #[arg(long, value_name = "ID", env = "TISYNC_NODE_ID", help_heading = "Place in the cluster")]
    pub node_id: Option<String>,
    /// Where to listen for the cluster's Pumps, and for `/status`, `/metrics` and `PUT /state`. By
    /// default, port 8249 (or a free one, if that is in use) of the address from which PD is
    /// reached.
    #[arg(long, value_name = "HOST:PORT", env = "TISYNC_ADDR", help_heading = "Place in the cluster")]
    pub addr: Option<String>,
    /// The address to register with the cluster's Pumps, if it differs from --addr.
    #[arg(long, value_name = "HOST:PORT", env = "TISYNC_ADVERTISE_ADDR", help_heading = "Place in the cluster")]
    pub advertise_addr: Option<String>,
    /// Does not register in the cluster and listens on no port. Then Pumps that go offline do not
    /// wait for this link.
    #[arg(
        long,
        conflicts_with_all = ["node_id", "addr", "advertise_addr"],
        help_heading = "Place in the cluster"
    )]
    pub no_register: bool,
    /// Listens on no port, and is registered as paused: Pumps that go offline wait for this link,
    /// but new Pumps do not notify it (it finds them by itself), and there is no `/status`,
    /// `/metrics` or `PUT /state`.
    #[arg(long, conflicts_with_all = ["addr", "no_register"], help_heading = "Place in the cluster")]
    pub no_listen: bool,
    /// Leaves out transactions that carry the mark of this channel: they came from the other side.
    /// Needs --channel-id: this link's own writes carry the mark too.
    #[arg(long, help_heading = BOTH_WAYS)]
    pub loopback: bool,
    /// The channel, the same number on both clusters: marks every transaction on the target with
    /// it.
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = BOTH_WAYS)]
    pub channel_id: Option<i64>,
    /// The mark table, on both clusters [default: retl._drainer_repl_mark].
    #[arg(long, value_name = "DB.TABLE", help_heading = BOTH_WAYS)]
    pub mark_table: Option<String>,
    /// What to do with transactions that carry the mark of another channel [default: pass].
    #[arg(long, value_enum, value_name = "WHAT", help_heading = BOTH_WAYS)]
    pub other_channels: Option<OtherChannels>,
    /// On a link with --loopback and --no-ddl, what to do with an upstream DDL that did not come
    /// through the link in the other direction: `stop` (the default) ends the run before it and
    /// shows it, `ignore` continues without running it. A Drainer does not say which DDL it ran:
    /// with a Drainer in the other direction, use `ignore`.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = BOTH_WAYS)]
    pub wrong_side_ddl: Option<WrongSide>,
    /// What to do if a row to change or delete is missing on the target, or the key of a new row
    /// already exists: end the run (the default), or make the row match the upstream. Both count
    /// such rows by table.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_conflict: Option<OnConflict>,
    /// Suppresses notes and progress, but not warnings and errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// Time zone of the Drainer that wrote the files, for their TIMESTAMPs: UTC, an offset or an
    /// IANA name.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone, help_heading = "Drainer's files")]
    pub time_zone: TimeZone,
    /// Id of the cluster that the files come from, which is not in the files: the target's
    /// checkpoint is stored under it.
    #[arg(long, value_name = "ID", default_value_t = 0, hide_default_value = true, help_heading = "Drainer's files")]
    pub cluster_id: u64,
    /// TLS to the upstream.
    #[command(flatten)]
    pub security: SecurityArgs,
    /// What the target's password may travel over.
    #[command(flatten)]
    pub plain: PlainArgs,
}

/// Heading of what two opposite links need.
const BOTH_WAYS: &str = "Both ways";

fn zone(text: &str) -> Result<TimeZone, String> {
    moment::zone(text).map_err(|e| e.to_string())
}

/// A database or a table, and what it is called on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteArg {
    /// `db.*` or `db.table`.
    pub from: String,
    /// The name on the target, in the form of `from`.
    pub to: String,
}

impl FromStr for RouteArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut quote = None;
        for (at, c) in text.char_indices() {
            match (quote, c) {
                (None, '=') => {
                    let (from, to) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
                    return Ok(Self { from: from.to_owned(), to: to.to_owned() });
                }
                (None, '`' | '"') => quote = Some(c),
                (Some(open), c) if c == open => quote = None,
                _ => {}
            }
        }
        Err("expected FROM=TO, as in app.*=app2.*".to_owned())
    }
}

/// What becomes of DDLs that the target refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnDdlErrorArg {
    /// The run ends.
    Stop,
    /// The operator is asked.
    Ask,
    /// The one of this commit ts is left out.
    Skip(u64),
    /// Instead of the one of this commit ts, this runs.
    Replace(u64, String),
}

impl FromStr for OnDdlErrorArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ts = |digits: &str| digits.trim().parse::<u64>().map_err(|_| format!("`{digits}` is not a ts (digits)"));
        match text.split_once(':') {
            None if text == "stop" => Ok(Self::Stop),
            None if text == "ask" => Ok(Self::Ask),
            Some(("skip", digits)) => ts(digits).map(Self::Skip),
            Some(("replace", rest)) => match rest.split_once('=') {
                Some((_, sql)) if sql.trim().is_empty() => {
                    Err("SQL to run instead must follow the =; `skip:TS` skips a DDL".to_owned())
                }
                Some((digits, sql)) => Ok(Self::Replace(ts(digits)?, sql.trim().to_owned())),
                None => Err("expected replace:TS=SQL".to_owned()),
            },
            _ => Err("expected `stop`, `ask`, `skip:TS` or `replace:TS=SQL`".to_owned()),
        }
    }
}

/// Units, the largest first.
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of bytes: `268435456`, `256MiB`, `1 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

impl Size {
    /// The least memory that a run can do with.
    pub const LEAST_MEMORY: Self = Self(64 << 20);

    /// A size for `--memory-limit`.
    ///
    /// # Errors
    /// If it is no size, or too small.
    pub fn memory(text: &str) -> Result<Self, String> {
        let size: Self = text.parse()?;
        if size < Self::LEAST_MEMORY {
            return Err(format!("at least {} are needed", Self::LEAST_MEMORY));
        }
        Ok(size)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a size such as `256MiB`, `1GiB` or a number of bytes".to_owned();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
        let unit = unit.trim_start();
        let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(wrong()),
        };
        let number: usize = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "larger than any memory".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
