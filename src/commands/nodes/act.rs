//! `nodes pause` and `nodes offline`: asks the node itself.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::cli::Format;
use crate::cli::nodes::ActArgs;
use crate::commands::ts::show;
use crate::error::Fault;
use crate::output;
use crate::pd::{Node, Pd, Security, State};
use crate::shell::quoted;

/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// How often the entry is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// The `code` of an action that was taken.
const DONE: i64 = 200;
/// An answer is one line.
const MOST: u64 = 1 << 20;

/// What a node is asked to do.
pub(super) struct Action {
    /// The last part of the path.
    path: &'static str,
    /// What its entry says when it is done.
    end: State,
}

pub(super) const PAUSE: Action = Action { path: "pause", end: State::Paused };
pub(super) const OFFLINE: Action = Action { path: "close", end: State::Offline };

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: i64,
}

#[derive(Serialize)]
struct Answer {
    version: u32,
    kind: &'static str,
    id: String,
    action: &'static str,
    message: String,
    /// As its entry had it last.
    state: String,
}

pub(super) fn run(args: &ActArgs, action: &Action, format: Format) -> Result<()> {
    let (pd, security) = super::connect(&args.cluster)?;
    let (kind, node) = super::find(&pd, &args.node)?;
    let message = ask(&security, kind, &node, action, &pd.flags())?;
    let state = match args.wait {
        Some(limit) => wait(&pd, kind, &node, action, limit)?,
        None => super::find(&pd, &args.node)?.1.state,
    };
    let text = format!("{} {}: {message}; it is {state}", kind.word(), node.id);
    let answer = Answer {
        version: show::VERSION,
        kind: kind.word(),
        id: node.id,
        action: action.path,
        message,
        state: state.to_string(),
    };
    show::one(format, &text, &answer)
}

/// Asks the node; gives its own words. `flags` lead a command to its PD.
fn ask(security: &Security, kind: Kind, node: &Node, action: &Action, flags: &str) -> Result<String> {
    let (kind, id, path) = (kind.word(), &node.id, action.path);
    let url = format!("{}://{}/state/{}/{path}", security.scheme(), node.host, escaped(id));
    let unreached = |why: String| {
        Fault::connect(format!("cannot ask {kind} {id} at {url}: {why}")).hint(format!(
            "if it is gone for good, write its entry instead: `tisync nodes set-state {} {} {flags}`",
            quoted(id),
            action.end
        ))
    };
    let mut answer = security.agent(LIMIT)?.put(&url).send_empty().map_err(|e| unreached(e.to_string()))?;
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(MOST).lossy_utf8(true).read_to_string();
    let text = text.map_err(|e| unreached(e.to_string()))?;
    // A refusal comes as HTTP 200, too: only the `code` inside tells.
    match serde_json::from_str::<Page>(&text) {
        Ok(page) if page.code == DONE && status.is_success() => Ok(page.message),
        Ok(page) => {
            let text = format!("{kind} {id} refuses to {path}: {} (code {})", page.message, page.code);
            let hint = format!("its entry says {}; only a node that is online can be asked", node.state);
            Err(Fault::negative(text).hint(hint).into())
        }
        Err(_) => {
            let text = format!("{kind} {id} did not {path}: HTTP status {status} and no answer of a {kind} at {url}");
            Err(Fault::negative(text).hint("does its entry have the right address?").into())
        }
    }
}

/// Waits until its entry says that it is done.
fn wait(pd: &Pd, kind: Kind, node: &Node, action: &Action, limit: Duration) -> Result<State> {
    let begin = Instant::now();
    loop {
        let now = pd.entry(kind.prefix(), &node.id)?.map(|(status, _)| status.state());
        match now {
            Some(state) if state == action.end => return Ok(state),
            state if begin.elapsed() >= limit => return Err(late(pd, kind, node, action, state, limit)?.into()),
            _ => sleep(LOOK.min(limit)),
        }
    }
}

fn late(pd: &Pd, kind: Kind, node: &Node, action: &Action, state: Option<State>, limit: Duration) -> Result<Fault> {
    let state = state.map_or_else(|| "no entry".to_owned(), |s| s.to_string());
    let text = format!("{} {} is not {} after {} s: {state}", kind.word(), node.id, action.end, limit.as_secs_f32());
    let fault = Fault::new(crate::error::Kind::TimedOut, text);
    let drainers = pd.drainers()?;
    pd.take_warnings().iter().for_each(|w| output::warn(w));
    let pump = pd.entry(kind.prefix(), &node.id)?.map(|(status, _)| status.max_commit_ts());
    let pump = Node { max_commit_ts: pump.unwrap_or(node.max_commit_ts), ..node.clone() };
    let held: Vec<&str> = super::held_back_by(&pump, drainers.iter()).into_iter().map(|d| d.id.as_str()).collect();
    Ok(if kind == Kind::Pump && action.end == State::Offline && !held.is_empty() {
        fault.hint(format!("it waits for what these drainers have not got yet: {}", held.join(", ")))
    } else {
        fault.hint("it was asked and may still do it: `tisync nodes list` shows its state")
    })
}

/// A node id as a part of a path.
fn escaped(id: &str) -> PercentEncode<'_> {
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');
    utf8_percent_encode(id, SEGMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_in_paths() {
        assert_eq!(escaped("vm:8250").to_string(), "vm:8250");
        assert_eq!(escaped("a b%/ü").to_string(), "a%20b%25%2F%C3%BC");
    }
}
