//! From Drainer's checkpoint on, exactly or with an overlap, and back to Drainer.

use mysql::prelude::Queryable;
use tisync::checkpoint::{DrainerPlace, DrainerTable};
use tisync::model::CommitTs;
use tisync::mysql::address::Target;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a clean checkpoint of Drainer's is gone on from exactly, and left for it byte for byte", clean),
    ("t24_an_unclean_checkpoint_means_safe_mode_up_to_a_ts", unclean),
    ("t24_safe_mode_goes_on_behind_a_restart", restarted),
    ("in safe mode each row that a batch touches is written or deleted, whatever the net effect", touched),
    ("a table without a key is refused behind an unclean checkpoint", keyless),
    ("t25_a_start_ts_beside_a_checkpoint_is_never_ignored_silently", start_ts),
    ("a start now beside a checkpoint of Drainer's is a start ts like any other", start_now),
    ("a Drainer that goes on between the start and the first save is noticed", still_running),
    ("Drainer and the same link in turns, any number of times", turns),
    ("links that Drainer has overtaken have no say until they go on behind it", overtaken),
    ("a Drainer that went on behind a killed run is followed, also backwards, and ends its DDL", killed),
    ("Drainer's checkpoint in another table, on another server, in a file", elsewhere),
];

/// Drainer's row of `cluster`, as Drainer makes it.
fn by_drainer(w: &mut World, cluster: u64, n: u64, consistent: bool) {
    w.run("create schema if not exists `tidb_binlog`");
    w.run("create table if not exists `tidb_binlog`.`checkpoint`(clusterID bigint unsigned primary key, checkPoint MEDIUMTEXT)");
    let json = format!(r#"{{"consistent":{consistent},"commitTS":{},"ts-map":{{}},"schema-version":47}}"#, START + n);
    w.run(&format!("replace into `tidb_binlog`.`checkpoint` values({cluster}, '{json}')"));
}

fn drainers(w: &mut World, cluster: u64) -> String {
    w.one(&format!("SELECT checkPoint FROM tidb_binlog.checkpoint WHERE clusterID = {cluster}"))
}

fn options(w: &World, cluster: u64) -> MysqlOptions {
    MysqlOptions { now: Some(CommitTs(START + 50)), ..MysqlOptions::new(cluster, w.db.clone()) }
}

fn refused(w: &World, options: MysqlOptions) -> String {
    let error = w.open(options).err().expect("refused");
    assert_eq!(tisync::error::exit_code(&error), 4, "{error:#}");
    still(&said(&error))
}

fn clean(server: &PrivateServer) {
    let mut w = World::new(server, "clean_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    by_drainer(&mut w, 201, 7, true);
    let mut sink = w.open(options(&w, 201)).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 7)));
    assert!(w.noted("taking over from Drainer") && w.noted("the start is exact"));
    sink.followed(47);
    sink.apply(txn(8, vec![ins(&t, vec![i(1), i(1)])])).unwrap();
    sink.resolved(CommitTs(START + 9)).unwrap();
    sink.flush().unwrap();
    // Strictly: a row that is there already is an error.
    w.run("INSERT INTO t VALUES (2, 2)");
    sink.apply(txn(10, vec![ins(&t, vec![i(2), i(2)])])).unwrap();
    assert!(said(&sink.drain().unwrap_err()).contains("error 1062"));
    drop(sink);
    let mut sink = w.open(options(&w, 201)).unwrap();
    sink.followed(48);
    w.run("DELETE FROM t WHERE id = 2");
    sink.apply(txn(10, vec![ins(&t, vec![i(2), i(2)])])).unwrap();
    sink.resolved(CommitTs(START + 12)).unwrap();
    sink.drain().unwrap();
    drop(sink);
    let expected = format!(r#"{{"consistent":true,"commitTS":{},"ts-map":{{}},"schema-version":48}}"#, START + 12);
    assert_eq!(drainers(&mut w, 201), expected);
    // There and back again: Drainer goes on, and another link behind it.
    by_drainer(&mut w, 201, 20, true);
    let again = w.open(MysqlOptions { link: "clean_again".to_owned(), ..options(&w, 201) }).unwrap();
    assert_eq!(again.position(), Some(CommitTs(START + 20)));
}

