//! Columns that one side has already and the other not yet: what the link without DDL does with rows that lack them.

use std::thread::sleep;
use std::time::Duration;

use mysql::prelude::Queryable;
use tisync::playground::mirror::Mirror;

use crate::common::run::LIMIT;
use crate::pair::Pair;
use crate::sides::{back, run, there};

/// All rows of a query, each as one text.
fn rows(side: &Mirror, sql: &str) -> Vec<String> {
    let rows: Vec<mysql::Row> = side.connect().unwrap().query(sql).unwrap_or_default();
    let text = |value| match value {
        mysql::Value::NULL => "NULL".to_owned(),
        other => mysql::from_value::<String>(other),
    };
    rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn rows_that_lack_a_column_wait_for_its_ddl_and_fit() {
    let pair = Pair::start(7_600_000_000_000_000_110);
    let (a, b) = (&pair.a, &pair.b);
    run(a, "CREATE DATABASE c");
    run(a, "CREATE TABLE c.t (id INT PRIMARY KEY, a INT, b VARCHAR(20), gone INT)");
    run(a, "CREATE TABLE c.bare (a INT, b INT)");
    run(a, "INSERT INTO c.t VALUES (1, 1, 'one', 1), (2, 2, 'two', 2), (3, 3, 'three', 3)");
    run(a, "INSERT INTO c.bare VALUES (1, 1), (1, 1), (2, 2)");
    let mut to_b = there(&pair, &[]);
    to_b.until("the rows", || rows(b, "SELECT * FROM c.bare").len() == 3);
    to_b.interrupt();
    to_b.expect(5);
    // B does not know of any of it yet.
    run(a, "ALTER TABLE c.t ADD COLUMN n INT NOT NULL DEFAULT 5 FIRST, ADD COLUMN need INT NOT NULL, DROP COLUMN gone");
    run(a, "ALTER TABLE c.t ALTER COLUMN n SET DEFAULT 6, MODIFY COLUMN a BIGINT, RENAME COLUMN b TO bb");
    run(a, "ALTER TABLE c.bare ADD COLUMN own VARCHAR(9) NOT NULL DEFAULT 'own'");
    run(a, "UPDATE c.t SET n = 77 WHERE id IN (1, 3)");
    run(b, "INSERT INTO c.t VALUES (11, 11, 'eleven', 11)");
    run(b, "UPDATE c.t SET a = 10, b = 'ten', gone = 10 WHERE id = 1");
    run(b, "UPDATE c.t SET id = 30, gone = 3 WHERE id = 3");
    run(b, "DELETE FROM c.t WHERE id = 2");
    run(b, "DELETE FROM c.bare WHERE a = 1 LIMIT 1");
    run(b, "UPDATE c.bare SET b = 22 WHERE a = 2");
    run(b, "INSERT INTO c.bare VALUES (3, 3)");
    let mut to_a = back(&pair, &[]);
    // Nothing is guessed: a renamed column could as well be one that is dropped and another that is added.
    to_a.until("it says what it waits for", || to_a_says(&pair));
    assert_eq!(rows(a, "SELECT id FROM c.t ORDER BY id"), ["1", "2", "3"]);
    let mut to_b = there(&pair, &["--on-conflict", "count"]);
    to_a.until("B's rows on A", || rows(a, "SELECT id FROM c.t WHERE id IN (11, 30)").len() == 2);
    to_a.until("those without a key", || rows(a, "SELECT a FROM c.bare WHERE a = 3").len() == 1);
    // A row that gets another key is a new one, to TiDB as well.
    assert_eq!(
        rows(a, "SELECT id, n, a, bb, need FROM c.t ORDER BY id"),
        ["1|77|10|ten|0", "11|5|11|eleven|0", "30|5|3|three|0"]
    );
    assert_eq!(rows(a, "SELECT * FROM c.bare ORDER BY a"), ["1|1|own", "2|22|own", "3|3|own"]);
    to_b.until("the DDL on B", || rows(b, "SELECT bb FROM c.t WHERE id = 11") == ["eleven"]);
    assert_eq!(rows(b, "SELECT n, need FROM c.t WHERE id = 11"), ["5|0"]);
    // Rows of the new definition go as they are.
    run(b, "INSERT INTO c.t (id, n, a, bb, need) VALUES (12, 1, 2, 'twelve', 3)");
    to_a.until("one more", || rows(a, "SELECT bb FROM c.t WHERE id = 12") == ["twelve"]);
    to_a.interrupt();
    to_b.interrupt();
    let ran = to_a.expect(5);
    assert_eq!(ran.stderr.matches("`c`.`bare`: the target has DDL").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("`b` is `bb` there"), "{}", ran.stderr);
    to_b.expect(5);
}

/// Time enough to have looked.
fn to_a_says(_: &Pair) -> bool {
    sleep(Duration::from_secs(3));
    true
}

#[test]
fn a_difference_that_no_ddl_makes_stops_the_link() {
    let pair = Pair::start(7_600_000_000_000_000_112);
    let (a, b) = (&pair.a, &pair.b);
    // A's table is older by more than the second that its server tells, so no DDL of A's can be on its way.
    sleep(Duration::from_secs(2));
    run(b, "ALTER TABLE play.words ADD COLUMN own INT");
    run(b, "INSERT INTO play.words VALUES ('2 word', 1, 7)");
    b.wait_caught_up(LIMIT).unwrap();
    let ran = back(&pair, &["--wrong-side-ddl", "ignore", "--until", "caught-up"]).expect(4);
    let text = "`play`.`words` has no column `own`";
    assert!(ran.stderr.contains(text) && ran.stderr.contains("link in the other direction"), "{}", ran.stderr);
    assert!(rows(a, "SELECT * FROM play.words").is_empty());
}
