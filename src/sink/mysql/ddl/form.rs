//! Parses what a DDL statement is about, and rewrites its text for the target.
//!
//! - What the statement is about, as its text says: only that text runs on the target.
//! - Charsets. One without a collation gets TiDB's default one, because the targets' own defaults
//!   ignore case. Everything else stays as TiDB wrote it: `/*T![feature] … */` is a comment to all
//!   but TiDB.
//! - Statements with names that the target cannot have.
//! - The definer of a view. TiDB's text keeps the definer that the user wrote: an account of the
//!   upstream, which the target need not have. A view without its definer cannot be read there.

use std::borrow::Cow;

use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::mysql::error::SessionError;
use crate::mysql::server::Server;
use crate::mysql::session::{Flavour, Session, shorten};
use crate::sink::mysql::limits::{ANOTHER, lacks};
use crate::sql::quote_text;
use crate::sql::{
    Clause, Edit, Place, Role, Statement, Token, Verb, Words, edited, names_charset, tokens, with_collations,
};

/// The name of a table, view or sequence, with its database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The database; the current one if the statement names none.
    pub schema: String,
    /// The object's name.
    pub name: String,
}

impl Name {
    fn at(place: &Place, current: &str) -> Self {
        Self { schema: place.schema.as_deref().unwrap_or(current).to_owned(), name: place.name.clone() }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::sql::quote_name;
        write!(f, "{}.{}", quote_name(&self.schema), quote_name(&self.name))
    }
}

/// The effect of an ALTER TABLE that a definition does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Nothing: the whole effect is in the definition, and running it twice is like running it
    /// once.
    Nothing,
    /// TRUNCATE PARTITION of these; of all partitions if the list is empty.
    Truncate(Vec<String>),
    /// EXCHANGE PARTITION with this table.
    Exchange(String, Name),
    /// TiDB's FORCE AUTO_INCREMENT, which may lower the counter: twice is not like once.
    ForcedCounter,
}

impl Unseen {
    fn of(statement: &Statement, forced: bool, current: &str) -> Self {
        let with = statement.place(Role::With).map(|place| Name::at(place, current));
        match (statement.clauses.first(), with) {
            (Some(Clause::TruncatePartition(names)), _) => Self::Truncate(names.clone()),
            (Some(Clause::ExchangePartition(partition, _)), Some(with)) => Self::Exchange(partition.clone(), with),
            _ if forced => Self::ForcedCounter,
            _ => Self::Nothing,
        }
    }
}

/// What a statement does, and to which objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// CREATE DATABASE.
    CreateDatabase(String),
    /// ALTER DATABASE.
    AlterDatabase(String),
    /// DROP DATABASE.
    DropDatabase(String),
    /// CREATE TABLE, VIEW or SEQUENCE.
    Create {
        /// The object.
        name: Name,
        /// Whether it says OR REPLACE.
        replace: bool,
    },
    /// DROP TABLE, VIEW or SEQUENCE.
    Drop {
        /// `TABLE`, `VIEW` or `SEQUENCE`.
        what: &'static str,
        /// The objects.
        names: Vec<Name>,
    },
    /// RENAME TABLE, and an ALTER TABLE that only renames.
    Rename(Vec<(Name, Name)>),
    /// TRUNCATE TABLE.
    Truncate(Name),
    /// ALTER TABLE, CREATE INDEX, DROP INDEX.
    Alter {
        /// The table.
        name: Name,
        /// Its new name, if the statement changes more than that.
        renamed: Option<Name>,
        /// Its effect that the definition does not show.
        unseen: Unseen,
    },
    /// ALTER SEQUENCE.
    AlterSequence {
        /// The sequence.
        name: Name,
        /// Whether it has RESTART, which sets the counter.
        restart: bool,
    },
    /// Anything else.
    Other,
}

impl Form {
    /// Parses `sql`, which runs while `current` is the database.
    #[must_use]
    pub fn of(sql: &str, current: &str) -> Self {
        let statement = Statement::of(sql);
        let forced = sql.contains("/*T![force_inc]");
        Self::read(&statement, forced, current).unwrap_or(Self::Other)
    }

