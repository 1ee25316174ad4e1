//! tisync.toml.

use ::tisync::config::Draft;

use crate::{File, assert_shown, shown};

const SHORT: &str = r#"
[cluster.a]
pd = ["10.0.0.1:2379", "10.0.0.2:2379"]

[cluster.b]
sql = "mysql://repl@db2:3306"

[[link]]
from = "a"
to = "b"
"#;

#[track_caller]
fn errors(text: &str) -> String {
    let file = File::new("t.toml", text);
    file.loaded(&[]).unwrap_err().replace(&format!("{}/", file.dir.path().display()), "")
}

#[test]
fn the_plain_case_is_short() {
    let draft = File::new("t.toml", SHORT).draft().over(Draft::defaults());
    assert_shown(&draft, "from", "pd://10.0.0.1:2379,10.0.0.2:2379");
    assert_shown(&draft, "to", "mysql://repl@db2:3306");
    assert_shown(&draft, "name", "default");
    assert_shown(&draft, "ddl", "true");
    assert_shown(&draft, "sync-mode", "1");
}

#[test]
fn every_wrong_thing_is_named_at_once_with_its_line() {
    let text = r#"
[cluster.a]
pd = "10.0.0.1:2379"
colour = 1
[cluster.b]
sql = "postgres://db2"
sql-mode = ["ANSI_QUOTE"]
variables = { time_zone = "+08:00" }
read-timeout = "5"
[cluster.c]
tls = { ca = "x" }
[[link]]
form = "a"
to = "bb"
mode = 3
start-ts = "yesterday"
workers = 65
memory-limit = "1KiB"
ignore-ts = [0]
routes = [{ from = "a.*" }]
on-ddl-error = "skip:1"
[[link]]
from = "a"
to = "b"
"#;
    let found = errors(text);
    let expected = [
        "t.toml:3: cluster.a.pd: expected a list of strings such as [\"a\", \"b\"], found text",
        "t.toml:4: cluster.a.colour: unknown key; known keys: pd,",
        "t.toml:6: cluster.b.sql: the target's address cannot be read",
        "t.toml:7: cluster.b.sql-mode: unknown SQL mode `ANSI_QUOTE`; did you mean ANSI_QUOTES?",
        "t.toml:8: cluster.b.variables: `time_zone` is always UTC",
        "t.toml:9: cluster.b.read-timeout: expected a duration",
        "t.toml:11: cluster.c.tls.ca: is for PD and Pumps, but `pd` is not set",
        "t.toml:10: cluster.c.pd: a cluster needs `pd`",
        "t.toml:13: link.form: unknown key; did you mean `link.from`?",
        "t.toml:12: link.from: every link needs it",
        "t.toml:14: link.to: unknown cluster `bb`; did you mean `b`?",
        "t.toml:15: link.mode: expected an integer from 1 to 2, found 3",
        "t.toml:16: link.start-ts: expected a commit ts",
        "t.toml:17: link.workers: expected an integer from 1 to 64, found 65",
        "t.toml:18: link.memory-limit: at least 64MiB are needed",
        "t.toml:19: link.ignore-ts: expected a list of commit ts",
        "t.toml:20: link.routes.from: a route needs `from` and `to`",
        "t.toml:21: link.on-ddl-error: expected \"stop\" or \"ask\"",
        "t.toml:22: link.name: two links are named `default`",
    ];
    for words in expected {
        assert!(found.contains(words), "{words}\nis not in\n{found}");
    }
    assert_eq!(found.lines().count(), expected.len() + 1, "{found}");
}

#[test]
fn a_value_at_the_wrong_place_is_shown_the_right_one() {
    let found = errors("[cluster.a]\npd = [\"h:1\"]\n\n[link]\nfrom = \"a\"\n");
    assert!(found.contains("t.toml:4: link: expected tables such as [[link]], found a table"), "{found}");
    let found = errors("start-ts = 5\n[cluster.a]\npd = [\"h:1\"]\n");
    assert!(found.contains("t.toml:1: start-ts: unknown key; did you mean `link.start-ts`?"), "{found}");
}

#[test]
fn other_names_of_keys_hold_or_lead_to_the_right_one() {
    let of = |more: &str| File::new("t.toml", &format!("{SHORT}{more}\n"));
    for text in ["sync-mode = 2", "mode = 2"] {
        assert_shown(&of(text).draft(), "sync-mode", "2");
    }
    assert_shown(&of("route = [{ from = \"a.*\", to = \"b.*\" }]").draft(), "routes", "a.* -> b.*");
    for (text, words) in [
        ("sync-mode = 1\nmode = 2", "link.mode: is another name of `sync-mode`, which is also set"),
        ("sync-mod = 2", "did you mean `link.sync-mode`?"),
        ("sync-ddl = false", "link.sync-ddl: unknown key; the name here is `ddl`"),
        ("worker-count = 3", "the name here is `workers`"),
        ("initial-commit-ts = 3", "the name here is `start-ts`"),
        ("loopback-control = true", "the name here is `loopback`"),
        ("link = \"x\"", "the name here is `name`"),
    ] {
        let found = errors(&format!("{SHORT}{text}\n"));
        assert!(found.contains(words), "{words}\nis not in\n{found}");
    }
    let tls = |ca: &str| {
        format!(
            "[cluster.a]\npd = [\"h:1\"]\ntls = {{ {ca} = \"ca.pem\" }}\n[cluster.b]\nsql = \"mysql://h\"\nsql-tls = {{ {ca} = \"b.pem\" }}\n[[link]]\nfrom = \"a\"\nto = \"b\"\n"
        )
    };
    for ca in ["ca", "ssl-ca"] {
        let draft = File::new("t.toml", &tls(ca)).draft();
        assert_shown(&draft, "from.tls.ca", "ca.pem");
        assert_shown(&draft, "to", "mysql://h/?ssl-ca=b.pem");
    }
    assert!(
        errors("[cluster.a]\npd-urls = \"h\"\nssl-ca = \"x\"\n")
            .contains("cluster.a.ssl-ca: unknown key; the name here is `tls.ca`")
    );
}

