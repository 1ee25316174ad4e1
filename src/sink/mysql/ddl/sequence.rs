//! DDL on sequences for targets without them, and ALTER SEQUENCE beyond MariaDB's range.
//!
//! - Statements about sequences that do not say so, RENAME TABLE above all, for a target that has
//!   no sequences.
//! - ALTER SEQUENCE that leaves the sequence before its range, which TiDB allows: on MariaDB it
//!   goes on with the range's first number.

use super::form::{Form, Name};
use super::picture::same_name;
use crate::model::Ddl;
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session};
use crate::sql::{Token, Words};

/// A statement without the sequences in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// `None` if it is about nothing else.
    pub sql: Option<String>,
    /// The sequences, by their names before the statement.
    pub without: Vec<Name>,
}

/// `ddl` without its sequences; `None` if it has none, or says itself that it is about a sequence.
pub(super) fn without(ddl: &Ddl) -> Option<Left> {
    let is = |a: &Name, b: &Name| same_name(&a.schema, &b.schema) && same_name(&a.name, &b.name);
    let name = |(schema, name): &(String, String)| Name { schema: schema.clone(), name: name.clone() };
    let without: Vec<Name> = ddl.sequences.iter().map(name).collect();
    let pairs = match Form::of(&ddl.query, &ddl.schema) {
        Form::Rename(pairs) if !without.is_empty() => pairs,
        Form::Alter { name, .. } if without.iter().any(|s| is(s, &name)) => return Some(Left { sql: None, without }),
        _ => return None,
    };
    // A name may be a sequence's first and a table's afterwards.
    let (mut now, mut kept) = (without.clone(), Vec::new());
    for (from, to) in pairs {
        match now.iter_mut().find(|s| is(s, &from)) {
            Some(sequence) => *sequence = to,
            None => kept.push(format!("{from} TO {to}")),
        }
    }
    let sql = (!kept.is_empty()).then(|| format!("RENAME TABLE {}", kept.join(", ")));
    Some(Left { sql, without })
}

/// The number of a sequence's option at `at`, and its place.
pub(super) fn number(words: &Words<'_>, at: usize) -> Option<(i128, std::ops::Range<usize>)> {
    let behind = if words.is_any(at + 1, &["BY", "WITH"]) || words.sign(at + 1, '=') { at + 2 } else { at + 1 };
    let negative = words.sign(behind, '-');
    let digits = if negative { behind + 1 } else { behind };
    let Some(Token::Word(text)) = words.token(digits) else { return None };
    let number: i128 = text.parse().ok()?;
    Some((if negative { -number } else { number }, behind..digits + 1))
}

/// The next value of a sequence, and its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counter {
    next: i128,
    min: i128,
    max: i128,
    start: i128,
    increment: i128,
}

