//! Streams that our own encoder makes.

use std::fs;

use crate::load::{Bank, Draft, ManyTables, Stream};
use bytes::Bytes;
use prost::Message;
use tisync::model::{CommitTs, Kind, Value};
use tisync::source::binlog::PrewriteValue;
use tisync::source::recording::Writer;

use crate::Outcome;
use crate::common::recordings;
use crate::common::target::checkpoint;
use crate::world::{World, says};

const MANY: ManyTables = ManyTables { seed: 7, tables: 30, rows: 3 };
const BANK: Bank = Bank { seed: 7, accounts: 100, balance: 10_000, transfers: 200, kept: Some(50) };

pub fn tables_by_patterns() -> Outcome {
    let (world, mut truth) = World::with(&MANY);
    let ran = world.sync(&["--tables", "*.*,!load_many_tables.t[12]*", "--tables", "Load_Many_Tables.T2?"]).expect(0);
    truth.tables.retain(|t| !matches!(t.table.name.as_str(), "t1" | "t2") && !t.table.name.starts_with("t1"));
    assert_eq!(truth.differences(&mut world.server.connect()?)?, Vec::<String>::new());
    assert_eq!(truth.tables.len(), 30 - 12);
    assert_eq!(world.tables("load_many_tables").split(',').count(), 18, "nothing of the others");
    says(&ran.stderr, "and 12 DDLs of tables that are not replicated");
    says(&ran.stderr, "nothing was left of");
    Ok(())
}

/// With a rule for one table alone, Drainer leaves out CREATE DATABASE, and then the table's CREATE fails.
pub fn t28_one_table_brings_its_database() -> Outcome {
    let (world, mut truth) = World::with(&MANY);
    world.sync(&["--tables", "load_many_tables.t7"]).expect(0);
    truth.tables.retain(|t| t.table.name == "t7");
    assert_eq!(truth.differences(&mut world.server.connect()?)?, Vec::<String>::new());
    assert_eq!(world.tables("load_many_tables"), "t7");
    Ok(())
}

/// Every row of `accounts` is made of bytes that are no row.
pub fn left_out_rows_are_never_decoded() -> Outcome {
    let (world, mut truth) = World::with(&BANK);
    let accounts = truth.tables.iter().find(|t| t.table.name == "accounts").unwrap().table.id;
    let messages = recordings::messages(world.dir.path());
    fs::remove_file(world.dir.path().join("binlogs.bin"))?;
    let mut writer = Writer::create(world.dir.path(), false)?;
    for mut message in messages {
        if let Some(value) = &message.prewrite_value {
            let mut value = PrewriteValue::decode(value.clone())?;
            for of in value.mutations.iter_mut().filter(|m| m.table_id == Some(accounts)) {
                let rows = of.inserted_rows.iter_mut().chain(&mut of.updated_rows).chain(&mut of.deleted_rows);
                rows.for_each(|row| *row = Bytes::from_static(b"\xff\x00\xff"));
            }
            message.prewrite_value = Some(value.encode_to_vec().into());
        }
        writer.payload(&message.encode_to_vec())?;
    }
    writer.finish()?;
    let ran = world.sync(&["--tables", "*.*", "--tables", "!load_bank.accounts"]).expect(0);
    truth.tables.retain(|t| t.table.name != "accounts");
    assert_eq!(truth.differences(&mut world.server.connect()?)?, Vec::<String>::new());
    says(&ran.stderr, "left out: 500 row changes and 1 DDL of tables that are not replicated");

    let all = World::new();
    let ran = crate::world::sync_from(world.dir.path(), &all.server, &[]).expect(4);
    says(&ran.stderr, "cannot read a row of `load_bank`.`accounts`");
    Ok(())
}

