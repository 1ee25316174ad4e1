//! Passwords: where they come from, and that they are never shown.

use ::tisync::config::DrainerCheckpoint;
use ::tisync::config::{self, Settings};

use crate::File;
use crate::common::binary::{command, tisync};

/// Made with `openssl enc -aes-256-cfb` and Drainer's built-in key: hunter2, and what the second is for.
const TARGETS: &str = "AAECAwQFBgcICQoLDA0OD0BV+S9KlvBUhogOnw13UO2elkMz+ubjgLGQhQhAsnjiGDtz/K6SObPCtIvhlpYW";
const CHECKPOINTS: &str = "AAECAwQFBgcICQoLDA0OD0BV+S9KgflDgoYK1xc5S72D";
/// The same with keys of 16 and 24 bytes of one's own.
const SHORT: (&str, &str, &str) =
    ("00112233445566778899aabbccddeeff", "AAECAwQFBgcICQoLDA0OD0BU99g4AVJ4O/Y=", "short key");
const MIDDLE: (&str, &str, &str) =
    ("00112233445566778899aabbccddeeff0011223344556677", "AAECAwQFBgcICQoLDA0OD0BPswnFx3pzThtR", "middle key");

fn target(file: &File, variables: &[(&str, &str)]) -> Option<String> {
    let settings = Settings::settle(file.loaded(variables).unwrap().1.draft).unwrap();
    settings.connection.password.map(|p| p.reveal().to_owned())
}

/// Drainer decrypts the target's text in the checkpoint's place (T26).
#[test]
fn t26_the_checkpoints_encrypted_password_is_its_own() {
    let text = format!(
        "[syncer.to]\nencrypted_password = \"{TARGETS}\"\npassword = \"not this one\"\n\
         [syncer.to.checkpoint]\ntype = \"mysql\"\nencrypted_password = \"{CHECKPOINTS}\"\n"
    );
    let file = File::new("drainer.toml", &text);
    assert_eq!(target(&file, &[]).unwrap(), "the target's own password, longer than a block");
    let Some(DrainerCheckpoint::Server { connection, .. }) = file.draft().drainer_checkpoint.map(|c| c.value) else {
        panic!()
    };
    assert_eq!(connection.password.unwrap().reveal(), "the checkpoint's");
}

#[test]
fn an_encrypted_password_is_read_with_a_key_of_ones_own() {
    for (key, text, password) in [SHORT, MIDDLE] {
        let file = File::new("drainer.toml", &format!("[syncer.to]\nencrypted_password = \"{text}\"\n"));
        assert_eq!(target(&file, &[("BINLOG_SECRET_KEY", key)]).unwrap(), password);
    }
    let file = File::new("drainer.toml", &format!("[syncer.to]\nencrypted_password = \"{TARGETS}\"\n"));
    for (key, words) in [
        ("zz", "BINLOG_SECRET_KEY is not hexadecimal"),
        ("0011", "BINLOG_SECRET_KEY must be 16, 24 or 32 bytes"),
        (SHORT.0, "cannot be decrypted with BINLOG_SECRET_KEY"),
    ] {
        let found = file.loaded(&[("BINLOG_SECRET_KEY", key)]).unwrap_err();
        assert!(found.contains(words), "{words}\nis not in\n{found}");
    }
}

