//! Names that are nearly right.

/// The one of `names` that `name` was probably meant to be, if any is near enough.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, near) = names.into_iter().map(|n| (distance(name, n), n)).min()?;
    let longer = near.chars().count().max(name.chars().count());
    let most = match longer {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    (distance <= most && distance < longer).then_some(near)
}

/// How many letters have to change to get from `a` to `b`; case and the kind of dash do not count.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().replace('_', "-").chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().replace('_', "-").chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, up), (upper_left, left)) in b.iter().zip(row.iter().skip(1)).zip(row.iter().zip(0..)) {
            let left = next.get(left).copied().unwrap_or(usize::MAX - 1);
            next.push((up + 1).min(left + 1).min(upper_left + usize::from(x != *y)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let names = ["worker-count", "txn-batch", "to", "sql-mode"];
        assert_eq!(nearest("worker_cout", names), Some("worker-count"));
        assert_eq!(nearest("SQLMode", names), Some("sql-mode"));
        assert_eq!(nearest("tu", names), Some("to"));
        assert_eq!(nearest("bb", ["a", "b"]), Some("b"));
        assert_eq!(nearest("tow", ["one", "two"]), Some("two"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("ab", names), None);
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
