use proptest::prelude::*;
use regex::RegexBuilder;

use super::super::{Filter, Scope};
use super::*;

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn filter(rules: &Rules) -> Filter {
    Filter::new(&rules.convert().unwrap()).unwrap()
}

/// Drainer's decision, written down independently; plain names are names.
fn drainer(rules: &Rules, schema: &str, table: &str) -> bool {
    let is = |pattern: &String, name: &str| match pattern.strip_prefix('~') {
        Some(text) => RegexBuilder::new(text).case_insensitive(true).build().unwrap().is_match(name),
        None => pattern.to_lowercase() == name.to_lowercase(),
    };
    let db = |list: &[String]| list.iter().any(|p| is(p, schema));
    let tables = |list: &[(String, String)]| list.iter().any(|(s, t)| is(s, schema) && is(t, table));
    let free = rules.do_db.is_empty() && rules.do_table.is_empty();
    (free || tables(&rules.do_table) || db(&rules.do_db)) && !tables(&rules.ignore_table) && !db(&rules.ignore_db)
}

#[test]
fn the_texts_that_a_converted_file_holds() {
    let rules = Rules {
        do_db: own(&["app", "~^te/st", "~"]),
        do_table: pairs(&[("my-db", "~.*"), ("we`ird", "t.1")]),
        ignore_db: own(&["INFORMATION_SCHEMA"]),
        ignore_table: pairs(&[("app", "~\\/tmp$")]),
        ..Rules::default()
    };
    assert_eq!(
        rules.convert().unwrap().tables,
        [
            "`app`.*",
            "/^te\\/st/.*",
            "*.*",
            "`my-db`./.*/",
            "`we``ird`.`t.1`",
            "!`INFORMATION_SCHEMA`.*",
            "!`app`./\\/tmp$/",
        ]
    );
    assert_eq!(Rules::default().convert().unwrap(), super::super::Rules::default());
    let ignoring = Rules { ignore_db: own(&["x"]), ..Rules::default() };
    assert_eq!(ignoring.convert().unwrap().tables, ["*.*", "!`x`.*"]);
}

#[test]
fn t28_plain_names_are_names_and_databases_come_with_their_tables() {
    let rules = Rules { do_table: pairs(&[("app", "a.b"), ("x+y", "t")]), ..Rules::default() };
    let filter = filter(&rules);
    assert!(filter.table("APP", "A.B") && !filter.table("app", "aXb"), "a point is a point");
    assert!(filter.table("x+y", "t") && !filter.table("xxy", "t"), "a plus is a plus");
    // CREATE DATABASE of a database with a table that passes: Drainer leaves it out, and the
    // table's CREATE fails.
    assert_eq!(filter.database("app"), Scope::Some);
    assert_eq!(filter.database("other"), Scope::None);
    let warnings = Rules { do_db: own(&["a|b", "~a|b", "a.b"]), ..Rules::default() }.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("replicate-do-db: `a|b` is taken literally"), "{warnings:?}");
}

