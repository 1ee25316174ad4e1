//! Lengths of time as Go programs write them: `1m`, `1h30m`, `250ms`.

use std::time::Duration;

/// Units with their nanoseconds, the largest first.
const UNITS: [(&str, u128); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// What people are told to write.
pub(super) const EXPECTED: &str = "a length of time, as in \"30s\", \"5m\" or \"1h30m\"";

/// `text` as a length of time; `None` if it is none, or is negative.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(scaled(number, *factor)?)?;
        rest = tail;
    }
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// `number`, which may have a fraction, times `factor`.
fn scaled(number: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().ok()? };
    let mut nanos = whole.checked_mul(factor)?;
    let mut part = factor;
    for digit in fraction.chars() {
        let digit = u128::from(digit.to_digit(10)?);
        nanos = nanos.checked_add(digit * part / 10)?;
        part /= 10;
    }
    Some(nanos)
}

/// The same as Drainer reads `read-timeout`: a number without a unit means days.
pub(super) fn parse_or_days(text: &str) -> Option<Duration> {
    if let Ok(days) = text.parse::<u64>() {
        return days.checked_mul(86_400).map(Duration::from_secs);
    }
    parse(text)
}

/// Shortest text that [`parse`] reads as `duration`.
pub(super) fn show(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, factor) in UNITS.iter().filter(|(name, _)| !name.starts_with(['µ', 'μ'])) {
        let count = rest / factor;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
            rest %= factor;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_go_reads_them() {
        for (text, nanos) in [
            ("1m", 60_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+3s250ms", 3_250_000_000),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("7ns", 7),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "+", "m", "1", "1d", "-1s", "1m ", " 1m", ".s", "1..5s", "1x", "99999999999999999999h", "ａs"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_means_days_to_drainer() {
        assert_eq!(parse_or_days("2"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse_or_days("1m"), Some(Duration::from_secs(60)));
        assert_eq!(parse_or_days("-1"), None);
    }

    proptest! {
        #[test]
        fn shown_and_read_again(nanos in any::<u64>()) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&show(duration)), Some(duration));
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            parse_or_days(&text);
        }
    }
}
