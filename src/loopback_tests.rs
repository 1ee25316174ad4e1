//! Tests of the loopback filter: which transactions are dropped, and which end the run.

use bytes::Bytes;

use super::*;
use crate::error::{Kind as FaultKind, fault};
use crate::model::{Column, Generated, Handle, RowChange};
use crate::playground::encode::prewrite;

const TS: CommitTs = CommitTs(470_616_376_687_198_209);
const USERS: i64 = 1;
const MARKS: i64 = 2;
const SLOTS: i64 = 3;
const CHECKPOINTS: i64 = 4;
const INT: Kind = Kind::Int { bytes: 8, unsigned: false };

fn table(id: i64, schema: &str, name: &str, columns: &[(&str, Kind)]) -> Arc<Table> {
    let column = |(n, (name, kind)): (usize, &(&str, Kind))| Column {
        id: i64::try_from(n).unwrap() + 1,
        name: (*name).to_owned(),
        kind: kind.clone(),
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    Arc::new(Table {
        id,
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().enumerate().map(column).collect(),
        keys: Vec::new(),
        handle: Handle::RowId,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    })
}

fn text() -> Kind {
    Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() }
}

/// The upstream's tables, by id.
struct Upstream(HashMap<i64, Arc<Table>>, HashMap<i64, TableLookup>);

impl Upstream {
    fn new() -> Self {
        let unsigned = Kind::Int { bytes: 8, unsigned: true };
        let slot = [("cluster_id", unsigned), ("link", text()), ("slot", INT), ("origins", text())];
        let tables = [
            table(USERS, "App", "t", &[("id", INT)]),
            table(MARKS, "RETL", "_Drainer_repl_mark", &[("id", INT), ("channel_id", INT), ("val", INT)]),
            table(SLOTS, "tidb_binlog", "tisync_slot", &slot),
            table(CHECKPOINTS, "tidb_binlog", "checkpoint", &[("clusterID", INT)]),
        ];
        Self(tables.into_iter().map(|t| (t.id, t)).collect(), HashMap::new())
    }

    fn change(&self, id: i64, kind: RowKind) -> RowChange {
        RowChange { table: Arc::clone(&self.0[&id]), kind }
    }

    fn users(&self) -> RowChange {
        self.change(USERS, RowKind::Insert(vec![Value::Int(7)]))
    }

    fn mark(&self, channel: i64) -> RowChange {
        let row = |val| vec![Value::Int(0), Value::Int(channel), Value::Int(val)];
        self.change(MARKS, RowKind::Update { old: row(1), new: row(2) })
    }

    fn slot(&self, cluster: u64) -> RowChange {
        self.slot_with(cluster, "")
    }

    /// The record of a link that passes on data of other clusters.
    fn slot_with(&self, cluster: u64, origins: &'static str) -> RowChange {
        let text = |text: &'static str| Value::Bytes(Bytes::from_static(text.as_bytes()));
        let row = |n| vec![Value::UInt(cluster), text("east"), Value::Int(n), text(origins)];
        self.change(SLOTS, RowKind::Update { old: row(5), new: row(5) })
    }

    fn checkpoint(&self) -> RowChange {
        self.change(CHECKPOINTS, RowKind::Insert(vec![Value::Int(1)]))
    }

    fn judge(&self, loopback: &mut Loopback, changes: &[RowChange]) -> Result<Verdict> {
        let value = prewrite(9, changes, &mut |_| 1)?;
        loopback.judge(&TxnOutline::read(&value, TS)?, &mut |id, version| {
            assert_eq!(version, 9);
            let found = self.1.get(&id).cloned();
            Ok(found.unwrap_or_else(|| TableLookup::Table(Arc::clone(&self.0[&id]))))
        })
    }

    fn problem(&self, loopback: &mut Loopback, changes: &[RowChange]) -> String {
        let error = self.judge(loopback, changes).unwrap_err();
        let found = fault(&error).expect("a fault that an operator can read");
        assert_eq!(found.kind, FaultKind::Refused);
        assert!(!found.hint.is_empty());
        format!("{error:#} / {}", found.hint)
    }
}

fn ours() -> Loopback {
    Loopback::new(Mark::drainers(1), OtherChannels::Pass)
}

const DROP: Verdict = Verdict::Drop { bookkeeping: false };
const BOOKKEEPING: Verdict = Verdict::Drop { bookkeeping: true };

