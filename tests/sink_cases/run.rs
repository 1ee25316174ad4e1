//! Positions, restarts, two runs on one link, lost connections, the checks before the first write, secrets.

use mysql::prelude::Queryable;
use tisync::checkpoint::lease::Terms;
use tisync::model::{Change, CommitTs, Txn};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a first start, positions, a restart", positions),
    ("the older of two runs stops", two_runs),
    ("a killed connection leaves data and checkpoint equal", killed),
    ("dropping a sink in the middle leaves data and checkpoint equal", dropped),
    ("checks before the first write", checks),
    ("rights and secrets", rights),
    ("a server that is not there", unreachable),
];

fn nothing(n: u64) -> Txn {
    Txn { commit_ts: CommitTs(START + n), change: Change::Nothing }
}

fn positions(server: &PrivateServer) {
    let mut w = World::new(server, "positions");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    assert_eq!(w.open(MysqlOptions::new(77, "positions")).unwrap().position(), None);
    let mut sink = w.sink();
    assert_eq!(sink.position(), Some(CommitTs(START)));
    assert_eq!(w.checkpoint(), 0, "a start that applied nothing leaves no position");
    sink.apply(txn(1, vec![ins(&t, vec![i(1)])])).unwrap();
    sink.resolved(CommitTs(START + 4)).unwrap();
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "0", "kept for a batch");
    sink.drain().unwrap();
    assert_eq!((w.checkpoint(), sink.position().unwrap().0), (START + 4, START + 4));
    for n in 5..2000 {
        sink.apply(nothing(n)).unwrap();
    }
    sink.resolved(CommitTs(START + 1000)).unwrap();
    assert!(w.checkpoint() <= START + 5, "positions alone are saved every 3 s at most");
    sink.drain().unwrap();
    assert_eq!(w.checkpoint(), START + 1999);
    let error = said(&sink.apply(nothing(7)).unwrap_err());
    assert!(error.contains("the stream went back"), "{error}");
    drop(sink);
    let mut sink = w.open(MysqlOptions { start: Some(CommitTs(START + 3)), ..w.options() }).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 1999)));
    assert!(w.noted("continues from its checkpoint on the target"));
    apply(&mut sink, vec![txn(2000, vec![ins(&t, vec![i(2)])])]);
    assert_eq!((w.one("SELECT * FROM t"), w.checkpoint()), ("1;2".to_owned(), START + 2000));
    assert_eq!(sink.totals().txns, 1);
}

