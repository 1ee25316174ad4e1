//! Primary keys and indexes.

use tisync::schema::{CiStr, ColumnInfo, FieldType, IndexColumn, IndexInfo, TableInfo};
use tisync::sql::quote_name;

use super::generated::has_counter;
use super::types::{AUTO_INCREMENT, NOT_NULL, PRIMARY, binary, text_type};
use super::{COMMENTS, Maker, PUBLIC};

/// What a table's primary key is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Primary {
    /// There is none.
    None,
    /// The rows are kept in its order.
    Clustered,
    /// It is an index like others.
    Nonclustered,
}

pub fn primary(table: &TableInfo) -> Primary {
    match table.index_info.iter().any(|i| i.is_primary) {
        _ if table.pk_is_handle || table.is_common_handle => Primary::Clustered,
        true => Primary::Nonclustered,
        false => Primary::None,
    }
}

/// Whether rows are told apart by an index alone that is hidden, which no server lets happen.
pub fn hides_key(table: &TableInfo) -> bool {
    // MySQL finds that an expression is never NULL.
    let never = |c: &ColumnInfo| c.hidden || c.field.flag & NOT_NULL != 0;
    let not_null = |i: &IndexColumn| table.cols.iter().any(|c| c.name == i.name && never(c));
    let whole = |i: &&IndexInfo| i.is_unique && i.is_invisible && i.columns.iter().all(not_null);
    primary(table) == Primary::None && table.index_info.iter().any(|i| whole(&i))
}

/// The most characters of a name.
const LONGEST_NAME: usize = 64;
/// The most bytes that InnoDB takes in a key.
const LARGEST: i64 = 3072;

/// Whether every key is small enough for InnoDB, which is what TiDB's usual limit is too.
pub fn fit(table: &TableInfo) -> bool {
    let size = |part: &IndexColumn| {
        let column = table.cols.iter().find(|c| c.name == part.name);
        column.map_or(0, |c| {
            if !matches!(c.field.tp, 15 | 0xf9..=0xfe) {
                // Of a DECIMAL(65), the largest.
                return 32;
            }
            let widest = match c.field.charset.as_ref() {
                "utf8mb4" => 4,
                "utf8" => 3,
                "gbk" => 2,
                _ => 1,
            };
            2 + widest * if part.length > 0 { part.length } else { c.field.flen }
        })
    };
    table.index_info.iter().all(|index| index.columns.iter().map(size).sum::<i64>() <= LARGEST)
}

fn whole(name: &str) -> IndexColumn {
    IndexColumn { name: CiStr(name.to_owned()), length: -1 }
}

impl Maker {
    fn index_id(&mut self) -> i64 {
        self.next_index += 1;
        self.next_index
    }

    /// The key of a table that is being made; perhaps none.
    pub fn add_primary_key(&mut self, table: &mut TableInfo) {
        let counted = table.cols.iter().any(|c| c.field.flag & AUTO_INCREMENT != 0);
        let parted = table.cols.iter().any(|c| c.name.0 == "p");
        match self.random.below(if counted { 4 } else { 5 }) {
            0 | 1 if !parted => {
                table.pk_is_handle = true;
                for column in table.cols.iter_mut().filter(|c| c.name.0 == "id") {
                    column.field.flag |= PRIMARY;
                }
            }
            4 => {}
            2 => self.index_as_key(table),
            _ => {
                table.is_common_handle = true;
                self.index_as_key(table);
            }
        }
    }

    /// ADD PRIMARY KEY: of `id` and, at times, of other columns, which are NOT NULL from here on.
    pub fn index_as_key(&mut self, table: &mut TableInfo) {
        let mut columns = vec![whole("id")];
        let fits = |f: &FieldType| matches!(f.tp, 1..=3 | 8..=12 | 0xf6) || (f.tp == 15 && f.flen <= 60);
        for column in &table.cols {
            // By what the rows that are there hold.
            let set =
                column.origin_default.is_some() && column.default.as_ref().is_some_and(|d| d != "CURRENT_TIMESTAMP");
            let set = set && !column.default_is_expr;
            let plain = column.generated_expr_string.is_empty() && fits(&column.field) && set;
            let free = !table.fk_info.iter().any(|f| f.cols.contains(&column.name));
            if column.name.0 == "p" || (plain && free && self.random.one_in(4)) {
                columns.push(whole(&column.name.0));
            }
        }
        for column in table.cols.iter_mut().filter(|c| columns.iter().any(|i| i.name == c.name)) {
            column.field.flag |= PRIMARY | NOT_NULL;
        }
        let id = self.index_id();
        table.index_info.push(IndexInfo {
            id,
            name: CiStr("PRIMARY".to_owned()),
            columns,
            state: PUBLIC,
            is_unique: true,
            is_primary: true,
            ..IndexInfo::default()
        });
    }

