//! Jobs of several statements, statements that were done in part, refusals, and the operator's word.

use crate::common::server::Dialect;
use mysql::prelude::Queryable;
use tisync::model::Ddl;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::PendingDdl;
use tisync::sink::mysql::ddl::Settled;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a job of three statements goes on behind the second", three_statements),
    ("a refused statement of three keeps the intent of that one", refused_step),
    ("half of a DROP DATABASE, and a table that somebody made since", half_a_database),
    ("half of a RENAME and of a DROP", halves),
    ("a DROP that is refused after it dropped a table", refused_in_part),
    ("a definite refusal takes the intent back", refused),
    ("the operator's word wins", word),
    ("an intent of an older tisync", old_layout),
    ("a new database gets the upstream's charset", charset),
    ("a column of a foreign key is changed between drop and add", held_columns),
    ("a change around foreign keys goes on from each of its steps", held_columns_left),
];

fn tables(db: &str, names: &[&str]) -> Ddl {
    let query: Vec<String> = names.iter().map(|n| format!("CREATE TABLE `{n}` (`id` INT PRIMARY KEY)")).collect();
    let after = names.iter().map(|n| shape(db, n, &["id"])).collect();
    Ddl { after, ..ddl(db, 60, &query.join(";")) }
}

const SHOWN: &str = "SELECT GROUP_CONCAT(table_name ORDER BY table_name) FROM information_schema.tables WHERE table_schema = DATABASE()";

fn three_statements(server: &PrivateServer) {
    let mut w = World::new(server, "three");
    let job = tables(&w.db, &["a", "b", "c"]);
    let texts: Vec<&str> = job.query.split(';').collect();
    for done in [false, true] {
        w.run("DROP DATABASE three");
        w.run("CREATE DATABASE three");
        w.run("USE three");
        drop(w.start());
        w.run("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = 0 WHERE link = 'three'");
        let mut old = w.start();
        w.announce(&mut old, &job, &texts);
        old.session.run(texts[0]).unwrap();
        w.announce_step(&mut old, &job, &texts, 1);
        if done {
            old.session.run(texts[1]).unwrap();
        }
        drop(old);
        let mut new = w.start();
        assert_eq!(new.intent.as_ref().unwrap().step, 1);
        assert_eq!(w.settle(&mut new).unwrap(), Settled::Done);
        assert_eq!(w.rows(SHOWN), "a,b,c");
        assert_eq!(w.state(&mut new).position, Some(TS));
    }
    // The whole way in one go.
    w.run("DROP DATABASE three");
    w.run("CREATE DATABASE three");
    w.run("USE three");
    w.run("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = 0 WHERE link = 'three'");
    let mut run = w.start();
    assert!(w.apply(&mut run, &job).unwrap().ran());
    assert_eq!(w.rows(SHOWN), "a,b,c");
}

fn refused_step(server: &PrivateServer) {
    let mut w = World::new(server, "refused_step");
    w.run("CREATE TABLE b (x INT)");
    let job = tables(&w.db, &["a", "b", "c"]);
    let mut run = w.start();
    let text = said(&w.apply(&mut run, &job).unwrap_err());
    assert!(text.contains("refused `CREATE TABLE `b`") && text.contains("error 1050"), "{text}");
    let intent = w.state(&mut run).intent.unwrap();
    assert_eq!((intent.step, intent.job, intent.ts), (1, JOB, TS));
    drop(run);
    // It still is in the way.
    let mut run = w.start();
    assert!(said(&w.settle(&mut run).unwrap_err()).contains("error 1050"));
    w.run("DROP TABLE b");
    let mut run = w.start();
    assert_eq!(w.settle(&mut run).unwrap(), Settled::Done);
    assert_eq!(w.rows(SHOWN), "a,b,c");
}

