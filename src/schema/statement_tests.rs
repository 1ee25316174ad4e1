//! Tests of the catalog's spelling of names in statements.

use super::*;

fn name(text: &str) -> Name {
    let (schema, name) = text.split_once('.').unwrap();
    (schema.to_owned(), name.to_owned())
}

/// `sql` in database `Shop`, where the catalog knows these tables and views.
fn spelled(sql: &str, moves: &[(&str, &str)]) -> String {
    let known = ["Shop.Worker", "Shop.Team", "Other.Team", "Shop.v1", "Shop.ÄRZTE", "Shop.odd`one", "Shop."];
    let moves: Vec<Move> = moves.iter().map(|(from, to)| Move { from: name(from), to: name(to) }).collect();
    let exchanged = vec![Partition { name: "p_East".to_owned(), hashed: None }];
    Speller { known: known.map(name).to_vec(), home: "Shop", moves: &moves, exchanged }.respell(sql)
}

#[test]
fn names_in_another_letter_case() {
    for (sql, expected) in [
        (
            "ALTER TABLE `worker` ADD COLUMN `worker` INT COMMENT 'worker'",
            "ALTER TABLE `Worker` ADD COLUMN `worker` INT COMMENT 'worker'",
        ),
        ("ALTER TABLE SHOP.WORKER DROP COLUMN a", "ALTER TABLE `Shop`.`Worker` DROP COLUMN a"),
        ("ALTER TABLE `Shop`.worker DROP COLUMN a", "ALTER TABLE `Shop`.`Worker` DROP COLUMN a"),
        ("TRUNCATE TABLE `WORKER`;", "TRUNCATE TABLE `Worker`;"),
        ("DROP TABLE IF EXISTS other.TEAM", "DROP TABLE IF EXISTS `Other`.`Team`"),
        ("DROP VIEW `V1`", "DROP VIEW `v1`"),
        ("ALTER TABLE `ärzte` COMMENT = 'x'", "ALTER TABLE `ÄRZTE` COMMENT = 'x'"),
        ("TRUNCATE TABLE `ODD``one`", "TRUNCATE TABLE `odd``one`"),
        ("CREATE UNIQUE INDEX `worker` ON `worker` (`a`)", "CREATE UNIQUE INDEX `worker` ON `Worker` (`a`)"),
        ("DROP INDEX `I` ON `worker`", "DROP INDEX `I` ON `Worker`"),
        ("ALTER DATABASE shop CHARACTER SET utf8", "ALTER DATABASE `Shop` CHARACTER SET utf8"),
        ("DROP DATABASE IF EXISTS `SHOP`", "DROP DATABASE IF EXISTS `Shop`"),
        ("CREATE TABLE shop.`new` (a INT)", "CREATE TABLE `Shop`.`new` (a INT)"),
        ("CREATE TABLE `new` LIKE OTHER.team", "CREATE TABLE `new` LIKE `Other`.`Team`"),
        (
            "CREATE TABLE `new` (a INT REFERENCES worker(worker), FOREIGN KEY (a) REFERENCES `other`.`TEAM`(`id`))",
            "CREATE TABLE `new` (a INT REFERENCES `Worker`(worker), FOREIGN KEY (a) REFERENCES `Other`.`Team`(`id`))",
        ),
        (
            "ALTER TABLE `team` EXCHANGE PARTITION `P_EAST` WITH TABLE `worker` WITHOUT VALIDATION",
            "ALTER TABLE `Team` EXCHANGE PARTITION `p_East` WITH TABLE `Worker` WITHOUT VALIDATION",
        ),
        (
            "ALTER TABLE `worker` ADD COLUMN `c` INT AS (`worker`.`a` + `shop`.`worker`.`b`) STORED",
            "ALTER TABLE `Worker` ADD COLUMN `c` INT AS (`Worker`.`a` + `Shop`.`Worker`.`b`) STORED",
        ),
        ("CREATE TABLE n (a INT DEFAULT NEXTVAL(`V1`))", "CREATE TABLE n (a INT DEFAULT NEXTVAL(`v1`))"),
        ("ALTER SEQUENCE shop.V1 RESTART", "ALTER SEQUENCE `Shop`.`v1` RESTART"),
    ] {
        assert_eq!(spelled(sql, &[]), expected);
        assert_eq!(spelled(expected, &[]), expected, "what is right stays");
    }
}

