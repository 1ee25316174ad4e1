//! Columns of any type: how they are written in a statement, and values for them.

use bytes::Bytes;
use tisync::decode::value::Civil;
use tisync::model::{Column, Decimal, Generated, Kind, Value};
use tisync::playground::sql_name;
use tisync::playground::tableinfo::ColumnDetails;

use crate::chance::Random;

/// A column with what its definition has beyond the reading of rows.
#[derive(Clone, Debug)]
pub struct Field {
    pub column: Column,
    pub details: ColumnDetails,
}

/// Texts that are different in every collation that the generator uses.
const WORDS: [&str; 16] = [
    "",
    "anna",
    "bert",
    "o'brien",
    "back\\slash",
    "tab\tx",
    "line\nx",
    "50%",
    "a_b",
    "straub",
    "naïf",
    "日本",
    "😀 x",
    "\"q\"",
    "`w`",
    "null",
];
const DOCUMENTS: [&str; 8] =
    ["{}", "[]", "null", "1", "\"text\"", "[1, 2, \"x\"]", "{\"a\": 1, \"b\": [true, null]}", "{\"k\": {\"n\": -1.5}}"];

impl Field {
    pub fn name(&self) -> &str {
        &self.column.name
    }

    /// A column of a random type.
    pub fn random(random: &mut Random, id: i64, name: &str, collation: &str) -> Self {
        let kind = kind(random, collation);
        let length = length(random, &kind);
        Self::new(id, name, kind, length, !random.one_in(3))
    }

    pub fn new(id: i64, name: &str, kind: Kind, length: Option<u32>, nullable: bool) -> Self {
        let missing = if nullable { Value::Null } else { zero(&kind) };
        let column =
            Column { id, name: name.to_owned(), kind, nullable, generated: Generated::No, hidden: false, missing };
        Self { column, details: ColumnDetails { length, ..ColumnDetails::default() } }
    }

    /// A whole number, the usual first column.
    pub fn whole(id: i64, name: &str, bytes: u8, nullable: bool) -> Self {
        Self::new(id, name, Kind::Int { bytes, unsigned: false }, None, nullable)
    }

    /// Gives it a default, if its type may have one that every server writes the same way.
    pub fn with_default(mut self) -> Self {
        let (text, value) = match &self.column.kind {
            Kind::Int { unsigned: false, .. } => ("7", Value::Int(7)),
            Kind::Int { unsigned: true, .. } => ("7", Value::UInt(7)),
            Kind::Double => ("2.5", Value::Double(2.5)),
            Kind::Text { .. } if self.details.length.is_some() => ("dflt", Value::Bytes("dflt".into())),
            Kind::Date => ("2001-10-14", time(2001, 0)),
            Kind::Enum { elements } => match elements.first() {
                Some(first) => (first.as_str(), Value::Enum(1)),
                None => return self,
            },
            _ => return self,
        };
        self.details.default = Some(text.to_owned());
        self.column.missing = value;
        self
    }

    /// As part of CREATE TABLE or ALTER TABLE.
    pub fn sql(&self) -> String {
        let mut sql = format!("{} {}", sql_name(self.name()), type_sql(&self.column.kind, self.details.length));
        if let Some(expression) = &self.details.generated {
            let how = if self.column.generated == Generated::Stored { "STORED" } else { "VIRTUAL" };
            return format!("{sql} GENERATED ALWAYS AS ({expression}) {how}");
        }
        sql.push_str(if self.column.nullable { " NULL" } else { " NOT NULL" });
        if let Some(default) = &self.details.default {
            sql.push_str(&format!(" DEFAULT '{default}'"));
        }
        sql
    }

    /// Any value of its type; `n` makes it likely that values differ.
    pub fn value(&self, random: &mut Random) -> Value {
        if self.column.generated != Generated::No {
            return Value::Absent;
        }
        if self.column.nullable && random.one_in(5) {
            return Value::Null;
        }
        value(random, &self.column.kind, self.details.length)
    }

    /// Whether it can be part of a key on every server.
    pub fn keyable(&self) -> bool {
        let short = self.details.length.is_none_or(|n| n <= 60);
        self.column.generated == Generated::No
            && match &self.column.kind {
                Kind::Int { .. } | Kind::Date | Kind::Datetime { .. } | Kind::Duration { .. } => true,
                Kind::Decimal { .. } | Kind::Year | Kind::Enum { .. } => true,
                Kind::Text { collation, .. } => self.details.length.is_some() && short && collation.ends_with("_bin"),
                Kind::Binary { fixed } => fixed.is_some(),
                _ => false,
            }
    }
}

