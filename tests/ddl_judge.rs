//! DDLs whose end nobody saw, on a private server: each kind of statement is left behind before and after it took effect,
//! and a later run has to find out which, and to run it exactly once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;
mod ddl_cases;

use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;
use mysql::prelude::Queryable;
use tisync::model::Mark;

/// What a crash of the machine would leave is not asked here.
const QUICK: [&str; 3] = ["--innodb-flush-method=nosync", "--loose-skip-sync-frm", "--max-allowed-packet=16M"];

fn main() {
    // One after the other: some look at what a server's other sessions do.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let server = match (arguments.list, server::start(&QUICK)) {
        (_, Ok(server)) => Arc::new(server),
        (_, Err(error)) => panic!("these tests need a server: {error:#}"),
    };
    // With its comment in front of each statement, all of it is the same.
    let marked = Arc::new(server::start(&QUICK).expect("it starts once more"));
    let mut conn = marked.connect().expect("it answers");
    for sql in [Mark::drainers(5).create_database(), Mark::drainers(5).create_table()] {
        conn.query_drop(sql).expect("a mark table");
    }
    drop(conn);
    let trials = [(&server, ""), (&marked, "with marks: ")].into_iter().flat_map(|(server, with)| {
        ddl_cases::all().into_iter().map(move |(name, case)| {
            let server = Arc::clone(server);
            server::trial(format!("{with}{name}"), move || {
                case(&server);
                Ok(())
            })
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // `exit` would leave the servers behind.
    drop((server, marked));
    conclusion.exit();
}
