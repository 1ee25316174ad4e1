//! The mark table: it shows which transactions a link wrote, so that they do not go back.
//!
//! The table is Drainer's, word for word, so that either side may be a Drainer
//! (docs/protocol/tidb-binlog.md §6).
//!
//! A [`Mark`] names the table and the channel, a number that both clusters share. Each connection
//! that writes has a row of the channel for itself, and raises its `val` first in every transaction
//! ([`Carrier`]); also here is what happens when that row is missing.
//!
//! A DDL cannot carry a mark, so a link with marks runs it with a comment in front ([`Origin`]):
//! `/* tisync channel=1 cluster=7 ts=42 */ ALTER TABLE …`. TiDB keeps text before a statement in
//! the job (`query` of its history), though not in the message, which it restores. There the link
//! of the other direction finds it. The comment comes from outside and has exactly one form;
//! anything else means nothing. A comment in that form is believed, also if a user typed it.
//!
//! [`check`] and [`ready`] are what a link does about its marks before it starts.

mod setup;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::checkpoint::{Who, survey};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::model::{CommitTs, Mark};
use crate::mysql::error::Class;
use crate::mysql::session::Session;
use crate::mysql::transaction::Prelude;
use crate::sql::{quote_name, quote_text};
pub use setup::{Definition, MarkRow, Plan, Status, apply, definition, drop_rows, in_use, plan, status};

/// Rows of a channel that a set-up creates by default; links create more as they need them.
pub const ROWS: u32 = 16;

/// The source of a DDL that a link ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The channel of the link's marks.
    pub channel: i64,
    /// The cluster that the link reads.
    pub cluster_id: u64,
    /// The DDL's commit ts there.
    pub ts: CommitTs,
}

impl Origin {
    /// The comment that `sql` begins with, and the statement after it; `None` if it begins with
    /// anything else.
    #[must_use]
    pub fn split(sql: &str) -> Option<(Self, &str)> {
        let sql = sql.trim_ascii_start();
        let (words, _) = sql.strip_prefix("/* tisync ")?.split_once(" */")?;
        let mut words = words.split(' ');
        let mut value = |name: &str| words.next()?.strip_prefix(name);
        let origin = Self {
            channel: value("channel=")?.parse().ok()?,
            cluster_id: value("cluster=")?.parse().ok()?,
            ts: CommitTs(value("ts=")?.parse().ok()?),
        };
        // Numbers could be written in other ways, and more words could follow: only the exact form
        // counts.
        let rest = sql.strip_prefix(origin.to_string().as_str())?;
        Some((origin, rest.strip_prefix(' ').unwrap_or(rest)))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/* tisync channel={} cluster={} ts={} */", self.channel, self.cluster_id, self.ts.0)
    }
}

/// Size of `channel_info` in characters, as in Drainer's definition.
const INFO_CHARS: usize = 64;

impl Mark {
    /// The quoted name, for statements.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.table))
    }

    /// The statement with which Drainer creates the database.
    #[must_use]
    pub fn create_database(&self) -> String {
        format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(&self.schema))
    }

    /// The statement with which Drainer creates the table.
    #[must_use]
    pub fn create_table(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (id bigint not null, channel_id bigint not null DEFAULT 0, val bigint DEFAULT 0, \
             channel_info varchar({INFO_CHARS}), PRIMARY KEY (id, channel_id))",
            self.quoted()
        )
    }

    /// Creates the rows `ids` where they are missing, and leaves the others unchanged. The `val` of
    /// a row then counts the transactions that carried it.
    #[must_use]
    pub fn insert(&self, ids: &[(u32, String)]) -> String {
        let rows: Vec<String> =
            ids.iter().map(|(id, info)| format!("({id}, {}, 0, {})", self.channel, quote_text(&cut(info)))).collect();
        format!("INSERT IGNORE INTO {} (id, channel_id, val, channel_info) VALUES {}", self.quoted(), rows.join(", "))
    }

    /// Raises `val` of the row `id`: the mark of a transaction. A NULL counts as 0: NULL + 1 would
    /// change nothing, and a transaction whose mark does not change is not marked.
    #[must_use]
    pub fn update(&self, id: u32) -> String {
        format!(
            "UPDATE {} SET val = IFNULL(val, 0) + 1 WHERE id = {id} AND channel_id = {}",
            self.quoted(),
            self.channel
        )
    }

    /// Reads `val` of the row `id`, and locks the row.
    #[must_use]
    pub fn lock(&self, id: u32) -> String {
        format!(
            "SELECT IFNULL(val, 0) FROM {} WHERE id = {id} AND channel_id = {} FOR UPDATE",
            self.quoted(),
            self.channel
        )
    }

    /// Writes `info` into the row `id`, unless it is there already.
    #[must_use]
    pub fn tell(&self, id: u32, info: &str) -> String {
        let info = quote_text(&cut(info));
        format!(
            "UPDATE {} SET channel_info = {info} WHERE id = {id} AND channel_id = {} AND NOT channel_info <=> {info}",
            self.quoted(),
            self.channel
        )
    }

    /// Deletes every row of the channel.
    #[must_use]
    pub fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE channel_id = {}", self.quoted(), self.channel)
    }
}

