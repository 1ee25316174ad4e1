//! DDLs whose end nobody saw, on a private MariaDB: each kind of statement is left behind before and after it took effect,
//! and a later run has to find out which, and to run it exactly once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod ddl_cases;

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tisync::playground::mariadb::PrivateServer;

/// What a crash of the machine would leave is not asked here.
const QUICK: [&str; 2] = ["--innodb-flush-method=nosync", "--skip-sync-frm"];

fn main() {
    // One after the other: some look at what a server's other sessions do.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let server = match (arguments.list, PrivateServer::start_with(&QUICK)) {
        (_, Ok(server)) => Arc::new(server),
        (_, Err(error)) => panic!("these tests need MariaDB: {error:#}"),
    };
    let trials = ddl_cases::all().into_iter().map(|(name, case)| {
        let server = server.clone();
        Trial::test(name, move || {
            case(&server);
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit();
}
