//! What a run shows of what it was given: no secret, and nothing that a terminal obeys.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::common::binary::tisync;

const SECRET: &str = "geheim";

#[test]
fn config_show_masks_whatever_form_an_address_has() {
    for address in [
        "mysql://u:geheim@h",
        "mysql://u:geheim@h:1/?ssl-mode=required",
        "mysql://:geheim@h",
        "mysql://u:ge/he?im@geheim@h",
        "u:geheim@h:3306",
        "MYSQL://u:geheim@h",
    ] {
        for to in [["--to", address], ["--from", address], ["--schema-from", address]] {
            let ran = tisync(&[&["config", "show", "--origin"][..], &to].concat());
            assert!(ran.code != 101 && ran.stdout.contains("***"), "{to:?}: {}\n{}", ran.stdout, ran.stderr);
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!all.contains(SECRET) && !all.contains("he?im"), "{all}");
        }
    }
    let from = "s3://b/p?access-key=geheim&secret-access-key=geheim&region=r";
    let ran = tisync(&["config", "show", "--from", from]);
    assert!(ran.stdout.contains("region=r") && !ran.stdout.contains(SECRET), "{}", ran.stdout);
}

#[test]
fn no_message_repeats_a_secret() {
    for args in [
        &["ts", "from-br", "s3:/b?access-key=geheim&secret-access-key=geheim"][..],
        &["sync", "--from", "s3:/b?secret-access-key=geheim", "--to", "mysql://u@127.0.0.1:1"],
        &["sync", "--from", "http://u:geheim@127.0.0.1:1/x", "--to", "mysql://u@127.0.0.1:1"],
        &["sync", "--from", "/nowhere", "--to", "mysql://u:geheim@127.0.0.1:1/?ssl-mode=x"],
        &["ts", "check", "1", "--to", "mysql://u:geheim@127.0.0.1:1"],
    ] {
        let ran = tisync(args);
        assert!(ran.code != 0 && ran.code != 101, "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET), "{args:?}: {}", ran.stderr);
    }
    // What is masked is there otherwise.
    let ran = tisync(&["ts", "from-br", "s3:/b?access-key=geheim&secret-access-key=geheim"]);
    assert!(ran.stderr.contains("s3:/b?access-key=***&secret-access-key=***"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_no_list_of_patterns_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.pem");
    for text in ["geheim\n", "# a\n@geheim\n", "a.b\ngeheim:geheim:1\n", "geheim.geheim.geheim", "!/geheim/.`geheim"] {
        std::fs::write(&file, text).unwrap();
        let patterns = format!("@{}", file.display());
        let args = ["sync", "--from", "/nowhere", "--to", "mysql://u@127.0.0.1:1", "--tables", &patterns];
        let ran = tisync(&args).expect(2);
        assert!(ran.stderr.contains("key.pem:") && !ran.stderr.contains(SECRET), "{text:?}: {}", ran.stderr);
    }
}

#[test]
fn a_password_file_that_others_can_read_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let (password, options) = (dir.path().join("pw"), dir.path().join("my.cnf"));
    std::fs::write(&password, "geheim\n").unwrap();
    std::fs::write(&options, "[client]\npassword=geheim\n").unwrap();
    let config = dir.path().join("t.toml");
    let text = format!(
        "[cluster.a]\npd = [\"127.0.0.1:1\"]\n[cluster.b]\nsql = \"mysql://127.0.0.1:1\"\npassword-file = \"{}\"\n[[link]]\nfrom = \"a\"\nto = \"b\"\n",
        password.display()
    );
    std::fs::write(&config, text).unwrap();
    let name = |path: &Path| path.display().to_string();
    let [to, with] = [("password-file", &password), ("defaults-file", &options)]
        .map(|(key, path)| format!("mysql://u@127.0.0.1:1/?{key}={}", name(path)));
    for mode in [0o600, 0o640, 0o604] {
        for file in [&password, &options] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        for (args, file) in [
            (vec!["config", "check", config.to_str().unwrap()], &password),
            (vec!["checkpoint", "show", "--to", &to], &password),
            (vec!["checkpoint", "show", "--to", &with], &options),
        ] {
            let ran = tisync(&args);
            let warned = ran.stderr.contains(&format!("warning: others can read {}", name(file)));
            assert_eq!(warned, mode != 0o600, "{args:?} {mode:o}: {}", ran.stderr);
        }
    }
}

#[test]
fn nothing_that_a_terminal_obeys_is_shown() {
    let hostile = "./no\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\nerror: forged\r\u{2028}";
    let ran = tisync(&["sync", "--from", hostile, "--to", "mysql://u@127.0.0.1:1"]);
    assert!(ran.code != 0);
    let shown = [
        ran.stderr,
        tisync(&["config", "show", "--from", hostile]).stdout,
        tisync(&["config", "show", "--from", hostile, "--output", "json"]).stdout,
    ];
    for text in shown {
        assert!(text.contains(r"\u001b]0;x\u0007") && text.contains(r"\u202e"), "{text:?}");
        let obeyed = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}".contains(c);
        assert!(!text.contains(obeyed) && !text.contains("\nerror: forged"), "{text:?}");
    }
}
