//! The tables of the workload, and what each holds: the truth.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tisync::model::{Column, Decimal, Generated, Handle, Key, KeyPart, Kind, Row, RowChange, RowKind, Table, Value};
use tisync::playground::tableinfo::{self, ColumnDetails, Details};

/// The database of them all.
pub const DATABASE: &str = "faults";

/// Places of the tables in [`all`].
pub const ACCOUNTS: usize = 0;
pub const TRANSFERS: usize = 1;
pub const JOURNAL: usize = 2;
pub const SEATS: usize = 3;
pub const BADGES: usize = 4;
pub const EXACT: usize = 5;
pub const LOOSE: usize = 6;
pub const PARENTS: usize = 7;
pub const CHILDREN: usize = 8;
/// Tables from here on come and go.
pub const FIRST_EXTRA: usize = 9;

const BIGINT: Kind = Kind::Int { bytes: 8, unsigned: false };
const MONEY: Kind = Kind::Decimal { precision: 14, scale: 2 };

/// A table and its rows by handle: its integer key, or a number that only the upstream knows.
#[derive(Clone)]
pub struct State {
    pub table: Arc<Table>,
    pub details: Details,
    pub parent: Option<&'static str>,
    pub rows: BTreeMap<i64, Row>,
    pub next: i64,
}

/// The row changes of one transaction.
#[derive(Default)]
pub struct Work {
    pub changes: Vec<RowChange>,
    pub handles: Vec<i64>,
}

impl State {
    fn new(table: Table, lengths: &[(&str, u32)]) -> Self {
        let detail = |n: u32| ColumnDetails { length: Some(n), ..ColumnDetails::default() };
        let columns = lengths.iter().map(|(name, n)| ((*name).to_owned(), detail(*n))).collect();
        Self {
            table: Arc::new(table),
            details: Details { columns, ..Details::default() },
            parent: None,
            rows: BTreeMap::new(),
            next: 1,
        }
    }

    /// A handle that no row has had before.
    pub fn handle(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// The statement that makes it.
    pub fn create(&self) -> String {
        let sql = tableinfo::create_table(&self.table, &self.details);
        let Some(parent) = self.parent else { return sql };
        let key = format!(
            ",CONSTRAINT `fk_{parent}` FOREIGN KEY (`parent`) REFERENCES `{DATABASE}`.`{parent}`(`id`) ON DELETE CASCADE) DEFAULT CHARACTER"
        );
        sql.replacen(") DEFAULT CHARACTER", &key, 1)
    }

    /// TableInfo as of `ts`.
    pub fn info(&self, ts: u64) -> Json {
        let mut info = tableinfo::table_info(&self.table, &self.details, ts);
        if let Some(parent) = self.parent {
            let name = |n: &str| tableinfo::name(n);
            info["fk_info"] = json!([{
                "id": 1, "fk_name": name(&format!("fk_{parent}")), "ref_schema": name(DATABASE),
                "ref_table": name(parent), "ref_cols": [name("id")], "cols": [name("parent")],
                "on_delete": 2, "on_update": 0, "state": 5, "version": 1,
            }]);
        }
        info
    }

    /// Adds a column at the end; rows that are there hold what it has for them.
    pub fn add_column(&mut self, mut column: Column, details: ColumnDetails) {
        // The statement names no collation, so it is the table's.
        if let Kind::Text { collation, .. } = &mut column.kind {
            collation.clone_from(&self.table.collation);
        }
        self.rows.values_mut().for_each(|row| row.push(column.missing.clone()));
        self.details.columns.insert(column.name.clone(), details);
        Arc::make_mut(&mut self.table).columns.push(column);
    }

    /// A row whose first values are these; what columns added later hold, `seed` says.
    pub fn row(&self, first: Vec<Value>, seed: i64) -> Row {
        let mut row = first;
        for column in self.table.columns.iter().skip(row.len()) {
            row.push(if seed % 3 == 0 { column.missing.clone() } else { text(&format!("added {seed}")) });
        }
        row
    }
}

impl Work {
    pub fn insert(&mut self, state: &mut State, handle: i64, row: Row) {
        assert!(state.rows.insert(handle, row.clone()).is_none(), "a handle is used once");
        self.push(state, handle, RowKind::Insert(row));
    }

    pub fn update(&mut self, state: &mut State, handle: i64, change: impl FnOnce(&mut Row)) {
        let Some(row) = state.rows.get_mut(&handle) else { return };
        let old = row.clone();
        change(row);
        let new = row.clone();
        // TiDB writes nothing for an update that changes nothing.
        if old != new {
            self.push(state, handle, RowKind::Update { old, new });
        }
    }

