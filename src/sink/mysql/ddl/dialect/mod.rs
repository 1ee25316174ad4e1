//! Translates a TiDB statement for MySQL or MariaDB (docs/protocol/tidb-binlog.md §12, T23).
//!
//! What the target writes differently is translated, what it cannot have and can do without is left
//! out, and what it cannot have and cannot do without is refused before it is sent.
//!
//! A replica can do without an index or a constraint: its rows come from a server that had them.
//!
//! MariaDB's sequences take the same options as TiDB's, with a range that is one smaller at either
//! end.

mod clause;
mod edit;
mod function;

use std::collections::BTreeSet;

use crate::model::{Ddl, IndexPart};
use crate::mysql::session::{Flavour, Server};
use crate::sql::{Statement, Token, Verb};
use edit::Edit;
pub(super) use edit::{Kind, Mention, has_one_clause, mentions, renamed, renames_apart};

/// Why temporary tables are left out.
pub(super) const TEMPORARY: &str = "the rows of temporary tables never leave their session";

/// A statement in the target's SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translation {
    /// The statement to run; `None` if nothing is left.
    pub sql: Option<String>,
    /// What was left out, and why.
    pub without: Vec<String>,
}

/// The features of a target, and what is known of the statement's table.
pub(super) struct Dialect<'a> {
    mariadb: bool,
    version: (u32, u32, u32),
    /// Whether the table has CHECK constraints upstream.
    checks: bool,
    /// Names, in lower case, of the table's indexes on expressions before the job, if the target
    /// cannot have such indexes.
    on_expressions: BTreeSet<String>,
    ddl: &'a Ddl,
}

/// How a target writes that an index is not used by queries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hiding {
    /// As in TiDB.
    Invisible,
    /// By a keyword of MariaDB.
    Ignored,
    /// It cannot.
    None,
}

/// Whether one part of a statement stays.
enum Part {
    Stays,
    /// It is left out; the reason, if it should be reported.
    Goes(Option<String>),
}

/// Why a statement cannot be translated.
pub(super) struct Unsupported(pub String);

type Judged = Result<Part, Unsupported>;

/// `sql` in the target's SQL.
///
/// # Errors
/// Why the target cannot have it.
pub(super) fn translate(sql: &str, server: &Server, ddl: &Ddl) -> Result<Translation, Unsupported> {
    if server.flavour == Flavour::TiDb {
        return Ok(Translation { sql: Some(sql.to_owned()), without: vec![] });
    }
    if sql.contains("/*T![global_index]") {
        return Err(Unsupported("a GLOBAL index of a partitioned table exists only in TiDB".to_owned()));
    }
    Dialect::new(server, ddl).translate(sql)
}

impl<'a> Dialect<'a> {
    fn new(server: &Server, ddl: &'a Ddl) -> Self {
        // TiDB keeps such an index on hidden columns that it calls `_V$_<index>_<number>`.
        let hidden = ddl.before.iter().flat_map(|t| &t.columns).filter(|c| c.hidden);
        let index =
            |name: &str| name.strip_prefix("_V$_").and_then(|n| n.rsplit_once('_')).map(|(n, _)| n.to_lowercase());
        let mut new = Self {
            mariadb: server.flavour == Flavour::MariaDb,
            version: server.version,
            checks: ddl.checks,
            on_expressions: BTreeSet::new(),
            ddl,
        };
        new.on_expressions = if new.has_expression_indexes() {
            let indexes = ddl.before.iter().flat_map(|t| &t.details).flat_map(|d| &d.indexes);
            let lacks = |part: &IndexPart| matches!(part, IndexPart::Expression(sql) if new.lacking_in(sql).is_some());
            indexes.filter(|i| i.parts.iter().any(lacks)).map(|i| i.name.to_lowercase()).collect()
        } else {
            hidden.filter_map(|c| index(&c.name)).collect()
        };
        new
    }

