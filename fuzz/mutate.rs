//! Damage: what a flipped bit, a cut, a lost or repeated piece, another length, or somebody with bad intent makes of an input.

use tisync::playground::encode::uvarint;

use crate::random::Random;

/// No input grows beyond this, in bytes.
const MOST: usize = 1 << 20;
/// Lengths and counts on either side of what fits.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// An input made of the seeds, and how much of one is left as it was.
pub fn input(random: &mut Random, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = random.choose(seeds).clone();
    for _ in 0..=random.few(12) {
        change(random, &mut input, seeds, words);
        input.truncate(MOST);
    }
    input
}

fn change(random: &mut Random, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
    let at = random.below(input.len() + 1);
    let to = (at + 1 + random.few(64)).min(input.len());
    match random.below(if words.is_empty() { 11 } else { 14 }) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.byte(),
        2 => input.truncate(at),
        3 => drop(input.drain(at.min(to)..to)),
        4 => {
            let count = random.few(16) + 1;
            let bytes: Vec<u8> = (0..count).map(|_| random.byte()).collect();
            insert(input, at, &bytes);
        }
        // A piece once more, or many times: nesting, and ids that repeat.
        5 => {
            let piece = input[at.min(to)..to].to_vec();
            let most = if random.below(50) == 0 { 5_000 } else { 8 };
            let times = 1 + random.few(most);
            insert(input, at, &piece.repeat(times));
        }
        // A piece of another input.
        6 => {
            let other = random.choose(seeds);
            let from = random.below(other.len() + 1);
            let to = (from + random.few(256)).min(other.len());
            let piece = &other[from..to];
            insert(input, at, piece);
        }
        // Lengths, as protobuf and as datums write them.
        7 => {
            let number = varint(NUMBERS[random.below(NUMBERS.len())]);
            over(input, at, &number);
        }
        8 => {
            let bytes = random.choose(&NUMBERS).to_be_bytes();
            let width = *random.choose(&[1, 2, 4, 8]);
            over(input, at, &bytes[8 - width..]);
        }
        9 => {
            let bytes = random.choose(&NUMBERS).to_le_bytes();
            let width = *random.choose(&[1, 2, 4, 8]);
            over(input, at, &bytes[..width]);
        }
        10 if at < input.len() => input[at] = input[at].wrapping_add(*random.choose(&[1, 255, 2, 128])),
        11.. => {
            let word = random.choose(words).as_bytes();
            let times = if random.below(200) == 0 { 1 + random.few(20_000) } else { 1 };
            insert(input, at, &word.repeat(times));
        }
        _ => {}
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if input.len() + piece.len() <= MOST {
        drop(input.splice(at..at, piece.iter().copied()));
    }
}

fn over(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let to = (at + piece.len()).min(input.len());
    drop(input.splice(at..to, piece.iter().copied()));
}

/// As protobuf writes a number.
pub fn varint(n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    uvarint(&mut bytes, n);
    bytes
}
