//! The workloads: replayed through the real binary, each gives what its maker says; a wrong row is noticed; the same seed
//! gives the same bytes; a large transaction is written piece by piece and is still a right message.

mod common;
#[allow(dead_code, reason = "each binary uses its own part")]
#[path = "common/load/mod.rs"]
mod load;

use std::fs;
use std::path::Path;

use crate::load::{Backlog, Bank, Big, Keys, ManyTables, NoKey, Wide, Workload};
use common::binary::tisync;
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::model::{Body, Pulled};
use tisync::playground::mariadb::PrivateServer;
use tisync::source::recording::Frames;

type Outcome = anyhow::Result<()>;

const BANK: Bank = Bank { seed: 7, accounts: 200, balance: 10_000, transfers: 300, kept: Some(50) };
const BIG: Big = Big { seed: 7, bytes: 1 << 20, row_bytes: 1000 };

/// Every workload, with the SQL that makes a small error in it.
fn small() -> Vec<(Box<dyn Workload>, &'static str)> {
    vec![
        (Box::new(BANK), "UPDATE load_bank.accounts SET balance = balance + 0.01 LIMIT 1"),
        (Box::new(Wide { seed: 7, rows: 60, txns: 100 }), "UPDATE load_wide.wide SET c9 = c9 + 0.25 LIMIT 1"),
        (Box::new(NoKey { seed: 7, rows: 100, txns: 200 }), "DELETE FROM load_no_key.log LIMIT 1"),
        (
            Box::new(Keys { seed: 7, rows: 20, steps: 1000 }),
            "UPDATE load_keys.names SET name = REVERSE(name), count = count + 1 LIMIT 1",
        ),
        (Box::new(BIG), "UPDATE load_big.big SET content = REVERSE(content) WHERE id = 5"),
        (
            Box::new(Backlog { seed: 7, txns: 1000, rows: 300 }),
            "UPDATE load_backlog.events SET version = 99 WHERE id = 3",
        ),
        (Box::new(ManyTables { seed: 7, tables: 30, rows: 3 }), "DROP TABLE load_many_tables.t17"),
    ]
}

fn replay(dir: &Path, server: &PrivateServer, link: &str) {
    let from = dir.display().to_string();
    tisync(&["sync", "--quiet", "--link", link, "--from", &from, "--to", &server.url()]).expect(0);
}

#[test]
fn a_target_holds_what_the_maker_says_and_a_wrong_row_is_noticed() -> Outcome {
    let server = PrivateServer::start()?;
    let mut conn = server.connect()?;
    for (workload, error) in small() {
        let (dir, name) = (TempDir::new()?, workload.name());
        let truth = load::write(workload.as_ref(), dir.path())?;
        assert!(truth.tables.iter().any(|t| t.rows > 0) && truth.row_changes >= truth.txns, "{name}: {truth:?}");
        assert_ne!(truth.differences(&mut conn)?, Vec::<String>::new(), "{name}: nothing is there yet");
        replay(dir.path(), &server, name);
        assert_eq!(truth.differences(&mut conn)?, Vec::<String>::new(), "{name}");
        conn.query_drop(error)?;
        assert_eq!(truth.differences(&mut conn)?.len(), 1, "{name}: {error}");
        println!("{name}: {} transactions, {} row changes", truth.txns, truth.row_changes);
    }
    Ok(())
}

#[test]
fn the_bank_adds_up() -> Outcome {
    let (dir, server) = (TempDir::new()?, PrivateServer::start()?);
    let truth = load::write(&BANK, dir.path())?;
    assert_eq!((truth.txns, truth.row_changes), (301, 200 + 300 * 3 + 250));
    replay(dir.path(), &server, "bank");
    let mut conn = server.connect()?;
    let sum: Option<i64> = conn.query_first(BANK.sum_query())?;
    assert_eq!(sum, Some(BANK.sum()));
    // Half of the writes fall on one account of a hundred.
    let hot: Option<(u64, u64)> =
        conn.query_first("SELECT SUM((src % 100 = 0) + (dst % 100 = 0)), COUNT(*) * 2 FROM load_bank.transfers")?;
    let (hot, all) = hot.unwrap_or_default();
    assert!((all * 3 / 10..all * 7 / 10).contains(&hot), "{hot} of {all}");
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bytes() -> Outcome {
    for (workload, _) in small() {
        let dirs = [TempDir::new()?, TempDir::new()?];
        for dir in &dirs {
            load::write(workload.as_ref(), dir.path())?;
        }
        for file in ["binlogs.bin", "ddl_history.json", "meta.json", "expected.tsv"] {
            let [one, other] = dirs.each_ref().map(|d| fs::read(d.path().join(file)).expect("a file"));
            assert!(one == other && !one.is_empty(), "{}: {file}", workload.name());
        }
    }
    Ok(())
}

#[test]
fn another_seed_gives_another_stream() -> Outcome {
    let dirs = [TempDir::new()?, TempDir::new()?];
    let truths = [load::write(&BANK, dirs[0].path())?, load::write(&Bank { seed: 8, ..BANK }, dirs[1].path())?];
    let [one, other] = truths.map(|t| t.tables[0].checksum);
    assert_ne!(one, other);
    Ok(())
}

/// The message that was written piece by piece reads as one that was written whole.
#[test]
fn a_large_transaction_is_a_right_message() -> Outcome {
    use prost::Message;
    use tisync::source::binlog::{Binlog, PrewriteValue};
    let dir = TempDir::new()?;
    load::write(&BIG, dir.path())?;
    let mut large = 0;
    for frame in Frames::open(&dir.path().join("binlogs.bin"))? {
        let frame = frame?;
        let Pulled::Txn(txn) = frame.read()? else { panic!("{}", frame.place()) };
        let Body::Rows(rows) = txn.body else { continue };
        let decoded = PrewriteValue::decode(rows.clone())?;
        assert_eq!(decoded.encode_to_vec(), rows, "{}", frame.place());
        assert_eq!(Binlog::decode(frame.payload.clone())?.encode_to_vec(), frame.payload);
        let mutation = &decoded.mutations[0];
        assert_eq!(mutation.sequence.len(), mutation.inserted_rows.len());
        large = large.max(frame.payload.len());
    }
    let wanted = usize::try_from(BIG.bytes)?;
    assert!((wanted * 9 / 10..wanted * 11 / 10).contains(&large), "{large}");
    Ok(())
}
