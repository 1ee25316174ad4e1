//! Can this number be a ts that a TiDB cluster has issued? Catches binlog offsets, Unix times and lost digits before
//! they are taken for a start of replication.

use jiff::Timestamp;

use crate::error::Fault;
use crate::model::CommitTs;

/// 2015-01-01: TiDB was published later that year, so no real ts is older. Milliseconds.
pub const EARLIEST_MS: u64 = 1_420_070_400_000;

/// How far the clock of PD may be ahead of this machine's before a ts counts as one of the future. Milliseconds.
pub const AHEAD_MS: u64 = 5 * 60 * 1000;

/// The ts that `text`, decimal digits, stands for.
///
/// # Errors
/// A usage fault that names the likely slip when `text` is anything else.
pub fn number(text: &str) -> Result<CommitTs, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(ts) if digits => Ok(CommitTs(ts)),
        _ if digits => Err(Fault::usage(format!("`{text}` has {} digits and is too large for a TS", text.len()))
            .hint("a TS of our years has 18 digits: look for one that was typed twice")),
        _ => Err(Fault::usage(format!("`{text}` is not a TS"))
            .hint("a TS is a number of 18 digits, as in 470616376687198209; `tisync ts encode` makes one from a time")),
    }
}

/// Why `ts` cannot be one that a cluster has issued by `now`; `None` when it can.
#[must_use]
pub fn doubt(ts: CommitTs, now: Timestamp) -> Option<String> {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    if (EARLIEST_MS..=now_ms.saturating_add(AHEAD_MS)).contains(&ts.physical_ms()) {
        return None;
    }
    if let Some(likely) = mistaken(ts, now_ms) {
        return Some(likely);
    }
    let when = if ts.physical_ms() < EARLIEST_MS { "before there was a TiDB" } else { "in the future" };
    Some(format!("its time is {when}"))
}

/// What a number that is no ts of our years probably is.
fn mistaken(ts: CommitTs, now_ms: u64) -> Option<String> {
    let n = ts.0;
    let digits = n.to_string().len();
    let years = EARLIEST_MS..=now_ms.saturating_add(366 * 86_400_000);
    Some(match digits {
        1..=9 => "it is far too small, more like an offset in a MySQL binlog".to_owned(),
        10 if years.contains(&(n * 1000)) => "it looks like a Unix time in seconds".to_owned(),
        13 if years.contains(&n) => "it looks like a Unix time in milliseconds".to_owned(),
        14 if (20_150_101_000_000..=21_000_101_000_000).contains(&n) => {
            "it looks like a date written in digits".to_owned()
        }
        10..=16 => format!("it has {digits} digits, a TS of our years has 18"),
        17 => "it has 17 digits, a TS of our years has 18: one seems to be missing".to_owned(),
        19 | 20 => format!("it has {digits} digits, a TS of our years has 18: one or more seem to be typed twice"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Option<String> {
        doubt(CommitTs(n), "2026-11-21T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn real_ones_pass() {
        assert_eq!(at(470_616_376_687_198_209), None);
        assert_eq!(at(420_747_102_018_863_124), None);
        assert_eq!(at(CommitTs::from_millis(EARLIEST_MS).0), None);
    }

    #[test]
    fn slips_are_named() {
        for (n, part) in [
            (0, "offset"),
            (154, "offset"),
            (1_795_263_916, "in seconds"),
            (1_795_263_916_829, "in milliseconds"),
            (20_261_121_130_500, "date"),
            (47_061_637_668_719_820, "17 digits"),
            (4_706_163_766_871_982_090, "19 digits"),
            (u64::MAX, "20 digits"),
            (CommitTs::from_millis(EARLIEST_MS).0 - 1, "before"),
            (CommitTs::from_millis(1_795_262_400_000 + AHEAD_MS + 1).0, "future"),
        ] {
            let doubt = at(n).unwrap();
            assert!(doubt.contains(part), "{n}: {doubt}");
        }
    }

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(number("470616376687198209").unwrap().0, 470_616_376_687_198_209);
        for bad in ["", "+5", "-5", "4 7", "4e17", "tidb-binlog", "99999999999999999999"] {
            assert!(!number(bad).unwrap_err().hint.is_empty(), "{bad}");
        }
    }
}
