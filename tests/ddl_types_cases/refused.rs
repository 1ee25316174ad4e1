//! Definitions that TiDB takes and the server does not: the run ends before them, and says how it can go on.

use tisync::error::{exit_code, fault};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;

use crate::world::*;

type Plain = fn(&PrivateServer);

pub const CASES: &[(&str, Plain)] =
    &[("a_definition_that_the_target_does_not_take", definitions), ("a_second_statement_that_is_refused", second)];

const WIDE: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

fn definitions(server: &PrivateServer) {
    let mut w = World::new(server, "refused_definitions");
    let parent = w.table("p", "id BIGINT PRIMARY KEY, a INT", &[("id", INT), ("a?", INT)], &[&[0]], true);
    let table = define("refused_definitions", "t", &[("id", INT)], &[&[0]], true);
    let statements = [
        format!("CREATE TABLE `t` (`a` VARCHAR(20000) {WIDE})"),
        format!("CREATE TABLE `t` (`a` VARCHAR(12000) {WIDE},`b` VARCHAR(12000) {WIDE})"),
        format!("CREATE TABLE `t` (`a` VARCHAR(2000) {WIDE},PRIMARY KEY(`a`))"),
        "CREATE TABLE `t` (`a` TEXT,PRIMARY KEY(`a`))".to_owned(),
        "CREATE TABLE `t` (`a` INT DEFAULT 'x')".to_owned(),
        "CREATE TABLE `t` (`a` INT) DEFAULT CHARACTER SET = UTF8MB4 DEFAULT CHARACTER SET = LATIN1".to_owned(),
        "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT) PARTITION BY HASH (`a`) PARTITIONS 2".to_owned(),
        "CREATE TABLE `t` (`a` INT) PARTITION BY RANGE (`a`) (PARTITION `x` VALUES LESS THAN (2),PARTITION `y` VALUES LESS THAN (1))".to_owned(),
        "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT,CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p`(`a`))".to_owned(),
    ];
    for statement in statements {
        let mut sink = w.sink();
        let error = sink.apply(ddl(1, 3, "refused_definitions", &statement, &[], &[&table])).unwrap_err();
        let hint = fault(&error).map(|f| f.hint.clone()).unwrap_or_default();
        assert_eq!(exit_code(&error), 4, "{error:#}");
        assert!(format!("{error:#}").contains("cannot run the DDL of commit ts"), "{error:#}");
        assert!(hint.starts_with("the target ") && !hint.contains("of this batch"), "{error:#}: {hint}");
        for way in [format!("--on-ddl-error 'replace:{}=SQL'", START + 1), format!("--skip-ddl {}", START + 1)] {
            assert!(hint.contains(&way), "{hint}");
        }
        drop(sink);
        assert_eq!(w.checkpoint(), 0, "nothing was done");
    }
    // Whatever it was, the link goes on with another statement.
    apply(
        &mut w.sink(),
        vec![ddl(1, 3, "refused_definitions", "CREATE TABLE `t` (`id` BIGINT PRIMARY KEY)", &[], &[&table])],
    );
    apply(&mut w.sink(), vec![txn(2, vec![ins(&parent, vec![i(1), i(2)]), ins(&table, vec![i(1)])])]);
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "1");
}

/// A job of several statements stops in its midst: whoever does by hand what is refused lets it go on.
fn second(server: &PrivateServer) {
    let mut w = World::new(server, "refused_second");
    let tables = ["a", "b"].map(|name| define("refused_second", name, &[("x", INT)], &[&[0]], true));
    let texts = format!("CREATE TABLE `a` (`x` INT PRIMARY KEY);CREATE TABLE `b` (`x` VARCHAR(20000) {WIDE});");
    let job = || ddl(1, 60, "refused_second", &texts, &[], &tables.each_ref());
    let error = w.sink().apply(job()).unwrap_err();
    let hint = fault(&error).map(|f| f.hint.clone()).unwrap_or_default();
    assert_eq!(exit_code(&error), 4, "{error:#}");
    assert!(
        hint.contains("run a suitable statement on the target by hand") && !hint.contains("of this batch"),
        "{hint}"
    );
    w.run("CREATE TABLE b (x INT PRIMARY KEY)");
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(2, vec![ins(&tables[1], vec![i(5)])])]);
    assert_eq!((w.checkpoint(), w.one("SELECT x FROM b").as_str()), (START + 2, "5"));
}
