//! Loopback filter: drops transactions that came from the other side.
//!
//! It is placed between decode and filter (docs/protocol/tidb-binlog.md §6.2).
//!
//! A transaction with a row of the mark table whose `channel_id` is ours is dropped as a whole; the
//! position moves nevertheless. Only rows of that table are decoded for this, so dropping costs
//! almost nothing. The table is recognised by its name as of the transaction's schema, so a rename,
//! a drop or a truncation is followed.
//!
//! DDL carries no mark. A link with marks runs it with a comment in front ([`Origin`]): with our
//! channel it came from the other side, without a comment a client ran it here
//! ([`Loopback::side`]), and the sink decides what that means.
//!
//! A link records what it applies in the same transaction as the data (`tidb_binlog.tisync_slot`).
//! Users' rows next to such records and without any mark are therefore data of a link that came
//! back unmarked: an echo. One is enough to stop. Links with different channels do not know each
//! other's marks and would pass on the same data for ever; so a link whose stream holds other
//! links' data writes into its own records from which clusters that came, and stops if it finds its
//! own cluster there.
//!
//! A link without marks looks only for echoes ([`Loopback::unmarked`]): the cluster that it writes
//! to may be the source of a link that writes here, in another process. Chains and reversed links
//! are no such pair, so only data that comes back tells. If the source is not the target of a link,
//! none of this is checked.

mod echo;

use echo::Asks;
pub use echo::{Identify, OF_A_TARGET};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use anyhow::{Error, Result};
use clap::ValueEnum;

use crate::decode::{LargeTxn, Lookup, TxnOutline};
use crate::error::Fault;
use crate::filter::{Filter, wanted};
use crate::mark::Origin;
use crate::model::Mark;
use crate::model::{CommitTs, Ddl, Kind, RowKind, Side, Table, Value};
use crate::schema::TableLookup;

/// The database of the records of every replication tool.
const BOOKS: &str = "tidb_binlog";
/// The tables in which a link records what it applies.
const RECORDS: [&str; 2] = ["tisync_slot", "tisync_checkpoint"];

/// What to do with transactions that carry the marks of other channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OtherChannels {
    /// They are replicated, as chains and rings of clusters need.
    #[default]
    Pass,
    /// The run ends.
    Stop,
}

impl fmt::Display for OtherChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Stop => "stop",
        })
    }
}

/// What to do with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It is dropped whole.
    Drop {
        /// It held only marks and records: the position of the link in the other direction.
        bookkeeping: bool,
    },
}

/// What was seen in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions with our mark, which were dropped.
    pub dropped: u64,
    /// Those of them with only marks and records.
    pub bookkeeping: u64,
    /// Transactions that carried the mark of another channel and not ours, by channel.
    pub others: BTreeMap<i64, u64>,
    /// Transactions of a link that came back without our mark. The first one ends the run.
    pub echoes: u64,
}

/// Looks up the table of an id as of a schema version.
pub type Tables<'a> = &'a mut dyn FnMut(i64, i64) -> Result<TableLookup>;

/// The loopback filter of one run.
#[derive(Debug)]
pub struct Loopback {
    /// The mark of our channel; `None` on a link that neither writes nor reads marks.
    mark: Option<Mark>,
    others: OtherChannels,
    /// The cluster that the other direction comes from, if it is known: our target.
    opposite: Option<u64>,
    /// How to find that out, on a link without marks.
    identify: Option<Asks>,
    /// The cluster that this stream comes from.
    source: Option<u64>,
    /// What the link replicates: what it leaves out cannot come back.
    filter: Option<Arc<Filter>>,
    /// Clusters whose data this run has passed on.
    origins: BTreeSet<u64>,
    /// Whether records of links are, or may be, among the source's tables. Only used without marks.
    records: bool,
    /// Every table that was the mark table in this run: rows may come after it was dropped.
    known: HashMap<i64, Arc<Table>>,
    counts: Counts,
}

/// The tables of a transaction, without their rows.
#[derive(Default)]
struct Touched {
    users: Vec<Arc<Table>>,
    records: bool,
    /// Whether there are other tables than marks and records, including those of other systems and
    /// dropped ones.
    else_than_books: bool,
}

