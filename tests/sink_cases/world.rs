//! What the cases build on: tables by hand, rows, a sink, the target's rows as text.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::error::fault;
use tisync::event::{Event, Events};
use tisync::model::{
    Change, Column, CommitTs, Ddl, Decimal, Generated, Handle, Key, KeyPart, Kind, Row, RowChange, RowKind, Table, Txn,
    Value,
};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

/// A start that every test's first ts lies above.
pub const START: u64 = 420_747_102_018_863_124;

pub struct World<'a> {
    pub server: &'a PrivateServer,
    pub db: String,
    pub conn: Conn,
    pub notes: Arc<Mutex<Vec<String>>>,
}

impl<'a> World<'a> {
    pub fn new(server: &'a PrivateServer, db: &str) -> Self {
        let mut conn = server.connect().unwrap();
        conn.query_drop("SET NAMES utf8mb4").unwrap();
        conn.query_drop("SET SESSION time_zone = '+00:00'").unwrap();
        // MySQL from 8.0 on tells counters that are a day old; others do not know the variable.
        let _ = conn.query_drop("SET SESSION information_schema_stats_expiry = 0");
        conn.query_drop(format!("CREATE DATABASE {db} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")).unwrap();
        conn.query_drop(format!("USE {db}")).unwrap();
        Self { server, db: db.to_owned(), conn, notes: Arc::default() }
    }

    pub fn options(&self) -> MysqlOptions {
        MysqlOptions { start: Some(CommitTs(START)), ..MysqlOptions::new(77, self.db.clone()) }
    }

    pub fn events(&self) -> Events {
        let notes = self.notes.clone();
        Arc::new(move |event| {
            let text = match event {
                Event::Note(text) | Event::Warning(text) => text,
                Event::Retrying { why, next, .. } => format!("{why}; trying again in {next:?}"),
                _ => return,
            };
            notes.lock().unwrap().push(text);
        })
    }

    pub fn open(&self, options: MysqlOptions) -> anyhow::Result<MysqlSink> {
        MysqlSink::open(&self.server.url(), options, self.events())
    }

    pub fn sink(&self) -> MysqlSink {
        self.open(self.options()).unwrap()
    }

    pub fn noted(&self, text: &str) -> bool {
        self.notes.lock().unwrap().iter().any(|n| n.contains(text))
    }

    pub fn run(&mut self, sql: &str) {
        self.conn.query_drop(sql).unwrap();
    }