fn half_a_database(server: &PrivateServer) {
    let mut w = World::new(server, "half_db");
    w.run("CREATE DATABASE goes");
    w.run("CREATE TABLE goes.a (x INT)");
    w.run("CREATE TABLE goes.b (x INT)");
    let drop_it = ddl("goes", 2, "DROP DATABASE `goes`");
    let mut old = w.start();
    w.announce(&mut old, &drop_it, &["DROP DATABASE `goes`"]);
    drop(old);
    w.run("DROP TABLE goes.a");
    w.run("CREATE TABLE goes.new (x INT)");
    let mut run = w.start();
    let text = said(&w.settle(&mut run).unwrap_err());
    assert!(text.contains("table `a`") && text.contains("table `new`"), "{text}");
    w.run("DROP TABLE goes.new");
    let mut run = w.start();
    assert_eq!(w.settle(&mut run).unwrap(), Settled::TakenBack);
    w.apply(&mut run, &drop_it).unwrap();
    assert_eq!(w.rows("SHOW DATABASES LIKE 'goes'"), "");
}

fn halves(server: &PrivateServer) {
    let mut w = World::new(server, "halves");
    for name in ["a", "b", "c", "d"] {
        w.run(&format!("CREATE TABLE {name} (id INT)"));
        w.run(&format!("INSERT INTO {name} VALUES (ASCII('{name}'))"));
    }
    let swap = "RENAME TABLE a TO x, b TO a, x TO b";
    let mut old = w.start();
    w.announce(&mut old, &ddl("halves", 47, swap), &[swap]);
    drop(old);
    // No server stops here by itself, except MySQL 5.7 in a crash.
    w.run("RENAME TABLE a TO x");
    let mut run = w.start();
    assert_eq!(w.settle(&mut run).unwrap(), Settled::Done);
    assert_eq!(w.rows("SELECT * FROM a UNION ALL SELECT * FROM b"), "98;97");
    assert!(w.heard("`RENAME TABLE `halves`.`b` TO `halves`.`a`, `halves`.`x` TO `halves`.`b`` is left of"));
    w.run("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = 0 WHERE link = 'halves'");
    let both = "DROP TABLE c, d";
    let mut old = w.start();
    w.announce(&mut old, &ddl("halves", 4, both), &[both]);
    drop(old);
    w.run("DROP TABLE c");
    let mut run = w.start();
    assert_eq!(w.settle(&mut run).unwrap(), Settled::Done);
    assert_eq!(w.rows(SHOWN), "a,b");
}

fn refused_in_part(server: &PrivateServer) {
    let mut w = World::new(server, "in_part");
    w.run("CREATE TABLE a (id INT)");
    let job = ddl("in_part", 4, "DROP TABLE a, nowhere");
    let mut run = w.start();
    assert!(said(&w.apply(&mut run, &job).unwrap_err()).contains("error 1051"));
    let Dialect { mysql, version } = Dialect::of(server);
    if mysql && version >= (8, 0) {
        // There it takes effect as a whole or not at all.
        assert_eq!(w.rows(SHOWN), "a");
        w.run("CREATE TABLE nowhere (id INT)");
        let mut run = w.start();
        if w.state(&mut run).intent.is_some() {
            assert_eq!(w.settle(&mut run).unwrap(), Settled::TakenBack);
        }
        assert!(w.apply(&mut run, &job).unwrap().ran());
        assert_eq!(w.rows(SHOWN), "~");
        return;
    }
    assert_eq!(w.rows(SHOWN), "~", "MariaDB and MySQL 5.7 drop what is there");
    assert!(w.state(&mut run).intent.is_some(), "so the intent has to stay");
    let mut run = w.start();
    assert_eq!(w.settle(&mut run).unwrap(), Settled::Done);
}

fn refused(server: &PrivateServer) {
    let mut w = World::new(server, "definite");
    w.run("CREATE TABLE t (id INT)");
    let mut run = w.start();
    let Dialect { mysql, version } = Dialect::of(server);
    let missing = if mysql && version < (8, 0) { "error 1017" } else { "error 1146" };
    for (query, code) in [
        ("ALTER TABLE nowhere ADD COLUMN x INT", "error 1146"),
        ("ALTER TABLE t ADD COLUMN id INT", "error 1060"),
        ("RENAME TABLE t TO u, nowhere TO v", missing),
        ("TRUNCATE nowhere", "error 1146"),
    ] {
        let text = said(&w.apply(&mut run, &ddl("definite", 5, query)).unwrap_err());
        assert!(text.contains(code) && text.contains("cannot run the DDL of commit ts 4207471"), "{text}");
        let state = w.state(&mut run);
        assert_eq!((state.intent, state.position), (None, None), "{query}");
    }
    let text = said(&w.apply(&mut run, &ddl("not there", 5, "ALTER TABLE t ADD COLUMN x INT")).unwrap_err());
    assert!(text.contains("error 1049"), "{text}");
    assert_eq!(w.state(&mut run).intent, None);
}

