//! TLS towards PD and Pumps, gRPC and HTTP alike, with certificates that `openssl` makes for the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod common;
mod fake_cluster;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::certificates;
use fake_cluster::{FakeCluster, NoJobs};
use libtest_mimic::{Arguments, Trial};
use tisync::event::silent;
use tisync::merge::{Merge, Merged};
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::pd::{Pd, Security};
use tisync::schema::{History, HttpHistory};
use tisync::source::{Options, open};
use tonic::transport::server::ServerTlsConfig;
use tonic::transport::{Certificate, Identity};

fn main() -> ExitCode {
    let there = certificates::possible();
    if !there {
        eprintln!("SKIPPED: there is no `openssl` to make certificates with");
    }
    let tests: [(&str, fn()); 2] = [
        ("with_client_certificates", with_client_certificates),
        ("renewed_certificates_are_read_again", renewed_certificates_are_read_again),
    ];
    let trial = |(name, test): (&str, fn())| {
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(!there)
    };
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}

/// A server with the certificate in `dir` that wants one of the same authority from whoever calls.
fn server_tls(dir: &Path) -> ServerTlsConfig {
    let pem = |name: &str| fs::read(dir.join(name)).unwrap();
    ServerTlsConfig::new()
        .identity(Identity::from_pem(pem("cert.pem"), pem("key.pem")))
        .client_ca_root(Certificate::from_pem(pem("ca.pem")))
}

fn next_txn(merge: &mut Merge) -> RawTxn {
    loop {
        match merge.next(Duration::from_secs(20)).unwrap() {
            Merged::Txn(got) => break got,
            Merged::Resolved(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The files are replaced while a run goes on: the next connection of each kind uses the new ones.
fn renewed_certificates_are_read_again() {
    let (old, new, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates::make(old.path());
    certificates::make(new.path());
    let use_files = |from: &Path| {
        for name in ["cert.pem", "key.pem"] {
            fs::copy(from.join(name), ours.path().join(name)).unwrap();
        }
        // As operators do it: both authorities are believed while one follows the other.
        let both = [old.path(), new.path()].map(|dir| fs::read(dir.join("ca.pem")).unwrap()).concat();
        fs::write(ours.path().join("ca.pem"), both).unwrap();
    };
    use_files(old.path());
    let path = |name: &str| Some(ours.path().join(name));
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.security = Security { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") };

    let mut cluster = FakeCluster::start_with(CommitTs(2000 << 18), Some(server_tls(old.path())));
    let txn = |ts: u64| RawTxn { commit_ts: CommitTs(ts << 18), start_ts: CommitTs(1), body: Body::Nothing };
    // It ends each stream after one message, so it is called again and again.
    let marks = (501..900).map(|ts| Pulled::Resolved(CommitTs(ts << 18)));
    let said: Vec<Pulled> = [Pulled::Txn(txn(500))].into_iter().chain(marks).collect();
    let pump = cluster.pump("p1", &said);
    pump.0.lock().unwrap().cut = fake_cluster::Cut::Clean(1);
    options.pump.timing.retry = Duration::from_millis(20);
    let mut source = open(&format!("https://{}", cluster.pd_address()), &options, &silent()).unwrap();
    let mut merge = Merge::new(source.streams(CommitTs(1)).unwrap(), CommitTs(1));
    assert_eq!(next_txn(&mut merge), txn(500));
    let first = format!("https://{}", cluster.status_port(r#"[{"id":7}]"#));

    cluster.renew(server_tls(new.path()));
    let second = format!("https://{}", cluster.status_port(r#"[{"id":7},{"id":8}]"#));
    let history = HttpHistory::secured(vec![first, second.clone()], options.security.clone());
    assert_eq!(history.job(7).unwrap().unwrap().id, 7);
    let refused = HttpHistory::secured(vec![second], options.security.clone()).job(8).unwrap_err();
    assert_eq!(tisync::error::exit_code(&refused), 3, "the old certificate is of no use there: {refused:#}");

    use_files(new.path());
    assert_eq!(history.job(8).unwrap().unwrap().id, 8, "the same history, with the new certificate");
    // The Pump comes back under another address, with the new authority's certificate.
    let (_moved, address) = cluster.pump_unregistered(&[Pulled::Txn(txn(500)), Pulled::Txn(txn(1000))]);
    cluster.register("p1", &address, "online", CommitTs(1));
    assert_eq!(next_txn(&mut merge), txn(1000));
}

fn with_client_certificates() {
    let dir = tempfile::tempdir().unwrap();
    certificates::make(dir.path());
    let cluster = FakeCluster::start_with(CommitTs(1000 << 18), Some(server_tls(dir.path())));
    let txn = RawTxn { commit_ts: CommitTs(500 << 18), start_ts: CommitTs(1), body: Body::Nothing };
    cluster.pump("p1", &[Pulled::Txn(txn.clone())]);

    let path = |name: &str| Some(dir.path().join(name));
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.security = Security { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") };
    let mut source = open(&format!("https://{}", cluster.pd_address()), &options, &silent()).unwrap();
    let mut merge = Merge::new(source.streams(CommitTs(1)).unwrap(), CommitTs(1));
    assert_eq!(next_txn(&mut merge), txn);

    // TiDB's status port wants the same certificates.
    let status = format!("https://{}", cluster.status_port(r#"[{"id":7}]"#));
    let history = |security: &Security| HttpHistory::secured(vec![status.clone()], security.clone());
    assert_eq!(history(&options.security).job(7).unwrap().unwrap().id, 7);
    let error = history(&Security::default()).job(7).unwrap_err();
    assert!(error.to_string().contains(&status), "{error:#}");

    // Without what it takes: refused, with the address and the reason.
    let connect = |security: &Security| Pd::connect(&[cluster.pd_address()], security).err().expect("must fail");
    let other = tempfile::tempdir().unwrap();
    certificates::make(other.path());
    let wrong_ca = Security { ca: Some(other.path().join("ca.pem")), ..options.security.clone() };
    let no_certificate = Security { ca: path("ca.pem"), ..Security::default() };
    for security in [wrong_ca, no_certificate, Security::default()] {
        let error = connect(&security);
        assert_eq!(tisync::error::exit_code(&error), 3);
        let text = format!("{error:#}");
        assert!(text.contains(&cluster.pd_address()), "{text}");
    }
    let bad = [
        (Security { ca: path("absent.pem"), ..Security::default() }, "absent.pem"),
        (Security { key: None, ..options.security.clone() }, "incomplete"),
        (Security { ca: None, ..options.security.clone() }, "incomplete"),
        (Security { ca: path("names"), ..options.security.clone() }, "names contains no certificate"),
        (Security { key: path("cert.pem"), ..options.security.clone() }, "cert.pem contains no private key"),
    ];
    for (security, words) in bad {
        let error = connect(&security);
        assert!(format!("{error:#}").contains(words), "{error:#}");
        assert_eq!(tisync::error::exit_code(&error), 2);
    }
}
