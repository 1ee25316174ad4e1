//! Without a terminal nothing is asked.

use std::fs;

use crate::one_way::shell;

#[test]
fn what_is_missing_is_named_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let run = |words: &str| shell(dir.path(), &format!("tisync init {words}"), &[]).expect(2).stderr;
    let text = run("");
    assert!(text.contains("these are missing: --from-pd, --to, --start-ts (or --start-from-br"), "{text}");
    let text = run("--both --to-pd b:1 --yes --start-ts now");
    assert!(text.contains("these are missing: --from-pd, --to, --from-sql, --ddl-from, --mark-setup"), "{text}");
    assert!(run("--one-way --channel-id 1").contains("cannot be used with"));
    assert!(
        run("--from-pd a:1 --to mysql://u:hunter2@b --start-ts now --unchecked")
            .contains("the address contains a password")
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_cluster_out_of_reach_is_said_or_left_unchecked() {
    let dir = tempfile::tempdir().unwrap();
    let words = "tisync init --from-pd 127.0.0.1:1 --to mysql://u@127.0.0.1:1 --start-ts 470616376687198209";
    let ran = shell(dir.path(), words, &[]).expect(3);
    assert!(ran.stderr.contains("tried 127.0.0.1:1") && ran.stdout.is_empty(), "{}", ran.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let ran = shell(dir.path(), &format!("{words} --unchecked"), &[]).expect(0);
    assert_eq!(ran.stderr.matches("warning: not checked").count(), 2, "{}", ran.stderr);
    let file = fs::read_to_string(dir.path().join("tisync.toml")).unwrap();
    assert!(
        file.contains("sql = \"mysql://u@127.0.0.1:1\"") && file.contains("start-ts = 470616376687198209"),
        "{file}"
    );
}

#[test]
fn a_start_that_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let words =
        "tisync init --from-pd 127.0.0.1:1 --to mysql://u@127.0.0.1:1 --unchecked --start-ts 2099-01-01T00:00:00Z";
    let ran = shell(dir.path(), words, &[]).expect(1);
    assert!(ran.stderr.contains("is not a TiDB timestamp"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
