//! The thread that keeps a lease: takes it, pings, reconnects after a loss, releases it at the end.
//!
//! At a start it decides about a lease that is held: by a run that is alive, or by one that is
//! gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{Holding, Seen, Terms, Who, look, standing};
use crate::checkpoint::link::condition;
use crate::checkpoint::locks;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::mysql::address::Target;
use crate::mysql::error::{Class, SessionError};
use crate::mysql::session::{Flavour, Session};
use crate::stop::Stop;

/// Pause between pings.
const PING: Duration = Duration::from_secs(2);
/// Pause after a loss: time for a run that ended this connection on purpose to take the lease
/// itself.
const PAUSE: Duration = Duration::from_millis(500);
/// TiDB keeps a named lock as a transaction, which it ends after an hour unless configured
/// otherwise.
const RENEW_ON_TIDB: Duration = Duration::from_secs(20 * 60);

/// The state of the thread.
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

/// Whether this run has the lease.
#[derive(Clone, Copy, PartialEq)]
enum Hold {
    /// Since this time.
    Ours(Instant),
    /// Not yet; it is taken as soon as it is free.
    Wanted,
    /// Not any more, and the server may not have noticed yet that our connection of this number is
    /// gone.
    Lost(u64),
    /// Another run has it, and that was reported.
    Told,
    /// A later run has taken the link over.
    Over,
}

impl Keep {
    /// Starts the thread, which ends when the sender of `ended` is dropped, and reports its end to
    /// `over`.
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
            // An error means that the receiver is gone, which is fine.
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
                // The workers report that the target is away, and why.
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
            // Otherwise the server notices the end of the connection a moment later.
            let _ = locks::release(session, &self.name);
        }
    }

    /// Shows that this run is alive, and takes the lease if it is not ours.
    ///
    /// # Errors
    /// If the connection is lost.
    fn ping(&self, session: &mut Session, hold: &mut Hold) -> Result<(), SessionError> {
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

    fn take(&self, session: &mut Session, hold: &mut Hold) -> Result<(), SessionError> {
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
                    // If it cannot be ended, the server notices by itself.
                    Ok(_) | Err(_) => {}
                }
            } else if *hold != Hold::Told {
                *hold = Hold::Told;
                self.warn(format!(
                    "the lease of link `{link}` was lost and is now held by {}; if that run takes over the link, this \
                     one stops at its next write",
                    describe(&now, who.as_ref())
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
            "run {later} has taken over link `{link}` from this one (run {ours}), which stops at its next write"
        ));
        Ok(())
    }

    fn warn(&self, text: String) {
        (self.events)(Event::Warning(text));
    }
}

/// Pause between looks at a lease that another run holds.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long to wait for a sign of life that cannot be seen, and for a connection that was ended to
/// go.
const SHORT: Duration = Duration::from_secs(3);
/// After so many looks at which the lease is free and still not given, the server has no named
/// locks.
const FREE: u32 = 20;
/// How often the wait is reported.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What is needed to decide about the lease at a start.
pub(super) struct Start<'a> {
    pub(super) name: &'a str,
    pub(super) link: (u64, &'a str),
    pub(super) terms: Terms,
    pub(super) stop: &'a Stop,
    pub(super) events: &'a Events,
}

