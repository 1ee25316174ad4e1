//! What a view's query says in words that older servers and MariaDB do not have.

use super::edit::Edit;
use super::{Dialect, Unspeakable};
use crate::sql::{Token, begins_query};

impl Dialect<'_> {
    /// Whether `TABLE t` and `VALUES ROW(1)` are queries.
    fn has_table_statement(&self) -> bool {
        !self.mariadb && self.version >= (8, 0, 19)
    }

    /// A CREATE VIEW: `TABLE t` is `SELECT * FROM t`, whatever follows it.
    pub(super) fn view(&self, edit: &mut Edit<'_>) -> Result<(), Unspeakable> {
        if let Some(what) = self.lacking(edit, 0..edit.len()) {
            return Err(Unspeakable(format!("its query needs {what}, which {} does not have", self.target())));
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
                return Err(Unspeakable(format!(
                    "{} has no VALUES ROW(…); a SELECT of the same values, with UNION ALL between the rows, does the same",
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
