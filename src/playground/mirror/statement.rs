//! Classifies statements of MariaDB's binlog: a DDL, of no effect on the stream, or refused.
//!
//! - A DDL is a statement that a TiDB would write down as DDL jobs.
//! - Origin: which link a DDL comes from, where MariaDB's binlog does not say. MariaDB writes its
//!   own text of a DROP TABLE, without the comment in front of it. But the link that runs it has
//!   stored its intent before, and that passes through here first.
//! - Shadow: a second MariaDB without rows that repeats every DDL, one after the other. Its
//!   definitions are those of the reader's position in the binlog, however far the first server is
//!   ahead.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use mysql::Conn;
use mysql::prelude::Queryable;

use super::definition::{self, Definition};
use crate::mark::Origin;
use crate::model::{ActionType, Row, RowChange, RowKind, Table, Value};
use crate::mysql::answer::Answers;
use crate::playground::mariadb::PrivateServer;
use crate::playground::sql_name;
use crate::sink::mysql::ddl::Begun;
use crate::sink::mysql::ddl::form::Form;
use crate::sql::Words;

/// First words of statements that leave no trace in a TiDB's binlog: accounts, statistics,
/// maintenance.
const UNSEEN: [&[&str]; 23] = [
    &["GRANT"],
    &["REVOKE"],
    &["FLUSH"],
    &["ANALYZE"],
    &["OPTIMIZE"],
    &["REPAIR"],
    &["CHECK"],
    &["BEGIN"],
    &["SAVEPOINT"],
    &["CREATE", "USER"],
    &["CREATE", "OR", "REPLACE", "USER"],
    &["CREATE", "ROLE"],
    &["CREATE", "OR", "REPLACE", "ROLE"],
    &["CREATE", "TEMPORARY"],
    &["CREATE", "OR", "REPLACE", "TEMPORARY"],
    &["ALTER", "USER"],
    &["DROP", "USER"],
    &["DROP", "ROLE"],
    &["DROP", "TEMPORARY"],
    &["RENAME", "USER"],
    &["SET", "PASSWORD"],
    &["SET", "DEFAULT", "ROLE"],
    &["KILL"],
];

/// First words of the statements that are followed. The documentation of the parent module has the
/// list for the operator.
const FOLLOWED: [&[&str]; 23] = [
    &["CREATE", "TABLE"],
    &["CREATE", "OR", "REPLACE", "TABLE"],
    &["CREATE", "DATABASE"],
    &["CREATE", "OR", "REPLACE", "DATABASE"],
    &["CREATE", "SCHEMA"],
    &["CREATE", "OR", "REPLACE", "SCHEMA"],
    &["CREATE", "INDEX"],
    &["CREATE", "OR", "REPLACE", "INDEX"],
    &["CREATE", "UNIQUE", "INDEX"],
    &["CREATE", "OR", "REPLACE", "UNIQUE", "INDEX"],
    &["CREATE", "FULLTEXT", "INDEX"],
    &["DROP", "TABLE"],
    &["DROP", "TABLES"],
    &["DROP", "DATABASE"],
    &["DROP", "SCHEMA"],
    &["DROP", "INDEX"],
    &["RENAME", "TABLE"],
    &["RENAME", "TABLES"],
    &["TRUNCATE"],
    &["ALTER", "TABLE"],
    &["ALTER", "IGNORE", "TABLE"],
    &["ALTER", "DATABASE"],
    &["ALTER", "SCHEMA"],
];

/// Words of an ALTER TABLE or CREATE TABLE that change rows without row events, or make what a
/// TableInfo here cannot say.
const TOO_MUCH: [&str; 6] = ["PARTITION", "PARTITIONS", "PARTITIONING", "SUBPARTITION", "TABLESPACE", "VERSIONING"];

/// The kind of a statement.
#[derive(Debug, PartialEq)]
pub(super) enum Statement {
    /// The end of a group of changes.
    Commit,
    /// The end of a group whose changes were rolled back.
    Rollback,
    /// It leaves no trace in a TiDB's binlog.
    Unseen,
    /// A DDL that is followed.
    Ddl(Form),
}

