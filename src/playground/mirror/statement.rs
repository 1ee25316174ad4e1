//! What a statement of MariaDB's binlog is: one that a TiDB would write down as DDL jobs, one that concerns nobody else, or
//! one that is refused.

use crate::model::ActionType;
use crate::sink::mysql::ddl::form::Form;
use crate::sink::mysql::ddl::text::{self, Token};

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
    let tokens = tokens(sql);
    let begins = |words: &[&str]| words.iter().enumerate().all(|(i, word)| tokens.get(i).is_some_and(|t| t.is(word)));
    if tokens.is_empty() || UNSEEN.iter().any(|words| begins(words)) {
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
    if !FOLLOWED.iter().any(|words| begins(words)) {
        return Err("it is none of the statements that the simulated cluster follows");
    }
    let table = begins(&["ALTER"]) || begins(&["CREATE"]);
    if table && tokens.iter().any(|t| matches!(t, Token::Word(w) if TOO_MUCH.iter().any(|m| w.eq_ignore_ascii_case(m))))
    {
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
    let tokens = tokens(sql);
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|t| words.iter().any(|w| t.is(w)));
    match (is(0, &["CREATE"]), is(0, &["DROP"])) {
        (true, _) => return ActionType::AddIndex,
        (_, true) => return ActionType::DropIndex,
        _ => {}
    }
    // ALTER [IGNORE] TABLE [IF EXISTS] name[.name]
    let mut at = 2 + usize::from(is(1, &["IGNORE"]));
    at += if is(at, &["IF"]) { 2 } else { 0 };
    at += if tokens.get(at + 1) == Some(&Token::Sign('.')) { 3 } else { 1 };
    if commas(tokens.get(at..).unwrap_or_default()) > 0 {
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

/// The tokens of `sql` without comments.
fn tokens(sql: &str) -> Vec<Token<'_>> {
    text::tokens(sql).into_iter().map(|(token, ..)| token).filter(|t| !matches!(t, Token::Comment(_))).collect()
}

/// The name that a token may be.
fn name(token: &Token) -> Option<String> {
    match token {
        Token::Word(name) => Some((*name).to_owned()),
        Token::Name(quoted) => Some(quoted.strip_prefix('`')?.strip_suffix('`')?.replace("``", "`")),
        _ => None,
    }
}

/// Commas outside of brackets.
fn commas(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    let mut found = 0;
    for token in tokens {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 0 => found += 1,
            _ => {}
        }
    }
    found
}

/// Old and new names of the columns that an ALTER TABLE renames.
pub(super) fn renamed_columns(sql: &str) -> Vec<(String, String)> {
    let tokens = tokens(sql);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let name = |n: usize| tokens.get(n).and_then(name);
        let is = |n: usize, word: &str| tokens.get(n).is_some_and(|t| t.is(word));
        let pair = if token.is("CHANGE") {
            let mut first = at + 1 + usize::from(is(at + 1, "COLUMN"));
            first += if is(first, "IF") { 2 } else { 0 };
            name(first).zip(name(first + 1))
        } else if token.is("RENAME") && is(at + 1, "COLUMN") {
            let first = at + 2 + if is(at + 2, "IF") { 2 } else { 0 };
            name(first).zip(name(first + 2))
        } else {
            None
        };
        found.extend(pair);
    }
    found
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
    fn renamed_columns_are_found() {
        let sql =
            "ALTER TABLE t CHANGE `a` b INT, CHANGE COLUMN IF EXISTS c `d` INT, RENAME COLUMN e TO f, MODIFY g INT";
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(renamed_columns(sql), [pair("a", "b"), pair("c", "d"), pair("e", "f")]);
    }
}
