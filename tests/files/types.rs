//! Files made here: every type, DDL of several tables, tables that are left out, damage.

use std::fs;

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::playground::mariadb::PrivateServer;

use crate::common::binary::tisync;
use crate::common::target::checkpoint;
use crate::write::{self, Cell, NULL, ddl, event, file, float, int, rows, text, uint};

pub const T: u64 = 470_616_376_687_198_209;

pub fn sync(dir: &TempDir, server: &PrivateServer, more: &[&str], code: i32) -> String {
    let (from, to) = (dir.path().display().to_string(), server.url());
    tisync(&[&["sync", "--from", &from, "--to", &to], more].concat()).expect(code).stderr
}

/// A cell and the way the target's client shows it.
type Shown<'a> = (Cell<'a>, &'a str);

fn cells() -> Vec<Shown<'static>> {
    vec![
        (("ti", 1, "tinyint", int(-128), None), "-128"),
        (("bu", 8, "bigint", uint(u64::MAX), None), "18446744073709551615"),
        (("f", 4, "float", float(f64::from(0.1_f32)), None), "0.1"),
        (("d", 5, "double", float(1.5e300), None), "1.5e300"),
        (("de", 0xf6, "decimal", text("-12345.678900"), None), "-12345.678900"),
        (("da", 10, "date", text("2024-02-29"), None), "2024-02-29"),
        (("dt", 12, "datetime", text("2026-10-25 02:30:00.123456"), None), "2026-10-25 02:30:00.123456"),
        (("ts", 7, "timestamp", text("2026-11-21 20:00:00.500"), None), "2026-11-21 12:00:00.500"),
        (("tz", 7, "timestamp", text("0000-00-00 00:00:00"), None), "0000-00-00 00:00:00"),
        (("tm", 11, "time", text("-838:59:59.000"), None), "-838:59:59.000"),
        (("y", 13, "year", int(1999), None), "1999"),
        (("s", 15, "varchar", text("naïve \u{1F600} 'x\\"), None), "naïve \u{1F600} 'x\\"),
        (("tx", 0xfc, "text", text("t"), None), "t"),
        (("vb", 15, "varbinary", text([0xff, 0, 0x27]), None), "FF0027"),
        (("bi", 0xfe, "binary", text("ab"), None), "61620000"),
        (("en", 0xf7, "enum", uint(2), None), "b"),
        (("se", 0xf8, "set", uint(5), None), "x,z"),
        (("bt", 16, "bit", uint(0x1ff), None), "511"),
        (("js", 0xf5, "json", text("{\"a\": [1, 2.5, null]}"), None), "{\"a\": [1, 2.5, null]}"),
        (("nu", 3, "int", NULL.to_vec(), None), "NULL"),
        // The default of a column that is being dropped stands there as text.
        (("it", 3, "int", text("-7"), None), "-7"),
        (("but", 8, "bigint", text("18446744073709551615"), None), "18446744073709551615"),
        (("ft", 4, "float", text("0.1"), None), "0.1"),
        (("dt2", 5, "double", text("-1.5e300"), None), "-1.5e300"),
        (("yt", 13, "year", text("1999"), None), "1999"),
        // Drainer writes generated columns into inserts.
        (("g", 8, "bigint", NULL.to_vec(), None), "-127"),
    ]
}

const TABLE: &str = "use `d`; CREATE TABLE `t` (`id` BIGINT PRIMARY KEY,`ti` TINYINT,`bu` BIGINT UNSIGNED,`f` FLOAT,`d` DOUBLE,\
    `de` DECIMAL(20,6),`da` DATE,`dt` DATETIME(6),`ts` TIMESTAMP(3) NULL,`tz` TIMESTAMP NULL,`tm` TIME(3),`y` YEAR,`s` VARCHAR(50),`tx` TEXT,\
    `vb` VARBINARY(9),`bi` BINARY(4),`en` ENUM('a','b'),`se` SET('x','y','z'),`bt` BIT(9),`js` JSON,`nu` INT,`it` INT,`but` BIGINT UNSIGNED,`ft` FLOAT,\
    `dt2` DOUBLE,`yt` YEAR,`g` BIGINT AS (`ti`+1));";

fn id(n: i64, new: Option<i64>) -> Cell<'static> {
    ("id", 8, "bigint", int(n), new.map(int))
}

