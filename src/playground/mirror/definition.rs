//! A table's definition out of MariaDB's information_schema.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use mysql::prelude::Queryable;
use mysql::{Conn, params};

use super::charset;
use super::column::{self, Described};
use crate::model::{Column, ForeignKey, Handle, Key, KeyPart, Table};
use crate::playground::sql_name;
use crate::playground::tableinfo::Details;
use crate::sink::mysql::answer::Answers;
use crate::sink::mysql::session::quote_text;

/// A table as MariaDB has it. Ids are 0, and the handle is not decided yet.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) table: Table,
    pub(super) details: Details,
    /// The statement that makes it, every character set and collation named.
    pub(super) text: String,
    /// Whether rows of it change without a word in the binlog when their parents do.
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
        let (column, own) = column::read(one, is_json).with_context(|| format!("column `{}`", one.name))?;
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
    let text = shown.map(|(_, text)| column::with_json(&text, &json)).context("SHOW CREATE TABLE shows nothing")?;
    let charset = collation.split('_').next().unwrap_or_default().to_owned();
    ensure!(charset::known(&charset), "its character set {charset} is not mirrored");
    let table = Table {
        id: 0,
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns,
        keys,
        handle: Handle::RowId,
        foreign_keys,
        partitions: Vec::new(),
        charset: column::as_tidb(&charset),
        collation: column::as_tidb(&collation),
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

/// MariaDB's JSON is text with a check. Database and table stand there twice: without constants the server opens every
/// table it has to find its checks.
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
            bail!("its key `{key}` is unique over texts without a length");
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

/// What foreign keys do on DELETE and on UPDATE, as TiDB's numbers.
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