fn two_runs(server: &PrivateServer) {
    let mut w = World::new(server, "two_runs");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let mut old = w.sink();
    apply(&mut old, vec![txn(1, vec![ins(&t, vec![i(1)])])]);
    let error = w.open(w.options()).err().expect("refused");
    assert_eq!(tisync::error::exit_code(&error), 4, "{error:#}");
    let text = said(&error);
    for words in [
        "link `two_runs` on the target is already run by pid",
        &format!("pid {} on ", std::process::id()),
        "--take-over",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let lease = Terms { take_over: true, ..Terms::default() };
    let mut new = w.open(MysqlOptions { lease, ..w.options() }).unwrap();
    assert!(w.noted("this run takes over, and that one stops at its next write"));
    old.apply(txn(2, vec![ins(&t, vec![i(2)])])).unwrap();
    let error = said(&old.drain().unwrap_err());
    assert!(
        error.contains("another run has taken over link `two_runs`: this one is run 1, that one is run 2, pid "),
        "{error}"
    );
    assert_eq!(new.position(), Some(CommitTs(START + 1)));
    apply(&mut new, vec![txn(2, vec![ins(&t, vec![i(2)])])]);
    assert_eq!(w.one("SELECT * FROM t"), "1;2");
    // Another link of the same cluster has a row of its own.
    let other = w.open(MysqlOptions { link: "two_runs_b".into(), ..w.options() }).unwrap();
    assert_eq!(other.position(), Some(CommitTs(START)));
    drop(other);
    let error = said(&w.open(MysqlOptions { link: String::new(), ..w.options() }).err().unwrap());
    assert!(error.contains("a link's name must have 1 to 64 characters"), "{error}");
}

fn killed(server: &PrivateServer) {
    let mut w = World::new(server, "killed");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let (mut next, mut hits) = (1, 0);
    for round in 0..12_u64 {
        let mut sink = w.sink();
        assert_eq!(sink.position().unwrap().0, START + next - 1);
        let mut killer = server.connect().unwrap();
        let finished = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let over = finished.clone();
        let struck = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let strike = struck.clone();
        let kill = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(15 + 9 * round));
            // Whoever writes to our table or its checkpoint at the moment of a look; the run ends with the first hit.
            let query = "SELECT id FROM information_schema.processlist WHERE info LIKE '%`killed`%' OR info LIKE '%''killed''%'";
            let own = u64::from(killer.connection_id());
            loop {
                let ids: Vec<u64> = killer.query(query).unwrap();
                let others = ids.into_iter().filter(|id| *id != own);
                let hits = others.filter(|id| killer.query_drop(format!("KILL {id}")).is_ok()).count();
                if hits > 0 {
                    strike.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                if hits > 0 || over.load(std::sync::atomic::Ordering::Relaxed) {
                    return hits;
                }
            }
        });
        let mut n = next;
        // On until somebody was hit, but not for ever.
        while n < next + 2000 || (n < next + 50_000 && !struck.load(std::sync::atomic::Ordering::Relaxed)) {
            if sink
                .apply(txn(n, vec![ins(&t, vec![i(i64::try_from(n).unwrap())])]))
                .and_then(|()| sink.flush())
                .is_err()
            {
                break;
            }
            n += 1;
        }
        let _ = sink.drain();
        finished.store(true, std::sync::atomic::Ordering::Relaxed);
        hits += kill.join().unwrap();
        drop(sink);
        let at = w.checkpoint().saturating_sub(START);
        assert_eq!(w.one("SELECT COUNT(*), IFNULL(MAX(id), 0) FROM t"), format!("{at}|{at}"));
        next = at + 1;
    }
    assert!(next > 1 && hits > 6, "applied up to {next}, killed {hits} times");
}

/// What was under way when a sink goes is there once: the next one applies the rest, whatever came out of order.
fn dropped(server: &PrivateServer) {
    let mut w = World::new(server, "dropped");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let all = 200;
    for upto in (20..=all).step_by(20) {
        let mut sink = w.sink();
        let first = sink.position().map_or(1, |p| p.0.saturating_sub(START) + 1);
        for n in first..=upto {
            sink.apply(txn(n, vec![ins(&t, vec![i(i64::try_from(n).unwrap())])])).unwrap();
            sink.flush().unwrap();
        }
        if upto == all {
            sink.drain().unwrap();
        }
        drop(sink);
        let there: u64 = w.one("SELECT COUNT(*) FROM t").parse().unwrap();
        assert!(there <= upto && there >= w.checkpoint().saturating_sub(START), "{there} of {upto}");
    }
    assert_eq!(w.one("SELECT COUNT(*), MIN(id), MAX(id) FROM t"), format!("{all}|1|{all}"));
}

