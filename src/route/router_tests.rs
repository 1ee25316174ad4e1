use super::super::tests::{routes, table};
use super::*;

const TS: CommitTs = CommitTs(470_616_376_687_198_209);

fn router(pairs: &[(&str, &str)], tables: &[(i64, &str)], databases: &[&str]) -> Router {
    let tables: Vec<Arc<Table>> = tables.iter().map(|(id, name)| table(*id, name, &[])).collect();
    Router::start(Arc::new(routes(pairs)), tables.iter(), databases.iter().copied()).unwrap()
}

fn ddl(action: u8, at: &str, query: &str, before: &[(i64, &str)], after: &[(i64, &str)]) -> Ddl {
    let (schema, name) = at.split_once('.').unwrap_or((at, ""));
    let own = |list: &[(i64, &str)]| list.iter().map(|(id, name)| table(*id, name, &[])).collect();
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

/// Database, table, text, tables before and after; or the refusal with its hint.
fn shown(ddl: Option<Ddl>) -> String {
    let Some(ddl) = ddl else { return "nothing".to_owned() };
    if let Some(fault) = ddl.refused {
        return format!("{fault} => {}", fault.hint);
    }
    let names =
        |list: &[Arc<Table>]| list.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect::<Vec<_>>().join(",");
    format!("{}.{} {} [{}]→[{}]", ddl.schema, ddl.table, ddl.query, names(&ddl.before), names(&ddl.after))
}

#[test]
fn a_ddl_in_all_its_parts() {
    let mut router =
        router(&[("app.users", "crm.people"), ("app.*", "app2.*")], &[(1, "app.users"), (2, "app.t")], &["app"]);
    let create = ddl(3, "app.n", "CREATE TABLE `n` (`a` INT)", &[], &[(3, "app.n")]);
    assert_eq!(shown(router.ddl(TS, create)), "app2.n CREATE TABLE `app2`.`n` (`a` INT) []→[app2.n]");
    let alter = ddl(5, "app.users", "ALTER TABLE `users` ADD COLUMN `a` INT", &[(1, "app.users")], &[(1, "app.users")]);
    assert_eq!(
        shown(router.ddl(TS, alter)),
        "crm.people ALTER TABLE `crm`.`people` ADD COLUMN `a` INT [crm.people]→[crm.people]"
    );
    let other = ddl(3, "x.t", "CREATE TABLE `t` (`a` INT)", &[], &[(4, "x.t")]);
    assert_eq!(shown(router.ddl(TS, other)), "x.t CREATE TABLE `t` (`a` INT) []→[x.t]");
    let text = "CREATE TABLE `a` (`a` INT); CREATE TABLE `users` (`a` INT)";
    let several = ddl(60, "app.b", text, &[(1, "app.users")], &[(5, "app.a"), (6, "app.users")]);
    assert_eq!(
        shown(router.ddl(TS, several)),
        "app2.b CREATE TABLE `app2`.`a` (`a` INT); CREATE TABLE `crm`.`people` (`a` INT) [crm.people]→[app2.a,crm.people]"
    );
    let back = ddl(25, "app.t", "RECOVER TABLE `t`", &[], &[(2, "app.t")]);
    assert_eq!(shown(router.ddl(TS, back)), "app2.t RECOVER TABLE `t` []→[app2.t]");
    let policy = ddl(51, "app", "CREATE PLACEMENT POLICY `app` FOLLOWERS=4", &[], &[]);
    assert!(shown(router.ddl(TS, policy)).starts_with("app. CREATE PLACEMENT"), "a policy of that name is no database");
    let cluster = ddl(62, "", "FLASHBACK CLUSTER TO TIMESTAMP 'x'", &[], &[]);
    assert!(shown(router.ddl(TS, cluster)).contains("FLASHBACK CLUSTER"));
}

#[test]
fn two_tables_never_become_one() {
    let tables = [table(1, "a.t", &[]), table(2, "B.T", &[])];
    let list = routes(&[("a.*", "b.*")]);
    let fault = Router::start(Arc::new(list), tables.iter(), ["a", "b"].into_iter()).unwrap_err();
    assert_eq!(fault.message, "`a`.`t` and `B`.`T` of the upstream would both be `B`.`T` on the target");
    assert!(fault.hint.contains("another route"));

    let mut router = router(&[("a.*", "b.*")], &[(1, "a.t")], &["a", "b"]);
    let create = ddl(3, "b.t", "CREATE TABLE `t` (`x` INT)", &[], &[(2, "b.t")]);
    let said = shown(router.ddl(TS, create));
    assert!(
        said.contains("`a`.`t` and `b`.`t` of the upstream would both be `b`.`t`") && said.contains("--skip-ddl"),
        "{said}"
    );
    // Another name is free; a table that moves away makes room, within one statement too.
    let other = ddl(3, "b.u", "CREATE TABLE `u` (`x` INT)", &[], &[(3, "b.u")]);
    assert!(shown(router.ddl(TS, other)).starts_with("b.u CREATE"));
    let into = ddl(14, "a.u", "ALTER TABLE `t` RENAME TO `u`", &[(1, "a.t")], &[(1, "a.u")]);
    assert!(shown(router.ddl(TS, into)).contains("would both be `b`.`u`"));
    let away = ddl(
        47,
        "b.v",
        "RENAME TABLE `b`.`u` TO `b`.`v`, `a`.`t` TO `a`.`u`",
        &[(3, "b.u"), (1, "a.t")],
        &[(3, "b.v"), (1, "a.u")],
    );
    assert!(shown(router.ddl(TS, away)).starts_with("b.v RENAME TABLE `b`.`u` TO `b`.`v`, `b`.`t` TO `b`.`u`"));
    let drop = ddl(4, "a.u", "DROP TABLE `u`", &[(1, "a.u")], &[]);
    assert_eq!(shown(router.ddl(TS, drop)), "b.u DROP TABLE `b`.`u` [b.u]→[]");
    let again = ddl(3, "b.u", "CREATE TABLE `u` (`x` INT)", &[], &[(4, "b.u")]);
    assert!(shown(router.ddl(TS, again)).starts_with("b.u CREATE"));
}

#[test]
fn databases_that_are_shared_are_not_dropped() {
    let drop = |before: &[(i64, &str)]| ddl(2, "app", "DROP DATABASE `app`", before, &[]);
    let mut alone = router(&[("app.*", "app2.*")], &[(1, "app.t")], &["app", "x"]);
    let create = || ddl(1, "app", "CREATE DATABASE `app`", &[], &[]);
    assert_eq!(shown(alone.ddl(TS, create())), "app2. CREATE DATABASE `app2` []→[]");
    assert_eq!(shown(alone.ddl(TS, drop(&[(1, "app.t")]))), "app2. DROP DATABASE `app2` [app2.t]→[]");

    // `app2` exists upstream, too; or two databases lead into one.
    for (pairs, databases) in [
        (&[("app.*", "app2.*")][..], &["app", "app2"][..]),
        (&[("app.*", "app2.*"), ("x.*", "app2.*")], &["app", "x"]),
        (&[("app.*", "app2.*"), ("x.t", "app2.t9")], &["app", "x"]),
    ] {
        let mut shared = router(pairs, &[(1, "app.t")], databases);
        assert_eq!(shown(shared.ddl(TS, create())), "app2. CREATE DATABASE IF NOT EXISTS `app2` []→[]");
        assert_eq!(shown(shared.ddl(TS, drop(&[(1, "app.t")]))), "app2. DROP TABLE IF EXISTS `app2`.`t`; [app2.t]→[]");
        assert_eq!(shown(shared.ddl(TS, drop(&[]))), "nothing");
    }
    // One of its tables lives elsewhere.
    let mut spread = router(&[("app.u", "y.u")], &[(1, "app.t"), (2, "app.u")], &["app"]);
    let text = "app. DROP TABLE IF EXISTS `app`.`t`, `y`.`u`; [app.t,y.u]→[]";
    assert_eq!(shown(spread.ddl(TS, drop(&[(1, "app.t"), (2, "app.u")]))), text);
}

#[test]
fn what_cannot_be_renamed_for_sure_is_refused() {
    let mut router = router(&[("app.*", "app2.*")], &[], &["app"]);
    let view = ddl(21, "app.v", "CREATE VIEW `v` AS SELECT * FROM `t`", &[], &[]);
    let said = shown(router.ddl(TS, view));
    assert!(said.starts_with("the routes may rename the tables of `CREATE VIEW `v` AS"), "{said}");
    assert!(said.contains("replace:470616376687198209=SQL"), "{said}");
    let free = ddl(21, "x.v", "CREATE VIEW `v` AS SELECT * FROM `t`", &[], &[]);
    assert!(shown(router.ddl(TS, free)).starts_with("x.v CREATE VIEW"));
    let gone = ddl(24, "app.v", "DROP VIEW `v`", &[], &[]);
    assert_eq!(shown(router.ddl(TS, gone)), "app2.v DROP VIEW `app2`.`v` []→[]");
}
