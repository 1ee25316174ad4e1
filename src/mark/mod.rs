//! The mark table, by which a transaction that was written by a link is recognised when it comes back on the link of the other
//! direction (spec/tidb-binlog.md §6). It is Drainer's, word for word, so that either side may be a Drainer.
//!
//! A [`Mark`] names the table and the channel, which is the same number on both clusters. Each connection that writes has one row of
//! the channel for itself, and raises its `val` first in every transaction ([`Carrier`]). A DDL cannot carry a mark: in front of it stands a
//! comment that says the same ([`Origin`]).

mod carrier;
mod definition;
mod drop;
mod origin;
mod rights;
mod rows;
mod setup;
mod statements;
mod status;
mod user;

use anyhow::Result;

use crate::error::Fault;

pub use carrier::{Carrier, Writer};
pub use definition::{Definition, definition};
pub use drop::{drop_rows, in_use};
pub use origin::Origin;
pub use rows::{check, ready};
pub use setup::{Plan, apply, plan};
pub use status::{MarkRow, Status, status};

/// Where Drainer keeps its marks.
pub const DEFAULT_TABLE: &str = "retl._drainer_repl_mark";
/// Rows of a channel that a set-up makes unless somebody says otherwise; links make more by themselves.
pub const ROWS: u32 = 16;

/// A channel of a mark table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The database.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The channel: transactions with its mark do not go back. The same number on both clusters.
    pub channel: i64,
}

impl Mark {
    /// The channel `channel` in the table `name`, written as `database.table`.
    ///
    /// # Errors
    /// A usage fault if `name` is not of that form.
    pub fn new(name: &str, channel: i64) -> Result<Self> {
        let sound = |part: &str| !part.is_empty() && part.chars().count() <= 64 && !part.contains(['.', '`', '\0']);
        match name.split_once('.') {
            Some((schema, table)) if sound(schema) && sound(table) => {
                Ok(Self { schema: schema.to_owned(), table: table.to_owned(), channel })
            }
            _ => Err(Fault::usage(format!("the mark table cannot be `{name}`"))
                .hint(format!("write it as database.table, without quotes; Drainer's is {DEFAULT_TABLE}"))
                .into()),
        }
    }

    /// Channel `channel` of Drainer's own table.
    #[must_use]
    pub fn drainers(channel: i64) -> Self {
        Self { schema: "retl".to_owned(), table: "_drainer_repl_mark".to_owned(), channel }
    }

    /// Whether the table of this name is the mark table; names compare without case, as in TiDB.
    #[must_use]
    pub fn is(&self, schema: &str, table: &str) -> bool {
        self.schema.to_lowercase() == schema.to_lowercase() && self.table.to_lowercase() == table.to_lowercase()
    }

    /// Its name as people write it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mark_tables() {
        assert_eq!(Mark::new(DEFAULT_TABLE, 3).unwrap(), Mark::drainers(3));
        let mark = Mark::drainers(1);
        assert!(mark.is("RETL", "_Drainer_repl_MARK") && !mark.is("retl", "other") && !mark.is("r", &mark.table));
        for bad in ["marks", ".t", "d.", "a.b.c", "a.`b`", ""] {
            assert!(Mark::new(bad, 1).is_err(), "{bad}");
        }
    }
}