impl Loopback {
    /// Drops what carries `mark`, and treats the marks of other channels as `others` says.
    #[must_use]
    pub fn new(mark: Mark, others: OtherChannels) -> Self {
        Self::with(Some(mark), others)
    }

    fn with(mark: Option<Mark>, others: OtherChannels) -> Self {
        let (opposite, source, filter) = (None, None, None);
        Self {
            mark,
            others,
            opposite,
            identify: None,
            source,
            filter,
            origins: BTreeSet::new(),
            records: false,
            known: HashMap::new(),
            counts: Counts::default(),
        }
    }

    /// Sets the cluster that the other direction comes from: then only its unmarked data is an
    /// echo, and unmarked data of third clusters passes.
    #[must_use]
    pub fn opposite(mut self, cluster_id: Option<u64>) -> Self {
        self.opposite = cluster_id;
        self
    }

    /// Sets the cluster that this stream comes from: its own data must not come back through any
    /// link.
    #[must_use]
    pub fn source(mut self, cluster_id: u64) -> Self {
        self.source = Some(cluster_id);
        self
    }

    /// Sets what the link replicates: rows of tables that it leaves out are no echo.
    #[must_use]
    pub fn selecting(mut self, filter: Arc<Filter>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The other clusters whose data this run has passed on, and those whose data they had passed
    /// on.
    #[must_use]
    pub fn origins(&self) -> &BTreeSet<u64> {
        &self.origins
    }

    /// Whether the table of this name is the mark table, which is never replicated itself.
    #[must_use]
    pub fn is_mark(&self, schema: &str, table: &str) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.is(schema, table))
    }

    /// The warning for a source without the mark table among its `tables`.
    #[must_use]
    pub fn warning<'a>(&self, mut tables: impl Iterator<Item = &'a Arc<Table>>) -> Option<String> {
        let mark = self.mark.as_ref()?;
        let (name, channel) = (mark.name(), mark.channel);
        let missing = !tables.any(|t| mark.is(&t.schema, &t.name));
        missing.then(|| {
            format!(
                "the source has no mark table {name}, so nothing on it carries a mark, and nothing is dropped: create \
                 it with `tisync mark setup --to SOURCE --channel-id {channel}`, or give the one that the other link \
                 uses with --mark-table"
            )
        })
    }

    /// The side that a DDL comes from whose text begins with `origin`. DDL that creates or drops
    /// the mark database itself belongs to neither side.
    #[must_use]
    pub fn side(&self, origin: Option<Origin>, ddl: &Ddl) -> Side {
        let Some(mark) = &self.mark else { return ddl.side };
        let ours = |o: Origin| o.channel == mark.channel && self.opposite.is_none_or(|id| id == o.cluster_id);
        if origin.is_some_and(ours) {
            return Side::Target;
        }
        let on_database = ddl.table.is_empty() && mark.schema.to_lowercase() == ddl.schema.to_lowercase();
        if on_database && ddl.before.iter().chain(&ddl.after).all(|t| self.is_mark(&t.schema, &t.name)) {
            return Side::Unknown;
        }
        Side::Upstream
    }

    /// What was seen so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What to do with the transaction of which this is the outline.
    ///
    /// # Errors
    /// If the bytes are malformed, or the mark table has no usable `channel_id`. Refused at a mark
    /// of another channel if so set, and at an echo.
    pub fn judge(&mut self, outline: &TxnOutline, tables: Tables<'_>) -> Result<Verdict> {
        let Some(mark) = &self.mark else { return self.unmarked_judge(outline, tables) };
        let ts = outline.commit_ts();
        let mut touched = Touched::default();
        let (known, filter) = (&mut self.known, self.filter.as_deref());
        let mut marks = LargeTxn::open(outline, &mut |id, version| {
            let table = match tables(id, version)? {
                TableLookup::Table(table) if mark.is(&table.schema, &table.name) => table,
                TableLookup::Gone(_) if known.contains_key(&id) => match known.get(&id) {
                    Some(table) => Arc::clone(table),
                    None => return Ok(Lookup::Skip),
                },
                TableLookup::Unreadable { schema, table, why } if mark.is(&schema, &table) => {
                    return Err(odd(mark, ts, &why).into());
                }
                TableLookup::Unknown { name: Some((schema, table)), why } if mark.is(&schema, &table) => {
                    return Err(odd(mark, ts, &why).into());
                }
                other => {
                    known.remove(&id);
                    touched.add(&other, filter);
                    return Ok(Lookup::Skip);
                }
            };
            known.insert(id, Arc::clone(&table));
            Ok(Lookup::Read(table))
        })?;
        let channels = channels(&mut marks, mark, ts)?;
        if channels.contains(&mark.channel) {
            let bookkeeping = !touched.else_than_books;
            self.counts.dropped += 1;
            self.counts.bookkeeping += u64::from(bookkeeping);
            return Ok(Verdict::Drop { bookkeeping });
        }
        for channel in &channels {
            *self.counts.others.entry(*channel).or_default() += 1;
        }
        if let (Some(channel), OtherChannels::Stop) = (channels.first(), self.others) {
            return Err(other(mark, *channel, ts).into());
        }
        if touched.records && !touched.users.is_empty() {
            self.look_for_echo(outline, (&touched, &channels), tables)?;
        }
        Ok(Verdict::Pass)
    }
}

