//! What a real server's collations hold for equal must share a token, for every collation it has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::model::{Column, Generated, Handle, Key, KeyPart, Kind, RowChange, RowKind, Table, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::causality::{Causality, ConflictKey};

/// Where collations differ from a comparison of bytes, and from what one would think.
#[rustfmt::skip]
const NASTY: &[&str] = &[
    "", " ", "  ", "\t", "\n", "\0", "\u{1}", "\u{7f}", "\u{80}", "\u{a0}", "\u{ad}", "\u{200b}",
    "\u{200d}", "\u{feff}", "a", "A", "a ", "a  ", " a", "a\t", "a\0", "\0a", "a\u{1}", "a\u{7f}",
    "a\u{ad}", "a\u{200d}", "a\u{feff}", "a\u{fffd}", "aa", "a a", "a-a", "a_a", "a.a", "a'a",
    "a\ta", "a\na", "a\r\na", "a\u{3000}a", "á", "à", "a\u{301}", "Á", "ä", "å", "Å", "\u{212b}",
    "ａ", "Ａ", "ª", "ⓐ", "æ", "ae", "Æ", "AE", "ǽ", "ø", "o", "O", "ö", "oe", "œ", "Œ", "ß", "ẞ",
    "ss", "SS", "s", "ſ", "sz", "ü", "ue", "u", "y", "Y", "ÿ", "i", "I", "İ", "ı", "j", "J", "v",
    "V", "w", "W", "ĳ", "ij", "ﬁ", "fi", "ﬀ", "ff", "ﬃ", "ffi", "k", "K", "\u{212a}", "c", "ch",
    "Ch", "CH", "cH", "chh", "č", "h", "ll", "l", "ł", "ñ", "n", "ŉ", "ccs", "cscs", "CCS", "ddzs",
    "dzsdzs", "ggy", "gygy", "sSZsz", "sssz", "ǆ", "dž", "dz", "þ", "th", "đ", "d", "ð", "ŀ", "l·",
    "1", "１", "¹", "①", "½", "1/2", "Ⅷ", "viii", "VIII", "VIII ", "％", "%", "`", "´", "^", "~", "|",
    "\\", "＼", "¥", "€", "か", "が", "か\u{3099}", "カ", "ガ", "ｶ", "ｶﾞ", "ヵ", "ー", "ｰ", "はは", "ばば", "パ",
    "ハ", "가", "ㄱ", "\u{1100}", "\u{1100}\u{1161}", "ㅏ", "각", "\u{1100}\u{1161}\u{11a8}", "文", "字",
    "文字", "文 ", "文\u{1}", "一", "⼀", "㐀", "䶵", "龥", "鿿", "豈", "\u{f900}", "\u{8c48}", "更",
    "\u{f901}", "\u{fa0e}", "\u{fa20}", "\u{20000}", "\u{2f800}", "丽", "々", "〆", "〇", "零", "😀", "😁",
    "🀄", "𝒜", "𐐀", "𐐨", "👍🏽", "👍", "葛", "葛\u{e0100}", "葛\u{fe00}", "Ω", "\u{2126}", "ω", "ώ", "σ",
    "ς", "и", "й", "И", "ё", "е", "ґ", "г", "ا", "أ", "آ", "א", "שׁ", "ש", "ไ", "ก", "№", "No", "™",
    "tm", "…", "...", "–", "-", "’", "'", "“", "\"", "«", "<<", "\u{2028}", "\u{2009}", "µ", "μ",
    "ﷺ", "ﻻ", "لا", "𠮷", "吉", "兀", "嗀", "\u{fa0c}",
];

/// A small generator (splitmix64) with a seed, so that a failure can be seen again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % n as u64).unwrap()
    }

    /// Short texts, of few letters so that many are nearly the same.
    fn text(&mut self) -> String {
        let alphabet: &[&str] =
            if self.below(3) == 0 { NASTY } else { &["c", "s", "S", "h", "z", "y", "l", "i", "J", "V", "u", " "] };
        (0..=self.below(5)).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    /// Something like it.
    fn variant(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        let at = self.below(chars.len() + 1);
        match (self.below(5), chars.get(at).copied()) {
            (0, _) => chars.insert(at, ['\0', '\u{1}', '\t', '\u{7f}', '\u{ad}', '\u{200d}', 'h', ' '][self.below(8)]),
            (1, Some(c)) => chars.splice(at..=at, c.to_uppercase()).for_each(drop),
            (2, Some(c)) => chars.splice(at..=at, c.to_lowercase()).for_each(drop),
            (3, Some(c)) => chars.insert(at, c),
            _ => chars.extend([' ', ' ']),
        }
        chars.into_iter().collect()
    }
}

