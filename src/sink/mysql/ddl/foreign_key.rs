//! Foreign keys of the target that are in a DDL's way.
//!
//! MySQL and MariaDB do not change a column while a foreign key is defined on it, where TiDB widens
//! it. So the keys are dropped, the columns changed and the keys added again, one statement after
//! the other under one intent. A server that copies a table refuses another name for such a column;
//! there the names are a separate statement.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::begun::Begun;
use super::dialect::{Kind, mentions, renames_apart};
use super::form::{Form, Name};
use super::picture::same_name;
use crate::model::{Ddl, Table};
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session};
use crate::sql::{Clause, Statement, quote_name, quote_text};

/// Error codes for a column that is held by a foreign key of its own table or of another. MySQL
/// answers a rename with the error that the key needs its index, and a new type with the error that
/// both sides would not fit; if a statement renames a column and copies the table, with the error
/// that this is not supported.
const HELD: [u16; 5] = [1553, 1832, 1833, 1846, 3780];
/// MySQL 5.7's code for the last case, which also has other causes; [`MISFIT`] is in the text of
/// this one.
const RENAME: u16 = 1025;
const MISFIT: &str = "errno: 150";

/// A foreign key of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub name: String,
    pub child: Name,
    pub parent: Name,
    /// Pairs of columns: the child's and the parent's.
    pub columns: Vec<(String, String)>,
    rules: String,
}

/// Whether a statement was refused because a foreign key holds a column.
pub(super) fn holds(failed: &SessionError) -> bool {
    let code = failed.code();
    code.is_some_and(|code| HELD.contains(&code)) || (code == Some(RENAME) && failed.said().contains(MISFIT))
}

/// Adds statements that drop the foreign keys over columns that the statement of `step` changes or
/// renames, before it, and that add them again after all statements that must run. Returns whether
/// there are any; if not, `begun` is unchanged.
///
/// Statements before `step` are done. `ddl` tells which indexes are the upstream's own, if it is at
/// hand: an index that the target made for a key is dropped with the key, in case that is left out.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn around(
    session: &mut Session,
    begun: &mut Begun,
    step: usize,
    ddl: Option<&Ddl>,
) -> Result<bool, SessionError> {
    let Form::Alter { name, renamed: None, .. } = begun.form(step) else { return Ok(false) };
    let end = begun.optional_from.unwrap_or(begun.statements.len()).max(step + 1);
    let changed = changed_columns(begun.statement(step));
    let keys = references(session, &name)?;
    let goes = |key: &Reference| (step..end).any(|step| drops(begun.statement(step), key));
    let held: Vec<&Reference> = keys.iter().filter(|key| key.is_over(&name, &changed) && !goes(key)).collect();
    if held.is_empty() {
        return Ok(false);
    }
    let names = names_after(begun, step..end, &name);
    let dropped = held.iter().map(|r| format!("ALTER TABLE {} DROP FOREIGN KEY {}", r.child, quote_name(&r.name)));
    let added = held.iter().map(|r| r.added(&name, &names));
    let mut indexes = BTreeMap::new();
    for (number, key) in (end + held.len()..).zip(&held) {
        let index = ddl.map(|ddl| index_of(session, key, &keys, ddl)).transpose()?.flatten();
        indexes.extend(index.map(|sql| (number, sql)));
    }
    begun.statements.splice(end..end, added);
    begun.statements.splice(step..step, dropped);
    let moved = |at: usize| if at < step { at } else { at + held.len() * if at < end { 1 } else { 2 } };
    begun.zones = std::mem::take(&mut begun.zones).into_iter().map(|(at, zone)| (moved(at), zone)).collect();
    begun.if_left_out = std::mem::take(&mut begun.if_left_out).into_iter().map(|(at, sql)| (moved(at), sql)).collect();
    begun.if_left_out.extend(indexes);
    begun.optional_from = Some(end + held.len());
    // Each step leaves other columns than the job as a whole.
    (begun.before, begun.after) = (Vec::new(), Vec::new());
    Ok(true)
}

/// Whether `sql` drops the foreign key.
fn drops(sql: &str, key: &Reference) -> bool {
    mentions(sql).iter().any(|m| !m.new && m.kind == Kind::Foreign && same_name(&m.name, &key.name))
}

/// The columns of `table` that the statements of `steps` rename: before, after.
fn names_after(begun: &Begun, steps: Range<usize>, table: &Name) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for step in steps.filter(|step| matches!(begun.form(*step), Form::Alter { name, .. } if name == *table)) {
        // All names in a statement are those from before it.
        let now = changed_columns(begun.statement(step)).into_iter().filter(|(old, new)| old != new);
        let (known, fresh): (Vec<_>, Vec<_>) =
            now.partition(|(old, _)| names.iter().any(|(_, last)| same_name(last, old)));
        for (_, last) in &mut names {
            if let Some((_, new)) = known.iter().find(|(old, _)| same_name(old, last)) {
                last.clone_from(new);
            }
        }
        names.extend(fresh);
    }
    names
}

