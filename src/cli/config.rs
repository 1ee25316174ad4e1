//! Arguments of `tisync config` and `tisync init`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::SecurityArgs;
use super::sync::SyncArgs;
use super::ts::CrypterArgs;

pub(super) const EXAMPLES: &str = "Examples:
  tisync config check /etc/drainer.toml
  tisync config show --config tisync.toml --origin
  tisync config convert /etc/drainer.toml -o tisync.toml";

const CHECK_EXAMPLES: &str = "Examples:
  tisync config check tisync.toml
  tisync config check /etc/drainer.toml --output json
  # Where the clusters cannot be reached, as in a build:
  tisync config check tisync.toml --offline";

const SHOW_EXAMPLES: &str = "Examples:
  tisync config show --config tisync.toml --link orders
  tisync config show --config /etc/drainer.toml --origin --workers 4";

const FILTER_EXAMPLES: &str = "Examples:
  tisync config filter /etc/drainer.toml orders.items
  tisync config filter tisync.toml --link orders orders.items 'audit.*'";

const CONVERT_EXAMPLES: &str = "Examples:
  tisync config convert /etc/drainer.toml
  tisync config convert /etc/drainer.toml -o tisync.toml";

/// The subcommands of `tisync config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Reports all errors in a file, and anything else worth knowing about it. Asks the clusters
    /// for their identity, and changes nothing there.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Shows the settings that `tisync sync` with the same arguments would use. Passwords are never
    /// shown.
    Show(Box<ShowArgs>),
    /// Shows for each table whether a link replicates it, and which rule decides. Exit code 1 if
    /// one of them is left out.
    #[command(after_help = FILTER_EXAMPLES)]
    Filter(FilterArgs),
    /// Writes the tisync.toml equivalent of a drainer.toml, with comments that say what each line
    /// was.
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
}

/// Arguments of `tisync config filter`.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// A tisync.toml or a drainer.toml.
    pub file: PathBuf,
    /// Tables, by the upstream's names: `db.table`; `db` or `db.*` for the database itself.
    #[arg(required = true, value_name = "DB.TABLE")]
    pub tables: Vec<String>,
    /// The link of a file that has several.
    #[arg(long, value_name = "NAME")]
    pub link: Option<String>,
}

/// Arguments of `tisync config check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// A tisync.toml or a drainer.toml.
    pub file: PathBuf,
    /// Does not connect to anything, so it cannot tell whether a link leads back to its own source
    /// under another address.
    #[arg(long)]
    pub offline: bool,
}

/// Arguments of `tisync config show`.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// Shows where each value came from: a flag, the environment, a line of the file, the default.
    #[arg(long)]
    pub origin: bool,
    /// The arguments that `tisync sync` would get.
    #[command(flatten)]
    pub sync: SyncArgs,
}

/// Arguments of `tisync config convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// A drainer.toml.
    pub file: PathBuf,
    /// Writes into this file, which must not exist, instead of standard output. Passwords go into
    /// files next to it that only their owner can read.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Writes passwords to the tisync.toml itself.
    #[arg(long)]
    pub with_passwords: bool,
}

pub(super) const INIT_EXAMPLES: &str = "Examples:
  # Asks everything at the terminal:
  tisync init

  # One way, from a dump's end on, without a question:
  tisync init --one-way --from-pd pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-from-dumpling /dumps/today

  # Both ways:
  tisync init --both --from-pd pd://10.0.0.1:2379 --from-sql mysql://repl@db1:4000 --to-pd pd://10.0.1.1:2379 \\
    --to mysql://repl@db2:4000 --start-from-br s3://bucket/full --ddl-from a --mark-setup yes

