//! The columns of a table as the server itself names them in a result: asked within the transaction that writes to the table, it says
//! that they are still those that the rows were made for. From then on to its end, no DDL changes them.

use mysql::prelude::Queryable;

use crate::sink::mysql::session::Session;

/// Names and types of all columns, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql) struct Signature(Vec<u8>);

impl Session {
    /// The signature of the table `name`, which is quoted.
    ///
    /// # Errors
    /// What the server said.
    pub(in crate::sink::mysql) fn signature(&mut self, name: &str) -> mysql::Result<Signature> {
        let result = self.conn.query_iter(format!("SELECT * FROM {name} LIMIT 0"))?;
        let mut text = Vec::new();
        for column in result.columns().as_ref() {
            text.extend_from_slice(column.name_ref());
            text.push(0);
            let kind = column.column_type() as u8;
            let length = column.column_length().to_le_bytes();
            let flags = column.flags().bits().to_le_bytes();
            text.extend([kind, column.decimals()].into_iter().chain(length).chain(flags));
            text.extend(column.character_set().to_le_bytes());
        }
        Ok(Signature(text))
    }
}
