//! Taking a link over: from sessions that are still there, by several runs at once, from older tables.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::server;
use mysql::prelude::Queryable;
use tisync::checkpoint::{Record, Slot, take, take_unless};
use tisync::error::exit_code;
use tisync::event::silent;
use tisync::model::CommitTs;
use tisync::mysql::error::SessionError;
use tisync::playground::mariadb::PrivateServer;
use tisync::stop::Stop;

use super::*;

pub const CASES: &[(&str, Case)] = &[
    ("take waits for a commit that is on its way", late_commit),
    ("take ends a session that holds its slot and does not commit", held),
    ("a session that no lock names is waited for, until somebody asks to stop", nameless),
    ("a session that begins after its slot was taken cannot write", late_begin),
    ("a take with fewer slots does not wait for another link", beside),
    ("of runs that take at once, the last one owns the link", at_once),
    ("records survive any number of takes and any number of slots", survive),
    ("tables of version 1 are upgraded and keep their position", upgraded),
    ("tables of an unknown version are refused", unknown_version),
    ("damaged records are refused with their place", damaged),
    ("an account that may not create anything can take", no_create),
];

fn list(numbers: &[u64]) -> Record {
    Record::List(numbers.iter().map(|n| ts(*n)).collect())
}

fn late_commit(server: &PrivateServer) {
    let mut conn = table(server, "late_commit");
    let (_control, link) = started(server, 1, "late_commit", 2);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 1).unwrap();
    worker.begin().unwrap();
    slot.write(&mut worker, 1, &list(&[3, 5]), ts(0)).unwrap();
    worker.run("INSERT INTO data.late_commit VALUES (3), (5)").unwrap();
    let begin = Instant::now();
    let committer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        worker.commit()
    });
    let (_s, new) = taken(server, 1, "late_commit", 2);
    assert!(begin.elapsed() >= Duration::from_millis(650), "it did not wait: {:?}", begin.elapsed());
    committer.join().unwrap().unwrap();
    assert_eq!(rows(&mut conn, "late_commit"), "3 5");
    assert_eq!(new.position, Some(ts(0)));
    let known: Vec<bool> = (1..7).map(|n| new.applied.contains(ts(n))).collect();
    assert_eq!(known, [false, false, true, false, true, false]);
}

fn held(server: &PrivateServer) {
    let mut conn = table(server, "held");
    let (_control, link) = started(server, 1, "held", 3);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 2).unwrap();
    worker.begin().unwrap();
    slot.write(&mut worker, 1, &list(&[3]), ts(0)).unwrap();
    worker.run("INSERT INTO data.held VALUES (3)").unwrap();
    let (events, heard) = heard();
    let begin = Instant::now();
    let new = take(&mut session(server), 1, "held", 3, &events).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(1900), "{:?}", begin.elapsed());
    let notes = heard.lock().unwrap().join("\n");
    assert!(notes.contains("waiting for an earlier run of link `held` on the target"), "{notes}");
    let ended = format!("ended connection {} on the target: it belonged to slot 2 of run 1", worker.connection_id());
    assert!(notes.contains(&ended), "{notes}");
    assert!(new.applied.is_empty());
    assert_eq!(rows(&mut conn, "held"), "");
    assert!(worker.commit().is_err(), "its connection is gone");
    assert_eq!(rows(&mut conn, "held"), "");
}

