//! SHOW CREATE TABLE with the names in it quoted as in a statement: MariaDB 11 does not double the back quotes in names of a foreign key, its columns and its
//! parent's columns. So it shows a text that nobody can read for sure, and what those names are is asked for.

use crate::checkpoint::Failed;
use crate::sink::mysql::session::{Flavour, Session, quote_name, quote_text};

/// Name, columns and the parent's columns of a foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    key: String,
    columns: Vec<String>,
    parent_columns: Vec<String>,
}

/// The first version whose texts are not taken as they are.
const CARELESS: (u32, u32, u32) = (11, 0, 0);

/// `text`, what the server of `session` showed for CREATE TABLE of the table, as a statement has it.
///
/// # Errors
/// If the target cannot be read.
pub fn well_quoted(session: &mut Session, (schema, table): (&str, &str), text: String) -> Result<String, Failed> {
    let server = session.server();
    if server.flavour != Flavour::MariaDb || server.version < CARELESS || !text.contains("` FOREIGN KEY (`") {
        return Ok(text);
    }
    let rows: Vec<(String, String, String)> = session.fetch(&format!(
        "SELECT constraint_name, column_name, referenced_column_name FROM information_schema.key_column_usage \
         WHERE table_schema = {} AND table_name = {} AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
        quote_text(schema),
        quote_text(table)
    ))?;
    let mut keys: Vec<Names> = Vec::new();
    for (key, column, parent_column) in rows {
        if keys.last().is_none_or(|last| last.key != key) {
            keys.push(Names { key, ..Names::default() });
        }
        if let Some(last) = keys.last_mut() {
            last.columns.push(column);
            last.parent_columns.push(parent_column);
        }
    }
    Ok(keys.iter().fold(text, |text, key| key.quoted_in(text)))
}

impl Names {
    /// `text` with the foreign key in it as a statement has it. One that is so already stays.
    fn quoted_in(&self, text: String) -> String {
        let carelessly = |name: &str| format!("`{name}`");
        let head = |quote: &dyn Fn(&str) -> String| {
            format!("\n  CONSTRAINT {} FOREIGN KEY ({}) REFERENCES ", quote(&self.key), list(&self.columns, quote))
        };
        let tail = |quote: &dyn Fn(&str) -> String| format!(" ({})", list(&self.parent_columns, quote));
        let (shown, meant) = (head(&carelessly), head(&quote_name));
        let Some((before, behind)) = text.split_once(&shown) else { return text };
        let Some((parent, rest)) = behind.split_once(&tail(&carelessly)) else { return text };
        format!("{before}{meant}{parent}{}{rest}", tail(&quote_name))
    }
}

fn list(names: &[String], quote: &dyn Fn(&str) -> String) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_foreign_keys_are_quoted() {
        let key = Names {
            key: "f2`,(".to_owned(),
            columns: vec!["e)`,".to_owned(), "x".to_owned()],
            parent_columns: vec!["i`d".to_owned(), "y".to_owned()],
        };
        let around = |key: &str| format!("CREATE TABLE `k` (\n  KEY `f2``,(` (`e)``,`),\n  {key} ON DELETE CASCADE\n)");
        let shown = around("CONSTRAINT `f2`,(` FOREIGN KEY (`e)`,`, `x`) REFERENCES `p``a` (`i`d`, `y`)");
        let meant = around("CONSTRAINT `f2``,(` FOREIGN KEY (`e)``,`, `x`) REFERENCES `p``a` (`i``d`, `y`)");
        assert_eq!(key.quoted_in(shown), meant);
        assert_eq!(key.quoted_in(meant.clone()), meant);
    }
}
