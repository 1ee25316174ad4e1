//! What a link with marks looks for before it starts: its mark table here and there, and who gives numbers to rows.

use mysql::prelude::Queryable;

use crate::common::binary::{Ran, tisync};
use crate::common::run::Running;
use crate::world::World;

const TABLE: &str = "retl._drainer_repl_mark";
const CAUGHT_UP: [&str; 2] = ["--until", "caught-up"];

impl World {
    fn on_target(&self, sql: &str) {
        self.b.connect().unwrap().query_drop(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    fn set_up_marks(&self, server: &str) {
        tisync(&["mark", "setup", "--to", server, "--channel-id", "1"]).expect(0);
    }

    /// The same run as `sync`, as another account.
    fn sync_as(&self, account: &str, more: &[&str]) -> Running {
        let to = self.b.url().replace("root@", &format!("{account}@"));
        let from = self.a.cluster().pd_url();
        let args = ["sync", "--from", &from, "--to", &to, "--start-ts", "1"];
        Running::start(&args.iter().chain(more).map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
}

#[test]
fn a_mark_table_that_is_not_ready_refuses_the_start() {
    let world = World::start(7_600_000_000_000_000_110);
    let marked = [&["--channel-id", "1"][..], &CAUGHT_UP].concat();
    let command = "tisync mark setup --to TARGET --channel-id N";
    let untouched =
        || world.on_b("SELECT table_name FROM information_schema.tables WHERE table_schema = 'tidb_binlog'");
    world.run(["CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)"]);
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();

    says(&world.sync(&marked).expect(4), &["the target has no mark table retl._drainer_repl_mark", command]);
    world.on_target("CREATE DATABASE retl");
    world.on_target(&format!("CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, channel_id INT, val BIGINT)"));
    let words = [
        "its column channel_id is int, not bigint",
        "it has no column channel_info",
        "its primary key is (id), not (id, channel_id)",
        command,
    ];
    says(&world.sync(&marked).expect(4), &words);
    world.on_target(&format!("DROP TABLE {TABLE}"));
    world.set_up_marks(&world.b.url());

    world.on_target("CREATE USER small@'127.0.0.1' IDENTIFIED BY 'x'");
    world.on_target("GRANT ALL ON tidb_binlog.* TO small@'127.0.0.1'");
    world.on_target("GRANT SELECT, INSERT ON retl.* TO small@'127.0.0.1'");
    let ran = world.sync_as("small:x", &marked).expect(3);
    says(&ran, &["it lacks: UPDATE on retl._drainer_repl_mark", "GRANT SELECT, INSERT, UPDATE ON retl.*"]);
    world.on_target("GRANT UPDATE ON retl.* TO small@'127.0.0.1'");
    world.on_target("SET GLOBAL read_only = 1");
    says(&world.sync_as("small:x", &marked).expect(3), &["the target is read-only: no mark can be set"]);
    world.on_target("SET GLOBAL read_only = 0");
    assert!(untouched().is_empty(), "nothing was written before: {:?}", untouched());
    world.sync(&marked).expect(0);
    world.same("d");
}

#[test]
fn a_source_without_marks_is_told() {
    let world = World::start(7_600_000_000_000_000_111);
    world.set_up_marks(&world.b.url());
    let both_ways = [&["--loopback", "--channel-id", "1"][..], &CAUGHT_UP].concat();
    world.run(["CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)"]);
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
    let words =
        ["the source has no mark table retl._drainer_repl_mark", "tisync mark setup --to SOURCE --channel-id 1"];
    says(&world.sync(&both_ways).expect(0), &words);
    world.set_up_marks(&world.a.url());
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
    // As of where it starts: there the table is not yet.
    says(&world.sync(&both_ways).expect(0), &words);
    world.run(["INSERT INTO d.t VALUES (1)"]);
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
    let ran = world.sync(&both_ways).expect(0);
    assert!(!ran.stderr.contains("no mark table"), "{}", ran.stderr);
}

#[test]
fn tables_that_both_sides_number_earn_one_warning() {
    let world = World::start(7_600_000_000_000_000_112);
    world.set_up_marks(&world.b.url());
    let table = |n: u32| format!("CREATE TABLE d.t{n} (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)");
    world.run(["CREATE DATABASE d".to_owned(), "CREATE TABLE d.plain (id BIGINT PRIMARY KEY)".to_owned()]);
    world.run((1..=8).map(table));
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
    world.sync(&CAUGHT_UP).expect(0);
    let warns = |more: &[&str]| world.sync(&[more, &CAUGHT_UP].concat()).expect(0).stderr;
    let marked = ["--channel-id", "1", "--tables", "*.*,!d.t8"];
    let said = warns(&marked);
    assert_eq!(said.matches("AUTO_INCREMENT").count(), 1, "{said}");
    assert!(
        said.contains("7 tables on the target have AUTO_INCREMENT columns, and its auto_increment_increment is 1"),
        "{said}"
    );
    assert!(said.contains("`d`.`t1`, ") && said.contains(", …") && !said.contains("plain"), "{said}");
    assert!(!warns(&[]).contains("AUTO_INCREMENT"), "one way there is nobody else who numbers");
    let statement = said.split('`').find(|part| part.starts_with("SET GLOBAL")).expect("a statement").to_owned();
    world.on_target(&statement);
    let now = world.on_b("SELECT CONCAT(@@GLOBAL.auto_increment_increment, ' ', @@GLOBAL.auto_increment_offset)");
    assert_eq!(now, ["2 1"]);
    let said = warns(&marked);
    assert!(!said.contains("AUTO_INCREMENT"), "{said}");
}

#[test]
fn a_source_that_is_a_target_of_another_link_is_warned_of() {
    let world = World::start(7_600_000_000_000_000_117);
    world.run(["CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE DATABASE tidb_binlog"]);
    world.run(["CREATE TABLE tidb_binlog.tisync_slot (slot INT PRIMARY KEY)"]);
    world.a.wait_caught_up(crate::pair::LIMIT).unwrap();
    let words = "the source is the target of another tisync link";
    // At the start ts they were not there yet: the first run learns of them by their DDL.
    let first = world.sync(&CAUGHT_UP).expect(0);
    assert_eq!(first.stderr.matches(words).count(), 1, "{}", first.stderr);
    says(&world.sync(&CAUGHT_UP).expect(0), &[words, "--loopback and the same --channel-id"]);
}
