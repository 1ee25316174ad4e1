//! Rows that are not as the stream supposes: counted always, by table; an end or not by the operator's word.

use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{MysqlOptions, OnConflict};
use tisync::sink::{Anomalies, Sink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[("rows that do not fit are counted, and end the run unless forgiven", conflicts)];

fn conflicts(server: &PrivateServer) {
    let mut w = World::new(server, "conflicts");
    let columns = [("id", INT), ("v?", INT)];
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &columns, &[&[0]], true);
    let u = w.table("u", "id BIGINT PRIMARY KEY, v BIGINT", &columns, &[&[0]], true);
    w.run("INSERT INTO t VALUES (1, 1), (2, 2)");
    let missing =
        || txn(1, vec![upd(&t, vec![i(1), i(1)], vec![i(1), i(5)]), upd(&t, vec![i(7), i(1)], vec![i(7), i(8)])]);
    let taken = || txn(2, vec![ins(&u, vec![i(1), i(1)]), ins(&t, vec![i(2), i(9)])]);
    let found = |missing, duplicate| Anomalies { missing, duplicate };

    let mut sink = w.sink();
    let error = said(&sink.apply(missing()).and_then(|()| sink.drain()).unwrap_err());
    assert!(error.contains("--on-conflict count"), "{error}");
    assert_eq!(sink.totals().anomalies, [("`conflicts`.`t`".to_owned(), found(1, 0))].into());
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|1;2|2", "nothing of it is there");
    drop(sink);
    let mut sink = w.sink();
    let error = said(&sink.apply(taken()).and_then(|()| sink.drain()).unwrap_err());
    assert!(error.contains("Duplicate"), "{error}");
    assert_eq!(sink.totals().anomalies, [("`conflicts`.`t`".to_owned(), found(0, 1))].into());
    assert_eq!(w.one("SELECT COUNT(*) FROM u"), "0");
    drop(sink);

    let mut sink = w.open(MysqlOptions { on_conflict: OnConflict::Count, ..w.options() }).unwrap();
    apply(&mut sink, vec![missing(), taken()]);
    assert_eq!(sink.totals().anomalies, [("`conflicts`.`t`".to_owned(), found(1, 1))].into());
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|5;2|9;7|8", "the rows are what the upstream has");
    assert_eq!(w.one("SELECT * FROM u"), "1|1");
}
