//! A statement as tokens, and edits to its text.
//!
//! - An ALTER TABLE as two statements.
//! - Which foreign keys and CHECK constraints a statement names.
//! - Options of tables, and partitions.

use std::ops::{Deref, Range};

use super::{Dialect, Part, Unsupported};
use crate::sql::Words;
use crate::sql::quote_name;

/// A statement that is being edited. Comments stay unless the text around them is removed.
pub(super) struct Edit<'a> {
    sql: &'a str,
    words: Words<'a>,
    changes: Vec<(usize, usize, String)>,
}

impl<'a> Deref for Edit<'a> {
    type Target = Words<'a>;

    fn deref(&self) -> &Words<'a> {
        &self.words
    }
}

impl<'a> Edit<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, words: Words::of(sql), changes: Vec::new() }
    }

    /// The text of the token at `at`.
    pub(super) fn written(&self, at: usize) -> &'a str {
        self.words.bytes(at..at + 1).and_then(|span| self.sql.get(span)).unwrap_or_default()
    }

    /// Removes `range`.
    pub(super) fn cut(&mut self, range: Range<usize>) {
        self.put(range, "");
    }

    /// Replaces `range` by `text`.
    pub(super) fn put(&mut self, range: Range<usize>, text: &str) {
        if let Some(span) = self.words.bytes(range) {
            self.changes.push((span.start, span.end, text.to_owned()));
        }
    }

    /// Removes the items of a list that are not in `kept`, with their commas and comments.
    pub(super) fn keep(&mut self, items: &[Range<usize>], kept: &[usize]) {
        let start = |at: usize| self.words.bytes(at..at + 1).map_or(self.sql.len(), |span| span.start);
        let mut cuts = Vec::new();
        let mut next = 0;
        for (number, index) in kept.iter().copied().chain([items.len()]).enumerate() {
            if index > next {
                let first = items.get(next).map_or(0, |i| i.start);
                cuts.push(match items.get(index) {
                    Some(item) => (start(first), start(item.start)),
                    // The comma before the last ones is removed with them.
                    None => {
                        let end = items.last().map_or(self.len(), |i| i.end);
                        (start(if number == 0 { first } else { first - 1 }), start(end))
                    }
                });
            }
            next = index + 1;
        }
        self.changes.extend(cuts.into_iter().map(|(from, to)| (from, to, String::new())));
    }

    /// The edited text.
    pub(super) fn finish(mut self) -> String {
        // Of two edits that begin at one place, the longer one applies.
        self.changes.sort_by_key(|(from, to, _)| (*from, usize::MAX - *to));
        let (mut out, mut at) = (String::with_capacity(self.sql.len()), 0);
        for (from, to, text) in &self.changes {
            if *from < at {
                continue;
            }
            out.push_str(self.sql.get(at..*from).unwrap_or_default());
            // A removal leaves no double space.
            if text.is_empty()
                && out.ends_with(' ')
                && self.sql.get(*to..).is_some_and(|r| r.starts_with([' ', ',', ')']))
            {
                out.pop();
            }
            out.push_str(text);
            at = *to;
        }
        out.push_str(self.sql.get(at..).unwrap_or_default());
        out.truncate(out.trim_end().len());
        out
    }
}

/// `sql`, an ALTER TABLE, as two statements: one that renames columns that are `held`, by RENAME
/// COLUMN if the target has it (`plain`), and the rest. `None` if there is no such column, or
/// nothing but renames.
pub(in crate::sink::mysql::ddl) fn renames_apart(
    sql: &str,
    plain: bool,
    held: impl Fn(&str) -> bool,
) -> Option<(String, String)> {
    let mut edit = Edit::new(sql);
    let from = clauses(&edit)?;
    let items = edit.items(from..edit.len());
    let (mut renames, mut kept) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let at = item.start;
        let (rename, change) = (edit.phrase(at, &["RENAME", "COLUMN"]).is_some(), edit.is(at, "CHANGE"));
        let column = edit.behind_condition(if edit.is(at + 1, "COLUMN") { at + 2 } else { at + 1 });
        let new = if rename { column + 2 } else { column + 1 };
        let names = edit.name(column).zip(edit.name(new)).filter(|(name, new)| name != new && held(name));
        let Some((name, new_name)) = names.filter(|_| rename || change) else {
            kept.push(index);
            continue;
        };
        let end = if edit.is(item.end - 1, "FIRST") { item.end - 1 } else { item.end };
        let end = if edit.is(item.end - 2, "AFTER") { item.end - 2 } else { end };
        renames.push(match plain {
            true => format!("RENAME COLUMN {} TO {}", quote_name(&name), quote_name(&new_name)),
            false => sql.get(edit.bytes(at..end)?)?.to_owned(),
        });
        if change {
            kept.push(index);
            edit.put(at..new, "MODIFY COLUMN");
        }
    }
    let more = kept.iter().filter_map(|index| items.get(*index)).any(|item| !edit.is(item.start, "RENAME"));
    let head = sql.get(..edit.bytes(from..from + 1).filter(|_| more && !renames.is_empty())?.start)?.to_owned();
    edit.keep(&items, &kept);
    Some((format!("{head}{}", renames.join(", ")), edit.finish()))
}

