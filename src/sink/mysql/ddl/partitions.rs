//! Statements that only ids can judge: TRUNCATE of a table or of partitions, EXCHANGE PARTITION.

use std::collections::BTreeSet;

use super::judge::{Judged, NO_IDS, OTHERWISE, Unclear, Verdict};
use super::picture::{Ids, State, same_name};

type Pair<'a> = (Option<&'a State>, Option<&'a State>);

/// The ids of a table that is there before and now, with the definition unchanged; `None` if it is on neither side.
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
    // Where some partitions are new and others are not, it stopped half way: to begin again ends where it would have ended.
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

/// The partition and the table have each other's id afterwards.
pub(super) fn exchange(partition: &str, partitioned: Pair<'_>, plain: Pair<'_>) -> Judged {
    let (Some((before, now)), Some((plain_before, plain_now))) = (ids(partitioned)?, ids(plain)?) else {
        // One of them was not there and is not: the server will refuse it.
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
