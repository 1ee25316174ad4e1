//! The queue between a stream's source and the merge, bounded in bytes.
//!
//! A bound on the number of messages would not do, because they have any size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, Select, Sender, TryRecvError, TrySendError, bounded};
use parking_lot::{Condvar, Mutex};

use super::{Body, CommitTs, Pulled, RawTxn};

/// Most messages in a queue, however small they are.
const MOST: usize = 4096;
/// Bytes that a message needs beside its rows.
const BESIDE: usize = 256;
/// Smallest capacity of a queue, in bytes.
const LEAST: usize = 256 << 10;
/// How long a writer waits for room before it checks whether the reader still exists.
const PATIENCE: Duration = Duration::from_millis(50);

/// The writing end, which the source holds.
pub(crate) struct Queue {
    sender: Sender<Result<Pulled>>,
    room: Arc<Room>,
}

/// The reading end, which the merge holds. Clones share one queue.
#[derive(Clone, Debug)]
pub struct QueueReceiver {
    receiver: Receiver<Result<Pulled>>,
    room: Arc<Room>,
}

/// Shared by both ends.
#[derive(Debug, Default)]
struct Room {
    /// Capacity in bytes. A message above this waits alone.
    most: usize,
    /// Bytes in the queue.
    bytes: Mutex<usize>,
    /// Signalled when the queue is at most half full.
    freed: Condvar,
}

impl Queue {
    /// One of `streams` queues that have a capacity of `bytes` together.
    pub fn new(bytes: usize, streams: usize) -> (Self, QueueReceiver) {
        let (sender, receiver) = bounded(MOST);
        let room = Arc::new(Room { most: (bytes / streams.max(1)).max(LEAST), ..Room::default() });
        (Self { sender, room: Arc::clone(&room) }, QueueReceiver { receiver, room })
    }

    /// A message with more bytes than this waits alone.
    pub fn most(&self) -> usize {
        self.room.most
    }

    /// A message with more bytes than this is read only when all before it has been taken:
    /// otherwise the source would hold it while one message is in the queue, and another waits for
    /// room.
    pub fn large(&self) -> usize {
        self.room.most / 4
    }

    /// Adds a message if there is room now; returns it if there is none. `Ok(false)`: the reader is
    /// gone.
    pub fn offer(&self, said: Result<Pulled>) -> Result<bool, Result<Pulled>> {
        let weight = weight(&said);
        let mut bytes = self.room.bytes.lock();
        if !self.has_room(*bytes, weight) {
            return Err(said);
        }
        match self.sender.try_send(said) {
            Ok(()) => {
                *bytes += weight;
                Ok(true)
            }
            Err(TrySendError::Disconnected(_)) => Ok(false),
            Err(TrySendError::Full(said)) => Err(said),
        }
    }

    /// Adds a message, and waits for room; false if the reader is gone. Blocks the thread.
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

    /// Waits until all messages have been taken; the stream has reached `position`. False if the
    /// reader is gone. Blocks the thread.
    pub fn drain(&self, position: CommitTs) -> bool {
        while !self.sender.is_empty() {
            if !self.wait(usize::MAX, Some(position)) {
                return false;
            }
        }
        true
    }

    /// Waits a little for room for `weight`; false if the reader is gone. `position` is the
    /// stream's position: it is sent because only sending shows whether the reader still exists.
    fn wait(&self, weight: usize, position: Option<CommitTs>) -> bool {
        if position.is_some_and(|position| !self.send_resolved(position)) {
            return false;
        }
        let end = Instant::now() + PATIENCE;
        let mut bytes = self.room.bytes.lock();
        while !self.has_room(*bytes, weight) {
            if self.room.freed.wait_until(&mut bytes, end).timed_out() {
                break;
            }
        }
        true
    }

    /// Whether there is room for `weight` bytes if the queue holds `bytes`.
    fn has_room(&self, bytes: usize, weight: usize) -> bool {
        let waiting = self.sender.len();
        waiting == 0 || bytes.saturating_add(weight) <= self.room.most && waiting < MOST
    }

    /// Sends the stream's position if there is room. It may be sent again at any time. False if the
    /// reader is gone.
    pub fn send_resolved(&self, position: CommitTs) -> bool {
        !matches!(self.sender.try_send(Ok(Pulled::Resolved(position))), Err(e) if e.is_disconnected())
    }
}

impl QueueReceiver {
    /// The next message, if there is one now.
    ///
    /// # Errors
    /// If there is none, or the stream has ended.
    pub fn try_recv(&self) -> Result<Result<Pulled>, TryRecvError> {
        self.receiver.try_recv().inspect(|said| self.free(said))
    }

