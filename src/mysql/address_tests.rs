//! Tests of how target addresses are parsed.

use super::*;
use crate::error::fault;
use crate::event::silent;

fn parse(address: &str) -> Result<Target> {
    Target::parse(address, &silent())
}

#[test]
fn addresses() {
    let t = parse("mysql://re%40pl:p%3Aw@db2:3307/?ssl-mode=verify-identity&connect-timeout=3").unwrap();
    assert_eq!((t.user.as_str(), t.host.as_str(), t.port), ("re@pl", "db2", 3307));
    assert_eq!(t.password, Some(Secret::new("p:w")));
    assert_eq!((t.ssl_mode, t.connect_timeout), (SslMode::VerifyIdentity, Duration::from_secs(3)));
    assert_eq!(t.name(), "re@pl@db2:3307");
    let t = parse("tidb://[::1]").unwrap();
    assert_eq!((t.host.as_str(), t.port, t.ssl_mode), ("::1", 4000, SslMode::OnDemand));
    assert_eq!(parse("mysql://db").unwrap().ssl_mode, SslMode::Preferred);
    assert_eq!(parse("mysql://u@h?socket=%2Frun%2Fm.sock").unwrap().name(), "u@/run/m.sock");
}

#[test]
fn what_is_wrong_with_an_address() {
    let of = |address: &str| {
        let error = parse(address).unwrap_err();
        let fault = fault(&error).unwrap();
        format!("{} / {}", fault.message, fault.hint)
    };
    insta::assert_snapshot!(of("mysql://h?ssl_mod=required"), @"the target's address has an unknown parameter `ssl_mod` / did you mean `ssl-mode`?");
    insta::assert_snapshot!(of("mysql://h?colour=red"), @"the target's address has an unknown parameter `colour` / \
                                                          known parameters: ssl-mode, ssl-ca, ssl-cert, ssl-key, \
                                                          socket, connect-timeout, password-file, defaults-file, \
                                                          allow-plain-password");
    insta::assert_snapshot!(of("mysql://h?ssl-mode=on"), @"invalid ssl-mode `on` for the target / use disabled, \
                                                           preferred, required, verify-ca or verify-identity");
    insta::assert_snapshot!(of("mysql://h?ssl-mode=verify-ca"), @"the target's ssl-mode is verify-ca, but no CA is \
                                                                  given / give its certificate with ssl-ca; or use \
                                                                  verify-identity, which knows the public CAs");
    insta::assert_snapshot!(of("mysql://h?allow-plain-password=perhaps"), @"invalid allow-plain-password `perhaps` for \
        the target / use yes or no");
    insta::assert_snapshot!(of("mysql://h:99999"), @"the target's address cannot be read: its port is not a number up \
                                                     to 65535 / write it as mysql://user@host:3306, with parameters \
                                                     after a `?`, as in ?ssl-mode=required");
    insta::assert_snapshot!(of("postgres://u:hunter2@h"), @"the target's address cannot be read: it must begin with \
                                                            mysql://, mariadb:// or tidb:// / write it as \
                                                            mysql://user@host:3306, with parameters after a `?`, as in \
                                                            ?ssl-mode=required");
}

#[test]
fn the_password_never_shows() {
    let heard = std::sync::Arc::new(parking_lot::Mutex::new(String::new()));
    let hear = heard.clone();
    let events: Events = std::sync::Arc::new(move |e| hear.lock().push_str(&format!("{e:?}")));
    let target = Target::parse("mysql://u:hunter2@h?ssl-mode=disabled", &events).unwrap();
    assert!(heard.lock().contains("the password is part of the target's address"));
    let all = format!("{target:?} {} {}", target.name(), heard.lock());
    assert!(!all.contains("hunter2"), "{all}");
    for bad in ["mysql://u:hunter2@h:x", "mysql://u:hunter2%zz@h", "my://u:hunter2@h", "mysql://u:hunter2@h/db"] {
        assert!(!format!("{:?}", parse(bad).unwrap_err()).contains("hunter2"));
    }
}

#[test]
fn password_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let (file, cnf) = (dir.path().join("pw"), dir.path().join("my.cnf"));
    std::fs::write(&file, "first\nsecond\n").unwrap();
    std::fs::write(&cnf, "[mysqld]\npassword=no\n[client]\nuser = \"repl\"\npassword='a#b' # why\n").unwrap();
    let t = parse(&format!("mysql://h?password-file={}", file.display())).unwrap();
    assert_eq!(t.password, Some(Secret::new("first")));
    let t = parse(&format!("mysql://h?defaults-file={}", cnf.display())).unwrap();
    assert_eq!((t.user.as_str(), t.password), ("repl", Some(Secret::new("a#b"))));
    assert!(parse("mysql://h?password-file=/nowhere/at/all").is_err());
}

#[test]
fn what_a_password_may_travel_over() {
    let keeps = |address: &str| parse(address).unwrap().keeps_password();
    for local in ["mysql://u:p@127.0.0.1", "mysql://u:p@127.8.0.1", "mysql://u:p@LocalHost", "mysql://u:p@[::1]"] {
        assert!(!keeps(local), "{local}");
    }
    for other in ["mysql://u:p@db", "mysql://u:p@10.0.0.1", "mysql://u:p@0.0.0.0", "mysql://u:p@localhost.evil"] {
        assert!(keeps(other), "{other}");
        assert!(!keeps(&format!("{other}/?allow-plain-password=yes")) && !keeps(&format!("{other}/?socket=/s")));
        assert!(!keeps(&other.replace(":p", "")), "there is nothing to keep");
    }
}
