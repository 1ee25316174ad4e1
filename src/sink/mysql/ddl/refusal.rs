//! What an operator reads when a statement of a DDL does not come to its end.

use super::begun::Begun;
use crate::checkpoint::Failed;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::sink::mysql::failure::{classify, refuse};
use crate::sink::mysql::retry::passes;
use crate::sink::mysql::session::shorten;

/// The refusal of a statement that others of its DDL came before.
pub(super) fn in_the_midst(failed: Failed) -> Failed {
    match failed {
        Failed::Target { error, attempted } if !passes(classify(&error)) => Failed::Refused(refuse(
            &error,
            attempted,
            "what comes before it in this DDL is done: run what suits the target by hand, and start again, which goes on behind it",
        )),
        other => other,
    }
}

/// The refusal of `sql` by the target.
pub(super) fn failed(error: mysql::Error, (ts, job): (CommitTs, i64), begun: &Begun, sql: &str) -> Failed {
    let place = begun.database.as_ref().map_or(String::new(), |d| format!(" in database `{d}`"));
    Failed::Target {
        error,
        attempted: format!(
            "cannot run the DDL of commit ts {} (job {job}){place}: the target refused `{}`",
            ts.explain(),
            shorten(sql)
        ),
    }
}

/// That nobody can tell what became of a statement.
pub(super) fn unknown(
    (ts, job): (CommitTs, i64),
    begun: &Begun,
    step: usize,
    (why, before, now): (&str, &str, &str),
) -> Fault {
    let part = match begun.statements.len() {
        0 | 1 => String::new(),
        all => format!("statement {} of {all} of ", step + 1),
    };
    Fault::refused(format!(
        "this DDL was begun on the target and its end was not seen: {part}job {job} (commit ts {}), `{}`. Whether it took effect \
         cannot be told: {why}\nbefore it:\n{before}\nnow:\n{now}",
        ts.explain(),
        shorten(begun.statement(step))
    ))
    .hint(
        "look at the target whether it took effect: go on with `--pending-ddl done` if it did, with `--pending-ddl again` if it \
         did not",
    )
}
