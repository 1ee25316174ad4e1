//! Removes the second write of each row change while partitions are reorganised.
//!
//! Meanwhile TiDB writes each change of a row to the old partition and to the new one. Both writes
//! are in the stream, the second right after the first: an insert twice, an update followed by
//! itself or by the removal of its old row, a move to another partition (removal and insert, in
//! either order) next to the update that it is in the other place.
//!
//! A second write is recognised because no session could do it: it removes a row that this
//! transaction has removed already and not brought back, or inserts one that is there. Two equal
//! rows of a table without any key differ in their row id. Only for such a table does TiDB give the
//! second write of an insert a row id of its own, so only the definition tells it from a second row
//! ([`Writes`]); and if the row is copied to the new partition afterwards, it really is there
//! twice.

use std::collections::VecDeque;

use super::Writes;
use crate::model::{Row, RowChange, RowKind, Table, Value};

/// How many changes the first write may lie before the second.
const NEAR: usize = 3;

/// A row of a table, with its row id if it has one.
type Image = (Row, Option<i64>);

/// What a change removed and added.
#[derive(Clone)]
struct Seen {
    removed: Option<Image>,
    added: Option<Image>,
    /// Whether it was a second write.
    repeat: bool,
}

/// Takes the changes of one table in one transaction, and returns them without second writes.
#[derive(Clone)]
pub(super) struct Once {
    /// The last changes, newest last.
    recent: VecDeque<Seen>,
    /// An insert that is a second write if a removal follows that is a second write.
    held: Option<RowChange>,
    ready: VecDeque<RowChange>,
    /// Whether equal rows must be the same row.
    unique: bool,
    writes: Writes,
}

impl Once {
    pub(super) fn new(table: &Table, writes: Writes) -> Self {
        let unique = table.tells_rows_apart();
        Self { recent: VecDeque::new(), held: None, ready: VecDeque::new(), unique, writes }
    }

    /// Takes the next change, of a row with this id.
    pub(super) fn take(&mut self, change: RowChange, id: Option<i64>) {
        let image = |row: &Row| (row.clone(), id);
        let (removed, added) = match &change.kind {
            RowKind::Insert(new) => (None, Some(image(new))),
            RowKind::Update { old, new } => (Some(image(old)), Some(image(new))),
            RowKind::Delete(old) => (Some(image(old)), None),
        };
        let repeat = match (&removed, &added) {
            (Some(row), _) => self.is_gone(row),
            (None, Some(row)) => self.is_there(row),
            (None, None) => false,
        };
        if let Some(held) = self.held.take()
            && !(repeat && added.is_none())
        {
            self.ready.push_back(held);
        }
        let moved = removed.is_none() && added.as_ref().is_some_and(|row| self.follows_its_update(row));
        self.recent.push_back(Seen { removed, added, repeat });
        if self.recent.len() > NEAR {
            self.recent.pop_front();
        }
        match (repeat, moved) {
            (true, _) => self.ready.extend(self.other_copy(change, id)),
            (false, true) => self.held = Some(change),
            (false, false) => self.ready.push_back(change),
        }
    }

    /// The row of a second write that stays besides that of the first: after a move within a table
    /// without keys, each partition has it under another id.
    fn other_copy(&self, change: RowChange, id: Option<i64>) -> Option<RowChange> {
        let RowKind::Update { new, .. } = change.kind else { return None };
        let moved =
            |seen: &Seen| seen.removed.is_none() && seen.added.as_ref().is_some_and(|a| alike(&a.0, &new) && a.1 != id);
        let both = self.writes == Writes::TwiceAndCopied && !self.unique && self.recent.iter().any(moved);
        both.then_some(RowChange { table: change.table, kind: RowKind::Insert(new) })
    }

    /// Ends the changes. Returns whether one was held back for what might follow.
    pub(super) fn end(&mut self) -> bool {
        let held = self.held.take();
        let waited = held.is_some();
        self.ready.extend(held);
        waited
    }

    /// The next change that is not a second write.
    pub(super) fn next(&mut self) -> Option<RowChange> {
        self.ready.pop_front()
    }

    fn same(&self, a: &Image, b: &Image) -> bool {
        alike(&a.0, &b.0) && (self.unique || a.1 == b.1)
    }

    /// Whether `row` was removed and not added again.
    fn is_gone(&self, row: &Image) -> bool {
        for seen in self.recent.iter().rev() {
            if seen.added.as_ref().is_some_and(|added| self.same(added, row)) {
                return false;
            }
            if seen.removed.as_ref().is_some_and(|removed| self.same(removed, row)) {
                return true;
            }
        }
        false
    }

    /// Whether `row` was added and not removed again.
    fn is_there(&self, row: &Image) -> bool {
        for seen in self.recent.iter().rev() {
            if seen.added.as_ref().is_some_and(|added| self.same(added, row)) {
                return true;
            }
            if seen.removed.as_ref().is_some_and(|removed| self.same(removed, row)) {
                return false;
            }
        }
        let Some(last) = self.recent.back() else { return false };
        let alike = last.added.as_ref().is_some_and(|added| alike(&added.0, &row.0));
        // If the removal of a move was the second write of an update, its insert is one too.
        let of_a_move = || last.repeat && last.added.is_none() && self.added_before(row);
        (self.writes == Writes::Twice && alike && last.removed.is_none() && !last.repeat) || of_a_move()
    }

