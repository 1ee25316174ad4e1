//! Drainer's filters as rules of tisync.toml for the same tables and events.
//!
//! Source: docs/protocol/tidb-binlog.md §9.3.
//!
//! | Drainer | tisync |
//! |---------|--------|
//! | `replicate-do-db = ["app"]`, `replicate-do-table` | `` `app`.* ``, `` `app`.`t` ``; `*.*` where there is neither |
//! | `ignore-schemas`, `ignore-table` | the same with `!`, behind them: what is ignored stays so |
//! | `~^a` (a regular expression, searched, in any case) | `/^a/` |
//! | a plain name | that name: Drainer took it for a regular expression as well |
//! | `source = { schema = "app*", table = "" }` of a migrate rule | `app*.*` with the events of its filters |

use std::collections::BTreeMap;

use strsim::levenshtein;

use super::{EventRule, pattern};
use crate::error::Fault;

/// The filters of a drainer.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `replicate-do-db`.
    pub do_db: Vec<String>,
    /// `ignore-schemas`, taken apart at its commas.
    pub ignore_db: Vec<String>,
    /// `replicate-do-table`: database and table.
    pub do_table: Vec<(String, String)>,
    /// `ignore-table`: database and table.
    pub ignore_table: Vec<(String, String)>,
    /// `[syncer.binlog-filter-rule.NAME]`, by name.
    pub event_filters: BTreeMap<String, EventFilter>,
    /// `[[syncer.table-migrate-rule]]`, in their order.
    pub migrate: Vec<Migrate>,
    /// `case-sensitive`: whether case counts in the sources of migrate rules.
    pub case_sensitive: bool,
    /// `ignore-txn-commit-ts`.
    pub ignore_ts: Vec<u64>,
}

/// One `[syncer.binlog-filter-rule.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// `ignore-event`.
    pub ignore_event: Vec<String>,
    /// `ignore-sql`.
    pub ignore_sql: Vec<String>,
}

/// One `[[syncer.table-migrate-rule]]`: which event filters hold for which tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrate {
    /// `binlog-filter-rule`: names of event filters.
    pub filters: Vec<String>,
    /// `source.schema`, with Drainer's wildcards.
    pub schema: String,
    /// `source.table`; empty for all of the database.
    pub table: String,
}

/// Signs that make a name a regular expression in Drainer's eyes.
const EXPRESSIVE: [char; 12] = ['*', '+', '?', '|', '(', ')', '[', ']', '{', '}', '^', '\\'];

impl Rules {
    /// The rules in tisync's terms.
    ///
    /// # Errors
    /// A usage fault that names the key and says what is wrong with it.
    pub fn convert(&self) -> Result<super::Rules, Fault> {
        let mut tables = Vec::new();
        for name in &self.do_db {
            tables.push(format!("{}.*", name_pattern(name, "replicate-do-db")?));
        }
        for of in &self.do_table {
            tables.push(table_pattern(of, "replicate-do-table")?);
        }
        let ignored = !(self.ignore_db.is_empty() && self.ignore_table.is_empty());
        if tables.is_empty() && ignored {
            tables.push("*.*".to_owned());
        }
        for name in &self.ignore_db {
            tables.push(format!("!{}.*", name_pattern(name, "ignore-schemas")?));
        }
        for of in &self.ignore_table {
            tables.push(format!("!{}", table_pattern(of, "ignore-table")?));
        }
        Ok(super::Rules { tables, events: self.events()?, ignore_ts: self.ignore_ts.clone() })
    }

    /// Rules of one source are one rule, with all their events in order.
    fn events(&self) -> Result<Vec<EventRule>, Fault> {
        let mut rules: Vec<EventRule> = Vec::new();
        for (i, migrate) in self.migrate.iter().enumerate() {
            let what = format!("table-migrate-rule {}", i + 1);
            if migrate.filters.is_empty() {
                continue;
            }
            if migrate.schema.is_empty() {
                return Err(Fault::usage(format!("{what} has no source.schema")));
            }
            let fold = |t: &str| if self.case_sensitive { t.to_owned() } else { t.to_lowercase() };
            let schema = wildcards(&fold(&migrate.schema), &what)?;
            let table =
                if migrate.table.is_empty() { "*".to_owned() } else { wildcards(&fold(&migrate.table), &what)? };
            let tables = vec![format!("{schema}.{table}")];
            let at = rules.iter().position(|r| r.tables == tables).unwrap_or_else(|| {
                rules.push(EventRule { tables, case_sensitive: self.case_sensitive, ..EventRule::default() });
                rules.len() - 1
            });
            for name in &migrate.filters {
                let filter = self.event_filters.get(name).ok_or_else(|| self.unknown(name, &what))?;
                if let Some(rule) = rules.get_mut(at) {
                    rule.ignore.extend(filter.ignore_event.iter().filter(|e| !e.is_empty()).cloned());
                    rule.ignore_sql.extend(filter.ignore_sql.iter().cloned());
                }
            }
        }
        rules.retain(|r| !(r.ignore.is_empty() && r.ignore_sql.is_empty()));
        Ok(rules)
    }

