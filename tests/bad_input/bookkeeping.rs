//! Rows of bookkeeping on the target that somebody or something has damaged: a run says which and ends, and writes nothing behind it.

use std::collections::BTreeMap;

use mysql::prelude::Queryable;

use crate::Case;
use crate::story::{self, BAD, ts};
use crate::world::{World, run};

pub const CASES: &[Case] =
    &[("bookkeeping that is damaged", damaged), ("a position that the source has not reached", beyond)];

/// What each column is made, one after the other, and set to.
const DAMAGE: &[(&str, &str)] = &[
    ("VARCHAR(200) NULL", "NULL"),
    ("VARCHAR(200) NULL", "'-1'"),
    ("VARBINARY(200) NULL", "x'fffe00'"),
    ("VARCHAR(200) NULL", "'99999999999999999999999999'"),
];
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "tisync_checkpoint",
        &[
            "version",
            "run",
            "commit_ts",
            "last_job",
            "ddl_ts",
            "ddl_job",
            "ddl_schema",
            "ddl_query",
            "applied",
            "ddl_step",
            "ddl_before",
            "ddl_lock",
            "drainer_ts",
            "safe_until",
            "holder",
            "schema_version",
            "schema_ts",
            "early_ddl",
            "overtaken_ts",
        ],
    ),
    ("tisync_slot", &["run", "claim", "connection", "batch", "floor_ts", "applied", "origins"]),
    ("checkpoint", &["checkPoint"]),
];

/// As a server of its own would have it: the good bookkeeping after the first messages.
fn begin(world: &mut World) {
    world.record(&world.payloads()[..BAD]);
    let folder = world.dir.path().to_str().unwrap().to_owned();
    let until = ts(BAD - 1).0.to_string();
    run(&[
        "sync",
        "--quiet",
        "--from",
        &folder,
        "--to",
        &world.server.url(),
        "--link",
        &world.db,
        "--until-ts",
        &until,
    ])
    .expect(0);
    world.record(&world.payloads());
}

fn damaged(world: &mut World) {
    let server = tisync::playground::mariadb::PrivateServer::start().unwrap();
    let mut own = World::new(&server, world.cluster_id - 1000);
    let world = &mut own;
    begin(world);
    world.sql("CREATE DATABASE saved");
    let tables: Vec<&str> = COLUMNS.iter().map(|(table, _)| *table).chain(["tisync_skipped"]).collect();
    for table in &tables {
        world.sql(&format!("CREATE TABLE saved.`{table}` AS SELECT * FROM tidb_binlog.`{table}`"));
        let create: (String, String) =
            world.conn.query_first(format!("SHOW CREATE TABLE tidb_binlog.`{table}`")).unwrap().unwrap();
        world.sql(&format!("CREATE TABLE saved.`made_{table}` (sql_text LONGTEXT)"));
        world.conn.exec_drop(format!("INSERT INTO saved.`made_{table}` VALUES (?)"), (create.1,)).unwrap();
    }
    world.sql(&format!("CREATE TABLE saved.t AS SELECT * FROM {}.t", world.db));
    // The suite takes some of them, `TISYNC_BOOKKEEPING=all` all.
    let every = if std::env::var("TISYNC_BOOKKEEPING").is_ok_and(|v| v == "all") { 1 } else { 8 };
    let mut number = 0_usize;
    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    for (table, columns) in COLUMNS {
        for column in *columns {
            let missing = format!("ALTER TABLE tidb_binlog.`{table}` DROP COLUMN `{column}`");
            let others = DAMAGE.iter().map(|(kind, value)| {
                let changed =
                    format!("ALTER TABLE tidb_binlog.`{table}` DROP COLUMN `{column}`, ADD COLUMN `{column}` {kind}");
                format!("{changed}; UPDATE tidb_binlog.`{table}` SET `{column}` = {value}")
            });
            for sql in others.chain([missing]) {
                number += 1;
                if !number.is_multiple_of(every) {
                    continue;
                }
                sql.split("; ").for_each(|part| world.sql(part));
                let ran = world.sync();
                *codes.entry(ran.code).or_default() += 1;
                assert!(
                    [0, 3, 4].contains(&ran.code) && !ran.stderr.contains("panicked"),
                    "{sql}: {}: {}",
                    ran.code,
                    ran.stderr
                );
                // All of the stream, or nothing behind the damage.
                let count = if ran.code == 0 { story::MESSAGES } else { BAD };
                let rows = story::rows_after(count).map(|rows| rows.into_iter().map(str::to_owned).collect());
                assert_eq!(world.rows(), rows, "{sql}: {}", ran.stderr);
                assert!(ran.code == 0 || ran.stderr.contains("error: "), "{sql}: {}", ran.stderr);
                restore(world, &tables);
            }
        }
    }
    eprintln!("exit codes of damaged bookkeeping: {codes:?}");
    assert!(number >= 130 && codes.values().sum::<usize>() == number / every, "{codes:?}");
    world.sync().expect(0);
    assert_eq!(world.checkpoint(), story::end().0);
}

fn restore(world: &mut World, tables: &[&str]) {
    for table in tables {
        world.sql(&format!("DROP TABLE IF EXISTS tidb_binlog.`{table}`"));
        let create: String =
            world.conn.query_first(format!("SELECT sql_text FROM saved.`made_{table}`")).unwrap().unwrap();
        world.sql("USE tidb_binlog");
        world.sql(&create);
        world.sql(&format!("INSERT INTO tidb_binlog.`{table}` SELECT * FROM saved.`{table}`"));
    }
    let db = world.db.clone();
    world.sql(&format!("DELETE FROM {db}.t"));
    world.sql(&format!("INSERT INTO {db}.t SELECT * FROM saved.t"));
}

fn beyond(world: &mut World) {
    begin(world);
    let beyond = story::end().0 + 1;
    world.sql(&format!("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = {beyond} WHERE link = '{}'", world.db));
    world.sql(&format!("UPDATE tidb_binlog.tisync_slot SET floor_ts = {beyond} WHERE link = '{}'", world.db));
    let ran = world.sync();
    crate::world::proper(&ran, 4, &[&beyond.to_string(), "after the end of the recording"]);
    assert_eq!(world.rows().unwrap().len(), 2);
}
