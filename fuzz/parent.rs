//! A test for each reader: starts its process, and finds the input at which that died.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::child::{STEP, VARIABLE};
use crate::number;
use crate::targets::{Target, all, planted};

/// How many inputs all readers get together, unless FUZZ_INPUTS says so.
const INPUTS: u64 = 150_000;

/// Runs the tests.
pub fn run() -> ExitCode {
    let arguments = Arguments::from_args();
    let (seed, inputs) = (number("FUZZ_SEED", 1), number("FUZZ_INPUTS", INPUTS));
    let only = std::env::var("FUZZ_ONLY").unwrap_or_default();
    let wanted: Vec<Target> =
        all().into_iter().filter(|t| only.is_empty() || only.split(',').any(|name| name == t.name)).collect();
    let whole: u64 = wanted.iter().map(|t| t.share).sum();
    let trials = wanted.into_iter().map(|target| {
        let count = inputs * target.share / whole;
        Trial::test(target.name, move || fuzz(&target, seed, count))
    });
    let itself = Trial::test("faults of each kind are seen", seen);
    libtest_mimic::run(&arguments, trials.chain([itself]).collect()).exit_code()
}

/// Of a reader with faults, each is named with its input.
fn seen() -> Result<(), Failed> {
    let target = planted();
    let said = child(&target, 1, (0, 4), false)?;
    let words = [
        "input 1 of seed 1, 5 bytes, panicked at",
        "input 2 of seed 1, 4 bytes, took ",
        "input 3 of seed 1, 5 bytes, held 65 MiB",
    ];
    assert_eq!(said.faults.len(), words.len(), "{:?}", said.faults);
    for (fault, word) in said.faults.iter().zip(words) {
        assert!(fault.contains(word) && fault.contains("FUZZ_FILE="), "{fault}");
    }
    let died = child(&target, 1, (4, 5), true)?;
    assert!(!died.ended && died.last == 4, "a stack that overflows ends the process");
    Ok(())
}

fn fuzz(target: &Target, seed: u64, count: u64) -> Result<(), Failed> {
    let said = child(target, seed, (0, count), false)?;
    println!("{}: {count} inputs of seed {seed}", target.name);
    if !said.faults.is_empty() {
        return Err(said.faults.join("\n").into());
    }
    if said.ended {
        return Ok(());
    }
    // It died: which one was it?
    let again = child(target, seed, (said.last, (said.last + STEP).min(count)), true)?;
    let how = if again.hangs { "does not come back" } else { "ends the process" };
    Err(format!(
        "{}: input {} of seed {seed} {how}: FUZZ_ONLY={} FUZZ_SEED={seed}",
        target.name, again.last, target.name
    )
    .into())
}

/// What a process told.
#[derive(Default)]
struct Said {
    faults: Vec<String>,
    /// The last input that it named.
    last: u64,
    hangs: bool,
    /// Whether it came to its end.
    ended: bool,
}

fn child(target: &Target, seed: u64, (from, to): (u64, u64), each: bool) -> Result<Said, Failed> {
    let each = if each { "each" } else { "some" };
    let mut child = Command::new(std::env::current_exe()?)
        .env(VARIABLE, format!("{} {seed} {from} {to} {each}", target.name))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut said = Said { last: from, ..Said::default() };
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("at", index)) => said.last = index.parse()?,
            Some(("hangs", index)) => (said.hangs, said.last) = (true, index.parse()?),
            Some(("fault", _)) if said.faults.len() < 20 => said.faults.push(line),
            _ => {}
        }
    }
    said.ended = child.wait()?.code().is_some_and(|code| code <= 1);
    Ok(said)
}
