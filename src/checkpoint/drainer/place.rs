//! Where a Drainer keeps its checkpoint (docs/protocol/tidb-binlog.md §8.1), and reading it there.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Row;
use crate::checkpoint::inspect::standings;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::mysql::address::Target;
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;
use crate::sql::{quote_name, quote_text};

/// Where a Drainer keeps its checkpoint.
#[derive(Clone, Debug)]
pub enum DrainerPlace {
    /// A table on the link's own target. It is kept in step, so that Drainer can continue from
    /// there.
    Target(DrainerTable),
    /// A table on another server, which is only read.
    Server {
        /// The server.
        server: Box<Target>,
        /// The table.
        table: DrainerTable,
    },
    /// A file of three lines of TOML, which is only read. It does not say which cluster it is
    /// about.
    File(PathBuf),
}

/// A row of Drainer's, or why it cannot be read; with its cluster if that is known.
pub type DrainerRow = (Option<u64>, Result<Row, Fault>);

/// Drainer's checkpoint table: one row per cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainerTable {
    /// Its database.
    pub schema: String,
    /// Its name.
    pub table: String,
}

impl Default for DrainerTable {
    fn default() -> Self {
        Self { schema: "tidb_binlog".to_owned(), table: "checkpoint".to_owned() }
    }
}

impl Default for DrainerPlace {
    fn default() -> Self {
        Self::Target(DrainerTable::default())
    }
}

impl fmt::Display for DrainerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

impl fmt::Display for DrainerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(table) => write!(f, "{table} on the target"),
            Self::Server { server, table } => write!(f, "{table} on {}", server.name()),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

impl DrainerPlace {
    /// The table on the target that is kept in step: Drainer's own, or the default one if that is
    /// elsewhere.
    #[must_use]
    pub fn kept(&self) -> DrainerTable {
        match self {
            Self::Target(table) => table.clone(),
            Self::Server { .. } | Self::File(_) => DrainerTable::default(),
        }
    }

    /// All rows there, each with its cluster (a file does not have it). `session` is connected to
    /// the link's target. A row that cannot be read does not hide the others.
    ///
    /// # Errors
    /// If the table or file cannot be read.
    pub fn rows(&self, session: &mut Session) -> Result<Vec<DrainerRow>> {
        Ok(match self {
            Self::Target(table) => table.rows(session)?,
            Self::Server { server, table } => table.rows(&mut Session::open(server)?)?,
            Self::File(path) => file(path)?.into_iter().map(|row| (None, Ok(row))).collect(),
        })
    }

    /// What Drainer itself wrote there for `cluster_id`; `None` if a link wrote it. `session` is
    /// connected to the link's target.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn find(&self, session: &mut Session, cluster_id: u64) -> Result<Option<Row>> {
        match self {
            Self::Target(table) => {
                let row = table.read(session, cluster_id)?;
                let links = standings(session, Some(cluster_id))?;
                let by_link = |row: &Row| links.iter().any(|l| l.position.0 > 0 && l.drainer == row.commit_ts);
                Ok(row.filter(|row| !by_link(row)))
            }
            Self::Server { server, table } => {
                let mut session =
                    Session::open(server).with_context(|| format!("where Drainer's checkpoint is stored, {self}"))?;
                Ok(table.read(&mut session, cluster_id)?)
            }
            Self::File(path) => file(path),
        }
    }
}