/// What Drainer applied without saying so is there, with later values even.
fn unclean(server: &PrivateServer) {
    let mut w = World::new(server, "unclean_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    let row = |id, v| vec![i(id), i(v)];
    by_drainer(&mut w, 202, 7, false);
    w.run("INSERT INTO t VALUES (1, 12), (3, 31)");
    let mut sink = w.open(options(&w, 202)).unwrap();
    sink.prepare([&t].into_iter()).unwrap();
    assert!(w.noted("it was not stopped cleanly and may have applied more"));
    let overlap = [
        txn(10, vec![ins(&t, row(1, 10)), ins(&t, row(2, 20))]),
        txn(11, vec![upd(&t, row(1, 10), row(1, 11)), del(&t, row(2, 20)), ins(&t, row(3, 30))]),
        txn(50, vec![upd(&t, row(1, 11), row(1, 12)), del(&t, row(4, 40))]),
    ];
    for txn in overlap {
        sink.apply(txn).unwrap();
    }
    // From the first ts above on, whatever the clock says, a contradiction is an error again, also in the same window.
    sink.apply(txn(51, vec![upd(&t, row(1, 12), row(1, 13))])).unwrap();
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|13;3|30");
    assert!(w.noted("safe mode has ended"));
    let odd = sink.totals().anomalies["`unclean_drainer`.`t`"];
    assert!(odd.missing > 0 && odd.duplicate > 0, "{odd:?}");
    sink.apply(txn(52, vec![del(&t, row(9, 9))])).unwrap();
    assert!(said(&sink.drain().unwrap_err()).contains("are missing from `unclean_drainer`.`t`"));
}

/// A killed Drainer left each row at some state of the overlap; one batch brings the overlap again.
fn touched(server: &PrivateServer) {
    let mut w = World::new(server, "touched_drainer");
    let pair = [("id", INT), ("v?", INT)];
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT UNIQUE", &pair, &[&[0], &[1]], true);
    let two = [("a", INT), ("b", INT), ("v?", INT)];
    let p = w.table("p", "a BIGINT, b BIGINT, v BIGINT, PRIMARY KEY (a, b)", &two, &[&[0, 1]], true);
    let u = w.table("u", "v BIGINT UNIQUE, n BIGINT", &[("v?", INT), ("n?", INT)], &[&[0]], false);
    let row = |id, v| vec![i(id), i(v)];
    let three = |a, b, v| vec![i(a), i(b), i(v)];
    by_drainer(&mut w, 220, 7, false);
    w.run("INSERT INTO t VALUES (1, 1), (2, 2), (3, 30), (5, 51)");
    w.run("INSERT INTO p VALUES (1, 1, 1), (1, 2, 2), (1, 3, 30)");
    w.run("INSERT INTO u VALUES (1, 1), (2, 2), (3, 31)");
    let options = MysqlOptions { allow_repeats: true, ..options(&w, 220) };
    let mut sink = w.open(options).unwrap();
    let overlap = [
        // Put in: 1 is deleted later, 2 gets another key, 3 and 5 change and change back. 4 was not there yet when Drainer died.
        vec![ins(&t, row(1, 1)), ins(&t, row(2, 2)), ins(&p, three(1, 1, 1)), ins(&p, three(1, 2, 2))],
        vec![upd(&t, row(3, 3), row(3, 30)), upd(&p, three(1, 3, 3), three(1, 3, 30)), del(&t, row(5, 5))],
        vec![ins(&u, row(1, 1)), ins(&u, row(2, 2)), del(&u, row(3, 3)), ins(&u, row(3, 31))],
        vec![upd(&t, row(3, 30), row(3, 3)), upd(&p, three(1, 3, 30), three(1, 3, 3)), ins(&t, row(5, 51))],
        vec![upd(&t, row(5, 51), row(5, 5)), upd(&u, row(3, 31), row(3, 32)), ins(&t, row(4, 4))],
        vec![del(&t, row(1, 1)), upd(&t, row(2, 2), row(102, 102)), del(&u, row(1, 1)), upd(&u, row(3, 32), row(3, 3))],
        vec![del(&p, three(1, 1, 1)), upd(&p, three(1, 2, 2), three(7, 2, 2)), upd(&u, row(2, 2), row(20, 2))],
    ];
    // How many transactions a batch takes is the sink's affair; what is one transaction is always in one.
    sink.apply(txn(10, overlap.concat())).unwrap();
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "3|3;4|4;5|5;102|102");
    assert_eq!(w.one("SELECT * FROM p ORDER BY a, b"), "1|3|3;7|2|2");
    assert_eq!(w.one("SELECT * FROM u ORDER BY v"), "3|3;20|2");
    // Behind the overlap a taken key would stop the run.
    sink.apply(txn(51, vec![ins(&t, row(6, 1)), ins(&t, row(7, 2)), ins(&u, row(1, 6)), ins(&u, row(2, 7))])).unwrap();
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT id FROM t WHERE v < 3 UNION ALL SELECT n FROM u WHERE v < 3"), "6;7;6;7");
}

