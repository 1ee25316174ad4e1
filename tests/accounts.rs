//! How accounts of each kind of server log in, and what servers of hosts ask of a session: TLS by itself, tables with keys.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;
#[allow(dead_code, reason = "shared with the cases of `sink`")]
#[path = "sink_cases/world.rs"]
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use common::certificates;
use common::server::{self, Dialect, refuse};
use libtest_mimic::Arguments;
use tempfile::TempDir;
use tisync::error::exit_code;
use tisync::model::Table;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::MysqlSink;
use world::{INT, World, apply, ddl, define, i, ins, said, txn};

type Case = fn();

const CASES: &[(&str, Case)] = &[
    ("an account of the default kind logs in over TCP, TLS and a socket", by_default),
    ("sha256_password is refused with a sentence", sha256),
    ("on this machine TLS is used where server or account ask for it", tls_where_asked),
    ("tables without a key are made whatever the server asks of others", keys_asked_for),
];

fn main() -> ExitCode {
    let trials = CASES.iter().map(|(name, case)| {
        server::trial(*name, move || {
            case();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// A server with a certificate, if there is an `openssl` to make it with and the server has TLS of this decade.
fn secured() -> (PrivateServer, TempDir) {
    if !certificates::possible() {
        refuse("there is no `openssl` to make certificates with");
    }
    let dir = tempfile::tempdir().unwrap();
    certificates::make(dir.path());
    let file = |option: &str, name: &str| format!("--ssl-{option}={}", dir.path().join(name).display());
    let options = [file("ca", "ca.pem"), file("cert", "cert.pem"), file("key", "key.pem")];
    let server = server::start(&options.each_ref().map(String::as_str)).unwrap();
    let Dialect { mysql, version } = Dialect::of(&server);
    if mysql && version < (8, 0) {
        refuse("this build of MySQL 5.7 has no TLS 1.2");
    }
    (server, dir)
}

fn table(w: &mut World<'_>) -> Arc<Table> {
    w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true)
}

/// Opens `url` and writes the row `id` through it.
fn writes(w: &World<'_>, t: &Arc<Table>, url: &str, id: i64) {
    let mut sink = MysqlSink::open(url, w.options(), w.events()).unwrap_or_else(|e| panic!("{url}: {}", said(&e)));
    apply(&mut sink, vec![txn(id.unsigned_abs(), vec![ins(t, vec![i(id)])])]);
}

fn by_default() {
    let (server, _dir) = secured();
    let mut w = World::new(&server, "by_default");
    let t = table(&mut w);
    // On MySQL from 8.0 on that is caching_sha2_password; MySQL 9 has no mysql_native_password any more.
    w.run("CREATE USER 'plain'@'%' IDENTIFIED BY 'hunter2'");
    w.run("CREATE USER 'local'@'localhost' IDENTIFIED BY 'hunter2'");
    w.run("GRANT ALL ON *.* TO 'plain'@'%', 'local'@'localhost'");
    let kind = w.one("SELECT plugin FROM mysql.user WHERE user = 'plain'");
    let Dialect { mysql, .. } = Dialect::of(&server);
    assert_eq!(kind, if mysql { "caching_sha2_password" } else { "mysql_native_password" });
    let (port, socket) = (server.port(), server.socket().display().to_string().replace('/', "%2F"));
    let tcp = |password: &str, parameters: &str| format!("mysql://plain:{password}@127.0.0.1:{port}/{parameters}");
    for wrong in ["hunter3", ""] {
        for parameters in ["", "?ssl-mode=required"] {
            let error = MysqlSink::open(&tcp(wrong, parameters), w.options(), w.events()).err().unwrap();
            let text = said(&error);
            assert!(text.contains("1045") && !text.contains("hunter3") && exit_code(&error) == 3, "{text}");
        }
    }
    // The first of them without TLS has nothing in the server's cache to go by.
    writes(&w, &t, &tcp("hunter2", ""), 1);
    w.run("ALTER USER 'plain'@'%' IDENTIFIED BY 'hunter4'");
    writes(&w, &t, &tcp("hunter4", "?ssl-mode=required"), 2);
    writes(&w, &t, &tcp("hunter4", "?ssl-mode=preferred"), 3);
    writes(&w, &t, &format!("mysql://local:hunter2@localhost/?socket={socket}"), 4);
    writes(&w, &t, &tcp("hunter4", "?ssl-mode=disabled"), 5);
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "5");
}

fn sha256() {
    let server = server::start(&[]).unwrap();
    let Dialect { mysql, version } = Dialect::of(&server);
    if !mysql {
        refuse("MariaDB has no sha256_password");
    }
    if version < (8, 0) {
        refuse("this build of MySQL 5.7 has no sha256_password");
    }
    let mut w = World::new(&server, "sha256");
    w.run("CREATE USER 'old'@'%' IDENTIFIED WITH sha256_password BY 'hunter2'");
    let url = |user: &str| format!("mysql://{user}:hunter2@127.0.0.1:{}", server.port());
    let error = MysqlSink::open(&url("old"), w.options(), w.events()).err().unwrap();
    let text = said(&error);
    assert!(text.contains("`sha256_password`") && text.contains("caching_sha2_password"), "{text}");
    assert!(exit_code(&error) == 3 && !text.contains("hunter2"), "{text}");
    w.run("ALTER USER 'old'@'%' IDENTIFIED WITH caching_sha2_password BY 'hunter2'");
    w.run("GRANT ALL ON *.* TO 'old'@'%'");
    MysqlSink::open(&url("old"), w.options(), w.events()).unwrap();
}

fn tls_where_asked() {
    let (server, _dir) = secured();
    let mut w = World::new(&server, "tls_where_asked");
    let t = table(&mut w);
    w.run("CREATE USER 'must'@'%' IDENTIFIED BY 'hunter2' REQUIRE SSL");
    w.run("CREATE USER 'free'@'%' IDENTIFIED BY 'hunter2'");
    w.run("GRANT ALL ON *.* TO 'must'@'%', 'free'@'%'");
    let url = |user: &str, parameters: &str| format!("mysql://{user}:hunter2@127.0.0.1:{}/{parameters}", server.port());
    // The first login of an account goes by TLS, as long as the server has nothing in its cache to go by.
    let used = "SELECT connection_type FROM performance_schema.threads WHERE processlist_user = 'free' ORDER BY thread_id DESC LIMIT 1";
    writes(&w, &t, &url("must", ""), 1);
    if Dialect::of(&server).mysql {
        let sink = MysqlSink::open(&url("free", ""), w.options(), w.events()).unwrap();
        assert_eq!(w.one(used), "TCP/IP", "nobody asks for it");
        drop(sink);
    }
    w.run("SET GLOBAL require_secure_transport = 1");
    writes(&w, &t, &url("free", ""), 2);
    writes(&w, &t, &url("free", "?ssl-mode=preferred"), 3);
    // What is wrong is said as without TLS.
    let error = MysqlSink::open(&url("free:x", ""), w.options(), w.events()).err().unwrap();
    assert!(said(&error).contains("1045"), "{}", said(&error));
    let error = MysqlSink::open(&url("free", "?ssl-mode=disabled"), w.options(), w.events()).err().unwrap();
    let text = said(&error);
    // MariaDB 10.11 says no more than that the login is denied.
    let denied = !Dialect::asked(&mut w.conn).mysql && text.contains("1045");
    assert!(denied || text.contains("3159") && text.contains("ssl-mode=required"), "{text}");
    assert_eq!(exit_code(&error), 3, "{text}");
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "3");
}

fn keys_asked_for() {
    let server = server::start(&[]).unwrap();
    let Dialect { mysql, version } = Dialect::of(&server);
    if !mysql || version < (8, 0) {
        refuse("neither MariaDB nor MySQL 5.7 has sql_require_primary_key");
    }
    let mut w = World::new(&server, "keys_asked_for");
    let t = define("keys_asked_for", "t", &[("a?", INT)], &[], false);
    let u = define("keys_asked_for", "u", &[("a?", INT)], &[], false);
    w.run("SET GLOBAL sql_require_primary_key = 1");
    w.run("SET GLOBAL sql_generate_invisible_primary_key = 1");
    let mut sink = w.sink();
    apply(
        &mut sink,
        vec![
            ddl(1, 3, "keys_asked_for", "CREATE TABLE `t` (`a` BIGINT)", &[], &[&t]),
            txn(2, vec![ins(&t, vec![i(1)]), ins(&t, vec![i(1)])]),
        ],
    );
    drop(sink);
    let columns = "SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema = DATABASE()";
    assert_eq!((w.one(columns), w.one("SELECT COUNT(*) FROM t")), ("a".to_owned(), "2".to_owned()));
    // An account that may not say otherwise for itself is told at the start, and the server's own refusal says what to do.
    w.run("SET GLOBAL sql_generate_invisible_primary_key = 0");
    w.run("CREATE USER 'hosted'@'%' IDENTIFIED BY 'x'");
    w.run("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES ON *.* TO 'hosted'@'%'");
    let url = format!("mysql://hosted:x@127.0.0.1:{}", server.port());
    let mut sink = MysqlSink::open(&url, w.options(), w.events()).unwrap();
    use tisync::sink::Sink;
    sink.prepare([&t].into_iter()).unwrap();
    assert!(w.noted("sql_require_primary_key is ON") && w.noted("SESSION_VARIABLES_ADMIN"), "{:?}", w.notes);
    let error = sink.apply(ddl(3, 3, "keys_asked_for", "CREATE TABLE `u` (`a` BIGINT)", &[], &[&u])).unwrap_err();
    let text = said(&error);
    assert!(text.contains("3750") && text.contains("SESSION_VARIABLES_ADMIN"), "{text}");
    assert_eq!(exit_code(&error), 4, "{text}");
}
