//! Every type of DDL job, as TiDB writes its statement, through the sink into a private server; what the operator may decide about one; and
//! docs/ddl.md, which says what becomes of each.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;
mod ddl_types_cases;
#[allow(dead_code, reason = "shared with the cases of `sink`")]
#[path = "sink_cases/world.rs"]
mod world;

use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let quick = ["--innodb-flush-method=nosync", "--loose-skip-sync-frm"];
    let server = match (arguments.list, server::start(&quick)) {
        (_, Ok(server)) => Arc::new(server),
        (_, Err(error)) => panic!("these tests need a server: {error:#}"),
    };
    let trials = ddl_types_cases::all().into_iter().map(|(name, case)| {
        let server = server.clone();
        server::trial(name, move || {
            case(&server);
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit();
}