fn restarted(server: &PrivateServer) {
    let mut w = World::new(server, "restarted_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    by_drainer(&mut w, 203, 7, false);
    w.run("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
    let add = |sink: &mut MysqlSink, n: u64| {
        let id = i64::try_from(n).unwrap();
        sink.apply(txn(n + 10, vec![ins(&t, vec![i(id), i(id)])])).and_then(|()| sink.drain())
    };
    let mut sink = w.open(options(&w, 203)).unwrap();
    add(&mut sink, 1).unwrap();
    drop(sink);
    // The next run knows of no overlap but what the first one left, and its own now is later.
    let later = || MysqlOptions { now: Some(CommitTs(START + 900)), ..options(&w, 203) };
    let mut sink = w.open(later()).unwrap();
    assert!(w.noted("safe mode continues up to there"));
    add(&mut sink, 2).unwrap();
    drop(sink);
    let mut sink = w.open(later()).unwrap();
    let late = |sink: &mut MysqlSink| sink.apply(txn(60, vec![ins(&t, vec![i(3), i(3)])])).and_then(|()| sink.drain());
    assert!(said(&late(&mut sink).unwrap_err()).contains("error 1062"));
}

fn keyless(server: &PrivateServer) {
    let mut w = World::new(server, "keyless_drainer");
    let columns = [("a?", INT), ("b?", INT)];
    let t = w.table("t", "a BIGINT, b BIGINT", &columns, &[], false);
    let u = w.table("u", "a BIGINT UNIQUE, b BIGINT", &columns, &[&[0]], false);
    let k = w.table("k", "a BIGINT PRIMARY KEY, b BIGINT", &[("a", INT), ("b?", INT)], &[&[0]], true);
    by_drainer(&mut w, 204, 7, false);
    let mut sink = w.open(options(&w, 204)).unwrap();
    let error = said(&sink.prepare([&t, &u, &k].into_iter()).unwrap_err());
    assert!(error.contains("`keyless_drainer`.`t`, `keyless_drainer`.`u`") && !error.contains(".`k`"), "{error}");
    assert!(error.contains("--allow-repeats"), "{error}");
    drop(sink);
    // One that comes later is refused with its first row, if that lies in the overlap.
    let mut sink = w.open(options(&w, 204)).unwrap();
    sink.prepare([&k].into_iter()).unwrap();
    let error = said(&sink.apply(txn(10, vec![ins(&t, vec![i(1), i(1)])])).unwrap_err());
    assert!(error.contains("`keyless_drainer`.`t`"), "{error}");
    drop(sink);
    let mut sink = w.open(options(&w, 204)).unwrap();
    apply(&mut sink, vec![txn(51, vec![ins(&t, vec![i(1), i(1)])])]);
    drop(sink);
    let mut w2 = World::new(server, "keyless_allowed");
    by_drainer(&mut w2, 205, 7, false);
    let mut sink = w2.open(MysqlOptions { allow_repeats: true, ..options(&w2, 205) }).unwrap();
    sink.prepare([&t].into_iter()).unwrap();
    apply(&mut sink, vec![txn(10, vec![ins(&t, vec![i(1), i(1)])])]);
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "2", "as the flag says");
}

fn start_ts(server: &PrivateServer) {
    let mut w = World::new(server, "start_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    by_drainer(&mut w, 206, 7, true);
    let base = options(&w, 206);
    let with =
        |n: u64, ignore_drainer| MysqlOptions { start: Some(CommitTs(START + n)), ignore_drainer, ..base.clone() };
    let older = refused(&w, with(3, false));
    assert!(older.contains("is not where Drainer stopped") && older.contains("already on the target"), "{older}");
    let newer = refused(&w, with(9, false));
    assert!(newer.contains("would be lost") && newer.contains("--ignore-drainer"), "{newer}");
    assert_eq!(w.open(with(7, false)).unwrap().position(), Some(CommitTs(START + 7)));
    // By the operator's word either is taken, said, and Drainer's row follows.
    assert_eq!(w.open(with(9, true)).unwrap().position(), Some(CommitTs(START + 9)));
    let mut sink = w.open(with(3, true)).unwrap();
    assert!(w.noted("is ignored because of --ignore-drainer"));
    apply(&mut sink, vec![txn(5, vec![ins(&t, vec![i(5)])])]);
    drop(sink);
    assert!(drainers(&mut w, 206).contains(&(START + 5).to_string()));
    // A link that has started goes on from its own checkpoint, and says that the flag is not used.
    let sink = w.open(with(3, false)).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 5)));
    assert!(w.noted("continues from its checkpoint on the target") && w.noted("is not used"));
}

