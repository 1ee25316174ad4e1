//! DDL of partitions.

use tisync::model::Row;
use tisync::playground::sql_name;

use crate::ddl::{self, any, new_name};
use crate::dml;
use crate::partition::{How, Part, Partitions};
use crate::story::{Lag, Story};
use crate::table::State;

/// Any DDL of a partitioned table that is possible now.
pub fn random(story: &mut Story) {
    let partitioned: Vec<usize> =
        story.tables.iter().enumerate().filter(|(_, t)| t.partitions.is_some()).map(|(at, _)| at).collect();
    if partitioned.is_empty() {
        if let Some(at) = any(story) {
            crate::alter::one(story, at);
        }
        return;
    }
    let at = *story.random.pick(&partitioned);
    let how = story.tables[at].partitions.as_ref().map_or(How::Hash, |p| p.how);
    let count = story.tables[at].partitions.as_ref().map_or(0, |p| p.parts.len());
    match (story.random.below(5), how) {
        (0, How::Range | How::List) if count < 6 => add(story, at),
        (1, How::Range | How::List) if count > 2 => drop_one(story, at),
        (2, How::Range | How::List) if count > 1 => reorganize(story, at),
        (3, How::Range | How::List) => exchange(story, at),
        (4, How::Hash) => exchange(story, at),
        _ => truncate(story, at),
    }
}

fn alter(story: &mut Story, at: usize, state: State, action: u8, what: &str, lag: Lag) {
    let query = format!("ALTER TABLE {} {what}", state.full_name());
    story.alter(action, (state.id, &state.name.clone()), &state, query, lag);
    story.tables[at] = state;
}

/// Any of the partitions, and its name.
fn one(story: &mut Story, partitions: &Partitions) -> (usize, String) {
    let at = usize::try_from(story.random.below(partitions.parts.len() as u64)).unwrap_or(0);
    (at, sql_name(&partitions.parts[at].name))
}

fn add(story: &mut Story, at: usize) {
    let (id, name) = (story.id(), new_name(story));
    let mut state = story.tables[at].clone();
    let Some(partitions) = &mut state.partitions else { return };
    let how = partitions.how;
    let last = partitions.parts.iter().filter_map(|p| p.below).max().unwrap_or(0);
    let most = partitions.parts.iter().flat_map(|p| &p.values).max().copied().unwrap_or(0);
    let part = match how {
        How::Range => Part { id, name, below: Some(last + 30), values: Vec::new() },
        _ => Part { id, name, below: None, values: (most + 1..most + 20).collect() },
    };
    let what = format!("ADD PARTITION ({})", part.sql(how));
    partitions.parts.push(part);
    alter(story, at, state, 19, &what, Lag::Late);
}

fn drop_one(story: &mut Story, at: usize) {
    let mut state = story.tables[at].clone();
    let Some(partitions) = state.partitions.clone() else { return };
    let (which, name) = one(story, &partitions);
    state.take_partition(which);
    if let Some(partitions) = &mut state.partitions {
        partitions.parts.remove(which);
    }
    // It is out of sight for two versions when its message comes.
    alter(story, at, state, 20, &format!("DROP PARTITION {name}"), Lag::None);
}

fn truncate(story: &mut Story, at: usize) {
    let id = story.id();
    let mut state = story.tables[at].clone();
    let Some(partitions) = state.partitions.clone() else { return };
    let (which, name) = one(story, &partitions);
    state.take_partition(which);
    if let Some(partitions) = &mut state.partitions {
        partitions.parts[which].id = id;
    }
    alter(story, at, state, 23, &format!("TRUNCATE PARTITION {name}"), Lag::LateByPartition);
}

/// Two neighbours become one, or one is split.
fn reorganize(story: &mut Story, at: usize) {
    let ids = [story.id(), story.id()];
    let names = [new_name(story), new_name(story)];
    let mut state = story.tables[at].clone();
    let Some(partitions) = &mut state.partitions else { return };
    let how = partitions.how;
    let (first, second) = (partitions.parts[0].clone(), partitions.parts[1].clone());
    let part = |n: usize, below, values| Part { id: ids[n], name: names[n].clone(), below, values };
    let all: Vec<i64> = first.values.iter().chain(&second.values).copied().collect();
    let new = if story.random.one_in(2) {
        vec![part(0, second.below, all)]
    } else {
        let (some, rest) = all.split_at(all.len() / 3);
        vec![part(0, second.below.map(|n| n - 17), some.to_vec()), part(1, second.below, rest.to_vec())]
    };
    let texts: Vec<String> = new.iter().map(|p| p.sql(how)).collect();
    let (a, b) = (sql_name(&first.name), sql_name(&second.name));
    let what = format!("REORGANIZE PARTITION {a}, {b} INTO ({})", texts.join(", "));
    partitions.parts.splice(0..2, new);
    alter(story, at, state, 64, &what, Lag::Twice);
}

/// With a table like it, which holds rows of that partition alone.
fn exchange(story: &mut Story, at: usize) {
    let mut state = story.tables[at].clone();
    let Some(partitions) = state.partitions.clone() else { return };
    // Column by column the ids have to be the same on both sides.
    if (1..).zip(&state.fields).any(|(id, field)| field.column.id != id || field.details.added) {
        return;
    }
    let (which, name) = one(story, &partitions);
    let mut other = State {
        id: story.id(),
        name: new_name(story),
        partitions: None,
        rows: std::collections::BTreeMap::new(),
        next: 1,
        comment: String::new(),
        ..state.clone()
    };
    ddl::add(story, other.clone());
    let last = story.tables.len() - 1;
    let belongs = |other: &State, row: &Row| other.partition_of(&partitions, row) == Some(which);
    dml::fill_with(story, last, 6, belongs);
    other = story.tables[last].clone();
    let gone = state.take_partition(which);
    let came = std::mem::take(&mut other.rows);
    if !came.values().all(|row| state.fits(row, None)) {
        return;
    }
    // Numbers stay with their rows, so a table takes what is above both.
    let next = state.next.max(other.next);
    for row in came.into_values() {
        let handle = state.handle().max(next);
        state.next = handle + 1;
        state.rows.insert(handle, row);
    }
    other.rows = gone;
    other.next = next;
    let before = (other.id, other.name.clone());
    if let Some(partitions) = &mut state.partitions {
        std::mem::swap(&mut partitions.parts[which].id, &mut other.id);
    }
    let query = format!("ALTER TABLE {} EXCHANGE PARTITION {name} WITH TABLE {}", state.full_name(), other.full_name());
    story.alter(42, (before.0, &before.1), &state, query, Lag::LateByPartition);
    story.tables[at] = state;
    story.tables[last] = other;
}
