//! Random DDL of tables; that of their parts is in [`alter`](crate::alter).

use crate::column::Field;
use crate::partition::{How, Part, Partitions};
use crate::story::{DATABASES, Infos, Lag, Story};
use crate::table::{Index, Place, State};
use crate::{alter, dml, parts};
use tisync::model::Generated;
use tisync::playground::sql_name;

/// The most tables at a time.
const MOST_TABLES: usize = 8;
/// Collations that a table may have.
const COLLATIONS: [&str; 3] = ["utf8mb4_bin", "utf8mb4_bin", "utf8mb4_general_ci"];
/// What table and column names begin with; a number follows that makes them differ.
const NAMES: [&str; 8] = ["t", "Te", "x;y", "select", "a b", "t.dot", "ü é", "per%cent_"];

/// Any DDL that is possible now.
pub fn random(story: &mut Story) {
    let Some(at) = any(story) else { return create(story) };
    match story.random.below(24) {
        0 | 1 if story.tables.len() < MOST_TABLES => create(story),
        2 if story.tables.len() > 3 => drop_table(story, at),
        3 => truncate(story, at),
        4 => rename(story, at),
        5 => swap(story),
        6..=10 => parts::random(story),
        11..=15 => alter::several(story, at),
        _ => alter::one(story, at),
    }
}

pub fn any(story: &mut Story) -> Option<usize> {
    let count = story.tables.len() as u64;
    (count > 0).then(|| usize::try_from(story.random.below(count)).unwrap_or(0))
}

/// A name that nothing else has, in any letter case.
pub fn new_name(story: &mut Story) -> String {
    story.made += 1;
    format!("{}{}", story.random.pick(&NAMES), story.made)
}

pub fn create(story: &mut Story) {
    let state = new_table(story);
    let rows = 2 + story.random.below(8);
    add(story, state);
    dml::fill(story, story.tables.len() - 1, rows);
}

/// Runs the CREATE TABLE.
pub fn add(story: &mut Story, state: State) {
    let query = state.create_sql();
    story.alter(3, (state.id, &state.name), &state, query, Lag::None);
    story.tables.push(state);
}

fn new_table(story: &mut Story) -> State {
    let name = new_name(story);
    let id = story.id();
    let random = &mut story.random;
    let collation = (*random.pick(&COLLATIONS)).to_owned();
    let database = (*random.pick(&DATABASES)).to_owned();
    let mut fields = vec![Field::whole(1, "id", *random.pick(&[4, 8]), false), Field::whole(2, "v", 4, true)];
    for number in 0..random.below(6) {
        let number = i64::try_from(number).unwrap_or(0) + 3;
        let mut field = Field::random(random, number, &format!("c{number}"), &collation);
        if random.one_in(3) {
            field = field.with_default();
        }
        fields.push(field);
    }
    let (indexes, place) = keys(story, &fields);
    let mut state = State {
        id,
        database,
        name,
        last_column: i64::try_from(fields.len()).unwrap_or(0),
        fields,
        indexes,
        place,
        partitions: None,
        collation,
        comment: String::new(),
        rows: std::collections::BTreeMap::new(),
        next: 1,
    };
    if story.random.one_in(4) {
        compute(story, &mut state);
    }
    if story.random.one_in(3) {
        partition(story, &mut state);
    }
    state
}

/// The primary key and the first index.
fn keys(story: &mut Story, fields: &[Field]) -> (Vec<Index>, Place) {
    let random = &mut story.random;
    let mut indexes = Vec::new();
    let more = fields.iter().skip(2).find(|f| f.keyable() && !f.column.nullable).map(|f| f.name().to_owned());
    let key = |names: Vec<String>| Index {
        name: "PRIMARY".to_owned(),
        primary: true,
        unique: true,
        parts: names.into_iter().map(|n| (n, None)).collect(),
    };
    let id = || "id".to_owned();
    let place = match (random.below(6), more) {
        (0 | 1, _) => Place::RowId,
        (2, _) => {
            indexes.push(key(vec![id()]));
            Place::RowId
        }
        (3 | 4, Some(other)) => {
            indexes.push(key(if random.one_in(2) { vec![id(), other] } else { vec![other, id()] }));
            if random.one_in(4) { Place::RowId } else { Place::Clustered }
        }
        _ => {
            indexes.push(key(vec![id()]));
            Place::Clustered
        }
    };
    if random.one_in(3) {
        let parts = vec![("v".to_owned(), None), (id(), None)];
        indexes.push(Index { name: "u 1".to_owned(), primary: false, unique: true, parts });
    }
    (indexes, place)
}