/// Classifies `sql`, run while `current` was the database.
///
/// # Errors
/// Why it is refused.
pub(super) fn read(sql: &str, current: &str) -> Result<Statement, &'static str> {
    // Executable comments are comments to the tokenizer below, and this one decides what the
    // statement is.
    if sql.starts_with("DROP /*!40005 TEMPORARY */") {
        return Ok(Statement::Unseen);
    }
    let words = Words::of(sql);
    let begins = |phrase: &[&str]| words.phrase(0, phrase).is_some();
    if words.is_empty() || UNSEEN.iter().any(|phrase| begins(phrase)) {
        return Ok(Statement::Unseen);
    }
    if begins(&["COMMIT"]) {
        return Ok(Statement::Commit);
    }
    if begins(&["ROLLBACK", "TO"]) {
        return Err("it takes back a part of a transaction that also changed a table without transactions");
    }
    if begins(&["ROLLBACK"]) {
        return Ok(Statement::Rollback);
    }
    if !FOLLOWED.iter().any(|phrase| begins(phrase)) {
        return Err("the simulated cluster does not support this statement");
    }
    let table = begins(&["ALTER"]) || begins(&["CREATE"]);
    if table && (0..words.len()).any(|at| words.is_any(at, &TOO_MUCH)) {
        return Err("partitions, tablespaces and system versioning are not supported");
    }
    match Form::of(sql, current) {
        Form::Other => Err("its syntax is not understood"),
        Form::Alter { renamed: Some(_), .. } => Err("it renames and changes the table at once"),
        form => Ok(Statement::Ddl(form)),
    }
}

/// TiDB's ActionType of an ALTER TABLE, CREATE INDEX or DROP INDEX.
pub(super) fn action(sql: &str) -> ActionType {
    let words = Words::of(sql);
    let is = |at: usize, any: &[&str]| words.is_any(at, any);
    match (is(0, &["CREATE"]), is(0, &["DROP"])) {
        (true, _) => return ActionType::AddIndex,
        (_, true) => return ActionType::DropIndex,
        _ => {}
    }
    // ALTER [IGNORE] TABLE [IF EXISTS] name[.name]
    let table = 2 + usize::from(is(1, &["IGNORE"]));
    let at = words.behind_name(words.behind_condition(table));
    if words.items(at..words.len()).len() > 1 {
        return ActionType::MultiSchemaChange;
    }
    let index = ["INDEX", "KEY", "UNIQUE", "FULLTEXT"];
    let foreign = ["CONSTRAINT", "FOREIGN"];
    match at + 1 {
        next if is(at, &["ADD"]) && is(next, &index) => ActionType::AddIndex,
        next if is(at, &["ADD"]) && is(next, &["PRIMARY"]) => ActionType::AddPrimaryKey,
        next if is(at, &["ADD"]) && is(next, &foreign) => ActionType::AddForeignKey,
        _ if is(at, &["ADD"]) => ActionType::AddColumn,
        next if is(at, &["DROP"]) && is(next, &index) => ActionType::DropIndex,
        next if is(at, &["DROP"]) && is(next, &["PRIMARY"]) => ActionType::DropPrimaryKey,
        next if is(at, &["DROP"]) && is(next, &foreign) => ActionType::DropForeignKey,
        _ if is(at, &["DROP"]) => ActionType::DropColumn,
        next if is(at, &["RENAME"]) && is(next, &index) => ActionType::RenameIndex,
        _ if is(at, &["MODIFY", "CHANGE", "RENAME"]) => ActionType::ModifyColumn,
        _ if is(at, &["ALTER"]) => ActionType::SetDefaultValue,
        _ if is(at, &["COMMENT"]) => ActionType::ModifyTableComment,
        _ if is(at, &["AUTO_INCREMENT"]) => ActionType::RebaseAutoId,
        _ if is(at, &["CONVERT", "DEFAULT", "CHARSET", "CHARACTER", "COLLATE"]) => ActionType::ModifyTableCharset,
        _ => ActionType::MultiSchemaChange,
    }
}

/// The statements that links are about to run, by cluster and link.
#[derive(Default)]
pub(super) struct Origins(BTreeMap<(u64, Vec<u8>), Open>);

