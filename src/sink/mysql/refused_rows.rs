//! Handles values that strict mode refuses although the upstream has them.
//!
//! Only a session without strict mode could write such values. A value that the stream brings must
//! arrive as it is. What the target computes itself may be adjusted as it was upstream: a generated
//! column that is out of its range. So a refused statement is tried once more without strict mode,
//! and the server's warnings then say whether only such values were adjusted.
//!
//! The second part explains a duplicate key whose cause is the stream itself: the target's
//! collation holds two of its values to be equal. A TiDB cluster with old collations
//! (`new_collation_enabled` is False in `mysql.tidb`) compares bytes, no matter which collation a
//! column names: `a`, `A` and `a ` are three values of a unique key there.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::batch::{Part, full_name};
use super::worker::Worker;
use crate::error::Fault;
use crate::model::{Key, Kind, Row, RowKind, Table, Value};
use crate::mysql::error::SessionError;
use crate::mysql::error::{Class, class_of, classify, explain, said_of};
use crate::mysql::session::Session;
use crate::sink::Clash;
use crate::sql::{quote_name, quote_text};

/// A statement's table.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) table: &'a Table,
    pub(super) name: &'a str,
}

/// The server's answer to a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatementResult {
    pub(super) affected: u64,
    /// Rows that an UPDATE matched.
    pub(super) matched: Option<u64>,
    /// Rows of an INSERT that existed before.
    pub(super) duplicates: Option<u64>,
}

/// A line of SHOW WARNINGS.
type Warned = (String, u16, String);

const NO_DEFAULT: u16 = 1364;
/// For syntax that MySQL is about to remove (VALUES() from 8.0.20 on): this is not about a value.
const DEPRECATED: u16 = 1287;
/// For the result of arithmetic, which only expressions have.
const COMPUTED_RANGE: u16 = 1690;
/// Out of range, truncated, too long: the first quoted name in the text is the column's, and no
/// value is in the text.
const OF_A_COLUMN: [u16; 3] = [1264, 1265, 1406];
/// Errors that may be about a value which the target computes.
const MAY_BEND: [u16; 6] = [1264, 1265, 1292, 1406, NO_DEFAULT, COMPUTED_RANGE];

/// Runs `sql`; if strict mode refuses values that the target computes itself, without strict mode.
pub(super) fn run(
    session: &mut Session,
    sql: &str,
    values: Values<'_>,
    what: impl Fn() -> String,
) -> Result<StatementResult> {
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

fn tried(session: &mut Session, sql: &str) -> mysql::Result<StatementResult> {
    let affected = session.try_run(sql)?;
    Ok(StatementResult { affected, matched: session.matched(), duplicates: session.duplicates() })
}

/// Runs `sql` without strict mode; `None` if it is refused again, or if a value of the stream was
/// adjusted.
fn bent(session: &mut Session, sql: &str, values: Values<'_>) -> Result<Option<StatementResult>> {
    session.relax(true)?;
    let told = tried(session, sql);
    let warnings = if told.is_ok() { warnings(session) } else { Ok(None) };
    session.relax(false)?;
    let fits = warnings?.is_some_and(|all| all.iter().all(|warned| values.may_bend(warned)));
    Ok(told.ok().filter(|_| fits))
}

/// All warnings of the last statement; `None` if the server does not show all of them.
fn warnings(session: &mut Session) -> Result<Option<Vec<Warned>>> {
    let count = usize::from(session.warnings());
    let shown: Vec<Warned> = if count == 0 { Vec::new() } else { session.rows("SHOW WARNINGS")? };
    Ok((shown.len() >= count).then_some(shown))
}

/// Runs a statement with ENUM values of index 0, which need strict mode off; any other value of the
/// stream that is adjusted then is an error.
pub(super) fn run_relaxed(
    session: &mut Session,
    sql: &str,
    zeros: u64,
    values: Values<'_>,
    what: impl Fn() -> String,
) -> Result<StatementResult> {
    session.relax(true)?;
    let told = relaxed(session, sql, zeros, values, what);
    // A refused statement must not leave the session relaxed; after a lost connection there is
    // nothing to restore.
    let mended = session.relax(false);
    told.and_then(|told| mended.map(|()| told))
}

fn relaxed(
    session: &mut Session,
    sql: &str,
    zeros: u64,
    values: Values<'_>,
    what: impl Fn() -> String,
) -> Result<StatementResult> {
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
    /// Whether a warning is about a value that the stream did not bring, or that was not adjusted.
    fn may_bend(self, (_, code, text): &Warned) -> bool {
        if *code == DEPRECATED {
            return true;
        }
        let Some(name) = text.split(['\'', '`']).nth(1) else { return false };
        let column = self.table.columns.iter().find(|c| c.name.to_lowercase() == name.to_lowercase());
        match *code {
            COMPUTED_RANGE => true,
            // It is written nevertheless: as NULL, if the column allows that.
            NO_DEFAULT => column.is_some_and(|c| c.nullable),
            code if OF_A_COLUMN.contains(&code) => column.is_none_or(|c| !c.writable()),
            _ => false,
        }
    }
}

/// Limit of rows of a batch that one row is compared with.
const MOST: usize = 100;

impl Worker {
    /// `error`, which a statement on `table` gave for rows of `parts`; with the cause if a key was
    /// taken and the cause can be found.
    pub(super) fn key_taken(&mut self, table: &Arc<Table>, parts: &[Part], error: Error) -> Error {
        if class_of(&error) != Some(Class::Duplicate) {
            return error;
        }
        let lane = self.open_lane().ok();
        let found = lane.zip(said_of(&error)).and_then(|(lane, said)| {
            // What cannot be looked up is not known; that is not an error by itself.
            find(&mut lane.session, table, parts, said).ok().flatten()
        });
        match found {
            Some(pair) => error.context(pair.fault(table)),
            None => error.context(Clash { schema: table.schema.clone(), table: table.name.clone() }),
        }
    }
}

/// The hint if the upstream may compare bytes.
const BYTES: &str = "upstream they are different values: a TiDB cluster with old collations compares bytes (`SELECT \
     variable_value FROM mysql.tidb WHERE variable_name = 'new_collation_enabled'` says False there). Give the \
     target's columns a collation that distinguishes them (utf8mb4_nopad_bin on MariaDB, utf8mb4_0900_bin on MySQL \
     8), or make the values differ upstream, and start again: the run continues from the checkpoint. If the query \
     says True, the row with the other value was not written by this link";

/// The hint about characters that one server's collation ignores, and the other server's collation
/// of that name does not.
const WEIGHTLESS: &str = "upstream they are different values: TiDB's collation of this name counts characters such as \
    NUL, which MySQL's and MariaDB's ignore. Give the target's columns a collation that distinguishes them \
    (utf8mb4_bin), or make the values differ upstream, and start again: the run continues from the checkpoint";

/// Two values that are equal on the target.
struct Pair {
    key: String,
    collation: String,
    new: String,
    there: String,
}

impl Pair {
    fn fault(&self, table: &Table) -> Fault {
        let Self { key, collation, new, there } = self;
        let hint = if [new, there].iter().any(|text| text.contains(char::is_control)) { WEIGHTLESS } else { BYTES };
        Fault::refused(format!(
            "{} on the target cannot hold both {new:?} and {there:?} in its key `{key}`: they are equal in its \
             collation {collation}",
            full_name(table)
        ))
        .hint(hint)
    }
}

/// The value of a key's part in a row.
struct Field<'a> {
    column: &'a str,
    value: String,
    text: bool,
    prefix: Option<u32>,
}

