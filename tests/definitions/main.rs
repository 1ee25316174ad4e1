//! Statements made from definitions, on a real server: a random definition, jobs that change it, and what the table is then: what one is that is made
//! of the last definition.
//!
//! `TISYNC_DEFINITIONS=20000` takes so many pairs; `TISYNC_DEFINITIONS_SEED` the first one's seed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
mod made;
#[allow(dead_code, reason = "shared with the cases of `sink`")]
#[path = "../sink_cases/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;
use tisync::model::{Change, Column, Generated, Kind, Method, Partitioning, Table, Txn, Value};
use tisync::mysql::literal;
use tisync::playground::Random;
use tisync::playground::mariadb::PrivateServer;
use tisync::schema::{CiStr, Converted, TableInfo, convert};
use tisync::sink::mysql::MysqlSink;

use made::{Job, Maker};
use world::{World, apply, ddl};

/// How many pairs the suite takes, and its first seed.
const PAIRS: u64 = 1000;
const SEED: u64 = 20_261_130;
/// How many parts they are dealt to, each with a link of its own.
const PARTS: u64 = 4;
/// ActionType of several tables at once.
const CREATE_TABLES: u8 = 60;
/// What foreign keys refer to.
const PARENT: &str = "CREATE TABLE parent (id BIGINT PRIMARY KEY, word VARCHAR(20) NOT NULL, UNIQUE KEY (word), UNIQUE KEY (id, word)) \
                      DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

fn main() {
    let arguments = Arguments::from_args();
    let quick = [
        "--innodb-flush-method=nosync",
        "--loose-skip-sync-frm",
        "--innodb-flush-log-at-trx-commit=0",
        "--loose-innodb-doublewrite=0",
        "--innodb-stats-persistent=0",
        "--skip-log-bin",
    ];
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
    let (count, first) = (number("TISYNC_DEFINITIONS", PAIRS), number("TISYNC_DEFINITIONS_SEED", SEED));
    let mut seeds = (first..first + count).filter(|seed| seed % PARTS == part);
    let mut failed = Vec::new();
    while let Some(seed) = until_failed(server, part, failed.len(), &mut seeds) {
        failed.push(seed);
    }
    assert!(failed.is_empty(), "{} pairs:\n{}", failed.len(), failed.concat());
}

/// Goes through the seeds, and tells of the first of which the pair fails: the next one begins with a database of its own.
fn until_failed(
    server: &PrivateServer,
    part: u64,
    begun: usize,
    seeds: &mut impl Iterator<Item = u64>,
) -> Option<String> {
    let mut world = World::new(server, &format!("definitions_{part}_{begun}"));
    world.run("SET SESSION sql_mode = '', foreign_key_checks = 0");
    world.run(PARENT);
    let mut sink = world.sink();
    for (seed, number) in seeds.zip(1..) {
        let pair = AssertUnwindSafe(|| {
            Pair::new(seed, &world.db).run(&mut world, &mut sink, number * 10);
            world.run("DROP TABLE t, fresh");
        });
        if catch_unwind(pair).is_err() {
            let notes = world.notes.lock().unwrap();
            let last = notes.get(notes.len().saturating_sub(8)..).unwrap_or_default();
            return Some(format!("seed {seed}, with notes:\n{}\n", last.join("\n")));
        }
    }
    None
}

/// A definition, and what becomes of it.
struct Pair {
    seed: u64,
    first: TableInfo,
    jobs: Vec<Job>,
}

impl Pair {
    fn new(seed: u64, db: &str) -> Self {
        let mut maker = Maker::new(Random::new(seed), db);
        let first = maker.table();
        let mut jobs: Vec<Job> = Vec::new();
        for _ in 0..1 + seed % 5 / 3 {
            let job = maker.job(jobs.last().map_or(&first, |job| &job.after));
            jobs.push(job);
        }
        Self { seed, first, jobs }
    }

