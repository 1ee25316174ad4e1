//! `tisync config check` and `show`, as scripts see them.

use serde_json::Value;

use crate::File;
use crate::common::binary::tisync;

const WRONG: &str = "log-level = \"info\"\n[syncer]\nworker-cout = 1\ndb-type = \"kafka\"\n";

#[test]
fn check_says_everything_at_once() {
    let file = File::new("drainer.toml", WRONG);
    let ran = tisync(&["config", "check", file.name()]).expect(2);
    assert_eq!(ran.stdout, "");
    for words in [
        "has 2 errors",
        ":3: syncer.worker-cout: ",
        ":4: syncer.db-type: ",
        "note: ",
        ":1: log-level has no effect here: ",
    ] {
        assert!(ran.stderr.contains(words), "{words}\nis not in\n{}", ran.stderr);
    }
}

#[test]
fn check_has_a_form_for_scripts() {
    let file = File::new("drainer.toml", WRONG);
    let ran = tisync(&["config", "check", file.name(), "--output", "json"]).expect(2);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((said["version"].as_u64(), said["good"].as_bool()), (Some(1), Some(false)));
    let keys: Vec<&str> = said["problems"].as_array().unwrap().iter().map(|p| p["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["syncer.worker-cout", "syncer.db-type"]);
    assert_eq!(said["without_effect"][0]["key"], "log-level");
    let file = File::new("drainer.toml", "[syncer.to]\nhost = \"h\"\n");
    let ran = tisync(&["config", "check", file.name(), "--output", "json"]).expect(0);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((said["good"].as_bool(), said["kind"].as_str()), (Some(true), Some("drainer.toml")));
}

#[test]
fn check_finds_what_is_wrong_with_any_of_the_links() {
    let text = "[cluster.a]\npd = [\"127.0.0.1:1\"]\n[cluster.b]\nsql = \"mysql://127.0.0.1:1\"\n[[link]]\nname = \"x\"\nfrom = \"a\"\nto = \"b\"\n\
                [[link]]\nname = \"y\"\nfrom = \"a\"\nto = \"b\"\nsync-mode = 7\n";
    let ran = tisync(&["config", "check", File::new("t.toml", text).name()]).expect(2);
    assert!(ran.stderr.contains(":13: link.sync-mode: "), "{}", ran.stderr);
    let ran = tisync(&["config", "check", File::new("t.toml", &text.replace("7", "2")).name()]).expect(0);
    assert!(ran.stdout.contains("is a valid tisync.toml, with links x, y"), "{}", ran.stdout);
}

#[test]
fn filter_names_the_rule_that_decides() {
    let file = File::new("drainer.toml", include_str!("../../examples/drainer.toml"));
    let ask = |table: &str, code: i32| tisync(&["config", "filter", file.name(), table]).expect(code).stdout;
    assert!(ask("orders.items", 0).starts_with("orders.items is replicated: "));
    let out = ask("orders.archive_1", 0);
    assert!(out.contains("is replicated") && out.contains("delete"), "{out}");
    let out = ask("orders.tmp_1", 1);
    assert!(out.contains("orders.tmp_1 is not replicated: ") && out.contains("tmp_"), "{out}");
    assert!(ask("other.t", 1).contains("no pattern includes it"));
    assert!(ask("mysql.user", 1).contains("is always left out"));
    let file = File::new("tisync.toml", include_str!("../../examples/tisync.toml"));
    let args = ["config", "filter", file.name(), "--link", "orders", "shop_1.t", "orders.tmp_1", "--output", "json"];
    let said: Value = serde_json::from_str(&tisync(&args).expect(1).stdout).unwrap();
    assert_eq!(said["answers"][0]["details"][0], "its name on the target is shop.t");
    assert_eq!(
        (&said["answers"][0]["replicated"], &said["answers"][1]["replicated"]),
        (&Value::from(true), &Value::from(false))
    );
}

#[test]
fn show_has_a_form_for_scripts() {
    let file = File::new("drainer.toml", "[syncer]\nworker-count = 3\n");
    let ran = tisync(&["config", "show", "--origin", "--output", "json", "--config", file.name()]).expect(0);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = said["settings"].as_array().unwrap().iter().find(|s| s["key"] == "workers").unwrap();
    assert_eq!((&found["value"], &found["origin"]), (&Value::from("3"), &Value::from(format!("{}:2", file.name()))));
}

#[test]
fn what_is_missing_is_told_with_what_to_give() {
    let ran = tisync(&["sync"]).expect(2);
    assert!(ran.stderr.contains("no source given") && ran.stderr.contains("--config FILE"), "{}", ran.stderr);
    let ran = tisync(&["sync", "--from", "pd://h:1"]).expect(2);
    assert!(ran.stderr.contains("no target given"), "{}", ran.stderr);
    let ran = tisync(&["sync", "--config", "/nowhere.toml"]).expect(2);
    assert!(ran.stderr.contains("cannot read the configuration /nowhere.toml"), "{}", ran.stderr);
}

#[test]
fn what_a_file_switches_on_a_flag_switches_off() {
    let file = File::new("drainer.toml", "[syncer]\nsafe-mode = true\n");
    let show = |more: &[&str]| tisync(&[&["config", "show", "--config", file.name()], more].concat()).expect(0).stdout;
    let safe = |out: &str| out.lines().find(|l| l.starts_with("safe-mode")).unwrap().ends_with("true");
    assert!(safe(&show(&[])) && !safe(&show(&["--safe-mode=false"])) && safe(&show(&["--safe-mode"])));
}
