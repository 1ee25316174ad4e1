//! `tisync schema diff`: what differs is named, and the statements that it gives make both sides alike, on a real server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::sync::Arc;

use common::binary::{Ran, tisync};
use common::server;
use libtest_mimic::Arguments;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value as Json;
use tempfile::TempDir;
use tisync::playground::mariadb::PrivateServer;

const PARENT: &str = "CREATE TABLE `parent` (
  `id` int(11) NOT NULL,
  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;";

const CHILD: &str = "CREATE TABLE `child` (
  `id` bigint(20) NOT NULL /*T![auto_rand] AUTO_RANDOM(5) */,
  `a` varchar(20) DEFAULT 'it''s, a \\\\ (b' COMMENT 'one, two',
  `b` enum('x','y)','z,') COLLATE utf8mb4_general_ci NOT NULL,
  `c` timestamp NULL DEFAULT '2024-01-01 00:00:00',
  `d` int(11) GENERATED ALWAYS AS (`p` + 1) VIRTUAL,
  `p` int(11) DEFAULT NULL,
  `at` datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */,
  UNIQUE KEY `u` (`a`(10),`b`),
  KEY `k` (`p`) COMMENT 'for fk' /*!80000 INVISIBLE */,
  CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `parent` (`id`) ON DELETE CASCADE,
  CONSTRAINT `ch` CHECK (`p` > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin /*T! SHARD_ROW_ID_BITS=4 */ COMMENT='child, of parent';";

const RANGES: &str = "CREATE TABLE `ranges` (
  `id` int(11) NOT NULL,
  `name` text DEFAULT NULL,
  PRIMARY KEY (`id`) /*T![clustered_index] NONCLUSTERED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
PARTITION BY RANGE (`id`)
(PARTITION `p0` VALUES LESS THAN (10),
 PARTITION `p1` VALUES LESS THAN (20),
 PARTITION `p2` VALUES LESS THAN (MAXVALUE));";

/// What a hand may do to the target, and what of it has to be named.
const CHANGES: [(&str, &str); 22] = [
    ("ALTER TABLE child MODIFY a VARCHAR(30) DEFAULT 'it''s, a \\\\ (b' COMMENT 'one, two'", "type of column `a`"),
    ("ALTER TABLE child ALTER a SET DEFAULT 'other'", "default of column `a`"),
    (
        "ALTER TABLE child MODIFY a VARCHAR(20) NOT NULL DEFAULT 'it''s, a \\\\ (b' COMMENT 'one, two'",
        "NOT NULL of column `a`",
    ),
    ("ALTER TABLE child MODIFY a VARCHAR(20) DEFAULT 'it''s, a \\\\ (b' COMMENT 'one'", "comment of column `a`"),
    (
        "ALTER TABLE child MODIFY a VARCHAR(20) COLLATE utf8mb4_general_ci DEFAULT 'it''s, a \\\\ (b' COMMENT 'one, two'",
        "collation of column `a`",
    ),
    ("ALTER TABLE child MODIFY b ENUM('x','y)') COLLATE utf8mb4_general_ci NOT NULL", "type of column `b`"),
    ("ALTER TABLE child MODIFY c TIMESTAMP NULL DEFAULT '2024-01-01 08:00:00'", "default of column `c`"),
    ("ALTER TABLE child DROP COLUMN c", "column `c` is missing on the target"),
    ("ALTER TABLE child ADD COLUMN more INT, ADD KEY (more)", "column `more` exists only on the target"),
    ("ALTER TABLE child MODIFY c TIMESTAMP NULL DEFAULT '2024-01-01 00:00:00' FIRST", "order of the columns"),
    (
        "ALTER TABLE child DROP COLUMN d, ADD COLUMN d INT AS (p + 2) VIRTUAL AFTER c",
        "generated expression of column `d`",
    ),
    ("ALTER TABLE child MODIFY at DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3)", "ON UPDATE of column `at`"),
    ("ALTER TABLE child DROP KEY u", "index `u` is missing on the target"),
    ("ALTER TABLE child DROP KEY u, ADD UNIQUE KEY u (a(5), b)", "index `u`"),
    ("ALTER TABLE child ADD KEY more (c)", "index `more` exists only on the target"),
    ("ALTER TABLE child DROP FOREIGN KEY fk", "foreign key `fk` is missing on the target"),
    ("ALTER TABLE child DROP CONSTRAINT ch", "is missing on the target: `CHECK"),
    ("ALTER TABLE child COMMENT 'other'", "comment of the table"),
    ("ALTER TABLE child DEFAULT CHARSET latin1 COLLATE latin1_bin", "default collation of the table"),
    ("ALTER TABLE ranges DROP PARTITION p2", "partition `p2` is missing on the target"),
    (
        "ALTER TABLE ranges REORGANIZE PARTITION p0, p1 INTO (PARTITION p0 VALUES LESS THAN (15), PARTITION p1 VALUES LESS THAN (20))",
        "partition `p0`: upstream `VALUES LESS THAN (10)`",
    ),
    ("ALTER TABLE ranges REMOVE PARTITIONING", "partitioning is missing on the target"),
];

/// A case's name and what it does.
type Case = (&'static str, fn(&PrivateServer));

struct World<'a> {
    server: &'a PrivateServer,
    dump: TempDir,
    conn: Conn,
    db: String,
}

impl<'a> World<'a> {
    /// A target that is what the dump says.
    fn new(server: &'a PrivateServer, db: &str) -> Self {
        let dump = TempDir::new().unwrap();
        for (name, sql) in [("parent", PARENT), ("child", CHILD), ("ranges", RANGES)] {
            let text = format!("/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;\n{sql}\n");
            fs::write(dump.path().join(format!("{db}.{name}-schema.sql")), text).unwrap();
        }
        let mut conn = server.connect().unwrap();
        conn.query_drop("SET SESSION time_zone = '+00:00', foreign_key_checks = 0").unwrap();
        conn.query_drop(format!("CREATE DATABASE {db}")).unwrap();
        conn.query_drop(format!("USE {db}")).unwrap();
        let mut world = Self { server, dump, conn, db: db.to_owned() };
        world.apply();
        world
    }

    fn diff(&self, more: &[&str]) -> Ran {
        let (dump, url) = (self.dump.path().display().to_string(), self.server.url());
        tisync(&[&["schema", "diff", "--from", &dump, "--to", &url], more].concat())
    }

    /// Runs the statements that it gives.
    fn apply(&mut self) {
        let sql = self.diff(&["--sql"]).stdout;
        for statement in tisync::sql::statements(&sql) {
            self.conn.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let server = Arc::new(server::start(&[]).unwrap_or_else(|error| panic!("these tests need a server: {error:#}")));
    let cases: [Case; 5] = [
        ("each change is named, and taken back by the statements", each_change),
        ("a target that has what the dump says is equal, and is left as it was", equal),
        ("a table that is missing, one too many, one that cannot be compared", whole_tables),
        ("the answer for programs", for_programs),
        ("from a server, under other names", from_a_server),
    ];
    let trial = |(name, case): Case| {
        let server = server.clone();
        server::trial(name.to_owned(), move || {
            case(&server);
            Ok(())
        })
    };
    let conclusion = libtest_mimic::run(&arguments, cases.into_iter().map(trial).collect());
    drop(server);
    conclusion.exit();
}

fn each_change(server: &PrivateServer) {
    let mut world = World::new(server, "each_change");
    // MySQL 5.7 reads CHECKs and keeps none.
    let keeps = |change: &str| !(server::has_no_atomic_ddl() && change.contains("CONSTRAINT ch"));
    for (change, named) in CHANGES.into_iter().filter(|(change, _)| keeps(change)) {
        world.conn.query_drop(change).unwrap_or_else(|error| panic!("{error}: {change}"));
        let ran = world.diff(&[]).expect(1);
        assert!(ran.stdout.contains(named), "{change}: {named} is not in\n{}", ran.stdout);
        assert!(ran.stdout.contains("3 tables: 2 equal, 1 different"), "{change}: {}", ran.stdout);
        world.apply();
        let ran = world.diff(&[]);
        assert_eq!(ran.code, 0, "{change} was not taken back: {}", ran.stdout);
    }
}

fn equal(server: &PrivateServer) {
    let mut world = World::new(server, "is_equal");
    let ran = world.diff(&[]).expect(0);
    assert!(ran.stdout.ends_with("3 tables: 3 equal\n"), "{}", ran.stdout);
    let left: Vec<String> =
        world.conn.query("SHOW TABLES IN tidb_binlog LIKE 'tisync\\_reference%'").unwrap_or_default();
    assert_eq!(left, [] as [String; 0]);
}

fn whole_tables(server: &PrivateServer) {
    let mut world = World::new(server, "whole_tables");
    world.conn.query_drop("DROP TABLE child").unwrap();
    world.conn.query_drop("CREATE TABLE own (id INT PRIMARY KEY)").unwrap();
    let odd = "CREATE TABLE `odd` (\n  `id` int(11) NOT NULL,\n  UNIQUE KEY `u` (`id`) /*T![global_index] GLOBAL */\n) COLLATE=utf8mb4_bin";
    fs::write(world.dump.path().join(format!("{}.odd-schema.sql", world.db)), odd).unwrap();
    let ran = world.diff(&[]).expect(1);
    for part in [".`child` is missing on the target", ".`own` exists only on the target", "exists only in TiDB"] {
        assert!(ran.stdout.contains(part), "{part} is not in\n{}", ran.stdout);
    }
    // What cannot be compared is no difference, and no equality.
    let ran = world.diff(&["--tables", &format!("{}.odd", world.db)]);
    world.conn.query_drop("CREATE TABLE odd (id INT NOT NULL)").unwrap();
    let again = world.diff(&["--tables", &format!("{}.odd", world.db)]);
    assert_eq!((ran.code, again.code), (4, 4), "{}{}", ran.stdout, again.stdout);
    let empty = TempDir::new().unwrap();
    let (folder, url) = (empty.path().display().to_string(), server.url());
    let ran = tisync(&["schema", "diff", "--from", &folder, "--to", &url]).expect(2);
    assert!(ran.stderr.contains("-schema.sql"), "{}", ran.stderr);
}

