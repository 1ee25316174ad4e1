//! `tisync nodes`: shows and changes Pumps and Drainers in etcd, as binlogctl does.
//!
//! - `pause` and `offline` send a request to the node itself.
//! - `list` shows the entries.
//! - `set-state` writes the entry of a node that does not answer any more.

mod report;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::ts;
use crate::cli::Format;
use crate::cli::cluster::{ActArgs, ClusterArgs, KindArg, ListArgs, NodeArgs, NodesCommand, SetStateArgs, StateArg};
use crate::config::{self, security};
use crate::error::{Fault, quoted};
use crate::output;
use crate::pd::{DRAINERS, Node, PUMPS, Pd, Security, State};
use crate::registration::heartbeat::{self, Life};
use report::{Row, notes, table};

/// Runs one of the subcommands.
pub fn run(command: &NodesCommand, format: Format) -> Result<()> {
    match command {
        NodesCommand::List(args) => list(args, format),
        NodesCommand::Pause(args) => change_state(args, &PAUSE, format),
        NodesCommand::Offline(args) => change_state(args, &OFFLINE, format),
        NodesCommand::SetState(args) => set_state(args, format),
    }
}

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pump,
    Drainer,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Pump => "pump",
            Self::Drainer => "drainer",
        }
    }

    /// The prefix of its key in etcd.
    fn prefix(self) -> &'static str {
        match self {
            Self::Pump => PUMPS,
            Self::Drainer => DRAINERS,
        }
    }
}

fn connect(args: &ClusterArgs) -> Result<(Pd, Security)> {
    let given = security(&args.pd.security);
    let (addresses, security) = match (&args.config, args.pd.pd.as_slice()) {
        (None, []) => {
            let fault = Fault::usage("no cluster given");
            return Err(fault
                .hint("give --pd http://HOST:2379 or --config FILE, or TISYNC_PD in the environment")
                .into());
        }
        (Some(file), []) => {
            let (address, of_file) = config::upstream(file, args.cluster.as_deref(), &config::environment)?;
            (vec![address], if given == Security::default() { of_file } else { given })
        }
        (_, addresses) => (addresses.to_vec(), given),
    };
    Ok((Pd::connect(&addresses, &security)?, security))
}

/// All Pumps and all Drainers.
fn nodes(pd: &Pd) -> Result<Vec<(Kind, Node)>> {
    let pumps = pd.pumps()?.into_iter().map(|node| (Kind::Pump, node));
    let all = pumps.chain(pd.drainers()?.into_iter().map(|node| (Kind::Drainer, node))).collect();
    pd.take_warnings().iter().for_each(|w| output::warn(w));
    Ok(all)
}

/// The node that the arguments name.
fn find(pd: &Pd, args: &NodeArgs) -> Result<(Kind, Node)> {
    let wanted = |kind: Kind| match args.kind {
        None => true,
        Some(KindArg::Pump) => kind == Kind::Pump,
        Some(KindArg::Drainer) => kind == Kind::Drainer,
    };
    let all = nodes(pd)?;
    let mut found: Vec<_> = all.iter().filter(|(kind, node)| wanted(*kind) && node.id == args.id.trim()).collect();
    match (found.pop(), found.is_empty()) {
        (Some((kind, node)), true) => Ok((*kind, node.clone())),
        (Some(_), false) => {
            let text = format!("both a Pump and a drainer have the node id {}", args.id);
            Err(Fault::usage(text).hint("choose with --kind pump or --kind drainer").into())
        }
        (None, _) => {
            let ids: Vec<&str> = all.iter().filter(|(kind, _)| wanted(*kind)).map(|(_, n)| n.id.as_str()).collect();
            let hint = if ids.is_empty() {
                "none are registered".to_owned()
            } else {
                format!("registered: {}", ids.join(", "))
            };
            Err(Fault::usage(format!("unknown node id {}", args.id)).hint(hint).into())
        }
    }
}

/// The Drainers for which a Pump waits while it goes offline: those that are not offline, and do
/// not have all of its data.
fn held_back_by<'a>(pump: &Node, drainers: impl Iterator<Item = &'a Node>) -> Vec<&'a Node> {
    drainers.filter(|d| d.state != State::Offline && d.max_commit_ts < pump.max_commit_ts).collect()
}

/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Interval between two readings of the entry.
const LOOK: Duration = Duration::from_millis(200);
/// The `code` of an accepted action.
const DONE: i64 = 200;
/// Largest answer that is read, in bytes; an answer is one line.
const MOST: u64 = 1 << 20;

/// A request to a node.
struct Action {
    /// The last part of the path.
    path: &'static str,
    /// The state of the node's entry when the action is done.
    end: State,
}

const PAUSE: Action = Action { path: "pause", end: State::Paused };
const OFFLINE: Action = Action { path: "close", end: State::Offline };

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: i64,
}

#[derive(Serialize)]
struct ChangeStateAnswer {
    version: u32,
    kind: &'static str,
    id: String,
    action: &'static str,
    message: String,
    /// The last state of the node's entry.
    state: String,
}

