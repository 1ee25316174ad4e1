//! What the operator may decide: skip, replace, ask, no DDL at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mysql::prelude::Queryable;
use tisync::model::{Change, CommitTs, Side, Txn};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{Answer, Asker, DdlPolicy, DdlTrouble, Mode, MysqlOptions, OnDdlError, WrongSide};
use tisync::sink::{Sink, Totals};

use crate::world::*;

type Plain = fn(&PrivateServer);

pub const CASES: &[(&str, Plain)] = &[
    ("a_ddl_is_replaced_once", replaced),
    ("a_replacement_that_was_left_behind_is_finished", left_behind),
    ("a_replacement_that_is_refused_is_no_ddl", bad_replacement),
    ("a_flashback_is_replaced_by_the_same_by_hand", by_hand),
    ("somebody_is_asked_and_tries_again", again),
    ("somebody_is_asked_and_skips_or_replaces", skip_or_replace),
    ("nobody_can_be_asked", nobody),
    ("a_job_that_has_begun_is_not_asked_about", begun),
    ("no_ddl_runs_and_rows_go_on", no_ddl),
    ("ddl_on_the_wrong_side", wrong_side),
    ("a_job_of_several_statements_gives_its_lock_back", lock_given_back),
];

const VECTOR: &str = "ALTER TABLE `t` ADD COLUMN `v` VECTORS";

fn at(n: u64) -> CommitTs {
    CommitTs(START + n)
}

fn replacing(w: &World<'_>, n: u64, sql: &str) -> MysqlOptions {
    let ddl = DdlPolicy { replace: BTreeMap::from([(at(n), sql.to_owned())]), ..DdlPolicy::default() };
    MysqlOptions { ddl, ..w.options() }
}

fn decided(totals: &Totals) -> Vec<(u64, String, Option<&str>)> {
    totals.decided.iter().map(|d| (d.commit_ts.0 - START, d.query.clone(), d.instead.as_deref())).collect()
}

fn replaced(server: &PrivateServer) {
    let mut w = World::new(server, "replaced");
    let v1 = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let v2 = define("replaced", "t", &[("id", INT), ("v?", text())], &[&[0]], true);
    let instead = "ALTER TABLE t ADD COLUMN v TEXT COLLATE utf8mb4_bin; ALTER TABLE t COMMENT 'a;b'";
    let mut sink = w.open(replacing(&w, 2, instead)).unwrap();
    let txns = vec![
        txn(1, vec![ins(&v1, vec![i(1)])]),
        ddl(2, 5, "replaced", VECTOR, &[&v1], &[&v2]),
        txn(3, vec![ins(&v2, vec![i(2), s("x")])]),
    ];
    apply(&mut sink, txns);
    assert_eq!(w.one("SELECT * FROM t"), "1|~;2|x", "the schema follows the upstream's job");
    let totals = sink.totals();
    assert_eq!((totals.ddl, totals.skipped_ddl, totals.replaced_ddl), (0, 0, 1));
    assert_eq!(decided(&totals), [(2, VECTOR.to_owned(), Some(instead))]);
    assert!(w.noted("as you asked, `ALTER TABLE t ADD COLUMN v TEXT"));
    assert_eq!(w.checkpoint(), START + 3);
    drop(sink);
    // The option that stays in a script does nothing once the link is past it.
    let mut sink = w.open(replacing(&w, 2, instead)).unwrap();
    assert_eq!(sink.position(), Some(at(3)));
    apply(&mut sink, vec![txn(4, vec![ins(&v2, vec![i(3), s("y")])])]);
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "3");
}

/// The run dies between the first statement of a replacement and the second: what was durable stays, what was not runs, nothing twice.
fn left_behind(server: &PrivateServer) {
    let mut w = World::new(server, "left_behind");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let wider = define("left_behind", "t", &[("id", INT), ("a?", INT)], &[&[0]], true);
    let instead = "ALTER TABLE t ADD COLUMN a INT; ALTER TABLE blocked ADD COLUMN b INT";
    w.run("CREATE TABLE blocked (id INT)");
    w.run("INSERT INTO blocked VALUES (1)");
    let mut lock = server.connect().unwrap();
    lock.query_drop("USE left_behind").unwrap();
    lock.query_drop("LOCK TABLES blocked READ").unwrap();
    let mut sink = w.open(replacing(&w, 1, instead)).unwrap();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| sink.apply(ddl(1, 5, "left_behind", VECTOR, &[&t], &[&wider])));
        let waits = "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata%' AND info LIKE 'ALTER TABLE blocked%'";
        let id = loop {
            if let Some(id) = w.conn.query_first::<u64, _>(waits).unwrap() {
                break id;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        assert_eq!(w.one("SELECT ddl_step FROM tidb_binlog.tisync_checkpoint WHERE link = 'left_behind'"), "1");
        // Its connection is cut off, and tisync gets it done over another one.
        w.run(&format!("KILL {id}"));
        drop(lock);
        run.join().unwrap().unwrap();
    });
    sink.drain().unwrap();
    assert_eq!(sink.totals().replaced_ddl, 1);
    assert_eq!(w.one("SELECT COUNT(a) FROM t"), "0");
    assert_eq!(w.one("SHOW COLUMNS FROM blocked LIKE 'b'").replace("(11)", ""), "b|int|YES||~|");
    assert_eq!(w.checkpoint(), START + 1);
}

