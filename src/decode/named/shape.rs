//! How rows with the same columns are read: the target's definition, cut down to those columns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::Column;
use crate::model::{Column as Defined, Generated, Key, KeyPart, Kind, Table, Value};

/// More columns than a table of TiDB's can have.
const MOST: usize = 4096;
/// Fraction digits that times are written with: none of a text's is lost, and more zeros change no value.
const FSP: u8 = 6;

/// See the module.
#[derive(Debug)]
pub(super) struct Shape {
    /// Names and types, as rows give them.
    columns: Vec<Signature>,
    /// The definition of the rows.
    pub(super) table: Arc<Table>,
    /// For each column of a row, its place in the definition; none for one that the target computes.
    pub(super) places: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Signature {
    name: String,
    code: Option<u8>,
    mysql_type: String,
}

fn code(column: &Column) -> Option<u8> {
    column.tp.as_ref().and_then(|tp| tp.first().copied())
}

impl Shape {
    /// The shape of rows of `table` that have `columns`.
    ///
    /// # Errors
    /// If one of them is there twice, or its type is not known.
    pub(super) fn new(table: &Table, columns: &[Column]) -> Result<Self> {
        let mut kept: Vec<Defined> = Vec::new();
        let mut places = Vec::new();
        // Where each of the target's columns went.
        let mut moved: Vec<Option<usize>> = vec![None; table.columns.len()];
        ensure!(columns.len() <= MOST, "the row has {} columns, more than any table has", columns.len());
        let named: HashMap<String, usize> =
            (0..).zip(&table.columns).map(|(at, c)| (c.name.to_lowercase(), at)).collect();
        let mut strangers = HashSet::new();
        for column in columns {
            let name = column.name.as_deref().unwrap_or_default();
            let lower = name.to_lowercase();
            let found = named.get(&lower).copied();
            let Some((at, defined)) = found.and_then(|at| Some((at, table.columns.get(at)?))) else {
                // Whether rows may lack a column on the target is for the sink to say.
                ensure!(strangers.insert(lower), "the row has column `{name}` twice");
                places.push(Some(kept.len()));
                kept.push(stranger(name, kind(column, &Kind::Binary { fixed: None })?));
                continue;
            };
            // Drainer writes values of its own for them into inserts.
            if defined.generated != Generated::No {
                places.push(None);
                continue;
            }
            let slot = moved.get_mut(at).context("a column without a place")?;
            ensure!(slot.is_none(), "the row has column `{name}` twice");
            *slot = Some(kept.len());
            places.push(Some(kept.len()));
            kept.push(Defined { kind: kind(column, &defined.kind)?, ..defined.clone() });
        }
        // What the target computes stays known, for the keys over it; no row has a value.
        for (slot, defined) in moved.iter_mut().zip(&table.columns).filter(|(_, c)| c.generated != Generated::No) {
            *slot = Some(kept.len());
            kept.push(defined.clone());
        }
        let part = |p: &KeyPart| Some(KeyPart { column: moved.get(p.column).copied()??, prefix: p.prefix });
        let key = |key: &Key| {
            let parts: Option<Vec<_>> = key.parts.iter().map(part).collect();
            Some(Key { name: key.name.clone(), primary: key.primary, parts: parts? })
        };
        let keys = table.keys.iter().filter_map(key).collect();
        let columns = columns.iter().map(|c| Signature {
            name: c.name.clone().unwrap_or_default(),
            code: code(c),
            mysql_type: c.mysql_type.clone().unwrap_or_default(),
        });
        Ok(Self { columns: columns.collect(), table: Arc::new(Table { columns: kept, keys, ..table.clone() }), places })
    }

    /// Whether it is the shape of rows with `columns`.
    pub(super) fn fits(&self, columns: &[Column]) -> bool {
        self.columns.len() == columns.len()
            && self.columns.iter().zip(columns).all(|(s, c)| {
                c.name.as_deref() == Some(&s.name)
                    && code(c) == s.code
                    && c.mysql_type.as_deref().unwrap_or_default() == s.mysql_type
            })
    }
}

/// A column that the target lacks.
fn stranger(name: &str, kind: Kind) -> Defined {
    Defined {
        id: -1,
        name: name.to_owned(),
        kind,
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: Value::Absent,
    }
}

/// The upstream's type by its code and name, with what only a definition knows from the target's.
fn kind(column: &Column, there: &Kind) -> Result<Kind> {
    let name = column.mysql_type.as_deref().unwrap_or_default();
    let code = code(column);
    let int = |bytes| Kind::Int { bytes, unsigned: matches!(there, Kind::Int { unsigned: true, .. }) };
    Ok(match code {
        Some(1) => int(1),
        Some(2) => int(2),
        Some(3) => int(4),
        Some(8) => int(8),
        Some(9) => int(3),
        Some(4) => Kind::Float,
        Some(5) => Kind::Double,
        Some(7) => Kind::Timestamp { fsp: FSP },
        Some(10 | 14) => Kind::Date,
        Some(11) => Kind::Duration { fsp: FSP },
        Some(12) => Kind::Datetime { fsp: FSP },
        Some(13) => Kind::Year,
        Some(16) => Kind::Bit { width: 64 },
        Some(0xf5) => Kind::Json,
        Some(0 | 0xf6) => match there {
            Kind::Decimal { .. } => there.clone(),
            _ => Kind::Decimal { precision: 65, scale: 30 },
        },
        Some(0xf7) => match there {
            Kind::Enum { .. } => there.clone(),
            _ => Kind::Enum { elements: Vec::new() },
        },
        Some(0xf8) => match there {
            Kind::Set { .. } => there.clone(),
            _ => Kind::Set { elements: Vec::new() },
        },
        Some(15 | 0xf9..=0xfe) if is_text(name) => match there {
            Kind::Text { .. } => there.clone(),
            // Nothing is known of how it compares; all of Unicode fits every text.
            _ => Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() },
        },
        Some(15 | 0xf9..=0xfe) => match there {
            Kind::Binary { .. } => there.clone(),
            _ => Kind::Binary { fixed: None },
        },
        other => {
            let shown = other.map_or("no code".to_owned(), |c| format!("the code {c:#04x}"));
            anyhow::bail!(
                "column `{}` is of a type that is not known: `{name}`, {shown}",
                column.name.as_deref().unwrap_or_default()
            )
        }
    })
}

/// `char`, `varchar` and the like, against `binary`, `varbinary` and `blob`.
fn is_text(mysql_type: &str) -> bool {
    let lower = mysql_type.to_ascii_lowercase();
    (lower.contains("char") || lower.contains("text")) && !lower.contains("binary")
}
