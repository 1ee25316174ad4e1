//! Rewrites the DDL text of a source so that every server reads it as the source did.
//!
//! TiDB restores what a user typed before it writes it into its binlog: keywords in upper case,
//! names in back quotes, strings in single quotes. In some of these strings ([`StringPlace`]) it
//! leaves each backslash as it is, while a server takes a backslash for an escape: read in that
//! way, `COMMENT = 'a\'` swallows what follows. So their backslashes are doubled here; a text that
//! is as the user typed it stays. Comments go, but for those in which TiDB wraps its own features.
//!
//! What the source cannot have meant, and what is a comment to us and words to a server (`/*! …
//! */`), is unclear, and never sent.
//!
//! [`StringPlace`] is where a string stands in a restored text, which says how TiDB has written it.
//! It restores values (defaults, comments of columns, literals of expressions) with each backslash
//! doubled, and what is no value (elements of ENUM and SET, comments of tables, partitions and
//! indexes) as it is.

use std::borrow::Cow;

use super::token::{Token, is_space, next, quoted_end};

/// First words of the features that TiDB wraps in `/*T! … */` or `/*T![name] … */`.
const FEATURES: [&str; 19] = [
    "CLUSTERED",
    "NONCLUSTERED",
    "AUTO_RANDOM",
    "AUTO_RANDOM_BASE",
    "AUTO_ID_CACHE",
    "SHARD_ROW_ID_BITS",
    "PRE_SPLIT_REGIONS",
    "TTL",
    "TTL_ENABLE",
    "TTL_JOB_INTERVAL",
    "REMOVE",
    "PLACEMENT",
    "FORCE",
    "GLOBAL",
    "LOCAL",
    "ATTRIBUTES",
    "AFFINITY",
    "STATS_OPTIONS",
    "ENGINE_ATTRIBUTE",
];

/// Why a text is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear(pub &'static str);

/// What the caller knows about a text.
#[derive(Clone, Copy, Default)]
pub struct Source<'a> {
    /// The statement as the user typed it; empty if that is not known.
    pub typed: &'a str,
    /// Whether an element of an ENUM or a SET is one that the job left behind. `None`: nothing is
    /// known of its columns.
    pub elements: Option<&'a dyn Fn(&str) -> bool>,
}

/// How the strings of a text are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// As TiDB restores them: a backslash is a backslash.
    Restored,
    /// As a user types them: a backslash escapes.
    Typed,
}

/// `text` in a form that every server reads in the same way: strings with a backslash are written
/// so that it escapes, comments are gone.
///
/// # Errors
/// Why it cannot be told, or must not be sent.
pub fn canonical(text: &str, source: Source<'_>) -> Result<String, Unclear> {
    let restored = read(text, Reading::Restored);
    if !text.contains('\\') {
        return restored.map(|r| r.text);
    }
    let typed = read(text, Reading::Typed);
    let order = if is_restored(text, source.typed) { [restored, typed] } else { [typed, restored] };
    // An element that the table does not have shows that the other reading is the right one.
    let fits = |read: &Read<'_>| {
        source.elements.is_none_or(|has| read.elements.iter().all(|e| !e.contains('\\') || has(&unescaped(e))))
    };
    let [first, second] = order;
    match (first, second) {
        (Ok(first), _) if fits(&first) => Ok(first.text),
        (Ok(_), Ok(second)) if fits(&second) && source.elements.is_some() => Ok(second.text),
        (Ok(_), _) => Err(Unclear("tisync cannot tell what a backslash in it means")),
        (Err(why), _) => Err(why),
    }
}

/// Whether TiDB has restored `text`. It has not if the text is still what the user typed; it has if
/// the text differs, unless its first words say otherwise, as with a TiDB that only adds comments.
fn is_restored(text: &str, typed: &str) -> bool {
    let end = |text: &str| text.trim_matches(|c| is_space(c) || c == ';').to_owned();
    if !typed.is_empty() && end(text) == end(typed) {
        return false;
    }
    let mut words = super::tokens(text).into_iter().map(|(token, ..)| token).skip_while(|t| {
        // ``use `db`;`` stands before a statement in Drainer's files.
        t.is("use") || matches!(t, Token::Name(_) | Token::Sign(';'))
    });
    let upper = |word: &str| !word.bytes().any(|b| b.is_ascii_lowercase());
    words.find_map(|token| match token {
        Token::Word(word) if upper(word) => None,
        Token::Name(_) => Some(true),
        _ => Some(false),
    }) == Some(true)
}