fn kind(random: &mut Random, collation: &str) -> Kind {
    let fsp = *random.pick(&[0, 3, 6]);
    let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    match random.below(20) {
        0..=2 => Kind::Int { bytes: *random.pick(&[1, 2, 3, 4, 8]), unsigned: random.one_in(2) },
        3 => Kind::Year,
        4 => Kind::Float,
        5 => Kind::Double,
        6 | 7 => {
            let precision = u8::try_from(random.between(1, 40)).unwrap_or(10);
            let scale = u8::try_from(random.between(0, i64::from(precision.min(12)))).unwrap_or(0);
            Kind::Decimal { precision, scale }
        }
        8 => Kind::Date,
        9 => Kind::Datetime { fsp },
        10 => Kind::Timestamp { fsp },
        11 => Kind::Duration { fsp },
        12..=14 => Kind::Text { charset: "utf8mb4".to_owned(), collation: collation.to_owned() },
        15 => Kind::Binary { fixed: random.one_in(2).then(|| *random.pick(&[1, 4, 16])) },
        16 => Kind::Enum { elements: list(&["a", "B", "c'c", "d d"]) },
        17 => Kind::Set { elements: list(&["x", "y", "z z"]) },
        18 => Kind::Bit { width: *random.pick(&[1, 7, 33, 64]) },
        _ => Kind::Json,
    }
}

/// n of VARCHAR(n) and VARBINARY(n), or none for TEXT and BLOB.
fn length(random: &mut Random, kind: &Kind) -> Option<u32> {
    match kind {
        Kind::Text { .. } | Kind::Binary { fixed: None } => *random.pick(&[Some(20), Some(60), Some(200), None]),
        _ => None,
    }
}

fn zero(kind: &Kind) -> Value {
    match kind {
        Kind::Int { unsigned: true, .. } => Value::UInt(0),
        Kind::Int { .. } | Kind::Year => Value::Int(0),
        Kind::Float => Value::Float(0.0),
        Kind::Double => Value::Double(0.0),
        Kind::Decimal { scale, .. } => decimal(0, *scale),
        Kind::Date | Kind::Datetime { .. } | Kind::Timestamp { .. } => Value::Time(0),
        Kind::Duration { .. } => Value::Duration(0),
        Kind::Text { .. } => Value::Bytes(Bytes::new()),
        Kind::Binary { fixed } => Value::Bytes(vec![0; fixed.unwrap_or(0) as usize].into()),
        Kind::Enum { .. } => Value::Enum(1),
        Kind::Set { .. } => Value::Set(0),
        Kind::Bit { .. } => Value::Bit(0),
        Kind::Json => Value::Json("null".into()),
    }
}

fn value(random: &mut Random, kind: &Kind, length: Option<u32>) -> Value {
    match kind {
        Kind::Int { bytes, unsigned } => whole(random, *bytes, *unsigned),
        Kind::Year => Value::Int(random.between(1901, 2155)),
        Kind::Float => {
            let quarter = i16::try_from(random.between(-9_999, 9_999)).unwrap_or(0);
            Value::Float(f32::from(quarter) / 4.0)
        }
        Kind::Double => {
            let eighth = i32::try_from(random.between(-999_999_999, 999_999_999)).unwrap_or(0);
            Value::Double(f64::from(eighth) / 8.0 * if random.one_in(4) { 1e200 } else { 1.0 })
        }
        Kind::Decimal { precision, scale } => {
            let digits = u32::from((*precision).min(17));
            let most = 10_i64.pow(digits) - 1;
            decimal(random.between(-most, most), *scale)
        }
        Kind::Date => time(random.between(1000, 9999), 0),
        Kind::Datetime { fsp } => moment(random, (1000, 9999), *fsp),
        Kind::Timestamp { fsp } => moment(random, (1971, 2037), *fsp),
        Kind::Duration { fsp } => {
            let unit = 10_i64.pow(9 - u32::from(*fsp));
            Value::Duration(
                random.between(-3_000_000, 3_000_000) * 1_000_000_000 / unit * unit + random.between(0, 9) * unit,
            )
        }
        Kind::Text { .. } => text(random, length),
        Kind::Binary { fixed } => {
            let count = fixed.map_or_else(|| random.between(0, 20), i64::from);
            Value::Bytes((0..count).map(|_| u8::try_from(random.below(256)).unwrap_or(0)).collect::<Vec<u8>>().into())
        }
        Kind::Enum { elements } => Value::Enum(1 + random.below(elements.len() as u64)),
        Kind::Set { elements } => Value::Set(random.below(1 << elements.len())),
        Kind::Bit { width } => Value::Bit(random.below(1 << (*width).min(60))),
        Kind::Json => Value::Json((*random.pick(&DOCUMENTS)).into()),
    }
}

/// Small ones mostly, so that rows meet; now and then the ends of the range.
fn whole(random: &mut Random, bytes: u8, unsigned: bool) -> Value {
    let bits = u32::from(bytes) * 8;
    match (unsigned, random.one_in(12)) {
        (true, true) => Value::UInt(*random.pick(&[0, u64::MAX >> (64 - bits)])),
        (true, false) => Value::UInt(random.below(120)),
        (false, true) => Value::Int(*random.pick(&[i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)])),
        (false, false) => Value::Int(random.between(-20, 100)),
    }
}

