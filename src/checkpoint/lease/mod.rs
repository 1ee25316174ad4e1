//! The lease of a link: a named lock held by its run, so that a second run is refused.
//!
//! The lease only protects operators from a mistake. What makes two runs safe is the fence of the
//! slots, which holds without a lease, too. So a run that loses its lease goes on, and a holder
//! that has been silent loses its lease: a run pings its target every two seconds, and the server
//! shows how long a connection has been idle. Nothing is written for the lease; the link's row
//! names the process that runs the link ([`Who`]), written when the run takes the link over.

mod keeper;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, fs};

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use super::inspect::of_link;
use super::link::{Link, condition};
use super::locks::{self, Holder, known};
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::model::Mark;
use crate::mysql::address::Target;
use crate::mysql::error::{Class, SessionError};
use crate::mysql::session::{Flavour, Session};
use crate::stop::Stop;
use keeper::{Keep, Start};

/// How long the server may take for an answer before the connection counts as lost.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the end of a run waits for the lease to be released. If the target does not answer, the
/// end of the connection releases it.
const GIVE_BACK: Duration = Duration::from_millis(300);

/// How a run treats another run of its link.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether a run that is alive is ended.
    pub take_over: bool,
    /// A run that has been silent for this long is gone, with its process or its machine. Must be
    /// more than the two seconds between pings.
    pub idle: Duration,
}

impl Terms {
    /// Seven pings: a run that misses so many is not just slow.
    pub const IDLE: Duration = Duration::from_secs(15);
}

impl Default for Terms {
    fn default() -> Self {
        Self { take_over: false, idle: Self::IDLE }
    }
}

/// A run's lease; released when it is dropped.
pub struct Lease {
    who: Who,
    run: Arc<AtomicU64>,
    losses: Arc<AtomicU64>,
    /// Dropping it ends the thread.
    _end: Option<Sender<()>>,
    over: Receiver<()>,
}

impl Lease {
    /// Takes the lease of the link of `cluster_id`, for a run that writes with `mark`, and keeps it
    /// in a thread with its own connection.
    ///
    /// # Errors
    /// Refused, with the holder, if another run is alive and `terms` do not end it; or interrupted.
    /// A target that fails is reported, and is not an error here.
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

    /// What this run writes about itself into the link's row.
    #[must_use]
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// How often its connection was lost so far: the target may have been restarted each time.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    /// Called when the run has taken `link` over: if a later run does, the lease is not taken back
    /// from it.
    pub fn owns(&self, link: &Link) {
        self.run.store(link.run(), Ordering::SeqCst);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self._end = None;
        // An error means that the thread has ended, and its connection with it.
        let _ = self.over.recv_timeout(GIVE_BACK);
    }
}

fn untold(link: &str, error: &anyhow::Error, events: &Events) {
    events(Event::Warning(format!(
        "tisync cannot tell whether another run of link `{link}` is alive, so this one continues; if one is, it stops now: \
         {error:#}"
    )));
}

/// Who holds the lease of a link, whose row names `who`.
pub(super) fn seen(
    session: &mut Session,
    cluster_id: u64,
    link: &str,
    who: Option<&Who>,
) -> Result<Seen, SessionError> {
    look(session, &locks::lease(cluster_id, link), who.and_then(|w| w.connection))
}

/// The process that the link's row names, and the link's position, as far as there are rows.
fn standing(
    session: &mut Session,
    (cluster_id, link): (u64, &str),
) -> Result<(Option<Who>, Option<CommitTs>), SessionError> {
    let who = session.fetch_one::<String>(&format!(
        "SELECT `holder` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
        condition(cluster_id, link)
    ));
    // Before the first start there is no table, and an older one lacks the column.
    let who = known(who)?.flatten().and_then(|text| Who::read(&text));
    let position = known(of_link(session, cluster_id, link))?.flatten();
    Ok((who, position))
}

/// Limit of characters of a host's or an account's name, so that the text fits its column.
const NAME_CHARS: usize = 64;
/// Characters of the column.
const COLUMN_CHARS: usize = 512;

/// The process of a link's last run. The column `holder` has it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Who {
    /// Its process id.
    pub pid: u32,
    /// Name of its host; empty if that is not known.
    pub host: String,
    /// The account that it uses on the target.
    pub account: String,
    /// When it took the link over, by its own clock: RFC 3339, UTC, in seconds.
    pub since: String,
    /// Its version of tisync.
    pub version: String,
    /// The id of the connection on the target that held the lease at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// The mark table that it writes with, as `db.table`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The channel of that mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<i64>,
}

impl Who {
    /// This process, which connects to the target as `account` and writes with `mark`.
    #[must_use]
    pub fn this_process(account: &str, mark: Option<&Mark>) -> Self {
        let now = Timestamp::now();
        Self {
            pid: std::process::id(),
            host: cut(&host()),
            account: cut(account),
            since: now.round(Unit::Second).unwrap_or(now).to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connection: None,
            mark: mark.map(Mark::name),
            channel: mark.map(|m| m.channel),
        }
    }

