//! A column that becomes a TIMESTAMP, or is none any more: TiDB converts its values in the zone of the session that ran the job, and keeps that zone with
//! the job. Our sessions are in UTC, so these values get a step of their own, in that zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::begun::Begun;
use super::form::Name;
use super::run::Setback;
use super::way::refused;
use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::sink::mysql::session::{Session, quote_name, quote_text, shorten};
use crate::sql::Retyped;

/// A statement that runs before the job's own, and the zone that it runs in, as SQL.
pub(super) type Step = (String, Option<String>);

/// The steps that bring a column of `table`, which is a `from` with so many digits behind the second, over from or to TIMESTAMP; none where nothing depends on a zone.
///
/// # Errors
/// Refused, if the target cannot compute in the zone. As the target's, if it cannot be read.
pub(super) fn steps(
    session: &mut Session,
    table: &Name,
    (column, from, precision): (&Retyped, &str, u64),
    (ts, ddl): (CommitTs, &Ddl),
) -> Result<Vec<Step>, Setback> {
    let Some(zone) = ddl.zone.as_ref().filter(|zone| **zone != TimeZone::UTC) else { return Ok(Vec::new()) };
    let to = column.word.to_lowercase();
    let (modify, name) = (format!("ALTER TABLE {table} MODIFY"), quote_name(&column.column));
    let datetime = |digits: u64| format!("{modify} {name} DATETIME({digits}) NULL");
    let timestamp = |digits: u64| format!("{modify} {name} TIMESTAMP({digits}) NULL");
    Ok(match (from, to.as_str()) {
        ("timestamp", "timestamp") => Vec::new(),
        ("timestamp", _) => {
            let sql = in_zone(session, table, &name, zone, (ts, ddl))?;
            vec![(datetime(precision), sql)]
        }
        (_, "timestamp") => {
            let digits = u64::from(column.size).min(6);
            let mut steps = Vec::new();
            if from != "datetime" {
                steps.push((datetime(digits), None));
            }
            let sql = in_zone(session, table, &name, zone, (ts, ddl))?;
            steps.push((timestamp(digits), sql));
            steps
        }
        _ => Vec::new(),
    })
}

/// The zone as SQL. Few servers know zones by their names, but one offset will do where the zone has one for all the values.
fn in_zone(
    session: &mut Session,
    table: &Name,
    column: &str,
    zone: &TimeZone,
    (ts, ddl): (CommitTs, &Ddl),
) -> Result<Option<String>, Setback> {
    let ends: Option<(Option<String>, Option<String>)> = session.fetch_one(&format!(
        "SELECT CAST(MIN({column}) AS CHAR), CAST(MAX({column}) AS CHAR) FROM {table} WHERE {column} > '1970-01-02'"
    ))?;
    let (Some(first), Some(last)) = ends.unwrap_or_default() else { return Ok(Some("+00:00".to_owned())) };
    if let Some(offset) = one_offset(zone, &first, &last) {
        return Ok(Some(offset));
    }
    let name = zone.iana_name().unwrap_or_default();
    let known: Option<Option<String>> =
        session.fetch_one(&format!("SELECT CAST(CONVERT_TZ('2024-01-01', 'UTC', {}) AS CHAR)", quote_text(name)))?;
    if known.flatten().is_some() {
        return Ok(Some(name.to_owned()));
    }
    Err(refused(
        Fault::refused(format!(
            "`{}` (commit ts {}) turned values of column {column} of {table} into times in the zone {name}, whose offset changes between {first} and {last}, \
             and the target does not know this zone",
            shorten(&ddl.query),
            ts.explain()
        ))
        .hint("load the time zones on the target (`mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql`), then run the same command again"),
    ))
}

/// `+08:00`, if `zone` has one offset from `first` to `last`.
fn one_offset(zone: &TimeZone, first: &str, last: &str) -> Option<String> {
    let time = |text: &str| {
        let time: DateTime = text.replacen(' ', "T", 1).parse().ok()?;
        time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    // A day on both sides, since these may be times of the zone or of UTC.
    let day = jiff::SignedDuration::from_hours(24);
    let (first, last) = (time(first)?.checked_sub(day).ok()?, time(last)?.checked_add(day).ok()?);
    let offset = |at: Timestamp| zone.to_offset(at);
    if zone.following(first).take_while(|c| c.timestamp() <= last).any(|c| c.offset() != offset(first)) {
        return None;
    }
    let seconds = offset(first).seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    (seconds % 60 == 0).then(|| format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Sends the statement of `step`, in its zone. A session that is lost in between takes the zone with it.
///
/// # Errors
/// The server's own.
pub(super) fn send(session: &mut Session, begun: &Begun, step: usize) -> mysql::Result<()> {
    let Some(zone) = begun.zones.get(&step) else { return session.try_run_single(&begun.sent(step)).map(drop) };
    session.try_run(&format!("SET SESSION time_zone = {}", quote_text(zone)))?;
    let sent = session.try_run_single(&begun.sent(step)).map(drop);
    session.try_run("SET SESSION time_zone = '+00:00'")?;
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_offset_for_all_values() {
        let of = |zone: &str, first: &str, last: &str| one_offset(&TimeZone::get(zone).unwrap(), first, last);
        let text = |offset: &str| Some(offset.to_owned());
        assert_eq!(of("Asia/Shanghai", "2000-01-01 00:00:00", "2030-01-01 00:00:00"), text("+08:00"));
        assert_eq!(of("Asia/Shanghai", "1987-01-01 00:00:00", "2000-01-01 00:00:00"), None);
        assert_eq!(of("America/New_York", "2024-01-05 00:00:00", "2024-02-01 12:00:00.125"), text("-05:00"));
        assert_eq!(of("America/New_York", "2024-01-05 00:00:00", "2024-07-01 00:00:00"), None);
        assert_eq!(of("America/New_York", "2024-01-05 00:00:00", "2025-01-05 00:00:00"), None);
        assert_eq!(of("Asia/Kolkata", "2024-01-05 00:00:00", "2025-01-05 00:00:00"), text("+05:30"));
    }
}
