//! Arguments of `tisync record`.

use std::path::PathBuf;

use clap::Args;

use super::{SecurityArgs, Size, UntilArg};
use crate::model::CommitTs;
use crate::moment;

/// Arguments of `tisync record`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  # From a backup's end on, until Ctrl-C; the same command again goes on where it ended:
  tisync record --from pd://10.0.0.1:2379 --dir /data/rec --start-ts $(tisync ts from-br /backup) --compress

  # Later, replayed:
  tisync sync --from /data/rec --to mysql://root@127.0.0.1:3306

The folder holds binlogs-000001.bin (or .bin.zst) and so on, ddl_history.json and meta.json, which says how far the recording is.")]
pub struct RecordArgs {
    /// The TiDB cluster with Pumps: `pd://host:port[,host:port…]`.
    #[arg(long, value_name = "SOURCE", env = "TISYNC_FROM")]
    pub from: String,
    /// The folder of the recording; made if need be.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Where a new recording begins (exclusive): a ts or a time; unless given, now. Later the folder decides.
    #[arg(long, value_name = "TS|TIME", env = "TISYNC_START_TS", value_parser = moment::ts_or_time, allow_hyphen_values = true)]
    pub start_ts: Option<CommitTs>,
    /// Ends with exit code 0 when everything up to here (inclusive) is recorded: a ts, a time, or `caught-up` for PD's
    /// current one.
    #[arg(long, value_name = "TS|TIME|caught-up", allow_hyphen_values = true)]
    pub until: Option<UntilArg>,
    /// Compresses the parts with zstd.
    #[arg(long)]
    pub compress: bool,
    /// A part that has this size is followed by another one.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub part_size: Size,
    /// TiDB's status address for the DDL history, where the one registered in PD cannot be reached:
    /// `http://host:10080`.
    #[arg(long, value_name = "URL", env = "TISYNC_SCHEMA_FROM")]
    pub schema_from: Option<String>,
    /// Leaves out notes; warnings and errors stay.
    #[arg(long, short)]
    pub quiet: bool,
    /// TLS to the upstream.
    #[command(flatten)]
    pub security: SecurityArgs,
}
