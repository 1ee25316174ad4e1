//! `tisync checkpoint`: what a target's checkpoints say, and the operator's word about them.

mod change;
mod show;

use anyhow::Result;

use crate::checkpoint::LinkSurvey;
use crate::cli::Format;
use crate::cli::checkpoint::{CheckpointCommand, CheckpointLink, CheckpointTarget};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::output;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::session::Session;

/// Runs `command`.
///
/// # Errors
/// Whatever keeps the answer from being given; refused, if the change would lose or repeat something and nobody said yes.
pub fn run(command: &CheckpointCommand, format: Format) -> Result<()> {
    match command {
        CheckpointCommand::Show(target) => show::run(target, format),
        CheckpointCommand::Set(args) => change::set(args),
        CheckpointCommand::Clear(args) => change::clear(args),
    }
}

fn events() -> Events {
    std::sync::Arc::new(|event| match event {
        Event::Note(text) => output::note(&text),
        Event::Warning(text) => output::warn(&text),
        _ => {}
    })
}

fn open(target: &CheckpointTarget) -> Result<Session> {
    Session::open(&Target::parse(&target.to, &events())?)
}

/// The one link that is meant.
fn choose<'a>(found: &'a [LinkSurvey], wanted: &CheckpointLink) -> Result<&'a LinkSurvey> {
    let mut named =
        found.iter().filter(|l| l.link == wanted.link && wanted.cluster.is_none_or(|id| l.cluster_id == id));
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            let ids: Vec<String> =
                found.iter().filter(|l| l.link == wanted.link).map(|l| l.cluster_id.to_string()).collect();
            let message = format!("several clusters have a link `{}` on the target: {}", wanted.link, ids.join(", "));
            Err(Fault::usage(message).hint("name one of them with --cluster").into())
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
