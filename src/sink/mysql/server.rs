//! What the target is: the first session of an address finds it out, and the others inherit it.
//!
//! `VERSION()` is not asked for the kind: a TiDB says there whatever `server-version` in its configuration says. `TIDB_VERSION()` is a function
//! that only TiDB has.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use crate::error::Fault;

/// The codes by which a server says that it has no such function; with no database selected, some ask for one first.
const NO_FUNCTION: [u16; 4] = [1305, 1128, 1046, 1064];

/// What kind of server the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL or one of its close kin.
    MySql,
    /// MariaDB.
    MariaDb,
    /// TiDB.
    TiDb,
}

/// A server's kind and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its kind.
    pub flavour: Flavour,
    /// Major, minor, patch: TiDB's own, not the MySQL version that it claims. Zeros for a TiDB that was built without a version: nothing is
    /// expected of it that an early one does not have.
    pub version: (u32, u32, u32),
    /// What `select version()` says.
    pub text: String,
    /// The largest statement it takes, in bytes.
    pub max_allowed_packet: usize,
}

impl Server {
    /// `text` is what VERSION() says, `tidb` what TIDB_VERSION() does, on a server that has it.
    pub(super) fn read(text: String, tidb: Option<&str>, max_allowed_packet: usize) -> Self {
        let (flavour, version) = match tidb {
            Some(told) => (Flavour::TiDb, tidb_version(told, &text)),
            None if text.to_lowercase().contains("mariadb") => {
                // Some proxies keep the prefix that old replication clients needed.
                (Flavour::MariaDb, numbers(text.strip_prefix("5.5.5-").unwrap_or(&text)))
            }
            None => (Flavour::MySql, numbers(&text)),
        };
        Self { flavour, version, text, max_allowed_packet }
    }

    /// Whether tisync knows how to write to it.
    ///
    /// # Errors
    /// Refused, with what is supported.
    pub fn supported(&self) -> Result<()> {
        let oldest = match self.flavour {
            Flavour::MySql => (5, 7, 0),
            Flavour::MariaDb => (10, 6, 0),
            Flavour::TiDb => (4, 0, 0),
        };
        if self.version >= oldest || self.has_no_version() {
            return Ok(());
        }
        Err(Fault::refused(format!("the target is {self}, which is too old"))
            .hint("targets are MySQL from 5.7, MariaDB from 10.6 and TiDB from 4.0 on")
            .into())
    }

    fn has_no_version(&self) -> bool {
        self.flavour == Flavour::TiDb && self.version == (0, 0, 0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
            Flavour::TiDb => "TiDB",
        };
        if self.has_no_version() {
            return write!(f, "{name} of unknown version");
        }
        write!(f, "{name} {}.{}.{}", self.version.0, self.version.1, self.version.2)
    }
}

/// The version in TIDB_VERSION()'s line `Release Version: v7.5.1`, or else behind `-TiDB-v` in what VERSION() says.
fn tidb_version(told: &str, text: &str) -> (u32, u32, u32) {
    let line = told.lines().find_map(|line| line.trim().strip_prefix("Release Version:"));
    let release = line.map(|version| numbers(version.trim().trim_start_matches(['v', 'V'])));
    release
        .filter(|version| *version != (0, 0, 0))
        .or_else(|| text.split_once("-TiDB-v").map(|(_, own)| numbers(own)))
        .unwrap_or_default()
}

