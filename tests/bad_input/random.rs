//! Random damage, from seeds that a failure names: the library's pipeline a thousand times, the binary some times.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tisync::error::fault;
use tisync::event::silent;
use tisync::model::{Change, CommitTs, Txn};
use tisync::pipeline::Pipeline;
use tisync::playground::Random;
use tisync::schema::{Catalog, FileHistory};
use tisync::sink::{Sink, Totals};
use tisync::source::Source;
use tisync::source::recording::Recording;

use crate::Case;
use crate::story::{MESSAGES, start, ts};
use crate::world::{World, proper};

pub const CASES: &[Case] =
    &[("random damage, through the library", library), ("random damage, through the binary", binary)];

const LIBRARY_ROUNDS: u64 = 1000;
/// Unless TISYNC_DAMAGE_ROUNDS says so.
const BINARY_ROUNDS: u64 = 24;

/// A damaged copy of the file of `payloads`, and the first message that is hurt.
fn damage(payloads: &[Vec<u8>], seed: u64) -> (Vec<u8>, usize) {
    let mut random = Random::new(seed);
    let hurt = random.index(payloads.len());
    let begin: usize = payloads[..hurt].iter().map(|p| p.len() + 4).sum();
    let mut file: Vec<u8> = payloads
        .iter()
        .flat_map(|p| u32::try_from(p.len()).unwrap().to_be_bytes().into_iter().chain(p.clone()))
        .collect();
    let length = payloads[hurt].len() + 4;
    match random.index(4) {
        // Cut off within the message.
        0 => file.truncate(begin + 1 + random.index(length - 1)),
        // Some bytes are lost.
        1 => {
            let at = random.index(length);
            let count = 1 + random.index((length - at).min(8));
            file.drain(begin + at..begin + at + count);
        }
        // Other bytes, also in the length.
        2 => {
            for _ in 0..=random.index(4) {
                file[begin + random.index(length)] = u8::try_from(random.index(256)).unwrap();
            }
        }
        // One bit of the payload.
        _ => file[begin + 4 + random.index(length - 4)] ^= 1 << random.index(8),
    }
    (file, hurt)
}

/// Keeps what it is given, as text.
#[derive(Default)]
struct Collect(Vec<(CommitTs, String)>);

impl Sink for Collect {
    fn position(&self) -> Option<CommitTs> {
        self.0.last().map(|(ts, _)| *ts)
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        let change = match txn.change {
            Change::Large(rows) => Change::Rows(rows.collect::<Result<_>>()?),
            change => change,
        };
        self.0.push((txn.commit_ts, format!("{change:?}")));
        Ok(())
    }

    fn resolved(&mut self, _: CommitTs) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        Ok(())
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// What the pipeline makes of the recording.
fn collect(world: &World) -> (Result<()>, Vec<(CommitTs, String)>) {
    let history = Arc::new(FileHistory::open(world.path("ddl_history.json")).unwrap());
    let mut source = Recording::open(world.dir.path(), history.clone()).unwrap();
    let mut sink = Collect::default();
    let mut pipeline = Pipeline {
        large: Some(300),
        ..Pipeline::new(
            Catalog::at(history, start()).unwrap(),
            &mut sink,
            tisync::selection::Selection::default(),
            silent(),
        )
    };
    let ended = pipeline.run(source.streams(start()).unwrap(), start());
    (ended.map(drop), sink.0)
}

/// Counts panics of the source's threads, which otherwise look like the end of a stream.
fn watch_threads() -> &'static AtomicUsize {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some("recording") {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(info);
    }));
    &PANICS
}

fn library(world: &mut World) {
    let panics = watch_threads();
    let payloads = world.payloads();
    world.record(&payloads);
    let (ended, truth) = collect(world);
    ended.unwrap();
    assert_eq!(truth.len(), MESSAGES);
    let mut refused = 0;
    for seed in 1..=LIBRARY_ROUNDS {
        let (file, hurt) = damage(&payloads, seed);
        fs::write(world.path("binlogs.bin"), file).unwrap();
        let (ended, taken) = collect(world);
        // All that lies before the damage passes as it was, whatever becomes of the rest.
        assert_eq!(taken.get(..hurt), truth.get(..hurt), "seed {seed}: {ended:?}");
        assert!(taken.is_sorted_by(|a, b| a.0 < b.0), "seed {seed}: {taken:?}");
        if let Err(error) = ended {
            refused += 1;
            assert!(fault(&error).is_some_and(|f| !f.hint.is_empty()), "seed {seed}: no hint: {error:?}");
            let lines = format!("{error:#}").lines().count();
            assert!(lines < 8, "seed {seed}: {lines} lines: {error:#}");
        }
    }
    assert_eq!(panics.load(Ordering::SeqCst), 0, "a thread of the source panicked");
    // A changed letter of a name is another valid stream; most damage is not.
    assert!(refused > LIBRARY_ROUNDS / 2, "only {refused} of {LIBRARY_ROUNDS} were refused");
}

fn binary(world: &mut World) {
    let base = world.db.clone();
    let asked = std::env::var("TISYNC_DAMAGE_ROUNDS").ok().filter(|n| !n.is_empty());
    let rounds = asked.map_or(BINARY_ROUNDS, |n| n.parse().unwrap());
    let (mut checked, mut codes) = (0, BTreeMap::<i32, u64>::new());
    for seed in 1..=rounds {
        world.db = format!("{base}_{seed}");
        let payloads = world.payloads();
        world.record(&payloads);
        let (file, hurt) = damage(&payloads, seed);
        fs::write(world.path("binlogs.bin"), file).unwrap();
        let ran = world.sync();
        assert!(!ran.stderr.contains("panicked"), "seed {seed}: {}", ran.stderr);
        if ran.code != 0 {
            let code = ran.code;
            assert!(code == 3 || code == 4, "seed {seed}: {}", ran.stderr);
            proper(&ran, code, &[]);
        }
        *codes.entry(ran.code).or_default() += 1;
        let checkpoint = world.checkpoint();
        let before = if hurt == 0 { 0 } else { ts(hurt - 1).0 };
        assert!(checkpoint >= before, "seed {seed}: what lies before the damage is not applied: {}", ran.stderr);
        // Above it, the damaged message was still a valid one.
        if checkpoint <= before.max(start().0) {
            checked += 1;
            world.expect_applied(hurt, &format!("seed {seed}: {}", ran.stderr));
        }
    }
    println!(
        "{rounds} damaged recordings: exit codes {codes:?}; {checked} times the first message of the damage was refused"
    );
    assert!(checked > rounds / 2, "only {checked} of {rounds} were refused");
}
