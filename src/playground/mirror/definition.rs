//! Reads the definitions of tables and columns from MariaDB's information_schema.
//!
//! Text is as TiDB stores it: UTF-8, with any character set of the column
//! (docs/protocol/tidb-formats.md §3.6).

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use mysql::prelude::Queryable;
use mysql::{Conn, Row, params};

use crate::model::{Column, ForeignKey, Generated, Handle, Key, KeyPart, Kind, Table, Value};
use crate::mysql::answer::Answers;
use crate::playground::sql_name;
use crate::playground::tableinfo::{ColumnDetails, Details};
use crate::sql::quote_text;

/// A table as MariaDB has it. Ids are 0, and the handle is not decided yet.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) table: Table,
    pub(super) details: Details,
    /// The statement that makes it, every character set and collation named.
    pub(super) text: String,
    /// Whether rows of it change, without an event in the binlog, when their parents do.
    pub(super) cascades: bool,
}

/// The definition of a table; `None` if there is none of that name.
pub(super) fn read(conn: &mut Conn, schema: &str, name: &str) -> Result<Option<Definition>> {
    type Found = (String, Option<String>, Option<String>, Option<String>);
    let query = "SELECT table_type, table_collation, create_options, table_comment FROM information_schema.tables \
                 WHERE table_schema = ? AND table_name = ?";
    let Some((kind, collation, options, comment)) = conn.one_with::<Found>(query, (schema, name))? else {
        return Ok(None);
    };
    ensure!(kind == "BASE TABLE", "it is a {}", kind.to_lowercase());
    ensure!(!options.unwrap_or_default().contains("partitioned"), "it is partitioned");
    let collation = collation.context("it has no collation")?;
    let json = json_columns(conn, schema, name)?;
    let described = columns(conn, schema, name)?;
    let (mut columns, mut details) = (Vec::new(), Details::default());
    for one in &described {
        let is_json = json.contains(&one.name);
        let (column, own) = read_column(one, is_json).with_context(|| format!("column `{}`", one.name))?;
        details.columns.insert(column.name.clone(), own);
        columns.push(column);
    }
    let (mut keys, mut indexes) = (Vec::new(), Vec::new());
    for (key, unique) in self::keys(conn, schema, name, &columns)? {
        if unique { keys.push(key) } else { indexes.push(key) }
    }
    keys.sort_by_key(|key| !key.primary);
    let (foreign_keys, cascades) = foreign_keys(conn, schema, name)?;
    details.indexes = indexes;
    details.comment = comment.unwrap_or_default();
    details.reactions = reactions(conn, schema, name)?;
    let shown: Option<(String, String)> =
        conn.one(format!("SHOW CREATE TABLE {}.{}", sql_name(schema), sql_name(name)))?;
    let text = shown.map(|(_, text)| with_json(&text, &json)).context("SHOW CREATE TABLE shows nothing")?;
    let charset = collation.split('_').next().unwrap_or_default().to_owned();
    ensure!(known(&charset), "its character set {charset} is not mirrored");
    let table = Table {
        id: 0,
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns,
        keys,
        handle: Handle::RowId,
        foreign_keys,
        partitions: Vec::new(),
        charset: as_tidb(&charset),
        collation: as_tidb(&collation),
        details: None,
    };
    Ok(Some(Definition { table, details, text, cascades }))
}

fn columns(conn: &mut Conn, schema: &str, name: &str) -> Result<Vec<Described>> {
    // As text, numbers included.
    let query = "SELECT column_name, data_type, column_type, is_nullable = 'YES' AS nullable, character_set_name,
            collation_name, column_default, extra, generation_expression, numeric_precision, numeric_scale,
            datetime_precision, character_maximum_length, column_comment
        FROM information_schema.columns WHERE table_schema = ";
    let query =
        format!("{query}{} AND table_name = {} ORDER BY ordinal_position", quote_text(schema), quote_text(name));
    let mut found = Vec::new();
    for row in conn.query_iter(query)? {
        found.push(Described::of(row?)?);
    }
    Ok(found)
}

