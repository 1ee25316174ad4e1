//! The bulk reference: what anybody could do who knew all rows beforehand and cared about nothing but speed.
//!
//! The recording's row changes in stream order, cut into groups of 1,000 (and at every DDL); the net effect of each group as one
//! REPLACE and one DELETE a table, each a transaction of its own, over 4 connections that share no table. Rendered before the clock
//! starts. It keeps no upstream transaction whole, no order between tables and no position.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::event::silent;
use tisync::model::{Change, CommitTs, Ddl, Row, RowChange, RowKind, Table, Txn};
use tisync::pipeline::Pipeline;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::sql_name;
use tisync::schema::{Catalog, FileHistory, History};
use tisync::sink::mysql::literal;
use tisync::sink::{Sink, Totals};
use tisync::source::{self, Options, Origin};
use tisync::stop::Stop;

use crate::measure::{Figures, server_cpu};

/// Row changes in a group.
const GROUP: usize = 1000;
/// Connections.
const CONNECTIONS: usize = 4;
/// The same session as tisync's.
const SESSION: &str = "SET NAMES utf8mb4, time_zone = '+00:00', foreign_key_checks = 0, \
    sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', tx_isolation = 'READ-COMMITTED'";

/// What lies between two DDLs: first the DDLs, then the statements of each connection.
#[derive(Default)]
struct Phase {
    ddl: Vec<(String, String)>,
    statements: [Vec<String>; CONNECTIONS],
}

/// The rendered statements.
#[derive(Default)]
pub struct Reference {
    phases: Vec<Phase>,
    /// Row changes of the recording.
    pub rows: u64,
    /// The last commit ts.
    pub end: u64,
    group: Vec<RowChange>,
    groups: usize,
    /// Table name to connection.
    places: HashMap<String, usize>,
    /// Statements and rows of REPLACEs, then of DELETEs.
    counts: [(usize, usize); 2],
    sample: String,
}

