//! Where the DDL jobs of a cluster come from: TiDB's status port, or a file beside a recording.

use anyhow::Result;

use super::{DbInfo, Job, Snapshot, TableInfo, TableNow};

/// The finished DDL jobs of a cluster.
pub trait History: Send + Sync {
    /// All of them, in any order.
    ///
    /// # Errors
    /// If they cannot be read.
    fn all(&self) -> Result<Vec<Job>>;

    /// Gives all of them to `take`, in any order, one perhaps twice. A history that can tell them without holding all at
    /// once does so here.
    ///
    /// # Errors
    /// If they cannot be read.
    fn each(&self, take: &mut dyn FnMut(Job)) -> Result<()> {
        self.all()?.into_iter().for_each(take);
        Ok(())
    }

    /// One of them; `None` if it is not there (yet).
    ///
    /// # Errors
    /// If the history cannot be read.
    fn job(&self, id: i64) -> Result<Option<Job>>;

    /// Whether a job that is not there may still appear: a live cluster's does, a file's does not.
    fn grows(&self) -> bool;

    /// Whether the cluster compares the bytes of keys, whatever collation their columns name; `None` where nobody tells.
    fn old_collations(&self) -> Option<bool> {
        None
    }

    /// Databases and tables as they are now, where the source can tell.
    ///
    /// # Errors
    /// If they cannot be read.
    fn current(&self) -> Result<Option<Snapshot>>;

    /// Gives the same to `take`, one table after the other: a database without, then with each of its tables. Whether
    /// the source can tell.
    ///
    /// # Errors
    /// If they cannot be read.
    fn each_current(&self, take: &mut dyn FnMut(&DbInfo, Option<TableInfo>)) -> Result<bool> {
        let Some(current) = self.current()? else { return Ok(false) };
        for (db, tables) in current.databases {
            take(&db, None);
            tables.into_iter().for_each(|table| take(&db, Some(table)));
        }
        Ok(true)
    }

    /// What the table of this id is now, where a server can be asked.
    ///
    /// # Errors
    /// If it cannot be read.
    fn table_now(&self, _: i64) -> Result<Option<TableNow>> {
        Ok(None)
    }

    /// The newest jobs that `known` does not know, in any order. May leave out one that lies behind many known ones:
    /// whoever needs a certain job asks for it by its id.
    ///
    /// # Errors
    /// If they cannot be read.
    fn recent(&self, known: &dyn Fn(i64) -> bool) -> Result<Vec<Job>> {
        let mut jobs = self.all()?;
        jobs.retain(|j| !known(j.id));
        Ok(jobs)
    }
}
