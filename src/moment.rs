//! Parses times and time zones as an operator types them, for every option that takes a time.
//!
//! A time is RFC 3339, a date-time with or without a zone, `now`, or relative to now. Also here:
//! the position where a first start begins.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp, Zoned};

use crate::error::Fault;
use crate::model::CommitTs;

/// What a time may look like, for hints.
const FORMS: &str = "give RFC 3339 (2026-11-21T10:00:00Z, 2026-11-21 10:00:00+08:00), a date-time and --time-zone, \
                     `now`, or a time relative to now (-15m, -1h30m, -2d, +5s)";

/// The largest physical part of a ts: 46 bits of milliseconds, in the year 4199.
const MAX_MILLIS: i64 = (1 << 46) - 1;

/// The time zone that `text` names: `UTC`, `Z`, an offset such as `+08:00`, an IANA name, or
/// `local` for this machine's.
///
/// # Errors
/// A usage fault when there is no such zone.
pub fn zone(text: &str) -> Result<TimeZone> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return Ok(TimeZone::UTC);
    }
    if text.eq_ignore_ascii_case("local") || text.eq_ignore_ascii_case("system") {
        return Ok(TimeZone::system());
    }
    DateTimeParser::new().parse_time_zone(text).map_err(|e| {
        let fault = Fault::usage(format!("`{text}` is not a time zone: {e}"));
        anyhow!(fault.hint("give an offset (+00:00, +08:00), UTC, an IANA name (Europe/Berlin), or local"))
    })
}

/// The moment that `text` means. `zone` is for times that carry no zone themselves; `now` is what
/// relative ones count from.
///
/// # Errors
/// A usage fault when `text` is no time, carries no zone while `zone` is absent, or does not exist,
/// or exists twice, in that zone.
pub fn parse(text: &str, zone: Option<&TimeZone>, now: Timestamp) -> Result<Timestamp> {
    let text = text.trim();
    if let Some(relative) = text.strip_prefix("now").or_else(|| text.starts_with(['+', '-']).then_some(text)) {
        return shift(relative, now).ok_or_else(|| not_a_time(text));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let fault = Fault::usage(format!("`{text}` is a bare number, which could be a TS, a Unix time or a date"));
        return Err(fault
            .hint(format!("to turn a TS into a time use `tisync ts decode {text}`; otherwise {FORMS}"))
            .into());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<Zoned>() {
        return Ok(time.timestamp());
    }
    // The way this program itself prints a time.
    if let Some(civil) = text.strip_suffix(" UTC").and_then(civil) {
        return in_zone(civil, &TimeZone::UTC);
    }
    match (civil(text), zone) {
        (Some(civil), Some(zone)) => in_zone(civil, zone),
        (Some(_), None) => {
            let fault =
                Fault::usage(format!("`{text}` has no time zone, so it could mean 24 different hours and more"));
            Err(fault.hint("say which one: --time-zone UTC, --time-zone +08:00, --time-zone Europe/Berlin").into())
        }
        (None, _) => Err(not_a_time(text)),
    }
}

/// `text` as a date-time without any zone, such as `2026-11-21 13:05:00`.
#[must_use]
pub fn civil(text: &str) -> Option<DateTime> {
    // jiff would skip an offset or a zone name here, and with it the one thing that makes the time
    // certain.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b' ' | b'T' | b't'));
    let dashes = text.bytes().filter(|b| *b == b'-').count();
    if plain && dashes == 2 { text.trim().parse().ok() } else { None }
}

/// The one moment at which the clocks of `zone` show `civil`.
///
/// # Errors
/// A usage fault when a change of the clocks skips that time or shows it twice.
pub fn in_zone(civil: DateTime, zone: &TimeZone) -> Result<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    ambiguous.unambiguous().map_err(|e| {
        let fault = Fault::usage(format!(
            "{civil} is ambiguous or missing in that time zone, because its clocks change then: {e}"
        ));
        fault.hint("give the offset that was meant, as in --time-zone +02:00").into()
    })
}

