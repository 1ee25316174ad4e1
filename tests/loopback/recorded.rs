//! Real streams of a bidirectional run by real Drainers: what came from the other side is dropped, what is a side's own is applied, and the
//! own transactions of both sides give both dumps.
//!

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::binary::tisync;
use crate::common::target::{equal, same};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use tisync::event::silent;
use tisync::loopback::{Counts, Loopback, OtherChannels};
use tisync::model::Mark;
use tisync::model::{Change, CommitTs, Txn};
use tisync::pipeline::Pipeline;
use tisync::playground::compare;
use tisync::playground::mariadb::PrivateServer;
use tisync::schema::{Catalog, FileHistory};
use tisync::sink::mysql::{Mode, MysqlOptions, MysqlSink};
use tisync::sink::{Sink, Totals};
use tisync::source::{self, Options, Origin};

/// A side, its own transactions, those that carry a mark.
const SIDES: [(&str, u64, u64); 2] = [("bidi-a", 422, 324), ("bidi-b", 432, 356)];
/// Transactions of each side that hold nothing but a Drainer's checkpoint.
const CHECKPOINTS: [u64; 2] = [44, 40];

fn set_up(server: &PrivateServer, channel: &str) {
    tisync(&["mark", "setup", "--to", &server.url(), "--channel-id", channel, "--rows", "4"]).expect(0);
}

pub fn own_alone(folder: &Path) -> Result<(), Failed> {
    for (side, own, marked) in SIDES {
        let server = PrivateServer::start()?;
        set_up(&server, "1");
        let from = path(folder, side);
        let args =
            ["sync", "--from", &from, "--to", &server.url(), "--allow-missing", "--loopback", "--channel-id", "1"];
        let ran = tisync(&args).expect(0);
        let applied = format!("{own} transactions with");
        assert!(ran.stderr.contains(&applied), "{applied}: {}", ran.stderr);
        let dropped = format!("dropped {marked} transactions that came from the other side");
        assert!(ran.stderr.contains(&dropped) && ran.stderr.contains("echoes: 0"), "{dropped}: {}", ran.stderr);
        // The same once more has nothing to do.
        let ran = tisync(&args).expect(0);
        assert!(ran.stderr.contains(" 0 transactions with"), "{}", ran.stderr);
    }
    Ok(())
}

pub fn all(folder: &Path) -> Result<(), Failed> {
    for (side, own, marked) in SIDES {
        let server = PrivateServer::start()?;
        let from = path(folder, side);
        let ran = tisync(&["sync", "--from", &from, "--to", &server.url(), "--allow-missing"]).expect(0);
        let line = ran.stderr.lines().find(|l| l.contains(" transactions with ")).expect("a summary");
        let applied: u64 = line.split(' ').nth(1).unwrap_or_default().parse()?;
        // One that carried a mark made the rows of marks, and nothing else.
        assert_eq!(applied, own + marked - 1, "{line}");
        equal(&server, &folder.join(side).join("dump"), &["bidi"])?;
    }
    Ok(())
}

pub fn both_in_one(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    set_up(&server, "1");
    // DDL comes from one side only, as in life.
    for (n, (side, own, marked)) in SIDES.into_iter().enumerate() {
        let (totals, counts, passed) = apply(&server, &folder.join(side), Mark::drainers(1), n == 0)?;
        assert_eq!((totals.txns, counts.dropped, counts.echoes), (own, marked, 0), "{side}");
        assert_eq!(
            (passed, counts.bookkeeping),
            (CHECKPOINTS[n] + 1, 1),
            "checkpoints, and the rows of marks being made"
        );
    }
    for ((side, ..), except) in SIDES.into_iter().zip([&[][..], &["b_only"][..]]) {
        let mut conn = server.connect()?;
        compare::load_dump(&mut conn, &folder.join(side).join("dump"), &["bidi"], "truth_")?;
        let rows = same(&server, "bidi", except)?;
        assert!(rows > 100, "{rows}");
        conn.query_drop("DROP DATABASE truth_bidi")?;
    }
    Ok(())
}

pub fn another_channel(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    set_up(&server, "2");
    let from = path(folder, "bidi-a");
    let url = server.url();
    let args = ["sync", "--from", &from, "--to", &url, "--quiet", "--allow-missing", "--loopback", "--channel-id", "2"];
    let stop = [&args[..], &["--other-channels", "stop"]].concat();
    let ran = tisync(&stop).expect(4);
    assert!(ran.stderr.contains("carries a mark of channel 1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("same --channel-id"), "{}", ran.stderr);
    // Passed on, they are data like any other.
    tisync(&args).expect(0);
    equal(&server, &folder.join("bidi-a/dump"), &["bidi"])
}

/// A target that is spared the DDL.
struct Rows<'a> {
    sink: &'a mut MysqlSink,
    ddl: bool,
    /// How often it was told of bookkeeping alone.
    passed: u64,
}

impl Sink for Rows<'_> {
    fn position(&self) -> Option<CommitTs> {
        self.sink.position()
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        match txn.change {
            Change::Ddl(_) if !self.ddl => self.sink.apply(Txn { change: Change::Nothing, ..txn }),
            _ => self.sink.apply(txn),
        }
    }

    fn pass_over(&mut self, ts: CommitTs) -> Result<()> {
        self.passed += 1;
        self.sink.pass_over(ts)
    }

    fn resolved(&mut self, ts: CommitTs) -> Result<()> {
        self.sink.resolved(ts)
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.flush()
    }

    fn drain(&mut self) -> Result<()> {
        self.sink.drain()
    }

    fn totals(&self) -> Totals {
        self.sink.totals()
    }
}

/// Applies a recording's own transactions. Gives also how often there was bookkeeping alone.
fn apply(server: &PrivateServer, dir: &Path, mark: Mark, ddl: bool) -> Result<(Totals, Counts, u64)> {
    let history = |origin: &Origin<'_>| -> Result<Arc<dyn tisync::schema::History>> {
        match origin {
            Origin::Recording(Some(file)) => Ok(Arc::new(FileHistory::open(file)?)),
            _ => anyhow::bail!("a recording has its history beside it"),
        }
    };
    let options = Options::new(Arc::new(history));
    let mut source = source::open(&dir.display().to_string(), &options, &silent())?;
    let from = source.first().context("a recording begins somewhere")?;
    let options = MysqlOptions {
        start: Some(from),
        allow_missing: true,
        mark: Some(mark.clone()),
        // The second side's rows are older than the column that the first one's DDL adds.
        mode: if ddl { Mode::Full } else { Mode::Partial },
        ..MysqlOptions::new(source.cluster_id(), if ddl { "first" } else { "second" })
    };
    let mut sink = MysqlSink::open(&server.url(), options, silent())?;
    let mut rows = Rows { sink: &mut sink, ddl, passed: 0 };
    let mut pipeline = Pipeline {
        loopback: Some(Loopback::new(mark, OtherChannels::Pass)),
        ..Pipeline::new(
            Catalog::at(source.history(), from)?,
            &mut rows,
            tisync::selection::Selection::default(),
            silent(),
        )
    };
    let streams = source.streams(from)?;
    pipeline.run(streams, from)?;
    let counts = pipeline.loopback.take().context("it was given")?.counts().clone();
    ensure!(pipeline.late_rows == 0, "no table was dropped");
    let passed = rows.passed;
    Ok((sink.totals(), counts, passed))
}

fn path(folder: &Path, name: &str) -> String {
    PathBuf::from(folder).join(name).display().to_string()
}