impl Start<'_> {
    /// Takes the lease for this session; false if it cannot be had and the run may go on
    /// nevertheless.
    ///
    /// # Errors
    /// Refused, if another run lives and is not to be ended; interrupted; or if the connection is
    /// lost.
    pub(super) fn take(&self, session: &mut Session) -> Result<bool, SessionError> {
        let begin = Instant::now();
        let mut told = Instant::now();
        let mut last: Option<Holding> = None;
        let mut ended: Option<(Instant, u64)> = None;
        // Number of looks at which the lease was free, and still could not be taken.
        let mut free = 0;
        loop {
            if locks::hold(session, self.name)? {
                return Ok(true);
            }
            let (who, position) = standing(session, self.link)?;
            let now = match look(session, self.name, who.as_ref().and_then(|w| w.connection))? {
                // It was released a moment ago.
                Seen::Free if free < FREE => {
                    free += 1;
                    continue;
                }
                Seen::Free | Seen::Unknown => {
                    self.note(format!(
                        "the target has no named locks: tisync cannot tell whether another run of link `{}` is alive; \
                         if one is, it stops now",
                        self.link.1
                    ));
                    return Ok(false);
                }
                Seen::Held(now) => now,
            };
            free = 0;
            let gone = now.silent.is_some_and(|silent| silent >= self.terms.idle);
            if gone || self.terms.take_over {
                let again = ended.is_some_and(|(_, id)| now.connection == Some(id));
                // One that was ended already is on its way out.
                if !again && !self.end(session, &now, who.as_ref(), gone)? {
                    return Ok(false);
                }
                let since = ended.map_or_else(Instant::now, |(since, _)| since);
                ended = now.connection.map(|id| (since, id));
                if since.elapsed() > SHORT {
                    return Ok(false);
                }
            } else if is_alive(last.as_ref(), &now) || now.silent.is_none() && begin.elapsed() >= SHORT {
                return Err(self.refusal(&now, who.as_ref(), position).into());
            }
            if self.stop.requested() {
                return Err(locks::interrupted(&format!("the run that has link `{}`", self.link.1)));
            }
            if begin.elapsed() >= SHORT && told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                let what = format!("the run that has link `{}` to show activity or end", self.link.1);
                (self.events)(Event::Waiting { what, since: begin.elapsed() });
            }
            last = Some(now);
            sleep(LOOK_EVERY);
        }
    }

    /// Ends the connection that has the lease; false if that is not possible.
    fn end(&self, session: &mut Session, now: &Holding, who: Option<&Who>, gone: bool) -> Result<bool, SessionError> {
        let link = self.link.1;
        let who = describe(now, who);
        let Some(id) = now.connection else {
            self.note(format!(
                "link `{link}` is run by {who}, whose connection the target does not show; it stops at its next write"
            ));
            return Ok(false);
        };
        let ended = match locks::end(session, id) {
            Err(failed) if failed.class() == Some(Class::Connection) => return Err(failed),
            Err(failed) => {
                let error = anyhow::Error::from(failed);
                self.note(format!(
                    "link `{link}` is taken over from {who}, whose connection cannot be ended: {error:#}"
                ));
                return Ok(false);
            }
            Ok(ended) => ended,
        };
        if ended && gone {
            let silent = now.silent.unwrap_or_default().as_secs();
            self.note(format!(
                "link `{link}` was run by {who}, silent for {silent} s: its process or machine is gone, and this run \
                 takes over"
            ));
        } else if ended {
            self.note(format!(
                "link `{link}` is run by {who}: this run takes over, and that one stops at its next write"
            ));
        }
        Ok(true)
    }

    fn note(&self, text: String) {
        (self.events)(Event::Note(text));
    }

    fn refusal(&self, now: &Holding, who: Option<&Who>, position: Option<CommitTs>) -> Fault {
        let at = position.map_or("it has not started".to_owned(), |ts| format!("its position is {}", ts.explain()));
        let heard = match now.silent {
            Some(_) => "",
            None => "; this account cannot see whether that connection is alive",
        };
        Fault::refused(format!(
            "link `{}` on the target is already run by {}; {at}{heard}",
            self.link.1,
            describe(now, who)
        ))
        .hint(
            "two runs of a link would only stop each other: stop that one first, or start with --take-over, which ends \
             it; another link to the same target needs its own --link name",
        )
    }
}

/// Whether the holder has been active between two looks, or is a different connection.
fn is_alive(last: Option<&Holding>, now: &Holding) -> bool {
    last.is_some_and(|last| last.connection != now.connection || now.silent.is_some() && now.silent < last.silent)
}

/// Who has the lease: `who` as the link's row says, and the connection as the server says.
pub(super) fn describe(now: &Holding, who: Option<&Who>) -> String {
    let from = now.from.as_ref().filter(|f| !f.is_empty()).map_or(String::new(), |from| format!(" from {from}"));
    let connection = now.connection.map_or(String::new(), |id| format!("connection {id}{from}"));
    match who {
        None if connection.is_empty() => "another run".to_owned(),
        None => connection,
        Some(who) if connection.is_empty() => who.to_string(),
        Some(who) if who.connection == now.connection => format!("{who} ({connection})"),
        // It has reconnected since, or has not written its name yet.
        Some(who) => format!("{connection}; the link was last taken over by {who}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(connection: u64, silent: Option<u64>) -> Holding {
        Holding {
            connection: Some(connection),
            from: Some("10.0.0.7:5120".to_owned()),
            silent: silent.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_sign_of_life() {
        let heard = |last: Option<(u64, u64)>, now: (u64, u64)| {
            is_alive(last.map(|(c, s)| holding(c, Some(s))).as_ref(), &holding(now.0, Some(now.1)))
        };
        assert!(!heard(None, (1, 0)) && !heard(Some((1, 1)), (1, 1)) && !heard(Some((1, 1)), (1, 2)));
        assert!(heard(Some((1, 2)), (1, 0)) && heard(Some((1, 0)), (2, 0)));
        assert!(!is_alive(Some(&holding(1, Some(1))), &holding(1, None)), "nothing is known of it now");
    }

    #[test]
    fn who_it_is() {
        let who = Who {
            pid: 4711,
            host: "berlin-7".to_owned(),
            account: "repl".to_owned(),
            since: "2026-11-21T22:00:00Z".to_owned(),
            version: "0.1.0".to_owned(),
            connection: Some(12),
            ..Who::default()
        };
        insta::assert_snapshot!(describe(&holding(12, Some(1)), Some(&who)), @"pid 4711 on berlin-7 (account repl, tisync 0.1.0) since 2026-11-21T22:00:00Z (connection 12 from 10.0.0.7:5120)");
        insta::assert_snapshot!(describe(&holding(13, Some(1)), Some(&who)), @"connection 13 from 10.0.0.7:5120; the \
            link was last taken over by pid 4711 on berlin-7 (account repl, tisync 0.1.0) since 2026-11-21T22:00:00Z");
        insta::assert_snapshot!(describe(&holding(13, None), None), @"connection 13 from 10.0.0.7:5120");
        assert_eq!(describe(&Holding::default(), None), "another run");
        assert!(describe(&Holding::default(), Some(&who)).starts_with("pid 4711 on berlin-7 ("));
    }
}