fn start_now(server: &PrivateServer) {
    let mut w = World::new(server, "now_drainer");
    by_drainer(&mut w, 218, 7, true);
    let now = MysqlOptions { first: Some(CommitTs(START + 40)), first_is_now: true, ..options(&w, 218) };
    let text = refused(&w, now.clone());
    assert!(text.contains("would be lost") && text.contains("--ignore-drainer"), "{text}");
    // A drainer.toml says now for the first start of all.
    let yields = MysqlOptions { start_yields: true, link: "now_yields".to_owned(), ..now.clone() };
    assert_eq!(w.open(yields).unwrap().position(), Some(CommitTs(START + 7)));
    let sink = w.open(MysqlOptions { ignore_drainer: true, ..now }).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 40)));
    assert!(w.noted("is ignored because of --ignore-drainer"));
}

fn still_running(server: &PrivateServer) {
    let mut w = World::new(server, "running_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    by_drainer(&mut w, 207, 7, false);
    let mut sink = w.open(options(&w, 207)).unwrap();
    // It is behind what the link will have written by then, and is noticed all the same.
    by_drainer(&mut w, 207, 8, false);
    sink.apply(txn(60, vec![ins(&t, vec![i(1)])])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("a Drainer has written to this target since, or is writing now"), "{error}");
    assert!(drainers(&mut w, 207).contains(&(START + 8).to_string()), "and left as it is");
}

fn says(n: u64, version: i64) -> String {
    format!(r#"{{"consistent":true,"commitTS":{},"ts-map":{{}},"schema-version":{version}}}"#, START + n)
}

fn turns(server: &PrivateServer) {
    let mut w = World::new(server, "turns_drainer");
    // Without a key each repetition and each gap shows.
    let t = w.table("t", "n BIGINT", &[("n?", INT)], &[], false);
    for turn in 1..=4_u64 {
        let (at, n) = (turn * 10, i64::try_from(turn * 10).unwrap());
        w.run(&format!("INSERT INTO t VALUES ({n})"));
        by_drainer(&mut w, 221, at, true);
        let mut sink = w.open(options(&w, 221)).unwrap();
        assert_eq!(sink.position(), Some(CommitTs(START + at)));
        assert_eq!(w.noted("a Drainer has continued"), turn > 1, "{:?}", w.notes);
        sink.prepare([&t].into_iter()).unwrap();
        sink.followed(n);
        sink.apply(txn(at + 1, vec![ins(&t, vec![i(n + 1)])])).unwrap();
        sink.followed(n + 1);
        sink.resolved(CommitTs(START + at + 2)).unwrap();
        sink.drain().unwrap();
        assert_eq!(drainers(&mut w, 221), says(at + 2, n + 1));
        // Without anything between it goes on as ever.
        drop(sink);
        assert_eq!(w.open(options(&w, 221)).unwrap().position(), Some(CommitTs(START + at + 2)));
    }
    assert_eq!(w.one("SELECT n FROM t ORDER BY n"), "10;11;20;21;30;31;40;41");
    // Whoever does not want Drainer's word has to say what its row means.
    by_drainer(&mut w, 221, 60, true);
    let text = refused(&w, MysqlOptions { ignore_drainer: true, ..options(&w, 221) });
    assert!(text.contains("a Drainer has written to this target since") && text.contains("--ignore-drainer"), "{text}");
}

fn overtaken(server: &PrivateServer) {
    let mut w = World::new(server, "overtaken_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let named = |w: &World, link: &str| w.open(MysqlOptions { link: link.to_owned(), ..options(w, 222) }).unwrap();
    let bring = |sink: &mut MysqlSink, n: u64| {
        sink.apply(txn(n, vec![ins(&t, vec![i(i64::try_from(n).unwrap())])])).unwrap();
        sink.followed(i64::try_from(n).unwrap());
        sink.drain().unwrap();
    };
    by_drainer(&mut w, 222, 7, true);
    let (mut a, mut b) = (named(&w, "over_a"), named(&w, "over_b"));
    bring(&mut a, 12);
    bring(&mut b, 9);
    drop((a, b));
    assert!(drainers(&mut w, 222).contains(&format!("\"commitTS\":{}", START + 9)), "the slower one's");
    by_drainer(&mut w, 222, 20, true);
    let mut a = named(&w, "over_a");
    assert_eq!(a.position(), Some(CommitTs(START + 20)));
    bring(&mut a, 21);
    drop(a);
    assert_eq!(drainers(&mut w, 222), says(21, 21));
    // A link of another name takes over, and both old ones are behind.
    by_drainer(&mut w, 222, 30, true);
    let mut c = named(&w, "over_c");
    assert_eq!(c.position(), Some(CommitTs(START + 30)));
    bring(&mut c, 31);
    drop(c);
    assert_eq!(drainers(&mut w, 222), says(31, 31));
    let mut b = named(&w, "over_b");
    assert_eq!(b.position(), Some(CommitTs(START + 30)), "what Drainer applied is not applied again");
    bring(&mut b, 32);
    assert!(drainers(&mut w, 222).contains(&format!("\"commitTS\":{}", START + 31)), "and it has a say again");
    drop(b);
    assert_eq!(named(&w, "over_b").position(), Some(CommitTs(START + 32)));
    assert_eq!(w.one("SELECT GROUP_CONCAT(id ORDER BY id) FROM t"), "9,12,21,31,32");
}

fn killed(server: &PrivateServer) {
    let mut w = World::new(server, "killed_drainer");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    let k = w.table("k", "v BIGINT", &[("v?", INT)], &[], false);
    let row = |id, v| vec![i(id), i(v)];
    by_drainer(&mut w, 223, 7, true);
    apply(
        &mut w.open(options(&w, 223)).unwrap(),
        vec![txn(11, vec![ins(&t, row(1, 11))]), txn(12, vec![ins(&t, row(2, 12))])],
    );
    // The row that it left lags by both; Drainer went on from there, and came only as far as the first of them.
    w.run("UPDATE t SET v = 10 WHERE id = 1");
    by_drainer(&mut w, 223, 11, true);
    let mut sink = w.open(options(&w, 223)).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 11)));
    let error = said(&sink.prepare([&k].into_iter()).unwrap_err());
    assert!(error.contains("`killed_drainer`.`k`") && error.contains("--allow-repeats"), "{error}");
    sink.apply(txn(12, vec![ins(&t, row(2, 12)), upd(&t, row(1, 9), row(1, 12))])).unwrap();
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t"), "1|12;2|12");
    sink.apply(txn(13, vec![ins(&t, row(2, 12))])).unwrap();
    assert!(said(&sink.drain().unwrap_err()).contains("error 1062"), "strictly behind what was there");
    drop(sink);
    // A DDL that the killed run had begun is Drainer's by then, which has run it.
    w.run(&format!(
        "UPDATE tidb_binlog.tisync_checkpoint SET ddl_ts = {}, ddl_job = 5, ddl_schema = 'killed_drainer', \
         ddl_query = 'ALTER TABLE `t` ADD `x` INT', ddl_before = '{{}}', ddl_lock = 'x' WHERE cluster_id = 223",
        START + 15
    ));
    by_drainer(&mut w, 223, 20, false);
    let mut sink = w.open(options(&w, 223)).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 20)));
    assert!(w.noted("rows up to") && w.noted("are written in safe mode"));
    sink.apply(txn(49, vec![ins(&t, row(2, 49))])).unwrap();
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t"), "1|12;2|49");
}

