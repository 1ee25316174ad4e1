//! Event types of rows and DDL in filter rules, under the names that TiDB's tools use.

use regex::Regex;

use super::EventRule;
use super::pattern;
use super::tables::Patterns;
use crate::decode::Kinds;
use crate::error::Fault;
use crate::sql::Verb;

/// One kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    Delete,
    Ddl(Verb),
}

/// What a name in a list stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    All,
    AllDml,
    AllDdl,
    None,
    NoneDml,
    NoneDdl,
    One(Event),
    /// A name that the tools know, of an event that never happens.
    Never,
}

/// Every name. An alias stands behind the name that it means.
const WORDS: [(&str, Word); 28] = [
    ("all", Word::All),
    ("all dml", Word::AllDml),
    ("all ddl", Word::AllDdl),
    ("none", Word::None),
    ("none dml", Word::NoneDml),
    ("none ddl", Word::NoneDdl),
    ("insert", Word::One(Event::Insert)),
    ("update", Word::One(Event::Update)),
    ("delete", Word::One(Event::Delete)),
    ("create database", Word::One(Event::Ddl(Verb::CreateDatabase))),
    ("create schema", Word::One(Event::Ddl(Verb::CreateDatabase))),
    ("drop database", Word::One(Event::Ddl(Verb::DropDatabase))),
    ("drop schema", Word::One(Event::Ddl(Verb::DropDatabase))),
    ("alter database", Word::One(Event::Ddl(Verb::AlterDatabase))),
    ("alter schema", Word::One(Event::Ddl(Verb::AlterDatabase))),
    ("create table", Word::One(Event::Ddl(Verb::CreateTable))),
    ("drop table", Word::One(Event::Ddl(Verb::DropTable))),
    ("truncate table", Word::One(Event::Ddl(Verb::TruncateTable))),
    ("rename table", Word::One(Event::Ddl(Verb::RenameTable))),
    ("create index", Word::One(Event::Ddl(Verb::CreateIndex))),
    ("add index", Word::One(Event::Ddl(Verb::CreateIndex))),
    ("drop index", Word::One(Event::Ddl(Verb::DropIndex))),
    ("create view", Word::One(Event::Ddl(Verb::CreateView))),
    ("drop view", Word::One(Event::Ddl(Verb::DropView))),
    ("alter table", Word::One(Event::Ddl(Verb::AlterTable))),
    ("add table partition", Word::Never),
    ("drop table partition", Word::Never),
    ("truncate table partition", Word::Never),
];

/// One rule, ready to decide.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub tables: Patterns,
    words: Vec<Word>,
    sql: Option<Regex>,
    /// As it was written, for explanations.
    pub text: String,
}

impl Rule {
    /// Reads the rule with this number, counted from 1.
    ///
    /// # Errors
    /// A usage fault that names the rule and what is wrong with it.
    pub fn read(rule: &EventRule, number: usize) -> Result<Self, Fault> {
        let what = format!("event rule {number}");
        let tables = if rule.tables.is_empty() { &["*.*".to_owned()][..] } else { &rule.tables };
        if rule.ignore.is_empty() && rule.ignore_sql.is_empty() {
            let text = format!("{what} ignores nothing: it has neither events nor SQL patterns");
            return Err(Fault::usage(text).hint("add `ignore` or `ignore-sql`, or remove it"));
        }
        let words = rule.ignore.iter().map(|name| word(name, &what)).collect::<Result<_, _>>()?;
        for text in &rule.ignore_sql {
            let wrong = |why| Fault::usage(format!("{what}, ignore-sql: {why}"));
            pattern::regex(text, false).map_err(wrong)?;
        }
        let any: Vec<String> = rule.ignore_sql.iter().map(|text| format!("(?:{text})")).collect();
        let sql = (!any.is_empty()).then(|| pattern::regex(&any.join("|"), false)).transpose();
        let list = |of: &[String]| of.iter().map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ");
        let mut text = format!("{what} for {}", list(tables));
        if !rule.ignore.is_empty() {
            text = format!("{text}: ignores {}", rule.ignore.join(", "));
        }
        if !rule.ignore_sql.is_empty() {
            text = format!("{text}; SQL like {}", list(&rule.ignore_sql));
        }
        Ok(Self {
            tables: Patterns::read(tables, &what, rule.case_sensitive)?,
            words,
            sql: sql.map_err(|why| Fault::usage(format!("{what}, ignore-sql: {why}")))?,
            text,
        })
    }

    /// Whether it ignores `event`. As in TiDB's tools, the first name that says anything about the
    /// event decides.
    pub fn ignores(&self, event: Event) -> bool {
        let ddl = matches!(event, Event::Ddl(_));
        let said = |word: &Word| match word {
            Word::All => Some(true),
            Word::None => Some(false),
            Word::AllDdl if ddl => Some(true),
            Word::NoneDdl if ddl => Some(false),
            Word::AllDml if !ddl => Some(true),
            Word::NoneDml if !ddl => Some(false),
            Word::One(one) if *one == event => Some(true),
            _ => None,
        };
        self.words.iter().find_map(said).unwrap_or(false)
    }

    /// Whether it ignores a statement for its text.
    pub fn ignores_sql(&self, text: &str) -> bool {
        self.sql.as_ref().is_some_and(|sql| sql.is_match(text))
    }

