//! Tests of the tisync.toml and the command lines that `tisync init` writes.

use super::*;
use crate::commands::init::{Begin, Marks, one_liners, unattended};
use crate::config::{check, environment};
use crate::model::CommitTs;

fn side(name: &str) -> Side {
    Side { name: name.to_owned(), ..Side::default() }
}

fn answers() -> Answers {
    let a = Side { pd: vec!["10.0.0.1:2379".to_owned()], cluster_id: Some(7), ..side("a") };
    let b = Side { sql: Some("mysql://repl@db2:3306".to_owned()), ..side("b") };
    let start = Start::Ts(CommitTs(470_616_376_687_198_209));
    let flags = vec!["--start-from-dumpling".to_owned(), "/my dumps".to_owned()];
    Answers {
        sides: [a, b],
        start: Begin { start, said: "the snapshot of the dump in /my dumps".to_owned(), flags },
        back: None,
        tables: Vec::new(),
        sync_mode: 1,
        marks: None,
    }
}

fn both() -> Answers {
    let mut answers = answers();
    let [a, b] = &mut answers.sides;
    a.sql = Some("mysql://repl@db1:4000".to_owned());
    a.password = Kept::Inside(Secret::new("hunter\"2"));
    b.pd = vec!["https://10.0.1.1:2379".to_owned(), "https://10.0.1.2:2379".to_owned()];
    b.security.ca = Some("/tls/ca.pem".into());
    b.password = Kept::Beside(Secret::new("hunter3"));
    answers.back = Some(Begin {
        start: Start::Now,
        said: "the moment of the first start".to_owned(),
        flags: vec!["--back-start-ts".to_owned(), "now".to_owned()],
    });
    answers.tables = vec!["app.*".to_owned(), "!app.tmp_*".to_owned()];
    answers.sync_mode = 2;
    answers.marks = Some(Marks { channel: 3, table: "marks.m".to_owned(), ddl_from: 0 });
    answers
}

const HEAD: &str = "# Written by `tisync init`. `tisync config check` checks it; `man tisync.toml` lists all settings.\n\
     # Flags of `tisync sync`, then environment variables, override it.\n";

#[test]
fn one_way() {
    let written = document(&answers(), Path::new("/etc/tisync.toml"));
    assert_eq!((written.has_secret, written.passwords.len()), (false, 0));
    assert_eq!(written.text, written.shown);
    let rest = r#"
# Cluster 7.
[cluster.a]
pd = ["10.0.0.1:2379"]

[cluster.b]
sql = "mysql://repl@db2:3306"

[[link]]
from = "a"
to = "b"
# Where the first start begins, exclusive: the snapshot of the dump in /my dumps. Later the checkpoint decides.
start-ts = 470616376687198209
"#;
    assert_eq!(written.text, format!("{HEAD}{rest}"));
    let sync = "tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-ts 470616376687198209";
    assert_eq!(one_liners(&answers()), [sync]);
    let init = "tisync init --one-way --from-name a --to-name b --from-pd pd://10.0.0.1:2379 --to mysql://repl@db2:3306 \
                --start-from-dumpling '/my dumps' --config tisync.toml";
    assert_eq!(unattended(&answers(), Path::new("tisync.toml"), None), init);
}

#[test]
fn both_ways() {
    let answers = both();
    let written = document(&answers, Path::new("/etc/tisync.toml"));
    assert!(written.has_secret && written.text.contains("password = \"hunter\\\"2\""), "{}", written.text);
    assert_eq!(written.passwords, [(PathBuf::from("/etc/tisync.toml.b.password"), Secret::new("hunter3"))]);
    let rest = r#"
# Cluster 7.
[cluster.a]
pd = ["10.0.0.1:2379"]
sql = "mysql://repl@db1:4000"
password = "***"

[cluster.b]
pd = ["https://10.0.1.1:2379", "https://10.0.1.2:2379"]
tls = { ca = "/tls/ca.pem" }
sql = "mysql://repl@db2:3306"
password-file = "/etc/tisync.toml.b.password"

[[link]]
name = "a-to-b"
from = "a"
to = "b"
# Where the first start begins, exclusive: the snapshot of the dump in /my dumps. Later the checkpoint decides.
start-ts = 470616376687198209
tables = ["app.*", "!app.tmp_*"]
# Columns that only one side has are left out.
sync-mode = 2
# What came from the other side is recognised by its mark and dropped; `tisync mark setup` makes the table.
loopback = true
channel-id = 3
mark-table = "marks.m"

[[link]]
name = "b-to-a"
from = "b"
to = "a"
# Where the first start begins, exclusive: the moment of the first start. Later the checkpoint decides.
start-ts = "now"
tables = ["app.*", "!app.tmp_*"]
# Columns that only one side has are left out.
sync-mode = 2
# What came from the other side is recognised by its mark and dropped; `tisync mark setup` makes the table.
loopback = true
channel-id = 3
mark-table = "marks.m"
# DDL carries no mark: it goes the other way only.
ddl = false
"#;
    assert_eq!(written.shown, format!("{HEAD}{rest}"));
}

#[test]
fn command_lines_of_both_ways() {
    let mut answers = both();
    answers.sides[1].password = Kept::File("/etc/b password".into());
    let shared = "--tables 'app.*' --tables '!app.tmp_*' --sync-mode 2 --loopback --channel-id 3 --mark-table marks.m";
    let there = format!(
        "tisync sync --from pd://10.0.0.1:2379 --to 'mysql://repl@db2:3306/?password-file=/etc/b%20password' \
         --start-ts 470616376687198209 --link a-to-b {shared}"
    );
    let lines = one_liners(&answers);
    assert_eq!(lines[0], there);
    let back = "tisync sync --from https://10.0.1.1:2379,10.0.1.2:2379 --ssl-ca /tls/ca.pem --to mysql://repl@db1:4000 --start-ts now \
                --link b-to-a";
    assert_eq!(lines[1], format!("{back} {shared} --no-ddl"));
    let init = unattended(&answers, Path::new("tisync.toml"), Some(true));
    for part in [
        "tisync init --both --from-name a --to-name b --from-pd pd://10.0.0.1:2379 --from-sql mysql://repl@db1:4000 --to ",
        " --to-password-file '/etc/b password' --to-pd https://10.0.1.1:2379,10.0.1.2:2379 --to-ssl-ca /tls/ca.pem ",
        " --back-start-ts now --tables 'app.*' --tables '!app.tmp_*' --sync-mode 2 --channel-id 3 --mark-table marks.m ",
        " --ddl-from a --mark-setup yes --config tisync.toml",
    ] {
        assert!(init.contains(part), "{part} is not in {init}");
    }
}

#[test]
fn the_parser_takes_it() {
    for mut answers in [answers(), both()] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tisync.toml");
        let links = answers.links().len();
        answers.sides[1].password = Kept::Beside(Secret::new("hunter3"));
        let written = document(&answers, &path);
        for (file, secret) in &written.passwords {
            std::fs::write(file, secret.reveal()).unwrap();
        }
        std::fs::write(&path, &written.text).unwrap();
        let mut checked = check(&path, &environment).unwrap();
        checked.together();
        assert!(checked.problems.is_empty(), "{:?}\n{}", checked.problems, written.text);
        assert_eq!(checked.links.len(), links);
    }
}
