//! The settings of one link, and how the command line gives them.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;

use crate::cli::{OnConflictArg, OtherChannelsArg, PendingDdlArg, SecurityArgs, SyncArgs, UntilArg};
use crate::error::Fault;
use crate::filter::Filter;
use crate::loopback::OtherChannels;
use crate::mark::Mark;
use crate::model::CommitTs;
use crate::pd::Security;
use crate::sink::mysql::{OnConflict, PendingDdl};

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
    /// DDLs that are not run, by commit ts.
    pub skip_ddl: BTreeSet<CommitTs>,
    /// The operator's word about a DDL that an earlier run did not see end.
    pub pending_ddl: Option<PendingDdl>,
    /// Rows may already be there, or be missing.
    pub safe_mode: bool,
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
    /// What to do where the target's rows are not as the stream supposes.
    pub on_conflict: OnConflict,
    /// With it every transaction on the target carries this mark, for the target is a source too.
    pub mark: Option<Mark>,
    /// What carries a mark of our channel is not replicated.
    pub loopback: Option<LoopbackSettings>,
    /// No notes and no progress.
    pub quiet: bool,
}

/// How a link leaves out what came from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackSettings {
    /// The mark by which it is recognised.
    pub mark: Mark,
    /// What to do with marks of other channels.
    pub other_channels: OtherChannels,
    /// The cluster that the other direction comes from, our target, where its id is known.
    pub opposite: Option<u64>,
}

impl Settings {
    /// The settings that the arguments of `tisync sync` stand for.
    ///
    /// # Errors
    /// A usage fault if they contradict each other.
    pub fn of(args: &SyncArgs) -> Result<Self> {
        let mark = args.channel_id.map(|channel| Mark::new(&args.mark_table, channel)).transpose()?;
        Ok(Self {
            link: args.link.clone(),
            source: SourceSettings {
                address: args.from.clone(),
                security: security(&args.security),
                gzip: false,
                schema_from: args.schema_from.clone(),
            },
            target: args.to.clone(),
            start: args.start_ts.map(CommitTs),
            until: match (args.until, args.until_ts) {
                (Some(UntilArg::CaughtUp), _) => Some(Until::CaughtUp),
                (Some(UntilArg::Ts(ts)), _) | (None, Some(ts)) => Some(Until::Ts(CommitTs(ts))),
                (None, None) => None,
            },
            filter: Arc::default(),
            skip_ddl: args.skip_ddl.iter().copied().map(CommitTs).collect(),
            pending_ddl: args.pending_ddl.map(|p| match p {
                PendingDdlArg::Done => PendingDdl::Done,
                PendingDdlArg::Again => PendingDdl::Again,
            }),
            safe_mode: args.safe_mode,
            allow_missing: args.allow_missing,
            memory_limit: args.memory_limit.0,
            workers: args.workers.map(usize::from),
            batch_rows: args.batch_rows,
            max_txn_rows: args.max_txn_rows,
            on_conflict: on_conflict(args)?,
            loopback: mark.clone().filter(|_| args.loopback).map(|mark| LoopbackSettings {
                mark,
                other_channels: match args.other_channels {
                    OtherChannelsArg::Pass => OtherChannels::Pass,
                    OtherChannelsArg::Stop => OtherChannels::Stop,
                },
                opposite: None,
            }),
            mark,
            quiet: args.quiet,
        })
    }
}

fn on_conflict(args: &SyncArgs) -> Result<OnConflict> {
    match args.on_conflict {
        Some(OnConflictArg::Stop) if args.safe_mode => Err(Fault::usage(
            "--safe-mode is for rows that may already be there, or be missing: it cannot go with --on-conflict stop",
        )
        .hint("leave one of them out; rows that are not as supposed are counted in any case")
        .into()),
        Some(OnConflictArg::Count) => Ok(OnConflict::Count),
        Some(OnConflictArg::Stop) | None => Ok(OnConflict::Stop),
    }
}

/// TLS to the upstream, as the flags have it.
#[must_use]
pub fn security(args: &SecurityArgs) -> Security {
    Security { ca: args.ssl_ca.clone(), cert: args.ssl_cert.clone(), key: args.ssl_key.clone() }
}