/// The JSON columns: in MariaDB, text with a CHECK constraint. Database and table stand there
/// twice: without constants the server opens every table it has to find its constraints.
fn json_columns(conn: &mut Conn, schema: &str, name: &str) -> Result<Vec<String>> {
    let query = "SELECT c.column_name FROM information_schema.columns c
        JOIN information_schema.check_constraints k ON k.constraint_schema = c.table_schema AND k.table_name = c.table_name
        AND k.level = 'Column' AND k.constraint_name = c.column_name
        AND k.check_clause = CONCAT('json_valid(`', REPLACE(c.column_name, '`', '``'), '`)')
        WHERE c.table_schema = :db AND c.table_name = :name AND k.constraint_schema = :db AND k.table_name = :name
        AND c.data_type = 'longtext'";
    Ok(conn.all_with(query, params! { "db" => schema, "name" => name })?)
}

/// All indexes, and whether each is unique.
fn keys(conn: &mut Conn, schema: &str, name: &str, columns: &[Column]) -> Result<Vec<(Key, bool)>> {
    type Found = (String, String, Option<u32>, String, bool);
    let query =
        "SELECT index_name, column_name, sub_part, index_type, non_unique = 0 FROM information_schema.statistics
        WHERE table_schema = ? AND table_name = ? ORDER BY index_name, seq_in_index";
    let mut keys: Vec<(Key, bool)> = Vec::new();
    for (key, column, prefix, kind, unique) in conn.all_with::<Found>(query, (schema, name))? {
        if kind == "HASH" && unique {
            bail!("its key `{key}` is unique over text columns without a length");
        }
        let column = columns.iter().position(|c| c.name == column).context("a key of an unknown column")?;
        let part = KeyPart { column, prefix };
        match keys.last_mut().filter(|(last, _)| last.name == key) {
            Some((last, _)) => last.parts.push(part),
            None => keys.push((Key { primary: key == "PRIMARY", name: key, parts: vec![part] }, unique)),
        }
    }
    Ok(keys)
}

/// Actions of foreign keys on DELETE and on UPDATE, as TiDB's numbers.
fn reactions(conn: &mut Conn, schema: &str, name: &str) -> Result<BTreeMap<String, (u8, u8)>> {
    let query = "SELECT constraint_name, delete_rule, update_rule FROM information_schema.referential_constraints
        WHERE constraint_schema = ? AND table_name = ?";
    let number = |rule: &str| match rule {
        "RESTRICT" => 1,
        "CASCADE" => 2,
        "SET NULL" => 3,
        "NO ACTION" => 4,
        "SET DEFAULT" => 5,
        _ => 0,
    };
    let rules = conn.all_with::<(String, String, String)>(query, (schema, name))?;
    Ok(rules.into_iter().map(|(key, delete, update)| (key, (number(&delete), number(&update)))).collect())
}

/// Foreign keys, and whether one of them changes rows by itself.
fn foreign_keys(conn: &mut Conn, schema: &str, name: &str) -> Result<(Vec<ForeignKey>, bool)> {
    let query =
        "SELECT constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name
        FROM information_schema.key_column_usage WHERE table_schema = ? AND table_name = ?
        AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position";
    let mut keys: Vec<ForeignKey> = Vec::new();
    type Found = (String, String, String, String, String);
    for (key, column, parent_schema, parent_table, parent) in conn.all_with::<Found>(query, (schema, name))? {
        if keys.last().is_none_or(|last| last.name != key) {
            let (columns, parent_columns) = (Vec::new(), Vec::new());
            keys.push(ForeignKey { name: key, parent_schema, parent_table, columns, parent_columns });
        }
        if let Some(last) = keys.last_mut() {
            last.columns.push(column);
            last.parent_columns.push(parent);
        }
    }
    let query = "SELECT COUNT(*) FROM information_schema.referential_constraints
        WHERE constraint_schema = ? AND table_name = ?
        AND (delete_rule IN ('CASCADE', 'SET NULL') OR update_rule IN ('CASCADE', 'SET NULL'))";
    let cascading: Option<u64> = conn.one_with(query, (schema, name))?;
    Ok((keys, cascading.unwrap_or(0) > 0))
}