fn checks(server: &PrivateServer) {
    let mut w = World::new(server, "checks");
    let db = w.db.clone();
    let columns = [("id", INT), ("v?", INT), ("g=", INT)];
    let good = w.table("good", "id BIGINT PRIMARY KEY, v BIGINT, g BIGINT AS (v) STORED", &columns, &[&[0]], true);
    let bad =
        w.table("bad", "id BIGINT, g BIGINT, extra BIGINT NOT NULL, UNIQUE (g)", &columns, &[&[0], &[1, 0]], true);
    let slow = w.table("slow", "id BIGINT PRIMARY KEY, v BIGINT, g BIGINT AS (v) STORED", &columns, &[&[0]], true);
    w.run("ALTER TABLE slow ENGINE = MyISAM");
    let gone = define(&db, "gone", &columns, &[&[0]], true);
    w.run("INSERT INTO good (id) VALUES (1)");
    w.run("CREATE TRIGGER trg BEFORE INSERT ON good FOR EACH ROW SET NEW.v = 1");
    let mut sink = w.sink();
    sink.prepare([&good].into_iter()).unwrap();
    assert!(w.noted("tables on the target that already have rows: 1 of 1"));
    assert!(w.noted("trigger `trg` on `checks`.`good` will fire"));
    let error = said(&sink.prepare([&good, &bad, &slow, &gone].into_iter()).unwrap_err());
    insta::assert_snapshot!(error, @r##"
    8 problems on the target prevent the start:
      `checks`.`bad` has no column `v` (--sync-mode 2 would leave it out)
      column `g` of `checks`.`bad` is generated upstream, but not on the target (--sync-mode 2 would treat it as the target's own)
      `checks`.`bad` has a column `extra` that the upstream does not have (--sync-mode 2 would keep its values, and give new rows the zero value of its type)
      `checks`.`bad` has no primary key over (`id`)
      `checks`.`bad` has no unique key over (`v`, `id`)
      `checks`.`bad` has a unique key over (`g`) that the upstream does not have
      `checks`.`slow` uses the storage engine myisam, which has no transactions: use InnoDB
      table `checks`.`gone` is missing
    => load the backup that belongs to the start ts, or make the target match the upstream; --allow-missing continues without tables that the stream will not touch, --sync-mode 2 with other columns
    "##);
    let many: Vec<_> = (0..30).map(|n| define(&db, &format!("t{n:02}"), &columns, &[&[0]], true)).collect();
    let error = said(&sink.prepare(many.iter()).unwrap_err());
    assert!(error.contains("30 problems") && error.contains("… and 20 more") && !error.contains("t10"), "{error}");
}

fn rights(server: &PrivateServer) {
    let mut w = World::new(server, "rights");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT NOT NULL", &[("id", INT), ("v", INT)], &[&[0]], true);
    drop(w.sink());
    w.run("CREATE USER 'poor'@'%' IDENTIFIED BY 'hunter2'");
    let url = |password: &str| format!("mysql://poor:{password}@127.0.0.1:{}", server.port());
    let open = |url: &str| MysqlSink::open(url, w.options(), w.events());
    let mut all = String::new();
    let mut say = |error: anyhow::Error| {
        let said = said(&error);
        all.push_str(&format!("{said} {error:?}"));
        said
    };
    let error = say(open(&url("hunter22")).err().unwrap());
    assert!(error.contains("cannot connect to the target poor@127.0.0.1") && error.contains("error 1045"), "{error}");
    let error = say(open(&url("hunter2")).err().unwrap());
    assert!(error.contains("=> the account needs SELECT, INSERT"), "{error}");
    let mut root = server.connect().unwrap();
    root.query_drop("GRANT ALL ON tidb_binlog.* TO 'poor'@'%'").unwrap();
    root.query_drop("GRANT SELECT, INSERT ON rights.* TO 'poor'@'%'").unwrap();
    let mut sink = open(&url("hunter2")).unwrap();
    let error = say(sink.prepare([&t].into_iter()).unwrap_err());
    assert!(error.contains("the account lacks the DELETE privilege on `rights`.`t`"), "{error}");
    all.push_str(&w.notes.lock().unwrap().join("\n"));
    assert!(all.contains("the password is part of the target's address"));
    assert!(!all.contains("hunter2"), "{all}");
}

fn unreachable(_: &PrivateServer) {
    let port = tisync::playground::mariadb::free_port().unwrap();
    let url = format!("mysql://u:hunter2@127.0.0.1:{port}?connect-timeout=2");
    let error = MysqlSink::open(&url, MysqlOptions::new(1, "l"), tisync::event::silent()).err().unwrap();
    let text = said(&error);
    assert!(text.contains(&format!("cannot connect to the target u@127.0.0.1:{port}")), "{text}");
    assert!(text.contains("=> check that the target is running"), "{text}");
    assert!(!format!("{text}{error:?}").contains("hunter2"));
    assert_eq!(tisync::error::exit_code(&error), 3);
}
