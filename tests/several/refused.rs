//! What is refused before anything runs: links that do not agree, flags of one link alone.

use ::tisync::playground::cluster::{Cluster, ClusterSpec};

use crate::common::binary::{Ran, command, tisync};
use crate::world::File;

const CLUSTERS: &str = "[cluster.a]\npd = [\"127.0.0.1:1\"]\nsql = \"mysql://root@127.0.0.1:2\"\n\
                        [cluster.b]\npd = [\"127.0.0.1:3\"]\nsql = \"mysql://root@127.0.0.1:4\"\n";

/// Two opposite links with these lines; the first begins in line 7.
fn opposite(there: &str, back: &str) -> File {
    File::new(&format!(
        "{CLUSTERS}[[link]]\nname = \"there\"\nfrom = \"a\"\nto = \"b\"\n{there}\n[[link]]\nname = \"back\"\nfrom = \"b\"\nto = \"a\"\n{back}\n"
    ))
}

fn sync(file: &File, more: &[&str]) -> Ran {
    tisync(&[&["sync", "--config", file.name()], more].concat())
}

/// Refused by both, with these words; the check names the key and the line.
#[track_caller]
fn refused(file: &File, at: &str, words: &[&str]) {
    let (run, check) = (sync(file, &[]).expect(2), tisync(&["config", "check", file.name()]).expect(2));
    for text in [&run.stderr, &check.stderr] {
        for words in words {
            assert!(text.contains(words), "{words}\nis not in\n{text}");
        }
    }
    assert!(check.stderr.contains(&format!("tisync.toml:{at}: ")), "{at}\nis not in\n{}", check.stderr);
}

const MARKED: &str = "loopback = true\nchannel-id = 1";

#[test]
fn opposite_links_that_do_not_agree() {
    let without_ddl = format!("{MARKED}\nddl = false");
    refused(
        &opposite(MARKED, MARKED),
        "13: link.ddl",
        &["`there` and `back` go opposite ways, and both replicate DDL", "set `ddl = false` in `there` or `back`"],
    );
    refused(&opposite(MARKED, &format!("ddl = true\n{MARKED}")), "17: link.ddl", &["both replicate DDL"]);
    refused(
        &opposite("", "ddl = false"),
        "12: link.loopback",
        &[
            "neither has loopback",
            "forever",
            "set `loopback = true` and `channel-id = 1` in both",
            "tisync mark setup --channel-id 1",
        ],
    );
    refused(
        &opposite(MARKED, "ddl = false\nchannel-id = 1"),
        "13: link.loopback",
        &["loopback is on only in `there`", "set `loopback = true` in `back`"],
    );
    refused(
        &opposite("ddl = false", MARKED),
        "7: link.loopback",
        &["loopback is on only in `back`", "set `loopback = true` and `channel-id = 1` in `there`"],
    );
    refused(
        &opposite(MARKED, "ddl = false\nloopback = true\nchannel-id = 2"),
        "19: link.channel-id",
        &["their channels differ: 1 and 2"],
    );
    refused(
        &opposite(MARKED, &format!("{without_ddl}\nmark-table = \"retl.other\"")),
        "20: link.mark-table",
        &["their mark tables differ: retl._drainer_repl_mark and retl.other"],
    );
    let all = opposite("", "");
    refused(&all, "12: link.loopback", &["neither has loopback", "both replicate DDL"]);
    // Each alone may run: somewhere else the other one may be what it must be.
    let ran = sync(&all, &["--link", "there"]).expect(3);
    assert!(ran.stderr.contains("127.0.0.1:1"), "{}", ran.stderr);
}

#[test]
fn flags_for_all_links_can_make_them_agree() {
    let file = opposite("", "ddl = false");
    let ran = sync(&file, &["--loopback", "--channel-id", "1"]).expect(3);
    assert!(ran.stderr.contains("error: link `") && ran.stderr.contains("127.0.0.1:"), "{}", ran.stderr);
    tisync(&["config", "check", opposite(MARKED, &format!("{MARKED}\nddl = false")).name()]).expect(0);
}

#[test]
fn addresses_that_are_those_of_a_cluster_are_that_cluster() {
    let text = format!(
        "{CLUSTERS}[[link]]\nname = \"there\"\nfrom = \"pd://127.0.0.1:1\"\nto = \"b\"\n[[link]]\nname = \"back\"\nfrom = \"b\"\n\
         to = \"tidb://somebody@127.0.0.1:2/?ssl-mode=required\"\nddl = false\n"
    );
    refused(&File::new(&text), "11: link.loopback", &["neither has loopback"]);
}

