//! What `tisync ts` asks running clusters and targets.

use std::time::Duration;

use anyhow::Result;

use super::ts::facts::PumpFact;
use super::ts::{Live, SourceFacts};
use crate::checkpoint;
use crate::cli::ts::PdArgs;
use crate::config::security;
use crate::model::CommitTs;
use crate::output;
use crate::pd::{Pd, State};
use crate::sink::mysql::durability;
use crate::source::pump;

/// How long a Pump may take to tell its metrics.
const METRICS_LIMIT: Duration = Duration::from_secs(5);

/// Asks real clusters.
#[derive(Clone, Copy, Debug)]
pub struct Clusters;

impl Live for Clusters {
    fn now(&self, args: &PdArgs) -> Result<CommitTs> {
        Pd::connect(&args.pd, &security(&args.security))?.tso()
    }

    fn source(&self, args: &PdArgs) -> Result<SourceFacts> {
        let security = security(&args.security);
        let pd = Pd::connect(&args.pd, &security)?;
        let now = pd.tso()?;
        let agent = security.agent(METRICS_LIMIT)?;
        let mut pumps = Vec::new();
        for node in pd.pumps()?.into_iter().filter(|n| n.state != State::Offline) {
            let gc_ms = pump::gc_ts(&agent, &security, &node.host)?.physical_ms();
            pumps.push(PumpFact { name: node.id, gc_ms });
        }
        pd.take_warnings().iter().for_each(|w| output::warn(w));
        Ok(SourceFacts { cluster_id: pd.cluster_id(), now, pumps })
    }

    fn checkpoint(&self, to: &str, cluster_id: Option<u64>) -> Result<Option<CommitTs>> {
        checkpoint::look(to, cluster_id, &output::events())
    }

    fn risk(&self, to: &str) -> Result<Option<String>> {
        durability::risk_of(to, &output::events())
    }
}
