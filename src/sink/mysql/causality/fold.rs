//! Text, folded so that what any collation of any target holds for equal comes out equal.
//!
//! The target's collation need not be the upstream's, so the folding is coarser than each of them. Only printable ASCII
//! and the CJK unified ideographs of the Basic Multilingual Plane are *plain*: their equalities are few and known. Any
//! other character (accents, ligatures, full-width forms, ignorable characters, emoji, bytes that are not UTF-8) may make
//! a text equal to many others, and is left to the caller as *exotic*.
//!
//! What is equal among plain texts, beyond letter case, trailing spaces and control characters (which the Unicode
//! collations ignore):
//! - Czech: a tab or a space between words (`latin2_czech_cs`). So no space counts.
//! - Lithuanian and Latvian: `y` = `i`; classical Latin: `j` = `i` and `v` = `u`; Swedish and Finnish of old: `w` = `v`.
//! - Lithuanian before Unicode 9: `ch` = `c`.
//! - Hungarian: a doubled digraph is written short, `ccs` = `cscs`, and so for dz, dzs, gy, ly, ny, sz, ty, zs.
//! - `gbk_chinese_ci` of MariaDB: `~` = `y`.
//!
//! Three characters of ASCII are exotic: NUL, at which `tis620_thai_ci` stops reading; the grave accent, which
//! `koi8u_general_ci` and `cp1251_ukrainian_ci` take for nothing; DEL, a letter in `cp1257_lithuanian_ci`.

/// In [`LETTERS`]: dropped.
const IGNORED: u8 = 0;
/// In [`LETTERS`]: makes a text exotic.
const EXOTIC: u8 = 1;
/// The letter that each character of ASCII is folded to, or one of the above.
const LETTERS: [u8; 128] = letters();
/// A bit for each letter of a Hungarian digraph, in two classes: no digraph has letters of both.
const DIGRAPH: [u16; 128] = digraph();
/// The class of c, d, s, z.
const FIRST: u16 = 0x00f;
/// The class of g, l, n, t and y, which is folded to i.
const SECOND: u16 = 0x1f0;

const fn letters() -> [u8; 128] {
    let mut table = [0; 128];
    let mut b = 0_u8;
    while b < 128 {
        table[b as usize] = match b.to_ascii_lowercase() {
            b'j' | b'y' | b'~' => b'i',
            b'v' | b'w' => b'u',
            0 | b'`' | 0x7f => EXOTIC,
            0x01..=0x20 => IGNORED,
            lower => lower,
        };
        b += 1;
    }
    table
}

const fn digraph() -> [u16; 128] {
    let mut table = [0; 128];
    let members = *b"cdszigltn";
    let mut i = 0;
    while i < members.len() {
        table[members[i] as usize] = 1 << i;
        i += 1;
    }
    table
}

/// Letters of one class that stand side by side.
#[derive(Clone, Copy, Default)]
struct Run {
    start: usize,
    seen: u16,
}

impl Run {
    /// Ends the run. One that may hold a doubled digraph keeps only the set of its letters, which both spellings share.
    fn close(&mut self, out: &mut Vec<u8>) {
        const MARK: u8 = 1;
        let has = |letters: u16| self.seen & letters == letters;
        let double = has(0b101) || has(0b1010) || has(0b1100) || (has(0x10) && self.seen != 0x10);
        if double && out.len() - self.start >= 3 {
            out.truncate(self.start);
            let [high, low] = self.seen.to_be_bytes();
            out.extend_from_slice(&[MARK, low, high]);
        }
        self.seen = 0;
    }

    fn letter(&mut self, out: &mut Vec<u8>, bit: u16) {
        let class = if bit & FIRST != 0 { FIRST } else { SECOND };
        if self.seen & class == 0 {
            if self.seen != 0 {
                self.close(out);
            }
            self.start = out.len();
        }
        self.seen |= bit;
    }
}

/// How much of a text a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// As many characters.
    Characters(usize),
    /// As many characters or bytes: servers differ in what a prefix counts in this character set.
    Either(usize),
}

/// Writes the folded form of `text` to `out`, which is emptied first. `false` if it is exotic; then `out` is of no use.
pub(super) fn fold(mut text: &[u8], extent: Extent, out: &mut Vec<u8>) -> bool {
    let (mut left, ascii) = match extent {
        Extent::Whole => (usize::MAX, false),
        Extent::Characters(n) => (n, false),
        Extent::Either(n) => (n, true),
    };
    let mut run = Run::default();
    out.clear();
    out.reserve(text.len().min(left));
    while left > 0 {
        left -= 1;
        match text {
            [] => break,
            [b @ ..=0x7f, rest @ ..] => {
                text = rest;
                let letter = LETTERS[usize::from(*b)];
                if letter <= EXOTIC {
                    if letter == EXOTIC {
                        return false;
                    }
                    continue;
                }
                if letter == b'h' && out.last() == Some(&b'c') {
                    continue;
                }
                let bit = DIGRAPH[usize::from(letter)];
                if bit != 0 {
                    run.letter(out, bit);
                } else if run.seen != 0 {
                    run.close(out);
                }
                out.push(letter);
            }
            [a @ 0xe3..=0xe9, b @ 0x80..=0xbf, c @ 0x80..=0xbf, rest @ ..] if !ascii && ideograph(*a, *b) => {
                text = rest;
                run.close(out);
                out.extend_from_slice(&[*a, *b, *c]);
            }
            _ => return false,
        }
    }
    run.close(out);
    true
}