fn for_programs(server: &PrivateServer) {
    let mut world = World::new(server, "for_programs");
    world.conn.query_drop("ALTER TABLE child DROP KEY u").unwrap();
    let json: Json = serde_json::from_str(&world.diff(&["--output", "json"]).expect(1).stdout).unwrap();
    assert_eq!((&json["version"], &json["equal"]), (&1.into(), &false.into()));
    let child = json["tables"].as_array().unwrap().iter().find(|t| t["table"] == "child").unwrap();
    assert_eq!((&child["status"], &child["differences"][0]["part"]), (&"differs".into(), &"index `u`".into()));
    assert_eq!(child["differences"][0]["target"], Json::Null);
    let csv = world.diff(&["--output", "csv"]).expect(1).stdout;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let sql = world.diff(&["--sql"]).expect(1).stdout;
    assert!(sql.starts_with("ALTER TABLE `for_programs`.`child` ADD UNIQUE KEY `u`"), "{sql}");
    world.apply();
    assert_eq!(world.diff(&["--sql"]).expect(0).stdout, "");
}

/// Both sides are on one server here: what one database has, the other has to have too.
fn from_a_server(server: &PrivateServer) {
    let mut world = World::new(server, "from_one");
    world.conn.query_drop("CREATE DATABASE to_another").unwrap();
    let url = server.url();
    let diff = |more: &[&str]| {
        let args = [
            "schema",
            "diff",
            "--from",
            &url,
            "--to",
            &url,
            "--tables",
            "from_one.*",
            "--route",
            "from_one.*=to_another.*",
        ];
        tisync(&[&args, more].concat())
    };
    let ran = diff(&[]).expect(1);
    assert!(ran.stdout.contains("`to_another`.`child` is missing"), "{}", ran.stdout);
    for statement in tisync::sql::statements(&diff(&["--sql"]).stdout) {
        world.conn.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    let ran = diff(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}
