//! Builds the row that the target takes from the upstream's, where their columns differ.
//!
//! That is so in mode 2, and where the target has DDL that the upstream does not have yet.
//!
//! The second part is the value of a NOT NULL column without a default that only the target has:
//! the zero of its type, given explicitly, so that strict mode can stay on.

use std::sync::Arc;

use anyhow::Result;

use super::fits::{self, parts_text};
use super::found::{Facts, FoundColumn, Parts, TargetTable, elements, places, same_numbers};
use crate::error::Fault;
use crate::model::{Column, Generated, Handle, Key, KeyPart, Kind, Row, RowKind, Table, Value};
use crate::mysql::literal;
use crate::sink::mysql::batch::full_name;
use crate::sql::{quote_name, quote_text};

/// A column of the target that the upstream lacks and that needs a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Its name.
    pub name: String,
    /// Its value in new rows, as SQL.
    pub literal: String,
}

/// How rows of one definition of a table are written to a target with other columns.
#[derive(Debug, PartialEq)]
pub struct Fit {
    /// The table as statements see it: the columns that both sides have, and the keys that can be
    /// used there.
    pub table: Arc<Table>,
    /// The source of the value of each of its columns.
    picks: Vec<Pick>,
    /// Whether the target has additional columns, whose values must survive an update.
    pub keeps: bool,
    /// Those of them that need a value in new rows.
    pub extras: Vec<Extra>,
    /// Columns of the upstream that are left out.
    pub left_out: Vec<String>,
    /// Unique keys that only the target has, over columns of the upstream's definition: they order
    /// transactions as well.
    pub more_keys: Vec<Key>,
    /// What to report about it, once.
    pub says: String,
}

/// The source of a column's value.
#[derive(Debug, PartialEq)]
struct Pick {
    column: usize,
    /// For an ENUM or SET with other elements: the target's number of each element.
    elements: Option<Vec<Option<u64>>>,
}

impl Fit {
    /// How rows of `table` are written to `there`, whose columns may differ because of `why`;
    /// `None` if they are written unchanged.
    ///
    /// # Errors
    /// All reasons why they cannot be written.
    pub fn of(table: &Table, there: &TargetTable, facts: Facts, why: &str) -> Result<Option<Self>, Vec<String>> {
        Maker { table, there, facts, why, becomes: None, problems: Vec::new(), notes: Vec::new() }.fit()
    }

    /// As `of`, for a target that has a definition which the upstream reaches later: `becomes`,
    /// where each column of `table` is at one of `places`, or dropped.
    ///
    /// # Errors
    /// All reasons why they cannot be written.
    pub fn ahead(
        table: &Table,
        places: &[Option<usize>],
        becomes: &Table,
        there: &TargetTable,
        facts: Facts,
    ) -> Result<Option<Self>, Vec<String>> {
        // Under the names that they will have, everything else is as in mode 2.
        let mut renamed = table.clone();
        for (column, place) in renamed.columns.iter_mut().zip(places) {
            match place.and_then(|at| becomes.columns.get(at)) {
                Some(later) => column.name.clone_from(&later.name),
                // Another column may have the name by now.
                None => column.name.insert(0, GONE),
            }
        }
        let becomes = Some(Becomes { table: becomes, was: table });
        Maker { table: &renamed, there, facts, why: "", becomes, problems: Vec::new(), notes: Vec::new() }.fit()
    }

    /// The change for the target.
    ///
    /// # Errors
    /// If an element of an ENUM or SET does not exist there.
    pub fn change(&self, kind: &RowKind) -> Result<RowKind> {
        Ok(match kind {
            RowKind::Insert(row) => RowKind::Insert(self.row(row)?),
            RowKind::Update { old, new } => RowKind::Update { old: self.row(old)?, new: self.row(new)? },
            RowKind::Delete(row) => RowKind::Delete(self.row(row)?),
        })
    }

    fn row(&self, row: &Row) -> Result<Row> {
        let value = |(at, pick): (usize, &Pick)| {
            let value = row.get(pick.column).cloned().unwrap_or(Value::Absent);
            let Some(places) = &pick.elements else { return Ok(value) };
            by_name(&value, places).ok_or_else(|| self.no_element(at, &value))
        };
        self.picks.iter().enumerate().map(value).collect()
    }