fn elsewhere(server: &PrivateServer) {
    let mut w = World::new(server, "other_place");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let table = DrainerTable { schema: "other_place".to_owned(), table: "cp".to_owned() };
    let json = |n: u64| format!(r#"{{"consistent":true,"commitTS":{},"ts-map":{{}}}}"#, START + n);
    w.run("CREATE TABLE cp (clusterID bigint unsigned primary key, checkPoint MEDIUMTEXT)");
    w.run(&format!("INSERT INTO cp VALUES (208, '{}'), (209, '{}')", json(7), json(9)));
    let name = w.db.clone();
    let with = |cluster, drainer| MysqlOptions {
        drainer,
        now: Some(CommitTs(START + 50)),
        ..MysqlOptions::new(cluster, name.clone())
    };
    let mut sink = w.open(with(208, DrainerPlace::Target(table.clone()))).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 7)));
    apply(&mut sink, vec![txn(20, vec![ins(&t, vec![i(1)])])]);
    drop(sink);
    assert!(w.one("SELECT checkPoint FROM cp WHERE clusterID = 208").contains(&(START + 20).to_string()));
    let target = Target::parse(&server.url(), &w.events()).unwrap();
    let remote = DrainerPlace::Server { server: Box::new(target), table };
    let link = |options| MysqlOptions { link: "elsewhere".to_owned(), ..options };
    let sink = w.open(link(with(209, remote.clone()))).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 9)));
    assert!(w.noted("is only read; tidb_binlog.checkpoint on the target is updated instead"));
    drop(sink);
    assert!(refused(&w, link(with(210, remote))).contains("but there is none"));
    let path = std::env::temp_dir().join(format!("tisync-savepoint-{}", std::process::id()));
    std::fs::write(&path, format!("consistent = false\ncommitTS = {}\nschema-version = 47\n", START + 6)).unwrap();
    let file = DrainerPlace::File(path.clone());
    let sink = w.open(MysqlOptions { link: "by file".to_owned(), ..with(211, file.clone()) }).unwrap();
    assert_eq!(sink.position(), Some(CommitTs(START + 6)));
    drop(sink);
    std::fs::remove_file(path).unwrap();
    assert!(refused(&w, MysqlOptions { link: "no file".to_owned(), ..with(212, file) }).contains("cannot be read"));
    let mut conn = server.connect().unwrap();
    let left: u64 = conn
        .query_first("SELECT COUNT(*) FROM tidb_binlog.checkpoint WHERE clusterID IN (208, 209, 211)")
        .unwrap()
        .unwrap();
    assert_eq!(left, 0, "nothing was applied for them, or it is kept elsewhere");
}
