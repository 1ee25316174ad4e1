//! A recording over the simulated wire: served for other terminals, or synced and compared with its dump.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{different, introduce, keep, replay_options, rows, sync, target};
use crate::cli::PlaygroundArgs;
use crate::error::{Fault, Kind};
use crate::model::CommitTs;
use crate::output;
use crate::pipeline::End;
use crate::playground::compare::{self, Comparison, Definitions, Side};
use crate::playground::dump;
use crate::playground::mariadb::PrivateServer;
use crate::playground::replay::{self, Recording};
use crate::stop::Stop;

/// Serves it until a signal.
pub fn serve(dir: &Path, args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let mut printed = Ok(());
    replay::serve(&Recording::read(dir)?, &replay_options(args), stop.flag(), |cluster| {
        introduce(cluster);
        printed = output::answer(&cluster.pd_url());
        if printed.is_err() {
            // Nobody can learn the address: there is nothing to stay for.
            stop.request();
        }
    })?;
    printed
}

/// Serves it to a sync into a private MariaDB, and compares the end with the dump beside it, where there is one.
pub fn run(dir: &Path, args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let recording = Recording::read(dir)?;
    let server = target()?;
    let cluster = replay::start(&recording, &replay_options(args))?;
    introduce(&cluster);
    let mut more = vec!["--until".to_owned(), "caught-up".to_owned(), "--allow-missing".to_owned()];
    more.extend(["--start-ts".to_owned(), recording.start_ts.max(CommitTs(1)).to_string()]);
    more.extend(args.skip_ddl.iter().flat_map(|ts| ["--skip-ddl".to_owned(), ts.to_string()]));
    if sync(&cluster.pd_url(), &server.url(), &more, stop)? == End::Stopped {
        return Err(Fault::new(Kind::Interrupted, "stopped by a signal; nothing was compared").into());
    }
    let dump = dir.join("dump");
    if dump.is_dir() {
        let found = compared(&server, &dump)?;
        if !found.equal() {
            return Err(different(&found.differences));
        }
        output::answer(&format!("equal to its dump: {} tables, {} rows", found.tables, found.rows))?;
    } else {
        output::answer(&format!("applied; the target holds about {} rows. No dump to compare with", rows(&server)?))?;
    }
    if args.keep {
        keep(&server, stop);
    }
    Ok(())
}

fn compared(server: &PrivateServer, dir: &Path) -> Result<Comparison> {
    let mut databases = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        databases.extend(name.strip_suffix("-schema-create.sql").map(str::to_owned));
    }
    let names: Vec<&str> = databases.iter().map(String::as_str).collect();
    dump::load(&mut server.connect()?, dir, &names, "truth_")?;
    let mut all = Comparison::default();
    for name in names {
        let mut left = Side::new(server.connect()?, name)?;
        let mut right = Side::new(server.connect()?, &format!("truth_{name}"))?;
        let found = compare::databases(&mut left, &mut right, Definitions::Exact, &[])?;
        all.tables += found.tables;
        all.rows += found.rows;
        all.differences.extend(found.differences);
    }
    Ok(all)
}
