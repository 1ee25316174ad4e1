//! What a connection's transactions carry, and who says that a row was missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::statements::cut;
use super::{Mark, Origin};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::sink::mysql::failure::Class;

/// What to do where the table is not as it must be.
pub(super) const SET_UP: &str = "`tisync mark setup --to TARGET --channel-id N` makes what is missing and says what differs; nothing goes out unmarked";

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

    pub(super) fn warn(&self, text: String) {
        (self.events)(Event::Warning(text));
    }

    /// The connection that has the row `id` for itself.
    #[must_use]
    pub fn carrier(&self, id: u32) -> Carrier {
        Carrier {
            update: self.mark.update(id),
            lock: self.mark.lock(id),
            insert: self.mark.insert(&[(id, self.info())]),
            row: format!("row (id {id}, channel_id {}) of {}", self.mark.channel, self.mark.name()),
            channel: self.mark.channel,
            cluster_id: self.cluster_id,
            told: Arc::clone(&self.told),
            events: self.events.clone(),
        }
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

impl Carrier {
    /// What stands in front of each statement of the DDL at `ts`.
    #[must_use]
    pub fn origin(&self, ts: CommitTs) -> Origin {
        Origin { channel: self.channel, cluster_id: self.cluster_id, ts }
    }

    /// The first statement of each transaction.
    #[must_use]
    pub fn update(&self) -> &str {
        &self.update
    }

    /// Reads the row's `val` within a transaction that is to change it.
    #[must_use]
    pub fn lock(&self) -> &str {
        &self.lock
    }

    /// Makes the row anew; carries the channel itself.
    #[must_use]
    pub fn insert(&self) -> &str {
        &self.insert
    }

    /// Says, once for all connections, that a row was gone.
    pub fn tell_missing(&self) {
        if !self.told.swap(true, Ordering::SeqCst) {
            (self.events)(Event::Warning(format!(
                "somebody else deleted the mark {} on the target: the transaction was rolled back, the row is made again and the \
                 transaction tried again. Does a Drainer write to the same target with this channel? It deletes the channel's rows when \
                 it ends (this is said once)",
                self.row
            )));
        }
    }

    /// Why nothing goes out where the row stays away, or the statement changes something else than one row.
    #[must_use]
    pub fn wrong(&self, found: &str) -> Fault {
        Fault::refused(format!("the mark could not be set: {} {found}; the transaction was rolled back", self.row))
            .hint(SET_UP)
    }

    /// Why nothing goes out where the server refuses the statement.
    #[must_use]
    pub fn refused(&self, class: Class, said: &str) -> Fault {
        let kind = if class == Class::Privilege { Kind::Connect } else { Kind::Refused };
        Fault::new(kind, format!("the mark could not be set, the target refuses to change {}: {said}", self.row))
            .hint(SET_UP)
    }
}