fn bad_replacement(server: &PrivateServer) {
    let mut w = World::new(server, "bad_replacement");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let mut sink = w.open(replacing(&w, 1, "ALTER TABLE t NONSENSE")).unwrap();
    let error = said(&sink.apply(ddl(1, 5, "bad_replacement", VECTOR, &[&t], &[&t])).unwrap_err());
    assert!(error.contains("ALTER TABLE t NONSENSE") && error.contains("error 1064"), "{error}");
    drop(sink);
    assert_eq!(w.checkpoint(), 0, "nothing was done");
    let mut sink = w.open(replacing(&w, 1, "DO 0")).unwrap();
    apply(&mut sink, vec![ddl(1, 5, "bad_replacement", VECTOR, &[&t], &[&t])]);
    assert_eq!(w.checkpoint(), START + 1);
}

fn by_hand(server: &PrivateServer) {
    let mut w = World::new(server, "by_hand");
    w.run("CREATE TABLE saved (id BIGINT PRIMARY KEY)");
    w.run("INSERT INTO saved VALUES (1)");
    let back = define("by_hand", "back", &[("id", INT)], &[&[0]], true);
    let mut sink = w.open(replacing(&w, 1, "RENAME TABLE saved TO back")).unwrap();
    let txns = vec![
        ddl(1, 25, "by_hand", "FLASHBACK TABLE `gone` TO `back`", &[], &[&back]),
        txn(2, vec![ins(&back, vec![i(2)])]),
    ];
    apply(&mut sink, txns);
    assert_eq!(w.one("SELECT * FROM back"), "1;2", "its rows are not left out");
    assert!(sink.totals().left_out.is_empty());
}

/// Answers as the list has them, and keeps what it was asked.
fn asking(
    w: &World<'_>,
    answers: Vec<Answer>,
    fix: Option<&'static str>,
) -> (MysqlOptions, Arc<Mutex<Vec<DdlTrouble>>>) {
    let asked: Arc<Mutex<Vec<DdlTrouble>>> = Arc::default();
    let (list, answers) = (asked.clone(), Mutex::new(answers));
    let conn = Mutex::new(w.server.connect().unwrap());
    let asker = Asker::new(move |trouble| {
        list.lock().unwrap().push(trouble.clone());
        if let Some(sql) = fix {
            conn.lock().unwrap().query_drop(sql).unwrap();
        }
        answers.lock().unwrap().remove(0)
    });
    let ddl = DdlPolicy { on_error: OnDdlError::Ask, ..DdlPolicy::default() };
    (MysqlOptions { ddl, asker: Some(asker), ..w.options() }, asked)
}

fn again(server: &PrivateServer) {
    let mut w = World::new(server, "again");
    let t = define("again", "t", &[("id", INT)], &[&[0]], true);
    let wider = define("again", "t", &[("id", INT), ("a?", INT)], &[&[0]], true);
    let (options, asked) = asking(&w, vec![Answer::Again], Some("CREATE TABLE again.t (id INT)"));
    let mut sink = w.open(options).unwrap();
    apply(&mut sink, vec![ddl(1, 5, "again", "ALTER TABLE `t` ADD COLUMN `a` INT", &[&t], &[&wider])]);
    assert_eq!(w.one("SHOW COLUMNS FROM t LIKE 'a'").replace("(11)", ""), "a|int|YES||~|");
    assert_eq!((sink.totals().ddl, sink.totals().decided.len()), (1, 0));
    let asked = asked.lock().unwrap();
    let trouble = &asked[0];
    assert_eq!((asked.len(), trouble.commit_ts, trouble.schema.as_str()), (1, at(1), "again"));
    assert_eq!(trouble.statement, "ALTER TABLE `t` ADD COLUMN `a` INT");
    assert!(trouble.error.contains("error 1146"), "{}", trouble.error);
}

