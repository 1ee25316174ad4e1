//! Numbers that look random, and are the same for the same seed.

use tisync::playground::Random as Numbers;

/// What the damage of one input is made of.
pub struct Random(Numbers);

impl Random {
    /// The numbers of input `index` of a reader.
    pub fn of(target: &str, seed: u64, index: u64) -> Self {
        // FNV-1a: readers do not get the same damage.
        let name = target
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let first = Numbers::new(name ^ seed.rotate_left(32)).next();
        Self(Numbers::new(first ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// From 0 up to, but not including, `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.index(bound)
    }

    /// Small numbers more often than large ones.
    pub fn few(&mut self, most: usize) -> usize {
        let bound = 1 << self.below(most.max(1).ilog2() as usize + 1);
        self.below(bound)
    }

    pub fn byte(&mut self) -> u8 {
        self.0.next().to_le_bytes()[0]
    }

    pub fn choose<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
