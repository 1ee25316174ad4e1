//! Jobs: what TiDB can do to a table in one of them.

use tisync::schema::{ColumnInfo, TableInfo};
use tisync::sql::quote_name;

use super::keys::{Primary, fit, hides_key, primary};
use super::partitions::crashes;
use super::types::NOT_NULL;
use super::{COMMENTS, Maker, is_free, named, place};

/// A job's type, text, and the table behind it.
pub struct Job {
    pub action: u8,
    pub text: String,
    pub after: TableInfo,
    /// Columns that TiDB wrote anew: their ids before and after.
    pub rewritten: Vec<(i64, i64)>,
}

/// What a job is doing. Each column and each index takes part once.
#[derive(Default)]
struct Doing {
    /// Parts of the text that the definitions do not tell.
    text: Vec<String>,
    rewritten: Vec<(i64, i64)>,
    columns: Vec<i64>,
    indexes: Vec<String>,
}

/// ActionType of an ALTER of several parts.
const SEVERAL: u8 = 61;

/// Those of one part.
const SINGLE: [u8; 27] =
    [5, 6, 7, 8, 9, 9, 10, 12, 12, 15, 17, 18, 19, 20, 22, 32, 33, 37, 38, 41, 43, 44, 45, 48, 64, 71, 72];

impl Maker {
    /// A job that changes the table.
    pub fn job(&mut self, before: &TableInfo) -> Job {
        loop {
            let (mut after, mut doing) = (before.clone(), Doing::default());
            let bounds = self.bounds.clone();
            let parted = before.partition.is_some() && self.random.one_in(2);
            let action = match self.random.below(5) {
                _ if parted => *self.pick(&[19, 20, 64, 64, 71, 72]),
                0 | 1 => SEVERAL,
                _ => *self.pick(&SINGLE),
            };
            let mut done = self.single(action, &mut after, &mut doing);
            if action == SEVERAL {
                for _ in 0..self.random.between(2, 6) {
                    done |= self.part(&mut after, &mut doing);
                }
            }
            place(&mut after);
            let taken = !hides_key(&after) && fit(&after) && !crashes(&after);
            if done && taken && after != *before {
                let text = format!("ALTER TABLE t {}", doing.text.join(", "));
                return Job { action, text, after, rewritten: doing.rewritten };
            }
            self.bounds = bounds;
        }
    }

    /// What a job of this type does; false if there is nothing for it to do.
    fn single(&mut self, action: u8, table: &mut TableInfo, doing: &mut Doing) -> bool {
        match action {
            5 => self.add_column(table, doing),
            37 => self.add_column(table, doing) && self.add_column(table, doing),
            6 => self.drop_column(table, doing),
            38 => self.drop_column(table, doing) && self.drop_column(table, doing),
            7 => self.add_index(table),
            8 => self.drop_index(table, &mut doing.indexes),
            48 => self.drop_index(table, &mut doing.indexes) && self.drop_index(table, &mut doing.indexes),
            9 => self.add_foreign_key(table),
            10 => self.drop_foreign_key(table),
            12 => self.modify(table, doing),
            15 => self.set_default(table, doing),
            17 => self.comment(table),
            18 => self.change_index(table, true, &mut doing.indexes),
            41 => self.change_index(table, false, &mut doing.indexes),
            19 => self.add_partition(table),
            20 => self.drop_partition(table),
            64 => self.reorganize(table),
            71 => self.partition(table),
            72 => table.partition.take().is_some(),
            22 => self.character_set(table),
            32 => self.key(table),
            33 => table.partition.is_none() && self.drop_primary_key(table),
            43 => self.add_check(table),
            44 => self.change_check(table, true),
            45 => self.change_check(table, false),
            _ => false,
        }
    }

    /// One part of a job of several.
    fn part(&mut self, table: &mut TableInfo, doing: &mut Doing) -> bool {
        match self.random.below(14) {
            0 | 1 => self.add_column(table, doing),
            2 | 3 => self.drop_column(table, doing),
            4..=7 => self.modify(table, doing),
            8 => self.add_index(table),
            9 => self.drop_index(table, &mut doing.indexes),
            10 => self.change_index(table, self.next_index % 2 == 0, &mut doing.indexes),
            11 => self.set_default(table, doing),
            12 => self.add_foreign_key(table),
            _ => self.comment(table),
        }
    }

    fn key(&mut self, table: &mut TableInfo) -> bool {
        let all = table.partition.as_ref().is_none_or(|p| p.columns.iter().all(|c| c.0 == "id" || c.0 == "p"));
        if primary(table) != Primary::None || !all {
            return false;
        }
        self.index_as_key(table);
        true
    }

    fn add_column(&mut self, table: &mut TableInfo, doing: &mut Doing) -> bool {
        if self.random.one_in(6) {
            // TiDB adds no stored ones to a table that is there.
            let before = table.cols.len();
            self.add_generated(table, false);
            doing.columns.push(self.next_column);
            return table.cols.len() > before;
        }
        let name = self.name_of_new("n");
        let column = self.column(&name);
        if column.default_is_expr {
            return false;
        }
        doing.columns.push(column.id);
        let at = self.random.index(table.cols.iter().filter(|c| !c.hidden).count() + 1);
        table.cols.insert(at, column);
        true
    }

    /// A column that this job may change, and has not.
    fn any(&mut self, table: &TableInfo, doing: &Doing, fits: impl Fn(&ColumnInfo) -> bool) -> Option<usize> {
        let free = |c: &ColumnInfo| !c.hidden && !doing.columns.contains(&c.id) && fits(c);
        let all: Vec<usize> = (0..table.cols.len()).filter(|at| free(&table.cols[*at])).collect();
        (!all.is_empty()).then(|| *self.pick(&all))
    }