    fn run(&self, world: &mut World<'_>, sink: &mut MysqlSink, at: u64) {
        let (seed, db) = (self.seed, world.db.clone());
        world.notes.lock().unwrap().clear();
        let last = converted(&self.jobs.last().unwrap().after, "fresh", 2, &db);
        let make =
            |at, table: &Arc<Table>| one(at, CREATE_TABLES, &format!("CREATE TABLE {}", table.name), (&db, &[], table));
        let before = seed % 2 == 0;
        if before {
            apply(sink, vec![make(at, &last)]);
        }
        let mut was = converted(&self.first, "t", 1, &db);
        apply(sink, vec![make(at + 1, &was)]);
        let json: Vec<_> =
            was.columns.iter().filter(|c| c.kind == Kind::Json).map(|c| format!(", `{}`", c.name)).collect();
        let (names, null) = (json.concat(), ", 'null'".repeat(json.len()));
        world.run(&format!("INSERT INTO t (`id`{names}) VALUES (1{null}), (2{null})"));
        for (job, at) in self.jobs.iter().zip(at + 2..) {
            let is = converted(&job.after, "t", 1, &db);
            let kept = kept(&was, &is, job);
            let old = values(world, kept.iter().map(|(was, _)| *was));
            apply(sink, vec![one(at, job.action, &job.text, (&db, &[&was], &is))]);
            let new = values(world, kept.iter().map(|(_, is)| *is));
            assert_eq!(new, old, "seed {seed}, job {}: {}", job.action, job.text);
            fills(world, (&was, &is), job, seed);
            was = is;
        }
        if !before {
            apply(sink, vec![make(at + 9, &last)]);
        }
        let (shown, fresh) = (shown(world, &was), shown(world, &last));
        let jobs: Vec<String> = self.jobs.iter().map(|j| format!("{} {}", j.action, j.text)).collect();
        // MySQL 5.7 looks for a parent's index by another column where generated columns come before the child's.
        let refused = server::has_no_atomic_ddl() && world.noted("Missing index for constraint");
        assert!(refused || shown == fresh, "seed {seed}: {jobs:#?}\n  left: {shown:?}\n right: {fresh:?}");
        generated(world, &was, seed);
    }
}

/// A DDL on a table that has CHECK constraints.
fn one(at: u64, action: u8, text: &str, (db, before, after): (&str, &[&Arc<Table>], &Arc<Table>)) -> Txn {
    let mut txn = ddl(at, action, db, text, before, &[after]);
    if let Change::Ddl(ddl) = &mut txn.change {
        ddl.checks = true;
    }
    txn
}

fn converted(info: &TableInfo, name: &str, id: i64, db: &str) -> Arc<Table> {
    let mut info = TableInfo { id, name: CiStr(name.to_owned()), ..info.clone() };
    for key in info.fk_info.iter_mut().filter(|key| key.ref_table.0 == "t") {
        key.ref_table.0 = name.to_owned();
    }
    match convert(&info, db) {
        Converted::Table(table) => Arc::new(*table),
        other => panic!("{other:?}"),
    }
}

/// SHOW CREATE TABLE without what may differ: the order of keys and constraints, and names of constraints, which are unique in the database.
fn shown(world: &mut World<'_>, table: &Table) -> String {
    let row = world.one(&format!("SHOW CREATE TABLE `{}`.`{}`", table.schema, table.name));
    // A foreign key that went and came again says what it said not before, or the other way round: both are the default.
    let row = ["DELETE", "UPDATE"].iter().fold(row, |row, event| row.replace(&format!(" ON {event} NO ACTION"), ""));
    let row = ["DELETE", "UPDATE"].iter().fold(row, |row, event| row.replace(&format!(" ON {event} RESTRICT"), ""));
    let (_, rest) = row.split_once("` (").unwrap();
    let (mut parts, mut lines) = (Vec::new(), Vec::new());
    let counted = |by: &Partitioning| matches!(by.method, Method::Hash | Method::Key);
    let counted = table.details.iter().flat_map(|d| &d.partitioning).any(counted);
    let indexes: Vec<&str> = table.details.iter().flat_map(|d| &d.indexes).map(|i| i.name.as_str()).collect();
    for line in rest.lines().map(|line| line.trim_end_matches(',').trim_start()) {
        // MySQL remembers whether the character set was said, which is that of the collation in any case.
        let mut line = line.replace(" AUTO_INCREMENT=3", "");
        if let Some((front, (_, rest))) =
            line.split_once(" CHARACTER SET ").and_then(|(f, r)| Some((f, r.split_once(" COLLATE ")?)))
        {
            line = format!("{front} COLLATE {rest}");
        }
        // Nor has CREATE TABLE a word for what DROP DEFAULT leaves of a column that may be NULL.
        let line = line.replace(" DEFAULT NULL", "");
        if counted && ["PARTITIONS ", "(PARTITION ", "PARTITION "].iter().any(|word| line.starts_with(word)) {
            // Servers remember whether the names were said.
            continue;
        }
        if let Some(constraint) = line.strip_prefix("CONSTRAINT `") {
            let (_, rest) = behind_name(constraint);
            parts.push(format!(
                "CONSTRAINT{}",
                rest.replace(&format!("REFERENCES `{}`", table.name), "REFERENCES itself")
            ));
        } else if let Some(key) = line.strip_prefix("KEY `") {
            let (name, rest) = behind_name(key);
            // One that the server made for a foreign key has its name.
            let made = !indexes.iter().any(|i| i.eq_ignore_ascii_case(&name));
            parts.push(if made { format!("KEY{rest}") } else { line });
        } else if line.contains(" KEY ") && !line.starts_with('`') {
            parts.push(line);
        } else {
            lines.push(line);
        }
    }
    parts.sort_unstable();
    lines.extend(parts);
    if counted {
        lines.extend(world.rows(&format!(
            "SELECT partition_name, partition_comment FROM information_schema.partitions WHERE table_schema = '{}' AND table_name = '{}'",
            table.schema, table.name
        )));
    }
    lines.join("\n")
}

