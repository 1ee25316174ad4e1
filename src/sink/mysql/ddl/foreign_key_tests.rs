//! Tests of which columns a statement changes.

use super::*;

#[test]
fn changed_columns_are_found() {
    let of = |sql| changed_columns(sql).into_iter().map(|(a, b)| format!("{a} {b}")).collect::<Vec<_>>().join(", ");
    assert_eq!(
        of(
            "ALTER TABLE t MODIFY COLUMN `a``b` INT COMMENT 'CHANGE x y', CHANGE `c` `d` INT, ADD KEY (e), MODIFY IF EXISTS f INT"
        ),
        "a`b a`b, c d, f f"
    );
    assert_eq!(of("ALTER TABLE t RENAME COLUMN a TO `b c`, MODIFY d INT, RENAME TO u"), "a b c, d d");
    assert_eq!(of("ALTER TABLE `modify` ADD COLUMN `change` INT"), "");
}
