//! The mark table, by which a transaction that was written by a link is recognised when it comes
//! back on the link of the other direction (docs/protocol/tidb-binlog.md §6). It is Drainer's, word
//! for word, so that either side may be a Drainer.
//!
//! A [`Mark`] names the table and the channel, which is the same number on both clusters. Each connection that writes has one row of
//! the channel for itself, and raises its `val` first in every transaction ([`Carrier`]). A DDL cannot carry a mark: in front of it stands a
//! comment that says the same ([`Origin`]).
//!
//! The comment in front of each DDL that a link with marks runs: `/* tisync channel=1 cluster=7 ts=42 */ ALTER TABLE …`.
//!
//! TiDB keeps what stands before a statement in the text of the job (`query` of its history), though not in the text of the
//! message, which it restores. So the link of the other direction finds it there, and knows whose the DDL is.
//!
//! These are bytes from outside. There is one way to write each comment, and anything else says nothing. Who types one is believed.
//!
//! The statements on a mark table.
//!
//! What a connection's transactions carry, and who says that a row was missing.
//!
//! What a link does about its marks before it starts.

mod setup;
mod user;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::model::{CommitTs, Mark};
use crate::mysql::error::Class;
use crate::mysql::session::Session;
use crate::mysql::transaction::Prelude;
use crate::sql::{quote_name, quote_text};
pub use setup::{Definition, MarkRow, Plan, Status, apply, definition, drop_rows, in_use, plan, status};
use user::alive;

/// Rows of a channel that a set-up makes unless somebody says otherwise; links make more by themselves.
pub const ROWS: u32 = 16;

/// Where a DDL came from before a link ran it.
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
    /// The comment that `sql` begins with, and the statement behind it; `None` if it begins with anything else.
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
        // Numbers may be written in more ways than this one, and more words may follow.
        let rest = sql.strip_prefix(origin.to_string().as_str())?;
        Some((origin, rest.strip_prefix(' ').unwrap_or(rest)))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/* tisync channel={} cluster={} ts={} */", self.channel, self.cluster_id, self.ts.0)
    }
}

/// Most characters of `channel_info`, as Drainer's definition has it.
const INFO_CHARS: usize = 64;

impl Mark {
    /// The table as a statement names it.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.table))
    }

    /// What Drainer runs to make the database.
    #[must_use]
    pub fn create_database(&self) -> String {
        format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(&self.schema))
    }

    /// What Drainer runs to make the table.
    #[must_use]
    pub fn create_table(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (id bigint not null, channel_id bigint not null DEFAULT 0, val bigint DEFAULT 0, \
             channel_info varchar({INFO_CHARS}), PRIMARY KEY (id, channel_id))",
            self.quoted()
        )
    }

    /// Makes the rows `ids` where they are missing, and leaves those that are there as they are. A row's `val` then counts the
    /// transactions that carried it.
    #[must_use]
    pub fn insert(&self, ids: &[(u32, String)]) -> String {
        let rows: Vec<String> =
            ids.iter().map(|(id, info)| format!("({id}, {}, 0, {})", self.channel, quote_text(&cut(info)))).collect();
        format!("INSERT IGNORE INTO {} (id, channel_id, val, channel_info) VALUES {}", self.quoted(), rows.join(", "))
    }

    /// Raises the row `id`: what a transaction carries. A NULL counts as 0, for NULL + 1 would change nothing, and a transaction
    /// whose mark does not change is not marked.
    #[must_use]
    pub fn update(&self, id: u32) -> String {
        format!(
            "UPDATE {} SET val = IFNULL(val, 0) + 1 WHERE id = {id} AND channel_id = {}",
            self.quoted(),
            self.channel
        )
    }

    /// Reads `val` of the row `id`, and keeps others from changing it.
    #[must_use]
    pub fn lock(&self, id: u32) -> String {
        format!(
            "SELECT IFNULL(val, 0) FROM {} WHERE id = {id} AND channel_id = {} FOR UPDATE",
            self.quoted(),
            self.channel
        )
    }

    /// Says who writes with the row `id`, unless it says so already.
    #[must_use]
    pub fn tell(&self, id: u32, info: &str) -> String {
        let info = quote_text(&cut(info));
        format!(
            "UPDATE {} SET channel_info = {info} WHERE id = {id} AND channel_id = {} AND NOT channel_info <=> {info}",
            self.quoted(),
            self.channel
        )
    }

    /// Every row of the channel.
    #[must_use]
    pub fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE channel_id = {}", self.quoted(), self.channel)
    }
}

/// `info` as the column takes it.
fn cut(info: &str) -> String {
    info.chars().take(INFO_CHARS).collect()
}

/// What to do where the table is not as it must be.
const SET_UP: &str = "`tisync mark setup --to TARGET --channel-id N` makes what is missing and says what differs; nothing goes out unmarked";

/// One that writes with marks: a link. It gives each of its connections a [`Carrier`].
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

    /// What its rows say of who writes: at most 64 characters.
    #[must_use]
    pub fn info(&self) -> String {
        cut(&format!("tisync {} {}", self.cluster_id, self.link))
    }

    fn warn(&self, text: String) {
        (self.events)(Event::Warning(text));
    }

    /// The connection that has the row `id` for itself.
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

/// What the transactions of one connection carry.
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
                "somebody else deleted the mark {} on the target: the transaction was rolled back, the row is made again and the \
                 transaction tried again. Does a Drainer write to the same target with this channel? It deletes the channel's rows when \
                 it ends (this is said once)",
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

/// Whether marks can be written at all: to be asked before anything is.
///
/// # Errors
/// Refused if the table is missing or is not what it must be; not allowed if a privilege is missing or the target is read-only.
pub fn check(session: &mut Session, mark: &Mark) -> Result<()> {
    match definition(session, mark)? {
        Definition::Table(different) if different.is_empty() => {}
        Definition::Table(different) => {
            return Err(Fault::refused(format!(
                "the mark table {} on the target is not what it must be: {}",
                mark.name(),
                different.join("; ")
            ))
            .hint("rename it away, then make it with `tisync mark setup --to TARGET --channel-id N`")
            .into());
        }
        Definition::NoTable | Definition::NoDatabase => {
            return Err(Fault::refused(format!("the target has no mark table {}", mark.name())).hint(SET_UP).into());
        }
    }
    if setup::read_only(session, mark) {
        return Err(Fault::connect(format!("the target is read-only: no mark can be set in {}", mark.name()))
            .hint("name the server that takes writes, or SET GLOBAL read_only = 0 there")
            .into());
    }
    let denied = setup::missing(session, mark, &Definition::Table(Vec::new()), false);
    if !denied.is_empty() {
        return Err(Fault::connect(format!(
            "the account may not set marks on the target, it lacks: {}",
            denied.join(", ")
        ))
        .hint(format!("as an administrator: GRANT SELECT, INSERT, UPDATE ON {}.* TO the account", mark.schema))
        .into());
    }
    Ok(())
}

/// Sees to it that the rows 0 to `connections` - 1 of the writer's channel are there and name it. What is there keeps its `val`,
/// and nothing is deleted. The transaction changes rows of the channel, so it is recognised like any other.
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
            "{} writes with the same rows of channel {} on the target: that is safe, but the two wait for each other",
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

#[cfg(test)]
mod tests;
