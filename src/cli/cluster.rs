//! Arguments of `tisync nodes`, `tisync record` and `tisync playground`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::SecurityArgs;
use super::sync::Size;
use super::ts::PdArgs;
use crate::model::CommitTs;
use crate::moment;
use crate::moment::Until;

const LIST_EXAMPLES: &str = "Examples:
  tisync nodes list --pd http://10.0.0.1:2379
  tisync nodes list --config tisync.toml --cluster a
  tisync nodes list --pd http://10.0.0.1:2379 --all --output json | jq '.nodes[] | select(.life == \"dead\")'

An entry stays forever, whatever happens to its node. A node that says it is running but was not heard from for 30 s is called dead.";

const ACT_EXAMPLES: &str = "Examples:
  tisync nodes pause pump-1:8250 --pd http://10.0.0.1:2379 --wait 1m
  tisync nodes offline old-drainer:8249 --pd http://10.0.0.1:2379

The node itself is asked, as binlogctl does. It answers at once and stops when it can: a Pump goes offline only when every drainer
that is not offline has received all its data. Exit code: 0 it will (with --wait: it has), 1 it refused, 3 no answer, 124 not in time.";

const SET_STATE_EXAMPLES: &str = "Examples:
  tisync nodes set-state dead-drainer:8249 offline --pd http://10.0.0.1:2379

For entries whose node is gone: it writes the entry without telling the node. A running Drainer or Pump overwrites it with its own state.";

/// `tisync nodes …`.
#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// List Pumps and drainers with their positions and whether they are alive
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Ask a Pump or drainer to pause
    #[command(after_help = ACT_EXAMPLES)]
    Pause(ActArgs),
    /// Ask a Pump or drainer to go offline for good
    #[command(after_help = ACT_EXAMPLES)]
    Offline(ActArgs),
    /// Write a state to the entry of a node that is gone
    #[command(after_help = SET_STATE_EXAMPLES)]
    SetState(SetStateArgs),
}

/// Whose nodes are meant.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// Where the cluster's PD is.
    #[command(flatten)]
    pub pd: PdArgs,
    /// Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd
    /// is given
    #[arg(long, value_name = "FILE", env = "TISYNC_CONFIG")]
    pub config: Option<PathBuf>,
    /// The cluster's name in the tisync.toml, if several have a PD
    #[arg(long, value_name = "NAME", requires = "config")]
    pub cluster: Option<String>,
}

/// Arguments of `nodes list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Include nodes that are offline
    #[arg(long)]
    pub all: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Which node is meant.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The node id, as `nodes list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Its kind, if a Pump and a drainer have the same id
    #[arg(long, value_enum)]
    pub kind: Option<KindArg>,
}

/// Arguments of `nodes pause` and `nodes offline`.
#[derive(Debug, Args)]
pub struct ActArgs {
    /// Which one.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Wait until its entry says so, at most this long: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub wait: Option<Duration>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Arguments of `nodes set-state`.
#[derive(Debug, Args)]
pub struct SetStateArgs {
    /// Which one.
    #[command(flatten)]
    pub node: NodeArgs,
    /// The state to write
    #[arg(value_enum)]
    pub state: StateArg,
    /// Do not ask before writing
    #[arg(long, short)]
    pub yes: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// It stores binlog.
    Pump,
    /// It reads binlog: a Drainer, or a tisync.
    Drainer,
}

/// The states of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// It runs.
    Online,
    /// It is about to stop.
    Pausing,
    /// It has stopped, and will come back.
    Paused,
    /// It is about to stop for good.
    Closing,
    /// It has stopped for good.
    Offline,
}

fn time(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|_| "expected a duration such as 30s, 5m or 1h".to_owned())?;
    Duration::try_from(time).map_err(|_| "expected a duration that is not negative".to_owned())
}

/// Arguments of `tisync record`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  # From a backup's end on, until Ctrl-C; the same command again goes on where it ended:
  tisync record --from pd://10.0.0.1:2379 --dir /data/rec --start-ts $(tisync ts from-br /backup) --compress

  # Later, replayed:
  tisync sync --from /data/rec --to mysql://root@127.0.0.1:3306

The folder contains binlogs-000001.bin (or .bin.zst) and so on, ddl_history.json and meta.json, which says how far the recording goes.")]
pub struct RecordArgs {
    /// The TiDB cluster with Pumps: `pd://host:port[,host:port…]`.
    #[arg(long, value_name = "SOURCE", env = "TISYNC_FROM")]
    pub from: String,
    /// The folder of the recording; created if needed.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Where a new recording begins (exclusive): a ts or a time; now by default. After that the
    /// folder decides.
    #[arg(long, value_name = "TS|TIME", env = "TISYNC_START_TS", value_parser = moment::ts_or_time, allow_hyphen_values = true)]
    pub start_ts: Option<CommitTs>,
    /// Ends with exit code 0 when everything up to here (inclusive) is recorded: a ts, a time, or
    /// `caught-up` for PD's current one.
    #[arg(long, value_name = "TS|TIME|caught-up", allow_hyphen_values = true)]
    pub until: Option<Until>,
    /// Compresses the parts with zstd.
    #[arg(long)]
    pub compress: bool,
    /// Starts a new part when one reaches this size.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub part_size: Size,
    /// TiDB's status address for the DDL history, if the one registered in PD cannot be reached:
    /// `http://host:10080`.
    #[arg(long, value_name = "URL", env = "TISYNC_SCHEMA_FROM")]
    pub schema_from: Option<String>,
    /// Suppresses notes, but not warnings and errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// TLS to the upstream.
    #[command(flatten)]
    pub security: SecurityArgs,
}

/// Arguments of `tisync playground`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tisync playground                       # ten seconds of a bank, checked at the end
  tisync playground --rate 2000 --duration 60
  tisync playground --recording DIR       # serve a recording instead, and compare with its dump
  tisync playground --both                # two servers, a link each way, until Ctrl-C
  tisync playground --both --load 100     # work on both, then the proof that both are in step")]
pub struct PlaygroundArgs {
    /// Transactions per second that the simulated cluster commits.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub rate: u32,
    /// Duration of the load in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub duration: u64,
    /// Number of Pumps that share the load.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub pumps: usize,
    /// Seed of the generator; the same seed gives the same load.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Leaves the private MariaDB running at the end, until Enter or Ctrl-C, and says how to
    /// connect.
    #[arg(long)]
    pub keep: bool,
    /// Serves this recording instead of the generator's bank.
    #[arg(long, value_name = "DIR")]
    pub recording: Option<PathBuf>,
    /// Only serves the simulated cluster and prints its address, until Ctrl-C: for `tisync sync` in
    /// another terminal.
    #[arg(long)]
    pub serve: bool,
    /// Two private MariaDBs that pose as TiDB clusters, and a link each way: what is written to
    /// either appears in the other, until Ctrl-C. Their tisync.toml is written next to them.
    #[arg(long, conflicts_with_all = ["recording", "serve"])]
    pub both: bool,
    /// With --both: writes this many transactions per second on each side for `--duration` seconds
    /// (Ctrl-C ends it earlier), then compares both, and the marks in each server's own binlog.
    /// Exit code 1 if anything is wrong.
    #[arg(long, value_name = "N", requires = "both", value_parser = clap::value_parser!(u32).range(1..))]
    pub load: Option<u32>,
    /// Milliseconds between a DDL's message and its job's appearance in the history, as on a real
    /// cluster.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub ddl_delay: u64,
    /// Passed on to the sync: skips the DDL of this commit ts.
    #[arg(long, value_name = "TS")]
    pub skip_ddl: Vec<u64>,
}