#[test]
fn what_carries_our_mark_is_dropped_whole() {
    let (up, mut loopback) = (Upstream::new(), ours());
    let mut judge = |changes: &[RowChange]| up.judge(&mut loopback, changes).unwrap();
    assert_eq!(judge(&[up.users()]), Verdict::Pass);
    // Wherever in the transaction the mark is.
    assert_eq!(judge(&[up.mark(1), up.users()]), DROP);
    assert_eq!(judge(&[up.users(), up.slot(5), up.mark(1)]), DROP);
    assert_eq!(judge(&[up.mark(2), up.users()]), Verdict::Pass);
    assert_eq!(judge(&[up.mark(2), up.mark(1), up.users()]), DROP);
    // Inserted and deleted rows of the mark table are marks as well.
    let row = vec![Value::Int(0), Value::Int(1), Value::Int(0)];
    assert_eq!(judge(&[up.change(MARKS, RowKind::Insert(row.clone()))]), BOOKKEEPING);
    assert_eq!(judge(&[up.change(MARKS, RowKind::Delete(row.clone()))]), BOOKKEEPING);
    assert_eq!(judge(&[up.mark(1), up.slot(5), up.checkpoint()]), BOOKKEEPING);
    // For an update, the new image counts, as in Drainer.
    let other = vec![Value::Int(0), Value::Int(2), Value::Int(0)];
    assert_eq!(judge(&[up.change(MARKS, RowKind::Update { old: row, new: other })]), Verdict::Pass);
    let counts = loopback.counts();
    assert_eq!((counts.dropped, counts.bookkeeping, counts.echoes), (6, 3, 0));
    assert_eq!(counts.others, BTreeMap::from([(2, 2)]));
}

#[test]
fn other_channels_stop_the_run_if_so_set() {
    let up = Upstream::new();
    let mut loopback = Loopback::new(Mark::drainers(1), OtherChannels::Stop);
    assert_eq!(up.judge(&mut loopback, &[up.mark(1), up.mark(2)]).unwrap(), BOOKKEEPING);
    let problem = up.problem(&mut loopback, &[up.mark(2), up.users()]);
    assert!(problem.contains("carries a mark of channel 2 in retl._drainer_repl_mark, but this link is of channel 1"));
}

#[test]
fn the_table_is_known_by_its_name_at_that_time() {
    let (mut up, mut loopback) = (Upstream::new(), ours());
    let marked = [up.mark(1), up.users()];
    assert_eq!(up.judge(&mut loopback, &marked).unwrap(), DROP);
    // Dropped since: rows that were written before the drop are still marks.
    up.1.insert(MARKS, TableLookup::Gone("dropped by DDL job 5".to_owned()));
    assert_eq!(up.judge(&mut loopback, &marked).unwrap(), DROP);
    // Created again, with another id.
    let anew = table(20, "retl", "_drainer_repl_mark", &[("id", INT), ("channel_id", INT)]);
    up.0.insert(20, anew);
    let row = vec![Value::Int(0), Value::Int(1)];
    let changes = [up.users(), up.change(20, RowKind::Insert(row))];
    assert_eq!(up.judge(&mut loopback, &changes).unwrap(), DROP);
    // Under another name it is an ordinary table.
    up.1.insert(
        MARKS,
        TableLookup::Table(table(MARKS, "retl", "old", &[("id", INT), ("channel_id", INT), ("val", INT)])),
    );
    assert_eq!(up.judge(&mut loopback, &marked).unwrap(), Verdict::Pass);
    assert!(loopback.is_mark("Retl", "_DRAINER_repl_mark") && !loopback.is_mark("retl", "old"));
}

#[test]
fn a_mark_table_that_is_none_is_an_error() {
    let mut up = Upstream::new();
    for (columns, words) in [
        (vec![("id", INT)], "it has no column channel_id"),
        (vec![("id", INT), ("channel_id", text())], "its column channel_id is not an integer"),
        (vec![("id", INT), ("channel_id", INT)], "a row has no usable channel_id"),
    ] {
        let row = columns.iter().map(|_| Value::Null).collect();
        up.0.insert(MARKS, table(MARKS, "retl", "_drainer_repl_mark", &columns));
        let problem = up.problem(&mut ours(), &[up.change(MARKS, RowKind::Insert(row)), up.users()]);
        assert!(problem.contains(words), "{problem}");
        assert!(problem.contains("retl._drainer_repl_mark of the upstream"), "{problem}");
    }
    let (schema, table) = ("retl".to_owned(), "_drainer_repl_mark".to_owned());
    up.1.insert(MARKS, TableLookup::Unreadable { schema, table, why: "column `x` is of type VECTOR".to_owned() });
    let row = RowKind::Insert(vec![Value::Null, Value::Null]);
    assert!(up.problem(&mut ours(), &[up.users(), up.change(MARKS, row)]).contains("VECTOR"));
}

#[test]
fn what_comes_back_without_a_mark_stops_the_run_with_the_evidence() {
    let up = Upstream::new();
    let mut loopback = ours();
    let problem = up.problem(&mut loopback, &[up.slot(5), up.users(), up.users()]);
    for words in [
        "470616376687198209 (2026-",
        "changes `App`.`t` together with tidb_binlog.tisync_slot of cluster 5, link `east`, slot 5",
        "no row of retl._drainer_repl_mark",
        "--loopback --channel-id 1",
    ] {
        assert!(problem.contains(words), "{words}: {problem}");
    }
    assert_eq!(loopback.counts().echoes, 1);
}