Each answer is checked at once: PD, Pumps, TiDB's status ports, the account's rights, the start. Passwords come from --to-password-file and
--from-password-file, from TISYNC_PASSWORD_NAME (the cluster's name in capitals) or TISYNC_TARGET_PASSWORD, or are asked for. Without
a terminal nothing is asked: settings without a default need their flags. The command to run next is printed to standard output.";

/// Arguments of `tisync init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Two links, one each way: both clusters are sources and targets.
    #[arg(long, conflicts_with = "one_way")]
    pub both: bool,
    /// One link, from the first to the second (the default without a terminal).
    #[arg(long, conflicts_with_all = ["to_pd", "from_sql", "back_start_ts", "channel_id", "mark_table", "ddl_from", "mark_setup"])]
    pub one_way: bool,
    /// What the file calls the first cluster [default: a].
    #[arg(long, value_name = "NAME", help_heading = FIRST)]
    pub from_name: Option<String>,
    /// PD of the first cluster: `pd://host:port[,host:port…]`; https:// with TLS.
    #[arg(long, value_name = "URL", help_heading = FIRST)]
    pub from_pd: Option<String>,
    /// Both ways: SQL address of the first cluster, `mysql://user@host:port`.
    #[arg(long, value_name = "URL", help_heading = FIRST)]
    pub from_sql: Option<String>,
    /// A file whose first line is the password of that account.
    #[arg(long, value_name = "FILE", help_heading = FIRST)]
    pub from_password_file: Option<PathBuf>,
    /// What the file calls the second [default: b].
    #[arg(long, value_name = "NAME", help_heading = SECOND)]
    pub to_name: Option<String>,
    /// SQL address of the second, the target: `mysql://user@host:port/?ssl-mode=…`; MySQL, MariaDB
    /// or TiDB.
    #[arg(long, value_name = "URL", help_heading = SECOND)]
    pub to: Option<String>,
    /// A file whose first line is the password of that account.
    #[arg(long, value_name = "FILE", help_heading = SECOND)]
    pub to_password_file: Option<PathBuf>,
    /// Both ways: PD of the second cluster.
    #[arg(long, value_name = "URL", help_heading = SECOND)]
    pub to_pd: Option<String>,
    /// CA certificate (PEM) of the second cluster's PD; turns TLS on.
    #[arg(long, value_name = "FILE", requires = "to_pd", help_heading = SECOND)]
    pub to_ssl_ca: Option<PathBuf>,
    /// Client certificate (PEM) for it.
    #[arg(long, value_name = "FILE", requires = "to_ssl_key", help_heading = SECOND)]
    pub to_ssl_cert: Option<PathBuf>,
    /// Private key (PEM) of the client certificate.
    #[arg(long, value_name = "FILE", requires = "to_ssl_cert", help_heading = SECOND)]
    pub to_ssl_key: Option<PathBuf>,
    /// Where a password that was typed is kept: only in an environment variable that you set (the
    /// default), in its own file next to tisync.toml, or in tisync.toml itself.
    #[arg(long, value_enum, value_name = "WHERE")]
    pub keep_password: Option<KeepArg>,
    /// Where to start.
    #[command(flatten)]
    pub start: StartArgs,
    /// Both ways: where the link back begins: a ts, a time or `now` [default: now].
    #[arg(long, value_name = "TS|TIME|now", allow_hyphen_values = true, help_heading = START)]
    pub back_start_ts: Option<String>,
    /// Which tables, as with `sync --tables` [default: all].
    #[arg(long, value_name = "PATTERN", help_heading = "What is replicated")]
    pub tables: Vec<String>,
    /// Whether both sides must have the same columns [default: 1].
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2), help_heading = "What is replicated")]
    pub sync_mode: Option<u8>,
    /// The channel, the same number on both clusters [default: 1].
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = BOTH)]
    pub channel_id: Option<i64>,
    /// The mark table, on both clusters [default: retl._drainer_repl_mark].
    #[arg(long, value_name = "DB.TABLE", help_heading = BOTH)]
    pub mark_table: Option<String>,
    /// The name of the cluster whose DDL is replicated to the other; DDL on the other stays there.
    #[arg(long, value_name = "NAME", help_heading = BOTH)]
    pub ddl_from: Option<String>,
    /// Whether to create the mark table and its rows on both clusters now, as `mark setup` does.
    #[arg(long, value_enum, value_name = "yes|no", help_heading = BOTH)]
    pub mark_setup: Option<YesNo>,
    /// Where to write it [default: tisync.toml].
    #[arg(long, value_name = "FILE", help_heading = "The file")]
    pub config: Option<PathBuf>,
    /// Overwrites an existing file.
    #[arg(long, help_heading = "The file")]
    pub force: bool,
    /// Shows the file and writes nothing; changes nothing on the clusters.
    #[arg(long, help_heading = "The file")]
    pub dry_run: bool,
    /// Uses the default of each question that has one. Still asked: questions without a default,
    /// whether to overwrite a file, whether to change a cluster.
    #[arg(long, short)]
    pub yes: bool,
    /// Continues with a warning if a cluster cannot be reached: for a file that is written
    /// elsewhere.
    #[arg(long)]
    pub unchecked: bool,
    /// TLS to the first cluster.
    #[command(flatten)]
    pub security: SecurityArgs,
}

const FIRST: &str = "The first cluster";
const SECOND: &str = "The second cluster";
const START: &str = "Where to start";
const BOTH: &str = "Both ways";

/// Where the link begins.
#[derive(Args, Debug)]
pub struct StartArgs {
    /// At the end of this BR backup, which the target was restored from.
    #[arg(long, value_name = "STORAGE", group = "begin", help_heading = START)]
    pub start_from_br: Option<String>,
    /// At the snapshot of this Dumpling dump, which the target was loaded from.
    #[arg(long, value_name = "PATH", group = "begin", help_heading = START)]
    pub start_from_dumpling: Option<String>,
    /// After this ts or time; `now` leaves out earlier changes.
    #[arg(long, value_name = "TS|TIME|now", allow_hyphen_values = true, group = "begin", help_heading = START)]
    pub start_ts: Option<String>,
    /// The time zone of a dump's position, if that is a date-time.
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true, help_heading = START)]
    pub time_zone: Option<String>,
    /// How the backup is encrypted.
    #[command(flatten)]
    pub crypter: CrypterArgs,
}

/// Where a password that was typed is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeepArg {
    /// In an environment variable, which the operator sets.
    Env,
    /// In a file of its own.
    File,
    /// In tisync.toml.
    Config,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    /// Yes.
    Yes,
    /// No.
    No,
}