/// A column as information_schema describes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    pub(super) name: String,
    data_type: String,
    column_type: String,
    nullable: bool,
    charset: String,
    collation: String,
    default: Option<String>,
    extra: String,
    expression: Option<String>,
    precision: Option<u64>,
    scale: Option<u64>,
    fsp: Option<u64>,
    length: Option<u64>,
    comment: String,
}

impl Described {
    /// A row of the query in `columns`.
    pub(super) fn of(mut row: Row) -> Result<Self> {
        let mut text = |name: &str| row.take_opt::<Option<String>, _>(name).and_then(Result::ok).flatten();
        Ok(Self {
            name: text("column_name").unwrap_or_default(),
            data_type: text("data_type").unwrap_or_default().to_lowercase(),
            column_type: text("column_type").unwrap_or_default(),
            nullable: text("nullable").as_deref() == Some("1"),
            charset: text("character_set_name").unwrap_or_default(),
            collation: text("collation_name").unwrap_or_default(),
            default: text("column_default"),
            extra: text("extra").unwrap_or_default().to_uppercase(),
            expression: text("generation_expression").filter(|e| !e.is_empty()),
            precision: number(text("numeric_precision"))?,
            scale: number(text("numeric_scale"))?,
            fsp: number(text("datetime_precision"))?,
            length: number(text("character_maximum_length"))?,
            comment: text("column_comment").unwrap_or_default(),
        })
    }
}

fn number(text: Option<String>) -> Result<Option<u64>> {
    Ok(text.map(|t| t.parse()).transpose()?)
}

/// The column and the details of its definition. Its id is 0.
///
/// # Errors
/// If TiDB has no such column.
pub(super) fn read_column(from: &Described, json: bool) -> Result<(Column, ColumnDetails)> {
    ensure!(!from.extra.contains("INVISIBLE"), "invisible columns are not mirrored");
    ensure!(!from.column_type.contains("COMPRESSED"), "compressed columns are not mirrored");
    let kind = if json { Kind::Json } else { kind(from)? };
    let generated = match (&from.expression, from.extra.contains("VIRTUAL")) {
        (None, _) => Generated::No,
        (Some(_), true) => Generated::Virtual,
        (Some(_), false) => Generated::Stored,
    };
    let details = ColumnDetails {
        length: matches!(from.data_type.as_str(), "char" | "varchar" | "varbinary")
            .then(|| from.length.and_then(|n| u32::try_from(n).ok()))
            .flatten(),
        tp: match from.data_type.as_str() {
            "char" => Some(254),
            "tinytext" | "tinyblob" => Some(249),
            "mediumtext" | "mediumblob" => Some(250),
            "longtext" | "longblob" => Some(251),
            _ => None,
        },
        width: width(from),
        flags: if is_number(from) {
            let has = |word: &str| u32::from(from.column_type.contains(word));
            has("unsigned") * 32 + has("zerofill") * 64
        } else {
            0
        },
        comment: from.comment.clone(),
        on_update: from.extra.to_lowercase().contains("on update"),
        auto_increment: from.extra.to_uppercase().contains("AUTO_INCREMENT"),
        default: from.default.as_deref().and_then(literal),
        added: false,
        origin: None,
        generated: from.expression.clone(),
    };
    let (name, nullable) = (from.name.clone(), from.nullable);
    Ok((Column { id: 0, name, kind, nullable, generated, hidden: false, missing: Value::Null }, details))
}

fn is_number(from: &Described) -> bool {
    let kind = from.data_type.as_str();
    kind.ends_with("int") || matches!(kind, "decimal" | "float" | "double")
}

/// The numbers in the brackets of a number's type.
fn width(from: &Described) -> Option<(i64, i64)> {
    let (_, rest) = from.column_type.split_once('(').filter(|_| is_number(from))?;
    let (inner, _) = rest.split_once(')')?;
    let (flen, decimal) = inner.split_once(',').unwrap_or((inner, "0"));
    Some((flen.parse().ok()?, decimal.parse().ok()?))
}

