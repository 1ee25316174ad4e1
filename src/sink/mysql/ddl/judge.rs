//! Decides what became of a statement with an unknown outcome, by comparing two pictures.
//!
//! No query is sent. Two rules hold. Where both pictures are the same, the statement may run:
//! either it did not run, or it left nothing that shows and running it again does nothing more (an
//! ALTER TABLE that changes no definition, IF EXISTS on nothing). Statements for which that is not
//! so (TRUNCATE, EXCHANGE PARTITION, a swap of equal tables) are decided by ids, and without ids
//! they are unknown. Where the pictures differ, they have to differ as the statement would make
//! them; all else is unknown. Never a guess.
//!
//! - RENAME TABLE of one or several tables, judged by simulating it: after how many of its moves
//!   would the target be as it is?
//! - Statements that only ids can judge: TRUNCATE of a table or of partitions, EXCHANGE PARTITION.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::form::{Form, Name, Unseen};
use super::picture::{DatabaseState, Ids, ObjectState, Picture, same_name};
use super::settle::both;
use crate::sql::quote_name;

/// The outcome of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may run: it did not, or running it again changes nothing more.
    NotDone,
    /// It took effect.
    Done,
    /// A part of it took effect: this statement does what is left.
    Partly(String),
    /// It is not known.
    Unknown {
        /// The reason.
        why: &'static str,
        /// The state before, in a few lines.
        before: String,
        /// The state now, in a few lines.
        now: String,
    },
}

/// A table's columns upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Its database.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Names of the columns that clients see.
    pub columns: Vec<String>,
}

/// The intended effect of a statement.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The statement.
    pub form: &'a Form,
    /// The upstream's tables before the job, as far as they are known.
    pub before: &'a [Shape],
    /// The upstream's tables after the job, as far as they are known.
    pub after: &'a [Shape],
}

