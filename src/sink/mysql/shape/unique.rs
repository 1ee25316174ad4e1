//! The unique keys of tables as they are on the target.

use crate::checkpoint::Failed;
use crate::sink::mysql::session::{Flavour, Session};

/// A column of a unique key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UniquePart {
    /// Database of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The key's name.
    pub index: String,
    /// Its place in the key, from 1.
    pub place: u32,
    /// `None` for an expression.
    pub column: Option<String>,
    /// Characters of the column that the key holds, if not all.
    pub prefix: Option<u32>,
}

type Told = (String, String, String, u32, Option<String>, Option<u32>);

/// The unique keys of the tables that `scope`, a condition on `table_schema` and `table_name`, picks; the columns of each in order.
///
/// # Errors
/// If the target does not answer.
pub fn read(session: &mut Session, scope: &str) -> Result<Vec<UniquePart>, Failed> {
    let sql = query(session.server().flavour, scope);
    Ok(parts(session.fetch::<Told>(&sql)?))
}

fn query(flavour: Flavour, scope: &str) -> String {
    // TiDB's STATISTICS has no lengths of prefixes (6.6 says NULL of all). An expression's column is called `NULL` there, as one may be.
    let (table, name, column) = match flavour {
        Flavour::TiDb => ("tidb_indexes", "key_name", "IF(expression IS NULL, column_name, NULL)"),
        Flavour::MySql | Flavour::MariaDb => ("statistics", "index_name", "column_name"),
    };
    format!(
        "SELECT table_schema, table_name, {name}, seq_in_index, {column}, sub_part FROM information_schema.{table} \
         WHERE {scope} AND non_unique = 0 ORDER BY table_schema, table_name, {name}, seq_in_index"
    )
}

/// TiDB lists a table twice after a RENAME that swapped it across databases.
fn parts(rows: Vec<Told>) -> Vec<UniquePart> {
    let part = |(schema, table, index, place, column, prefix): Told| UniquePart {
        schema,
        table,
        index,
        place,
        column,
        prefix,
    };
    let mut parts: Vec<UniquePart> = rows.into_iter().map(part).collect();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(table: &str, index: &str, place: u32, column: Option<&str>, prefix: Option<u32>) -> Told {
        ("d".to_owned(), table.to_owned(), index.to_owned(), place, column.map(str::to_owned), prefix)
    }

    #[test]
    fn a_table_that_is_listed_twice_has_each_key_once() {
        // What TiDB 6.6 says after `RENAME TABLE a.x TO b.tmp, b.y TO a.x, b.tmp TO b.y`.
        let rows = vec![
            told("y", "PRIMARY", 1, Some("a"), None),
            told("y", "PRIMARY", 1, Some("a"), None),
            told("y", "u", 1, Some("c"), Some(4)),
            told("y", "u", 1, Some("c"), Some(4)),
            told("y", "u", 2, Some("b"), None),
            told("y", "u", 2, Some("b"), None),
        ];
        let found: Vec<(String, Option<String>, Option<u32>)> =
            parts(rows).into_iter().map(|p| (p.index, p.column, p.prefix)).collect();
        let part = |index: &str, column: &str, prefix| (index.to_owned(), Some(column.to_owned()), prefix);
        assert_eq!(found, [part("PRIMARY", "a", None), part("u", "c", Some(4)), part("u", "b", None)]);
    }

    #[test]
    fn two_expressions_of_one_key_stay_two() {
        let rows = vec![told("t", "e", 1, None, None), told("t", "e", 2, None, None)];
        assert_eq!(parts(rows).len(), 2);
    }

    #[test]
    fn tidb_is_asked_where_it_tells_prefixes_and_expressions() {
        let asked = "key_name, seq_in_index, IF(expression IS NULL, column_name, NULL), sub_part FROM information_schema.tidb_indexes";
        assert!(query(Flavour::TiDb, "TRUE").contains(asked));
        for flavour in [Flavour::MySql, Flavour::MariaDb] {
            assert!(query(flavour, "TRUE").contains("FROM information_schema.statistics"));
        }
    }
}
