//! What the command line and its environment give.

use std::str::FromStr;

use super::Environment;
use super::draft::Draft;
use super::origin::{Given, Origin};
use crate::cli::SyncArgs;

impl Draft {
    /// What the arguments of `tisync sync` give.
    pub(super) fn of_args(args: &SyncArgs, environment: Environment<'_>) -> Self {
        let from = Source { environment };
        Self {
            link: from.given(args.link.clone(), "TISYNC_LINK"),
            from: from.given(args.from.clone(), "TISYNC_FROM"),
            ssl_ca: from.given(args.security.ssl_ca.clone(), "TISYNC_SSL_CA"),
            ssl_cert: from.given(args.security.ssl_cert.clone(), "TISYNC_SSL_CERT"),
            ssl_key: from.given(args.security.ssl_key.clone(), "TISYNC_SSL_KEY"),
            schema_from: from.given(args.schema_from.clone(), "TISYNC_SCHEMA_FROM"),
            to: from.given(args.to.clone(), "TISYNC_TO"),
            start: from.given(args.start_ts, "TISYNC_START_TS"),
            safe_mode: args.safe_mode.map(Given::flag),
            allow_missing: args.allow_missing.map(Given::flag),
            skip_ddl: (!args.skip_ddl.is_empty()).then(|| Given::flag(args.skip_ddl.clone())),
            workers: args.workers.map(|n| Given::flag(usize::from(n))),
            batch_rows: args.batch_rows.map(Given::flag),
            max_txn_rows: args.max_txn_rows.map(Given::flag),
            memory_limit: from.given(args.memory_limit, "TISYNC_MEMORY_LIMIT"),
            ..Self::default()
        }
    }
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