#[test]
fn event_filters_are_bound_to_tables() {
    let filters = |name: &str, events: &[&str], sql: &[&str]| {
        (name.to_owned(), EventFilter { ignore_event: own(events), ignore_sql: own(sql) })
    };
    let migrate = |names: &[&str], schema: &str, table: &str| Migrate {
        filters: own(names),
        schema: schema.to_owned(),
        table: table.to_owned(),
    };
    let mut rules = Rules {
        event_filters: BTreeMap::from([
            filters("a", &["Delete"], &[]),
            filters("b", &["drop table"], &["^x"]),
            filters("c", &[], &["y"]),
        ]),
        migrate: vec![
            migrate(&["a"], "App*", "t_[0-9]?*"),
            migrate(&["b"], "app", ""),
            migrate(&[], "app", "nothing"),
            migrate(&["a", "b"], "app*", "T_[0-9]?*"),
            migrate(&["b"], "a-b[", "[!a-c.]x[!]"),
        ],
        ..Rules::default()
    };
    let converted = rules.convert().unwrap();
    let texts: Vec<_> =
        converted.events.iter().map(|e| (e.tables[0].as_str(), e.ignore.join(","), e.ignore_sql.join(","))).collect();
    let text = |a, b: &str, c: &str| (a, b.to_owned(), c.to_owned());
    assert_eq!(
        texts,
        [
            text("app*.t_[0-9]?*", "Delete,Delete,drop table", "^x"),
            text("app.*", "drop table", "^x"),
            text("a\\-b\\[.[!a-c\\.]x[\\!]", "drop table", "^x"),
        ]
    );
    let filter = Filter::new(&converted).unwrap();
    assert!(!filter.kinds("apple", "T_12").delete && filter.kinds("apple", "t_1").delete);
    assert_eq!(rules.warnings(), ["binlog-filter-rule.c has no effect: no table-migrate-rule uses it"]);

    rules.migrate = vec![migrate(&["aa"], "x", "y")];
    let fault = rules.convert().unwrap_err();
    assert_eq!(fault.message, "table-migrate-rule 1 names the event filter `aa`, which does not exist");
    assert_eq!(fault.hint, "did you mean `a`?");
    for (source, says) in
        [("a*b", "a `*` that is not at its end"), ("[]", "which matches nothing"), ("[b-a]", "a reversed range")]
    {
        rules.migrate = vec![migrate(&["a"], source, "")];
        let fault = rules.convert().unwrap_err();
        assert!(fault.message.contains(says), "{fault}");
    }
    assert!(
        Rules { do_db: own(&["~("]), ..Rules::default() }
            .convert()
            .unwrap_err()
            .message
            .starts_with("replicate-do-db: /(/")
    );
    assert!(Rules { do_db: own(&[""]), ..Rules::default() }.convert().unwrap_err().message.contains("an empty name"));
}

/// A name, now and then with signs that mean something somewhere.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,2}", "[aB`.*/\\[\\]\\\\\"!?~ -]{1,3}", Just("名".to_owned())]
}

/// As Drainer's file may have it.
fn pattern() -> impl Strategy<Value = String> {
    let plain = name().prop_filter("no expression", |n| !n.starts_with('~'));
    prop_oneof![plain, "~[ab.^$*/|]{0,4}".prop_filter("an expression", |p| regex::Regex::new(&p[1..]).is_ok())]
}

fn rules() -> impl Strategy<Value = Rules> {
    let names = || prop::collection::vec(pattern(), 0..3);
    let pairs = || prop::collection::vec((pattern(), pattern()), 0..3);
    (names(), names(), pairs(), pairs()).prop_map(|(do_db, ignore_db, do_table, ignore_table)| Rules {
        do_db,
        ignore_db,
        do_table,
        ignore_table,
        ..Rules::default()
    })
}

proptest! {
    #[test]
    fn converted_rules_decide_as_drainer_does(rules in rules(), names in prop::collection::vec((name(), name()), 20)) {
        let filter = filter(&rules);
        for (schema, table) in names {
            prop_assert_eq!(
                filter.table(&schema, &table),
                drainer(&rules, &schema, &table),
                "{:?} about {}.{}: {}", rules.convert().unwrap().tables, schema, table, filter.explain(&schema, &table)
            );
        }
    }

    #[test]
    fn wildcards_mean_what_they_meant(pattern in "[ab?!\\[\\]-]{1,5}\\*?", name in "[ab!-]{1,5}") {
        if let Ok(text) = wildcards(&pattern, "rule") {
            let converted = super::super::pattern::read(&text, true).unwrap().0;
            prop_assert_eq!(converted.matches(&name), glob(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>()), "{}", text);
        }
    }
}

/// Drainer's wildcards by the book.
fn glob(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], rest) => rest.is_empty(),
        (['*'], _) => true,
        (['?', p @ ..], [_, n @ ..]) => glob(p, n),
        (['[', p @ ..], name) if p.contains(&']') => {
            let end = p.iter().position(|c| *c == ']').unwrap();
            let inner = &p[..end];
            let [first, n @ ..] = name else { return false };
            let (not, inner) = match inner {
                ['!'] => (false, &['!'][..]),
                ['!', rest @ ..] => (true, rest),
                _ => (false, inner),
            };
            let mut hit = false;
            let mut i = 0;
            while i < inner.len() {
                if i + 2 < inner.len() && inner[i + 1] == '-' {
                    hit |= (inner[i]..=inner[i + 2]).contains(first);
                    i += 3;
                } else {
                    hit |= inner[i] == *first;
                    i += 1;
                }
            }
            hit != not && glob(&p[end + 1..], n)
        }
        ([c, p @ ..], [first, n @ ..]) => c == first && glob(p, n),
        _ => false,
    }
}
