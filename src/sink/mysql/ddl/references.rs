//! Columns of foreign keys: MySQL and MariaDB change none while a key stands over it, where TiDB widens it. So the keys are dropped, the columns
//! changed and the keys added again, one statement after the other under one intent.

use super::begun::Begun;
use super::dialect::renames_apart;
use super::form::{Form, Name};
use super::picture::same_name;
use crate::checkpoint::Failed;
use crate::model::Ddl;
use crate::sink::mysql::session::{Flavour, Session, quote_name, quote_text};
use crate::sql::Statement;

/// What servers say of a column that a foreign key holds, its own or another table's. MySQL says of one that gets another name that
/// the key needs its index, and of one that gets another type that both sides would not fit; where a statement gives a column another name and has
/// the table copied, that this is not supported.
const HELD: [u16; 5] = [1553, 1832, 1833, 1846, 3780];
/// MySQL 5.7's code for the last, among other reasons; [`MISFIT`] is in the text of this one.
const RENAME: u16 = 1025;
const MISFIT: &str = "errno: 150";

/// A foreign key of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub name: String,
    pub child: Name,
    pub parent: Name,
    /// Columns of the one and of the other.
    pub columns: Vec<(String, String)>,
    rules: String,
}

/// Whether a statement was refused because a foreign key holds a column.
pub(super) fn holds(failed: &Failed) -> bool {
    let code = failed.code();
    code.is_some_and(|code| HELD.contains(&code)) || (code == Some(RENAME) && failed.said().contains(MISFIT))
}

/// `ddl`, which runs as the one `statement`, with the foreign keys over its columns dropped before and added again behind it. `None` if there
/// are none.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn around(session: &mut Session, ddl: &Ddl, statement: &str) -> Result<Option<Begun>, Failed> {
    let Form::Alter { name, renamed: None, .. } = Form::of(statement, &ddl.schema) else { return Ok(None) };
    let changed = changed_columns(statement);
    let held: Vec<Reference> = references(session, &name)?.into_iter().filter(|r| r.is_over(&name, &changed)).collect();
    if held.is_empty() {
        return Ok(None);
    }
    let dropped = held.iter().map(|r| format!("ALTER TABLE {} DROP FOREIGN KEY {}", r.child, quote_name(&r.name)));
    let added = held.iter().map(|r| r.added(&name, &changed));
    let optional_from = held.len() + 1;
    let statements = dropped.chain([statement.to_owned()]).chain(added).collect();
    // Each step leaves other columns behind than the job as a whole.
    Ok(Some(Begun {
        before: Vec::new(),
        after: Vec::new(),
        optional_from: Some(optional_from),
        ..Begun::new(ddl, statements)
    }))
}

/// `statement` as two, where it gives a column of a foreign key another name and does more: a server that copies the table for the rest refuses that.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn apart(session: &mut Session, statement: String, ddl: &Ddl) -> Result<Vec<String>, Failed> {
    let server = session.server();
    let plain = server.flavour != Flavour::MySql || server.version >= (8, 0, 0);
    let Form::Alter { name, renamed: None, .. } = Form::of(&statement, &ddl.schema) else { return Ok(vec![statement]) };
    if server.flavour == Flavour::TiDb || renames_apart(&statement, plain, |_| true).is_none() {
        return Ok(vec![statement]);
    }
    let keys = references(session, &name)?;
    let held = |column: &str| keys.iter().any(|r| r.is_over(&name, &[(column.to_owned(), String::new())]));
    let all = changed_columns(&statement);
    let before = |name: &str| all.iter().find(|(_, new)| same_name(new, name)).map_or(name, |(old, _)| old).to_owned();
    // Where the rest changes a column that a key holds, the keys go before all of it ([`around`]).
    let two = renames_apart(&statement, plain, held)
        .filter(|(_, rest)| !changed_columns(rest).iter().any(|(column, _)| held(&before(column))));
    Ok(two.map_or_else(|| vec![statement], |(names, rest)| vec![names, rest]))
}

/// The columns that a statement changes, with their names behind it.
fn changed_columns(sql: &str) -> Vec<(String, String)> {
    Statement::of(sql).retyped().map(|column| (column.column.clone(), column.renamed.clone())).collect()
}

/// The foreign keys of `table` and those to it.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn references(session: &mut Session, table: &Name) -> Result<Vec<Reference>, Failed> {
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
    /// Whether it holds any of these columns of `table`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_columns_are_found() {
        let of = |sql| changed_columns(sql).into_iter().map(|(a, b)| format!("{a} {b}")).collect::<Vec<_>>().join(", ");
        assert_eq!(
            of(
                "ALTER TABLE t MODIFY COLUMN `a``b` INT COMMENT 'CHANGE x y', CHANGE `c` `d` INT, ADD KEY (e), MODIFY IF EXISTS f INT"
            ),
            "a`b a`b, c d, f f"
        );
        assert_eq!(of("ALTER TABLE `modify` ADD COLUMN `change` INT"), "");
    }
}
