//! Tracks schema versions: the table definitions with which each row is decoded.
//!
//! ```text
//! job, info, index_info   what TiDB's JSON says
//! http                    where it comes from: TiDB's status port (trait History)
//! convert                 TableInfo -> model::Table
//! default                 what a row holds of a column that is younger than the row
//! apply                   what one job changes in the store
//! statement               the text that runs on the target, names in the catalog's letter case
//! text                    a DDL of which only its text is known
//! store                   databases and tables at one version, and how the catalog begins
//! catalog                 the store at a position, moved on by rows and DDL messages
//! early                   DDL whose rows come before its message
//! partitions              partitions that changed their rows at once
//! ahead                   what tables become beyond that position
//! ```
//!
//! In this file: the trait [`History`], the source of DDL jobs; a history in a file, the answer of
//! TiDB's `/ddl/history` saved beside a recording; and a reader of long JSON arrays that holds one
//! element in memory at a time.

mod ahead;
mod apply;
mod catalog;
mod convert;
mod default;
mod early;
pub(crate) mod http;
mod index_info;
mod info;
mod job;
mod partitions;
mod statement;
mod store;
mod text;

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::error::Fault;
pub use ahead::{Ahead, Course, Later, carried};
pub(crate) use catalog::sets_value;
pub use catalog::{Catalog, FRESH, TableLookup};
pub use convert::{Converted, convert};
pub use early::{EarlyJob, TableNow};
pub use http::HttpHistory;
pub use index_info::{CheckInfo, FkInfo, IndexColumn, IndexInfo, PartitionDefinition, PartitionInfo};
pub use info::{CiStr, ColumnInfo, DbInfo, FieldType, PUBLIC, TableInfo, TtlInfo};
pub use job::{HistoryInfo, Job, RESERVED_ABOVE, Snapshot};
pub use partitions::{LateTable, Moved};
pub(crate) use statement::unclear;
pub use text::{TextDdl, Unclear, from_text};

/// A `ddl_history.json`. It is read on each request: nothing of it stays in memory.
#[derive(Clone, Debug)]
pub struct FileHistory {
    path: PathBuf,
}

impl FileHistory {
    /// The history in the file `path`.
    ///
    /// # Errors
    /// If it cannot be read, or is not an array of DDL jobs.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let history = Self { path: path.as_ref().to_owned() };
        history.each(&mut drop)?;
        Ok(history)
    }
}

impl History for FileHistory {
    fn all(&self) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        self.each(&mut |job| jobs.push(job))?;
        Ok(jobs)
    }

    fn each(&self, take: &mut dyn FnMut(Job)) -> Result<()> {
        let path = self.path.display();
        let unreadable = |e: std::io::Error| {
            Fault::connect(format!("reading the DDL history {path}: {e}"))
                .hint("a recording needs the answer of TiDB's /ddl/history next to it, as ddl_history.json")
        };
        let file = File::open(&self.path).map_err(unreadable)?;
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 18, file));
        let read = each(&mut json, take).and_then(|count| json.end().map(|()| count));
        match read {
            Ok(Some(_)) => Ok(()),
            Err(e) if e.is_io() => Err(unreadable(e.into()).into()),
            other => {
                let why = other.err().map_or("it says null".to_owned(), |e| e.to_string());
                let text = format!("the DDL history {path} is not what TiDB's /ddl/history answers: {why}");
                Err(Fault::refused(text).hint("save the whole answer of http://TIDB:10080/ddl/history there").into())
            }
        }
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        let mut found = None;
        self.each(&mut |job| {
            if job.id == id {
                found = Some(job);
            }
        })?;
        Ok(found)
    }

    fn grows(&self) -> bool {
        false
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        Ok(None)
    }
}

/// Gives each element of the array at the start of `json` to `take`, and returns their number;
/// `None` for null, as Go writes an empty list.
///
/// # Errors
/// If it is not an array of such elements, or cannot be read. `take` has got what came before the
/// fault.
fn each<'de, T, D>(json: D, take: &mut dyn FnMut(T)) -> Result<Option<usize>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Each { take, of: PhantomData }.deserialize(json)
}

