//! A worker's connection with its slot, and whether the server behind it still remembers what was acknowledged.

use anyhow::Result;

use super::session::Session;
use crate::checkpoint::{Acknowledged, Link, Slot};

/// One connection with its slot.
pub(super) struct Lane {
    pub(super) session: Session,
    pub(super) slot: Slot,
    /// The number of the comparison by which the server behind it holds all that was acknowledged.
    pub(super) compared: u64,
}

impl Lane {
    /// Takes note, with `note`, that something is durable. Where other connections were made meanwhile, this one is first shown to lead to a
    /// server that remembers: the one that gave the answer may be gone.
    ///
    /// # Errors
    /// If the connection is lost, or the server has forgotten something: whether this is durable is open then.
    pub(super) fn acknowledge(
        &mut self,
        acknowledged: &Acknowledged,
        link: &Link,
        note: impl Fn(&Acknowledged, u64) -> bool,
    ) -> Result<()> {
        while !note(acknowledged, self.compared) {
            self.compared = acknowledged.compare(&mut self.session, link)?;
        }
        Ok(())
    }
}
