//! How far the target is: the low-water mark below which everything is durable.
//!
//! Transactions go to the target in windows, each cut into parts that become durable in any order. The mark stands at
//! the end of the last window before which none is unfinished; a part that never comes back blocks it for good.

use std::collections::VecDeque;

use crate::model::CommitTs;

/// Names a window; rises by one from window to window.
pub type WindowId = u64;

/// The windows under way, oldest first.
#[derive(Debug, Default)]
pub struct Progress {
    open: VecDeque<Open>,
    next: WindowId,
    records: usize,
}

#[derive(Debug)]
struct Open {
    last: CommitTs,
    left: usize,
    records: usize,
}

impl Progress {
    /// A window of `parts` parts that reaches `last` has gone on its way; `records` is how many bytes the target keeps to remember what of it is
    /// durable, until the mark has passed it.
    pub fn open(&mut self, last: CommitTs, parts: usize, records: usize) -> WindowId {
        self.open.push_back(Open { last, left: parts, records });
        self.records += records;
        self.next += 1;
        self.next - 1
    }

    /// One of the parts of `window` is durable. Gives the new low-water mark if it moved.
    pub fn done(&mut self, window: WindowId) -> Option<CommitTs> {
        let first = self.next - self.open.len() as u64;
        let place = usize::try_from(window.checked_sub(first)?).ok()?;
        let found = self.open.get_mut(place)?;
        found.left = found.left.saturating_sub(1);
        let mut mark = None;
        while let Some(front) = self.open.front().filter(|w| w.left == 0) {
            mark = Some(front.last);
            self.records -= front.records;
            self.open.pop_front();
        }
        mark
    }

    /// Bytes that the target keeps to remember what is durable above the mark, or will when it is.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// How far the oldest window reaches, which everything behind it waits for.
    #[must_use]
    pub fn oldest(&self) -> Option<CommitTs> {
        self.open.front().map(|w| w.last)
    }

    /// Whether `window` is the oldest, and one part of it is left.
    #[must_use]
    pub fn only_left(&self, window: WindowId) -> bool {
        window + self.open.len() as u64 == self.next && self.open.front().is_some_and(|w| w.left == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_waits_for_the_oldest_window() {
        let mut progress = Progress::default();
        let (a, b, c) = (
            progress.open(CommitTs(10), 2, 7),
            progress.open(CommitTs(20), 1, 20),
            progress.open(CommitTs(30), 2, 500),
        );
        assert_eq!(progress.done(b), None);
        assert_eq!(progress.done(a), None);
        assert_eq!((progress.records(), progress.oldest()), (527, Some(CommitTs(10))));
        assert_eq!(progress.done(c), None);
        assert_eq!(progress.done(a), Some(CommitTs(20)));
        assert_eq!((progress.records(), progress.oldest()), (500, Some(CommitTs(30))));
        assert_eq!(progress.done(c), Some(CommitTs(30)));
        assert_eq!((progress.records(), progress.oldest()), (0, None));
        let d = progress.open(CommitTs(40), 1, 0);
        assert_eq!(progress.done(d), Some(CommitTs(40)));
        // A window that is through cannot be counted down again.
        assert_eq!(progress.done(a), None);
    }
}
