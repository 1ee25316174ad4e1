//! `tisync mark`: sets up the mark table, shows it, and removes the rows of a channel.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cli::Format;
use crate::cli::target::{MarkCommand, MarkDropArgs, MarkPlace, MarkSetupArgs, MarkStatusArgs};
use crate::error::{Fault, counted};
use crate::mark::{self, Plan, Status};
use crate::model::Mark;
use crate::mysql::address::Target;
use crate::mysql::session::Session;
use crate::output;

/// Version of the JSON answers.
const VERSION: u32 = 1;

/// Runs `command`.
///
/// # Errors
/// If a server cannot be reached or refuses; negative if `status` finds marks that are not ready.
pub fn run(command: &MarkCommand, format: Format) -> Result<()> {
    if format == Format::Csv {
        return Err(Fault::usage("`tisync mark` has no CSV output").hint("use --output text or --output json").into());
    }
    match command {
        MarkCommand::Setup(args) => setup(args, format),
        MarkCommand::Status(args) => status(args, format),
        MarkCommand::Drop(args) => drop(args, format),
    }
}

/// A server with its name for messages.
struct Place {
    name: String,
    session: Session,
}

fn open(place: &MarkPlace) -> Result<Vec<Place>> {
    let events = output::events();
    let open = |address: &String| {
        let target = Target::parse_with(address, &place.plain.connection(), &events)?;
        Ok(Place { name: target.name(), session: Session::open(&target)? })
    };
    place.to.iter().map(open).collect()
}

fn json<T: Serialize>(targets: &[T]) -> Result<()> {
    output::answer(&serde_json::to_string_pretty(&serde_json::json!({ "version": VERSION, "targets": targets }))?)
}

#[derive(Serialize)]
struct SetUp {
    target: String,
    table: String,
    channel_id: i64,
    /// Rows of the channel that existed.
    rows_there: usize,
    /// Rows that were created, or with a dry run would be.
    rows_made: usize,
    /// Statements that ran, or with a dry run would run.
    sql: Vec<String>,
    dry_run: bool,
}

fn setup(args: &MarkSetupArgs, format: Format) -> Result<()> {
    let mark = Mark::new(&args.place.table, args.channel_id)?;
    let mut places = open(&args.place)?;
    let planned = |place: &mut Place| {
        mark::plan(&mut place.session, &mark, args.rows).with_context(|| format!("on {}", place.name))
    };
    // All servers are inspected before the first is changed.
    let plans: Vec<Plan> = places.iter_mut().map(planned).collect::<Result<_>>()?;
    let mut done = Vec::new();
    for (place, plan) in places.iter_mut().zip(plans) {
        if !args.dry_run {
            mark::apply(&mut place.session, &plan).with_context(|| format!("on {}", place.name))?;
        }
        done.push(SetUp {
            target: place.name.clone(),
            table: mark.name(),
            channel_id: mark.channel,
            rows_there: plan.there,
            rows_made: plan.missing,
            sql: plan.statements,
            dry_run: args.dry_run,
        });
    }
    if format == Format::Json {
        return json(&done);
    }
    if args.dry_run {
        return output::answer(&sql_text(done.iter().map(|d| (d.target.as_str(), d.sql.as_slice()))));
    }
    let lines: Vec<String> = done
        .iter()
        .map(|d| {
            let (there, made) = (counted(d.rows_there, "row"), d.rows_made);
            format!("{}: {} channel {}: {there} existed, {made} created", d.target, d.table, d.channel_id)
        })
        .collect();
    output::answer(&lines.join("\n"))
}

/// Statements for a client, with a comment for each server.
pub(super) fn sql_text<'a>(targets: impl Iterator<Item = (&'a str, &'a [String])>) -> String {
    let mut text = String::new();
    for (target, sql) in targets {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "-- {target}{}", if sql.is_empty() { ": nothing to do" } else { "" });
        for statement in sql {
            let _ = writeln!(text, "{statement};");
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[derive(Serialize)]
struct Shown {
    target: String,
    table: String,
    #[serde(flatten)]
    status: Status,
}

fn status(args: &MarkStatusArgs, format: Format) -> Result<()> {
    let mark = Mark::new(&args.place.table, args.channel_id.unwrap_or_default())?;
    let mut shown = Vec::new();
    for mut place in open(&args.place)? {
        let status =
            mark::status(&mut place.session, &mark, args.channel_id).with_context(|| format!("on {}", place.name))?;
        shown.push(Shown { target: place.name, table: mark.name(), status });
    }
    match format {
        Format::Json => json(&shown)?,
        _ => output::answer(&shown.iter().map(text).collect::<Vec<_>>().join("\n"))?,
    }
    let bad: Vec<&str> = shown
        .iter()
        .filter(|s| !s.status.table_exists || !s.status.different.is_empty() || s.status.rows.is_empty())
        .map(|s| s.target.as_str())
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(Fault::negative(format!("links cannot write marks yet on {}", bad.join(", ")))
        .hint("`tisync mark setup --to URL --channel-id N` creates what is missing")
        .into())
}

fn text(shown: &Shown) -> String {
    let Shown { target, table, status } = shown;
    if !status.table_exists {
        return format!("{target}: table {table} does not exist");
    }
    if !status.different.is_empty() {
        return format!("{target}: {table} is not a valid mark table: {}", status.different.join("; "));
    }
    let changed = status.last_change.as_ref().map_or(String::new(), |at| format!(", last change {at}"));
    let used = if status.in_use_by.is_empty() {
        String::new()
    } else {
        format!(", in use by {}", output::one_line(&status.in_use_by.join(", ")))
    };
    let mut out = format!("{target}: {table}: {}{changed}{used}", counted(status.rows.len(), "row"));
    for row in &status.rows {
        let val = row.val.map_or_else(|| "NULL".to_owned(), |v| v.to_string());
        // Writing into a String cannot fail.
        let info = output::one_line(&row.channel_info);
        let _ = write!(out, "\n  channel {} id {} val {val} {info}", row.channel_id, row.id);
    }
    out
}

#[derive(Serialize)]
struct Dropped {
    target: String,
    table: String,
    channel_id: i64,
    rows: u64,
    sql: Vec<String>,
    dry_run: bool,
}

fn drop(args: &MarkDropArgs, format: Format) -> Result<()> {
    let mark = Mark::new(&args.place.table, args.channel_id)?;
    let mut done = Vec::new();
    let mut places = open(&args.place)?;
    let names: Vec<&str> = places.iter().map(|p| p.name.as_str()).collect();
    let question = format!("Delete the rows of channel {} of {} on {}?", mark.channel, mark.name(), names.join(", "));
    if !args.dry_run && !args.yes && !output::confirm(&question)? {
        return Err(Fault::usage("nothing was deleted").hint("--yes deletes without asking").into());
    }
    for place in &mut places {
        let rows = if args.dry_run {
            0
        } else {
            mark::drop_rows(&mut place.session, &mark).with_context(|| format!("on {}", place.name))?
        };
        done.push(Dropped {
            target: place.name.clone(),
            table: mark.name(),
            channel_id: mark.channel,
            rows,
            sql: vec![mark.delete()],
            dry_run: args.dry_run,
        });
    }
    if format == Format::Json {
        return json(&done);
    }
    if args.dry_run {
        return output::answer(&sql_text(done.iter().map(|d| (d.target.as_str(), d.sql.as_slice()))));
    }
    let line =
        |d: &Dropped| format!("{}: {} channel {}: deleted {}", d.target, d.table, d.channel_id, counted(d.rows, "row"));
    output::answer(&done.iter().map(line).collect::<Vec<_>>().join("\n"))
}
