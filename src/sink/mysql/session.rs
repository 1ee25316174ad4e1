//! One connection to a target, with everything set that applying depends on (spec/tidb-formats.md §8.1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, DriverError};

use super::connect::{SslMode, Target};
use super::failure::{Class, classify, explain};
use super::waits::Caller;
use crate::checkpoint::Failed;
use crate::error::Fault;
use crate::mark::Carrier;

/// Zero and invalid dates pass and a 0 in an AUTO_INCREMENT column stays 0; everything else that does not fit fails.
const SQL_MODE: &str = "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";
/// The same without strictness: for ENUM index 0, which strict mode refuses.
const RELAXED_SQL_MODE: &str = "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

/// The code for an unknown system variable.
const UNKNOWN_VARIABLE: u16 = 1193;

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
    /// Major, minor, patch: TiDB's own, not the MySQL version that it claims.
    pub version: (u32, u32, u32),
    /// What `select version()` says.
    pub text: String,
    /// The largest statement it takes, in bytes.
    pub max_allowed_packet: usize,
}

impl Server {
    fn read(text: String, max_allowed_packet: usize) -> Self {
        let (flavour, digits) = if let Some((_, own)) = text.split_once("-TiDB-v") {
            (Flavour::TiDb, own)
        } else if text.contains("MariaDB") {
            // Some proxies keep the prefix that old replication clients needed.
            (Flavour::MariaDb, text.strip_prefix("5.5.5-").unwrap_or(&text))
        } else {
            (Flavour::MySql, text.as_str())
        };
        let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let version = (next(), next(), next());
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
        if self.version >= oldest {
            return Ok(());
        }
        Err(Fault::refused(format!("the target is {self}, which is too old"))
            .hint("targets are MySQL 5.7 to 8.4, MariaDB 10.6 to 11 and TiDB 4.0 or later")
            .into())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
            Flavour::TiDb => "TiDB",
        };
        write!(f, "{name} {}.{}.{}", self.version.0, self.version.1, self.version.2)
    }
}

/// A connection that is set up for applying.
pub struct Session {
    pub(super) conn: Conn,
    server: Server,
    pub(super) transaction: bool,
    /// Whether the server takes several statements at once, as far as known.
    pub(super) pairs: bool,
    /// What each transaction carries first.
    pub(super) carrier: Option<Arc<Carrier>>,
    /// Modes that the operator wants, each with a comma before it.
    more_modes: String,
    /// Whoever waits for its answers.
    pub(super) caller: Option<Caller>,
}

impl Session {
    /// Connects to `target` and sets the session up.
    ///
    /// # Errors
    /// If it cannot be reached, refuses the account, or is too old.
    pub fn open(target: &Target) -> Result<Self> {
        let conn =
            connect(target).map_err(|e| explain(&e, format!("cannot connect to the target {}", target.name())))?;
        let mut session = Self {
            conn,
            server: Server { flavour: Flavour::MySql, version: (0, 0, 0), text: String::new(), max_allowed_packet: 0 },
            transaction: false,
            pairs: true,
            carrier: None,
            more_modes: target.sql_mode().iter().map(|mode| format!(",{mode}")).collect(),
            caller: None,
        };
        let found: Option<(String, u64)> = session.first("SELECT version(), @@max_allowed_packet")?;
        let (text, packet) = found.unwrap_or_default();
        session.server = Server::read(text, usize::try_from(packet).unwrap_or(usize::MAX));
        session.server.supported()?;
        session.set_up()?;
        for (name, value) in target.variables() {
            let set = session.conn.query_drop(format!("SET SESSION {name} = {value}"));
            set.map_err(|e| explain(&e, format!("cannot set the session variable {name} on the target")))?;
        }
        Ok(session)
    }

