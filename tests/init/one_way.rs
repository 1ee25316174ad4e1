//! One way: every kind of wrong answer, then the right one; and the link runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mysql::prelude::Queryable;
use tisync::event;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::mirror::{Mirror, MirrorOptions};

use crate::common::binary::{Ran, command};
use crate::terminal::{CTRL_C, DOWN, ENTER, Terminal, line_after};

const SECRET: &str = "hunter2-$'x";

pub fn mirror(cluster_id: u64, offset: Option<u8>) -> Mirror {
    Mirror::start(MirrorOptions {
        cluster_id,
        auto_increment_offset: offset,
        fakes: Duration::from_millis(100),
        events: event::silent(),
    })
    .expect("MariaDB starts")
}

/// A dump's metadata of this ts.
pub fn dump(dir: &Path, ts: &str) {
    fs::create_dir_all(dir).unwrap();
    let text = format!(
        "Started dump at: 2026-11-21 12:00:00\nSHOW MASTER STATUS:\n\tLog: tidb-binlog\n\tPos: {ts}\n\tGTID:\n\n\
         Finished dump at: 2026-11-21 12:00:01\n"
    );
    fs::write(dir.join("metadata"), text).unwrap();
}

/// Runs a line that was shown, as a shell does.
pub fn shell(dir: &Path, line: &str, variables: &[(&str, &str)]) -> Ran {
    let ours = command(&[]);
    let mut all = Command::new("sh");
    let binary = ours.get_program().to_str().unwrap();
    all.arg("-c").arg(line.replacen("tisync", &format!("'{binary}'"), 1)).current_dir(dir);
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => all.env(name, value),
            None => all.env_remove(name),
        };
    }
    let output = all.envs(variables.iter().copied()).stdin(std::process::Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

struct World {
    a: Mirror,
    b: PrivateServer,
    dir: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let world = Self {
            a: mirror(7_600_000_000_000_000_110, None),
            b: PrivateServer::start().expect("MariaDB starts"),
            dir: tempfile::tempdir().unwrap(),
        };
        dump(&world.dir.path().join("dumps"), &world.a.cluster().tso().to_string());
        let mut a = world.a.connect().unwrap();
        for sql in [
            "CREATE DATABASE my_shop",
            "CREATE TABLE my_shop.t (id INT PRIMARY KEY, v INT)",
            "INSERT INTO my_shop.t VALUES (1, 10)",
        ] {
            a.query_drop(sql).unwrap();
        }
        world.a.wait_caught_up(Duration::from_secs(30)).unwrap();
        let mut b = world.b.connect().unwrap();
        b.query_drop("CREATE USER repl@127.0.0.1 IDENTIFIED BY 'hunter2-$\\'x'").unwrap();
        b.query_drop("GRANT SELECT, INSERT ON my_shop.* TO repl@127.0.0.1").unwrap();
        b.query_drop("GRANT ALL ON tidb_binlog.* TO repl@127.0.0.1").unwrap();
        world
    }

    fn ctrl_c(&self, args: &[&str], question: &str) {
        let dir = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::start(dir.path(), args);
        terminal.sees(question);
        terminal.types(CTRL_C);
        let ended = terminal.ends();
        assert_eq!((ended.code, ended.stdout.as_str()), (130, ""), "{question}: {}", ended.screen);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_dialogue_writes_what_runs() {
    let world = World::start();
    let dir = world.dir.path();
    fs::write(dir.join("there.toml"), "mine").unwrap();
    let to = format!("mysql://repl@127.0.0.1:{}", world.b.port());
    let mut t = Terminal::start(dir, &[]);
    t.chooses("What do you want to set up", 0);
    t.answers("Name of the first cluster [a]:", "b/c");
    t.sees("is not a valid cluster name");
    t.answers("Name of the first cluster [a]:", "");
    t.answers("Name of the second cluster [b]:", "");
    t.answers("PD of cluster a", "nonsense");
    t.sees("has no port");
    t.answers("PD of cluster a", "127.0.0.1:1");
    t.sees("Connection refused");
    t.answers("PD of cluster a", &world.a.cluster().pd_url());
    let found = t.answers("SQL address of cluster b", "postgres://db2");
    for part in
        ["cluster 7600000000000000110", "TiDB v", "binlog On", "answers", "Pump ", "online (alive)", "1 user database"]
    {
        assert!(found.contains(part), "no `{part}` in {found}");
    }
    t.sees("it must begin with mysql://");
    t.answers("SQL address of cluster b", &to);
    t.answers(&format!("Password for {to}:"), "wrong");
    t.sees("Access denied");
    t.answers("SQL address of cluster b", "");
    t.answers_unseen(&format!("Password for {to}:"), SECRET);
    t.chooses("find this password", 0);
    t.sees("MariaDB 1");
    t.sees("Where should replication begin");
    t.types(&format!("{DOWN}{DOWN}{ENTER}"));
    t.answers("The ts or time", "2099-01-01T00:00:00Z");
    t.sees("BAD");
    t.sees("is not a TiDB timestamp");
    t.chooses("Where should replication begin", 1);
    t.answers("The dump", "dumps");
    let verdict = t.answers("Which tables", "app..*");
    assert!(verdict.contains("exact: the dump in dumps holds everything") && verdict.contains("pump-gc"), "{verdict}");
    t.answers("Which tables", "");
    t.sees("privileges are missing:");
    let grants = t.answers("Which tables", "nothing.*");
    let grant =
        grants.lines().find_map(|l| l.split_once("GRANT ")).map(|(_, g)| format!("GRANT {}", g.trim())).unwrap();
    assert!(
        grants.contains(": UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, CREATE VIEW on `my_shop`; GRANT"),
        "{grants}"
    );
    assert!(
        grant.starts_with("GRANT SELECT, INSERT, UPDATE,")
            && grant.contains(" ON `my\\_shop`.* TO 'repl'@'127.0.0.1';"),
        "{grant}"
    );
    // Without that database no right is missing: on to the next question, which is answered wrongly.
    t.answers("Sync mode", "7");
    t.sees("unknown sync mode `7`");
    t.sees("Sync mode");
    t.types(CTRL_C);
    assert_eq!(t.ends().code, 130);
    world.b.connect().unwrap().query_drop(grant).unwrap();
    finish(&world, &to);
    world.ctrl_c(&[], "What do you want to set up");
    world.ctrl_c(&["--one-way"], "Name of the first cluster");
    let pd = world.a.cluster().pd_url();
    world.ctrl_c(&["--one-way", "--yes", "--from-pd", &pd, "--to", &to], "Password for");
}

/// The second dialogue begins where the flags end.
fn finish(world: &World, to: &str) {
    let dir = world.dir.path();
    let pd = world.a.cluster().pd_url();
    let args = ["--one-way", "--yes", "--from-pd", &pd, "--to", to, "--start-from-dumpling", "dumps"];
    let mut t = Terminal::start(dir, &[&args[..], &["--config", "there.toml"]].concat());
    t.answers_unseen(&format!("Password for {to}:"), SECRET);
    t.sees("[cluster.a]");
    t.sees("there.toml exists. Overwrite?");
    t.types("n");
    t.sees("there.toml already exists");
    t.answers("Where should the file be written [tisync.toml]:", "new.toml");
    let ended = t.ends();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert_eq!(ended.stdout, "tisync sync --config new.toml\n");
    assert_eq!(fs::read_to_string(dir.join("there.toml")).unwrap(), "mine");
    assert!(ended.screen.contains("set before starting: TISYNC_PASSWORD_B"), "{}", ended.screen);
    let file = fs::read_to_string(dir.join("new.toml")).unwrap();
    assert!(!file.contains(SECRET) && !ended.screen.contains(SECRET), "{}\n{file}", ended.screen);

    let password = [("TISYNC_PASSWORD_B", SECRET)];
    shell(dir, &format!("{} --until caught-up", ended.stdout.trim()), &password).expect(0);
    let row: Option<(i32, i32)> = world.b.connect().unwrap().query_first("SELECT id, v FROM my_shop.t").unwrap();
    assert_eq!(row, Some((1, 10)));
    // The same without the file finds the same checkpoint.
    let line = line_after(&ended.screen, "the same link without a file:");
    let ran = shell(dir, &format!("{line} --until caught-up"), &[("TISYNC_TARGET_PASSWORD", SECRET)]).expect(0);
    assert!(ran.stderr.contains("continues from"), "{}", ran.stderr);

    // The same file without a terminal, byte for byte; but not over itself.
    let again = line_after(&ended.screen, "the same file without questions:");
    let refused = shell(dir, &again, &password).expect(2);
    assert!(
        refused.stderr.contains("new.toml already exists") && refused.stderr.contains("--force"),
        "{}",
        refused.stderr
    );
    let ran = shell(dir, &again.replace("new.toml", "other.toml"), &password).expect(0);
    assert_eq!(ran.stdout, "tisync sync --config other.toml\n");
    assert_eq!(fs::read_to_string(dir.join("other.toml")).unwrap(), file);
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode("other.toml") & 0o033, 0);
    kept(world, to, &password);
}

/// A password that is kept in a file or in the tisync.toml, because somebody said so.
fn kept(world: &World, to: &str, password: &[(&str, &str)]) {
    let dir = world.dir.path();
    let pd = world.a.cluster().pd_url();
    let args = ["--one-way", "--yes", "--from-pd", &pd, "--to", to, "--start-ts", "now", "--force"];
    for (word, holder, file) in
        [("file", "kept.toml.b.password", "kept.toml"), ("config", "inside.toml", "inside.toml")]
    {
        let mut t = Terminal::start(dir, &[&args[..], &["--keep-password", word, "--config", file]].concat());
        t.answers_unseen(&format!("Password for {to}:"), SECRET);
        let ended = t.ends();
        assert_eq!(ended.code, 0, "{}", ended.screen);
        assert!(!ended.screen.contains(SECRET), "{}", ended.screen);
        let holds = |name: &str| fs::read_to_string(dir.join(name)).unwrap().contains(SECRET);
        assert!(holds(holder) && (holder == file || !holds(file)));
        assert_eq!(fs::metadata(dir.join(holder)).unwrap().permissions().mode() & 0o777, 0o600);
        shell(dir, &format!("tisync sync --config {file} --until caught-up"), &[]).expect(0);
    }
    // Nothing half-written is left.
    let left: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.starts_with(".tisync")), "{left:?}");
    let json =
        format!("tisync init --one-way --from-pd {pd} --to {to} --start-from-dumpling dumps --dry-run --output json");
    let ran = shell(dir, &json, password).expect(0);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((answer["version"].as_u64(), answer["file"].as_str()), (Some(1), None));
    assert!(answer["text"].as_str().unwrap().contains("[[link]]") && !dir.join("tisync.toml").exists());
    assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET));
}
