//! Targets that are the wrong ones, cannot be reached, do not allow it, or hold something else.

use crate::Case;
use crate::story::{self, BAD, MESSAGES, ts};
use crate::world::{World, proper, run};

pub const CASES: &[Case] = &[
    ("a target of another cluster", other_cluster),
    ("a target that nobody serves", unreachable),
    ("a target that is no address", no_address),
    ("a wrong password", wrong_password),
    ("no right to the state tables", no_state_tables),
    ("no right to create", no_create),
    ("no right to the rows", no_rows),
    ("a table that the account cannot see", unseen),
    ("a right that is taken away on the way", no_insert_later),
    ("no right to alter", no_alter),
    ("a target that is not empty", not_empty),
    ("a target whose column is too narrow", too_narrow),
    ("a row that is there already", duplicate),
    ("a row that is not there", missing_row),
];

/// The address for an account without a password that has `grants`, each as in `SELECT ON x.*`.
fn account(world: &mut World, grants: &[&str]) -> String {
    let user = format!("u_{}", world.db);
    for host in ["localhost", "%"] {
        world.sql(&format!("CREATE USER '{user}'@'{host}'"));
        grants.iter().for_each(|g| world.sql(&format!("GRANT {g} TO '{user}'@'{host}'")));
    }
    format!("mysql://{user}@127.0.0.1:{}", world.server.port())
}

/// Applies the first `count` messages as root.
fn begin(world: &mut World, count: usize) {
    world.record(&world.payloads()[..count]);
    let folder = world.dir.path().to_str().unwrap().to_owned();
    let until = ts(count - 1).0.to_string();
    let url = world.server.url();
    run(&["sync", "--quiet", "--from", &folder, "--to", &url, "--link", &world.db, "--until-ts", &until]).expect(0);
    world.expect_applied(count, "");
    world.record(&world.payloads());
}

#[track_caller]
fn fails_as(world: &mut World, url: &str, code: i32, words: &[&str], count: usize) {
    let ran = world.sync_to(url);
    proper(&ran, code, words);
    world.expect_applied(count, &ran.stderr);
}

fn other_cluster(world: &mut World) {
    begin(world, BAD);
    let own = world.cluster_id;
    world.cluster_id += 500_000;
    world.record(&world.payloads());
    let (own, other) = (own.to_string(), world.cluster_id.to_string());
    world.fails(4, &[&own, &other, &ts(BAD - 1).0.to_string(), "--link"], BAD);
    // Nothing is left of the try.
    world.fails(4, &[&own, &other], BAD);
}

fn unreachable(world: &mut World) {
    world.record(&world.payloads());
    let port = tisync::playground::mariadb::free_port().unwrap();
    let url = format!("mysql://somebody@127.0.0.1:{port}");
    fails_as(world, &url, 3, &[&format!("somebody@127.0.0.1:{port}"), "refused"], 0);
}

fn no_address(world: &mut World) {
    world.record(&world.payloads());
    for (url, words) in [
        ("nonsense", "does not begin with `mysql://`"),
        ("postgres://x@y", "must begin with mysql://"),
        ("mysql://root@127.0.0.1:99999", "65535"),
        ("mysql://root@127.0.0.1/?colour=red", "colour"),
        ("mysql://root@127.0.0.1/?ssl-mode=perhaps", "perhaps"),
    ] {
        fails_as(world, url, 2, &[words], 0);
    }
}

fn wrong_password(world: &mut World) {
    world.record(&world.payloads());
    let user = format!("u_{}", world.db);
    for host in ["localhost", "%"] {
        world.sql(&format!("CREATE USER '{user}'@'{host}' IDENTIFIED BY 'right'"));
    }
    let url = format!("mysql://{user}:pa55word@127.0.0.1:{}", world.server.port());
    let ran = world.sync_to(&url);
    proper(&ran, 3, &["Access denied", "TISYNC_TARGET_PASSWORD", &user]);
    assert!(!ran.stderr.contains("pa55word"), "{}", ran.stderr);
    world.expect_applied(0, &ran.stderr);
}

fn no_state_tables(world: &mut World) {
    world.record(&world.payloads());
    let own = format!("ALL ON {}.*", world.db);
    let url = account(world, &[&own]);
    fails_as(world, &url, 3, &["tidb_binlog", "denied", "the account needs"], 0);
}

