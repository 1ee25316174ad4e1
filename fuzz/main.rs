//! Damaged input for every reader of bytes from outside: none may panic, take a second, or take 64 MiB.
//!
//! What our own encoders write is changed at random (`mutate`), from a seed, and given to one reader after the other (`targets`). Each reader has a
//! process of its own, whose memory is counted and which may die: a stack that overflows is named like a panic. An input that fails is kept in
//! `target/fuzz`, and named with what plays it again.
//!
//! `make fuzz INPUTS=10000000` for as long as one likes; `make test` runs a few of them. FUZZ_SEED, FUZZ_INPUTS (over all readers), FUZZ_ONLY (readers, with commas
//! between), FUZZ_FILE (this input alone) say which.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test: it fails loudly"
)]

mod child;
mod mutate;
mod outside;
mod parent;
mod random;
mod rows;
mod schema;
mod stream;
mod targets;

use std::process::ExitCode;

use peak_alloc::PeakAlloc;

/// Counts what a reader holds at once.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    match std::env::var(child::VARIABLE) {
        Ok(order) => child::run(&order),
        Err(_) => parent::run(),
    }
}

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        _ => otherwise,
    }
}
