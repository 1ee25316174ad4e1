//! The MySQL sink against a private MariaDB: tables built by hand, changes applied through the trait, results read back.
//!
//! One server for the whole process; each test has a database, a link and a cluster id of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod sink_cases;

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tisync::playground::mariadb::PrivateServer;

fn main() {
    let arguments = Arguments::from_args();
    let server = match (arguments.list, PrivateServer::start_with(&["--max-allowed-packet=2M"])) {
        (_, Ok(server)) => Arc::new(server),
        (_, Err(error)) => panic!("these tests need MariaDB: {error:#}"),
    };
    let trials = sink_cases::all()
        .into_iter()
        .map(|(name, case)| {
            let server = server.clone();
            Trial::test(name, move || {
                case(&server);
                Ok(())
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit();
}