    fn set_up(&mut self) -> Result<()> {
        self.run("SET NAMES utf8mb4")?;
        self.run(&format!(
            "SET SESSION time_zone = '+00:00', sql_mode = '{SQL_MODE}{}', foreign_key_checks = 0, autocommit = 1",
            self.more_modes
        ))?;
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
        // A CREATE DATABASE without a charset then gets TiDB's default, not the server's case-insensitive one.
        self.run("SET SESSION character_set_server = 'utf8mb4', collation_server = 'utf8mb4_bin'")?;
        // A quiet upstream is no reason to lose the connection: some servers hang up after a minute.
        self.set_if_known("wait_timeout", "604800")?;
        match self.server.flavour {
            Flavour::TiDb => {
                self.set_if_known("allow_auto_random_explicit_insert", "1")?;
                // A locking read has to wait for the one before: that is what hands a link over from run to run.
                self.set_if_known("tidb_txn_mode", "'pessimistic'")?;
                self.set_if_known("tidb_placement_mode", "'ignore'")?;
            }
            Flavour::MariaDb => {
                self.set_if_known("in_predicate_conversion_threshold", "0")?;
                // A row that the upstream has let in must come in here as well.
                self.set_if_known("check_constraint_checks", "0")?;
            }
            Flavour::MySql => {}
        }
        // Where it is off, a TIMESTAMP without any attribute becomes NOT NULL and changes itself on every update.
        let explicit: Option<u8> = self.first("SELECT @@explicit_defaults_for_timestamp")?;
        if explicit == Some(0) {
            // Not every version lets a session change it; the checks before the first write then say so.
            let _ = self.conn.query_drop("SET SESSION explicit_defaults_for_timestamp = 1");
        }
        Ok(())
    }

    fn set_if_known(&mut self, name: &str, value: &str) -> Result<()> {
        match self.conn.query_drop(format!("SET SESSION {name} = {value}")) {
            Err(mysql::Error::MySqlError(e)) if e.code == UNKNOWN_VARIABLE => Ok(()),
            Err(e) => Err(explain(&e, format!("cannot set {name} on the target"))),
            Ok(()) => Ok(()),
        }
    }

    /// Locks are waited for no longer than it takes until an answer counts as lost, `limit`: so that such a wait ends with words, and not with the
    /// connection. What the operator has set stays.
    pub(super) fn wait_for_locks_within(&mut self, target: &Target, limit: Duration) -> Result<()> {
        let most = (limit.as_secs() * 5 / 6).max(1);
        let now: Option<(u64, u64)> = self.first("SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout")?;
        let (rows, tables) = now.unwrap_or_default();
        for (name, now) in [("innodb_lock_wait_timeout", rows), ("lock_wait_timeout", tables)] {
            let given = target.variables().iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
            if !given && now > most {
                self.set_if_known(name, &most.to_string())?;
            }
        }
        Ok(())
    }

    /// The server behind it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The server's id of this connection.
    #[must_use]
    pub fn connection_id(&self) -> u32 {
        self.conn.connection_id()
    }

    /// Runs a statement; gives the number of rows that it found or changed.
    ///
    /// # Errors
    /// What the server said.
    pub fn try_run(&mut self, sql: &str) -> mysql::Result<u64> {
        let asked = self.asks(sql);
        let result = asked.answered(self.conn.query_iter(sql))?;
        Ok(result.affected_rows())
    }

    /// The same, with the statement in an error that keeps what the server said.
    pub(crate) fn exec(&mut self, sql: &str) -> Result<u64, Failed> {
        self.try_run(sql).map_err(|error| failed(error, sql))
    }

    /// All rows of a query, with the same error.
    pub(crate) fn fetch<T: FromRow>(&mut self, sql: &str) -> Result<Vec<T>, Failed> {
        let asked = self.asks(sql);
        asked.answered(self.conn.query(sql)).map_err(|error| failed(error, sql))
    }

    /// The first row of a query, with the same error.
    pub(crate) fn fetch_one<T: FromRow>(&mut self, sql: &str) -> Result<Option<T>, Failed> {
        let asked = self.asks(sql);
        asked.answered(self.conn.query_first(sql)).map_err(|error| failed(error, sql))
    }