/// `info`, cut to the size of the column.
fn cut(info: &str) -> String {
    info.chars().take(INFO_CHARS).collect()
}

/// The hint for a table that is missing or wrong.
const SET_UP: &str = "`tisync mark setup --to TARGET --channel-id N` creates what is missing and says what differs; \
    nothing is written unmarked";

/// A link that writes marks. It gives each of its connections a [`Carrier`].
#[derive(Clone)]
pub struct Writer {
    mark: Mark,
    cluster_id: u64,
    link: String,
    told: Arc<AtomicBool>,
    events: Events,
}

impl Writer {
    /// The link `link` of the upstream `cluster_id`, which writes with `mark`.
    #[must_use]
    pub fn new(mark: Mark, cluster_id: u64, link: &str, events: Events) -> Self {
        Self { mark, cluster_id, link: link.to_owned(), told: Arc::default(), events }
    }

    /// The mark that it writes with.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// The `channel_info` of its rows: at most 64 characters.
    #[must_use]
    pub fn info(&self) -> String {
        cut(&format!("tisync {} {}", self.cluster_id, self.link))
    }

    fn warn(&self, text: String) {
        (self.events)(Event::Warning(text));
    }

    /// What the transactions of the connection with row `id` carry.
    #[must_use]
    pub fn carrier(&self, id: u32) -> Arc<dyn Prelude> {
        Arc::new(Carrier {
            update: self.mark.update(id),
            lock: self.mark.lock(id),
            insert: self.mark.insert(&[(id, self.info())]),
            row: format!("row (id {id}, channel_id {}) of {}", self.mark.channel, self.mark.name()),
            channel: self.mark.channel,
            cluster_id: self.cluster_id,
            told: Arc::clone(&self.told),
            events: self.events.clone(),
        })
    }
}

/// What the transactions of one connection carry: its mark.
#[derive(Clone)]
pub struct Carrier {
    update: String,
    lock: String,
    insert: String,
    /// The row, for messages.
    row: String,
    channel: i64,
    /// The upstream that the data comes from.
    cluster_id: u64,
    told: Arc<AtomicBool>,
    events: Events,
}

impl Prelude for Carrier {
    fn comment(&self, ts: CommitTs) -> String {
        Origin { channel: self.channel, cluster_id: self.cluster_id, ts }.to_string()
    }

    fn statement(&self) -> &str {
        &self.update
    }

    fn lock(&self) -> &str {
        &self.lock
    }

    fn insert(&self) -> &str {
        &self.insert
    }

    fn tell_missing(&self) {
        if !self.told.swap(true, Ordering::SeqCst) {
            (self.events)(Event::Warning(format!(
                "another process deleted the mark {} on the target: the transaction was rolled back; the row is \
                 created again and the transaction retried. Does a Drainer write to the same target with this channel? \
                 It deletes the channel's rows when it ends (this is reported once)",
                self.row
            )));
        }
    }

    fn wrong(&self, found: &str) -> Fault {
        Fault::refused(format!("the mark could not be set: {} {found}; the transaction was rolled back", self.row))
            .hint(SET_UP)
    }

    fn refused(&self, class: Class, said: &str) -> Fault {
        let kind = if class == Class::Privilege { Kind::Connect } else { Kind::Refused };
        Fault::new(kind, format!("the mark could not be set, the target refuses to change {}: {said}", self.row))
            .hint(SET_UP)
    }
}

