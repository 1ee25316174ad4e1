//! A worker's slot: claims, after lost connections too, what its transactions write, what the row says then.

use std::thread;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use tisync::checkpoint::{Record, Slot};
use tisync::playground::mariadb::PrivateServer;

use super::*;

pub const CASES: &[(&str, Case)] = &[
    ("a reconnect waits for the commit of the session before it", late_answer),
    ("a reconnect ends a session before it that does not commit", stuck),
    ("a late statement of the session before a reconnect finds no row", late_statement),
    ("records leave the row as the low-water mark moves", cleaned),
    ("two statements in one round trip, and the second one's error", pairs),
    ("a record needs a transaction, a new batch number and a sound form", misuse),
    ("a row that was deleted or changed by hand stops the run", by_hand),
];

fn range(first: u64, last: u64) -> Record {
    Record::Range { first: ts(first), last: ts(last) }
}

fn late_answer(server: &PrivateServer) {
    let (_control, link) = started(server, 2, "late_answer", 1);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    assert_eq!(slot.durable(), 0);
    for (batch, committed) in [(1, true), (2, false)] {
        worker.begin().unwrap();
        slot.write(&mut worker, batch, &range(batch, batch), ts(0)).unwrap();
        // The worker has lost the answer; its session is still there.
        let old = thread::spawn(move || {
            thread::sleep(Duration::from_millis(500));
            if committed { worker.commit().unwrap() } else { drop(worker) }
        });
        worker = session(server);
        let begin = Instant::now();
        slot = Slot::claim(&mut worker, &link, 0).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(450), "it did not wait: {:?}", begin.elapsed());
        old.join().unwrap();
        assert_eq!(slot.durable() == batch, committed);
    }
    // The same batch again, and then the next.
    for batch in [2, 3] {
        worker.begin().unwrap();
        slot.write(&mut worker, batch, &range(batch, batch), ts(0)).unwrap();
        worker.commit().unwrap();
        slot.saved();
        assert_eq!(slot.durable(), batch);
    }
    let (_s, new) = taken(server, 2, "late_answer", 1);
    assert_eq!((1..6).filter(|n| new.applied.contains(ts(*n))).collect::<Vec<_>>(), [1, 2, 3]);
}

fn stuck(server: &PrivateServer) {
    let mut conn = table(server, "stuck");
    let (_control, link) = started(server, 2, "stuck", 1);
    let mut old = session(server);
    let mut old_slot = Slot::claim(&mut old, &link, 0).unwrap();
    old.begin().unwrap();
    old_slot.write(&mut old, 1, &range(1, 4), ts(0)).unwrap();
    old.run("INSERT INTO data.stuck VALUES (1)").unwrap();
    let mut worker = session(server);
    let slot = Slot::claim(&mut worker, &link, 0).unwrap();
    assert_eq!(slot.durable(), 0);
    assert!(old.commit().is_err(), "its connection is gone");
    assert_eq!(rows(&mut conn, "stuck"), "");
    // The session's own patience is back.
    for session in [&mut worker, &mut session(server)] {
        session.run("INSERT INTO data.stuck VALUES (@@innodb_lock_wait_timeout)").unwrap();
    }
    let [a, b] = rows(&mut conn, "stuck").split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(a, b);
}

fn late_statement(server: &PrivateServer) {
    let (_control, link) = started(server, 2, "late_statement", 1);
    let (mut old, mut new) = (session(server), session(server));
    let mut old_slot = Slot::claim(&mut old, &link, 0).unwrap();
    let mut slot = Slot::claim(&mut new, &link, 0).unwrap();
    old.begin().unwrap();
    let text = said(old_slot.write(&mut old, 1, &range(1, 2), ts(0)).unwrap_err());
    assert!(text.contains("another session of this run owns slot 0 of link `late_statement` (claim 2)"), "{text}");
    old.rollback();
    new.begin().unwrap();
    slot.write(&mut new, 1, &range(1, 2), ts(0)).unwrap();
    new.commit().unwrap();
}