    fn read(statement: &Statement, forced: bool, current: &str) -> Option<Self> {
        let name = |place: &Place| Name::at(place, current);
        let subject = || statement.place(Role::Subject).map(name);
        let database =
            || statement.place(Role::Database).map_or_else(|| current.to_owned(), |place| place.name.clone());
        let drop = |what| Self::Drop { what, names: statement.subjects().map(name).collect() };
        Some(match statement.verb {
            Verb::CreateDatabase => Self::CreateDatabase(database()),
            Verb::AlterDatabase => Self::AlterDatabase(database()),
            Verb::DropDatabase => Self::DropDatabase(database()),
            Verb::CreateTable | Verb::CreateView | Verb::CreateSequence => {
                Self::Create { name: subject()?, replace: statement.replaces }
            }
            Verb::DropTable => drop("TABLE"),
            Verb::DropView => drop("VIEW"),
            Verb::DropSequence => drop("SEQUENCE"),
            Verb::RenameTable | Verb::AlterTable if statement.only_renames => {
                Self::Rename(statement.moves().into_iter().map(|(old, new)| (name(old), name(new))).collect())
            }
            Verb::TruncateTable => Self::Truncate(subject()?),
            Verb::CreateIndex | Verb::DropIndex => {
                Self::Alter { name: subject()?, renamed: None, unseen: Unseen::Nothing }
            }
            Verb::AlterTable => Self::Alter {
                name: subject()?,
                renamed: statement.place(Role::New).map(name),
                unseen: Unseen::of(statement, forced, current),
            },
            Verb::AlterSequence => {
                Self::AlterSequence { name: subject()?, restart: statement.clauses.contains(&Clause::Restart) }
            }
            _ => return None,
        })
    }

    /// Every table, view and sequence that it names.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = match self {
            Self::CreateDatabase(_) | Self::AlterDatabase(_) | Self::DropDatabase(_) | Self::Other => vec![],
            Self::Create { name, .. } | Self::Truncate(name) | Self::AlterSequence { name, .. } => vec![name.clone()],
            Self::Drop { names, .. } => names.clone(),
            Self::Rename(pairs) => pairs.iter().flat_map(|(a, b)| [a.clone(), b.clone()]).collect(),
            Self::Alter { name, renamed, unseen } => {
                let with = if let Unseen::Exchange(_, with) = unseen { Some(with) } else { None };
                [Some(name), renamed.as_ref(), with].into_iter().flatten().cloned().collect()
            }
        };
        names.sort();
        names.dedup();
        names
    }

    /// The database that it creates, changes or drops.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::CreateDatabase(name) | Self::AlterDatabase(name) | Self::DropDatabase(name) => Some(name),
            _ => None,
        }
    }
}

impl Form {
    /// Whether it concerns only one object, so that a refusal means that nothing happened.
    pub(super) fn is_single(&self) -> bool {
        match self {
            Self::Drop { names, .. } => names.len() == 1,
            Self::Rename(pairs) => pairs.len() == 1,
            Self::DropDatabase(_) | Self::Other => false,
            _ => true,
        }
    }
}

/// TiDB's default collation of `charset`, if it has to be named.
fn default_collation(charset: &str) -> Option<&'static str> {
    Some(match charset.to_ascii_lowercase().as_str() {
        "utf8mb4" => "utf8mb4_bin",
        "utf8" | "utf8mb3" => "utf8_bin",
        "latin1" => "latin1_bin",
        "ascii" => "ascii_bin",
        "gbk" => "gbk_chinese_ci",
        _ => return None,
    })
}

