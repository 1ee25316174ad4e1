//! Settings from the command line and its environment.
//!
//! For several links of one file in one process: which flags apply to all of them, and on what the
//! links must agree.

use std::path::Path;
use std::str::FromStr;

use anyhow::Result;
use jiff::tz::TimeZone;

use super::check::{discords, opposites, repeated, repetition, rounds};
use super::draft::{Draft, Given, Origin};
use super::settings::{Replacement, Route, Settings};
use super::{DEFAULT_LINK, Environment, Loaded, Remark, environment, load_all};
use crate::cli::{OnDdlErrorArg, SyncArgs};
use crate::error::Fault;
use crate::filter;
use crate::moment::Until;
use crate::sink::mysql::{Mode, OnDdlError};

impl Draft {
    /// The draft from the arguments of `tisync sync`.
    pub(super) fn of_args(args: &SyncArgs, environment: Environment<'_>) -> Self {
        let from = Source { environment };
        let Ddl { skip, replace, on_error } = Ddl::of(args);
        Self {
            link: from.given(args.link.clone(), "TISYNC_LINK"),
            from: from.given(args.from.clone(), "TISYNC_FROM"),
            ssl_ca: from.given(args.security.ssl_ca.clone(), "TISYNC_SSL_CA"),
            ssl_cert: from.given(args.security.ssl_cert.clone(), "TISYNC_SSL_CERT"),
            ssl_key: from.given(args.security.ssl_key.clone(), "TISYNC_SSL_KEY"),
            schema_from: from.given(args.schema_from.clone(), "TISYNC_SCHEMA_FROM"),
            to: from.given(args.to.clone(), "TISYNC_TO"),
            allow_plain_password: args.plain.allow_plain_password.then(|| Given::flag(true)),
            start: from.given(args.start_ts, "TISYNC_START_TS"),
            ignore_drainer: args.ignore_drainer.then(|| Given::flag(true)),
            take_over: args.take_over.then(|| Given::flag(true)),
            safe_mode: args.safe_mode.map(Given::flag),
            on_conflict: args.on_conflict.map(Given::flag),
            loopback: args.loopback.then(|| Given::flag(true)),
            channel_id: args.channel_id.map(Given::flag),
            mark_table: args.mark_table.clone().map(Given::flag),
            other_channels: args.other_channels.map(Given::flag),
            wrong_side_ddl: args.wrong_side_ddl.map(Given::flag),
            allow_missing: args.allow_missing.map(Given::flag),
            ddl: args.no_ddl.then(|| Given::flag(false)),
            skip_ddl: of_list(skip),
            replace_ddl: of_list(replace),
            on_ddl_error: on_error.map(Given::flag),
            mode: args.sync_mode.and_then(|n| Mode::of(i64::from(n))).map(Given::flag),
            register: args.no_register.then(|| Given::flag(false)),
            listen: args.no_listen.then(|| Given::flag(false)),
            node_id: from.given(args.node_id.clone(), "TISYNC_NODE_ID"),
            addr: from.given(args.addr.clone(), "TISYNC_ADDR"),
            advertise_addr: from.given(args.advertise_addr.clone(), "TISYNC_ADVERTISE_ADDR"),
            tables: of_list(args.tables.iter().flat_map(|list| filter::split(list)).collect()),
            routes: of_list(args.route.iter().map(|r| Route { from: r.from.clone(), to: r.to.clone() }).collect()),
            ignore_ts: of_list(args.ignore_ts.clone()),
            workers: args.workers.map(|n| Given::flag(usize::from(n))),
            batch_rows: args.batch_rows.map(Given::flag),
            max_txn_rows: args.max_txn_rows.map(Given::flag),
            memory_limit: from.given(args.memory_limit, "TISYNC_MEMORY_LIMIT"),
            ..Self::default()
        }
    }
}

/// The flags about single DDLs.
struct Ddl {
    skip: Vec<u64>,
    replace: Vec<Replacement>,
    on_error: Option<OnDdlError>,
}

impl Ddl {
    /// If there are several of `stop` and `ask`, the last one counts.
    fn of(args: &SyncArgs) -> Self {
        let mut ddl = Self { skip: args.skip_ddl.clone(), replace: Vec::new(), on_error: None };
        for word in &args.on_ddl_error {
            match word {
                OnDdlErrorArg::Stop => ddl.on_error = Some(OnDdlError::Stop),
                OnDdlErrorArg::Ask => ddl.on_error = Some(OnDdlError::Ask),
                OnDdlErrorArg::Skip(ts) => ddl.skip.push(*ts),
                OnDdlErrorArg::Replace(ts, sql) => ddl.replace.push(Replacement { ts: *ts, sql: sql.clone() }),
            }
        }
        ddl
    }
}

fn of_list<T>(list: Vec<T>) -> Option<Given<Vec<T>>> {
    (!list.is_empty()).then(|| Given::flag(list))
}

