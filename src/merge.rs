//! K-way merge of a source's streams into one sequence of strictly increasing commit ts.
//!
//! A transaction may go out only when no stream can still bring an older one: every open stream
//! must have one waiting, or have said that it is past that ts. So one silent stream holds
//! everything back, and must: it may hold data that no other has. A stream that joins later is
//! taken in before anything above its start goes out.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::{RecvTimeoutError, Select, TryRecvError};

use crate::error::Fault;
use crate::model::{CommitTs, Pulled, QueueReceiver, RawTxn};
use crate::source::{Forward, Stream};

/// A result of [`Merge::next`].
#[derive(Clone, Debug, PartialEq)]
pub enum Merged {
    /// The next transaction.
    Txn(RawTxn),
    /// Nothing at or below this ts will follow. It is above everything before.
    Resolved(CommitTs),
    /// Nothing came for as long as it was to wait.
    Idle,
    /// Every stream has ended.
    End,
}

/// The streams of one source, merged.
pub struct Merge {
    inputs: Vec<Input>,
    position: CommitTs,
    failed: bool,
}

struct Input {
    name: String,
    /// `None` once the stream has ended.
    receiver: Option<QueueReceiver>,
    head: Option<RawTxn>,
    forward: Forward,
}

impl Merge {
    /// Merges `streams`, which were opened behind `from`.
    #[must_use]
    pub fn new(streams: Vec<Stream>, from: CommitTs) -> Self {
        let inputs = streams.into_iter().map(|s| Input::new(s, from));
        Self { inputs: inputs.collect(), position: from, failed: false }
    }

    /// The next result; waits for it no longer than `wait`.
    ///
    /// # Errors
    /// The first error of any stream; also if a stream goes backwards, or two hold different
    /// transactions of one commit ts. An error is final: every later call fails too.
    pub fn next(&mut self, wait: Duration) -> Result<Merged> {
        if self.failed {
            return Err(Fault::refused("a stream of the source has failed before").hint("start again").into());
        }
        let answer = self.advance(Instant::now() + wait);
        self.failed = answer.is_err();
        answer
    }

    /// Everything at or below this has been given out.
    #[must_use]
    pub fn position(&self) -> CommitTs {
        self.position
    }

    /// The stream that everything waits for now, and how far it has come; `None` if none is waited
    /// for.
    #[must_use]
    pub fn holding_back(&self) -> Option<(String, CommitTs)> {
        let waited_for = self.inputs.iter().filter(|i| i.awaited());
        let last = waited_for.min_by_key(|i| i.forward.position())?;
        Some((last.name.clone(), last.forward.position()))
    }

    /// The position of the stream that has come furthest.
    #[must_use]
    pub fn furthest(&self) -> CommitTs {
        self.inputs.iter().map(|i| i.forward.position()).max().unwrap_or_default()
    }

    fn advance(&mut self, deadline: Instant) -> Result<Merged> {
        loop {
            self.fill()?;
            // How far the slowest stream without a waiting transaction has come; nothing above may
            // go out yet.
            let floor = self.inputs.iter().filter(|i| i.awaited()).map(|i| i.forward.position()).min();
            let first = self.inputs.iter().filter_map(|i| i.head.as_ref()).map(|t| t.commit_ts).min();
            match (first, floor) {
                (Some(ts), floor) if floor.is_none_or(|f| ts <= f) => return self.take(ts),
                (_, Some(floor)) if floor > self.position => {
                    self.position = floor;
                    return Ok(Merged::Resolved(floor));
                }
                (None, None) => return Ok(self.end()),
                _ => {}
            }
            if !self.wait(deadline)? {
                return Ok(Merged::Idle);
            }
        }
    }

    /// Takes what has arrived in every stream, and in the streams that joined.
    fn fill(&mut self) -> Result<()> {
        let mut joined = Vec::new();
        for input in &mut self.inputs {
            input.fill(&mut joined).with_context(|| format!("the stream of {} failed", input.name))?;
        }
        self.take_in(joined)
    }

