//! Each of two opposite links knows which cluster the other comes from.

use crate::world::{World, one, sql, until};

/// What an unmarked link of cluster `id` would write into A.
fn written_by(world: &World, id: u64, row: u32) {
    let columns = "link, slot, run, claim, connection, batch, floor_ts, applied";
    let mut conn = world.a.connect().unwrap();
    let statements = [
        "BEGIN".to_owned(),
        format!(
            "INSERT INTO tidb_binlog.tisync_slot (cluster_id, {columns}) SELECT {id}, CONCAT('third', {row}), 1, 1, 1, 1, 1, 1, NULL"
        ),
        format!("INSERT INTO shop.t VALUES ({row})"),
        "COMMIT".to_owned(),
    ];
    for statement in statements {
        mysql::prelude::Queryable::query_drop(&mut conn, statement).unwrap();
    }
}

#[test]
fn data_of_a_third_cluster_passes_and_that_of_the_other_one_is_an_echo() {
    let id = 7_700_000_000_000_000_060;
    let world = World::start(id);
    let mut run = world.file.sync(&[]);
    sql(&world.a, "CREATE DATABASE shop");
    sql(&world.a, "CREATE TABLE shop.t (id INT PRIMARY KEY)");
    // The link to A has made it.
    until(&mut run, &world.a, "SELECT COUNT(*) > 0 FROM tidb_binlog.tisync_slot", 1);
    written_by(&world, 99, 1);
    until(&mut run, &world.b, "SELECT COUNT(*) FROM shop.t", 1);
    written_by(&world, 99, 2);
    until(&mut run, &world.b, "SELECT COUNT(*) FROM shop.t", 2);
    // B is where the opposite link comes from.
    written_by(&world, id + 2, 3);
    let ran = run.expect(4);
    assert!(ran.stderr.contains("error: link `a-b`: data came back"), "{}", ran.stderr);
    assert_eq!(one::<i64>(&world.b, "SELECT COUNT(*) FROM shop.t"), Some(2));
}