    /// DROP PRIMARY KEY; its columns stay NOT NULL. False where TiDB cannot.
    pub fn drop_primary_key(&mut self, table: &mut TableInfo) -> bool {
        let counted = table.cols.iter().any(|c| c.field.flag & AUTO_INCREMENT != 0);
        let parent = table.fk_info.iter().any(|f| f.ref_table.0 == "t");
        if primary(table) != Primary::Nonclustered || counted || parent {
            return false;
        }
        table.index_info.retain(|i| !i.is_primary);
        for column in &mut table.cols {
            column.field.flag &= !PRIMARY;
        }
        true
    }

    /// An index on one to three columns, some of them in part, or on an expression.
    pub fn add_index(&mut self, table: &mut TableInfo) -> bool {
        let id = self.index_id();
        let name = format!("i{id}");
        let mut columns: Vec<IndexColumn> = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            let column = &table.cols[self.random.index(table.cols.len())];
            let (tp, flen) = (column.field.tp, column.field.flen);
            if column.hidden || tp == 0xf5 || columns.iter().any(|i| i.name == column.name) {
                continue;
            }
            let length = match tp {
                0xf9..=0xfc => self.random.between(1, 10),
                15 | 0xfe if flen > 5 && self.random.one_in(3) => self.random.between(1, 5),
                15 | 0xfe if flen == 0 => continue,
                _ => -1,
            };
            columns.push(IndexColumn { length, ..whole(&column.name.0) });
        }
        if self.random.one_in(5) && !has_counter(table) {
            columns.push(self.add_expression(table, &name));
        }
        if columns.is_empty() {
            return false;
        }
        let unique = self.random.one_in(3);
        if unique {
            // So that it tells the rows apart, in each partition.
            for column in ["id", "p"] {
                if table.cols.iter().any(|c| c.name.0 == column) {
                    columns.retain(|i| i.name.0 != column);
                    columns.push(whole(column));
                }
            }
        }
        table.index_info.push(IndexInfo {
            id,
            name: CiStr(name),
            columns,
            state: PUBLIC,
            is_unique: unique,
            comment: (*self.pick(&COMMENTS)).to_owned(),
            is_invisible: self.random.one_in(6),
            ..IndexInfo::default()
        });
        true
    }

    /// The hidden column of an index on an expression.
    fn add_expression(&mut self, table: &mut TableInfo, index: &str) -> IndexColumn {
        let text = table.cols.iter().find(|c| c.field.tp == 15 && c.field.charset == "utf8mb4" && !c.hidden);
        let (expression, field) = match text.filter(|_| self.random.one_in(2)) {
            Some(column) => (
                format!("lower({})", quote_name(&column.name.0)),
                text_type(0xfd, column.field.flen, ("utf8mb4", "utf8mb4_bin")),
            ),
            None => ("`id` + 1".to_owned(), FieldType { tp: 8, flen: 20, decimal: 0, ..binary() }),
        };
        let name = format!("_V$_{index}_0");
        let mut column = self.plain(&name, field);
        (column.generated_expr_string, column.hidden, column.comment) = (expression, true, String::new());
        table.cols.push(column);
        whole(&name)
    }

    /// An index that may be changed: none that a foreign key needs, or that keeps a counter.
    fn any_index(&mut self, table: &TableInfo, touched: &[String]) -> Option<usize> {
        let free = |i: &IndexInfo| {
            let needed = table.fk_info.iter().any(|f| {
                let leads = |cols: &[CiStr]| i.columns.iter().zip(cols).all(|(a, b)| a.name == *b);
                leads(&f.cols) || (f.ref_table.0 == "t" && leads(&f.ref_cols))
            });
            !i.is_primary && !needed && !touched.contains(&i.name.0)
        };
        let all: Vec<usize> = (0..table.index_info.len()).filter(|at| free(&table.index_info[*at])).collect();
        (!all.is_empty()).then(|| *self.pick(&all))
    }

    /// Drops an index, with its hidden columns.
    pub fn drop_index(&mut self, table: &mut TableInfo, touched: &mut Vec<String>) -> bool {
        let Some(at) = self.any_index(table, touched) else { return false };
        let gone = table.index_info.remove(at);
        let hidden = format!("_V$_{}_", gone.name.0);
        table.cols.retain(|c| !c.hidden || !c.name.0.starts_with(&hidden));
        touched.push(gone.name.0);
        true
    }

    /// Gives an index another name, or hides or shows it.
    pub fn change_index(&mut self, table: &mut TableInfo, rename: bool, touched: &mut Vec<String>) -> bool {
        let Some(at) = self.any_index(table, touched) else { return false };
        let index = &mut table.index_info[at];
        if rename && index.name.0.len() >= LONGEST_NAME {
            return false;
        }
        if !rename {
            index.is_invisible = !index.is_invisible;
            touched.push(index.name.0.clone());
            return true;
        }
        let (from, to) = (index.name.0.clone(), format!("{}r", index.name.0));
        index.name.0.clone_from(&to);
        let (hidden, renamed) = (format!("_V$_{from}_"), format!("_V$_{to}_"));
        for column in table.cols.iter_mut().filter(|c| c.hidden) {
            column.name.0 = column.name.0.replace(&hidden, &renamed);
        }
        for part in &mut index.columns {
            part.name.0 = part.name.0.replace(&hidden, &renamed);
        }
        touched.extend([from, to]);
        true
    }
}
