//! TLS towards PD and Pumps, gRPC and HTTP alike, with certificates that `openssl` makes for the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod common;
mod fake_cluster;

use std::fs;
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
    let trial = Trial::test("a cluster that wants client certificates", || {
        with_client_certificates();
        Ok(())
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial.with_ignored_flag(!there)]).exit_code()
}

fn with_client_certificates() {
    let dir = tempfile::tempdir().unwrap();
    certificates::make(dir.path());
    let pem = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(pem("cert.pem"), pem("key.pem")))
        .client_ca_root(Certificate::from_pem(pem("ca.pem")));
    let cluster = FakeCluster::start_with(CommitTs(1000 << 18), Some(tls));
    let txn = RawTxn { commit_ts: CommitTs(500 << 18), start_ts: CommitTs(1), body: Body::Nothing };
    cluster.pump("p1", &[Pulled::Txn(txn.clone())]);

    let path = |name: &str| Some(dir.path().join(name));
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.security = Security { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") };
    let mut source = open(&format!("https://{}", cluster.pd_address()), &options, &silent()).unwrap();
    let mut merge = Merge::new(source.streams(CommitTs(1)).unwrap(), CommitTs(1));
    loop {
        match merge.next(Duration::from_secs(10)).unwrap() {
            Merged::Txn(got) => break assert_eq!(got, txn),
            Merged::Resolved(_) => {}
            other => panic!("{other:?}"),
        }
    }

    // TiDB's status port wants the same certificates.
    let status = format!("https://{}", cluster.status_port(r#"[{"id":7}]"#));
    let history = |security: &Security| {
        HttpHistory::with_agent(vec![status.clone()], security.agent(Duration::from_secs(10)).unwrap())
    };
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
        (Security { key: None, ..options.security.clone() }, "not complete"),
        (Security { ca: None, ..options.security.clone() }, "not complete"),
        (Security { ca: path("names"), ..options.security.clone() }, "names holds no certificate"),
        (Security { key: path("cert.pem"), ..options.security.clone() }, "cert.pem holds no private key"),
    ];
    for (security, words) in bad {
        let error = connect(&security);
        assert!(format!("{error:#}").contains(words), "{error:#}");
        assert_eq!(tisync::error::exit_code(&error), 2);
    }
}