#[test]
fn the_tables_of_a_view() {
    for (query, expected) in [
        ("SELECT `worker`.`a` FROM `worker`", "SELECT `Worker`.`a` FROM `Worker`"),
        (
            "SELECT `w`.*, X.b FROM (shop.worker AS W JOIN team AS x)",
            "SELECT `W`.*, `x`.b FROM (`Shop`.`Worker` AS W JOIN `Team` AS x)",
        ),
        (
            "SELECT a FROM `worker`, `other`.`team` WHERE `TEAM`.`id` IN (SELECT `Other`.`TEAM`.`id` FROM unknown)",
            "SELECT a FROM `Worker`, `Other`.`Team` WHERE `Team`.`id` IN (SELECT `Other`.`Team`.`id` FROM unknown)",
        ),
        (
            "WITH Team AS (SELECT 1 AS `worker`) SELECT `TEAM`.`worker`, 1.5 FROM `tEAM`",
            "WITH Team AS (SELECT 1 AS `worker`) SELECT `Team`.`worker`, 1.5 FROM `Team`",
        ),
        // Two queries, each with its own alias: nothing is guessed.
        (
            "SELECT x.a FROM worker AS X UNION SELECT x.a FROM team AS x",
            "SELECT x.a FROM `Worker` AS X UNION SELECT x.a FROM `Team` AS x",
        ),
    ] {
        let view =
            |query: &str| format!("CREATE ALGORITHM = UNDEFINED SQL SECURITY DEFINER VIEW `New` (`c`) AS {query}");
        assert_eq!(spelled(&view(query), &[]), view(expected));
        assert_eq!(spelled(&view(expected), &[]), view(expected));
    }
}

#[test]
fn each_move_has_its_own_names() {
    let moves = [("Shop.Worker", "Shop.Tmp"), ("Other.Team", "Shop.WORKER"), ("Shop.Tmp", "Other.team")];
    assert_eq!(
        spelled("RENAME TABLE worker TO tmp, other.team TO worker, `TMP` TO other.TEAM;", &moves),
        "RENAME TABLE `Worker` TO `Tmp`, `Other`.`Team` TO `WORKER`, `Tmp` TO `Other`.`team`;"
    );
    // Moves that are not those of the statement.
    let last = [("Shop.Worker", "Shop.Spare"), ("Shop.Spare", "Shop.Spare")];
    assert_eq!(
        spelled("RENAME TABLE worker TO tmp, tmp TO spare", &last),
        "RENAME TABLE `Worker` TO tmp, tmp TO `Spare`"
    );
    assert_eq!(
        spelled("ALTER TABLE worker RENAME AS `Boss`", &[("Shop.Worker", "Shop.Boss")]),
        "ALTER TABLE `Worker` RENAME AS `Boss`"
    );
}

proptest::proptest! {
    /// Names change their letter case and get quotes; nothing else does.
    #[test]
    fn nothing_else_changes(sql in "((CREATE|DROP|ALTER) (TABLE|VIEW) )?(`?(worker|SHOP|team|V1|a)`?( |\\.|, | FROM | JOIN | AS \\(| AS |'|;)){0,8}.{0,6}") {
        // The blanks around the point in a name go.
        let bare = |text: &str| text.to_lowercase().replace(|c: char| c == '`' || c.is_whitespace(), "");
        proptest::prop_assert_eq!(bare(&spelled(&sql, &[])), bare(&sql));
    }
}