struct Open {
    origin: Origin,
    form: Form,
}

impl Origins {
    /// Records a change, if it is one of a link's row.
    pub(super) fn see(&mut self, change: &RowChange) {
        let table = &change.table;
        if table.schema != "tidb_binlog" || table.name != "tisync_checkpoint" {
            return;
        }
        let (row, open) = match &change.kind {
            RowKind::Insert(row) | RowKind::Update { new: row, .. } => (row, open(table, row)),
            RowKind::Delete(row) => (row, None),
        };
        let cluster_id = number(table, row, "cluster_id").unwrap_or_default();
        let key = (cluster_id, bytes(table, row, "link").unwrap_or_default().to_vec());
        match open {
            Some(open) => drop(self.0.insert(key, open)),
            None => drop(self.0.remove(&key)),
        }
    }

    /// The comment in front of a statement of this form.
    pub(super) fn of(&self, form: &Form) -> Option<String> {
        self.0.values().find(|open| same(form, &open.form)).map(|open| open.origin.to_string())
    }
}

fn open(table: &Arc<Table>, row: &Row) -> Option<Open> {
    let begun = Begun::read(std::str::from_utf8(bytes(table, row, "ddl_before")?).ok()?)?;
    let step = usize::try_from(number(table, row, "ddl_step")?).ok()?;
    let (origin, _) = Origin::split(begun.origin.as_deref()?)?;
    Some(Open { origin, form: begun.form(step) })
}

/// MariaDB may leave out names of a DROP that it did not find, and logs after a crash which of them
/// were gone.
fn same(found: &Form, open: &Form) -> bool {
    match (found, open) {
        (Form::Drop { names, .. }, Form::Drop { names: all, .. }) => names.iter().all(|name| all.contains(name)),
        (found, open) => found == open,
    }
}

fn number(table: &Table, row: &Row, column: &str) -> Option<u64> {
    match table.value(row, column)? {
        Value::UInt(n) => Some(*n),
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

fn bytes<'a>(table: &Table, row: &'a Row, column: &str) -> Option<&'a [u8]> {
    match table.value(row, column)? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// Options for a small server: it holds no data that would have to survive it.
const SMALL: [&str; 7] = [
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-innodb-doublewrite",
    "--performance-schema=OFF",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
];

/// A statement of the binlog, with the settings of its session.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The current database; empty for none.
    pub(super) schema: String,
    /// The statement.
    pub(super) sql: String,
    /// `sql_mode` as a number.
    pub(super) sql_mode: Option<u64>,
    /// Ids of `collation_connection` and `collation_server`.
    pub(super) collations: Option<(u16, u16)>,
}

/// The server that repeats DDL.
pub(super) struct Shadow {
    conn: Conn,
    /// MariaDB's default collation of each character set.
    pub(super) collations: BTreeMap<String, String>,
    _server: PrivateServer,
}

impl Shadow {
    /// Starts it with `options`, which decide about character sets and time zone as on the first
    /// server.
    pub(super) fn start(options: &[&str]) -> Result<Self> {
        let all: Vec<&str> = SMALL.iter().chain(options).copied().collect();
        let server = PrivateServer::start_alone(&all)?;
        let mut conn = server.connect()?;
        let query = "SELECT character_set_name, default_collate_name FROM information_schema.character_sets";
        let collations = conn.all(query)?.into_iter().collect();
        Ok(Self { conn, collations, _server: server })
    }

    /// Runs a DDL again.
    ///
    /// # Errors
    /// If this server refuses a statement that the first one ran.
    pub(super) fn run(&mut self, query: &Query) -> Result<()> {
        if let Some(mode) = query.sql_mode {
            self.conn.query_drop(format!("SET SESSION sql_mode = {mode}"))?;
        }
        // Tables may come before the parents of their foreign keys, as the first server allows too.
        self.conn.query_drop("SET SESSION foreign_key_checks = 0")?;
        if !query.schema.is_empty() {
            // CREATE DATABASE has its own database as the current one, which does not exist yet. If
            // the database is needed and missing, the statement itself fails.
            let _ = self.conn.query_drop(format!("USE {}", sql_name(&query.schema)));
        }
        if let Some((connection, server)) = query.collations {
            let set = format!("SET SESSION collation_connection = {connection}, collation_server = {server}");
            self.conn.query_drop(set)?;
        }
        let done = self.conn.query_drop(&query.sql).context("the server that repeats DDL");
        // Names and texts below are read with the default mode, not with that of the statement.
        self.conn.query_drop("SET SESSION sql_mode = DEFAULT")?;
        self.conn.query_drop("SET NAMES utf8mb4")?;
        done
    }