    fn no_element(&self, at: usize, value: &Value) -> anyhow::Error {
        let name = self.table.columns.get(at).map(|c| quote_name(&c.name)).unwrap_or_default();
        let (Value::Enum(number) | Value::Set(number)) = value else { return Fault::refused(name).into() };
        Fault::refused(format!(
            "a row has an element in column {name} of {} that the target's definition lacks (upstream number {number})",
            full_name(&self.table)
        ))
        .hint("add the element to the column on the target; appended to the list, it changes nothing there")
        .into()
    }
}

/// The value with the target's element numbers.
fn by_name(value: &Value, places: &[Option<u64>]) -> Option<Value> {
    let place = |n: u64| places.get(usize::try_from(n).ok()?.checked_sub(1)?).copied().flatten();
    match value {
        Value::Enum(n) if *n > 0 => place(*n).map(Value::Enum),
        Value::Set(bits) => {
            let mut mapped = 0_u64;
            for bit in (0..64).filter(|b| bits & (1 << b) != 0) {
                mapped |= 1 << (place(bit + 1)? - 1);
            }
            Some(Value::Set(mapped))
        }
        other => Some(other.clone()),
    }
}

/// Prefix for the name of a column that the target has dropped: no column there can have such a
/// name.
const GONE: char = '\0';

/// The upstream's later definition, if the target has it already.
struct Becomes<'a> {
    table: &'a Table,
    /// The present definition under its own names.
    was: &'a Table,
}

