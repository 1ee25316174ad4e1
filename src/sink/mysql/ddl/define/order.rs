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

#[cfg(test)]
mod tests {
    use super::*;

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
