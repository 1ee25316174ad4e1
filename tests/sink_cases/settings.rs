//! Targets whose own settings are others than a link needs: zones and SQL modes.

use crate::common::server;
use tisync::decode::value::Civil;
use tisync::model::{Kind, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{Mode, MysqlOptions};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("t10_a_timestamp_default_is_the_same_moment_on_both_sides", timestamp_default),
    ("t15_timestamps_are_utc_whatever_the_zone_of_the_target", timestamps),
    ("rows that the target's own sql_mode would refuse go through exactly", sql_mode),
];

fn civil(year: u32, month: u32, day: u32, hour: u32) -> Value {
    Value::Time(Civil { year, month, day, hour, ..Civil::default() }.pack())
}

/// The zone of a server that has a summer time as well, as far as a fixed offset can stand for it.
fn in_tokyo() -> PrivateServer {
    server::start(&["--default-time-zone=+09:00"]).unwrap()
}

/// The rows of a table get the default of a new column there; upstream they get it in UTC. Without a key, a row is found only if they are
/// the same.
fn timestamp_default(_: &PrivateServer) {
    let server = in_tokyo();
    let mut w = World::new(&server, "defaults");
    let t = w.table("t", "a BIGINT", &[("a?", INT)], &[], false);
    let wide = define("defaults", "t", &[("a?", INT), ("ts?", Kind::Timestamp { fsp: 0 })], &[], false);
    let moment = civil(2020, 1, 1, 12);
    let mut sink = w.sink();
    let sql = "ALTER TABLE t ADD ts TIMESTAMP NULL DEFAULT '2020-01-01 12:00:00'";
    apply(
        &mut sink,
        vec![
            txn(1, vec![ins(&t, vec![i(1)]), ins(&t, vec![i(2)])]),
            ddl(2, 5, "defaults", sql, &[&t], &[&wide]),
            txn(3, vec![del(&wide, vec![i(1), moment])]),
        ],
    );
    assert_eq!(w.one("SELECT a, UNIX_TIMESTAMP(ts) FROM t"), "2|1577880000");
}

fn timestamps(_: &PrivateServer) {
    let server = in_tokyo();
    let mut w = World::new(&server, "zones");
    let columns = [("id", INT), ("ts?", Kind::Timestamp { fsp: 0 }), ("dt?", Kind::Datetime { fsp: 0 })];
    let t = w.table("t", "id BIGINT PRIMARY KEY, ts TIMESTAMP NULL, dt DATETIME", &columns, &[&[0]], true);
    let mut sink = w.sink();
    let row = |id, hour| vec![i(id), civil(2021, 3, 28, hour), civil(2021, 3, 28, hour)];
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1))])]);
    // The server's zone changes while it runs, as it does twice a year.
    w.run("SET GLOBAL time_zone = '+10:00'");
    apply(&mut sink, vec![txn(2, vec![ins(&t, row(2, 2))])]);
    drop(sink);
    apply(&mut w.sink(), vec![txn(3, vec![ins(&t, row(3, 3)), ins(&t, vec![i(4), Value::Time(0), Value::Time(0)])])]);
    let all = "1|1616893200|01;2|1616896800|02;3|1616900400|03;4|0|00";
    assert_eq!(w.one("SELECT id, UNIX_TIMESTAMP(ts), DATE_FORMAT(dt, '%H') FROM t ORDER BY id"), all);
}

fn sql_mode(_: &PrivateServer) {
    let server = server::start(&["--sql-mode=TRADITIONAL,NO_BACKSLASH_ESCAPES,ANSI_QUOTES"]).unwrap();
    let mut w = World::new(&server, "modes");
    let columns = [("id", INT), ("d?", Kind::Date), ("c?", text()), ("n?", Kind::Int { bytes: 1, unsigned: false })];
    let t = define("modes", "t", &columns, &[&[0]], true);
    let sql =
        "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, d DATE DEFAULT '0000-00-00', c VARCHAR(4), n TINYINT)";
    let mut sink = w.sink();
    let invalid = Value::Time(Civil { year: 2021, month: 2, day: 31, ..Civil::default() }.pack());
    let within = Value::Time(Civil { year: 2021, ..Civil::default() }.pack());
    apply(
        &mut sink,
        vec![
            ddl(1, 3, "modes", sql, &[], &[&t]),
            txn(
                2,
                vec![
                    ins(&t, vec![i(0), Value::Time(0), s("a\\b'"), i(1)]),
                    ins(&t, vec![i(1), invalid, s("\"x\""), i(127)]),
                    ins(&t, vec![i(2), within, s("    "), i(-128)]),
                ],
            ),
        ],
    );
    assert_eq!(
        w.one("SELECT id, d, c, n FROM t ORDER BY id"),
        "0|0000-00-00|a\\b'|1;1|2021-02-31|\"x\"|127;2|2021-00-00|    |-128"
    );
    drop(sink);
    // What the column itself does not take is an error that names it, never a shorter value.
    for (n, row, words) in [
        (3, vec![i(3), Value::Null, s("12345"), i(1)], "error 1406 (22001): Data too long for column 'c'"),
        (3, vec![i(3), Value::Null, s("1"), i(128)], "error 1264 (22003): Out of range value for column 'n'"),
    ] {
        let mut sink = w.sink();
        sink.apply(txn(n, vec![ins(&t, row)])).unwrap();
        let error = said(&sink.drain().unwrap_err());
        assert!(error.contains(words) && error.contains("`modes`.`t`") && error.contains("=> a column"), "{error}");
    }
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "3");
    // Where a dump could not be loaded again with zero dates, a column of the target's own gets the earliest one.
    w.run("CREATE TABLE own (id BIGINT PRIMARY KEY, d DATE NOT NULL, at DATETIME NOT NULL, ts TIMESTAMP NOT NULL DEFAULT NOW())");
    w.run("ALTER TABLE own ALTER ts DROP DEFAULT");
    let own = define("modes", "own", &[("id", INT)], &[&[0]], true);
    let mut sink = w.open(MysqlOptions { mode: Mode::Partial, ..w.options() }).unwrap();
    apply(&mut sink, vec![txn(4, vec![ins(&own, vec![i(1)])])]);
    assert_eq!(w.one("SELECT d, at FROM own"), "1000-01-01|1000-01-01 00:00:00");
}
