//! Arguments of `tisync playground`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `tisync playground`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tisync playground                       # ten seconds of a bank, checked at the end
  tisync playground --rate 2000 --duration 60
  tisync playground --recording DIR       # serve a recording instead, and compare with its dump
  tisync playground --both                # two servers, a link each way, until Ctrl-C
  tisync playground --both --load 100     # work on both, then the proof that both are in step")]
pub struct PlaygroundArgs {
    /// Transactions a second that the simulated cluster commits.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub rate: u32,
    /// Seconds that the load goes on.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub duration: u64,
    /// Pumps that the load is spread over.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub pumps: usize,
    /// Seed of the generator; the same seed gives the same load.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Leaves the private MariaDB running at the end, until Enter or Ctrl-C, and says how to connect.
    #[arg(long)]
    pub keep: bool,
    /// Serves this recording instead of the generator's bank.
    #[arg(long, value_name = "DIR")]
    pub recording: Option<PathBuf>,
    /// Only serves the simulated cluster and prints its address, until Ctrl-C: for `tisync sync` in another terminal.
    #[arg(long)]
    pub serve: bool,
    /// Two private MariaDBs that pass for TiDB clusters, and a link each way: what is typed into either appears in the other, until
    /// Ctrl-C. Their tisync.toml is written beside them.
    #[arg(long, conflicts_with_all = ["recording", "serve"])]
    pub both: bool,
    /// With --both: writes this many transactions a second on each side for `--duration` seconds (Ctrl-C ends it earlier), then
    /// compares both, and the marks in each server's own binlog. Exit code 1 if anything is not as it must be.
    #[arg(long, value_name = "N", requires = "both", value_parser = clap::value_parser!(u32).range(1..))]
    pub load: Option<u32>,
    /// Milliseconds between a DDL's message and its job's appearance in the history, as on a real cluster.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub ddl_delay: u64,
    /// Passed on to the sync: goes on without the DDL of this commit ts.
    #[arg(long, value_name = "TS")]
    pub skip_ddl: Vec<u64>,
}