    fn drop_column(&mut self, table: &mut TableInfo, doing: &mut Doing) -> bool {
        let Some(at) = self.any(table, doing, |c| is_free(table, c)) else { return false };
        let name = table.cols[at].name.clone();
        // TiDB drops no column of an index of several columns.
        let of = |i: &tisync::schema::IndexInfo| i.columns.iter().any(|c| c.name == name);
        if table.index_info.iter().any(|i| of(i) && (i.columns.len() > 1 || doing.indexes.contains(&i.name.0))) {
            return false;
        }
        table.index_info.retain(|i| !of(i));
        let gone = table.cols.remove(at);
        doing.columns.push(gone.id);
        true
    }

    fn comment(&mut self, table: &mut TableInfo) -> bool {
        table.comment = (*self.pick(&COMMENTS)).to_owned();
        true
    }

    fn set_default(&mut self, table: &mut TableInfo, doing: &mut Doing) -> bool {
        let fits = |c: &ColumnInfo| c.generated_expr_string.is_empty() && !matches!(c.name.0.as_str(), "id" | "p");
        let Some(at) = self.any(table, doing, fits) else { return false };
        doing.columns.push(table.cols[at].id);
        self.redefault(&mut table.cols[at])
    }

    /// MODIFY or CHANGE COLUMN: another type, default, comment, place and name, some of them at once.
    fn modify(&mut self, table: &mut TableInfo, doing: &mut Doing) -> bool {
        let Some(mut at) = self.any(table, doing, |_| true) else { return false };
        let (id, from) = (table.cols[at].id, table.cols[at].name.clone());
        doing.columns.push(id);
        let generated = !table.cols[at].generated_expr_string.is_empty();
        let free = is_free(table, &table.cols[at]);
        let mut anew = false;
        if generated && self.random.one_in(2) {
            self.change_generated(table, at);
        } else if !generated && free && self.random.one_in(2) {
            let mut column = table.cols[at].clone();
            let prefix =
                table.index_info.iter().flat_map(|i| &i.columns).any(|c| c.name == column.name && c.length > 0);
            if !prefix && let Some(written) = self.retype(&mut column) {
                anew = written;
                table.cols[at] = column;
            }
        }
        if !generated && free && self.random.one_in(4) {
            self.redefault(&mut table.cols[at]);
        }
        if free && !generated && table.cols[at].default.is_some() && self.random.one_in(4) {
            table.cols[at].field.flag &= !NOT_NULL;
        }
        if self.random.one_in(3) {
            table.cols[at].comment = (*self.pick(&COMMENTS)).to_owned();
        }
        if self.random.one_in(3) {
            let column = table.cols.remove(at);
            at = self.random.index(table.cols.iter().filter(|c| !c.hidden).count() + 1);
            table.cols.insert(at, column);
        }
        let foreign = table.fk_info.iter().any(|f| f.cols.contains(&from));
        if (free || foreign) && self.random.one_in(3) {
            self.rename(table, at);
        }
        let (renamed, to) = (table.cols[at].name.0 != from.0, quote_name(&table.cols[at].name.0));
        if anew {
            doing.text.push(format!("CHANGE COLUMN {} {to} INT", quote_name(&from.0)));
            self.write_anew(table, at, doing);
        } else if renamed {
            doing.text.push(format!("RENAME COLUMN {} TO {to}", quote_name(&from.0)));
        }
        true
    }

    fn rename(&mut self, table: &mut TableInfo, at: usize) {
        let from = table.cols[at].name.clone();
        let foreign = table.fk_info.iter().any(|f| f.cols.contains(&from));
        table.cols[at].name.0.push_str(if !foreign && self.random.one_in(3) { " `r" } else { "r" });
        let to = table.cols[at].name.clone();
        let parts = table.index_info.iter_mut().flat_map(|i| &mut i.columns);
        for name in parts.map(|c| &mut c.name).chain(table.fk_info.iter_mut().flat_map(|f| &mut f.cols)) {
            if *name == from {
                name.clone_from(&to);
            }
        }
    }

    /// The column and its indexes get other ids.
    fn write_anew(&mut self, table: &mut TableInfo, at: usize, doing: &mut Doing) {
        self.next_column += 1;
        doing.rewritten.push((table.cols[at].id, self.next_column));
        table.cols[at].id = self.next_column;
        doing.columns.push(self.next_column);
        let name = table.cols[at].name.clone();
        for index in table.index_info.iter_mut().filter(|i| i.columns.iter().any(|c| c.name == name)) {
            self.next_index += 1;
            index.id = self.next_index;
        }
    }

    /// CONVERT TO, or the default alone.
    fn character_set(&mut self, table: &mut TableInfo) -> bool {
        if table.charset == "utf8mb4" {
            if table.collate != "utf8mb4_bin" {
                return false;
            }
            table.collate = "utf8mb4_general_ci".to_owned();
            return true;
        }
        (table.charset, table.collate) = ("utf8mb4".to_owned(), "utf8mb4_bin".to_owned());
        if self.random.one_in(2) {
            let indexed: Vec<_> = table.index_info.iter().flat_map(|i| &i.columns).map(|c| c.name.clone()).collect();
            for column in table.cols.iter_mut().filter(|c| matches!(c.field.charset.as_ref(), "utf8" | "latin1")) {
                if !named(&indexed, &column.name.0) {
                    (column.field.charset, column.field.collate) = ("utf8mb4".into(), "utf8mb4_bin".into());
                }
            }
        }
        true
    }
}
