//! Says what keeps the target from answering, while the workers wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::blocker;
use super::connect::Target;
use super::failure::{Class, class_of};
use super::session::Session;
use super::waits::{Waiting, Waits};
use crate::checkpoint::{Failed, locks};
use crate::event::{Event, Events};

/// How long an answer may take before anybody is told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long before the target is asked for the reason, so that it is known by then.
const CURIOUS: Duration = Duration::from_secs(4);
/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);
/// How often the target is asked who is in the way.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// How long it may take to say so: it is asked on a connection of its own.
const ANSWER: Duration = Duration::from_secs(2);

/// How long an answer may be on its way when the target is done with the statement.
const LOST: Duration = Duration::from_secs(20);

/// A thread that looks at what is waited for; it ends soon after this.
pub(super) struct Watch {
    _end: Sender<()>,
}

impl Watch {
    /// Watches `waits` for the sink of `target`.
    pub(super) fn start(target: &Target, waits: &Arc<Waits>, events: &Events) -> Result<Self> {
        let (end, ended) = bounded(0);
        let mut look = Look {
            target: target.answering_within(ANSWER),
            waits: Arc::clone(waits),
            events: Arc::clone(events),
            session: None,
            why: None,
            told: false,
        };
        let builder = std::thread::Builder::new().name("target-watch".to_owned());
        // Nobody waits for its end: it may have asked a target that hangs.
        builder.spawn(move || look.until(&ended)).context("cannot start a thread")?;
        Ok(Self { _end: end })
    }
}

struct Look {
    target: Target,
    waits: Arc<Waits>,
    events: Events,
    /// While something is in the way.
    session: Option<Session>,
    why: Option<Why>,
    told: bool,
}

/// What the target said about a wait, and when.
struct Why {
    waiting: Waiting,
    asked: Instant,
    text: Option<String>,
}

impl Look {
    fn until(&mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            let Some((waiting, more)) = self.waits.longest(CURIOUS) else {
                if std::mem::take(&mut self.told) {
                    (self.events)(Event::Unanswered { what: None, since: Duration::ZERO });
                }
                (self.session, self.why) = (None, None);
                continue;
            };
            if self.why.as_ref().is_some_and(|why| (&why.waiting.what, why.waiting.out) != (&waiting.what, waiting.out))
            {
                self.why = None;
            }
            // A reason that takes its time is added to what is told already.
            if self.told {
                self.tell(&waiting, more);
            }
            if self.why.as_ref().is_none_or(|why| why.asked.elapsed() >= ASK_EVERY) {
                let text = self.ask(&waiting);
                self.why = Some(Why { waiting: waiting.clone(), asked: Instant::now(), text });
            }
            self.tell(&waiting, more);
        }
    }

    fn tell(&mut self, waiting: &Waiting, more: usize) {
        if waiting.since.elapsed() < PATIENCE {
            return;
        }
        let mut what = format!("the target's answer to `{}` ({}", waiting.what, waiting.who);
        if waiting.session > 0 {
            what.push_str(&format!(", session {}", waiting.session));
        }
        what.push(')');
        if let Some(text) = self.why.as_ref().and_then(|why| why.text.as_ref()) {
            what.push_str(&format!(": {text}"));
        }
        if more > 0 {
            what.push_str(&format!("; and {more} more of its answers"));
        }
        (self.events)(Event::Unanswered { what: Some(what), since: waiting.since.elapsed() });
        self.told = true;
    }

    /// What the target itself says about it, if it says anything.
    fn ask(&mut self, waiting: &Waiting) -> Option<String> {
        if !waiting.out {
            return Some("the last try failed, and is repeated".to_owned());
        }
        if self.session.is_none() {
            match Session::open(&self.target) {
                Ok(session) => self.session = Some(session),
                Err(error) if class_of(&error) == Some(Class::Connection) => {
                    return Some("it does not answer on another connection either".to_owned());
                }
                Err(_) => return None,
            }
        }
        let found = self.session.as_mut().map(|session| why(session, waiting))?;
        found.unwrap_or_else(|_| {
            self.session = None;
            Some("it does not answer on another connection either".to_owned())
        })
    }
}

/// What the target says about a wait. A connection whose statement the target is long done with, while its answer is not here, has lost it:
/// no time limit tells that, because a DDL may take as long as it likes. It is ended, and what waits for it goes the way of a lost connection.
fn why(session: &mut Session, waiting: &Waiting) -> Result<Option<String>, Failed> {
    if waiting.since.elapsed() >= LOST && blocker::has_answered(session, waiting.session, LOST.as_secs() / 2)? {
        // It may be another account's, behind a proxy.
        let ended = locks::known(locks::end(session, waiting.session))?.unwrap_or(false);
        return Ok(Some(format!(
            "the target is done with it, and its answer was lost{}",
            if ended { ": the connection is ended" } else { "" }
        )));
    }
    blocker::of(session, waiting.session)
}