/// Why an outcome is not known.
pub(super) struct Unclear(pub &'static str);

pub(super) type Judged = Result<Verdict, Unclear>;

pub(super) const NO_IDS: &str = "only the storage engine's ids could tell, and they cannot be read (on MySQL and \
    MariaDB that needs the PROCESS privilege and InnoDB tables)";
pub(super) const OTHERWISE: &str = "the target differs from before, but not as this statement would have changed it";

/// Judges a statement by the pictures from before it and from now.
#[must_use]
pub fn judge(expected: Expected<'_>, before: &Picture, now: &Picture) -> Verdict {
    let of = |name: &Name| (before.state(name), now.state(name));
    let judged = match expected.form {
        Form::CreateDatabase(_) | Form::AlterDatabase(_) | Form::DropDatabase(_) => {
            database(expected.form, database_of(before), database_of(now))
        }
        Form::Create { name, replace } => create(expected, *replace, name, of(name)),
        Form::Drop { what, names } => drop_objects(what, names, before, now),
        Form::Rename(pairs) => rename(pairs, before, now),
        Form::Truncate(name) => truncate(of(name)),
        Form::Alter { name, unseen: Unseen::Exchange(partition, with), .. } => exchange(partition, of(name), of(with)),
        Form::Alter { name, unseen: Unseen::Truncate(partitions), .. } => truncate_partitions(partitions, of(name)),
        Form::Alter { name, renamed: Some(new), .. } => alter_and_rename(expected, (name, new), of(name), of(new)),
        Form::Alter { name, unseen, .. } => alter(expected, name, *unseen == Unseen::ForcedCounter, of(name)),
        Form::AlterSequence { name, restart } => sequence(*restart, of(name)),
        Form::Other => Err(Unclear("tisync does not know what this kind of statement changes")),
    };
    judged.unwrap_or_else(|Unclear(why)| {
        let (before, now) = both(before, now);
        Verdict::Unknown { why, before, now }
    })
}

/// One object, before the statement and now.
type Pair<'a> = (Option<&'a ObjectState>, Option<&'a ObjectState>);

fn database_of(picture: &Picture) -> Option<&DatabaseState> {
    picture.database.as_ref().and_then(|d| d.there.as_ref())
}

fn database(form: &Form, before: Option<&DatabaseState>, now: Option<&DatabaseState>) -> Judged {
    match (form, before, now) {
        (_, None, None) => Ok(Verdict::NotDone),
        (Form::CreateDatabase(_), None, Some(_)) | (Form::DropDatabase(_), Some(_), None) => Ok(Verdict::Done),
        // IF NOT EXISTS, or the server will refuse it.
        (Form::CreateDatabase(_), Some(_), Some(_)) => Ok(Verdict::NotDone),
        // DROP DATABASE removes table by table, and a crash may leave some of them. Whether it had
        // begun or not, dropping what is left ends where the upstream ended. A table that was not
        // there before was created by another user, and must not be dropped.
        (Form::DropDatabase(_), Some(before), Some(now)) if now.tables.iter().all(|t| before.tables.contains(t)) => {
            Ok(Verdict::NotDone)
        }
        (Form::AlterDatabase(_), Some(before), Some(now)) => {
            Ok(if before.definition == now.definition { Verdict::NotDone } else { Verdict::Done })
        }
        _ => Err(Unclear(OTHERWISE)),
    }
}

/// Whether an object is certainly what it was, or, without ids, shows no sign of being another one.
pub(super) fn same(before: &ObjectState, now: &ObjectState) -> bool {
    let identity = match (&before.ids, &now.ids) {
        (Some(before), Some(now)) => before == now,
        _ => before.created == now.created,
    };
    identity && before.definition == now.definition && before.counter == now.counter
}

fn create(expected: Expected<'_>, replace: bool, name: &Name, state: Pair<'_>) -> Judged {
    match state {
        (None, None) => Ok(Verdict::NotDone),
        (None, Some(now)) => made(expected, name, now),
        (Some(before), Some(now)) if replace && !same(before, now) => made(expected, name, now),
        // If something was in the way, the statement had no effect, or none that shows.
        (Some(_), _) => Ok(Verdict::NotDone),
    }
}

fn made(expected: Expected<'_>, name: &Name, now: &ObjectState) -> Judged {
    match shape(expected.after, name) {
        Some(shape) if folded(&shape.columns) != folded(&now.columns) => Err(Unclear(OTHERWISE)),
        _ => Ok(Verdict::Done),
    }
}

fn drop_objects(what: &str, names: &[Name], before: &Picture, now: &Picture) -> Judged {
    let mut left = Vec::new();
    let mut gone = 0;
    for name in names {
        match (before.state(name), now.state(name)) {
            (None, None) => {}
            (Some(_), None) => gone += 1,
            (Some(before), Some(now)) if same(before, now) => left.push(name.to_string()),
            _ => return Err(Unclear(OTHERWISE)),
        }
    }
    Ok(match (gone, left.is_empty()) {
        (0, _) => Verdict::NotDone,
        (_, true) => Verdict::Done,
        (_, false) => Verdict::Partly(format!("DROP {what} {}", left.join(", "))),
    })
}

fn alter(expected: Expected<'_>, name: &Name, forced: bool, state: Pair<'_>) -> Judged {
    match state {
        (None, None) => Ok(Verdict::NotDone),
        // What it would change is unchanged, or there was nothing to change. A table that was only
        // rebuilt has new ids.
        (Some(before), Some(now)) if before.definition == now.definition && !before.definition.is_empty() => {
            if forced {
                return Err(Unclear("it may lower the AUTO_INCREMENT counter, which no definition shows"));
            }
            Ok(Verdict::NotDone)
        }
        (Some(before), Some(now)) if fits(expected, (name, name), before, now) => Ok(Verdict::Done),
        _ => Err(Unclear(OTHERWISE)),
    }
}

/// An ALTER TABLE that renames and does more: the name is enough to judge.
fn alter_and_rename(expected: Expected<'_>, names: (&Name, &Name), old: Pair<'_>, new: Pair<'_>) -> Judged {
    match (old, new) {
        ((None, None), (None, None)) => Ok(Verdict::NotDone),
        ((Some(before), Some(now)), (None, None)) if before.definition == now.definition => Ok(Verdict::NotDone),
        ((Some(before), None), (None, Some(now))) if fits(expected, names, before, now) => Ok(Verdict::Done),
        _ => Err(Unclear(OTHERWISE)),
    }
}

fn sequence(restart: bool, state: Pair<'_>) -> Judged {
    match state {
        (None, None) => Ok(Verdict::NotDone),
        (Some(before), Some(now)) if before.definition != now.definition => Ok(Verdict::Done),
        (Some(before), Some(now)) if !restart || (before.counter.is_some() && before.counter == now.counter) => {
            Ok(Verdict::NotDone)
        }
        (Some(_), Some(_)) => Err(Unclear("no definition shows a RESTART, and other sessions may take values as well")),
        _ => Err(Unclear(OTHERWISE)),
    }
}

/// Whether the columns on the target are those that the job should have left: the upstream's, and
/// the target's own additional ones. If the upstream's tables are not known, any columns fit.
fn fits(expected: Expected<'_>, (old, new): (&Name, &Name), before: &ObjectState, now: &ObjectState) -> bool {
    let Some(after) = shape(expected.after, new) else { return true };
    let upstream = shape(expected.before, old).map(|s| folded(&s.columns));
    let there = folded(&now.columns);
    let mut should = folded(&after.columns);
    match upstream {
        Some(upstream) => should.extend(folded(&before.columns).difference(&upstream).cloned()),
        None => return there.is_superset(&should),
    }
    should == there
}

fn shape<'a>(shapes: &'a [Shape], name: &Name) -> Option<&'a Shape> {
    shapes.iter().find(|s| same_name(&s.schema, &name.schema) && same_name(&s.name, &name.name))
}

