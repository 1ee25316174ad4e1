use super::super::{EventRule, Rules};
use super::*;

const TS: CommitTs = CommitTs(470_616_376_687_198_209);

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

fn filter(tables: &[&str]) -> Filter {
    Filter::new(&Rules { tables: own(tables), ..Rules::default() }).unwrap()
}

fn table(id: i64, name: &str) -> Arc<Table> {
    use crate::model::Handle;
    let (schema, name) = name.split_once('.').unwrap();
    Arc::new(Table {
        id,
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: vec![],
        keys: vec![],
        handle: Handle::RowId,
        foreign_keys: vec![],
        partitions: vec![],
        charset: String::new(),
        collation: String::new(),
        details: None,
    })
}

/// A DDL on `at`, a table or a database.
fn ddl(action: u8, at: &str, query: &str, before: &[(i64, &str)], after: &[(i64, &str)]) -> Ddl {
    let (schema, name) = at.split_once('.').unwrap_or((at, ""));
    let own = |list: &[(i64, &str)]| list.iter().map(|(id, name)| table(*id, name)).collect();
    Ddl {
        action: action.into(),
        schema: schema.to_owned(),
        table: name.to_owned(),
        query: query.to_owned(),
        before: own(before),
        after: own(after),
        ..Ddl::default()
    }
}

