//! Which columns have moved.

/// Of `places`, the earlier places of what is in a list now, those that need not move for the others to come into order: a longest
/// increasing subsequence, as flags.
pub(super) fn stays(places: &[usize]) -> Vec<bool> {
    // For each length, where the subsequence of that length with the smallest end ends; and what is before each.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let length = ends.partition_point(|end| places.get(*end) < Some(place));
        before.push(length.checked_sub(1).and_then(|l| ends.get(l)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut stays = vec![false; places.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        if let Some(flag) = stays.get_mut(at) {
            *flag = true;
        }
        next = before.get(at).copied().flatten();
    }
    stays
}

/// Where a clause puts a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where it is; a new one at the end.
    Unsaid,
    First,
    /// Behind the column of this number.
    After(usize),
}

/// The columns in the order of their clauses, with their places: `stays` says of each whether it needs not move, `new` whether it was not there.
///
/// MySQL and MariaDB take one clause after the other, so each column goes behind its neighbour. TiDB looks for the neighbour in the table as it is
/// before the statement (`behind_old`): there all go behind the last column that stays, the rearmost first.
pub(super) fn placed(stays: &[bool], new: &[bool], behind_old: bool) -> Vec<(usize, Place)> {
    let stays_at = |at: usize| stays.get(at).copied().unwrap_or(false);
    let new_at = |at: usize| new.get(at).copied().unwrap_or(false);
    let behind = |at: usize| at.checked_sub(1).map_or(Place::First, Place::After);
    let mut out = Vec::new();
    let mut start = 0;
    while start < stays.len() {
        if stays_at(start) {
            out.push((start, Place::Unsaid));
            start += 1;
            continue;
        }
        let end = (start..stays.len()).find(|at| stays_at(*at)).unwrap_or(stays.len());
        let at_the_end = end == stays.len();
        if !behind_old || at_the_end && (start..end).all(new_at) {
            let place = |at| if at_the_end && new_at(at) { Place::Unsaid } else { behind(at) };
            out.extend((start..end).map(|at| (at, place(at))));
        } else {
            out.extend((start..end).rev().map(|at| (at, behind(start))));
        }
        start = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_columns_come_to_one_place() {
        use Place::{After, First, Unsaid};
        let of = |stays: &[u8], new: &[u8], behind_old| {
            placed(
                &stays.iter().map(|s| *s == 1).collect::<Vec<_>>(),
                &new.iter().map(|s| *s == 1).collect::<Vec<_>>(),
                behind_old,
            )
        };
        // Two new ones in front, and one at the end.
        let (stays, new) = ([0, 0, 1, 0], [1, 1, 0, 1]);
        assert_eq!(of(&stays, &new, false), [(0, First), (1, After(0)), (2, Unsaid), (3, Unsaid)]);
        assert_eq!(of(&stays, &new, true), [(1, First), (0, First), (2, Unsaid), (3, Unsaid)]);
        // A new one and one that moved, in the middle and at the end.
        let (stays, new) = ([1, 0, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0]);
        let one_by_one = [(0, Unsaid), (1, After(0)), (2, After(1)), (3, Unsaid), (4, Unsaid), (5, After(4))];
        assert_eq!(of(&stays, &new, false), one_by_one);
        let rearmost_first = [(0, Unsaid), (2, After(0)), (1, After(0)), (3, Unsaid), (5, After(3)), (4, After(3))];
        assert_eq!(of(&stays, &new, true), rearmost_first);
        assert_eq!(of(&[1, 0, 0], &[0, 1, 1], true), [(0, Unsaid), (1, Unsaid), (2, Unsaid)]);
    }

    #[test]
    fn the_fewest_move() {
        let moved = |places: &[usize]| {
            places.iter().zip(stays(places)).filter(|(_, stays)| !stays).map(|(p, _)| *p).collect::<Vec<_>>()
        };
        assert_eq!(moved(&[0, 1, 2, 3]), [] as [usize; 0]);
        assert_eq!(moved(&[3, 0, 1, 2]), [3]);
        assert_eq!(moved(&[1, 2, 3, 0]), [0]);
        assert_eq!(moved(&[0, 2, 1, 3]).len(), 1);
        assert_eq!(moved(&[3, 2, 1, 0]).len(), 3);
        assert_eq!(moved(&[]), [] as [usize; 0]);
    }
}