    /// The definition of a table; `None` if there is none.
    ///
    /// # Errors
    /// If it has an attribute that a TiDB's table cannot have here.
    pub(super) fn table(&mut self, schema: &str, name: &str) -> Result<Option<Definition>> {
        definition::read(&mut self.conn, schema, name)
    }

    /// Default character set and collation of a database; `None` if there is none.
    pub(super) fn database(&mut self, name: &str) -> Result<Option<(String, String)>> {
        let query = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata \
                     WHERE schema_name = ?";
        Ok(self.conn.one_with(query, (name,))?)
    }

    /// Whether there is a table, view or sequence of this name.
    pub(super) fn has(&mut self, schema: &str, name: &str) -> Result<bool> {
        let query = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";
        Ok(self.conn.one_with::<u8>(query, (schema, name))?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_followed_passed_over_or_refused() {
        for sql in [
            "GRANT ALL ON *.* TO x",
            "create user a",
            "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`",
            "# Dummy event",
        ] {
            assert_eq!(read(sql, "d"), Ok(Statement::Unseen), "{sql}");
        }
        assert_eq!(read("COMMIT", ""), Ok(Statement::Commit));
        for sql in [
            "CREATE TABLE t (a INT)",
            "drop table `a`,`b`",
            "ALTER TABLE d.t ADD c INT",
            "CREATE UNIQUE INDEX i ON t (a)",
        ] {
            assert!(matches!(read(sql, "d"), Ok(Statement::Ddl(_))), "{sql}");
        }
        for sql in [
            "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
            "CREATE DEFINER=`root`@`localhost` PROCEDURE p() CREATE TABLE t (a INT)",
            "CREATE SEQUENCE s",
            "INSERT INTO t VALUES (1)",
            "ALTER TABLE t DROP PARTITION p0",
            "ALTER TABLE t RENAME TO u, ADD c INT",
            "ALTER ONLINE TABLE t ADD c INT",
            "XA START 'x'",
        ] {
            assert!(read(sql, "d").is_err(), "{sql}");
        }
    }

    #[test]
    fn actions_have_tidbs_numbers() {
        for (sql, number) in [
            ("ALTER TABLE `a`.`b` ADD COLUMN c INT", 5),
            ("ALTER TABLE b ADD c ENUM('x,y','z')", 5),
            ("ALTER TABLE b ADD c INT, ADD d INT", 61),
            ("ALTER IGNORE TABLE IF EXISTS b DROP KEY k", 8),
            ("ALTER TABLE b ADD PRIMARY KEY (a)", 32),
            ("ALTER TABLE b RENAME COLUMN a TO c", 12),
            ("CREATE INDEX i ON b (a)", 7),
            ("ALTER TABLE b CONVERT TO CHARACTER SET latin1", 22),
        ] {
            assert_eq!(action(sql).number(), number, "{sql}");
        }
    }

    #[test]
    fn a_drop_answers_to_one_of_more_tables() {
        let same = |found: &str, open: &str| super::same(&Form::of(found, "d"), &Form::of(open, "d"));
        assert!(same("DROP TABLE `a` /* generated by server */", "DROP TABLE IF EXISTS a, b"));
        assert!(!same("DROP TABLE `a`,`c` /* generated by server */", "DROP TABLE a, b"));
        assert!(!same("DROP TABLE `e`.`a` /* generated by server */", "DROP TABLE a"));
        assert!(same("DROP DATABASE x", "DROP DATABASE IF EXISTS `x`") && !same("TRUNCATE a", "DROP TABLE a"));
    }
}
