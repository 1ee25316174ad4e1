//! What the target is, and answers that are not what was expected.

use crate::common::server::Dialect;
use mysql::prelude::Queryable;
use tisync::error::exit_code;
use tisync::event::silent;
use tisync::mysql::address::Target;
use tisync::mysql::session::{Flavour, Session};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use super::Case;
use super::disguise::Disguise;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a TiDB is known whatever its VERSION() says, and one session asks for all", known),
    ("the number of a connection is asked for, not taken from the greeting", number),
    ("an answer of another form is an error that names the query", forms),
    ("a server that does not say whether it is a TiDB is not taken for something else", no_answer),
];

fn open(url: &str) -> anyhow::Result<Session> {
    Session::open(&Target::parse(url, &silent())?)
}

fn known(server: &PrivateServer) {
    let mut w = World::new(server, "known");
    let truly = if Dialect::of(server).mysql { Flavour::MySql } else { Flavour::MariaDb };
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    for (said, version) in [("v7.5.1", (7, 5, 1)), ("v5.4.0-alpha-103-g7d16cc79", (5, 4, 0)), ("None", (0, 0, 0))] {
        let tidb = Disguise::tidb(server.port(), said);
        let session = open(&tidb.url()).unwrap();
        let own: Option<String> = w.conn.query_first("SELECT VERSION()").unwrap();
        assert_eq!(Some(&session.server().text), own.as_ref(), "it lies there");
        assert_eq!((session.server().flavour, session.server().version), (Flavour::TiDb, version));
        assert!(tidb.asked("tidb_constraint_check_in_place_pessimistic") > 0);
    }
    assert_eq!(open(&server.url()).unwrap().server().flavour, truly);
    // All that branches on the kind follows: `binlog_format` says nothing about a TiDB, and the start is not refused.
    let variables = "SELECT 'log_bin', 'ON' UNION SELECT 'binlog_format', 'STATEMENT'";
    for (version, kind) in [(Some("v8.1.0"), Flavour::TiDb), (None, truly)] {
        let front = Disguise::start(server.port(), move |sql| match version {
            _ if sql.starts_with("SHOW VARIABLES") => Some(variables.to_owned()),
            Some(version) if sql.contains("TIDB_VERSION()") => Some(format!("SELECT 'Release Version: {version}'")),
            // TiDB tells its keys in a table of its own.
            Some(_) if sql.contains("tidb_indexes") => Some(
                sql.replace("tidb_indexes", "statistics")
                    .replace("key_name", "index_name")
                    .replace("expression IS NULL", "TRUE"),
            ),
            _ => None,
        });
        let options = MysqlOptions { workers: Some(6), link: format!("known {kind:?}"), ..w.options() };
        let mut sink = MysqlSink::open(&front.url(), options, w.events()).unwrap();
        let prepared = sink.prepare([&t].into_iter());
        assert_eq!(prepared.is_ok(), kind == Flavour::TiDb, "{kind:?}");
        for n in 1..40 {
            let id = if kind == Flavour::TiDb { n } else { 100 + n };
            sink.apply(txn(n, vec![ins(&t, vec![i(i64::try_from(id).unwrap())])])).unwrap();
            sink.flush().unwrap();
        }
        sink.drain().unwrap();
        assert_eq!(front.asked("TIDB_VERSION()"), 1, "{kind:?}");
        assert!(front.asked("CONNECTION_ID(), @@") > 3, "several sessions");
    }
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "78");
}

fn number(server: &PrivateServer) {
    let front = Disguise::start(server.port(), |_| None);
    let mut session = open(&front.url()).unwrap();
    let address = front.url();
    let options = mysql::Opts::from_url(address.split('?').next().unwrap()).unwrap();
    // The driver would rather have the server's socket, past the proxy.
    let mut greeted = mysql::Conn::new(mysql::OptsBuilder::from_opts(options).prefer_socket(false)).unwrap();
    let real: u64 = greeted.query_first("SELECT CONNECTION_ID()").unwrap().unwrap();
    assert_ne!(u64::from(greeted.connection_id()), real, "the greeting says something else");
    let name = "tisync-number";
    assert!(tisync::checkpoint::locks::hold(&mut session, name).unwrap());
    let holder: Option<u64> = greeted.query_first("SELECT IS_USED_LOCK('tisync-number')").unwrap();
    assert_eq!(holder, Some(session.connection_id()));
}

fn forms(server: &PrivateServer) {
    let w = World::new(server, "forms");
    for (query, instead, words) in [
        ("SELECT version(),", "SELECT NULL AS v, 'x' AS p, 1, 1", "`v` (null, NULL), `p` (var_string)"),
        ("SELECT version(),", "SELECT 'a', 'b'", "`a` (var_string)"),
        ("SELECT TIDB_VERSION()", "SELECT 1, 2", "`1` (long"),
        ("SELECT GET_LOCK", "SELECT 'x' AS got", "`got` (var_string)"),
        ("SELECT IS_USED_LOCK", "SELECT -7.5 AS holder", "`holder` (newdecimal)"),
        (
            "SELECT @@innodb_lock_wait_timeout",
            "SELECT 'soon' AS w1, NULL AS w2",
            "`w1` (var_string), `w2` (null, NULL)",
        ),
        ("`holder` FROM `tidb_binlog`", "SELECT 1, 'x'", "`x` (var_string)"),
        ("SELECT @@max_user_connections", "SELECT 'many' AS most", "`most` (var_string)"),
    ] {
        // Somebody has the lease's lock: then it is looked at who that is.
        let mut other = server.connect().unwrap();
        let lease = tisync::checkpoint::locks::lease(77, &w.db);
        let held = ["IS_USED_LOCK", "`holder`"].iter().any(|q| query.contains(q));
        if held {
            other.query_drop(format!("SELECT GET_LOCK('{lease}', 20)")).unwrap();
        }
        let front = Disguise::start(server.port(), move |sql| sql.contains(query).then(|| instead.to_owned()));
        let error = MysqlSink::open(&front.url(), w.options(), silent()).err().unwrap_or_else(|| panic!("{query}"));
        let text = said(&error);
        assert_eq!(exit_code(&error), 3, "{text}");
        assert!(text.contains("does not have the expected form") && text.contains(words), "{query}: {text}");
        assert!(text.contains(query) && !text.contains("soon"), "{query}: {text}");
    }
}

fn no_answer(server: &PrivateServer) {
    // 1317 is what a statement gets that somebody killed.
    let failing = "SIGNAL SQLSTATE '70100' SET MYSQL_ERRNO = 1317, MESSAGE_TEXT = 'Query execution was interrupted'";
    let front = Disguise::start(server.port(), move |sql| sql.contains("TIDB_VERSION()").then(|| failing.to_owned()));
    let error = open(&front.url()).err().unwrap();
    let text = said(&error);
    assert!(text.contains("SELECT TIDB_VERSION()") && text.contains("1317") && exit_code(&error) == 3, "{text}");
}
