//! Tests of the net effect of transactions, against the effect of each change in turn.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::{Column, Generated, Handle, Key, KeyPart, Kind, Value};

const INT: Kind = Kind::Int { bytes: 8, unsigned: false };

/// Columns `a`, `b`, `c`; each list of numbers is a key over them.
fn table(keys: &[&[usize]]) -> Arc<Table> {
    let column = |(id, name): (i64, &str)| Column {
        id,
        name: name.to_owned(),
        kind: INT,
        nullable: false,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    let key = |parts: &&[usize]| Key {
        name: "k".to_owned(),
        primary: false,
        parts: parts.iter().map(|column| KeyPart { column: *column, prefix: None }).collect(),
    };
    Arc::new(Table {
        id: 1,
        schema: "d".to_owned(),
        name: "t".to_owned(),
        columns: (1..).zip(["a", "b", "c"]).map(column).collect(),
        keys: keys.iter().map(key).collect(),
        handle: Handle::RowId,
        foreign_keys: vec![],
        partitions: vec![],
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    })
}

fn row(a: i64, b: i64, c: i64) -> Row {
    vec![Value::Int(a), Value::Int(b), Value::Int(c)]
}

fn part(ts: u64, table: &Arc<Table>, kinds: Vec<RowKind>) -> Part {
    let mut part = Part::new(CommitTs(ts));
    kinds.into_iter().for_each(|kind| part.push(RowChange { table: table.clone(), kind }));
    part
}

fn said(parts: &[Part]) -> String {
    fold(parts, false).map(|_| ()).map_err(|e| format!("{e:#}")).unwrap_err()
}

#[test]
fn a_contradiction_names_its_transaction() {
    let t = table(&[&[0]]);
    let (insert, delete) = (|| RowKind::Insert(row(1, 2, 3)), || RowKind::Delete(row(1, 2, 3)));
    let update = || RowKind::Update { old: row(1, 2, 3), new: row(1, 2, 4) };
    let two = |a: RowKind, b: RowKind| [part(7, &t, vec![a]), part(9, &t, vec![b])];
    let error = said(&two(insert(), insert()));
    assert_eq!(
        error,
        "cannot apply the transaction of commit ts 9 (1970-01-01 00:00:00.000 UTC, ".to_owned()
            + error.split_once("UTC, ").unwrap().1
    );
    assert!(error.ends_with("the stream inserts a row that already exists in `d`.`t`"), "{error}");
    assert!(said(&two(delete(), delete())).ends_with("the stream deletes a row that is already gone in `d`.`t`"));
    assert!(said(&two(delete(), update())).ends_with("the stream changes a row that is already gone in `d`.`t`"));
    let short = RowKind::Insert(vec![Value::Null]);
    assert!(said(&[part(3, &t, vec![short])]).ends_with("a row of `d`.`t` has 1 values for 3 columns"));
    let other = Arc::new(Table { id: 2, ..Table::clone(&t) });
    let both = [part(7, &t, vec![insert()]), part(9, &other, vec![delete()])];
    assert!(said(&both).ends_with("it has rows of two definitions of `d`.`t`"));
    // A copy of a definition at another address is no other definition.
    let again = Arc::new(Table::clone(&t));
    let both = [part(7, &t, vec![insert()]), part(9, &again, vec![delete()])];
    assert_eq!(fold(&both, false).unwrap().tables.len(), 1);
    let mut seen = Definitions::default();
    seen.learn(&t);
    assert_eq!((seen.conflict(&again), seen.conflict(&other)), (false, true));
}

#[test]
fn left_out_rows_are_counted_by_table() {
    let t = table(&[&[0]]);
    let mut first = part(1, &t, vec![RowKind::Insert(row(1, 1, 1))]);
    first.leave_out(5);
    let mut second = Part::new(CommitTs(2));
    [5, 6].into_iter().for_each(|id| second.leave_out(id));
    let parts = [first, second];
    let folded = fold(&parts, false).unwrap();
    assert_eq!((folded.rows(), folded.counts), (1, [1, 0, 0]));
    assert_eq!(folded.left_out, collections::HashMap::from([(5, 2), (6, 1)]));
}

#[test]
fn values_that_only_look_alike_are_other_rows() {
    let t = table(&[]);
    let rows = [
        vec![Value::Double(0.0), Value::Null, Value::Null],
        vec![Value::Double(-0.0), Value::Null, Value::Null],
        vec![Value::Bytes(Bytes::from_static(b"ab")), Value::Bytes(Bytes::from_static(b"c")), Value::Null],
        vec![Value::Bytes(Bytes::from_static(b"a")), Value::Bytes(Bytes::from_static(b"bc")), Value::Null],
    ];
    let nan = vec![Value::Double(f64::NAN), Value::Null, Value::Null];
    let kinds = rows.into_iter().map(RowKind::Insert);
    let parts = [part(1, &t, kinds.chain([RowKind::Insert(nan.clone()), RowKind::Delete(nan)]).collect())];
    let folded = fold(&parts, false).unwrap();
    let net = folded.tables[0].net(true, false);
    assert_eq!((net.removed.len(), net.inserted.len()), (0, 4));
}

/// Applies the net effect to the rows of a table.
fn apply(rows: &mut Vec<Row>, net: &Net, key: Option<&[usize]>) {
    let matches = |a: &Row, b: &Row| match key {
        Some(key) => key.iter().all(|c| a[*c] == b[*c]),
        None => a == b,
    };
    for Counted { row, count } in &net.removed {
        for _ in 0..*count {
            let at = rows.iter().position(|r| matches(r, row)).expect("a row to delete");
            rows.swap_remove(at);
        }
    }
    for Counted { row, .. } in &net.changed {
        let at = rows.iter().position(|r| matches(r, row)).expect("a row to change");
        rows[at] = Row::clone(row);
    }
    for Counted { row, count } in &net.inserted {
        assert!(key.is_none() || !rows.iter().any(|r| matches(r, row)), "a key that is taken");
        (0..*count).for_each(|_| rows.push(Row::clone(row)));
    }
}

fn sorted(rows: &[Row]) -> Vec<String> {
    let mut shown: Vec<String> = rows.iter().map(|r| format!("{r:?}")).collect();
    shown.sort();
    shown
}

proptest! {
    /// Random steps, made valid, on a table with few keys: the net effect of any part of them leads
    /// to the same rows as the steps.
    #[test]
    fn the_net_effect_is_the_effect(
        shape in 0..3_usize, in_place: bool,
        steps in prop::collection::vec((0..3_u8, any::<usize>(), 0..4_i64, 0..3_i64, 0..3_i64, 0..4_u8), 1..80),
    ) {
        let keys: [&[&[usize]]; 3] = [&[&[0]], &[&[0, 1]], &[]];
        let t = table(keys[shape]);
        let key: Option<&[usize]> = keys[shape].first().copied();
        let (mut now, mut target, mut parts) = (Vec::<Row>::new(), Vec::<Row>::new(), Vec::new());
        for (n, (what, at, a, b, c, end)) in (1..).zip(steps) {
            let new = row(a, b, c);
            let at = at % now.len().max(1);
            let free = |except: Option<usize>| match key {
                Some(key) => now.iter().enumerate().all(|(i, r)| Some(i) == except || key.iter().any(|c| r[*c] != new[*c])),
                None => true,
            };
            let kind = match what {
                0 if free(None) => { now.push(new.clone()); RowKind::Insert(new) }
                1 if at < now.len() && free(Some(at)) => {
                    RowKind::Update { old: std::mem::replace(&mut now[at], new.clone()), new }
                }
                2 if at < now.len() => RowKind::Delete(now.swap_remove(at)),
                _ => continue,
            };
            parts.push(part(n, &t, vec![kind]));
            if end == 0 {
                let folded = fold(&parts, false).unwrap();
                folded.tables.iter().for_each(|t| apply(&mut target, &t.net(in_place, false), key));
                parts.clear();
                prop_assert_eq!(sorted(&target), sorted(&now));
            }
        }
        let folded = fold(&parts, false).unwrap();
        folded.tables.iter().for_each(|t| apply(&mut target, &t.net(in_place, false), key));
        prop_assert_eq!(sorted(&target), sorted(&now));
    }

    /// Safe mode: whatever state of the steps each row of the target is at, it ends as the upstream
    /// has it, in one batch or several.
    #[test]
    fn safe_mode_ends_right_from_any_state_of_each_row(
        shape in 0..4_usize,
        steps in prop::collection::vec((0..3_u8, any::<usize>(), 0..4_i64, 0..3_i64, 0..3_i64, 0..6_u8), 1..40),
        states in prop::collection::vec(any::<usize>(), 16),
    ) {
        let keys: [&[&[usize]]; 4] = [&[&[0]], &[&[0, 1]], &[&[0], &[1]], &[&[0]]];
        let mut t = table(keys[shape]);
        if shape == 3 {
            // A unique key that may be NULL: the whole row is the identity.
            Arc::get_mut(&mut t).unwrap().columns[0].nullable = true;
        }
        let unique = |a: &Row, b: &Row| keys[shape].iter().any(|key| key.iter().all(|c| a[*c] == b[*c]));
        let mut now = Vec::<Row>::new();
        let (mut batches, mut history) = (vec![Vec::new()], vec![Vec::new()]);
        for (n, (what, at, a, b, c, end)) in (1..).zip(steps) {
            let new = row(a, b, c);
            let at = at % now.len().max(1);
            let free = |except: Option<usize>| now.iter().enumerate().all(|(i, r)| Some(i) == except || !unique(r, &new));
            let kind = match what {
                0 if free(None) => { now.push(new.clone()); RowKind::Insert(new) }
                1 if at < now.len() && free(Some(at)) => {
                    RowKind::Update { old: std::mem::replace(&mut now[at], new.clone()), new }
                }
                2 if at < now.len() => RowKind::Delete(now.swap_remove(at)),
                _ => continue,
            };
            history.push(now.clone());
            batches.last_mut().unwrap().push(part(n, &t, vec![kind]));
            if end == 0 {
                batches.push(Vec::new());
            }
        }
        // The state of each value of the first key at a random step, as far as the target's unique
        // keys allow it.
        let id = |r: &Row| keys[shape][0].iter().map(|c| r[*c].clone()).collect::<Vec<_>>();
        let mut seen: Vec<Vec<Value>> = history.iter().flatten().map(id).collect();
        seen.sort_by_key(|key| format!("{key:?}"));
        seen.dedup();
        let mut target = Vec::<Row>::new();
        for (key, state) in seen.iter().zip(states) {
            let there = history[state % history.len()].iter().find(|r| id(r) == *key);
            if let Some(there) = there && !target.iter().any(|r| unique(r, there)) {
                target.push(there.clone());
            }
        }
        for parts in &batches {
            for changes in fold(parts, true).unwrap().tables {
                let net = changes.net(false, true);
                let key = changes.key();
                let gone = |r: &Row| {
                    net.removed.iter().any(|g| key.map_or(*g.row == *r, |k| k.iter().all(|c| g.row[*c] == r[*c])))
                        || net.cleared.iter().any(|g| id(g.row) == id(r))
                };
                target.retain(|r| !gone(r));
                for Counted { row, .. } in &net.inserted {
                    target.retain(|r| !unique(r, row));
                    target.push(Row::clone(row));
                }
            }
        }
        prop_assert_eq!(sorted(&target), sorted(&now));
    }
}
