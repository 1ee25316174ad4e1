//! The tables that the target must have, read from a cluster, a server or a dump.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;

use crate::config::Settings;
use crate::error::Fault;
use crate::event::Events;
use crate::filter::wanted;
use crate::model::Table;
use crate::mysql::address::Target;
use crate::mysql::session::{Flavour, Server, Session};
use crate::pd::Pd;
use crate::schema::{Converted, History, HttpHistory, convert};
use crate::sink::mysql::ddl::{Reference, reference, reference_of_text};
use crate::sink::mysql::schema_diff::well_quoted;
use crate::source;
use crate::sql::statements;
use crate::sql::{quote_name, quote_text};

/// A table that the target must have, by its names there.
pub(super) struct Wanted {
    pub schema: String,
    pub name: String,
    /// Its expected definition, or why that is not known.
    pub reference: Result<Reference, String>,
}

/// All such tables, in the order of their names, for the target `server`.
///
/// # Errors
/// If they cannot be read.
pub(super) fn all(settings: &Settings, server: &Server, events: &Events) -> Result<Vec<Wanted>> {
    let from = &settings.source.address;
    let mut found = if source::is_cluster(from) || settings.source.schema_from.is_some() {
        of_cluster(settings, server)?
    } else if from.contains("://") {
        of_server(settings, server, events)?
    } else {
        of_dump(settings, server, Path::new(from))?
    };
    found.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    Ok(found)
}

/// Whether `schema`.`table` is replicated.
fn is_wanted(settings: &Settings, schema: &str, table: &str) -> bool {
    wanted(schema) && settings.filter.table(schema, table)
}

/// The names of a table on the target.
fn target(settings: &Settings, schema: &str, table: &str) -> (String, String) {
    settings.routes.table(schema, table).unwrap_or_else(|| (schema.to_owned(), table.to_owned()))
}

fn of_cluster(settings: &Settings, server: &Server) -> Result<Vec<Wanted>> {
    let security = &settings.source.security;
    let addresses = match &settings.source.schema_from {
        Some(address) => vec![address.clone()],
        None => {
            let pd = Pd::connect(std::slice::from_ref(&settings.source.address), security)?;
            pd.tidb_servers()?.iter().map(|server| server.status_url(security)).collect()
        }
    };
    let mut found = Vec::new();
    HttpHistory::secured(addresses, security.clone()).each_current(&mut |db, table| {
        let Some(info) = table.filter(|info| is_wanted(settings, &db.name.0, &info.name.0)) else { return };
        let (schema, name) = target(settings, &db.name.0, &info.name.0);
        let reference = match convert(&info, &db.name.0) {
            Converted::Table(table) => of_table(settings, server, *table),
            Converted::Unreadable(why) => Err(why),
            Converted::Rowless => return,
        };
        found.push(Wanted { schema, name, reference });
    })?;
    Ok(found)
}

fn of_table(settings: &Settings, server: &Server, table: Table) -> Result<Reference, String> {
    let routed = settings.routes.apply(&Arc::new(table));
    reference(server, &routed)?.ok_or_else(|| "its TableInfo does not contain its whole definition".to_owned())
}

fn of_server(settings: &Settings, server: &Server, events: &Events) -> Result<Vec<Wanted>> {
    let target = Target::parse_with(&settings.source.address, &settings.connection, events)
        .context("cannot read the definitions of the upstream")?;
    let mut session = Session::open(&target)?;
    let tidb = session.server().flavour == Flavour::TiDb;
    let names: Vec<(String, String)> = session.rows(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' ORDER BY 1, 2",
    )?;
    let mut found = Vec::new();
    for (schema, name) in names.into_iter().filter(|(schema, name)| is_wanted(settings, schema, name)) {
        let row: Option<(String, String)> =
            session.first(&format!("SHOW CREATE TABLE {}.{}", quote_name(&schema), quote_name(&name)))?;
        let Some((_, sql)) = row else { continue };
        let sql = well_quoted(&mut session, (&schema, &name), sql)?;
        found.push(of_text(settings, server, (&schema, &name), &sql, tidb));
    }
    Ok(found)
}

fn of_text(settings: &Settings, server: &Server, (schema, table): (&str, &str), sql: &str, tidb: bool) -> Wanted {
    let parent = |of: &str, name: &str| target(settings, if of.is_empty() { schema } else { of }, name);
    let reference = reference_of_text(server, sql, tidb, &parent);
    let (schema, name) = target(settings, schema, table);
    Wanted { schema, name, reference }
}

/// Reads a dump. Dumpling writes one file for each table, whose name holds both names, with percent
/// signs for characters that a file's name cannot have.
fn of_dump(settings: &Settings, server: &Server, folder: &Path) -> Result<Vec<Wanted>> {
    let cannot = || format!("cannot read the dump in {}", folder.display());
    let mut found = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some((schema, table)) = file.strip_suffix("-schema.sql").and_then(|both| both.split_once('.')) else {
            continue;
        };
        files += 1;
        let name = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (schema, table) = (name(schema), name(table));
        if !is_wanted(settings, &schema, &table) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let create = statements(&text).into_iter().find(|sql| sql.contains("CREATE TABLE"));
        found.extend(create.map(|sql| of_text(settings, server, (&schema, &table), sql, true)));
    }
    if files == 0 {
        return Err(Fault::usage(format!("no file in {} ends in -schema.sql", folder.display()))
            .hint(
                "--from takes a cluster (pd://…), a server (mysql://…) or the folder of an uncompressed Dumpling dump",
            )
            .into());
    }
    Ok(found)
}

/// The tables of a database on the target.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn there(session: &mut Session, schema: &str) -> Result<Vec<String>> {
    session.rows(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {} AND table_type = 'BASE TABLE' ORDER BY 1",
        quote_text(schema)
    ))
}
