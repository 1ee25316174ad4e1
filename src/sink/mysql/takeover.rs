//! Beside Drainer: its row on the target says whether it has written there since this link did.

use anyhow::Result;

use super::session::Session;
use crate::checkpoint::Link;
use crate::checkpoint::drainer::{self, Owner, Row};
use crate::error::Fault;
use crate::model::CommitTs;

/// Sees to it that no Drainer has gone on where this link stands at `position`.
///
/// # Errors
/// Refused if one has: what it applied would be applied again.
pub(super) fn check(session: &mut Session, link: &Link, position: CommitTs) -> Result<()> {
    match drainer::owner(session, link, position)? {
        Owner::Other(row) => Err(drainer_is_ahead(&row, link, position).into()),
        Owner::Nobody | Owner::Us(_) | Owner::Before(_) => Ok(()),
    }
}

/// What to say when Drainer's row was written by somebody else.
pub(super) fn drainer_is_ahead(row: &Row, link: &Link, position: CommitTs) -> Fault {
    Fault::refused(format!(
        "Drainer's checkpoint on the target (tidb_binlog.checkpoint, cluster {}) stands at {} and was not written by tisync, whose link `{}` stands \
         at {}: a Drainer has written to this target since, or is writing now",
        link.cluster_id(),
        row.commit_ts.explain(),
        link.name(),
        position.explain()
    ))
    .hint(format!(
        "two must not write the same changes. To go on behind Drainer: stop it, then start a new link with `--link NAME --start-ts {}`, and with \
         --safe-mode unless Drainer was stopped cleanly. To go on with this link although Drainer applied nothing: delete Drainer's row",
        row.commit_ts.0
    ))
}
