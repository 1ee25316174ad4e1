//! Makes ALTER TABLE from the difference of two definitions.
//!
//! The second part finds which columns have moved.

use std::collections::HashSet;

use super::column::{Given, Whole, visible};
use super::index::{change, check, foreign_key, index, partition_by};
use super::{Made, is_conditional, name};
use crate::model::{ActionType, ColumnDefault, Ddl, Index, IndexPart, Table, TableDetails};
use crate::mysql::session::{Flavour, Server};
use crate::sink::mysql::ddl::dialect::Unsupported;
use crate::sql::Statement;
use crate::sql::{quote_name, quote_text};

/// The clauses of one ALTER TABLE, in their order.
#[derive(Default)]
struct Clauses {
    first: Vec<String>,
    columns: Vec<String>,
    last: Vec<String>,
    /// Foreign keys to drop, each by a statement before: the target may never have had one.
    foreign_gone: Vec<String>,
    /// Foreign keys to add, each by a statement after.
    foreign_new: Vec<String>,
    /// Clauses of a second statement: the real defaults of new columns, once the rows have the
    /// values that they have upstream.
    afterwards: Vec<String>,
}

/// The two definitions to compare.
struct Difference<'a> {
    before: &'a Table,
    after: &'a Table,
    /// The details of both.
    was: &'a TableDetails,
    is: &'a TableDetails,
    /// For each visible column after: the index of that column before.
    same: Vec<Option<usize>>,
    old: Vec<Whole<'a>>,
    new: Vec<Whole<'a>>,
    mariadb: bool,
    /// Whether defaults that are expressions need a separate statement: MySQL does not accept
    /// `uuid()` together with ADD COLUMN.
    late_defaults: bool,
    /// Whether the target has RENAME COLUMN.
    renames: bool,
    /// Whether AFTER must name a column that existed before the statement, and that it does not
    /// change, as TiDB requires.
    behind_old: bool,
    /// ` IF NOT EXISTS` and ` IF EXISTS`, where the text says so.
    conditions: (&'static str, &'static str),
}

/// The statements that turn `before` into `after`; `None` if the definitions do not tell which
/// column became which.
///
/// # Errors
/// If an expression cannot be written for the target.
pub(super) fn statements(
    server: &Server,
    ddl: &Ddl,
    before: &Table,
    after: &Table,
) -> Result<Option<Made>, Unsupported> {
    let (Some(was), Some(is)) = (before.details.as_deref(), after.details.as_deref()) else { return Ok(None) };
    let (old, new) = (visible(before, server), visible(after, server));
    let Some(same) = pair(ddl, &old, &new) else { return Ok(None) };
    let mariadb = server.flavour == Flavour::MariaDb;
    let renames = server.flavour != Flavour::MySql || server.version >= (8, 0, 0);
    let conditions = if is_conditional(ddl) { (" IF NOT EXISTS", " IF EXISTS") } else { ("", "") };
    let late_defaults = server.flavour == Flavour::MySql && server.version >= (8, 0, 13) && same.contains(&None);
    let behind_old = server.flavour == Flavour::TiDb;
    let difference =
        Difference { before, after, was, is, same, old, new, mariadb, late_defaults, renames, behind_old, conditions };
    let mut clauses = Clauses::default();
    difference.columns(&mut clauses)?;
    difference.indexes(&mut clauses)?;
    difference.constraints(&mut clauses)?;
    difference.options(ddl, &mut clauses);
    let all: Vec<String> = clauses.first.into_iter().chain(clauses.columns).chain(clauses.last).collect();
    let partitions = match (&was.partitioning, &is.partitioning) {
        (_, Some(by)) if ddl.action == ActionType::PartitionBy => Some(partition_by(by, after)?),
        (was, is) => change(was.as_ref(), is.as_ref(), after)?,
    };
    let alter = |clauses: &[String]| format!("ALTER TABLE {} {}", name(after), clauses.join(", "));
    let mut out: Vec<String> = clauses.foreign_gone.iter().map(|clause| alter(std::slice::from_ref(clause))).collect();
    out.extend((!all.is_empty()).then(|| alter(&all)));
    out.extend((!clauses.afterwards.is_empty()).then(|| alter(&clauses.afterwards)));
    out.extend(partitions.map(|clause| alter(&[clause])));
    let optional = clauses.foreign_new.iter().map(|clause| alter(std::slice::from_ref(clause))).collect();
    Ok(Some(Made { statements: out, optional, ..Made::default() }))
}

