//! Random definitions, as TiDB's TableInfo has them, and changes of them.

use std::borrow::Cow;

use tisync::playground::random::Random;
use tisync::schema::{CiStr, ColumnInfo, FieldType, IndexColumn, IndexInfo, TableInfo};

/// Ids of columns up to this one are those of the first definition.
pub const OLD: i64 = 50;

const PUBLIC: i64 = 5;
const NOT_NULL: u64 = 1;
const PRIMARY: u64 = 2;
const UNSIGNED: u64 = 32;

/// Makes definitions.
pub struct Maker {
    random: Random,
    /// Columns that the change gave another name.
    pub renamed: Vec<(String, String)>,
    next: i64,
}

/// Number, length, digits, defaults (the last one stands for none where it is empty).
const TYPES: [(i64, i64, i64, &[&str]); 22] = [
    (1, 4, 0, &["0", "-7", "127"]),
    (2, 6, 0, &["12", "-300"]),
    (9, 9, 0, &["1"]),
    (3, 11, 0, &["5", "-2147483648"]),
    (8, 20, 0, &["9223372036854775807", "0"]),
    (0xf6, 10, 3, &["1.500", "-0.001"]),
    (5, 22, -1, &["1.5", "-2"]),
    (10, 10, 0, &["2024-02-29", "0000-00-00"]),
    (12, 19, 0, &["2024-05-06 07:08:09", "CURRENT_TIMESTAMP"]),
    (12, 23, 3, &["2024-05-06 07:08:09.125", "CURRENT_TIMESTAMP"]),
    (7, 19, 0, &["2019-12-31 16:00:00", "CURRENT_TIMESTAMP"]),
    (11, 10, 0, &["-12:30:00", "838:59:59"]),
    (13, 4, 0, &["1999", "2024"]),
    (15, 20, 0, &["", "it's", "a\\b", "名"]),
    (0xfe, 8, 0, &["x", "\\'"]),
    (0xfc, 65_535, 0, &[]),
    (0xf5, 4_294_967_295, 0, &[]),
    (0xf7, 3, 0, &["b", "it's"]),
    (0xf8, 7, 0, &["b", "b,it's"]),
    (16, 12, 0, &[]),
    (1015, 16, 0, &["bytes"]),
    (10_252, 65_535, 0, &[]),
];

const COMMENTS: [&str; 5] = ["", "", "it's", "c:\\dir\\", "a `quoted` \"name\"; -- /* x */"];

