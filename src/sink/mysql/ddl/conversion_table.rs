//! Pairs of types whose values the targets convert otherwise than TiDB does.
//!
//! They were found by trying all pairs on each kind of server (the table in docs/ddl.md). Pairs
//! that are not listed come out alike, or are refused by the server itself. On MariaDB all of this
//! holds with TIME_ROUND_FRACTIONAL, which the sink's sessions set.
//!
//! The second part is about generated columns that divide. TiDB keeps nine digits of a quotient, or
//! a multiple of nine, until the value is put into its column, and so do MariaDB and MySQL 5.7.
//! Later versions of MySQL round to `div_precision_increment` digits at once, 8.0 within functions
//! and 9 everywhere. No table keeps that setting, and no other one makes both alike: so it is
//! reported.

use Class::{Bit, Date, Datetime, Decimal, Double, Float, Int, Json, Listed, Long, Short, Time, Year};

use super::run::DdlContext;
use crate::event::Event;
use crate::model::{Column, CommitTs, Ddl, Generated, Table};
use crate::mysql::session::Flavour;
use crate::sink::mysql::batch::full_name;
use crate::sql::quote_name;
use crate::sql::{Token, tokens};

/// What a column holds, as far as conversions depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Whole numbers.
    Int,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL.
    Decimal,
    /// BIT.
    Bit,
    /// YEAR.
    Year,
    /// DATE.
    Date,
    /// DATETIME and TIMESTAMP.
    Datetime,
    /// TIME.
    Time,
    /// CHAR, VARCHAR, BINARY, VARBINARY.
    Short,
    /// TEXT and BLOB of each size.
    Long,
    /// ENUM and SET.
    Listed,
    /// JSON.
    Json,
}

impl Class {
    /// The class of a type's name.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "INTEGER" | "BIGINT" | "BOOL" | "BOOLEAN" => Int,
            "FLOAT" => Float,
            "DOUBLE" | "REAL" => Double,
            "DECIMAL" | "NUMERIC" | "DEC" | "FIXED" => Decimal,
            "BIT" => Bit,
            "YEAR" => Year,
            "DATE" => Date,
            "DATETIME" | "TIMESTAMP" => Datetime,
            "TIME" => Time,
            "CHAR" | "VARCHAR" | "BINARY" | "VARBINARY" | "CHARACTER" | "NCHAR" | "NVARCHAR" => Short,
            "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Long,
            "ENUM" | "SET" => Listed,
            "JSON" => Json,
            _ => return None,
        })
    }
}

/// The servers that a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Each,
    MariaDb,
    MySql,
}

/// How values of some types become values of other types.
pub(super) struct Rule {
    pub(super) from: &'static [Class],
    pub(super) to: &'static [Class],
    pub(super) on: On,
    /// An intermediate type: both steps together give TiDB's value.
    pub(super) through: Option<&'static str>,
    /// Selects the values that become different nevertheless. `{v}` is the column, `{n}` the digits
    /// after the second of the new type.
    pub(super) unless: Option<&'static str>,
    /// What the two sides make of such a value; without `through` and `unless`, a remark for the
    /// operator.
    pub(super) why: &'static str,
}

/// DOUBLE as text has an exponent on the targets from 1e15 on, and below 1e-15.
const EXPONENT: &str = "CAST({v} + 0e0 AS CHAR) LIKE '%e%'";
/// MySQL writes a DOUBLE within JSON with at most 16 digits.
const DIGITS: &str = "CAST({v} + 0e0 AS CHAR) REGEXP '[0-9.]{17,}|e'";
/// FLOAT as text has six digits on the targets, in TiDB as many as necessary: more than half the
/// distance to its neighbours is lost.
const SIX_DIGITS: &str =
    "CAST({v} AS CHAR) LIKE '%e%' OR ABS(CAST({v} AS CHAR) - {v}) >= POW(2, FLOOR(LOG2(ABS({v}))) - 24)";
/// Less than half a second before the next minute: TiDB writes second 60 into an unsigned number.
const MINUTE: &str = "SECOND({v}) = 59 AND MICROSECOND({v}) >= 500000";
const MINUTE_OR_HALF: &str =
    "SECOND({v}) = 59 AND MICROSECOND({v}) >= 500000 OR {v} < '00:00:00' AND MICROSECOND({v}) = 500000";
/// TiDB rounds half a unit up, the targets away from zero.
const NEGATIVE_HALF: &str = "{v} < '00:00:00' AND MICROSECOND({v}) % POW(10, 6 - {n}) = 5 * POW(10, 5 - {n})";
/// JSON that is not a number which both sides read alike.
const NOT_WHOLE: &str = "NOT CAST({v} AS CHAR) REGEXP '^(-?[0-9]{1,18}|true|false)$'";
const ANY: &str = "{v} IS NOT NULL";

const AS_TEXT: &str = "TiDB writes all digits of the number and no exponent";
const AS_JSON: &str = "TiDB writes the number's digits differently";
const KEPT: &str = "each JSON value keeps the spelling of its text, while TiDB rewrites it; as JSON it is the same";
const ROUNDS: &str = "TiDB rounds it differently";

const fn rule(from: &'static [Class], to: &'static [Class], on: On) -> Rule {
    Rule { from, to, on, through: None, unless: None, why: "" }
}

const fn through(rule: Rule, through: &'static str) -> Rule {
    Rule { through: Some(through), ..rule }
}

const fn unless(rule: Rule, unless: &'static str, why: &'static str) -> Rule {
    Rule { unless: Some(unless), why, ..rule }
}

