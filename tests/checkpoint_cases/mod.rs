//! The cases, and what they build on.

mod command;
pub mod cost;
mod drainer;
mod lease;
mod links;
mod slots;
mod takes;

use std::sync::{Arc, Mutex};

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::checkpoint::{Link, TakenOver, take};
use tisync::error::fault;
use tisync::event::{Event, Events, silent};
use tisync::model::CommitTs;
use tisync::mysql::address::Target;
use tisync::mysql::error::SessionError;
use tisync::mysql::session::Session;
use tisync::playground::mariadb::PrivateServer;

pub type Case = fn(&PrivateServer);

pub fn all() -> Vec<(&'static str, Case)> {
    [takes::CASES, slots::CASES, links::CASES, drainer::CASES, command::CASES, lease::CASES].concat()
}

/// A ts that every test's first transaction lies above.
pub const START: u64 = 420_747_102_018_863_124;

pub fn ts(n: u64) -> CommitTs {
    CommitTs(START + n)
}

pub fn session(server: &PrivateServer) -> Session {
    Session::open(&Target::parse(&server.url(), &silent()).unwrap()).unwrap()
}

/// Makes table `name` in the database `data` for a test's rows.
pub fn table(server: &PrivateServer, name: &str) -> Conn {
    let mut conn = server.connect().unwrap();
    conn.query_drop("CREATE DATABASE IF NOT EXISTS data").unwrap();
    conn.query_drop(format!("CREATE TABLE data.{name} (n BIGINT)")).unwrap();
    conn
}

/// The rows of such a table, joined by a blank.
pub fn rows(conn: &mut Conn, name: &str) -> String {
    let rows: Vec<u64> = conn.query(format!("SELECT n FROM data.{name} ORDER BY n")).unwrap();
    rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

pub fn one(conn: &mut Conn, sql: &str) -> String {
    conn.query_first::<Option<String>, _>(sql).unwrap().flatten().unwrap_or_default()
}

pub fn taken(server: &PrivateServer, cluster: u64, link: &str, slots: usize) -> (Session, TakenOver) {
    let mut session = session(server);
    let taken = take(&mut session, cluster, link, slots, &silent()).unwrap();
    (session, taken)
}

/// A run with a position of its own, so that the next one finds the link started.
pub fn started(server: &PrivateServer, cluster: u64, link: &str, slots: usize) -> (Session, Link) {
    let (mut session, taken) = taken(server, cluster, link, slots);
    taken.link.save_position(&mut session, ts(0)).unwrap();
    (session, taken.link)
}

/// Everything that an operator would read.
pub fn said(failed: SessionError) -> String {
    words(&failed.into())
}

pub fn words(error: &anyhow::Error) -> String {
    let hint = fault(error).map_or(String::new(), |f| f.hint.clone());
    format!("{error:#} / {hint}")
}

/// Events with their words kept.
pub fn heard() -> (Events, Arc<Mutex<Vec<String>>>) {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hear = heard.clone();
    let events: Events = Arc::new(move |event| {
        let text = match event {
            Event::Note(text) | Event::Warning(text) => text,
            Event::Waiting { what, .. } => format!("waiting for {what}"),
            other => format!("{other:?}"),
        };
        hear.lock().unwrap().push(text);
    });
    (events, heard)
}