fn skip_or_replace(server: &PrivateServer) {
    let mut w = World::new(server, "asked");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let wider = define("asked", "t", &[("id", INT), ("v?", text())], &[&[0]], true);
    let back = define("asked", "back", &[("id", INT)], &[&[0]], true);
    let answers = vec![
        Answer::Skip,
        Answer::Replace("ALTER TABLE t NONSENSE".to_owned()),
        Answer::Replace("ALTER TABLE t ADD COLUMN v BLOB".to_owned()),
        Answer::Skip,
        Answer::Stop,
    ];
    let (options, asked) = asking(&w, answers, None);
    let mut sink = w.open(options).unwrap();
    let flashback = ddl(3, 25, "asked", "FLASHBACK TABLE `gone` TO `back`", &[], &[&back]);
    let nowhere = ddl(5, 5, "no such database", "ALTER TABLE `t` ADD COLUMN `x` INT", &[], &[]);
    apply(&mut sink, vec![ddl(1, 5, "asked", VECTOR, &[&t], &[&t]), ddl(2, 5, "asked", VECTOR, &[&t], &[&wider])]);
    apply(&mut sink, vec![flashback, txn(4, vec![ins(&back, vec![i(1)])])]);
    let error = said(&sink.apply(nowhere).unwrap_err());
    assert!(error.contains("error 1049"), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 5);
    let totals = sink.totals();
    assert_eq!((totals.skipped_ddl, totals.replaced_ddl, totals.skipped_rows), (2, 1, 1));
    let instead: Vec<_> = decided(&totals).into_iter().map(|(n, _, instead)| (n, instead.map(str::to_owned))).collect();
    assert_eq!(instead, [(1, None), (2, Some("ALTER TABLE t ADD COLUMN v BLOB".to_owned())), (3, None)]);
    assert_eq!(w.one("SHOW COLUMNS FROM t LIKE 'v'"), "v|blob|YES||~|");
    drop(sink);
    assert_eq!(w.checkpoint(), START + 4);
}

fn nobody(server: &PrivateServer) {
    let w = World::new(server, "nobody");
    let ddl_policy = DdlPolicy { on_error: OnDdlError::Ask, ..DdlPolicy::default() };
    let mut sink = w.open(MysqlOptions { ddl: ddl_policy, ..w.options() }).unwrap();
    let error = said(&sink.apply(ddl(1, 5, "nobody", VECTOR, &[], &[])).unwrap_err());
    assert!(error.contains("error 4161") || error.contains("error 1064"), "{error}");
    assert!(w.noted("cannot ask what to do about this DDL, because there is no terminal: the run stops"));
}

/// The second of three tables is in the way of a job: what came before it is done, so there is nothing to choose.
fn begun(server: &PrivateServer) {
    let mut w = World::new(server, "begun_job");
    w.run("CREATE TABLE b (x INT)");
    let (options, asked) = asking(&w, vec![Answer::Skip], None);
    let mut sink = w.open(options).unwrap();
    let tables = ["a", "b", "c"].map(|name| define("begun_job", name, &[("x", INT)], &[&[0]], true));
    let job = ddl(
        1,
        60,
        "begun_job",
        "CREATE TABLE `a` (`x` INT);CREATE TABLE `b` (`x` INT);CREATE TABLE `c` (`x` INT);",
        &[],
        &tables.each_ref(),
    );
    let error = said(&sink.apply(job).unwrap_err());
    assert!(error.contains("error 1050"), "{error}");
    assert!(asked.lock().unwrap().is_empty());
}

fn no_ddl(server: &PrivateServer) {
    let mut w = World::new(server, "no_ddl");
    let v1 = w.table("t", "id BIGINT PRIMARY KEY, v TEXT COLLATE utf8mb4_bin", &[("id", INT)], &[&[0]], true);
    let v2 = define("no_ddl", "t", &[("id", INT), ("v?", text())], &[&[0]], true);
    // The target has its column before the upstream has it.
    let options =
        || MysqlOptions { mode: Mode::Partial, ddl: DdlPolicy { run: false, ..DdlPolicy::default() }, ..w.options() };
    let mut sink = w.open(options()).unwrap();
    let txns = vec![
        txn(1, vec![ins(&v1, vec![i(1)])]),
        ddl(2, 5, "no_ddl", "ALTER TABLE `t` ADD COLUMN `v` TEXT", &[&v1], &[&v2]),
        txn(3, vec![ins(&v2, vec![i(2), s("x")])]),
        ddl(4, 4, "no_ddl", "DROP TABLE `t`", &[&v2], &[]),
        ddl(5, 25, "no_ddl", "RECOVER TABLE `t`", &[], &[&v2]),
        ddl(6, 57, "no_ddl", "ALTER TABLE `t` CACHE", &[&v2], &[&v2]),
    ];
    apply(&mut sink, txns);
    let totals = sink.totals();
    assert_eq!((totals.ddl, totals.skipped_ddl, totals.unrun_ddl), (0, 0, 4));
    assert!(w.noted("not run on the target, because this link runs no DDL: `DROP TABLE `t``"));
    assert!(w.noted("this link runs no DDL, and this one brings back rows"));
    drop(sink);
    assert_eq!(w.checkpoint(), START + 6, "the position moves with each");
    assert_eq!(w.one("SELECT * FROM t"), "1|~;2|x");
    assert_eq!(w.open(w.options()).unwrap().last_job(), Some(9));
}