/// For each column of `new` the index of its former self in `old`; `None` as a whole if that is not
/// known. A column that was rewritten for another type has another id, and with CHANGE perhaps
/// another name.
fn pair(ddl: &Ddl, old: &[Whole<'_>], new: &[Whole<'_>]) -> Option<Vec<Option<usize>>> {
    let new_ids: HashSet<i64> = new.iter().map(|c| c.column.id).collect();
    let gone = |at: &usize| old.get(*at).is_some_and(|c| !new_ids.contains(&c.column.id));
    let named = |name: &str| old.iter().position(|c| c.column.name.to_lowercase() == name.to_lowercase());
    let read = if matches!(ddl.action, ActionType::ModifyColumn | ActionType::MultiSchemaChange) {
        Statement::of(&ddl.query).renamed_columns()
    } else {
        Some(Vec::new())
    };
    let all_known = new.iter().all(|c| old.iter().any(|d| d.column.id == c.column.id));
    // Within one job, only the text tells a column that was changed from one that was added while
    // another was dropped.
    if read.is_none() && ddl.action == ActionType::MultiSchemaChange && !all_known {
        return None;
    }
    let changes = read.unwrap_or_default();
    let mut same: Vec<Option<usize>> = new
        .iter()
        .map(|column| {
            let by_id = old.iter().position(|c| c.column.id == column.column.id);
            let lower = column.column.name.to_lowercase();
            let was =
                changes.iter().find(|(_, to)| to.to_lowercase() == lower).map_or(&column.column.name, |(from, _)| from);
            by_id.or_else(|| named(was).filter(gone))
        })
        .collect();
    // One column was changed, and the text was not understood.
    if ddl.action == ActionType::ModifyColumn && same.contains(&None) {
        let mut left = (0..old.len()).filter(|at| gone(at) && !same.contains(&Some(*at)));
        let (Some(only), None) = (left.next(), left.next()) else { return None };
        let mut open = same.iter_mut().filter(|place| place.is_none());
        let (Some(place), None) = (open.next(), open.next()) else { return None };
        *place = Some(only);
    }
    let mut taken = HashSet::new();
    same.iter().flatten().all(|at| taken.insert(*at)).then_some(same)
}