fn text(random: &mut Random, length: Option<u32>) -> Value {
    let word = *random.pick(&WORDS);
    let text = match random.below(4) {
        0 => word.to_owned(),
        1 if length.is_none() => word.repeat(40),
        _ => format!("{word}{}", random.below(500)),
    };
    Value::Bytes(text.chars().take(length.map_or(usize::MAX, |n| n as usize)).collect::<String>().into())
}

/// All digits of the scale, as a server prints it.
fn decimal(units: i64, scale: u8) -> Value {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if units < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Value::Decimal(Decimal { text: format!("{sign}{whole}{point}{part}").into() })
}

fn time(year: i64, second: u32) -> Value {
    let year = u32::try_from(year).unwrap_or(2000);
    let date = Civil { year, month: 1 + year % 12, day: 1 + year % 28, ..Civil::default() };
    Value::Time(Civil { second: second % 60, ..date }.pack())
}

fn moment(random: &mut Random, years: (i64, i64), fsp: u8) -> Value {
    let mut part = |end: u64| u32::try_from(random.below(end)).unwrap_or(0);
    let unit = 10_u32.pow(6 - u32::from(fsp));
    let micros = part(1_000_000) / unit * unit;
    let (month, day, hour, minute, second) = (1 + part(12), 1 + part(28), part(24), part(60), part(60));
    let year = u32::try_from(random.between(years.0, years.1)).unwrap_or(2000);
    Value::Time(Civil { year, month, day, hour, minute, second, micros }.pack())
}

fn type_sql(kind: &Kind, length: Option<u32>) -> String {
    let fraction = |name: &str, fsp: u8| if fsp == 0 { name.to_owned() } else { format!("{name}({fsp})") };
    let list =
        |items: &[String]| items.iter().map(|e| format!("'{}'", e.replace('\'', "''"))).collect::<Vec<_>>().join(",");
    match kind {
        Kind::Int { bytes, unsigned } => {
            let name = match bytes {
                1 => "TINYINT",
                2 => "SMALLINT",
                3 => "MEDIUMINT",
                4 => "INT",
                _ => "BIGINT",
            };
            format!("{name}{}", if *unsigned { " UNSIGNED" } else { "" })
        }
        Kind::Year => "YEAR".to_owned(),
        Kind::Float => "FLOAT".to_owned(),
        Kind::Double => "DOUBLE".to_owned(),
        Kind::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        Kind::Date => "DATE".to_owned(),
        Kind::Datetime { fsp } => fraction("DATETIME", *fsp),
        Kind::Timestamp { fsp } => fraction("TIMESTAMP", *fsp),
        Kind::Duration { fsp } => fraction("TIME", *fsp),
        Kind::Text { charset, collation } => {
            let name = length.map_or_else(|| "TEXT".to_owned(), |n| format!("VARCHAR({n})"));
            format!("{name} CHARACTER SET {charset} COLLATE {collation}")
        }
        Kind::Binary { fixed: Some(n) } => format!("BINARY({n})"),
        Kind::Binary { fixed: None } => length.map_or_else(|| "BLOB".to_owned(), |n| format!("VARBINARY({n})")),
        Kind::Enum { elements } => {
            format!("ENUM({}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", list(elements))
        }
        Kind::Set { elements } => format!("SET({}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", list(elements)),
        Kind::Bit { width } => format!("BIT({width})"),
        Kind::Json => "JSON".to_owned(),
    }
}

/// A value as a statement writes it. Sessions that write TIMESTAMPs are in UTC.
pub fn literal(column: &Column, value: &Value) -> String {
    match value {
        Value::Absent => "DEFAULT".to_owned(),
        Value::Null => "NULL".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::UInt(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => n.to_string(),
        Value::Float(x) => format!("{x:e}"),
        Value::Double(x) => format!("{x:e}"),
        Value::Decimal(d) => String::from_utf8_lossy(&d.text).into_owned(),
        Value::Bytes(bytes) if bytes.is_empty() => "''".to_owned(),
        Value::Bytes(bytes) if matches!(column.kind, Kind::Text { .. }) => format!("_utf8mb4 x'{}'", hex(bytes)),
        Value::Bytes(bytes) => format!("x'{}'", hex(bytes)),
        Value::Json(text) => format!("'{}'", String::from_utf8_lossy(text)),
        Value::Time(packed) => format!("'{}'", time_text(*packed, column.kind == Kind::Date)),
        Value::Duration(nanos) => format!("'{}'", duration_text(*nanos)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn time_text(packed: u64, date: bool) -> String {
    let t = Civil::unpack(packed);
    let day = format!("{:04}-{:02}-{:02}", t.year, t.month, t.day);
    if date {
        return day;
    }
    format!("{day} {:02}:{:02}:{:02}.{:06}", t.hour, t.minute, t.second, t.micros)
}

fn duration_text(nanos: i64) -> String {
    let micros = nanos.unsigned_abs() / 1_000;
    let (seconds, sign) = (micros / 1_000_000, if nanos < 0 { "-" } else { "" });
    format!("{sign}{:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000)
}
