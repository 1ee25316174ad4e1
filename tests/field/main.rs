//! Cases from the field: what people met with when they replicated TiDB, each with the whole of its kind. Small recordings of our own encoder, in which the text
//! of a DDL and the definitions of its job differ as they do upstream, go through the real binary into a private server; what counts is the definition.
//!
//! One server for all; each case has a database, a link and a cluster id of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "shared with the cases of `sink`")]
#[path = "../sink_cases/world.rs"]
mod world;

mod backslashes;
mod column;
mod defaults;
mod keys;
mod names;
mod now;
mod objects;
mod options;
mod order;
mod partitions;
mod story;
mod zeros;
mod zones;

use std::sync::Arc;

use common::server;
use libtest_mimic::Arguments;
use story::Story;

/// A case's name and what it does.
type Case = (String, Box<dyn Fn(&mut Story<'_>) + Send>);

/// A case that is a function.
fn case(name: &str, run: fn(&mut Story<'_>)) -> Case {
    (name.to_owned(), Box::new(run))
}

fn main() {
    let arguments = Arguments::from_args();
    let quick = ["--innodb-flush-method=nosync", "--loose-skip-sync-frm"];
    let server = match server::start(&quick) {
        Ok(server) => Arc::new(server),
        Err(error) => panic!("these tests need a server: {error:#}"),
    };
    let all = [
        backslashes::cases(),
        defaults::cases(),
        keys::cases(),
        names::cases(),
        now::cases(),
        objects::cases(),
        options::cases(),
        order::cases(),
        partitions::cases(),
        zeros::cases(),
        zones::cases(),
    ];
    let trials = (1..).zip(all.into_iter().flatten()).map(|(number, (name, case))| {
        let server = server.clone();
        server::trial(name, move || {
            case(&mut Story::new(&server, number));
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit();
}