#[test]
fn what_is_no_echo() {
    let up = Upstream::new();
    let mut loopback = ours();
    let clean_up = |cluster| {
        let row = vec![
            Value::UInt(cluster),
            Value::Bytes(Bytes::from_static(b"east")),
            Value::Int(5),
            Value::Bytes(Bytes::new()),
        ];
        up.change(SLOTS, RowKind::Delete(row))
    };
    let mut pass = |changes: &[RowChange]| assert_eq!(up.judge(&mut loopback, changes).unwrap(), Verdict::Pass);
    pass(&[up.slot(5), up.checkpoint()]);
    pass(&[clean_up(5), up.users()]);
    pass(&[up.checkpoint(), up.users()]);
    // Another link's, with its own channel.
    pass(&[up.mark(2), up.slot(5), up.users()]);
    assert_eq!(loopback.counts().echoes, 0);
    // If the other side is known, unmarked data of a third cluster's link passes.
    let mut known = ours().opposite(Some(6));
    assert_eq!(up.judge(&mut known, &[up.slot(5), up.users()]).unwrap(), Verdict::Pass);
    assert!(up.problem(&mut known, &[up.slot(6), up.users()]).contains("of cluster 6"));
}

fn selects(pattern: &str) -> Arc<Filter> {
    let rules = crate::filter::Rules { tables: vec![pattern.to_owned()], ..Default::default() };
    Arc::new(Filter::new(&rules).unwrap())
}

#[test]
fn tables_that_the_link_leaves_out_are_no_echo() {
    let upstream = Upstream::new();
    let back = [upstream.slot(9), upstream.users()];
    let mut loopback = ours().selecting(selects("other.*"));
    assert_eq!(upstream.judge(&mut loopback, &back).unwrap(), Verdict::Pass);
    assert_eq!(loopback.counts().echoes, 0);
    let text = upstream.problem(&mut ours().selecting(selects("app.*")), &back);
    assert!(text.contains("data came back"), "{text}");
}

#[test]
fn data_that_others_pass_on_is_known_by_its_origins() {
    let up = Upstream::new();
    let mut loopback = ours().source(1);
    assert_eq!(up.judge(&mut loopback, &[up.mark(2), up.slot(7), up.users()]).unwrap(), Verdict::Pass);
    assert_eq!(up.judge(&mut loopback, &[up.mark(3), up.slot_with(8, "9,10"), up.users()]).unwrap(), Verdict::Pass);
    assert_eq!(loopback.origins().iter().copied().collect::<Vec<_>>(), [7, 8, 9, 10]);
    // Bookkeeping alone says nothing, and our mark drops everything, whatever origins there are.
    assert_eq!(up.judge(&mut loopback, &[up.mark(2), up.slot_with(8, "1")]).unwrap(), Verdict::Pass);
    let dropped = up.judge(&mut loopback, &[up.mark(1), up.slot_with(8, "1"), up.users()]).unwrap();
    assert_eq!((dropped, loopback.counts().echoes), (Verdict::Drop { bookkeeping: false }, 0));
    let error = up.judge(&mut loopback, &[up.mark(2), up.slot_with(8, "12,1"), up.users()]).unwrap_err();
    assert!(error.to_string().contains("that this cluster had sent out"), "{error}");
    assert_eq!(loopback.counts().echoes, 1);
}

#[test]
fn the_opposite_link_with_another_channel_is_an_echo() {
    let up = Upstream::new();
    let mut loopback = ours().opposite(Some(5));
    assert_eq!(up.judge(&mut loopback, &[up.mark(2), up.slot(6), up.users()]).unwrap(), Verdict::Pass);
    let error = up.judge(&mut loopback, &[up.mark(2), up.slot(5), up.users()]).unwrap_err();
    assert!(error.to_string().contains("with a mark of channel 2 instead of 1"), "{error}");
    assert_eq!(loopback.counts().echoes, 1);
}