struct Maker<'a> {
    table: &'a Table,
    there: &'a TargetTable,
    facts: Facts,
    /// Why columns may differ.
    why: &'a str,
    becomes: Option<Becomes<'a>>,
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Maker<'_> {
    fn fit(mut self) -> Result<Option<Fit>, Vec<String>> {
        let fit = self.make();
        if self.problems.is_empty() { Ok(fit) } else { Err(self.problems) }
    }

    fn make(&mut self) -> Option<Fit> {
        let (mut picks, mut left_out) = (Vec::new(), Vec::new());
        for (at, column) in self.table.columns.iter().enumerate() {
            let there = self.there.columns.get(&column.name.to_lowercase());
            let generated = column.generated != Generated::No;
            match there {
                _ if column.hidden => picks.push(Pick { column: at, elements: None }),
                Some(c) if c.generated == generated => picks.push(Pick { column: at, elements: renumbered(column, c) }),
                Some(c) if c.generated => {
                    self.notes.push(format!("{} is left to the target", quote_name(&column.name)))
                }
                _ if generated => {}
                _ => left_out.push(column.name.clone()),
            }
        }
        if picks.iter().any(|p| p.elements.is_some()) {
            self.notes.push("ENUM and SET elements are sent by name".to_owned());
        }
        let (keeps, extras) = self.own_columns(&picks);
        let keys = self.keys(&picks);
        let more_keys = self.more_keys(&picks);
        let plain = picks.len() == self.table.columns.len() && picks.iter().all(|p| p.elements.is_none());
        if !self.renames() && plain && !keeps && more_keys.is_empty() {
            return None;
        }
        let table = self.seen(&picks, keys, &more_keys);
        if !left_out.is_empty() {
            let list: Vec<String> = left_out.iter().map(|c| quote_name(c.trim_start_matches(GONE))).collect();
            self.notes.insert(0, format!("left out because the target lacks them: {}", list.join(", ")));
        }
        let name = full_name(self.table);
        let says = match &self.becomes {
            None => format!("{name}, {}: {}", self.why, self.notes.join("; ")),
            Some(_) => format!(
                "{name}: the target has DDL that the upstream does not have yet. Rows written before it gets there are \
                 adapted to the target: {}",
                self.notes.join("; ")
            ),
        };
        // Columns that the target's own DDL has dropped are not reported as missing there.
        let left_out = if self.becomes.is_some() { Vec::new() } else { left_out };
        Some(Fit { table, picks, keeps, extras, left_out, more_keys, says })
    }

    /// Whether columns have other names on the target by now.
    fn renames(&mut self) -> bool {
        let Some(becomes) = &self.becomes else { return false };
        let pairs = becomes.was.columns.iter().zip(&self.table.columns);
        let renamed = pairs.filter(|(was, is)| was.name.to_lowercase() != is.name.to_lowercase());
        let renamed = renamed.filter(|(_, is)| !is.name.starts_with(GONE));
        let notes: Vec<String> =
            renamed.map(|(was, is)| format!("{} is {} there", quote_name(&was.name), quote_name(&is.name))).collect();
        let any = !notes.is_empty();
        self.notes.extend(notes);
        any
    }

    /// The value that the upstream's own rows will get in a column of the target when the DDL
    /// arrives there, as SQL.
    fn origin(&mut self, column: &FoundColumn) -> Option<String> {
        let becomes = self.becomes.as_ref().filter(|_| !column.counted)?;
        let later = becomes.table.columns.iter().find(|c| c.name.to_lowercase() == column.name.to_lowercase())?;
        let mut literal = Vec::new();
        literal::write(&mut literal, &later.kind, &later.missing).ok().filter(|()| later.missing != Value::Absent)?;
        String::from_utf8(literal).ok()
    }

    /// Whether the target has additional columns, and the values for those that need one.
    fn own_columns(&mut self, picks: &[Pick]) -> (bool, Vec<Extra>) {
        let written = |lower: &String| {
            let column = |p: &Pick| self.table.columns.get(p.column).filter(|c| !c.hidden);
            picks.iter().filter_map(column).any(|c| c.name.to_lowercase() == **lower)
        };
        let own = self.there.columns.iter().filter(|(n, c)| !c.generated && !c.invisible_key && !written(n));
        let own: Vec<&FoundColumn> = own.map(|(_, c)| c).collect();
        let mut extras = Vec::new();
        for column in &own {
            let name = quote_name(&column.name);
            if let Some(literal) = self.origin(column) {
                self.notes.push(format!("{name} keeps its value, or gets {literal} in new rows"));
                extras.push(Extra { name: column.name.clone(), literal });
                continue;
            }
            if !column.needed {
                self.notes.push(format!("{name} keeps its value, or gets its default in new rows"));
                continue;
            }
            match zero(column, self.facts) {
                Some(literal) => {
                    self.notes.push(format!("{name} keeps its value, or gets {literal} in new rows"));
                    extras.push(Extra { name: column.name.clone(), literal });
                }
                None => self.problems.push(format!(
                    "{} needs a value for its column {name}, which the upstream does not have, and type {} has no zero value: give it a \
                     default",
                    full_name(self.table),
                    column.definition
                )),
            }
        }
        (!own.is_empty(), extras)
    }

    /// The upstream's keys that identify a row on the target.
    fn keys(&mut self, picks: &[Pick]) -> Vec<Key> {
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for key in &self.table.keys {
            let Some(there) = fits::parts(self.table, key) else {
                kept.extend(moved(key, picks));
                continue;
            };
            match moved(key, picks) {
                Some(key) if self.there.keys.contains(&there) => kept.push(key),
                _ => lost.push((key, there)),
            }
        }
        let identifies = |k: &Key, columns: &[Column]| !k.parts.is_empty() && k.identifies(columns);
        let columns: Vec<Column> = picks.iter().filter_map(|p| self.table.columns.get(p.column).cloned()).collect();
        let had = self.table.keys.iter().any(|k| identifies(k, &self.table.columns));
        // In a table whose key the target has dropped, the whole row is the identity, as it soon
        // will be upstream.
        if had && self.becomes.is_none() && !kept.iter().any(|k| identifies(k, &columns)) {
            let names: Vec<String> = lost.iter().map(|(_, parts)| parts_text(parts)).collect();
            self.problems.push(format!(
                "{} has no unique key by which to find its rows: upstream it is {}, and the target lacks that key or \
                 one of its columns",
                full_name(self.table),
                names.join(" or ")
            ));
        } else {
            let lacking = |(key, parts): &(&Key, Parts)| {
                moved(key, picks).map(|_| format!("the target has no unique key over {}", parts_text(parts)))
            };
            self.notes.extend(lost.iter().filter_map(lacking));
        }
        kept
    }

    /// Unique keys that only the target has, if the upstream's columns determine them.
    fn more_keys(&mut self, picks: &[Pick]) -> Vec<Key> {
        let known: Vec<Parts> = self.table.keys.iter().filter_map(|k| fits::parts(self.table, k)).collect();
        let mut more = Vec::new();
        for parts in self.there.keys.iter().filter(|p| !known.contains(*p)) {
            if parts.iter().any(|(name, _)| name.is_empty()) {
                continue;
            }
            let find = |name: &String| {
                self.table.columns.iter().position(|c| !c.hidden && c.writable() && c.name.to_lowercase() == *name)
            };
            let found: Vec<KeyPart> = parts
                .iter()
                .filter_map(|(name, prefix)| Some(KeyPart { column: find(name)?, prefix: *prefix }))
                .filter(|p| picks.iter().any(|pick| pick.column == p.column))
                .collect();
            let own = |name: &String| {
                let column = self.there.columns.get(name);
                column.is_some_and(|c| c.counted || c.nullable || c.invisible_key || c.generated)
            };
            if found.is_empty() {
                // A generated number or NULL in each row never meets another one.
                if !parts.iter().any(|(name, _)| own(name)) {
                    self.problems.push(format!(
                        "{} has a unique key over {} only, which the upstream does not have: all new rows would get \
                         the same value",
                        full_name(self.table),
                        parts_text(parts)
                    ));
                }
                continue;
            }
            self.notes.push(format!(
                "a unique key over {} exists only on the target, and is used to keep rows in order",
                parts_text(parts)
            ));
            more.push(Key { name: format!("target's {}", parts_text(parts)), primary: false, parts: found });
        }
        more
    }

    fn seen(&self, picks: &[Pick], keys: Vec<Key>, more: &[Key]) -> Arc<Table> {
        let column = |pick: &Pick| {
            let mut column = self.table.columns.get(pick.column)?.clone();
            let there = self.there.columns.get(&column.name.to_lowercase());
            if let (Some(_), Some(there)) = (&pick.elements, there) {
                let elements = elements(&there.definition).unwrap_or_default();
                column.kind = match column.kind {
                    Kind::Enum { .. } => Kind::Enum { elements },
                    Kind::Set { .. } => Kind::Set { elements },
                    other => other,
                };
            }
            Some(column)
        };
        let more = more.iter().filter_map(|k| moved(k, picks));
        Arc::new(Table {
            columns: picks.iter().filter_map(column).collect(),
            keys: keys.into_iter().chain(more).collect(),
            handle: Handle::RowId,
            ..self.table.clone()
        })
    }
}

