//! Tests of differences between definitions as each kind of server shows them.

use super::*;

const MARIADB: &str = "CREATE TABLE `t` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `a``b` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT 'x, (' COMMENT 'y) z''',
  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),
  `g` int(11) GENERATED ALWAYS AS (`id` + 1) STORED,
  `e` set('a','b''c') DEFAULT NULL,
  `at` timestamp(3) NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
  PRIMARY KEY (`id`),
  UNIQUE KEY `u` (`a``b`(10),`e`) USING BTREE COMMENT 'uu',
  KEY `k` (`e`) IGNORED,
  CONSTRAINT `fk` FOREIGN KEY (`g`) REFERENCES `other`.`p` (`id`) ON DELETE SET NULL ON UPDATE NO ACTION,
  CONSTRAINT `c` CHECK (`g` > 0)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='tt'
 PARTITION BY RANGE (`id`)
(PARTITION `p0` VALUES LESS THAN (10) COMMENT = 'first' ENGINE = InnoDB,
 PARTITION `p1` VALUES LESS THAN MAXVALUE ENGINE = InnoDB)";

const MYSQL: &str = "CREATE TABLE `t` (
  `id` int NOT NULL,
  `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT (uuid()),
  `h` int DEFAULT NULL /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`),
  KEY `x` ((lower(`b`))) /*!80000 INVISIBLE */,
  CONSTRAINT `c` CHECK ((`id` > 0)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
/*!50100 PARTITION BY LIST (`id`)
(PARTITION p0 VALUES IN (1,2) ENGINE = InnoDB,
 PARTITION p1 VALUES IN (3) ENGINE = InnoDB) */";

const TIDB: &str = "CREATE TABLE `t` (
  `id` bigint(20) NOT NULL /*T![auto_rand] AUTO_RANDOM(5) */,
  `n` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin /*T![auto_rand_base] AUTO_RANDOM_BASE=30001 */ /*T![auto_id_cache] AUTO_ID_CACHE=1 */ /*T![ttl] TTL=`n` + INTERVAL 1 DAY */
PARTITION BY HASH (`id`) PARTITIONS 4";

fn read(text: &str) -> Shown {
    Shown::read(text).unwrap()
}

fn found(upstream: &str, target: &str) -> Vec<String> {
    let all = differences(&read(upstream), &read(target), "d", &Collations::default());
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn each_server_is_read_whole() {
    for text in [MARIADB, MYSQL, TIDB] {
        assert_eq!(found(text, text), [] as [String; 0]);
    }
    let shown = read(MARIADB);
    let names = |all: &[shown::Named]| all.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
    assert_eq!(shown.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["id", "a`b", "j", "g", "e", "at"]);
    assert_eq!(names(&shown.keys), ["PRIMARY", "u", "k"]);
    assert_eq!((names(&shown.checks), shown.foreign_keys.len()), (vec!["c".to_owned()], 1));
    let by = shown.partitioning.unwrap();
    assert_eq!((by.by.as_str(), names(&by.partitions)), ("PARTITION BY RANGE (`id`)", vec!["p0".into(), "p1".into()]));
    assert_eq!(by.partitions[0].text, "VALUES LESS THAN (10) COMMENT = 'first'");
    let by = read(MYSQL).partitioning.unwrap();
    assert_eq!((by.by.as_str(), names(&by.partitions)), ("PARTITION BY LIST (`id`)", vec!["p0".into(), "p1".into()]));
    let by = read(TIDB).partitioning.unwrap();
    assert_eq!((by.by.as_str(), by.count.as_deref()), ("PARTITION BY HASH (`id`)", Some("4")));
}

#[test]
fn counters_engines_and_names_of_constraints_are_no_difference() {
    let other = MARIADB.replace("AUTO_INCREMENT=7", "AUTO_INCREMENT=8").replace("ENGINE=InnoDB", "ENGINE=Aria");
    let other =
        other.replace("`fk`", "`t_fk`").replace("CONSTRAINT `c`", "CONSTRAINT `t_c`").replace(" USING BTREE", "");
    assert_eq!(found(MARIADB, &other.replace("ON UPDATE NO ACTION", "ON UPDATE RESTRICT")), [] as [String; 0]);
    let base = TIDB.replace("AUTO_RANDOM_BASE=30001", "AUTO_RANDOM_BASE=60001");
    assert_eq!(found(TIDB, &base), [] as [String; 0]);
}

#[test]
fn the_letter_case_of_names_is_no_difference_and_that_of_texts_is_one() {
    let other = MARIADB.replace("(`e`) IGNORED", "(`E`) IGNORED").replace("`g` > 0", "`G` > 0");
    assert_eq!(found(MARIADB, &other), [] as [String; 0]);
    assert_eq!(found(MARIADB, &MARIADB.replace("COMMENT 'uu'", "COMMENT 'UU'")).len(), 1);
}

#[test]
fn a_collation_is_compared_wherever_it_is_said() {
    let of =
        |column: &str, table: &str| format!("CREATE TABLE `t` (\n  `a` text{column}\n) DEFAULT CHARSET=utf8mb4{table}");
    let said = of(" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", " COLLATE=utf8mb4_bin");
    assert_eq!(found(&said, &of("", " COLLATE=utf8mb4_bin")), [] as [String; 0]);
    assert_eq!(
        found(&of("", " COLLATE=utf8mb4_bin"), &of("", "")),
        [
            "collation of column `a`: upstream `utf8mb4_bin`, target `default of utf8mb4`",
            "default collation of the table: upstream `utf8mb4_bin`, target `default of utf8mb4`"
        ]
    );
}

#[test]
fn the_index_that_a_foreign_key_needs_is_no_difference() {
    let with = MYSQL.replace(
        "  CONSTRAINT `c`",
        "  KEY `own` (`h`),\n  CONSTRAINT `f` FOREIGN KEY (`h`) REFERENCES `p` (`id`),\n  CONSTRAINT `c`",
    );
    let names = found(MYSQL, &with);
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("foreign key `f` exists only on the target"), "{names:?}");
}

#[test]
fn foreign_keys_are_taken_out_with_their_parents_names() {
    let parent = |schema: &str, table: &str| {
        (if schema.is_empty() { "d".to_owned() } else { schema.to_owned() }, format!("{table}2"))
    };
    let (sql, keys) = without_foreign_keys(MARIADB, &parent);
    assert_eq!(keys, ["CONSTRAINT `fk` FOREIGN KEY (`g`) REFERENCES `other`.`p2` (`id`) ON DELETE SET NULL"]);
    assert_eq!(found(&sql, MARIADB).len(), 1, "{sql}");
}

proptest::proptest! {
    /// A server may show anything.
    #[test]
    fn any_text_is_survived(inner in "([`'\"(),=/*!T A-Z0-9\n]|KEY|CHECK|PARTITION BY|COLLATE|DEFAULT|NOT){0,40}") {
        let text = format!("CREATE TABLE `t` ({inner}");
        if let Some(shown) = Shown::read(&text) {
            let _ = differences(&shown, &read(MARIADB), "d", &Collations::default());
        }
        let _ = without_foreign_keys(&text, &|a, b| (a.to_owned(), b.to_owned()));
    }
}
