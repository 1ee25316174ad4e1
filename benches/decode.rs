//! How fast binlogs become rows on one core: row changes and bytes a second of `decode::rows`, over the `sbtest` recording where
//! there is one, and over generated workloads. `cargo bench --bench decode`.
#![allow(clippy::print_stderr, reason = "a bench says what it leaves out")]
#![allow(clippy::expect_used, reason = "a bench that cannot go on panics")]

#[allow(dead_code, reason = "each binary uses its own part")]
#[path = "../tests/common/load/mod.rs"]
mod load;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::load::{Bank, Wide, Workload};
use anyhow::{Context, Result};
use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput};
use tisync::decode::{self, Lookup};
use tisync::model::{Body, CommitTs, Pulled, Table};
use tisync::schema::{Catalog, FileHistory};
use tisync::source::recording::{self, Frames};

/// The transactions of a recording, in memory, with what reads them.
struct Stream {
    txns: Vec<(CommitTs, Bytes)>,
    tables: HashMap<i64, Arc<Table>>,
}

impl Stream {
    /// Reads a recording in which no table changes once it has rows.
    fn read(folder: &Path) -> Result<Self> {
        let history = recording::history_file(folder).context("the recording has no history")?;
        let end = CommitTs(u64::MAX >> 1);
        let catalog = Catalog::at(Arc::new(FileHistory::open(history)?), end)?;
        let tables = catalog.tables().map(|t| (t.id, t.clone())).collect();
        let mut txns = Vec::new();
        for file in recording::files(folder)? {
            for frame in Frames::open(&file)? {
                if let Pulled::Txn(txn) = frame?.read()?
                    && let Body::Rows(value) = txn.body
                {
                    // A copy of its own: the message around it is not needed.
                    txns.push((txn.commit_ts, Bytes::copy_from_slice(&value)));
                }
            }
        }
        Ok(Self { txns, tables })
    }

    /// Decodes everything; gives the number of row changes.
    fn decode(&self) -> Result<usize> {
        let mut count = 0;
        for (commit_ts, value) in &self.txns {
            let rows = decode::rows(value, *commit_ts, &mut |id, _| {
                Ok(self.tables.get(&id).map_or(Lookup::Skip, |t| Lookup::Read(t.clone())))
            })?;
            count += black_box(rows).len();
        }
        Ok(count)
    }

    fn bytes(&self) -> usize {
        self.txns.iter().map(|(_, value)| value.len()).sum()
    }
}

fn measure(criterion: &mut Criterion, name: &str, folder: &Path) {
    let stream = Stream::read(folder).expect("a recording");
    let (elements, bytes) = (stream.decode().expect("good rows") as u64, stream.bytes() as u64);
    assert!(elements > 0, "{name} has no rows");
    let mut group = criterion.benchmark_group("decode");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(6));
    group.throughput(Throughput::ElementsAndBytes { elements, bytes });
    group.bench_function(name, |bencher| bencher.iter(|| stream.decode().expect("good rows")));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    let sbtest = std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from).join("sbtest");
    if sbtest.is_dir() {
        measure(&mut criterion, "sbtest", &sbtest);
    } else {
        eprintln!("SKIPPED: no recording at {} (TISYNC_RECORDINGS names the folder above it)", sbtest.display());
    }
    let made: [&dyn Workload; 2] = [
        &Bank { seed: 1, accounts: 1_000, balance: 100_000, transfers: 20_000, kept: Some(1_000) },
        &Wide { seed: 1, rows: 1_000, txns: 1_000 },
    ];
    for workload in made {
        let dir = tempfile::tempdir().expect("a temporary folder");
        load::write(workload, dir.path()).expect("a workload");
        measure(&mut criterion, workload.name(), dir.path());
    }
    criterion.final_summary();
}
