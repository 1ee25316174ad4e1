//! The loop between the stages: pull, merge, decode, select, apply. Start reading here.
//!
//! The readers of the sources and the workers of the sink run in their own threads; this loop is
//! sequential, in one thread.

mod ddl_order;
mod named;

use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};

use crate::decode::named::Names;
use crate::decode::{self, LargeTxn, Lookup, TxnOutline, Writes};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::loopback::{Loopback, OF_A_TARGET, Verdict, is_bookkeeping};
use crate::mark::Origin;
use crate::merge::{Merge, Merged};
use crate::model::{Body, Change, CommitTs, Ddl, LargeRows, RawTxn, Txn};
use crate::schema::{Catalog, FRESH, TableLookup};
use crate::selection::Selection;
use crate::sink::{Clash, Sink};
use crate::source::Stream;
use crate::stop::Stop;
use ddl_order::Late;
use ddl_order::ReadAhead;

/// How long the loop waits for the next transaction before it looks at the signals again.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long it waits while the sink holds something back for a busy target.
const SHORT_PATIENCE: Duration = Duration::from_millis(2);
/// How often it reports the position.
const STATUS_EVERY: Duration = Duration::from_millis(500);
/// How long a stream may hold everything back before it is reported.
const PATIENT_UNTIL: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It reached the ts at which to stop, or the end of the source.
    Finished,
    /// A stop was requested; everything taken before is durable.
    Stopped,
}

/// The stages of one link, put together.
pub struct Pipeline<'a> {
    /// Definitions as of the position.
    pub catalog: Catalog,
    /// The target.
    pub sink: &'a mut dyn Sink,
    /// What is replicated.
    pub selection: Selection,
    /// Drops what came from the other side; `None` if nothing can.
    pub loopback: Option<Loopback>,
    /// Size in bytes above which the rows of a transaction go to the sink undecoded, as
    /// [`Change::Large`]; `None`: never.
    pub large: Option<usize>,
    /// The ts behind which the run ends (inclusive).
    pub until: Option<CommitTs>,
    /// Where events go.
    pub events: Events,
    /// Whether to stop.
    pub stop: Stop,
    /// Transactions with rows that were given to the sink, without those that it had from an
    /// earlier run.
    pub taken: u64,
    /// How often rows of a table that had just been dropped or truncated were not applied.
    pub late_rows: u64,
    /// The target's definitions, for rows that come without any.
    pub names: Names,
    /// Transactions that were read before their turn.
    pub ahead: ReadAhead,
}

impl<'a> Pipeline<'a> {
    /// A link that replicates what `selection` says: without loopback, limits or an end.
    pub fn new(catalog: Catalog, sink: &'a mut dyn Sink, selection: Selection, events: Events) -> Self {
        Self {
            catalog,
            sink,
            selection,
            loopback: None,
            large: None,
            until: None,
            events,
            stop: Stop::default(),
            taken: 0,
            late_rows: 0,
            names: Names::default(),
            ahead: ReadAhead::default(),
        }
    }
}