struct Each<'a, T> {
    take: &'a mut dyn FnMut(T),
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Each<'_, T> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<'_, T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Option<usize>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<usize>, A::Error> {
        let mut count = 0;
        while let Some(item) = list.next_element()? {
            (self.take)(item);
            count += 1;
        }
        Ok(Some(count))
    }
}

/// The finished DDL jobs of a cluster.
///
/// The [`Catalog`] reads it on the pipeline's thread, and [`Ahead`] on the threads of a MySQL sink:
/// calls may be concurrent, and each returns the history as it is then. They may block for as long
/// as a request takes.
pub trait History: Send + Sync {
    /// All finished jobs, in any order. The default of [`each`](Self::each) and
    /// [`recent`](Self::recent) calls it.
    ///
    /// # Errors
    /// If they cannot be read.
    fn all(&self) -> Result<Vec<Job>>;

    /// Gives all finished jobs to `take`, in any order, one perhaps twice. Called when the catalog
    /// begins. A history that can stream jobs without holding all at once overrides this.
    ///
    /// # Errors
    /// If they cannot be read.
    fn each(&self, take: &mut dyn FnMut(Job)) -> Result<()> {
        self.all()?.into_iter().for_each(take);
        Ok(())
    }

    /// The job with this id; `None` if it is not there (yet). Called for a DDL message whose job is
    /// not known, and while [`grows`](Self::grows) again until the job is there.
    ///
    /// # Errors
    /// If the history cannot be read.
    fn job(&self, id: i64) -> Result<Option<Job>>;

    /// Whether a job that is missing may still appear: true for a live cluster, false for a file.
    /// Constant.
    fn grows(&self) -> bool;

    /// Whether the cluster compares keys as bytes, for every collation of their columns; `None`
    /// where this is not known. Asked once, before the first row.
    fn old_collations(&self) -> Option<bool> {
        None
    }

    /// Databases and tables as they are now; `None` if the source cannot know.
    ///
    /// # Errors
    /// If they cannot be read.
    fn current(&self) -> Result<Option<Snapshot>>;

    /// Gives [`current`](Self::current) to `take`, one table after the other: each database first
    /// alone, then with each of its tables. Returns whether the source can know. Called once when
    /// the catalog begins, before [`each`](Self::each), so that `each` has every job behind these
    /// tables.
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

    /// The table with this id as it is now; `None` if there is no server to ask. Called for a row
    /// whose schema version no finished job explains.
    ///
    /// # Errors
    /// If it cannot be read.
    fn table_now(&self, _: i64) -> Result<Option<TableNow>> {
        Ok(None)
    }

    /// The newest jobs that are not `known`, in any order. May leave out a job that lies behind
    /// many known ones: a caller that needs a certain job asks for it by its id.
    ///
    /// # Errors
    /// If they cannot be read.
    fn recent(&self, known: &dyn Fn(i64) -> bool) -> Result<Vec<Job>> {
        let mut jobs = self.all()?;
        jobs.retain(|j| !known(j.id));
        Ok(jobs)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Deserializer;

    use super::*;

    #[test]
    fn lists_and_nothing() {
        let read = |text: &str| {
            let mut found = Vec::new();
            let count = each(&mut Deserializer::from_str(text), &mut |n: u8| found.push(n)).map_err(|e| e.to_string());
            (count, found)
        };
        assert_eq!(read("[1, 2]"), (Ok(Some(2)), vec![1, 2]));
        assert_eq!(read("[]"), (Ok(Some(0)), vec![]));
        assert_eq!(read("null"), (Ok(None), vec![]));
        let (error, found) = read("[1, 300]");
        assert!(error.unwrap_err().contains("300") && found == [1]);
        assert!(read("{}").0.unwrap_err().contains("a list"));
        assert!(read("[1").0.is_err());
    }
}
