//! Tests of stored pictures, and of what is left out of them.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

fn state() -> impl Strategy<Value = ObjectState> {
    let ids = (of(any::<u64>()), btree_map(".{0,6}", vec(any::<u64>(), 0..3), 0..4))
        .prop_map(|(table, partitions)| Ids { table, partitions });
    (".*", vec(".{0,8}", 0..4), of(ids), of(".{0,19}"), of(".{0,9}")).prop_map(
        |(definition, columns, ids, created, counter)| ObjectState { definition, columns, ids, created, counter },
    )
}

proptest! {
    #[test]
    fn a_stored_picture_comes_back(
        objects in vec((".{0,8}", ".{0,8}", of(state())), 0..4),
        database in of((".{0,8}", of((".*", vec(".{0,8}", 0..4))))),
    ) {
        let objects = objects.into_iter().map(|(schema, name, there)| Object { schema, name, there }).collect();
        let database = database.map(|(name, there)| Database {
            name,
            there: there.map(|(definition, tables)| DatabaseState { definition, tables }),
        });
        let picture = Picture { database, objects };
        let text = serde_json::to_string(&picture).unwrap();
        prop_assert_eq!(serde_json::from_str::<Picture>(&text).unwrap(), picture);
    }

    #[test]
    fn counters_are_all_that_goes(text in ".*", n in any::<u64>()) {
        let _ = without_counters(&text);
        let with = format!("CREATE TABLE `t` (\n  `AUTO_INCREMENT=5` int COMMENT ' AUTO_INCREMENT=7'\n) ENGINE=InnoDB AUTO_INCREMENT={n} DEFAULT CHARSET=utf8mb4");
        let without = with.replace(&format!(" AUTO_INCREMENT={n} DEFAULT"), " DEFAULT");
        prop_assert_eq!(without_counters(&with), without);
    }
}

#[test]
fn the_base_of_auto_random_goes_too() {
    let tidb = "CREATE TABLE `t` (\n  `id` bigint /*T![auto_rand] AUTO_RANDOM(5) */\n) ENGINE=InnoDB /*T![auto_rand_base] AUTO_RANDOM_BASE=30001 */";
    assert_eq!(
        without_counters(tidb),
        "CREATE TABLE `t` (\n  `id` bigint /*T![auto_rand] AUTO_RANDOM(5) */\n) ENGINE=InnoDB"
    );
}

fn encode(name: &str) -> Option<String> {
    name.chars().map(encoded).collect()
}

/// As written by MySQL 5.7, 8.0 and 9.7.
#[test]
fn names_of_files() {
    assert_eq!(encode("a#P#b.c/日 _1").unwrap(), "a@0023P@0023b@002ec@002f@65e5@0020_1");
    assert_eq!(encode("é"), None);
    assert_eq!(encode("ж"), None);
    assert_eq!(decoded("@65e5@0023x").unwrap(), "日#x");
    assert_eq!(decoded("plain_1").unwrap(), "plain_1");
    for short in ["@0p", "@0p@0020", "a@65", "@zzzz", "@d800"] {
        assert_eq!(decoded(short), None, "{short}");
    }
}
