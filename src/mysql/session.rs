//! One connection to a target, with all settings that applying needs.
//!
//! See docs/protocol/tidb-formats.md §8.1.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mysql::Conn;
use mysql::prelude::{FromRow, Queryable};

use super::address::Target;
use super::answer::Answers;
use super::answer::Caller;
use super::answer::guarded;
use super::error::SessionError;
use super::error::{Class, classify, explain};
use super::login;
use super::server;
pub use super::server::{Flavour, Server};
use super::server::{ServerCache, told_by_tidb};
use super::transaction::Prelude;
use crate::error::Fault;

/// Zero and invalid dates are accepted, and a 0 in an AUTO_INCREMENT column stays 0; everything
/// else that does not fit is refused.
const SQL_MODE: &str = "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";
/// The first version of MariaDB with this mode.
const TIME_ROUND_FRACTIONAL: (u32, u32, u32) = (10, 4, 1);
/// The SQL mode without strictness: for ENUM index 0, which strict mode refuses.
const RELAXED_SQL_MODE: &str = "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

/// How long the statements that set a session up may take, if answers have no limit of their own.
const SETUP_LIMIT: Duration = Duration::from_secs(15);

/// A connection that is set up for applying.
pub struct Session {
    pub(crate) conn: Conn,
    server: Server,
    /// The server's id of this connection: the greeting has only its lower half if it has 64 bits.
    id: u64,
    pub(crate) transaction: bool,
    /// Whether the server accepts several statements at once, as far as known.
    pub(crate) pairs: bool,
    /// The beginning of each transaction.
    pub(super) prelude: Option<Arc<dyn Prelude>>,
    /// Additional modes that the operator set, each with a comma before it.
    more_modes: String,
    /// The owner of the connection, for which waits are recorded.
    pub(crate) caller: Option<Caller>,
}

impl Session {
    /// Connects to `target` and sets the session up.
    ///
    /// # Errors
    /// If it cannot be reached, refuses the account, or is too old.
    pub fn open(target: &Target) -> Result<Self> {
        if target.read_timeout().is_some() {
            return Self::set_up(target);
        }
        // Answers have no time limit later, but the login has one.
        let (limit, name) = (target.handshake_limit() + SETUP_LIMIT, target.name());
        let (made, comes) = crossbeam_channel::bounded(1);
        let target = target.clone();
        std::thread::Builder::new().name("session".to_owned()).spawn(move || drop(made.send(Self::set_up(&target))))?;
        let late = || {
            let late = mysql::Error::IoError(std::io::Error::from(std::io::ErrorKind::WouldBlock));
            Err(explain(&late, format!("cannot set up a connection to the target {name}")))
        };
        comes.recv_timeout(limit).unwrap_or_else(|_| late())
    }

    fn set_up(target: &Target) -> Result<Self> {
        let cannot = |e: &mysql::Error| explain(e, format!("cannot connect to the target {}", target.name()));
        let mut conn = login::connect(target)?;
        let known = target.known();
        let mut more_modes: String = target.sql_mode().iter().map(|mode| format!(",{mode}")).collect();
        guarded(|| conn.query_drop("SET NAMES utf8mb4")).map_err(|e| cannot(&e))?;
        server::common(&mut conn, known, &format!("'{SQL_MODE}{more_modes}'"))?;
        let Introduction { server, id, explicit } = introduce(&mut conn, known)?;
        server.supported()?;
        if server.flavour == Flavour::MariaDb && server.version >= TIME_ROUND_FRACTIONAL {
            // TiDB and MySQL round fractions of a second that do not fit a column; by default,
            // MariaDB truncates them.
            more_modes.push_str(",TIME_ROUND_FRACTIONAL");
            let set = conn.query_drop(format!("SET SESSION sql_mode = '{SQL_MODE}{more_modes}'"));
            set.map_err(|e| explain(&e, "cannot set the session variable sql_mode on the target"))?;
        }
        let (flavour, transaction, pairs) = (server.flavour, false, true);
        let mut session = Self { conn, server, id, transaction, pairs, prelude: None, more_modes, caller: None };
        server::own(&mut session.conn, known, flavour)?;
        // Transactions may be read-only by default on a server; TiDB only pretends to know that.
        let access = if flavour == Flavour::TiDb { "" } else { ", READ WRITE" };
        session.run(&format!("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED{access}"))?;
        // If it is off, a TIMESTAMP without attributes becomes NOT NULL and changes on every
        // update.
        if !explicit {
            // Not every version lets a session change it; the checks before the first write will
            // then report it.
            let _ = session.conn.query_drop("SET SESSION explicit_defaults_for_timestamp = 1");
        }
        for (name, value) in target.variables() {
            if !crate::sql::is_variable(name) {
                return Err(Fault::usage(format!("`{name}` is not the name of a session variable")).into());
            }
            let set = session.conn.query_drop(format!("SET SESSION {name} = {}", crate::sql::literal(value)));
            set.map_err(|e| explain(&e, format!("cannot set the session variable {name} on the target")))?;
        }
        Ok(session)
    }

