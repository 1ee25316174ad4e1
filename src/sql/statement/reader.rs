//! Reads a statement from its first word to its last.

use super::{Clause, column};
use super::{Place, Role, Statement, Verb};
use crate::sql::Token;
use crate::sql::token::Words;

pub(super) fn read(sql: &str) -> Statement {
    let words = Words::of(sql);
    let conditional = (0..words.len()).any(|at| words.behind_condition(at) > at);
    let found = Statement { complete: true, conditional, ..Statement::default() };
    let mut reader = Reader { words, at: 0, found };
    let verb = reader.statement();
    let mut found = reader.found;
    found.complete &= verb.is_some();
    found.verb = verb.unwrap_or_default();
    found
}

struct Reader<'a> {
    words: Words<'a>,
    at: usize,
    found: Statement,
}

impl Reader<'_> {
    fn more(&self) -> bool {
        self.at < self.words.len()
    }

    fn is_any(&self, words: &[&str]) -> bool {
        self.words.is_any(self.at, words)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.is(self.at, word);
        self.at += usize::from(found);
        found
    }

    fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|w| self.take(w))
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = self.words.sign(self.at, sign);
        self.at += usize::from(found);
        found
    }

    /// Steps over IF EXISTS and IF NOT EXISTS.
    fn condition(&mut self) {
        self.at = self.words.behind_condition(self.at);
    }

    fn word(&mut self) -> Option<String> {
        let name = self.words.name(self.at)?.into_owned();
        self.at += 1;
        Some(name)
    }

    fn name(&mut self, role: Role) -> Option<()> {
        let begin = self.at;
        let first = self.word()?;
        let (schema, name) = if self.sign('.') { (Some(first), self.word()?) } else { (None, first) };
        let at = self.words.bytes(begin..self.at)?;
        self.found.places.push(Place { role, schema, name, at });
        Some(())
    }

    fn names(&mut self, role: Role) -> Option<()> {
        self.name(role)?;
        while self.sign(',') {
            self.name(role)?;
        }
        Some(())
    }

    fn database(&mut self) -> Option<()> {
        self.condition();
        let begin = self.at;
        let name = self.word()?;
        let at = self.words.bytes(begin..self.at)?;
        self.found.places.push(Place { role: Role::Database, schema: None, name, at });
        Some(())
    }

    fn statement(&mut self) -> Option<Verb> {
        if self.take("CREATE") {
            self.create()
        } else if self.take("DROP") {
            self.drop()
        } else if self.take("ALTER") {
            self.alter()
        } else if self.take("RENAME") {
            self.rename()
        } else if self.take("TRUNCATE") {
            self.take("TABLE");
            self.name(Role::Subject)?;
            Some(Verb::TruncateTable)
        } else if self.take_any(&["RECOVER", "FLASHBACK"]) {
            self.bring_back()
        } else {
            self.take_any(&["LOCK", "UNLOCK"]).then_some(())?;
            self.found.complete = false;
            Some(Verb::Lock)
        }
    }

    /// What belongs to the whole cluster: its name is no table's.
    fn of_the_cluster(&mut self, policy: Verb, group: Verb) -> Option<Verb> {
        let verb = if self.take("PLACEMENT") { policy } else { self.take("RESOURCE").then_some(group)? };
        self.found.complete = false;
        Some(verb)
    }

    fn create(&mut self) -> Option<Verb> {
        self.found.replaces = self.take("OR") && self.take("REPLACE");
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.database()?;
            return Some(Verb::CreateDatabase);
        }
        if let Some(verb) = self.of_the_cluster(Verb::CreatePolicy, Verb::CreateGroup) {
            return Some(verb);
        }
        // ALGORITHM, DEFINER and SQL SECURITY stand before VIEW, UNIQUE and other kinds before
        // INDEX.
        let kinds = ["TABLE", "VIEW", "SEQUENCE", "INDEX"];
        while self.more() && !self.is_any(&kinds) {
            self.at += 1;
        }
        if self.take("INDEX") {
            self.index()?;
            return Some(Verb::CreateIndex);
        }
        let (table, view) = (self.take("TABLE"), self.take("VIEW"));
        (table || view || self.take("SEQUENCE")).then_some(())?;
        self.condition();
        self.name(Role::Subject)?;
        if table {
            self.body();
            return Some(Verb::CreateTable);
        }
        // The names in its query are found by `mention.rs`.
        self.found.complete &= !view;
        Some(if view { Verb::CreateView } else { Verb::CreateSequence })
    }

    fn drop(&mut self) -> Option<Verb> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.database()?;
            return Some(Verb::DropDatabase);
        }
        if let Some(verb) = self.of_the_cluster(Verb::DropPolicy, Verb::DropGroup) {
            return Some(verb);
        }
        if self.take("INDEX") {
            self.index()?;
            return Some(Verb::DropIndex);
        }
        self.take("GLOBAL");
        self.take("TEMPORARY");
        let verb = if self.take_any(&["TABLE", "TABLES"]) {
            Verb::DropTable
        } else if self.take("VIEW") {
            Verb::DropView
        } else {
            self.take("SEQUENCE").then_some(Verb::DropSequence)?
        };
        self.condition();
        self.names(Role::Subject)?;
        Some(verb)
    }

    fn rename(&mut self) -> Option<Verb> {
        self.take_any(&["TABLE", "TABLES"]).then_some(())?;
        loop {
            self.name(Role::Subject)?;
            self.take("TO").then_some(())?;
            self.name(Role::New)?;
            if !self.sign(',') {
                self.found.only_renames = self.words.ends(self.at);
                return Some(Verb::RenameTable);
            }
        }
    }

    /// Behind RECOVER and FLASHBACK.
    fn bring_back(&mut self) -> Option<Verb> {
        self.found.complete = false;
        if self.take("CLUSTER") {
            return Some(Verb::FlashbackCluster);
        }
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.database()?;
            return Some(Verb::RecoverDatabase);
        }
        self.take("TABLE").then_some(())?;
        // By the number of a job, or by name.
        if !self.take("BY") {
            self.name(Role::Subject)?;
            if self.take("TO") {
                self.name(Role::New)?;
            }
        }
        Some(Verb::Recover)
    }

    /// CREATE INDEX and DROP INDEX from the index's name on.
    fn index(&mut self) -> Option<()> {
        self.condition();
        self.word()?;
        while !self.take("ON") {
            self.more().then_some(())?;
            self.at += 1;
        }
        self.name(Role::Subject)?;
        self.body();
        Some(())
    }

    fn alter(&mut self) -> Option<Verb> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            let options = ["CHARSET", "CHARACTER", "COLLATE", "DEFAULT", "PLACEMENT", "SET", "COMMENT"];
            if self.more() && !self.is_any(&options) {
                self.database()?;
            }
            return Some(Verb::AlterDatabase);
        }
        if let Some(verb) = self.of_the_cluster(Verb::AlterPolicy, Verb::AlterGroup) {
            return Some(verb);
        }
        if self.take("SEQUENCE") {
            self.condition();
            self.name(Role::Subject)?;
            let restarts = (self.at..self.words.len()).any(|at| self.words.is(at, "RESTART"));
            self.found.clauses.extend(restarts.then_some(Clause::Restart));
            return Some(Verb::AlterSequence);
        }
        self.take("IGNORE");
        self.take("TABLE").then_some(())?;
        self.condition();
        self.name(Role::Subject)?;
        while !self.words.ends(self.at) {
            let clause = self.clause()?;
            let alone = clause == Clause::Rename && self.found.clauses.is_empty();
            self.found.only_renames = alone && self.words.ends(self.at);
            self.found.clauses.push(clause);
            self.pass_the_rest();
        }
        Some(Verb::AlterTable)
    }

    /// The clause of ALTER TABLE that begins here, read as far as its names need it.
    fn clause(&mut self) -> Option<Clause> {
        let at = self.at;
        let end = self.words.items(at..self.words.len()).first().map_or(at, |item| item.end);
        if let Some(clause) = column(&self.words, at..end) {
            return Some(clause);
        }
        if self.take("RENAME") {
            if self.is_any(&["INDEX", "KEY"]) {
                return Some(Clause::Other);
            }
            let _ = self.take_any(&["TO", "AS"]) || self.sign('=');
            self.name(Role::New)?;
            return Some(Clause::Rename);
        }
        if self.take("EXCHANGE") {
            return self.exchange();
        }
        if let Some(behind) = self.words.phrase(at, &["TRUNCATE", "PARTITION"]) {
            self.at = behind;
            return Some(Clause::TruncatePartition(self.partitions()?));
        }
        let known: [(&[&str], Clause); 7] = [
            (&["SET", "TIFLASH"], Clause::Tiflash),
            (&["CACHE"], Clause::Cache),
            (&["NOCACHE"], Clause::NoCache),
            (&["ATTRIBUTES"], Clause::Attributes),
            (&["DROP", "PARTITION"], Clause::DropPartition),
            (&["REORGANIZE", "PARTITION"], Clause::ReorganizePartition),
            (&["ALTER", "INDEX"], Clause::AlterIndex),
        ];
        let found = known.into_iter().find(|(phrase, _)| self.words.phrase(at, phrase).is_some());
        Some(found.map_or(Clause::Other, |(_, clause)| clause))
    }

    fn exchange(&mut self) -> Option<Clause> {
        self.take("PARTITION").then_some(())?;
        let begin = self.at;
        let partition = self.word()?;
        let at = self.words.bytes(begin..self.at)?;
        (self.take("WITH") && self.take("TABLE")).then_some(())?;
        self.name(Role::With)?;
        Some(Clause::ExchangePartition(partition, at))
    }

    /// The names behind TRUNCATE PARTITION; none for ALL.
    fn partitions(&mut self) -> Option<Vec<String>> {
        if self.words.is(self.at, "ALL") && self.words.ends(self.at + 1) {
            self.at += 1;
            return Some(Vec::new());
        }
        let mut names = vec![self.word()?];
        while self.sign(',') {
            names.push(self.word()?);
        }
        Some(names)
    }

    /// Behind the comma that ends the clause.
    fn pass_the_rest(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.words.token(self.at) {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth = depth.saturating_sub(1),
                Token::Sign(',') if depth == 0 => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.element();
        }
    }

    /// What stands behind the name in CREATE TABLE and CREATE INDEX.
    fn body(&mut self) {
        let begin = self.at;
        let inner = usize::from(self.sign('('));
        if self.take("LIKE") {
            self.found.complete &= self.name(Role::Like).is_some();
        } else {
            self.at = begin + inner;
        }
        while self.more() {
            self.element();
        }
    }

    /// One token of definitions and options, or the name that it announces.
    fn element(&mut self) {
        if self.take("REFERENCES") {
            self.found.complete &= self.name(Role::Parent).is_some();
            return;
        }
        let at = self.at;
        let number =
            matches!(self.words.token(at), Some(Token::Word(w)) if w.starts_with(|c: char| c.is_ascii_digit()));
        let qualified = !number
            && self.words.sign(at + 1, '.')
            && self.words.name(at).is_some()
            && self.words.name(at + 2).is_some();
        let of_sequence =
            self.words.phrase(at, &["NEXT", "VALUE"]).is_some() || self.is_any(&["NEXTVAL", "LASTVAL", "SETVAL"]);
        if qualified || of_sequence || self.is_any(&["SELECT"]) {
            self.found.complete = false;
        }
        self.at += 1;
    }
}