/// A name in quotes, of which the first is gone, and what is behind it.
fn behind_name(text: &str) -> (String, String) {
    let end = text.replace("``", "xx").find('`').unwrap();
    (text[..end].replace("``", "`"), text[end + 1..].to_owned())
}

/// The columns that both have: before, after.
fn kept<'a>(was: &'a Table, is: &'a Table, job: &Job) -> Vec<(&'a Column, &'a Column)> {
    let expression = |table: &Table, column: &Column| {
        let at = table.columns.iter().position(|c| c.id == column.id).unwrap();
        table.details.as_ref().unwrap().columns[at].generated.clone()
    };
    let mut kept = Vec::new();
    for column in was.columns.iter().filter(|c| !c.hidden) {
        let id = job.rewritten.iter().find(|(old, _)| *old == column.id).map_or(column.id, |(_, new)| *new);
        let now = is.columns.iter().find(|c| c.id == id);
        kept.extend(
            now.filter(|now| now.generated == Generated::No || expression(was, column) == expression(is, now))
                .map(|now| (column, now)),
        );
    }
    kept
}

fn values<'a>(world: &mut World<'_>, columns: impl Iterator<Item = &'a Column>) -> Vec<String> {
    let value = |column: &Column| {
        let name = format!("`{}`", column.name.replace('`', "``"));
        match column.kind {
            Kind::Int { .. } => format!("{name} + 0"),
            Kind::Datetime { .. } | Kind::Timestamp { .. } => format!("CAST({name} AS DATETIME(6))"),
            Kind::Decimal { .. } => format!("CAST({name} AS DECIMAL(65,30))"),
            _ => format!("HEX(CAST({name} AS CHAR))"),
        }
    };
    let list: Vec<String> = columns.map(value).collect();
    world.rows(&format!("SELECT {} FROM t ORDER BY id", list.join(", ")))
}

/// The rows have in new columns what TiDB says.
fn fills(world: &mut World<'_>, (was, is): (&Table, &Table), job: &Job, seed: u64) {
    let old = |id: i64| was.columns.iter().any(|d| d.id == id) || job.rewritten.iter().any(|(_, new)| *new == id);
    for column in is.columns.iter().filter(|c| !c.hidden && !old(c.id)) {
        if matches!(column.missing, Value::Absent | Value::Float(_) | Value::Json(_)) {
            continue;
        }
        let mut wanted = Vec::new();
        literal::write(&mut wanted, &column.kind, &column.missing).unwrap();
        let wanted = String::from_utf8(wanted).unwrap();
        let name = column.name.replace('`', "``");
        let sql = format!("SELECT COUNT(*) FROM t WHERE NOT (`{name}` <=> {wanted})");
        assert_eq!(world.one(&sql), "0", "seed {seed}: {column:?} is not {wanted}");
    }
}

/// Generated columns hold what they are made of.
fn generated(world: &mut World<'_>, table: &Table, seed: u64) {
    let details = table.details.iter().flat_map(|d| &d.columns);
    for (column, own) in table.columns.iter().zip(details).filter(|(c, _)| c.generated != Generated::No && !c.hidden) {
        let name = column.name.replace('`', "``");
        let sql = format!("SELECT COUNT(*) FROM t WHERE NOT (`{name}` <=> ({}))", own.generated);
        assert_eq!(world.one(&sql), "0", "seed {seed}: {sql}");
    }
}