/// `sql` for a target of `flavour`; `None` if nothing is left that matters to it. `default` is the
/// charset and collation that the upstream gave to a new database whose statement names neither.
#[must_use]
pub fn rewrite(sql: &str, flavour: Flavour, default: Option<(&str, &str)>) -> Option<String> {
    let stripped;
    let mut sql = sql.trim().trim_end_matches(';').trim_end();
    if flavour == Flavour::TiDb {
        stripped = without_ttl_jobs(sql);
        sql = &stripped;
    }
    let all = tokens(sql);
    let words: Vec<&Token> = all.iter().map(|(t, ..)| t).filter(|t| !matches!(t, Token::Comment(_))).collect();
    let first = |word: &str| words.first().is_some_and(|t| t.is(word));
    let second = |names: &[&str]| words.get(1).is_some_and(|t| names.iter().any(|n| t.is(n)));
    if words.is_empty() || (first("ALTER") && second(&["TABLE"]) && is_bare_alter(&words, flavour, &all)) {
        return None;
    }
    let database = second(&["DATABASE", "SCHEMA"]);
    if !(first("CREATE") && (database || second(&["TABLE"]) || second(&["TEMPORARY"])) || first("ALTER")) {
        return Some(sql.to_owned());
    }
    let mut out = with_collations(sql, &|name| default_collation(name).map(str::to_owned));
    if first("CREATE") && database && !names_charset(sql) {
        let (charset, collation) = default.unwrap_or(("utf8mb4", "utf8mb4_bin"));
        out.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
    }
    Some(out)
}

/// Whether an ALTER TABLE has nothing after the name except comments that the target does not
/// execute.
fn is_bare_alter(words: &[&Token], flavour: Flavour, all: &[(Token, usize, usize)]) -> bool {
    let rest = words.get(2..).unwrap_or_default();
    let bare = matches!(rest, [_] | [_, Token::Sign('.'), _]);
    let speaks = |t: &Token| matches!(t, Token::Comment(c) if c.starts_with("/*T!") || c.starts_with("/*!"));
    bare && !(flavour == Flavour::TiDb && all.iter().any(|(t, ..)| speaks(t)))
}

/// For TiDB: the upstream's stream already has the deletions of its TTL, so the target's TTL job
/// must be off; placement names belong to the upstream's own stores.
fn without_ttl_jobs(sql: &str) -> String {
    let edit = |(token, start, end)| {
        let Token::Comment(text) = token else { return None };
        let ttl = text.strip_prefix("/*T![ttl]").map(str::trim_start);
        if text.starts_with("/*T![placement]") || ttl.is_some_and(|t| t.starts_with("TTL_ENABLE")) {
            return Some((start..end, String::new()));
        }
        let begins = ttl.and_then(|t| t.strip_prefix("TTL")).is_some_and(|t| t.trim_start().starts_with('='));
        begins.then(|| (end..end, " /*T![ttl] TTL_ENABLE = 'OFF' */".to_owned()))
    };
    let edits: Vec<Edit> = tokens(sql).into_iter().filter_map(edit).collect();
    edited(sql, &edits).trim_end().to_owned()
}

/// The first character in a name of `sql` that names cannot have there. Text and comments may have
/// it.
fn odd(server: &Server, sql: &str) -> Option<char> {
    tokens(sql).into_iter().find_map(|(token, ..)| match token {
        Token::Word(name) | Token::Name(name) => server.cannot_name(name),
        // In double quotes it may be a name; TiDB writes none.
        Token::Text(_) | Token::Comment(_) | Token::Sign(_) => None,
    })
}

/// Checks that `sql`, a statement of `ddl`, has no such name.
///
/// # Errors
/// Refused, with the ways to continue.
pub(super) fn check(server: &Server, sql: &str, ts: CommitTs, ddl: &Ddl) -> Result<(), Fault> {
    let Some(odd) = odd(server, sql).or_else(|| server.cannot_name(&ddl.schema)) else { return Ok(()) };
    Err(Fault::refused(format!(
        "cannot run the DDL of commit ts {} (job {}), `{}` in database `{}`: {}",
        ts.explain(),
        ddl.job_id,
        shorten(sql),
        ddl.schema,
        lacks(odd)
    ))
    .hint(format!(
        "`--on-ddl-error 'replace:{0}=SQL'` runs SQL instead, `--skip-ddl {0}` continues without it: a table that it \
         would create is then left out, with its rows counted. Or {ANOTHER}",
        ts.0
    )))
}

