//! The settings of one link, from its draft and the arguments of `tisync sync`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;

use super::address::{DrainerCheckpoint, Ends};
use super::draft::{Draft, Given, Origin};
use super::{Loaded, Remark, environment, load};
use crate::cli::{SecurityArgs, SyncArgs};
use crate::error::Fault;
use crate::filter::{Filter, Rules};
use crate::loopback::OtherChannels;
use crate::model::CommitTs;
use crate::model::DEFAULT_MARK_TABLE;
use crate::model::Mark;
use crate::moment::{Start, Until};
use crate::pd::Security;
use crate::route::Routes;
use crate::sink::mysql::{Connection, DdlPolicy, Mode, MysqlOptions, OnConflict, PendingDdl};
use crate::source::pb;

/// The source of a link.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// `pd://host:port[,…]` or a folder.
    pub address: String,
    /// TLS to PD, Pumps and TiDB's status port.
    pub security: Security,
    /// Whether Pumps shall compress their messages.
    pub gzip: bool,
    /// TiDB's status address for the DDL history; if `None`, the addresses that are registered in
    /// PD.
    pub schema_from: Option<String>,
    /// Facts that Drainer's files do not hold.
    pub files: pb::Known,
}

/// All that one link needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The link's name in the target's checkpoint table, 1 to 64 characters.
    pub link: String,
    /// The source.
    pub source: SourceSettings,
    /// The target: `mysql://user@host:port/?…`.
    pub target: String,
    /// Source and target as clusters, to recognise links that go opposite ways.
    pub ends: Ends,
    /// Password, session variables and other settings of the connections to the target.
    pub connection: Connection,
    /// The checkpoint of the Drainer that this link takes over from, if a drainer.toml (or
    /// tisync.toml) names it. It was the Drainer's only record of its position: if it is named and
    /// cannot be read, no other start is safe.
    pub drainer_checkpoint: Option<DrainerCheckpoint>,
    /// Where a first start begins.
    pub start: Option<Start>,
    /// Whether the start was written for the very first start: if Drainer's checkpoint is ahead of
    /// it, the checkpoint decides.
    pub start_yields: bool,
    /// When the run ends by itself.
    pub until: Option<Until>,
    /// The tables and events to replicate.
    pub filter: Arc<Filter>,
    /// The names that differ on the target.
    pub routes: Arc<Routes>,
    /// The policy for DDLs.
    pub ddl: DdlPolicy,
    /// The operator's decision about a DDL whose end an earlier run did not see.
    pub pending_ddl: Option<PendingDdl>,
    /// Whether rows may exist already, or be missing.
    pub safe_mode: bool,
    /// Limits `safe_mode` to transactions up to this ts.
    pub safe_until: Option<CommitTs>,
    /// Whether Drainer's checkpoint on the target is ignored at a first start.
    pub ignore_drainer: bool,
    /// Whether tables without a key may get rows twice, after an inexact checkpoint of Drainer.
    pub allow_repeats: bool,
    /// Whether to end another live run of the link.
    pub take_over: bool,
    /// Whether both sides must have equal columns.
    pub mode: Mode,
    /// Whether the target may lack tables.
    pub allow_missing: bool,
    /// The memory limit of the run, in bytes.
    pub memory_limit: usize,
    /// Connections to the target; chosen automatically if `None`.
    pub workers: Option<usize>,
    /// Row changes of a batch; chosen automatically if `None`.
    pub batch_rows: Option<u64>,
    /// Row changes above which an upstream transaction is split; never if `None`.
    pub max_txn_rows: Option<u64>,
    /// What to do if the target's rows are not as the stream expects.
    pub on_conflict: OnConflict,
    /// The mark of every transaction on the target, if the target is a source too.
    pub mark: Option<Mark>,
    /// Set if transactions with a mark of this link's channel are not replicated.
    pub loopback: Option<LoopbackSettings>,
    /// Whether the link is registered as a Drainer in a live cluster.
    pub register: bool,
    /// Whether the run answers the cluster's Pumps and operators on a port.
    pub listen: bool,
    /// The node id among the Drainers in PD; generated if `None`.
    pub node_id: Option<String>,
    /// The address on which the run listens for Pumps, `host:port`.
    pub addr: Option<String>,
    /// The address under which other machines reach `addr`.
    pub advertise_addr: Option<String>,
    /// Whether notes and progress are left out.
    pub quiet: bool,
    /// Remarks for the operator about these settings and their origins.
    pub remarks: Vec<Remark>,
}

/// How a link recognises and leaves out transactions that came from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackSettings {
    /// The mark of such transactions.
    pub mark: Mark,
    /// What to do with marks of other channels.
    pub other_channels: OtherChannels,
    /// The id of the cluster that the opposite link comes from, which is this link's target, if it
    /// is known.
    pub opposite: Option<u64>,
}