/// Major, minor, patch at the beginning of `text`; zeros where there are none.
fn numbers(text: &str) -> (u32, u32, u32) {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// What an answer to `SELECT TIDB_VERSION()` says: `None` where the server does not know the function.
///
/// # Errors
/// Anything else than that is no answer.
pub(super) fn told_by_tidb(answer: mysql::Result<Option<Option<String>>>) -> mysql::Result<Option<String>> {
    match answer {
        Ok(told) => Ok(Some(told.flatten().unwrap_or_default())),
        Err(mysql::Error::MySqlError(e)) if NO_FUNCTION.contains(&e.code) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the sessions of one address have found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<Mutex<Learned>>);

#[derive(Debug, Default)]
struct Learned {
    /// What VERSION() said when TIDB_VERSION() was asked.
    text: Option<String>,
    tidb: Option<String>,
    /// Session variables that the server does not have, or this account may not set.
    without: BTreeSet<&'static str>,
}

impl Known {
    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What TIDB_VERSION() said on the server whose VERSION() is `text`; the outer `None` if it has not been asked. Behind one address may be
    /// another server than before.
    pub(super) fn tidb(&self, text: &str) -> Option<Option<String>> {
        let learned = self.learned();
        (learned.text.as_deref() == Some(text)).then(|| learned.tidb.clone())
    }

    pub(super) fn learn(&self, text: &str, tidb: Option<String>) {
        let mut learned = self.learned();
        if learned.text.as_deref().is_some_and(|before| before != text) {
            learned.without.clear();
        }
        (learned.text, learned.tidb) = (Some(text.to_owned()), tidb);
    }

    pub(super) fn has(&self, variable: &str) -> bool {
        !self.learned().without.contains(variable)
    }

    pub(super) fn is_without(&self, variable: &'static str) {
        self.learned().without.insert(variable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, tidb: Option<&str>) -> String {
        Server::read(text.to_owned(), tidb, 1).to_string()
    }

    fn release(version: &str) -> String {
        format!("Release Version: {version}\nEdition: Community\nGit Commit Hash: 7d16cc79\nStore: tikv")
    }

    #[test]
    fn versions() {
        assert_eq!(said("10.11.19-MariaDB-0+deb12u1", None), "MariaDB 10.11.19");
        assert_eq!(said("5.5.5-10.6.4-MariaDB-log", None), "MariaDB 10.6.4");
        assert_eq!(said("5.7.44-log", None), "MySQL 5.7.44");
        assert!(Server::read("5.6.1".to_owned(), None, 1).supported().is_err());
        assert!(Server::read("8.4.3".to_owned(), None, 1).supported().is_ok());
    }

    #[test]
    fn a_tidb_is_what_it_says_of_itself() {
        for (text, version, shown) in [
            ("8.0.11-TiDB-v7.5.1", "v7.5.1", "TiDB 7.5.1"),
            ("5.7.25", "v6.1.7", "TiDB 6.1.7"),
            ("8.0.36-MariaDB", "v8.1.0", "TiDB 8.1.0"),
            ("5.7.25-TiDB-v9.9.9", "v5.4.0-alpha-103-g7d16cc79", "TiDB 5.4.0"),
            ("5.7.25-TiDB-v5.4.0-dirty", "None", "TiDB 5.4.0"),
            ("8.0.11-TiDB-None", "None", "TiDB of unknown version"),
            ("our own", "", "TiDB of unknown version"),
        ] {
            assert_eq!(said(text, Some(&release(version))), shown, "{text}");
        }
        assert_eq!(said("8.0.11", Some("")), "TiDB of unknown version");
        assert!(Server::read("x".to_owned(), Some(""), 1).supported().is_ok());
        assert!(Server::read("x".to_owned(), Some(&release("v3.0.20")), 1).supported().is_err());
        // A name alone makes no TiDB: it lacks the function.
        assert_eq!(said("8.0.11-TiDB-v7.5.1", None), "MySQL 8.0.11");
    }

    #[test]
    fn only_a_missing_function_means_no_tidb() {
        let error =
            |code| mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: "no".into(), code });
        assert_eq!(told_by_tidb(Err(error(1305))).unwrap(), None);
        assert_eq!(told_by_tidb(Err(error(1046))).unwrap(), None);
        for code in [1317, 1205, 9001, 1226, 2013, 1105] {
            assert!(told_by_tidb(Err(error(code))).is_err(), "{code}");
        }
        assert!(told_by_tidb(Err(mysql::Error::DriverError(mysql::DriverError::UnexpectedPacket))).is_err());
        assert_eq!(told_by_tidb(Ok(Some(Some("x".into())))).unwrap(), Some("x".into()));
        assert_eq!(told_by_tidb(Ok(Some(None))).unwrap(), Some(String::new()));
    }

    #[test]
    fn another_server_behind_the_address_is_asked_again() {
        let known = Known::default();
        assert_eq!(known.tidb("5.7.25"), None);
        known.learn("5.7.25", Some("x".into()));
        known.is_without("v");
        assert_eq!((known.clone().tidb("5.7.25"), known.has("v")), (Some(Some("x".into())), false));
        assert_eq!(known.tidb("8.0.11"), None);
        known.learn("8.0.11", None);
        assert_eq!((known.tidb("8.0.11"), known.has("v")), (Some(None), true));
    }
}
