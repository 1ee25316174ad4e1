//! What a user of the upstream, or whoever can write a row of bookkeeping, would like to run with tisync's rights.

use mysql::prelude::Queryable;

use crate::Case;
use crate::story::{self, ALTER, BAD, COMMENT, MESSAGES, VIEW, ddl};
use crate::world::{World, proper, run};

pub const CASES: &[Case] = &[
    ("a DDL text that hides a second statement", second_statement),
    ("a DDL text that hides a second statement is left out by its ts", skipped),
    ("a DDL text of more than one statement", more_than_one),
    ("a DDL text that hides a query", hidden_query),
    ("a backslash that TiDB leaves as it is", backslash),
    ("a value of a session variable is one value", variables),
];

/// A database that no DDL of the link is about, with a table in it.
fn victim(world: &mut World) -> String {
    let victim = format!("victim_{}", world.db);
    world.sql(&format!("CREATE DATABASE IF NOT EXISTS `{victim}`"));
    world.sql(&format!("CREATE TABLE IF NOT EXISTS `{victim}`.`secret` (word VARCHAR(20))"));
    world.sql(&format!("INSERT INTO `{victim}`.`secret` VALUES ('swordfish')"));
    victim
}

#[track_caller]
fn untouched(world: &mut World, victim: &str, text: &str, said: &str) {
    let sql = format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{victim}'");
    let tables: Option<u64> = world.conn.query_first(sql).unwrap();
    assert_eq!(tables, Some(1), "{text:?} dropped it; it said:\n{said}");
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'copy' AND table_schema = '{}'",
        world.db
    );
    let copies: Option<u64> = world.conn.query_first(sql).unwrap();
    assert_eq!(copies, Some(0), "{text:?} copied it; it said:\n{said}");
}

fn second_statement(world: &mut World) {
    let victim = victim(world);
    let drop = format!("DROP DATABASE `{victim}`");
    for text in [
        format!("ALTER TABLE `t` COMMENT 'x' /*/ ' */ ; {drop}; -- '"),
        format!("ALTER TABLE `t` COMMENT 'x' --\t'\n; {drop}; -- '"),
        format!("ALTER TABLE `t` COMMENT 'x' --\u{1}'\n; {drop}; -- '"),
        format!("ALTER TABLE `t` COMMENT 'x' /*!; {drop}*/"),
        format!("ALTER TABLE `t` COMMENT 'x' /*!50000 ; {drop} */"),
        format!("ALTER TABLE `t` COMMENT 'x' /*M!100100 ; {drop} */"),
        format!("alter table t comment \"x\" /*/ \" */ ; {drop}; -- \""),
        format!("ALTER TABLE `t` COMMENT 'x' /*/ ` */ ; {drop}; -- `"),
        format!("/*/ ' */ {drop}; -- '\nALTER TABLE `t` COMMENT 'x'"),
    ] {
        world.record_with(&ddl(BAD, ALTER, text.as_bytes()));
        let ran = world.sync();
        untouched(world, &victim, &text, &ran.stderr);
        // The definition says what the job did, whatever the text hides.
        assert_eq!(ran.code, 0, "{text:?}: {}", ran.stderr);
        assert_eq!(comment(world).as_deref(), Some(COMMENT));
        anew(world);
        // Nothing but the text says what a view is.
        let view = text.replace("ALTER TABLE `t` COMMENT 'x'", "CREATE VIEW `v` AS SELECT 'x'");
        world.record_with(&ddl(BAD, VIEW, view.as_bytes()));
        let ran = world.sync();
        untouched(world, &victim, &view, &ran.stderr);
        proper(&ran, 4, &[&story::ts(BAD).0.to_string(), "--skip-ddl"]);
        world.expect_applied(BAD, &ran.stderr);
        anew(world);
    }
}

/// The way on that the error names.
fn skipped(world: &mut World) {
    let victim = victim(world);
    let text = format!("CREATE VIEW `v` AS SELECT 'x' /*!; DROP DATABASE `{victim}`*/");
    world.record_with(&ddl(BAD, VIEW, text.as_bytes()));
    world.sync().expect(4);
    let (folder, skip) = (world.dir.path().display().to_string(), story::ts(BAD).0.to_string());
    run(&["sync", "--quiet", "--from", &folder, "--to", &world.server.url(), "--link", &world.db, "--skip-ddl", &skip])
        .expect(0);
    untouched(world, &victim, "skipped", "");
}

