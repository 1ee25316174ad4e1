//! What TiDB tells of its schema, and the texts of its DDL.

use serde_json::Value as Json;
use tisync::mark::Origin;
use tisync::mysql::session::Flavour;
use tisync::playground::tableinfo::{Details, create_table, db_info, table_info};
use tisync::schema::{DbInfo, Job, TableInfo, convert, from_text};
use tisync::sink::mysql::ddl::form::Form;
use tisync::sink::mysql::ddl::form::rewrite;
use tisync::sql::{Statement, mentions, names_charset, statements};

use crate::rows;
use crate::targets::Target;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "definition", seeds: definitions, words: JSON, read: definition, share: 70 },
        Target { name: "job", seeds: jobs, words: JSON, read: job, share: 50 },
        Target { name: "ddl", seeds: texts, words: SQL, read: text, share: 150 },
    ]
}

const JSON: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\\u0000",
    "\\ud800",
    "\"cols\":",
    "\"partition\":{",
    "\"type\":",
    "\"Elems\":",
    "\"state\":5",
    "\"id\":",
];
const SQL: &[&str] = &[
    "/*",
    "*/",
    "/*!",
    "/*!50000 ",
    "/*M!",
    "/*T![x] ",
    "-- ",
    "--\t",
    "#",
    "'",
    "\"",
    "`",
    "\\",
    "''",
    "``",
    "(",
    ")",
    ",",
    ";",
    ".",
    "\0",
    "\u{1f600}",
    "ALTER TABLE ",
    "CREATE TABLE ",
    "DROP TABLE ",
    "RENAME TABLE ",
    "TRUNCATE ",
    "ADD COLUMN ",
    "PARTITION ",
    "EXCHANGE PARTITION ",
    "IF EXISTS ",
    "CHARACTER SET ",
    "COLLATE ",
    "DEFAULT ",
    "ENUM(",
    "REFERENCES ",
    "AS SELECT ",
    "VIEW ",
    "x'4142'",
    "0b01",
    "_utf8mb4'",
    "1e5",
    "@@",
    ":=",
    "use db; ",
];

/// A table of TiDB's schema.
fn definition(input: &[u8]) {
    if let Ok(info) = serde_json::from_slice::<TableInfo>(input) {
        let _ = convert(&info, "db");
    }
    let _ = serde_json::from_slice::<DbInfo>(input);
}

fn definitions() -> Vec<Vec<u8>> {
    let partition = r#"{"type":1,"expr":"`c1`","columns":null,"enable":true,"definitions":[{"id":9,"name":{"O":"p0","L":"p0"},"less_than":["10"]},
        {"id":10,"name":{"O":"p1","L":"p1"},"less_than":["MAXVALUE"]}],"num":2}"#;
    let mut all: Vec<Json> = rows::tables().iter().map(|t| table_info(t, &Details::default(), 7)).collect();
    let mut partitioned = all[0].clone();
    partitioned["partition"] = serde_json::from_str(partition).expect("JSON");
    all.extend([partitioned, db_info(3, "db")]);
    all.iter().map(|json| json.to_string().into_bytes()).collect()
}

/// A page of the DDL history.
fn job(input: &[u8]) {
    if let Ok(jobs) = serde_json::from_slice::<Vec<Job>>(input) {
        for job in jobs {
            let _ = job.effective();
            if let Some(table) = job.info.table.as_deref() {
                let _ = convert(table, &job.schema_name);
            }
        }
    }
}

fn jobs() -> Vec<Vec<u8>> {
    let of = |info: Json| {
        serde_json::json!([{
            "id": 60, "type": 5, "schema_id": 3, "table_id": 1, "schema_name": "db", "table_name": "t1", "state": 6, "schema_state": 5,
            "snapshot_ver": 0, "real_start_ts": 5, "start_ts": 5, "query": "alter table t1 add column x int",
            "binlog": {"SchemaVersion": 30, "DBInfo": db_info(3, "db"), "TableInfo": info, "FinishedTS": 9, "MultipleTableInfos": null},
            "multi_schema_info": {"sub_jobs": [{"type": 5, "state": 6, "schema_state": 5, "revertible": false}], "revertible": true},
        }])
        .to_string()
        .into_bytes()
    };
    rows::tables().iter().map(|t| of(table_info(t, &Details::default(), 7))).collect()
}

/// The text of a DDL, by everything that reads one.
fn text(input: &[u8]) {
    let sql = String::from_utf8_lossy(input);
    let _ =
        (Statement::of(&sql), from_text(&sql), Form::of(&sql, "db").names(), names_charset(&sql), Origin::split(&sql));
    let _ = (statements(&sql).len(), mentions(&sql, &[]).len());
    for flavour in [Flavour::TiDb, Flavour::MySql, Flavour::MariaDb] {
        let _ = rewrite(&sql, flavour, Some(("utf8mb4", "utf8mb4_bin")));
    }
}

fn texts() -> Vec<Vec<u8>> {
    let made = rows::tables().iter().map(|t| create_table(t, &Details::default())).collect::<Vec<_>>();
    let written = [
        "/* tisync channel=1 cluster=7 ts=42 */ ALTER TABLE `db`.`t` ADD COLUMN `a` INT DEFAULT 1 AFTER `b`, DROP INDEX `i`",
        "CREATE TABLE t (a ENUM('x','y''z','\\\\') CHARACTER SET latin1 COMMENT 'it''s', b VARCHAR(10) DEFAULT 'a;b', KEY k ((a + 1)))",
        "ALTER TABLE a.t EXCHANGE PARTITION p0 WITH TABLE b.u WITHOUT VALIDATION",
        "RENAME TABLE a TO b, `c`.`d` TO `c`.`e`",
        "CREATE OR REPLACE ALGORITHM = UNDEFINED DEFINER = `r`@`%` SQL SECURITY DEFINER VIEW `v` (`a`) AS SELECT 1 FROM t WHERE x = '/*'",
        "CREATE TABLE t (id BIGINT PRIMARY KEY /*T![clustered_index] CLUSTERED */, x INT REFERENCES p (id)) /*T! SHARD_ROW_ID_BITS=4 */",
        "CREATE SEQUENCE s START WITH 1 INCREMENT BY 2; DROP TABLE IF EXISTS `a`.`b`, c -- done",
        "ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION p1 VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-01')), PARTITION p2 VALUES LESS THAN MAXVALUE)",
    ];
    made.into_iter().chain(written.map(str::to_owned)).map(String::into_bytes).collect()
}