fn nameless(server: &PrivateServer) {
    let (control, link) = started(server, 1, "nameless", 1);
    drop(control);
    let mut holder = server.connect().unwrap();
    // Otherwise it would hold the gaps around its rows too, and the links of other tests would wait.
    holder.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").unwrap();
    holder.query_drop("START TRANSACTION").unwrap();
    let row = format!("SELECT * FROM tidb_binlog.tisync_slot WHERE {} FOR UPDATE", link.link_condition());
    holder.query_drop(row).unwrap();
    let stop = Stop::default();
    let (events, heard) = heard();
    let asked = stop.clone();
    let asker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(2500));
        asked.request();
    });
    let mut control = session(server);
    let error = take_unless(&mut control, (1, "nameless"), (1, 0), None, &stop, &events).unwrap_err();
    asker.join().unwrap();
    assert_eq!(exit_code(&error), 5);
    assert!(words(&error).contains("stopped while waiting for an earlier run of link `nameless`"), "{error:#}");
    assert!(heard.lock().unwrap().iter().all(|n| !n.contains("ended connection")));
    holder.query_drop("ROLLBACK").unwrap();
    // Nothing was changed, and the session can be used again.
    assert_eq!(link.state(&mut control).unwrap().position, Some(ts(0)));
    let settings = "SELECT CONCAT(@@autocommit, ' ', @@innodb_lock_wait_timeout, ' ', @@lock_wait_timeout)";
    let fresh = one(&mut server.connect().unwrap(), settings);
    let again = take(&mut control, 1, "nameless", 1, &silent()).unwrap();
    assert_eq!(again.link.run(), 2);
    // Not with CREATE TABLE … AS: MySQL runs that with autocommit off.
    control.run("CREATE TABLE tidb_binlog.seen (s VARCHAR(99))").unwrap();
    control.run(&format!("INSERT INTO tidb_binlog.seen {settings}")).unwrap();
    assert_eq!(one(&mut holder, "SELECT s FROM tidb_binlog.seen"), fresh);
    holder.query_drop("DROP TABLE tidb_binlog.seen").unwrap();
}

fn late_begin(server: &PrivateServer) {
    let mut conn = table(server, "late_begin");
    let (mut control, link) = started(server, 1, "late_begin", 2);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    let mut gone = session(server);
    let mut gone_slot = Slot::claim(&mut gone, &link, 1).unwrap();
    let (_s, _new) = taken(server, 1, "late_begin", 1);
    for (session, slot) in [(&mut worker, &mut slot), (&mut gone, &mut gone_slot)] {
        session.begin().unwrap();
        let failed = slot.write(session, 1, &list(&[3]), ts(0)).unwrap_err();
        assert!(failed.class().is_none());
        let text = said(failed);
        assert!(
            text.contains("another run has taken over link `late_begin`: this one is run 1, that one is run 2"),
            "{text}"
        );
        assert!(text.contains("nothing was lost: the other run continues"), "{text}");
        session.rollback();
    }
    // Neither the old control session, nor a new claim of the old run gets anywhere.
    let text = said(link.save_position(&mut control, ts(9)).unwrap_err());
    assert!(text.contains("another run has taken over link"), "{text}");
    let text = said(Slot::claim(&mut worker, &link, 0).unwrap_err());
    assert!(text.contains("another run has taken over link"), "{text}");
    assert_eq!(rows(&mut conn, "late_begin"), "");
}

fn beside(server: &PrivateServer) {
    let (_control, _link) = started(server, 1, "beside_1", 5);
    let (_other, other) = started(server, 1, "beside_2", 1);
    let mut busy = session(server);
    let mut slot = Slot::claim(&mut busy, &other, 0).unwrap();
    busy.begin().unwrap();
    slot.write(&mut busy, 1, &list(&[3]), ts(0)).unwrap();
    // Else it would wait for ever.
    let stop = Stop::default();
    let asked = stop.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(20));
        asked.request();
    });
    for slots in [3, 1, 2] {
        let (events, heard) = heard();
        let new = take_unless(&mut session(server), (1, "beside_1"), (slots, 0), None, &stop, &events).unwrap();
        assert_eq!(*heard.lock().unwrap(), Vec::<String>::new(), "it waited");
        assert_eq!(new.position, Some(ts(0)));
    }
    let count = "SELECT COUNT(*) FROM tidb_binlog.tisync_slot WHERE link = 'beside_1'";
    assert_eq!(one(&mut server.connect().unwrap(), count), "2");
    busy.commit().unwrap();
}