/// Inserts, then an update from the row to one of NULLs and back, and a delete, in a table with a key and one without.
pub fn every_type() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let all = cells();
    let plain: Vec<Cell<'_>> = all.iter().map(|(c, _)| c.clone()).collect();
    let with = |id: Cell<'static>, cells: &[Cell<'static>]| [&[id][..], cells].concat();
    let changed: Vec<Cell<'_>> = plain.iter().map(|c| (c.0, c.1, c.2, c.3.clone(), Some(NULL.to_vec()))).collect();
    let back: Vec<Cell<'_>> = plain.iter().map(|c| (c.0, c.1, c.2, NULL.to_vec(), Some(c.3.clone()))).collect();
    let nopk = TABLE.replace("`t` (", "`n` (").replace(" PRIMARY KEY", "");
    let of = |table: &str, tp, cells: &[Cell<'_>]| event(table, tp, cells);
    let mut messages = vec![ddl(T, "CREATE DATABASE `d`;"), ddl(T + 1, TABLE), ddl(T + 2, &nopk)];
    let mut ts = T + 2;
    for table in ["d.t", "d.n"] {
        for changes in [
            vec![of(table, 0, &with(id(1, None), &plain)), of(table, 0, &with(id(2, None), &plain))],
            vec![of(table, 1, &with(id(1, Some(1)), &changed))],
            vec![of(table, 2, &with(id(2, None), &plain))],
            vec![of(table, 1, &with(id(1, Some(3)), &back))],
        ] {
            ts += 1;
            messages.push(rows(ts, &changes));
        }
    }
    file(dir.path(), 0, &messages);
    sync(&dir, &server, &["--time-zone", "+08:00", "--batch-rows", "1"], 0);
    let mut conn = server.connect()?;
    conn.query_drop("SET time_zone = '+00:00'")?;
    for table in ["t", "n"] {
        let ids: Vec<i64> = conn.query(format!("SELECT id FROM d.{table}"))?;
        assert_eq!(ids, [3], "{table}");
        for ((name, ..), shown) in &all {
            let column = match *name {
                "vb" | "bi" => format!("HEX({name})"),
                "bt" => format!("{name} + 0"),
                _ => format!("CAST({name} AS CHAR)"),
            };
            let found: Option<Option<String>> = conn.query_first(format!("SELECT {column} FROM d.{table}"))?;
            assert_eq!(found.flatten().unwrap_or("NULL".to_owned()), *shown, "{table}.{name}");
        }
    }
    assert_eq!(checkpoint(&server), ts);
    Ok(())
}

fn plain(table: &str, n: i64) -> write::Cell<'static> {
    let _ = table;
    ("a", 3, "int", int(n), None)
}

pub fn ddl_and_left_out() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let insert = |ts, table: &str, n| rows(ts, &[event(table, 0, &[plain(table, n)])]);
    let drop = "use `d`; DROP TABLE `x`, `y`;";
    file(
        dir.path(),
        3,
        &[
            ddl(T, "CREATE DATABASE `d`;"),
            ddl(T + 1, "use `d`; CREATE TABLE x (a INT);CREATE TABLE y (a INT);"),
            ddl(T + 2, "use `d`; CREATE TABLE z (a INT PRIMARY KEY);"),
            insert(T + 3, "d.x", 1),
            insert(T + 4, "d.y", 1),
            // Two jobs drop the two tables, each with the text of both; rows may come between them.
            ddl(T + 5, drop),
            insert(T + 6, "d.y", 2),
            ddl(T + 7, drop),
            insert(T + 8, "d.z", 1),
            ddl(T + 9, "use `d`; ALTER TABLE z ADD COLUMN b INT DEFAULT 7;"),
            rows(T + 10, &[event("d.z", 0, &[plain("d.z", 2), ("b", 3, "int", int(8), None)])]),
        ],
    );
    file(
        dir.path(),
        4,
        &[
            ddl(T + 11, "use `d`; CREATE TABLE l (a INT);"),
            insert(T + 12, "d.l", 1),
            insert(T + 13, "d.l", 2),
            ddl(T + 14, "use `d`; TRUNCATE TABLE l;"),
            insert(T + 15, "mysql.user", 1),
            ddl(T + 16, "use `d`; RENAME TABLE z TO w;"),
            rows(T + 17, &[event("d.w", 0, &[plain("d.w", 3), ("b", 3, "int", int(7), None)])]),
            ddl(T + 18, "use `d`; FLASHBACK TABLE x TO x2;"),
            insert(T + 19, "d.nowhere", 1),
        ],
    );
    let left_out = (T + 11).to_string();
    let stopped = sync(&dir, &server, &["--skip-ddl", &left_out], 4);
    assert!(stopped.contains("FLASHBACK TABLE") && stopped.contains(&format!("--skip-ddl {}", T + 18)), "{stopped}");
    let flashback = (T + 18).to_string();
    let stopped = sync(&dir, &server, &["--skip-ddl", &flashback], 4);
    assert!(stopped.contains("`d`.`nowhere`, which does not exist on the target"), "{stopped}");
    assert!(
        stopped.contains("`d`.`l` is not on the target") && stopped.contains("2 row changes left out"),
        "{stopped}"
    );
    let mut conn = server.connect()?;
    let tables: Vec<String> = conn.query("SHOW TABLES FROM d")?;
    assert_eq!(tables, ["w"]);
    let rows: Vec<(i64, i64)> = conn.query("SELECT a, b FROM d.w ORDER BY a")?;
    assert_eq!(rows, [(1, 7), (2, 8), (3, 7)]);
    // The files before the checkpoint may go; those behind it may not.
    fs::remove_file(write::name(dir.path(), 3))?;
    sync(&dir, &server, &["--skip-ddl", &flashback], 4);
    let early = (T + 9).to_string();
    let gone = sync(&dir, &server, &["--link", "other", "--start-ts", &early], 4);
    assert!(gone.contains("the files begin with number 4"), "{gone}");
    Ok(())
}

