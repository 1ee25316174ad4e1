//! What a statement of MariaDB's binlog is: one that a TiDB would write down as DDL jobs, one that concerns nobody else, or
//! one that is refused.

use crate::model::ActionType;
use crate::sink::mysql::ddl::form::Form;
use crate::sql::Words;

/// First words of statements that leave no trace in a TiDB's binlog: accounts, statistics, maintenance.
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

/// First words of the statements that are followed. `docs` of the parent module list them for people.
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

/// Words of an ALTER TABLE or CREATE TABLE that change rows without telling, or make what a TableInfo here cannot say.
const TOO_MUCH: [&str; 6] = ["PARTITION", "PARTITIONS", "PARTITIONING", "SUBPARTITION", "TABLESPACE", "VERSIONING"];

/// What a statement is.
#[derive(Debug, PartialEq)]
pub(super) enum Statement {
    /// The end of a group of changes.
    Commit,
    /// The end of a group whose changes were taken back.
    Rollback,
    /// It leaves no trace in a TiDB's binlog.
    Unseen,
    /// A DDL that is followed.
    Ddl(Form),
}

/// What `sql` is, run while `current` was the database.
///
/// # Errors
/// Why it is refused.
pub(super) fn read(sql: &str, current: &str) -> Result<Statement, &'static str> {
    // Executable comments are comments to the tokens below, and this one decides what the statement is.
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
        return Err("it is none of the statements that the simulated cluster follows");
    }
    let table = begins(&["ALTER"]) || begins(&["CREATE"]);
    if table && (0..words.len()).any(|at| words.is_any(at, &TOO_MUCH)) {
        return Err("partitions, tablespaces and system versioning are not followed");
    }
    match Form::of(sql, current) {
        Form::Other => Err("it is written in a way that is not understood"),
        Form::Alter { renamed: Some(_), .. } => Err("it renames the table and changes it at once"),
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
}
