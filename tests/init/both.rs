//! Both ways: two mirrored servers, the marks set up by the wizard, both links run through the file.

use std::fs;
use std::time::Duration;

use mysql::prelude::Queryable;

use crate::common::dropped;
use crate::one_way::{mirror, shell};
use crate::terminal::{Terminal, line_after};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn two_links_of_a_dialogue_run() {
    let (a, b) = std::thread::scope(|s| {
        let a = s.spawn(|| mirror(7_600_000_000_000_000_120, Some(1)));
        let b = mirror(7_600_000_000_000_000_121, Some(2));
        (a.join().unwrap(), b)
    });
    let start = a.cluster().tso().to_string();
    let mut on_a = a.connect().unwrap();
    on_a.query_drop("CREATE DATABASE shop").unwrap();
    on_a.query_drop("CREATE TABLE shop.t (id INT PRIMARY KEY, v INT)").unwrap();
    on_a.query_drop("INSERT INTO shop.t VALUES (1, 10)").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut t = Terminal::start(dir.path(), &[]);
    t.chooses("What do you want to set up", 1);
    t.answers("Name of the first cluster [a]:", "east");
    t.answers("Name of the second cluster [b]:", "east");
    t.sees("both clusters are named");
    t.answers("Name of the second cluster [b]:", "west");
    t.answers("PD of cluster east", &a.cluster().pd_url());
    t.answers("PD of cluster west", &a.cluster().pd_url());
    t.sees("is the first cluster again");
    t.answers("PD of cluster west", &b.cluster().pd_url());
    t.answers("SQL address of cluster west", &b.url());
    t.answers("SQL address of cluster east", &a.url());
    t.chooses("Where should replication begin", 2);
    t.answers("The ts or time", &start);
    t.answers("Where should the link back from west begin", "");
    t.answers("Which tables", "");
    t.answers("Mark channel", "x");
    t.sees("`x` is not a valid channel");
    t.answers("Mark channel", "5");
    t.answers("Mark table [retl._drainer_repl_mark]:", "marks");
    t.sees("the mark table cannot be `marks`");
    t.answers("Mark table [retl._drainer_repl_mark]:", "");
    t.chooses("On which cluster will you run it", 0);
    t.answers("Sync mode", "");
    t.sees("CREATE TABLE");
    t.sees("Run this now?");
    assert!(
        on_a.query_first::<u8, _>("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'retl'")
            .unwrap()
            .is_none()
    );
    t.types("y");
    t.answers("Where should the file be written", "");
    let ended = t.ends();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert_eq!(ended.stdout, "tisync sync --config tisync.toml\n");
    let rows = "SELECT COUNT(*) FROM retl._drainer_repl_mark WHERE channel_id = 5";
    let mut on_b = b.connect().unwrap();
    assert_eq!(on_a.query_first::<u8, _>(rows).unwrap(), Some(16));
    assert_eq!(on_b.query_first::<u8, _>(rows).unwrap(), Some(16));

    let run = |link: &str| {
        a.wait_caught_up(LIMIT).unwrap();
        b.wait_caught_up(LIMIT).unwrap();
        let line = format!("{} --link {link} --until caught-up", ended.stdout.trim());
        shell(dir.path(), &line, &[]).expect(0).stderr
    };
    run("west-to-east");
    run("east-to-west");
    on_b.query_drop("INSERT INTO shop.t VALUES (2, 20)").unwrap();
    let back = run("west-to-east");
    assert!(back.contains("echoes: 0"), "{back}");
    on_a.query_drop("INSERT INTO shop.t VALUES (3, 30)").unwrap();
    let there = run("east-to-west");
    assert_eq!(dropped::with_data(&there), 1, "{there}");
    let all = "SELECT id, v FROM shop.t ORDER BY id";
    let wanted = vec![(1, 10), (2, 20), (3, 30)];
    assert_eq!(on_a.query::<(i32, i32), _>(all).unwrap(), wanted);
    assert_eq!(on_b.query::<(i32, i32), _>(all).unwrap(), wanted);

    let file = fs::read_to_string(dir.path().join("tisync.toml")).unwrap();
    assert_eq!(file.matches("loopback = true").count(), 2);
    assert_eq!(file.matches("ddl = false").count(), 1);
    let again = line_after(&ended.screen, "the same file without questions:");
    let ran = shell(dir.path(), &again.replace("tisync.toml", "other.toml"), &[]).expect(0);
    assert!(ran.stderr.contains("exists on both clusters, with the rows of the channel"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(dir.path().join("other.toml")).unwrap(), file);
}