    /// Parses the column; `None` if it is empty, or not written by tisync.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        // A JSON array would be accepted too, with its elements as the fields in order.
        let named: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        serde_json::from_value(named.into()).ok()
    }

    /// The text for the column: at most 512 characters.
    #[must_use]
    pub fn text(&self) -> String {
        // Fields of these types always serialize.
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.chars().count() <= COLUMN_CHARS {
            return text;
        }
        // The mark table's name is full of quotes: without it, `mark drop` looks at the rows alone.
        serde_json::to_string(&Self { mark: None, channel: None, ..self.clone() }).unwrap_or_default()
    }

    /// The mark that it writes with, if any.
    #[must_use]
    pub fn writes_mark(&self) -> Option<Mark> {
        Mark::new(self.mark.as_deref()?, self.channel?).ok()
    }

    /// Whether it writes with the mark table `name`, and with that channel if one is given.
    #[must_use]
    pub fn writes_with(&self, name: &str, channel: Option<i64>) -> bool {
        self.mark.as_deref() == Some(name) && (channel.is_none() || self.channel == channel)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.is_empty() { "an unnamed host" } else { &self.host };
        write!(f, "pid {} on {host} (account {}, tisync {}) since {}", self.pid, self.account, self.version, self.since)
    }
}

fn cut(name: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '"' | '\\') { '?' } else { c };
    name.chars().take(NAME_CHARS).map(plain).collect()
}

/// The name of this machine.
fn host() -> String {
    let of_linux = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_linux.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    name.trim().to_owned()
}

/// Who holds the lease of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No connection: the run has ended, in whatever way.
    Free,
    /// A connection.
    Held(Holding),
    /// The server has no named locks, so it cannot be known.
    Unknown,
}

/// The connection that holds the lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Its id, if the server tells it.
    pub connection: Option<u64>,
    /// Where it comes from, `host:port`.
    pub from: Option<String>,
    /// How long it has been idle; `None` if it belongs to another account, or the server does not
    /// tell.
    pub silent: Option<Duration>,
}

impl Seen {
    /// Whether the run is alive, as far as one look tells; `None` if it cannot be known. One that
    /// has been silent for `idle` is gone, with its process or its machine.
    #[must_use]
    pub fn lives(&self, idle: Duration) -> Option<bool> {
        match self {
            Self::Free => Some(false),
            Self::Held(holding) => Some(holding.silent.is_none_or(|silent| silent < idle)),
            Self::Unknown => None,
        }
    }
}

/// Looks at the lock `name`. `named` is the connection id that its holder once wrote, for servers
/// that do not tell it.
///
/// # Errors
/// If the connection is lost.
fn look(session: &mut Session, name: &str, named: Option<u64>) -> Result<Seen, SessionError> {
    let (list, connection) = match locks::holder(session, name)? {
        Holder::Nobody => return Ok(Seen::Free),
        Holder::Unknown => return Ok(Seen::Unknown),
        Holder::Session(Some(id)) => ("processlist", Some(id)),
        Holder::Session(None) => ("cluster_processlist", named),
    };
    let Some(id) = connection else { return Ok(Seen::Held(Holding::default())) };
    let rows = session.fetch::<(Option<String>, Option<i64>)>(&format!(
        "SELECT host, time FROM information_schema.{list} WHERE id = {id}"
    ));
    // If each server of the cluster counts its own connections, an id that two of them have says
    // nothing.
    let one = match known(rows)?.as_deref() {
        Some([one]) => Some(one.clone()),
        _ => None,
    };
    let told = session.server().flavour != Flavour::TiDb;
    let Some((from, silent)) = one else {
        return Ok(Seen::Held(Holding { connection: connection.filter(|_| told), ..Holding::default() }));
    };
    let silent = silent.map(|s| Duration::from_secs(u64::try_from(s).unwrap_or(0)));
    Ok(Seen::Held(Holding { connection, from, silent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mark = Mark::drainers(7);
        let who = Who { connection: Some(12), ..Who::this_process(&"u".repeat(99), Some(&mark)) };
        assert_eq!(Who::read(&who.text()), Some(who.clone()));
        assert_eq!((who.pid, who.account.len()), (std::process::id(), NAME_CHARS));
        assert!(!who.host.is_empty() && who.since.ends_with('Z') && !who.since.contains('.'), "{who:?}");
        let name = mark.name();
        assert!(who.writes_with(&name, None) && who.writes_with(&name, Some(7)) && !who.writes_with(&name, Some(8)));
        assert!(!who.writes_with("retl.other", Some(7)));
        assert!(!Who::this_process("u", None).writes_with(&name, None));
        assert_eq!((who.writes_mark(), Who::this_process("u", None).writes_mark()), (Some(mark), None));
    }

    #[test]
    fn the_longest_fits_its_column() {
        let name = || "ü".repeat(NAME_CHARS);
        let mark = Mark { schema: name(), table: name(), channel: i64::MIN };
        let who = Who { host: name(), connection: Some(u64::MAX), ..Who::this_process(&name(), Some(&mark)) };
        let text = who.text();
        assert!(text.chars().count() <= COLUMN_CHARS && Who::read(&text) == Some(who.clone()), "{text}");
        let quotes = Mark { schema: "\"".repeat(64), table: "\"".repeat(64), channel: 1 };
        let text = Who { mark: Some(quotes.name()), ..who }.text();
        assert!(text.chars().count() <= COLUMN_CHARS && Who::read(&text).is_some(), "{text}");
        assert_eq!(cut("a\"b\n"), "a?b?");
    }

    #[test]
    fn what_others_wrote_is_nobody() {
        for text in ["", "me", "[1]", "{\"pid\":\"x\"}"] {
            assert_eq!(Who::read(text), None, "{text}");
        }
        // A later version of tisync may write more.
        assert_eq!(Who::read(r#"{"pid":5,"mood":"good"}"#).map(|w| w.pid), Some(5));
    }
}