impl Field<'_> {
    fn literal(&self) -> String {
        if self.text { quote_text(&self.value) } else { self.value.clone() }
    }

    /// The condition with which the server compares it.
    fn condition(&self) -> String {
        let (name, literal) = (quote_name(self.column), self.literal());
        match self.prefix {
            Some(n) => format!("LEFT({name}, {n}) = LEFT({literal}, {n})"),
            None => format!("{name} = {literal}"),
        }
    }
}

fn find(session: &mut Session, table: &Table, parts: &[Part], said: &str) -> Result<Option<Pair>, SessionError> {
    let Some((entry, name)) = words(said) else { return Ok(None) };
    let Some(key) = table.keys.iter().find(|k| is_called(k, name)) else { return Ok(None) };
    let rows: Vec<Vec<Field<'_>>> = images(table, parts).filter_map(|(of, row)| fields(of, key, table, row)).collect();
    // Characters that are not printable are shown by their numbers, in each server's own way.
    let escaped = |row: &[Field<'_>]| entry.contains('\\') && row.iter().any(|f| f.value.contains(char::is_control));
    let texts = rows.iter().filter(|row| row.iter().any(|field| field.text));
    for new in texts.filter(|row| shown(row).starts_with(entry) || escaped(row)).take(MOST) {
        let there = match in_table(session, table, new)? {
            Some(there) => Some(there),
            None => in_batch(session, table, new, &rows)?,
        };
        let Some(there) = there else { continue };
        let differs = new.iter().zip(there).find(|(field, other)| field.text && field.value != *other);
        let Some((field, other)) = differs else { continue };
        let collation = collation(session, table, field.column)?.unwrap_or_default();
        return Ok(Some(Pair { key: key.name.clone(), collation, new: field.value.clone(), there: other }));
    }
    Ok(None)
}

/// The value and the key's name in `Duplicate entry 'x' for key 'k'`.
fn words(said: &str) -> Option<(&str, &str)> {
    let (_, rest) = said.split_once("Duplicate entry '")?;
    let (entry, rest) = rest.rsplit_once("' for key '")?;
    Some((entry, rest.strip_suffix('\'')?))
}

/// Whether it is the key's name; MySQL and TiDB write the table's name before it.
fn is_called(key: &Key, name: &str) -> bool {
    let short = name.rsplit_once('.').map_or(name, |(_, short)| short);
    [name, short].iter().any(|name| key.name.eq_ignore_ascii_case(name)) || key.primary && short == "PRIMARY"
}

/// The rows that the parts leave in the table, each with the definition that reads it.
fn images<'a>(table: &'a Table, parts: &'a [Part]) -> impl Iterator<Item = (&'a Table, &'a Row)> {
    parts.iter().flat_map(|part| &part.changes).filter(|change| change.table.id == table.id).filter_map(|change| {
        match &change.kind {
            RowKind::Insert(row) | RowKind::Update { new: row, .. } => Some((&*change.table, row)),
            RowKind::Delete(_) => None,
        }
    })
}