fn other(mark: &Mark, channel: i64, ts: CommitTs) -> Fault {
    Fault::refused(format!(
        "the transaction of commit ts {} carries a mark of channel {channel} in {}, but this link is of channel {}",
        ts.explain(),
        mark.name(),
        mark.channel
    ))
    .hint("both directions between two clusters need the same --channel-id; if a third cluster writes with that channel, let it pass with --other-channels pass")
}

impl Touched {
    fn add(&mut self, found: &TableLookup, filter: Option<&Filter>) {
        let (schema, table) = match found {
            TableLookup::Table(table) => (&table.schema, &table.name),
            TableLookup::Unreadable { schema, table, .. } => (schema, table),
            TableLookup::Unknown { name: Some((schema, table)), .. } => (schema, table),
            TableLookup::Gone(_) | TableLookup::Unknown { name: None, .. } => {
                self.else_than_books = true;
                return;
            }
        };
        self.records |= is_record(schema, table);
        self.else_than_books |= !schema.eq_ignore_ascii_case(BOOKS);
        if let TableLookup::Table(table) = found
            && wanted(schema)
            && filter.is_none_or(|filter| filter.table(schema, &table.name))
        {
            self.users.push(Arc::clone(table));
        }
    }
}

/// Whether rows of this database are a replication tool's records.
#[must_use]
pub fn is_bookkeeping(schema: &str) -> bool {
    schema.eq_ignore_ascii_case(BOOKS)
}

fn is_record(schema: &str, table: &str) -> bool {
    is_bookkeeping(schema) && RECORDS.iter().any(|r| r.eq_ignore_ascii_case(table))
}

/// The channels of the rows, as Drainer reads them: for an update, the new image counts.
fn channels(marks: &mut LargeTxn, mark: &Mark, ts: CommitTs) -> Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    for change in marks {
        let change = change?;
        let column = change.table.columns.iter().find(|c| c.name.eq_ignore_ascii_case("channel_id"));
        match column {
            None => return Err(odd(mark, ts, "it has no column channel_id").into()),
            Some(c) if !matches!(c.kind, Kind::Int { .. }) => {
                return Err(odd(mark, ts, "its column channel_id is not an integer").into());
            }
            Some(_) => {}
        }
        let (RowKind::Insert(row) | RowKind::Update { new: row, .. } | RowKind::Delete(row)) = &change.kind;
        let channel = number(change.table.value(row, "channel_id")).and_then(|n| i64::try_from(n).ok());
        found.insert(channel.ok_or_else(|| Error::from(odd(mark, ts, "a row has no usable channel_id")))?);
    }
    Ok(found)
}

fn odd(mark: &Mark, ts: CommitTs, why: &str) -> Fault {
    Fault::refused(format!(
        "the mark table {} of the upstream is not valid as of commit ts {}: {why}",
        mark.name(),
        ts.explain()
    ))
    .hint(
        "without it there is no way to tell what came from the other side: create it with `tisync mark setup` on the \
           upstream, or give the right one with --mark-table",
    )
}

fn number(value: Option<&Value>) -> Option<i128> {
    match value? {
        Value::Int(n) => Some(i128::from(*n)),
        Value::UInt(n) => Some(i128::from(*n)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "loopback_tests.rs"]
mod tests;