    /// Whether a transaction was opened here that has not ended.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.transaction
    }

    /// How many of the rows of the last INSERT … ON DUPLICATE KEY UPDATE, one of several rows, were there before: MariaDB's
    /// words are `Records: 3  Duplicates: 2  Warnings: 0`, in any language with these numbers in this order.
    pub(super) fn duplicates(&self) -> Option<u64> {
        second_number(&self.conn.info_str())
    }

    /// How many rows the last UPDATE found, changed or not: `Rows matched: 1  Changed: 0  Warnings: 0`.
    pub(super) fn matched(&self) -> Option<u64> {
        let words = self.conn.info_str();
        words.split(|c: char| !c.is_ascii_digit()).find(|n| !n.is_empty())?.parse().ok()
    }

    /// The same, with the statement in the error.
    ///
    /// # Errors
    /// What the server said.
    pub fn run(&mut self, sql: &str) -> Result<u64> {
        self.try_run(sql).map_err(|e| explain(&e, format!("the target refused `{}`", shorten(sql))))
    }

    /// All rows of a query.
    pub(crate) fn rows<T: FromRow>(&mut self, sql: &str) -> Result<Vec<T>> {
        let asked = self.asks(sql);
        asked.answered(self.conn.query(sql)).map_err(|e| explain(&e, format!("the target refused `{}`", shorten(sql))))
    }

    /// The first row of a query.
    pub(crate) fn first<T: FromRow>(&mut self, sql: &str) -> Result<Option<T>> {
        let asked = self.asks(sql);
        asked
            .answered(self.conn.query_first(sql))
            .map_err(|e| explain(&e, format!("the target refused `{}`", shorten(sql))))
    }

    /// How many warnings the last statement gave.
    pub(super) fn warnings(&self) -> u16 {
        self.conn.warnings()
    }

    /// Switches strictness off or on again.
    pub(super) fn relax(&mut self, relaxed: bool) -> Result<()> {
        let mode = if relaxed { RELAXED_SQL_MODE } else { SQL_MODE };
        self.run(&format!("SET SESSION sql_mode = '{mode}{}'", self.more_modes)).map(drop)
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// If the target refuses.
    pub fn begin(&mut self) -> Result<()> {
        Ok(self.open_transaction()?)
    }

    /// Makes durable what is open. After an error it may have happened or not.
    ///
    /// # Errors
    /// If the target refuses or the connection is lost.
    pub fn commit(&mut self) -> Result<()> {
        self.transaction = false;
        self.run("COMMIT").map(drop)
    }

    /// Takes back what is open. Cannot fail in a way that matters: a lost connection rolls back by itself.
    pub fn rollback(&mut self) {
        if std::mem::take(&mut self.transaction) {
            let _ = self.conn.query_drop("ROLLBACK");
        }
    }
}

/// The second number in what the server says of a statement, in whatever language.
pub(super) fn second_number(words: &str) -> Option<u64> {
    let mut numbers = words.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
    numbers.nth(1)?.parse().ok()
}

fn failed(error: mysql::Error, sql: &str) -> Failed {
    Failed::Target { error, attempted: format!("the target refused `{}`", shorten(sql)) }
}

fn connect(target: &Target) -> mysql::Result<Conn> {
    if target.ssl_mode == SslMode::Disabled {
        return connect_in_time(target, false);
    }
    match connect_in_time(target, true) {
        Err(mysql::Error::DriverError(DriverError::TlsNotSupported)) if target.ssl_mode == SslMode::Preferred => {
            connect_in_time(target, false)
        }
        other => other,
    }
}

/// A server that hangs takes a connection and says nothing: the driver, which must wait for DDL without end, would wait for that as well.
fn connect_in_time(target: &Target, tls: bool) -> mysql::Result<Conn> {
    let (options, limit) = (target.options(tls), target.handshake_limit());
    let (made, comes) = crossbeam_channel::bounded(1);
    // Nobody takes it once it is late: it ends there.
    std::thread::Builder::new().name("connect".to_owned()).spawn(move || made.send(Conn::new(options)))?;
    let late = |_| mysql::Error::IoError(std::io::Error::from(std::io::ErrorKind::WouldBlock));
    comes.recv_timeout(limit).map_err(late).flatten()
}

/// The beginning of a statement, short enough for a message.
pub(super) fn shorten(sql: &str) -> String {
    const SHOWN: usize = 160;
    let mut text: String = sql.chars().take(SHOWN).collect();
    if text.len() < sql.len() {
        text.push('…');
    }
    text
}

/// Whether `error` says that the connection is lost.
#[must_use]
pub fn is_lost(error: &mysql::Error) -> bool {
    classify(error) == Class::Connection
}

/// `name` in back quotes.
#[must_use]
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `text` as a string literal (backslash escapes are on in our sessions).
#[must_use]
pub fn quote_text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    super::literal::quoted(&mut out, text.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let read = |text: &str| Server::read(text.to_owned(), 1).to_string();
        assert_eq!(read("10.11.19-MariaDB-0+deb12u1"), "MariaDB 10.11.19");
        assert_eq!(read("5.5.5-10.6.4-MariaDB-log"), "MariaDB 10.6.4");
        assert_eq!(read("8.0.11-TiDB-v7.5.1"), "TiDB 7.5.1");
        assert_eq!(read("5.7.44-log"), "MySQL 5.7.44");
        assert!(Server::read("5.6.1".to_owned(), 1).supported().is_err());
        assert!(Server::read("8.4.3".to_owned(), 1).supported().is_ok());
    }
}
