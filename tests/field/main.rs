//! Cases from the field: what people met with when they replicated TiDB, each with the whole of its kind. Small recordings of our own encoder, in which the text
//! of a DDL and the definitions of its job differ as they do upstream, go through the real binary into a private server; what counts is the definition.
//!
//! Two servers for all, one of them with settings of its own; each case has a database, a link and a cluster id of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "shared with the cases of `sink`")]
#[path = "../sink_cases/world.rs"]
mod world;

mod backslashes;
mod column;
mod columns;
mod constraints;
mod defaults;
mod differs;
mod functions;
mod keys;
mod names;
mod now;
mod objects;
mod options;
mod order;
mod partitions;
mod sequences;
mod story;
mod zeros;
mod zones;

use std::sync::Arc;

use common::server;
use libtest_mimic::{Arguments, Trial};
use story::Story;
use tisync::playground::mariadb::PrivateServer;

/// A case's name and what it does.
type Case = (String, Box<dyn Fn(&mut Story<'_>) + Send>);

/// A case that is a function.
fn case(name: &str, run: fn(&mut Story<'_>)) -> Case {
    (name.to_owned(), Box::new(run))
}

/// Makes the cases of one kind.
type Cases = fn() -> Vec<Case>;

const ALL: [Cases; 16] = [
    backslashes::cases,
    columns::cases,
    constraints::cases,
    defaults::cases,
    differs::cases,
    functions::cases,
    keys::cases,
    names::cases,
    now::cases,
    objects::cases,
    options::cases,
    order::cases,
    partitions::cases,
    sequences::cases,
    zeros::cases,
    zones::cases,
];

/// Those that a server's settings might change, and settings that a server may have.
const AGAIN: [Cases; 5] = [backslashes::cases, now::cases, partitions::cases, zeros::cases, zones::cases];
const OTHER_SETTINGS: [&str; 6] = [
    "--default-time-zone=+05:00",
    "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE",
    "--explicit-defaults-for-timestamp=0",
    "--log-bin=log",
    "--server-id=1",
    "--binlog-format=STATEMENT",
];

fn started(settings: &[&str]) -> Arc<PrivateServer> {
    match server::start(&[&["--innodb-flush-method=nosync", "--loose-skip-sync-frm"], settings].concat()) {
        Ok(server) => Arc::new(server),
        Err(error) => panic!("these tests need a server: {error:#}"),
    }
}

fn trials(server: &Arc<PrivateServer>, kinds: &[Cases], also: &str) -> Vec<Trial> {
    let trial = |(number, (name, case)): (u64, Case)| {
        let server = server.clone();
        server::trial(format!("{name}{also}"), move || {
            case(&mut Story::new(&server, number));
            Ok(())
        })
    };
    (1..).zip(kinds.iter().flat_map(|cases| cases())).map(trial).collect()
}

fn main() {
    let arguments = Arguments::from_args();
    let servers = [started(&[]), started(&OTHER_SETTINGS)];
    let mut all = trials(&servers[0], &ALL, "");
    all.extend(trials(&servers[1], &AGAIN, ", on a server with other settings"));
    let conclusion = libtest_mimic::run(&arguments, all);
    // `exit` would leave the servers behind.
    drop(servers);
    conclusion.exit();
}
