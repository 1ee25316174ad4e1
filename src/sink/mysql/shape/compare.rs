//! What of a table differs between upstream and target.

use std::collections::BTreeSet;

use super::elements::{elements, places, same_numbers};
use super::found::{Found, FoundColumn, Parts};
use crate::model::{Column, Generated, Key, Kind, Table};
use crate::sink::mysql::batch::full_name;
use crate::sink::mysql::session::quote_name;

/// What mode 1 has against the columns of `table`, one line each, with what mode 2 would do.
#[must_use]
pub fn columns(table: &Table, there: &Found) -> Vec<String> {
    let name = full_name(table);
    let mut problems = Vec::new();
    let mut known = BTreeSet::new();
    for column in table.columns.iter().filter(|c| !c.hidden) {
        let (lower, quoted) = (column.name.to_lowercase(), quote_name(&column.name));
        match there.columns.get(&lower) {
            None if column.generated != Generated::No => problems.push(format!("{name} has no column {quoted}")),
            None => problems.push(format!("{name} has no column {quoted} (--sync-mode 2 would leave it out)")),
            Some(c) => {
                problems.extend(column_differs(column, c).map(|text| format!("column {quoted} of {name} {text}")))
            }
        }
        known.insert(lower);
    }
    let more = there.columns.iter().filter(|(n, c)| !known.contains(*n) && !c.invisible_key);
    for (_, column) in more {
        let new = match column {
            FoundColumn { generated: true, .. } => "would let it be",
            FoundColumn { needed: true, .. } => "would keep its values, and give new rows the zero value of its type",
            _ => "would keep its values, and give new rows its default",
        };
        problems.push(format!(
            "{name} has a column {} that the upstream does not have (--sync-mode 2 {new})",
            quote_name(&column.name)
        ));
    }
    problems
}

fn column_differs(column: &Column, there: &FoundColumn) -> Option<String> {
    let generated = column.generated != Generated::No;
    if there.generated && !generated {
        return Some("is generated there, but not upstream (--sync-mode 2 would leave it to the target)".to_owned());
    }
    if !there.generated && generated {
        return Some(
            "is generated upstream, but not there (--sync-mode 2 would treat it as the target's own)".to_owned(),
        );
    }
    let (Kind::Enum { elements: upstream } | Kind::Set { elements: upstream }) = &column.kind else { return None };
    let target = elements(&there.definition)?;
    let places = places(upstream, &target);
    (!generated && !same_numbers(&places)).then(|| {
        format!(
            "has other elements there, ({}) instead of ({}), so values would change (--sync-mode 2 would send them by name)",
            target.join(", "),
            upstream.join(", ")
        )
    })
}

/// What a start has against the keys of `table`.
#[must_use]
pub fn keys(table: &Table, there: &Found) -> Vec<String> {
    let name = full_name(table);
    let mut problems = Vec::new();
    let mut wanted = BTreeSet::new();
    for key in &table.keys {
        // An index over an expression has no column of that name on other servers.
        let Some(parts) = parts(table, key) else { continue };
        if !there.keys.contains(&parts) {
            let what = if key.primary { "primary key" } else { "unique key" };
            problems.push(format!("{name} has no {what} over {}", parts_text(&parts)));
        }
        wanted.insert(parts);
    }
    let own = |parts: &Parts| {
        let made = |c: &str| there.columns.get(c).is_some_and(|c| c.invisible_key);
        parts.iter().all(|(c, _)| !c.is_empty() && !made(c))
    };
    for parts in there.keys.difference(&wanted).filter(|p| own(p)) {
        problems.push(format!("{name} has a unique key over {} that the upstream does not have", parts_text(parts)));
    }
    problems
}

/// A key as the target's are read; `None` for one over a hidden column.
pub(super) fn parts(table: &Table, key: &Key) -> Option<Parts> {
    let part = |p: &crate::model::KeyPart| {
        let column = table.columns.get(p.column).filter(|c| !c.hidden)?;
        Some((column.name.to_lowercase(), p.prefix))
    };
    key.parts.iter().map(part).collect()
}

pub(super) fn parts_text(parts: &Parts) -> String {
    let part = |(name, prefix): &(String, Option<u32>)| match prefix {
        Some(n) => format!("{}({n})", quote_name(name)),
        None => quote_name(name),
    };
    format!("({})", parts.iter().map(part).collect::<Vec<_>>().join(", "))
}
