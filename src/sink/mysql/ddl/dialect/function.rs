//! Translates functions, defaults and view queries that a target lacks or writes otherwise.
//!
//! - Functions that TiDB has and a target lacks, or has with fewer arguments: written in other
//!   words where these mean exactly the same, and named in the refusal where there are none.
//! - Defaults that a server does not have, or writes otherwise.
//! - Parts of a view's query in words that older servers and MariaDB do not have.
//! - Functions that TiDB writes under its own name.

use std::ops::Range;

use super::edit::Edit;
use super::{Dialect, Unsupported};
use crate::sql::{Token, begins_query};

type Version = (u32, u32, u32);

const ALWAYS: Version = (0, 0, 0);
const NEVER: Version = (u32::MAX, 0, 0);
/// Any number of arguments that TiDB accepts.
const ANY: usize = usize::MAX;

/// The version from which a kind of server has a function, the one in which it was removed, and the
/// largest number of arguments.
struct Since(Version, Version, usize);

const HAS: Since = Since(ALWAYS, NEVER, ANY);
const LACKS: Since = Since(NEVER, NEVER, ANY);

const fn since(major: u32, minor: u32, patch: u32) -> Since {
    Since((major, minor, patch), NEVER, ANY)
}

const fn until(major: u32, minor: u32, patch: u32) -> Since {
    Since(ALWAYS, (major, minor, patch), ANY)
}

const fn up_to(arguments: usize) -> Since {
    Since(ALWAYS, NEVER, arguments)
}

/// Functions that not all servers have: in MySQL, in MariaDB. Measured on MySQL 5.7.22, 8.0.31 and
/// 9.7.4 and on MariaDB 10.11.19 and 11.4.5.
const FUNCTIONS: [(&str, Since, Since); 31] = [
    // With an initialization vector in MariaDB from 11.2 on: see `late` below.
    ("AES_DECRYPT", HAS, up_to(2)),
    ("AES_ENCRYPT", HAS, up_to(2)),
    ("ANY_VALUE", since(5, 7, 5), LACKS),
    ("BIN_TO_UUID", since(8, 0, 0), LACKS),
    ("DECODE", until(8, 0, 0), HAS),
    ("EMBED_TEXT", LACKS, LACKS),
    ("ENCODE", until(8, 0, 0), HAS),
    ("FORMAT_BYTES", since(8, 0, 16), since(11, 8, 0)),
    ("FORMAT_NANO_TIME", LACKS, LACKS),
    ("FTS_MATCH_WORD", LACKS, LACKS),
    ("IS_UUID", since(8, 0, 0), LACKS),
    ("JSON_MEMBEROF", since(8, 0, 17), LACKS),
    ("JSON_OVERLAPS", since(8, 0, 17), since(10, 9, 0)),
    ("JSON_SCHEMA_VALID", since(8, 0, 17), since(11, 1, 0)),
    ("JSON_STORAGE_FREE", since(8, 0, 2), LACKS),
    ("JSON_STORAGE_SIZE", since(5, 7, 22), LACKS),
    ("JSON_SUM_CRC32", LACKS, LACKS),
    ("PASSWORD", until(8, 0, 0), HAS),
    ("REGEXP_INSTR", since(8, 0, 4), up_to(2)),
    ("REGEXP_LIKE", since(8, 0, 4), LACKS),
    ("REGEXP_REPLACE", since(8, 0, 4), up_to(3)),
    ("REGEXP_SUBSTR", since(8, 0, 4), up_to(2)),
    ("SM3", LACKS, LACKS),
    ("TRANSLATE", LACKS, LACKS),
    ("UUID_TIMESTAMP", LACKS, LACKS),
    ("UUID_TO_BIN", since(8, 0, 0), LACKS),
    ("UUID_V4", LACKS, since(11, 7, 0)),
    ("UUID_V7", LACKS, since(11, 7, 0)),
    ("UUID_VERSION", LACKS, LACKS),
    ("VALIDATE_PASSWORD_STRENGTH", HAS, LACKS),
    ("VITESS_HASH", LACKS, LACKS),
];

/// Prefixes of functions that only TiDB has.
const OWN: [&str; 3] = ["TIDB_", "MASK_", "VEC_"];

