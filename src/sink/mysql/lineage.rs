//! Which batches under way hold which tokens, so that a new batch knows for which it has to wait.

use std::collections::HashMap;

use super::board::Id;

/// Entries that may pile up before dead ones are looked for.
const ROOM: usize = 1 << 16;

/// The batches under way by the tokens of their rows. Batches are numbered in the order of the stream.
#[derive(Default)]
pub(super) struct Lineage {
    holders: HashMap<u64, Holders, foldhash::fast::FixedState>,
    room: usize,
}

#[derive(Default)]
struct Holders {
    exclusive: Option<Id>,
    /// Those behind the exclusive one.
    shared: Vec<Id>,
}

impl Lineage {
    /// Enters batch `id` with its tokens (each hash once, with whether it is exclusive), and gives the batches at or above
    /// `oldest` that have to be durable before it. Those below are durable already.
    pub(super) fn enter(&mut self, id: Id, tokens: &[(u64, bool)], oldest: Id) -> Vec<Id> {
        if self.holders.len() > self.room.max(ROOM) {
            self.holders
                .retain(|_, h| h.exclusive.is_some_and(|e| e >= oldest) || h.shared.iter().any(|s| *s >= oldest));
            self.room = self.holders.len() * 2;
        }
        let mut before = Vec::new();
        for (hash, exclusive) in tokens {
            let holders = self.holders.entry(*hash).or_default();
            before.extend(holders.exclusive.filter(|e| *e >= oldest));
            if *exclusive {
                before.extend(holders.shared.drain(..).filter(|s| *s >= oldest));
                holders.exclusive = Some(id);
            } else {
                if holders.shared.len() > 8 {
                    holders.shared.retain(|s| *s >= oldest);
                }
                holders.shared.push(id);
            }
        }
        before.sort_unstable();
        before.dedup();
        before
    }

    /// Nothing is under way any more.
    pub(super) fn clear(&mut self) {
        self.holders.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_wait_for_the_writer_and_the_next_writer_for_all() {
        let mut lineage = Lineage::default();
        assert!(lineage.enter(1, &[(7, true)], 0).is_empty());
        assert_eq!(lineage.enter(2, &[(7, false), (8, true)], 0), [1]);
        assert_eq!(lineage.enter(3, &[(7, false)], 0), [1]);
        assert_eq!(lineage.enter(4, &[(7, true), (8, true)], 0), [1, 2, 3]);
        // What is durable need not be waited for.
        assert_eq!(lineage.enter(5, &[(7, true)], 5), Vec::<Id>::new());
        assert!(lineage.enter(6, &[(9, true)], 5).is_empty());
    }
}