impl Reference {
    /// Reads the recording in `folder` and renders it.
    pub fn render(folder: &Path) -> Result<Self> {
        let options = Options::new(Arc::new(|origin: &Origin<'_>| match origin {
            Origin::Recording(Some(file)) => Ok(Arc::new(FileHistory::open(file)?) as Arc<dyn History>),
            _ => anyhow::bail!("the recording has no history"),
        }));
        let mut source = source::open(&folder.display().to_string(), &options, &silent())?;
        let from = source.first().unwrap_or_default();
        let mut reference = Self::default();
        reference.phases.push(Phase::default());
        let catalog = Catalog::at(source.history(), from)?;
        let streams = source.streams(from)?;
        let (events, stop) = (silent(), Stop::default());
        let mut pipeline =
            Pipeline { catalog, sink: &mut reference, large: None, until: None, events, stop, taken: 0, late_rows: 0 };
        pipeline.run(streams, from)?;
        Ok(reference)
    }

    /// What its SQL looks like.
    pub fn shape(&self) -> String {
        let [(replaces, replaced), (deletes, deleted)] = self.counts;
        format!(
            "{} row changes, {} groups of {GROUP}, {CONNECTIONS} connections, each statement committed alone;\n           \
             {replaces} REPLACE of {} rows on average, {deletes} DELETE of {} keys on average;\n           {} …",
            self.rows,
            self.groups,
            replaced / replaces.max(1),
            deleted / deletes.max(1),
            self.sample
        )
    }

    /// Executes it.
    pub fn apply(&self, server: &PrivateServer) -> Result<Figures> {
        let mut conns = (0..CONNECTIONS).map(|_| session(server)).collect::<Result<Vec<Conn>>>()?;
        let before = server_cpu(server)?;
        let begin = Instant::now();
        for phase in &self.phases {
            let first = conns.first_mut().context("there are connections")?;
            for (schema, sql) in &phase.ddl {
                if !schema.is_empty() && !sql.to_uppercase().starts_with("CREATE DATABASE") {
                    first.query_drop(format!("USE {}", sql_name(schema)))?;
                }
                first.query_drop(sql).with_context(|| sql.clone())?;
            }
            std::thread::scope(|scope| {
                let workers: Vec<_> = conns
                    .iter_mut()
                    .zip(&phase.statements)
                    .map(|(conn, list)| scope.spawn(|| list.iter().try_for_each(|sql| conn.query_drop(sql))))
                    .collect();
                workers.into_iter().try_for_each(|w| Ok::<_, anyhow::Error>(w.join().ok().context("a worker failed")??))
            })?;
        }
        let wall = begin.elapsed().as_secs_f64();
        Ok(Figures { wall, server: server_cpu(server)? - before, ..Figures::default() })
    }

    fn close(&mut self) -> Result<()> {
        /// What became of each row of a table, by key, in the order of the first touch.
        #[derive(Default)]
        struct Net {
            index: HashMap<Vec<u8>, usize>,
            rows: Vec<(Row, bool)>,
        }
        if self.group.is_empty() {
            return Ok(());
        }
        self.groups += 1;
        let mut tables: Vec<(Arc<Table>, Net)> = Vec::new();
        for RowChange { table, kind } in self.group.drain(..) {
            let at = tables.iter().position(|(t, _)| t.id == table.id).unwrap_or_else(|| {
                tables.push((table.clone(), Net::default()));
                tables.len() - 1
            });
            let (_, net) = tables.get_mut(at).context("just found")?;
            let mut put = |row: Row, there: bool| -> Result<()> {
                let mut key = Vec::new();
                for part in key_columns(&table)? {
                    literal::identity(&mut key, row.get(part).context("a key column")?);
                }
                let at = *net.index.entry(key).or_insert(net.rows.len());
                match net.rows.get_mut(at) {
                    Some(entry) => *entry = (row, there),
                    None => net.rows.push((row, there)),
                }
                Ok(())
            };
            match kind {
                RowKind::Insert(row) => put(row, true)?,
                RowKind::Delete(row) => put(row, false)?,
                RowKind::Update { old, new } => {
                    put(old, false)?;
                    put(new, true)?;
                }
            }
        }
        for (table, net) in tables {
            let (kept, gone): (Vec<_>, Vec<_>) = net.rows.into_iter().partition(|(_, there)| *there);
            self.statement(&table, &kept, true)?;
            self.statement(&table, &gone, false)?;
        }
        Ok(())
    }

    /// One REPLACE of whole rows, or one DELETE by key.
    fn statement(&mut self, table: &Table, rows: &[(Row, bool)], replace: bool) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns: Vec<usize> = if replace { (0..table.columns.len()).collect() } else { key_columns(table)? };
        let names: Vec<String> =
            columns.iter().filter_map(|c| table.columns.get(*c)).map(|c| sql_name(&c.name)).collect();
        let (name, names) = (format!("{}.{}", sql_name(&table.schema), sql_name(&table.name)), names.join(","));
        let head = if replace {
            format!("REPLACE INTO {name} ({names}) VALUES ")
        } else {
            format!("DELETE FROM {name} WHERE ({names}) IN (")
        };
        let mut sql = head.into_bytes();
        for (n, (row, _)) in rows.iter().enumerate() {
            sql.extend_from_slice(if n > 0 { b",(" } else { b"(" });
            for (n, c) in columns.iter().enumerate() {
                sql.extend_from_slice(if n > 0 { b"," } else { b"" });
                let (column, value) = table.columns.get(*c).zip(row.get(*c)).context("a column")?;
                literal::write(&mut sql, &column.kind, value)?;
            }
            sql.push(b')');
        }
        if !replace {
            sql.push(b')');
        }
        let sql = String::from_utf8(sql)?;
        if self.sample.is_empty() {
            self.sample = sql.chars().take(150).collect();
        }
        let next = self.places.len() % CONNECTIONS;
        let place = *self.places.entry(name).or_insert(next);
        let (count, total) = if replace { &mut self.counts[0] } else { &mut self.counts[1] };
        *count += 1;
        *total += rows.len();
        let phase = self.phases.last_mut().context("a phase")?;
        phase.statements.get_mut(place).context("a connection")?.push(sql);
        Ok(())
    }
}

fn key_columns(table: &Table) -> Result<Vec<usize>> {
    let key = table.keys.iter().find(|k| k.identifies(&table.columns)).context("the reference needs a key")?;
    Ok(key.parts.iter().map(|p| p.column).collect())
}

fn session(server: &PrivateServer) -> Result<Conn> {
    let mut conn = server.connect()?;
    conn.query_drop(SESSION)?;
    Ok(conn)
}

/// Collects the decoded stream.
impl Sink for Reference {
    fn position(&self) -> Option<CommitTs> {
        None
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        self.end = txn.commit_ts.0;
        match txn.change {
            Change::Rows(rows) => {
                for row in rows {
                    self.rows += 1;
                    self.group.push(row);
                    if self.group.len() >= GROUP {
                        self.close()?;
                    }
                }
            }
            Change::Ddl(ddl) => {
                self.close()?;
                let Ddl { schema, query, .. } = *ddl;
                if self.phases.last().is_some_and(|p| p.statements.iter().any(|s| !s.is_empty())) {
                    self.phases.push(Phase::default());
                }
                self.phases.last_mut().context("a phase")?.ddl.push((schema, query));
            }
            Change::Large(_) => bail!("the pipeline was told to decode every transaction as a whole"),
            Change::Nothing => {}
        }
        Ok(())
    }

    fn resolved(&mut self, _: CommitTs) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        self.close()
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}