/// Arguments that are equal to the default when they are left out, by their numbers.
const IMPLIED: [(&str, usize, &str); 8] = [
    ("REGEXP_INSTR", 2, "1"),
    ("REGEXP_INSTR", 3, "1"),
    ("REGEXP_INSTR", 4, "0"),
    ("REGEXP_REPLACE", 3, "1"),
    ("REGEXP_REPLACE", 4, "0"),
    ("REGEXP_SUBSTR", 2, "1"),
    ("REGEXP_SUBSTR", 3, "1"),
    ("UUID_TO_BIN", 1, "0"),
];

/// Types that a value may be cast to: in MySQL, in MariaDB.
const TYPES: [(&str, Since, Since); 5] = [
    ("DOUBLE", since(8, 0, 17), HAS),
    ("FLOAT", since(8, 0, 17), HAS),
    ("JSON", HAS, LACKS),
    ("REAL", since(8, 0, 17), LACKS),
    // MySQL does not accept it in a definition: it looks for a function `cast_as_year`.
    ("YEAR", LACKS, LACKS),
];

/// A call as a server writes it: the text before its arguments, between them, and after.
type Form = (&'static str, &'static str, &'static str);

/// Equivalent calls for servers that lack the function, for that number of arguments. An argument
/// that is invalid upstream has no row there.
const INSTEAD: [(&str, usize, Form); 4] = [
    ("ANY_VALUE", 1, ("(", "", ")")),
    ("REGEXP_LIKE", 2, ("((", ") REGEXP (", "))")),
    ("UUID_TO_BIN", 1, ("UNHEX(REPLACE(REPLACE(REPLACE(", "", ",'-',''),'{',''),'}',''))")),
    ("BIN_TO_UUID", 1, ("INSERT(INSERT(INSERT(INSERT(LOWER(HEX(", "", ")),9,0,'-'),14,0,'-'),19,0,'-'),24,0,'-')")),
];

/// Functions that TiDB writes under another name than all other servers.
const OTHERWISE: [(&str, usize, Form); 2] =
    [("INSERT_FUNC", 4, ("INSERT(", ",", ")")), ("JSON_MEMBEROF", 2, ("((", ") MEMBER OF (", "))"))];

/// The translation of a call.
enum Call {
    /// These pieces, by their places, are replaced.
    Said(Vec<(Range<usize>, String)>),
    /// The target has nothing equivalent.
    Lacks(String),
}

impl Dialect<'_> {
    /// Translates calls that the target writes differently.
    pub(super) fn functions(&self, edit: &mut Edit<'_>) {
        for at in 0..edit.len() {
            if let Some(Call::Said(pieces)) = self.call(edit, at) {
                pieces.into_iter().for_each(|(range, text)| edit.put(range, &text));
            }
        }
    }

    /// The first function in `range` that the target lacks, for messages.
    pub(super) fn lacking(&self, edit: &Edit<'_>, range: Range<usize>) -> Option<String> {
        range.into_iter().find_map(|at| match self.call(edit, at) {
            Some(Call::Lacks(what)) => Some(what),
            _ => None,
        })
    }

    /// The first function that the target lacks in an expression as TiDB keeps it.
    pub(super) fn lacking_in(&self, expression: &str) -> Option<String> {
        let edit = Edit::new(expression);
        self.lacking(&edit, 0..edit.len())
    }

    fn has(&self, (mysql, mariadb): (&Since, &Since), arguments: usize) -> bool {
        let Since(from, to, most) = if self.mariadb { mariadb } else { mysql };
        (*from..*to).contains(&self.version) && arguments <= *most
    }

    fn call(&self, edit: &Edit<'_>, at: usize) -> Option<Call> {
        let Some(Token::Word(word)) = edit.token(at) else { return None };
        let name = word.to_ascii_uppercase();
        if name == "ILIKE" && !edit.sign(at + 1, '(') {
            return Some(Call::Lacks("ILIKE".to_owned()));
        }
        if self.mariadb && edit.phrase(at, &["MEMBER", "OF"]).is_some_and(|open| edit.sign(open, '(')) {
            return Some(Call::Lacks("MEMBER OF".to_owned()));
        }
        if !edit.sign(at + 1, '(') {
            return None;
        }
        let close = edit.close(at + 1);
        let arguments = edit.items(at + 2..close);
        if matches!(name.as_str(), "CAST" | "CONVERT") {
            return self.cast(edit, &name, &arguments);
        }
        let all = arguments.len();
        let known = FUNCTIONS.iter().find(|(of, ..)| *of == name).map(|(_, mysql, mariadb)| (mysql, mariadb));
        let late = self.mariadb && self.version >= (11, 2, 0) && name.starts_with("AES_");
        let own = OWN.iter().any(|own| name.starts_with(own));
        if late || known.map_or(!own, |known| self.has(known, all)) {
            let otherwise = OTHERWISE.iter().find(|(of, n, _)| *of == name && *n == all);
            return otherwise.map(|(.., form)| written(at, close, &arguments, all, *form));
        }
        let needed = needed(edit, &name, &arguments);
        if let Some((.., form)) = INSTEAD.iter().find(|(of, n, _)| *of == name && *n == needed) {
            return Some(written(at, close, &arguments, needed, *form));
        }
        if known.is_some_and(|known| self.has(known, needed)) {
            let behind = arguments.get(needed).map_or(close, |argument| argument.start);
            return Some(Call::Said(vec![(behind - 1..close, String::new())]));
        }
        let fewer = known.is_some_and(|known| self.has(known, 0));
        Some(Call::Lacks(if fewer { format!("{name} with {all} arguments") } else { name }))
    }

    /// CAST(x AS type), and CONVERT(x, type).
    fn cast(&self, edit: &Edit<'_>, name: &str, arguments: &[Range<usize>]) -> Option<Call> {
        let kind = match arguments {
            [_, kind] if name == "CONVERT" => kind.start,
            [only] if name == "CAST" => edit.surface(only.clone()).into_iter().rev().find(|at| edit.is(*at, "AS"))? + 1,
            _ => return None,
        };
        let (word, mysql, mariadb) = TYPES.iter().find(|(word, ..)| edit.is(kind, word))?;
        if self.has((mysql, mariadb), 0) {
            return None;
        }
        if self.mariadb && *word == "REAL" {
            return Some(Call::Said(vec![(kind..kind + 1, "DOUBLE".to_owned())]));
        }
        Some(Call::Lacks(format!("{name} to {word}")))
    }
}

