//! `nodes set-state`: writes the entry of a node that can no longer be asked.

use anyhow::Result;
use serde::Serialize;

use super::Kind;
use crate::cli::Format;
use crate::cli::nodes::{SetStateArgs, StateArg};
use crate::commands::ts::show;
use crate::error::Fault;
use crate::output;
use crate::pd::{Node, Pd, State};
use crate::place::judge::{self, Life};
use crate::shell::quoted;

/// How often the write is tried again when the node writes in between.
const RACES: u32 = 10;

#[derive(Serialize)]
struct Answer {
    version: u32,
    kind: &'static str,
    id: String,
    before: String,
    state: String,
}

pub(super) fn run(args: &SetStateArgs, format: Format) -> Result<()> {
    let state = match args.state {
        StateArg::Online => State::Online,
        StateArg::Pausing => State::Pausing,
        StateArg::Paused => State::Paused,
        StateArg::Closing => State::Closing,
        StateArg::Offline => State::Offline,
    };
    let (pd, _) = super::connect(&args.cluster)?;
    let (kind, node) = super::find(&pd, &args.node)?;
    let (word, id, before) = (kind.word(), node.id.clone(), node.state.clone());
    let means = meaning(kind, &node, &state, judge::life(&node, pd.tso()?), &pd.flags());
    if !args.yes {
        let question = format!("write `{state}` over `{before}` into the entry of {word} {id}?{means}");
        if !output::confirm(&question)? {
            return Err(Fault::negative("nothing was written").hint("--yes answers the question").into());
        }
    } else if !means.is_empty() {
        output::warn(means.trim());
    }
    write(&pd, kind, &id, &state)?;
    let text = format!("{word} {id}: {before} -> {state}");
    let answer =
        Answer { version: show::VERSION, kind: word, id, before: before.to_string(), state: state.to_string() };
    show::one(format, &text, &answer)
}

/// What should be known before that is written; empty if nothing. `flags` lead a command to its PD.
fn meaning(kind: Kind, node: &Node, state: &State, life: Life, flags: &str) -> String {
    match (kind, state, life) {
        (_, _, Life::Alive) => format!(
            " It was heard of just now: it may write its own state over this at once. Ask it instead: `tisync nodes pause {0} {flags}`, \
             `tisync nodes offline {0} {flags}`",
            quoted(&node.id)
        ),
        (Kind::Pump, State::Offline, _) => {
            " What this Pump holds and others have not read yet is then left out by whoever reads the cluster"
                .to_owned()
        }
        (Kind::Drainer, State::Offline, _) => " Pumps then no longer wait for it before they go offline".to_owned(),
        (Kind::Drainer, State::Online, _) => {
            " No Pump can start while a drainer that says online does not answer".to_owned()
        }
        _ => String::new(),
    }
}

fn write(pd: &Pd, kind: Kind, id: &str, state: &State) -> Result<()> {
    let key = format!("{}{id}", kind.prefix());
    for _ in 0..RACES {
        let Some((status, revision)) = pd.entry(kind.prefix(), id)? else { break };
        if pd.swap(&key, &status.in_state(state).write()?, revision)? {
            return Ok(());
        }
    }
    let fault = Fault::negative(format!("the entry {key} could not be written: somebody else keeps writing it"));
    Err(fault.hint("its node seems to run: ask it to pause or to go offline").into())
}
