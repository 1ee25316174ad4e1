//! Globals of the server that say something else than a session of ours relies on.

use std::sync::Arc;

use crate::common::server::{self, Dialect};
use mysql::prelude::Queryable;
use tisync::event::silent;
use tisync::model::{Change, Kind, Table, Txn};
use tisync::mysql::address::Target;
use tisync::mysql::session::Session;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{Mode, MysqlOptions, MysqlSink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("no global of the server changes what is applied", globals),
    ("an account that may not set binlog_format is told what is missing", statement_format),
];

/// A global, what it is set to, and what it is in our sessions; nothing where only the rows count.
const GLOBALS: &[(&str, &str, Option<&str>)] = &[
    ("sql_select_limit", "1", Some("18446744073709551615")),
    ("sql_select_limit", "0", Some("18446744073709551615")),
    ("completion_type", "1", Some("NO_CHAIN")),
    ("completion_type", "2", Some("NO_CHAIN")),
    ("sql_safe_updates", "1", Some("OFF")),
    ("unique_checks", "0", Some("ON")),
    ("sql_big_selects", "0", Some("ON")),
    ("max_join_size", "1", None),
    ("max_statement_time", "0.2", Some("0.000000")),
    ("binlog_format", "'STATEMENT'", Some("ROW")),
    ("binlog_format", "'MIXED'", Some("ROW")),
    ("autocommit", "0", Some("ON")),
    ("foreign_key_checks", "1", Some("OFF")),
    ("check_constraint_checks", "1", Some("OFF")),
    ("tx_read_only", "1", Some("OFF")),
    ("tx_isolation", "'SERIALIZABLE'", Some("READ-COMMITTED")),
    ("transaction_read_only", "1", Some("OFF")),
    ("transaction_isolation", "'SERIALIZABLE'", Some("READ-COMMITTED")),
    ("max_execution_time", "1", Some("0")),
    ("sql_require_primary_key", "1", Some("OFF")),
    ("sql_generate_invisible_primary_key", "1", Some("OFF")),
    ("default_collation_for_utf8mb4", "'utf8mb4_general_ci'", None),
    ("sql_auto_is_null", "1", Some("OFF")),
    ("sql_quote_show_create", "0", Some("ON")),
    ("sql_notes", "0", Some("ON")),
    ("max_error_count", "0", Some("1024")),
    ("default_storage_engine", "'MyISAM'", Some("InnoDB")),
    ("enforce_storage_engine", "'MyISAM'", Some("~")),
    ("alter_algorithm", "'INSTANT'", Some("DEFAULT")),
    ("sql_if_exists", "1", Some("OFF")),
    ("old_mode", "''", Some("UTF8_IS_UTF8MB3")),
    ("idle_transaction_timeout", "1", Some("0")),
    ("idle_write_transaction_timeout", "1", Some("0")),
    ("idle_readonly_transaction_timeout", "1", Some("0")),
    ("wait_timeout", "1", Some("604800")),
    ("net_read_timeout", "1", Some("60")),
    ("time_zone", "'+09:00'", Some("+00:00")),
    ("sql_mode", "'TRADITIONAL,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'", None),
    ("explicit_defaults_for_timestamp", "0", Some("ON")),
    ("character_set_results", "'latin1'", Some("utf8mb4")),
    ("character_set_server", "'latin1'", Some("utf8mb4")),
    ("collation_connection", "'latin1_german2_ci'", None),
    ("in_predicate_conversion_threshold", "2", Some("0")),
    ("innodb_lock_wait_timeout", "1", None),
    ("lock_wait_timeout", "1", None),
    ("low_priority_updates", "1", None),
    ("group_concat_max_len", "4", None),
    ("max_sort_length", "64", None),
    ("sql_buffer_result", "1", None),
    ("max_seeks_for_key", "1", None),
    ("optimizer_search_depth", "0", None),
    ("innodb_strict_mode", "0", None),
];

struct Tables {
    keyed: Arc<Table>,
    bare: Arc<Table>,
    made: Arc<Table>,
    more: Arc<Table>,
}

fn tables(w: &mut World<'_>) -> Tables {
    let columns = [("id", INT), ("u", INT), ("v?", text()), ("w?", INT)];
    // No session of a MySQL is free of the target's own checks.
    let Dialect { mysql, version } = Dialect::asked(&mut w.conn);
    let check = if mysql && version >= (8, 0) { "" } else { ", CHECK (w < 1000)" };
    let sql = format!("id BIGINT PRIMARY KEY, u BIGINT NOT NULL UNIQUE, v VARCHAR(20), w BIGINT{check}");
    let keyed = w.table("keyed", &sql, &columns, &[&[0], &[1]], true);
    let bare = w.table(
        "bare",
        "a BIGINT, c VARCHAR(20), d DATE",
        &[("a?", INT), ("c?", text()), ("d?", Kind::Date)],
        &[],
        false,
    );
    let made = define(&w.db, "made", &[("id", INT), ("ts?", Kind::Timestamp { fsp: 0 })], &[&[0]], true);
    let more =
        define(&w.db, "made", &[("id", INT), ("x?", text()), ("ts?", Kind::Timestamp { fsp: 0 })], &[&[0]], true);
    Tables { keyed, bare, made, more }
}

