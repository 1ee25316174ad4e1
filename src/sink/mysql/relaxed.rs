//! Values that a session with strict mode refuses, although the upstream has them: what only a session without it could write there.
//!
//! A value that the stream brings must arrive as it is. What the target computes itself may bend as it did upstream: a generated column that is out
//! of its range. So a refused statement is tried once more without strict mode, and what the server then warns of says whether only such bent.

use anyhow::Result;

use super::failure::{Class, classify, explain};
use super::session::Session;
use crate::error::Fault;
use crate::model::Table;

/// A statement's table.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) table: &'a Table,
    pub(super) name: &'a str,
}

/// What the server said of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) affected: u64,
    /// Rows that an UPDATE found.
    pub(super) matched: Option<u64>,
    /// Rows of an INSERT that were there before.
    pub(super) duplicates: Option<u64>,
}

/// A line of SHOW WARNINGS.
type Warned = (String, u16, String);

const NO_DEFAULT: u16 = 1364;
/// Words of a statement that MySQL will not always take (VALUES() from 8.0.20 on): they say nothing of a value.
const DEPRECATED: u16 = 1287;
/// A result of arithmetic, which only expressions have.
const COMPUTED_RANGE: u16 = 1690;
/// Out of range, truncated, too long: the first name in the words is the column's, and there is no value among them.
const OF_A_COLUMN: [u16; 3] = [1264, 1265, 1406];
/// Refusals that may be about a value which the target computes.
const MAY_BEND: [u16; 6] = [1264, 1265, 1292, 1406, NO_DEFAULT, COMPUTED_RANGE];

/// Runs `sql`; if strict mode refuses what the target computes itself, without that.
pub(super) fn run(session: &mut Session, sql: &str, values: Values<'_>, what: impl Fn() -> String) -> Result<Told> {
    let error = match tried(session, sql) {
        Ok(told) => return Ok(told),
        Err(error) => error,
    };
    let code = if let mysql::Error::MySqlError(e) = &error { e.code } else { 0 };
    if MAY_BEND.contains(&code)
        && let Some(told) = bent(session, sql, values)?
    {
        return Ok(told);
    }
    let before = if classify(&error) == Class::Connection { "the connection was lost while " } else { "" };
    Err(explain(&error, format!("{before}{}", what())))
}

fn tried(session: &mut Session, sql: &str) -> mysql::Result<Told> {
    let affected = session.try_run(sql)?;
    Ok(Told { affected, matched: session.matched(), duplicates: session.duplicates() })
}

/// The same without strict mode; `None` if it is refused again, or anything bent that the stream has brought.
fn bent(session: &mut Session, sql: &str, values: Values<'_>) -> Result<Option<Told>> {
    session.relax(true)?;
    let told = tried(session, sql);
    let warnings = if told.is_ok() { warnings(session) } else { Ok(None) };
    session.relax(false)?;
    let fits = warnings?.is_some_and(|all| all.iter().all(|warned| values.may_bend(warned)));
    Ok(told.ok().filter(|_| fits))
}

/// All warnings of the last statement; `None` if the server does not show each.
fn warnings(session: &mut Session) -> Result<Option<Vec<Warned>>> {
    let count = usize::from(session.warnings());
    let shown: Vec<Warned> = if count == 0 { Vec::new() } else { session.rows("SHOW WARNINGS")? };
    Ok((shown.len() >= count).then_some(shown))
}

/// Runs a statement with ENUM values of index 0, which need strict mode off; anything else of the stream that then bends is an error.
pub(super) fn run_relaxed(
    session: &mut Session,
    sql: &str,
    zeros: u64,
    values: Values<'_>,
    what: impl Fn() -> String,
) -> Result<Told> {
    session.relax(true)?;
    let told = relaxed(session, sql, zeros, values, what);
    // A refused statement leaves the session as it was, not relaxed; after a lost connection there is nothing to mend.
    let mended = session.relax(false);
    told.and_then(|told| mended.map(|()| told))
}

fn relaxed(
    session: &mut Session,
    sql: &str,
    zeros: u64,
    values: Values<'_>,
    what: impl Fn() -> String,
) -> Result<Told> {
    let told = tried(session, sql).map_err(|e| explain(&e, what()))?;
    if u64::from(session.warnings()) <= zeros {
        return Ok(told);
    }
    let (all, shown) = (session.warnings(), warnings(session)?.unwrap_or_default());
    let bent: Vec<&Warned> = shown.iter().filter(|warned| !values.may_bend(warned)).collect();
    if shown.len() >= usize::from(all) && bent.len() as u64 <= zeros {
        return Ok(told);
    }
    let bent: Vec<String> = bent.into_iter().take(5).map(|(_, code, text)| format!("{code} {text}")).collect();
    let text = format!("values do not fit the columns of {}: {}", values.name, bent.join("; "));
    Err(Fault::refused(text).hint(Class::Data.hint()).into())
}

impl Values<'_> {
    /// Whether a warning is about a value that the stream did not bring, or that is as it brought it.
    fn may_bend(self, (_, code, text): &Warned) -> bool {
        if *code == DEPRECATED {
            return true;
        }
        let Some(name) = text.split(['\'', '`']).nth(1) else { return false };
        let column = self.table.columns.iter().find(|c| c.name.to_lowercase() == name.to_lowercase());
        match *code {
            COMPUTED_RANGE => true,
            // It is written all the same: NULL, where the column takes that.
            NO_DEFAULT => column.is_some_and(|c| c.nullable),
            code if OF_A_COLUMN.contains(&code) => column.is_none_or(|c| !c.writable()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Column, Generated, Kind, Value};

    #[test]
    fn only_what_the_target_computes_may_bend() {
        let column = |name: &str, nullable, generated| Column {
            id: 1,
            name: name.to_owned(),
            kind: Kind::Int { bytes: 4, unsigned: false },
            nullable,
            generated,
            hidden: false,
            missing: Value::Null,
        };
        let columns = vec![
            column("id", false, Generated::No),
            column("k", true, Generated::No),
            column("g", true, Generated::Virtual),
        ];
        let table = Table { columns, ..Table::named("d", "t") };
        let bends =
            |code, text: &str| Values { table: &table, name: "" }.may_bend(&("Warning".into(), code, text.into()));
        assert!(bends(1264, "Out of range value for column 'g' at row 1"));
        assert!(bends(1264, "Hodnota mimo rozsah pro sloupec 'G' na řádku 1"));
        assert!(bends(1690, "BIGINT value is out of range in '(`a` * 1000)'"));
        assert!(bends(1364, "Field 'k' doesn't have a default value"));
        assert!(!bends(1364, "Field 'id' doesn't have a default value"));
        assert!(!bends(1264, "Out of range value for column 'k' at row 1"));
        assert!(!bends(1265, "Data truncated"));
        assert!(!bends(1366, "Incorrect integer value: 'g' for column `d`.`t`.`id` at row 1"));
        assert!(!bends(1292, "Incorrect datetime value: '`g`' for column 'k'"));
        // Of a column that the statement does not write, which only the target has.
        assert!(bends(1406, "Data too long for column 'own' at row 2"));
    }
}