/// One small transaction, and one that is too large to be decoded at once; its deletions and updates are left out.
pub fn events_are_left_out_row_by_row() -> Outcome {
    const ROWS: i64 = 6000;
    let world = World::new();
    let mut out = Stream::create(world.dir.path(), "load_events")?;
    let text = |n: i64| Value::Bytes(format!("{n:01000}").into_bytes().into());
    let row = |id: i64, n: i64| vec![Value::Int(id), text(n)];
    let draft = |name: &str| {
        Draft::new(name).column("id", Kind::Int { bytes: 8, unsigned: false }).varchar("v", 1000).primary(&[0])
    };
    let (all, some) = (out.table(draft("all"))?, out.table(draft("some"))?);
    for id in 0..10 {
        out.insert(all, id, row(id, 1))?;
        out.insert(some, id, row(id, 1))?;
    }
    out.commit()?;
    for id in 10..ROWS {
        out.insert(some, id, row(id, 1))?;
    }
    for id in 0..5 {
        out.delete(some, id, row(id, 1))?;
        out.update(some, id + 5, row(id + 5, 1), row(id + 5, 2))?;
        out.delete(all, id, row(id, 1))?;
        out.update(all, id + 5, row(id + 5, 1), row(id + 5, 2))?;
    }
    out.commit()?;
    let truth = out.finish()?;
    let args = ["--memory-limit", "64MiB"];
    let said = world.with_events(world.dir.path(), &args, &[], &[("load_events.some", &["delete", "update"])])?;
    assert!(said.iter().any(|s| s == "left out: 10 row changes by event rules"), "{said:#?}");
    let counts = |table: &str| world.one(&format!("SELECT CONCAT(COUNT(*), ' ', SUM(v + 0)) FROM load_events.{table}"));
    assert_eq!((counts("some"), counts("`all`")), (format!("{ROWS} {ROWS}"), "5 10".to_owned()));
    assert_eq!(checkpoint(&world.server), truth.end_ts.0);
    Ok(())
}

pub fn an_emptied_transaction_moves_the_position() -> Outcome {
    let (world, truth) = World::with(&MANY);
    let ran = world.sync(&["--tables", "other.*"]).expect(0);
    assert_eq!((world.tables("load_many_tables"), checkpoint(&world.server)), ("NULL".to_owned(), truth.end_ts.0));
    says(&ran.stderr, &format!("left out: {} row changes and 31 DDLs", truth.row_changes));
    says(&ran.stderr, &format!("nothing was left of {} transactions", truth.txns));
    // Events empty them as well.
    let world2 = World::new();
    let said = world2.with_events(world.dir.path(), &[], &[], &[("*.*", &["all dml"])])?;
    assert!(
        said.iter().any(|s| s.starts_with(&format!("left out: {} row changes by event rules", truth.row_changes))),
        "{said:#?}"
    );
    assert_eq!(
        (world2.tables("load_many_tables").split(',').count(), checkpoint(&world2.server)),
        (30, truth.end_ts.0)
    );
    Ok(())
}

pub fn transactions_are_left_out_by_their_ts() -> Outcome {
    let (world, truth) = World::with(&MANY);
    let messages = recordings::messages(world.dir.path());
    let is_table =
        |b: &&tisync::source::binlog::Binlog| b.ddl_query.as_ref().is_some_and(|q| q.windows(5).any(|w| w == b"`t17`"));
    let ts = |b: &tisync::source::binlog::Binlog| b.commit_ts.unwrap().to_string();
    let create = ts(messages.iter().find(is_table).unwrap());
    let first = ts(messages.iter().find(|b| b.prewrite_value.is_some()).unwrap());
    let last = messages.last().unwrap().commit_ts.unwrap();
    let args = ["--ignore-ts", &create, "--ignore-ts", &first, "--ignore-ts", &last.to_string()];
    let ran = world.sync(&[&args[..], &["--tables", "*.*,!load_many_tables.t5"]].concat()).expect(0);
    says(&ran.stderr, &format!("left out as you asked: the transaction of commit ts {first} ("));
    says(&ran.stderr, "left out from here on: load_many_tables.t17");
    says(
        &ran.stderr,
        &format!("`load_many_tables`.`t17` is not on the target, because the DDL of commit ts {create} was skipped: "),
    );
    says(&ran.stderr, "; 3 transactions by commit ts");
    // The first transaction holds a row of each of the first four tables.
    let rows = |table: &str| world.one(&format!("SELECT GROUP_CONCAT(id ORDER BY id) FROM load_many_tables.{table}"));
    assert_eq!((rows("t1"), rows("t4"), rows("t6")), ("2,3".to_owned(), "2,3".to_owned(), "1,2,3".to_owned()));
    assert_eq!(world.tables("load_many_tables").split(',').count(), 28);
    assert_eq!(CommitTs(checkpoint(&world.server)), truth.end_ts, "the last one moved the position, too");
    Ok(())
}

pub fn patterns_that_are_wrong_are_named() -> Outcome {
    let (world, _) = World::with(&MANY);
    for (args, word) in [
        (&["--tables", "a.b,c-d.*"][..], "tables, pattern 2: `c-d.*` is not a table pattern: `-` has no meaning here"),
        (&["--tables", "!a.b"], "so no table is left"),
        (&["--route", "a.*=mysql.*"], "the route a.* to mysql.*: `mysql` belongs to the server"),
        (&["--route", "a.*"], "expected FROM=TO"),
        (&["--tables", "@/no/such/file"], "cannot read the pattern file /no/such/file"),
    ] {
        says(&world.sync(args).expect(2).stderr, word);
    }
    Ok(())
}