/// A column that the server computes.
fn compute(story: &mut Story, state: &mut State) {
    state.last_column += 1;
    let mut field = Field::whole(state.last_column, &format!("g{}", state.last_column), 8, true);
    field.column.generated = if story.random.one_in(2) { Generated::Stored } else { Generated::Virtual };
    field.column.missing = tisync::model::Value::Absent;
    field.details.generated = Some("`v` + 1".to_owned());
    state.fields.push(field);
}

fn partition(story: &mut Story, state: &mut State) {
    let how = *story.random.pick(&[How::Range, How::Range, How::List, How::Hash]);
    let mut parts = Vec::new();
    for number in 0..3_i64 {
        let values = if how == How::List { (number * 30 - 20..number * 30 + 10).collect() } else { Vec::new() };
        let below = (how == How::Range).then_some(number * 30 + 10);
        parts.push(Part { id: story.id(), name: format!("p{number}"), below, values });
    }
    state.partitions = Some(Partitions { column: "id".to_owned(), how, parts });
    let fits = |i: &Index| !i.unique || i.has("id");
    state.indexes.retain(fits);
}

fn drop_table(story: &mut Story, at: usize) {
    let state = story.tables.remove(at);
    let query = format!("DROP TABLE {}", state.full_name());
    story.alter(4, (state.id, &state.name), &state, query, Lag::Late);
}

fn truncate(story: &mut Story, at: usize) {
    let mut state = story.tables.remove(at);
    let old = state.id;
    state.id = story.id();
    for part in state.partitions.iter_mut().flat_map(|p| &mut p.parts) {
        part.id = story.id();
    }
    state.rows.clear();
    let query = format!("TRUNCATE TABLE {}", state.full_name());
    story.alter(11, (old, &state.name), &state, query, Lag::Late);
    story.tables.insert(at, state);
}

fn rename(story: &mut Story, at: usize) {
    let name = new_name(story);
    let database = (*story.random.pick(&DATABASES)).to_owned();
    let mut state = story.tables.remove(at);
    let old = (state.full_name(), state.name.clone());
    (state.name, state.database) = (name, database);
    let query = format!("RENAME TABLE {} TO {}", old.0, state.full_name());
    story.alter(14, (state.id, &old.1), &state, query, Lag::Late);
    story.tables.insert(at, state);
}

/// Two tables change their names, in one statement, now and then across databases.
fn swap(story: &mut Story) {
    let (Some(a), Some(b)) = (any(story), any(story)) else { return };
    if a == b {
        return;
    }
    let between = new_name(story);
    let (Some(first), Some(second)) = (story.tables.get(a).cloned(), story.tables.get(b).cloned()) else { return };
    let on_the_way = format!("{}.{}", sql_name(&first.database), sql_name(&between));
    let query = format!(
        "RENAME TABLE {0} TO {on_the_way}, {1} TO {0}, {on_the_way} TO {1}",
        first.full_name(),
        second.full_name()
    );
    let renamed = |state: &State, database: &str, name: &str| {
        let mut state = state.clone();
        (state.database, state.name) = (database.to_owned(), name.to_owned());
        state
    };
    let new_first = renamed(&first, &second.database, &second.name);
    let new_second = renamed(&second, &first.database, &first.name);
    let infos = [renamed(&first, &first.database, &between), new_second.clone(), new_first.clone()];
    let schema = (Story::schema_id(&first.database), first.database.clone());
    let infos = Infos::Several(infos.iter().map(|s| s.info(0)).collect());
    story.job(47, (schema.0, &schema.1), (first.id, &first.name), query, infos, Lag::Late);
    if let Some(state) = story.tables.get_mut(a) {
        *state = new_first;
    }
    if let Some(state) = story.tables.get_mut(b) {
        *state = new_second;
    }
}
