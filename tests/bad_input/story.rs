//! The stream that every case damages: seven messages about one table, and what the table holds after each.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use serde_json::{Value as Json, json};
use tisync::model::{
    Body, Column, CommitTs, Decimal, Generated, Handle, Key, KeyPart, Kind, Pulled, RawTxn, Row, RowChange, RowKind,
    Table, Value,
};
use tisync::playground::encode;
use tisync::playground::tableinfo::{ColumnDetails, Details, create_table, db_info, table_info};
use tisync::source::binlog::{PrewriteValue, TableMutation};

/// Where the stream starts, in milliseconds.
const BASE_MS: u64 = 1_700_000_000_000;
/// How many messages there are.
pub const MESSAGES: usize = 7;
/// The message that cases replace: those before it are good.
pub const BAD: usize = 4;
/// The table's id.
pub const TABLE: i64 = 102;
const SCHEMA: i64 = 101;
/// A job on the table that the history knows and the good stream does not have.
pub const ALTER: i64 = 203;
/// One that makes a view.
pub const VIEW: i64 = 204;
const JOBS: [i64; 2] = [201, 202];

/// The commit ts of message `at`; 0 is the first one.
pub fn ts(at: usize) -> CommitTs {
    CommitTs::from_millis(BASE_MS + 1000 * (at as u64 + 1))
}

pub fn start() -> CommitTs {
    CommitTs::from_millis(BASE_MS)
}

pub fn end() -> CommitTs {
    CommitTs::from_millis(BASE_MS + 100_000)
}

/// `id` BIGINT PRIMARY KEY, `name` VARCHAR(20), `price` DECIMAL(6,2) NOT NULL.
pub fn table(db: &str) -> Arc<Table> {
    let column = |id, name: &str, kind, nullable| Column {
        id,
        name: name.to_owned(),
        kind,
        nullable,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    let text = Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() };
    let part = KeyPart { column: 0, prefix: None };
    Arc::new(Table {
        id: TABLE,
        schema: db.to_owned(),
        name: "t".to_owned(),
        columns: vec![
            column(1, "id", Kind::Int { bytes: 8, unsigned: false }, false),
            column(2, "name", text, true),
            column(3, "price", Kind::Decimal { precision: 6, scale: 2 }, false),
        ],
        keys: vec![Key { name: "PRIMARY".to_owned(), primary: true, parts: vec![part] }],
        handle: Handle::Int(0),
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    })
}

fn details() -> Details {
    let name = ColumnDetails { length: Some(20), ..ColumnDetails::default() };
    Details { columns: BTreeMap::from([("name".to_owned(), name)]), ..Details::default() }
}

pub fn row(id: i64, name: &str) -> Row {
    let price = Decimal { text: format!("{id}.50").into() };
    vec![Value::Int(id), Value::Bytes(name.to_owned().into()), Value::Decimal(price)]
}

/// A transaction with the changes given.
pub fn changes(db: &str, at: usize, kinds: Vec<RowKind>) -> Pulled {
    let table = table(db);
    let changes: Vec<_> = kinds.into_iter().map(|kind| RowChange { table: table.clone(), kind }).collect();
    body(at, Body::Rows(encode::prewrite(2, &changes, &mut |_| 0).unwrap()))
}

/// A transaction that inserts one row, which is `bytes`.
pub fn inserted(at: usize, table_id: i64, bytes: &[u8]) -> Pulled {
    mutation(at, table_id, &[0], vec![bytes.to_vec()])
}

pub fn mutation(at: usize, table_id: i64, sequence: &[i32], inserted: Vec<Vec<u8>>) -> Pulled {
    let inserted_rows = inserted.into_iter().map(Into::into).collect();
    let mutation = TableMutation {
        table_id: Some(table_id),
        inserted_rows,
        sequence: sequence.to_vec(),
        ..TableMutation::default()
    };
    let value = PrewriteValue { schema_version: Some(2), mutations: vec![mutation] };
    body(at, Body::Rows(value.encode_to_vec().into()))
}

pub fn ddl(at: usize, job_id: i64, query: &[u8]) -> Pulled {
    body(at, Body::Ddl { job_id, query: query.to_vec().into(), schema_state: 5 })
}

pub fn body(at: usize, body: Body) -> Pulled {
    let start_ts = CommitTs(ts(at).0 - 1000);
    Pulled::Txn(RawTxn { commit_ts: ts(at), start_ts, body })
}

/// All messages.
pub fn messages(db: &str) -> Vec<Pulled> {
    use RowKind::{Delete, Insert, Update};
    let create = create_table(&table(db), &details());
    vec![
        ddl(0, JOBS[0], format!("CREATE DATABASE `{db}`").as_bytes()),
        ddl(1, JOBS[1], create.as_bytes()),
        changes(db, 2, vec![Insert(row(1, "one")), Insert(row(2, "two"))]),
        changes(db, 3, vec![Update { old: row(2, "two"), new: row(2, "zwei") }]),
        changes(db, 4, vec![Insert(row(3, "three"))]),
        changes(db, 5, vec![Delete(row(1, "one")), Insert(row(4, "four"))]),
        changes(db, 6, vec![Update { old: row(4, "four"), new: row(4, "vier") }]),
    ]
}

/// What the table holds when the first `count` messages are applied; `None`: it is not there yet.
pub fn rows_after(count: usize) -> Option<Vec<&'static str>> {
    match count {
        0 | 1 => None,
        2 => Some(vec![]),
        3 => Some(vec!["1 one 1.50", "2 two 2.50"]),
        4 => Some(vec!["1 one 1.50", "2 zwei 2.50"]),
        5 => Some(vec!["1 one 1.50", "2 zwei 2.50", "3 three 3.50"]),
        6 => Some(vec!["2 zwei 2.50", "3 three 3.50", "4 four 4.50"]),
        _ => Some(vec!["2 zwei 2.50", "3 three 3.50", "4 vier 4.50"]),
    }
}

/// The comment that [`ALTER`] gives the table: who reads it as SQL finds more than one statement.
pub const COMMENT: &str = "\\', COMMENT = '; DROP DATABASE `victim`; -- ";

/// The answer of `/ddl/history`: the stream's two jobs and [`ALTER`].
pub fn history(db: &str) -> Json {
    let job = |id: i64, at: usize, action: u8, table_id: i64, db_info: &Json, table_info: &Json| {
        let finished = ts(at).0 - 500;
        json!({
            "id": id, "type": action, "schema_id": SCHEMA, "table_id": table_id, "schema_name": db,
            "table_name": "", "state": 6, "query": "", "start_ts": finished,
            "binlog": {
                "SchemaVersion": id - 200, "DBInfo": db_info, "TableInfo": table_info, "FinishedTS": finished,
                "MultipleTableInfos": null,
            },
        })
    };
    let table = table_info(&table(db), &details(), ts(1).0);
    let mut altered = table.clone();
    altered["comment"] = COMMENT.into();
    let mut view = table.clone();
    (view["id"], view["name"], view["view"]) = ((TABLE + 1).into(), json!({ "O": "v", "L": "v" }), json!({}));
    json!([
        job(JOBS[0], 0, 1, 0, &db_info(SCHEMA, db), &Json::Null),
        job(JOBS[1], 1, 3, TABLE, &Json::Null, &table),
        job(ALTER, BAD, 17, TABLE, &Json::Null, &altered),
        job(VIEW, BAD, 21, TABLE + 1, &Json::Null, &view),
    ])
}
