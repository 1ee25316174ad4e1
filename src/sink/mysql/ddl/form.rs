//! What a DDL statement is about, as its text says: only that text runs on the target.

use crate::sql::{Clause, Place, Role, Statement, Verb};

/// The name of a table, view or sequence, with its database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The database; the current one where the statement names none.
    pub schema: String,
    /// The object.
    pub name: String,
}

impl Name {
    fn at(place: &Place, current: &str) -> Self {
        Self { schema: place.schema.as_deref().unwrap_or(current).to_owned(), name: place.name.clone() }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::sink::mysql::session::quote_name;
        write!(f, "{}.{}", quote_name(&self.schema), quote_name(&self.name))
    }
}

/// What an ALTER TABLE does that a definition does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Nothing: whatever it does is in the definition, and doing it twice is the same as once.
    Nothing,
    /// TRUNCATE PARTITION of these; all of them where the list is empty.
    Truncate(Vec<String>),
    /// EXCHANGE PARTITION with this table.
    Exchange(String, Name),
    /// TiDB's FORCE AUTO_INCREMENT, which may lower the counter: twice is not the same as once.
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

/// What a statement is.
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
        /// Of what.
        name: Name,
        /// OR REPLACE.
        replace: bool,
    },
    /// DROP TABLE, VIEW or SEQUENCE.
    Drop {
        /// `TABLE`, `VIEW` or `SEQUENCE`.
        what: &'static str,
        /// Of what.
        names: Vec<Name>,
    },
    /// RENAME TABLE, and an ALTER TABLE that does nothing but rename.
    Rename(Vec<(Name, Name)>),
    /// TRUNCATE TABLE.
    Truncate(Name),
    /// ALTER TABLE, CREATE INDEX, DROP INDEX.
    Alter {
        /// The table.
        name: Name,
        /// Its new name, where the statement changes more than that.
        renamed: Option<Name>,
        /// What else it does.
        unseen: Unseen,
    },
    /// ALTER SEQUENCE.
    AlterSequence {
        /// Of what.
        name: Name,
        /// RESTART: sets the counter.
        restart: bool,
    },
    /// Anything else.
    Other,
}

impl Form {
    /// The form of `sql`, run while `current` is the database.
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

    /// The database that it makes, changes or drops.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::CreateDatabase(name) | Self::AlterDatabase(name) | Self::DropDatabase(name) => Some(name),
            _ => None,
        }
    }
}

impl Form {
    /// Whether it concerns one object only, so that a refusal means that nothing happened.
    pub(super) fn is_single(&self) -> bool {
        match self {
            Self::Drop { names, .. } => names.len() == 1,
            Self::Rename(pairs) => pairs.len() == 1,
            Self::DropDatabase(_) | Self::Other => false,
            _ => true,
        }
    }
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
