//! Partitions. Rows 1 and 2 are always in one that stays.

use tisync::schema::{CiStr, IndexInfo, PartitionDefinition, PartitionInfo, TableInfo};

use super::{COMMENTS, Maker};

const RANGE: i64 = 1;
const HASH: i64 = 2;
const LIST: i64 = 3;
const KEY: i64 = 4;

/// What a table's partitions hold: numbers from which their bounds, or their values, are made. The first one holds the rows.
#[derive(Clone, Default)]
pub struct Bounds {
    by: By,
    /// For RANGE one number each, `None` for MAXVALUE; for LIST all of them.
    numbers: Vec<Vec<Option<i64>>>,
}

/// What the rows are told by.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum By {
    #[default]
    Id,
    /// `p` as a date.
    Date,
    /// The year of that.
    Year,
    /// `p` as a text.
    Text,
    /// `p` and `id`.
    Both,
}

impl By {
    /// Number 0 is what the rows have; those above are beyond it.
    fn value(self, number: i64) -> Vec<String> {
        match self {
            Self::Id => vec![(number * 10 + 2).to_string()],
            Self::Date if number == 0 => vec!["'2024-02-29'".to_owned()],
            Self::Date => vec![format!("'{}-01-01'", 2024 + number)],
            Self::Year => vec![(2024 + number).to_string()],
            Self::Text if number == 0 => vec!["'m'".to_owned()],
            Self::Text => vec![format!("'n{number:02} it''s \\\\'")],
            Self::Both => vec!["'2024-02-29'".to_owned(), (number * 10 + 2).to_string()],
        }
    }
}

/// MariaDB 10.11 crashes: its purge of deleted rows opens a table with indexed virtual columns, and reads the bounds of text columns in no session
/// (`convert_charset_partition_constant`).
pub fn crashes(table: &TableInfo) -> bool {
    let by_text = table.partition.is_some() && table.cols.iter().any(|c| c.name.0 == "p" && c.field.tp == 15);
    let is_virtual = |name: &CiStr| {
        table.cols.iter().any(|c| c.name == *name && !c.generated_expr_string.is_empty() && !c.generated_stored)
    };
    by_text && table.index_info.iter().flat_map(|i| &i.columns).any(|part| is_virtual(&part.name))
}

impl Maker {
    fn partition_id(&mut self) -> i64 {
        self.next_partition += 1;
        self.next_partition
    }

    /// Partitions of any kind, in the place of those that are there.
    pub fn partition(&mut self, table: &mut TableInfo) -> bool {
        // Each unique key has to have all the columns in it.
        let column = table.cols.iter().find(|c| c.name.0 == "p").map(|c| c.field.tp);
        let unique = |i: &&IndexInfo| i.is_unique;
        let id_alone = table.index_info.iter().filter(unique).any(|i| !i.columns.iter().any(|c| c.name.0 == "p"));
        let of_id = column.is_none() || table.pk_is_handle || id_alone || self.random.one_in(3);
        if !table.fk_info.is_empty() {
            return false;
        }
        let by = match (of_id, column, self.random.below(3)) {
            (true, ..) => By::Id,
            (_, Some(15), _) => By::Text,
            (.., 0) => By::Date,
            (.., 1) => By::Year,
            _ => By::Both,
        };
        let columns: &[&str] = match by {
            By::Id => &["id"],
            By::Date | By::Text => &["p"],
            By::Year => &[],
            By::Both => &["p", "id"],
        };
        let mut kind = *self.pick(&[RANGE, RANGE, HASH, LIST, LIST, KEY]);
        if (by == By::Year && kind == KEY) || (matches!(by, By::Date | By::Text | By::Both) && kind == HASH) {
            kind = RANGE;
        }
        let expression = match by {
            By::Year => "year(`p`)",
            By::Id if kind == HASH || (kind != KEY && self.random.one_in(2)) => "`id`",
            _ => "",
        };
        let by_columns = expression.is_empty();
        // KEY () is by the primary key.
        let of_key = |i: &IndexInfo| i.is_primary && i.columns.iter().all(|c| matches!(c.name.0.as_str(), "id" | "p"));
        let keyed = table.pk_is_handle || table.index_info.iter().any(of_key);
        let nameless = kind == KEY && keyed && self.random.one_in(3);
        table.partition = Some(PartitionInfo {
            enable: true,
            kind,
            expr: expression.to_owned(),
            columns: if by_columns && !nameless {
                columns.iter().map(|c| CiStr((*c).to_owned())).collect()
            } else {
                Vec::new()
            },
            definitions: Vec::new(),
        });
        self.bounds.by = by;
        let count = self.random.between(1, 4);
        self.bounds.numbers = match kind {
            RANGE => (1..=count).map(|n| vec![Some(n * 5)]).collect(),
            LIST => (0..count).map(|n| (n * 5..n * 5 + 2).map(Some).collect()).collect(),
            _ => vec![Vec::new(); usize::try_from(count).unwrap()],
        };
        if kind == RANGE && self.random.one_in(3) {
            *self.bounds.numbers.last_mut().unwrap() = vec![None];
        }
        let own_names = self.random.one_in(4);
        for at in 0..self.bounds.numbers.len() {
            let name = if own_names { format!("p{at} it's") } else { format!("p{at}") };
            self.define(table, at, at, &name);
        }
        true
    }