/// A text that was read.
struct Read<'a> {
    text: String,
    /// Elements of ENUMs and SETs as they are written now.
    elements: Vec<Cow<'a, str>>,
}

fn read(text: &str, reading: Reading) -> Result<Read<'_>, Unclear> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut elements = Vec::new();
    let mut place = StringPlace::default();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let feature = if rest.starts_with("/*T!") { Some(feature(rest, reading)?) } else { None };
        if let Some((wrapped, length)) = feature {
            out.push_str(&wrapped);
            at += length;
            continue;
        }
        let (token, length) = next(rest, reading == Reading::Typed);
        let piece = rest.get(..length.max(1)).unwrap_or(rest);
        at += length.max(1);
        let Some(token) = token else {
            out.push_str(piece);
            continue;
        };
        let option = place.is_option();
        if !matches!(token, Token::Comment(_)) {
            place.take(token);
        }
        let element = matches!(token, Token::Text(_)) && place.is_element();
        let written = piece_of(token, piece, reading, element || option)?;
        if element {
            elements.push(written.clone());
        }
        out.push_str(&written);
    }
    out.truncate(out.trim_end_matches(is_space).len());
    Ok(Read { text: out, elements })
}

/// One token as it is written for every server; `plain` as for [`restored`].
fn piece_of<'a>(token: Token<'_>, piece: &'a str, reading: Reading, plain: bool) -> Result<Cow<'a, str>, Unclear> {
    let closed = |escapes| piece.chars().next().and_then(|q| quoted_end(piece, q, escapes)).is_some();
    Ok(match token {
        Token::Comment(text) if text.starts_with("/*!") || text.starts_with("/*M!") => {
            return Err(Unclear("it has an executable comment, which one server runs and another does not"));
        }
        Token::Comment(text) if text.starts_with("/*") && !(text.len() > 3 && text.ends_with("*/")) => {
            return Err(Unclear("it has a comment without an end"));
        }
        // Of what a comment parts, nothing becomes one word.
        Token::Comment(_) => Cow::Borrowed(" "),
        Token::Name(_) if !closed(false) => return Err(Unclear("it has a name without an end")),
        Token::Name(name) if name.contains('\0') => return Err(Unclear("it has a character that no text has")),
        Token::Text(_) if !closed(reading == Reading::Typed) => {
            return Err(Unclear("it has a string without an end"));
        }
        Token::Text(_) if piece.starts_with('"') && piece.contains('\\') => {
            return Err(Unclear("it has a backslash in double quotes, which servers read in two ways"));
        }
        Token::Text(_) if reading == Reading::Restored => restored(piece, plain),
        Token::Word(word) if word.starts_with('$') => {
            return Err(Unclear("it has a word that begins with `$`, which servers read in two ways"));
        }
        Token::Sign(c) if c == '\\' || c.is_control() => {
            return Err(Unclear("it has a character that no text has outside of quotes"));
        }
        _ => Cow::Borrowed(piece),
    })
}

/// A string that TiDB restored, as a server wants it. `plain`: TiDB has left its backslashes alone.
/// Older versions do so in all strings, which an odd number of backslashes in a row gives away.
fn restored(piece: &str, plain: bool) -> Cow<'_, str> {
    let odd = || piece.split(|c| c != '\\').any(|run| run.len() % 2 == 1);
    if plain || odd() { Cow::Owned(piece.replace('\\', "\\\\")) } else { Cow::Borrowed(piece) }
}

/// The feature of TiDB's that is wrapped in the comment at the start of `rest`, and the length of
/// that comment.
fn feature(rest: &str, reading: Reading) -> Result<(String, usize), Unclear> {
    const UNKNOWN: Unclear = Unclear("it has a comment that only a TiDB executes, and not one that TiDB writes");
    let behind = rest.strip_prefix("/*T!").unwrap_or(rest);
    let (name, inner) = match behind.strip_prefix('[') {
        Some(named) => named.split_once(']').ok_or(UNKNOWN)?,
        None => ("", behind),
    };
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b',') {
        return Err(UNKNOWN);
    }
    let begin = rest.len() - inner.len();
    let mut out = rest.get(..begin).unwrap_or_default().to_owned();
    let (mut at, mut depth, mut first) = (begin, 0_usize, true);
    while let Some(left) = rest.get(at..).filter(|l| !l.is_empty()) {
        if left.starts_with("*/") {
            return if first || depth > 0 { Err(UNKNOWN) } else { Ok((out + "*/", at + 2)) };
        }
        let (token, length) = next(left, reading == Reading::Typed);
        let piece = left.get(..length.max(1)).unwrap_or(left);
        at += length.max(1);
        match token {
            None => {}
            Some(Token::Word(word)) if first => {
                if !FEATURES.iter().any(|f| f.eq_ignore_ascii_case(word)) {
                    return Err(UNKNOWN);
                }
                first = false;
            }
            Some(Token::Sign('(')) => depth += 1,
            Some(Token::Sign(')')) => depth = depth.checked_sub(1).ok_or(UNKNOWN)?,
            Some(Token::Sign(',')) if depth == 0 => return Err(UNKNOWN),
            Some(Token::Comment(_) | Token::Sign(';' | '/' | '*')) => return Err(UNKNOWN),
            // To all but TiDB the comment would end in the middle of it.
            Some(_) if piece.contains("*/") => return Err(UNKNOWN),
            Some(_) if first => return Err(UNKNOWN),
            Some(_) => {}
        }
        match token {
            Some(token) => out.push_str(&piece_of(token, piece, reading, false)?),
            None => out.push_str(piece),
        }
    }
    Err(Unclear("it has a comment without an end"))
}

