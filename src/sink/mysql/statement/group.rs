//! Rows that go into the same statements.

use crate::model::{Kind, Row, Table, Value};
use crate::sink::mysql::batch::Counted;

/// Rows with values for the same columns, which strict mode takes or does not take.
pub(super) struct Group<'a> {
    pub(super) columns: Vec<usize>,
    pub(super) relaxed: bool,
    pub(super) rows: Vec<Counted<'a>>,
}

/// Rows by the columns that they have and by whether strict mode takes them.
pub(super) fn groups<'a>(table: &Table, rows: &[Counted<'a>]) -> Vec<Group<'a>> {
    let enums = table.columns.iter().any(|c| matches!(c.kind, Kind::Enum { .. }));
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let relaxed = enums && row.row.contains(&Value::Enum(0));
        let fits = |g: &Group| g.relaxed == relaxed && present(table, row.row).eq(g.columns.iter().copied());
        match groups.iter_mut().find(|g| fits(g)) {
            Some(group) => group.rows.push(*row),
            None => groups.push(Group { columns: present(table, row.row).collect(), relaxed, rows: vec![*row] }),
        }
    }
    groups
}

/// The columns that a statement names for `row`.
pub(super) fn present(table: &Table, row: &Row) -> impl Iterator<Item = usize> {
    let columns = table.columns.iter().zip(row).enumerate();
    columns.filter(|(_, (c, v))| c.writable() && !matches!(v, Value::Absent)).map(|(i, _)| i)
}
