//! ALTER TABLE of columns and indexes: one part, or several in one statement.

use tisync::model::Kind;
use tisync::playground::sql_name;

use crate::chance::Random;
use crate::column::Field;
use crate::ddl::new_name;
use crate::story::{Lag, Story};
use crate::table::{Index, Place, State};

/// The most columns of a table.
const MOST_COLUMNS: usize = 12;

/// A part of an ALTER TABLE: the job's type where it is the only one, its text, and how it meets transactions.
struct Part {
    action: u8,
    sql: String,
    lag: Lag,
    /// What it names, which no other part of the statement may name.
    names: Vec<String>,
}

/// A statement of one part.
pub fn one(story: &mut Story, at: usize) {
    let Some(mut state) = story.tables.get(at).cloned() else { return };
    let Some(part) = any(story, &mut state) else { return };
    let query = format!("ALTER TABLE {} {}", state.full_name(), part.sql);
    story.alter(part.action, (state.id, &state.name.clone()), &state, query, part.lag);
    story.tables[at] = state;
}

/// A statement of two or three.
pub fn several(story: &mut Story, at: usize) {
    let Some(mut state) = story.tables.get(at).cloned() else { return };
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..6 {
        let before = state.clone();
        match any(story, &mut state) {
            // TiDB refuses parts that meet; a comment is set in a job of its own.
            Some(part) if part.action == 17 || meet(&parts, &part, &before) => state = before,
            Some(part) => parts.push(part),
            None => state = before,
        }
        if parts.len() == 3 {
            break;
        }
    }
    if parts.len() < 2 {
        return;
    }
    let texts: Vec<&str> = parts.iter().map(|p| p.sql.as_str()).collect();
    let query = format!("ALTER TABLE {} {}", state.full_name(), texts.join(", "));
    // Columns of a new UNIQUE index may hold what a transaction before has only just mended.
    let lag = if parts.iter().all(|p| p.lag == Lag::Late) { Lag::Early } else { Lag::None };
    story.alter(61, (state.id, &state.name.clone()), &state, query, lag);
    story.tables[at] = state;
}

fn meet(parts: &[Part], part: &Part, before: &State) -> bool {
    let named = |name: &String| parts.iter().any(|p| p.names.contains(name));
    // A position behind a column that the same statement adds or moves is not there yet.
    let new = |name: &String| before.at(name).is_none() && named(name);
    part.names.iter().any(|n| named(n) || new(n))
}

fn any(story: &mut Story, state: &mut State) -> Option<Part> {
    match story.random.below(14) {
        0..=3 => add_column(story, state),
        4 | 5 => drop_column(&mut story.random, state),
        6 => widen(&mut story.random, state),
        7 => change_name(story, state),
        8 => set_default(&mut story.random, state),
        9 | 10 => add_index(story, state),
        11 => drop_index(&mut story.random, state),
        12 => rename_index(story, state),
        _ => comment(story, state),
    }
}

fn pick(random: &mut Random, state: &State) -> usize {
    usize::try_from(random.below(state.fields.len() as u64)).unwrap_or(0)
}

fn add_column(story: &mut Story, state: &mut State) -> Option<Part> {
    if state.fields.len() >= MOST_COLUMNS {
        return None;
    }
    let name = new_name(story);
    state.last_column += 1;
    let random = &mut story.random;
    let mut field = Field::random(random, state.last_column, &name, &state.collation);
    if random.one_in(2) {
        field = field.with_default();
    }
    if field.details.default.is_none() {
        // What a server gives to old rows where there is no default is each one's own.
        (field.column.nullable, field.column.missing) = (true, tisync::model::Value::Null);
    }
    field.details.added = field.details.default.is_some();
    let mut names = vec![name];
    let (at, position) = match random.below(4) {
        0 => (0, " FIRST".to_owned()),
        1 => {
            let behind = pick(random, state);
            let name = state.fields[behind].name().to_owned();
            let position = format!(" AFTER {}", sql_name(&name));
            names.push(name);
            (behind + 1, position)
        }
        _ => (state.fields.len(), String::new()),
    };
    let sql = format!("ADD COLUMN {}{position}", field.sql());
    state.insert_column(field, at);
    Some(Part { action: 5, sql, lag: Lag::Late, names })
}

fn drop_column(random: &mut Random, state: &mut State) -> Option<Part> {
    let at = pick(random, state);
    let name = state.fields[at].name().to_owned();
    if state.fields.len() < 4 || state.needs(&name) {
        return None;
    }
    state.remove_column(at);
    Some(Part { action: 6, sql: format!("DROP COLUMN {}", sql_name(&name)), lag: Lag::Late, names: vec![name] })
}