/// The key's values in a row; `None` if one is NULL, or of a kind that is not compared as text.
fn fields<'a>(of: &Table, key: &Key, table: &'a Table, row: &Row) -> Option<Vec<Field<'a>>> {
    let field = |part: &crate::model::KeyPart| {
        let column = table.columns.get(part.column)?;
        let text = matches!(column.kind, Kind::Text { .. });
        let value = match of.value(row, &column.name)? {
            Value::Int(n) => n.to_string(),
            Value::UInt(n) => n.to_string(),
            Value::Bytes(bytes) if text => std::str::from_utf8(bytes).ok()?.to_owned(),
            _ => return None,
        };
        Some(Field { column: &column.name, value, text, prefix: part.prefix.filter(|_| text) })
    };
    key.parts.iter().map(field).collect()
}

/// The key's value as the server shows it.
fn shown(row: &[Field<'_>]) -> String {
    row.iter().map(|field| field.value.as_str()).collect::<Vec<_>>().join("-")
}

/// The key's values in the table's row that has the key.
fn in_table(session: &mut Session, table: &Table, new: &[Field<'_>]) -> Result<Option<Vec<String>>, SessionError> {
    let names: Vec<String> = new.iter().map(|field| quote_name(field.column)).collect();
    let conditions: Vec<String> = new.iter().map(Field::condition).collect();
    let sql =
        format!("SELECT {} FROM {} WHERE {} LIMIT 1", names.join(", "), full_name(table), conditions.join(" AND "));
    let Some(row) = session.fetch_one::<mysql::Row>(&sql)? else { return Ok(None) };
    let text = |value: mysql::Value| match value {
        mysql::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    };
    Ok(Some(row.unwrap().into_iter().map(text).collect()))
}

/// The key's values in another row of the batch that has the key; the refused statement rolled that
/// row back too.
fn in_batch(
    session: &mut Session,
    table: &Table,
    new: &[Field<'_>],
    rows: &[Vec<Field<'_>>],
) -> Result<Option<Vec<String>>, SessionError> {
    let differs = |row: &&Vec<Field<'_>>| {
        let pairs = || row.iter().zip(new);
        pairs().all(|(a, b)| a.text || a.value == b.value) && pairs().any(|(a, b)| a.value != b.value)
    };
    for row in rows.iter().filter(differs).take(MOST) {
        let mut same = true;
        for (a, b) in row.iter().zip(new).filter(|(a, b)| a.value != b.value) {
            let Some(collation) = collation(session, table, a.column)? else { return Ok(None) };
            let charset = collation.split('_').next().unwrap_or_default().to_owned();
            let side = |field: &Field<'_>| {
                let text = format!("CONVERT({} USING {charset})", field.literal());
                field.prefix.map_or_else(|| text.clone(), |n| format!("LEFT({text}, {n})"))
            };
            let sql = format!("SELECT {} COLLATE {collation} = {}", side(a), side(b));
            same &= session.fetch_one::<Option<u8>>(&sql)?.flatten() == Some(1);
        }
        if same {
            return Ok(Some(row.iter().map(|field| field.value.clone()).collect()));
        }
    }
    Ok(None)
}

/// The collation of a column on the target.
fn collation(session: &mut Session, table: &Table, column: &str) -> Result<Option<String>, SessionError> {
    let sql = format!(
        "SELECT collation_name FROM information_schema.columns WHERE table_schema = {} AND table_name = {} AND column_name = {}",
        quote_text(&table.schema),
        quote_text(&table.name),
        quote_text(column)
    );
    Ok(session.fetch_one::<Option<String>>(&sql)?.flatten())
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
        // For a column that the statement does not write, which only the target has.
        assert!(bends(1406, "Data too long for column 'own' at row 2"));
    }

    #[test]
    fn what_the_server_says_of_a_taken_key() {
        assert_eq!(words("error 1062 (23000): Duplicate entry 'A' for key 'k'"), Some(("A", "k")));
        assert_eq!(words("Duplicate entry 'it's-1' for key 't.PRIMARY'"), Some(("it's-1", "t.PRIMARY")));
        assert_eq!(words("Duplicate column name 'a'"), None);
        let key = |name: &str, primary| Key { name: name.to_owned(), primary, parts: vec![] };
        assert!(is_called(&key("K", false), "t.k") && is_called(&key("k", false), "k"));
        assert!(is_called(&key("PRIMARY", true), "t.PRIMARY") && !is_called(&key("other", false), "t.k"));
    }
}
