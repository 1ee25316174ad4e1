//! The catalog over made-up histories: what no recording shows.

#![allow(clippy::unwrap_used, reason = "a test: a panic is its answer")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::{Value as Json, json};
use tisync::filter::{Filter, Rules};
use tisync::model::{CommitTs, Ddl, Value};
use tisync::schema::{Catalog, DbInfo, History, Job, Snapshot, TableInfo, TableLookup};

/// A history that grows when the test says so.
#[derive(Default)]
struct Fake {
    jobs: Mutex<Vec<Job>>,
    /// Jobs that appear at the n-th question for one.
    later: Mutex<Vec<(usize, Job)>>,
    current: Option<Snapshot>,
    asked: AtomicUsize,
    broken: AtomicUsize,
}

impl History for Fake {
    fn all(&self) -> Result<Vec<Job>> {
        Ok(self.jobs.lock().unwrap().clone())
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        if self.broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            bail!("connection refused");
        }
        let mut jobs = self.jobs.lock().unwrap();
        self.later.lock().unwrap().retain(|(when, job)| {
            if *when <= asked {
                jobs.push(job.clone());
            }
            *when > asked
        });
        Ok(jobs.iter().find(|j| j.id == id).cloned())
    }

    fn grows(&self) -> bool {
        true
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        Ok(self.current.clone())
    }
}

fn table(id: i64, name: &str) -> Json {
    let column = |id: i64, name: &str, flag: i64| {
        json!({"id": id, "name": {"O": name, "L": name}, "offset": id - 1, "state": 5, "version": 2,
            "type": {"Tp": 3, "Flag": flag, "Flen": 11, "Decimal": 0, "Charset": "binary", "Collate": "binary"}})
    };
    json!({"id": id, "name": {"O": name, "L": name.to_lowercase()}, "charset": "utf8mb4", "state": 5,
        "cols": [column(1, "id", 3), column(2, "v", 0)], "pk_is_handle": true, "view": null})
}

/// A job whose id, version and FinishedTS go together: version v finishes at 1000 * v.
fn job(version: i64, action: i64, schema_id: i64, table_id: i64, query: &str, info: Json) -> Job {
    let mut binlog = json!({"SchemaVersion": version, "FinishedTS": version * 1000});
    binlog.as_object_mut().unwrap().extend(info.as_object().unwrap().clone());
    let value = json!({"id": 100 + version, "type": action, "state": 6, "schema_id": schema_id, "table_id": table_id,
        "query": query, "binlog": binlog});
    serde_json::from_value(value).unwrap()
}

fn database(version: i64, id: i64, name: &str) -> Job {
    let db = json!({"id": id, "db_name": {"O": name, "L": name}, "charset": "utf8mb4", "collate": "utf8mb4_bin"});
    job(version, 1, id, 0, "", json!({"DBInfo": db}))
}

fn create(version: i64, schema_id: i64, id: i64, name: &str) -> Job {
    job(version, 3, schema_id, id, "", json!({"TableInfo": table(id, name)}))
}

/// Databases 1001 `A` and 1002 `b`, tables 1 `A.t` and 2 `b.u`.
fn two_databases() -> Vec<Job> {
    vec![database(1, 1001, "A"), database(2, 1002, "b"), create(3, 1001, 1, "t"), create(4, 1002, 2, "u")]
}

fn at(jobs: Vec<Job>, start: u64) -> Catalog {
    Catalog::at(Arc::new(Fake { jobs: Mutex::new(jobs), ..Fake::default() }), CommitTs(start)).unwrap()
}

fn never(_: Duration) -> Result<()> {
    bail!("gave up")
}

fn ddl(catalog: &mut Catalog, version: i64, query: &str) -> Option<Ddl> {
    let ts = CommitTs(u64::try_from(version).unwrap() * 1000 - 100);
    catalog.ddl(ts, 100 + version, &Bytes::from(query.to_owned()), 0, &mut never).unwrap()
}

