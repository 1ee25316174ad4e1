//! TLS to the target, by the URL's parameters, with a MariaDB that shows a certificate of the test's own authority.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test fails by panicking")]

mod common;
#[path = "target_tls_cases/impostor.rs"]
mod impostor;

use std::process::ExitCode;

use common::certificates;
use impostor::{Asks, Impostor};
use libtest_mimic::{Arguments, Failed, Trial};
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::error::{exit_code, fault};
use tisync::event::silent;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

fn main() -> ExitCode {
    let there = certificates::possible();
    if !there {
        eprintln!("SKIPPED: there is no `openssl` to make certificates with");
    }
    let trials = vec![
        Trial::test("only the right authority is believed", only_the_right_authority_is_believed)
            .with_ignored_flag(!there),
        Trial::test("a password goes to no impostor in plain", a_password_goes_to_no_impostor_in_plain),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
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
    open("plain", format!("ssl-mode=required&{ca}"))?;
    open("plain", format!("ssl-mode=preferred&{ca}"))?;
    let client = format!("ssl-cert={}&ssl-key={}", file("cert.pem"), file("key.pem"));
    open("known", format!("ssl-mode=verify-identity&{ca}&{client}"))?;

    assert!(open("plain", "ssl-mode=disabled".to_owned()).is_err(), "the server asks for TLS");
    assert!(open("known", format!("ssl-mode=verify-identity&{ca}")).is_err(), "the server asks for a certificate");
    let stranger = format!("ssl-ca={}", other.path().join("ca.pem").display());
    for mode in ["preferred", "required", "verify-ca", "verify-identity"] {
        let error = open("plain", format!("ssl-mode={mode}&{stranger}")).err().expect("another authority is refused");
        let text = format!("{error:#}");
        assert!(text.contains("certificate"), "{text}");
    }
    Ok(())
}

/// An address of this machine that is not known for one: as that of any other host.
const ELSEWHERE: &str = "0.0.0.0";

fn a_password_goes_to_no_impostor_in_plain() -> Result<(), Failed> {
    let open = |host: &str, port: u16, parameters: &str| {
        let url = format!("mysql://repl:hunter2@{host}:{port}/?{parameters}");
        let error = MysqlSink::open(&url, MysqlOptions::new(1, "tls"), silent()).err().expect("it is no server");
        let hint = fault(&error).map(|f| f.hint.clone()).unwrap_or_default();
        (format!("{error:#} / {hint}"), exit_code(&error))
    };
    let new = Impostor::start("8.0.36", Asks::FullAuthentication);
    let clear = Impostor::start("8.0.36", Asks::Clear);
    let old = Impostor::start("5.5.62-log", Asks::OldTls);
    // (where, with what, exit code, words, how many packets it is told, of them with the password)
    for (server, host, parameters, code, words, packets) in [
        (&new, ELSEWHERE, "", 3, "MySQL 8.0.36 offers no TLS", 0),
        (&new, ELSEWHERE, "ssl-mode=preferred", 3, "--allow-plain-password", 0),
        (&new, ELSEWHERE, "ssl-mode=disabled", 2, "--allow-plain-password", 0),
        (&new, ELSEWHERE, "ssl-mode=required", 3, "MySQL 8.0.36 offers no TLS", 0),
        (&new, "127.0.0.1", "", 3, "offers no TLS", 1),
        (&new, "localhost", "ssl-mode=preferred", 3, "--allow-plain-password", 1),
        (&new, "127.0.0.1", "ssl-mode=disabled", 3, "--allow-plain-password", 1),
        (&new, ELSEWHERE, "ssl-mode=disabled&allow-plain-password=yes", 3, "", 3),
        (&clear, ELSEWHERE, "allow-plain-password=yes", 3, "mysql_clear_password", 1),
        (&clear, "127.0.0.1", "", 3, "mysql_clear_password", 1),
        (&old, ELSEWHERE, "", 3, "MySQL 5.5.62 only supports TLS older than 1.2", 1),
        (&old, ELSEWHERE, "ssl-mode=required", 3, "MySQL 5.5.62", 1),
    ] {
        let (text, exit) = open(host, server.port, parameters);
        let told = server.told();
        assert_eq!(told.len(), packets, "{host} {parameters}: {text}: {told:?}");
        assert!(text.contains(words) && !text.contains("hunter2"), "{host} {parameters}: {text}");
        assert_eq!(exit, code, "{host} {parameters}: {text}");
        assert!(!told.iter().any(|p| p.windows(7).any(|w| w == b"hunter2")), "{host} {parameters}");
    }
    Ok(())
}
