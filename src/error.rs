//! Errors for the operator: a kind that decides the exit code, and a hint that says what to do.
//!
//! Errors travel as [`anyhow::Error`]; `context` adds what was attempted. A [`Fault`] somewhere in
//! the chain carries the kind and the hint; without one the error is an unexpected failure and
//! exits like [`Kind::Connect`].
//!
//! Also here: the nearest known name for a misspelt one, and shell quoting for the commands that
//! messages show, so that they can be pasted as they are.

use std::fmt;

use strsim::levenshtein;

/// Why a command did not succeed. Each kind has a published exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer is no: it differs, it is too old. Exit code 1.
    Negative,
    /// The command line or the configuration is wrong. Exit code 2.
    Usage,
    /// Something could not be reached, read or was not allowed. Exit code 3.
    Connect,
    /// Going on would have lost or damaged data. Exit code 4.
    Refused,
    /// Stopped by a signal after draining; can be resumed. Exit code 5.
    Interrupted,
    /// A time limit ran out. Exit code 124.
    TimedOut,
}

impl Kind {
    /// The exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Connect => 3,
            Self::Refused => 4,
            Self::Interrupted => 5,
            Self::TimedOut => 124,
        }
    }
}

/// An error with its kind and, nearly always, a hint.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Decides the exit code.
    pub kind: Kind,
    /// What was attempted and why it failed.
    pub message: String,
    /// What to do next; empty if there is nothing better than the message.
    pub hint: String,
}

impl Fault {
    /// A fault of `kind` with `message` and no hint yet.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: String::new() }
    }

    /// Going on would have lost or damaged data.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Something could not be reached, read or was not allowed.
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new(Kind::Connect, message)
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The answer is no.
    pub fn negative(message: impl Into<String>) -> Self {
        Self::new(Kind::Negative, message)
    }

    /// Adds the hint: what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// The first [`Fault`] in the chain of `error`, outermost first.
#[must_use]
pub fn fault(error: &anyhow::Error) -> Option<&Fault> {
    // `downcast_ref` also finds a Fault that was attached as context, which `chain` alone would
    // miss.
    error.downcast_ref::<Fault>().or_else(|| error.chain().find_map(|e| e.downcast_ref::<Fault>()))
}

/// The exit code for `error`.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    fault(error).map_or(Kind::Connect, |f| f.kind).exit_code()
}

/// The one of `names` that `name` was probably meant to be, if any is near enough. Case and the
/// kind of dash do not count.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |text: &str| text.to_lowercase().replace('_', "-");
    let given = alike(name);
    let (distance, near) = names.into_iter().map(|n| (levenshtein(&given, &alike(n)), n)).min()?;
    let longer = near.chars().count().max(name.chars().count());
    let most = match longer {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    (distance <= most && distance < longer).then_some(near)
}

/// A number of things, as in `1 row` and `2 rows`.
#[must_use]
pub fn counted(n: impl fmt::Display, one: &str) -> String {
    let n = n.to_string();
    let s = if n == "1" { "" } else { "s" };
    format!("{n} {one}{s}")
}

/// `word` as a shell takes it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,=+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let names = ["worker-count", "txn-batch", "to", "sql-mode"];
        assert_eq!(nearest("worker_cout", names), Some("worker-count"));
        assert_eq!(nearest("SQLMode", names), Some("sql-mode"));
        assert_eq!(nearest("tu", names), Some("to"));
        assert_eq!(nearest("bb", ["a", "b"]), Some("b"));
        assert_eq!(nearest("tow", ["one", "two"]), Some("two"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("ab", names), None);
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
