//! What of TiDB's SQL may stand in a statement. What is made of definitions is tried on a real server (`tests/definitions`).

use std::sync::Arc;

use super::expression::expression;
use super::statements;
use crate::model::{ActionType, Ddl, Index, Table, TableDetails};
use crate::sink::mysql::session::Server;

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
    assert_eq!(made(&ddl), (vec![], vec!["index `near` is of a kind that TiDB alone has".to_owned()]));
    let later = Ddl { before: ddl.after.clone(), ..ddl };
    assert_eq!(made(&later), (vec![], vec![]));
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
