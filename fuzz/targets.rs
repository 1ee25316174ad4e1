//! The readers.

use crate::child::spent;
use crate::{outside, schema, stream};

/// What reads bytes from outside.
pub struct Target {
    /// What FUZZ_ONLY calls it.
    pub name: &'static str,
    /// Inputs as they should be.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to it, for texts.
    pub words: &'static [&'static str],
    /// Reads; whatever it answers is well.
    pub read: fn(&[u8]),
    /// How many inputs it gets of each thousand: what opens files is slow.
    pub share: u64,
}

/// All of them.
pub fn all() -> Vec<Target> {
    [stream::targets(), schema::targets(), outside::targets()].into_iter().flatten().collect()
}

/// A reader with a fault of each kind, by which the harness itself is tried.
pub fn planted() -> Target {
    let seeds = || ["well", "panic", "slow", "large", "overflow"].map(|word| word.as_bytes().to_vec()).to_vec();
    let read = |input: &[u8]| match input {
        b"panic" => panic!("as planned"),
        b"slow" => {
            let began = spent();
            while (spent() - began).as_millis() < 1100 {
                std::hint::spin_loop();
            }
        }
        b"large" => drop(std::hint::black_box(vec![1_u8; 65 << 20])),
        b"overflow" => drop(deep(u64::MAX)),
        _ => {}
    };
    Target { name: "planted", seeds, words: &[], read, share: 0 }
}

fn deep(n: u64) -> String {
    let text = format!("{n}");
    if n == 0 { text } else { text + &deep(std::hint::black_box(n - 1)) }
}