impl DrainerTable {
    /// The quoted name, for statements.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.table))
    }

    /// The statements that Drainer creates its table with, word for word.
    pub(super) fn create(&self) -> [String; 2] {
        [
            format!("create schema if not exists {}", quote_name(&self.schema)),
            format!(
                "create table if not exists {}(clusterID bigint unsigned primary key, checkPoint MEDIUMTEXT)",
                self.quoted()
            ),
        ]
    }

    pub(super) fn exists(&self, session: &mut Session) -> Result<bool, SessionError> {
        let there: Option<u64> = session.fetch_one(&format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
            quote_text(&self.schema),
            quote_text(&self.table)
        ))?;
        Ok(there.unwrap_or(0) > 0)
    }

    /// The row of a cluster.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, session: &mut Session, cluster_id: u64) -> Result<Option<Row>, SessionError> {
        if self.exists(session)? { self.locked(session, cluster_id, "") } else { Ok(None) }
    }

    fn rows(&self, session: &mut Session) -> Result<Vec<DrainerRow>, SessionError> {
        if !self.exists(session)? {
            return Ok(Vec::new());
        }
        let rows: Vec<(u64, Option<String>)> =
            session.fetch(&format!("SELECT `clusterID`, `checkPoint` FROM {} ORDER BY `clusterID`", self.quoted()))?;
        let row = |(cluster, text): (u64, Option<String>)| {
            let row = self.parse(cluster, &text?).transpose()?;
            Some((Some(cluster), row))
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }

    pub(super) fn locked(
        &self,
        session: &mut Session,
        cluster_id: u64,
        lock: &str,
    ) -> Result<Option<Row>, SessionError> {
        let text: Option<Option<String>> = session
            .fetch_one(&format!("SELECT `checkPoint` FROM {} WHERE `clusterID` = {cluster_id}{lock}", self.quoted()))?;
        let Some(text) = text.flatten() else { return Ok(None) };
        Ok(self.parse(cluster_id, &text)?)
    }

    /// The content of a row; `None` if Drainer has not begun.
    fn parse(&self, cluster_id: u64, text: &str) -> Result<Option<Row>, Fault> {
        let row: Row = serde_json::from_str(text).map_err(|e| {
            Fault::refused(format!(
                "Drainer's checkpoint of cluster {cluster_id} on the target ({self}) cannot be read: {e}: `{text}`"
            ))
            .hint("if Drainer will not be used with this target again, delete the row")
        })?;
        Ok(Some(row).filter(|r| r.commit_ts.0 > 0))
    }
}

/// Reads a savepoint file. A missing file is an error: the operator named it, and it was Drainer's
/// only record.
fn file(path: &Path) -> Result<Option<Row>> {
    let unreadable = |why: String| {
        Fault::refused(format!("Drainer's checkpoint in {} cannot be read: {why}", path.display()))
            .hint("give the right file, or leave it out and use --start-ts")
    };
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    let row = savepoint(&text).map_err(unreadable)?;
    Ok(Some(row).filter(|r| r.commit_ts.0 > 0))
}

/// Parses `consistent = false`, `commitTS = 470…`, `schema-version = 47`, one per line.
fn savepoint(text: &str) -> Result<Row, String> {
    let (mut consistent, mut commit_ts, mut schema_version) = (false, None, 0);
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (key, value) = line.split_once('=').ok_or_else(|| format!("a line without `=`: `{line}`"))?;
        let value = value.trim();
        let odd = || format!("`{line}`");
        match key.trim() {
            "consistent" => consistent = value.parse().map_err(|_| odd())?,
            "commitTS" => commit_ts = Some(value.parse::<i64>().map_err(|_| odd())?),
            "schema-version" => schema_version = value.parse().map_err(|_| odd())?,
            _ => return Err(odd()),
        }
    }
    let commit_ts = commit_ts.and_then(CommitTs::from_wire).ok_or("it has no commitTS")?;
    Ok(Row { consistent, commit_ts, schema_version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_savepoint_is_read_as_drainer_writes_it() {
        let read = savepoint("consistent = true\ncommitTS = 470616475975548936\nschema-version = 47\n");
        let row = Row { consistent: true, commit_ts: CommitTs(470_616_475_975_548_936), schema_version: 47 };
        assert_eq!(read, Ok(row));
        let old = savepoint("commitTS = 5\n").map(|r| (r.consistent, r.commit_ts.0, r.schema_version));
        assert_eq!(old, Ok((false, 5, 0)));
        for bad in ["", "commitTS = x", "commitTS = 5\nwhat = 1", "commitTS", "consistent = maybe\ncommitTS = 5"] {
            assert!(savepoint(bad).is_err(), "{bad}");
        }
    }
}
