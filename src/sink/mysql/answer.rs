//! Answers of a server as values. The driver's own short forms panic at a row that is not as expected; these give an error.

use mysql::consts::ColumnType;
use mysql::prelude::{FromRow, Queryable};
use mysql::{FromRowError, Params, Row, Value};

use super::guard::guarded;

/// Queries whose rows are converted without a panic.
pub trait Answers: Queryable {
    /// All rows of a query.
    ///
    /// # Errors
    /// What the server said, or a row that is not as expected.
    fn all<T: FromRow>(&mut self, sql: impl AsRef<str>) -> mysql::Result<Vec<T>> {
        guarded(|| self.query::<Row, _>(sql))?.into_iter().map(value).collect()
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    fn one<T: FromRow>(&mut self, sql: impl AsRef<str>) -> mysql::Result<Option<T>> {
        guarded(|| self.query_first::<Row, _>(sql))?.map(value).transpose()
    }

    /// All rows of a prepared query.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    fn all_with<T: FromRow>(&mut self, sql: impl AsRef<str>, params: impl Into<Params>) -> mysql::Result<Vec<T>> {
        guarded(|| Queryable::exec::<Row, _, _>(self, sql.as_ref(), params))?.into_iter().map(value).collect()
    }

    /// The first row of a prepared query.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    fn one_with<T: FromRow>(&mut self, sql: impl AsRef<str>, params: impl Into<Params>) -> mysql::Result<Option<T>> {
        guarded(|| self.exec_first::<Row, _, _>(sql.as_ref(), params))?.map(value).transpose()
    }
}

impl<Q: Queryable> Answers for Q {}

fn value<T: FromRow>(row: Row) -> mysql::Result<T> {
    T::from_row_opt(row).map_err(|FromRowError(row)| mysql::Error::FromRowError(row))
}

/// What came instead of the row that was expected: each column with its type; no values, which may be anybody's data.
pub(super) fn unexpected(row: &Row) -> String {
    let columns = row.columns_ref().iter().enumerate().map(|(at, column)| {
        let null = if matches!(row.as_ref(at), Some(Value::NULL)) { ", NULL" } else { "" };
        format!("`{}` ({}{null})", column.name_str(), type_name(column.column_type()))
    });
    format!("the answer is not of the form expected: {}", columns.collect::<Vec<_>>().join(", "))
}

fn type_name(of: ColumnType) -> String {
    format!("{of:?}").trim_start_matches("MYSQL_TYPE_").to_lowercase()
}