fn word(server: &PrivateServer) {
    let mut w = World::new(server, "word");
    w.run("CREATE TABLE t (id INT)");
    let sql = "ALTER TABLE t ADD COLUMN x INT";
    let job = ddl("word", 5, sql);
    let mut old = w.start();
    w.announce(&mut old, &job, &[sql]);
    drop(old);
    w.word = Some(PendingDdl::Done);
    let mut run = w.start();
    assert_eq!(w.settle(&mut run).unwrap(), Settled::TakenBack, "the tables tell, whatever a script says");
    assert_eq!(w.rows("SHOW COLUMNS FROM t LIKE 'x'"), "");
}

fn old_layout(server: &PrivateServer) {
    let mut w = World::new(server, "old_layout");
    drop(w.start());
    let left = format!(
        "UPDATE tidb_binlog.tisync_checkpoint SET ddl_ts = {}, ddl_job = {JOB}, ddl_schema = 'old_layout', \
         ddl_query = 'ALTER TABLE `t` ADD COLUMN `x` INT', commit_ts = 0 WHERE link = 'old_layout'",
        TS.0
    );
    for (word, settled) in [
        (None, None),
        (Some(PendingDdl::Done), Some(Settled::Done)),
        (Some(PendingDdl::Again), Some(Settled::TakenBack)),
    ] {
        w.run(&left);
        w.word = word;
        let mut run = w.start();
        match (w.settle(&mut run), settled) {
            (Ok(found), Some(settled)) => assert_eq!(found, settled),
            (Err(error), None) => {
                let text = said(&error);
                assert!(
                    text.contains("`ALTER TABLE `t` ADD COLUMN `x` INT` in database `old_layout` (job 55"),
                    "{text}"
                );
                assert!(text.contains("another version of tisync") && text.contains("--pending-ddl again"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn charset(server: &PrivateServer) {
    let mut w = World::new(server, "charset");
    let mut run = w.start();
    let job = Ddl {
        charset: Some("latin1".to_owned()),
        collation: Some("latin1_bin".to_owned()),
        ..ddl("as_upstream", 1, "CREATE DATABASE `as_upstream`")
    };
    w.apply(&mut run, &job).unwrap();
    let sql = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'as_upstream'";
    assert_eq!(w.rows(sql), "latin1_bin");
}

const HELD: [&str; 3] = [
    "CREATE TABLE p (id INT PRIMARY KEY, k VARCHAR(10), n INT, KEY (k), KEY (n, k))",
    "CREATE TABLE c (id INT PRIMARY KEY, pk VARCHAR(10), n INT, CONSTRAINT f FOREIGN KEY (pk) REFERENCES p (k) ON DELETE CASCADE, \
     CONSTRAINT `f 2` FOREIGN KEY (n, pk) REFERENCES p (n, k))",
    "INSERT INTO p VALUES (1, 'a', 1)",
];
const KEYS: &str = "SELECT constraint_name, GROUP_CONCAT(CONCAT(column_name, '>', referenced_column_name) ORDER BY ordinal_position) \
                    FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_name = 'p' GROUP BY 1 ORDER BY 1";

fn held(w: &mut World<'_>) {
    // Parents without a unique key, as TiDB lets them be; MySQL does so since 8.4 where it is told to.
    let _ = w.conn.query_drop("SET SESSION restrict_fk_on_non_standard_key = 0");
    w.run("DROP TABLE IF EXISTS c, p");
    HELD.iter().for_each(|sql| w.run(sql));
    w.run(&format!("DELETE FROM tidb_binlog.tisync_checkpoint WHERE link = '{}'", w.db));
}

/// MariaDB changes no column under a foreign key.
fn held_columns(server: &PrivateServer) {
    let mut w = World::new(server, "held");
    drop(w.start());
    let type_of = |table: &str, column: &str| {
        format!(
            "SELECT column_type FROM information_schema.columns WHERE table_schema = 'held' AND table_name = '{table}' AND column_name = '{column}'"
        )
    };
    for (sql, table, column, shown, keys) in [
        ("ALTER TABLE `c` MODIFY COLUMN `pk` VARCHAR(20)", "c", "pk", "varchar(20)", "f|pk>k;f 2|n>n,pk>k"),
        ("ALTER TABLE `p` MODIFY `k` VARCHAR(20) NOT NULL", "p", "k", "varchar(20)", "f|pk>k;f 2|n>n,pk>k"),
        ("ALTER TABLE `p` CHANGE COLUMN `k` `K2` VARCHAR(30)", "p", "K2", "varchar(30)", "f|pk>K2;f 2|n>n,pk>K2"),
        (
            "ALTER TABLE `c` CHANGE `pk` `q` VARCHAR(30), ADD COLUMN `z` INT",
            "c",
            "q",
            "varchar(30)",
            "f|q>k;f 2|n>n,q>k",
        ),
        // Other types on both sides: the key over them cannot be, the rest stays.
        ("ALTER TABLE `c` MODIFY COLUMN `n` BIGINT", "c", "n", "bigint(20)", "f|pk>k"),
    ] {
        held(&mut w);
        let mut run = w.start();
        assert!(w.apply(&mut run, &ddl(&w.db, 12, sql)).unwrap().ran(), "{sql}");
        // Later servers show no width of an integer.
        let found = w.rows(&type_of(table, column));
        assert!(found == shown || shown.strip_suffix("(20)").is_some_and(|bare| bare == found), "{sql}: {found}");
        assert_eq!(w.rows(KEYS), keys, "{sql}");
        assert_eq!(w.state(&mut run).position, Some(TS));
    }
    assert!(w.heard("ADD CONSTRAINT `f 2`") && w.heard("left out, the rest of the DDL is done"));
    assert!(w.rows("SHOW CREATE TABLE c").contains("ON DELETE CASCADE"));
}

fn held_columns_left(server: &PrivateServer) {
    let mut w = World::new(server, "heldleft");
    drop(w.start());
    let texts = [
        "ALTER TABLE `heldleft`.`c` DROP FOREIGN KEY `f`",
        "ALTER TABLE `heldleft`.`c` DROP FOREIGN KEY `f 2`",
        "ALTER TABLE `c` MODIFY COLUMN `pk` VARCHAR(20)",
        "ALTER TABLE `heldleft`.`c` ADD CONSTRAINT `f` FOREIGN KEY (`pk`) REFERENCES `heldleft`.`p` (`k`) ON DELETE CASCADE ON UPDATE RESTRICT",
        "ALTER TABLE `heldleft`.`c` ADD CONSTRAINT `f 2` FOREIGN KEY (`n`, `pk`) REFERENCES `heldleft`.`p` (`n`, `k`) ON DELETE RESTRICT ON UPDATE RESTRICT",
    ];
    let job = ddl(&w.db, 12, texts[2]);
    for left in [0, 1, 3, 4, 7, 8] {
        held(&mut w);
        let (step, done) = (left / 2, left % 2 == 1);
        let mut old = w.start();
        w.announce(&mut old, &job, &texts);
        for at in 0..=step {
            if at > 0 {
                w.announce_step(&mut old, &job, &texts, at);
            }
            if at < step || done {
                old.session.run("USE heldleft").unwrap();
                old.session.run(texts[at]).unwrap();
            }
        }
        drop(old);
        let mut new = w.start();
        let nothing = left == 0;
        let settled = if nothing { Settled::TakenBack } else { Settled::Done };
        assert_eq!(w.settle(&mut new).unwrap(), settled, "{step} {done}");
        if nothing {
            w.apply(&mut new, &job).unwrap();
        }
        assert_eq!(w.rows(KEYS), "f|pk>k;f 2|n>n,pk>k", "{step} {done}");
        assert!(w.rows("SHOW CREATE TABLE c").contains("varchar(20)"));
    }
}
