//! Options of tables, and partitions.

use std::ops::Range;

use super::edit::Edit;
use super::{Dialect, Part, Unspeakable};

/// Options of TiDB's own with one value. TiDB writes them as comments; here for a text that it left as the user wrote it.
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
    /// The options behind CREATE TABLE's brackets, or in one clause of ALTER TABLE. Whether any are left is not asked: see [`only_own`].
    pub(super) fn options(&self, edit: &mut Edit<'_>, range: Range<usize>) -> Result<(), Unspeakable> {
        let places = edit.surface(range.clone());
        let partition = places.iter().copied().find(|at| edit.is(*at, "PARTITION") && edit.is(at + 1, "BY"));
        for at in places.into_iter().filter(|at| partition.is_none_or(|p| *at < p)) {
            if let Some(end) = own(edit, at, range.end) {
                // Options may have commas between them.
                edit.cut(at..if edit.sign(end, ',') { end + 1 } else { end });
            }
        }
        match partition {
            Some(partition) => self.partitions(edit, partition..range.end),
            None => Ok(()),
        }
    }

    /// Partitions that TiDB alone can have.
    pub(super) fn partitions(&self, edit: &mut Edit<'_>, range: Range<usize>) -> Result<(), Unspeakable> {
        if edit.surface(range.clone()).into_iter().any(|at| edit.is(at, "INTERVAL")) {
            return Err(Unspeakable("partitions by INTERVAL are TiDB's own".to_owned()));
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

fn default_partition() -> Unspeakable {
    Unspeakable("a DEFAULT partition of a LIST is not known there in this form".to_owned())
}

/// The end of an option at `at` that the target must not see.
fn own(edit: &Edit<'_>, at: usize, end: usize) -> Option<usize> {
    let value = if edit.sign(at + 1, '=') { at + 2 } else { at + 1 };
    if value >= end {
        return None;
    }
    if edit.is_any(at, &OWN) {
        return Some(value + 1);
    }
    // TiDB has one engine and takes any name for it; another one than InnoDB would have no transactions.
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

/// Whether a clause is nothing but options that the target must not see.
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

/// A clause of ALTER TABLE that concerns the upstream alone, by its first words.
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
        Some((_, what)) => Some(Part::Goes(Some(format!("{what} concerns the upstream alone")))),
        None if of_partition => Some(Part::Goes(Some("placement concerns the upstream alone".to_owned()))),
        // How the upstream does it is no affair of the target's.
        None if edit.is_any(at, &["ALGORITHM", "LOCK"]) => Some(Part::Goes(None)),
        None => None,
    }
}

/// A clause that TiDB's partitions by INTERVAL have for themselves.
pub(super) fn of_intervals(edit: &Edit<'_>, at: usize) -> bool {
    let phrases: [&[&str]; 4] =
        [&["FIRST", "PARTITION"], &["LAST", "PARTITION"], &["MERGE", "FIRST"], &["SPLIT", "MAXVALUE"]];
    phrases.iter().any(|p| edit.phrase(at, p).is_some())
}