/// Inserts, updates that swap keys, deletes and changes of rows without a key, a table that the stream makes and alters.
fn changes(db: &str, t: &Tables) -> Vec<Txn> {
    use tisync::model::Value::Null;
    let keyed = |id: i64, u: i64, w: i64| vec![i(id), i(u), s(format!("é\\'{id}")), i(w)];
    let bare = |a: i64| vec![i(a), s(format!("c{a}")), Null];
    let none = || vec![Null, s("~"), Null];
    let mut first: Vec<_> = (1..300).map(|n| ins(&t.keyed, keyed(n, 1000 + n, 2000 + n))).collect();
    first.extend((1..40).map(|n| ins(&t.bare, bare(n % 8))));
    first.extend([ins(&t.bare, none()), ins(&t.bare, none())]);
    let second = vec![
        upd(&t.keyed, keyed(1, 1001, 2001), keyed(1, 1002, 0)),
        upd(&t.keyed, keyed(2, 1002, 2002), keyed(2, 1001, 0)),
        upd(&t.keyed, keyed(3, 1003, 2003), keyed(900, 1003, 1)),
        del(&t.bare, bare(1)),
        del(&t.bare, none()),
        upd(&t.bare, bare(2), bare(77)),
    ];
    let third = (4..290).map(|n| del(&t.keyed, keyed(n, 1000 + n, 2000 + n))).collect();
    let create = "CREATE TABLE made (id BIGINT AUTO_INCREMENT PRIMARY KEY, ts TIMESTAMP)";
    let alter = "ALTER TABLE made ADD COLUMN x VARCHAR(10) NULL AFTER id";
    vec![
        txn(1, first),
        txn(2, second),
        txn(3, third),
        ddl(4, 3, db, create, &[], &[&t.made]),
        txn(5, vec![ins(&t.made, vec![i(0), Null]), ins(&t.made, vec![i(7), Null])]),
        another_job(ddl(6, 5, db, alter, &[&t.made], &[&t.more])),
        txn(7, vec![ins(&t.more, vec![i(8), s("x"), Null]), del(&t.more, vec![i(7), Null, Null])]),
    ]
}

/// Each DDL of a stream is a job of its own.
fn another_job(mut txn: Txn) -> Txn {
    if let Change::Ddl(ddl) = &mut txn.change {
        ddl.job_id += 1;
    }
    txn
}

fn result(w: &mut World<'_>) -> Vec<String> {
    [
        "SELECT id, u, v, w FROM keyed ORDER BY id LIMIT 3",
        "SELECT COUNT(*), MIN(id), MAX(id) FROM keyed",
        "SELECT a, COUNT(*) FROM bare GROUP BY a ORDER BY a",
        "SELECT id, x, ts FROM made ORDER BY id",
        "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
    ]
    .iter()
    .map(|sql| w.one(sql))
    .collect()
}

fn work(w: &mut World<'_>, url: &str) -> anyhow::Result<Vec<String>> {
    let t = tables(w);
    let mut sink = MysqlSink::open(url, MysqlOptions { workers: Some(2), ..w.options() }, w.events())?;
    sink.prepare([&t.keyed, &t.bare].into_iter())?;
    for txn in changes(&w.db, &t) {
        sink.apply(txn)?;
        sink.flush()?;
    }
    sink.drain()?;
    drop(sink);
    // Columns that seem to be missing would be left out here without a word.
    let options = MysqlOptions { mode: Mode::Partial, workers: Some(2), ..w.options() };
    let mut sink = MysqlSink::open(url, options, w.events())?;
    sink.prepare([&t.keyed, &t.bare].into_iter())?;
    sink.apply(txn(
        8,
        vec![
            ins(&t.keyed, vec![i(950), i(950), s("all"), i(5)]),
            ins(&t.bare, vec![i(9), s("all"), tisync::model::Value::Null]),
        ],
    ))?;
    sink.drain()?;
    drop(sink);
    let mut all = result(w);
    all.push(w.one("SELECT k.v, k.w, b.c FROM keyed k JOIN bare b ON b.a = 9 WHERE k.id = 950"));
    Ok(all)
}

