//! Tests of the digests of texts: values that a collation may hold to be equal hash alike.

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
        "", "a", "b", "ab", "ba", "aa", "a_b", "a-b", "1", "11", "cd", "dc", "ccd", "dd", "文", "字", "文字", "字文",
        "a'", "[", "{", "\\", "/",
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