/// Index of the first clause of an ALTER TABLE.
pub(super) fn clauses(edit: &Edit<'_>) -> Option<usize> {
    let table = edit.phrase(0, &["ALTER", "TABLE"]).or_else(|| edit.phrase(0, &["ALTER", "IGNORE", "TABLE"]))?;
    Some(edit.behind_name(edit.behind_condition(table)))
}

/// A kind of constraint. Names are unique within a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql::ddl) enum Kind {
    Foreign,
    Check,
}

/// A constraint that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql::ddl) struct Mention {
    pub kind: Kind,
    /// Whether it is created, not changed or dropped.
    pub new: bool,
    /// Its name.
    pub name: String,
    /// The place of the name.
    span: Range<usize>,
}

/// The constraints that `sql`, a CREATE TABLE or an ALTER TABLE, names, in order.
pub(in crate::sink::mysql::ddl) fn mentions(sql: &str) -> Vec<Mention> {
    let edit = Edit::new(sql);
    if !(edit.is_any(0, &["CREATE", "ALTER"]) && (1..4).any(|at| edit.is(at, "TABLE"))) {
        return Vec::new();
    }
    (1..edit.len()).filter_map(|at| mention(&edit, at)).collect()
}

fn mention(edit: &Edit<'_>, at: usize) -> Option<Mention> {
    let found = |kind, new, name: usize| {
        let name = edit.behind_condition(name);
        Some(Mention { kind, new, name: edit.name(name)?.into_owned(), span: edit.bytes(name..name + 1)? })
    };
    let old = |kind, phrase: &[&str]| edit.phrase(at, phrase).and_then(|name| found(kind, false, name));
    if edit.is(at, "CONSTRAINT") {
        // After ADD, and in a definition; after DROP and ALTER it is handled there.
        let behind = edit.behind_condition(at + 1) + 1;
        return match () {
            () if edit.is_any(at - 1, &["DROP", "ALTER"]) => None,
            () if edit.phrase(behind, &["FOREIGN", "KEY"]).is_some() => found(Kind::Foreign, true, at + 1),
            () if edit.is(behind, "CHECK") => found(Kind::Check, true, at + 1),
            () => None,
        };
    }
    old(Kind::Foreign, &["DROP", "FOREIGN", "KEY"])
        .or_else(|| old(Kind::Check, &["DROP", "CHECK"]))
        .or_else(|| old(Kind::Check, &["DROP", "CONSTRAINT"]))
        .or_else(|| old(Kind::Check, &["ALTER", "CHECK"]))
        .or_else(|| old(Kind::Check, &["ALTER", "CONSTRAINT"]))
}

/// Whether `sql` is an ALTER TABLE with one clause.
pub(in crate::sink::mysql::ddl) fn has_one_clause(sql: &str) -> bool {
    let edit = Edit::new(sql);
    clauses(&edit).is_some_and(|from| edit.items(from..edit.len()).len() == 1)
}

/// `sql` with new names for some of its constraints.
pub(in crate::sink::mysql::ddl) fn renamed(sql: &str, names: &[(Mention, String)]) -> String {
    let (mut out, mut at) = (String::with_capacity(sql.len()), 0);
    for (mention, name) in names {
        out.push_str(sql.get(at..mention.span.start).unwrap_or_default());
        out.push_str(&quote_name(name));
        at = mention.span.end;
    }
    out.push_str(sql.get(at..).unwrap_or_default());
    out
}

/// Options with one value that only TiDB has. TiDB writes them as comments; this is for a text that
/// it left as the user wrote it.
const OWN: [&str; 17] = [
    "SHARD_ROW_ID_BITS",
    "PRE_SPLIT_REGIONS",
    "AUTO_ID_CACHE",
    "AUTO_RANDOM_BASE",
    "TTL_ENABLE",
    "TTL_JOB_INTERVAL",
    "STATS_BUCKETS",
    "STATS_TOPN",
    "STATS_SAMPLE_RATE",
    "STATS_COL_CHOICE",
    "STATS_COL_LIST",
    "STATS_OPTIONS",
    "ATTRIBUTES",
    "AFFINITY",
    "ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE",
];