fn at_once(server: &PrivateServer) {
    const RUNS: u64 = 4;
    let (_control, _link) = started(server, 1, "at_once", 2);
    let runs: Vec<_> = thread::scope(|scope| {
        let takers: Vec<_> = (0..RUNS).map(|_| scope.spawn(|| taken(server, 1, "at_once", 2))).collect();
        takers.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let mut numbers: Vec<u64> = runs.iter().map(|(_, t)| t.link.run()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5]);
    let mut winners = 0;
    for (mut control, taken) in runs {
        match Slot::claim(&mut control, &taken.link, 0) {
            Ok(_) => {
                assert_eq!(taken.link.run(), RUNS + 1);
                winners += 1;
            }
            Err(failed) => assert!(said(failed).contains("another run has taken over link `at_once`")),
        }
    }
    assert_eq!(winners, 1);
}

fn survive(server: &PrivateServer) {
    let (_control, link) = started(server, 1, "survive", 4);
    let records =
        [list(&[2, 9]), Record::Range { first: ts(3), last: ts(5) }, list(&[7]), Record::Part { ts: ts(12), rows: 40 }];
    for (number, record) in records.iter().enumerate() {
        apply(server, &link, u32::try_from(number).unwrap(), 1, record, ts(0));
    }
    let (mut control, mut link) = (None, link);
    for slots in [1, 0, 7, 2, 2] {
        let (session, new) = taken(server, 1, "survive", slots);
        let known: Vec<u64> = (1..20).filter(|n| new.applied.contains(ts(*n))).collect();
        assert_eq!(known, [2, 3, 4, 5, 7, 9], "with {slots} slots");
        assert_eq!(new.applied.part(ts(12)), Some(40));
        assert_eq!(new.position, Some(ts(0)));
        (control, link) = (Some(session), new.link);
    }
    // A floor moves the position, its own slot's later record joins the old ones.
    apply(server, &link, 1, 1, &list(&[6]), ts(4));
    let (_s, new) = taken(server, 1, "survive", 3);
    let known: Vec<u64> = (5..20).filter(|n| new.applied.contains(ts(*n))).collect();
    assert_eq!((new.position, known), (Some(ts(4)), vec![5, 6, 7, 9]));
    // The position passes all: the records are dropped with it.
    let mut control = control.take().unwrap();
    new.link.save_position(&mut control, ts(11)).unwrap();
    let blob = "SELECT CAST(LENGTH(applied) AS CHAR) FROM tidb_binlog.tisync_checkpoint WHERE link = 'survive'";
    assert_ne!(one(&mut server.connect().unwrap(), blob), "");
    new.link.save_position(&mut control, ts(12)).unwrap();
    assert_eq!(one(&mut server.connect().unwrap(), blob), "");
    let (_s, new) = taken(server, 1, "survive", 3);
    assert_eq!((new.position, new.applied.is_empty()), (Some(ts(12)), true));
}

/// A batch of `record` in a session of its own, as a worker would apply it.
fn apply(
    server: &PrivateServer,
    link: &tisync::checkpoint::Link,
    number: u32,
    batch: u64,
    record: &Record,
    floor: CommitTs,
) {
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, link, number).unwrap();
    worker.begin().unwrap();
    slot.write(&mut worker, batch, record, floor).unwrap();
    worker.commit().unwrap();
    slot.saved();
}