impl Settings {
    /// The settings for the arguments of `tisync sync`, with the environment and the file that they
    /// name.
    ///
    /// # Errors
    /// A usage fault if they contradict each other, or with all problems of the file.
    pub fn of(args: &SyncArgs) -> Result<Self> {
        Self::with(args, load(args, &environment)?)
    }

    /// The settings from a loaded draft and the arguments that are not in it.
    pub(super) fn with(args: &SyncArgs, loaded: Loaded) -> Result<Self> {
        let Loaded { draft, remarks, clusters, .. } = loaded;
        let mut settings = Self::settle(draft)?;
        settings.ends = Ends::new(&settings.source.address, &settings.target, &clusters);
        settings.source.files = pb::Known { zone: args.time_zone.clone(), cluster_id: args.cluster_id };
        Ok(Self {
            until: args.until.or(args.until_ts.map(|ts| Until::Ts(CommitTs(ts)))),
            pending_ddl: args.pending_ddl,
            safe_until: args.safe_until.map(CommitTs),
            allow_repeats: args.allow_repeats,
            quiet: args.quiet,
            remarks,
            ..settings
        })
    }

    /// The given settings, with the defaults for the rest.
    ///
    /// # Errors
    /// A usage fault if something is missing.
    pub fn settle(draft: Draft) -> Result<Self> {
        let mut draft = draft.over(Draft::defaults());
        let (mark, loopback) = marks(&mut draft)?;
        let ddl = ddl(&mut draft, loopback.is_some())?;
        let safe_mode = draft.safe_mode.as_ref().is_some_and(|given| given.value);
        let on_conflict = on_conflict(&mut draft, safe_mode)?;
        let ignore_drainer = value(draft.ignore_drainer).unwrap_or_default();
        if ignore_drainer && draft.start.is_none() {
            return Err(Fault::usage("`ignore-drainer` was given without start-ts")
                .hint("it needs an explicit start: --start-ts TS, a time, or `now`")
                .into());
        }
        let missing = |what: &str, hint: &str| Fault::usage(format!("no {what} given")).hint(hint.to_owned());
        let from = draft.from.ok_or_else(|| {
            missing(
                "source",
                "use --from pd://10.0.0.1:2379, or --config FILE with a [[link]]; `tisync sync --help` shows examples",
            )
        })?;
        let to = draft.to.ok_or_else(|| {
            missing(
                "target",
                "use --to mysql://user@host:3306, or --config FILE with a [[link]]; `tisync sync --help` shows examples",
            )
        })?;
        let filter = Filter::new(&Rules {
            tables: value(draft.tables).unwrap_or_default(),
            events: value(draft.events).unwrap_or_default(),
            ignore_ts: value(draft.ignore_ts).unwrap_or_default(),
        })?;
        let routes: Vec<_> =
            value(draft.routes).unwrap_or_default().into_iter().map(|route| (route.from, route.to)).collect();
        Ok(Self {
            link: value(draft.link).unwrap_or_default(),
            ends: Ends::new(&from.value, &to.value, &[]),
            source: SourceSettings {
                address: from.value,
                security: Security { ca: value(draft.ssl_ca), cert: value(draft.ssl_cert), key: value(draft.ssl_key) },
                gzip: value(draft.compress).unwrap_or_default(),
                schema_from: value(draft.schema_from),
                files: pb::Known::default(),
            },
            target: to.value,
            connection: Connection {
                password: value(draft.password),
                variables: value(draft.variables).unwrap_or_default(),
                sql_mode: value(draft.sql_mode).unwrap_or_default(),
                read_timeout: value(draft.read_timeout),
                allow_plain_password: value(draft.allow_plain_password).unwrap_or_default(),
            },
            // A file outlives the first start; a start on the command line is meant for this run.
            start_yields: draft.start.as_ref().is_some_and(|start| match &start.origin {
                Origin::File { .. } => draft.drainer_checkpoint.is_some(),
                Origin::Environment(name) => draft.drainer_checkpoint.is_some() && name.starts_with("BINLOG_SERVER_"),
                // A drainer.toml without a start gets the default, which was not given.
                Origin::Default => true,
                Origin::Flag => false,
            }),
            drainer_checkpoint: value(draft.drainer_checkpoint),
            start: value(draft.start),
            until: None,
            filter: Arc::new(filter),
            routes: Arc::new(Routes::new(&routes)?),
            ddl,
            mode: value(draft.mode).unwrap_or_default(),
            pending_ddl: None,
            safe_mode,
            on_conflict,
            mark,
            loopback,
            safe_until: None,
            ignore_drainer,
            allow_repeats: false,
            take_over: value(draft.take_over).unwrap_or_default(),
            allow_missing: value(draft.allow_missing).unwrap_or_default(),
            memory_limit: value(draft.memory_limit).map_or(MysqlOptions::MEMORY_LIMIT, |size| size.0),
            workers: value(draft.workers),
            batch_rows: value(draft.batch_rows),
            max_txn_rows: value(draft.max_txn_rows),
            register: value(draft.register).unwrap_or(true),
            listen: value(draft.listen).unwrap_or(true),
            node_id: value(draft.node_id),
            addr: value(draft.addr),
            advertise_addr: value(draft.advertise_addr),
            quiet: false,
            remarks: Vec::new(),
        })
    }
}

