//! Rounds in which every transaction has to carry a mark. The server's own binlog says whether each did.

use anyhow::{Result, ensure};
use mysql::prelude::Queryable;
use mysql::{Conn, Row};
use tisync::model::Mark;

use crate::tables::DATABASE;

/// One seed in so many.
const EVERY: u64 = 4;

/// What the server of such a round has to keep.
pub const LOGGED: [&str; 3] = ["--log-bin=log", "--server-id=1", "--binlog-format=ROW"];

pub fn wanted(seed: u64) -> bool {
    seed.is_multiple_of(EVERY)
}

pub fn mark() -> Mark {
    Mark::drainers(1)
}

/// Makes the table; the rows are the runs' business.
pub fn set_up(conn: &mut Conn) -> Result<()> {
    conn.query_drop(mark().create_database())?;
    Ok(conn.query_drop(mark().create_table())?)
}

/// A transaction of the binlog.
#[derive(Default)]
struct Seen {
    /// What it changed first.
    first: Option<String>,
    /// Whether it changed users' tables.
    users: bool,
    /// Whether what it changed first was updated.
    updated: bool,
    /// How many tables it changed, one as often as it did.
    statements: u32,
}

/// Each transaction with users' rows raised a mark first, and so did as many as the marks' values say; more of them, where MariaDB `forgot` some,
/// which its binlog still has.
pub fn check(conn: &mut Conn, forgot: bool) -> Result<u64> {
    let marks = format!("{}.{}", mark().schema, mark().table);
    let (mut raised, mut with_rows, mut unmarked) = (0, 0, 0);
    for transaction in transactions(conn)? {
        let marked = transaction.first.as_deref() == Some(&marks);
        raised += u64::from(marked && transaction.updated);
        with_rows += u64::from(transaction.users);
        unmarked += u64::from(transaction.users && !marked);
    }
    ensure!(unmarked == 0, "{unmarked} of {with_rows} transactions carried no mark");
    let values: Option<u64> = conn.query_first(format!("SELECT SUM(val) FROM {marks}"))?;
    let right = values.is_some_and(|values| values == raised || forgot && values < raised);
    ensure!(right, "{raised} transactions raised a mark, but the values say {values:?}");
    ensure!(with_rows > 0 && raised >= with_rows, "{with_rows} with rows, {raised} marked");
    Ok(raised)
}

fn transactions(conn: &mut Conn) -> Result<Vec<Seen>> {
    let logs: Vec<Row> = conn.query("SHOW BINARY LOGS")?;
    let users = format!("{DATABASE}.");
    let mut all = Vec::new();
    for log in logs {
        let log: String = log.get(0).unwrap_or_default();
        let mut now = Seen::default();
        for row in conn.query_iter(format!("SHOW BINLOG EVENTS IN '{log}'"))? {
            let row: Row = row?;
            let (kind, info): (String, String) = (row.get(2).unwrap_or_default(), row.get(5).unwrap_or_default());
            match kind.as_str() {
                "Gtid" | "Anonymous_Gtid" => now = Seen::default(),
                "Table_map" => {
                    let table = info.split(['(', ')']).nth(1).unwrap_or_default().to_owned();
                    now.users |= table.starts_with(&users);
                    now.statements += 1;
                    now.first.get_or_insert(table);
                }
                // Of the marks themselves: rows of them that are made carry one too, but raise none.
                _ if kind.starts_with("Update_rows") && now.statements == 1 => now.updated = true,
                "Xid" => all.push(std::mem::take(&mut now)),
                _ => {}
            }
        }
    }
    Ok(all)
}