    fn added_before(&self, row: &Image) -> bool {
        self.recent
            .iter()
            .any(|seen| seen.removed.is_some() && seen.added.as_ref().is_some_and(|a| alike(&a.0, &row.0)))
    }

    /// Whether the last change was an update to these values, of a row with another id.
    fn follows_its_update(&self, row: &Image) -> bool {
        self.recent.back().is_some_and(|last| {
            last.removed.is_some()
                && last.added.as_ref().is_some_and(|added| alike(&added.0, &row.0) && added.1 != row.1)
        })
    }
}

/// Whether both are the same row. A row of an older version lacks columns: an insert is filled with
/// the column's original default, the images of updates and removals are not.
fn alike(a: &Row, b: &Row) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| a == b || matches!(a, Value::Absent) || matches!(b, Value::Absent))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Runs changes like `i1.7`, `d1.7`, `u1-2.7`, with the row id behind the point, through a
    /// table without keys.
    fn once(writes: Writes, changes: &str) -> String {
        let table = Arc::new(Table::named("d", "t"));
        let mut once = Once::new(&table, writes);
        let row = |text: &str| vec![Value::Int(text.parse().unwrap())];
        for text in changes.split(' ') {
            let (change, id) = text.split_once('.').unwrap();
            let kind = match change.split_at(1) {
                ("i", new) => RowKind::Insert(row(new)),
                ("d", old) => RowKind::Delete(row(old)),
                (_, both) => {
                    let (old, new) = both.split_once('-').unwrap();
                    RowKind::Update { old: row(old), new: row(new) }
                }
            };
            once.take(RowChange { table: Arc::clone(&table), kind }, Some(id.parse().unwrap()));
        }
        once.end();
        let mut texts = Vec::new();
        while let Some(change) = once.next() {
            let shown = |row: &Row| if let [Value::Int(n)] = row[..] { n.to_string() } else { String::new() };
            texts.push(match &change.kind {
                RowKind::Insert(new) => format!("i{}", shown(new)),
                RowKind::Update { old, new } => format!("u{}-{}", shown(old), shown(new)),
                RowKind::Delete(old) => format!("d{}", shown(old)),
            });
        }
        texts.join(" ")
    }

    #[test]
    fn second_writes_are_left_out() {
        for (changes, expected) in [
            ("d1.7 d1.7", "d1"),
            ("u1-2.7 u1-2.7", "u1-2"),
            ("u1-2.7 d1.7", "u1-2"),
            ("d1.7 i2.9 u1-2.7", "d1 i2"),
            ("i2.9 d1.7 u1-2.7", "i2 d1"),
            ("u1-2.7 d1.7 i2.9", "u1-2"),
            ("u1-2.7 i2.9 d1.7", "u1-2"),
            ("d1.7 d1.7 i2.9 i2.9", "d1 i2"),
            ("d1.7 d1.7 d1.8 d1.8", "d1 d1"),
            ("u1-2.7 i2.9 d1.7 u1-2.8 i2.10 d1.8", "u1-2 u1-2"),
        ] {
            assert_eq!(once(Writes::Once, changes), expected, "{changes}");
            assert_eq!(once(Writes::Twice, changes), expected, "{changes}");
        }
    }

    #[test]
    fn what_a_session_can_do_stays() {
        for changes in [
            "d1.7 d1.8",
            "d1.7 i1.7 d1.7",
            "u1-2.7 u2-1.7 u1-2.7",
            "u1-2.7 u2-1.7 d1.7",
            "u1-2.7 d2.7 i2.9",
            "u1-2.7 i2.9",
            "u1-2.7 i2.9 d1.8",
            "i1.7 d1.7 i1.8",
        ] {
            let expected = changes.split(' ').map(|c| c.split_once('.').unwrap().0).collect::<Vec<_>>().join(" ");
            assert_eq!(once(Writes::Once, changes), expected);
        }
        assert_eq!(once(Writes::Once, "i1.7 i1.8"), "i1 i1", "two equal rows");
        assert_eq!(once(Writes::Twice, "i1.7 i1.8"), "i1", "one row");
        assert_eq!(once(Writes::Twice, "i1.7 i1.8 i1.9 i1.10"), "i1 i1", "two rows");
        assert_eq!(once(Writes::Twice, "i1.7 i1.8 i2.9 i2.10"), "i1 i2");
        // If the rows were copied since, both are in the new partition.
        assert_eq!(once(Writes::TwiceAndCopied, "i1.7 i1.8"), "i1 i1");
        assert_eq!(once(Writes::TwiceAndCopied, "d1.7 i2.9 u1-2.7"), "d1 i2 i2");
        assert_eq!(once(Writes::TwiceAndCopied, "u1-2.7 u1-2.7 d3.8 d3.8"), "u1-2 d3");
    }

    #[test]
    fn a_column_that_an_older_row_lacks_makes_no_other_row() {
        let table = Arc::new(Table::named("d", "t"));
        let mut once = Once::new(&table, Writes::Once);
        let (new, old) = (vec![Value::Int(1), Value::Null], vec![Value::Int(1), Value::Absent]);
        let changes =
            [RowKind::Insert(new.clone()), RowKind::Delete(old.clone()), RowKind::Insert(new), RowKind::Delete(old)];
        for kind in changes.clone() {
            once.take(RowChange { table: Arc::clone(&table), kind }, Some(7));
        }
        once.end();
        let kept: Vec<RowKind> = std::iter::from_fn(|| once.next()).map(|change| change.kind).collect();
        assert_eq!(kept, changes);
    }
}
