//! A history that lies in a file: the answer of TiDB's `/ddl/history`, saved beside a recording.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Deserializer;

use super::each::each;
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
                .hint("a recording needs the answer of TiDB's /ddl/history beside it, as ddl_history.json")
        };
        let file = File::open(&self.path).map_err(unreadable)?;
        let mut json = Deserializer::from_reader(BufReader::with_capacity(1 << 18, file));
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
