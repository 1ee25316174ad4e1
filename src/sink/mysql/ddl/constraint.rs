//! Names of foreign keys and CHECK constraints on the target.
//!
//! TiDB has the names of each kind unique in each table. InnoDB has those of foreign keys unique in
//! each database, as MySQL has those of CHECKs; MariaDB has both kinds together in each table. So a
//! constraint whose name is taken gets its table's name in front, and later statements about it
//! find it: by that name, or by what it is, as servers also give constraints other names (with
//! RENAME TABLE, and where none was given).

use std::sync::Arc;

use super::dialect::{Kind, Mention, has_one_clause, mentions, renamed};
use super::foreign_key::{Reference, index_of, references};
use super::form::{Form, Name};
use super::picture::same_name;
use crate::model::{Ddl, ForeignKey, Table};
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session};
use crate::sql::{quote_name, quote_text};

/// The longest name that servers accept, in characters.
const LONGEST: usize = 64;

/// The names that the statements of one DDL were given so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: Vec<(Kind, Name, String)>,
}

/// A statement with the names of the target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// It runs as this text; if it drops a foreign key for which the target made an index, also the
    /// statement that drops that index.
    Runs(String, Option<String>),
    /// It is only about a constraint that the target does not have.
    Goes(String),
}

impl Names {
    /// `sql` of `ddl` with the names that the target has, or can have.
    ///
    /// # Errors
    /// If the target cannot be read.
    pub(super) fn named(&mut self, session: &mut Session, sql: &str, ddl: &Ddl) -> Result<Named, SessionError> {
        let same_names = session.server().flavour == Flavour::TiDb;
        let found = if same_names { Vec::new() } else { mentions(sql) };
        let as_it_is = || Named::Runs(sql.to_owned(), None);
        let form = Form::of(sql, &ddl.schema);
        let (Form::Create { name: table, .. } | Form::Alter { name: table, .. }) = form else { return Ok(as_it_is()) };
        let (mut names, mut left_behind) = (Vec::new(), None);
        let single = found.len() == 1 && has_one_clause(sql);
        for mention in found {
            let name = match (mention.new, mention.kind) {
                (true, _) => self.free(session, &table, &mention, ddl)?,
                (false, Kind::Foreign) => {
                    let keys = references(session, &table)?;
                    let key = key_of(&keys, &table, &mention.name, ddl);
                    if let Some(key) = key {
                        left_behind = index_of(session, key, &keys, ddl)?;
                    }
                    key.map(|key| key.name.clone())
                }
                (false, Kind::Check) => check_of(session, &table, &mention.name, ddl)?,
            };
            match name {
                Some(name) if name == mention.name => {}
                Some(name) => names.push((mention, name)),
                None if single => return Ok(Named::Goes(missing(&mention, &table))),
                // The server's own error will show it.
                None => {}
            }
        }
        Ok(Named::Runs(renamed(sql, &names), left_behind))
    }