#[test]
fn whose_a_ddl_is() {
    let ours = |channel, cluster_id| Some(Origin { channel, cluster_id, ts: TS });
    let ddl = |schema: &str, table: &str, before: &[(&str, &str)]| Ddl {
        schema: schema.to_owned(),
        table: table.to_owned(),
        before: before.iter().map(|(schema, name)| table_of(schema, name)).collect(),
        ..Ddl::default()
    };
    fn table_of(schema: &str, name: &str) -> Arc<Table> {
        table(9, schema, name, &[("id", INT)])
    }
    let mark = Mark::new("marks.m", 3).unwrap();
    let any = Loopback::new(mark.clone(), OtherChannels::Pass);
    let known = Loopback::new(mark, OtherChannels::Pass).opposite(Some(7));
    let alter = ddl("app", "t", &[("app", "t")]);
    for (origin, by_any, by_known) in [
        (ours(3, 7), Side::Target, Side::Target),
        (ours(3, 8), Side::Target, Side::Upstream),
        (ours(4, 7), Side::Upstream, Side::Upstream),
        (None, Side::Upstream, Side::Upstream),
    ] {
        assert_eq!((any.side(origin, &alter), known.side(origin, &alter)), (by_any, by_known), "{origin:?}");
    }
    // DDL that creates or drops the mark table's database.
    for (ddl, side) in [
        (ddl("Marks", "", &[]), Side::Unknown),
        (ddl("marks", "", &[("marks", "M")]), Side::Unknown),
        (ddl("marks", "", &[("marks", "m"), ("marks", "orders")]), Side::Upstream),
        (ddl("marks", "orders", &[]), Side::Upstream),
        (ddl("app", "", &[]), Side::Upstream),
    ] {
        assert_eq!(any.side(None, &ddl), side, "{ddl:?}");
    }
}

#[test]
fn without_marks_only_data_that_comes_back_ends_the_run() {
    let up = Upstream::new();
    let one_way = |opposite| Loopback::unmarked().opposite(opposite).source(5);
    let watching = |opposite| {
        let mut loopback = one_way(opposite);
        assert!(loopback.watches(up.0.values()) && !loopback.is_marked());
        loopback
    };
    let pass = |loopback: &mut Loopback, changes: &[RowChange]| {
        assert_eq!(up.judge(loopback, changes).unwrap(), Verdict::Pass);
        assert_eq!(loopback.counts().echoes, 0);
    };
    // The other direction by a link without marks: detected at the first transaction if the target
    // is known.
    let mut loopback = watching(Some(4));
    pass(&mut loopback, &[up.users()]);
    pass(&mut loopback, &[up.slot(4)]);
    let text = up.problem(&mut loopback, &[up.slot(4), up.users()]);
    assert!(text.contains("data came back from the cluster that this link writes to"), "{text}");
    assert!(text.contains("--loopback and the same --channel-id") && text.contains("`App`.`t`"), "{text}");
    assert_eq!(loopback.counts().echoes, 1);
    // A chain is no such pair, whatever is known; its origins are passed on to the next link.
    for opposite in [None, Some(6)] {
        let mut loopback = watching(opposite);
        pass(&mut loopback, &[up.slot_with(4, "3,2"), up.users()]);
        assert_eq!(loopback.origins().iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
        let text = up.problem(&mut loopback, &[up.slot_with(4, "3,5"), up.users()]);
        assert!(text.contains("that this cluster had sent out, passed on by another link"), "{text}");
    }
    // What the link leaves out cannot come back.
    let mut loopback = watching(Some(4)).selecting(selects("other.*"));
    pass(&mut loopback, &[up.slot(4), up.users()]);
}

#[test]
fn without_marks_nothing_is_asked_before_another_link_makes_its_tables() {
    let up = Upstream::new();
    let mut loopback = Loopback::unmarked().opposite(Some(4)).source(5);
    assert!(!loopback.watches([&up.0[&USERS], &up.0[&CHECKPOINTS]].into_iter()));
    let value = prewrite(9, &[up.slot(4), up.users()], &mut |_| 1).unwrap();
    let verdict = loopback.judge(&TxnOutline::read(&value, TS).unwrap(), &mut |_, _| panic!("no table is looked for"));
    assert_eq!(verdict.unwrap(), Verdict::Pass);
    let made = Ddl { after: vec![Arc::clone(&up.0[&SLOTS])], ..Ddl::default() };
    assert!(loopback.follow(&made) && !loopback.follow(&made), "it is said once");
    up.problem(&mut loopback, &[up.slot(4), up.users()]);
}

#[test]
fn which_cluster_the_target_is_is_asked_at_the_first_data_of_a_link() {
    let up = Upstream::new();
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let identify = move || {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(Some(4))
    };
    let mut loopback = Loopback::unmarked().source(5).identifying(Box::new(identify));
    assert!(loopback.watches(up.0.values()));
    let times = || asked.load(std::sync::atomic::Ordering::SeqCst);
    for changes in [vec![up.users()], vec![up.slot(4)]] {
        assert_eq!(up.judge(&mut loopback, &changes).unwrap(), Verdict::Pass);
    }
    assert_eq!(times(), 0);
    assert_eq!(up.judge(&mut loopback, &[up.slot(3), up.users()]).unwrap(), Verdict::Pass);
    let text = up.problem(&mut loopback, &[up.slot(4), up.users()]);
    assert!(text.contains("from the cluster that this link writes to") && times() == 1, "{text}");
}
