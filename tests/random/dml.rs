//! Transactions of a few random changes.

use tisync::model::{Kind, Row, RowKind};

use crate::chance::Random;
use crate::story::{Change, Story, written};
use crate::table::State;

/// The most changes of a usual transaction.
const MOST: u64 = 5;
/// The changes of one that is larger.
const MANY: u64 = 60;

/// What a transaction has done so far.
#[derive(Default)]
struct Work {
    changes: Vec<Change>,
    sql: Vec<String>,
}

/// A transaction over any of the tables.
pub fn random(story: &mut Story) {
    let many = if story.random.one_in(25) { MANY } else { 1 + story.random.below(MOST) };
    let mut work = Work::default();
    for _ in 0..many {
        let at = usize::try_from(story.random.below(story.tables.len() as u64)).unwrap_or(0);
        let Some(state) = story.tables.get_mut(at) else { return };
        change(&mut story.random, state, &mut work);
    }
    story.commit(work.changes, work.sql);
}

/// Rows for a table that has just been made.
pub fn fill(story: &mut Story, at: usize, rows: u64) {
    fill_with(story, at, rows, |_, _| true);
}

/// Rows that are `wanted`, which is asked for more of them than needed.
pub fn fill_with(story: &mut Story, at: usize, rows: u64, wanted: impl Fn(&State, &Row) -> bool) {
    let mut work = Work::default();
    for _ in 0..rows * 4 {
        let Some(state) = story.tables.get_mut(at) else { return };
        let row: Row = state.fields.iter().map(|f| f.value(&mut story.random)).collect();
        if (work.changes.len() as u64) < rows && wanted(state, &row) && state.fits(&row, None) {
            put(state, row, &mut work);
        }
    }
    story.commit(work.changes, work.sql);
}

fn change(random: &mut Random, state: &mut State, work: &mut Work) {
    let at = random.between(1, state.next.max(1));
    let some = state.rows.range(at..).next().or_else(|| state.rows.iter().next()).map(|(at, row)| (*at, row.clone()));
    match (random.below(10), some) {
        (0..=1, Some((at, row))) => delete(state, at, &row, work),
        (2..=5, Some((at, row))) => update(random, state, (at, row), work),
        // The same values once more, and in the same transaction.
        (6, Some((at, row))) => {
            delete(state, at, &row, work);
            put(state, row, work);
        }
        _ => insert(random, state, work),
    }
}

fn insert(random: &mut Random, state: &mut State, work: &mut Work) {
    for _ in 0..6 {
        let row: Row = state.fields.iter().map(|f| f.value(random)).collect();
        if state.fits(&row, None) {
            return put(state, row, work);
        }
    }
}

fn put(state: &mut State, row: Row, work: &mut Work) {
    let handle = state.handle();
    let (names, values): (Vec<_>, Vec<_>) = written(state, &row).into_iter().unzip();
    work.sql.push(format!("INSERT INTO {} ({}) VALUES ({})", state.full_name(), names.join(", "), values.join(", ")));
    work.changes.push(Change { table: state.table(), handle, kind: RowKind::Insert(row.clone()) });
    state.rows.insert(handle, row);
}

fn delete(state: &mut State, at: i64, row: &Row, work: &mut Work) {
    work.sql.push(format!("DELETE FROM {} WHERE {} LIMIT 1", state.full_name(), condition(state, row)));
    work.changes.push(Change { table: state.table(), handle: at, kind: RowKind::Delete(row.clone()) });
    state.rows.remove(&at);
}

/// A change of one or two columns; of the key, or into another partition, it is a new row.
fn update(random: &mut Random, state: &mut State, (at, old): (i64, Row), work: &mut Work) {
    for _ in 0..6 {
        let mut new = old.clone();
        for _ in 0..=random.below(2) {
            let column = usize::try_from(random.below(state.fields.len() as u64)).unwrap_or(0);
            if let (Some(field), Some(value)) = (state.fields.get(column), new.get_mut(column)) {
                *value = field.value(random);
            }
        }
        if new == old || !state.fits(&new, Some(at)) {
            continue;
        }
        let (before, after) = (written(state, &old), written(state, &new));
        let set: Vec<String> = before
            .iter()
            .zip(&after)
            .filter(|(a, b)| a != b)
            .map(|(_, (name, value))| format!("{name} = {value}"))
            .collect();
        let what = condition(state, &old);
        work.sql.push(format!("UPDATE {} SET {} WHERE {what} LIMIT 1", state.full_name(), set.join(", ")));
        let table = state.table();
        let change = |handle, kind| Change { table: table.clone(), handle, kind };
        if state.moves(&old, &new) {
            work.changes.push(change(at, RowKind::Delete(old)));
            state.rows.remove(&at);
            let handle = state.handle();
            work.changes.push(change(handle, RowKind::Insert(new.clone())));
            state.rows.insert(handle, new);
        } else {
            work.changes.push(change(at, RowKind::Update { old, new: new.clone() }));
            state.rows.insert(at, new);
        }
        return;
    }
}

/// What tells the row: its key, or all of its columns that compare exactly.
fn condition(state: &State, row: &Row) -> String {
    let pairs = written(state, row);
    let key = state.indexes.iter().find(|i| i.primary);
    let told = |kind: &Kind| !matches!(kind, Kind::Json | Kind::Float);
    let fields = state.written().map(|(_, field)| field);
    let wanted = fields.zip(&pairs).filter(|(field, _)| match key {
        Some(key) => key.has(field.name()),
        None => told(&field.column.kind),
    });
    let all: Vec<String> = wanted.map(|(_, (name, value))| format!("{name} <=> {value}")).collect();
    if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") }
}
