//! Faults: tisync and MariaDB are killed, connections cut and held, disks filled, Pumps restarted, and after all of it
//! the target has to hold each transaction once and whole.
//!
//! `TISYNC_FAULT_SEED=… cargo test --test faults` plays one round again; `TISYNC_FAULT_ROUNDS=…` plays that many, from
//! that seed on or from 1. `make soak` does both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it saw"
)]

#[path = "../common/mod.rs"]
mod common;

mod ddl;
mod disk;
mod held;
mod inject;
mod kinds;
mod link;
mod marks;
mod packet;
mod proxy;
mod random;
mod reader;
mod round;
mod steps;
mod summary;
mod tables;
mod truth;
mod upstream;
mod workload;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::common::server;

/// How many rounds there are unless told otherwise: each place of a kill and each other kind comes twice.
const ROUNDS: u64 = 33;

/// How many rounds are played at a time.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty()).map(|v| v.parse::<u64>());
    let (seed, rounds) = match (number("TISYNC_FAULT_SEED").transpose(), number("TISYNC_FAULT_ROUNDS").transpose()) {
        (Ok(seed), Ok(rounds)) => (seed, rounds),
        _ => {
            eprintln!("TISYNC_FAULT_SEED and TISYNC_FAULT_ROUNDS are numbers");
            return ExitCode::from(2);
        }
    };
    let rounds = rounds.unwrap_or(if seed.is_some() { 1 } else { ROUNDS });
    let first = seed.unwrap_or(1);
    let mut trials = vec![];
    if rounds > 1 {
        trials.push(Trial::test("packets_are_read_as_they_are_meant", || check(packet::check)));
        trials.push(Trial::test("steps_are_told_apart", || check(steps::check)));
        trials.push(Trial::test("wrong_snapshots_are_seen", || check(reader::check)));
        trials.extend(held::trials());
        trials.extend(disk::trials());
    }
    trials.extend(
        (first..first + rounds)
            .map(|seed| server::trial(format!("round_{seed}"), move || round::play(seed).map_err(failed))),
    );
    let mut arguments = Arguments::from_args();
    // Rounds mostly wait: for the server, for its restart, for each other's locks.
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let conclusion = libtest_mimic::run(&arguments, trials);
    summary::print();
    world::stop_servers();
    conclusion.exit_code()
}

/// MySQL before 8.0 does DDL without a log of its own: where it loses its log of rows, it may find a dropped table's file missing, and fall at each start.
fn failed(error: anyhow::Error) -> Failed {
    let text = format!("{error:#}");
    if server::has_no_atomic_ddl() && text.contains("the server did not start") && text.contains("mysqld got signal 11")
    {
        server::refuse("MySQL 5.7 does not start again when it lost its log behind a DDL");
    }
    text.into()
}

/// A check fails by panicking.
fn check(check: fn()) -> Result<(), Failed> {
    check();
    Ok(())
}