fn folded(columns: &[String]) -> BTreeSet<String> {
    columns.iter().map(|c| c.to_lowercase()).collect()
}

/// Which object is where: its name before, and its state, by the name that it would have now.
type Scene<'a> = BTreeMap<&'a Name, Option<(&'a Name, &'a ObjectState)>>;

pub(super) fn rename(pairs: &[(Name, Name)], before: &Picture, now: &Picture) -> Judged {
    let names = pairs.iter().flat_map(|(a, b)| [a, b]);
    let mut scene: Scene<'_> = names.map(|n| (n, before.state(n).map(|s| (n, s)))).collect();
    // The numbers of moves that lead to the present state; whether ids tell them apart.
    let mut fitting: Vec<usize> = Vec::from_iter(renamed_fits(&scene, now).then_some(0));
    for (done, (from, to)) in (1..).zip(pairs) {
        let moved = scene.insert(from, None).flatten();
        if moved.is_none() || scene.get(to).is_some_and(Option::is_some) {
            // The server refuses this move; whether the moves before it stay is not known.
            let untouched = fitting.first() == Some(&0);
            return if untouched { Ok(Verdict::NotDone) } else { Err(Unclear(OTHERWISE)) };
        }
        scene.insert(to, moved);
        if renamed_fits(&scene, now) {
            fitting.push(done);
        }
    }
    let known = scene.values().flatten().all(|(_, state)| state.ids.is_some());
    let Some(done) = fitting.last().copied() else { return Err(Unclear(OTHERWISE)) };
    if fitting.len() > 1 && !known {
        return Err(Unclear(NO_IDS));
    }
    // With ids, several fit only if a table came back to its name: the state is equal, so the later
    // one will do.
    Ok(match pairs.get(done..).unwrap_or_default() {
        [] => Verdict::Done,
        _ if done == 0 => Verdict::NotDone,
        rest => {
            let rest: Vec<String> = rest.iter().map(|(a, b)| format!("{a} TO {b}")).collect();
            Verdict::Partly(format!("RENAME TABLE {}", rest.join(", ")))
        }
    })
}