/// Checks that marks can be written, before anything else is.
///
/// # Errors
/// Refused if the table is missing or not as it must be; not allowed if a privilege is missing or
/// the target is read-only.
pub fn check(session: &mut Session, mark: &Mark) -> Result<()> {
    match definition(session, mark)? {
        Definition::Table(different) if different.is_empty() => {}
        Definition::Table(different) => {
            return Err(Fault::refused(format!(
                "the mark table {} on the target is not valid: {}",
                mark.name(),
                different.join("; ")
            ))
            .hint("rename it, then create it with `tisync mark setup --to TARGET --channel-id N`")
            .into());
        }
        Definition::NoTable | Definition::NoDatabase => {
            return Err(Fault::refused(format!("the target has no mark table {}", mark.name())).hint(SET_UP).into());
        }
    }
    if setup::read_only(session, mark) {
        return Err(Fault::connect(format!("the target is read-only: no mark can be set in {}", mark.name()))
            .hint("give the server that accepts writes, or SET GLOBAL read_only = 0 there")
            .into());
    }
    let denied = setup::missing(session, mark, &Definition::Table(Vec::new()), false);
    if !denied.is_empty() {
        return Err(Fault::connect(format!(
            "the account cannot set marks on the target; it lacks: {}",
            denied.join(", ")
        ))
        .hint(format!("as an administrator: GRANT SELECT, INSERT, UPDATE ON {}.* TO the account", mark.schema))
        .into());
    }
    Ok(())
}

/// Creates the rows 0 to `connections` - 1 of the writer's channel where they are missing, and
/// writes its name into all of them. Existing rows keep their `val`, and nothing is deleted. The
/// transaction changes rows of the channel, so it is marked like any other.
///
/// # Errors
/// If the target cannot be written.
pub fn ready(session: &mut Session, writer: &Writer, connections: usize) -> Result<()> {
    let mark = writer.mark();
    let info = writer.info();
    let there: Vec<(i64, Option<String>)> =
        session.rows(&format!("SELECT id, channel_info FROM {} WHERE channel_id = {}", mark.quoted(), mark.channel))?;
    let last = u32::try_from(connections)?;
    let row = |id: u32| there.iter().find(|(n, _)| *n == i64::from(id));
    let missing: Vec<(u32, String)> = (0..last).filter(|id| row(*id).is_none()).map(|id| (id, info.clone())).collect();
    let others: Vec<u32> =
        (0..last).filter(|id| row(*id).is_some_and(|(_, found)| found.as_deref() != Some(&info))).collect();
    if missing.is_empty() && others.is_empty() {
        return Ok(());
    }
    let infos: Vec<String> = there.iter().filter_map(|(_, found)| found.clone()).filter(|i| *i != info).collect();
    let alive = alive(session, &infos, |_| false)?;
    if !alive.is_empty() {
        writer.warn(format!(
            "{} uses the same rows of channel {} on the target: that is safe, but the two wait for each other",
            alive.join(", "),
            mark.channel
        ));
    }
    session.transaction(|session| {
        if !missing.is_empty() {
            session.exec(&mark.insert(&missing))?;
        }
        for id in others {
            session.exec(&mark.tell(id, &info))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A link as a mark row names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User<'a> {
    cluster_id: u64,
    /// Cut at the size of the column.
    link: &'a str,
    cut: bool,
}

impl<'a> User<'a> {
    fn read(info: &'a str) -> Option<Self> {
        let (cluster, link) = info.strip_prefix("tisync ")?.split_once(' ')?;
        let cluster_id = cluster.parse().ok()?;
        Some(Self { cluster_id, link, cut: info.chars().count() >= INFO_CHARS })
    }

    fn is(&self, cluster_id: u64, link: &str) -> bool {
        self.cluster_id == cluster_id && if self.cut { link.starts_with(self.link) } else { link == self.link }
    }
}

/// The links that run and that `infos` name, or whose process `uses` accepts, as ``link `a` of
/// cluster 7``.
fn alive(session: &mut Session, infos: &[String], uses: impl Fn(&Who) -> bool) -> Result<Vec<String>> {
    let users: Vec<User<'_>> = infos.iter().filter_map(|i| User::read(i)).collect();
    let running = survey(session)?.into_iter().filter(|l| l.running == Some(true));
    let ours =
        running.filter(|l| users.iter().any(|u| u.is(l.cluster_id, &l.link)) || l.who.as_ref().is_some_and(&uses));
    Ok(ours.map(|l| format!("link `{}` of cluster {}", l.link, l.cluster_id)).collect())
}

#[cfg(test)]
mod tests;