impl Dialect<'_> {
    /// Translates the options after CREATE TABLE's brackets, or in one clause of ALTER TABLE.
    /// Whether any are left is a question for [`only_own`].
    pub(super) fn options(&self, edit: &mut Edit<'_>, range: Range<usize>) -> Result<(), Unsupported> {
        let places = edit.surface(range.clone());
        let partition = places.iter().copied().find(|at| edit.is(*at, "PARTITION") && edit.is(at + 1, "BY"));
        for at in places.into_iter().filter(|at| partition.is_none_or(|p| *at < p)) {
            if let Some(end) = own(edit, at, range.end) {
                // Options may be separated by commas.
                edit.cut(at..if edit.sign(end, ',') { end + 1 } else { end });
            }
        }
        match partition {
            Some(partition) => self.partitions(edit, partition..range.end),
            None => Ok(()),
        }
    }

    /// Refuses partitions that only TiDB can have.
    pub(super) fn partitions(&self, edit: &mut Edit<'_>, range: Range<usize>) -> Result<(), Unsupported> {
        if edit.surface(range.clone()).into_iter().any(|at| edit.is(at, "INTERVAL")) {
            return Err(Unsupported("partitions by INTERVAL exist only in TiDB".to_owned()));
        }
        for at in range {
            // PARTITION p DEFAULT, or VALUES IN (1, DEFAULT)
            let named = edit.is(at, "DEFAULT") && at >= 2 && edit.is(at - 2, "PARTITION");
            if named && !self.mariadb {
                return Err(default_partition());
            }
            if let Some(open) = edit.phrase(at, &["VALUES", "IN"]).filter(|open| edit.sign(*open, '(')) {
                let close = edit.close(open);
                if !(open..close).any(|at| edit.is(at, "DEFAULT")) {
                    continue;
                }
                if self.mariadb && close == open + 2 {
                    edit.put(at..close + 1, "DEFAULT");
                } else {
                    return Err(default_partition());
                }
            }
        }
        Ok(())
    }
}

fn default_partition() -> Unsupported {
    Unsupported("the target does not know a LIST's DEFAULT partition in this form".to_owned())
}

/// The end of an option at `at` that the target must not get.
fn own(edit: &Edit<'_>, at: usize, end: usize) -> Option<usize> {
    let value = if edit.sign(at + 1, '=') { at + 2 } else { at + 1 };
    if value >= end {
        return None;
    }
    if edit.is_any(at, &OWN) {
        return Some(value + 1);
    }
    // TiDB has one engine and accepts any name for it; another one than InnoDB would have no
    // transactions.
    if edit.is(at, "ENGINE") && !edit.name(value).is_some_and(|n| n.eq_ignore_ascii_case("InnoDB")) {
        return Some(value + 1);
    }
    if let Some(policy) = edit.phrase(at, &["PLACEMENT", "POLICY"]) {
        return Some(if edit.sign(policy, '=') { policy + 2 } else { policy + 1 });
    }
    // TTL = column + INTERVAL n unit
    if edit.is(at, "TTL") && edit.sign(value + 1, '+') && edit.is(value + 2, "INTERVAL") {
        return Some((value + 5).min(end));
    }
    None
}

/// Whether a clause has only options that the target must not get.
pub(super) fn only_own(edit: &Edit<'_>, range: Range<usize>) -> bool {
    let mut at = range.start;
    while at < range.end {
        match own(edit, at, range.end) {
            Some(end) => at = end,
            None => return false,
        }
    }
    true
}

/// Whether a clause of ALTER TABLE concerns only the upstream, by its first words.
pub(super) fn of_the_upstream(edit: &Edit<'_>, at: usize) -> Option<Part> {
    let phrases: [(&[&str], &str); 13] = [
        (&["SET", "TIFLASH"], "TiFlash"),
        (&["SET", "HYPO"], "TiFlash"),
        (&["ADD", "VECTOR"], "TiFlash's index"),
        (&["ADD", "COLUMNAR"], "TiFlash's index"),
        (&["ATTRIBUTES"], "attributes"),
        (&["CACHE"], "the cache"),
        (&["NOCACHE"], "the cache"),
        (&["STATS_OPTIONS"], "statistics"),
        (&["ADD", "STATS_EXTENDED"], "statistics"),
        (&["DROP", "STATS_EXTENDED"], "statistics"),
        (&["REMOVE", "TTL"], "TTL"),
        (&["COMPACT"], "compaction"),
        (&["SPLIT", "TABLE"], "regions"),
    ];
    let found = phrases.iter().find(|(phrase, _)| edit.phrase(at, phrase).is_some());
    let of_partition = edit.is(at, "PARTITION") && edit.is_any(at + 2, &["ATTRIBUTES", "PLACEMENT"]);
    match found {
        Some((_, what)) => Some(Part::Goes(Some(format!("{what} concerns only the upstream")))),
        None if of_partition => Some(Part::Goes(Some("placement concerns only the upstream".to_owned()))),
        // How the upstream executes it does not concern the target.
        None if edit.is_any(at, &["ALGORITHM", "LOCK"]) => Some(Part::Goes(None)),
        None => None,
    }
}

/// Whether it is a clause that only TiDB's partitions by INTERVAL have.
pub(super) fn of_intervals(edit: &Edit<'_>, at: usize) -> bool {
    let phrases: [&[&str]; 4] =
        [&["FIRST", "PARTITION"], &["LAST", "PARTITION"], &["MERGE", "FIRST"], &["SPLIT", "MAXVALUE"]];
    phrases.iter().any(|p| edit.phrase(at, p).is_some())
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
