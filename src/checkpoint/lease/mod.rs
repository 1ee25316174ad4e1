//! The lease of a link: a named lock that one connection of its run holds, so that a second run knows at its start that the first lives.
//!
//! It only spares operators a mistake. What makes two runs safe is the fence of the slots, whoever has the lease. So a lease that is
//! lost ends nothing, and one whose holder has been silent is ended: a run pings its target every two seconds, which the server shows as the
//! time that the connection has been idle. Nothing is ever written for it; who runs the link stands in the link's row, written with the
//! take-over.

mod keep;
mod seen;
mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, bounded};

pub use self::seen::{Holding, Seen};

use self::keep::Keep;
use self::start::Start;
use super::failed::Failed;
use super::link::{Link, condition};
use super::locks::{self, known};
use super::look::of_link;
use super::who::Who;
use crate::event::{Event, Events};
use crate::mark::Mark;
use crate::model::CommitTs;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::failure::Class;
use crate::sink::mysql::session::Session;
use crate::stop::Stop;

/// How long the server may take for an answer before the connection counts as lost.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the end of a run waits for the lease to be given back: where the target does not answer, the connection's end does it.
const GIVE_BACK: Duration = Duration::from_millis(300);

/// How a run treats another one that it meets.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// One that lives is ended.
    pub take_over: bool,
    /// One that has been silent for this long is gone, with its process or its machine. Above the two seconds between pings.
    pub idle: Duration,
}

impl Terms {
    /// Seven pings: a run that misses so many is not only slow.
    pub const IDLE: Duration = Duration::from_secs(15);
}

impl Default for Terms {
    fn default() -> Self {
        Self { take_over: false, idle: Self::IDLE }
    }
}

/// A run's lease; given back when it is dropped.
pub struct Lease {
    who: Who,
    run: Arc<AtomicU64>,
    losses: Arc<AtomicU64>,
    /// Its end ends the thread.
    _end: Option<Sender<()>>,
    over: Receiver<()>,
}

impl Lease {
    /// Takes the lease of the link of `cluster_id`, for a run that writes with `mark`, and keeps it in a thread with a connection of its own.
    ///
    /// # Errors
    /// Refused, with who it is, if another run lives and `terms` do not end it; or interrupted. A target that fails is told, and is not an
    /// error here.
    pub fn take(
        target: &Target,
        (cluster_id, link): (u64, &str),
        mark: Option<&Mark>,
        terms: Terms,
        stop: &Stop,
        events: &Events,
    ) -> Result<Self> {
        let target = target.answering_within(ANSWER);
        let name = locks::lease(cluster_id, link);
        let mut who = Who::this_process(&target.user, mark);
        let start = Start { name: &name, link: (cluster_id, link), terms, stop, events };
        let (session, held) = match Session::open(&target) {
            Ok(mut session) => match start.take(&mut session) {
                Ok(held) => (Some(session), held),
                Err(failed) if failed.class() == Some(Class::Connection) => {
                    untold(link, &failed.into(), events);
                    (None, false)
                }
                Err(failed) => return Err(failed.into()),
            },
            Err(error) => {
                untold(link, &error, events);
                (None, false)
            }
        };
        who.connection = session.as_ref().map(Session::connection_id);
        let (run, losses) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (end, ended) = bounded(0);
        let (tell, over) = bounded(1);
        let keep = Keep {
            target,
            name,
            link: (cluster_id, link.to_owned()),
            run: Arc::clone(&run),
            losses: Arc::clone(&losses),
            events: events.clone(),
        };
        keep.start(session, held, ended, tell)?;
        Ok(Self { who, run, losses, _end: Some(end), over })
    }

    /// What this run says of itself in the link's row.
    #[must_use]
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// How often its connection was lost so far: the target may have been restarted each time.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    /// The run has taken `link` over: if a later one does, the lease is not taken back from it.
    pub fn owns(&self, link: &Link) {
        self.run.store(link.run(), Ordering::SeqCst);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self._end = None;
        // An error says that the thread has ended, and with it the connection.
        let _ = self.over.recv_timeout(GIVE_BACK);
    }
}

fn untold(link: &str, error: &anyhow::Error, events: &Events) {
    events(Event::Warning(format!(
        "whether another run of link `{link}` lives cannot be told, so this one goes on; if one does, it stops now: {error:#}"
    )));
}

/// Who has the lease of a link, whose row names `who`.
pub(super) fn seen(session: &mut Session, cluster_id: u64, link: &str, who: Option<&Who>) -> Result<Seen, Failed> {
    seen::look(session, &locks::lease(cluster_id, link), who.and_then(|w| w.connection))
}

/// Who the link's row names, and where the link stands, as far as there are rows.
fn standing(session: &mut Session, (cluster_id, link): (u64, &str)) -> Result<(Option<Who>, Option<CommitTs>), Failed> {
    let who = session.fetch_one::<String>(&format!(
        "SELECT `holder` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
        condition(cluster_id, link)
    ));
    // Before the first start there is no table, and an older one has no such column.
    let who = known(who)?.flatten().and_then(|text| Who::read(&text));
    let position = known(of_link(session, cluster_id, link))?.flatten();
    Ok((who, position))
}
