//! Accounts: how they log in, and how many connections they may have.

use crate::common::server::{only_mariadb, refuse};
use mysql::prelude::Queryable;
use tisync::error::exit_code;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("an account that logs in by ed25519", ed25519),
    ("an account that may have few connections gets few workers", limited),
];

/// MariaDB's code for a plugin that is not there.
const CANNOT_OPEN_LIBRARY: u16 = 1126;

fn ed25519(server: &PrivateServer) {
    only_mariadb(server, "account that logs in by ed25519");
    let mut w = World::new(server, "ed25519");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    if let Err(mysql::Error::MySqlError(e)) = w.conn.query_drop("INSTALL SONAME 'auth_ed25519'") {
        assert_eq!(e.code, CANNOT_OPEN_LIBRARY, "{e}");
        refuse("this server comes without the plugin ed25519");
    }
    w.run("CREATE USER 'ed'@'%' IDENTIFIED VIA ed25519 USING PASSWORD('hunter2')");
    w.run("GRANT ALL ON *.* TO 'ed'@'%'");
    let url = |password: &str| format!("mysql://ed{password}@127.0.0.1:{}", server.port());
    let mut sink = MysqlSink::open(&url(":hunter2"), w.options(), w.events()).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(1)])])]);
    drop(sink);
    assert_eq!(w.one("SELECT id FROM t"), "1");
    for wrong in [":hunter22", ""] {
        let error = MysqlSink::open(&url(wrong), w.options(), w.events()).err().unwrap();
        let text = said(&error);
        assert!(text.contains("1045") && !text.contains("hunter2") && exit_code(&error) == 3, "{text}");
    }
}

fn limited(server: &PrivateServer) {
    let mut w = World::new(server, "limited");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    w.run("CREATE USER 'few'@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 5");
    w.run("GRANT ALL ON *.* TO 'few'@'%'");
    let url = format!("mysql://few:x@127.0.0.1:{}", server.port());
    let options = MysqlOptions { workers: Some(12), ..w.options() };
    let mut sink = MysqlSink::open(&url, options, w.events()).unwrap();
    assert!(
        w.noted("the account may have 5 connections to the target, of which 3 are free: using 3 workers instead of 12")
    );
    sink.prepare([&t].into_iter()).unwrap();
    for n in 1..200 {
        sink.apply(txn(n, vec![ins(&t, vec![i(i64::try_from(n).unwrap())])])).unwrap();
        sink.flush().unwrap();
    }
    sink.drain().unwrap();
    drop(sink);
    assert!(!w.noted("1226") && !w.noted("1203"), "{:?}", w.notes);
    let gone = |w: &mut World<'_>| {
        while w.one("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'few'") != "0" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    gone(&mut w);
    // Two that come and go, and nothing for a worker.
    w.run("ALTER USER 'few'@'%' WITH MAX_USER_CONNECTIONS 2");
    let error = MysqlSink::open(&url, w.options(), w.events()).err().unwrap();
    let text = said(&error);
    assert!(text.contains("all of them are in use") && text.contains("--workers"), "{text}");
    assert_eq!(exit_code(&error), 3);
    gone(&mut w);
    // Others have them all: what the server says comes with what to do about it.
    let mut others = Vec::new();
    let options = || mysql::OptsBuilder::from_opts(mysql::Opts::from_url(&url).unwrap()).prefer_socket(false);
    while let Ok(conn) = mysql::Conn::new(options()) {
        others.push(conn);
    }
    let error = MysqlSink::open(&url, w.options(), w.events()).err().unwrap();
    let text = said(&error);
    assert!(text.contains("1226") && text.contains("--workers") && exit_code(&error) == 3, "{text}");
    for conn in &mut others {
        conn.query_drop("DO 0").unwrap();
    }
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "199");
}
