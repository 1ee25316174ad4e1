//! A seed's story, replicated by the real binary that is killed on the way, and what comes of it.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;

use crate::chance::Random;
use crate::common::binary;
use crate::story::{DDL_EVERY, Step, Story};
use crate::{stream, truth};

/// No run takes longer, however slow the machine.
const LIMIT: Duration = Duration::from_secs(600);
/// The longest that a run goes on before it is killed.
const MOST_MS: u64 = 400;
/// How many runs of a story are killed.
const KILLS: u64 = 4;

/// Plays the story of `seed`; the number of its steps and rows, or what went wrong.
pub fn play(server: &PrivateServer, seed: u64, length: usize) -> Result<String> {
    truth::clean(server)?;
    let story = Story::new(seed, length, DDL_EVERY);
    let pumps = 1 + usize::try_from(seed % 3)?;
    let mut spec = ClusterSpec::new(7_600_000_000_000_000_000 + seed % 1_000_000, pumps);
    for pump in &mut spec.pumps {
        pump.behaviour.fakes = Some(Duration::from_millis(20));
    }
    let cluster = Arc::new(Cluster::start(spec)?);
    stream::write(&cluster, &story.steps, seed)?;
    let end = cluster.tso().0.to_string();
    let (from, to) = (cluster.pd_url(), server.url());
    let args = ["sync", "--from", &from, "--to", &to, "--start-ts", "1", "--until", &end, "--quiet"];
    let kills = runs(&args, seed)?;
    let differences = truth::differences(server, &story)?;
    if !differences.is_empty() {
        bail!("the target is not equal:\n{}", differences.join("\n"));
    }
    let rows: usize = story.tables.iter().map(|t| t.rows.len()).sum();
    Ok(format!("{} steps, {rows} rows, {kills} kills", story.steps.len()))
}

/// Runs it until it has come to the end; gives how often it was killed.
fn runs(args: &[&str], seed: u64) -> Result<u64> {
    let mut random = Random::new(seed.wrapping_add(7));
    let mut killed = 0;
    loop {
        let mut child = binary::spawn(args);
        let begun = Instant::now();
        let patience = match killed < KILLS {
            true => Duration::from_millis(5 + random.below(MOST_MS)),
            false => LIMIT,
        };
        let ended = loop {
            if child.try_wait()?.is_some() {
                break true;
            }
            if begun.elapsed() >= patience {
                break false;
            }
            sleep(Duration::from_millis(3));
        };
        if !ended {
            child.kill()?;
        }
        let ran = binary::wait(child);
        match ran.code {
            0 => return Ok(killed),
            -1 if killed < KILLS => killed += 1,
            code => bail!("a run ended with {code} after {killed} kills:\n{}{}", ran.stdout, ran.stderr),
        }
    }
}

/// The smallest length at which the story fails, and how it does there. It is looked for by halves: what fails once does so
/// from there on.
pub fn shortest(server: &PrivateServer, seed: u64, length: usize) -> (usize, String) {
    let failure = |length: usize| play(server, seed, length).err().map(|e| format!("{e:#}"));
    let (mut well, mut bad) = (0, length);
    let mut said = String::new();
    while bad > well + 1 {
        let middle = usize::midpoint(well, bad);
        match failure(middle) {
            Some(error) => (bad, said) = (middle, error),
            None => well = middle,
        }
    }
    (bad, said)
}

/// The end of the story up to its `length`th turn: what happened last.
pub fn last_steps(seed: u64, length: usize) -> String {
    let steps = Story::new(seed, length, DDL_EVERY).steps;
    let shown = steps.len().saturating_sub(12);
    steps.iter().skip(shown).map(Step::told).collect()
}