fn name(catalog: &mut Catalog, id: i64, version: i64) -> String {
    match catalog.table(id, version).unwrap() {
        TableLookup::Table(t) => format!("{}.{}", t.schema, t.name),
        TableLookup::Gone(why) => why,
        TableLookup::Unreadable { why, .. } | TableLookup::Unknown { why, .. } => why,
    }
}

/// What is told of a table whose definition is not known: its name, and why.
fn unknown(catalog: &mut Catalog, id: i64, version: i64) -> (Option<String>, String) {
    match catalog.table(id, version).unwrap() {
        TableLookup::Unknown { name, why } => (name.map(|(schema, table)| format!("{schema}.{table}")), why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_may_come_before_its_job() {
    let fake = Arc::new(Fake { jobs: Mutex::new(two_databases()), ..Fake::default() });
    fake.later.lock().unwrap().push((3, create(5, 1001, 3, "late")));
    fake.broken.store(1, Ordering::SeqCst);
    let mut catalog = Catalog::at(Arc::clone(&fake) as Arc<dyn History>, CommitTs(4000)).unwrap();
    let mut waits = 0;
    let mut wait = |_: Duration| {
        waits += 1;
        Ok(())
    };
    let query = Bytes::from_static(b"CREATE TABLE `late` (`id` INT);");
    let ddl = catalog.ddl(CommitTs(4900), 105, &query, 5, &mut wait).unwrap().unwrap();
    assert_eq!((ddl.schema.as_str(), ddl.table.as_str(), ddl.after.len()), ("A", "late", 1));
    assert_eq!(waits, 2, "once for the broken answer, once for the missing job");
    let gone = catalog.ddl(CommitTs(5900), 106, &query, 5, &mut never).unwrap_err();
    assert!(format!("{gone:#}").contains("DDL job 106") && format!("{gone:#}").contains("gave up"), "{gone:#}");
}

#[test]
fn setval_and_first_notices_ask_nobody() {
    let fake = Arc::new(Fake { jobs: Mutex::new(two_databases()), ..Fake::default() });
    let mut catalog = Catalog::at(Arc::clone(&fake) as Arc<dyn History>, CommitTs(4000)).unwrap();
    for (query, state) in [("select setval(`A`.`sq`, 1000)", 5), ("ALTER TABLE `t` DROP COLUMN `v`;", 1)] {
        let query = Bytes::from(query);
        assert!(catalog.ddl(CommitTs(4500), 999_999, &query, state, &mut never).unwrap().is_none());
    }
    assert_eq!(fake.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn what_took_no_effect_is_none() {
    let mut back = create(5, 1001, 3, "x");
    back.state = 3;
    let mut own = create(6, 1, 281_474_976_710_654, "tidb_ddl_job");
    own.state = 6;
    let mut cancelled = create(7, 1001, 4, "y");
    cancelled.state = 5;
    let mut catalog = at([two_databases(), vec![back, own, cancelled]].concat(), 4000);
    assert!(ddl(&mut catalog, 7, "CREATE TABLE y (id INT);").is_none());
    assert!(ddl(&mut catalog, 5, "CREATE TABLE x (id INT);").is_none());
    assert!(ddl(&mut catalog, 6, "CREATE TABLE tidb_ddl_job (id INT);").is_none());
    assert!(matches!(catalog.table(281_474_976_710_654, 6).unwrap(), TableLookup::Gone(_)));
}

#[test]
fn t22_rename_across_databases_is_written_out() {
    let moved = job(5, 14, 1002, 1, "rename table t to b.T2", json!({"TableInfo": table(1, "T2")}));
    let mut catalog = at([two_databases(), vec![moved]].concat(), 4000);
    let ddl = ddl(&mut catalog, 5, "RENAME TABLE `t` TO `b`.`T2`;").unwrap();
    assert_eq!((ddl.schema.as_str(), ddl.query.as_str()), ("A", "RENAME TABLE `A`.`t` TO `b`.`T2`;"));
    assert_eq!((ddl.before[0].schema.as_str(), ddl.after[0].schema.as_str()), ("A", "b"));
    assert_eq!(ddl.written, "rename table t to b.T2", "what the user wrote is what patterns of SQL search");
}

/// Drainer takes the new database for the one of an old name without database, and judges by the new name alone.
#[test]
fn t22_a_filter_judges_a_rename_by_where_the_table_was() {
    let judged = |patterns: &[&str], query: &str| {
        let moved = job(5, 14, 1002, 1, query, json!({"TableInfo": table(1, "T2")}));
        let mut catalog = at([two_databases(), vec![moved]].concat(), 4000);
        let ddl = ddl(&mut catalog, 5, query).unwrap();
        let tables = patterns.iter().map(|p| (*p).to_owned()).collect();
        Filter::new(&Rules { tables, ..Rules::default() }).unwrap().ddl(CommitTs(4900), ddl)
    };
    let query = "RENAME TABLE `t` TO `b`.`T2`;";
    let leaves = judged(&["a.*"], query);
    assert!(leaves.ddl.is_none() && leaves.warning.unwrap().contains("`A`.`t` (as `b`.`T2`)"));
    let enters = judged(&["b.*"], query).ddl.unwrap();
    assert!(enters.refused.unwrap().message.contains("not on the target: `A`.`t` (as `b`.`T2`)"));
    let within = judged(&["a.t", "b.t2"], query).ddl.unwrap();
    assert_eq!((within.query.as_str(), within.refused.is_none()), ("RENAME TABLE `A`.`t` TO `b`.`T2`;", true));
}

#[test]
fn rename_of_several_finds_each_database() {
    // The job tells of one database alone; the unqualified `t` was in A, so the session was there.
    let query = "rename table t to b.t, b.u to u, b.t to b.`t``3`";
    let infos = json!({"MultipleTableInfos": [table(1, "t"), table(2, "u"), table(1, "t`3")],
        "TableInfo": table(1, "t`3")});
    let mut catalog = at([two_databases(), vec![job(5, 47, 1002, 1, query, infos)]].concat(), 4000);
    let ddl = ddl(&mut catalog, 5, "RENAME TABLE `t` TO `b`.`t`, `b`.`u` TO `u`, `b`.`t` TO `b`.`t``3`;").unwrap();
    assert_eq!(
        ddl.query, "RENAME TABLE `A`.`t` TO `b`.`t`, `b`.`u` TO `A`.`u`, `b`.`t` TO `b`.`t``3`;",
        "every name with its database"
    );
    assert_eq!((name(&mut catalog, 1, 5), name(&mut catalog, 2, 5)), ("b.t`3".to_owned(), "A.u".to_owned()));
    assert_eq!((ddl.before.len(), ddl.after.len()), (2, 2), "a table that moves twice is one table");
}

/// TiDB 8.1 shows the last name of a table that moves twice for both moves.
#[test]
fn a_swap_goes_by_the_statement_where_only_last_names_are_told() {
    let query = "rename table T to tmp, b.u to t, a.TMP to b.U";
    let infos =
        json!({"MultipleTableInfos": [table(1, "U"), table(2, "t"), table(1, "U")], "TableInfo": table(1, "U")});
    let mut catalog = at([two_databases(), vec![job(5, 47, 1002, 1, query, infos)]].concat(), 4000);
    let ddl = ddl(&mut catalog, 5, "RENAME TABLE `T` TO `tmp`, `b`.`u` TO `t`, `a`.`TMP` TO `b`.`U`;").unwrap();
    assert_eq!(ddl.query, "RENAME TABLE `A`.`t` TO `A`.`tmp`, `b`.`u` TO `A`.`t`, `A`.`tmp` TO `b`.`U`;");
    assert_eq!((name(&mut catalog, 1, 5), name(&mut catalog, 2, 5)), ("b.U".to_owned(), "A.t".to_owned()));
}

#[test]
fn rename_that_cannot_be_told_is_no_guess() {
    let query = "rename table A.t to t9, b.u to b.u9";
    let infos = json!({"MultipleTableInfos": [table(1, "t9"), table(2, "u9")]});
    let mut catalog = at([two_databases(), vec![job(5, 47, 1002, 1, query, infos)]].concat(), 4000);
    let (name, why) = unknown(&mut catalog, 1, 5);
    assert!(why.contains("DDL job 105"), "{why}");
    assert_eq!(name, None, "in which database it is now nobody can tell");
}

#[test]
fn a_dropped_database_comes_back_under_a_name() {
    let drop = job(5, 2, 1001, 0, "drop database A", json!({"DBInfo": {"id": 1001, "db_name": "A", "state": 0}}));
    let back = job(
        6,
        63,
        1001,
        0,
        "flashback database A to A2",
        json!({"DBInfo": {"id": 1001, "db_name": {"O": "A2", "L": "a2"}, "state": 5}}),
    );
    let mut catalog = at([two_databases(), vec![drop, back]].concat(), 4000);
    let drop = ddl(&mut catalog, 5, "DROP DATABASE `A`;").unwrap();
    assert_eq!((drop.schema.as_str(), drop.table.as_str(), drop.before.len()), ("A", "", 1));
    assert_eq!(name(&mut catalog, 1, 5), "dropped with its database by DDL job 105");
    assert!(catalog.databases().all(|(name, _, _)| name != "A"));
    let back = ddl(&mut catalog, 6, "FLASHBACK DATABASE `A` TO `A2`;").unwrap();
    assert_eq!((back.action.number(), back.after.len()), (63, 1));
    assert_eq!(name(&mut catalog, 1, 6), "A2.t");
}

#[test]
fn databases_have_their_charset() {
    let mut catalog = at(two_databases(), 0);
    let made = ddl(&mut catalog, 1, "CREATE DATABASE `A`;").unwrap();
    assert_eq!((made.schema.as_str(), made.table.as_str()), ("A", ""));
    assert_eq!((made.charset.as_deref(), made.collation.as_deref()), (Some("utf8mb4"), Some("utf8mb4_bin")));
    let names: Vec<&str> = catalog.databases().map(|(name, _, _)| name).collect();
    assert_eq!(names, ["mysql", "A"]);
}

#[test]
fn one_drop_of_several_tables_names_its_own() {
    let drop = |version, schema, id, name| {
        job(version, 4, schema, id, "drop table t, b.u", json!({"TableInfo": table(id, name)}))
    };
    let mut catalog = at([two_databases(), vec![drop(5, 1001, 1, "t"), drop(6, 1002, 2, "u")]].concat(), 4000);
    let query = "DROP TABLE `t`,`b`.`u`;";
    assert_eq!(ddl(&mut catalog, 5, query).unwrap().query, "DROP TABLE `A`.`t`;");
    let second = ddl(&mut catalog, 6, query).unwrap();
    assert_eq!((second.query.as_str(), second.before[0].id), ("DROP TABLE `b`.`u`;", 2));
    assert_eq!(name(&mut catalog, 2, 3), "dropped by DDL job 106", "a late row of an older version");
}

/// A statement that stays text has the names that the catalog has, whoever made them.
#[test]
fn names_are_those_of_the_catalog() {
    let view = |id, name| {
        let mut info = table(id, name);
        info["view"] = json!({});
        info
    };
    let made = |version, action, id, info: Json, query: &str| {
        job(version, action, 1001, id, query, json!({"TableInfo": info}))
    };
    let mut child = table(4, "Child");
    child["fk_info"] = json!([{"name": "f", "ref_schema": "B", "ref_table": {"O": "U", "L": "u"}, "state": 5, "cols": [], "ref_cols": []}]);
    let tables = json!({"MultipleTableInfos": [table(6, "One"), table(7, "Two")]});
    let drop = "drop view V1, old_view";
    let jobs = vec![
        made(5, 3, 4, child, "create table a.Child (id int references B.U(id))"),
        made(6, 21, 5, view(5, "v1"), "create view v1 as select * from CHILD"),
        job(7, 60, 1001, 0, "create table a.One (id int references T(id)); create table A.Two like T", tables),
        // These say nothing of what they drop.
        job(8, 24, 1001, 5, drop, json!({})),
        job(9, 24, 1001, 9, drop, json!({})),
        job(10, 4, 1001, 4, "drop table CHILD", json!({})),
        made(11, 21, 11, view(11, "v2"), "create view v2 as select * from V1, old_view"),
    ];
    let snapshot = Snapshot {
        databases: vec![(
            serde_json::from_value(json!({"id": 1001, "db_name": {"O": "A", "L": "a"}})).unwrap(),
            vec![serde_json::from_value(view(9, "Old_View")).unwrap()],
        )],
    };
    let fake = Fake { jobs: Mutex::new([two_databases(), jobs].concat()), current: Some(snapshot), ..Fake::default() };
    let mut catalog = Catalog::at(Arc::new(fake), CommitTs(4000)).unwrap();
    let mut query = |version, query: &str| ddl(&mut catalog, version, query).unwrap();
    let made = query(5, "CREATE TABLE `a`.`Child` (`id` INT REFERENCES `B`.`U`(`id`));");
    assert_eq!(made.query, "CREATE TABLE `A`.`Child` (`id` INT REFERENCES `b`.`u`(`id`));");
    let parent = &made.after[0].foreign_keys[0];
    assert_eq!((parent.parent_schema.as_str(), parent.parent_table.as_str()), ("b", "u"));
    assert_eq!(
        query(6, "CREATE VIEW `v1` AS SELECT * FROM `CHILD`;").query,
        "CREATE VIEW `v1` AS SELECT * FROM `Child`;"
    );
    assert_eq!(
        query(7, "CREATE TABLE `a`.`One` (`id` INT REFERENCES `T`(`id`)); CREATE TABLE `A`.`Two` LIKE `T`;").query,
        "CREATE TABLE `A`.`One` (`id` INT REFERENCES `t`(`id`)); CREATE TABLE `A`.`Two` LIKE `t`;"
    );
    let drop = "DROP VIEW `V1`, `old_view`;";
    assert_eq!(query(8, drop).query, "DROP VIEW `A`.`v1`;");
    assert_eq!(query(9, drop).query, "DROP VIEW `A`.`Old_View`;");
    assert_eq!(query(10, "DROP TABLE `CHILD`;").query, "DROP TABLE `Child`;");
    let unknown = "CREATE VIEW `v2` AS SELECT * FROM `V1`, `old_view`;";
    assert_eq!(query(11, unknown).query, unknown, "what is gone has no name any more");
}

#[test]
fn ids_change_with_truncate_and_partitioning() {
    let cut = job(5, 11, 1001, 1, "truncate table t", json!({"TableInfo": table(7, "t")}));
    let split = job(6, 71, 1001, 7, "alter table t partition by hash(id)", json!({"TableInfo": table(8, "t")}));
    let mut catalog = at([two_databases(), vec![cut, split]].concat(), 4000);
    let cut = ddl(&mut catalog, 5, "TRUNCATE TABLE `t`;").unwrap();
    assert_eq!((cut.before[0].id, cut.after[0].id), (1, 7));
    assert_eq!((name(&mut catalog, 1, 5), name(&mut catalog, 7, 5)), ("truncated by DDL job 105".into(), "A.t".into()));
    ddl(&mut catalog, 6, "ALTER TABLE `t` PARTITION BY HASH (`id`);").unwrap();
    assert_eq!(name(&mut catalog, 7, 6), "repartitioned by DDL job 106");
    assert_eq!(catalog.tables().map(|t| t.id).collect::<Vec<_>>(), [2, 8]);
}

/// Table 3 `p` with two partitions.
fn parts(ids: [i64; 2]) -> Json {
    let mut info = table(3, "p");
    let list: Vec<Json> = ids.iter().map(|id| json!({"id": id, "name": {"O": "x", "L": "x"}})).collect();
    info["partition"] = json!({"enable": true, "definitions": list});
    info
}

/// The normal table takes the partition's id: rows for it are the normal table's, those of the partitioned table keep that one's id.
#[test]
fn t21_exchange_partition_moves_the_ids() {
    let make = job(5, 3, 1001, 3, "", json!({"TableInfo": parts([31, 32])}));
    let swap = job(6, 42, 1001, 1, "alter table p exchange ...", json!({"TableInfo": parts([1, 32])}));
    let mut catalog = at([two_databases(), vec![make, swap]].concat(), 5000);
    assert_eq!(name(&mut catalog, 1, 5), "A.t");
    let ddl = ddl(&mut catalog, 6, "ALTER TABLE `p` EXCHANGE PARTITION `x` WITH TABLE `t`;").unwrap();
    assert_eq!(ddl.after.iter().map(|t| (t.id, t.name.as_str())).collect::<Vec<_>>(), [(31, "t"), (3, "p")]);
    assert_eq!((name(&mut catalog, 31, 6), name(&mut catalog, 3, 6)), ("A.t".to_owned(), "A.p".to_owned()));
    assert_eq!(name(&mut catalog, 1, 6), "exchanged with a partition by DDL job 106");
}

/// What a row holds that is older than a column is what the column began with, whatever statements may leave it out since.
#[test]
fn t12_a_missing_column_has_the_default_it_began_with() {
    let with = |default: &str| {
        let mut info = table(1, "t");
        let mut column = info["cols"][1].clone();
        for (key, value) in [("id", json!(3)), ("offset", json!(2)), ("name", json!({"O": "c", "L": "c"}))] {
            column[key] = value;
        }
        column["origin_default"] = json!("5");
        column["default"] = json!(default);
        info["cols"].as_array_mut().unwrap().push(column);
        info
    };
    let jobs = vec![
        job(5, 5, 1001, 1, "", json!({"TableInfo": with("5")})),
        job(6, 15, 1001, 1, "", json!({"TableInfo": with("7")})),
    ];
    let mut catalog = at([two_databases(), jobs].concat(), 4000);
    let mut missing = |version: i64| match catalog.table(1, version).unwrap() {
        TableLookup::Table(t) => t.columns.get(2).map(|c| c.missing.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(4), None, "a writer that does not know the column leaves nothing out");
    assert_eq!(missing(5), Some(Value::Int(5)));
    assert_eq!(missing(6), Some(Value::Int(5)));
    assert_eq!(missing(5), Some(Value::Int(5)), "a late writer of the version before");
}

#[test]
fn exchange_across_databases_runs_where_its_names_hold() {
    let make = job(5, 3, 1001, 3, "", json!({"TableInfo": parts([31, 32])}));
    let swap = job(6, 42, 1002, 2, "alter table p exchange ...", json!({"TableInfo": parts([2, 32])}));
    let mut catalog = at([two_databases(), vec![make, swap]].concat(), 5000);
    let swap = ddl(&mut catalog, 6, "ALTER TABLE `p` EXCHANGE PARTITION `x` WITH TABLE `b`.`u`;").unwrap();
    assert_eq!(swap.schema, "A", "the job's database is b, but p has no database written");
    assert_eq!((name(&mut catalog, 31, 6), name(&mut catalog, 3, 6)), ("b.u".to_owned(), "A.p".to_owned()));
    assert_eq!(name(&mut catalog, 2, 6), "exchanged with a partition by DDL job 106");
}

#[test]
fn a_row_brings_in_the_job_that_its_writer_knew() {
    let wider = job(5, 5, 1001, 1, "", json!({"TableInfo": table(1, "wide")}));
    // The start lies between the job's commit and its finish: no message will come.
    let mut catalog = at([two_databases(), vec![wider.clone()]].concat(), 4950);
    assert_eq!(name(&mut catalog, 1, 4), "A.t");
    assert_eq!(name(&mut catalog, 1, 5), "A.wide");
    assert_eq!(catalog.schema_version(), 5);
    // If it does come, it is whole.
    let late = ddl(&mut catalog, 5, "ALTER TABLE `t` ADD COLUMN `w` INT;").unwrap();
    assert_eq!((late.before[0].name.as_str(), late.after[0].name.as_str()), ("t", "wide"));
    let mut told = at([two_databases(), vec![wider]].concat(), 4950);
    told.passed(105).unwrap();
    assert_eq!(name(&mut told, 1, 4), "A.wide");
}

#[test]
fn a_job_before_the_start_may_reach_the_history_late() {
    let fake = Arc::new(Fake { jobs: Mutex::new(two_databases()), ..Fake::default() });
    let mut catalog = Catalog::at(Arc::clone(&fake) as Arc<dyn History>, CommitTs(4950)).unwrap();
    fake.jobs.lock().unwrap().push(job(5, 5, 1001, 1, "", json!({"TableInfo": table(1, "wide")})));
    assert_eq!(name(&mut catalog, 1, 5), "A.wide", "the row's version is news");
    fake.jobs.lock().unwrap().push(create(6, 1001, 9, "new"));
    assert_eq!(name(&mut catalog, 9, 6), "A.new", "the id is news");
}

#[test]
fn an_unknown_id_says_what_to_do() {
    let mut catalog = at(two_databases(), 4000);
    let error = catalog.table(77, 4).unwrap_err();
    assert!(error.to_string().contains("table id 77"), "{error}");
    let fault = tisync::error::fault(&error).unwrap();
    assert_eq!(fault.kind, tisync::error::Kind::Refused);
    assert!(fault.hint.contains("backup"));
}

/// A restored cluster: the history knows nothing of tables 11, 12, 13 and 15.
#[test]
fn tables_that_no_job_made() {
    let info = |id: i64, name: &str, updated: u64| {
        let mut info = table(id, name);
        info["update_timestamp"] = json!(updated);
        serde_json::from_value::<TableInfo>(info).unwrap()
    };
    let db = DbInfo { id: 1003, name: tisync::schema::CiStr("R".to_owned()), ..DbInfo::default() };
    let tables = vec![
        info(11, "quiet", 10),
        info(12, "altered", 4900),
        info(13, "odd", 4999),
        info(14, "born", 4900),
        info(15, "moved", 4900),
    ];
    let altered = job(5, 5, 1003, 12, "", json!({"TableInfo": table(12, "altered")}));
    let moved = job(7, 14, 1003, 15, "", json!({"TableInfo": table(15, "moved")}));
    let fake = Fake {
        jobs: Mutex::new([two_databases(), vec![altered, create(6, 1003, 14, "born"), moved]].concat()),
        current: Some(Snapshot { databases: vec![(db, tables)] }),
        ..Fake::default()
    };
    let mut catalog = Catalog::at(Arc::new(fake), CommitTs(4000)).unwrap();
    assert_eq!(name(&mut catalog, 11, 4), "R.quiet", "unchanged since the start");
    for (id, what) in [(12, "altered"), (13, "odd")] {
        let (name, why) = unknown(&mut catalog, id, 4);
        assert!(why.contains(&format!("`R`.`{what}` changed after the start")), "{why}");
        assert_eq!(name, Some(format!("R.{what}")), "its name is sure, so a filter can decide");
    }
    assert_eq!(unknown(&mut catalog, 15, 4).0, None, "a job to come renames it");
    assert!(catalog.table(14, 4).is_err(), "not born yet");
    assert_eq!(name(&mut catalog, 12, 5), "R.altered", "its next job tells");
    assert_eq!(name(&mut catalog, 14, 6), "R.born");
}

/// TiDB shows what a TRUNCATE or CREATE makes before the job has waited for open transactions: the job comes into the history and the stream
/// behind that. Until then the new table is not there.
#[test]
fn a_table_whose_job_still_waits_is_not_there_yet() {
    let info = |id: i64, name: &str| {
        let mut info = table(id, name);
        info["update_timestamp"] = json!(4400);
        serde_json::from_value::<TableInfo>(info).unwrap()
    };
    let db = DbInfo { id: 1001, name: tisync::schema::CiStr("A".to_owned()), ..DbInfo::default() };
    // `t` was truncated from id 1 to 201, `v` is new, `old` was there before the oldest job.
    let tables = vec![info(201, "t"), info(202, "v"), info(9, "old")];
    let fake = Arc::new(Fake {
        jobs: Mutex::new(two_databases()),
        current: Some(Snapshot { databases: vec![(db, tables)] }),
        ..Fake::default()
    });
    let mut catalog = Catalog::at(Arc::clone(&fake) as Arc<dyn History>, CommitTs(4500)).unwrap();
    let names = |catalog: &Catalog| catalog.tables().map(|t| (t.id, t.name.clone())).collect::<Vec<_>>();
    let known = |id, name: &str| (id, name.to_owned());
    assert_eq!(names(&catalog), [known(1, "t"), known(2, "u"), known(9, "old")]);
    // Rows of others go on with the table as it was.
    assert_eq!(name(&mut catalog, 1, 4), "A.t");
    let truncate = job(5, 11, 1001, 1, "", json!({"TableInfo": table(201, "t")}));
    let late = Arc::clone(&fake);
    let waits = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        late.jobs.lock().unwrap().push(truncate);
    });
    // A row of the new version waits for the job.
    assert_eq!(name(&mut catalog, 201, 5), "A.t");
    waits.join().unwrap();
    let truncated = ddl(&mut catalog, 5, "TRUNCATE TABLE `t`").unwrap();
    assert_eq!((truncated.before[0].id, truncated.after[0].id), (1, 201));
    fake.jobs.lock().unwrap().push(create(6, 1001, 202, "v"));
    let created = ddl(&mut catalog, 6, "CREATE TABLE `v` (`id` INT)").unwrap();
    assert_eq!((created.before.len(), created.after[0].id), (0, 202));
    assert_eq!(names(&catalog), [known(2, "u"), known(9, "old"), known(201, "t"), known(202, "v")]);
}

#[test]
fn a_table_that_cannot_be_read_fails_alone() {
    let mut vector = table(3, "v");
    vector["cols"][1]["type"]["Tp"] = json!(225);
    let make = job(5, 3, 1001, 3, "", json!({"TableInfo": vector}));
    let mut view = table(4, "w");
    view["view"] = json!({"view_select": "select 1"});
    let view = job(6, 21, 1001, 4, "", json!({"TableInfo": view}));
    let mut catalog = at([two_databases(), vec![make, view]].concat(), 6000);
    match catalog.table(3, 5).unwrap() {
        TableLookup::Unreadable { schema, table, why } => {
            assert_eq!((schema.as_str(), table.as_str()), ("A", "v"));
            assert!(why.contains("`v`") && why.contains("VECTOR"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(catalog.tables().map(|t| t.id).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn order_is_by_version_not_by_id() {
    let mut jobs = two_databases();
    let mut second = job(6, 5, 1001, 1, "", json!({"TableInfo": table(1, "second")}));
    second.id = 50;
    let first = job(5, 5, 1001, 1, "", json!({"TableInfo": table(1, "first")}));
    jobs.extend([second, first]);
    jobs.reverse();
    assert_eq!(name(&mut at(jobs.clone(), 5000), 1, 5), "A.first");
    assert_eq!(name(&mut at(jobs, 6000), 1, 5), "A.second");
}

#[test]
fn flashback_cluster_is_not_passed_over() {
    let mut back = job(5, 62, 0, 0, "flashback cluster to timestamp '2026-01-01'", json!({}));
    back.info.schema_version = 0;
    let mut catalog = at([two_databases(), vec![back]].concat(), 4000);
    let ddl = ddl(&mut catalog, 5, "FLASHBACK CLUSTER TO TIMESTAMP '2026-01-01';").unwrap();
    assert_eq!(ddl.action.number(), 62);
}
