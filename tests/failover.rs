//! A target that fails over: a replica takes the primary's place, and what had not come to it is gone.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::failover::Failover;
use mysql::prelude::Queryable;

/// What the other tests stand on: the replica has what came to it, and nothing else.
#[test]
fn a_promoted_replica_lacks_what_had_not_come_to_it() {
    let mut pair = Failover::start(&[]);
    let mut conn = pair.connect();
    conn.query_drop("CREATE DATABASE a").unwrap();
    conn.query_drop("CREATE TABLE a.t (id INT PRIMARY KEY)").unwrap();
    conn.query_drop("INSERT INTO a.t VALUES (1)").unwrap();
    pair.wait_in_step();
    assert!(pair.replica().query_first::<u32, _>("SELECT id FROM a.t").unwrap() == Some(1));
    pair.hold();
    conn.query_drop("INSERT INTO a.t VALUES (2)").unwrap();
    pair.fail_over();
    assert!(conn.query_drop("INSERT INTO a.t VALUES (3)").is_err(), "the old connection is cut");
    let mut conn = pair.connect();
    conn.query_drop("INSERT INTO a.t VALUES (4)").unwrap();
    assert_eq!(conn.query::<u32, _>("SELECT id FROM a.t ORDER BY id").unwrap(), [1, 4]);
}
