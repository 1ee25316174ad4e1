//! Tests of rows in the old format: handles, updates, missing columns, and damage.

use super::*;
use crate::model::{Generated, Handle, KeyPart, Kind};

fn column(id: i64, name: &str, kind: Kind) -> Column {
    let missing = Value::Bytes(Bytes::from_static(b"filled in"));
    Column { id, name: name.to_owned(), kind, nullable: true, generated: Generated::No, hidden: false, missing }
}

/// `id` BIGINT, `a` text, `b` INT, with the column ids 1, 2, 3.
fn table(handle: Handle) -> Table {
    let text = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_general_ci".into() };
    Table {
        id: 7,
        schema: "db".into(),
        name: "t".into(),
        columns: vec![
            column(1, "id", Kind::Int { bytes: 8, unsigned: false }),
            column(2, "a", text),
            column(3, "b", Kind::Int { bytes: 4, unsigned: false }),
        ],
        keys: Vec::new(),
        handle,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        details: None,
    }
}

fn bytes(hex: &str) -> Bytes {
    hex::decode(hex.replace(' ', "")).unwrap().into()
}

fn text(value: &'static str) -> Value {
    Value::Bytes(value.into())
}

fn problem<T: std::fmt::Debug>(result: Result<T>) -> String {
    format!("{:#}", result.unwrap_err())
}

#[test]
fn an_integer_handle_is_a_column() {
    let table = table(Handle::Int(0));
    let row = insert(&table, &bytes("0802 0804020241 08060803")).unwrap();
    assert_eq!(row, [Value::Int(1), text("A"), Value::Int(-2)]);
    // Out of order, with an unknown column and the row's own id, which takes precedence.
    let row = insert(&table, &bytes("0802 08060803 08080202ff 0804020241 08020806")).unwrap();
    assert_eq!(row, [Value::Int(3), text("A"), Value::Int(-2)]);
    assert_eq!(insert(&table, &bytes("0802 00")).unwrap(), [Value::Int(1), text("filled in"), text("filled in")]);
}

#[test]
fn a_common_handle_fills_only_what_the_row_lacks() {
    let part = |column, prefix| KeyPart { column, prefix };
    let table = table(Handle::Common(vec![part(1, None), part(2, None), part(0, Some(3))]));
    let row = insert(&table, &bytes("02080041 0041 0802 0812 0804 02044161")).unwrap();
    assert_eq!(row, [text("filled in"), text("Aa"), Value::Int(1)]);
    // Without new collations the key holds the text itself and the row leaves it out.
    let row = insert(&table, &bytes("02044161 0802 0812 00")).unwrap();
    assert_eq!(row, [text("filled in"), text("Aa"), Value::Int(1)]);
    let error = problem(insert(&table, &bytes("0802 0802 0812 00")));
    assert_eq!(error, "column `a`, in the handle: a text column cannot hold a signed number");
}

#[test]
fn an_update_is_split_at_the_second_occurrence() {
    let table = table(Handle::RowId);
    let RowKind::Update { old, new } =
        update(&table, &bytes("08020802 080400 0801080e 08020804 0804 02027a 0801080e")).unwrap()
    else {
        panic!("an update");
    };
    assert_eq!(old, [Value::Int(1), Value::Null, Value::Absent]);
    assert_eq!(new, [Value::Int(2), text("z"), Value::Absent]);
    let torn = problem(update(&table, &bytes("08020802 080400 08020802")));
    assert_eq!(torn, "column `a` is in only one of the two images");
    let thrice = problem(update(&table, &bytes("08020802 08020802 08020802")));
    assert_eq!(thrice, "column `id` appears more than twice");
}

#[test]
fn columns_that_the_target_computes_are_absent() {
    let mut table = table(Handle::RowId);
    table.columns[1].generated = Generated::Stored;
    table.columns[2].hidden = true;
    let row = delete(&table, &bytes("08020802 0804 020278 0806 0803 0801080e")).unwrap();
    assert_eq!(row, [Value::Int(1), Value::Absent, Value::Absent]);
    let twice = problem(delete(&table, &bytes("0804 020278 0804 020278")));
    assert_eq!(twice, "column `a` appears twice");
}

#[test]
fn a_column_that_the_row_lacks_is_not_guessed() {
    let mut table = table(Handle::RowId);
    table.columns[1].missing = Value::Absent;
    let expected =
        "column `a` is not in the row, and TiDB's schema does not say what value rows older than the column have";
    assert_eq!(problem(insert(&table, &bytes("0802 08020802"))), expected);
    table.columns[1].nullable = false;
    let problem = problem(update(&table, &bytes("08020802 08020804")));
    assert_eq!(problem, format!("the image after the update: {expected}"));
    // A column that the row has, or that the target computes, needs no such value.
    assert!(delete(&table, &bytes("08020802 0804 020278")).is_ok());
    table.columns[1].generated = Generated::Virtual;
    assert!(delete(&table, &bytes("08020802")).is_ok());
}

#[test]
fn a_column_that_is_being_dropped_is_in_neither_image() {
    let mut table = table(Handle::RowId);
    let absent = [Value::Int(1), Value::Absent, Value::Absent];
    assert_eq!(delete(&table, &bytes("08020802")).unwrap(), absent);
    let both = bytes("08020802 08020804");
    let new = [Value::Int(2), Value::Absent, Value::Absent];
    assert_eq!(update(&table, &both).unwrap(), RowKind::Update { old: absent.to_vec(), new: new.to_vec() });
    table.columns[1].nullable = false;
    let RowKind::Update { old, new } = update(&table, &both).unwrap() else { panic!("an update") };
    assert_eq!((&old[1], &new[1]), (&Value::Absent, &text("filled in")));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let mut table = table(Handle::RowId);
    for (hex, expected) in [
        ("08020802 08020802", "column `id` appears twice"),
        ("08020202 41", "column `id`: an integer column cannot hold a string"),
        ("0806 0880808080 20", "column `b`: 4294967296 does not fit in 4 bytes"),
        ("0804 0208 4141", "column `a`: the bytes end too early: 4 wanted, 2 left"),
        ("0802", "column `id`: the bytes end too early"),
        ("0908 00", "an unsigned number found where a column id is expected"),
        ("0812 0b", "column id 9, not in the definition: no value begins with the flag 0x0b"),
        ("80000100 0000 01 0100 01", "a column id: no value begins with the flag 0x80"),
        ("", "a column id: the bytes end too early"),
    ] {
        assert_eq!(problem(delete(&table, &bytes(hex))), expected, "{hex}");
    }
    assert!(problem(insert(&table, &bytes("020241 00"))).contains("is a string instead of an integer"));
    table.columns[0].nullable = false;
    assert!(problem(delete(&table, &bytes("080200"))).contains("`id` is NULL"));
    let mut endless = Vec::new();
    (0..=MAX_PAIRS).for_each(|_| endless.extend([8, 20, 0]));
    assert!(problem(delete(&table, &endless.into())).contains("more than 16384 columns"));
}