/// The element numbers there, if they differ.
fn renumbered(column: &Column, there: &FoundColumn) -> Option<Vec<Option<u64>>> {
    let (Kind::Enum { elements: upstream } | Kind::Set { elements: upstream }) = &column.kind else { return None };
    let places = places(upstream, &elements(&there.definition)?);
    (!same_numbers(&places)).then_some(places)
}

/// The key over the picked columns; `None` if a column of it is not picked.
fn moved(key: &Key, picks: &[Pick]) -> Option<Key> {
    let part = |p: &KeyPart| {
        let column = picks.iter().position(|pick| pick.column == p.column)?;
        Some(KeyPart { column, prefix: p.prefix })
    };
    Some(Key { parts: key.parts.iter().map(part).collect::<Option<_>>()?, ..key.clone() })
}

/// The literal; `None` if the type has no zero.
pub(super) fn zero(column: &FoundColumn, facts: Facts) -> Option<String> {
    let date = |zero: &str, earliest: &str| {
        // If the server's own sessions refuse zero dates, a dump of the table could not be loaded
        // again.
        format!("'{}'", if facts.zero_dates { zero } else { earliest })
    };
    Some(match column.kind.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "decimal" | "numeric" | "float"
        | "double" | "year" | "bit" => "0".to_owned(),
        "json" => "'null'".to_owned(),
        "longtext" if column.json => "'null'".to_owned(),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary" | "varbinary" | "tinyblob"
        | "blob" | "mediumblob" | "longblob" | "set" => "''".to_owned(),
        "date" => date("0000-00-00", "1000-01-01"),
        "datetime" => date("0000-00-00 00:00:00", "1000-01-01 00:00:00"),
        "timestamp" => date("0000-00-00 00:00:00", "1970-01-01 00:00:01"),
        "time" => "'00:00:00'".to_owned(),
        "enum" => quote_text(elements(&column.definition)?.first()?),
        "uuid" => "'00000000-0000-0000-0000-000000000000'".to_owned(),
        "inet6" => "'::'".to_owned(),
        "inet4" => "'0.0.0.0'".to_owned(),
        _ => return None,
    })
}