fn cleaned(server: &PrivateServer) {
    let (_control, link) = started(server, 2, "cleaned", 2);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    let mut conn = server.connect().unwrap();
    let mut size = |sql: &str| -> u64 {
        let sql =
            format!("SELECT CAST({sql} AS CHAR) FROM tidb_binlog.tisync_slot WHERE link = 'cleaned' AND slot = 0");
        one(&mut conn, &sql).parse().unwrap()
    };
    let mut sizes = Vec::new();
    // The floor stands still, then follows closely, then goes back, which counts for nothing.
    for (batch, floor) in [(1, 0), (2, 0), (3, 0), (4, 39), (5, 40), (6, 10)] {
        worker.begin().unwrap();
        slot.write(&mut worker, batch, &range(batch * 10, batch * 10 + 9), ts(floor)).unwrap();
        worker.commit().unwrap();
        slot.saved();
        sizes.push(size("LENGTH(applied)"));
        assert_eq!(size("floor_ts"), ts(if batch == 6 { 40 } else { floor }).0);
    }
    let [a, b, c, d, e, f] = sizes[..] else { panic!("{sizes:?}") };
    let each = b - a;
    assert_eq!((c, d, e, f), (a + 2 * each, a, a + each, a + 2 * each), "{sizes:?}");
    assert_eq!(slot.size() as u64, 3 * each);
    // A rolled-back record leaves nothing, and parts of a transaction replace each other until it is whole.
    worker.begin().unwrap();
    slot.write(&mut worker, 7, &range(70, 79), ts(69)).unwrap();
    worker.rollback();
    slot.undone();
    for (batch, record) in [
        (7, Record::Part { ts: ts(90), rows: 5 }),
        (8, Record::Part { ts: ts(90), rows: 10 }),
        (9, Record::List(vec![ts(90)])),
    ] {
        worker.begin().unwrap();
        slot.write(&mut worker, batch, &record, ts(69)).unwrap();
        worker.commit().unwrap();
        slot.saved();
        let mut other = session(server);
        let again = Slot::claim(&mut other, &link, 1).unwrap();
        assert_eq!((again.durable(), again.size()), (0, 0), "another slot is another row");
    }
    let (_s, new) = taken(server, 2, "cleaned", 1);
    assert_eq!((new.position, new.applied.part(ts(90)), new.applied.contains(ts(90))), (Some(ts(69)), None, true));
    assert!(!new.applied.contains(ts(75)));
}

fn pairs(server: &PrivateServer) {
    let mut conn = table(server, "pairs");
    let (_control, link) = started(server, 2, "pairs", 1);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    let sql = slot.statement(1, &range(1, 2), ts(0)).unwrap();
    let affected = worker.begin_with(&sql).unwrap();
    slot.check(&mut worker, affected).unwrap();
    worker.run("INSERT INTO data.pairs VALUES (1)").unwrap();
    assert_eq!(rows(&mut conn, "pairs"), "", "it is in a transaction");
    worker.commit().unwrap();
    slot.saved();
    assert_eq!(rows(&mut conn, "pairs"), "1");
    // An error of the second statement is an error, and what was begun can be taken back.
    let error = anyhow::Error::from(worker.begin_with("INSERT INTO data.nowhere VALUES (1)").unwrap_err());
    assert!(format!("{error:#}").contains("nowhere"), "{error:#}");
    assert!(worker.in_transaction());
    worker.rollback();
    assert_eq!(worker.begin_with("INSERT INTO data.pairs VALUES (2), (3), (4)").unwrap(), 3);
    worker.rollback();
    assert_eq!(worker.begin_with("DELETE FROM data.pairs WHERE n > 1").unwrap(), 0);
    worker.rollback();
    let _new = taken(server, 2, "pairs", 1);
    let sql = slot.statement(2, &range(3, 4), ts(0)).unwrap();
    let affected = worker.begin_with(&sql).unwrap();
    let text = said(slot.check(&mut worker, affected).unwrap_err());
    assert!(text.contains("another run has taken over link `pairs`"), "{text}");
    worker.rollback();
}

fn misuse(server: &PrivateServer) {
    let (_control, link) = started(server, 2, "misuse", 1);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    let text = said(slot.write(&mut worker, 1, &range(1, 2), ts(0)).unwrap_err());
    assert!(text.contains("outside of a transaction"), "{text}");
    for record in
        [range(2, 1), Record::List(vec![]), Record::List(vec![ts(2), ts(2)]), Record::Part { ts: ts(1), rows: 0 }]
    {
        let text = said(slot.statement(1, &record, ts(0)).unwrap_err());
        assert!(text.contains("cannot make a record of"), "{text}");
    }
    worker.begin().unwrap();
    slot.write(&mut worker, 1, &range(1, 1), ts(0)).unwrap();
    worker.commit().unwrap();
    slot.saved();
    let text = said(slot.statement(1, &range(2, 2), ts(0)).unwrap_err());
    assert!(text.contains("batch 1 would be recorded after batch 1 in slot 0 of link `misuse`"), "{text}");
    let text = said(Slot::claim(&mut worker, &link, 1).unwrap_err());
    assert!(text.contains("were changed during the run by something other than tisync"), "{text}");
}

fn by_hand(server: &PrivateServer) {
    let (_control, link) = started(server, 2, "by_hand", 1);
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    for (table, words) in [
        ("tisync_slot", "the rows of link `by_hand` in tidb_binlog were changed during the run"),
        ("tisync_checkpoint", "the checkpoint row of link `by_hand` was deleted during the run"),
    ] {
        let sql = format!("DELETE FROM tidb_binlog.{table} WHERE {}", link.link_condition());
        server.connect().unwrap().query_drop(sql).unwrap();
        worker.begin().unwrap();
        let text = said(slot.write(&mut worker, 1, &range(1, 1), ts(0)).unwrap_err());
        assert!(text.contains(words), "{text}");
        worker.rollback();
    }
}