/// The first ts of the millisecond that `time` falls into.
///
/// # Errors
/// A usage fault for times before 1970 or after the year 4199, which no ts can hold.
pub fn to_ts(time: Timestamp) -> Result<CommitTs> {
    // Floor, so that a time a little before 1970 does not round up into it.
    let ms = time.as_nanosecond().div_euclid(1_000_000);
    match u64::try_from(ms) {
        Ok(ms) if i64::try_from(ms).is_ok_and(|ms| ms <= MAX_MILLIS) => Ok(CommitTs::from_millis(ms)),
        _ => {
            let fault = Fault::usage(format!("{time} is outside the range of a TS, 1970 to 4199"));
            Err(fault.hint("check the year").into())
        }
    }
}

/// `now` moved by `-1h30m`, `+5s`, or not at all for an empty text.
fn shift(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text.is_empty() {
        return Some(now);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    // jiff also reads fractions, spaces and ISO 8601, which FORMS does not offer.
    let plain = matches!(sign, "-" | "+") && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let span: Span = if plain { text.parse().ok()? } else { return None };
    now.checked_add(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
}

fn not_a_time(text: &str) -> anyhow::Error {
    Fault::usage(format!("`{text}` is not a time")).hint(FORMS).into()
}

/// A ts as digits, or the first ts of the millisecond of a time with its zone.
///
/// # Errors
/// If it is neither; the text says what was expected.
pub fn ts_or_time(text: &str) -> Result<CommitTs, String> {
    const EXPECTED: &str = "expected a ts (digits) or a time with its zone (2026-11-21T13:00:00Z, -2h)";
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(CommitTs).map_err(|_| EXPECTED.to_owned());
    }
    let time = parse(text, None, Timestamp::now()).and_then(to_ts);
    time.map_err(|e| format!("{e}: {EXPECTED}"))
}

/// Where a first start begins; later the target's checkpoint decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind this ts (exclusive).
    Ts(CommitTs),
    /// At PD's current ts: what was before is never replicated.
    Now,
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        ts_or_time(text).map(Self::Ts).map_err(|e| format!("{e}, or `now`"))
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ts(ts) => write!(f, "{}", ts.0),
            Self::Now => f.write_str("now"),
        }
    }
}

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the newest ts of the source when the run starts.
    CaughtUp,
    /// After this ts (inclusive).
    Ts(CommitTs),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "caught-up" {
            return Ok(Self::CaughtUp);
        }
        ts_or_time(text).map(Self::Ts).map_err(|e| format!("{e}, or `caught-up`"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::{Kind, fault};

    fn now() -> Timestamp {
        "2026-11-21T12:00:00.250Z".parse().unwrap()
    }

    fn at(text: &str, zone_name: Option<&str>) -> String {
        let zone = zone_name.map(|z| zone(z).unwrap());
        parse(text, zone.as_ref(), now()).unwrap().to_string()
    }

    fn refused(text: &str, zone_name: Option<&str>) -> Fault {
        let zone = zone_name.map(|z| zone(z).unwrap());
        let error = parse(text, zone.as_ref(), now()).unwrap_err();
        let found = fault(&error).unwrap().clone();
        assert!(found.kind == Kind::Usage && !found.hint.is_empty(), "{found:?}");
        found
    }

    #[test]
    fn times_with_a_zone() {
        for text in [
            "2026-11-21T10:00:00Z",
            "2026-11-21 10:00:00+00:00",
            "2026-11-21 18:00:00+08:00",
            "2026-11-21T05:00:00-0500",
            "2026-11-21 10:00:00.000 UTC",
            "2026-11-21T11:00:00+01:00[Europe/Berlin]",
            "2026-11-21T11:00:00[Europe/Berlin]",
        ] {
            assert_eq!(at(text, None), "2026-11-21T10:00:00Z", "{text}");
            // The time's own zone wins.
            assert_eq!(at(text, Some("Asia/Tokyo")), "2026-11-21T10:00:00Z", "{text}");
        }
    }

    #[test]
    fn times_without_a_zone_need_one() {
        assert!(refused("2026-11-21 10:00:00", None).hint.contains("--time-zone"));
        assert_eq!(at("2026-11-21 10:00:00", Some("+08:00")), "2026-11-21T02:00:00Z");
        assert_eq!(at("2026-07-21 10:00:00.5", Some("Europe/Berlin")), "2026-07-21T08:00:00.5Z");
        assert_eq!(at("2026-11-21", Some("UTC")), "2026-11-21T00:00:00Z");
    }

    #[test]
    fn hours_that_a_clock_change_skips_or_repeats() {
        refused("2026-03-29 02:30:00", Some("Europe/Berlin"));
        refused("2026-10-25 02:30:00", Some("Europe/Berlin"));
    }

    #[test]
    fn relative_times() {
        assert_eq!(at("now", None), "2026-11-21T12:00:00.25Z");
        assert_eq!(at("-15m", None), "2026-11-21T11:45:00.25Z");
        assert_eq!(at("-1h30m", None), "2026-11-21T10:30:00.25Z");
        assert_eq!(at("-2d", None), "2026-11-19T12:00:00.25Z");
        assert_eq!(at("+5s", None), "2026-11-21T12:00:05.25Z");
        assert_eq!(at("now-250ms", None), "2026-11-21T12:00:00Z");
        assert_eq!(at("+0s", None), "2026-11-21T12:00:00.25Z");
        for bad in
            ["-", "+", "-15", "-m", "-15m3", "-15q", "-1.5h", "--15m", "-99999999999999999999s", "-9999999w", "nowish"]
        {
            refused(bad, None);
        }
    }

    #[test]
    fn things_that_are_no_time() {
        for bad in [
            "",
            "tomorrow",
            "470616376687198209",
            "1795263916",
            "20261121",
            "2026-13-01T00:00:00Z",
            "10:00:00",
            "2026-11-21T10:00:00+99:00",
        ] {
            refused(bad, Some("UTC"));
        }
        assert!(refused("470616376687198209", None).hint.contains("ts decode"));
        assert!(zone("Mars/Olympus").is_err() && zone("").is_err());
    }

    #[test]
    fn times_no_ts_can_hold() {
        assert!(to_ts("1969-12-31T23:59:59.9999999Z".parse().unwrap()).is_err());
        assert!(to_ts("4200-01-01T00:00:00Z".parse().unwrap()).is_err());
        assert_eq!(to_ts("1970-01-01T00:00:00Z".parse().unwrap()).unwrap(), CommitTs(0));
    }

    proptest! {
        #[test]
        fn a_ts_survives_its_printed_time(ms in 0..=u64::try_from(MAX_MILLIS).unwrap(), logical in 0u64..1 << 18) {
            let ts = CommitTs::from_parts(ms, logical);
            let printed = ts.time().unwrap().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            prop_assert_eq!(to_ts(parse(&printed, None, now()).unwrap()).unwrap(), CommitTs::from_millis(ms));
            let explained = ts.time().unwrap().strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
            prop_assert_eq!(to_ts(parse(&explained, None, now()).unwrap()).unwrap(), CommitTs::from_millis(ms));
        }

        #[test]
        fn the_same_moment_in_any_offset_is_the_same_ts(ms in 1_420_070_400_000i64..4_000_000_000_000, minutes in -14 * 60i32..=14 * 60) {
            let time = Timestamp::from_millisecond(ms).unwrap();
            let offset = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
            let text = offset.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
            let sign = if minutes < 0 { '-' } else { '+' };
            let zone_text = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
            let with_zone = parse(&format!("{text}{zone_text}"), None, now()).unwrap();
            let beside = parse(&text, Some(&zone(&zone_text).unwrap()), now()).unwrap();
            prop_assert_eq!((with_zone, beside), (time, time));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = parse(&text, None, now());
            let _ = zone(&text);
        }
    }
}