/// Why `ddl` has no effect: it drops something that the target can never have had.
pub(super) fn never_there(server: &Server, ddl: &Ddl) -> Option<String> {
    let odd = match Form::of(&ddl.query, &ddl.schema) {
        Form::DropDatabase(name) => server.cannot_name(&name),
        Form::Drop { names, .. } => {
            let odd: Option<Vec<char>> = names.iter().map(|n| server.cannot_name_table(&n.schema, &n.name)).collect();
            odd.and_then(|odd| odd.first().copied())
        }
        _ => None,
    };
    odd.map(lacks)
}

/// The definer that a CREATE VIEW names: its user and host, and its place in the text.
fn definer(sql: &str) -> Option<(String, String, usize, usize)> {
    let words = Words::of(sql);
    let view = (0..words.len()).find(|at| words.is(*at, "VIEW"))?;
    // In SQL SECURITY DEFINER the word does not name the account.
    let security = |at: usize| at > 0 && words.is(at - 1, "SECURITY");
    let at = (0..view).find(|at| words.is(*at, "DEFINER") && !security(*at))?;
    let part = |at: usize| match words.token(at)? {
        Token::Text(text) => Some(text.trim_matches(['\'', '"']).to_owned()),
        token => token.name().map(Cow::into_owned),
    };
    let user = if words.sign(at + 1, '=') { at + 2 } else { at + 1 };
    if !words.sign(user + 1, '@') {
        let (name, span) = (part(user)?, words.bytes(user..user + 1)?);
        return (!name.eq_ignore_ascii_case("CURRENT_USER")).then(|| (name, "%".to_owned(), span.start, span.end));
    }
    let span = words.bytes(user..user + 3)?;
    Some((part(user)?, part(user + 2)?, span.start, span.end))
}

/// Replaces the definer of the view in `sql` by tisync's own account, if the target does not have
/// that definer or this account may not see it. Returns a remark if so.
pub(super) fn own_definer(session: &mut Session, sql: &mut String) -> Result<Option<String>, SessionError> {
    let Some((user, host, from, to)) = definer(sql) else { return Ok(None) };
    let grantee = format!("'{user}'@'{host}'");
    let found = session.fetch_one::<u64>(&format!(
        "SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee = {}",
        quote_text(&grantee)
    ));
    let there = match found {
        Ok(count) => count.is_some_and(|n| n > 0),
        Err(failed) if failed.is_not_there() => false,
        Err(failed) => return Err(failed),
    };
    if there {
        return Ok(None);
    }
    sql.replace_range(from..to, "CURRENT_USER");
    Ok(Some(format!(
        "its definer {grantee} does not exist on the target, so the view runs with the privileges of tisync's account"
    )))
}

