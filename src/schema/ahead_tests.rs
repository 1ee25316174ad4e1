//! Tests of which definitions follow one, and where its columns go.

use super::*;
use crate::model::{Column, Generated, Handle, Kind, Value};

/// A table with columns of these ids and names.
fn table(columns: &[(i64, &str)]) -> Arc<Table> {
    let column = |(id, name): &(i64, &str)| Column {
        id: *id,
        name: (*name).to_owned(),
        kind: Kind::Int { bytes: 4, unsigned: false },
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    let columns = columns.iter().map(column).collect();
    Arc::new(Table { id: 7, columns, handle: Handle::RowId, ..Table::named("d", "t") })
}

fn later(columns: &[(i64, &str)], modifies: bool) -> Later {
    Later { table: table(columns), modifies, brought: false }
}

#[test]
fn columns_keep_their_values_through_what_the_source_does_to_them() {
    let from = table(&[(1, "a"), (2, "b"), (3, "c")]);
    // Added in front, renamed, dropped.
    let steps = [
        later(&[(4, "x"), (1, "a"), (2, "b"), (3, "c")], false),
        later(&[(4, "x"), (1, "a"), (2, "B2"), (3, "c")], false),
        later(&[(4, "x"), (2, "B2"), (3, "c")], false),
    ];
    assert_eq!(carried(&from, &steps), [None, Some(1), Some(2)]);
    assert_eq!(carried(&from, &[]), [Some(0), Some(1), Some(2)]);
    // Two columns swap their names.
    let swapped = [later(&[(1, "b"), (2, "a"), (3, "c")], false)];
    assert_eq!(carried(&from, &swapped), [Some(0), Some(1), Some(2)]);
    // A column is dropped and created again: the new one has no value of the old one.
    let anew = [later(&[(1, "a"), (2, "b")], false), later(&[(1, "a"), (2, "b"), (5, "c")], false)];
    assert_eq!(carried(&from, &anew), [Some(0), Some(1), None]);
    // A column that is rewritten for another type has another id, and perhaps another name.
    assert_eq!(carried(&from, &[later(&[(1, "a"), (9, "b"), (3, "c")], true)]), [Some(0), Some(1), Some(2)]);
    assert_eq!(carried(&from, &[later(&[(1, "a"), (9, "bb"), (3, "c")], true)]), [Some(0), Some(1), Some(2)]);
    // One job drops a column and adds another.
    assert_eq!(carried(&from, &[later(&[(1, "a"), (3, "c"), (9, "bb")], false)]), [Some(0), None, Some(1)]);
}

/// Jobs of a history.
struct Jobs(Mutex<Vec<Job>>);

impl History for Jobs {
    fn all(&self) -> Result<Vec<Job>> {
        Ok(self.0.lock().clone())
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        Ok(self.all()?.into_iter().find(|j| j.id == id))
    }

    fn grows(&self) -> bool {
        true
    }

    fn current(&self) -> Result<Option<crate::schema::Snapshot>> {
        Ok(None)
    }
}

fn job(id: i64, action: u8, from: i64, to: &Table) -> Job {
    let info = crate::playground::tableinfo::table_info(to, &Default::default(), 0);
    let info: TableInfo = serde_json::from_value(info).unwrap();
    let mut job = Job { id, action: action.into(), table_id: from, state: 6, ..Job::default() };
    job.info.schema_version = id;
    job.info.finished_ts = 1000 + u64::try_from(id).unwrap();
    job.info.table = Some(Box::new(info));
    job
}

#[test]
fn what_comes_after_a_definition() {
    let defs = [
        table(&[(1, "a")]),
        table(&[(1, "a"), (2, "b")]),
        table(&[(1, "a"), (2, "b"), (3, "c")]),
        table(&[(1, "a"), (3, "c")]),
    ];
    let truncated = Table { id: 8, ..Table::clone(&defs[3]) };
    let other = Table { id: 99, ..Table::clone(&defs[0]) };
    let jobs = vec![
        job(10, 3, 7, &defs[0]),
        job(11, 5, 7, &defs[1]),
        job(12, 5, 99, &other),
        job(13, 5, 7, &defs[2]),
        Job { state: 3, ..job(14, 5, 7, &defs[1]) },
        job(15, 6, 7, &defs[3]),
        job(16, 11, 7, &truncated),
    ];
    let columns = |found: Course| found.later.iter().map(|l| (l.table.id, l.table.columns.len())).collect::<Vec<_>>();
    let ahead = Ahead::new(Arc::new(Jobs(Mutex::new(jobs.clone()))));
    // The stream begins behind the first two; what it passes then is still known.
    ahead.begin([10, 11].into_iter());
    assert_eq!(columns(ahead.after(&defs[1]).unwrap()), [(7, 3), (7, 2), (8, 2)]);
    ahead.pass(&jobs[3], std::slice::from_ref(&defs[2]));
    assert_eq!(columns(ahead.after(&defs[1]).unwrap()), [(7, 3), (7, 2), (8, 2)]);
    assert_eq!(columns(ahead.after(&defs[2]).unwrap()), [(7, 2), (8, 2)]);
    assert_eq!(columns(ahead.after(&defs[3]).unwrap()), [(8, 2)]);
    // The age of a job that a link ran is its age on the cluster that the link comes from.
    assert_eq!(ahead.after(&defs[1]).unwrap().newest, Some(CommitTs(1016)));
    let mut brought = job(17, 5, 8, &truncated);
    brought.query = "/* tisync channel=1 cluster=3 ts=2042 */ ALTER TABLE t ADD INDEX (a)".to_owned();
    let ahead = Ahead::new(Arc::new(Jobs(Mutex::new(jobs.into_iter().chain([brought]).collect()))));
    let course = ahead.after(&defs[0]).unwrap();
    assert_eq!(course.newest, Some(CommitTs(2042)));
    assert_eq!(course.later.iter().map(|l| l.brought).collect::<Vec<_>>(), [false, false, false, false, true]);
    // A definition with another table id is another table.
    assert!(ahead.after(&Table { id: 5, ..Table::clone(&defs[0]) }).unwrap().later.is_empty());
}