/// `statement` as two, if it renames a column of a foreign key and does more: where the table is
/// copied for the rest, MySQL refuses that, and MariaDB leaves the old name of one column in a key
/// of which it renames two.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn apart(session: &mut Session, statement: String, ddl: &Ddl) -> Result<Vec<String>, SessionError> {
    let server = session.server();
    let plain = server.flavour != Flavour::MySql || server.version >= (8, 0, 0);
    let Form::Alter { name, renamed: None, .. } = Form::of(&statement, &ddl.schema) else { return Ok(vec![statement]) };
    if server.flavour == Flavour::TiDb || renames_apart(&statement, plain, |_| true).is_none() {
        return Ok(vec![statement]);
    }
    let keys = references(session, &name)?;
    let held = |column: &str| keys.iter().any(|r| r.is_over(&name, &[(column.to_owned(), String::new())]));
    let two = renames_apart(&statement, plain, held);
    Ok(two.map_or_else(|| vec![statement], |(names, rest)| vec![names, rest]))
}

/// The columns to which a statement gives a type or a name, with their names after it.
fn changed_columns(sql: &str) -> Vec<(String, String)> {
    let pair = |clause: Clause| match clause {
        Clause::Retype(column) => Some((column.column, column.renamed)),
        Clause::RenameColumn(from, to) => Some((from, to)),
        _ => None,
    };
    Statement::of(sql).clauses.into_iter().filter_map(pair).collect()
}

/// The foreign keys of `table`, and those that refer to it.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn references(session: &mut Session, table: &Name) -> Result<Vec<Reference>, SessionError> {
    type Found = (String, String, String, String, String, String, String, String, String);
    let (schema, name) = (quote_text(&table.schema), quote_text(&table.name));
    let rows: Vec<Found> = session.fetch(&format!(
        "SELECT k.constraint_name, k.table_schema, k.table_name, k.column_name, k.referenced_table_schema, \
         k.referenced_table_name, k.referenced_column_name, r.delete_rule, r.update_rule \
         FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r \
         ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name \
         WHERE k.referenced_table_name IS NOT NULL AND ((k.table_schema = {schema} AND k.table_name = {name}) \
         OR (k.referenced_table_schema = {schema} AND k.referenced_table_name = {name})) \
         ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position"
    ))?;
    let mut found: Vec<Reference> = Vec::new();
    for (name, schema, table, column, to_schema, to_table, to_column, on_delete, on_update) in rows {
        let child = Name { schema, name: table };
        match found.last_mut().filter(|last| last.name == name && last.child == child) {
            Some(last) => last.columns.push((column, to_column)),
            None => found.push(Reference {
                name,
                child,
                parent: Name { schema: to_schema, name: to_table },
                columns: vec![(column, to_column)],
                rules: format!("ON DELETE {on_delete} ON UPDATE {on_update}"),
            }),
        }
    }
    Ok(found)
}

impl Reference {
    /// Whether any of these columns of `table` is part of it.
    fn is_over(&self, table: &Name, changed: &[(String, String)]) -> bool {
        self.columns.iter().any(|(own, to)| {
            changed.iter().any(|(column, _)| {
                self.child == *table && same_name(own, column) || self.parent == *table && same_name(to, column)
            })
        })
    }

    /// The statement that adds it again.
    fn added(&self, table: &Name, changed: &[(String, String)]) -> String {
        let behind = |of: &Name, column: &str| {
            let new =
                changed.iter().find(|(old, _)| of == table && same_name(old, column)).map(|(_, new)| new.as_str());
            quote_name(new.unwrap_or(column))
        };
        let own: Vec<String> = self.columns.iter().map(|(own, _)| behind(&self.child, own)).collect();
        let to: Vec<String> = self.columns.iter().map(|(_, to)| behind(&self.parent, to)).collect();
        format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) {}",
            self.child,
            quote_name(&self.name),
            own.join(", "),
            self.parent,
            to.join(", "),
            self.rules
        )
    }
}

/// The statement that drops the index which the target made for the foreign key `key`; `None` if
/// the upstream has an index of that name or another key needs it.
pub(super) fn index_of(
    session: &mut Session,
    key: &Reference,
    keys: &[Reference],
    ddl: &Ddl,
) -> Result<Option<String>, SessionError> {
    let own = |t: &&Arc<Table>| t.schema == key.child.schema && t.name == key.child.name;
    let mut known = ddl.before.iter().chain(&ddl.after).filter(own).map(|t| t.details.as_ref());
    if known.any(|details| details.is_none_or(|d| d.indexes.iter().any(|i| same_name(&i.name, &key.name)))) {
        return Ok(None);
    }
    let columns: Vec<String> = session.fetch(&format!(
        "SELECT COALESCE(column_name, '') FROM information_schema.statistics WHERE table_schema = {} AND table_name = {} AND index_name = {} \
         AND non_unique = 1 ORDER BY seq_in_index",
        quote_text(&key.child.schema),
        quote_text(&key.child.name),
        quote_text(&key.name)
    ))?;
    let over =
        columns.len() == key.columns.len() && columns.iter().zip(&key.columns).all(|(a, (b, _))| same_name(a, b));
    let first = |other: &Reference| {
        let side = |(child, parent): &(String, String)| {
            [(&other.child, child), (&other.parent, parent)]
                .into_iter()
                .any(|(table, column)| *table == key.child && columns.first().is_some_and(|c| same_name(c, column)))
        };
        other.columns.first().is_some_and(side)
    };
    let needed = keys.iter().any(|other| other != key && first(other));
    let index = quote_name(&key.name);
    Ok((over && !needed).then(|| format!("ALTER TABLE {} DROP INDEX {index}", key.child)))
}

#[cfg(test)]
#[path = "foreign_key_tests.rs"]
mod tests;