fn renamed_fits(scene: &Scene<'_>, now: &Picture) -> bool {
    scene.iter().all(|(name, expected)| match (expected, now.state(name)) {
        (None, None) => true,
        (Some((old, before)), Some(now)) => match (&before.ids, &now.ids) {
            (Some(before), Some(now)) => before == now,
            _ => body(before, old) == body(now, name),
        },
        _ => false,
    })
}

/// A definition without the table's name, and without foreign keys, which may be named after it.
fn body<'a>(state: &'a ObjectState, name: &Name) -> Vec<&'a str> {
    let quoted = quote_name(&name.name);
    let rest = state.definition.split_once(&quoted).map_or(state.definition.as_str(), |(_, rest)| rest);
    rest.lines().filter(|l| !l.trim_start().starts_with("CONSTRAINT")).collect()
}

/// The ids of a table that exists before and now, with its definition unchanged; `None` if it
/// exists on neither side.
fn ids<'a>(state: Pair<'a>) -> Result<Option<(&'a Ids, &'a Ids)>, Unclear> {
    match state {
        (None, None) => Ok(None),
        (Some(before), Some(now)) if before.definition == now.definition => match (&before.ids, &now.ids) {
            (Some(before), Some(now)) => Ok(Some((before, now))),
            _ => Err(Unclear(NO_IDS)),
        },
        _ => Err(Unclear(OTHERWISE)),
    }
}

pub(super) fn truncate(state: Pair<'_>) -> Judged {
    let Some((before, now)) = ids(state)? else { return Ok(Verdict::NotDone) };
    let old: BTreeSet<u64> = before.all().collect();
    // If some partitions are new and others are not, it stopped half-way: to run it again ends
    // where it would have ended.
    Ok(if now.all().any(|id| old.contains(&id)) { Verdict::NotDone } else { Verdict::Done })
}

pub(super) fn truncate_partitions(names: &[String], state: Pair<'_>) -> Judged {
    let Some((before, now)) = ids(state)? else { return Ok(Verdict::NotDone) };
    let concerned = |key: &str| names.is_empty() || names.iter().any(|n| same_name(n, key));
    let known = |name: &String| before.partitions.keys().any(|k| same_name(k, name));
    if before.partitions.is_empty() || !names.iter().all(known) {
        return Err(Unclear(NO_IDS));
    }
    if before.table != now.table || !before.partitions.keys().eq(now.partitions.keys()) {
        return Err(Unclear(OTHERWISE));
    }
    let pairs = || before.partitions.iter().zip(now.partitions.values());
    if pairs().any(|((name, before), now)| !concerned(name) && before != now) {
        return Err(Unclear(OTHERWISE));
    }
    let left = pairs().any(|((name, before), now)| concerned(name) && before.iter().any(|id| now.contains(id)));
    Ok(if left { Verdict::NotDone } else { Verdict::Done })
}

/// Afterwards, the partition and the table have each other's former id.
pub(super) fn exchange(partition: &str, partitioned: Pair<'_>, plain: Pair<'_>) -> Judged {
    let (Some((before, now)), Some((plain_before, plain_now))) = (ids(partitioned)?, ids(plain)?) else {
        // One of them did not exist and does not: the server will refuse the statement.
        return Ok(Verdict::NotDone);
    };
    let there = (before.partition(partition), now.partition(partition), plain_before.table, plain_now.table);
    let (Some(before), Some(now), Some(plain_before), Some(plain_now)) = there else { return Err(Unclear(NO_IDS)) };
    match (now, plain_now) {
        same if same == (before, plain_before) => Ok(Verdict::NotDone),
        swapped if swapped == (plain_before, before) => Ok(Verdict::Done),
        _ => Err(Unclear(OTHERWISE)),
    }
}