fn value<T>(given: Option<Given<T>>) -> Option<T> {
    given.map(|g| g.value)
}

/// The policy for DDLs.
fn ddl(draft: &mut Draft, loopback: bool) -> Result<DdlPolicy> {
    let run = value(draft.ddl.take()).unwrap_or(true);
    let wrong_side = value(draft.wrong_side_ddl.take());
    let lacks = if !loopback { Some("loopback is off") } else { run.then_some("DDL is run on this link") };
    if let (Some(_), Some(why)) = (wrong_side, lacks) {
        return Err(Fault::usage(format!("`wrong-side-ddl` was given, but {why}"))
            .hint(
                "it is for the one of two opposite links that runs no DDL (--loopback --no-ddl): it decides what \
                   happens to DDL that did not come through the other link",
            )
            .into());
    }
    let skip: BTreeSet<CommitTs> = value(draft.skip_ddl.take()).unwrap_or_default().into_iter().map(CommitTs).collect();
    let mut replace = BTreeMap::new();
    let mut twice = None;
    for Replacement { ts, sql } in value(draft.replace_ddl.take()).unwrap_or_default() {
        let ts = CommitTs(ts);
        if replace.insert(ts, sql).is_some() || skip.contains(&ts) {
            twice = Some(ts);
        }
    }
    match twice {
        Some(ts) => {
            Err(Fault::usage(format!("conflicting instructions to skip or replace the DDL of commit ts {}", ts.0))
                .hint("give one instruction for each DDL; put several statements into one SQL, separated by semicolons")
                .into())
        }
        None => Ok(DdlPolicy {
            run,
            skip,
            replace,
            on_error: value(draft.on_ddl_error.take()).unwrap_or_default(),
            wrong_side: wrong_side.unwrap_or_default(),
        }),
    }
}

/// The mark that the link writes, and how it recognises marks of its own channel.
fn marks(draft: &mut Draft) -> Result<(Option<Mark>, Option<LoopbackSettings>)> {
    let wanted = value(draft.loopback.take()).unwrap_or_default();
    let (table, others) = (value(draft.mark_table.take()), value(draft.other_channels.take()));
    let Some(channel) = value(draft.channel_id.take()) else {
        let lone = if wanted { Some("loopback") } else { table.map(|_| "mark-table") };
        return match lone.or(others.map(|_| "other-channels")) {
            Some(key) => Err(Fault::usage(format!("`{key}` was given without channel-id"))
                .hint("add --channel-id N, the same number for both directions; `tisync mark setup` creates its rows")
                .into()),
            None => Ok((None, None)),
        };
    };
    if !wanted && others.is_some() {
        let hint = "marks are only looked for with --loopback";
        return Err(Fault::usage("`other-channels` was given without loopback").hint(hint).into());
    }
    let mark = Mark::new(table.as_deref().unwrap_or(DEFAULT_MARK_TABLE), channel)?;
    let other_channels = others.unwrap_or_default();
    let loopback = wanted.then(|| LoopbackSettings { mark: mark.clone(), other_channels, opposite: None });
    Ok((Some(mark), loopback))
}

fn on_conflict(draft: &mut Draft, safe_mode: bool) -> Result<OnConflict> {
    match value(draft.on_conflict.take()) {
        Some(OnConflict::Stop) if safe_mode => Err(Fault::usage(
            "safe-mode is for rows that may already exist or be missing: it cannot be combined with on-conflict stop",
        )
        .hint("leave one of them out; rows that are not as expected are counted in any case")
        .into()),
        given => Ok(given.unwrap_or_default()),
    }
}

/// TLS to the upstream, from flags.
#[must_use]
pub fn security(args: &SecurityArgs) -> Security {
    Security { ca: args.ssl_ca.clone(), cert: args.ssl_cert.clone(), key: args.ssl_key.clone() }
}

/// A new name: `app.*` becomes `app2.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The pattern of the upstream's names.
    pub from: String,
    /// The target's name.
    pub to: String,
}

/// The statements that run instead of a DDL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The DDL's commit ts.
    pub ts: u64,
    /// The statements.
    pub sql: String,
}