impl Difference<'_> {
    fn columns(&self, clauses: &mut Clauses) -> Result<(), Unsupported> {
        for (at, column) in self.old.iter().enumerate() {
            if !self.same.contains(&Some(at)) {
                clauses.columns.push(format!("DROP COLUMN{} {}", self.conditions.1, column.name()));
            }
        }
        let kept: Vec<usize> = self.same.iter().flatten().copied().collect();
        let mut flags = stays(&kept).into_iter();
        let in_place: Vec<bool> = self.same.iter().map(|s| s.is_some() && flags.next().unwrap_or(false)).collect();
        let new: Vec<bool> = self.same.iter().map(Option::is_none).collect();
        for (at, place) in placed(&in_place, &new, self.behind_old) {
            let Some(column) = self.new.get(at) else { continue };
            let position = match place {
                Place::Unsaid => String::new(),
                Place::First => " FIRST".to_owned(),
                Place::After(before) => {
                    self.new.get(before).map_or_else(String::new, |c| format!(" AFTER {}", c.name()))
                }
            };
            match self.same.get(at).copied().flatten().and_then(|was| self.old.get(was)) {
                None => self.add(column, &position, clauses)?,
                Some(was) => self.change(was, column, &position, clauses)?,
            }
        }
        Ok(())
    }

    fn add(&self, column: &Whole<'_>, position: &str, clauses: &mut Clauses) -> Result<(), Unsupported> {
        let old_rows = column.for_old_rows(self.mariadb);
        let given = old_rows.as_deref().map_or(Given::Own, Given::Instead);
        let (name, definition) = (column.name(), column.definition(None, given)?);
        clauses.columns.push(format!("ADD COLUMN{} {name} {definition}{position}", self.conditions.0));
        if old_rows.is_some() {
            clauses.afterwards.push(match (&column.details.default, column.default()?) {
                // MariaDB drops ON UPDATE when a default is set.
                _ if column.details.on_update => {
                    format!("MODIFY COLUMN {name} {}", column.definition(None, Given::Own)?)
                }
                (ColumnDefault::None, _) | (_, None) => format!("ALTER COLUMN {name} DROP DEFAULT"),
                (ColumnDefault::Now | ColumnDefault::Expression(_), _) => {
                    format!("MODIFY COLUMN {name} {}", column.definition(None, Given::Own)?)
                }
                (_, Some(default)) => format!("ALTER COLUMN {name} SET DEFAULT {default}"),
            });
        }
        Ok(())
    }

    fn change(
        &self,
        was: &Whole<'_>,
        is: &Whole<'_>,
        position: &str,
        clauses: &mut Clauses,
    ) -> Result<(), Unsupported> {
        let (from, to) = (was.name(), is.name());
        let mut definition = is.definition(None, Given::Own)?;
        let differs = was.definition(None, Given::Own)? != definition;
        let plain = |default: &ColumnDefault| {
            matches!(
                default,
                ColumnDefault::None | ColumnDefault::Null | ColumnDefault::Text(_) | ColumnDefault::Bits(_)
            )
        };
        let default_alone = differs
            && plain(&is.details.default)
            // MariaDB 11.4 keeps a default of the current time with some other changes.
            && plain(&was.details.default)
            && !is.details.on_update
            && was.definition(None, Given::Instead(""))? == is.definition(None, Given::Instead(""))?;
        let said = differs || !position.is_empty();
        if said && self.late_defaults && matches!(is.details.default, ColumnDefault::Expression(_)) {
            let default = is.default()?;
            clauses.afterwards.extend(default.map(|default| format!("ALTER COLUMN {to} SET DEFAULT {default}")));
            definition = is.definition(None, Given::Nothing)?;
        }
        clauses.columns.push(match (from == to, position.is_empty()) {
            (true, true) if !differs => return Ok(()),
            (true, true) if default_alone => match is.default()? {
                Some(default) => format!("ALTER COLUMN {to} SET DEFAULT {default}"),
                None => format!("ALTER COLUMN {to} DROP DEFAULT"),
            },
            (true, _) => format!("MODIFY COLUMN {to} {definition}{position}"),
            (false, true) if !differs && self.renames => format!("RENAME COLUMN {from} TO {to}"),
            (false, _) => format!("CHANGE COLUMN {from} {to} {definition}{position}"),
        });
        Ok(())
    }

    /// The id after of a column of before; `None` if it was dropped.
    fn id_after(&self, id: i64) -> Option<i64> {
        let at = self.old.iter().position(|c| c.column.id == id)?;
        let now = self.same.iter().position(|same| *same == Some(at))?;
        self.new.get(now).map(|c| c.column.id)
    }

    /// The parts of an index of before once the columns are as they are after: dropped columns
    /// leave it.
    fn parts_after(&self, index: &Index) -> Vec<IndexPart> {
        let part = |part: &IndexPart| match part {
            IndexPart::Column(id, prefix) => self.id_after(*id).map(|id| IndexPart::Column(id, *prefix)),
            IndexPart::Expression(_) => Some(part.clone()),
        };
        index.parts.iter().filter_map(part).collect()
    }

    fn indexes(&self, clauses: &mut Clauses) -> Result<(), Unsupported> {
        let known = |index: &&Index| !index.foreign_kind;
        let like = |was: &Index, is: &Index| {
            let shape = |i: &Index| (i.primary, i.unique, i.global, i.comment.clone());
            shape(was) == shape(is) && self.parts_after(was) == is.parts
        };
        // By id; or by name, for one whose column was rewritten for another type.
        let same = |was: &Index, is: &Index| {
            like(was, is) && (was.id == is.id || was.name.to_lowercase() == is.name.to_lowercase())
        };
        for was in self.was.indexes.iter().filter(known) {
            let goes_by_itself = self.parts_after(was).is_empty();
            if !goes_by_itself && !self.is.indexes.iter().any(|is| same(was, is)) {
                clauses.first.push(if was.primary {
                    "DROP PRIMARY KEY".to_owned()
                } else {
                    format!("DROP INDEX{} {}", self.conditions.1, quote_name(&was.name))
                });
            }
        }
        for is in self.is.indexes.iter().filter(known) {
            match self.was.indexes.iter().find(|was| same(was, is)) {
                None => clauses.last.push(format!("ADD {}", self.with_condition(index(is, self.after)?))),
                Some(was) => {
                    let name = quote_name(&is.name);
                    if was.name != is.name {
                        clauses.last.push(format!("RENAME INDEX {} TO {name}", quote_name(&was.name)));
                    }
                    if was.invisible != is.invisible {
                        let word = if is.invisible { "INVISIBLE" } else { "VISIBLE" };
                        // The new name cannot be used in the statement that gives it.
                        let place = if was.name == is.name { &mut clauses.last } else { &mut clauses.afterwards };
                        place.push(format!("ALTER INDEX {name} {word}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// `UNIQUE KEY IF NOT EXISTS …`, where the text says so.
    fn with_condition(&self, index: String) -> String {
        if self.conditions.0.is_empty() || index.starts_with("PRIMARY") {
            return index;
        }
        index.replacen("KEY", &format!("KEY{}", self.conditions.0), 1)
    }

    fn constraints(&self, clauses: &mut Clauses) -> Result<(), Unsupported> {
        let keys = |table: &'_ Table, details: &TableDetails| -> Vec<(i64, String)> {
            table.foreign_keys.iter().zip(&details.foreign_keys).map(|(k, d)| (d.id, k.name.clone())).collect()
        };
        let (had, has) = (keys(self.before, self.was), keys(self.after, self.is));
        for (_, name) in had.iter().filter(|key| !has.contains(key)) {
            clauses.foreign_gone.push(format!("DROP FOREIGN KEY {}", quote_name(name)));
        }
        for (key, own) in self.after.foreign_keys.iter().zip(&self.is.foreign_keys) {
            if !had.contains(&(own.id, key.name.clone())) {
                clauses.foreign_new.push(format!("ADD {}", foreign_key(key, own, self.after)));
            }
        }
        for was in self.was.checks.iter().filter(|c| !self.is.checks.iter().any(|d| d.id == c.id)) {
            clauses.first.push(format!("DROP CHECK {}", quote_name(&was.name)));
        }
        for is in &self.is.checks {
            match self.was.checks.iter().find(|c| c.id == is.id) {
                None => clauses.last.push(format!("ADD {}", check(is)?)),
                // MariaDB has none that are not enforced.
                Some(was) if was.enforced != is.enforced && self.mariadb => clauses.last.push(match is.enforced {
                    true => format!("ADD {}", check(is)?),
                    false => format!("DROP CHECK {}", quote_name(&is.name)),
                }),
                Some(was) if was.enforced != is.enforced => {
                    let word = if is.enforced { "ENFORCED" } else { "NOT ENFORCED" };
                    clauses.last.push(format!("ALTER CHECK {} {word}", quote_name(&is.name)));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn options(&self, ddl: &Ddl, clauses: &mut Clauses) {
        let (was, is) = (self.before, self.after);
        if (&was.charset, &was.collation) != (&is.charset, &is.collation) {
            clauses.last.push(format!("DEFAULT CHARACTER SET = {} COLLATE = {}", is.charset, is.collation));
        }
        if self.was.comment != self.is.comment {
            clauses.last.push(format!("COMMENT = {}", quote_text(&self.is.comment)));
        }
        // A job about other things may show the counter's value.
        if ddl.action == ActionType::MultiSchemaChange && self.is.auto_increment > self.was.auto_increment {
            clauses.last.push(format!("AUTO_INCREMENT = {}", self.is.auto_increment));
        }
    }
}

/// Of `places`, the former places of what is in a list now: which need not move for the others to
/// come into order. A longest increasing subsequence, as flags.
pub(super) fn stays(places: &[usize]) -> Vec<bool> {
    // For each length, where the subsequence of that length with the smallest end ends; and the
    // predecessor of each.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let length = ends.partition_point(|end| places.get(*end) < Some(place));
        before.push(length.checked_sub(1).and_then(|l| ends.get(l)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut stays = vec![false; places.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        if let Some(flag) = stays.get_mut(at) {
            *flag = true;
        }
        next = before.get(at).copied().flatten();
    }
    stays
}

/// Where a clause puts a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where it is, or at the end if it is new.
    Unsaid,
    First,
    /// After the column of this number.
    After(usize),
}

/// The columns in the order of their clauses, with their places: `stays` says of each whether it
/// need not move, `new` whether it is new.
///
/// MySQL and MariaDB process one clause after the other, so each column goes after its neighbour.
/// TiDB looks for the neighbour in the table as it is before the statement (`behind_old`): there
/// all go after the last column that stays, the rearmost first.
pub(super) fn placed(stays: &[bool], new: &[bool], behind_old: bool) -> Vec<(usize, Place)> {
    let stays_at = |at: usize| stays.get(at).copied().unwrap_or(false);
    let new_at = |at: usize| new.get(at).copied().unwrap_or(false);
    let behind = |at: usize| at.checked_sub(1).map_or(Place::First, Place::After);
    let mut out = Vec::new();
    let mut start = 0;
    while start < stays.len() {
        if stays_at(start) {
            out.push((start, Place::Unsaid));
            start += 1;
            continue;
        }
        let end = (start..stays.len()).find(|at| stays_at(*at)).unwrap_or(stays.len());
        let at_the_end = end == stays.len();
        if !behind_old || at_the_end && (start..end).all(new_at) {
            let place = |at| if at_the_end && new_at(at) { Place::Unsaid } else { behind(at) };
            out.extend((start..end).map(|at| (at, place(at))));
        } else {
            out.extend((start..end).rev().map(|at| (at, behind(start))));
        }
        start = end;
    }
    out
}

#[cfg(test)]
#[path = "alter_tests.rs"]
mod tests;
