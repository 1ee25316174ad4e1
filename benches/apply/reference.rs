//! The bulk reference: what anybody could do who knew all rows beforehand and cared about nothing but speed.
//!
//! The recording's row changes in stream order, cut into groups of 1,000 (and at every DDL); the net effect of each group as one
//! REPLACE and one DELETE a table, each a transaction of its own, over 4 connections that share no table. With fewer than 4
//! tables the connections share the tables, but no key: each takes the rows of its quarter of the keys' hashes, so a group gives
//! a table up to 4 statements of each kind. A table without a key cannot be replaced into: what a group adds to it is one INSERT,
//! what it takes away one DELETE … LIMIT n for each different row, and equal rows belong to one connection.
//!
//! Rendered before the clock starts. It keeps no upstream transaction whole, no order between tables and no position.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use tisync::event::silent;
use tisync::model::{Change, CommitTs, Ddl, RowChange, RowKind, Txn};
use tisync::mysql::literal;
use tisync::pipeline::Pipeline;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::sql_name;
use tisync::schema::{Catalog, FileHistory, History};
use tisync::sink::{Sink, Totals};
use tisync::source::{self, Options, Origin};
use tisync::stop::Stop;

use crate::measure::{Figures, server_cpu};
use crate::net::{Effect, Net};
use crate::workload::Load;

/// Row changes in a group.
const GROUP: usize = 1000;
/// Connections.
const CONNECTIONS: usize = 4;
/// No run may take longer.
const LIMIT: Duration = Duration::from_secs(150);
/// The same session as tisync's.
const SESSION: &str = "SET NAMES utf8mb4, time_zone = '+00:00', foreign_key_checks = 0, \
    sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'";
/// By the words that each server knows.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

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
    /// Whether a table belongs to one connection; else each has its share of all tables' keys.
    by_table: bool,
    /// Table id to connection.
    places: HashMap<i64, usize>,
    counts: BTreeMap<Shape, Count>,
}

