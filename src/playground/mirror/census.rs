//! What the transactions of a server were, counted from its own binlog: independent of what any link says of itself.

use crate::filter::wanted;
use crate::mark::Mark;
use crate::model::{Row, RowChange, RowKind, Value};

/// Transactions with rows, by what stood in them. Marks are those of Drainer's table, of any channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Users' rows alone: somebody's own work.
    pub own: u64,
    /// A row of the mark table rose: what a link wrote.
    pub marked: u64,
    /// By how much those rows rose in all. Equal to `marked` if each rose by one, once in a transaction.
    pub risen: i64,
    /// Users' rows beside the records of a link, and no mark: nobody could tell that this came from the other side.
    pub unmarked: u64,
}

impl Census {
    /// Takes one transaction in.
    pub(super) fn take(&mut self, changes: &[RowChange]) {
        let mark = Mark::drainers(0);
        let (mut users, mut records, mut marks) = (false, false, false);
        let mut risen = 0;
        for change in changes {
            let table = &change.table;
            if mark.is(&table.schema, &table.name) {
                marks = true;
                risen += rise(change);
            } else if wanted(&table.schema) {
                users = true;
            } else {
                records = true;
            }
        }
        self.marked += u64::from(risen != 0);
        self.risen += risen;
        self.own += u64::from(users && !records && !marks);
        self.unmarked += u64::from(users && records && !marks);
    }

    /// What has come since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            own: self.own - before.own,
            marked: self.marked - before.marked,
            risen: self.risen - before.risen,
            unmarked: self.unmarked - before.unmarked,
        }
    }
}

/// By how much a row of the mark table rose; NULL counts as 0, as for whoever raises it.
fn rise(change: &RowChange) -> i64 {
    let val = |row: &Row| match change.table.value(row, "val") {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    match &change.kind {
        RowKind::Update { old, new } => val(new) - val(old),
        // A row that is made, or taken away, raises nothing.
        RowKind::Insert(_) | RowKind::Delete(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Column, Generated, Kind, Table};

    fn column(name: &str) -> Column {
        Column {
            id: 1,
            name: name.to_owned(),
            kind: Kind::Int { bytes: 8, unsigned: false },
            nullable: true,
            generated: Generated::No,
            hidden: false,
            missing: Value::Null,
        }
    }

    fn insert(schema: &str, name: &str) -> RowChange {
        RowChange { table: Arc::new(Table::named(schema, name)), kind: RowKind::Insert(Vec::new()) }
    }

    fn rises(from: Value, to: i64) -> RowChange {
        let mut table = Table::named("retl", "_drainer_repl_mark");
        table.columns = ["id", "val"].map(column).to_vec();
        let row = |val| vec![Value::Int(1), val];
        RowChange { table: Arc::new(table), kind: RowKind::Update { old: row(from), new: row(Value::Int(to)) } }
    }

    #[test]
    fn each_kind_of_transaction() {
        let (user, record) = (|| insert("shop", "t"), || insert("tidb_binlog", "tisync_slot"));
        let mut census = Census::default();
        let before = {
            census.take(&[user(), user()]);
            census
        };
        assert_eq!(before, Census { own: 1, ..Census::default() });
        for transaction in [
            vec![rises(Value::Int(4), 5), record(), user()],
            vec![rises(Value::Null, 1), record()],
            vec![record(), user()],
            // Bookkeeping, and a row that a link makes or renames for itself.
            vec![record()],
            vec![insert("RETL", "_drainer_repl_mark")],
            vec![rises(Value::Int(5), 5)],
            vec![],
        ] {
            census.take(&transaction);
        }
        assert_eq!(census.since(before), Census { own: 0, marked: 2, risen: 2, unmarked: 1 });
        // Two marks in one transaction, or one that rises by more, do not add up.
        census.take(&[rises(Value::Int(1), 2), rises(Value::Int(7), 8), user()]);
        assert_eq!((census.marked, census.risen), (3, 4));
    }
}
