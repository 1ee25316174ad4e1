//! What shows that both sides are in step and nothing came back: the rows, and each server's own binlog.

use std::collections::BTreeSet;

use anyhow::Result;

use super::sides::Sides;
use crate::commands::playground::different;
use crate::filter;
use crate::mark::DEFAULT_TABLE;
use crate::playground::compare::{self, Comparison, Definitions, Side};
use crate::playground::mirror::{Census, Mirror};
use crate::sink::mysql::answer::Answers;

/// Where both sides stood when the links began.
pub(super) struct Proof([Count; 2]);

/// Where one side stands.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// By its binlog.
    census: Census,
    /// The sum of its marks' `val`, by its mark table.
    val: i64,
}

impl Count {
    /// The side is to be caught up.
    fn of(side: &Mirror) -> Result<Self> {
        let query = format!("SELECT CAST(SUM(val) AS SIGNED) FROM {DEFAULT_TABLE}");
        let val = side.connect()?.one::<Option<i64>>(query)?.flatten().unwrap_or(0);
        Ok(Self { census: side.census(), val })
    }

    fn since(self, before: Self) -> Self {
        Self { census: self.census.since(before.census), val: self.val - before.val }
    }

    /// What is wrong with what came since the beginning.
    fn wrong(&self) -> Option<String> {
        let Census { marked, risen, unmarked, .. } = self.census;
        if unmarked > 0 {
            return Some(format!("{unmarked} transactions of a link have no mark: they would go back"));
        }
        (i64::try_from(marked) != Ok(self.val) || risen != self.val).then(|| {
            format!(
                "its binlog has {marked} marked transactions, with marks that rose by {risen}, and val grew by {}",
                self.val
            )
        })
    }
}

impl Proof {
    /// Notes where both stand.
    pub(super) fn begin(sides: &Sides) -> Result<Self> {
        let [a, b] = sides.each();
        Ok(Self([Count::of(a)?, Count::of(b)?]))
    }

    /// Compares both sides, at rest and caught up, after `done` transactions on each. Gives the proof in words; fails with
    /// everything that is not as it must be.
    pub(super) fn end(&self, sides: &Sides, done: [u64; 2]) -> Result<String> {
        // The links wrote until a moment ago.
        sides.wait_caught_up()?;
        let found = compared(sides)?;
        let mut differences = found.differences.clone();
        let mut lines = vec![format!("equal: {} tables, {} rows on each side", found.tables, found.rows)];
        let [a, b] = sides.each();
        let [before_a, before_b] = self.0;
        let mut echoes = 0;
        let [on_a, on_b] = done;
        for (name, side, before, done) in [("A", a, before_a, on_a), ("B", b, before_b, on_b)] {
            let count = Count::of(side)?.since(before);
            differences.extend(count.wrong().map(|why| format!("{name}: {why}")));
            echoes += count.census.unmarked;
            lines.push(format!(
                "{name}: {done} transactions of the load; by its binlog {} of its own and {} marked ones, and the marks' val \
                 grew by {}",
                count.census.own, count.census.marked, count.val
            ));
        }
        lines.push(format!("echoes: {echoes}"));
        if differences.is_empty() { Ok(lines.join("\n")) } else { Err(different(&differences)) }
    }
}

fn compared(sides: &Sides) -> Result<Comparison> {
    let mut databases = BTreeSet::new();
    for side in sides.each() {
        let all: Vec<String> = side.connect()?.all("SELECT schema_name FROM information_schema.schemata")?;
        databases.extend(all.into_iter().filter(|name| filter::wanted(name)));
    }
    let [a, b] = sides.each();
    let mut all = Comparison::default();
    for name in databases {
        let (mut left, mut right) = (Side::new(a.connect()?, &name)?, Side::new(b.connect()?, &name)?);
        let found = compare::databases(&mut left, &mut right, Definitions::Exact, &[])?;
        all.tables += found.tables;
        all.rows += found.rows;
        all.differences.extend(found.differences);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
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
}
