//! Rows that come behind a TRUNCATE PARTITION or an EXCHANGE PARTITION that their session did not know of (see [`crate::schema::LateTable`]): what they
//! wrote into such a partition is gone with it, or in the other table. In which partition a row belongs the target tells.

use std::sync::Arc;

use anyhow::Result;

use super::Pipeline;
use crate::decode::Lookup;
use crate::model::{Partition, Row, RowChange, RowKind, Table};
use crate::schema::LateTable;
use crate::selection::Selection;

/// A table with late rows in a transaction, under the target's names.
pub(super) struct Late {
    /// What its rows are read with.
    reads: Arc<Table>,
    /// The table that they are in.
    now: Arc<Table>,
    /// Partitions that they are not in any more, each with the table that they are in since.
    moved: Vec<(Partition, Option<i64>)>,
}

/// Where a row is.
#[derive(Clone, Debug)]
enum Place {
    In(Arc<Table>),
    Gone,
}

impl Late {
    /// How the rows of `table` are to be read, and what is to be done with them then, where they are wanted.
    pub(super) fn of(table: LateTable, selection: &mut Selection) -> (Lookup, Option<Self>) {
        let found = selection.lookup(&table.now);
        let (now, kinds) = match &found {
            Lookup::Read(now) => (Arc::clone(now), None),
            Lookup::Some(now, kinds) => (Arc::clone(now), Some(*kinds)),
            _ => return (found, None),
        };
        // One of its own, so that its rows are known by it.
        let (columns, handle) = (table.reads.columns.clone(), table.reads.handle.clone());
        let reads = Arc::new(Table { columns, handle, ..Table::clone(&now) });
        let moved = table.moved.into_iter().map(|m| (m.partition, m.to)).collect();
        let lookup = match kinds {
            None => Lookup::Read(Arc::clone(&reads)),
            Some(kinds) => Lookup::Some(Arc::clone(&reads), kinds),
        };
        (lookup, Some(Self { reads, now, moved }))
    }
}

impl Pipeline<'_> {
    /// Puts the rows of `late` tables where they are.
    pub(super) fn put_late(&mut self, rows: Vec<RowChange>, late: &[Late]) -> Result<Vec<RowChange>> {
        let mut placed = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        while let Some(row) = rows.next() {
            let Some(late) = late.iter().find(|l| Arc::ptr_eq(&l.reads, &row.table)) else {
                placed.push(row);
                continue;
            };
            let mut kinds = vec![row.kind];
            while let Some(next) = rows.next_if(|next| Arc::ptr_eq(&next.table, &late.reads)) {
                kinds.push(next.kind);
            }
            self.put_table(kinds, late, &mut placed)?;
        }
        Ok(placed)
    }

    fn put_table(&mut self, kinds: Vec<RowKind>, late: &Late, placed: &mut Vec<RowChange>) -> Result<()> {
        let images: Vec<&Row> = kinds.iter().flat_map(images).collect();
        let partitions: Vec<Partition> = late.moved.iter().map(|(partition, _)| partition.clone()).collect();
        let found = match partitions.is_empty() {
            true => vec![None; images.len()],
            false => self.sink.locate(&late.now, &partitions, &images)?,
        };
        let mut places = Vec::with_capacity(found.len());
        for at in found {
            let moved = at.and_then(|at| late.moved.get(at));
            places.push(match moved {
                None => Place::In(Arc::clone(&late.now)),
                Some((_, None)) => Place::Gone,
                Some((_, Some(id))) => self.other(*id),
            });
        }
        let mut places = places.into_iter();
        for kind in kinds {
            let first = places.next().unwrap_or(Place::Gone);
            let before = placed.len();
            match kind {
                RowKind::Insert(_) | RowKind::Delete(_) => put(placed, first, kind),
                RowKind::Update { old, new } => match (first, places.next().unwrap_or(Place::Gone)) {
                    (Place::In(a), Place::In(b)) if Arc::ptr_eq(&a, &b) => {
                        put(placed, Place::In(a), RowKind::Update { old, new });
                    }
                    (from, to) => {
                        put(placed, from, RowKind::Delete(old));
                        put(placed, to, RowKind::Insert(new));
                    }
                },
            }
            self.late_rows += u64::from(placed.len() == before);
        }
        Ok(())
    }

    /// The plain table that has a partition's rows since, if anybody wants them.
    fn other(&mut self, id: i64) -> Place {
        let Some(table) = self.catalog.live(id) else { return Place::Gone };
        match self.selection.lookup(&table) {
            Lookup::Read(table) | Lookup::Some(table, _) => Place::In(table),
            _ => Place::Gone,
        }
    }
}

fn images(kind: &RowKind) -> impl Iterator<Item = &Row> {
    let (first, second) = match kind {
        RowKind::Insert(row) | RowKind::Delete(row) => (row, None),
        RowKind::Update { old, new } => (old, Some(new)),
    };
    std::iter::once(first).chain(second)
}

fn put(placed: &mut Vec<RowChange>, place: Place, kind: RowKind) {
    if let Place::In(table) = place {
        placed.push(RowChange { table, kind });
    }
}