fn wrong_side(server: &PrivateServer) {
    let mut w = World::new(server, "wrong_side");
    let v1 = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let v2 = define("wrong_side", "t", &[("id", INT), ("v?", INT)], &[&[0]], true);
    let options = |wrong_side| {
        let ddl = DdlPolicy { run: false, wrong_side, ..DdlPolicy::default() };
        MysqlOptions { mode: Mode::Partial, ddl, ..w.options() }
    };
    let from = |side, mut txn: Txn| {
        if let Change::Ddl(ddl) = &mut txn.change {
            ddl.side = side;
        }
        txn
    };
    let alter = |n| ddl(n, 5, "wrong_side", "ALTER TABLE `t` ADD COLUMN `v` INT", &[&v1], &[&v2]);
    let mut sink = w.open(options(WrongSide::Stop)).unwrap();
    let cache = ddl(2, 57, "wrong_side", "ALTER TABLE `t` CACHE", &[&v1], &[&v1]);
    let bare = ddl(3, 39, "wrong_side", "ALTER TABLE `t` /*T![auto_id_cache] AUTO_ID_CACHE = 5 */", &[&v1], &[&v1]);
    apply(&mut sink, vec![from(Side::Target, alter(1)), from(Side::Upstream, cache), from(Side::Upstream, bare)]);
    let totals = sink.totals();
    assert_eq!((totals.returned_ddl, totals.unrun_ddl, totals.wrong_side_ddl, totals.ddl), (1, 2, 0, 0));
    let error = sink.apply(from(Side::Upstream, alter(4))).unwrap_err();
    assert_eq!(tisync::error::exit_code(&error), 4, "{error:#}");
    let text = said(&error);
    for words in ["wrong side", "`ALTER TABLE `t` ADD COLUMN `v` INT`", "database `wrong_side`", "--skip-ddl"] {
        assert!(text.contains(words) && text.contains(&at(4).0.to_string()), "{text}");
    }
    drop(sink);
    let options = options(WrongSide::Ignore);
    assert_eq!(w.checkpoint(), START + 3);
    let mut sink = w.open(options).unwrap();
    let gone = ddl(5, 25, "wrong_side", "RECOVER TABLE `t`", &[], &[&v2]);
    apply(&mut sink, vec![from(Side::Upstream, alter(4)), from(Side::Upstream, gone)]);
    assert_eq!((sink.totals().wrong_side_ddl, sink.totals().unrun_ddl), (2, 0));
    assert!(w.noted("ignored because of --wrong-side-ddl: `ALTER TABLE `t` ADD COLUMN"));
    drop(sink);
    assert_eq!(w.one("SHOW COLUMNS FROM t").split(';').count(), 1);
    // Where DDL runs, what the target had first does not.
    let mut sink = w.sink();
    apply(&mut sink, vec![from(Side::Target, alter(6))]);
    assert_eq!((sink.totals().ddl, sink.totals().returned_ddl, w.checkpoint()), (0, 1, START + 6));
    apply(&mut sink, vec![from(Side::Upstream, alter(7))]);
    assert_eq!(sink.totals().ddl, 1);
}

/// Each statement takes the lock once more; whoever runs the next DDL must not find it taken.
fn lock_given_back(server: &PrivateServer) {
    let w = World::new(server, "lock_back");
    let mut sink = w.open(MysqlOptions { workers: Some(4), ..w.options() }).unwrap();
    for n in 1..9 {
        let names = ["a", "b"].map(|name| format!("{name}{n}"));
        let tables = names.each_ref().map(|name| define("lock_back", name, &[("x", INT)], &[&[0]], true));
        let text = names.map(|name| format!("CREATE TABLE `{name}` (`x` BIGINT PRIMARY KEY);")).concat();
        sink.apply(ddl(n, 60, "lock_back", &text, &[], &tables.each_ref())).unwrap();
    }
    sink.drain().unwrap();
    assert!(!w.noted("which had started a DDL and was no longer running anything"), "{:?}", w.notes.lock().unwrap());
}