    /// Whether it goes by the text of statements.
    pub fn judges_texts(&self) -> bool {
        self.sql.is_some()
    }

    /// The kinds of row changes that it lets through.
    pub fn kinds(&self) -> Kinds {
        let kept = |event| !self.ignores(event);
        Kinds { insert: kept(Event::Insert), update: kept(Event::Update), delete: kept(Event::Delete) }
    }

    /// Warnings about names that do less than they seem to say, or more.
    pub fn warnings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.words.contains(&Word::Never) {
            lines.push(format!("{}: DDL on partitions counts as `alter table`, so this event never occurs", self.text));
        }
        let Kinds { insert, update, delete } = self.kinds();
        if !(insert && update && delete) && (insert || update || delete) {
            lines.push(format!(
                "{}: later changes may then not fit the rows on the target, which stops a run without safe mode",
                self.text
            ));
        }
        lines
    }
}

fn word(name: &str, what: &str) -> Result<Word, Fault> {
    let folded = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if let Some((_, word)) = WORDS.iter().find(|(known, _)| *known == folded) {
        return Ok(*word);
    }
    let nearest = WORDS.iter().map(|(known, _)| (distance(known, &folded), *known)).min();
    let hint = match nearest {
        Some((far, known)) if far <= folded.chars().count().max(3) / 3 + 1 => format!("did you mean `{known}`?"),
        _ => format!("the events are: {}", WORDS.map(|(known, _)| known).join(", ")),
    };
    Err(Fault::usage(format!("{what} ignores `{name}`, which is not an event")).hint(hint))
}

/// Letters to change, add or take away to get from one to the other.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            *cell = (corner + usize::from(x != *y)).min(left + 1).min(above + 1);
            (corner, left) = (above, *cell);
        }
        row.iter_mut().take(1).for_each(|first| *first = i + 1);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(ignore: &[&str], sql: &[&str]) -> Result<Rule, Fault> {
        let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        Rule::read(&EventRule { ignore: own(ignore), ignore_sql: own(sql), ..EventRule::default() }, 2)
    }

    #[test]
    fn the_first_word_that_speaks_decides() {
        let ignores = |words: &[&str], event| rule(words, &[]).unwrap().ignores(event);
        let (insert, drop) = (Event::Insert, Event::Ddl(Verb::DropTable));
        assert!(ignores(&["all"], insert) && ignores(&["ALL  DDL"], drop) && !ignores(&["all ddl"], insert));
        assert!(ignores(&["all dml"], insert) && !ignores(&["all dml"], drop));
        assert!(!ignores(&["none", "insert"], insert) && ignores(&["insert", "none"], insert));
        assert!(!ignores(&["none ddl", "all"], drop) && ignores(&["none ddl", "all"], insert));
        assert!(!ignores(&["none dml", "all"], insert));
        assert!(ignores(&["drop table"], drop) && !ignores(&["create table"], drop));
        assert!(ignores(&["drop schema"], Event::Ddl(Verb::DropDatabase)));
        assert!(ignores(&["add index"], Event::Ddl(Verb::CreateIndex)));
        assert!(ignores(&["all ddl"], Event::Ddl(Verb::Other)));
        let kinds = rule(&["delete", "truncate table"], &[]).unwrap().kinds();
        assert_eq!(kinds, Kinds { insert: true, update: true, delete: false });
        assert!(rule(&["delete"], &[]).unwrap().warnings()[0].contains("stops a run without safe mode"));
        assert!(rule(&["all dml"], &[]).unwrap().warnings().is_empty());
        let never = rule(&["drop table partition"], &[]).unwrap();
        assert!(!never.ignores(Event::Ddl(Verb::AlterTable)) && never.warnings().len() == 1);
    }

    #[test]
    fn every_word_is_known_and_others_get_a_suggestion() {
        for (name, _) in WORDS {
            assert!(rule(&[name], &[]).is_ok(), "{name}");
        }
        let fault = rule(&["drop tabel"], &[]).unwrap_err();
        assert_eq!(fault.message, "event rule 2 ignores `drop tabel`, which is not an event");
        assert_eq!(fault.hint, "did you mean `drop table`?");
        assert!(rule(&["xyzzy"], &[]).unwrap_err().hint.starts_with("the events are: all, "));
        assert!(rule(&[], &[]).unwrap_err().message.contains("ignores nothing"));
    }

    #[test]
    fn sql_patterns_are_searched_without_case() {
        let rule = rule(&[], &["^drop\\s", "add a|b c"]).unwrap();
        assert!(rule.ignores_sql("DROP TABLE t") && rule.ignores_sql("alter ADD A") && rule.ignores_sql("xB Cx"));
        assert!(!rule.ignores_sql("CREATE TABLE drop"));
        let fault = super::tests::rule(&[], &["a("]).unwrap_err();
        assert!(
            fault.message.starts_with("event rule 2, ignore-sql: /a(/ is not a valid regular expression"),
            "{fault}"
        );
    }

    #[test]
    fn distances() {
        assert_eq!(
            [("", "abc"), ("abc", "abc"), ("kitten", "sitting"), ("ab", "ba")].map(|(a, b)| distance(a, b)),
            [3, 0, 3, 2]
        );
    }
}
