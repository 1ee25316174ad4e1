//! Detects data that comes back: reads links' records in transactions that also have users' rows.
//!
//! This includes links that neither write nor read marks: their own data must not come back either.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use anyhow::Result;

use super::{Loopback, OtherChannels, Tables, Touched, Verdict, is_record, number};
use crate::decode::{LargeTxn, Lookup, TxnOutline};
use crate::error::Fault;
use crate::model::{CommitTs, Ddl, Row, RowKind, Table, Value};
use crate::schema::TableLookup;

/// Why a transaction is an echo.
enum Echo {
    /// It comes from the cluster that it would go to, on a link without marks.
    Target,
    /// A link wrote it without any mark.
    Unmarked,
    /// It comes from the cluster that it would go to, with marks of these channels.
    OtherChannel(BTreeSet<i64>),
    /// It comes from this cluster: a link of another one passed it on.
    Round,
}

impl Loopback {
    /// Reads the records in a transaction that has users' rows, no mark of ours, and the marks of
    /// `channels`.
    pub(super) fn look_for_echo(
        &mut self,
        outline: &TxnOutline,
        (touched, channels): (&Touched, &BTreeSet<i64>),
        tables: Tables<'_>,
    ) -> Result<()> {
        let ts = outline.commit_ts();
        let records = LargeTxn::open(outline, &mut |id, version| {
            Ok(match tables(id, version)? {
                TableLookup::Table(table) if is_record(&table.schema, &table.name) => Lookup::Read(table),
                _ => Lookup::Skip,
            })
        })?;
        for change in records {
            let change = change?;
            // Deleted records are a clean-up, and say nothing about what is applied.
            let (RowKind::Insert(row) | RowKind::Update { new: row, .. }) = &change.kind else { continue };
            let Some(cluster) = id(change.table.value(row, "cluster_id")) else { continue };
            let origins = origins(change.table.value(row, "origins"));
            let unmarked = channels.is_empty() && self.opposite.is_none_or(|opposite| opposite == cluster);
            let echo = if self.mark.is_some() && unmarked {
                Echo::Unmarked
            } else if self.source.is_some_and(|source| origins.contains(&source)) {
                Echo::Round
            } else if self.opposite != Some(cluster) {
                self.passes(cluster, origins);
                continue;
            } else if self.mark.is_none() {
                Echo::Target
            } else {
                Echo::OtherChannel(channels.clone())
            };
            self.counts.echoes += 1;
            return Err(self.echo(&echo, (&change.table, row), ts, touched).into());
        }
        Ok(())
    }

    /// Records that data of `cluster`, and of those whose data it passed on, is passed on from
    /// here.
    fn passes(&mut self, cluster: u64, origins: BTreeSet<u64>) {
        self.origins.insert(cluster);
        self.origins.extend(origins);
    }

    fn echo(&self, echo: &Echo, (table, row): (&Table, &Row), ts: CommitTs, touched: &Touched) -> Fault {
        let shown = |name: &str| match table.value(row, name) {
            Some(Value::Bytes(text)) => format!("`{}`", String::from_utf8_lossy(text)),
            other => number(other).map_or_else(|| "?".to_owned(), |n| n.to_string()),
        };
        let users: BTreeSet<String> = touched.users.iter().map(|t| format!("`{}`.`{}`", t.schema, t.name)).collect();
        let users: Vec<String> = users.into_iter().collect();
        let (what, how) = (self.what(echo), self.remedy(echo));
        let unmarked = match (&self.mark, echo) {
            (Some(mark), Echo::Unmarked) => format!(", and no row of {}", mark.name()),
            _ => String::new(),
        };
        Fault::refused(format!(
            "data came back {what}: the transaction of commit ts {} changes {} together with {}.{} of cluster {}, link {}, slot \
             {}{unmarked}",
            ts.explain(),
            users.join(", "),
            table.schema,
            table.name,
            shown("cluster_id"),
            shown("link"),
            shown("slot"),
        ))
        .hint(format!("none of it was replicated: it would go round forever. {how}"))
    }

