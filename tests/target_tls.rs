//! TLS to the target, by the URL's parameters, with a MariaDB that shows a certificate of the test's own authority.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test fails by panicking")]

mod common;

use std::process::ExitCode;

use common::certificates;
use libtest_mimic::{Arguments, Failed, Trial};
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::event::silent;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

fn main() -> ExitCode {
    let there = certificates::possible();
    if !there {
        eprintln!("SKIPPED: there is no `openssl` to make certificates with");
    }
    let trial = Trial::test("only the right authority is believed", only_the_right_authority_is_believed);
    libtest_mimic::run(&Arguments::from_args(), vec![trial.with_ignored_flag(!there)]).exit_code()
}

fn authority() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    certificates::make(dir.path());
    dir
}

fn only_the_right_authority_is_believed() -> Result<(), Failed> {
    let (ours, other) = (authority(), authority());
    let file = |name: &str| ours.path().join(name).display().to_string();
    let server = PrivateServer::start_with(&[
        &format!("--ssl-ca={}", file("ca.pem")),
        &format!("--ssl-cert={}", file("cert.pem")),
        &format!("--ssl-key={}", file("key.pem")),
    ])?;
    let mut root = server.connect()?;
    root.query_drop("CREATE USER 'plain'@'127.0.0.1' REQUIRE SSL")?;
    root.query_drop("CREATE USER 'known'@'127.0.0.1' REQUIRE X509")?;
    root.query_drop("GRANT ALL ON *.* TO 'plain'@'127.0.0.1', 'known'@'127.0.0.1'")?;
    let open = |user: &str, parameters: String| {
        let url = format!("mysql://{user}@127.0.0.1:{}/?{parameters}", server.port());
        MysqlSink::open(&url, MysqlOptions::new(1, "tls"), silent())
    };
    let ca = format!("ssl-ca={}", file("ca.pem"));

    open("plain", format!("ssl-mode=verify-identity&{ca}"))?;
    open("plain", format!("ssl-mode=verify-ca&{ca}"))?;
    open("plain", "ssl-mode=required".to_owned())?;
    let client = format!("ssl-cert={}&ssl-key={}", file("cert.pem"), file("key.pem"));
    open("known", format!("ssl-mode=verify-identity&{ca}&{client}"))?;

    assert!(open("plain", "ssl-mode=disabled".to_owned()).is_err(), "the server asks for TLS");
    assert!(open("known", format!("ssl-mode=verify-identity&{ca}")).is_err(), "the server asks for a certificate");
    let stranger = format!("ssl-ca={}", other.path().join("ca.pem").display());
    for mode in ["verify-ca", "verify-identity"] {
        let error = open("plain", format!("ssl-mode={mode}&{stranger}")).err().expect("another authority is refused");
        let text = format!("{error:#}");
        assert!(text.contains("certificate"), "{text}");
    }
    Ok(())
}
