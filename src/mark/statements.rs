//! The statements on a mark table.

use super::Mark;
use crate::sink::mysql::session::{quote_name, quote_text};

/// Most characters of `channel_info`, as Drainer's definition has it.
pub(super) const INFO_CHARS: usize = 64;

impl Mark {
    /// The table as a statement names it.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.table))
    }

    /// What Drainer runs to make the database.
    #[must_use]
    pub fn create_database(&self) -> String {
        format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(&self.schema))
    }

    /// What Drainer runs to make the table.
    #[must_use]
    pub fn create_table(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (id bigint not null, channel_id bigint not null DEFAULT 0, val bigint DEFAULT 0, \
             channel_info varchar({INFO_CHARS}), PRIMARY KEY (id, channel_id))",
            self.quoted()
        )
    }

    /// Makes the rows `ids` where they are missing, and leaves those that are there as they are. A row's `val` then counts the
    /// transactions that carried it.
    #[must_use]
    pub fn insert(&self, ids: &[(u32, String)]) -> String {
        let rows: Vec<String> =
            ids.iter().map(|(id, info)| format!("({id}, {}, 0, {})", self.channel, quote_text(&cut(info)))).collect();
        format!("INSERT IGNORE INTO {} (id, channel_id, val, channel_info) VALUES {}", self.quoted(), rows.join(", "))
    }

    /// Raises the row `id`: what a transaction carries. A NULL counts as 0, for NULL + 1 would change nothing, and a transaction
    /// whose mark does not change is not marked.
    #[must_use]
    pub fn update(&self, id: u32) -> String {
        format!(
            "UPDATE {} SET val = IFNULL(val, 0) + 1 WHERE id = {id} AND channel_id = {}",
            self.quoted(),
            self.channel
        )
    }

    /// Reads `val` of the row `id`, and keeps others from changing it.
    #[must_use]
    pub fn lock(&self, id: u32) -> String {
        format!(
            "SELECT IFNULL(val, 0) FROM {} WHERE id = {id} AND channel_id = {} FOR UPDATE",
            self.quoted(),
            self.channel
        )
    }

    /// Says who writes with the row `id`, unless it says so already.
    #[must_use]
    pub fn tell(&self, id: u32, info: &str) -> String {
        let info = quote_text(&cut(info));
        format!(
            "UPDATE {} SET channel_info = {info} WHERE id = {id} AND channel_id = {} AND NOT channel_info <=> {info}",
            self.quoted(),
            self.channel
        )
    }

    /// Every row of the channel.
    #[must_use]
    pub fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE channel_id = {}", self.quoted(), self.channel)
    }
}

/// `info` as the column takes it.
pub(super) fn cut(info: &str) -> String {
    info.chars().take(INFO_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements() {
        let mark = Mark::new("my marks.m", -7).unwrap();
        assert_eq!(
            mark.update(3),
            "UPDATE `my marks`.`m` SET val = IFNULL(val, 0) + 1 WHERE id = 3 AND channel_id = -7"
        );
        assert_eq!(
            mark.insert(&[(0, "it's".to_owned()), (1, "x".repeat(70))]),
            format!(
                "INSERT IGNORE INTO `my marks`.`m` (id, channel_id, val, channel_info) VALUES (0, -7, 0, 'it\\'s'), (1, -7, 0, '{}')",
                "x".repeat(64)
            )
        );
        assert_eq!(mark.delete(), "DELETE FROM `my marks`.`m` WHERE channel_id = -7");
    }
}
