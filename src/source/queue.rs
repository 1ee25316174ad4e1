//! The queue behind a stream: bounded in bytes, because its messages are of any size.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::model::{Body, CommitTs, Pulled, RawTxn};

/// Messages that may wait, however small they are.
const MOST: usize = 4096;
/// Bytes that a message takes beside its rows.
const BESIDE: usize = 256;
/// A queue is never smaller than this.
const LEAST: usize = 256 << 10;

/// The writing end.
pub(super) struct Queue {
    sender: Sender<Result<Pulled>>,
    /// Most bytes that wait. A message above this waits alone.
    most: usize,
    sent: Mutex<Sent>,
}

/// What was sent last, as far as it may still wait.
#[derive(Default)]
struct Sent {
    weights: VecDeque<usize>,
    bytes: usize,
}

impl Queue {
    /// One of `streams` queues that have `bytes` together.
    pub fn new(bytes: usize, streams: usize) -> (Self, Receiver<Result<Pulled>>) {
        let (sender, receiver) = bounded(MOST);
        let most = (bytes / streams.max(1)).max(LEAST);
        (Self { sender, most, sent: Mutex::default() }, receiver)
    }

    /// A message with more bytes than this waits alone.
    pub fn most(&self) -> usize {
        self.most
    }

    /// A message with more bytes than this is read only once all before it is taken: while one waits, and one waits to wait, the next would be held as well.
    pub fn large(&self) -> usize {
        self.most / 4
    }

    /// Puts `said` behind the others if there is room now; gives it back if there is none. `Ok(false)`: nobody listens
    /// any more.
    pub fn offer(&self, said: Result<Pulled>) -> Result<bool, Result<Pulled>> {
        let weight = weight(&said);
        if !self.has_room(weight) {
            return Err(said);
        }
        use crossbeam_channel::TrySendError::{Disconnected, Full};
        match self.sender.try_send(said) {
            Ok(()) => {
                let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
                sent.weights.push_back(weight);
                sent.bytes += weight;
                Ok(true)
            }
            Err(Disconnected(_)) => Ok(false),
            Err(Full(said)) => Err(said),
        }
    }

    /// Puts `said` behind the others, waiting for room; false if nobody listens any more. Blocks the thread.
    pub fn send(&self, said: Result<Pulled>) -> bool {
        let mut said = said;
        let before = said.as_ref().ok().map(|pulled| CommitTs(pulled.ts().0.saturating_sub(1)));
        loop {
            said = match self.offer(said) {
                Ok(heard) => return heard,
                Err(said) => said,
            };
            if !self.wait(weight(&said), before) {
                return false;
            }
        }
    }

    /// Waits until everything sent has been taken, before anything above `position`; false if nobody listens any more.
    /// Blocks the thread.
    pub fn drain(&self, position: CommitTs) -> bool {
        while !self.sender.is_empty() {
            if !self.wait(usize::MAX, Some(position)) {
                return false;
            }
        }
        true
    }

    /// Waits a little for room for `weight`; false if nobody listens any more. `position` is how far the stream has
    /// come: to say so is true, and only a sending tells whether the other end is still there.
    fn wait(&self, weight: usize, position: Option<CommitTs>) -> bool {
        if let Some(position) = position
            && self.sender.try_send(Ok(Pulled::Resolved(position))).is_err_and(|e| e.is_disconnected())
        {
            return false;
        }
        let begin = Instant::now();
        while !self.has_room(weight) && begin.elapsed() < Duration::from_millis(50) {
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Whether `weight` more bytes may wait now.
    fn has_room(&self, weight: usize) -> bool {
        let waiting = self.sender.len();
        if waiting == 0 {
            return true;
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while sent.weights.len() > waiting {
            let taken = sent.weights.pop_front().unwrap_or_default();
            sent.bytes -= taken;
        }
        sent.bytes.saturating_add(weight) <= self.most && waiting < MOST
    }

    /// Says again how far the stream is, which is always true; the answer tells whether anybody still listens.
    pub fn is_heard(&self, position: CommitTs) -> bool {
        !matches!(self.sender.try_send(Ok(Pulled::Resolved(position))), Err(e) if e.is_disconnected())
    }
}

fn weight(said: &Result<Pulled>) -> usize {
    let Ok(Pulled::Txn(RawTxn { body, .. })) = said else { return BESIDE };
    let bytes = match body {
        Body::Rows(bytes) | Body::Named { events: bytes, .. } => bytes.len(),
        Body::Ddl { query: bytes, .. } | Body::Statement(bytes) => bytes.len(),
        Body::Nothing => 0,
    };
    bytes + BESIDE
}
