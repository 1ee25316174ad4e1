//! What the command line and its environment give.

use std::str::FromStr;

use super::Environment;
use super::draft::Draft;
use super::origin::{Given, Origin};
use super::rules::{Replacement, Route};
use crate::cli::{OnConflictArg, OnDdlErrorArg, OtherChannelsArg, SyncArgs, WrongSideArg};
use crate::filter;
use crate::loopback::OtherChannels;
use crate::sink::mysql::{Mode, OnConflict, OnDdlError, WrongSide};

impl Draft {
    /// What the arguments of `tisync sync` give.
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
            on_conflict: args.on_conflict.map(|word| {
                Given::flag(match word {
                    OnConflictArg::Stop => OnConflict::Stop,
                    OnConflictArg::Count => OnConflict::Count,
                })
            }),
            loopback: args.loopback.then(|| Given::flag(true)),
            channel_id: args.channel_id.map(Given::flag),
            mark_table: args.mark_table.clone().map(Given::flag),
            other_channels: args.other_channels.map(|word| {
                Given::flag(match word {
                    OtherChannelsArg::Pass => OtherChannels::Pass,
                    OtherChannelsArg::Stop => OtherChannels::Stop,
                })
            }),
            wrong_side_ddl: args.wrong_side_ddl.map(|word| {
                Given::flag(match word {
                    WrongSideArg::Stop => WrongSide::Stop,
                    WrongSideArg::Ignore => WrongSide::Ignore,
                })
            }),
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

/// What the flags say about single DDLs.
struct Ddl {
    skip: Vec<u64>,
    replace: Vec<Replacement>,
    on_error: Option<OnDdlError>,
}

impl Ddl {
    /// Of `stop` and `ask`, the last one holds.
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
    /// `value` with its origin: `variable`, if it says the same. (A flag that repeats its variable may be taken for it.)
    fn given<T: FromStr + PartialEq>(&self, value: Option<T>, variable: &str) -> Option<Given<T>> {
        let value = value?;
        let said = (self.environment)(variable).and_then(|text| text.parse().ok());
        let origin =
            if said.as_ref() == Some(&value) { Origin::Environment(variable.to_owned()) } else { Origin::Flag };
        Some(Given { value, origin })
    }
}
