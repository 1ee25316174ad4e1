//! Rows that are not as the stream supposes, through the real binary: counted and shown by table, and an end or not.

use mysql::prelude::Queryable;

use crate::world::World;

/// What the other side did to B, what A does, and how many rows are then missing and there already.
const CASES: [(&str, &str, &str, u64, u64); 8] = [
    ("update of a missing row", "DELETE FROM c.t WHERE id = 1", "UPDATE c.t SET v = 10 WHERE id = 1", 1, 0),
    ("delete of a missing row", "DELETE FROM c.t WHERE id = 2", "DELETE FROM c.t WHERE id = 2", 1, 0),
    ("insert over another row", "INSERT INTO c.t VALUES (11, 5)", "INSERT INTO c.t VALUES (11, 6)", 0, 1),
    ("insert over its like", "INSERT INTO c.t VALUES (12, 7)", "INSERT INTO c.t VALUES (12, 7)", 0, 1),
    ("second unique key", "INSERT INTO c.u VALUES (21, 'x')", "INSERT INTO c.u VALUES (22, 'x')", 0, 1),
    ("update that changes the key", "DELETE FROM c.t WHERE id = 3", "UPDATE c.t SET id = 33 WHERE id = 3", 1, 0),
    ("delete without a key", "DELETE FROM c.n WHERE a = 1 LIMIT 1", "DELETE FROM c.n WHERE a = 1", 1, 0),
    ("update without a key", "DELETE FROM c.n WHERE a = 2", "UPDATE c.n SET a = 22 WHERE a = 2", 1, 0),
];

#[test]
fn what_does_not_fit_is_counted_and_ends_the_run_or_not() {
    let world = World::start(7_600_000_000_000_000_100);
    world.run([
        "CREATE DATABASE c",
        "CREATE TABLE c.t (id INT PRIMARY KEY, v INT)",
        "CREATE TABLE c.u (id INT PRIMARY KEY, w VARCHAR(9) UNIQUE)",
        "CREATE TABLE c.n (a INT)",
        "INSERT INTO c.t VALUES (1, 1), (2, 2), (3, 3)",
        "INSERT INTO c.n VALUES (1), (1), (2)",
    ]);
    world.catch_up();
    for (name, there, here, missing, taken) in CASES {
        let table = format!("`c`.`{}`", &here[here.find("c.").unwrap() + 2..][..1]);
        let shown = format!(
            "{table} was not as expected: rows to change or delete that were missing: {missing}, rows to insert that \
             already existed: {taken}"
        );
        world.b.connect().unwrap().query_drop(there).unwrap();
        world.run([here]);
        world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
        let before = world.on_b("SELECT COALESCE(SUM(id * 1000 + v), 0) FROM c.t");
        let ran = world.sync(&["--until", "caught-up"]).expect(4);
        assert!(ran.stderr.contains(&shown), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(&table) && ran.stderr.contains("--on-conflict count"), "{name}: {}", ran.stderr);
        assert_eq!(world.on_b("SELECT COALESCE(SUM(id * 1000 + v), 0) FROM c.t"), before, "{name}: nothing is applied");
        let ran = world.sync(&["--until", "caught-up", "--on-conflict", "count"]).expect(0);
        assert!(ran.stderr.contains(&shown), "{name}: {}", ran.stderr);
        world.same("c");
    }
    // What fits is not counted, whatever becomes of conflicts.
    world.run([
        "INSERT INTO c.t VALUES (50, 1)",
        "UPDATE c.t SET v = 2 WHERE id = 50",
        "UPDATE c.t SET id = 51 WHERE id = 50",
        "REPLACE INTO c.u VALUES (22, 'y')",
        "INSERT INTO c.n VALUES (9), (9)",
        "DELETE FROM c.n WHERE a = 9 LIMIT 1",
    ]);
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
    let ran = world.sync(&["--until", "caught-up", "--on-conflict", "count"]).expect(0);
    assert!(!ran.stderr.contains("not as expected"), "{}", ran.stderr);
    world.same("c");
}