/// How many of `arguments` are needed: the last ones may be equal to the default.
fn needed(edit: &Edit<'_>, name: &str, arguments: &[Range<usize>]) -> usize {
    let implied = |number: usize, argument: &Range<usize>| {
        let found = IMPLIED.iter().find(|(of, n, _)| *of == name && *n == number);
        argument.len() == 1 && found.is_some_and(|(.., value)| edit.written(argument.start) == *value)
    };
    let behind = arguments.iter().enumerate().rev().take_while(|(number, argument)| implied(*number, argument)).count();
    arguments.len() - behind
}

/// The call at `at`, which ends at `close`, with its first `count` arguments.
fn written(at: usize, close: usize, arguments: &[Range<usize>], count: usize, (before, between, behind): Form) -> Call {
    let mut pieces = vec![(at..at + 2, before.to_owned())];
    let commas = arguments.iter().take(count).skip(1).map(|argument| argument.start - 1);
    pieces.extend(commas.map(|comma| (comma..comma + 1, between.to_owned())));
    let end = arguments.get(count).map_or(close, |argument| argument.start - 1);
    pieces.push((end..close + 1, behind.to_owned()));
    Call::Said(pieces)
}

/// Functions that may follow DEFAULT without brackets.
pub(super) const NOW: [&str; 6] =
    ["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_DATE", "CURDATE"];
/// The first version of MySQL with expressions as defaults.
const EXPRESSIONS: (u32, u32, u32) = (8, 0, 13);
/// Types that cannot have a literal as their default.
const LONG: [&str; 9] =
    ["TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "JSON"];

impl Dialect<'_> {
    /// Translates defaults that are expressions.
    pub(super) fn defaults(&self, edit: &mut Edit<'_>, range: Range<usize>, without: &mut Vec<String>) {
        for at in edit.surface(range) {
            if !edit.is(at, "DEFAULT") {
                continue;
            }
            let called = edit.sign(at + 2, '(') && matches!(edit.token(at + 1), Some(Token::Word(_)));
            let open = if called { at + 2 } else { at + 1 };
            let what = if edit.sign(open, '(') { self.lacking(edit, at + 1..edit.close(open)) } else { None };
            if let Some(what) = what {
                no_default(edit, at..edit.close(open) + 1);
                without.push(format!("without a DEFAULT: it needs {what}, which {} does not have", self.target()));
                continue;
            }
            if self.mariadb {
                continue;
            }
            let end = match edit.phrase(at + 1, &["NEXT", "VALUE", "FOR"]) {
                Some(name) => edit.behind_name(name),
                None if called && !edit.is_any(at + 1, &NOW) => edit.close(at + 2) + 1,
                None if edit.sign(at + 1, '(') && self.version < EXPRESSIONS => edit.close(at + 1) + 1,
                None => continue,
            };
            let sequence = edit.is_any(at + 1, &["NEXT", "NEXTVAL"]);
            if sequence || self.version < EXPRESSIONS {
                no_default(edit, at..end);
                let what = if sequence { "sequences" } else { "defaults that are expressions" };
                without.push(format!("without a DEFAULT: {} has no {what}", self.target()));
            } else {
                edit.put(at + 1..at + 1 + 1, &format!("({}", edit.name(at + 1).unwrap_or_default()));
                edit.put(end - 1..end, "))");
            }
        }
    }
}

