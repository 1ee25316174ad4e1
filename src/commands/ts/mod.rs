//! `tisync ts`: commit timestamps. Standard output holds the answer alone, whatever the verbosity.

pub mod check;
mod decode;
mod encode;
pub mod facts;
pub(super) mod from_br;
pub(super) mod from_dumpling;
pub mod judge;
mod now;
pub mod report;
pub(super) mod show;

use anyhow::Result;
use jiff::tz::TimeZone;

use crate::cli::Format;
use crate::cli::ts::{PdArgs, TsCommand};
use crate::model::CommitTs;
use crate::moment;

/// What running clusters are asked; everything else here is local.
pub trait Live {
    /// A fresh ts of the cluster at `pd`.
    ///
    /// # Errors
    /// When PD cannot be reached or does not answer.
    fn now(&self, pd: &PdArgs) -> Result<CommitTs>;

    /// What the cluster at `pd` says about itself.
    ///
    /// # Errors
    /// When PD or a Pump cannot be reached or does not answer.
    fn source(&self, pd: &PdArgs) -> Result<SourceFacts>;

    /// The checkpoint that the target at `to` keeps for the upstream `cluster_id` (for its only one where that is
    /// unknown); `None` where it has none.
    ///
    /// # Errors
    /// When the target cannot be reached, or has several upstreams and `cluster_id` is unknown.
    fn checkpoint(&self, to: &str, cluster_id: Option<u64>) -> Result<Option<CommitTs>>;

    /// What of the settings of the target at `to` may cost it its last commits, in words; `None` if it keeps each.
    ///
    /// # Errors
    /// When the target cannot be reached.
    fn risk(&self, to: &str) -> Result<Option<String>>;
}

/// What a running upstream says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// PD's cluster id.
    pub cluster_id: u64,
    /// A fresh ts.
    pub now: CommitTs,
    /// Its Pumps that are not offline.
    pub pumps: Vec<facts::PumpFact>,
}

/// Runs `command`; prints its answer on standard output once it is whole.
///
/// # Errors
/// Whatever keeps the answer from being given; for `check`, a negative fault when replication cannot start there.
pub fn run(command: &TsCommand, format: Format, verbose: u8, live: &dyn Live) -> Result<()> {
    match command {
        TsCommand::FromBr(args) => from_br::run(args, format, verbose),
        TsCommand::FromDumpling(args) => from_dumpling::run(args, format, verbose),
        TsCommand::Now(args) => now::run(args, format, verbose, live),
        TsCommand::Decode(args) => decode::run(args, format),
        TsCommand::Encode(args) => encode::run(args, format, verbose),
        TsCommand::Check(args) => check::run(args, format, live),
    }
}

/// The zone that an option names, if it was given.
fn zone(option: Option<&String>) -> Result<Option<TimeZone>> {
    option.map(|name| moment::zone(name)).transpose()
}
