//! A small generator of numbers that are the same for the same seed, on every machine and in every version.

/// SplitMix64: one addition and three mixings for each number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `end` - 1; 0 if there is nothing below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// The place of one of `length` things; 0 if there is none.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = to.abs_diff(from).saturating_add(1);
        from.saturating_add_unsigned(self.below(span))
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// `length` letters and digits, some of them outside ASCII.
    pub fn text(&mut self, length: u64) -> String {
        const LETTERS: [&str; 16] =
            ["a", "b", "c", "d", "e", "X", "Y", "7", " ", "'", "\\", "ä", "ß", "東", "😀", "\""];
        (0..length).filter_map(|_| LETTERS.get(usize::try_from(self.below(16)).ok()?)).copied().collect()
    }

    /// `length` bytes.
    pub fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).flat_map(|_| u8::try_from(self.below(256))).collect()
    }
}
