//! Tests of the findings about marks.

use super::*;

#[test]
fn what_is_wrong_with_marks() {
    let count = |marked, risen, unmarked, val| Count { census: Census { own: 9, marked, risen, unmarked }, val };
    assert_eq!(count(4, 4, 0, 4).since(Count::default()).wrong(), None);
    let before = count(2, 2, 0, 7);
    assert_eq!(count(5, 5, 0, 10).since(before).wrong(), None);
    for (bad, word) in [
        (count(4, 4, 1, 4), "1 transactions of a link have no mark"),
        (count(3, 4, 0, 4), "3 marked transactions, with marks that rose by 4"),
        (count(4, 4, 0, 5), "val grew by 5"),
    ] {
        let why = bad.wrong().unwrap();
        assert!(why.contains(word), "{why}");
    }
}