/// Whether all characters whose UTF-8 begins so are within U+3400 to U+4DBF or U+4E00 to U+9FFF.
fn ideograph(a: u8, b: u8) -> bool {
    match a {
        0xe3 => b >= 0x90,
        0xe4 => b <= 0xb6 || b >= 0xb8,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> Option<Vec<u8>> {
        cut(text, Extent::Whole)
    }

    fn cut(text: &str, extent: Extent) -> Option<Vec<u8>> {
        let mut out = b"left over".to_vec();
        fold(text.as_bytes(), extent, &mut out).then_some(out)
    }

    #[test]
    fn plain_texts_that_some_collation_holds_for_equal() {
        for (a, b) in [
            ("Abc", "aBC"),
            ("a", "a  "),
            ("a\u{1}", "a "),
            ("a\tb\n\u{1f}", "ab"),
            ("~", "Y"),
            ("a a", "a\ta"),
            ("", " \r"),
            ("June", "iune"),
            ("Vytautas", "uitautas"),
            ("chat", "Cat"),
            ("chh", "cH"),
            ("ccs", "cscs"),
            ("sSZsz", "sssz"),
            ("eddzs", "edzsdzs"),
            ("millyx", "Milylyx"),
            ("文字", "文字 "),
        ] {
            assert_eq!(folded(a), folded(b), "{a:?} {b:?}");
            assert!(folded(a).is_some(), "{a:?}");
        }
    }

    #[test]
    fn plain_texts_that_no_collation_holds_for_equal() {
        let different = [
            "", "a", "b", "ab", "ba", "aa", "a_b", "a-b", "1", "11", "cd", "dc", "ccd", "dd", "文", "字", "文字",
            "字文", "a'", "[", "{", "\\", "/",
        ];
        for (i, a) in different.iter().enumerate() {
            for b in &different[i + 1..] {
                assert_ne!(folded(a), folded(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn exotic_texts() {
        for text in [
            "\0",
            "`",
            "\u{7f}",
            "é",
            "e\u{301}",
            "ß",
            "Ａ",
            "a\u{ad}",
            "\u{200d}",
            "😀",
            "ﬁ",
            "ſ",
            "\u{212a}",
            "ı",
            "カ",
            "ｶ",
            "가",
            "々",
            "〇",
            "\u{f900}",
            "\u{fa0e}",
            "\u{4dc0}",
            "\u{33ff}",
            "\u{a000}",
            "\u{20000}",
            "\u{80}",
            "\u{a0}",
            "，",
        ] {
            assert_eq!(folded(text), None, "{text:?}");
        }
        for bytes in [&b"\xff"[..], b"\xe4\xb8", b"\xe4\x41\x80", b"a\x80"] {
            assert!(!fold(bytes, Extent::Whole, &mut Vec::new()), "{bytes:?}");
        }
    }

    #[test]
    fn a_prefix_is_counted_in_characters_before_it_is_folded() {
        assert_eq!(cut("a文é", Extent::Characters(2)), folded("a文"));
        assert_eq!(cut("a文é", Extent::Characters(3)), None);
        assert_eq!(cut("a\tbc", Extent::Characters(3)), folded("ab"));
        assert_eq!(cut("abcé", Extent::Either(3)), folded("abc"));
        assert_eq!(cut("a文", Extent::Either(2)), None, "two characters, or one and a bit");
        assert_eq!(cut("abc", Extent::Characters(0)), folded(""));
    }

    proptest! {
        #[test]
        fn the_ideographs_are_the_two_blocks(c: char) {
            let there = matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}');
            let text = c.to_string();
            prop_assert_eq!(folded(&text).is_some(), there || (c.is_ascii() && !"\0`\u{7f}".contains(c)));
        }

        #[test]
        fn short_and_long_spelling_of_a_doubled_digraph(
            before in "[a-zA-Z ]{0,6}",
            at in 0_usize..9,
            after in "[a-zA-Z ]{0,6}",
        ) {
            let (short, long) = [
                ("ccs", "cscs"), ("ddz", "dzdz"), ("ddzs", "dzsdzs"), ("ggy", "gygy"), ("lly", "lyly"), ("nny", "nyny"),
                ("ssz", "szsz"), ("tty", "tyty"), ("zzs", "zszs"),
            ][at];
            prop_assert_eq!(folded(&format!("{before}{short}{after}")), folded(&format!("{before}{long}{after}")));
        }

        #[test]
        fn case_and_invisible_characters_do_not_matter(parts in prop::collection::vec(("[ -_a-~]{0,3}", "[\x01-\x1f]{0,2}"), 0..8)) {
            let plain: String = parts.iter().map(|(a, _)| a.as_str()).collect();
            let noisy: String = parts.iter().map(|(a, b)| a.to_ascii_uppercase() + b).collect();
            prop_assert_eq!(folded(&plain), folded(&(noisy + "  ")));
        }
    }
}
