//! The tokenizer against a server's own: random texts are given to the server to prepare, and what it says of them has to fit the tokens.
//!
//! A text that it reads has as many columns as there are commas between tokens, and nothing in it is left open. Of one that it does not read,
//! it names the place where it stopped: that is never within a string, a name or a comment.

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::playground::Random;
use tisync::playground::mariadb::PrivateServer;
use tisync::sql::{Token, tokens};

/// How many texts; `TISYNC_TOKEN_TEXTS` says another number.
const TEXTS: u64 = 4_000;
/// What is said of a name once the whole text is read.
const UNKNOWN_COLUMN: u16 = 1054;
/// Of what texts are made. What is in here twice comes twice as often.
const PIECES: &[&str] = &[
    "'", "'", "'", "'", "\"", "\"", "`", "`", "\\", "\\", "\\'", "''", "--", "-- ", "--\t", "--\u{1}", "--\u{7f}", "-",
    "/*", "/*/", "*/", "*/", "/", "*", "#", "\n", "\n", "\r", "\t", "\u{b}", "\u{c}", "\u{1}", " ", " ", "a", "b", "é",
    "\u{a0}", "\u{3000}", "1", "1.5", ",", ",", "'a'", "'b'", "`c`", "\"d\"", "N'x'", "x'41'", "_utf8'u'", "@", "@@",
    "@`v`", "@'v'", ".", "+", "=", "!", "%", "_", "T!", "M", ";", "\\N", "0x1F",
];

pub fn as_the_server_reads(server: &PrivateServer) {
    let texts = std::env::var("TISYNC_TOKEN_TEXTS").map_or(TEXTS, |n| n.parse().unwrap());
    let seed: u64 = std::env::var("TISYNC_TOKEN_SEED").map_or(1, |n| n.parse().unwrap());
    let mut conn = server.connect().unwrap();
    conn.query_drop("SET NAMES utf8mb4").unwrap();
    let mut random = Random::new(seed);
    let (mut read, mut refused) = (0_u64, 0_u64);
    while read + refused < texts {
        let count = 1 + random.index(14);
        let pieces: String = (0..count).map(|_| PIECES[random.index(PIECES.len())]).collect();
        // White space and semicolons at an end are none of the text to some servers.
        let text = format!("SELECT 1, {pieces}9");
        // Never sent: see `sql::canonical`.
        let executable = ["/*!", "/*M!", "/*+"].iter().any(|e| pieces.contains(e));
        if executable || tokens(&text).iter().any(|(token, ..)| *token == Token::Sign('\\')) {
            continue;
        }
        match ask(&mut conn, &text) {
            Asked::Columns(columns) => {
                read += 1;
                check_whole(&text);
                let commas = tokens(&text).iter().filter(|(t, ..)| *t == Token::Sign(',')).count();
                assert_eq!(columns, commas + 1, "seed {seed}: {text:?}: {:?}", tokens(&text));
            }
            Asked::Read => {
                read += 1;
                check_whole(&text);
            }
            Asked::Nothing => {}
            Asked::StoppedAt(at) => {
                refused += 1;
                // Servers count the place behind a comma for the comma.
                // Where it begins to count within words and white space is not the point.
                let whole = |token| matches!(token, Token::Name(_) | Token::Text(_) | Token::Comment(_));
                let inside = tokens(&text).into_iter().any(|(token, from, to)| whole(token) && from < at && at < to);
                assert!(!inside, "seed {seed}: {text:?}: stopped at {at}: {:?}", tokens(&text));
            }
        }
    }
    assert!(read > texts / 50 && refused > texts / 50, "{read} read, {refused} refused: the texts are no test");
}

/// That nothing is open at the end of a text that the server reads.
fn check_whole(text: &str) {
    let more = format!("{text}\n zz");
    let last = tokens(&more).pop().map(|(token, ..)| token);
    assert_eq!(last, Some(Token::Word("zz")), "{text:?}: {:?}", tokens(text));
}

enum Asked {
    /// It read the text, which has so many columns.
    Columns(usize),
    /// It read the text, and did not like what it says.
    Read,
    /// It does not tell.
    Nothing,
    /// It did not read it from this byte on.
    StoppedAt(usize),
}

fn ask(conn: &mut Conn, text: &str) -> Asked {
    match conn.prep(text) {
        Ok(statement) => {
            let columns = statement.columns().len();
            conn.close(statement).unwrap();
            Asked::Columns(columns)
        }
        Err(mysql::Error::MySqlError(e)) if e.code == 1064 => {
            // The text is short enough to be repeated as a whole.
            let rest = e.message.split_once(" near '").unwrap_or_else(|| panic!("{text:?}: {}", e.message)).1;
            let rest = rest.rsplit_once("' at line ").unwrap_or_else(|| panic!("{text:?}: {}", e.message)).0;
            let begins: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let at = begins.into_iter().rfind(|at| said(&text[*at..]) == rest || text[*at..] == *rest);
            Asked::StoppedAt(at.unwrap_or_else(|| panic!("{text:?}: {:?}", e.message)))
        }
        Err(mysql::Error::MySqlError(e)) if e.code == UNKNOWN_COLUMN => Asked::Read,
        // It may have stopped reading for that.
        Err(mysql::Error::MySqlError(_)) => Asked::Nothing,
        Err(error) => panic!("{text:?}: {error}"),
    }
}

/// A piece of a text as a server's message repeats it.
fn said(text: &str) -> String {
    let shown = |c: char| {
        let plain = !c.is_control() || matches!(c, '\t' | '\n' | '\r');
        if plain { c.to_string() } else { format!("\\{:04X}", u32::from(c)) }
    };
    text.chars().map(shown).collect()
}
