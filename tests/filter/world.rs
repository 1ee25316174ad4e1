//! One run: a recording, a server of its own, arguments, what it said and what it left.

use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::load::{self, Truth, Workload};
use clap::Parser;
use mysql::prelude::Queryable;
use tempfile::TempDir;
use tisync::cli::{Cli, Command};
use tisync::commands::sync;
use tisync::config::Settings;
use tisync::event::Event;
use tisync::filter::{EventRule, Filter, Rules};
use tisync::playground::mariadb::PrivateServer;
use tisync::stop::Stop;

use crate::common::binary::{Ran, tisync};
use crate::common::made::Made;

pub struct World {
    pub dir: TempDir,
    pub server: PrivateServer,
}

impl World {
    pub fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), server: PrivateServer::start().unwrap() }
    }

    /// With a workload in its folder.
    pub fn with(workload: &dyn Workload) -> (Self, Truth) {
        let world = Self::new();
        let truth = load::write(workload, world.dir.path()).unwrap();
        (world, truth)
    }

    /// Syncs the folder with `more` arguments, all of it.
    pub fn sync(&self, more: &[&str]) -> Ran {
        sync_from(self.dir.path(), &self.server, more)
    }

    /// The same of `made`.
    pub fn sync_of(&self, made: &Made, more: &[&str]) -> Ran {
        made.save(self.dir.path());
        self.sync(more)
    }

    /// One value as text; `NULL` too.
    pub fn one(&self, sql: &str) -> String {
        one(&self.server, sql)
    }

    /// The tables of a database, in order.
    pub fn tables(&self, database: &str) -> String {
        self.one(&format!(
            "SELECT GROUP_CONCAT(table_name ORDER BY table_name) FROM information_schema.tables WHERE table_schema = '{database}'"
        ))
    }

    /// The same as a run of the binary, with rules that have no argument; what was said.
    pub fn with_events(
        &self,
        from: &Path,
        more: &[&str],
        tables: &[&str],
        events: &[(&str, &[&str])],
    ) -> anyhow::Result<Vec<String>> {
        let (folder, url) = (from.display().to_string(), self.server.url());
        let args = ["tisync", "sync", "--from", &folder, "--to", &url];
        let Command::Sync(args) = Cli::parse_from(args.iter().chain(more)).command else { panic!("a sync") };
        let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        let rule = |(table, ignore): &(&str, &[&str])| EventRule {
            tables: own(&[table]),
            ignore: own(ignore),
            ..EventRule::default()
        };
        let events = events.iter().map(rule).collect();
        let rules = Rules { tables: own(tables), events, ..Rules::default() };
        let settings = Settings { filter: Arc::new(Filter::new(&rules)?), ..Settings::of(&args)? };
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = said.clone();
        sync::link(
            &settings,
            &Stop::default(),
            &(Arc::new(move |event| {
                if let Event::Note(text) | Event::Warning(text) = event {
                    heard.lock().unwrap().push(text);
                }
            }) as tisync::event::Events),
        )?;
        Ok(std::mem::take(&mut said.lock().unwrap()))
    }
}

pub fn sync_from(dir: &Path, server: &PrivateServer, more: &[&str]) -> Ran {
    let (from, to) = (dir.display().to_string(), server.url());
    let args = ["sync", "--from", &from, "--to", &to];
    tisync(&args.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>())
}

pub fn one(server: &PrivateServer, sql: &str) -> String {
    let mut conn = server.connect().unwrap();
    let found: Option<Option<String>> = conn.query_first(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    found.flatten().unwrap_or_else(|| "NULL".to_owned())
}

/// That `text` holds `word`.
#[track_caller]
pub fn says(text: &str, word: &str) {
    assert!(text.contains(word), "`{word}` is not said:\n{text}");
}
