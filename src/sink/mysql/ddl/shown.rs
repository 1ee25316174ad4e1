//! Two pictures as an operator sees them side by side: few lines, those that differ.

use super::picture::{Ids, Picture, State};
use crate::sink::mysql::session::{quote_name, shorten};

/// Lines for each side.
const LINES: usize = 6;

/// Both pictures, each in at most six lines: what each object is, and the lines of definitions that differ.
pub(super) fn both(before: &Picture, now: &Picture) -> (String, String) {
    let (old, new) = (lines(before), lines(now));
    (differing(&old, &new), differing(&new, &old))
}

/// A line, and whether it always shows.
type Line = (String, bool);

fn differing(own: &[Line], other: &[Line]) -> String {
    let kept = own.iter().filter(|(line, always)| *always || other.iter().all(|(o, _)| o != line));
    let mut lines: Vec<String> = kept.map(|(line, _)| format!("  {}", shorten(line))).collect();
    if lines.len() > LINES {
        lines.truncate(LINES - 1);
        lines.push("  …".to_owned());
    }
    lines.join("\n")
}

fn lines(picture: &Picture) -> Vec<Line> {
    let mut out = Vec::new();
    if let Some(database) = &picture.database {
        let name = quote_name(&database.name);
        match &database.there {
            None => out.push((format!("database {name}: not there"), true)),
            Some(state) => {
                out.push((format!("database {name}: {} tables", state.tables.len()), true));
                out.push((state.definition.clone(), false));
                out.extend(state.tables.iter().map(|t| (format!("table {}", quote_name(t)), false)));
            }
        }
    }
    for object in &picture.objects {
        let name = format!("{}.{}", quote_name(&object.schema), quote_name(&object.name));
        match &object.there {
            None => out.push((format!("{name}: not there"), true)),
            Some(state) => {
                out.push((format!("{name}: {}", described(state)), true));
                out.extend(state.definition.lines().map(|l| (l.trim().to_owned(), false)));
            }
        }
    }
    out
}

fn described(state: &State) -> String {
    let mut text = match &state.ids {
        None => "its ids are not known".to_owned(),
        Some(Ids { table, partitions }) => {
            let own = table.iter().map(|id| format!("id {id}"));
            own.chain(partitions.iter().map(|(name, ids)| format!("partition {name} {ids:?}")))
                .collect::<Vec<_>>()
                .join(", ")
        }
    };
    if let Some(created) = &state.created {
        text.push_str(&format!(", created {created}"));
    }
    if let Some(counter) = &state.counter {
        text.push_str(&format!(", next value {counter}"));
    }
    text
}
