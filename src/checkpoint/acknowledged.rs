//! What the target acknowledged as durable in this run, compared with what it still holds.
//!
//! A server that acknowledges a COMMIT may still lose it: one that does not flush its log at each
//! commit loses the last ones when it is killed, and a replica that is promoted may lack them. So
//! each new connection reads what all slots of the link hold, and compares.
//!
//! Also here: the transactions above a link's position that are durable nevertheless, as a new run
//! finds them ([`Applied`]).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

use super::link::Link;
use super::record::{self, Record};
use crate::error::Fault;
use crate::model::CommitTs;
use crate::mysql::error::{Class, Refusal, SessionError};
use crate::mysql::session::Session;

/// How many comparisons have to find something missing before it counts as lost, and the pause
/// between them: a node of a cluster that lags behind the others for a moment shows the same.
const LOOKS: u32 = 9;
const PAUSE: Duration = Duration::from_millis(250);

/// Everything that the target acknowledged in this run. All workers of a sink share it.
#[derive(Debug)]
pub struct Acknowledged(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many comparisons of new connections have begun.
    compared: u64,
    /// The last acknowledged batch of each slot.
    batches: BTreeMap<u32, u64>,
    /// The last acknowledged position in the link's row.
    position: CommitTs,
    lost: bool,
}

/// The error for a target that lost what it had acknowledged as durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// What it should hold, and what it holds.
    what: String,
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the target no longer has what it had committed: {}", self.what)
    }
}

impl std::error::Error for Forgotten {}

impl Forgotten {
    /// For a link that is in run `run`, on a target that has the earlier run `there`.
    pub(super) fn of_run(run: u64, there: u64) -> Self {
        let what = format!("the link is at run {run}, and the target at run {there}");
        Self { what }
    }

    /// The one in the error chain of `error`.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|e| e.downcast_ref())
    }
}

impl From<Forgotten> for SessionError {
    fn from(forgotten: Forgotten) -> Self {
        let fault = Fault::refused(
            "the target was restarted without its last commits, restored, or replaced by a replica that lacks them",
        )
        .hint("start again: the run continues from what the target has, and applies the rest again");
        Self::Refused(anyhow::Error::new(forgotten).context(fault))
    }
}

/// The link's rows on the target.
#[derive(Debug, Default)]
struct HeldByTarget {
    /// Run and position in the link's row.
    link: Option<(u64, CommitTs)>,
    /// Run and last batch of each slot.
    slots: BTreeMap<u32, (u64, u64)>,
}

impl Acknowledged {
    /// For a link that was just taken over, and whose row has `position`.
    #[must_use]
    pub fn new(position: Option<CommitTs>) -> Self {
        Self(Mutex::new(State { position: position.unwrap_or_default(), ..State::default() }))
    }

    /// Records that `batch` of `slot` is durable, for a session that was last compared at
    /// `compared`. False, and nothing is recorded, if a new connection has been compared since:
    /// then the server that acknowledged may be gone, and this session has to be
    /// [compared](Self::compare) again first.
    #[must_use]
    pub fn batch(&self, slot: u32, batch: u64, compared: u64) -> bool {
        let mut state = self.0.lock();
        if state.compared != compared {
            return false;
        }
        state.batches.insert(slot, batch);
        true
    }

    /// As [`batch`](Self::batch), for a position in the link's row.
    #[must_use]
    pub fn position(&self, ts: CommitTs, compared: u64) -> bool {
        let mut state = self.0.lock();
        if state.compared != compared {
            return false;
        }
        state.position = state.position.max(ts);
        true
    }

    /// Whether the target was found to have lost something: then nothing more of this run may be
    /// saved.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.lock().lost
    }

    /// The number of the last comparison.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.0.lock().compared
    }

    /// Checks that the server of `session`, a new connection, holds everything; returns the number
    /// of this comparison. From here on an acknowledgement to another session counts only after
    /// that session's server was compared again.
    ///
    /// # Errors
    /// [`Forgotten`] if something is missing in repeated comparisons; or if the target cannot be
    /// read.
    pub fn compare_new(&self, session: &mut Session, link: &Link) -> Result<u64, SessionError> {
        self.look(session, link, 1)
    }

    /// As [`compare_new`](Self::compare_new), for a connection that was compared before. It shows
    /// only that the server is still there, so other sessions need not compare again. (If they had
    /// to, two of them would make each other compare for ever.)
    ///
    /// # Errors
    /// As [`compare_new`](Self::compare_new).
    pub fn compare(&self, session: &mut Session, link: &Link) -> Result<u64, SessionError> {
        self.look(session, link, 0)
    }

    fn look(&self, session: &mut Session, link: &Link, new: u64) -> Result<u64, SessionError> {
        let mut look = 1;
        loop {
            let (number, batches, position) = {
                let mut state = self.0.lock();
                // Before the target is read: an answer to another session from here on needs
                // another comparison.
                state.compared += new;
                (state.compared, state.batches.clone(), state.position)
            };
            let held = HeldByTarget::read(session, link)?;
            let Some(forgotten) = missing(&held, link.run(), &batches, position) else { return Ok(number) };
            if look == LOOKS {
                self.0.lock().lost = true;
                return Err(forgotten.into());
            }
            look += 1;
            std::thread::sleep(PAUSE);
        }
    }
}

