//! Tests of which of TiDB's SQL may stand in a statement.
//!
//! Statements made from definitions are tried on a real server (`tests/definitions`).

use std::sync::Arc;

use super::column::expression;
use super::statements;
use crate::model::{
    ActionType, Ddl, Index, Method, PartitionDetails, Partitioning, Table, TableDetails, TidbOptions, Ttl,
};
use crate::mysql::session::Server;

#[test]
fn an_index_of_tidbs_own_kind_is_said() {
    let table = |indexes: Vec<Index>| {
        let details = TableDetails { indexes, ..TableDetails::default() };
        Arc::new(Table { details: Some(Arc::new(details)), ..Table::named("d", "t") })
    };
    let index = Index { id: 3, name: "near".to_owned(), foreign_kind: true, ..Index::default() };
    let (before, after) = (vec![table(vec![])], vec![table(vec![index.clone()])]);
    let ddl = Ddl { action: ActionType::AddIndex, before, after, ..Ddl::default() };
    let server = Server::read("9.7.0".to_owned(), None, 1 << 20);
    let made = |ddl: &Ddl| match statements(&server, ddl) {
        Ok(Some(made)) => (made.statements, made.without),
        _ => panic!("nothing is made"),
    };
    assert_eq!(made(&ddl), (vec![], vec!["index `near` is of a kind that only TiDB has".to_owned()]));
    let later = Ddl { before: ddl.after.clone(), ..ddl };
    assert_eq!(made(&later), (vec![], vec![]));
}

/// The CREATE TABLE for a TiDB.
fn created(details: TableDetails) -> Result<Vec<String>, String> {
    let table = Arc::new(Table { details: Some(Arc::new(details)), ..Table::named("d", "t") });
    let server = Server::read("8.0.11-TiDB-v8.1.0".to_owned(), None, 1 << 20);
    match statements(&server, &Ddl { action: ActionType::CreateTable, after: vec![table], ..Ddl::default() }) {
        Ok(made) => Ok(made.map(|made| made.statements).unwrap_or_default()),
        Err(why) => Err(why.0),
    }
}

/// TiDB accepts any number and any text there.
#[test]
fn a_ttl_is_what_it_is_upstream() {
    let of = |interval: &str, unit: &'static str, every: &str| {
        let (column, interval, job_interval) = ("d".to_owned(), interval.to_owned(), every.to_owned());
        let own = TidbOptions { ttl: Some(Ttl { column, interval, unit, job_interval }), ..TidbOptions::default() };
        created(TableDetails { own, ..TableDetails::default() }).map(|made| made.concat())
    };
    for (interval, unit, every, expected) in [
        ("10", "DAY", "", " /*T![ttl] TTL=`d` + INTERVAL 10 DAY */"),
        ("1.5", "DAY", "2h", " /*T![ttl] TTL=`d` + INTERVAL 1.5 DAY */ /*T![ttl] TTL_JOB_INTERVAL='2h' */"),
        ("_utf8mb4'1:1'", "MINUTE_SECOND", "", " /*T![ttl] TTL=`d` + INTERVAL _utf8mb4'1:1' MINUTE_SECOND */"),
    ] {
        let made = of(interval, unit, every).unwrap();
        assert!(made.ends_with(expected), "{made}");
    }
    for interval in ["1 DAY */ , ADD COLUMN x INT /*", "'*/'", "1 -- ", "(select 1)", ""] {
        assert!(of(interval, "DAY", "").is_err(), "{interval}");
    }
}

/// TiDB 6 accepts DEFAULT, and keeps a partition without values.
#[test]
fn a_default_partition_is_one() {
    let part = |id, name: &str, values: &[&str]| PartitionDetails {
        id,
        name: name.to_owned(),
        less_than: vec![],
        in_values: values.iter().map(|v| vec![(*v).to_owned()]).collect(),
        comment: String::new(),
    };
    let partitions = vec![part(1, "p0", &["1", "2"]), part(2, "p1", &[])];
    let by = Partitioning { method: Method::List, expression: "`a`".to_owned(), columns: vec![], partitions };
    let made = created(TableDetails { partitioning: Some(by), ..TableDetails::default() }).unwrap().concat();
    let expected = "PARTITION BY LIST (`a`) (PARTITION `p0` VALUES IN (1,2),PARTITION `p1` DEFAULT)";
    assert!(made.ends_with(expected), "{made}");
}

#[test]
fn nothing_leaves_its_brackets() {
    for text in [
        "`a` + 1",
        "concat(`d`, _utf8mb4'!')",
        "json_unquote(json_extract(`j`, _utf8mb4'$.k'))",
        "regexp_replace(`a`, _utf8mb4'^[1-9]\\\\d{3}$', _utf8mb4'x')",
        "'2025-01-01'",
        "MAXVALUE",
        "`a)b;` = ')'",
        "case when `a` > 0 then ';' else '--' end",
        "-1",
    ] {
        assert!(expression(text).is_ok(), "{text}");
    }
    for text in [
        "",
        " ",
        "1)",
        "1) STORED, DROP COLUMN `b`, ADD COLUMN `c` INT AS (1",
        "1; DROP DATABASE d",
        "(1",
        "1 /*! ) */",
        "1 -- )",
        "1 # )",
        "'a",
        "`a",
        "'a\\'",
        "1 \n",
        "(select 1)",
        "(SELECT `word` FROM `secret`)",
    ] {
        assert!(expression(text).is_err(), "{text}");
    }
}