    fn take_in(&mut self, joined: Vec<(Stream, CommitTs)>) -> Result<()> {
        for (stream, from) in joined {
            if from < self.position {
                let text = format!(
                    "{} joins after {}, but {} has already been emitted",
                    stream.name,
                    from.explain(),
                    self.position
                );
                return Err(Fault::refused(text).hint("start again; the run continues from the checkpoint").into());
            }
            // A stream that ended stays ended; one of the same name may join later.
            self.inputs.retain(|i| i.receiver.is_some() || i.head.is_some());
            self.inputs.push(Input::new(stream, from));
        }
        Ok(())
    }

    /// Takes the transaction of `ts` from each stream in which it waits.
    fn take(&mut self, ts: CommitTs) -> Result<Merged> {
        let mut taken: Option<(String, RawTxn)> = None;
        for input in &mut self.inputs {
            let Some(txn) = input.head.take_if(|t| t.commit_ts == ts) else { continue };
            match &taken {
                None => taken = Some((input.name.clone(), txn)),
                Some((_, first)) if *first == txn => {} // the same one through two streams
                Some((other, _)) => {
                    let text =
                        format!("{other} and {} hold different transactions of commit ts {}", input.name, ts.explain());
                    let hint = "a commit ts belongs to one transaction of a cluster: do all streams come from the same \
                                cluster?";
                    return Err(Fault::refused(text).hint(hint).into());
                }
            }
        }
        let (_, txn) = taken.context("no stream has the transaction that was to be taken")?;
        self.position = ts;
        Ok(Merged::Txn(txn))
    }

    /// All streams have ended. If one ended beyond the position, that is reported once.
    fn end(&mut self) -> Merged {
        let reached = self.inputs.iter().map(|i| i.forward.position()).max().unwrap_or_default();
        if reached > self.position {
            self.position = reached;
            return Merged::Resolved(reached);
        }
        Merged::End
    }

    /// Waits until an awaited stream sends something or ends; false when `deadline` has passed.
    fn wait(&mut self, deadline: Instant) -> Result<bool> {
        let mut awaited: Vec<&mut Input> = self.inputs.iter_mut().filter(|i| i.awaited()).collect();
        if let [input] = awaited.as_mut_slice() {
            let mut joined = Vec::new();
            let waited =
                input.wait(deadline, &mut joined).with_context(|| format!("the stream of {} failed", input.name))?;
            self.take_in(joined)?;
            return Ok(waited);
        }
        let mut select = Select::new();
        awaited.iter().filter_map(|i| i.receiver.as_ref()).for_each(|receiver| receiver.add_to(&mut select));
        Ok(select.ready_deadline(deadline).is_ok())
    }
}

impl Input {
    fn new(stream: Stream, from: CommitTs) -> Self {
        Self { name: stream.name, receiver: Some(stream.receiver), head: None, forward: Forward::new(from) }
    }

    /// Whether the stream is open and has no transaction waiting.
    fn awaited(&self) -> bool {
        self.receiver.is_some() && self.head.is_none()
    }

    /// Takes what has arrived until a transaction waits.
    fn fill(&mut self, joined: &mut Vec<(Stream, CommitTs)>) -> Result<()> {
        while self.head.is_none() {
            let Some(receiver) = &self.receiver else { break };
            match receiver.try_recv() {
                Ok(said) => self.hear(said?, joined)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.receiver = None,
            }
        }
        Ok(())
    }

    fn wait(&mut self, deadline: Instant, joined: &mut Vec<(Stream, CommitTs)>) -> Result<bool> {
        let Some(receiver) = &self.receiver else { return Ok(true) };
        match receiver.recv_deadline(deadline) {
            Ok(said) => self.hear(said?, joined)?,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => self.receiver = None,
        }
        Ok(true)
    }

    fn hear(&mut self, said: Pulled, joined: &mut Vec<(Stream, CommitTs)>) -> Result<()> {
        if self.forward.pass(&said)? {
            match said {
                Pulled::Txn(txn) => self.head = Some(txn),
                Pulled::Joins { stream, from } => joined.push((stream, from)),
                Pulled::Resolved(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
