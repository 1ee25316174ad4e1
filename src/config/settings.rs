//! The settings of one link, and how the command line gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;

use crate::cli::{OnDdlErrorArg, PendingDdlArg, SecurityArgs, SyncArgs, UntilArg};
use crate::error::Fault;
use crate::filter::Filter;
use crate::model::CommitTs;
use crate::pd::Security;
use crate::sink::mysql::{DdlPolicy, Mode, OnDdlError, PendingDdl};
use crate::source::pb;

/// Where a link's transactions come from.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// `pd://host:port[,…]` or a folder.
    pub address: String,
    /// TLS to PD, Pumps and TiDB's status port.
    pub security: Security,
    /// Whether Pumps shall compress what they send.
    pub gzip: bool,
    /// TiDB's status address for the DDL history; unless given, those that are registered in PD.
    pub schema_from: Option<String>,
    /// What Drainer's files do not say themselves.
    pub files: pb::Known,
}

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the source's newest ts as of the start.
    CaughtUp,
    /// Behind this ts (inclusive).
    Ts(CommitTs),
}

/// All that one link needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The link's name in the target's checkpoint table, 1 to 64 characters.
    pub link: String,
    /// Where transactions come from.
    pub source: SourceSettings,
    /// Where they go: `mysql://user@host:port/?…`.
    pub target: String,
    /// Where a first start begins (exclusive).
    pub start: Option<CommitTs>,
    /// When the run ends by itself.
    pub until: Option<Until>,
    /// What is replicated.
    pub filter: Arc<Filter>,
    /// Whether DDL runs on the target.
    pub ddl: bool,
    /// DDLs that are not run, by commit ts.
    pub skip_ddl: BTreeSet<CommitTs>,
    /// What runs instead of a DDL, by commit ts.
    pub replace_ddl: BTreeMap<CommitTs, String>,
    /// What becomes of any other DDL that the target refuses.
    pub on_ddl_error: OnDdlError,
    /// The operator's word about a DDL that an earlier run did not see end.
    pub pending_ddl: Option<PendingDdl>,
    /// Rows may already be there, or be missing.
    pub safe_mode: bool,
    /// The same up to this ts alone.
    pub safe_until: Option<CommitTs>,
    /// Drainer's checkpoint on the target has no say at a first start.
    pub ignore_drainer: bool,
    /// Behind a checkpoint of Drainer's that is not exact, tables without a key may get rows twice.
    pub allow_repeats: bool,
    /// Whether columns have to be the same on both sides.
    pub mode: Mode,
    /// The target may lack tables.
    pub allow_missing: bool,
    /// Bytes of memory that the run may take.
    pub memory_limit: usize,
    /// Connections to the target; chosen by itself if `None`.
    pub workers: Option<usize>,
    /// Row changes of a batch; chosen by itself if `None`.
    pub batch_rows: Option<u64>,
    /// Row changes above which an upstream transaction is split; never if `None`.
    pub max_txn_rows: Option<u64>,
    /// Whether the link to a live cluster is registered there as a drainer.
    pub register: bool,
    /// The id among the Drainers in PD; made up if `None`.
    pub node_id: Option<String>,
    /// Where Pumps reach this run: `host:port` to listen on.
    pub addr: Option<String>,
    /// The same as others see it.
    pub advertise_addr: Option<String>,
    /// No notes and no progress.
    pub quiet: bool,
}

impl Settings {
    /// The settings that the arguments of `tisync sync` stand for.
    ///
    /// # Errors
    /// A usage fault if they contradict each other.
    pub fn of(args: &SyncArgs) -> Result<Self> {
        let DdlPolicy { run, skip, replace, on_error } = ddl(args)?;
        Ok(Self {
            link: args.link.clone(),
            source: SourceSettings {
                address: args.from.clone(),
                security: security(&args.security),
                gzip: false,
                schema_from: args.schema_from.clone(),
                files: pb::Known { zone: args.time_zone.clone(), cluster_id: args.cluster_id },
            },
            target: args.to.clone(),
            start: args.start_ts.map(CommitTs),
            until: match (args.until, args.until_ts) {
                (Some(UntilArg::CaughtUp), _) => Some(Until::CaughtUp),
                (Some(UntilArg::Ts(ts)), _) | (None, Some(ts)) => Some(Until::Ts(CommitTs(ts))),
                (None, None) => None,
            },
            filter: Arc::default(),
            ddl: run,
            skip_ddl: skip,
            replace_ddl: replace,
            on_ddl_error: on_error,
            pending_ddl: args.pending_ddl.map(|p| match p {
                PendingDdlArg::Done => PendingDdl::Done,
                PendingDdlArg::Again => PendingDdl::Again,
            }),
            safe_mode: args.safe_mode,
            safe_until: args.safe_until.map(CommitTs),
            ignore_drainer: args.ignore_drainer,
            allow_repeats: args.allow_repeats,
            mode: if args.sync_mode == Some(2) { Mode::Partial } else { Mode::Full },
            allow_missing: args.allow_missing,
            memory_limit: args.memory_limit.0,
            workers: args.workers.map(usize::from),
            batch_rows: args.batch_rows,
            max_txn_rows: args.max_txn_rows,
            register: !args.no_register,
            node_id: args.node_id.clone(),
            addr: args.addr.clone(),
            advertise_addr: args.advertise_addr.clone(),
            quiet: args.quiet,
        })
    }
}

/// What the flags say about DDL. Of `stop` and `ask`, the last one holds.
fn ddl(args: &SyncArgs) -> Result<DdlPolicy> {
    let mut policy = DdlPolicy { run: !args.no_ddl, ..DdlPolicy::default() };
    policy.skip.extend(args.skip_ddl.iter().copied().map(CommitTs));
    let mut twice = None;
    for word in &args.on_ddl_error {
        match word {
            OnDdlErrorArg::Stop => policy.on_error = OnDdlError::Stop,
            OnDdlErrorArg::Ask => policy.on_error = OnDdlError::Ask,
            OnDdlErrorArg::Skip(ts) => {
                policy.skip.insert(CommitTs(*ts));
            }
            OnDdlErrorArg::Replace(ts, sql) => {
                twice = twice.or(policy.replace.insert(CommitTs(*ts), sql.clone()).map(|_| CommitTs(*ts)));
            }
        }
    }
    twice = twice.or_else(|| policy.replace.keys().copied().find(|ts| policy.skip.contains(ts)));
    match twice {
        Some(ts) => {
            Err(Fault::usage(format!("the DDL of commit ts {} is to be skipped or replaced in two ways", ts.0))
                .hint("say one thing about each DDL; several statements go into one SQL, with semicolons between")
                .into())
        }
        None => Ok(policy),
    }
}

/// TLS to the upstream, as the flags have it.
#[must_use]
pub fn security(args: &SecurityArgs) -> Security {
    Security { ca: args.ssl_ca.clone(), cert: args.ssl_cert.clone(), key: args.ssl_key.clone() }
}