    /// What came back, as the continuation of "data came back".
    fn what(&self, echo: &Echo) -> String {
        match (echo, self.mark.as_ref().map(|mark| mark.channel)) {
            (Echo::Unmarked, _) => "that a link had written here, and without a mark".to_owned(),
            (Echo::Target, _) => "from the cluster that this link writes to".to_owned(),
            (Echo::OtherChannel(other), ours) => {
                let other: Vec<String> = other.iter().map(ToString::to_string).collect();
                format!(
                    "from the cluster that this link writes to, with a mark of channel {} instead of {}",
                    other.join(", "),
                    ours.unwrap_or_default()
                )
            }
            (Echo::Round, Some(ours)) => {
                format!(
                    "that this cluster had sent out, passed on by a link that does not know marks of channel {ours}"
                )
            }
            (Echo::Round, None) => "that this cluster had sent out, passed on by another link".to_owned(),
        }
    }

    fn remedy(&self, echo: &Echo) -> String {
        match (echo, self.mark.as_ref().map(|mark| mark.channel)) {
            (Echo::Unmarked, channel) => format!(
                "Make that link write marks (--loopback --channel-id {}); a one-way link of a third cluster needs its \
                 own --channel-id, then what it writes is replicated. Start again after this transaction once both \
                 write marks",
                channel.unwrap_or_default()
            ),
            (Echo::Target, _) | (Echo::Round, None) => {
                "Stop both links. To replicate both ways, give both --loopback and the same --channel-id, compare both \
                 sides, and start them after this transaction; if the other direction has taken over for good, do not \
                 start this one again"
                    .to_owned()
            }
            (Echo::OtherChannel(_) | Echo::Round, _) => {
                "All links between the same clusters need the same --channel-id. Stop them, give them one, compare \
                 both sides (what went round was applied again), and start again after this transaction"
                    .to_owned()
            }
        }
    }
}

fn id(value: Option<&Value>) -> Option<u64> {
    number(value).and_then(|n| u64::try_from(n).ok())
}

/// The cluster ids in a record, separated by commas; a record of an older layout has none.
fn origins(value: Option<&Value>) -> BTreeSet<u64> {
    let Some(Value::Bytes(text)) = value else { return BTreeSet::new() };
    String::from_utf8_lossy(text).split(',').filter_map(|id| id.parse().ok()).collect()
}

impl Loopback {
    /// Drops nothing; ends the run if data of the link comes back.
    #[must_use]
    pub fn unmarked() -> Self {
        Self::with(None, OtherChannels::Pass)
    }

    /// Whether the link has marks.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    /// Whether a link without marks has to look for its own data: if the source, which has `tables`
    /// at the start, is or was the target of another link.
    pub fn watches<'a>(&mut self, mut tables: impl Iterator<Item = &'a Arc<Table>>) -> bool {
        self.records |= self.mark.is_none() && tables.any(|t| is_record(&t.schema, &t.name));
        self.records
    }

    /// Follows a DDL of the source: a link that starts to write there creates its tables first.
    /// Returns whether its data has to be looked for from now on.
    pub fn follow(&mut self, ddl: &Ddl) -> bool {
        let begins = !self.records && self.mark.is_none() && ddl.after.iter().any(|t| is_record(&t.schema, &t.name));
        self.records |= begins;
        begins
    }

    /// Sets how to find out which cluster the target is, if that is not known. It may take a while,
    /// and is called only at the first data of a link.
    #[must_use]
    pub fn identifying(mut self, identify: Identify) -> Self {
        self.identify = Some(Asks(identify));
        self
    }

    /// Passes everything except data that came back.
    pub(super) fn unmarked_judge(&mut self, outline: &TxnOutline, tables: Tables<'_>) -> Result<Verdict> {
        if !self.records {
            return Ok(Verdict::Pass);
        }
        let (mut touched, filter) = (Touched::default(), self.filter.as_deref());
        LargeTxn::open(outline, &mut |id, version| {
            touched.add(&tables(id, version)?, filter);
            Ok(Lookup::Skip)
        })?;
        if touched.records && !touched.users.is_empty() {
            if let Some(Asks(mut ask)) = self.identify.take_if(|_| self.opposite.is_none()) {
                self.opposite = ask()?;
            }
            self.look_for_echo(outline, (&touched, &Default::default()), tables)?;
        }
        Ok(Verdict::Pass)
    }
}

/// Asks the target which cluster it is; see [`identity::cluster`](crate::identity::cluster).
pub type Identify = Box<dyn FnMut() -> Result<Option<u64>> + Send>;

/// An [`Identify`] that has not been called yet.
pub(super) struct Asks(Identify);

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asks")
    }
}

/// The warning for such a link.
pub const OF_A_TARGET: &str = "the source is the target of another tisync link, or was. If that link comes from this \
    target, each change would go round between the two forever: this link would stop at the first one that comes back. \
    Start both links with --loopback and the same --channel-id";
