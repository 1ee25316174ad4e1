//! Tests of windows: their records, how they are cut, and that their batches are independent.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::{Handle, RowKind};

fn table(id: i64) -> Arc<Table> {
    Arc::new(Table {
        id,
        schema: "db".into(),
        name: format!("t{id}"),
        columns: Vec::new(),
        keys: Vec::new(),
        handle: Handle::RowId,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        details: None,
    })
}

/// A transaction of `rows` row changes on table `id`.
fn part(ts: u64, id: i64, rows: usize) -> Part {
    let mut part = Part::new(CommitTs(ts));
    for _ in 0..rows {
        part.push(RowChange { table: table(id), kind: RowKind::Insert(Vec::new()) });
    }
    part
}

fn conflict_key((hash, exclusive): (u64, bool)) -> ConflictKey {
    ConflictKey { hash, exclusive }
}

#[test]
fn a_window_alone_is_a_range_and_reaches_what_was_resolved() {
    let mut window = Window::default();
    window.add(part(5, 1, 3), &[conflict_key((1, true))]);
    window.add(part(7, 1, 3), &[conflict_key((1, true))]);
    window.reach(CommitTs(9));
    let [batch] = window.cut(4, 1).try_into().ok().unwrap();
    assert_eq!(batch.record, Record::Range { first: CommitTs(5), last: CommitTs(9) });
    assert_eq!((batch.rows, batch.conflict_keys), (6, vec![(1, true)]));
}

#[test]
fn small_windows_stay_whole_and_large_ones_are_cut_evenly_by_table() {
    let fill = |window: &mut Window| {
        for n in 0..100 {
            window.add(part(n + 1, i64::try_from(n % 4).unwrap(), 5), &[conflict_key((n, true))]);
        }
    };
    let mut window = Window::default();
    fill(&mut window);
    assert_eq!(window.cut(4, 500).len(), 1);
    let mut window = Window::default();
    fill(&mut window);
    let batches = window.cut(4, 100);
    assert_eq!(batches.iter().map(|b| b.rows).collect::<Vec<_>>(), [125; 4]);
    for batch in batches {
        let first = batch.parts[0].changes[0].table.id;
        assert!(batch.parts.iter().all(|p| p.changes[0].table.id == first));
    }
}

#[test]
fn whatever_is_taken_is_known_by_its_definition() {
    let mut other = table(1);
    Arc::make_mut(&mut other).collation = "utf8mb4_general_ci".into();
    let mut window = Window::default();
    assert!(!window.conflicts(&other));
    // No call of `conflicts` came before: as when the previous window was closed for its size.
    window.add(part(5, 1, 2), &[]);
    assert!(window.conflicts(&other));
    assert!(!window.conflicts(&table(1)) && !window.conflicts(&table(2)));
}

proptest! {
    /// For any conflict keys: each transaction is in one batch, in order, and no two batches have
    /// to wait for each other.
    #[test]
    fn batches_of_a_window_are_free_of_each_other(
        txns in vec((vec((0_u64..40, any::<bool>()), 0..4), 1_usize..4, 0_i64..3), 1..60),
        most in 1_usize..6,
    ) {
        let mut window = Window::default();
        for (n, (conflict_keys, rows, id)) in txns.iter().enumerate() {
            let conflict_keys: Vec<ConflictKey> = conflict_keys.iter().copied().map(conflict_key).collect();
            window.add(part(n as u64 + 1, *id, *rows), &conflict_keys);
        }
        let batches = window.cut(most, 2);
        prop_assert!(batches.len() <= most);
        let mut all = Vec::new();
        for batch in &batches {
            let ts: Vec<u64> = batch.parts.iter().map(|p| p.ts.0).collect();
            prop_assert!(ts.is_sorted());
            if batches.len() > 1 {
                prop_assert_eq!(&batch.record, &Record::List(batch.parts.iter().map(|p| p.ts).collect()));
            }
            all.extend(ts);
        }
        all.sort_unstable();
        prop_assert_eq!(all, (1..=txns.len() as u64).collect::<Vec<_>>());
        for (i, a) in batches.iter().enumerate() {
            for b in batches.iter().skip(i + 1) {
                for (hash, exclusive) in &a.conflict_keys {
                    let other = b.conflict_keys.iter().find(|(h, _)| h == hash);
                    prop_assert!(other.is_none_or(|(_, e)| !e && !exclusive));
                }
            }
        }
    }
}