/// The value of a string in which backslashes escape.
fn unescaped(quoted: &str) -> String {
    let Some(quote) = quoted.chars().next() else { return String::new() };
    let inner = quoted.strip_prefix(quote).unwrap_or(quoted);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('0') => out.push('\0'),
                Some('b') => out.push('\u{8}'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('Z') => out.push('\u{1a}'),
                // These two are for LIKE, and stay as they are.
                Some(c @ ('%' | '_')) => out.extend(['\\', c]),
                Some(c) => out.push(c),
                None => {}
            },
            c => {
                if c == quote {
                    chars.next();
                }
                out.push(c);
            }
        }
    }
    out
}

/// What begins an index.
const INDEXES: [&str; 7] = ["INDEX", "KEY", "UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL", "CONSTRAINT"];

/// Follows the tokens of a text.
#[derive(Default)]
pub(super) struct StringPlace {
    /// For each bracket that is open: what of it is behind the last comma.
    clauses: Vec<Clause>,
    /// What of the text outside of all brackets is behind the last comma.
    outside: Clause,
    /// The last two tokens.
    before: [Before; 2],
    /// How far the words `ENUM (` or `SET (` have come: 2 is in the list.
    list: u8,
}

#[derive(Clone, Copy, Default)]
struct Clause {
    begun: bool,
    index: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Other,
    Word,
    /// ADD or CREATE, behind which an index may begin.
    Makes,
    Comment,
    Equals,
}

impl StringPlace {
    /// Takes the next token; comments and white space are none.
    pub(super) fn take(&mut self, token: Token<'_>) {
        self.list = match (token, self.list) {
            (Token::Word(w), _) if ["ENUM", "SET"].iter().any(|l| w.eq_ignore_ascii_case(l)) => 1,
            (Token::Sign('('), 1) | (Token::Text(_) | Token::Sign(','), 2) => 2,
            (Token::Word(w), 2) if w.starts_with('_') => 2,
            _ => 0,
        };
        let before = match token {
            Token::Word(_) if token.is("COMMENT") => Before::Comment,
            Token::Word(_) if token.is("ADD") || token.is("CREATE") => Before::Makes,
            Token::Word(_) => Before::Word,
            Token::Sign('=') => Before::Equals,
            _ => Before::Other,
        };
        let makes = self.before[1] == Before::Makes;
        let is_index = matches!(token, Token::Word(w) if INDEXES.iter().any(|i| w.eq_ignore_ascii_case(i)));
        let clause = self.clause();
        clause.index |= is_index && (makes || !clause.begun);
        clause.begun = true;
        match token {
            Token::Sign('(') => self.clauses.push(Clause::default()),
            Token::Sign(')') => drop(self.clauses.pop()),
            Token::Sign(',') => *self.clause() = Clause::default(),
            _ => {}
        }
        self.before = [self.before[1], before];
    }

    fn clause(&mut self) -> &mut Clause {
        self.clauses.last_mut().unwrap_or(&mut self.outside)
    }

    /// Whether the string that was taken last is an element of an ENUM or a SET.
    pub(super) fn is_element(&self) -> bool {
        self.list == 2
    }

    /// Whether a string that comes next is no value: it stands behind `COMMENT =` or another
    /// option's name and `=`, or is an index's comment.
    pub(super) fn is_option(&self) -> bool {
        let [last, newest] = self.before;
        let index = self.clauses.last().unwrap_or(&self.outside).index;
        newest == Before::Equals && matches!(last, Before::Word | Before::Comment) || newest == Before::Comment && index
    }
}

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod tests;