#[test]
fn a_start_is_given_for_one_link_of_several() {
    let text = format!(
        "{SHORT}name = \"one\"\nstart-ts = \"now\"\nignore-drainer = true\ntake-over = true\n[[link]]\nname = \"two\"\nfrom = \"a\"\nto = \"b\"\n"
    );
    let file = File::new("t.toml", &text);
    let words = ["tisync", "sync", "--config", file.name()];
    let settings = |more: &[&str]| {
        use clap::Parser as _;
        match ::tisync::cli::Cli::try_parse_from(words.iter().chain(more)).unwrap().command {
            ::tisync::cli::Command::Sync(args) => ::tisync::config::Settings::all(&args),
            other => panic!("{other:?}"),
        }
    };
    let links = settings(&[]).unwrap();
    let of = |i: usize| (links[i].ignore_drainer, links[i].take_over, links[i].start.is_some());
    assert_eq!([of(0), of(1)], [(true, true, true), (false, false, false)]);
    // Without a start there is nothing that would count instead.
    let error = settings(&["--ignore-drainer"]).unwrap_err();
    assert!(error.to_string().contains("`ignore-drainer` was given without start-ts"), "{error:#}");
    assert!(settings(&["--take-over"]).unwrap().iter().all(|l| l.take_over));
}

#[test]
fn files_that_are_neither_are_told_so() {
    let found = errors("[clusters.a]\n");
    assert!(found.contains("neither a tisync.toml nor a drainer.toml"), "{found}");
    let found = errors("pd-urls = \"http://h:1\"\n[cluster.a]\n");
    assert!(found.contains("both `cluster`, which is tisync.toml's, and `pd-urls`"), "{found}");
}

#[test]
fn one_of_several_links_is_chosen_by_its_name() {
    let text = format!("{SHORT}name = \"one\"\n[[link]]\nname = \"two\"\nfrom = \"a\"\nto = \"b\"\nworkers = 3\n");
    let file = File::new("t.toml", &text);
    let found = file.loaded(&[]).unwrap_err();
    assert!(found.contains("has 2 links: one, two"), "{found}");
    let show = |name: &str| crate::common::binary::tisync(&["config", "show", "--config", file.name(), "--link", name]);
    assert!(show("two").expect(0).stdout.contains("workers        3"));
    let ran = show("tow").expect(2);
    assert!(ran.stderr.contains("no link named `tow`") && ran.stderr.contains("did you mean `two`?"), "{}", ran.stderr);
}

#[test]
fn a_link_goes_from_a_folder_or_an_address_too() {
    let of = |from: &str| File::new("t.toml", &SHORT.replace("from = \"a\"", &format!("from = \"{from}\""))).draft();
    assert_shown(&of("./recording"), "from", "./recording");
    assert_shown(&of("pd://h:1"), "from", "pd://h:1");
    let found = errors(&SHORT.replace("from = \"a\"", "from = \"recording\""));
    assert!(found.contains("unknown cluster `recording`; defined: a, b"), "{found}");
}

#[test]
fn each_setting_knows_where_it_came_from() {
    let text = SHORT.replace("to = \"b\"", "to = \"b\"\nworkers = 2\nbatch-rows = 9\nmemory-limit = 134217728");
    let file = File::new("t.toml", &text);
    let mut command = crate::common::binary::command(&[
        "config",
        "show",
        "--origin",
        "--config",
        file.name(),
        "--workers",
        "5",
        "--output",
        "csv",
    ]);
    let ran = command.env("TISYNC_MEMORY_LIMIT", "256MiB").output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    for line in [
        "workers,5,flag".to_owned(),
        "memory-limit,256MiB,environment TISYNC_MEMORY_LIMIT".to_owned(),
        format!("batch-rows,9,{}:12", file.name()),
        format!("to,mysql://repl@db2:3306,{}:6", file.name()),
        "ddl,true,default".to_owned(),
    ] {
        assert!(out.lines().any(|l| l == line), "{line}\nis not in\n{out}");
    }
}

#[test]
fn a_source_or_target_of_a_flag_has_nothing_of_the_files() {
    let text =
        SHORT.replace("sql =", "read-timeout = \"5s\"\nsql =").replace("pd =", "tls = { ca = \"ca.pem\" }\npd =");
    let draft = File::new("t.toml", &text).draft();
    assert_eq!(shown(&draft, "to.read-timeout").unwrap().0, "5s");
    let file = File::new("t.toml", &text);
    let show = |more: &[&str]| {
        let args = [&["config", "show", "--config", file.name()], more].concat();
        crate::common::binary::tisync(&args).expect(0).stdout
    };
    let out = show(&["--to", "mysql://other:1", "--from", "pd://other:2"]);
    assert!(!out.contains("read-timeout") && !out.contains("ca.pem") && out.contains("mysql://other:1"), "{out}");
    // A name is that of a cluster in the file, with all that belongs to it.
    let out = show(&["--to", "b", "--from", "a"]);
    assert!(out.contains("read-timeout") && out.contains("ca.pem") && out.contains("mysql://repl@db2:3306"), "{out}");
}