/// Removes a default; after SET it is dropped.
fn no_default(edit: &mut Edit<'_>, range: Range<usize>) {
    match range.start.checked_sub(1).filter(|before| edit.is(*before, "SET")) {
        Some(set) => edit.put(set..range.end, "DROP DEFAULT"),
        None => edit.cut(range),
    }
}

/// A session that is not strict may give a TEXT, BLOB or JSON the default `''`: TiDB accepts the
/// statement and drops the default.
pub(super) fn text_default(edit: &mut Edit<'_>, range: Range<usize>) {
    // After one name, or in CHANGE after two.
    if !(1..=2).any(|n| edit.is_any(range.start + n, &LONG)) {
        return;
    }
    for at in edit.surface(range.clone()) {
        if !edit.is(at, "DEFAULT") {
            continue;
        }
        let charset = matches!(edit.token(at + 1), Some(Token::Word(word)) if word.starts_with('_'));
        let value = if charset { at + 2 } else { at + 1 };
        if value < range.end && matches!(edit.token(value), Some(Token::Text(_))) {
            edit.cut(at..value + 1);
        }
    }
}

impl Dialect<'_> {
    /// Whether `TABLE t` and `VALUES ROW(1)` are queries.
    fn has_table_statement(&self) -> bool {
        !self.mariadb && self.version >= (8, 0, 19)
    }

    /// Translates a CREATE VIEW: `TABLE t` is `SELECT * FROM t`, whatever follows.
    pub(super) fn view(&self, edit: &mut Edit<'_>) -> Result<(), Unsupported> {
        if let Some(what) = self.lacking(edit, 0..edit.len()) {
            return Err(Unsupported(format!("its query needs {what}, which {} does not have", self.target())));
        }
        if self.has_table_statement() {
            return Ok(());
        }
        for at in 1..edit.len() {
            if !begins_query(edit, at) {
                continue;
            }
            let word = matches!(edit.token(at), Some(Token::Word(_)));
            if word && edit.is(at, "VALUES") && edit.is(at + 1, "ROW") && edit.sign(at + 2, '(') {
                return Err(Unsupported(format!(
                    "{} has no VALUES ROW(…); use a SELECT of the same values, with UNION ALL between the rows",
                    self.target()
                )));
            }
            if word && edit.is(at, "TABLE") && matches!(edit.token(at + 1), Some(Token::Name(_) | Token::Word(_))) {
                edit.put(at..at + 1, "SELECT * FROM");
            }
        }
        Ok(())
    }
}

/// TiDB writes `CHAR(65)` as `char_func(65, null)`, and `CHAR(65 USING utf8mb4)` as `char_func(65,
/// 'utf8mb4')`.
pub(super) fn translate_calls(edit: &mut Edit<'_>) {
    for at in 0..edit.len() {
        if !edit.is(at, "CHAR_FUNC") || !matches!(edit.token(at), Some(Token::Word(_))) || !edit.sign(at + 1, '(') {
            continue;
        }
        let close = edit.close(at + 1);
        let arguments = edit.items(at + 2..close);
        let [_, .., last] = arguments.as_slice() else { continue };
        let charset = edit.written(last.start).trim_matches('\'');
        if last.len() != 1 || !charset.bytes().all(|b| b.is_ascii_alphanumeric()) {
            continue;
        }
        match edit.token(last.start) {
            Some(Token::Text(_)) => edit.put(last.start - 1..last.end, &format!(" USING {charset}")),
            Some(Token::Word(_)) if edit.is(last.start, "NULL") => edit.cut(last.start - 1..last.end),
            _ => continue,
        }
        edit.put(at..at + 1, "CHAR");
    }
}
