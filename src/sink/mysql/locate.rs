//! In which partition a row belongs: the server is asked, by means of a copy of the table without its rows, in a transaction that is taken back.

use anyhow::{Context as _, Error, Result};

use super::MysqlSink;
use super::batch::full_name;
use super::context::Context;
use super::hashed::condition;
use super::literal;
use super::server::Flavour;
use super::session::{Session, quote_name};
use crate::checkpoint::{Failed, SCHEMA};
use crate::model::{Partition, Row, Table, Value};

/// The code for a row that no partition takes.
const NO_PARTITION: u16 = 1526;

impl MysqlSink {
    /// See [`Sink::locate`](crate::sink::Sink::locate). Asks over a connection of its own, again and again while the target is away.
    pub(super) fn find_partitions(
        &self,
        table: &Table,
        partitions: &[Partition],
        rows: &[&Row],
    ) -> Result<Vec<Option<usize>>> {
        self.asked(|| ask(&self.context, table, partitions, rows))
            .with_context(|| format!("cannot tell in which partitions of {} late rows are", full_name(table)))
    }
}

fn ask(context: &Context, table: &Table, partitions: &[Partition], rows: &[&Row]) -> Result<Vec<Option<usize>>> {
    let mut session = Session::open(&context.target)?;
    let copy = format!("{}.{}", quote_name(SCHEMA), quote_name(&format!("tisync_copy_{}", context.link.run())));
    let drop = format!("DROP TABLE IF EXISTS {copy}");
    session.exec(&drop).map_err(Error::from)?;
    session.exec(&format!("CREATE TABLE {copy} LIKE {}", full_name(table))).map_err(Error::from)?;
    let found = rows.iter().map(|row| one(&mut session, &copy, table, partitions, row)).collect();
    session.exec(&drop).map_err(Error::from)?;
    found
}

/// Puts one row into the empty copy, looks where it is, and takes it back.
fn one(session: &mut Session, copy: &str, table: &Table, partitions: &[Partition], row: &Row) -> Result<Option<usize>> {
    session.open_transaction().map_err(Error::from)?;
    let found = match session.exec(&insert(copy, table, row)?) {
        Err(failed) if failed.code() == Some(NO_PARTITION) => Ok(None),
        Err(failed) => Err(failed.into()),
        Ok(_) => first(session, copy, table, partitions).map_err(Error::from),
    };
    session.rollback();
    found
}

fn first(session: &mut Session, copy: &str, table: &Table, partitions: &[Partition]) -> Result<Option<usize>, Failed> {
    for (at, partition) in partitions.iter().enumerate() {
        let own = partition.hashed.as_ref().filter(|_| !matches!(session.server().flavour, Flavour::TiDb));
        let rows = match own {
            Some(hashed) => format!("{copy} WHERE {}", condition(table, hashed)?),
            None => format!("{copy} PARTITION ({})", quote_name(&partition.name)),
        };
        if session.fetch_one::<u64>(&format!("SELECT COUNT(*) FROM {rows}"))?.unwrap_or(0) > 0 {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn insert(copy: &str, table: &Table, row: &Row) -> Result<String> {
    let mut sql = Vec::new();
    let mut names = Vec::new();
    for (column, value) in table.columns.iter().zip(row).filter(|(_, value)| !matches!(value, Value::Absent)) {
        if !names.is_empty() {
            sql.push(b',');
        }
        names.push(quote_name(&column.name));
        literal::write(&mut sql, &column.kind, value)?;
    }
    let mut text = format!("INSERT INTO {copy} ({}) VALUES (", names.join(", ")).into_bytes();
    text.extend(sql);
    text.push(b')');
    Ok(String::from_utf8(text)?)
}