    fn unknown(&self, name: &str, what: &str) -> Fault {
        let nearest = self.event_filters.keys().min_by_key(|known| levenshtein(known, name));
        let hint = match nearest {
            Some(known) if levenshtein(known, name) <= name.chars().count() / 3 + 1 => {
                format!("did you mean `{known}`?")
            }
            Some(_) => {
                let names: Vec<&str> = self.event_filters.keys().map(String::as_str).collect();
                format!("defined: {}", names.join(", "))
            }
            None => format!("[syncer.binlog-filter-rule.{name}] does not exist"),
        };
        Fault::usage(format!("{what} names the event filter `{name}`, which does not exist")).hint(hint)
    }

    /// Warnings, one line each: rules that mean something else than they meant to Drainer, and
    /// rules without effect.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let keys = [
            ("replicate-do-db", &self.do_db, &vec![]),
            ("ignore-schemas", &self.ignore_db, &vec![]),
            ("replicate-do-table", &vec![], &self.do_table),
            ("ignore-table", &vec![], &self.ignore_table),
        ];
        let mut lines = Vec::new();
        for (key, names, pairs) in keys {
            let all = names.iter().chain(pairs.iter().flat_map(|(schema, table)| [schema, table]));
            for name in all.filter(|n| !n.starts_with('~') && n.contains(EXPRESSIVE)) {
                lines.push(format!(
                    "{key}: `{name}` is taken literally; Drainer took it as a regular expression: write \
                     `~^(?:{name})$` if it is one"
                ));
            }
        }
        let used = |name: &str| self.migrate.iter().any(|m| m.filters.iter().any(|f| f == name));
        for name in self.event_filters.keys().filter(|name| !used(name)) {
            lines.push(format!("binlog-filter-rule.{name} has no effect: no table-migrate-rule uses it"));
        }
        lines
    }
}

fn table_pattern((schema, table): &(String, String), key: &str) -> Result<String, Fault> {
    Ok(format!("{}.{}", name_pattern(schema, key)?, name_pattern(table, key)?))
}

/// A name of a database or a table filter, `~` and an expression or a plain one.
fn name_pattern(name: &str, key: &str) -> Result<String, Fault> {
    let Some(expression) = name.strip_prefix('~') else {
        if name.is_empty() {
            return Err(Fault::usage(format!("{key} has an empty name")));
        }
        return Ok(pattern::quote(name));
    };
    if expression.is_empty() {
        return Ok("*".to_owned());
    }
    pattern::regex(expression, false).map_err(|why| Fault::usage(format!("{key}: {why}")))?;
    let mut text = String::from("/");
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                text.push(c);
                text.extend(chars.next());
            }
            '/' => text.push_str("\\/"),
            c => text.push(c),
        }
    }
    text.push('/');
    Ok(text)
}

/// Drainer's wildcards (`*` at the end, `?`, `[a-c]`, `[!a]`) in the table-filter's syntax.
fn wildcards(pattern: &str, what: &str) -> Result<String, Fault> {
    let wrong = |why: &str| Fault::usage(format!("{what}: the source `{pattern}` {why}"));
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let behind = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match (c, behind.find(']')) {
            ('*', _) if !behind.is_empty() => return Err(wrong("has a `*` that is not at its end")),
            ('*' | '?', _) => {
                text.push(c);
                behind
            }
            ('[', Some(end)) => {
                class(behind.get(..end).unwrap_or_default(), &mut text).map_err(wrong)?;
                behind.get(end + 1..).unwrap_or_default()
            }
            (c, _) => {
                literal(c, &mut text);
                behind
            }
        };
    }
    Ok(text)
}

fn literal(c: char, text: &mut String) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' && c != '$' {
        text.push('\\');
    }
    text.push(c);
}

/// What stands between `[` and `]`.
fn class(inner: &str, text: &mut String) -> Result<(), &'static str> {
    let (not, inner) = match inner.strip_prefix('!') {
        // `[!]` is the sign itself.
        Some("") => (false, "!"),
        Some(inner) => (true, inner),
        None => (false, inner),
    };
    text.push_str(if not { "[!" } else { "[" });
    let chars: Vec<char> = inner.chars().collect();
    let mut rest = chars.as_slice();
    if rest.is_empty() {
        return Err("has a `[]`, which matches nothing");
    }
    while let [first, more @ ..] = rest {
        rest = more;
        literal(*first, text);
        if let ['-', last, more @ ..] = rest {
            if last < first {
                return Err("has a reversed range");
            }
            text.push('-');
            literal(*last, text);
            rest = more;
        }
    }
    text.push(']');
    Ok(())
}

#[cfg(test)]
#[path = "drainer_tests.rs"]
mod tests;