/// A type that holds more, or NULL where it was not allowed; now and then at another place.
fn widen(random: &mut Random, state: &mut State) -> Option<Part> {
    let at = pick(random, state);
    let mut field = state.fields[at].clone();
    let name = field.name().to_owned();
    if field.details.generated.is_some() || state.needs(&name) {
        return None;
    }
    match (&mut field.column.kind, &mut field.details.length) {
        (Kind::Int { bytes, .. }, _) if *bytes < 8 => *bytes = 8,
        (Kind::Text { .. }, Some(length)) if *length < 200 => *length = 200,
        _ if !field.column.nullable => field.column.nullable = true,
        _ => return None,
    }
    let mut names = vec![name.clone()];
    let mut position = String::new();
    let mut to = at;
    if random.one_in(3) {
        position = " FIRST".to_owned();
        to = 0;
    } else if random.one_in(2) {
        let behind = pick(random, state);
        if behind != at {
            let other = state.fields[behind].name().to_owned();
            position = format!(" AFTER {}", sql_name(&other));
            to = if behind < at { behind + 1 } else { behind };
            names.push(other);
        }
    }
    let sql = format!("MODIFY COLUMN {}{position}", field.sql());
    state.fields.remove(at);
    state.fields.insert(to, field);
    for row in state.rows.values_mut() {
        let value = row.remove(at);
        row.insert(to, value);
    }
    Some(Part { action: 12, sql, lag: Lag::Late, names })
}

fn change_name(story: &mut Story, state: &mut State) -> Option<Part> {
    let at = pick(&mut story.random, state);
    let old = state.fields[at].name().to_owned();
    if state.needs(&old) || state.fields[at].details.generated.is_some() {
        return None;
    }
    let new = new_name(story);
    state.fields[at].column.name.clone_from(&new);
    let sql = format!("CHANGE COLUMN {} {}", sql_name(&old), state.fields[at].sql());
    Some(Part { action: 12, sql, lag: Lag::Late, names: vec![old, new] })
}

/// Rows that are there keep what they have.
fn set_default(random: &mut Random, state: &mut State) -> Option<Part> {
    let at = pick(random, state);
    let field = &mut state.fields[at];
    let name = field.name().to_owned();
    let Kind::Int { .. } = field.column.kind else { return None };
    if field.details.generated.is_some() {
        return None;
    }
    let old = field.details.default.replace(random.between(1, 90).to_string());
    if field.details.added && field.details.origin.is_none() {
        field.details.origin = old;
    }
    let new = field.details.default.clone().unwrap_or_default();
    let sql = format!("ALTER COLUMN {} SET DEFAULT '{new}'", sql_name(&name));
    Some(Part { action: 15, sql, lag: Lag::Late, names: vec![name] })
}

fn add_index(story: &mut Story, state: &mut State) -> Option<Part> {
    let name = new_name(story);
    let random = &mut story.random;
    let mut parts: Vec<(String, Option<u32>)> = Vec::new();
    for _ in 0..=random.below(2) {
        let field = &state.fields[pick(random, state)];
        let text = matches!(field.column.kind, Kind::Text { .. });
        let prefix = (text && (field.details.length.is_none() || random.one_in(3))).then_some(4);
        let there = parts.iter().any(|(n, _)| n == field.name());
        let plain = field.details.generated.is_none();
        if !there && plain && (field.keyable() || prefix.is_some()) {
            parts.push((field.name().to_owned(), prefix));
        }
    }
    if parts.is_empty() {
        return None;
    }
    let mut index = Index { name: name.clone(), primary: false, unique: random.one_in(2), parts };
    let column = state.partitions.as_ref().map(|p| p.column.clone());
    // In a collation that folds case, which values are equal is the server's affair.
    let folds = !state.collation.ends_with("_bin")
        && index
            .parts
            .iter()
            .any(|(n, _)| state.at(n).is_some_and(|at| matches!(state.fields[at].column.kind, Kind::Text { .. })));
    if folds || !state.all_fit(&index) || column.is_some_and(|c| !index.has(&c)) {
        index.unique = false;
    }
    let sql = format!("ADD {}", index.sql());
    let lag = if index.unique { Lag::None } else { Lag::Late };
    let names = index.parts.iter().map(|(n, _)| n.clone()).chain([name]).collect();
    state.indexes.push(index);
    Some(Part { action: 7, sql, lag, names })
}

fn drop_index(random: &mut Random, state: &mut State) -> Option<Part> {
    let at = usize::try_from(random.below(state.indexes.len() as u64)).unwrap_or(0);
    let index = state.indexes.get(at)?;
    if index.primary && state.place == Place::Clustered {
        return None;
    }
    let index = state.indexes.remove(at);
    let names = index.parts.iter().map(|(n, _)| n.clone()).chain([index.name.clone()]).collect();
    let (action, sql) = match index.primary {
        true => (33, "DROP PRIMARY KEY".to_owned()),
        false => (8, format!("DROP INDEX {}", sql_name(&index.name))),
    };
    // Where it was UNIQUE, what comes behind may hold a value twice.
    Some(Part { action, sql, lag: if index.unique { Lag::None } else { Lag::Late }, names })
}

fn rename_index(story: &mut Story, state: &mut State) -> Option<Part> {
    let new = new_name(story);
    let index = state.indexes.iter_mut().find(|i| !i.primary)?;
    let old = std::mem::replace(&mut index.name, new.clone());
    let sql = format!("RENAME INDEX {} TO {}", sql_name(&old), sql_name(&new));
    Some(Part { action: 18, sql, lag: Lag::Late, names: vec![old, new] })
}

fn comment(story: &mut Story, state: &mut State) -> Option<Part> {
    state.comment = format!("comment {} é", story.random.below(1000));
    Some(Part { action: 17, sql: format!("COMMENT = '{}'", state.comment), lag: Lag::Late, names: Vec::new() })
}
