//! What is applied: the `sbtest` recording where there is one, and generated workloads in temporary folders.

use std::path::{Path, PathBuf};

use crate::load::{self, Bank, NoKey, Truth, Wide, Workload};
use anyhow::{Context, Result, bail};
use mysql::Conn;
use mysql::prelude::Queryable;
use tempfile::TempDir;

/// A recording, and what a target must hold in the end.
pub struct Load {
    pub name: &'static str,
    /// Where the run starts, for `--start-ts`.
    pub start: u64,
    folder: PathBuf,
    expected: Expected,
    /// The bank, which a reader can watch.
    pub bank: Option<Bank>,
    /// Removes a generated folder.
    _dir: Option<TempDir>,
}

enum Expected {
    /// What the upstream's own SQL said: `expected.tsv` of the recording.
    Recorded(String),
    Made(Truth),
}

/// Sizes are such that a run takes some seconds.
const BANK: Bank = Bank { seed: 1, accounts: 2_000, balance: 100_000, transfers: 160_000, kept: Some(5_000) };
const WIDE: Wide = Wide { seed: 1, rows: 5_000, txns: 6_000 };
const NO_KEY: NoKey = NoKey { seed: 1, rows: 2_000, txns: 20_000 };

impl Load {
    /// Those that `wanted` asks for, by name.
    pub fn all(wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Self>> {
        let mut loads = Vec::new();
        if wanted("sbtest") {
            loads.extend(Self::sbtest()?);
        }
        for (workload, bank) in [(&BANK as &dyn Workload, Some(BANK)), (&WIDE, None), (&NO_KEY, None)] {
            if wanted(workload.name()) {
                loads.push(Self::make(workload, bank)?);
            }
        }
        Ok(loads)
    }

    fn sbtest() -> Result<Option<Self>> {
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
        let folder = std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from).join("sbtest");
        if !folder.is_dir() {
            println!(
                "SKIPPED: no recording of sbtest at {} (TISYNC_RECORDINGS names the folder above it)",
                folder.display()
            );
            return Ok(None);
        }
        let expected = Expected::Recorded(std::fs::read_to_string(folder.join("expected.tsv"))?);
        Ok(Some(Self { name: "sbtest", start: 1, folder, expected, bank: None, _dir: None }))
    }

    fn make(workload: &dyn Workload, bank: Option<Bank>) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("tisync-bench-").tempdir()?;
        let truth = load::write(workload, dir.path())?;
        Ok(Self {
            name: workload.name(),
            start: truth.start_ts.0,
            folder: dir.path().to_owned(),
            expected: Expected::Made(truth),
            bank,
            _dir: Some(dir),
        })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many tables get rows.
    pub fn tables(&self) -> usize {
        match &self.expected {
            Expected::Recorded(lines) => lines.lines().count(),
            Expected::Made(truth) => truth.tables.len(),
        }
    }

    /// Fails unless the target holds what it must.
    pub fn check(&self, conn: &mut Conn) -> Result<()> {
        let lines = match &self.expected {
            Expected::Made(truth) => {
                let found = truth.differences(conn)?;
                if !found.is_empty() {
                    bail!("the rows are not the upstream's:\n{}", found.join("\n"));
                }
                return Ok(());
            }
            Expected::Recorded(lines) => lines,
        };
        for line in lines.lines() {
            let table = line.split('\t').next().context("a table's name")?;
            let there: Option<String> = conn.query_first(format!(
                "SELECT CONCAT_WS('\t', '{table}', COUNT(*), SUM(k), SUM(CRC32(CONCAT_WS('#', id, k, c, pad)))) \
                 FROM sbtest.{table}"
            ))?;
            if there.as_deref() != Some(line) {
                bail!("the rows are not the upstream's: expected `{line}`, found `{}`", there.unwrap_or_default());
            }
        }
        Ok(())
    }
}
