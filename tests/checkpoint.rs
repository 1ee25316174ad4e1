//! Exactly-once bookkeeping against a private MariaDB: take-overs, slots, the link's row, Drainer's row.
//!
//! One server for the whole process; each test has a link or a cluster of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod checkpoint_cases;

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tisync::playground::mariadb::PrivateServer;

fn main() {
    let arguments = Arguments::from_args();
    let server = match PrivateServer::start() {
        Ok(server) => Arc::new(server),
        Err(error) => panic!("these tests need MariaDB: {error:#}"),
    };
    let cost = server.clone();
    let measured = Trial::test("what recording costs (prints figures)", move || {
        checkpoint_cases::cost::measure(&cost);
        Ok(())
    });
    let trials = checkpoint_cases::all()
        .into_iter()
        .map(|(name, case)| {
            let server = server.clone();
            Trial::test(name, move || {
                case(&server);
                Ok(())
            })
        })
        .chain([measured.with_ignored_flag(true)])
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit();
}
