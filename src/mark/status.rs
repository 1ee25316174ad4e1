//! What is there of a mark table and its channels.

use anyhow::Result;
use serde::Serialize;

use super::user::alive;
use super::{Definition, Mark, definition};
use crate::sink::mysql::session::{Session, quote_text};

/// A row of the mark table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkRow {
    /// The connection that has it for itself.
    pub id: i64,
    /// Its channel.
    pub channel_id: i64,
    /// Raised by each transaction that carried it.
    pub val: Option<i64>,
    /// Who writes with it.
    pub channel_info: String,
}

/// What `tisync mark status` says of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether the table is there.
    pub table_exists: bool,
    /// How it differs from what it must be.
    pub different: Vec<String>,
    /// The rows of the channel, or of all channels.
    pub rows: Vec<MarkRow>,
    /// When the table was last written, in UTC, where the server knows: MySQL and MariaDB since their start.
    pub last_change: Option<String>,
    /// Links of tisync that write with the channel now.
    pub in_use_by: Vec<String>,
}

/// Looks at the mark table; at every channel if `channel` is `None`.
///
/// # Errors
/// If the server cannot be read.
pub fn status(session: &mut Session, mark: &Mark, channel: Option<i64>) -> Result<Status> {
    let different = match definition(session, mark)? {
        Definition::Table(different) => different,
        Definition::NoTable | Definition::NoDatabase => {
            return Ok(Status {
                table_exists: false,
                different: Vec::new(),
                rows: Vec::new(),
                last_change: None,
                in_use_by: Vec::new(),
            });
        }
    };
    let (mut rows, mut in_use_by) = (Vec::new(), Vec::new());
    if different.is_empty() {
        rows = read(session, mark, channel)?;
        let infos: Vec<String> = rows.iter().map(|r| r.channel_info.clone()).collect();
        in_use_by = alive(session, &infos, |who| who.writes_with(&mark.name(), channel))?;
    }
    let last_change: Option<Option<String>> = session.first(&format!(
        "SELECT DATE_FORMAT(update_time, '%Y-%m-%dT%H:%i:%sZ') FROM information_schema.tables \
         WHERE LOWER(table_schema) = LOWER({}) AND LOWER(table_name) = LOWER({})",
        quote_text(&mark.schema),
        quote_text(&mark.table)
    ))?;
    Ok(Status { table_exists: true, different, rows, last_change: last_change.flatten(), in_use_by })
}

/// The rows of a channel, or all of them.
pub(super) fn read(session: &mut Session, mark: &Mark, channel: Option<i64>) -> Result<Vec<MarkRow>> {
    let condition = channel.map_or(String::new(), |c| format!("WHERE channel_id = {c}"));
    let rows: Vec<(i64, i64, Option<i64>, Option<String>)> = session.rows(&format!(
        "SELECT id, channel_id, val, channel_info FROM {} {condition} ORDER BY channel_id, id",
        mark.quoted()
    ))?;
    let row = |(id, channel_id, val, info): (i64, i64, Option<i64>, Option<String>)| MarkRow {
        id,
        channel_id,
        val,
        channel_info: info.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(row).collect())
}