const VERSION_1: &str = "CREATE TABLE `tidb_binlog`.`tisync_checkpoint` (
    `cluster_id` BIGINT UNSIGNED NOT NULL, `link` VARCHAR(64) NOT NULL, `version` INT NOT NULL,
    `run` BIGINT UNSIGNED NOT NULL, `commit_ts` BIGINT UNSIGNED NOT NULL, `last_job` BIGINT NOT NULL DEFAULT 0,
    `ddl_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0, `ddl_job` BIGINT NOT NULL DEFAULT 0,
    `ddl_schema` VARCHAR(64) NOT NULL DEFAULT '', `ddl_query` LONGTEXT,
    `updated_at` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    PRIMARY KEY (`cluster_id`, `link`)) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

fn upgraded(_: &PrivateServer) {
    let server = server::start(&[]).unwrap();
    let mut conn = server.connect().unwrap();
    conn.query_drop("CREATE DATABASE tidb_binlog").unwrap();
    conn.query_drop(VERSION_1).unwrap();
    conn.query_drop(format!(
        "INSERT INTO tidb_binlog.tisync_checkpoint (cluster_id, link, version, run, commit_ts, last_job, ddl_ts, ddl_job, \
         ddl_schema, ddl_query) VALUES (1, 'old', 1, 6, {START}, 44, {}, 45, 'db', 'DROP TABLE x'), (1, 'other', 1, 2, 7, 0, 0, 0, '', NULL)",
        START + 1
    ))
    .unwrap();
    let look = || tisync::checkpoint::look(&server.url(), Some(1), &silent());
    assert!(words(&look().unwrap_err()).contains("link `old` at"), "readable without an upgrade");
    let mut control = session(&server);
    // A transaction of a version 1 run is open: the upgrade has to wait for it, in steps.
    conn.query_drop("START TRANSACTION").unwrap();
    conn.query_drop("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = commit_ts + 1 WHERE link = 'other'").unwrap();
    let (events, heard) = heard();
    let new = thread::scope(|scope| {
        let taker = scope.spawn(|| take(&mut control, 1, "old", 2, &events).unwrap());
        while heard.lock().unwrap().is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
        conn.query_drop("COMMIT").unwrap();
        taker.join().unwrap()
    });
    assert_eq!((new.link.run(), new.position, new.last_job), (7, Some(ts(0)), Some(44)));
    let intent = new.intent.unwrap();
    assert_eq!(
        (intent.ts, intent.job, intent.schema.as_str(), intent.query.as_str()),
        (ts(1), 45, "db", "DROP TABLE x")
    );
    assert_eq!((intent.step, intent.before, intent.lock.as_str()), (0, None, ""));
    let versions = "SELECT GROUP_CONCAT(link, version ORDER BY link) FROM tidb_binlog.tisync_checkpoint";
    assert_eq!(one(&mut conn, versions), "old2,other1", "another link may still belong to an older tisync");
    new.link.end_ddl(&mut control, Some((ts(1), 45).into())).unwrap();
    let again = take(&mut control, 1, "old", 2, &silent()).unwrap();
    assert_eq!((again.position, again.last_job, again.intent), (Some(ts(1)), Some(45), None));
}

fn unknown_version(server: &PrivateServer) {
    let (mut control, link) = started(server, 1, "unknown_version", 1);
    control
        .run(&format!("UPDATE tidb_binlog.tisync_checkpoint SET version = 3 WHERE {}", link.link_condition()))
        .unwrap();
    let error = take(&mut control, 1, "unknown_version", 1, &silent()).unwrap_err();
    assert_eq!(exit_code(&error), 4);
    let text = words(&error);
    assert!(text.contains("state tables have version 3, but this tisync supports version 2"), "{text}");
    assert_eq!(link.state(&mut control).unwrap().position, Some(ts(0)), "the run keeps its link");
}

fn damaged(server: &PrivateServer) {
    let (mut control, link) = started(server, 1, "damaged", 2);
    apply(server, &link, 1, 1, &list(&[3, 5]), ts(0));
    control
        .run(&format!(
            "UPDATE tidb_binlog.tisync_slot SET applied = INSERT(applied, 4, 1, 'x') WHERE {} AND slot = 1",
            link.link_condition()
        ))
        .unwrap();
    let error = take(&mut control, 1, "damaged", 2, &silent()).unwrap_err();
    assert_eq!(exit_code(&error), 4);
    let text = words(&error);
    assert!(
        text.contains("the records of link `damaged` in tidb_binlog.tisync_slot, slot 1 (column `applied`)"),
        "{text}"
    );
    assert!(text.contains("their checksum does not match") && text.contains("restore the row"), "{text}");
    let failed = Slot::claim(&mut control, &link, 1).unwrap_err();
    assert!(matches!(failed, SessionError::Refused(_)));
    assert!(said(failed).contains("tidb_binlog.tisync_slot, slot 1"));
}

fn no_create(server: &PrivateServer) {
    let (_control, _link) = started(server, 1, "no_create", 2);
    let mut conn = server.connect().unwrap();
    conn.query_drop("CREATE USER poor IDENTIFIED BY ''").unwrap();
    conn.query_drop("GRANT SELECT, INSERT, UPDATE, DELETE ON tidb_binlog.* TO poor").unwrap();
    let url = server.url().replace("root@", "poor@");
    let mut poor = Session::open(&Target::parse(&url, &silent()).unwrap()).unwrap();
    let new = take(&mut poor, 1, "no_create", 2, &silent()).unwrap();
    // And it ends sessions of its own account.
    let mut worker = Session::open(&Target::parse(&url, &silent()).unwrap()).unwrap();
    let mut slot = Slot::claim(&mut worker, &new.link, 0).unwrap();
    worker.begin().unwrap();
    slot.write(&mut worker, 1, &list(&[3]), ts(0)).unwrap();
    let (events, heard) = heard();
    let new = take(&mut poor, 1, "no_create", 2, &events).unwrap();
    assert!(new.applied.is_empty());
    let notes = heard.lock().unwrap().join("\n");
    assert!(notes.contains("ended connection"), "{notes}");
}
