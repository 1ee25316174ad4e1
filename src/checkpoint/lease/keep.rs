//! The thread that keeps a lease: pings, connects anew after a loss, gives back at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::seen::{Seen, look};
use super::{standing, start};
use crate::checkpoint::failed::Failed;
use crate::checkpoint::link::condition;
use crate::checkpoint::locks;
use crate::event::{Event, Events};
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::failure::Class;
use crate::sink::mysql::session::{Flavour, Session};

/// Between pings.
const PING: Duration = Duration::from_secs(2);
/// After a loss: time for a run that ended this connection on purpose to take the lease itself.
const PAUSE: Duration = Duration::from_millis(500);
/// A TiDB keeps a named lock as a transaction, which it gives up after an hour unless configured otherwise.
const RENEW_ON_TIDB: Duration = Duration::from_secs(20 * 60);

/// What the thread works with.
pub(super) struct Keep {
    pub(super) target: Target,
    pub(super) name: String,
    pub(super) link: (u64, String),
    /// The number of the run, once it has taken the link over; 0 before.
    pub(super) run: Arc<AtomicU64>,
    /// How often the connection was lost.
    pub(super) losses: Arc<AtomicU64>,
    pub(super) events: Events,
}

/// How far the lease is ours.
#[derive(Clone, Copy, PartialEq)]
enum Hold {
    /// Since then.
    Ours(Instant),
    /// It is to be taken as soon as it is to be had.
    Wanted,
    /// The same, where the server may not have noticed yet that our connection of that number is gone.
    Lost(u64),
    /// Somebody else's, and that was told.
    Told,
    /// A later run has the link.
    Over,
}

impl Keep {
    /// Starts the thread, which ends with the sender of `ended`, and says so with the receiver of `over`.
    pub(super) fn start(
        self,
        session: Option<Session>,
        held: bool,
        ended: Receiver<()>,
        over: Sender<()>,
    ) -> Result<()> {
        let hold = if held { Hold::Ours(Instant::now()) } else { Hold::Wanted };
        let keep = move || {
            self.keep(session, hold, &ended);
            // Nobody waits any more, which is as good.
            let _ = over.send(());
        };
        std::thread::Builder::new().name("lease".to_owned()).spawn(keep).context("cannot start the lease's thread")?;
        Ok(())
    }

    fn keep(&self, mut session: Option<Session>, mut hold: Hold, ended: &Receiver<()>) {
        let mut wait = PING;
        while hold != Hold::Over && ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = PING;
            if session.is_none() {
                // The workers say that the target is away, and why.
                session = Session::open(&self.target).ok();
            }
            let Some(there) = &mut session else { continue };
            if self.ping(there, &mut hold).is_err() {
                if matches!(hold, Hold::Ours(_) | Hold::Wanted) {
                    hold = Hold::Lost(there.connection_id());
                }
                session = None;
                self.losses.fetch_add(1, Ordering::SeqCst);
                wait = PAUSE;
            }
        }
        if let (Some(session), Hold::Ours(_)) = (&mut session, hold) {
            // Else the server notices it a moment later.
            let _ = locks::release(session, &self.name);
        }
    }

    /// Shows that this run lives, and takes the lease if it is not ours.
    ///
    /// # Errors
    /// If the connection is lost.
    fn ping(&self, session: &mut Session, hold: &mut Hold) -> Result<(), Failed> {
        session.exec("DO 0")?;
        match *hold {
            Hold::Ours(since) => {
                if session.server().flavour == Flavour::TiDb && since.elapsed() >= RENEW_ON_TIDB {
                    locks::release(session, &self.name)?;
                    *hold = Hold::Wanted;
                    return self.take(session, hold);
                }
                Ok(())
            }
            Hold::Wanted | Hold::Lost(_) | Hold::Told | Hold::Over => self.take(session, hold),
        }
    }

    fn take(&self, session: &mut Session, hold: &mut Hold) -> Result<(), Failed> {
        let (link, ours) = (&self.link.1, self.run.load(Ordering::SeqCst));
        if !locks::hold(session, &self.name)? {
            let (who, _) = standing(session, (self.link.0, link))?;
            let Seen::Held(now) = look(session, &self.name, who.as_ref().and_then(|w| w.connection))? else {
                return Ok(());
            };
            if let (Hold::Lost(before), Some(id)) = (*hold, now.connection)
                && before == id
            {
                match locks::end(session, id) {
                    Err(failed) if failed.class() == Some(Class::Connection) => return Err(failed),
                    // Where it cannot be ended, the server notices by itself.
                    Ok(_) | Err(_) => {}
                }
            } else if *hold != Hold::Told {
                *hold = Hold::Told;
                self.warn(format!(
                    "the lease of link `{link}` was lost, and now it is held by {}; if that run takes the link over, this one stops at its next write",
                    start::describe(&now, who.as_ref())
                ));
            }
            return Ok(());
        }
        let run = session.fetch_one::<u64>(&format!(
            "SELECT `run` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
            condition(self.link.0, link)
        ));
        let later = locks::known(run)?.flatten().filter(|run| ours > 0 && *run > ours);
        let Some(later) = later else {
            *hold = Hold::Ours(Instant::now());
            return Ok(());
        };
        locks::release(session, &self.name)?;
        *hold = Hold::Over;
        self.warn(format!(
            "run {later} has taken link `{link}` over from this one, run {ours}, which stops at its next write"
        ));
        Ok(())
    }

    fn warn(&self, text: String) {
        (self.events)(Event::Warning(text));
    }
}
