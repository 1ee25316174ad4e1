//! Exactly-once bookkeeping against a private server: take-overs, slots, the link's row, Drainer's row.
//!
//! One server for the whole process; each test has a link or a cluster of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod checkpoint_cases;
mod common;

use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let server = match server::start(&[]) {
        Ok(server) => Arc::new(server),
        Err(error) => panic!("these tests need a server: {error:#}"),
    };
    let cost = server.clone();
    let measured = server::trial("what recording costs (prints figures)", move || {
        checkpoint_cases::cost::measure(&cost);
        Ok(())
    });
    let trials = checkpoint_cases::all()
        .into_iter()
        .map(|(name, case)| {
            let server = server.clone();
            server::trial(name, move || {
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