/// What is left of it: the statement with the tables before and after, or why nothing is, or the
/// refusal with its hint.
fn left(filter: &Filter, ddl: Ddl) -> String {
    let judged = filter.ddl(TS, ddl);
    let warning = judged.warning.map_or(String::new(), |w| format!(" WARNING {w}"));
    let names = |list: &[Arc<Table>]| list.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(",");
    match (judged.ddl, judged.why) {
        (None, Some(why)) => format!("{why:?}{warning}"),
        (Some(ddl), None) => match ddl.refused {
            Some(fault) => format!("{fault} => {}{warning}", fault.hint),
            None => format!("{} [{}]→[{}]{warning}", ddl.query, names(&ddl.before), names(&ddl.after)),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn t28_a_database_comes_with_any_of_its_tables() {
    let some = filter(&["app.t"]);
    let create = |query| ddl(1, "app", query, &[], &[]);
    assert_eq!(left(&some, create("CREATE DATABASE `app`")), "CREATE DATABASE IF NOT EXISTS `app` []→[]");
    assert_eq!(left(&some, create("CREATE DATABASE IF NOT EXISTS `app`")), "CREATE DATABASE IF NOT EXISTS `app` []→[]");
    assert_eq!(left(&filter(&["app.*"]), create("CREATE DATABASE `app`")), "CREATE DATABASE `app` []→[]");
    assert_eq!(left(&filter(&["other.*"]), create("CREATE DATABASE `app`")), "Tables");
    let alter = ddl(26, "app", "ALTER DATABASE `app` CHARACTER SET utf8", &[], &[]);
    assert_eq!(left(&some, alter), "ALTER DATABASE `app` CHARACTER SET utf8 []→[]");
    let system = ddl(1, "retl", "CREATE DATABASE `retl`", &[], &[]);
    assert_eq!(left(&Filter::default(), system), "System");
}

#[test]
fn a_database_is_dropped_only_as_far_as_it_is_replicated() {
    let drop = || ddl(2, "app", "DROP DATABASE `app`", &[(1, "app.t"), (2, "app.u`v"), (3, "app.tmp")], &[]);
    assert_eq!(left(&Filter::default(), drop()), "DROP DATABASE `app` [t,u`v,tmp]→[]");
    let rest = "DROP TABLE IF EXISTS `app`.`t`, `app`.`u``v`; [t,u`v]→[]";
    assert_eq!(left(&filter(&["*.*", "!app.tmp"]), drop()), rest);
    assert_eq!(left(&filter(&["app.none"]), drop()), "Tables");
    assert_eq!(left(&filter(&["*.*", "!app.*"]), drop()), "Tables");
}

#[test]
fn plain_statements_go_by_their_table() {
    let only = filter(&["app.t"]);
    let alter = |name: &str| ddl(5, name, "ALTER TABLE `x` ADD COLUMN a INT", &[(1, name)], &[(1, name)]);
    assert!(left(&only, alter("app.t")).starts_with("ALTER"));
    assert_eq!(left(&only, alter("app.u")), "Tables");
    let view = ddl(21, "app.t", "CREATE VIEW `t` AS SELECT * FROM `u`", &[], &[]);
    assert!(left(&only, view).starts_with("CREATE VIEW"), "the target says whether it has `u`");
    let policy = ddl(51, "gold", "CREATE PLACEMENT POLICY `gold` FOLLOWERS=4", &[], &[]);
    assert!(left(&only, policy).starts_with("CREATE PLACEMENT"), "a policy is no database");
    let cluster = ddl(62, "", "FLASHBACK CLUSTER TO TIMESTAMP '2026-01-01'", &[], &[]);
    assert!(left(&only, cluster).starts_with("FLASHBACK CLUSTER"));
}

#[test]
fn several_tables_at_once_are_taken_apart() {
    let create = || {
        let query = "CREATE TABLE `a` (`x` INT); CREATE TABLE `b` (`x` INT DEFAULT ';'); CREATE TABLE `c` (`x` INT);";
        ddl(60, "app.c", query, &[], &[(1, "app.a"), (2, "app.b"), (3, "app.c")])
    };
    assert!(left(&Filter::default(), create()).ends_with(" []→[a,b,c]"));
    let rest = "CREATE TABLE `a` (`x` INT); CREATE TABLE `c` (`x` INT) []→[a,c]";
    assert_eq!(left(&filter(&["app.*", "!app.B"]), create()), rest);
    assert_eq!(left(&filter(&["x.*"]), create()), "Tables");
}

fn rename(query: &str, before: &[(i64, &str)], after: &[(i64, &str)]) -> Ddl {
    ddl(47, "app.t", query, before, after)
}

#[test]
fn renames_within_and_without() {
    let app = filter(&["app.*", "!app._*"]);
    let swap = || {
        let query = "RENAME TABLE `t` TO `x`, `u` TO `t`, `x` TO `u`;";
        rename(query, &[(1, "app.t"), (2, "app.u")], &[(1, "app.u"), (2, "app.t")])
    };
    assert_eq!(left(&app, swap()), "RENAME TABLE `t` TO `x`, `u` TO `t`, `x` TO `u`; [t,u]→[u,t]");
    assert_eq!(left(&filter(&["other.*"]), swap()), "Tables");
    // Only a name in the middle is not replicated: the ends count.
    let over = rename("RENAME TABLE `t` TO `_x`, `_x` TO `u`;", &[(1, "app.t")], &[(1, "app.u")]);
    assert_eq!(left(&app, over), "RENAME TABLE `t` TO `_x`, `_x` TO `u`; [t]→[u]");
    let mixed = rename(
        "RENAME TABLE `t` TO `u`, `_a` TO `_b`;",
        &[(1, "app.t"), (2, "app._a")],
        &[(1, "app.u"), (2, "app._b")],
    );
    assert_eq!(left(&app, mixed), "RENAME TABLE `app`.`t` TO `app`.`u`; [t]→[u]");
}

#[test]
fn t22_a_rename_out_of_scope_leaves_the_table_and_one_into_it_is_refused() {
    let app = filter(&["app.*"]);
    let leaves = || rename("RENAME TABLE `app`.`t` TO `bak`.`t`;", &[(1, "app.t")], &[(1, "bak.t")]);
    let said = left(&app, leaves());
    assert!(said.starts_with("Tables WARNING after a RENAME of commit ts 470616376687198209 ("), "{said}");
    assert!(said.contains("`app`.`t` (as `bak`.`t`)") && said.contains("stays under its old name"), "{said}");

    let enters = rename("RENAME TABLE `bak`.`t` TO `app`.`t`;", &[(1, "bak.t")], &[(1, "app.t")]);
    let said = left(&app, enters.clone());
    assert!(said.contains("rows are not on the target: `bak`.`t` (as `app`.`t`) => copy the tables"), "{said}");
    assert!(said.contains("--skip-ddl 470616376687198209"), "{said}");
    let judged = app.ddl(TS, enters).ddl.unwrap();
    assert!(judged.before.is_empty() && judged.after.len() == 1, "skipped, it is a table that is missing");

    // The short form of the statement: an unqualified name is one of the database that was current.
    let form = ddl(14, "app.t", "ALTER TABLE `t` RENAME TO `bak`.`t`", &[(1, "app.t")], &[(1, "bak.t")]);
    assert!(left(&app, form).starts_with("Tables WARNING"));

    // An online schema change: the new table is filled under a name that is filtered out, or the
    // old one gets one.
    let online = filter(&["app.*", "!app._*"]);
    let both = rename(
        "RENAME TABLE `t` TO `_t_old`, `_t_new` TO `t`;",
        &[(1, "app.t"), (2, "app._t_new")],
        &[(1, "app._t_old"), (2, "app.t")],
    );
    assert!(left(&online, both).contains("rows are not on the target: `app`.`_t_new` (as `app`.`t`)"));
    let old = rename(
        "RENAME TABLE `t` TO `_t_old`, `t_new` TO `t`;",
        &[(1, "app.t"), (2, "app.t_new")],
        &[(1, "app._t_old"), (2, "app.t")],
    );
    let said = left(&online, old);
    assert!(said.contains("gives another table the name of `app`.`t`, which stays on the target"), "{said}");
    assert!(said.contains("replace:470616376687198209=RENAME TABLE `app`.`t_new` TO `app`.`t`'"), "{said}");
}

#[test]
fn an_exchange_stays_on_one_side() {
    let exchange = || {
        let query = "ALTER TABLE `p` EXCHANGE PARTITION `p0` WITH TABLE `bak`.`t`;";
        ddl(42, "app.p", query, &[(1, "bak.t"), (2, "app.p")], &[(3, "bak.t"), (2, "app.p")])
    };
    assert!(left(&Filter::default(), exchange()).starts_with("ALTER TABLE `p` EXCHANGE"));
    assert_eq!(left(&filter(&["x.*"]), exchange()), "Tables");
    for (tables, is, is_not) in [(["app.*"], "`app`.`p`", "`bak`.`t`"), (["bak.*"], "`bak`.`t`", "`app`.`p`")] {
        let said = left(&filter(&tables), exchange());
        let expected =
            format!("exchanges rows of {is}, which is replicated, with rows of {is_not}, which is not => bring {is}");
        assert!(said.contains(&expected), "{said}");
    }
    let judged = filter(&["app.*"]).ddl(TS, exchange()).ddl.unwrap();
    assert_eq!((judged.before.len(), judged.after.len()), (1, 1), "the other table is none of the target's");
}

#[test]
fn events_of_ddl() {
    let rule = |tables: &[&str], ignore: &[&str], sql: &[&str]| EventRule {
        tables: own(tables),
        ignore: own(ignore),
        ignore_sql: own(sql),
        ..EventRule::default()
    };
    let events = vec![
        rule(&["app.*"], &["drop database", "truncate table", "rename table"], &["^alter table .* comment"]),
        rule(&["app.t"], &["alter database", "all ddl"], &[]),
    ];
    let filter = Filter::new(&Rules { events, ..Rules::default() }).unwrap();
    assert_eq!(left(&filter, ddl(2, "app", "DROP DATABASE `app`", &[], &[])), "Events");
    assert!(
        left(&filter, ddl(26, "app", "ALTER DATABASE `app` CHARSET utf8", &[], &[])).starts_with("ALTER"),
        "that is for one table"
    );
    assert!(left(&filter, ddl(2, "x", "DROP DATABASE `x`", &[], &[])).starts_with("DROP"));
    assert_eq!(left(&filter, ddl(11, "app.u", "TRUNCATE TABLE `u`", &[(1, "app.u")], &[(2, "app.u")])), "Events");
    assert_eq!(left(&filter, ddl(5, "app.t", "ALTER TABLE `t` ADD COLUMN a INT", &[], &[])), "Events");
    assert!(left(&filter, ddl(5, "app.u", "ALTER TABLE `u` ADD COLUMN a INT", &[], &[])).starts_with("ALTER"));
    assert!(
        left(&filter, ddl(14, "app.v", "ALTER TABLE `u` RENAME TO `v`", &[(1, "app.u")], &[(1, "app.v")]))
            .starts_with("ALTER"),
        "counts as `alter table`"
    );
    assert_eq!(left(&filter, rename("RENAME TABLE `u` TO `v`", &[(1, "app.u")], &[(1, "app.v")])), "Events");
    let comment = Ddl {
        written: "alter table u comment='x'".to_owned(),
        ..ddl(17, "app.u", "ALTER TABLE `u` COMMENT = 'x'", &[], &[])
    };
    assert_eq!(left(&filter, comment), "Events", "the text as the user wrote it counts");
    let sequence = ddl(34, "app.t", "CREATE SEQUENCE `t`", &[], &[]);
    assert_eq!(left(&filter, sequence), "Events", "`all ddl` means all");
}
