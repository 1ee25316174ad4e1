//! Generated columns.

use tisync::schema::{ColumnInfo, FieldType, TableInfo};
use tisync::sql::quote_name;

use super::Maker;
use super::types::{NOT_NULL, binary, text_type};

impl Maker {
    /// An expression of TiDB's over columns of the table, and its type.
    fn generation(&mut self, table: &TableInfo) -> (String, FieldType) {
        let number = || FieldType { tp: 8, flen: 20, decimal: 0, ..binary() };
        let word = || text_type(15, 300, ("utf8mb4", "utf8mb4_bin"));
        let column = &table.cols[self.random.index(table.cols.len())];
        let (name, field) = (quote_name(&column.name.0), &column.field);
        let plain = !column.hidden && column.generated_expr_string.is_empty();
        match (field.tp, self.random.below(4)) {
            (15, 0) if plain && field.charset == "utf8mb4" => (format!("lower({name})"), word()),
            (15, 1) if plain && field.charset == "utf8mb4" => {
                (format!("concat({name}, _utf8mb4'it''s \\\\ %')"), word())
            }
            (0xf5, _) if plain => (format!("json_unquote(json_extract({name}, _utf8mb4'$.k'))"), word()),
            (10 | 12, 0 | 1) if plain => (format!("month({name})"), number()),
            (1 | 2, 0 | 1) if plain => (format!("{name} * 2 + `id`"), number()),
            (_, 2) => ("case when `id` > 1 then _utf8mb4'b' else _utf8mb4'a;)' end".to_owned(), word()),
            _ => (format!("`id` * {}", self.random.between(2, 9)), number()),
        }
    }

    /// A generated column, at any place; what it is made of has no counter.
    pub fn add_generated(&mut self, table: &mut TableInfo, stored: bool) {
        if has_counter(table) {
            return;
        }
        let name = self.name_of_new("g");
        let (expression, field) = self.generation(table);
        let mut column = self.plain(&name, field);
        (column.generated_expr_string, column.generated_stored) = (expression, stored);
        if self.random.one_in(5) {
            // Other columns may hold NULL.
            let of_id = ["`id` *", "case when `id`"].iter().any(|of| column.generated_expr_string.starts_with(of));
            column.field.flag |= u64::from(of_id) * NOT_NULL;
        }
        let at = self.random.index(table.cols.len() + 1);
        table.cols.insert(at, column);
    }

    /// MODIFY of a generated column: a virtual one gets another expression, a stored one becomes a plain one.
    pub fn change_generated(&mut self, table: &mut TableInfo, at: usize) -> bool {
        let column = table.cols[at].clone();
        let indexed = table.index_info.iter().any(|i| i.columns.iter().any(|c| c.name == column.name));
        if column.hidden || indexed {
            return false;
        }
        if column.generated_stored {
            let column = &mut table.cols[at];
            (column.generated_expr_string, column.generated_stored) = (String::new(), false);
            return true;
        }
        let others =
            TableInfo { cols: table.cols.iter().filter(|c| c.id != column.id).cloned().collect(), ..table.clone() };
        let (expression, field) = self.generation(&others);
        if field.tp != column.field.tp {
            return false;
        }
        table.cols[at] =
            ColumnInfo { generated_expr_string: expression, field: FieldType { flag: 0, ..field }, ..column };
        true
    }
}

/// TiDB makes nothing of a column with a counter, nor do others.
pub fn has_counter(table: &TableInfo) -> bool {
    table.cols.iter().any(|c| c.field.flag & super::types::AUTO_INCREMENT != 0)
}