    /// Makes the partition `at` of those that are to be, at `place` of those that are there.
    fn define(&mut self, table: &mut TableInfo, at: usize, place: usize, name: &str) {
        let by = self.bounds.by;
        let id = self.partition_id();
        let info = table.partition.as_mut().unwrap();
        let numbers = &self.bounds.numbers[at];
        let maximum = || vec!["MAXVALUE".to_owned(); info.columns.len().max(1)];
        let mut definition = PartitionDefinition { id, name: CiStr(name.to_owned()), ..PartitionDefinition::default() };
        match info.kind {
            RANGE => definition.less_than = numbers[0].map_or_else(maximum, |n| by.value(n)),
            LIST => {
                // The rows are 1 and 2, and `value` of 0 is 2.
                let one = |n: i64| -> Vec<Vec<String>> {
                    let value = by.value(n);
                    if n > 0 || !matches!(by, By::Id | By::Both) {
                        return vec![value];
                    }
                    let mut first = value.clone();
                    *first.last_mut().unwrap() = "1".to_owned();
                    vec![first, value]
                };
                definition.in_values = numbers.iter().flatten().flat_map(|n| one(*n)).collect();
            }
            _ => {}
        }
        info.definitions.insert(place, definition);
        if self.random.one_in(4) {
            let comment = (*self.pick(&COMMENTS[..5])).to_owned();
            table.partition.as_mut().unwrap().definitions[place].comment = comment;
        }
    }

    /// ADD PARTITION of RANGE and LIST.
    pub fn add_partition(&mut self, table: &mut TableInfo) -> bool {
        let Some(info) = table.partition.as_ref().filter(|p| matches!(p.kind, RANGE | LIST)) else { return false };
        let Some(last) = self.bounds.numbers.iter().flatten().copied().max_by_key(|n| n.unwrap_or(i64::MAX)).flatten()
        else {
            return false;
        };
        if self.bounds.numbers.iter().flatten().any(Option::is_none) {
            return false;
        }
        let (kind, end) = (info.kind, info.definitions.len());
        for more in 0..usize::try_from(self.random.between(1, 2)).unwrap() {
            let first = last + 5 + 5 * i64::try_from(more).unwrap();
            self.bounds.numbers.push(if kind == RANGE {
                vec![Some(first)]
            } else {
                vec![Some(first), Some(first + 1)]
            });
            let name = format!("n{}", self.next_partition);
            self.define(table, end + more, end + more, &name);
        }
        true
    }

    /// DROP PARTITION, of one that has no rows.
    pub fn drop_partition(&mut self, table: &mut TableInfo) -> bool {
        let Some(info) = table.partition.as_mut().filter(|p| matches!(p.kind, RANGE | LIST)) else { return false };
        if info.definitions.len() < 2 {
            return false;
        }
        let at = 1 + self.random.index(info.definitions.len() - 1);
        info.definitions.remove(at);
        self.bounds.numbers.remove(at);
        true
    }

    /// REORGANIZE PARTITION of some that lie beside each other; of HASH and KEY another number of them.
    pub fn reorganize(&mut self, table: &mut TableInfo) -> bool {
        let Some(info) = table.partition.as_mut() else { return false };
        let count = info.definitions.len();
        if !matches!(info.kind, RANGE | LIST) {
            let now = usize::try_from(self.random.between(1, 5)).unwrap();
            let plain = (0..count).all(|at| info.definitions[at].name.0 == format!("p{at}"));
            if now == count || !plain {
                return false;
            }
            info.definitions.truncate(now);
            self.bounds.numbers.resize(now, Vec::new());
            for at in count..now {
                self.define(table, at, at, &format!("p{at}"));
            }
            // All rows are dealt anew.
            for at in 0..now {
                let id = self.partition_id();
                let definition = &mut table.partition.as_mut().unwrap().definitions[at];
                definition.id = id;
            }
            return true;
        }
        let from = self.random.index(count);
        let to = from + 1 + self.random.index(count - from);
        let (kind, name) = (info.kind, info.definitions[from].name.0.clone());
        info.definitions.drain(from..to);
        let gone: Vec<Vec<Option<i64>>> = self.bounds.numbers.drain(from..to).collect();
        let lowest = from.checked_sub(1).and_then(|b| self.bounds.numbers[b][0]).unwrap_or(0);
        let mut new: Vec<Vec<Option<i64>>> = Vec::new();
        if kind == RANGE {
            let end = gone.last().unwrap()[0];
            if end.is_none_or(|end| lowest + 2 < end) && self.random.below(3) > 0 {
                new.push(vec![Some(lowest + 2)]);
            }
            new.push(vec![end]);
        } else {
            let mut all: Vec<Option<i64>> = gone.into_iter().flatten().collect();
            if all.len() > 1 && self.random.one_in(2) {
                let rest = all.split_off(all.len() / 2);
                new.push(all);
                new.push(rest);
            } else {
                new.push(all);
            }
        }
        for (number, numbers) in new.into_iter().enumerate() {
            let at = from + number;
            self.bounds.numbers.insert(at, numbers);
            // One that took in others may keep a name.
            let name =
                if number == 0 && self.random.one_in(2) { name.clone() } else { format!("r{}", self.next_partition) };
            self.define(table, at, at, &name);
        }
        true
    }
}
