//! What a DDL is about when nothing but its text is known, as in Drainer's files (spec/tidb-binlog.md §9.6).
//!
//! Drainer writes ``use `db`; <statement>;``, for CREATE DATABASE without the first part. Neither the job's id nor its type nor any
//! definition stands beside it, so the type is read from the text, and tables are known by their names alone.

use std::sync::Arc;

use super::lex::{Token, statements, tokens};
use crate::model::{Ddl, Table};

/// A DDL by its text.
#[derive(Clone, Debug)]
pub struct TextDdl {
    /// What is to be done.
    pub ddl: Ddl,
    /// The objects of a DROP that names several: TiDB drops each by a job of its own, and Drainer writes the same text for each.
    pub one_of: Vec<Arc<Table>>,
}

/// Why a text cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It holds several statements that are not all CREATE TABLE.
    Several,
    /// It is no statement that is known to change a schema.
    Unknown,
}

/// Reads `text`; `None` if it says nothing.
///
/// # Errors
/// If it cannot be told what it does.
pub fn from_text(text: &str) -> Result<Option<TextDdl>, Unclear> {
    let mut parts = statements(text);
    let mut current = String::new();
    if let Some(database) = parts.first().and_then(|s| used(s)) {
        current = database;
        parts.remove(0);
    }
    let Some(first) = parts.first() else { return Ok(None) };
    let read = |statement: &str| Reader::new(statement, &current).read();
    let mut found = read(first).ok_or(Unclear::Unknown)?;
    if parts.len() > 1 {
        // A batch of CREATE TABLE is one job.
        found.action = 60;
        found.tables.clear();
        for part in &parts {
            let one = read(part).filter(|f| f.action == 3).ok_or(Unclear::Several)?;
            found.tables.extend(one.tables);
        }
    }
    let query = parts.join("; ");
    let written = query.clone();
    let Found { action, schema, tables, new, several } = found;
    let (before, after) = match action {
        1 | 2 | 26 => (vec![], vec![]),
        3 | 21 | 25 | 34 | 60 => (vec![], tables),
        4 | 24 | 36 => (tables, vec![]),
        14 | 47 => (tables, new),
        _ => (tables.clone(), tables),
    };
    let one_of = if several { before.clone() } else { vec![] };
    let table = before.first().or(after.first()).map(|t| t.name.clone()).unwrap_or_default();
    let ddl = Ddl {
        job_id: 0,
        action,
        schema,
        table,
        query,
        after,
        before,
        charset: None,
        collation: None,
        checks: true,
        temporary: false,
        written,
        refused: None,
    };
    Ok(Some(TextDdl { ddl, one_of }))
}

/// The database that a USE makes the current one.
fn used(statement: &str) -> Option<String> {
    match tokens(statement).as_slice() {
        [first, name] if first.is("USE") => name.name().map(str::to_owned),
        _ => None,
    }
}

struct Found {
    action: u8,
    schema: String,
    tables: Vec<Arc<Table>>,
    /// The new names of a RENAME.
    new: Vec<Arc<Table>>,
    several: bool,
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    current: &'a str,
}

impl<'a> Reader<'a> {
    fn new(statement: &str, current: &'a str) -> Self {
        Self { tokens: tokens(statement), at: 0, current }
    }