impl Pipeline<'_> {
    /// Runs until `until`, the end of the source, a stop request or an error. When it returns,
    /// everything taken is durable, also after an error, unless the sink itself failed.
    ///
    /// # Errors
    /// The first error of the source, the decoder or the sink.
    pub fn run(&mut self, streams: Vec<Stream>, from: CommitTs) -> Result<End> {
        if self.until.is_some_and(|until| from >= until) {
            return Ok(End::Finished);
        }
        self.sink.followed(self.catalog.schema_version());
        let ended = self.pull(Merge::new(streams, from), from);
        let drained = self.sink.drain();
        let end = ended.and_then(|end| drained.map(|()| end));
        end.map_err(|error| self.with_rule(error))
    }

    fn pull(&mut self, mut merge: Merge, from: CommitTs) -> Result<End> {
        let mut wait = Duration::ZERO;
        let mut position = from;
        let mut moved = Instant::now();
        let mut told = Instant::now();
        while !self.stop.requested() {
            let next = self.ahead.next().map_or_else(|| merge.next(wait), |txn| Ok(Merged::Txn(txn)))?;
            match next {
                Merged::Txn(raw) => {
                    if let Some(until) = self.until.filter(|until| raw.commit_ts > *until) {
                        // Nothing lies between the last transaction and `until`, so `until` is
                        // reached.
                        self.sink.resolved(until)?;
                        return Ok(End::Finished);
                    }
                    let Some(raw) = self.in_turn(raw, &mut merge)? else { continue };
                    position = raw.commit_ts;
                    wait = Duration::ZERO;
                    self.take(raw)?;
                    // Only now: the time that the target takes is no silence of the source.
                    moved = Instant::now();
                }
                Merged::Resolved(ts) => {
                    position = self.until.map_or(ts, |until| until.min(ts));
                    self.sink.resolved(position)?;
                    moved = Instant::now();
                }
                Merged::Idle => {
                    self.sink.flush()?;
                    wait = if self.sink.holds_back() { SHORT_PATIENCE } else { PATIENCE };
                }
                Merged::End => return Ok(End::Finished),
            }
            if self.until.is_some_and(|until| position >= until) {
                return Ok(End::Finished);
            }
            if told.elapsed() > STATUS_EVERY {
                told = Instant::now();
                self.tell(position, &merge, moved.elapsed());
            }
        }
        Ok(End::Stopped)
    }

    /// Adds the operator's rule that caused an error: rows that it kept have keys that come again.
    fn with_rule(&self, error: Error) -> Error {
        let clash = error.downcast_ref::<Clash>().cloned();
        let Some((Clash { schema, table }, rule)) =
            clash.and_then(|c| Some((c.clone(), self.selection.keeps(&c.schema, &c.table)?.to_owned())))
        else {
            return error;
        };
        error.context(
            Fault::refused(format!(
                "`{schema}`.`{table}` keeps rows that the upstream has deleted or changed, as you \
                                    asked ({rule})"
            ))
            .hint(
                "the upstream uses such a row's key again. Drop that unique key on the target, or remove the event \
                 from the rule; or continue with --on-conflict count, which replaces the kept row with the new one. \
                 Then start again: the run continues from the checkpoint",
            ),
        )
    }

    fn tell(&self, position: CommitTs, merge: &Merge, silent: Duration) {
        if let Some(position) = self.sink.position() {
            // Transactions without anything for the target move the position without a batch.
            (self.events)(Event::Durable { position });
        }
        let dropped = self.loopback.as_ref().map_or(0, |l| l.counts().dropped);
        (self.events)(Event::Reached { position, txns: self.taken, dropped });
        if silent > PATIENT_UNTIL
            && let Some((name, ts)) = merge.holding_back()
        {
            let others = merge.furthest();
            let held =
                if others > ts { format!("; others are at {} and wait", others.explain()) } else { String::new() };
            let what = format!("{name}, which has sent everything up to {} and nothing since{held}", ts.explain());
            (self.events)(Event::Waiting { what, since: silent });
        }
    }

    fn take(&mut self, raw: RawTxn) -> Result<()> {
        let commit_ts = raw.commit_ts;
        let is_ddl = matches!(raw.body, Body::Ddl { .. } | Body::Statement(_));
        let change = match raw.body {
            Body::Rows(_) | Body::Named { .. } if self.selection.ignores(commit_ts, &self.events) => Change::Nothing,
            Body::Rows(value) => match self.rows(&value, commit_ts)? {
                Some(change) => change,
                None => return self.sink.pass_over(commit_ts),
            },
            Body::Ddl { job_id, query, schema_state } => {
                self.ddl(commit_ts, job_id, &query, schema_state)?.map_or(Change::Nothing, |d| Change::Ddl(Box::new(d)))
            }
            Body::Named { events, zone } => self.named(&events, &zone, commit_ts)?,
            Body::Statement(text) => {
                self.statement(&text, commit_ts)?.map_or(Change::Nothing, |d| Change::Ddl(Box::new(d)))
            }
            Body::Nothing => Change::Nothing,
        };
        let has_rows = matches!(change, Change::Rows(_) | Change::Large(_));
        self.taken += u64::from(has_rows && !self.sink.has(commit_ts));
        self.sink.apply(Txn { commit_ts, change })?;
        if is_ddl {
            self.sink.followed(self.catalog.schema_version());
        }
        Ok(())
    }

    /// The change of a transaction with rows; `None` if it is only bookkeeping.
    fn rows(&mut self, value: &bytes::Bytes, commit_ts: CommitTs) -> Result<Option<Change>> {
        let outline = &TxnOutline::read(value, commit_ts)?;
        let catalog = &mut self.catalog;
        if let Some(loopback) = &mut self.loopback {
            let known = loopback.origins().len();
            let verdict = loopback.judge(outline, &mut |id, version| catalog.table(id, version))?;
            if loopback.origins().len() > known {
                self.sink.set_origins(loopback.origins());
            }
            match verdict {
                Verdict::Pass => {}
                Verdict::Drop { bookkeeping: true } => return Ok(None),
                Verdict::Drop { bookkeeping: false } => return Ok(Some(Change::Nothing)),
            }
        }
        let (selection, late, loopback) = (&mut self.selection, &mut self.late_rows, self.loopback.as_ref());
        let events = &self.events;
        let is_mark = |schema: &str, table: &str| loopback.is_some_and(|l| l.is_mark(schema, table));
        // A mark next to a tool's records is part of its bookkeeping.
        let mut bookkeeping = true;
        let mut late_tables: Vec<Late> = Vec::new();
        let mut lookup = |id: i64, version: i64| match catalog.table(id, version)? {
            TableLookup::Table(table) if is_mark(&table.schema, &table.name) => Ok(Lookup::Skip),
            TableLookup::Table(table) => {
                bookkeeping &= is_bookkeeping(&table.schema);
                let lookup = late_lookup(catalog, selection, &mut late_tables, (id, version))
                    .unwrap_or_else(|| selection.lookup(&table));
                let writes = catalog.writes(id, version, commit_ts);
                if writes == Writes::Once {
                    return Ok(lookup);
                }
                if matches!(lookup, Lookup::Read(_) | Lookup::Some(..))
                    && let Some(text) = catalog.doubt(&table)
                {
                    events(Event::Warning(text));
                }
                Ok(Lookup::Twice(Box::new(lookup), writes))
            }
            TableLookup::Gone(_) => {
                bookkeeping = false;
                Ok(late_lookup(catalog, selection, &mut late_tables, (id, version)).unwrap_or_else(|| {
                    *late += 1;
                    Lookup::Skip
                }))
            }
            TableLookup::Unreadable { schema, table, why } => {
                bookkeeping = false;
                selection.unread(&schema, &table).ok_or_else(|| unreadable(&schema, &table, &why).into())
            }
            TableLookup::Unknown { name, why } => {
                bookkeeping = false;
                name.and_then(|(schema, table)| selection.unread(&schema, &table))
                    .ok_or_else(|| Fault::refused(why).hint(FRESH).into())
            }
        };
        let (change, left_out) = if self.large.is_some_and(|most| outline.raw_size() > most) {
            let txn = LargeTxn::open(outline, &mut lookup)?;
            let left_out = txn.left_out();
            if !late_tables.is_empty() {
                let rows = txn.collect::<Result<Vec<_>>>()?;
                let rows = self.put_late(rows, &late_tables)?;
                self.selection.count(left_out, rows.is_empty());
                return Ok(Some(if rows.is_empty() { Change::Nothing } else { Change::Rows(rows) }));
            }
            (if txn.row_count() == 0 { Change::Nothing } else { Change::Large(Box::new(txn)) }, left_out)
        } else {
            let (mut rows, left_out) = decode::wanted_rows(outline, &mut lookup)?;
            if !late_tables.is_empty() {
                rows = self.put_late(rows, &late_tables)?;
            }
            (if rows.is_empty() { Change::Nothing } else { Change::Rows(rows) }, left_out)
        };
        let empty = matches!(change, Change::Nothing);
        self.selection.count(left_out, empty);
        Ok(if empty && bookkeeping { None } else { Some(change) })
    }

    fn ddl(&mut self, ts: CommitTs, job: i64, query: &bytes::Bytes, state: i32) -> Result<Option<Ddl>> {
        let what = format!("DDL job {job} in TiDB's history");
        // TiDB may take long to answer, and nothing else is reported meanwhile.
        (self.events)(Event::Waiting { what: what.clone(), since: Duration::ZERO });
        let ddl = {
            let mut wait = waiting(&self.events, &self.stop, self.sink, &what);
            self.catalog.ddl(ts, job, query, state, &mut wait)
        };
        (self.events)(Event::Resumed);
        let ddl = ddl.with_context(|| format!("cannot follow the DDL of commit ts {}", ts.explain()))?;
        let Some(mut ddl) = ddl else { return Ok(None) };
        let origin = without_origin(&mut ddl);
        if let Some(loopback) = &mut self.loopback {
            if loopback.follow(&ddl) {
                (self.events)(Event::Warning(OF_A_TARGET.to_owned()));
            }
            if loopback.is_mark(&ddl.schema, &ddl.table) {
                return Ok(None);
            }
            ddl.side = loopback.side(origin, &ddl);
        }
        Ok(self.select(ts, ddl))
    }

    /// The part of a DDL that goes on to the sink. Reports to the sink which tables may differ
    /// because of the rules.
    fn select(&mut self, ts: CommitTs, ddl: Ddl) -> Option<Ddl> {
        let ddl = self.selection.ddl(ts, ddl, &self.events);
        for (schema, table) in self.selection.differing() {
            self.sink.may_differ(&schema, &table);
        }
        ddl
    }
}

