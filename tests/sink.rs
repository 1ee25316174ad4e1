//! The MySQL sink against a private server: tables built by hand, changes applied through the trait, results read back.
//!
//! One server for the whole process; each test has a database, a link and a cluster id of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;
#[path = "common/proxy.rs"]
mod proxy;
mod sink_cases;

use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let server = match (arguments.list, server::start(&["--max-allowed-packet=2M"])) {
        (_, Ok(server)) => Arc::new(server),
        (_, Err(error)) => panic!("these tests need a server: {error:#}"),
    };
    let trials = sink_cases::all()
        .into_iter()
        .map(|(name, case)| {
            let server = server.clone();
            server::trial(name, move || {
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