fn kind(from: &Described) -> Result<Kind> {
    let int = |bytes| Kind::Int { bytes, unsigned: from.column_type.contains("unsigned") };
    let small = |n: Option<u64>| u8::try_from(n.unwrap_or(0)).unwrap_or(u8::MAX);
    Ok(match from.data_type.as_str() {
        "tinyint" => int(1),
        "smallint" => int(2),
        "mediumint" => int(3),
        "int" => int(4),
        "bigint" => int(8),
        "year" => Kind::Year,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "decimal" => Kind::Decimal { precision: small(from.precision), scale: small(from.scale) },
        "date" => Kind::Date,
        "datetime" => Kind::Datetime { fsp: small(from.fsp) },
        "timestamp" => Kind::Timestamp { fsp: small(from.fsp) },
        "time" => Kind::Duration { fsp: small(from.fsp) },
        "bit" => Kind::Bit { width: small(from.precision) },
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            ensure!(known(&from.charset), "the character set {} is not mirrored", from.charset);
            Kind::Text { charset: as_tidb(&from.charset), collation: as_tidb(&from.collation) }
        }
        "binary" => Kind::Binary { fixed: from.length.and_then(|n| u32::try_from(n).ok()) },
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Binary { fixed: None },
        "enum" => Kind::Enum { elements: elements(&from.column_type) },
        "set" => Kind::Set { elements: elements(&from.column_type) },
        other => bail!("TiDB has no type like MariaDB's {other}"),
    })
}

/// The name of a character set or collation as TiDB has it.
pub(super) fn as_tidb(name: &str) -> String {
    name.replace("utf8mb3", "utf8")
}

/// The elements in `enum('a','it''s')`.
fn elements(column_type: &str) -> Vec<String> {
    let inside = column_type.split_once('(').map_or("", |(_, rest)| rest);
    let (mut found, mut current) = (Vec::new(), None::<String>);
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        match (&mut current, c) {
            (None, '\'') => current = Some(String::new()),
            (None, _) => {}
            (Some(text), '\'') if chars.next_if_eq(&'\'').is_some() => text.push('\''),
            (Some(_), '\'') => found.extend(current.take()),
            (Some(text), '\\') => text.extend(chars.next().map(|c| match c {
                'n' => '\n',
                'r' => '\r',
                '0' => '\0',
                other => other,
            })),
            (Some(text), c) => text.push(c),
        }
    }
    found
}

/// The text of a default that is a literal; expressions are left out, because they are not needed.
fn literal(sql: &str) -> Option<String> {
    let quoted = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match quoted {
        Some(text) => Some(text.replace("''", "'")),
        None if sql.starts_with("current_timestamp") => Some("CURRENT_TIMESTAMP".to_owned()),
        None => sql.parse::<f64>().ok().map(|_| sql.to_owned()),
    }
}

/// The text of SHOW CREATE TABLE with JSON written as JSON: so a TiDB reads it as JSON, and MariaDB
/// makes the same column of it.
pub(super) fn with_json(text: &str, json: &[String]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for name in json {
        let name = sql_name(name);
        let Some(line) = lines.iter_mut().find(|l| l.trim_start().starts_with(&format!("{name} longtext "))) else {
            continue;
        };
        let mut short =
            line.replacen(" longtext ", " json ", 1).replacen(&format!(" CHECK (json_valid({name}))"), "", 1);
        // MariaDB's own choice for JSON; any other collation is dropped, since TiDB's JSON has
        // none.
        if let Some((before, after)) = short.split_once(" json CHARACTER SET utf8mb4 COLLATE ") {
            let after = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            short = format!("{before} json{after}");
        }
        *line = short;
    }
    lines.join("\n")
}

/// The characters of MariaDB's latin1 (cp1252) at 0x80 to 0x9f; five bytes stand for themselves.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Whether columns of this character set can be mirrored. TiDB's gbk is not among them.
pub(super) fn known(charset: &str) -> bool {
    matches!(charset, "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "latin1" | "binary")
}

/// `bytes` of a column of `charset` as UTF-8.
///
/// # Errors
/// If the character set is not [`known`].
pub(super) fn to_utf8(charset: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    match charset {
        "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "binary" => Ok(bytes.to_vec()),
        "latin1" => Ok(bytes.iter().copied().map(latin1).collect::<String>().into_bytes()),
        other => bail!("the character set {other}, which is not mirrored"),
    }
}

fn latin1(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|n| HIGH.get(usize::from(n)));
    high.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;
