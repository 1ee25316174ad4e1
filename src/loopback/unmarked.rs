//! A link that neither writes nor reads marks: its own data must not come back all the same.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;

use super::{Loopback, OtherChannels, Tables, Touched, Verdict, is_record};
use crate::decode::{LargeTxn, Lookup};
use crate::model::{CommitTs, Ddl, Table};

impl Loopback {
    /// Drops nothing; ends the run where data of the link comes back.
    #[must_use]
    pub fn unmarked() -> Self {
        Self::with(None, OtherChannels::Pass)
    }

    /// Whether the link has marks.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    /// Whether a link without marks, whose source has `tables` as it starts, has to look for its data: the source is then the target of another
    /// link, or was.
    pub fn watches<'a>(&mut self, mut tables: impl Iterator<Item = &'a Arc<Table>>) -> bool {
        self.records |= self.mark.is_none() && tables.any(|t| is_record(&t.schema, &t.name));
        self.records
    }

    /// Sees a DDL of the source: a link that starts to write there makes its tables first. Gives whether there is something to look for from now on.
    pub fn follow(&mut self, ddl: &Ddl) -> bool {
        let begins = !self.records && self.mark.is_none() && ddl.after.iter().any(|t| is_record(&t.schema, &t.name));
        self.records |= begins;
        begins
    }

    /// Says how to learn which cluster the target is, where that is not known: it may take a while, and is asked for at the first data of a link alone.
    #[must_use]
    pub fn identifying(mut self, identify: Identify) -> Self {
        self.identify = Some(Asks(identify));
        self
    }

    /// Passes everything but data that came back.
    pub(super) fn unmarked_judge(&mut self, value: &Bytes, ts: CommitTs, tables: Tables<'_>) -> Result<Verdict> {
        if !self.records {
            return Ok(Verdict::Pass);
        }
        let (mut touched, filter) = (Touched::default(), self.filter.as_deref());
        LargeTxn::open(value, ts, &mut |id, version| {
            touched.add(&tables(id, version)?, filter);
            Ok(Lookup::Skip)
        })?;
        if touched.records && !touched.users.is_empty() {
            if let Some(Asks(mut ask)) = self.identify.take_if(|_| self.opposite.is_none()) {
                self.opposite = ask()?;
            }
            self.look_for_echo(value, ts, (&touched, &Default::default()), tables)?;
        }
        Ok(Verdict::Pass)
    }
}

/// Asks the target which cluster it is; see [`identity::cluster`](crate::identity::cluster).
pub type Identify = Box<dyn FnMut() -> Result<Option<u64>> + Send>;

/// One that is not asked yet.
pub(super) struct Asks(Identify);

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asks")
    }
}

/// What to say of such a link.
pub const OF_A_TARGET: &str = "the source is the target of another tisync link, or was. If that link comes from this target, each change would go round between \
     the two for ever: this link would stop at the first one that comes back. Start both links with --loopback and the same --channel-id";
