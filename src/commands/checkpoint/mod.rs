//! `tisync checkpoint`: what a target's checkpoints say, and the operator's word about them.

mod change;
mod entry;
mod show;

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use clap::Parser;

use super::sync;
use crate::checkpoint::{DrainerPlace, LinkSurvey};
use crate::cli::checkpoint::{CheckpointCommand, CheckpointLink, CheckpointTarget};
use crate::cli::{Cli, Command, Format, PlainArgs};
use crate::config::Settings;
use crate::error::Fault;
use crate::output;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::session::Session;

/// Runs `command`.
///
/// # Errors
/// Whatever keeps the answer from being given; refused, if the change would lose or repeat something and nobody said yes.
pub fn run(command: &CheckpointCommand, format: Format) -> Result<()> {
    match command {
        CheckpointCommand::Show(args) => show::run(args, format),
        CheckpointCommand::Set(args) => change::set(args),
        CheckpointCommand::Clear(args) => change::clear(args),
    }
}

/// The target, and where Drainer's checkpoint is.
fn open(target: &CheckpointTarget, link: Option<&str>) -> Result<(Session, DrainerPlace)> {
    let events = output::events();
    let (target, place) = match (&target.to, &target.config) {
        (Some(to), _) => (Target::parse_with(to, &target.plain.connection(), &events)?, DrainerPlace::default()),
        (None, Some(file)) => {
            let settings = settings(file, link, &target.plain)?;
            let place = sync::drainer(&settings, &events)?;
            (Target::parse_with(&settings.target, &settings.connection, &events)?, place)
        }
        (None, None) => {
            return Err(Fault::usage("no target was given")
                .hint("--to mysql://user@host:3306, or --config FILE")
                .into());
        }
    };
    Ok((Session::open(&target)?, place))
}

/// What `tisync sync` with this file would work with.
fn settings(file: &Path, link: Option<&str>, plain: &PlainArgs) -> Result<Settings> {
    let mut words: Vec<OsString> = vec!["--config".into(), file.into()];
    if let Some(link) = link {
        words.extend(["--link", link].map(OsString::from));
    }
    if plain.allow_plain_password {
        words.push("--allow-plain-password".into());
    }
    settings_of(words)
}

/// What `tisync sync` with these arguments would work with.
pub(super) fn settings_of(words: Vec<OsString>) -> Result<Settings> {
    let all = ["tisync", "sync"].map(OsString::from).into_iter().chain(words);
    match Cli::try_parse_from(all).map(|cli| cli.command) {
        Ok(Command::Sync(args)) => Settings::of(&args),
        Ok(_) => Err(Fault::usage("no arguments of sync").into()),
        Err(error) => Err(Fault::usage(error.to_string()).into()),
    }
}

/// The one link that is meant.
fn choose<'a>(found: &'a [LinkSurvey], wanted: &CheckpointLink) -> Result<&'a LinkSurvey> {
    let mut named =
        found.iter().filter(|l| l.link == wanted.link && wanted.cluster_id.is_none_or(|id| l.cluster_id == id));
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            let ids: Vec<String> =
                found.iter().filter(|l| l.link == wanted.link).map(|l| l.cluster_id.to_string()).collect();
            let message = format!("several clusters have a link `{}` on the target: {}", wanted.link, ids.join(", "));
            Err(Fault::usage(message).hint("name one of them with --cluster-id").into())
        }
        (None, _) => {
            let names: Vec<String> =
                found.iter().map(|l| format!("`{}` of cluster {}", l.link, l.cluster_id)).collect();
            let there = if names.is_empty() { "there is none at all".to_owned() } else { names.join(", ") };
            Err(Fault::usage(format!("the target has no such link as `{}`: {there}", wanted.link))
                .hint("a link begins with its first `tisync sync`, where --start-ts says")
                .into())
        }
    }
}