/// Where the file does not say which PD and which SQL address are one cluster, the clusters do.
#[test]
fn clusters_are_asked_for_their_sql_servers() {
    let cluster = |id| Cluster::start(ClusterSpec::new(id, 1)).unwrap();
    let (a, b) = (cluster(7_700_000_000_000_000_001), cluster(7_700_000_000_000_000_002));
    // A simulated cluster says that its TiDB is at 127.0.0.1:4000; B's is elsewhere.
    let second = r#"{"ddl_id":"second","ip":"127.0.0.1","listening_port":2,"status_port":3}"#;
    b.set_tidb_listed(false);
    b.set_key("/tidb/server/info/second", Some(second));
    let link = |name: &str, cluster: &Cluster, port: u16| {
        format!(
            "[[link]]\nname = \"{name}\"\nfrom = \"{}\"\nto = \"mysql://root@127.0.0.1:{port}\"\n",
            cluster.pd_url()
        )
    };
    let both = |to_b, to_a| File::new(&(link("there", &a, to_b) + &link("back", &b, to_a)));
    let file = both(2, 4000);
    tisync(&["config", "check", "--offline", file.name()]).expect(0);
    for ran in [sync(&file, &[]), tisync(&["config", "check", file.name()])] {
        let said = ran.expect(2).stderr;
        assert!(said.contains("neither has loopback"), "{said}");
    }
    let ran = sync(&both(1, 4000), &[]);
    assert!(!ran.stderr.contains("opposite ways"), "{}", ran.stderr);
}

#[test]
fn the_same_link_twice_is_a_warning() {
    let link = |name: &str, more: &str| format!("[[link]]\nname = \"{name}\"\nfrom = \"a\"\nto = \"b\"\n{more}\n");
    let check = |file: &File| tisync(&["config", "check", file.name()]).expect(0).stderr;
    let file = File::new(&format!("{CLUSTERS}{}{}", link("x", ""), link("y", "")));
    for said in [check(&file), sync(&file, &[]).expect(3).stderr] {
        assert!(said.contains("warning: the links `x` and `y` go the same way"), "{said}");
    }
    let parts = link("x", "tables = [\"x.*\"]") + &link("y", "tables = [\"y.*\"]");
    let said = check(&File::new(&format!("{CLUSTERS}{parts}")));
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn flags_of_one_link_need_one_link() {
    let file = opposite(MARKED, &format!("{MARKED}\nddl = false"));
    let flags: [&[&str]; 15] = [
        &["--from", "a"],
        &["--to", "b"],
        &["--start-ts", "5"],
        &["--until", "470616376687198209"],
        &["--until-ts", "5"],
        &["--skip-ddl", "5"],
        &["--on-ddl-error", "skip:5"],
        &["--pending-ddl", "done"],
        &["--safe-until", "5"],
        &["--route", "x.*=y.*"],
        &["--ignore-ts", "5"],
        &["--schema-from", "http://127.0.0.1:1"],
        &["--node-id", "n"],
        &["--addr", "127.0.0.1:5"],
        &["--time-zone", "+08:00"],
    ];
    for flag in flags {
        let ran = sync(&file, flag).expect(2);
        let words = format!("{} ", flag[0]);
        assert!(ran.stderr.starts_with(&format!("error: {words}")), "{flag:?}: {}", ran.stderr);
        for words in ["applies to one link, and", "tisync.toml has 2: there, back", "--link NAME"] {
            assert!(ran.stderr.contains(words), "{flag:?}: {}", ran.stderr);
        }
    }
    let out = command(&["sync", "--config", file.name()]).env("TISYNC_START_TS", "5").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && said.starts_with("error: TISYNC_START_TS applies to one link"), "{said}");
    // With one chosen it is as ever; and so is what needs one link.
    let ran = sync(&file, &["--link", "there", "--start-ts", "5"]).expect(3);
    assert!(ran.stderr.contains("127.0.0.1:1"), "{}", ran.stderr);
    let ran = tisync(&["config", "show", "--config", file.name()]).expect(2);
    assert!(ran.stderr.contains("has 2 links: there, back") && ran.stderr.contains("--link NAME"), "{}", ran.stderr);
}