/// How to read the rows of a table if they are late; `None` if they are not.
fn late_lookup(
    catalog: &Catalog,
    selection: &mut Selection,
    tables: &mut Vec<Late>,
    (id, version): (i64, i64),
) -> Option<Lookup> {
    let (lookup, late) = Late::of(catalog.late(id, version)?, selection);
    tables.extend(late);
    Some(lookup)
}

/// What is done while TiDB's history or a TiDB server lags: report it, flush the sink, look for a
/// stop.
fn waiting(events: &Events, stop: &Stop, sink: &mut dyn Sink, what: &str) -> impl FnMut(Duration) -> Result<()> {
    move |since| {
        sink.flush()?;
        if stop.requested() {
            return Err(interrupted().into());
        }
        events(Event::Waiting { what: what.to_owned(), since });
        Ok(())
    }
}

/// Removes the comment of another link from the statement: rules on texts are about what follows
/// it.
fn without_origin(ddl: &mut Ddl) -> Option<Origin> {
    // TiDB restores the text of the message without comments, unless that is an old version.
    if let Some((_, rest)) = Origin::split(&ddl.query) {
        ddl.query = rest.to_owned();
    }
    let (origin, rest) = Origin::split(&ddl.written)?;
    ddl.written = rest.to_owned();
    Some(origin)
}

