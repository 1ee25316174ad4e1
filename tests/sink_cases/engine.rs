//! What the engine gets over by itself, and what it may split.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::server;
use crate::proxy::Proxy;
use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a large transaction is split by the operator's word alone, and goes on where it stopped", split),
    ("a target that is read-only for a while is waited for", read_only),
    ("a deadlock is got over", deadlock),
    ("batches that share a key keep their order, others need not wait", order),
    ("workers of a far target do not make each other look at it again and again", looks),
];

fn split(server: &PrivateServer) {
    let mut w = World::new(server, "split");
    // No key: a row that is applied twice would show.
    let t = w.table("t", "n BIGINT NOT NULL", &[("n", INT)], &[], false);
    w.run("CREATE TRIGGER hurdle BEFORE INSERT ON t FOR EACH ROW IF NEW.n = 35 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the hurdle'; END IF");
    let whole = || txn(1, (1..=50).map(|n| ins(&t, vec![i(n)])).collect());
    let mut sink = w.sink();
    assert!(sink.apply(whole()).and_then(|()| sink.drain()).is_err());
    drop(sink);
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "0", "whole or not at all");
    let options = MysqlOptions { max_txn_rows: Some(20), ..w.options() };
    let mut sink = w.open(options.clone()).unwrap();
    let error = said(&sink.apply(whole()).and_then(|()| sink.drain()).unwrap_err());
    assert!(error.contains("hurdle"), "{error}");
    assert!(w.noted("is split (--max-txn-rows): 20 row changes applied"));
    drop(sink);
    assert_eq!((w.one("SELECT COUNT(*), MAX(n) FROM t"), w.checkpoint()), ("20|20".to_owned(), 0));
    w.run("DROP TRIGGER hurdle");
    // Neither the first part comes again, nor does it matter how large the next ones are.
    let mut sink = w.open(MysqlOptions { max_txn_rows: Some(7), ..options }).unwrap();
    assert_eq!(sink.position().unwrap().0, START);
    apply(&mut sink, vec![whole(), txn(2, vec![ins(&t, vec![i(51)])])]);
    assert_eq!(w.one("SELECT COUNT(*), COUNT(DISTINCT n), MAX(n) FROM t"), "51|51|51");
    assert_eq!(w.checkpoint(), START + 2);
}

fn read_only(_: &PrivateServer) {
    // Its own: the setting is the whole server's.
    let server = &server::start(&[]).unwrap();
    let mut w = World::new(server, "read_only");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    w.run("CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'x'");
    w.run("GRANT ALL ON read_only.* TO writer@'127.0.0.1'");
    w.run("GRANT ALL ON tidb_binlog.* TO writer@'127.0.0.1'");
    let url = server.url().replace("root@", "writer:x@");
    let mut sink = MysqlSink::open(&url, w.options(), w.events()).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(1)])])]);
    w.run("SET GLOBAL read_only = 1");
    sink.apply(txn(2, vec![ins(&t, vec![i(2)])])).unwrap();
    sink.flush().unwrap();
    let begin = Instant::now();
    while !w.noted("--read-only") && begin.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(10));
    }
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "1");
    w.run("SET GLOBAL read_only = 0");
    sink.drain().unwrap();
    assert!(w.noted("--read-only") && w.noted("trying again in"), "the operator hears of it");
    assert_eq!((w.one("SELECT COUNT(*) FROM t"), w.checkpoint()), ("2".to_owned(), START + 2));
}

fn deadlock(server: &PrivateServer) {
    let mut w = World::new(server, "deadlock");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v", INT)], &[&[0]], true);
    w.run("INSERT INTO t VALUES (1, 0), (2, 0), (9, 0)");
    let mut other = server.connect().unwrap();
    let mut sink = w.sink();
    other.query_drop("SET SESSION innodb_lock_wait_timeout = 20").unwrap();
    other.query_drop("START TRANSACTION").unwrap();
    // Heavier than the sink's transaction, so that the server picks that one as the victim.
    for n in 100..400 {
        other.query_drop(format!("INSERT INTO deadlock.t VALUES ({n}, 0)")).unwrap();
    }
    other.query_drop("UPDATE deadlock.t SET v = 5 WHERE id = 9").unwrap();
    // One statement a table: the sink locks `u` first, then waits for row 9.
    let u = w.table("u", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    sink.apply(txn(1, vec![ins(&u, vec![i(1)]), upd(&t, vec![i(9), i(5)], vec![i(9), i(6)])])).unwrap();
    sink.flush().unwrap();
    let begin = Instant::now();
    while w.one("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") == "0" {
        assert!(begin.elapsed() < Duration::from_secs(60), "the sink does not wait");
        // The server makes this table anew only when nobody has read it for a tenth of a second.
        sleep(Duration::from_millis(200));
    }
    other.query_drop("INSERT INTO deadlock.u VALUES (1)").unwrap();
    other.query_drop("DELETE FROM deadlock.u").unwrap();
    other.query_drop("COMMIT").unwrap();
    sink.drain().unwrap();
    assert_eq!((w.one("SELECT v FROM t WHERE id = 9"), w.one("SELECT * FROM u")), ("6".to_owned(), "1".to_owned()));
}

/// Many workers, tiny batches, one hot row among cold ones: its last value must be the last one's.
fn order(server: &PrivateServer) {
    let mut w = World::new(server, "in_order");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v", INT)], &[&[0]], true);
    w.run("INSERT INTO t VALUES (0, 0)");
    let options = MysqlOptions { workers: Some(8), batch_rows: Some(1), ..w.options() };
    let mut sink = w.open(options).unwrap();
    for n in 1..=400_u64 {
        let now = i64::try_from(n).unwrap();
        let hot = upd(&t, vec![i(0), i((now - 1) / 4)], vec![i(0), i(now / 4)]);
        let rows = if n % 4 == 0 { vec![hot, ins(&t, vec![i(now), i(0)])] } else { vec![ins(&t, vec![i(now), i(0)])] };
        sink.apply(txn(n, rows)).unwrap();
        sink.flush().unwrap();
    }
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT COUNT(*), (SELECT v FROM t WHERE id = 0) FROM t"), "401|100");
    assert_eq!(w.checkpoint(), START + 400);
}

/// Each new connection makes the others look once whether their server is still there; those looks make nobody look.
fn looks(_: &PrivateServer) {
    // Its own: others' statements must not be counted.
    let server = &server::start(&[]).unwrap();
    let mut w = World::new(server, "looks");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let near = ([127, 0, 0, 1], server.port()).into();
    let proxy = Proxy::start(near, Duration::from_millis(4)).unwrap();
    let url = server.url().replace(&server.port().to_string(), &proxy.address().port().to_string());
    let options = MysqlOptions { workers: Some(8), batch_rows: Some(1), ..w.options() };
    let mut sink = MysqlSink::open(&url, options, w.events()).unwrap();
    let asked = |w: &mut World<'_>| -> u64 {
        w.one("SHOW GLOBAL STATUS LIKE 'Com_select'").trim_start_matches("Com_select|").parse().unwrap()
    };
    let before = asked(&mut w);
    for n in 1..=400_u64 {
        sink.apply(txn(n, vec![ins(&t, vec![i(i64::try_from(n).unwrap())])])).unwrap();
        sink.flush().unwrap();
    }
    sink.drain().unwrap();
    let looked = asked(&mut w) - before;
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "400");
    assert!(looked < 8 * 30, "{looked} SELECTs of 8 workers");
}
