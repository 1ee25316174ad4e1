//! DDL that concerns more than what the filter takes: from files it becomes the same as from a cluster.

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::playground::mariadb::PrivateServer;

use crate::types::{T, sync};
use crate::write::{Cell, ddl, event, file, int, rows};

fn insert(ts: u64, table: &str, n: i64) -> tisync::source::pb::frames::Binlog {
    let cell: Cell<'static> = ("a", 3, "int", int(n), None);
    rows(ts, &[event(table, 0, &[cell])])
}

fn all(server: &PrivateServer, sql: &str) -> Result<String, Failed> {
    let found: Vec<String> = server.connect()?.query(sql)?;
    Ok(found.join(" "))
}

fn tables(server: &PrivateServer, databases: &str) -> Result<String, Failed> {
    all(
        server,
        &format!(
            "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables WHERE table_schema IN ({databases}) ORDER BY 1"
        ),
    )
}

/// The database goes and comes back with the same table: rows of the one before must not be in it.
pub fn dropped() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let create = "use `dc`; CREATE TABLE `T1` (a INT PRIMARY KEY);";
    file(
        dir.path(),
        0,
        &[
            ddl(T, "CREATE DATABASE `dc`;"),
            ddl(T + 1, create),
            ddl(T + 2, "use `dc`; CREATE TABLE t2 (a INT PRIMARY KEY);"),
            insert(T + 3, "dc.T1", 1),
            insert(T + 4, "dc.t2", 1),
            ddl(T + 5, "use `dc`; DROP DATABASE dc;"),
            ddl(T + 6, "CREATE DATABASE `dc`;"),
            ddl(T + 7, create),
            insert(T + 8, "dc.T1", 2),
        ],
    );
    // What the target keeps beside them is nobody's to drop.
    server.connect()?.query_drop("CREATE DATABASE dc")?;
    server.connect()?.query_drop("CREATE TABLE dc.own (a INT)")?;
    sync(&dir, &server, &["--tables", "dc.t1"], 0);
    assert_eq!(tables(&server, "'dc'")?, "dc.own dc.T1");
    assert_eq!(all(&server, "SELECT a FROM dc.T1")?, "2");
    // Nothing of it is replicated: nothing is dropped.
    let said = sync(&dir, &server, &["--tables", "other.*", "--link", "other"], 0);
    assert_eq!(tables(&server, "'dc'")?, "dc.own dc.T1", "{said}");
    Ok(())
}

pub fn dropped_with_routes() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let one = |ts| ddl(ts, "use `dc`; CREATE TABLE one (a INT PRIMARY KEY);");
    let two = |ts| ddl(ts, "use `dc`; CREATE TABLE two (a INT PRIMARY KEY);");
    let create = |ts| ddl(ts, "CREATE DATABASE `dc`;");
    file(dir.path(), 0, &[create(T), one(T + 1), two(T + 2), insert(T + 3, "dc.one", 1), insert(T + 4, "dc.two", 1)]);
    let again = [ddl(T + 5, "use `dc`; DROP DATABASE dc;"), create(T + 6), one(T + 7), two(T + 8)];
    file(dir.path(), 1, &[&again[..], &[insert(T + 9, "dc.one", 2), insert(T + 10, "dc.two", 2)]].concat());
    server.connect()?.query_drop("CREATE DATABASE crm")?;
    server.connect()?.query_drop("CREATE TABLE crm.own (a INT)")?;
    sync(&dir, &server, &["--route", "dc.one=crm.People", "--route", "dc.*=app.*"], 0);
    assert_eq!(tables(&server, "'crm', 'app', 'dc'")?, "app.two crm.own crm.People");
    assert_eq!(all(&server, "SELECT a FROM crm.People UNION ALL SELECT a FROM app.two")?, "2 2");
    // Where two databases become one, nothing tells whose a table is.
    let shared = ["--route", "dc.*=both.*", "--route", "dd.*=both.*", "--link", "both"];
    let stopped = sync(&dir, &server, &shared, 4);
    assert!(stopped.contains("DROP DATABASE") && stopped.contains(&format!("--skip-ddl {}", T + 5)), "{stopped}");
    assert_eq!(tables(&server, "'both'")?, "both.one both.two");
    let by_hand = format!("replace:{}=DROP TABLE both.one, both.two", T + 5);
    sync(&dir, &server, &[&shared[..], &["--on-ddl-error", &by_hand]].concat(), 0);
    assert_eq!(all(&server, "SELECT a FROM both.one UNION ALL SELECT a FROM both.two")?, "2 2");
    Ok(())
}

/// Tables go by the database that is written before them, whatever the current one is.
pub fn crossed() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let mut messages = vec![
        ddl(T, "CREATE DATABASE IF NOT EXISTS `dc`;"),
        ddl(T + 1, "CREATE DATABASE `out`;"),
        ddl(T + 2, "use `dc`; CREATE TABLE t1 (a INT PRIMARY KEY);"),
        ddl(T + 3, "use `out`; CREATE TABLE t1 (a INT PRIMARY KEY);"),
        ddl(T + 4, "use `out`; CREATE TABLE dc.t3 (a INT PRIMARY KEY);"),
        insert(T + 5, "dc.t1", 1),
        insert(T + 6, "dc.t3", 1),
        ddl(T + 7, "use `dc`; TRUNCATE TABLE `out`.t1;"),
        ddl(T + 8, "use `out`; TRUNCATE TABLE dc.t3;"),
        insert(T + 9, "dc.t3", 2),
        ddl(T + 10, "use `out`; RENAME TABLE dc.t3 TO `out`.t3;"),
    ];
    file(dir.path(), 0, &messages);
    let filter = ["--tables", "dc.t1,dc.t3,dc.t4"];
    let said = sync(&dir, &server, &filter, 0);
    assert!(said.contains("are no longer replicated: `dc`.`t3`"), "{said}");
    assert_eq!(tables(&server, "'dc', 'out'")?, "dc.t1 dc.t3");
    assert_eq!(all(&server, "SELECT a FROM dc.t1 UNION ALL SELECT a FROM dc.t3")?, "1 2");
    // From a database that is not written: TiDB took the session's, which the file does not name.
    messages.push(ddl(T + 11, "use `dc`; RENAME TABLE t4 TO dc.t4;"));
    file(dir.path(), 0, &messages);
    let stopped = sync(&dir, &server, &filter, 4);
    assert!(stopped.contains("does not say from which database") && stopped.contains("--skip-ddl"), "{stopped}");
    messages.pop();
    messages.push(ddl(T + 11, "use `out`; RENAME TABLE t1 TO `out`.t1;"));
    file(dir.path(), 0, &messages);
    let said = sync(&dir, &server, &filter, 0);
    assert!(said.contains("`t1`") && said.contains("does not say from which database"), "{said}");
    Ok(())
}