/// As if nothing had been brought yet.
fn anew(world: &mut World) {
    let db = world.db.clone();
    world.sql(&format!("DROP DATABASE IF EXISTS `{db}`"));
    world.sql(&format!("DELETE FROM tidb_binlog.tisync_checkpoint WHERE link = '{db}'"));
    world.sql(&format!("DELETE FROM tidb_binlog.tisync_slot WHERE link = '{db}'"));
    world.sql("DELETE FROM tidb_binlog.checkpoint");
}

/// What is read without any doubt, and is more than one statement: what the definition says is done, and nothing else.
fn more_than_one(world: &mut World) {
    let victim = victim(world);
    let text = format!("ALTER TABLE `t` COMMENT 'x'; DROP DATABASE `{victim}`");
    world.record_with(&ddl(BAD, ALTER, text.as_bytes()));
    let ran = world.sync().expect(0);
    untouched(world, &victim, &text, &ran.stderr);
    assert_eq!(comment(world).as_deref(), Some(COMMENT));
}

fn comment(world: &mut World) -> Option<String> {
    let sql = "SELECT table_comment FROM information_schema.tables WHERE table_name = 't' AND table_schema = ";
    world.conn.query_first(format!("{sql}'{}'", world.db)).unwrap()
}

fn hidden_query(world: &mut World) {
    let victim = victim(world);
    let (query, db) = (format!("AS SELECT * FROM `{victim}`.`secret`"), world.db.clone());
    for text in [
        format!("CREATE TABLE `{db}`.`copy` (`a` ENUM('\\\\\\',') ) {query} -- ')"),
        format!("CREATE TABLE `{db}`.`copy` (`a` INT COMMENT '\\\\\\', `b` INT COMMENT ') {query} -- ')"),
        format!("CREATE TABLE `{db}`.`copy` (`a` INT) /*! {query} */"),
        format!("CREATE TABLE `{db}`.`copy` (`a` INT) /*M! {query} */"),
        format!("CREATE TABLE `{db}`.`copy` (`a` INT) /*/ ' */ {query} -- '"),
        format!("CREATE TABLE `{db}`.`copy` (`a` INT) --\t'\n {query} -- '"),
    ] {
        // As TiDB restores it, where it has a backslash: there is one, not two.
        let text = text.replace("\\\\\\", "\\");
        world.record_with(&ddl(BAD, ALTER, text.as_bytes()));
        let ran = world.sync();
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '{db}' AND column_name = 'word'"
        );
        let copied: Option<u64> = world.conn.query_first(sql).unwrap();
        assert_eq!(copied, Some(0), "{text:?} copied it; it said:\n{}", ran.stderr);
        assert!([0, 4].contains(&ran.code), "{text:?}: {}", ran.stderr);
        // What it says to TiDB may well run; then it is there as TiDB has it, and the next one begins from anew.
        world.sql(&format!("DROP TABLE IF EXISTS `{db}`.`copy`"));
        anew(world);
    }
}

/// What TiDB's definition says arrives, and nothing that a server would make of it.
fn backslash(world: &mut World) {
    let victim = victim(world);
    let text = format!("ALTER TABLE `t` COMMENT = '{}';", COMMENT.replace('\'', "''"));
    assert!(text.contains("'\\''"), "{text}");
    world.record_with(&ddl(BAD, ALTER, text.as_bytes()));
    let ran = world.sync().expect(0);
    untouched(world, &victim, &text, &ran.stderr);
    assert_eq!(comment(world).as_deref(), Some(COMMENT));
    let without = MESSAGES;
    assert_eq!(world.checkpoint(), story::end().0, "all {without} messages are behind it");
}

fn variables(world: &mut World) {
    let victim = victim(world);
    world.record(&world.payloads());
    let (folder, port, db) = (world.dir.path().display().to_string(), world.server.port(), world.db.clone());
    let file = world.path("drainer.toml");
    let attack = format!("20; DROP DATABASE `{victim}`");
    for (variables, code) in [
        (format!("lock_wait_timeout = \"{attack}\""), 4),
        (format!("\"lock_wait_timeout = 5; DROP DATABASE `{victim}`; SET @a\" = \"1\""), 2),
        ("lock_wait_timeout = \"20\"".to_owned(), 0),
    ] {
        let text = format!(
            "[syncer]\n[syncer.to]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"root\"\n[syncer.to.params]\n{variables}\n"
        );
        std::fs::write(&file, text).unwrap();
        let ran = run(&["sync", "--quiet", "--config", file.to_str().unwrap(), "--from", &folder, "--link", &db]);
        untouched(world, &victim, &variables, &ran.stderr);
        assert_eq!(ran.code, code, "{variables}: {}", ran.stderr);
    }
}
