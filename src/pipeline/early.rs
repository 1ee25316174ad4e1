//! Rows that come before the message of the DDL that they were written with (see [`crate::schema::EarlyJob`]): the stream is read on up to that
//! message, the DDL runs, then what was read on the way is taken.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

use super::{Pipeline, waiting};
use crate::decode;
use crate::event::Event;
use crate::merge::{Merge, Merged};
use crate::model::{Body, Change, CommitTs, RawTxn, Txn};
use crate::schema::EarlyJob;

/// How long it waits for the stream before it looks at the signals again.
const PATIENCE: Duration = Duration::from_millis(100);

/// Transactions that were read ahead of their turn, with the bytes of their rows.
#[derive(Default)]
pub struct ReadAhead {
    txns: VecDeque<RawTxn>,
    bytes: usize,
}

impl ReadAhead {
    pub(super) fn next(&mut self) -> Option<RawTxn> {
        let txn = self.txns.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&txn));
        Some(txn)
    }

    fn put_back(&mut self, txn: RawTxn) {
        self.bytes += size(&txn);
        self.txns.push_front(txn);
    }

    fn add(&mut self, txn: RawTxn) {
        self.bytes += size(&txn);
        self.txns.push_back(txn);
    }

    fn message(&self, job: i64) -> Option<Message> {
        self.txns.iter().find_map(|txn| Message::of(txn, job))
    }
}

fn size(txn: &RawTxn) -> usize {
    match &txn.body {
        Body::Rows(value) => value.len(),
        _ => 0,
    }
}

/// What a DDL's message says.
struct Message {
    ts: CommitTs,
    query: Bytes,
    state: i32,
}

impl Message {
    fn of(txn: &RawTxn, job: i64) -> Option<Self> {
        match &txn.body {
            Body::Ddl { job_id, query, schema_state } if *job_id == job && *schema_state != 1 => {
                Some(Self { ts: txn.commit_ts, query: query.clone(), state: *schema_state })
            }
            _ => None,
        }
    }
}

/// Where the search for a message ended.
enum Search {
    Found(Message),
    /// The stream is beyond the job's end: the message lay before the start, and so did the DDL.
    Passed,
    /// The stream ends before, or holds more in between than memory is for.
    Missing,
    /// Somebody asked to stop.
    Stopped,
}

impl Pipeline<'_> {
    /// Gives `raw` back if its turn has come, or keeps it because a DDL had to run first: then the next is to be asked for.
    pub(super) fn in_turn(&mut self, raw: RawTxn, merge: &mut Merge) -> Result<Option<RawTxn>> {
        let Body::Rows(value) = &raw.body else { return Ok(Some(raw)) };
        let (value, ts) = (value.clone(), raw.commit_ts);
        // What is damaged is refused where it is read.
        let Ok(version) = decode::schema_version(&value) else { return Ok(Some(raw)) };
        let begun = Instant::now();
        let early = {
            let mut wait =
                waiting(&self.events, &self.stop, self.sink, "a DDL job whose rows are here to be over upstream");
            self.catalog.early((version, ts), &|| decode::tables(&value).or_else(|_| Ok(Vec::new())), &mut wait)
        };
        if begun.elapsed() > PATIENCE {
            (self.events)(Event::Resumed);
        }
        let Some(job) = early.with_context(|| format!("cannot follow the schema at commit ts {}", ts.explain()))?
        else {
            return Ok(Some(raw));
        };
        self.ahead.put_back(raw);
        self.run_early(job, ts, merge)?;
        Ok(None)
    }

    /// Runs `job` in front of the transaction of commit ts `ts`.
    fn run_early(&mut self, job: EarlyJob, ts: CommitTs, merge: &mut Merge) -> Result<()> {
        let message = match self.search(job, merge)? {
            Search::Found(message) => message,
            Search::Stopped => return Ok(()),
            Search::Passed => return self.catalog.ran_early(job.id),
            Search::Missing => {
                let query = Bytes::from(self.catalog.written(job.id).unwrap_or_default().to_owned());
                Message { ts: job.finished, query, state: 0 }
            }
        };
        if let Some(mut ddl) = self.ddl(message.ts, job.id, &message.query, message.state)? {
            ddl.early = Some(CommitTs(ts.0 - 1));
            self.sink.apply(Txn { commit_ts: message.ts, change: Change::Ddl(Box::new(ddl)) })?;
        }
        self.catalog.ran_early(job.id)
    }

    /// Reads on to the message of `job`.
    fn search(&mut self, job: EarlyJob, merge: &mut Merge) -> Result<Search> {
        if let Some(message) = self.ahead.message(job.id) {
            return Ok(Search::Found(message));
        }
        self.sink.flush()?;
        let since = Instant::now();
        loop {
            if self.stop.requested() {
                return Ok(Search::Stopped);
            }
            if self.ahead.bytes > self.large.unwrap_or(usize::MAX) {
                return Ok(Search::Missing);
            }
            match merge.next(PATIENCE)? {
                Merged::Txn(txn) => {
                    let (message, passed) = (Message::of(&txn, job.id), txn.commit_ts > job.finished);
                    self.ahead.add(txn);
                    match message {
                        Some(message) => return Ok(Search::Found(message)),
                        None if passed => return Ok(Search::Passed),
                        None => {}
                    }
                }
                Merged::Resolved(ts) if ts >= job.finished => return Ok(Search::Passed),
                Merged::Resolved(_) => {}
                Merged::Idle => {
                    let what = format!("the message of DDL job {}, whose rows come before it", job.id);
                    (self.events)(Event::Waiting { what, since: since.elapsed() });
                }
                Merged::End => return Ok(Search::Missing),
            }
        }
    }
}