    /// The target, for messages.
    fn target(&self) -> &'static str {
        if self.mariadb { "MariaDB" } else { "this MySQL" }
    }

    fn has_expression_indexes(&self) -> bool {
        !self.mariadb && self.version >= (8, 0, 13)
    }

    /// Whether REFERENCES in a column creates a foreign key.
    fn has_inline_references(&self) -> bool {
        self.mariadb || self.version >= (9, 0, 0)
    }

    /// Whether only whole numbers can be AUTO_INCREMENT.
    fn lacks_fractional_counters(&self) -> bool {
        !self.mariadb && self.version >= (8, 4, 0)
    }

    fn has_rename_column(&self) -> bool {
        self.mariadb || self.version >= (8, 0, 0)
    }

    fn hiding(&self) -> Hiding {
        match self.mariadb {
            true => Hiding::Ignored,
            false if self.version >= (8, 0, 0) => Hiding::Invisible,
            false => Hiding::None,
        }
    }

    /// Whether a constraint may exist without being enforced.
    fn has_unenforced_checks(&self) -> bool {
        !self.mariadb && self.version >= (8, 0, 16)
    }

    fn has_checks(&self) -> bool {
        self.mariadb || self.version >= (8, 0, 16)
    }

    /// Whether clauses of ALTER TABLE accept IF EXISTS and IF NOT EXISTS.
    fn has_conditions(&self) -> bool {
        self.mariadb
    }

    fn translate(&self, sql: &str) -> Result<Translation, Unsupported> {
        let mut edit = Edit::new(sql);
        let mut without = Vec::new();
        let mut left = true;
        function::translate_calls(&mut edit);
        self.functions(&mut edit);
        if self.mariadb && edit.is_any(1, &["TABLE", "TEMPORARY", "INDEX", "UNIQUE"]) {
            self.without_introducers(&mut edit);
        }
        if edit.is(0, "CREATE") && edit.is_any(1, &["TABLE", "TEMPORARY"]) {
            let name = edit.behind_condition(if edit.is(1, "TABLE") { 2 } else { 3 });
            self.create_table(&mut edit, name, &mut without)?;
        } else if edit.phrase(0, &["CREATE", "GLOBAL", "TEMPORARY"]).is_some() {
            without.push(TEMPORARY.to_owned());
            left = false;
        } else if edit.is(0, "ALTER") && edit.is(1, "TABLE") {
            let name = edit.behind_condition(2);
            if name > 2 && !self.has_conditions() {
                edit.cut(2..name);
            }
            left = self.alter_table(&mut edit, name, &mut without)?;
        } else if edit.is_any(0, &["CREATE", "DROP"]) && (1..4).any(|at| edit.is(at, "INDEX")) {
            left = self.index(&mut edit, &mut without)?;
        } else if Statement::of(sql).verb == Verb::CreateView {
            self.view(&mut edit)?;
        } else if edit.is_any(0, &["CREATE", "ALTER"]) && edit.is(1, "SEQUENCE") && self.mariadb {
            left = translate_sequence(&mut edit);
        }
        Ok(Translation { sql: left.then(|| edit.finish()), without })
    }

    /// MariaDB loses the backslashes of a text after `_utf8mb4` when it stores the expression. Our
    /// sessions use utf8mb4 in any case.
    fn without_introducers(&self, edit: &mut Edit<'_>) {
        for at in 0..edit.len() {
            let in_expression = at > 0 && !edit.is(at - 1, "DEFAULT");
            if in_expression && edit.is(at, "_utf8mb4") && matches!(edit.token(at + 1), Some(Token::Text(_))) {
                edit.cut(at..at + 1);
            }
        }
    }

    fn create_table(&self, edit: &mut Edit<'_>, name: usize, without: &mut Vec<String>) -> Result<(), Unsupported> {
        let open = edit.behind_name(name);
        if !edit.sign(open, '(') {
            // CREATE TABLE … LIKE
            return Ok(());
        }
        let close = edit.close(open);
        let items = edit.items(open + 1..close);
        let mut kept = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match self.element(edit, item.clone(), without)? {
                Part::Stays => kept.push(index),
                Part::Goes(why) => without.extend(why),
            }
        }
        edit.keep(&items, &kept);
        self.options(edit, close + 1..edit.len())
    }

    /// Returns whether anything is left to do.
    fn alter_table(&self, edit: &mut Edit<'_>, name: usize, without: &mut Vec<String>) -> Result<bool, Unsupported> {
        let from = edit.behind_name(name);
        let items = edit.items(from..edit.len());
        let mut kept = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match self.clause(edit, item.clone(), without)? {
                Part::Stays => kept.push(index),
                Part::Goes(why) => without.extend(why),
            }
        }
        edit.keep(&items, &kept);
        Ok(!kept.is_empty())
    }

    /// Translates CREATE INDEX and DROP INDEX.
    fn index(&self, edit: &mut Edit<'_>, without: &mut Vec<String>) -> Result<bool, Unsupported> {
        let Some(word) = (1..4).find(|at| edit.is(*at, "INDEX")) else { return Ok(true) };
        let name = edit.behind_condition(word + 1);
        if name > word + 1 && !self.has_conditions() {
            edit.cut(word + 1..name);
        }
        let judged =
            if edit.is(0, "DROP") { self.named_index(edit, name) } else { self.key(edit, 1..edit.len(), without)? };
        // How the upstream builds it does not concern the target.
        for at in edit.surface(name..edit.len()) {
            if edit.is_any(at, &["LOCK", "ALGORITHM"]) && at > name {
                let value = if edit.sign(at + 1, '=') { at + 2 } else { at + 1 };
                edit.cut(at..value + 1);
            }
        }
        match judged {
            Part::Stays => Ok(true),
            Part::Goes(why) => {
                without.extend(why);
                Ok(false)
            }
        }
    }
}

