//! What a DDL statement concerns, as it is on the target: taken before it runs, and again after an unclear end.
//!
//! A definition alone cannot tell whether a TRUNCATE, an EXCHANGE PARTITION or a swap of two equal tables took place; the
//! ids that the storage engine gives to tables and partitions can. They are `None` where the account may not read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::Name;
use crate::sql::{Edit, Token, edited, tokens};

/// The version of the stored form of a [`Picture`].
pub const VERSION: u32 = 1;

/// The state of some objects at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The database that the statement makes, changes or drops.
    pub database: Option<Database>,
    /// Every table, view and sequence that the statement names.
    pub objects: Vec<Object>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// What is there; `None`: nothing.
    pub there: Option<DatabaseState>,
}

/// A database that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// SHOW CREATE DATABASE.
    pub definition: String,
    /// Names of its tables, views and sequences, sorted.
    pub tables: Vec<String>,
}

/// A table, view or sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its database.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What is there; `None`: nothing.
    pub there: Option<State>,
}

/// A table, view or sequence that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// SHOW CREATE, without the counter of AUTO_INCREMENT; empty where the account may not see it.
    pub definition: String,
    /// Its columns in order.
    pub columns: Vec<String>,
    /// What the storage engine calls it.
    pub ids: Option<Ids>,
    /// CREATE_TIME, in whole seconds: a new one says that something happened, the same one says nothing.
    pub created: Option<String>,
    /// A sequence's next value and cycle, where they can be read without using one up.
    pub counter: Option<String>,
}

/// Ids of the storage engine: never used twice, kept by RENAME, swapped by EXCHANGE PARTITION, new after a TRUNCATE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// The table's own; InnoDB has none for a partitioned table.
    pub table: Option<u64>,
    /// Its partitions', by name; several where a partition has sub-partitions.
    pub partitions: BTreeMap<String, Vec<u64>>,
}

impl Ids {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = u64> {
        self.table.into_iter().chain(self.partitions.values().flatten().copied())
    }

    /// The one of partition `name`. Names of partitions ignore case.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<u64> {
        match self.partitions.iter().find(|(n, _)| same_name(n, name))?.1.as_slice() {
            [id] => Some(*id),
            _ => None,
        }
    }
}

impl Picture {
    /// What it holds of `name`: `Some(None)` if nothing was there, `None` if nobody looked.
    #[must_use]
    pub fn find(&self, name: &Name) -> Option<Option<&State>> {
        self.objects.iter().find(|o| o.schema == name.schema && o.name == name.name).map(|o| o.there.as_ref())
    }

    /// The state of `name`; `None` if nothing was there.
    #[must_use]
    pub fn state(&self, name: &Name) -> Option<&State> {
        self.find(name).flatten()
    }
}

/// Whether two names of columns or partitions are the same: they ignore case everywhere.
#[must_use]
pub fn same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// `definition` without what changes by itself: the counters of AUTO_INCREMENT and AUTO_RANDOM.
#[must_use]
pub fn without_counters(definition: &str) -> String {
    let all = tokens(definition);
    let mut edits: Vec<Edit> = Vec::new();
    for (i, (token, start, end)) in all.iter().enumerate() {
        let counter = match token {
            Token::Comment(text) if text.starts_with("/*T![auto_rand_base]") => Some(*end),
            t if t.is("AUTO_INCREMENT") => match all.get(i + 1..i + 3) {
                Some([(Token::Sign('='), ..), (Token::Word(_), _, end)]) => Some(*end),
                _ => None,
            },
            _ => None,
        };
        if let Some(end) = counter {
            let before = definition.get(..*start).unwrap_or_default().trim_end().len();
            edits.push((before..end, String::new()));
        }
    }
    edited(definition, &edits)
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = State> {
        let ids = (of(any::<u64>()), btree_map(".{0,6}", vec(any::<u64>(), 0..3), 0..4))
            .prop_map(|(table, partitions)| Ids { table, partitions });
        (".*", vec(".{0,8}", 0..4), of(ids), of(".{0,19}"), of(".{0,9}")).prop_map(
            |(definition, columns, ids, created, counter)| State { definition, columns, ids, created, counter },
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
}
