//! A rule on events leaves out DDL that changes columns: as with Drainer, rows go on with the columns that both sides have.

use std::fs;

use tisync::model::{RowKind, Value};
use tisync::playground::tableinfo::Details;

use crate::Outcome;
use crate::common::made::{INT, Made, table};
use crate::world::{World, says};

/// By their kind, and by their text.
const RULES: [&str; 2] = ["ignore-event = [\"alter table\"]", "ignore-sql = [\"ADD COLUMN\", \"drop column\"]"];

pub fn columns_that_a_rule_leaves_out() -> Outcome {
    for rule in RULES {
        let world = World::new();
        let config = world.dir.path().join("drainer.toml");
        fs::write(
            &config,
            format!(
                "[[syncer.table-migrate-rule]]\nbinlog-filter-rule = [\"r\"]\nsource = {{ schema = \"d\", table = \"t*\" }}\n\
                 [syncer.binlog-filter-rule.r]\n{rule}\n"
            ),
        )?;
        let config = config.display().to_string();
        let mut made = Made::default();
        let int = |n| Value::Int(n);
        let one = table(201, "t", &[("id", INT), ("a?", INT), ("b?", INT)]);
        made.create(&one);
        made.insert(&one, vec![int(1), int(10), int(100)]);
        let two = table(201, "t", &[("id", INT), ("a?", INT), ("b?", INT), ("c?", INT)]);
        made.alter(5, "ALTER TABLE `t` ADD COLUMN `c` INT", &two, &Details::default());
        made.insert(&two, vec![int(2), int(20), int(200), int(2000)]);
        made.save(world.dir.path());
        let args = ["--config", config.as_str()];
        let first = world.sync(&args).expect(0).stderr;
        let said = "`d`.`t`, its DDL is left out by an event rule: left out because the target lacks them: `c`";
        assert_eq!(first.matches(said).count(), 1, "{first}");
        // The next start finds the column upstream and not there; one that the upstream drops stays.
        let mut three = two.clone();
        three.columns.remove(1);
        made.alter(6, "ALTER TABLE `t` DROP COLUMN `a`", &three, &Details::default());
        made.insert(&three, vec![int(3), int(300), int(3000)]);
        let [old, new] = [200, 201].map(|b| vec![int(2), int(b), int(2000)]);
        made.rows(&three, vec![RowKind::Update { old, new }]);
        made.save(world.dir.path());
        let second = world.sync(&args).expect(0).stderr;
        assert_eq!(second.matches(said).count(), 2, "at the start and behind the DDL: {second}");
        says(&second, "`a` keeps its value");
        assert_eq!(
            world.one("SELECT GROUP_CONCAT(CONCAT_WS(' ', id, a, b) ORDER BY id) FROM d.t"),
            "1 10 100,2 20 201,3 300"
        );
        // Without the rule it is as ever: nothing is dropped silently.
        says(&world.sync(&[]).expect(4).stderr, "`d`.`t` has no column `c`");
    }
    Ok(())
}