fn unreadable(schema: &str, table: &str, why: &str) -> Fault {
    Fault::refused(format!("cannot read rows of `{schema}`.`{table}`: {why}"))
        .hint("this version of tisync does not know that type; a newer one may, or drop the column upstream")
}

fn interrupted() -> Fault {
    Fault::new(crate::error::Kind::Interrupted, "stopped while waiting for a DDL job to appear in TiDB's history")
        .hint("run the same command to resume from the checkpoint")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_is_taken_off() {
        let comment = "/* tisync channel=1 cluster=7 ts=42 */";
        let ddl = |text: &str| Ddl { query: text.to_owned(), written: text.to_owned(), ..Ddl::default() };
        let mut old = ddl(&format!("{comment} drop table t"));
        assert_eq!(without_origin(&mut old).map(|o| o.to_string()).as_deref(), Some(comment));
        assert_eq!((old.query.as_str(), old.written.as_str()), ("drop table t", "drop table t"));
        let mut restored = Ddl { query: "DROP TABLE `t`".to_owned(), ..ddl(&format!("{comment} drop table t")) };
        assert!(without_origin(&mut restored).is_some());
        assert_eq!((restored.query.as_str(), restored.written.as_str()), ("DROP TABLE `t`", "drop table t"));
        assert_eq!(without_origin(&mut ddl("/* hi */ drop table t")), None);
    }
}