impl Reference {
    /// Reads the recording of `load` and renders it.
    pub fn render(load: &Load) -> Result<Self> {
        let options = Options::new(Arc::new(|origin: &Origin<'_>| match origin {
            Origin::Recording(Some(file)) => Ok(Arc::new(FileHistory::open(file)?) as Arc<dyn History>),
            _ => anyhow::bail!("the recording has no history"),
        }));
        let mut source = source::open(&load.folder().display().to_string(), &options, &silent())?;
        let from = source.first().unwrap_or_default();
        let mut reference = Self { by_table: load.tables() >= CONNECTIONS, ..Self::default() };
        reference.phases.push(Phase::default());
        let catalog = Catalog::at(source.history(), from)?;
        let streams = source.streams(from)?;
        let (events, stop) = (silent(), Stop::default());
        let mut pipeline = Pipeline {
            stop,
            ..Pipeline::new(catalog, &mut reference, tisync::selection::Selection::default(), events)
        };
        pipeline.run(streams, from)?;
        Ok(reference)
    }

    /// What its SQL looks like.
    pub fn shape(&self) -> String {
        let dealt = if self.by_table { "that share no table" } else { "that share no key" };
        let mut text = format!(
            "{} row changes, {} groups of {GROUP}, {CONNECTIONS} connections {dealt}, each statement committed alone",
            self.rows, self.groups
        );
        for count in self.counts.values() {
            let average = count.rows / count.statements.max(1);
            text.push_str(&format!("\n  {:>7} of {average} rows on average: {} …", count.statements, count.sample));
        }
        text
    }

    /// Executes it on `server`, which it reaches at `port`.
    pub fn apply(&self, server: &PrivateServer, port: u16) -> Result<Figures> {
        let mut conns = (0..CONNECTIONS).map(|_| session(port)).collect::<Result<Vec<Conn>>>()?;
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
                    .map(|(conn, list)| scope.spawn(move || run(conn, list, begin)))
                    .collect();
                workers.into_iter().try_for_each(|w| w.join().ok().context("a worker failed")?)
            })?;
        }
        let wall = begin.elapsed().as_secs_f64();
        Ok(Figures { wall, server: server_cpu(server)? - before, ..Figures::default() })
    }

    /// Renders the net effect of the group.
    fn close(&mut self) -> Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.groups += 1;
        let mut nets: Vec<Net> = Vec::new();
        for RowChange { table, kind } in std::mem::take(&mut self.group) {
            let at = nets.iter().position(|n| n.table.id == table.id).unwrap_or_else(|| {
                nets.push(Net::new(table));
                nets.len() - 1
            });
            let net = nets.get_mut(at).context("just found")?;
            match kind {
                RowKind::Insert(row) => net.put(row, true)?,
                RowKind::Delete(row) => net.put(row, false)?,
                RowKind::Update { old, new } => {
                    net.put(old, false)?;
                    net.put(new, true)?;
                }
            }
        }
        for net in nets {
            for (place, rows) in self.deal(&net)? {
                if net.keyless {
                    self.keyless(&net, &rows, place)?;
                } else {
                    let (kept, gone): (Vec<&Effect>, Vec<&Effect>) = rows.into_iter().partition(|e| e.more > 0);
                    self.statement(Shape::Replace, &net, &kept, place)?;
                    self.statement(Shape::Delete, &net, &gone, place)?;
                }
            }
        }
        Ok(())
    }

    /// Which connection takes which rows of a table.
    fn deal<'a>(&mut self, net: &'a Net) -> Result<Vec<(usize, Vec<&'a Effect>)>> {
        if self.by_table {
            let next = self.places.len() % CONNECTIONS;
            let place = *self.places.entry(net.table.id).or_insert(next);
            return Ok(vec![(place, net.rows.iter().collect())]);
        }
        let mut shares: Vec<(usize, Vec<&Effect>)> = (0..CONNECTIONS).map(|place| (place, Vec::new())).collect();
        for effect in &net.rows {
            let share = usize::try_from(effect.hash % CONNECTIONS as u64)?;
            shares.get_mut(share).context("a share")?.1.push(effect);
        }
        Ok(shares)
    }

    /// One INSERT of the rows that came, and a DELETE … LIMIT n for each different row that went, n being how many
    /// equal ones.
    fn keyless(&mut self, net: &Net, rows: &[&Effect], place: usize) -> Result<()> {
        let came: Vec<&Effect> = rows
            .iter()
            .filter_map(|e| usize::try_from(e.more).ok().map(|n| std::iter::repeat_n(*e, n)))
            .flatten()
            .collect();
        self.statement(Shape::Insert, net, &came, place)?;
        for effect in rows.iter().filter(|e| e.more < 0) {
            let mut sql = format!("DELETE FROM {} WHERE ", net.name()).into_bytes();
            for (n, (column, value)) in net.table.columns.iter().zip(&effect.row).enumerate() {
                let and = if n > 0 { " AND " } else { "" };
                sql.extend_from_slice(format!("{and}{} <=> ", sql_name(&column.name)).as_bytes());
                literal::write(&mut sql, &column.kind, value)?;
            }
            sql.extend_from_slice(format!(" LIMIT {}", -effect.more).as_bytes());
            self.push(Shape::DeleteRow, sql, 1, place)?;
        }
        Ok(())
    }

    /// One statement of whole rows, or one DELETE by key.
    fn statement(&mut self, shape: Shape, net: &Net, rows: &[&Effect], place: usize) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let table = &net.table;
        let columns: Vec<usize> =
            if shape == Shape::Delete { net.key.clone() } else { (0..table.columns.len()).collect() };
        let names: Vec<String> =
            columns.iter().filter_map(|c| table.columns.get(*c)).map(|c| sql_name(&c.name)).collect();
        let (name, names) = (net.name(), names.join(","));
        let (head, end) = match shape {
            Shape::Replace => (format!("REPLACE INTO {name} ({names}) VALUES "), ""),
            Shape::Insert => (format!("INSERT INTO {name} ({names}) VALUES "), ""),
            Shape::Delete | Shape::DeleteRow => (format!("DELETE FROM {name} WHERE ({names}) IN ("), ")"),
        };
        let mut sql = head.into_bytes();
        for (n, effect) in rows.iter().enumerate() {
            sql.extend_from_slice(if n > 0 { b",(" } else { b"(" });
            for (n, c) in columns.iter().enumerate() {
                sql.extend_from_slice(if n > 0 { b"," } else { b"" });
                let (column, value) = table.columns.get(*c).zip(effect.row.get(*c)).context("a column")?;
                literal::write(&mut sql, &column.kind, value)?;
            }
            sql.push(b')');
        }
        sql.extend_from_slice(end.as_bytes());
        self.push(shape, sql, rows.len(), place)
    }

    fn push(&mut self, shape: Shape, sql: Vec<u8>, rows: usize, place: usize) -> Result<()> {
        let sql = String::from_utf8(sql)?;
        let count = self
            .counts
            .entry(shape)
            .or_insert_with(|| Count { sample: sql.chars().take(90).collect(), ..Count::default() });
        count.statements += 1;
        count.rows += rows;
        let phase = self.phases.last_mut().context("a phase")?;
        phase.statements.get_mut(place).context("a connection")?.push(sql);
        Ok(())
    }
}

/// The statements that there are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Replace,
    Delete,
    Insert,
    DeleteRow,
}

#[derive(Default)]
struct Count {
    statements: usize,
    rows: usize,
    sample: String,
}

/// Runs the statements of one connection.
fn run(conn: &mut Conn, list: &[String], begin: Instant) -> Result<()> {
    for sql in list {
        ensure!(begin.elapsed() < LIMIT, "the reference was not done after {} s", LIMIT.as_secs());
        conn.query_drop(sql)?;
    }
    Ok(())
}

fn session(port: u16) -> Result<Conn> {
    let opts = OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(port).user(Some("root"));
    let mut conn = Conn::new(opts.prefer_socket(false))?;
    conn.query_drop(SESSION)?;
    conn.query_drop(ISOLATION)?;
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
            Change::Large(_) => bail!("a transaction was kept for the sink to decode, which nobody asked for"),
            Change::Ddl(ddl) => {
                self.close()?;
                let Ddl { schema, query, .. } = *ddl;
                if self.phases.last().is_some_and(|p| p.statements.iter().any(|s| !s.is_empty())) {
                    self.phases.push(Phase::default());
                }
                self.phases.last_mut().context("a phase")?.ddl.push((schema, query));
            }
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
