//! `tisync mark`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use serde_json::Value as Json;
use tisync::event::silent;
use tisync::model::Mark;
use tisync::model::{Change, CommitTs, Txn};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use crate::common::binary::{Ran, tisync};

const TABLE: &str = "retl._drainer_repl_mark";

fn mark(verb: &str, servers: &[&PrivateServer], more: &[&str]) -> Ran {
    let urls: Vec<String> = servers.iter().map(|s| s.url()).collect();
    let mut args = vec!["mark", verb];
    for url in &urls {
        args.extend(["--to", url]);
    }
    args.extend(more);
    tisync(&args)
}

fn rows(server: &PrivateServer) -> Vec<(i64, i64, i64, String)> {
    let mut conn = server.connect().unwrap();
    conn.query(format!("SELECT channel_id, id, val, channel_info FROM {TABLE} ORDER BY 1, 2")).unwrap()
}

fn exists(server: &PrivateServer) -> bool {
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'retl'";
    server.connect().unwrap().query_first::<u64, _>(sql).unwrap() == Some(1)
}

pub fn setup() -> Result<(), Failed> {
    let (a, b) = (PrivateServer::start()?, PrivateServer::start()?);
    let both = [&a, &b];
    let dry = mark("setup", &both, &["--channel-id", "3", "--rows", "2", "--dry-run"]).expect(0).stdout;
    assert!(!exists(&a) && !exists(&b), "nothing is changed");
    let lines: Vec<&str> = dry.lines().collect();
    assert_eq!(lines.len(), 8, "{dry}");
    assert_eq!(lines[0], format!("-- root@127.0.0.1:{}", a.port()));
    assert_eq!(lines[1], "CREATE DATABASE IF NOT EXISTS `retl`;");
    // What is printed is what a client can run.
    let mut conn = b.connect()?;
    lines[5..].iter().try_for_each(|sql| conn.query_drop(sql))?;
    assert_eq!(rows(&b).len(), 2);

    let said = mark("setup", &both, &["--channel-id", "3", "--rows", "4"]).expect(0).stdout;
    assert!(said.contains("0 rows existed, 4 created") && said.contains("2 rows existed, 2 created"), "{said}");
    let shape = "SELECT GROUP_CONCAT(CONCAT_WS(' ', column_name, column_type, is_nullable, column_key, column_default) ORDER BY ordinal_position) \
                 FROM information_schema.columns WHERE table_name = '_drainer_repl_mark'";
    let found: Option<String> = a.connect()?.query_first(shape)?;
    let drainers = "CREATE DATABASE d; CREATE TABLE If Not Exists d._drainer_repl_mark (id bigint not null,channel_id bigint not null DEFAULT 0, \
                    val bigint DEFAULT 0, channel_info varchar(64) ,PRIMARY KEY (id,channel_id))";
    let other = PrivateServer::start()?;
    let mut conn = other.connect()?;
    drainers.split("; ").try_for_each(|sql| conn.query_drop(sql))?;
    assert_eq!(found, conn.query_first(shape)?, "it is Drainer's own table");

    // What is there keeps its value, whoever made it.
    let mut conn = a.connect()?;
    conn.query_drop(format!("UPDATE {TABLE} SET val = 17, channel_info = '' WHERE id = 1"))?;
    conn.query_drop(format!("DELETE FROM {TABLE} WHERE id = 2"))?;
    let before = rows(&a);
    let json = mark("setup", &[&a], &["--channel-id", "3", "--rows", "4", "--output", "json"]).expect(0).stdout;
    let json: Json = serde_json::from_str(&json)?;
    assert_eq!((&json["version"], &json["targets"][0]["rows_made"]), (&Json::from(1), &Json::from(1)));
    assert_eq!(json["targets"][0]["rows_there"], 3);
    let after = rows(&a);
    assert!(before.iter().all(|row| after.contains(row)) && after.len() == 4, "{after:?}");
    let again = mark("setup", &[&a], &["--channel-id", "3", "--rows", "4", "--dry-run"]).expect(0).stdout;
    assert_eq!(again.lines().count(), 1, "nothing is left to do: {again}");
    // A table of another name, another channel.
    mark("setup", &[&a], &["--channel-id", "-4", "--table", "marks.m", "--rows", "1"]).expect(0);
    assert_eq!(a.connect()?.query_first::<(i64, i64), _>("SELECT id, channel_id FROM marks.m")?, Some((0, -4)));
    Ok(())
}