fn tokens(texts: &[String]) -> Vec<Vec<ConflictKey>> {
    let column = |id, name: &str, kind| Column {
        id,
        name: name.to_owned(),
        kind,
        nullable: false,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    let text = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_bin".into() };
    let key = |name: &str, column| Key {
        name: name.to_owned(),
        primary: column == 0,
        parts: vec![KeyPart { column, prefix: None }],
    };
    let table = Arc::new(Table {
        id: 1,
        schema: "db".into(),
        name: "t".into(),
        columns: vec![column(1, "id", Kind::Int { bytes: 8, unsigned: false }), column(2, "s", text)],
        keys: vec![key("PRIMARY", 0), key("s", 1)],
        handle: Handle::Int(0),
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        details: None,
    });
    let mut causality = Causality::new();
    let insert = |(n, text): (i64, &String)| {
        let row = vec![Value::Int(n), Value::Bytes(text.clone().into())];
        let mut out = Vec::new();
        causality.conflict_keys(&RowChange { table: table.clone(), kind: RowKind::Insert(row) }, &mut out);
        out
    };
    (0..).zip(texts).map(insert).collect()
}

fn ordered(a: &[ConflictKey], b: &[ConflictKey]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.hash == b.hash && (a.exclusive || b.exclusive)))
}

/// The texts as a table of the server, each with its place.
fn load(conn: &mut Conn, texts: &[String]) {
    conn.query_drop("CREATE DATABASE IF NOT EXISTS db").unwrap();
    conn.query_drop("CREATE OR REPLACE TABLE db.texts (id INT PRIMARY KEY, s VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin)").unwrap();
    for (part, from) in texts.chunks(5000).zip((0..).step_by(5000)) {
        let mut sql = "INSERT INTO db.texts VALUES ".to_owned();
        for (n, text) in (from..).zip(part) {
            let comma = if n == from { "" } else { "," };
            write!(sql, "{comma}({n},_utf8mb4 x'{}')", hex::encode(text)).unwrap();
        }
        conn.query_drop(sql).unwrap();
    }
}

/// The server's collations with their character sets, but for those of binary strings.
fn collations(conn: &mut Conn) -> Vec<(String, String)> {
    conn.query(
        "SELECT FULL_COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY \
         WHERE CHARACTER_SET_NAME <> 'binary' ORDER BY 1",
    )
    .unwrap()
}

/// Those texts that the collation's character set can hold, in sets of equal ones.
fn equal(conn: &mut Conn, collation: &str, charset: &str) -> Vec<Vec<usize>> {
    let sql = format!(
        "SELECT GROUP_CONCAT(id) FROM (SELECT id, CONVERT(s USING {charset}) AS c FROM db.texts \
         WHERE CAST(CONVERT(CONVERT(s USING {charset}) USING utf8mb4) AS BINARY) = CAST(s AS BINARY)) AS t \
         GROUP BY c COLLATE {collation} HAVING COUNT(*) > 1"
    );
    let sets: Vec<String> = conn.query(sql).unwrap();
    sets.iter().map(|set| set.split(',').map(|id| id.parse().unwrap()).collect()).collect()
}

/// Asks every collation; gives the number of equal pairs, all of which share a token, and those that are plain ASCII.
fn compare(conn: &mut Conn, texts: &[String]) -> (usize, BTreeSet<(String, String)>) {
    conn.query_drop("SET SESSION group_concat_max_len = 16777216, sql_mode = ''").unwrap();
    let (tokens, mut missed, mut pairs, mut ascii) = (tokens(texts), BTreeSet::new(), 0, BTreeSet::new());
    for (collation, charset) in collations(conn) {
        for set in equal(conn, &collation, &charset) {
            for (i, a) in set.iter().enumerate() {
                for b in &set[i + 1..] {
                    pairs += 1;
                    if !ordered(&tokens[*a], &tokens[*b]) {
                        missed.insert((texts[*a].clone(), texts[*b].clone(), collation.clone()));
                    } else if texts[*a].is_ascii() && texts[*b].is_ascii() {
                        ascii.insert((texts[*a].clone(), texts[*b].clone()));
                    }
                }
            }
        }
    }
    assert!(
        missed.is_empty(),
        "{} equal pairs share no token: {:?}",
        missed.len(),
        missed.iter().take(40).collect::<Vec<_>>()
    );
    (pairs, ascii)
}

