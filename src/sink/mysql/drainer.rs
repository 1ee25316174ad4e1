//! Coexistence with Drainer: starts from its checkpoint, and detects its later writes.
//!
//! A first start goes on from Drainer's checkpoint; after that, the sink checks whether a Drainer
//! has written to the target since.

use std::fmt::Display;

use anyhow::Result;

use super::MysqlOptions;
use crate::checkpoint::drainer::{self, Behind, Reached, Row};
use crate::checkpoint::{DrainerPlace, DrainerTable, Link};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::mysql::session::Session;

/// Where a first start begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beginning {
    /// The position (exclusive).
    pub(super) start: Option<CommitTs>,
    /// What is at or below may be on the target already, because Drainer's checkpoint lags behind
    /// what it applied.
    pub(super) overlap: Option<CommitTs>,
}

/// Where a link that has not started begins, and how exact that is: after Drainer's checkpoint, if
/// there is one.
///
/// # Errors
/// Refused if that and the start ts contradict each other, or it is not known what Drainer may have
/// applied.
pub(super) fn begin(session: &mut Session, link: &Link, options: &MysqlOptions, events: &Events) -> Result<Beginning> {
    let place = &options.drainer;
    // `now` names a start like any ts, unless it was meant only for the very first start.
    let now = options.first.filter(|_| options.first_is_now && !options.start_yields);
    let given = options.start.or(now);
    let Some(row) = place.find(session, link.cluster_id())? else {
        if let (DrainerPlace::Server { .. } | DrainerPlace::File(_), None) = (place, given) {
            return Err(Fault::refused(format!("Drainer's checkpoint is expected in {place}, but there is none"))
                .hint("give the right place, or use --start-ts")
                .into());
        }
        // What an earlier start found there is no longer there.
        link.begin_behind_drainer(session, CommitTs(0), CommitTs(0))?;
        return Ok(Beginning { start: given.or(options.first), overlap: None });
    };
    if let Some(given) = given.filter(|given| options.start_yields && *given < row.commit_ts) {
        events(Event::Note(format!(
            "Drainer's checkpoint in {place} is ahead of the start ts {}, which is not used",
            given.0
        )));
    } else if let Some(given) = given.filter(|given| *given != row.commit_ts) {
        if !options.ignore_drainer {
            return Err(contradiction(place, &row, given).into());
        }
        events(Event::Note(format!(
            "starting after --start-ts {}; Drainer's checkpoint in {place}, {}, is ignored because of --ignore-drainer",
            given.explain(),
            row.commit_ts.explain()
        )));
        link.begin_behind_drainer(session, known(place, &row), CommitTs(0))?;
        return Ok(Beginning { start: Some(given), overlap: None });
    }
    let overlap = overlap(place, &row, options)?;
    let how = "taking over from Drainer, whose checkpoint";
    events(Event::Note(format!("{how} {}", standing(place, &row, overlap))));
    say_elsewhere(place, events);
    match place {
        DrainerPlace::Target(_) => link.begin_behind(session, &row, overlap.unwrap_or_default())?,
        DrainerPlace::Server { .. } | DrainerPlace::File(_) => {
            link.begin_behind_drainer(session, CommitTs(0), overlap.unwrap_or_default())?;
        }
    }
    Ok(Beginning { start: Some(row.commit_ts), overlap })
}

/// The content of the kept row: from here on only we may change it.
fn known(place: &DrainerPlace, row: &Row) -> CommitTs {
    match place {
        DrainerPlace::Target(_) => row.commit_ts,
        DrainerPlace::Server { .. } | DrainerPlace::File(_) => CommitTs(0),
    }
}

/// The ts up to which Drainer may have applied transactions; `None` if its checkpoint is exact.
fn overlap(place: &impl Display, row: &Row, options: &MysqlOptions) -> Result<Option<CommitTs>, Fault> {
    match (row.consistent, options.now) {
        (true, _) => Ok(None),
        (false, Some(now)) => Ok(Some(now.max(row.commit_ts))),
        (false, None) => Err(no_end(place, row)),
    }
}

