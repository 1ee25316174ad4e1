//! Translates the clauses of CREATE TABLE, ALTER TABLE and CREATE INDEX.

use std::ops::Range;

use super::edit::Edit;
use super::edit::{of_intervals, of_the_upstream, only_own};
use super::{Dialect, Hiding, Judged, Part, Unsupported};
use crate::sql::Token;
use crate::sql::quote_name;

/// The words that a key begins with.
const KEYS: [&str; 6] = ["INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "PRIMARY"];

impl Dialect<'_> {
    /// Translates one clause of ALTER TABLE.
    pub(super) fn clause(&self, edit: &mut Edit<'_>, range: Range<usize>, without: &mut Vec<String>) -> Judged {
        let at = range.start;
        if of_intervals(edit, at) {
            return Err(Unsupported("partitions by INTERVAL exist only in TiDB".to_owned()));
        }
        if let Some(part) = of_the_upstream(edit, at) {
            return Ok(part);
        }
        if edit.is(at, "ADD") {
            return self.add(edit, range, without);
        }
        if edit.is_any(at, &["MODIFY", "CHANGE"]) {
            let column = if edit.is(at + 1, "COLUMN") { at + 2 } else { at + 1 };
            let name = self.without_condition(edit, column);
            return self.column(edit, name..range.end, without);
        }
        if edit.is(at, "DROP") {
            return Ok(self.drop(edit, at + 1));
        }
        if edit.is(at, "ALTER") {
            return self.alter(edit, at + 1, range, without);
        }
        if edit.is(at, "RENAME") && edit.is(at + 1, "COLUMN") && !self.has_rename_column() {
            return Err(Unsupported(format!(
                "{} has no RENAME COLUMN; use CHANGE COLUMN with the column's whole definition",
                self.target()
            )));
        }
        if edit.is(at, "RENAME") && edit.is_any(at + 1, &["INDEX", "KEY"]) {
            return Ok(self.named_index(edit, at + 2));
        }
        if edit.is(at, "EXCHANGE") {
            let validation = range.end.saturating_sub(2);
            if self.mariadb
                && self.version < (11, 4, 0)
                && edit.is_any(validation, &["WITH", "WITHOUT"])
                && edit.is(validation + 1, "VALIDATION")
            {
                edit.cut(validation..range.end);
            }
            return Ok(Part::Stays);
        }
        if edit.is(at, "REORGANIZE") || (edit.is(at, "PARTITION") && edit.is(at + 1, "BY")) {
            return self.partitions(edit, range).map(|()| Part::Stays);
        }
        if !range.is_empty() && only_own(edit, range.clone()) {
            return Ok(Part::Goes(None));
        }
        self.options(edit, range).map(|()| Part::Stays)
    }

    fn add(&self, edit: &mut Edit<'_>, range: Range<usize>, without: &mut Vec<String>) -> Judged {
        let at = range.start + 1;
        if edit.is(at, "PARTITION") {
            self.without_condition(edit, at + 1);
            return self.partitions(edit, range).map(|()| Part::Stays);
        }
        if !edit.is(at, "COLUMN") && !edit.sign(at, '(') {
            return self.element(edit, at..range.end, without);
        }
        let word = if edit.is(at, "COLUMN") { at + 1 } else { at };
        let column = edit.behind_condition(word);
        if !self.has_conditions() && column > word {
            let there = edit.name(column).is_some_and(|name| self.had_column(&name));
            if there {
                return Ok(Part::Goes(None));
            }
            edit.cut(word..column);
        }
        if !edit.sign(column, '(') {
            return self.column(edit, column..range.end, without);
        }
        for item in edit.items(column + 1..edit.close(column)) {
            self.column(edit, item, without)?;
        }
        Ok(Part::Stays)
    }

    fn drop(&self, edit: &mut Edit<'_>, at: usize) -> Part {
        if edit.is_any(at, &["INDEX", "KEY"]) {
            let name = self.without_condition(edit, at + 1);
            return self.named_index(edit, name);
        }
        if edit.is(at, "CHECK") {
            return match (self.mariadb, self.has_checks()) {
                (_, false) => Part::Goes(Some(format!("{} has no CHECK constraints", self.target()))),
                // One that the upstream does not enforce was left out when it was created.
                (true, true) => {
                    edit.put(at..at + 1, "CONSTRAINT IF EXISTS");
                    Part::Stays
                }
                (false, true) => Part::Stays,
            };
        }
        let word = if edit.is(at, "PARTITION") || edit.is(at, "COLUMN") { at + 1 } else { at };
        let name = edit.behind_condition(word);
        if !self.has_conditions() && name > word {
            if !edit.is(at, "PARTITION") && edit.name(name).is_some_and(|n| self.never_had_column(&n)) {
                return Part::Goes(None);
            }
            edit.cut(word..name);
        }
        Part::Stays
    }

    fn alter(&self, edit: &mut Edit<'_>, at: usize, range: Range<usize>, without: &mut Vec<String>) -> Judged {
        if edit.is(at, "INDEX") {
            if let Part::Goes(why) = self.named_index(edit, at + 1) {
                return Ok(Part::Goes(why));
            }
            return Ok(if self.hide(edit, at + 2..range.end) {
                Part::Stays
            } else {
                Part::Goes(Some(format!("{} cannot hide an index", self.target())))
            });
        }
        if edit.is(at, "CHECK") {
            if self.has_unenforced_checks() {
                return Ok(Part::Stays);
            }
            if self.mariadb && edit.is(at + 2, "NOT") {
                edit.put(range.start..at + 1, "DROP CONSTRAINT IF EXISTS");
                edit.cut(at + 2..range.end);
                return Ok(Part::Stays);
            }
            if !self.has_checks() {
                return Ok(Part::Goes(Some(format!("{} has no CHECK constraints", self.target()))));
            }
            return Ok(Part::Goes(Some(format!(
                "the CHECK that becomes enforced here was left out earlier: {} has no unenforced CHECKs",
                self.target()
            ))));
        }
        self.defaults(edit, range, without);
        Ok(Part::Stays)
    }

    /// Translates a column, a key or a constraint.
    pub(super) fn element(&self, edit: &mut Edit<'_>, range: Range<usize>, without: &mut Vec<String>) -> Judged {
        let at = range.start;
        let named = if edit.is(at, "CONSTRAINT") {
            (at + 1..=at + 2).find(|i| edit.is_any(*i, &["CHECK", "FOREIGN", "UNIQUE", "PRIMARY"])).unwrap_or(at)
        } else {
            at
        };
        if edit.is(named, "CHECK") {
            return Ok(self.check(edit, named).1);
        }
        if edit.is(named, "FOREIGN") {
            self.without_condition(edit, named + 2);
            return Ok(Part::Stays);
        }
        if edit.is_any(named, &KEYS) {
            return self.key(edit, named..range.end, without);
        }
        self.column(edit, range, without)
    }

    /// Translates a key from its kind on; also what follows CREATE in CREATE INDEX.
    pub(super) fn key(&self, edit: &mut Edit<'_>, range: Range<usize>, _without: &mut Vec<String>) -> Judged {
        let Some(open) = range.clone().find(|at| edit.sign(*at, '(')) else { return Ok(Part::Stays) };
        for at in range.start..open {
            self.without_condition(edit, at);
        }
        let close = edit.close(open);
        let on_expression = edit.items(open + 1..close).iter().any(|part| edit.sign(part.start, '('));
        if on_expression && !self.has_expression_indexes() {
            return Ok(Part::Goes(Some(format!(
                "index {} is on an expression, and {} has no such indexes",
                quote_name(&self.index_name(edit, range.start..open)),
                self.target()
            ))));
        }
        if let Some(what) = self.lacking(edit, open + 1..close) {
            return Ok(Part::Goes(Some(format!(
                "index {} needs {what}, which {} does not have",
                quote_name(&self.index_name(edit, range.start..open)),
                self.target()
            ))));
        }
        for at in edit.surface(close + 1..range.end) {
            if edit.is_any(at, &["CLUSTERED", "NONCLUSTERED"]) {
                edit.cut(at..at + 1);
            }
        }
        self.hide(edit, close + 1..range.end);
        Ok(Part::Stays)
    }

    /// The quoted name in `range`.
    fn index_name(&self, edit: &Edit<'_>, range: Range<usize>) -> String {
        let name =
            range.into_iter().find_map(|at| edit.name(at).filter(|_| matches!(edit.token(at), Some(Token::Name(_)))));
        name.unwrap_or_default().into_owned()
    }

    /// Translates an index name; an index on an expression was never created on a target that has
    /// none.
    pub(super) fn named_index(&self, edit: &Edit<'_>, at: usize) -> Part {
        let name = edit.name(at).unwrap_or_default();
        if !self.on_expressions.contains(&name.to_lowercase()) {
            return Part::Stays;
        }
        Part::Goes(Some(match self.has_expression_indexes() {
            false => format!("index `{name}` is on an expression, and {} has no such indexes", self.target()),
            true => format!("index `{name}` was left out earlier: {} does not have what it needs", self.target()),
        }))
    }

    /// INVISIBLE and VISIBLE in the target's words; false if it has none.
    fn hide(&self, edit: &mut Edit<'_>, range: Range<usize>) -> bool {
        for at in edit.surface(range) {
            let hidden = edit.is(at, "INVISIBLE");
            if !hidden && !edit.is(at, "VISIBLE") {
                continue;
            }
            match self.hiding() {
                Hiding::Invisible => {}
                Hiding::Ignored => edit.put(at..at + 1, if hidden { "IGNORED" } else { "NOT IGNORED" }),
                Hiding::None => edit.cut(at..at + 1),
            }
        }
        self.hiding() != Hiding::None
    }

    /// The constraint whose CHECK is at `at`: its end, and whether it stays.
    fn check(&self, edit: &mut Edit<'_>, at: usize) -> (usize, Part) {
        let behind = edit.close(at + 1) + 1;
        let unenforced = edit.phrase(behind, &["NOT", "ENFORCED"]);
        let end = unenforced.or_else(|| edit.phrase(behind, &["ENFORCED"])).unwrap_or(behind).min(edit.len());
        let goes = |why: String| (end, Part::Goes(Some(why)));
        if !self.checks {
            return goes("without its CHECK, which TiDB does not store either".to_owned());
        }
        if !self.has_checks() {
            return goes(format!("without its CHECK: {} has none", self.target()));
        }
        if let Some(what) = self.lacking(edit, at + 1..behind) {
            return goes(format!("without its CHECK: it needs {what}, which {} does not have", self.target()));
        }
        if !self.has_unenforced_checks() {
            if unenforced.is_some() {
                return goes(format!("without its CHECK: {} has no unenforced CHECKs", self.target()));
            }
            edit.cut(behind..end);
        }
        (end, Part::Stays)
    }

    /// Translates a column from its name on.
    fn column(&self, edit: &mut Edit<'_>, range: Range<usize>, without: &mut Vec<String>) -> Judged {
        let places = edit.surface(range.clone());
        let counts_fractions = self.lacks_fractional_counters() && is_fractional(edit, range.start);
        let computed = places.iter().copied().find(|at| edit.is(*at, "AS") && edit.sign(*at + 1, '('));
        if let Some(what) = computed.and_then(|at| self.lacking(edit, at + 1..edit.close(at + 1))) {
            return Err(Unsupported(format!(
                "column {} is computed with {what}, which {} does not have",
                quote_name(&edit.name(range.start).unwrap_or_default()),
                self.target()
            )));
        }
        for at in places.into_iter().filter(|at| *at > range.start) {
            if self.mariadb && computed.is_some() && edit.is(at, "NOT") && edit.is(at + 1, "NULL") {
                // There, a computed column is never declared NOT NULL.
                edit.cut(at..at + 2);
                continue;
            }
            if edit.is(at, "CHECK") && edit.sign(at + 1, '(') {
                let (end, part) = self.check(edit, at);
                if let Part::Goes(why) = part {
                    let begin = (1..=2).find(|n| edit.is(at - n, "CONSTRAINT")).map_or(at, |n| at - n);
                    edit.cut(begin..end);
                    without.extend(why);
                }
            } else if !self.mariadb && edit.is(at, "YEAR") && at <= range.start + 2 && edit.sign(at + 1, '(') {
                // It has no two-digit form any more, and TiDB keeps four digits in any case.
                edit.cut(at + 1..edit.close(at + 1) + 1);
            } else if edit.is_any(at, &["CLUSTERED", "NONCLUSTERED"]) {
                edit.cut(at..at + 1);
            } else if counts_fractions && edit.is(at, "AUTO_INCREMENT") {
                edit.cut(at..at + 1);
                without.push(format!(
                    "without AUTO_INCREMENT: {} does not support it for FLOAT and DOUBLE",
                    self.target()
                ));
            } else if edit.is(at, "AUTO_RANDOM") {
                edit.cut(at..if edit.sign(at + 1, '(') { edit.close(at + 1) + 1 } else { at + 1 });
            } else if self.mariadb && edit.is_any(at, &["COLUMN_FORMAT", "STORAGE"]) {
                edit.cut(at..at + 2);
            } else if self.has_inline_references() && edit.is(at, "REFERENCES") {
                // TiDB ignores it and makes no foreign key; the target would make one.
                let end = behind_reference(edit, at);
                edit.cut(at..end);
            }
        }
        super::function::text_default(edit, range.clone());
        self.defaults(edit, range, without);
        Ok(Part::Stays)
    }

    /// Not known for a table of which only the name is known: the target itself will tell.
    fn never_had_column(&self, name: &str) -> bool {
        self.ddl.before.iter().any(|t| !t.columns.is_empty()) && !self.had_column(name)
    }

    fn had_column(&self, name: &str) -> bool {
        self.ddl.before.iter().flat_map(|t| &t.columns).any(|c| c.name.to_lowercase() == name.to_lowercase())
    }

    /// Removes IF EXISTS and IF NOT EXISTS at `at` if the target does not know them; returns the
    /// place after them.
    fn without_condition(&self, edit: &mut Edit<'_>, at: usize) -> usize {
        let behind = edit.behind_condition(at);
        if behind > at && !self.has_conditions() {
            edit.cut(at..behind);
        }
        behind
    }
}

/// Whether a column from its name on is a FLOAT or a DOUBLE; CHANGE has another name before it.
fn is_fractional(edit: &Edit<'_>, at: usize) -> bool {
    (1..=2).any(|n| {
        edit.is_any(at + n, &["FLOAT", "DOUBLE", "REAL"]) && !matches!(edit.token(at + n), Some(Token::Name(_)))
    })
}

/// The place after REFERENCES t (a, b) ON DELETE SET NULL ON UPDATE CASCADE.
fn behind_reference(edit: &Edit<'_>, at: usize) -> usize {
    let mut end = edit.behind_name(at + 1);
    if edit.sign(end, '(') {
        end = edit.close(end) + 1;
    }
    loop {
        if edit.is(end, "MATCH") {
            end += 2;
        } else if edit.is(end, "ON")
            && edit.is_any(end + 1, &["DELETE", "UPDATE"])
            && !edit.is_any(end + 2, &super::function::NOW)
        {
            end += if edit.is_any(end + 2, &["SET", "NO"]) { 4 } else { 3 };
        } else {
            return end.min(edit.len());
        }
    }
}