/// Drainer logs its whole configuration at the start (T27).
#[test]
fn t27_no_password_is_ever_shown() {
    let secrets = ["hunter2", "correct-horse", "sesame", "the target's own password"];
    let good = format!(
        "pd-urls = \"http://127.0.0.1:1\"\n[syncer.to]\nhost = \"127.0.0.1\"\nport = 1\npassword = \"hunter2\"\n\
         encrypted_password = \"{TARGETS}\"\n[syncer.to.checkpoint]\ntype = \"mysql\"\npassword = \"correct-horse\"\n"
    );
    let bad = [
        "[syncer.to]\npassword = hunter2\n",
        "[syncer.to]\npassword = \"hunter2\nport = 1\n",
        "[syncer.to]\nport = \"hunter2\"\nencrypted_password = \"hunter2\"\n",
        "[syncer.to]\nhost = \"root:hunter2@h:x\"\npassword = [\"sesame\"]\n",
        "pd-urls = \"http://root:hunter2@h:1\"\n[syncer.to]\npass = \"sesame\"\n",
        "[cluster.a]\npassword = 5\nsql = \"mysql://u:hunter2@h:x\"\n",
        "[cluster.a]\npd = [\"http://u:hunter2@h:1\"]\nsql = \"mysql://u:sesame@h:1\"\n[[link]]\nfrom = \"a\"\nto = \"a\"\n",
        "[cluster.a]\npd = [\"h:1\"]\nsql = \"mysql://u:sesame@127.0.0.1:1\"\npassword = \"hunter2\"\n[[link]]\nfrom = \"a\"\nto = \"a\"\n",
    ];
    let mut said = 0;
    for text in bad.into_iter().chain([good.as_str()]) {
        let file = File::new("c.toml", text);
        let out = file.dir.path().join("out.toml");
        for args in [
            &["config", "check", file.name()][..],
            &["config", "check", file.name(), "--output", "json"],
            &["config", "show", "--origin", "--config", file.name()],
            &["config", "show", "--output", "json", "--config", file.name()],
            &["config", "convert", file.name()],
            &["config", "convert", file.name(), "-o", out.to_str().unwrap()],
            &["sync", "-vv", "--config", file.name()],
        ] {
            let ran = tisync(args);
            let all = format!("{}{}", ran.stdout, ran.stderr);
            for secret in secrets {
                assert!(!all.contains(secret), "{args:?} shows {secret}:\n{all}");
            }
            said += all.len();
        }
        if let Ok(text) = std::fs::read_to_string(&out) {
            assert!(secrets.iter().all(|s| !text.contains(s)), "{text}");
        }
        let debug = format!("{:?} {:?}", file.loaded(&[]), file.loaded(&[]).map(|(_, l)| Settings::settle(l.draft)));
        // An address keeps its password, and is not for the eye: the settings name it, `shown` hides it.
        assert!(secrets.iter().filter(|s| **s != "sesame").all(|s| !debug.contains(s)), "{debug}");
    }
    assert!(said > 5_000, "only {said} bytes were said");
}

#[test]
fn the_nearest_password_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pw");
    std::fs::write(&file, "of the file\nsecond line\n").unwrap();
    let text = |password: &str| {
        format!(
            "[cluster.a]\npd = [\"h:1\"]\n[cluster.my-b]\nsql = \"mysql://u@h\"\n{password}\n[[link]]\nfrom = \"a\"\nto = \"my-b\"\n"
        )
    };
    let plain = File::new("t.toml", &text("password = \"in the text\""));
    let named =
        File::new("t.toml", &text(&format!("password = \"in the text\"\npassword-file = \"{}\"", file.display())));
    assert_eq!(target(&plain, &[]).unwrap(), "in the text");
    assert_eq!(target(&named, &[]).unwrap(), "of the file");
    let (any, own) = (("TISYNC_TARGET_PASSWORD", "any"), ("TISYNC_PASSWORD_MY_B", "own"));
    assert_eq!(target(&named, &[any]).unwrap(), "any");
    assert_eq!(target(&named, &[any, own]).unwrap(), "own");
    assert_eq!(target(&File::new("t.toml", &text("")), &[]), None);
    let missing = File::new("t.toml", &text("password-file = \"/nowhere/pw\""));
    assert!(missing.loaded(&[]).unwrap_err().contains("t.toml:5: cluster.my-b.password-file: cannot read /nowhere/pw"));
    let drainer = File::new("drainer.toml", "[syncer.to]\npassword = \"of the file\"\n");
    assert_eq!(target(&drainer, &[("MYSQL_PSWD", "no")]).unwrap(), "of the file");
    assert_eq!(target(&drainer, &[any]).unwrap(), "any");
}

#[test]
fn a_password_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    for (name, text) in [
        ("drainer.toml", "[syncer.to]\nhost = \"h\"\npassword = \"pw\"\n"),
        (
            "t.toml",
            "[cluster.a]\npassword = \"pw\"\nsql = \"mysql://127.0.0.1:1\"\n[cluster.b]\npd = [\"127.0.0.1:1\"]\n[[link]]\nfrom = \"b\"\nto = \"a\"\n",
        ),
    ] {
        let file = File::new(name, text);
        assert!(!tisync(&["config", "check", file.name()]).expect(0).stderr.contains("others can read"));
        std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let ran = tisync(&["config", "check", file.name()]).expect(0);
        let line = 1 + text.lines().position(|l| l.starts_with("password")).unwrap();
        assert!(ran.stderr.contains("warning: ") && ran.stderr.contains(&format!("{name}:{line}: ")), "{}", ran.stderr);
        assert!(ran.stderr.contains("others can read"), "{}", ran.stderr);
    }
}

#[test]
fn a_kind_of_file_is_told_from_the_environment_too() {
    let file = File::new("drainer.toml", "[syncer.to]\nhost = \"h\"\n");
    let ran = command(&["config", "show"]).env("TISYNC_CONFIG", file.name()).output().unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("mysql://root@h:3306"));
    assert!(config::open(&file.path, &|_| None).is_ok());
}