impl Counter {
    fn read(session: &mut Session, name: &Name) -> Result<Option<Self>, SessionError> {
        let sql =
            format!("SELECT next_not_cached_value, minimum_value, maximum_value, start_value, increment FROM {name}");
        match session.fetch_one::<(i64, i64, i64, i64, i64)>(&sql) {
            Ok(row) => Ok(row.map(|(next, min, max, start, increment)| {
                let [next, min, max, start, increment] = [next, min, max, start, increment].map(i128::from);
                Self { next, min, max, start, increment }
            })),
            // The server's own error will show it.
            Err(failed) if failed.is_not_there() => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// The counter after the options of an ALTER SEQUENCE; and the place of the number that it
    /// restarts with, or where one can be added.
    fn altered(mut self, words: &Words<'_>) -> (Self, Option<std::ops::Range<usize>>) {
        let (mut restart, mut restarts) = (None, false);
        for at in 2..words.len() {
            let Some((value, place)) = number(words, at) else {
                if words.is(at, "RESTART") {
                    restarts = true;
                    restart = Some(at..at + 1);
                }
                continue;
            };
            match () {
                () if words.is(at, "INCREMENT") => self.increment = value,
                () if words.is(at, "START") => self.start = value,
                () if words.is(at, "MINVALUE") => self.min = value,
                () if words.is(at, "MAXVALUE") => self.max = value,
                () if words.is(at, "RESTART") => {
                    (self.next, restarts) = (value, false);
                    restart = Some(at..place.end);
                }
                () => {}
            }
        }
        if restarts {
            self.next = self.start;
        }
        (self, restart)
    }

    /// The first number of the range among those that count from the start, if the next number lies
    /// before the range.
    fn first(&self) -> Option<i128> {
        let Self { next, min, max, start, increment } = *self;
        match () {
            () if increment > 0 && next < min => Some(min + (start - min).rem_euclid(increment)),
            () if increment < 0 && next > max => Some(max - (max - start).rem_euclid(-increment)),
            () => None,
        }
    }
}

/// Makes `sql` restart a sequence that it would leave before its range, and reports that.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn keep_in_range(
    session: &mut Session,
    sql: &mut String,
    ddl: &Ddl,
) -> Result<Option<String>, SessionError> {
    if session.server().flavour != Flavour::MariaDb {
        return Ok(None);
    }
    let Form::AlterSequence { name, .. } = Form::of(sql, &ddl.schema) else { return Ok(None) };
    let Some(counter) = Counter::read(session, &name)? else { return Ok(None) };
    let words = Words::of(sql);
    let (altered, place) = counter.altered(&words);
    let Some(first) = altered.first() else { return Ok(None) };
    let restart = format!("RESTART WITH {first}");
    match place.and_then(|place| words.bytes(place)) {
        Some(bytes) => sql.replace_range(bytes, &restart),
        None => *sql = format!("{} {restart}", sql.trim_end().trim_end_matches(';')),
    }
    Ok(Some(format!(
        "the sequence {name} continues with {first}, the first number of its new range: MariaDB has no sequences whose \
         next number ({}) is before their range",
        altered.next
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(sql: &str, sequences: &[&str]) -> Option<Option<String>> {
        let sequences = sequences.iter().map(|name| ("d".to_owned(), (*name).to_owned())).collect();
        let ddl = Ddl { query: sql.to_owned(), schema: "d".to_owned(), sequences, ..Ddl::default() };
        without(&ddl).map(|left| left.sql)
    }

    #[test]
    fn moves_of_sequences_go() {
        assert_eq!(left("RENAME TABLE a TO b", &[]), None);
        assert_eq!(left("DROP SEQUENCE s", &["s"]), None);
        assert_eq!(left("RENAME TABLE S TO t", &["s"]), Some(None));
        assert_eq!(left("ALTER TABLE s RENAME TO t", &["s"]), Some(None));
        assert_eq!(left("ALTER TABLE s COMMENT = 'x'", &["s"]), Some(None));
        let some = |sql: &str| Some(Some(sql.to_owned()));
        assert_eq!(
            left("RENAME TABLE s TO x, t TO s, x TO e.y, s TO u", &["s"]),
            some("RENAME TABLE `d`.`t` TO `d`.`s`, `d`.`s` TO `d`.`u`")
        );
    }

    #[test]
    fn before_its_range() {
        let up = Counter { next: 11, min: 1, max: 1000, start: 1, increment: 1 };
        let down = Counter { next: -11, min: -1000, max: -1, start: -1, increment: -1 };
        let of = |counter: Counter, sql: &str| {
            let (altered, place) = counter.altered(&Words::of(sql));
            (altered.first(), place)
        };
        assert_eq!(of(up, "ALTER SEQUENCE s MAXVALUE 5"), (None, None));
        assert_eq!(of(up, "ALTER SEQUENCE s START WITH 500 MINVALUE 500"), (Some(500), None));
        assert_eq!(of(up, "ALTER SEQUENCE s START 503 MINVALUE = 500 INCREMENT BY 5"), (Some(503), None));
        assert_eq!(of(up, "ALTER SEQUENCE s RESTART WITH -5"), (Some(1), Some(3..7)));
        assert_eq!(of(up, "ALTER SEQUENCE s RESTART WITH 5000"), (None, Some(3..6)));
        assert_eq!(of(up, "ALTER SEQUENCE s RESTART START 500 MINVALUE 500"), (None, Some(3..4)));
        assert_eq!(of(down, "ALTER SEQUENCE s MAXVALUE -500 START WITH -500"), (Some(-500), None));
        assert_eq!(of(down, "ALTER SEQUENCE s START 1 MINVALUE 1 MAXVALUE 9 INCREMENT 1"), (Some(1), None));
    }
}
