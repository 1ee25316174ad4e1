//! Drainer's row: handed over to Drainer and taken over from it.

use crate::common::server;
use mysql::prelude::Queryable;
use tisync::checkpoint::drainer::{self, DrainerTable, Owner, Row};
use tisync::model::CommitTs;
use tisync::playground::mariadb::PrivateServer;

use super::*;

pub const CASES: &[(&str, Case)] = &[
    ("Drainer's row is written as Drainer writes it", shape),
    ("Drainer's row shows that Drainer has gone on", gone_on),
    ("of two links the slower one's position is in Drainer's row", two_links),
    ("Drainer's row has the schema version of the link whose position it has", versions),
    ("a link that is forgotten hands Drainer's row on, or takes it along", forgotten),
    ("an older run does not write Drainer's row", older_run),
    ("a row that is not Drainer's is refused", unreadable),
];

fn row(commit_ts: CommitTs, schema_version: i64, consistent: bool) -> Row {
    Row { consistent, commit_ts, schema_version }
}

fn text(conn: &mut Conn, cluster: u64) -> String {
    one(conn, &format!("SELECT checkPoint FROM tidb_binlog.checkpoint WHERE clusterID = {cluster}"))
}

fn shape(_: &PrivateServer) {
    // A server of its own: here the table must not be there yet.
    let server = &server::start(&[]).unwrap();
    let (mut control, link) = started(server, 41, "shape", 1);
    assert_eq!(read(&mut control, 41).unwrap(), None);
    assert_eq!(write(&mut control, &link, ts(5), 47, false).unwrap(), Owner::Nobody);
    let mut conn = server.connect().unwrap();
    assert_eq!(
        text(&mut conn, 41),
        format!(r#"{{"consistent":false,"commitTS":{},"ts-map":{{}},"schema-version":47}}"#, ts(5))
    );
    let columns: Vec<(String, String)> = conn
        .query("SELECT column_name, column_type FROM information_schema.columns WHERE table_name = 'checkpoint' AND table_schema = 'tidb_binlog' ORDER BY ordinal_position")
        .unwrap();
    let columns: Vec<(&str, &str)> = columns.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    // MySQL shows no widths from 8.0.19 on.
    let shown = [columns[0].1.replace("(20)", ""), columns[1].1.to_owned()];
    assert_eq!((columns[0].0, columns[1].0), ("clusterID", "checkPoint"));
    assert_eq!(shown, ["bigint unsigned", "mediumtext"]);
    assert_eq!(write(&mut control, &link, ts(5), 48, true).unwrap(), Owner::Us(row(ts(5), 47, false)));
    assert_eq!(read(&mut control, 41).unwrap(), Some(row(ts(5), 48, true)));
}

fn read(session: &mut Session, cluster: u64) -> Result<Option<Row>, SessionError> {
    DrainerTable::default().read(session, cluster)
}

fn owner(session: &mut Session, link: &Link, at: CommitTs) -> Result<Owner, SessionError> {
    drainer::owner(session, &DrainerTable::default(), link, at)
}

fn write(session: &mut Session, link: &Link, at: CommitTs, version: i64, clean: bool) -> Result<Owner, SessionError> {
    drainer::write(session, &DrainerTable::default(), link, (at, version), clean)
}

/// The row as Drainer writes it.
fn by_drainer(conn: &mut Conn, cluster: u64, json: &str) {
    conn.query_drop("CREATE TABLE IF NOT EXISTS tidb_binlog.checkpoint(clusterID bigint unsigned primary key, checkPoint MEDIUMTEXT)")
        .unwrap();
    conn.query_drop(format!("REPLACE INTO tidb_binlog.checkpoint VALUES({cluster}, '{json}')")).unwrap();
}

fn gone_on(server: &PrivateServer) {
    let mut conn = server.connect().unwrap();
    let (mut control, link) = started(server, 42, "gone_on", 1);
    // Drainer was here first, at the position that the link starts from; an old one, without a schema version.
    by_drainer(&mut conn, 42, &format!(r#"{{"consistent":true,"commitTS":{},"ts-map":{{"primary-ts":1}}}}"#, ts(2)));
    let first = row(ts(2), 0, true);
    assert_eq!(owner(&mut control, &link, ts(1)).unwrap(), Owner::Other(first), "ahead of the link");
    assert_eq!(owner(&mut control, &link, ts(2)).unwrap(), Owner::Before(first));
    assert_eq!(write(&mut control, &link, ts(1), 3, false).unwrap(), Owner::Other(first));
    assert_eq!(read(&mut control, 42).unwrap(), Some(first), "nothing was written");
    assert_eq!(write(&mut control, &link, ts(4), 3, false).unwrap(), Owner::Before(first));
    assert_eq!(write(&mut control, &link, ts(6), 3, true).unwrap(), Owner::Us(row(ts(4), 3, false)));
    link.save_position(&mut control, ts(6)).unwrap();
    // Drainer goes on from there.
    by_drainer(
        &mut conn,
        42,
        &format!(r#"{{"consistent":false,"commitTS":{},"ts-map":{{}},"schema-version":9}}"#, ts(8)),
    );
    let theirs = row(ts(8), 9, false);
    let (mut control, new) = taken(server, 42, "gone_on", 1);
    assert_eq!(owner(&mut control, &new.link, ts(6)).unwrap(), Owner::Other(theirs));
    // A link that has passed it meanwhile is told as well: both applied the same.
    assert_eq!(write(&mut control, &new.link, ts(9), 3, false).unwrap(), Owner::Other(theirs));
    assert_eq!(read(&mut control, 42).unwrap(), Some(theirs));
}

fn two_links(server: &PrivateServer) {
    let (mut a, slow) = started(server, 43, "slow", 1);
    let (mut b, fast) = started(server, 43, "fast", 1);
    let _never_started = taken(server, 43, "idle", 1);
    slow.save_position(&mut a, ts(3)).unwrap();
    fast.save_position(&mut b, ts(9)).unwrap();
    write(&mut b, &fast, ts(9), 1, true).unwrap();
    // Nobody knows which version the slow one has: too low is right as well.
    assert_eq!(read(&mut b, 43).unwrap(), Some(row(ts(3), 0, false)));
    slow.save_position(&mut a, ts(5)).unwrap();
    assert_eq!(write(&mut a, &slow, ts(5), 2, false).unwrap(), Owner::Us(row(ts(3), 0, false)));
    assert_eq!(write(&mut b, &fast, ts(9), 2, false).unwrap(), Owner::Us(row(ts(5), 2, false)));
    // A third link from an older backup: the row may go back, it is ours.
    let (mut c, third) = started(server, 43, "third", 1);
    assert_eq!(write(&mut c, &third, ts(1), 2, false).unwrap(), Owner::Us(row(ts(5), 2, false)));
    assert_eq!(read(&mut c, 43).unwrap(), Some(row(ts(1), 2, false)));
}

fn versions(server: &PrivateServer) {
    let (mut a, slow) = started(server, 46, "slow46", 1);
    let (mut b, fast) = started(server, 46, "fast46", 1);
    slow.save_position(&mut a, ts(3)).unwrap();
    write(&mut a, &slow, ts(3), 47, false).unwrap();
    fast.save_position(&mut b, ts(9)).unwrap();
    write(&mut b, &fast, ts(9), 53, false).unwrap();
    assert_eq!(read(&mut b, 46).unwrap(), Some(row(ts(3), 47, false)), "a DDL between them is not behind the row");
    slow.save_position(&mut a, ts(12)).unwrap();
    write(&mut a, &slow, ts(12), 54, false).unwrap();
    assert_eq!(read(&mut b, 46).unwrap(), Some(row(ts(9), 53, false)));
    // Whoever is moved by hand has no version until it writes again.
    let (mut c, taken) = taken(server, 46, "fast46", 0);
    taken.link.move_to(&mut c, ts(5), &taken).unwrap();
    write(&mut a, &slow, ts(12), 54, false).unwrap();
    assert_eq!(read(&mut a, 46).unwrap(), Some(row(ts(5), 0, false)));
}

fn forgotten(server: &PrivateServer) {
    let place = DrainerTable::default();
    let (mut a, one) = started(server, 47, "one", 1);
    let (mut b, two) = started(server, 47, "two", 1);
    one.save_position(&mut a, ts(3)).unwrap();
    two.save_position(&mut b, ts(4)).unwrap();
    write(&mut b, &two, ts(4), 1, false).unwrap();
    write(&mut a, &one, ts(3), 1, false).unwrap();
    assert_eq!(one.forget(&mut a, &place).unwrap(), drainer::DrainerRowLeft::HandedOn("two".to_owned()));
    let there = row(ts(3), 1, false);
    assert_eq!(owner(&mut b, &two, ts(4)).unwrap(), Owner::Us(there), "the other link goes on");
    assert_eq!(write(&mut b, &two, ts(6), 2, true).unwrap(), Owner::Us(there));
    assert_eq!(two.forget(&mut b, &place).unwrap(), drainer::DrainerRowLeft::Gone);
    assert_eq!(read(&mut b, 47).unwrap(), None, "nothing is left that passes for a Drainer's");
    // What a Drainer wrote since stays.
    let (mut c, three) = started(server, 47, "three", 1);
    write(&mut c, &three, ts(6), 2, true).unwrap();
    by_drainer(&mut server.connect().unwrap(), 47, &format!(r#"{{"consistent":true,"commitTS":{}}}"#, ts(8)));
    assert_eq!(three.forget(&mut c, &place).unwrap(), drainer::DrainerRowLeft::AsItWas);
    assert_eq!(read(&mut c, 47).unwrap(), Some(row(ts(8), 0, true)));
}

fn older_run(server: &PrivateServer) {
    let (mut control, link) = started(server, 44, "older_run", 1);
    write(&mut control, &link, ts(1), 1, false).unwrap();
    let (mut new_control, _new) = taken(server, 44, "older_run", 1);
    let text = said(write(&mut control, &link, ts(2), 1, true).unwrap_err());
    assert!(text.contains("another run has taken over link `older_run`"), "{text}");
    assert_eq!(read(&mut new_control, 44).unwrap(), Some(row(ts(1), 1, false)));
}

fn unreadable(server: &PrivateServer) {
    let mut conn = server.connect().unwrap();
    let (mut control, link) = started(server, 45, "unreadable", 1);
    by_drainer(&mut conn, 45, r#"{"consistent":maybe}"#);
    let text = said(write(&mut control, &link, ts(2), 1, true).unwrap_err());
    assert!(text.contains("Drainer's checkpoint of cluster 45") && text.contains("delete the row"), "{text}");
    assert!(!control.in_transaction());
}
