//! Where a run begins and ends.

use std::cell::Cell;

use anyhow::Result;

use crate::checkpoint::{DrainerPlace, DrainerTable};
use crate::config::{DrainerCheckpoint, Settings, Start, Until};
use crate::error::Fault;
use crate::event::Events;
use crate::model::CommitTs;
use crate::sink::mysql::connect::Target;
use crate::source::Source;

/// The source's newest ts as of the start, asked for once: a folder has to be read to its end for it.
pub(super) struct Clock<'a> {
    pub(super) source: &'a dyn Source,
    asked: Cell<Option<CommitTs>>,
}

impl<'a> Clock<'a> {
    pub(super) fn of(source: &'a dyn Source) -> Self {
        Self { source, asked: Cell::new(None) }
    }

    /// # Errors
    /// If the source cannot tell.
    pub(super) fn now(&self) -> Result<CommitTs> {
        if let Some(now) = self.asked.get() {
            return Ok(now);
        }
        let now = self.source.now()?;
        self.asked.set(Some(now));
        Ok(now)
    }
}

pub(super) fn until(settings: &Settings, clock: &Clock<'_>) -> Result<Option<CommitTs>> {
    Ok(match settings.until {
        Some(Until::CaughtUp) => Some(clock.now()?),
        Some(Until::Ts(ts)) => Some(ts),
        None => None,
    })
}

/// Where a first start begins if neither a start ts nor Drainer's checkpoint says so. Files know where they begin; a cluster's clock is
/// asked at every start, because only the target knows which one is the first.
pub(super) fn first(settings: &Settings, clock: &Clock<'_>) -> Result<Option<CommitTs>> {
    match (settings.start, clock.source.first()) {
        (Some(Start::Now), None) => clock.now().map(Some),
        (_, first) => Ok(first),
    }
}

/// Where the Drainer that this link takes over from kept its checkpoint.
pub(in crate::commands) fn drainer(settings: &Settings, events: &Events) -> Result<DrainerPlace> {
    let table = |schema, table| DrainerTable { schema, table };
    Ok(match settings.drainer_checkpoint.clone() {
        None => DrainerPlace::default(),
        Some(DrainerCheckpoint::Target { schema, table: name }) => DrainerPlace::Target(table(schema, name)),
        Some(DrainerCheckpoint::Server { address, connection, schema, table: name }) => DrainerPlace::Server {
            server: Box::new(Target::parse_with(&address, &connection, events)?),
            table: table(schema, name),
        },
        Some(DrainerCheckpoint::File(path)) => DrainerPlace::File(path),
    })
}

/// The start ts that somebody named.
pub(super) fn named(start: Option<Start>) -> Option<CommitTs> {
    match start {
        Some(Start::Ts(ts)) => Some(ts),
        Some(Start::Now) | None => None,
    }
}

/// Where the run starts: `position` is the target's checkpoint, or else where a first start begins.
pub(super) fn start(settings: &Settings, position: Option<CommitTs>) -> Result<CommitTs> {
    match (position, named(settings.start)) {
        (Some(checkpoint), Some(given)) if given > checkpoint => Err(Fault::refused(format!(
            "the start ts {} is later than the target's checkpoint {}: what lies between them would be lost",
            given.explain(),
            checkpoint.explain()
        ))
        .hint("leave the start ts out to go on from the checkpoint; after loading a newer backup, name a new --link")
        .into()),
        (Some(position), _) => Ok(position),
        (None, _) => Err(Fault::usage(
            "this is the first start of this link: the target has no checkpoint, and no --start-ts says where to begin",
        )
        .hint(
            "--start-ts $(tisync ts from-br BACKUP), or $(tisync ts from-dumpling DUMP), of the backup that the target \
             was loaded from",
        )
        .into()),
    }
}
