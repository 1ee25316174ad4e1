//! The timestamp oracle of the simulated cluster: one counter for everybody who asks.

use std::sync::Mutex;

use jiff::Timestamp;

use super::state::lock;
use crate::model::CommitTs;

/// How many timestamps fit into one millisecond.
const PER_MS: u64 = 1 << 18;

/// Where the physical part of timestamps comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// This machine's clock, as PD does it.
    Wall,
    /// Stands still at this ts: each request takes the next counter, and `set_tso` moves it on. For runs that must be
    /// the same every time.
    Manual(CommitTs),
}

/// Gives out timestamps that only rise.
pub(super) struct Clock {
    wall: bool,
    last: Mutex<CommitTs>,
}

impl Clock {
    pub(super) fn new(mode: ClockMode) -> Self {
        match mode {
            ClockMode::Wall => Self { wall: true, last: Mutex::new(CommitTs(0)) },
            ClockMode::Manual(ts) => Self { wall: false, last: Mutex::new(ts) },
        }
    }

    /// The largest of the next `count` timestamps; `None` if a millisecond cannot hold that many, or for none at all.
    pub(super) fn take(&self, count: u32) -> Option<CommitTs> {
        let count = u64::from(count);
        if count == 0 || count >= PER_MS {
            return None;
        }
        let mut last = lock(&self.last);
        let now = self.physical(*last);
        let used = if now > last.physical_ms() { 0 } else { last.logical() };
        let next = used + count;
        *last = if next < PER_MS { CommitTs::from_parts(now, next) } else { CommitTs::from_parts(now + 1, count) };
        Some(*last)
    }

    /// The next timestamp.
    pub(super) fn next(&self) -> CommitTs {
        // One always fits; the fallback only keeps the types honest.
        self.take(1).unwrap_or_default()
    }

    /// Everything from now on is above `ts`; nothing happens if it is anyway.
    pub(super) fn raise(&self, ts: CommitTs) {
        let mut last = lock(&self.last);
        *last = (*last).max(ts);
    }

    /// About now, without taking a timestamp: what heartbeats show.
    pub(super) fn about(&self) -> CommitTs {
        let last = *lock(&self.last);
        last.max(CommitTs::from_millis(self.physical(last)))
    }

    fn physical(&self, last: CommitTs) -> u64 {
        let wall = if self.wall { u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0) } else { 0 };
        wall.max(last.physical_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_never_overlap_and_spill_into_the_next_millisecond() {
        let clock = Clock::new(ClockMode::Manual(CommitTs::from_parts(1000, 0)));
        assert_eq!(clock.take(10), Some(CommitTs::from_parts(1000, 10)));
        assert_eq!(clock.take(1), Some(CommitTs::from_parts(1000, 11)));
        assert_eq!(clock.take(262_143), Some(CommitTs::from_parts(1001, 262_143)));
        assert_eq!(clock.take(1), Some(CommitTs::from_parts(1002, 1)));
        assert_eq!((clock.take(0), clock.take(262_144)), (None, None));
        clock.raise(CommitTs::from_parts(5, 5));
        assert_eq!(clock.next(), CommitTs::from_parts(1002, 2));
    }
}
