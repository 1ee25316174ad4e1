//! Statements made from definitions, on a real server: two random definitions, the ALTER TABLE between them, and what the table is then.
//!
//! `TISYNC_DEFINITIONS=20000` takes so many pairs; `TISYNC_DEFINITIONS_SEED` the first one's seed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
mod made;
#[allow(dead_code, reason = "shared with the cases of `sink`")]
#[path = "../sink_cases/world.rs"]
mod world;

use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;
use tisync::model::{Kind, Table, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::random::Random;
use tisync::schema::{Converted, TableInfo, convert};
use tisync::sink::mysql::literal;

use made::Maker;
use world::{World, apply, ddl};

/// How many pairs the suite takes, and its first seed.
const PAIRS: u64 = 1000;
const SEED: u64 = 20_261_130;
/// How many parts they are dealt to, each with a link of its own.
const PARTS: u64 = 4;
/// ActionType of several tables at once, and of an ALTER of several parts.
const CREATE_TABLES: u8 = 60;
const SEVERAL: u8 = 61;

fn main() {
    let arguments = Arguments::from_args();
    let quick = ["--innodb-flush-method=nosync", "--loose-skip-sync-frm", "--innodb-flush-log-at-trx-commit=0"];
    let server = match (arguments.list, server::start(&quick)) {
        (_, Ok(server)) => Arc::new(server),
        (_, Err(error)) => panic!("these tests need a server: {error:#}"),
    };
    let trials = (0..PARTS).map(|part| {
        let server = server.clone();
        server::trial(format!("pairs of definitions, part {part}"), move || {
            pairs(&server, part);
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(server);
    conclusion.exit();
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

fn pairs(server: &PrivateServer, part: u64) {
    let mut world = World::new(server, &format!("definitions_{part}"));
    world.run("SET SESSION sql_mode = ''");
    let (count, first) = (number("TISYNC_DEFINITIONS", PAIRS), number("TISYNC_DEFINITIONS_SEED", SEED));
    let mut sink = world.sink();
    let mut at = 0;
    for seed in (first..first + count).filter(|seed| seed % PARTS == part) {
        let mut maker = Maker::new(Random::new(seed));
        let before = maker.table();
        let after = maker.change(&before);
        let [was, is, fresh] = [(&before, 1, "t"), (&after, 1, "t"), (&after, 2, "fresh")].map(|(info, id, name)| {
            converted(TableInfo { id, name: tisync::schema::CiStr(name.to_owned()), ..info.clone() }, &world.db)
        });
        let db = world.db.clone();
        apply(
            &mut sink,
            vec![ddl(at + 1, CREATE_TABLES, &db, "CREATE TABLE t; CREATE TABLE fresh", &[], &[&was, &fresh])],
        );
        let json: Vec<_> =
            was.columns.iter().filter(|c| c.kind == Kind::Json).map(|c| format!(", `{}`", c.name)).collect();
        let (names, null) = (json.concat(), ", 'null'".repeat(json.len()));
        world.run(&format!("INSERT INTO t (`id`{names}) VALUES (1{null}), (2{null})"));
        let old = values(&mut world, &was, &is);
        let names: Vec<String> = maker.renamed.iter().map(|(a, b)| format!("RENAME COLUMN `{a}` TO `{b}`")).collect();
        let text = format!("ALTER TABLE t {}", names.join(", "));
        apply(&mut sink, vec![ddl(at + 2, SEVERAL, &db, &text, &[&was], &[&is])]);
        at += 3;
        let shown = |world: &mut World<'_>, name: &str| {
            let row = world.one(&format!("SHOW CREATE TABLE `{db}`.`{name}`"));
            let (_, rest) = row.split_once("` (").unwrap();
            // Each server has its own order of keys.
            let (columns, mut keys): (Vec<&str>, Vec<&str>) =
                rest.lines().map(|line| line.trim_end_matches(',')).partition(|line| !line.contains(" KEY `"));
            keys.sort_unstable();
            // MySQL remembers whether the character set was said, which is that of the collation in any case.
            let columns = columns.join("\n").replace(" CHARACTER SET utf8mb4 COLLATE", " COLLATE");
            (columns, keys.join("\n"))
        };
        assert_eq!(shown(&mut world, "t"), shown(&mut world, "fresh"), "seed {seed}");
        assert_eq!(values(&mut world, &is, &is), old, "seed {seed}");
        fills(&mut world, &was, &is, seed);
        world.run("DROP TABLE t, fresh");
    }
}

fn converted(info: TableInfo, db: &str) -> Arc<Table> {
    match convert(&info, db) {
        Converted::Table(table) => Arc::new(*table),
        other => panic!("{other:?}"),
    }
}

/// What is in the columns of `table` that `last` has too, in its order.
fn values(world: &mut World<'_>, table: &Table, last: &Table) -> Vec<String> {
    let kept = last.columns.iter().filter_map(|c| table.columns.iter().find(|d| d.id == c.id && c.id <= made::OLD));
    let list: Vec<String> = kept.map(|c| format!("HEX(CAST(`{}` AS CHAR))", c.name)).collect();
    world.rows(&format!("SELECT {} FROM t ORDER BY id", list.join(", ")))
}

/// The rows have in new columns what TiDB says.
fn fills(world: &mut World<'_>, was: &Table, is: &Table, seed: u64) {
    for column in is.columns.iter().filter(|c| !was.columns.iter().any(|d| d.id == c.id)) {
        if matches!(column.missing, Value::Absent | Value::Float(_) | Value::Json(_)) {
            continue;
        }
        let mut wanted = Vec::new();
        literal::write(&mut wanted, &column.kind, &column.missing).unwrap();
        let wanted = String::from_utf8(wanted).unwrap();
        let sql = format!("SELECT COUNT(*) FROM t WHERE NOT (`{}` <=> {wanted})", column.name);
        assert_eq!(world.one(&sql), "0", "seed {seed}: {column:?} is not {wanted}");
    }
}