/// All rules; the first that fits applies.
pub(super) static RULES: [Rule; 21] = [
    unless(rule(&[Float], &[Short, Long], On::Each), SIX_DIGITS, AS_TEXT),
    unless(rule(&[Double], &[Short, Long], On::Each), EXPONENT, AS_TEXT),
    unless(through(rule(&[Float, Decimal], &[Json], On::MariaDb), "DOUBLE"), EXPONENT, AS_JSON),
    unless(through(rule(&[Float, Decimal], &[Json], On::MySql), "DOUBLE"), DIGITS, AS_JSON),
    unless(rule(&[Double], &[Json], On::MariaDb), EXPONENT, AS_JSON),
    unless(rule(&[Double], &[Json], On::MySql), DIGITS, AS_JSON),
    through(rule(&[Float, Double], &[Year], On::MariaDb), "BIGINT"),
    through(rule(&[Bit], &[Long], On::Each), "BIGINT UNSIGNED"),
    through(rule(&[Year], &[Short, Long, Json], On::Each), "SMALLINT UNSIGNED"),
    unless(
        rule(&[Int], &[Listed], On::MySql),
        ANY,
        "TiDB takes the number as the element's position in the list, the target as its text",
    ),
    unless(through(rule(&[Datetime], &[Int], On::MariaDb), "DATETIME"), MINUTE, ROUNDS),
    unless(rule(&[Datetime], &[Int], On::MySql), MINUTE, ROUNDS),
    unless(through(rule(&[Time], &[Int], On::MariaDb), "TIME"), MINUTE_OR_HALF, ROUNDS),
    unless(rule(&[Time], &[Int], On::MySql), MINUTE_OR_HALF, ROUNDS),
    unless(
        rule(&[Datetime], &[Date], On::MySql),
        "TIME({v}) >= '23:59:59.5'",
        "TiDB keeps the day, the target takes the next one",
    ),
    unless(
        rule(&[Time], &[Date, Datetime], On::Each),
        ANY,
        "it gets the day on which the statement runs, which may differ on each side",
    ),
    unless(rule(&[Time], &[Time], On::Each), NEGATIVE_HALF, ROUNDS),
    unless(
        rule(&[Json], &[Short, Long], On::MySql),
        "CAST({v} AS CHAR) REGEXP '[0-9]e[-+]?[0-9]|[0-9.]{17,}|0[.]00000' OR CAST({v} AS CHAR) LIKE '%\":%\":%'",
        "TiDB writes its numbers, and the order of its keys, differently",
    ),
    unless(rule(&[Json], &[Int, Decimal], On::MySql), NOT_WHOLE, ROUNDS),
    unless(rule(&[Json], &[Year], On::Each), NOT_WHOLE, ROUNDS),
    Rule { why: KEPT, ..rule(&[Short, Long], &[Json], On::MariaDb) },
];

/// The rule for values of `from` that become values of `to`.
pub(super) fn find(from: Class, to: Class, mariadb: bool) -> Option<&'static Rule> {
    let here = |on: On| on == On::Each || (on == On::MariaDb) == mariadb;
    RULES.iter().find(|r| r.from.contains(&from) && r.to.contains(&to) && here(r.on))
}

/// The first version of MySQL that rounds a quotient anywhere.
const ROUNDS_QUOTIENTS: (u32, u32, u32) = (8, 0, 0);

/// The computed columns of `table`, with their expressions.
fn computed(table: &Table) -> impl Iterator<Item = (&Column, &str)> {
    let details = table.details.iter().flat_map(|details| &details.columns);
    let all = table.columns.iter().zip(details).map(|(column, own)| (column, own.generated.as_str()));
    all.filter(|(column, _)| column.generated != Generated::No && !column.hidden)
}

/// The columns that divide after `ddl`, and did not before.
fn new_divisions(ddl: &Ddl) -> Vec<String> {
    let divides = |expression: &str| tokens(expression).iter().any(|(token, ..)| *token == Token::Sign('/'));
    let known = |column: &Column, expression: &str| {
        ddl.before.iter().flat_map(|t| computed(t)).any(|(old, was)| old.name == column.name && was == expression)
    };
    let of_table = |table: &Table| -> Vec<String> {
        let new = computed(table).filter(|(column, expression)| divides(expression) && !known(column, expression));
        new.map(|(column, _)| format!("{} of {}", quote_name(&column.name), full_name(table))).collect()
    };
    ddl.after.iter().flat_map(|table| of_table(table)).collect()
}

/// Reports such a column before it is created.
pub(super) fn warn_of_divisions(context: &DdlContext<'_>, ts: CommitTs, ddl: &Ddl) {
    let server = context.session.server();
    if server.flavour != Flavour::MySql || server.version < ROUNDS_QUOTIENTS {
        return;
    }
    for column in new_divisions(ddl) {
        (context.events)(Event::Warning(format!(
            "column {column} is computed with a division (commit ts {}), and its values may have different digits on \
             the target: MySQL rounds a quotient to the scale of its dividend and `div_precision_increment` digits \
             more, TiDB does not before the value is in its column",
            ts.explain()
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_says_or_does_something_and_can_be_reached() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(rule.through.is_some() || !rule.why.is_empty(), "rule {at}");
            assert_eq!(rule.unless.is_some(), !rule.why.is_empty() && !rule.why.starts_with("each JSON"), "rule {at}");
            let mariadb = rule.on != On::MySql;
            for (from, to) in rule.from.iter().flat_map(|f| rule.to.iter().map(move |t| (*f, *t))) {
                assert!(std::ptr::eq(find(from, to, mariadb).unwrap(), rule), "rule {at}: {from:?} to {to:?}");
            }
        }
        assert!(find(Class::Int, Class::Double, true).is_none());
        assert_eq!((Class::of("longtext"), Class::of("POINT")), (Some(Class::Long), None));
    }
}