/// The largest number that a sequence of MariaDB can reach; its negative is the smallest.
const LARGEST: &str = "9223372036854775806";
const SMALLEST: &str = "9223372036854775807";

/// Returns whether anything is left to do.
fn translate_sequence(edit: &mut Edit<'_>) -> bool {
    let (mut options, alters) =
        (edit.len().saturating_sub(edit.behind_name(edit.behind_condition(2))), edit.is(0, "ALTER"));
    for at in 0..edit.len() {
        let value = if edit.sign(at + 1, '=') { at + 2 } else { at + 1 };
        if edit.is(at, "MAXVALUE") && edit.is(value, "9223372036854775807") {
            edit.put(value..value + 1, LARGEST);
        } else if edit.is(at, "MINVALUE") && edit.sign(value, '-') && edit.is(value + 1, "9223372036854775808") {
            edit.put(value + 1..value + 2, SMALLEST);
        } else if alters && edit.is(at, "NO") && edit.is_any(at + 1, &["MINVALUE", "MAXVALUE"]) {
            // TiDB ignores it and leaves the bound unchanged; MariaDB would set the default.
            edit.cut(at..at + 2);
            options = options.saturating_sub(2);
        } else if alters && edit.is_any(at, &["NOMINVALUE", "NOMAXVALUE"]) {
            edit.cut(at..at + 1);
            options = options.saturating_sub(1);
        } else if edit.is(at, "NO") && edit.is_any(at + 1, &["CACHE", "CYCLE"]) {
            let word = if edit.is(at + 1, "CACHE") { "NOCACHE" } else { "NOCYCLE" };
            edit.put(at..at + 2, word);
        } else if edit.is(at, "ENGINE") && matches!(edit.token(value), Some(Token::Word(_) | Token::Name(_))) && at > 2
        {
            edit.cut(at..value + 1);
        }
    }
    options > 0 || !alters
}

#[cfg(test)]
mod tests;
