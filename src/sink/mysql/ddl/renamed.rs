//! Judges RENAME TABLE of one or several tables by playing it through: after how many of its moves would the target be as it is?

use std::collections::BTreeMap;

use super::form::Name;
use super::judge::{Judged, NO_IDS, OTHERWISE, Unclear, Verdict};
use super::picture::{Picture, State};
use crate::sink::mysql::session::quote_name;

/// What is where: the name that an object had before, with its state.
type Scene<'a> = BTreeMap<&'a Name, Option<(&'a Name, &'a State)>>;

pub(super) fn rename(pairs: &[(Name, Name)], before: &Picture, now: &Picture) -> Judged {
    let names = pairs.iter().flat_map(|(a, b)| [a, b]);
    let mut scene: Scene<'_> = names.map(|n| (n, before.state(n).map(|s| (n, s)))).collect();
    // How many moves lead to the present state; all of them give one that is told apart from the others by ids, or not.
    let mut fitting: Vec<usize> = Vec::from_iter(fits(&scene, now).then_some(0));
    for (done, (from, to)) in (1..).zip(pairs) {
        let moved = scene.insert(from, None).flatten();
        if moved.is_none() || scene.get(to).is_some_and(Option::is_some) {
            // The server refuses this one; whether those before it stay is not for us to say.
            let untouched = fitting.first() == Some(&0);
            return if untouched { Ok(Verdict::NotDone) } else { Err(Unclear(OTHERWISE)) };
        }
        scene.insert(to, moved);
        if fits(&scene, now) {
            fitting.push(done);
        }
    }
    let known = scene.values().flatten().all(|(_, state)| state.ids.is_some());
    let Some(done) = fitting.last().copied() else { return Err(Unclear(OTHERWISE)) };
    if fitting.len() > 1 && !known {
        return Err(Unclear(NO_IDS));
    }
    // With ids, several fit only where a table came back to its place: the same state, so the later one will do.
    Ok(match pairs.get(done..).unwrap_or_default() {
        [] => Verdict::Done,
        _ if done == 0 => Verdict::NotDone,
        rest => {
            let rest: Vec<String> = rest.iter().map(|(a, b)| format!("{a} TO {b}")).collect();
            Verdict::Partly(format!("RENAME TABLE {}", rest.join(", ")))
        }
    })
}

fn fits(scene: &Scene<'_>, now: &Picture) -> bool {
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
fn body<'a>(state: &'a State, name: &Name) -> Vec<&'a str> {
    let quoted = quote_name(&name.name);
    let rest = state.definition.split_once(&quoted).map_or(state.definition.as_str(), |(_, rest)| rest);
    rest.lines().filter(|l| !l.trim_start().starts_with("CONSTRAINT")).collect()
}