pub fn refusals() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let other = PrivateServer::start()?;
    let mut conn = server.connect()?;
    conn.query_drop("CREATE DATABASE retl")?;
    conn.query_drop(format!("CREATE TABLE {TABLE} (id BIGINT, channel_id INT, who TEXT NOT NULL, val BIGINT)"))?;
    let ran = mark("setup", &[&other, &server], &["--channel-id", "1"]).expect(4);
    for words in [
        "its column channel_id is int, not bigint",
        "it has no column channel_info",
        "its primary key is (), not (id, channel_id)",
        "its column who needs a value",
        &format!("127.0.0.1:{}", server.port()),
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert!(!exists(&other), "both are looked at before either is changed");

    conn.query_drop("CREATE USER small@'127.0.0.1' IDENTIFIED BY 'x'")?;
    conn.query_drop("CREATE USER none@'127.0.0.1' IDENTIFIED BY 'x'")?;
    conn.query_drop("GRANT SELECT, INSERT ON retl.* TO small@'127.0.0.1'")?;
    let lacks = |user: &str| {
        let url = server.url().replace("root@", &format!("{user}:x@"));
        let ran = tisync(&["mark", "setup", "--to", &url, "--channel-id", "1", "--dry-run"]).expect(3);
        assert!(ran.stderr.contains("GRANT CREATE, SELECT"), "{}", ran.stderr);
        let (_, list) = ran.stderr.split_once("it lacks: ").expect("a list");
        list.lines().next().unwrap_or_default().to_owned()
    };
    conn.query_drop(format!("DROP TABLE {TABLE}"))?;
    assert_eq!(lacks("small"), format!("UPDATE on {TABLE}"));
    conn.query_drop("GRANT UPDATE ON retl.* TO small@'127.0.0.1'")?;
    assert_eq!(lacks("small"), format!("CREATE on {TABLE}"));
    assert_eq!(lacks("none"), format!("SELECT on {TABLE}, INSERT on {TABLE}, UPDATE on {TABLE}"));
    conn.query_drop("DROP DATABASE retl")?;
    assert_eq!(lacks("small"), format!("CREATE on {TABLE}"));
    conn.query_drop("GRANT CREATE ON retl.* TO small@'127.0.0.1'")?;
    let url = server.url().replace("root@", "small:x@");
    tisync(&["mark", "setup", "--to", &url, "--channel-id", "1"]).expect(0);
    assert_eq!(rows(&server).len(), 16);
    Ok(())
}

pub fn status() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let ran = mark("status", &[&server], &[]).expect(1);
    assert!(ran.stdout.contains(&format!("table {TABLE} does not exist")) && ran.stderr.contains("tisync mark setup"));
    mark("setup", &[&server], &["--channel-id", "1", "--rows", "1"]).expect(0);
    mark("setup", &[&server], &["--channel-id", "2", "--rows", "1"]).expect(0);
    mark("status", &[&server], &["--channel-id", "9"]).expect(1);
    let ran = mark("status", &[&server], &[]).expect(0);
    assert!(ran.stdout.contains("channel 1 id 0 val 0 tisync mark setup") && ran.stdout.contains("channel 2 id 0"));
    let sink = open(&server, "east", 1);
    let json = mark("status", &[&server], &["--channel-id", "1", "--output", "json"]).expect(0).stdout;
    let json: Json = serde_json::from_str(&json)?;
    assert_eq!(json["version"], 1);
    let found = &json["targets"][0];
    assert_eq!(found["in_use_by"], serde_json::json!(["link `east` of cluster 77"]));
    assert_eq!(found["rows"][0]["channel_info"], "tisync 77 east");
    assert!(found["rows"][0]["val"].as_i64().unwrap_or(0) > 0, "{json}");
    assert!(found["last_change"].as_str().is_some_and(|at| at.ends_with('Z')), "{json}");
    std::mem::drop(sink);
    mark("status", &[&server], &["--output", "csv"]).expect(2);
    Ok(())
}

