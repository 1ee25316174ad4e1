//! Random definitions, as TiDB's TableInfo has them, and jobs that TiDB can do with them.

mod constraints;
mod generated;
mod jobs;
mod keys;
mod partitions;
mod types;

use tisync::playground::Random;
use tisync::schema::{CiStr, ColumnInfo, FieldType, TableInfo};
use tisync::sql::quote_name;

pub use jobs::Job;
use partitions::Bounds;
use types::{AUTO_INCREMENT, NO_DEFAULT, NOT_NULL, binary, text_type};

const PUBLIC: i64 = 5;

const COMMENTS: [&str; 6] = ["", "", "it's", "c:\\dir\\", "a `quoted` \"name\"; -- /* x */", "two\nlines"];

/// Makes definitions.
pub struct Maker {
    random: Random,
    /// The database of the parents.
    db: String,
    next_column: i64,
    next_index: i64,
    next_constraint: i64,
    next_partition: i64,
    /// What the partitions of the table hold.
    bounds: Bounds,
}

impl Maker {
    pub fn new(random: Random, db: &str) -> Self {
        Self {
            random,
            db: db.to_owned(),
            next_column: 0,
            next_index: 0,
            next_constraint: 0,
            next_partition: 1000,
            bounds: Bounds::default(),
        }
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.random.index(list.len())]
    }

    /// A table whose rows are told apart by `id`, the first of its columns to be made.
    pub fn table(&mut self) -> TableInfo {
        loop {
            let table = self.any_table();
            if keys::fit(&table) && !partitions::crashes(&table) {
                return table;
            }
        }
    }

    fn any_table(&mut self) -> TableInfo {
        let mut id =
            self.plain("id", FieldType { tp: 8, flen: 20, decimal: 0, flag: NOT_NULL | NO_DEFAULT, ..binary() });
        if self.random.one_in(4) {
            id.field.flag |= AUTO_INCREMENT;
        }
        let (charset, collate) = *self.pick(&[
            ("utf8mb4", "utf8mb4_bin"),
            ("utf8mb4", "utf8mb4_bin"),
            ("utf8mb4", "utf8mb4_general_ci"),
            ("utf8", "utf8_bin"),
            ("latin1", "latin1_bin"),
        ]);
        let mut table = TableInfo {
            charset: charset.to_owned(),
            collate: collate.to_owned(),
            cols: vec![id],
            comment: (*self.pick(&COMMENTS)).to_owned(),
            checks: Some(Vec::new()),
            ..TableInfo::default()
        };
        for number in 0..self.random.between(2, 6) {
            let column = self.column(&format!("c{number}"));
            table.cols.push(column);
        }
        if self.random.one_in(3) {
            self.add_partition_column(&mut table);
        }
        self.add_primary_key(&mut table);
        for _ in 0..self.random.below(3) {
            let stored = self.random.one_in(2);
            self.add_generated(&mut table, stored);
        }
        for _ in 0..self.random.below(4) {
            self.add_index(&mut table);
        }
        for _ in 0..self.random.below(3) {
            self.add_check(&mut table);
        }
        if self.random.one_in(3) {
            self.partition(&mut table);
        }
        if table.partition.is_none() && self.random.one_in(2) {
            for _ in 0..self.random.between(1, 2) {
                self.add_foreign_key(&mut table);
            }
        }
        if keys::hides_key(&table) {
            table.index_info.iter_mut().for_each(|i| i.is_invisible = false);
        }
        place(&mut table);
        table
    }

    /// A column of which partitions may be.
    fn add_partition_column(&mut self, table: &mut TableInfo) {
        let mut field = match self.random.below(3) {
            0 => text_type(15, 20, ("utf8mb4", "utf8mb4_bin")),
            _ => FieldType { tp: 10, flen: 10, decimal: 0, ..binary() },
        };
        field.flag |= NOT_NULL;
        let default = if field.tp == 10 { "2024-02-29" } else { "m" };
        let mut column = self.plain("p", field);
        column.default = Some(default.to_owned());
        column.origin_default = column.default.clone();
        let at = self.random.index(table.cols.len() + 1);
        table.cols.insert(at, column);
    }

    fn name_of_new(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.next_column + 1)
    }
}

/// Whether a column may be changed freely: nothing is made of it.
fn is_free(table: &TableInfo, column: &ColumnInfo) -> bool {
    !column.hidden
        && !matches!(column.name.0.as_str(), "id" | "p")
        && !is_depended(table, &column.name.0)
        && !table.fk_info.iter().any(|f| f.cols.contains(&column.name))
        && column.field.flag & types::PRIMARY == 0
}

/// Whether an expression of the table names the column.
fn is_depended(table: &TableInfo, name: &str) -> bool {
    let quoted = quote_name(name);
    let checks = table.checks.iter().flatten().map(|c| &c.expr_string);
    table.cols.iter().map(|c| &c.generated_expr_string).chain(checks).any(|e| e.contains(&quoted))
}

fn named(list: &[CiStr], name: &str) -> bool {
    list.iter().any(|n| n.0 == name)
}

/// Helpers of indexes are behind the columns that clients see.
fn place(table: &mut TableInfo) {
    table.cols.sort_by_key(|c| c.hidden);
    for (at, column) in (0..).zip(&mut table.cols) {
        column.offset = at;
    }
}