impl Maker {
    pub fn new(random: Random) -> Self {
        Self { random, renamed: Vec::new(), next: 1 }
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.random.index(list.len())]
    }

    /// A table with an integer primary key.
    pub fn table(&mut self) -> TableInfo {
        let mut key = self.column("id");
        key.field = FieldType { tp: 8, flen: 20, decimal: 0, flag: NOT_NULL | PRIMARY | 4096, ..binary() };
        (key.default, key.origin_default, key.default_bit) = (None, None, None);
        let mut table = TableInfo {
            charset: "utf8mb4".to_owned(),
            collate: "utf8mb4_bin".to_owned(),
            pk_is_handle: true,
            cols: vec![key],
            comment: (*self.pick(&COMMENTS)).to_owned(),
            ..TableInfo::default()
        };
        for number in 0..self.random.between(2, 7) {
            let column = self.column(&format!("c{number}"));
            table.cols.push(column);
        }
        for _ in 0..self.random.below(3) {
            self.add_index(&mut table);
        }
        place(&mut table);
        self.next = OLD + 1;
        table
    }

    fn column(&mut self, name: &str) -> ColumnInfo {
        let (tp, flen, decimal, defaults) = *self.pick(&TYPES);
        let mut field = FieldType { flen, decimal, ..binary() };
        field.tp = tp % 1000;
        if tp > 1000 {
            field.tp = if tp == 10_252 { 0xfc } else { tp - 1000 };
        } else if matches!(tp, 15 | 0xf7..=0xfe) {
            let (charset, collate) = *self.pick(&[
                ("utf8mb4", "utf8mb4_bin"),
                ("utf8mb4", "utf8mb4_bin"),
                ("utf8mb4", "utf8mb4_general_ci"),
                ("latin1", "latin1_bin"),
            ]);
            let ascii = defaults.iter().all(|d| d.is_ascii());
            if ascii || charset == "utf8mb4" {
                (field.charset, field.collate) = (Cow::Borrowed(charset), Cow::Borrowed(collate));
            } else {
                (field.charset, field.collate) = (Cow::Borrowed("utf8mb4"), Cow::Borrowed("utf8mb4_bin"));
            }
        }
        if matches!(tp, 0xf7 | 0xf8) {
            field.elems = ["a\\", "b", "it's"].map(str::to_owned).to_vec();
        }
        if matches!(tp, 1 | 2 | 3 | 8 | 9) && defaults.iter().all(|d| !d.starts_with('-')) && self.random.one_in(3) {
            field.flag |= UNSIGNED;
        }
        let not_null = self.random.one_in(2);
        field.flag |= u64::from(not_null) * NOT_NULL;
        let mut column = ColumnInfo {
            id: self.next,
            name: CiStr(name.to_owned()),
            field,
            state: PUBLIC,
            version: 2,
            comment: (*self.pick(&COMMENTS)).to_owned(),
            ..ColumnInfo::default()
        };
        self.next += 1;
        if !defaults.is_empty() && self.random.below(3) > 0 {
            self.give_default(&mut column, defaults);
        } else if tp == 16 && self.random.one_in(2) {
            // 0x0abc
            column.default_bit = Some("Crw=".to_owned());
            column.default = Some("\u{fffd}".to_owned());
            (column.origin_default, column.origin_default_bit) = (column.default.clone(), column.default_bit.clone());
        } else if not_null {
            column.field.flag |= 4096;
        }
        column
    }

    /// What the rows that are there have is another value than the default where that is the time.
    fn give_default(&mut self, column: &mut ColumnInfo, defaults: &[&str]) {
        let default = *self.pick(defaults);
        column.default = Some(default.to_owned());
        column.origin_default = column.default.clone();
        if default == "CURRENT_TIMESTAMP" {
            let fraction = if column.field.decimal == 3 { ".250" } else { "" };
            column.origin_default = Some(format!("2024-05-06 07:08:09{fraction}"));
            if self.random.one_in(2) {
                column.field.flag |= 8192;
            }
        }
    }

    fn add_index(&mut self, table: &mut TableInfo) {
        let long = |c: &ColumnInfo| matches!(c.field.tp, 0xfc | 0xf5);
        let at = self.random.index(table.cols.len());
        let chosen = &table.cols[at];
        if chosen.field.tp == 0xf5 || table.index_info.iter().any(|i| i.columns[0].name == chosen.name) {
            return;
        }
        let length = if long(chosen) { 10 } else { -1 };
        let mut columns = vec![IndexColumn { name: chosen.name.clone(), length }];
        let unique = self.random.one_in(3);
        if unique && chosen.id != 1 {
            // So that it tells the rows apart.
            columns.push(IndexColumn { name: CiStr("id".to_owned()), length: -1 });
        }
        let id = 1 + table.index_info.iter().map(|i| i.id).max().unwrap_or(0) + i64::from(self.next > OLD) * 100;
        table.index_info.push(IndexInfo {
            id,
            name: CiStr(format!("i{id}")),
            columns,
            state: PUBLIC,
            is_unique: unique,
            comment: (*self.pick(&COMMENTS)).to_owned(),
            is_invisible: self.random.one_in(6),
            ..IndexInfo::default()
        });
    }

    /// The definition after some changes.
    pub fn change(&mut self, before: &TableInfo) -> TableInfo {
        let mut table = before.clone();
        for _ in 0..self.random.between(1, 5) {
            match self.random.below(9) {
                0 | 1 => {
                    let (name, at) = (format!("n{}", self.next), self.random.index(table.cols.len() + 1));
                    let column = self.column(&name);
                    table.cols.insert(at, column);
                }
                2 if table.cols.len() > 2 => self.drop(&mut table),
                3 => {
                    let column = table.cols.remove(self.random.index(table.cols.len()));
                    table.cols.insert(self.random.index(table.cols.len() + 1), column);
                }
                4 => self.rename(&mut table),
                5 => self.modify(&mut table),
                6 => self.add_index(&mut table),
                7 => self.change_index(&mut table),
                _ => table.comment = (*self.pick(&COMMENTS)).to_owned(),
            }
        }
        place(&mut table);
        table
    }

    /// Any column but the key.
    fn any(&mut self, table: &TableInfo) -> usize {
        loop {
            let at = self.random.index(table.cols.len());
            if table.cols[at].id != 1 {
                return at;
            }
        }
    }

    fn drop(&mut self, table: &mut TableInfo) {
        let at = self.any(table);
        let gone = table.cols.remove(at);
        table.index_info.retain(|i| i.columns.iter().all(|c| c.name != gone.name));
    }

    fn rename(&mut self, table: &mut TableInfo) {
        let at = self.any(table);
        let column = &mut table.cols[at];
        let (from, to) = (column.name.clone(), CiStr(format!("{}r", column.name.0)));
        column.name = to.clone();
        self.renamed.push((from.0.clone(), to.0.clone()));
        for part in table.index_info.iter_mut().flat_map(|i| &mut i.columns).filter(|c| c.name == from) {
            part.name = to.clone();
        }
    }

    /// Changes that keep every value.
    fn modify(&mut self, table: &mut TableInfo) {
        let at = self.any(table);
        let comment = (*self.pick(&COMMENTS)).to_owned();
        let kind = self.random.below(3);
        let column = &mut table.cols[at];
        match (kind, column.field.tp) {
            (0, 15) => column.field.flen += 30,
            (0, 1 | 2 | 3 | 9) => (column.field.tp, column.field.flen) = (8, 20),
            (1, 3 | 8) if column.default.is_some() => column.default = Some("77".to_owned()),
            (1, 15) => (column.default, column.field.flag) = (Some("other".to_owned()), column.field.flag & !4096),
            (2, _) if column.field.flag & NOT_NULL != 0 && column.default.is_some() => column.field.flag &= !NOT_NULL,
            _ => column.comment = comment,
        }
    }

    fn change_index(&mut self, table: &mut TableInfo) {
        if table.index_info.is_empty() {
            return;
        }
        let at = self.random.index(table.index_info.len());
        match self.random.below(3) {
            0 => drop(table.index_info.remove(at)),
            1 => table.index_info[at].name.0.push('r'),
            _ => table.index_info[at].is_invisible = !table.index_info[at].is_invisible,
        }
    }
}

fn binary() -> FieldType {
    FieldType { charset: Cow::Borrowed("binary"), collate: Cow::Borrowed("binary"), ..FieldType::default() }
}

fn place(table: &mut TableInfo) {
    for (at, column) in (0..).zip(&mut table.cols) {
        column.offset = at;
    }
}
