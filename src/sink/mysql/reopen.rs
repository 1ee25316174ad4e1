//! Beginning anew where the target lost what it had said is durable: under the same lease, from what it really holds.

use anyhow::Result;

use super::MysqlSink;
use super::failure::class_of;
use super::open::{Parts, finish};
use super::retry::{Backoff, Outlook, Told, passes};
use super::shared::Shared;
use super::skipped::Skipped;
use crate::checkpoint::{Link, is_known};
use crate::error::Fault;
use crate::model::CommitTs;

/// Opens a sink that was open before, or whose target answered a moment ago: again, up to `most` times, where the target goes away meanwhile.
///
/// # Errors
/// The first that does not pass, or the last; or interrupted.
pub(super) fn trying(parts: &Parts, most: u32, mut open: impl FnMut() -> Result<MysqlSink>) -> Result<MysqlSink> {
    let (shared, told) = (Shared::new(None, Skipped::default()), Told::default());
    let outlook = Outlook { stop: &parts.options.stop, shared: &shared, events: &parts.events, told: &told };
    let mut backoff = Backoff::new();
    loop {
        let error = match open() {
            Ok(sink) => return Ok(sink),
            Err(error) => error,
        };
        let Some(class) = class_of(&error).filter(|c| passes(*c) && backoff.tries() < most) else { return Err(error) };
        backoff.pause(class, &error, &outlook)?;
    }
}

/// A sink that has ended because its target [forgot](crate::checkpoint::Forgotten) something, as far as the next one needs it.
pub struct Reopening {
    parts: Parts,
    link: Link,
    /// Whether the link began in this process, and where: then its start holds where the target knows nothing of it.
    began: Option<Option<CommitTs>>,
    /// How far everything was durable, by the target's word.
    reached: Option<CommitTs>,
}

impl Reopening {
    /// Ends `sink`, and keeps its lease.
    #[must_use]
    pub fn of(sink: MysqlSink) -> Self {
        let context = &sink.context;
        Self {
            parts: sink.parts.clone(),
            link: context.link.clone(),
            began: sink.began,
            reached: context.shared.position(),
        }
    }

    /// How far everything was durable, by the target's word.
    #[must_use]
    pub fn reached(&self) -> Option<CommitTs> {
        self.reached
    }

    /// Takes the link over as a fresh run does; tries again while the target is away.
    ///
    /// # Errors
    /// Refused if the target does not know the link any more; else as [`Opening::finish`](super::Opening::finish), or interrupted.
    pub fn open(&self) -> Result<MysqlSink> {
        trying(&self.parts, u32::MAX, || self.try_open())
    }

    fn try_open(&self) -> Result<MysqlSink> {
        let mut session = self.parts.session()?;
        let mut parts = self.parts.clone();
        match self.began {
            Some(start) => parts.options.first = start.or(parts.options.first),
            None if !is_known(&mut session, &self.link)? => return Err(self.unknown().into()),
            None => {}
        }
        let mut sink = finish(parts, session, self.link.run())?;
        match self.began {
            Some(_) => sink.began = self.began,
            None if sink.fresh => return Err(self.unknown().into()),
            None => {}
        }
        Ok(sink)
    }

    fn unknown(&self) -> Fault {
        let reached = self.reached.map_or(String::new(), |ts| format!(", which had come to {}", ts.explain()));
        Fault::refused(format!(
            "the target knows nothing of link `{}` any more{reached}: it was restored to a time before the link began, or is another server",
            self.link.name()
        ))
        .hint("nothing more was written. Load the target from a backup of the upstream and start behind its ts, or bring back the server that has the link's rows in tidb_binlog")
    }
}
