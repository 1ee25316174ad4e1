//! Tests of names of constraints, and of the comparison of their conditions.

use super::*;

#[test]
fn a_taken_name_gets_the_tables_in_front() {
    assert_eq!(candidates("t", "fk")[..2], ["fk", "t_fk"]);
    let (table, key) = ("ä".repeat(64), "名".repeat(64));
    let [_, long, longer] = candidates(&table, &key);
    assert_eq!((long.chars().count(), &long), (64, &longer));
    assert_ne!(long, candidates(&table, &"名".repeat(63))[1]);
    // Names that are equal when joined.
    assert_ne!(candidates("a", "b_c")[2], candidates("a_b", "c")[2]);
    assert_eq!(candidates("a", "b_c")[1], candidates("a_b", "c")[1]);
}

#[test]
fn conditions_are_compared_without_their_dress() {
    assert_eq!(bare("(`a` > 0) AND `b` <> _utf8mb4'x'"), bare("((`a` > 0) and (`b` <> _utf8mb4\\'x\\'))"));
    assert_ne!(bare("`a` > 0"), bare("`a` > 1"));
}