struct Source<'a> {
    environment: Environment<'a>,
}

impl Source<'_> {
    /// `value` with its origin, which is `variable` if that has this value. (A flag that repeats
    /// its variable may be taken for it.)
    fn given<T: FromStr + PartialEq>(&self, value: Option<T>, variable: &str) -> Option<Given<T>> {
        let value = value?;
        let said = (self.environment)(variable).and_then(|text| text.parse().ok());
        let origin =
            if said.as_ref() == Some(&value) { Origin::Environment(variable.to_owned()) } else { Origin::Flag };
        Some(Given { value, origin })
    }
}

impl Settings {
    /// The settings of every link for the arguments of `tisync sync`: all links of a tisync.toml
    /// unless the arguments choose one. Remarks about the file are those of the first link.
    ///
    /// # Errors
    /// As [`Settings::of`]; also a usage fault if a flag applies to only one link and there are
    /// several, or if two opposite links do not agree.
    pub fn all(args: &SyncArgs) -> Result<Vec<Self>> {
        let loaded = load_all(args, &environment)?;
        let mut links = loaded.into_iter().map(|one| Self::with(args, one)).collect::<Result<Vec<_>>>()?;
        agree(&links)?;
        let pair = |(i, j): (usize, usize)| Some(Remark::Warning(repetition(links.get(i)?, links.get(j)?)));
        let twice: Vec<Remark> = repeated(&links).into_iter().filter_map(pair).collect();
        if let Some(first) = links.first_mut() {
            first.remarks.extend(twice);
        }
        Ok(links)
    }
}

/// Refuses links by which data would come back: one that leads to its own source, rings, and two
/// that go opposite ways and do not agree.
///
/// # Errors
/// Refused for the first two; a usage fault with everything on which opposite links do not agree.
pub fn agree(links: &[Settings]) -> Result<()> {
    if let Some(round) = rounds(links).into_iter().next() {
        return Err(Fault::refused(round.message).hint(round.hint).into());
    }
    let two = |(i, j): (usize, usize)| Some((links.get(i)?, links.get(j)?));
    let wrong: Vec<_> = opposites(links).into_iter().filter_map(two).flat_map(|(a, b)| discords(a, b)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let list = |text: Vec<&str>, between: &str| text.join(between);
    let message = list(wrong.iter().map(|d| d.message.as_str()).collect(), "; ");
    Err(Fault::usage(message).hint(list(wrong.iter().map(|d| d.hint.as_str()).collect(), "; ")).into())
}

/// Refuses flags and environment variables that apply to only one link.
pub(super) fn refuse_flags_of_one(args: &SyncArgs, flags: &Draft, path: &Path, links: &[Loaded]) -> Result<()> {
    let Some(found) = of_one_link(args, flags).into_iter().next() else { return Ok(()) };
    let name = |l: &Loaded| l.draft.link.as_ref().map_or(DEFAULT_LINK.to_owned(), |n| n.value.clone());
    let names: Vec<String> = links.iter().map(name).collect();
    let text = format!("{found} applies to one link, and {} has {}: {}", path.display(), names.len(), names.join(", "));
    Err(Fault::usage(text)
        .hint("choose one with --link NAME; without it all of them run, as configured in the file")
        .into())
}

/// The given flags of one link, as the operator wrote them.
fn of_one_link(args: &SyncArgs, flags: &Draft) -> Vec<String> {
    let mut found = Vec::new();
    let mut given = |flag: &str, origin: Option<&Origin>| match origin {
        Some(Origin::Environment(variable)) => found.push(variable.clone()),
        Some(_) => found.push(flag.to_owned()),
        None => {}
    };
    macro_rules! drafted {
        ($($field:ident = $flag:literal),*) => { $(given($flag, flags.$field.as_ref().map(|g| &g.origin));)* };
    }
    drafted! {
        from = "--from", to = "--to", start = "--start-ts", routes = "--route", ignore_ts = "--ignore-ts", schema_from = "--schema-from",
        node_id = "--node-id", addr = "--addr", advertise_addr = "--advertise-addr"
    }
    let of_one_ddl = |word: &OnDdlErrorArg| matches!(word, OnDdlErrorArg::Skip(_) | OnDdlErrorArg::Replace(..));
    let others = [
        ("--until TS", matches!(args.until, Some(Until::Ts(_)))),
        ("--until-ts", args.until_ts.is_some()),
        ("--skip-ddl", !args.skip_ddl.is_empty()),
        ("--on-ddl-error skip: or replace:", args.on_ddl_error.iter().any(of_one_ddl)),
        ("--pending-ddl", args.pending_ddl.is_some()),
        ("--safe-until", args.safe_until.is_some()),
        ("--time-zone", args.time_zone != TimeZone::UTC),
        ("--cluster-id", args.cluster_id != 0),
    ];
    for (flag, there) in others {
        given(flag, there.then_some(&Origin::Flag));
    }
    found
}
