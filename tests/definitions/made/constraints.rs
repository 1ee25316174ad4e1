//! Foreign keys and CHECK constraints. Two tables have them by the same names: so TiDB allows it.

use tisync::schema::{CheckInfo, CiStr, FieldType, FkInfo, IndexColumn, IndexInfo, TableInfo};
use tisync::sql::quote_name;

use super::keys::{Primary, primary};
use super::types::{binary, text_type};
use super::{Maker, PUBLIC};

const LONG: &str = "a_name_of_sixty_four_characters_as_long_as_names_may_be_in_mysql";
/// Without a backtick, which MariaDB's SHOW CREATE TABLE does not double in a foreign key.
const KEYS: [&str; 5] = ["fk_1", "fk_2", "fk it's", "Fk \\ 4", LONG];
const CHECKS: [&str; 5] = ["t_chk_1", "positive", "chk \\ it's", "Chk`4", LONG];

fn names(list: &[&str]) -> Vec<CiStr> {
    list.iter().map(|n| CiStr((*n).to_owned())).collect()
}

impl Maker {
    fn constraint_id(&mut self) -> i64 {
        self.next_constraint += 1;
        self.next_constraint
    }

    /// A foreign key with columns of its own, to `parent` or to the table itself, with an index as newer TiDBs make it, or without.
    pub fn add_foreign_key(&mut self, table: &mut TableInfo) -> bool {
        let name = *self.pick(&KEYS);
        if table.partition.is_some() || table.fk_info.iter().any(|f| f.name.0 == name) {
            return false;
        }
        let number = FieldType { tp: 8, flen: 20, decimal: 0, ..binary() };
        let word = text_type(15, 20, ("utf8mb4", "utf8mb4_bin"));
        let (mut columns, to): (Vec<FieldType>, &[&str]) = match self.random.below(4) {
            0 | 1 => (vec![number], &["id"]),
            2 => (vec![word], &["word"]),
            _ => (vec![number, word], &["id", "word"]),
        };
        let own = primary(table) != Primary::None && to == ["id"] && self.random.one_in(2);
        let there = table.cols.iter().find(|c| {
            let used = table.fk_info.iter().any(|f| f.cols.contains(&c.name));
            c.name.0.starts_with('f') && !used && columns.len() == 1 && c.field == columns[0]
        });
        let mut cols = Vec::new();
        match there {
            // The columns of one that was dropped.
            Some(column) => cols.push(column.name.clone()),
            None => {
                for field in columns.drain(..) {
                    let column_name = self.name_of_new("f");
                    let column = self.plain(&column_name, field);
                    cols.push(column.name.clone());
                    table.cols.push(column);
                }
            }
        }
        let indexed = self.random.one_in(2) && !table.index_info.iter().any(|i| i.name.0 == name);
        if indexed {
            self.next_index += 1;
            table.index_info.push(IndexInfo {
                id: self.next_index,
                name: CiStr(name.to_owned()),
                columns: cols.iter().map(|n| IndexColumn { name: n.clone(), length: -1 }).collect(),
                state: PUBLIC,
                ..IndexInfo::default()
            });
        }
        let id = self.constraint_id();
        table.fk_info.push(FkInfo {
            name: CiStr(name.to_owned()),
            ref_schema: CiStr(self.db.clone()),
            ref_table: CiStr(if own { "t" } else { "parent" }.to_owned()),
            ref_cols: names(to),
            cols,
            id,
            on_delete: self.random.between(0, 4),
            on_update: self.random.between(0, 4),
            state: PUBLIC,
        });
        true
    }

    pub fn drop_foreign_key(&mut self, table: &mut TableInfo) -> bool {
        if table.fk_info.is_empty() {
            return false;
        }
        let at = self.random.index(table.fk_info.len());
        table.fk_info.remove(at);
        true
    }

    /// One that holds for every row.
    pub fn add_check(&mut self, table: &mut TableInfo) -> bool {
        let name = *self.pick(&CHECKS);
        let text = table.cols.iter().find(|c| c.field.tp == 15 && !c.hidden && c.generated_expr_string.is_empty());
        let counted = table.cols.iter().any(|c| c.field.flag & super::types::AUTO_INCREMENT != 0);
        let free = text.filter(|c| !table.fk_info.iter().any(|f| f.cols.contains(&c.name)));
        let expression = match (self.random.below(3), free) {
            (_, None) if counted => return false,
            (0, _) if !counted => "`id` > 0".to_owned(),
            (_, Some(column)) => {
                format!("length({}) < 1000 or _utf8mb4'it''s \\\\)' = _utf8mb4''", quote_name(&column.name.0))
            }
            (_, None) => "`id` between 1 and 100".to_owned(),
        };
        let checks = table.checks.get_or_insert_default();
        if checks.iter().any(|c| c.name.0 == name) {
            return false;
        }
        self.next_constraint += 1;
        let enforced = self.random.below(4) > 0;
        checks.push(CheckInfo {
            id: self.next_constraint,
            name: CiStr(name.to_owned()),
            expr_string: expression,
            enforced,
            state: PUBLIC,
        });
        true
    }

    /// Drops one, or says whether it is enforced.
    pub fn change_check(&mut self, table: &mut TableInfo, drop: bool) -> bool {
        let checks = table.checks.get_or_insert_default();
        if checks.is_empty() {
            return false;
        }
        let at = self.random.index(checks.len());
        if drop {
            checks.remove(at);
        } else {
            checks[at].enforced = !checks[at].enforced;
        }
        true
    }
}
