//! A column out of MariaDB's information_schema.

use anyhow::{Result, bail, ensure};
use mysql::Row;

use super::charset;
use crate::model::{Column, Generated, Kind, Value};
use crate::playground::sql_name;
use crate::playground::tableinfo::ColumnDetails;

/// What information_schema says of a column.
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
    /// A row of the query in [`definition`](super::definition).
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

/// The column and what its definition has beyond it. Its id is 0.
///
/// # Errors
/// If no column of a TiDB is like this.
pub(super) fn read(from: &Described, json: bool) -> Result<(Column, ColumnDetails)> {
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

/// What stands in the brackets of a number's type.
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
            ensure!(charset::known(&from.charset), "the character set {} is not mirrored", from.charset);
            Kind::Text { charset: as_tidb(&from.charset), collation: as_tidb(&from.collation) }
        }
        "binary" => Kind::Binary { fixed: from.length.and_then(|n| u32::try_from(n).ok()) },
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Binary { fixed: None },
        "enum" => Kind::Enum { elements: elements(&from.column_type) },
        "set" => Kind::Set { elements: elements(&from.column_type) },
        other => bail!("a TiDB has no type like MariaDB's {other}"),
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

/// The text of a default that is a literal; expressions are left out, for nobody asks for them.
fn literal(sql: &str) -> Option<String> {
    let quoted = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match quoted {
        Some(text) => Some(text.replace("''", "'")),
        None if sql.starts_with("current_timestamp") => Some("CURRENT_TIMESTAMP".to_owned()),
        None => sql.parse::<f64>().ok().map(|_| sql.to_owned()),
    }
}

/// The text of SHOW CREATE TABLE with JSON written as JSON: that is what it is to a TiDB, and MariaDB makes the same of it.
pub(super) fn with_json(text: &str, json: &[String]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for name in json {
        let name = sql_name(name);
        let Some(line) = lines.iter_mut().find(|l| l.trim_start().starts_with(&format!("{name} longtext "))) else {
            continue;
        };
        let mut short =
            line.replacen(" longtext ", " json ", 1).replacen(&format!(" CHECK (json_valid({name}))"), "", 1);
        // MariaDB's own choice for JSON; any other collation is lost on the way, for a TiDB's JSON has none.
        if let Some((before, after)) = short.split_once(" json CHARACTER SET utf8mb4 COLLATE ") {
            let after = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            short = format!("{before} json{after}");
        }
        *line = short;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_unquoted() {
        assert_eq!(elements(r"enum('a','it''s','back\\slash','x,y','')"), ["a", "it's", r"back\slash", "x,y", ""]);
        assert_eq!(elements("set('ä')"), ["ä"]);
    }

    #[test]
    fn json_is_written_as_json() {
        let text = "CREATE TABLE `t` (\n  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),\n  `k` longtext\n)";
        let want = "CREATE TABLE `t` (\n  `j` json DEFAULT NULL,\n  `k` longtext\n)";
        assert_eq!(with_json(text, &["j".to_owned()]), want);
    }

    #[test]
    fn defaults_that_are_literals() {
        assert_eq!(literal("'it''s'").as_deref(), Some("it's"));
        assert_eq!(literal("5").as_deref(), Some("5"));
        assert_eq!(literal("current_timestamp()").as_deref(), Some("CURRENT_TIMESTAMP"));
        assert_eq!(literal("uuid()"), None);
    }
}