    /// A name for a new constraint of `table` that no other constraint has.
    fn free(
        &mut self,
        session: &mut Session,
        table: &Name,
        mention: &Mention,
        ddl: &Ddl,
    ) -> Result<Option<String>, SessionError> {
        let mariadb = session.server().flavour == Flavour::MariaDb;
        let kind = mention.kind;
        let upstream = definition(&ddl.after, table, &mention.name);
        for name in candidates(&table.name, &mention.name) {
            // MariaDB has CHECKs by name in each table, together with that table's foreign keys.
            let excludes = |(other, of): (Kind, &Name)| match () {
                () if *of == *table => other == kind || mariadb,
                () => other == kind && of.schema == table.schema && !(mariadb && kind == Kind::Check),
            };
            let given = self.given.iter().any(|(kind, of, n)| same_name(n, &name) && excludes((*kind, of)));
            let taken = match (mariadb, kind) {
                _ if given => true,
                (true, Kind::Check) => has_foreign(session, table, &name)?,
                (true, Kind::Foreign) => {
                    is_taken(session, (kind, &name), table, upstream)?
                        || checks(session, table)?.iter().any(|(n, _)| same_name(n, &name))
                }
                (false, _) => is_taken(session, (kind, &name), table, upstream)?,
            };
            if !taken {
                self.given.push((kind, table.clone(), name.clone()));
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

fn has_foreign(session: &mut Session, table: &Name, name: &str) -> Result<bool, SessionError> {
    Ok(references(session, table)?.iter().any(|key| key.child == *table && same_name(&key.name, name)))
}

fn missing(mention: &Mention, table: &Name) -> String {
    let what = if mention.kind == Kind::Foreign { "foreign key" } else { "CHECK constraint" };
    format!("{what} {} of {table} does not exist on the target and need not be dropped", quote_name(&mention.name))
}

/// The names that the constraint `name` of `table` may have on the target, in the order in which
/// they are tried.
fn candidates(table: &str, name: &str) -> [String; 3] {
    let long = format!("{table}_{name}");
    // A hash that is stable across versions and machines.
    let hash = format!("_{:08x}", crc32fast::hash(format!("{table}\0{name}").as_bytes()));
    let shortened: String = long.chars().take(LONGEST - hash.len()).chain(hash.chars()).collect();
    let fits = long.chars().count() <= LONGEST;
    [name.to_owned(), if fits { long } else { shortened.clone() }, shortened]
}

/// The foreign key `name` of `table`, as the upstream has it.
fn definition<'a>(tables: &'a [Arc<Table>], table: &Name, name: &str) -> Option<(&'a Table, &'a ForeignKey)> {
    let own = tables.iter().find(|t| t.schema == table.schema && t.name == table.name)?;
    own.foreign_keys.iter().find(|key| same_name(&key.name, name)).map(|key| (&**own, key))
}

/// Whether `there` is the target's form of `key` of `table`.
fn is_same(there: &Reference, (table, key): (&Table, &ForeignKey)) -> bool {
    let schema = if key.parent_schema.is_empty() { &table.schema } else { &key.parent_schema };
    let parent = same_name(&there.parent.schema, schema) && same_name(&there.parent.name, &key.parent_table);
    let pairs = key.columns.iter().zip(&key.parent_columns);
    parent
        && there.columns.len() == key.columns.len()
        && there.columns.iter().zip(pairs).all(|((a, b), (c, d))| same_name(a, c) && same_name(b, d))
}

/// Whether another constraint has the name. The very key, if it was made before, does not count:
/// the server's error will show it.
fn is_taken(
    session: &mut Session,
    (kind, name): (Kind, &str),
    table: &Name,
    upstream: Option<(&Table, &ForeignKey)>,
) -> Result<bool, SessionError> {
    let (from, condition) = match kind {
        Kind::Foreign => ("referential_constraints", ""),
        Kind::Check => ("table_constraints", " AND constraint_type = 'CHECK'"),
    };
    let owners: Vec<String> = session.fetch(&format!(
        "SELECT table_name FROM information_schema.{from} WHERE constraint_schema = {} AND constraint_name = {}{condition}",
        quote_text(&table.schema),
        quote_text(name)
    ))?;
    if owners.is_empty() || kind == Kind::Check || owners.iter().any(|owner| *owner != table.name) {
        return Ok(!owners.is_empty());
    }
    let keys = references(session, table)?;
    let very = |r: &Reference| same_name(&r.name, name) && upstream.is_some_and(|upstream| is_same(r, upstream));
    Ok(!keys.iter().any(very))
}

/// The target's foreign key that is `name` of `table`.
fn key_of<'a>(keys: &'a [Reference], table: &Name, name: &str, ddl: &Ddl) -> Option<&'a Reference> {
    let own = || keys.iter().filter(|key| key.child == *table);
    let called = |name: &str| own().find(|key| same_name(&key.name, name));
    let candidates = candidates(&table.name, name);
    let Some(upstream) = definition(&ddl.before, table, name) else {
        return candidates.iter().find_map(|name| called(name));
    };
    let alike = |name: &String| called(name).filter(|key| is_same(key, upstream));
    // Of two that are alike, the other one has its own name.
    let others =
        |key: &&Reference| upstream.0.foreign_keys.iter().any(|k| k != upstream.1 && same_name(&k.name, &key.name));
    candidates
        .iter()
        .find_map(alike)
        .or_else(|| own().find(|key| is_same(key, upstream) && !others(key)))
        .or_else(|| called(name).filter(|key| !others(key)))
}

/// The target's name for the CHECK constraint `name` of `table`.
fn check_of(session: &mut Session, table: &Name, name: &str, ddl: &Ddl) -> Result<Option<String>, SessionError> {
    let there = checks(session, table)?;
    let called = |name: &String| there.iter().find(|(there, _)| same_name(there, name));
    let own = ddl.before.iter().find(|t| t.schema == table.schema && t.name == table.name);
    let upstream: Vec<_> = own.iter().flat_map(|t| &t.details).flat_map(|d| &d.checks).collect();
    let wanted = upstream.iter().find(|c| same_name(&c.name, name)).map(|c| bare(&c.expression));
    let found: Vec<_> = candidates(&table.name, name).iter().filter_map(called).collect();
    if let Some(first) = found.first() {
        let with_condition = found.iter().find(|(_, clause)| Some(bare(clause)) == wanted);
        return Ok(Some(with_condition.unwrap_or(first).0.clone()));
    }
    // If names do not tell: the one with this condition.
    let known = |n: &str| upstream.iter().any(|c| candidates(&table.name, &c.name).iter().any(|c| same_name(c, n)));
    let open: Vec<_> = there.iter().filter(|(n, _)| !known(n)).collect();
    let by_condition = open.iter().find(|(_, clause)| Some(bare(clause)) == wanted);
    // Or the only one left, whose condition the server may write differently.
    let unfound = upstream.iter().filter(|c| candidates(&table.name, &c.name).iter().all(|n| called(n).is_none()));
    let only = if unfound.count() == 1 && wanted.is_some() { open.first().filter(|_| open.len() == 1) } else { None };
    Ok(by_condition.or(only).map(|(name, _)| name.clone()))
}

/// The CHECK constraints of `table` on the target: names and conditions.
fn checks(session: &mut Session, table: &Name) -> Result<Vec<(String, String)>, SessionError> {
    let (schema, name) = (quote_text(&table.schema), quote_text(&table.name));
    session.fetch(&match session.server().flavour {
        Flavour::MariaDb => format!(
            "SELECT constraint_name, check_clause FROM information_schema.check_constraints \
             WHERE constraint_schema = {schema} AND table_name = {name}"
        ),
        _ => format!(
            "SELECT c.constraint_name, c.check_clause FROM information_schema.check_constraints c \
             JOIN information_schema.table_constraints t \
             ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name \
             WHERE t.constraint_type = 'CHECK' AND t.table_schema = {schema} AND t.table_name = {name}"
        ),
    })
}

/// A condition without what each server writes in its own way.
fn bare(condition: &str) -> String {
    let text = condition.to_lowercase().replace("_utf8mb4", "");
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '`' | '\'' | '"' | '\\')).collect()
}

#[cfg(test)]
#[path = "constraint_tests.rs"]
mod tests;
