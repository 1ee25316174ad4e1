use super::*;
use crate::config::{check, environment};
use crate::model::CommitTs;
use crate::wizard::{Begin, Marks, one_liners, unattended};

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
        said: "the moment of that start".to_owned(),
        flags: vec!["--back-start-ts".to_owned(), "now".to_owned()],
    });
    answers.tables = vec!["app.*".to_owned(), "!app.tmp_*".to_owned()];
    answers.sync_mode = 2;
    answers.marks = Some(Marks { channel: 3, table: "marks.m".to_owned(), ddl_from: 0 });
    answers
}

#[test]
fn one_way() {
    let written = document(&answers(), Path::new("/etc/tisync.toml"));
    assert_eq!((written.has_secret, written.passwords.len()), (false, 0));
    assert_eq!(written.text, written.shown);
    insta::assert_snapshot!(written.text);
    insta::assert_snapshot!(one_liners(&answers()).join("\n"), @"tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-ts 470616376687198209");
    insta::assert_snapshot!(unattended(&answers(), Path::new("tisync.toml"), None), @"tisync init --one-way --from-name a --to-name b --from-pd pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-from-dumpling '/my dumps' --config tisync.toml");
}

#[test]
fn both_ways() {
    let answers = both();
    let written = document(&answers, Path::new("/etc/tisync.toml"));
    assert!(written.has_secret && written.text.contains("hunter\\\"2"));
    assert_eq!(written.passwords, [(PathBuf::from("/etc/tisync.toml.b.password"), Secret::new("hunter3"))]);
    insta::assert_snapshot!(written.shown);
    insta::assert_snapshot!(one_liners(&answers).join("\n"));
    insta::assert_snapshot!(unattended(&answers, Path::new("tisync.toml"), Some(true)));
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
        let checked = check(&path, &environment).unwrap();
        assert!(checked.problems.is_empty(), "{:?}\n{}", checked.problems, written.text);
        assert_eq!(checked.links.len(), links);
    }
}
