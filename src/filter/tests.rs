use super::*;
use super::{EventRule, Filter, Rules};

#[test]
fn system_databases_are_out_in_any_case() {
    assert!(!wanted("mysql") && !wanted("PERFORMANCE_SCHEMA") && !wanted("tidb_binlog") && !wanted("retl"));
    assert!(wanted("bank") && wanted("mysql2") && wanted("test"));
    let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
    let filter = Filter::new(&Rules { tables: own(&["*.*", "mysql.user"]), ..Rules::default() }).unwrap();
    assert!(!filter.table("mysql", "user") && filter.database("Mysql") == Scope::None && filter.table("a", "user"));
}

#[test]
fn kinds_that_several_rules_leave_out() {
    let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
    let rule = |tables: &[&str], ignore: &[&str]| EventRule {
        tables: own(tables),
        ignore: own(ignore),
        ..EventRule::default()
    };
    let events = vec![rule(&["a.*", "!a.x"], &["insert"]), rule(&[], &["delete"])];
    let filter = Filter::new(&Rules { events, ..Rules::default() }).unwrap();
    assert_eq!(filter.kinds("a", "t"), Kinds { insert: false, update: true, delete: false });
    assert_eq!(filter.keeps("a", "t"), Some("event rule 2 for `*.*`: ignores delete"));
    assert_eq!(filter.kinds("a", "x"), Kinds { insert: true, update: true, delete: false });
}

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

#[test]
fn which_rule_decides() {
    let events =
        vec![EventRule { tables: own(&["app.*"]), ignore: own(&["delete", "all ddl"]), ..EventRule::default() }];
    let rules = Rules { tables: own(&["app.*", "!app.tmp_*", "one.t"]), events, ..Rules::default() };
    let filter = Filter::new(&rules).unwrap();
    insta::assert_snapshot!(filter.explain("App", "users"), @r"
    App.users is replicated: `app.*` (tables, pattern 1) includes it, and no later pattern excludes it
      event rule 1 for `app.*`: ignores delete, all ddl
      so no DELETE reaches the target
      so nothing is dropped or truncated on the target
    ");
    insta::assert_snapshot!(filter.explain("app", "tmp_1"), @"app.tmp_1 is not replicated: `!app.tmp_*` (tables, \
                                                              pattern 2) excludes it, and no later pattern includes it");
    insta::assert_snapshot!(filter.explain("x", "y"), @"x.y is not replicated: no pattern includes it");
    insta::assert_snapshot!(filter.explain("retl", "_drainer_repl_mark"), @"retl._drainer_repl_mark is not replicated: \
        `retl` is always left out, whatever the patterns say: Drainer stores the marks of two-way replication here");
    insta::assert_snapshot!(filter.explain("one", ""), @"the database one is replicated: partly; CREATE DATABASE runs \
                                                         on the target, DROP DATABASE becomes DROP TABLE for that part");
    insta::assert_snapshot!(Filter::default().explain("a", "b"), @"a.b is replicated: there are no patterns, so every table is");
    insta::assert_snapshot!(Filter::default().explain("mysql", "user"), @"mysql.user is not replicated: `mysql` is always left out, whatever the patterns say: a database of the server itself");
}

#[test]
fn a_line_for_what_there_was() {
    let mut counts = Counts::default();
    assert!(!counts.any());
    counts.ddl(Why::System);
    counts.rows(LeftOut::default(), true);
    assert!(!counts.any());
    counts.rows(LeftOut { tables: 2, kinds: 0 }, true);
    counts.rows(LeftOut { tables: 1, kinds: 1 }, false);
    counts.ddl(Why::Tables);
    assert_eq!(
        counts.to_string(),
        "left out: 3 row changes and 1 DDL of tables that are not replicated; 1 row change by event rules; nothing was left of \
         1 transaction"
    );
    assert_eq!(Counts { ignored: 1, ..Counts::default() }.to_string(), "left out: 1 transaction by commit ts");
}