/// Filters and routes go by the upstream's names, what is skipped by the target's.
pub fn filtered_and_routed() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let insert = |ts, table: &str, n| rows(ts, &[event(table, 0, &[plain(table, n)])]);
    file(
        dir.path(),
        0,
        &[
            ddl(T, "CREATE DATABASE `d`;"),
            ddl(T + 1, "use `d`; CREATE TABLE x (a INT PRIMARY KEY);"),
            ddl(T + 2, "use `d`; CREATE TABLE y (a INT PRIMARY KEY);"),
            insert(T + 3, "d.x", 1),
            insert(T + 4, "d.y", 1),
            ddl(T + 5, "use `d`; CREATE TABLE l (a INT);"),
            insert(T + 6, "d.l", 1),
            ddl(T + 7, "use `d`; ALTER TABLE x ADD COLUMN b ENUM('p','q') DEFAULT 'q';"),
            rows(T + 8, &[event("d.x", 0, &[plain("d.x", 2), ("b", 0xf7, "enum", uint(1), None)])]),
        ],
    );
    let skip = (T + 5).to_string();
    let said = sync(&dir, &server, &["--route", "d.*=e.*", "--tables", "*.*,!d.y", "--skip-ddl", &skip], 0);
    assert!(said.contains("`e`.`l` is not on the target") && said.contains("1 row change left out"), "{said}");
    let mut conn = server.connect()?;
    let tables: Vec<String> = conn.query("SHOW TABLES FROM e")?;
    assert_eq!(tables, ["x"]);
    let rows: Vec<(i64, String)> = conn.query("SELECT a, b FROM e.x ORDER BY a")?;
    assert_eq!(rows, [(1, "q".to_owned()), (2, "p".to_owned())]);
    let d: Option<String> =
        conn.query_first("SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'd'")?;
    assert_eq!(d, None);
    Ok(())
}

pub fn damaged() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let dir = TempDir::new()?;
    let table = ddl(T + 1, "use `d`; CREATE TABLE x (a INT PRIMARY KEY);");
    let insert = |n: u64| rows(T + 1 + n, &[event("d.x", 0, &[plain("d.x", n as i64)])]);
    file(dir.path(), 0, &[ddl(T, "CREATE DATABASE `d`;"), table, insert(1), insert(2), insert(3)]);
    let whole = fs::read(write::name(dir.path(), 0))?;
    let frames = write::frames(&whole);
    let at: usize = frames[..3].iter().map(|f| f.len()).sum();
    for (byte, words) in [(0, "no message where one should begin"), (20, "the checksum of the message is wrong")] {
        let mut bytes = whole.clone();
        bytes[at + byte] ^= 1;
        fs::write(write::name(dir.path(), 0), bytes)?;
        let stopped = sync(&dir, &server, &[], 4);
        assert!(stopped.contains(&format!("at byte {at}: {words}")), "{stopped}");
        assert_eq!(checkpoint(&server), T + 2, "what is whole is applied");
    }
    fs::write(write::name(dir.path(), 0), &whole[..at + 5])?;
    file(dir.path(), 1, &[insert(3)]);
    let stopped = sync(&dir, &server, &[], 4);
    assert!(stopped.contains("the file ends within a message, and another file follows"), "{stopped}");
    fs::write(write::name(dir.path(), 0), &whole)?;
    let unknown = [plain("d.x", 9), ("b", 3, "int", int(1), None)];
    file(dir.path(), 1, &[rows(T + 9, &[event("d.x", 0, &unknown)])]);
    let stopped = sync(&dir, &server, &[], 4);
    assert!(stopped.contains("`d`.`x` has no column `b` (--sync-mode 2 would leave it out)"), "{stopped}");
    let narrowed = sync(&dir, &server, &["--sync-mode", "2"], 0);
    assert!(narrowed.contains("`b`"), "what is left out is named: {narrowed}");
    let rows: Vec<i64> = server.connect()?.query("SELECT a FROM d.x ORDER BY a")?;
    assert_eq!(rows, [1, 2, 3, 9]);
    Ok(())
}
