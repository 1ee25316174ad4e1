//! ADD COLUMN … NOT NULL without a default: older rows have the type's zero, as `origin_default`
//! says it (docs/protocol/tidb-formats.md §6.7), also where a server would have another one; what
//! comes later finds them by it.

use tisync::model::{Kind, RowKind, Value};

use crate::column::{Defined, Field, field, id};
use crate::common::made::INT;
use crate::story::{Story, T};
use crate::world::{dec, i, json, s, text};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("columns that may not be NULL and have no default are zero in older rows", |story| added(story, true)),
        case(
            "columns that may not be NULL and have no default are zero without a key, where a row is deleted",
            |story| added(story, false),
        ),
        case("a JSON that may be NULL is NULL in older rows", nullable_json),
        case("a column that may not be NULL and has no default, in a new table", made),
    ]
}

/// A column, its type as TiDB restores it, its zero, what selects it and what that gives.
type Zero = (Field, &'static str, Value, &'static str, &'static str);

fn zeros() -> Vec<Zero> {
    let elements = || vec!["a".to_owned(), "b".to_owned()];
    let nothing = || Value::Bytes("".into());
    let bytes = |fixed| Kind::Binary { fixed };
    let none = Value::Time(0);
    let all = vec![
        (field("j", Kind::Json).origin("null"), "JSON", json("null"), "?", "null"),
        (field("d", Kind::Date).origin("0000-00-00"), "DATE", none.clone(), "?", "0000-00-00"),
        (
            field("dt", Kind::Datetime { fsp: 0 }).origin("0000-00-00 00:00:00"),
            "DATETIME",
            none.clone(),
            "?",
            "0000-00-00 00:00:00",
        ),
        (
            field("ts", Kind::Timestamp { fsp: 3 }).origin("0000-00-00 00:00:00"),
            "TIMESTAMP(3)",
            none,
            "?",
            "0000-00-00 00:00:00.000",
        ),
        (field("e", Kind::Enum { elements: elements() }).origin("a"), "ENUM('a','b')", Value::Enum(1), "?", "a"),
        (field("s", Kind::Set { elements: elements() }).origin(""), "SET('a','b')", Value::Set(0), "?", ""),
        (field("bi", bytes(Some(4))).origin("\0\0\0\0"), "BINARY(4)", s([0; 4]), "HEX(?)", "00000000"),
        (field("vb", bytes(None)).length(10).origin(""), "VARBINARY(10)", nothing(), "HEX(?)", ""),
        (field("bl", bytes(None)).origin(""), "BLOB", nothing(), "HEX(?)", ""),
        (field("tx", text()).origin(""), "TEXT", nothing(), "?", ""),
        (field("v", text()).length(10).origin(""), "VARCHAR(10)", nothing(), "?", ""),
        (field("y", Kind::Year).origin("0000"), "YEAR", i(0), "?", "0000"),
        (field("tm", Kind::Duration { fsp: 0 }).origin("00:00:00"), "TIME", Value::Duration(0), "?", "00:00:00"),
        (field("bt", Kind::Bit { width: 8 }).origin("\0"), "BIT(8)", Value::Bit(0), "? + 0", "0"),
        (field("n", INT).origin("0"), "INT", i(0), "?", "0"),
        (field("f", Kind::Double).origin("0"), "DOUBLE", Value::Double(0.0), "?", "0"),
        (field("de", Kind::Decimal { precision: 6, scale: 2 }).origin("0"), "DECIMAL(6,2)", dec("0.00"), "?", "0.00"),
    ];
    all.into_iter().map(|(field, sql, zero, select, shown)| (field.not_null(), sql, zero, select, shown)).collect()
}

fn key(clustered: bool) -> Field {
    if clustered { id() } else { field("id", INT) }
}

fn added(story: &mut Story<'_>, clustered: bool) {
    let zeros = zeros();
    let define = |db: &str, fields: &[Field]| {
        let table = Defined::new(db, T, "t", &[&[key(clustered)], fields].concat());
        if clustered { table } else { table.without_key() }
    };
    let old = define(&story.db, &[]);
    story.ddl(3, &format!("CREATE TABLE `t` (`id` INT{});", if clustered { " PRIMARY KEY" } else { "" }), &old);
    story.made.rows(&old.table, [1, 2].map(|n| RowKind::Insert(vec![i(n)])).to_vec());
    let fields: Vec<Field> = zeros.iter().map(|(field, ..)| field.clone()).collect();
    let new = define(&story.db, &fields);
    let columns: Vec<_> = zeros.iter().map(|(field, sql, ..)| format!("`{}` {sql} NOT NULL", field.name)).collect();
    story.ddl(37, &format!("ALTER TABLE `t` ADD COLUMN ({});", columns.join(", ")), &new);
    let row = |id: i64| -> Vec<Value> {
        [i(id)].into_iter().chain(zeros.iter().map(|(_, _, zero, ..)| zero.clone())).collect()
    };
    story.insert(&new, row(3));
    story.delete(&new, row(1));
    story.play();
    let selects: Vec<_> = zeros.iter().map(|(field, _, _, select, _)| select.replace('?', field.name)).collect();
    let shown: Vec<_> = zeros.iter().map(|(.., shown)| *shown).collect();
    let shown = shown.join("|");
    story.shows(&format!("SELECT id, {} FROM t ORDER BY id", selects.join(", ")), &format!("2|{shown};3|{shown}"));
    let nullable = story.world.rows("SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name <> 'id' AND is_nullable = 'YES'");
    assert!(nullable.is_empty(), "{nullable:?}");
    no_defaults(story);
}

/// Neither upstream nor here: what older rows have is no default.
#[track_caller]
fn no_defaults(story: &mut Story<'_>) {
    let defaults = story.world.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND column_default <> 'NULL'",
    );
    assert!(defaults.is_empty(), "{defaults:?}");
}

fn nullable_json(story: &mut Story<'_>) {
    let old = Defined::new(&story.db, T, "t", &[field("a", INT)]).without_key();
    story.ddl(3, "CREATE TABLE `t` (`a` INT);", &old);
    story.made.rows(&old.table, [1, 2].map(|n| RowKind::Insert(vec![i(n)])).to_vec());
    let new = Defined::new(&story.db, T, "t", &[field("a", INT), field("j", Kind::Json)]).without_key();
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `j` JSON;", &new);
    story.delete(&new, vec![i(1), Value::Null]);
    story.insert(&new, vec![i(3), json("null")]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY a", "2|~;3|null");
}

/// There it has no `origin_default`, and no default: a row that does not name it is none of a strict session.
fn made(story: &mut Story<'_>) {
    let zeros: Vec<Zero> = zeros()
        .into_iter()
        .map(|(field, sql, zero, select, shown)| (field.new_table(), sql, zero, select, shown))
        .collect();
    let fields: Vec<Field> = zeros.iter().map(|(field, ..)| field.clone()).collect();
    let t = story.t(&fields);
    let columns: Vec<_> = zeros.iter().map(|(field, sql, ..)| format!("`{}` {sql} NOT NULL", field.name)).collect();
    story.ddl(3, &format!("CREATE TABLE `t` (`id` INT PRIMARY KEY,{});", columns.join(",")), &t);
    let zeros: Vec<Value> = zeros.into_iter().map(|(_, _, zero, ..)| zero).collect();
    story.insert(&t, [vec![i(1)], zeros].concat());
    story.play();
    story.shows(
        "SELECT id, j, d, dt, ts, e, v, n FROM t",
        "1|null|0000-00-00|0000-00-00 00:00:00|0000-00-00 00:00:00.000|a||0",
    );
    no_defaults(story);
}