    /// Waits for the next message until `deadline`.
    ///
    /// # Errors
    /// If none has come by then, or the stream has ended.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Result<Pulled>, RecvTimeoutError> {
        self.receiver.recv_deadline(deadline).inspect(|said| self.free(said))
    }

    /// Waits for the next message no longer than `limit`.
    ///
    /// # Errors
    /// If none has come by then, or the stream has ended.
    pub fn recv_timeout(&self, limit: Duration) -> Result<Result<Pulled>, RecvTimeoutError> {
        self.recv_deadline(Instant::now() + limit)
    }

    /// All messages until the stream ends; waits for each.
    pub fn iter(&self) -> impl Iterator<Item = Result<Pulled>> {
        std::iter::from_fn(|| self.receiver.recv().inspect(|said| self.free(said)).map_err(|RecvError| ()).ok())
    }

    /// Whether both are ends of one queue.
    #[must_use]
    pub fn same_queue(&self, other: &Self) -> bool {
        self.receiver.same_channel(&other.receiver)
    }

    /// Lets `select` wait for the next message too.
    pub(crate) fn add_to<'a>(&'a self, select: &mut Select<'a>) {
        select.recv(&self.receiver);
    }

    fn free(&self, taken: &Result<Pulled>) {
        let mut bytes = self.room.bytes.lock();
        *bytes = bytes.saturating_sub(weight(taken));
        // A writer that wakes has half the queue to fill: woken for each message, both ends would
        // only take turns.
        if *bytes <= self.room.most / 2 && self.receiver.len() <= MOST / 2 {
            self.room.freed.notify_all();
        }
    }
}

/// For a channel that is bounded in another way, or not at all.
impl From<Receiver<Result<Pulled>>> for QueueReceiver {
    fn from(receiver: Receiver<Result<Pulled>>) -> Self {
        Self { receiver, room: Arc::default() }
    }
}

/// The bytes of a message for the bound. A resolved ts only counts as a message.
fn weight(said: &Result<Pulled>) -> usize {
    let bytes = match said {
        Ok(Pulled::Resolved(_)) => return 0,
        Ok(Pulled::Txn(RawTxn { body, .. })) => match body {
            Body::Rows(bytes) | Body::Named { events: bytes, .. } => bytes.len(),
            Body::Ddl { query: bytes, .. } | Body::Statement(bytes) => bytes.len(),
            Body::Nothing => 0,
        },
        Ok(Pulled::Joins { .. }) | Err(_) => 0,
    };
    bytes + BESIDE
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn txn(ts: u64, bytes: usize) -> Result<Pulled> {
        let body = Body::Rows(vec![0; bytes].into());
        Ok(Pulled::Txn(RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(1), body }))
    }

    /// The next transaction's ts; skips positions that were sent while it waited.
    fn next(receiver: &QueueReceiver) -> Option<u64> {
        let txns = |said: Result<Pulled>| match said.unwrap() {
            Pulled::Txn(txn) => Some(txn.commit_ts.0),
            _ => None,
        };
        receiver.iter().find_map(txns)
    }

    #[test]
    fn a_writer_that_waits_for_room_wakes_when_there_is_room() {
        const ROUNDS: u32 = 100;
        let (queue, receiver) = Queue::new(LEAST, 1);
        let writer = thread::spawn(move || (1..=ROUNDS).all(|ts| queue.send(txn(ts.into(), LEAST))));
        let begin = Instant::now();
        for ts in 1..=ROUNDS {
            assert_eq!(next(&receiver), Some(ts.into()));
        }
        assert!(writer.join().unwrap());
        assert!(begin.elapsed() < ROUNDS * PATIENCE / 4, "{:?}", begin.elapsed());
    }

    #[test]
    fn a_queue_has_room_again_for_what_was_taken() {
        let (queue, receiver) = Queue::new(LEAST, 1);
        assert!(queue.offer(txn(1, LEAST / 2)).unwrap());
        assert!(queue.offer(txn(2, LEAST / 2)).is_err());
        assert!(queue.offer(txn(2, LEAST / 4)).unwrap());
        assert_eq!(next(&receiver), Some(1));
        assert!(queue.offer(txn(3, LEAST / 2)).unwrap());
        assert_eq!((next(&receiver), next(&receiver)), (Some(2), Some(3)));
        assert_eq!(*receiver.room.bytes.lock(), 0);
        assert!(queue.offer(txn(4, LEAST * 2)).unwrap(), "alone, it may be larger than the queue");
    }

    #[test]
    fn a_writer_learns_that_the_other_end_is_gone() {
        let (queue, receiver) = Queue::new(LEAST, 1);
        assert!(queue.send(txn(1, LEAST)));
        let writer = thread::spawn(move || queue.send(txn(2, LEAST)));
        thread::sleep(PATIENCE / 5);
        drop(receiver);
        assert!(!writer.join().unwrap());
    }
}