    fn set_if_known(&mut self, name: &str, value: &str) -> Result<()> {
        match self.conn.query_drop(format!("SET SESSION {name} = {value}")) {
            Err(mysql::Error::MySqlError(e)) if e.code == server::UNKNOWN_VARIABLE => Ok(()),
            Err(e) => Err(explain(&e, format!("cannot set {name} on the target"))),
            Ok(()) => Ok(()),
        }
    }

    /// Limits lock waits to less than `limit`, after which an answer counts as lost: so such a wait
    /// ends with an error, and not with the connection. A value set by the operator stays.
    pub(crate) fn wait_for_locks_within(&mut self, target: &Target, limit: Duration) -> Result<()> {
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

    /// The server of this session.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The server's id of this connection.
    #[must_use]
    pub fn connection_id(&self) -> u64 {
        self.id
    }

    /// Runs a statement; returns the number of rows that it matched or changed.
    ///
    /// # Errors
    /// The server's error.
    pub fn try_run(&mut self, sql: &str) -> mysql::Result<u64> {
        let asked = self.asks(sql);
        asked.answered(guarded(|| Ok(self.conn.query_iter(sql)?.affected_rows())))
    }

    /// As [`try_run`](Self::try_run), with the statement in an error that keeps the server's
    /// answer.
    pub(crate) fn exec(&mut self, sql: &str) -> Result<u64, SessionError> {
        self.try_run(sql).map_err(|error| failed(error, sql))
    }

    /// All rows of a query, with errors as in [`exec`](Self::exec).
    pub(crate) fn fetch<T: FromRow>(&mut self, sql: &str) -> Result<Vec<T>, SessionError> {
        let asked = self.asks(sql);
        asked.answered(self.conn.all(sql)).map_err(|error| failed(error, sql))
    }

    /// The first row of a query, with errors as in [`exec`](Self::exec).
    pub(crate) fn fetch_one<T: FromRow>(&mut self, sql: &str) -> Result<Option<T>, SessionError> {
        let asked = self.asks(sql);
        asked.answered(self.conn.one(sql)).map_err(|error| failed(error, sql))
    }

    /// Whether a transaction was opened here and has not ended.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.transaction
    }

    /// How many rows of the last INSERT … ON DUPLICATE KEY UPDATE of several rows existed before.
    /// MariaDB's text is `Records: 3  Duplicates: 2  Warnings: 0`, in any language with these
    /// numbers in this order.
    pub(crate) fn duplicates(&self) -> Option<u64> {
        second_number(&self.conn.info_str())
    }

    /// How many rows the last UPDATE matched, changed or not: `Rows matched: 1  Changed: 0
    /// Warnings: 0`.
    pub(crate) fn matched(&self) -> Option<u64> {
        let words = self.conn.info_str();
        words.split(|c: char| !c.is_ascii_digit()).find(|n| !n.is_empty())?.parse().ok()
    }