/// A link that writes with marks and has come a little way.
fn open(server: &PrivateServer, link: &str, channel: i64) -> MysqlSink {
    let options = MysqlOptions {
        start: Some(CommitTs(420_747_102_018_863_124)),
        mark: Some(Mark::drainers(channel)),
        workers: Some(2),
        ..MysqlOptions::new(77, link)
    };
    let mut sink = MysqlSink::open(&server.url(), options, silent()).unwrap();
    sink.apply(Txn { commit_ts: CommitTs(420_747_102_018_863_125), change: Change::Nothing }).unwrap();
    sink.drain().unwrap();
    sink
}

pub fn drop() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    for channel in ["1", "2"] {
        mark("setup", &[&server], &["--channel-id", channel, "--rows", "2"]).expect(0);
    }
    let ran = mark("drop", &[&server], &["--channel-id", "1"]).expect(2);
    assert!(ran.stderr.contains("--yes"), "nobody can be asked: {}", ran.stderr);
    let dry = mark("drop", &[&server], &["--channel-id", "1", "--dry-run"]).expect(0).stdout;
    assert!(dry.contains("DELETE FROM `retl`.`_drainer_repl_mark` WHERE channel_id = 1;"), "{dry}");

    let sink = open(&server, "west", 1);
    let ran = mark("drop", &[&server], &["--channel-id", "1", "--yes"]).expect(4);
    assert!(ran.stderr.contains("in use: link `west` of cluster 77 runs"), "{}", ran.stderr);
    std::mem::drop(sink);

    // Somebody who leaves no name, as a Drainer.
    let over = Arc::new(AtomicBool::new(false));
    let (stop, mut conn) = (over.clone(), server.connect()?);
    let drainer = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            conn.query_drop(format!("UPDATE {TABLE} SET val = val + 1 WHERE id = 1 AND channel_id = 1")).unwrap();
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let ran = mark("drop", &[&server], &["--channel-id", "1", "--yes"]).expect(4);
    assert!(ran.stderr.contains("the row of id 1 is changing"), "{}", ran.stderr);
    over.store(true, Ordering::Relaxed);
    drainer.join().unwrap();
    assert_eq!(rows(&server).len(), 4);

    let said = mark("drop", &[&server], &["--channel-id", "1", "--yes"]).expect(0).stdout;
    assert!(said.contains("channel 1: deleted 2 rows"), "{said}");
    assert!(rows(&server).iter().all(|row| row.0 == 2) && rows(&server).len() == 2);
    Ok(())
}

pub fn flags() -> Result<(), Failed> {
    let sync = ["sync", "--from", "/nowhere", "--to", "mysql://127.0.0.1:1"];
    for (more, words) in [
        (&["--loopback"][..], "`loopback` was given without channel-id"),
        (&["--other-channels", "stop"], "`other-channels` was given without channel-id"),
        (&["--channel-id", "1", "--other-channels", "stop"], "without loopback"),
        (&["--channel-id", "1", "--mark-table", "marks"], "the mark table cannot be `marks`"),
        (&["--no-ddl", "--wrong-side-ddl", "stop"], "`wrong-side-ddl` was given, but loopback is off"),
        (
            &["--loopback", "--channel-id", "1", "--wrong-side-ddl", "ignore"],
            "`wrong-side-ddl` was given, but DDL is run on this link",
        ),
        (&["--safe-mode", "--on-conflict", "stop"], "cannot be combined with on-conflict stop"),
    ] {
        let ran = tisync(&[&sync[..], more].concat()).expect(2);
        assert!(ran.stderr.contains(words), "{more:?}: {}", ran.stderr);
    }
    Ok(())
}