/// The statement that drops the view which `sql` replaces, if the target has it in another letter
/// case: there that is another view.
///
/// # Errors
/// If the target cannot be read. If the target cannot be read.
pub(super) fn drop_other_spelling(session: &mut Session, sql: &str, ddl: &Ddl) -> Result<Option<String>, SessionError> {
    let Form::Create { name, replace: true } = Form::of(sql, &ddl.schema) else { return Ok(None) };
    let found = session.fetch_one::<String>(&format!(
        "SELECT table_name FROM information_schema.views WHERE table_schema = {} AND LOWER(table_name) = LOWER({1}) \
         AND BINARY table_name <> BINARY {1}",
        quote_text(&name.schema),
        quote_text(&name.name)
    ))?;
    Ok(found.map(|old| format!("DROP VIEW {}", Name { schema: name.schema, name: old })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Name {
        let (schema, name) = text.split_once('.').unwrap_or(("d", text));
        Name { schema: schema.to_owned(), name: name.to_owned() }
    }

    fn alter(name: &str, unseen: Unseen) -> Form {
        Form::Alter { name: n(name), renamed: None, unseen }
    }

    fn create(name: &str, replace: bool) -> Form {
        Form::Create { name: n(name), replace }
    }

    #[test]
    fn every_form() {
        let drop = |what, names: &[&str]| Form::Drop { what, names: names.iter().map(|t| n(t)).collect() };
        let rename = |pairs: &[(&str, &str)]| Form::Rename(pairs.iter().map(|(a, b)| (n(a), n(b))).collect());
        let cases = [
            ("CREATE DATABASE IF NOT EXISTS `x y` CHARSET utf8", Form::CreateDatabase("x y".into())),
            ("ALTER DATABASE x COLLATE utf8_bin", Form::AlterDatabase("x".into())),
            ("ALTER SCHEMA CHARACTER SET utf8", Form::AlterDatabase("d".into())),
            ("DROP DATABASE IF EXISTS `x`;", Form::DropDatabase("x".into())),
            ("CREATE TABLE IF NOT EXISTS `a``b` (`table` INT)", create("a`b", false)),
            ("CREATE GLOBAL TEMPORARY TABLE e.t (a INT) ON COMMIT DELETE ROWS", create("e.t", false)),
            (
                "create or replace algorithm = merge definer = `view`@`%` sql security invoker view e.v as select 1",
                create("e.v", true),
            ),
            ("CREATE SEQUENCE IF NOT EXISTS s START 5", create("s", false)),
            ("CREATE UNIQUE INDEX IF NOT EXISTS `on` USING BTREE ON e.t (a)", alter("e.t", Unseen::Nothing)),
            ("DROP INDEX `i` ON `t`", alter("t", Unseen::Nothing)),
            ("DROP TABLE IF EXISTS `a`, e.b", drop("TABLE", &["a", "e.b"])),
            ("DROP VIEW `v`", drop("VIEW", &["v"])),
            ("DROP SEQUENCE IF EXISTS s;", drop("SEQUENCE", &["s"])),
            ("RENAME TABLE a TO e.b, `c` TO a;", rename(&[("a", "e.b"), ("c", "a")])),
            ("ALTER TABLE e.t RENAME AS u", rename(&[("e.t", "u")])),
            ("ALTER TABLE t RENAME = u", rename(&[("t", "u")])),
            ("ALTER TABLE t RENAME u", rename(&[("t", "u")])),
            ("ALTER TABLE t RENAME COLUMN a TO b", alter("t", Unseen::Nothing)),
            (
                "ALTER TABLE t ADD COLUMN (a INT, `rename` INT), RENAME TO u",
                Form::Alter { name: n("t"), renamed: Some(n("u")), unseen: Unseen::Nothing },
            ),
            (
                "ALTER TABLE t RENAME TO u, COMMENT 'x'",
                Form::Alter { name: n("t"), renamed: Some(n("u")), unseen: Unseen::Nothing },
            ),
            ("TRUNCATE t", Form::Truncate(n("t"))),
            ("truncate table `e`.`t`", Form::Truncate(n("e.t"))),
            (
                "ALTER TABLE t TRUNCATE PARTITION p0, `p 1`",
                alter("t", Unseen::Truncate(vec!["p0".into(), "p 1".into()])),
            ),
            ("ALTER TABLE t TRUNCATE PARTITION ALL", alter("t", Unseen::Truncate(vec![]))),
            (
                "ALTER TABLE `t` EXCHANGE PARTITION `p0` WITH TABLE `e`.`x` WITHOUT VALIDATION",
                alter("t", Unseen::Exchange("p0".into(), n("e.x"))),
            ),
            ("ALTER TABLE t /*T![force_inc] FORCE */ AUTO_INCREMENT = 5", alter("t", Unseen::ForcedCounter)),
            ("ALTER IGNORE TABLE IF EXISTS t ADD PARTITION (PARTITION p VALUES IN (1))", alter("t", Unseen::Nothing)),
            ("ALTER SEQUENCE s RESTART WITH 5", Form::AlterSequence { name: n("s"), restart: true }),
            ("ALTER SEQUENCE IF EXISTS s INCREMENT 5", Form::AlterSequence { name: n("s"), restart: false }),
            ("CREATE PLACEMENT POLICY p", Form::Other),
            ("RENAME USER a TO b", Form::Other),
            ("", Form::Other),
        ];
        for (sql, form) in cases {
            assert_eq!(Form::of(sql, "d"), form, "{sql}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(sql in "(CREATE|DROP|ALTER|RENAME|TRUNCATE) (TABLE|VIEW|INDEX|DATABASE)? ?[-`a.,;()='\"/* ]{0,20}( PARTITION| RENAME| ON)?.{0,8}") {
            let form = Form::of(&sql, "d");
            proptest::prop_assert!(form.names().len() <= sql.len());
        }
    }
}

#[cfg(test)]
mod text_tests {
    use super::*;

    fn mysql(sql: &str) -> String {
        rewrite(sql, Flavour::MySql, None).unwrap_or_else(|| "nothing".to_owned())
    }

    #[test]
    fn collations_are_named() {
        insta::assert_snapshot!(mysql("CREATE DATABASE IF NOT EXISTS `x`;"), @"CREATE DATABASE IF NOT EXISTS `x` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
        insta::assert_snapshot!(mysql("CREATE DATABASE `x` CHARACTER SET = utf8"), @"CREATE DATABASE `x` CHARACTER SET = utf8 COLLATE utf8_bin");
        insta::assert_snapshot!(mysql("CREATE DATABASE `x` COLLATE utf8_bin"), @"CREATE DATABASE `x` COLLATE utf8_bin");
        insta::assert_snapshot!(mysql("ALTER DATABASE `x` CHARACTER SET = LATIN1"), @"ALTER DATABASE `x` CHARACTER SET = LATIN1 COLLATE latin1_bin");
        insta::assert_snapshot!(
            mysql("CREATE TABLE `s` (`id` INT,`l` VARCHAR(50) CHARACTER SET LATIN1 DEFAULT _UTF8MB4'a, CHARSET utf8',`c` VARCHAR(5) CHARACTER SET UTF8 COLLATE utf8_general_ci, `u` ENUM('a','b') CHARACTER SET UTF8) DEFAULT CHARACTER SET = UTF8MB4, COMMENT = 'x'"),
            @"CREATE TABLE `s` (`id` INT,`l` VARCHAR(50) CHARACTER SET LATIN1 COLLATE latin1_bin DEFAULT _UTF8MB4'a, CHARSET utf8',`c` VARCHAR(5) CHARACTER SET UTF8 COLLATE utf8_general_ci, `u` ENUM('a','b') CHARACTER SET UTF8 COLLATE utf8_bin) DEFAULT CHARACTER SET = UTF8MB4 COLLATE utf8mb4_bin, COMMENT = 'x'"
        );
        insta::assert_snapshot!(mysql("CREATE TABLE t (a INT) DEFAULT CHARSET=utf8mb4, COLLATE=utf8mb4_general_ci"), @"CREATE TABLE t (a INT) DEFAULT CHARSET=utf8mb4, COLLATE=utf8mb4_general_ci");
        insta::assert_snapshot!(mysql("ALTER TABLE `t` CONVERT TO CHARACTER SET UTF8MB4"), @"ALTER TABLE `t` CONVERT TO CHARACTER SET UTF8MB4 COLLATE utf8mb4_bin");
        insta::assert_snapshot!(mysql("ALTER TABLE t ADD COLUMN (a CHAR(5) CHARSET gbk, b INT), MODIFY c TEXT COLLATE utf8_bin"), @"ALTER TABLE t ADD COLUMN (a CHAR(5) CHARSET gbk COLLATE gbk_chinese_ci, b INT), MODIFY c TEXT COLLATE utf8_bin");
    }

    #[test]
    fn the_rest_stays() {
        for sql in [
            "CREATE TABLE `a``b (` (`charset` INT PRIMARY KEY /*T![clustered_index] CLUSTERED */, b TEXT GENERATED ALWAYS AS(CAST(`charset` AS CHAR CHARACTER SET utf8)))",
            "CREATE DEFINER = CURRENT_USER VIEW `v` AS SELECT CONVERT(`a` USING utf8),CAST(b AS CHAR CHARSET utf8) FROM `t`",
            "ALTER TABLE `t` ADD COLUMN `a` INT COMMENT 'it\\'s CHARACTER SET utf8'",
            "RENAME TABLE `t` TO `s`",
        ] {
            assert_eq!(mysql(sql), sql);
        }
    }

    #[test]
    fn nothing_left_for_the_target() {
        assert_eq!(mysql("ALTER TABLE `t` /*T![auto_rand] AUTO_RANDOM_BASE = 5 */"), "nothing");
        assert_eq!(mysql("ALTER TABLE `d`.`t` /*T![ttl] TTL_ENABLE='ON' */"), "nothing");
        let tidb = |sql: &str| rewrite(sql, Flavour::TiDb, None);
        assert_eq!(tidb("ALTER TABLE `t` /*T![ttl] TTL_ENABLE='ON' */"), None);
        assert!(tidb("ALTER TABLE `t` /*T![auto_rand] AUTO_RANDOM_BASE = 5 */").is_some());
        assert_eq!(
            tidb("CREATE TABLE t (a INT) /*T![ttl] TTL = a + INTERVAL 1 DAY */ /*T![ttl] TTL_ENABLE = 'ON' */ /*T![placement] PLACEMENT POLICY = `p` */").unwrap(),
            "CREATE TABLE t (a INT) /*T![ttl] TTL = a + INTERVAL 1 DAY */ /*T![ttl] TTL_ENABLE = 'OFF' */"
        );
        assert_eq!(tidb("ALTER TABLE `t` /*T![ttl] REMOVE TTL */").unwrap(), "ALTER TABLE `t` /*T![ttl] REMOVE TTL */");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(sql in ".*") {
            let _ = rewrite(&sql, Flavour::MySql, None);
        }
    }
}

#[cfg(test)]
mod unnamable_tests {
    use super::*;

    #[test]
    fn only_names_count() {
        let server = |text: &str, tidb: Option<&str>| Server::read(text.to_owned(), tidb, 1 << 20);
        let (mysql, tidb) = (server("9.7.0", None), server("8.0.11-TiDB-v8.5.0", Some("Release Version: v8.5.0")));
        for (sql, found) in [
            ("CREATE TABLE `t` (`a` ENUM('😀') COMMENT '😀') COMMENT = \"😀\"", None),
            ("CREATE TABLE `t` (`a` INT) /*T![placement] PLACEMENT POLICY = `😀` */", None),
            ("CREATE TABLE `日本￿` (`é` INT)", None),
            ("CREATE TABLE `t` (`a😀b` INT)", Some('😀')),
            ("ALTER TABLE t𝄞 ADD INDEX `i` (`a`)", Some('𝄞')),
        ] {
            assert_eq!(odd(&mysql, sql), found, "{sql}");
            assert_eq!(odd(&tidb, sql), None, "{sql}");
        }
    }
}

#[cfg(test)]
mod view_tests {
    use super::*;

    #[test]
    fn definers_are_read() {
        let of = |sql: &str| definer(sql).map(|(user, host, from, to)| (user, host, sql[from..to].to_owned()));
        let own = |user: &str, host: &str, text: &str| Some((user.to_owned(), host.to_owned(), text.to_owned()));
        let view = |definer: &str| {
            format!("CREATE OR REPLACE ALGORITHM = MERGE DEFINER = {definer} SQL SECURITY DEFINER VIEW `v` AS SELECT 1")
        };
        assert_eq!(of(&view("CURRENT_USER")), None);
        assert_eq!(of(&view("`root`@`%`")), own("root", "%", "`root`@`%`"));
        assert_eq!(of(&view("'a'@'10.0.0.1'")), own("a", "10.0.0.1", "'a'@'10.0.0.1'"));
        assert_eq!(of(&view("bob@localhost")), own("bob", "localhost", "bob@localhost"));
        assert_eq!(of(&view("bob")), own("bob", "%", "bob"));
        assert_eq!(of("CREATE SQL SECURITY DEFINER VIEW `v` AS SELECT 1"), None);
        assert_eq!(of("CREATE TABLE `definer` (a INT)"), None);
        assert_eq!(of("CREATE VIEW v AS SELECT `definer` FROM t"), None);
    }
}