    /// As [`try_run`](Self::try_run), with the statement in the error.
    ///
    /// # Errors
    /// The server's error.
    pub fn run(&mut self, sql: &str) -> Result<u64> {
        self.try_run(sql).map_err(|e| explain(&e, format!("the target refused `{}`", shorten(sql))))
    }

    /// All rows of a query.
    pub(crate) fn rows<T: FromRow>(&mut self, sql: &str) -> Result<Vec<T>> {
        let asked = self.asks(sql);
        asked.answered(self.conn.all(sql)).map_err(|e| explain(&e, format!("the target refused `{}`", shorten(sql))))
    }

    /// The first row of a query.
    pub(crate) fn first<T: FromRow>(&mut self, sql: &str) -> Result<Option<T>> {
        let asked = self.asks(sql);
        asked.answered(self.conn.one(sql)).map_err(|e| explain(&e, format!("the target refused `{}`", shorten(sql))))
    }

    /// The number of warnings of the last statement.
    pub(crate) fn warnings(&self) -> u16 {
        self.conn.warnings()
    }

    /// Switches strict mode off, or on again.
    pub(crate) fn relax(&mut self, relaxed: bool) -> Result<()> {
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

    /// Commits the open transaction. After an error it may have taken effect or not.
    ///
    /// # Errors
    /// If the target refuses or the connection is lost.
    pub fn commit(&mut self) -> Result<()> {
        self.transaction = false;
        self.run("COMMIT").map(drop)
    }

    /// Rolls back the open transaction. It cannot fail in a way that matters: a lost connection is
    /// rolled back by the server.
    pub fn rollback(&mut self) {
        if std::mem::take(&mut self.transaction) {
            let _ = self.conn.query_drop("ROLLBACK");
        }
    }
}

/// The second number in the server's text about a statement, in any language.
pub(crate) fn second_number(words: &str) -> Option<u64> {
    let mut numbers = words.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
    numbers.nth(1)?.parse().ok()
}

fn failed(error: mysql::Error, sql: &str) -> SessionError {
    SessionError::Target { error, attempted: format!("the target refused `{}`", shorten(sql)) }
}

/// The properties of a server and of a new connection.
struct Introduction {
    server: Server,
    id: u64,
    /// Whether a TIMESTAMP has only the attributes that are written.
    explicit: bool,
}

fn introduce(conn: &mut Conn, known: &ServerCache) -> Result<Introduction> {
    let sql = "SELECT version(), @@max_allowed_packet, CONNECTION_ID(), @@explicit_defaults_for_timestamp";
    let asked = |e: &mysql::Error, sql: &str| explain(e, format!("the target refused `{sql}`"));
    let found: Option<(String, u64, u64, Option<String>)> = conn.one(sql).map_err(|e| asked(&e, sql))?;
    let Some((text, packet, id, explicit)) = found else {
        let nothing = Fault::connect(format!("the target returned nothing for `{sql}`"));
        return Err(nothing
            .hint("is there a proxy in between that supports only some statements? Give the server itself")
            .into());
    };
    let tidb = match known.tidb(&text) {
        Some(tidb) => tidb,
        None => {
            let sql = "SELECT TIDB_VERSION()";
            let tidb = told_by_tidb(conn.one(sql)).map_err(|e| asked(&e, sql))?;
            known.learn(&text, tidb.clone());
            tidb
        }
    };
    let server = Server::read(text, tidb.as_deref(), usize::try_from(packet).unwrap_or(usize::MAX));
    let explicit = !matches!(explicit.as_deref(), Some("0" | "OFF"));
    Ok(Introduction { server, id, explicit })
}

/// The beginning of a statement, short enough for a message.
pub(crate) fn shorten(sql: &str) -> String {
    const SHOWN: usize = 160;
    let mut text: String = sql.chars().take(SHOWN).collect();
    if text.len() < sql.len() {
        text.push('…');
    }
    text
}

/// Whether `error` means that the connection is lost.
#[must_use]
pub fn is_lost(error: &mysql::Error) -> bool {
    classify(error) == Class::Connection
}