/// The position of a Drainer, and what follows from it, for messages.
fn standing(place: &impl Display, row: &Row, overlap: Option<CommitTs>) -> String {
    let how = match overlap {
        None => "it was stopped cleanly, so the start is exact".to_owned(),
        Some(until) => format!(
            "it was not stopped cleanly and may have applied more, so rows up to {} are written in safe mode",
            until.explain()
        ),
    };
    format!("in {place} is {}: {how}", row.commit_ts.explain())
}

fn say_elsewhere(place: &DrainerPlace, events: &Events) {
    if !matches!(place, DrainerPlace::Target(_)) {
        events(Event::Warning(format!(
            "Drainer's checkpoint in {place} is only read; {} on the target is updated instead: give that one to \
             Drainer before it continues",
            DrainerTable::default()
        )));
    }
}

fn contradiction(place: &DrainerPlace, row: &Row, given: CommitTs) -> Fault {
    let which = if given < row.commit_ts {
        "the changes between them are already on the target"
    } else {
        "the changes between them would be lost"
    };
    Fault::refused(format!(
        "the start ts {} is not where Drainer stopped: its checkpoint in {place} is {}; {which}, if both refer to the \
         same data",
        given.explain(),
        row.commit_ts.explain()
    ))
    .hint(
        "to continue after Drainer, leave out the start ts; if the target has been reloaded since, start with \
         --ignore-drainer, and the start ts counts",
    )
}

fn no_end(place: &impl Display, row: &Row) -> Fault {
    Fault::refused(format!(
        "Drainer's checkpoint in {place}, {}, was not written by a clean stop, and the source does not say how far \
         Drainer may have got",
        row.commit_ts.explain()
    ))
    .hint("start and stop that Drainer once more, so that its checkpoint says `consistent`, or give --start-ts and --safe-mode with --ignore-drainer")
}

/// Goes on behind a Drainer that has continued from the link's position `reached`, if one has; this
/// may happen any number of times.
///
/// # Errors
/// Refused if it is not known what Drainer may have applied, or its checkpoint is to be ignored.
pub(super) fn again(
    session: &mut Session,
    link: &Link,
    reached: Reached,
    options: &MysqlOptions,
    events: &Events,
) -> Result<Option<Behind>> {
    let place = options.drainer.kept();
    let mut found = None;
    let behind = drainer::go_on_behind(session, &place, link, reached, |row| {
        if options.ignore_drainer {
            return Err(unless_ignored(drainer_is_ahead(&place, row, link, reached.position)));
        }
        found = overlap(&place, row, options)?;
        Ok(found.unwrap_or_default())
    })?;
    match &behind {
        Some(Behind { row: Some(row), .. }) => events(Event::Warning(format!(
            "a Drainer has continued from where link `{}` was, {}. The link continues after it: its checkpoint {}",
            link.name(),
            reached.position.explain(),
            standing(&place, row, found)
        ))),
        Some(Behind { ts, row: None, .. }) => events(Event::Warning(format!(
            "a Drainer has continued from where link `{}` was, {}, and another link has taken over from it since: this \
             one continues after {}",
            link.name(),
            reached.position.explain(),
            ts.explain()
        ))),
        None => {}
    }
    if let Some(Behind { ts, safe_until, .. }) = behind
        && safe_until > ts
        && found.is_none()
    {
        events(Event::Note(format!(
            "rows up to {} were on the target before Drainer continued from an earlier position: they are written in \
             safe mode",
            safe_until.explain()
        )));
    }
    Ok(behind)
}

fn unless_ignored(fault: Fault) -> Fault {
    fault.hint(
        "to continue after Drainer, start without --ignore-drainer (ignore-drainer in the file). To continue where the \
         link was, if Drainer applied nothing: delete Drainer's row",
    )
}

/// The error for a row of Drainer's that another process has written.
pub(super) fn drainer_is_ahead(place: &DrainerTable, row: &Row, link: &Link, position: CommitTs) -> Fault {
    Fault::refused(format!(
        "Drainer's checkpoint on the target ({place}, cluster {}) is at {} and was not written by tisync, whose link \
         `{}` is at {}: a Drainer has written to this target since, or is writing now",
        link.cluster_id(),
        row.commit_ts.explain(),
        link.name(),
        position.explain()
    ))
    .hint(
        "the two must not write the same changes: stop that Drainer, and start again. The same command then continues \
         after its checkpoint; to continue where the link was, if Drainer applied nothing, delete Drainer's row first",
    )
}
