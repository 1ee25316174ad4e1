//! Tests of later definitions that explain a target which has each DDL first.

use super::*;
use crate::model::{Column, Generated, Kind, RowKind, Value};
use crate::sink::mysql::shape::found::FoundColumn;

fn table(columns: &[(i64, &str, Value)]) -> Table {
    let column = |(id, name, missing): &(i64, &str, Value)| Column {
        id: *id,
        name: (*name).to_owned(),
        kind: Kind::Int { bytes: 4, unsigned: false },
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: missing.clone(),
    };
    Table { columns: columns.iter().map(column).collect(), ..Table::named("d", "t") }
}

fn later(columns: &[(i64, &str, Value)]) -> Later {
    Later { table: Arc::new(table(columns)), modifies: false, brought: true }
}

fn there(names: &[&str]) -> TargetTable {
    let column = |name: &&str| {
        let found = FoundColumn { name: (*name).to_owned(), nullable: true, ..FoundColumn::default() };
        ((*name).to_owned(), found)
    };
    TargetTable { columns: names.iter().map(column).collect(), ..TargetTable::default() }
}

const FACTS: Facts = Facts { folded: false, zero_dates: true };
const NULL: Value = Value::Null;

#[test]
fn only_what_the_source_comes_to_explains_the_target() {
    let now = table(&[(1, "a", NULL), (2, "b", NULL)]);
    let explained = |later: &[Later], names: &[&str]| explain_ahead(&now, later, &there(names), FACTS);
    assert!(matches!(explained(&[], &["a", "b"]), Explained::Yes { fit: None, known: false }));
    assert!(matches!(explained(&[], &["a", "b", "c"]), Explained::NotYet(texts) if texts.len() == 1));
    let steps = [
        later(&[(1, "a", NULL), (2, "b", NULL), (3, "c", Value::Int(7))]),
        later(&[(1, "a", NULL), (2, "z", NULL), (3, "c", Value::Int(7))]),
    ];
    assert!(matches!(explained(&steps[..1], &["a", "c", "z"]), Explained::NotYet(_)), "one is missing");
    let Explained::Yes { fit: Some(fit), known: true } = explained(&steps, &["a", "c", "z"]) else { panic!() };
    assert!(fit.keeps && fit.extras.len() == 1 && fit.extras[0].literal == "7" && fit.left_out.is_empty());
    let names: Vec<&str> = fit.table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "z"]);
    assert!(
        fit.says.contains("`b` is `z` there") && fit.says.contains("`c` keeps its value, or gets 7"),
        "{}",
        fit.says
    );
    // Nothing that the source has by now is still to come on the target: the target is further on,
    // and only looks as before.
    assert!(matches!(explained(&steps, &["a", "b"]), Explained::NotYet(_)));
    assert!(matches!(explained(&steps, &["a", "b", "c"]), Explained::NotYet(_)));
    // A user's own DDL on the source says nothing about that.
    let own = [Later { brought: false, ..steps[0].clone() }];
    assert!(matches!(explained(&own, &["a", "b"]), Explained::Yes { fit: None, known: false }));
}

#[test]
fn a_column_made_anew_has_nothing_of_the_one_that_was() {
    let now = table(&[(1, "a", NULL), (2, "b", NULL)]);
    let steps = [later(&[(1, "a", NULL)]), later(&[(1, "a", NULL), (5, "b", Value::Int(9))])];
    assert!(matches!(explain_ahead(&now, &steps[..1], &there(&["a", "b"]), FACTS), Explained::NotYet(_)));
    let explained = explain_ahead(&now, &steps, &there(&["a", "b"]), FACTS);
    let Explained::Yes { fit: Some(fit), .. } = explained else { panic!("{explained:?}") };
    let row = fit.change(&RowKind::Insert(vec![Value::Int(1), Value::Int(2)])).unwrap();
    assert_eq!(row, RowKind::Insert(vec![Value::Int(1)]));
    assert_eq!((fit.extras[0].name.as_str(), fit.extras[0].literal.as_str()), ("b", "9"));
    assert!(fit.says.contains("left out because the target lacks them: `b`"), "{}", fit.says);
}