#[test]
fn t20_texts_that_any_collation_holds_for_equal_share_a_token() {
    let server = PrivateServer::start().expect("a server");
    let mut conn = server.connect().expect("connects");
    let mut random = Random(42);
    let mut texts: BTreeSet<String> = NASTY.iter().map(ToString::to_string).collect();
    while texts.len() < 600 {
        let text = random.text();
        texts.insert(random.variant(&text));
        texts.insert(text);
    }
    let texts: Vec<String> = texts.into_iter().collect();
    load(&mut conn, &texts);
    let (pairs, ascii) = compare(&mut conn, &texts);
    println!("{pairs} equal pairs, {} different ones of ASCII", ascii.len());
    // The server was asked what it should be asked: the surprising pairs are among its answers.
    for (a, b) in
        [("A", "a"), ("a", "a "), ("a", "a\u{1}"), ("Y", "i"), ("i", "j"), ("u", "v"), ("c", "ch"), ("y", "~")]
    {
        let there = ascii.iter().any(|(x, y)| (x == a && y == b) || (x == b && y == a));
        assert!(there, "no collation holds {a:?} and {b:?} for equal");
    }
}

#[test]
fn a_comparison_says_the_same() {
    let server = PrivateServer::start().expect("a server");
    let mut conn = server.connect().expect("connects");
    let texts: Vec<String> = NASTY.iter().map(ToString::to_string).collect();
    let tokens = tokens(&texts);
    load(&mut conn, &texts);
    conn.query_drop("SET SESSION sql_mode = ''").unwrap();
    for (collation, charset) in [
        ("utf8mb4_general_ci", "utf8mb4"),
        ("utf8mb4_general_nopad_ci", "utf8mb4"),
        ("utf8mb4_unicode_ci", "utf8mb4"),
        ("utf8mb4_unicode_520_ci", "utf8mb4"),
        ("utf8mb4_unicode_520_nopad_ci", "utf8mb4"),
        ("utf8mb4_bin", "utf8mb4"),
        ("utf8mb4_uca1400_ai_ci", "utf8mb4"),
        ("utf8mb4_uca1400_nopad_ai_ci", "utf8mb4"),
        ("utf8mb4_turkish_ci", "utf8mb4"),
        ("latin1_swedish_ci", "latin1"),
        ("gbk_chinese_ci", "gbk"),
    ] {
        let side = |name: &str| {
            format!(
                "(SELECT id, CONVERT(s USING {charset}) AS c FROM db.texts WHERE \
                 CAST(CONVERT(CONVERT(s USING {charset}) USING utf8mb4) AS BINARY) = CAST(s AS BINARY)) AS {name}"
            )
        };
        let sql = format!(
            "SELECT a.id, b.id FROM {}, {} WHERE a.id < b.id AND a.c = b.c COLLATE {collation}",
            side("a"),
            side("b")
        );
        let equal: Vec<(usize, usize)> = conn.query(sql).unwrap();
        for (a, b) in &equal {
            assert!(ordered(&tokens[*a], &tokens[*b]), "{collation}: {:?} = {:?}", texts[*a], texts[*b]);
        }
        println!("{collation}: {} equal pairs", equal.len());
        assert!(!equal.is_empty(), "{collation}");
    }
}

/// All short ASCII texts and all ideographs: slow.
#[test]
#[ignore = "minutes; for changes of what is plain"]
fn all_short_plain_texts() {
    let server = PrivateServer::start().expect("a server");
    let mut conn = server.connect().expect("connects");
    let printable = || (' '..='~').map(String::from);
    let letters = || ('a'..='z').map(String::from);
    let mut texts: Vec<String> =
        printable().chain(printable().flat_map(|a| printable().map(move |b| a.clone() + &b))).collect();
    texts.extend(letters().flat_map(|a| {
        letters().flat_map(move |b| {
            let ab = a.clone() + &b;
            letters().map(move |c| ab.clone() + &c)
        })
    }));
    texts.extend(('\u{3400}'..='\u{4dbf}').chain('\u{4e00}'..='\u{9fff}').map(String::from));
    load(&mut conn, &texts);
    let (pairs, ascii) = compare(&mut conn, &texts);
    println!("{} texts, {pairs} equal pairs, {} different ones of ASCII", texts.len(), ascii.len());
}