    pub fn delete(&mut self, state: &mut State, handle: i64) {
        if let Some(row) = state.rows.remove(&handle) {
            self.push(state, handle, RowKind::Delete(row));
        }
    }

    fn push(&mut self, state: &State, handle: i64, kind: RowKind) {
        self.changes.push(RowChange { table: Arc::clone(&state.table), kind });
        self.handles.push(handle);
    }
}

/// The lasting tables, without ids.
pub fn all() -> Vec<State> {
    let children = State {
        parent: Some("parents"),
        ..State::new(int_key(table("children", &[("id", BIGINT), ("parent", BIGINT), ("v", BIGINT)])), &[])
    };
    let exact = common_key(table("exact", &[("name", bin()), ("n", BIGINT)]));
    let loose = int_key(unique(table("loose", &[("id", BIGINT), ("name", ci())]), 1));
    vec![
        State::new(
            int_key(table("accounts", &[("id", BIGINT), ("owner", bin()), ("balance", MONEY)])),
            &[("owner", 40)],
        ),
        State::new(
            int_key(table("transfers", &[("id", BIGINT), ("src", BIGINT), ("dst", BIGINT), ("amount", MONEY)])),
            &[],
        ),
        State::new(table("journal", &[("level", BIGINT), ("message?", bin())]), &[("message", 200)]),
        State::new(
            int_key(unique(table("seats", &[("id", BIGINT), ("seat", BIGINT), ("guest?", bin())]), 1)),
            &[("guest", 40)],
        ),
        State::new(unique(table("badges", &[("code?", bin()), ("worth", BIGINT)]), 0), &[("code", 40)]),
        State::new(exact, &[("name", 40)]),
        State::new(Table { collation: "utf8mb4_general_ci".to_owned(), ..loose }, &[("name", 40)]),
        State::new(int_key(table("parents", &[("id", BIGINT), ("v", BIGINT)])), &[]),
        children,
    ]
}

/// A table that comes and goes; every second one has no key.
pub fn extra(number: u64) -> State {
    let plain = table(&format!("extra_{number}"), &[("id", BIGINT), ("v?", bin())]);
    State::new(if number.is_multiple_of(2) { int_key(plain) } else { plain }, &[("v", 40)])
}

/// A nullable text column.
pub fn added(id: i64, name: &str) -> (Column, ColumnDetails) {
    let details = ColumnDetails { length: Some(40), added: true, ..ColumnDetails::default() };
    (column(id, &format!("{name}?"), bin()), details)
}

fn bin() -> Kind {
    Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() }
}

fn ci() -> Kind {
    Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_general_ci".to_owned() }
}

/// A name that ends in `?` may be NULL.
fn column(id: i64, name: &str, kind: Kind) -> Column {
    let nullable = name.ends_with('?');
    let missing = match &kind {
        _ if nullable => Value::Null,
        Kind::Int { .. } => Value::Int(0),
        Kind::Decimal { .. } => money(0),
        _ => text(""),
    };
    let name = name.trim_end_matches('?').to_owned();
    Column { id, name, kind, nullable, generated: Generated::No, hidden: false, missing }
}

fn table(name: &str, columns: &[(&str, Kind)]) -> Table {
    Table {
        id: 0,
        schema: DATABASE.to_owned(),
        name: name.to_owned(),
        columns: (1i64..).zip(columns).map(|(id, (name, kind))| column(id, name, kind.clone())).collect(),
        keys: Vec::new(),
        handle: Handle::RowId,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    }
}

fn parts(column: usize) -> Vec<KeyPart> {
    vec![KeyPart { column, prefix: None }]
}

fn int_key(mut table: Table) -> Table {
    table.keys.insert(0, Key { name: "PRIMARY".to_owned(), primary: true, parts: parts(0) });
    table.handle = Handle::Int(0);
    table
}

fn common_key(mut table: Table) -> Table {
    table.keys.insert(0, Key { name: "PRIMARY".to_owned(), primary: true, parts: parts(0) });
    table.handle = Handle::Common(parts(0));
    table
}

fn unique(mut table: Table, column: usize) -> Table {
    table.keys.push(Key { name: format!("u_{}", table.columns[column].name), primary: false, parts: parts(column) });
    table
}

pub fn text(text: &str) -> Value {
    Value::Bytes(text.to_owned().into())
}

/// Hundredths as a DECIMAL.
pub fn money(cents: i64) -> Value {
    let sign = if cents < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    Value::Decimal(Decimal { text: text.into() })
}

/// The hundredths of a DECIMAL.
pub fn cents(value: &Value) -> i64 {
    let Value::Decimal(d) = value else { panic!("no money: {value:?}") };
    String::from_utf8_lossy(&d.text).replace('.', "").parse().expect("digits")
}
