//! A tisync.toml that was made of a drainer.toml means the same.

use ::tisync::config::{Converted, Passwords, convert};
use proptest::prelude::*;

use crate::common::binary::tisync;
use crate::{File, assert_shown};

const REAL: &str = include_str!("../../examples/drainer.toml");

/// Converts a file and compares what both give.
#[track_caller]
fn same(text: &str) -> String {
    let file = File::new("drainer.toml", text);
    let (_, loaded) = file.loaded(&[]).unwrap();
    let Converted { text, has_secret, passwords } = convert(&file.path, &loaded, Passwords::InFile);
    assert!(passwords.is_empty());
    assert_eq!(has_secret, text.contains("\npassword = "), "{text}");
    let made = File::new("tisync.toml", &text);
    let again = made.loaded(&[]).unwrap_or_else(|e| panic!("{e}\n{text}")).1;
    assert!(again.idle.is_empty() && again.remarks.is_empty());
    assert_eq!(again.draft.without_origins(), loaded.draft.without_origins(), "{text}");
    text
}

#[test]
fn a_file_of_real_life() {
    let text = same(REAL);
    for comment in ["# pd-urls, line ", "# Left out because it has no effect:", "# - syncer.txn-batch (line "] {
        assert!(text.contains(comment), "{comment}\nis not in\n{text}");
    }
}

#[test]
fn the_shortest_file() {
    same("pd-urls = \"http://a:2379\"\n");
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9.-]{0,11}", "[ -~]{1,8}", "\\PC{1,6}"]
}

fn text(value: &str) -> String {
    // A text of JSON is one of TOML.
    serde_json::to_string(value).unwrap()
}

prop_compose! {
    fn servers()(
        host in "[a-z][a-z0-9-]{0,9}(\\.[a-z]{1,5})?",
        port in 0u16..,
        user in name(),
        password in proptest::option::of(name()),
        ca in proptest::option::of(name()),
        cert in any::<bool>(),
    ) -> String {
        let mut lines = format!("host = {}\nport = {port}\nuser = {}\n", text(&host), text(&user));
        if let Some(password) = password {
            lines.push_str(&format!("password = {}\n", text(&password)));
        }
        if let Some(ca) = ca {
            let pair = if cert { ", ssl-cert = \"c\", ssl-key = \"k\"" } else { "" };
            lines.push_str(&format!("security = {{ ssl-ca = {}{pair} }}\n", text(&ca)));
        }
        lines
    }
}

prop_compose! {
    fn files()(
        (start, gzip, node, ca) in (proptest::option::of(-1i64..), any::<bool>(), proptest::option::of("[a-z0-9:]{1,9}"), proptest::option::of(name())),
        (workers, ddl, safe, dispatch) in (1u16..200, any::<bool>(), any::<bool>(), any::<bool>()),
        (mode, timeout, tidb) in (0u8..3, proptest::option::of(1u64..100_000_000_000_000), any::<bool>()),
        (variable, ignored) in (proptest::option::of(name()), proptest::collection::vec(1u64..1 << 62, 0..3)),
        (to, checkpoint, kind, schema) in (servers(), servers(), 0u8..4, name()),
    ) -> String {
        let mut file = String::from("pd-urls = \"http://a:2379,http://b:2379\"\n");
        if let Some(start) = start {
            file.push_str(&format!("initial-commit-ts = {start}\n"));
        }
        if let Some(node) = node {
            file.push_str(&format!("node-id = \"{node}\"\n"));
        }
        if gzip {
            file.push_str("compressor = \"gzip\"\n");
        }
        if let Some(ca) = ca {
            file.push_str(&format!("[security]\nssl-ca = {}\n", text(&ca)));
        }
        file.push_str(&format!(
            "[syncer]\nworker-count = {workers}\nsync-ddl = {ddl}\nloopback-control = {gzip}\nsafe-mode = {safe}\nenable-dispatch = {dispatch}\n\
             db-type = \"{}\"\nignore-txn-commit-ts = {ignored:?}\nsql-mode = \"ANSI_QUOTES,NO_ZERO_DATE\"\n[syncer.to]\nsync-mode = {mode}\n{to}",
            if tidb { "tidb" } else { "mysql" }
        ));
        if let Some(nanos) = timeout {
            file.push_str(&format!("read-timeout = \"{nanos}ns\"\n"));
        }
        if let Some(variable) = variable {
            file.push_str(&format!("[syncer.to.params]\nmax_sort_length = {}\n", text(&variable)));
        }
        let kind = ["", "mysql", "tidb", "file"][usize::from(kind)];
        file.push_str(&format!("[syncer.to.checkpoint]\ntype = \"{kind}\"\nschema = {}\n{checkpoint}", text(&schema)));
        file
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn means_the_same(file in files()) {
        same(&file);
    }
}

#[test]
fn passwords_are_moved_and_not_copied() {
    let file = File::new("drainer.toml", REAL);
    let ran = tisync(&["config", "convert", file.name()]).expect(0);
    assert!(!ran.stdout.contains("fox-in-the-henhouse"), "{}", ran.stdout);
    assert!(ran.stdout.contains("is not copied: set TISYNC_PASSWORD_TARGET"), "{}", ran.stdout);

    let out = file.dir.path().join("tisync.toml");
    let args = ["config", "convert", file.name(), "-o", out.to_str().unwrap()];
    tisync(&args).expect(0);
    let made = File { path: out.clone(), dir: tempfile::tempdir().unwrap() };
    assert!(!std::fs::read_to_string(&out).unwrap().contains("fox-in-the-henhouse"));
    assert_eq!(made.draft().without_origins(), file.draft().without_origins());
    let mode = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&file.dir.path().join("tisync.toml.target.password")), 0o600);
    // What is there is never written over.
    let ran = tisync(&args).expect(2);
    assert!(ran.stderr.contains("cannot write") && ran.stderr.contains("does not exist yet"), "{}", ran.stderr);

    let with = file.dir.path().join("with.toml");
    tisync(&["config", "convert", file.name(), "--with-passwords", "-o", with.to_str().unwrap()]).expect(0);
    assert_eq!(mode(&with), 0o600);
    assert!(std::fs::read_to_string(&with).unwrap().contains("fox-in-the-henhouse"));
    assert_shown(&File { path: with, dir: tempfile::tempdir().unwrap() }.draft(), "to.password", "***");
}

#[test]
fn a_tisync_toml_is_not_converted() {
    let file = File::new("t.toml", include_str!("../../examples/tisync.toml"));
    let ran = tisync(&["config", "convert", file.name()]).expect(2);
    assert!(ran.stderr.contains("is already a tisync.toml") || ran.stderr.contains("links"), "{}", ran.stderr);
}