const STATE: &str = "ALL ON tidb_binlog.*";

fn no_create(world: &mut World) {
    world.record(&world.payloads());
    let rows = format!("SELECT, INSERT, UPDATE, DELETE ON {}.*", world.db);
    let url = account(world, &[STATE, &rows]);
    fails_as(world, &url, 3, &[&ts(0).0.to_string(), "CREATE DATABASE", "denied", "the account needs"], 0);
    // What was begun and surely did nothing is forgotten, so that a right account goes on.
    let ran = world.sync().expect(0);
    world.expect_applied(MESSAGES, &ran.stderr);
}

fn no_rows(world: &mut World) {
    begin(world, BAD);
    let (db, table) = (world.db.clone(), format!("`{}`.`t`", world.db));
    let url = account(world, &[STATE, &format!("SELECT ON {db}.*")]);
    fails_as(world, &url, 3, &["lacks the INSERT privilege", &table, "the account needs"], BAD);
}

fn unseen(world: &mut World) {
    begin(world, BAD);
    let table = format!("`{}`.`t`", world.db);
    let url = account(world, &[STATE]);
    fails_as(world, &url, 3, &["lacks the SELECT privilege", &table, "the account needs"], BAD);
}

fn no_insert_later(world: &mut World) {
    world.record(&world.payloads());
    let rights = format!("CREATE, SELECT, UPDATE, DELETE ON {}.*", world.db);
    let url = account(world, &[STATE, &rights]);
    let words = [&ts(2).0.to_string(), &format!("`{}`.`t`", world.db), "denied", "the account needs"];
    fails_as(world, &url, 3, &words.map(|w: &str| w), 2);
}

fn no_alter(world: &mut World) {
    begin(world, BAD);
    let rights = format!("CREATE, SELECT, INSERT, UPDATE, DELETE ON {}.*", world.db);
    let url = account(world, &[STATE, &rights]);
    // The history knows the job, so that the statement reaches the target.
    let query = format!("ALTER TABLE `{}`.`t` COMMENT = 'new'", world.db);
    world.record_with(&story::ddl(BAD, story::ALTER, query.as_bytes()));
    fails_as(world, &url, 3, &[&ts(BAD).0.to_string(), "ALTER TABLE", "denied", "the account needs"], BAD);
}

fn not_empty(world: &mut World) {
    world.record(&world.payloads());
    let db = world.db.clone();
    world.sql(&format!("CREATE DATABASE {db}"));
    world.fails(4, &[&ts(0).0.to_string(), &db, "database exists"], 0);
}

fn too_narrow(world: &mut World) {
    begin(world, 2);
    let db = world.db.clone();
    world.sql(&format!("ALTER TABLE {db}.t MODIFY name VARCHAR(4)"));
    world.fails(4, &[&ts(BAD).0.to_string(), &format!("`{db}`.`t`"), "'name'"], BAD);
}

fn duplicate(world: &mut World) {
    begin(world, BAD);
    let db = world.db.clone();
    world.sql(&format!("INSERT INTO {db}.t VALUES (3, 'mine', 1)"));
    let ran = world.sync();
    proper(&ran, 4, &[&ts(BAD).0.to_string(), &format!("`{db}`.`t`"), "Duplicate", "--safe-mode"]);
    assert_eq!(world.checkpoint(), ts(BAD - 1).0);
    world.sql(&format!("DELETE FROM {db}.t WHERE id = 3"));
    let ran = world.sync().expect(0);
    world.expect_applied(MESSAGES, &ran.stderr);
}

fn missing_row(world: &mut World) {
    begin(world, 3);
    let db = world.db.clone();
    world.sql(&format!("DELETE FROM {db}.t WHERE id = 1"));
    let ran = world.sync();
    proper(&ran, 4, &[&ts(5).0.to_string(), &format!("`{db}`.`t`"), "are missing from", "--on-conflict count"]);
    assert_eq!(world.checkpoint(), ts(4).0, "{}", ran.stderr);
    assert_eq!(world.rows().unwrap(), ["2 zwei 2.50", "3 three 3.50"]);
}