impl HeldByTarget {
    fn read(session: &mut Session, link: &Link) -> Result<Self, SessionError> {
        let here = link.link_condition();
        let rows = session.fetch::<(Option<u32>, u64, u64)>(&format!(
            "SELECT `slot`, `run`, `batch` FROM `tidb_binlog`.`tisync_slot` WHERE {here} \
             UNION ALL SELECT NULL, `run`, `commit_ts` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {here}"
        ));
        let rows = match rows {
            // The tables or their database are gone.
            Err(failed) if failed.class() == Some(Class::Object) => Vec::new(),
            other => other?,
        };
        let mut held = Self::default();
        for (slot, run, number) in rows {
            match slot {
                Some(slot) => drop(held.slots.insert(slot, (run, number))),
                None => held.link = Some((run, CommitTs(number))),
            }
        }
        Ok(held)
    }
}

/// Whether the target has a row of the link.
///
/// # Errors
/// If it cannot be read.
pub fn is_known(session: &mut Session, link: &Link) -> Result<bool, SessionError> {
    Ok(HeldByTarget::read(session, link)?.link.is_some())
}

/// What the target lacks. Rows of a later run are ignored: that run is not behind this one.
fn missing(held: &HeldByTarget, run: u64, batches: &BTreeMap<u32, u64>, position: CommitTs) -> Option<Forgotten> {
    let lost = |what: String| Some(Forgotten { what });
    match held.link {
        None => return lost("it no longer has a row for this link".to_owned()),
        Some((there, _)) if there > run => return None,
        Some((there, _)) if there < run => return Some(Forgotten::of_run(run, there)),
        Some((_, there)) if there < position => {
            return lost(format!("position {} was saved, but the target has {}", position.explain(), there.explain()));
        }
        Some(_) => {}
    }
    for (slot, batch) in batches {
        match held.slots.get(slot) {
            Some((there, _)) if *there > run => {}
            Some((there, last)) if *there == run && last >= batch => {}
            Some((there, last)) if *there == run => {
                return lost(format!("batch {batch} of worker {slot} was committed, but the last one there is {last}"));
            }
            _ => return lost(format!("batch {batch} of worker {slot} was committed, but no trace of it is left")),
        }
    }
    None
}

/// The transactions that must not be applied again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// First and last commit ts, both inclusive; ascending, without overlap.
    ranges: VecDeque<(CommitTs, CommitTs)>,
    /// Row changes that are durable of transactions that were split and not finished.
    parts: BTreeMap<CommitTs, u64>,
}

impl Applied {
    /// What `records` say about transactions above `position`.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Record>, position: CommitTs) -> Self {
        let mut found = Vec::new();
        let mut parts = BTreeMap::new();
        for record in records {
            match record {
                Record::Range { first, last } => found.push((first, last)),
                Record::List(list) => found.extend(list.into_iter().map(|ts| (ts, ts))),
                Record::Part { ts, rows } => {
                    let known = parts.entry(ts).or_insert(0);
                    *known = rows.max(*known);
                }
            }
        }
        found.sort_unstable();
        let mut ranges: VecDeque<(CommitTs, CommitTs)> = VecDeque::new();
        for (first, last) in found {
            match ranges.back_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => ranges.push_back((first, last)),
            }
        }
        let mut applied = Self { ranges, parts };
        applied.forget_up_to(position);
        let Self { ranges, parts } = &mut applied;
        parts.retain(|ts, _| !covered(ranges, *ts));
        applied
    }

    /// Whether the whole transaction is durable.
    #[must_use]
    pub fn contains(&self, ts: CommitTs) -> bool {
        covered(&self.ranges, ts)
    }

    /// How many row changes from the beginning of the transaction are durable, if it was split and
    /// not finished.
    #[must_use]
    pub fn part(&self, ts: CommitTs) -> Option<u64> {
        self.parts.get(&ts).copied()
    }

    /// Drops what is at or below `ts`. Cheap enough to be called for each transaction.
    pub fn forget_up_to(&mut self, ts: CommitTs) {
        while self.ranges.front().is_some_and(|(_, last)| *last <= ts) {
            self.ranges.pop_front();
        }
        while let Some(entry) = self.parts.first_entry().filter(|e| *e.key() <= ts) {
            entry.remove();
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.parts.is_empty()
    }

    /// The largest commit ts in it.
    #[must_use]
    pub fn last(&self) -> Option<CommitTs> {
        let part = self.parts.keys().next_back().copied();
        self.ranges.back().map(|(_, last)| *last).max(part)
    }

    /// The content as records.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut singles = Vec::new();
        for (first, last) in &self.ranges {
            if first == last {
                singles.push(*first);
            } else {
                records.push(Record::Range { first: *first, last: *last });
            }
        }
        if !singles.is_empty() {
            records.push(Record::List(singles));
        }
        records.extend(self.parts.iter().map(|(ts, rows)| Record::Part { ts: *ts, rows: *rows }));
        records
    }

    pub(super) fn seal(&self) -> Result<Vec<u8>, Refusal> {
        let encoded = self.records().iter().map(Record::encode).collect::<Result<Vec<_>, _>>()?;
        Ok(record::seal(encoded.iter().map(Vec::as_slice)))
    }
}

fn covered(ranges: &VecDeque<(CommitTs, CommitTs)>, ts: CommitTs) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= ts);
    after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|(_, last)| ts <= *last)
}

#[cfg(test)]
#[path = "acknowledged_tests.rs"]
mod tests;
