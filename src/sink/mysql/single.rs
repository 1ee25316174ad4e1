//! Statements whose text is not of our making: one at a time.
//!
//! The driver asks every server to take several statements at once, which rows need ([`run_all`](Session::run_all)). A DDL's text comes from
//! the source; whatever our own reading makes of it, the server has the last word that it is one statement.

use mysql::prelude::Queryable;

use super::guard::guarded;
use super::session::Session;

/// What servers say of one statement that they read and do not prepare: MySQL and MariaDB, and TiDB.
const NOT_PREPARED: [u16; 2] = [1295, 8107];

impl Session {
    /// Runs a statement whose text is not of our making, as one and no more: where it holds a semicolon, the server itself first reads it with
    /// several statements at once forbidden.
    ///
    /// # Errors
    /// What the server said, to a text of several statements that it is no statement.
    pub(super) fn try_run_single(&mut self, sql: &str) -> mysql::Result<u64> {
        if sql.contains(';') {
            let asked = self.asks(sql);
            asked.answered(self.read_single(sql))?;
        }
        self.try_run(sql)
    }

    fn read_single(&mut self, sql: &str) -> mysql::Result<()> {
        match guarded(|| self.conn.prep(sql)) {
            Ok(statement) => guarded(|| self.conn.close(statement)),
            // It was read as one, of a kind that is not prepared.
            Err(mysql::Error::MySqlError(e)) if NOT_PREPARED.contains(&e.code) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