    /// Rows as text, columns joined by `|`, NULL as `~`.
    pub fn rows(&mut self, sql: &str) -> Vec<String> {
        let rows: Vec<mysql::Row> = self.conn.query(sql).unwrap();
        let text = |value: mysql::Value| match value {
            mysql::Value::NULL => "~".to_owned(),
            mysql::Value::Bytes(b) => String::from_utf8(b).unwrap_or_else(|e| format!("{:02x?}", e.as_bytes())),
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(|r| r.unwrap().into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }

    pub fn one(&mut self, sql: &str) -> String {
        self.rows(sql).join(";")
    }

    pub fn checkpoint(&mut self) -> u64 {
        let sql = format!("SELECT commit_ts FROM tidb_binlog.tisync_checkpoint WHERE link = '{}'", self.db);
        self.one(&sql).parse().unwrap()
    }

    /// Makes the table on the server and its definition; `keys` are lists of column numbers, the first one primary if
    /// `primary`.
    pub fn table(
        &mut self,
        name: &str,
        sql: &str,
        columns: &[(&str, Kind)],
        keys: &[&[usize]],
        primary: bool,
    ) -> Arc<Table> {
        self.run(&format!("CREATE TABLE {name} ({sql})"));
        define(&self.db, name, columns, keys, primary)
    }
}

/// A name that ends in `?` may be NULL, one that ends in `=` is generated.
pub fn define(db: &str, name: &str, columns: &[(&str, Kind)], keys: &[&[usize]], primary: bool) -> Arc<Table> {
    let column = |(i, (name, kind)): (usize, &(&str, Kind))| Column {
        id: i as i64 + 1,
        name: name.trim_end_matches(['?', '=']).to_owned(),
        kind: kind.clone(),
        nullable: !keys.iter().any(|k| primary && k.contains(&i)) && name.ends_with('?'),
        generated: if name.ends_with('=') { Generated::Stored } else { Generated::No },
        hidden: false,
        missing: Value::Null,
    };
    let key = |(i, parts): (usize, &&[usize])| Key {
        name: if i == 0 && primary { "PRIMARY".to_owned() } else { format!("u{i}") },
        primary: i == 0 && primary,
        parts: parts.iter().map(|c| KeyPart { column: *c, prefix: None }).collect(),
    };
    Arc::new(Table {
        id: name.bytes().fold(100, |a, b| a * 31 + i64::from(b)) & 0xffff_ffff,
        schema: db.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().enumerate().map(column).collect(),
        keys: keys.iter().enumerate().map(key).collect(),
        handle: Handle::RowId,
        foreign_keys: vec![],
        partitions: vec![],
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    })
}

pub const INT: Kind = Kind::Int { bytes: 8, unsigned: false };

pub fn text() -> Kind {
    Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() }
}

pub fn s(text: impl AsRef<[u8]>) -> Value {
    Value::Bytes(Bytes::copy_from_slice(text.as_ref()))
}

pub fn i(n: i64) -> Value {
    Value::Int(n)
}

pub fn dec(text: &'static str) -> Value {
    Value::Decimal(Decimal { text: Bytes::from_static(text.as_bytes()) })
}

pub fn json(text: &'static str) -> Value {
    Value::Json(Bytes::from_static(text.as_bytes()))
}

pub fn ins(table: &Arc<Table>, row: Row) -> RowChange {
    RowChange { table: table.clone(), kind: RowKind::Insert(row) }
}

pub fn del(table: &Arc<Table>, row: Row) -> RowChange {
    RowChange { table: table.clone(), kind: RowKind::Delete(row) }
}

pub fn upd(table: &Arc<Table>, old: Row, new: Row) -> RowChange {
    RowChange { table: table.clone(), kind: RowKind::Update { old, new } }
}

pub fn txn(n: u64, rows: Vec<RowChange>) -> Txn {
    Txn { commit_ts: CommitTs(START + n), change: Change::Rows(rows) }
}

pub fn ddl(n: u64, action: u8, db: &str, query: &str, before: &[&Arc<Table>], after: &[&Arc<Table>]) -> Txn {
    let own = |tables: &[&Arc<Table>]| tables.iter().map(|t| Arc::clone(t)).collect();
    let (before, after) = (own(before), own(after));
    let ddl = Ddl {
        job_id: 9,
        action: action.into(),
        schema: db.to_owned(),
        table: "t".to_owned(),
        query: query.to_owned(),
        after,
        before,
        ..Ddl::default()
    };
    Txn { commit_ts: CommitTs(START + n), change: Change::Ddl(Box::new(ddl)) }
}

/// An error as an operator sees it: the whole chain, and the hint.
pub fn said(error: &anyhow::Error) -> String {
    let hint = fault(error).map(|f| f.hint.clone()).unwrap_or_default();
    format!("{error:#}\n=> {hint}")
}

/// Applies each transaction as a batch of its own.
pub fn apply(sink: &mut MysqlSink, txns: Vec<Txn>) {
    for txn in txns {
        sink.apply(txn).unwrap();
        sink.flush().unwrap();
    }
    sink.drain().unwrap();
}

/// `text` with each number as `#`: ages change from run to run.
pub fn still(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if !c.is_ascii_digit() => out.push(c),
            _ if !out.ends_with('#') => out.push('#'),
            _ => {}
        }
    }
    out
}
