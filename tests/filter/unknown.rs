//! A table of which the history does not tell the definition: fatal to Drainer even if nobody wants its rows.

use std::fs;
use std::sync::Arc;

use crate::load::{self, ManyTables};
use anyhow::Result;
use tempfile::TempDir;
use tisync::error::fault;
use tisync::event::silent;
use tisync::filter::{Filter, Rules};
use tisync::model::{Change, CommitTs, Txn};
use tisync::pipeline::{End, Pipeline};
use tisync::route::Router;
use tisync::schema::{Catalog, CiStr, DbInfo, History, Job, Snapshot};
use tisync::selection::Selection;
use tisync::sink::{Sink, Totals};
use tisync::source::Source;
use tisync::source::recording::Recording;

use crate::Outcome;
use crate::common::recordings;

/// Without the job that made one table, which is there now, changed since.
struct Trimmed {
    jobs: Vec<Job>,
    now: Snapshot,
}

impl History for Trimmed {
    fn all(&self) -> Result<Vec<Job>> {
        Ok(self.jobs.clone())
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        Ok(self.jobs.iter().find(|j| j.id == id).cloned())
    }

    fn grows(&self) -> bool {
        false
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        Ok(Some(self.now.clone()))
    }
}

/// Counts rows.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn position(&self) -> Option<CommitTs> {
        None
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        if let Change::Rows(rows) = txn.change {
            self.0 += rows.len() as u64;
        }
        Ok(())
    }

    fn resolved(&mut self, _: CommitTs) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        Ok(())
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

pub fn an_unknown_definition_that_nobody_wants() -> Outcome {
    let dir = TempDir::new()?;
    let truth = load::write(&ManyTables { seed: 7, tables: 8, rows: 3 }, dir.path())?;
    let mut jobs: Vec<Job> = serde_json::from_slice(&fs::read(dir.path().join("ddl_history.json"))?)?;
    let at = jobs.iter().position(|j| j.table_name == "t5").unwrap();
    let made = jobs.remove(at);
    let mut info = *made.info.table.unwrap();
    info.update_timestamp = truth.end_ts.0;
    let db = DbInfo { id: made.schema_id, name: CiStr("load_many_tables".to_owned()), ..DbInfo::default() };
    let history = Arc::new(Trimmed { jobs, now: Snapshot { databases: vec![(db, vec![info])] } });
    let ddl = recordings::messages(dir.path()).into_iter().filter(|m| m.ddl_query.is_some()).map(|m| m.commit_ts);
    let from = CommitTs(ddl.max().flatten().unwrap().unsigned_abs());

    let run = |tables: &[&str]| {
        let mut source = Recording::open(dir.path(), history.clone())?;
        let rules = Rules { tables: tables.iter().map(|t| (*t).to_owned()).collect(), ..Rules::default() };
        let mut sink = Count::default();
        let mut pipeline = Pipeline::new(
            Catalog::at(history.clone(), from)?,
            &mut sink,
            Selection::new(Arc::new(Filter::new(&rules)?), Router::default()),
            silent(),
        );
        let end = pipeline.run(source.streams(from)?, from)?;
        let left_out = pipeline.selection.left_out.table_rows;
        anyhow::Ok((end, sink.0, left_out))
    };
    let error = run(&[]).unwrap_err();
    assert!(format!("{error:#}").contains("`load_many_tables`.`t5` changed after the start"), "{error:#}");
    assert!(fault(&error).unwrap().hint.contains("new backup"));
    let (end, taken, left_out) = run(&["*.*", "!*.t5"])?;
    assert_eq!((end, taken + left_out), (End::Finished, truth.row_changes));
    assert!(left_out >= 3, "{left_out}");
    Ok(())
}
