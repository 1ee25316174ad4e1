//! Tests of the order in which an ALTER TABLE moves columns.

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
    // Two new columns at the beginning, and one at the end.
    let (stays, new) = ([0, 0, 1, 0], [1, 1, 0, 1]);
    assert_eq!(of(&stays, &new, false), [(0, First), (1, After(0)), (2, Unsaid), (3, Unsaid)]);
    assert_eq!(of(&stays, &new, true), [(1, First), (0, First), (2, Unsaid), (3, Unsaid)]);
    // A new column and one that moved, in the middle and at the end.
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