fn change_state(args: &ActArgs, action: &Action, format: Format) -> Result<()> {
    let (pd, security) = connect(&args.cluster)?;
    let (kind, node) = find(&pd, &args.node)?;
    let message = ask(&security, kind, &node, action, &pd.flags())?;
    let state = match args.wait {
        Some(limit) => wait(&pd, kind, &node, action, limit)?,
        None => find(&pd, &args.node)?.1.state,
    };
    let text = format!("{} {}: {message}; it is {state}", kind.word(), node.id);
    let answer = ChangeStateAnswer {
        version: ts::VERSION,
        kind: kind.word(),
        id: node.id,
        action: action.path,
        message,
        state: state.to_string(),
    };
    ts::one(format, &text, &answer)
}

/// Sends the request; returns the node's own message. `flags` are the command-line flags that lead
/// to its PD.
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
    // A refusal has HTTP status 200, too: only the `code` inside shows it.
    match serde_json::from_str::<Page>(&text) {
        Ok(page) if page.code == DONE && status.is_success() => Ok(page.message),
        Ok(page) => {
            let text = format!("{kind} {id} refuses to {path}: {} (code {})", page.message, page.code);
            let hint = format!("its entry says {}; only a node that is online can be asked", node.state);
            Err(Fault::negative(text).hint(hint).into())
        }
        Err(_) => {
            let text =
                format!("{kind} {id} did not {path}: HTTP status {status}, and {url} does not answer like a {kind}");
            Err(Fault::negative(text).hint("does its entry have the right address?").into())
        }
    }
}

/// Waits until the node's entry has the end state.
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
    let held: Vec<&str> = held_back_by(&pump, drainers.iter()).into_iter().map(|d| d.id.as_str()).collect();
    Ok(if kind == Kind::Pump && action.end == State::Offline && !held.is_empty() {
        fault.hint(format!("it is waiting for these drainers to receive everything it holds: {}", held.join(", ")))
    } else {
        fault.hint("it accepted the request and may still do it: `tisync nodes list` shows its state")
    })
}

/// A node id as a segment of a path.
fn escaped(id: &str) -> PercentEncode<'_> {
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');
    utf8_percent_encode(id, SEGMENT)
}

#[derive(Serialize)]
struct ListAnswer {
    version: u32,
    cluster_id: String,
    nodes: Vec<Row>,
    /// Warnings for the operator.
    notes: Vec<String>,
}

fn list(args: &ListArgs, format: Format) -> Result<()> {
    let (pd, _) = connect(&args.cluster)?;
    let (all, now) = (nodes(&pd)?, pd.tso()?);
    let notes = notes(&all, now, &pd.flags());
    let shown = all.iter().filter(|(_, node)| args.all || node.state != State::Offline);
    let rows: Vec<Row> = shown.map(|(kind, node)| Row::new(*kind, node, now)).collect();
    if format == Format::Json {
        let cluster_id = pd.cluster_id().to_string();
        return ts::json(&ListAnswer { version: ts::VERSION, cluster_id, nodes: rows, notes });
    }
    notes.iter().for_each(|note| output::warn(note));
    match format {
        Format::Csv => ts::csv(&rows),
        _ => output::answer(&table(&rows)),
    }
}

/// How often the write is tried again if the node writes in between.
const RACES: u32 = 10;

#[derive(Serialize)]
struct SetStateAnswer {
    version: u32,
    kind: &'static str,
    id: String,
    before: String,
    state: String,
}

fn set_state(args: &SetStateArgs, format: Format) -> Result<()> {
    let state = match args.state {
        StateArg::Online => State::Online,
        StateArg::Pausing => State::Pausing,
        StateArg::Paused => State::Paused,
        StateArg::Closing => State::Closing,
        StateArg::Offline => State::Offline,
    };
    let (pd, _) = connect(&args.cluster)?;
    let (kind, node) = find(&pd, &args.node)?;
    let (word, id, before) = (kind.word(), node.id.clone(), node.state.clone());
    let means = meaning(kind, &node, &state, heartbeat::life(&node, pd.tso()?), &pd.flags());
    if !args.yes {
        let question = format!("mark {word} {id} {state} (now {before})?{means}");
        if !output::confirm(&question)? {
            return Err(Fault::negative("nothing was written").hint("add --yes to write without asking").into());
        }
    } else if !means.is_empty() {
        output::warn(means.trim());
    }
    write(&pd, kind, &id, &state)?;
    let text = format!("{word} {id}: {before} -> {state}");
    let answer =
        SetStateAnswer { version: ts::VERSION, kind: word, id, before: before.to_string(), state: state.to_string() };
    ts::one(format, &text, &answer)
}

/// A warning before the state is written; empty if there is none. `flags` are the command-line
/// flags that lead to the node's PD.
fn meaning(kind: Kind, node: &Node, state: &State, life: Life, flags: &str) -> String {
    match (kind, state, life) {
        (_, _, Life::Alive) => format!(
            " It reported just now, so it may overwrite this at once. Ask it instead: `tisync nodes pause {0} \
             {flags}`, `tisync nodes offline {0} {flags}`",
            quoted(&node.id)
        ),
        (Kind::Pump, State::Offline, _) => {
            " Changes on this Pump that have not been read yet will then be skipped by everything that reads the cluster"
                .to_owned()
        }
        (Kind::Drainer, State::Offline, _) => " Pumps will then no longer wait for it before they go offline".to_owned(),
        (Kind::Drainer, State::Online, _) => {
            " No Pump can start while a drainer marked online does not answer".to_owned()
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
    let fault = Fault::negative(format!("the entry {key} could not be written: another process keeps writing it"));
    Err(fault.hint("its node seems to be running: ask it to pause or to go offline").into())
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