fn globals(_: &PrivateServer) {
    let options = [
        "--log-bin=binlog",
        "--server-id=1",
        "--sync-binlog=0",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
    ];
    let server = server::start(&options).unwrap();
    let mut root = server.connect().unwrap();
    let expected = work(&mut World::new(&server, "plain"), &server.url()).unwrap();
    assert_eq!(expected[1], "14|1|950", "{expected:?}");
    assert_eq!(expected[4], "bare|InnoDB;keyed|InnoDB;made|InnoDB");
    let mut wrong = Vec::new();
    let mut tried = 0;
    let mysql = Dialect::of(&server).mysql;
    for (n, (name, value, ours)) in GLOBALS.iter().enumerate() {
        let there = format!("SHOW GLOBAL VARIABLES LIKE '{name}'");
        let Some((_, shown)) = root.query_first::<(String, String), _>(there).unwrap() else { continue };
        let mut w = World::new(&server, &format!("g{n}"));
        // What a session would have without us; a reset brings it back. MySQL 5.7 gives the largest number as -1 here, MariaDB a NULL as empty there.
        let before: Option<String> = match mysql {
            true => Some(shown),
            false => root.query_first(format!("SELECT CAST(@@GLOBAL.{name} AS CHAR)")).unwrap().unwrap(),
        };
        match root.query_drop(format!("SET GLOBAL {name} = {value}")) {
            // Some are set at the start or by a session alone.
            Err(mysql::Error::MySqlError(said)) if FIXED.contains(&said.code) => continue,
            set => set.unwrap(),
        }
        tried += 1;
        let found = work(&mut w, &server.url());
        let session = Session::open(&Target::parse(&server.url(), &silent()).unwrap());
        let is = session.and_then(|mut session| {
            // The session's own answer, through a statement of its own.
            // Not with CREATE TABLE … AS: MySQL runs that with autocommit off.
            session.run(&format!("CREATE TABLE g{n}.said (v VARCHAR(200))"))?;
            session.run(&format!("INSERT INTO g{n}.said {}", asked(mysql, name)))
        });
        let back = match before.as_deref() {
            None => "NULL".to_owned(),
            Some(text) if text.parse::<f64>().is_ok() => text.to_owned(),
            Some(text) => format!("'{text}'"),
        };
        root.query_drop(format!("SET GLOBAL {name} = {back}")).unwrap();
        match found {
            Err(error) => wrong.push(format!("{name} = {value}: {}", said(&error))),
            Ok(found) if found != expected => wrong.push(format!("{name} = {value}: {found:?}")),
            Ok(_) => {}
        }
        match (is, ours) {
            (Err(error), _) => wrong.push(format!("{name} = {value}: {}", said(&error))),
            (Ok(_), Some(ours)) => {
                let v = w.one("SELECT v FROM said");
                if v != *ours {
                    wrong.push(format!("{name} = {value}: it is {v} in a session of ours"));
                }
            }
            (Ok(_), None) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 20, "only {tried}");
}

/// The codes for a variable that no statement sets globally, or that does not take this value there.
const FIXED: [u16; 3] = [1228, 1231, 1238];

/// A session's value as `v`; what is a number to one server is a word to the other.
fn asked(mysql: bool, name: &str) -> String {
    if mysql {
        format!("SELECT variable_value AS v FROM performance_schema.session_variables WHERE variable_name = '{name}'")
    } else {
        format!("SELECT CAST(@@SESSION.{name} AS CHAR(200)) AS v")
    }
}

fn statement_format(_: &PrivateServer) {
    let server = server::start(&["--log-bin=binlog", "--server-id=1", "--binlog-format=STATEMENT"]).unwrap();
    let mut w = World::new(&server, "formats");
    w.run("CREATE USER 'plain'@'%' IDENTIFIED BY 'x'");
    w.run("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON *.* TO 'plain'@'%'");
    let url = format!("mysql://plain:x@127.0.0.1:{}", server.port());
    let text = said(&work(&mut w, &url).unwrap_err());
    let Dialect { mysql, version } = Dialect::of(&server);
    let right = match mysql {
        false => "BINLOG ADMIN",
        true if version < (8, 0) => "SUPER",
        true => "SESSION_VARIABLES_ADMIN",
    };
    assert!(text.contains("binlog_format is STATEMENT") && text.contains(right), "{text}");
    // With the right it sets it for itself.
    w.run(&format!("GRANT {right} ON *.* TO 'plain'@'%'"));
    w.run("DROP TABLE keyed, bare");
    assert_eq!(work(&mut w, &url).unwrap()[1], "14|1|950");
}
