//! Random DML beside random DDL, from a seed: every type, keys of all sorts, partitions, ALTERs of several parts, odd names. The
//! real binary takes it from a simulated cluster into MariaDB, is killed on the way, and in the end definitions and rows are
//! compared. What fails is cut down to its shortest beginning.
//!
//! `make random SEED=17 ROUNDS=200` plays that many stories from that seed on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it saw"
)]

#[path = "../faults/random.rs"]
mod chance;
#[path = "../common/mod.rs"]
mod common;

mod alter;
mod column;
mod ddl;
mod dml;
mod live;
mod partition;
mod parts;
mod play;
mod story;
mod stream;
mod table;
mod truth;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tisync::playground::mariadb::PrivateServer;

/// Stories unless told otherwise, and the turns of each.
const ROUNDS: u64 = 12;
const LENGTH: u64 = 120;
/// How long a round on a real TiDB is.
const SECONDS: u64 = 120;
/// Stories that are played at a time.
const AT_ONCE: u64 = 3;
/// What is killed is the binary, never the machine.
const UNSYNCED: [&str; 3] = ["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--debug-no-sync"];

fn main() -> ExitCode {
    let number = |name: &str, usual: u64| match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")),
        _ => usual,
    };
    let first = number("TISYNC_RANDOM_SEED", 1);
    let rounds = number("TISYNC_RANDOM_ROUNDS", ROUNDS);
    let length = usize::try_from(number("TISYNC_RANDOM_LENGTH", LENGTH)).expect("a length");
    let seconds = number("TISYNC_RANDOM_SECONDS", SECONDS);
    let world = live::World::named();
    let mut trials = vec![
        Trial::test("random_load_on_a_real_tidb", move || live_rounds(world.as_ref(), first, rounds, seconds))
            .with_ignored_flag(live::World::named().is_none()),
    ];
    trials.extend((0..AT_ONCE).map(|lane| {
        let seeds: Vec<u64> = (first..first + rounds).filter(|seed| seed % AT_ONCE == lane).collect();
        Trial::test(format!("random_stories_{lane}"), move || stories(&seeds, length))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn live_rounds(world: Option<&live::World>, first: u64, rounds: u64, seconds: u64) -> Result<(), Failed> {
    let Some(world) = world else { return Ok(()) };
    let mut failed = Vec::new();
    for seed in first..first + rounds {
        match world.play(seed, Duration::from_secs(seconds)) {
            Ok(line) => println!("live, seed {seed}: equal; {line}"),
            Err(error) => {
                println!("live, seed {seed} FAILED: {error:#}");
                failed.push(seed.to_string());
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("seeds {}", failed.join(", ")).into()) }
}

fn stories(seeds: &[u64], length: usize) -> Result<(), Failed> {
    let server = PrivateServer::start_with(&UNSYNCED)?;
    let mut failed = Vec::new();
    for seed in seeds {
        match play::play(&server, *seed, length) {
            Ok(line) => println!("seed {seed}: equal, {line}"),
            Err(error) => {
                let (shortest, said) = play::shortest(&server, *seed, length);
                let steps = play::last_steps(*seed, shortest);
                println!("seed {seed} FAILED: {error:#}");
                println!(
                    "TISYNC_RANDOM_SEED={seed} TISYNC_RANDOM_LENGTH={shortest} is the shortest: {said}\nits last steps:\n{steps}"
                );
                failed.push(seed.to_string());
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("seeds {}", failed.join(", ")).into()) }
}