    fn is(&self, word: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is(word))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|w| self.take(w))
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Whether one of `words` stands anywhere from here on, outside of parentheses.
    fn has(&self, words: &[&str]) -> bool {
        let mut depth = 0_usize;
        self.tokens.iter().skip(self.at).any(|t| {
            match t {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && words.iter().any(|w| t.is(w))
        })
    }

    /// Steps over IF EXISTS and IF NOT EXISTS.
    fn condition(&mut self) {
        if self.take("IF") {
            self.take("NOT");
            self.take("EXISTS");
        }
    }

    fn word(&mut self) -> Option<String> {
        let name = self.tokens.get(self.at)?.name()?.to_owned();
        self.at += 1;
        Some(name)
    }

    fn table(&mut self) -> Option<Arc<Table>> {
        let first = self.word()?;
        let (schema, name) = if self.mark('.') { (first, self.word()?) } else { (self.current.to_owned(), first) };
        Some(Arc::new(Table::named(&schema, &name)))
    }

    fn read(mut self) -> Option<Found> {
        if self.take("CREATE") {
            self.create()
        } else if self.take("DROP") {
            self.drop()
        } else if self.take("ALTER") {
            self.alter()
        } else if self.take("TRUNCATE") {
            self.take("TABLE");
            let table = self.table()?;
            self.found(11, vec![table])
        } else if self.take("RENAME") {
            self.any(&["TABLE", "TABLES"]).then_some(())?;
            self.rename()
        } else if self.any(&["RECOVER", "FLASHBACK"]) {
            self.back()
        } else if self.any(&["LOCK", "UNLOCK"]) {
            self.found(27, vec![])
        } else {
            None
        }
    }

    fn found(&self, action: u8, tables: Vec<Arc<Table>>) -> Option<Found> {
        Some(Found { action, schema: self.current.to_owned(), tables, new: vec![], several: false })
    }

    fn database(&mut self, action: u8) -> Option<Found> {
        self.condition();
        let schema = self.word()?;
        Some(Found { schema, ..self.found(action, vec![])? })
    }

    fn create(&mut self) -> Option<Found> {
        if self.any(&["DATABASE", "SCHEMA"]) {
            return self.database(1);
        }
        if self.take("PLACEMENT") {
            return self.found(51, vec![]);
        }
        if self.take("RESOURCE") {
            return self.found(68, vec![]);
        }
        // OR REPLACE, ALGORITHM, DEFINER, TEMPORARY, UNIQUE and the like stand before the kind.
        while self.at < self.tokens.len() {
            let action = [("TABLE", 3), ("VIEW", 21), ("SEQUENCE", 34)].into_iter().find(|(w, _)| self.is(w));
            if let Some((_, action)) = action {
                self.at += 1;
                self.condition();
                let table = self.table()?;
                return self.found(action, vec![table]);
            }
            if self.take("INDEX") {
                return self.index(7);
            }
            self.at += 1;
        }
        None
    }

    /// CREATE INDEX and DROP INDEX from the name on.
    fn index(&mut self, action: u8) -> Option<Found> {
        while self.at < self.tokens.len() && !self.take("ON") {
            self.at += 1;
        }
        let table = self.table()?;
        self.found(action, vec![table])
    }

    fn drop(&mut self) -> Option<Found> {
        if self.any(&["DATABASE", "SCHEMA"]) {
            return self.database(2);
        }
        if self.take("INDEX") {
            return self.index(8);
        }
        if self.take("PLACEMENT") {
            return self.found(53, vec![]);
        }
        if self.take("RESOURCE") {
            return self.found(70, vec![]);
        }
        self.take("GLOBAL");
        self.take("TEMPORARY");
        let action = if self.any(&["TABLE", "TABLES"]) {
            4
        } else if self.take("VIEW") {
            24
        } else {
            self.take("SEQUENCE").then_some(36)?
        };
        self.condition();
        let mut tables = vec![self.table()?];
        while self.mark(',') {
            tables.push(self.table()?);
        }
        let several = tables.len() > 1;
        Some(Found { several, ..self.found(action, tables)? })
    }

    fn rename(&mut self) -> Option<Found> {
        let (mut old, mut new) = (vec![], vec![]);
        loop {
            old.push(self.table()?);
            self.take("TO").then_some(())?;
            new.push(self.table()?);
            if !self.mark(',') {
                break;
            }
        }
        let action = if old.len() > 1 { 47 } else { 14 };
        Some(Found { new, ..self.found(action, old)? })
    }

    /// RECOVER TABLE, FLASHBACK TABLE, DATABASE and CLUSTER.
    fn back(&mut self) -> Option<Found> {
        if self.take("CLUSTER") {
            return self.found(62, vec![]);
        }
        if self.any(&["DATABASE", "SCHEMA"]) {
            return self.database(63);
        }
        self.take("TABLE").then_some(())?;
        let mut tables = vec![];
        if !self.take("BY") {
            tables.push(self.table()?);
            if self.take("TO") {
                tables = vec![self.table()?];
            }
        }
        let found = self.found(25, vec![])?;
        Some(Found { tables, ..found })
    }

    fn alter(&mut self) -> Option<Found> {
        if self.any(&["DATABASE", "SCHEMA"]) {
            let options = ["CHARSET", "CHARACTER", "COLLATE", "DEFAULT", "PLACEMENT"];
            let named = !options.iter().any(|o| self.is(o));
            let schema = if named { self.word()? } else { self.current.to_owned() };
            return Some(Found { schema, ..self.found(26, vec![])? });
        }
        if self.take("PLACEMENT") {
            return self.found(52, vec![]);
        }
        if self.take("RESOURCE") {
            return self.found(69, vec![]);
        }
        if self.take("SEQUENCE") {
            self.condition();
            let table = self.table()?;
            return self.found(35, vec![table]);
        }
        self.take("IGNORE");
        self.take("TABLE").then_some(())?;
        self.condition();
        let table = self.table()?;
        self.specification(table)
    }

    /// What stands behind the name in ALTER TABLE, as far as it matters who it concerns.
    fn specification(&mut self, table: Arc<Table>) -> Option<Found> {
        let begin = self.at;
        if self.take("RENAME") && !["COLUMN", "INDEX", "KEY"].iter().any(|w| self.is(w)) {
            let _ = self.any(&["TO", "AS"]) || self.mark('=');
            let new = self.table()?;
            if self.at == self.tokens.len() {
                return Some(Found { new: vec![new], ..self.found(14, vec![table])? });
            }
        }
        self.at = begin;
        if self.take("SET") && self.take("TIFLASH") {
            return self.found(30, vec![table]);
        }
        self.at = begin;
        if self.take("EXCHANGE") {
            while self.at < self.tokens.len() && !self.take("WITH") {
                self.at += 1;
            }
            self.take("TABLE").then_some(())?;
            let with = self.table()?;
            return self.found(42, vec![table, with]);
        }
        let action = match () {
            () if self.is("CACHE") => 57,
            () if self.is("NOCACHE") => 59,
            () if self.is("ATTRIBUTES") => 49,
            () if self.is("TRUNCATE") => 23,
            () if self.is("DROP") && self.has(&["PARTITION"]) => 20,
            () if self.is("REORGANIZE") => 64,
            () if self.is("ALTER") && self.has(&["VISIBLE", "INVISIBLE"]) => 41,
            // Whatever else it is, its text says it all.
            () => 61,
        };
        self.found(action, vec![table])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (u8, String, String, String, String) {
        let found = from_text(text).unwrap().unwrap().ddl;
        let names = |tables: &[Arc<Table>]| {
            tables.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect::<Vec<_>>().join(" ")
        };
        (found.action, found.schema.clone(), names(&found.before), names(&found.after), found.query)
    }

    #[test]
    fn every_kind() {
        for (text, action, schema, before, after) in [
            ("CREATE DATABASE `bidi`;", 1, "bidi", "", ""),
            ("use `bidi`; DROP DATABASE IF EXISTS `bidi`;", 2, "bidi", "", ""),
            ("use `a;b`; CREATE TABLE `t` (`a` INT);;", 3, "a;b", "", "a;b.t"),
            ("use `d`; CREATE TABLE e.`t` LIKE x;", 3, "d", "", "e.t"),
            ("use `d`; DROP TABLE `t`;", 4, "d", "d.t", ""),
            ("use `d`; DROP TABLE IF EXISTS `t`, e.u;", 4, "d", "d.t e.u", ""),
            ("use `d`; ALTER TABLE `d`.`t` ADD COLUMN `x` INT;", 61, "d", "d.t", "d.t"),
            ("use `d`; ALTER TABLE t ADD INDEX i(x), RENAME TO u;", 61, "d", "d.t", "d.t"),
            ("use `d`; ALTER TABLE t RENAME TO e.u;", 14, "d", "d.t", "e.u"),
            ("use `d`; ALTER TABLE t RENAME INDEX a TO b;", 61, "d", "d.t", "d.t"),
            ("use `d`; RENAME TABLE `t` TO `u`;", 14, "d", "d.t", "d.u"),
            ("use `d`; RENAME TABLE a TO b, e.b TO a;", 47, "d", "d.a e.b", "d.b d.a"),
            ("use `d`; TRUNCATE TABLE `t`;", 11, "d", "d.t", "d.t"),
            ("use `d`; CREATE UNIQUE INDEX i ON t (a);", 7, "d", "d.t", "d.t"),
            ("use `d`; DROP INDEX i ON t;", 8, "d", "d.t", "d.t"),
            ("use `d`; CREATE DEFINER = CURRENT_USER VIEW `v` AS SELECT 1;", 21, "d", "", "d.v"),
            ("use `d`; DROP VIEW v;", 24, "d", "d.v", ""),
            ("use `d`; ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t;", 42, "d", "d.p d.t", "d.p d.t"),
            ("use `d`; FLASHBACK TABLE t TO u;", 25, "d", "", "d.u"),
            ("use `d`; RECOVER TABLE t;", 25, "d", "", "d.t"),
            ("use `d`; ALTER DATABASE CHARACTER SET utf8;", 26, "d", "", ""),
            ("use `d`; ALTER TABLE t SET TIFLASH REPLICA 1;", 30, "d", "d.t", "d.t"),
            ("use `d`; CREATE TABLE a (x INT);CREATE TABLE b (y INT);", 60, "d", "", "d.a d.b"),
        ] {
            let (a, s, b, c, _) = read(text);
            assert_eq!((a, s.as_str(), b.as_str(), c.as_str()), (action, schema, before, after), "{text}");
        }
        assert_eq!(read("use `d`; DROP TABLE a,b;").4, "DROP TABLE a,b");
        assert_eq!(from_text("use `d`; DROP TABLE a,b;").unwrap().unwrap().one_of.len(), 2);
        assert!(from_text("use `d`;").unwrap().is_none());
        assert_eq!(from_text("use `d`; SELECT 1;").unwrap_err(), Unclear::Unknown);
        assert_eq!(from_text("use `d`; CREATE TABLE a (b INT); DROP TABLE c;").unwrap_err(), Unclear::Several);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(use `d`;)?(CREATE|DROP|ALTER|RENAME|FLASHBACK|TRUNCATE) (TABLE|VIEW|INDEX|DATABASE)? ?[-`a.,;()='\"/* ]{0,20}( PARTITION| RENAME| ON| WITH TABLE)?.{0,8}") {
            let _ = from_text(&text);
        }
    }
}
