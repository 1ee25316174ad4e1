//! Bad input: damaged streams, wrong definitions, targets and clusters that say no. The real binary runs on small
//! recordings of our own encoder; each failure must be a short error with a hint and the right exit code, and must leave
//! the target where the last good transaction left it.
//!
//! One MariaDB for all; each case has a database, a link and a cluster id of its own.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../fake_cluster/mod.rs"]
mod fake_cluster;

mod bookkeeping;
mod cluster;
mod damage;
mod flip;
mod hostile;
mod random;
mod story;
mod target;
mod world;

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tisync::playground::mariadb::PrivateServer;
use world::World;

type Case = (&'static str, fn(&mut World));

fn main() {
    let arguments = Arguments::from_args();
    let server = match PrivateServer::start() {
        Ok(server) => Arc::new(server),
        Err(error) => panic!("these tests need MariaDB: {error:#}"),
    };
    let cases =
        [damage::CASES, target::CASES, cluster::CASES, random::CASES, hostile::CASES, flip::CASES, bookkeeping::CASES]
            .concat();
    let trials = (0..)
        .zip(cases)
        .map(|(number, (name, case))| {
            let server = server.clone();
            Trial::test(name, move || {
                case(&mut World::new(&server, number));
                Ok(())
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` would leave the server behind.
    drop(server);
    conclusion.exit();
}
