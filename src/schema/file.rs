//! A history that lies in a file: the answer of TiDB's `/ddl/history`, saved beside a recording.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{History, Job, Snapshot};
use crate::error::Fault;

/// A `ddl_history.json`. Read when asked: nothing of it stays in memory.
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
        history.all()?;
        Ok(history)
    }
}

impl History for FileHistory {
    fn all(&self) -> Result<Vec<Job>> {
        let path = self.path.display();
        let bytes = fs::read(&self.path).map_err(|e| {
            Fault::connect(format!("reading the DDL history {path}: {e}"))
                .hint("a recording needs the answer of TiDB's /ddl/history beside it, as ddl_history.json")
        })?;
        let jobs = serde_json::from_slice(&bytes).map_err(|e| {
            Fault::refused(format!("the DDL history {path} is not what TiDB's /ddl/history answers: {e}"))
                .hint("save the whole answer of http://TIDB:10080/ddl/history there")
        })?;
        Ok(jobs)
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        Ok(self.all()?.into_iter().find(|j| j.id == id))
    }

    fn grows(&self) -> bool {
        false
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        Ok(None)
    }
}
