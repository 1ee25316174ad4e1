//! `tisync init`: the wizard. Its steps in order; the other files here implement them.
//!
//! The [`Asker`] shows the questions and the findings: it is the terminal, or a test. The only
//! change on a cluster is the mark table, which is created if the operator agrees.
//!
//! ```text
//! interview ──► answers ──► document   the tisync.toml
//! asks, or      (missing:              and equivalent command lines
//! takes flags   questions that
//!               are still open)
//! account, probe: what the addresses in answers lead to
//! start: where the links begin        file: shows and writes the file
//! ```
//!
//! Two opposite links also need a channel, a mark table, and one side whose DDL goes to the other:
//! those questions are here.

mod account;
mod document;
mod file;
pub(crate) mod interview;
mod probe;
mod start;

use anyhow::{Context as _, Result};

use super::mark::sql_text;
use crate::cli::Format;
use crate::cli::config::{InitArgs, YesNo};
use crate::config::security;
pub use crate::error::quoted;
use crate::error::{Fault, Kind, fault};
use crate::identity::Upstream;
use crate::mark::{self, Plan, ROWS};
use crate::model::DEFAULT_MARK_TABLE;
use crate::model::Mark;
use crate::moment::Start;
use crate::mysql::login::Secret;
pub use document::{Written, document, one_liners, password_file, sync, unattended};
use interview::Dialogue;
pub use interview::{Answers, Begin, Choice, Ended, Interview, Kept, Marks, Question, Side, missing};
pub use probe::{Account, Cluster, Lack, Server, addresses, lacks};

/// The findings about one side.
#[derive(Default)]
struct SideFacts {
    cluster: Option<Cluster>,
    server: Option<Server>,
}

/// Runs the wizard: asks, checks, writes.
///
/// # Errors
/// A usage fault with every flag that is missing, if there is no terminal; otherwise the problem
/// with an answer that the operator could not correct.
pub fn run(args: &InitArgs, format: Format) -> Result<()> {
    if format == Format::Csv {
        return Err(Fault::usage("`tisync init` has no CSV output").hint("use --output text or --output json").into());
    }
    let mut dialogue = Dialogue::open()?;
    let unanswered = missing(args);
    if !dialogue.attended() && !unanswered.is_empty() {
        return Err(Fault::usage(format!(
            "there is no terminal to ask on, and these are missing: {}",
            unanswered.join(", ")
        ))
        .hint("`tisync init --help` shows the flag for each question")
        .into());
    }
    let mut interview = Interview::new(&mut dialogue, args.yes);
    let (answers, mark_setup) = ask(&mut interview, args)?;
    file::finish(&mut interview, args, &answers, mark_setup, format)
}

/// All questions except where to write the file.
fn ask(interview: &mut Interview<'_>, args: &InitArgs) -> Result<(Answers, Option<bool>)> {
    let both = ways(interview, args)?;
    let [mut a, mut b] = names(interview, args)?;
    let (mut of_a, mut of_b) = (SideFacts::default(), SideFacts::default());
    let first = account::SourceAnswers {
        flag: "--from-pd",
        tls: ["--ssl-ca", "--ssl-cert", "--ssl-key"],
        given: args.from_pd.as_deref(),
        security: security(&args.security),
        other: None,
    };
    account::ask_source(interview, args, &mut a, &mut of_a, &first)?;
    if both {
        let second = account::SourceAnswers {
            flag: "--to-pd",
            tls: ["--to-ssl-ca", "--to-ssl-cert", "--to-ssl-key"],
            given: args.to_pd.as_deref(),
            security: crate::pd::Security {
                ca: args.to_ssl_ca.clone(),
                cert: args.to_ssl_cert.clone(),
                key: args.to_ssl_key.clone(),
            },
            other: a.cluster_id,
        };
        account::ask_source(interview, args, &mut b, &mut of_b, &second)?;
    }
    account::ask_account(interview, args, &mut b, &mut of_b, &account::SECOND, upstream(&a, &of_a)?.as_ref())?;
    if both {
        account::ask_account(interview, args, &mut a, &mut of_a, &account::FIRST, upstream(&b, &of_b)?.as_ref())?;
    }
    let link = |from: &Side, to: &Side| {
        if both { format!("{}-to-{}", from.name, to.name) } else { crate::config::DEFAULT_LINK.to_owned() }
    };
    let start = start::first(interview, args, &link(&a, &b), &a, &of_a, &mut of_b)?;
    let back = if both { Some(start::back(interview, args, &link(&b, &a), &b, &of_b, &mut of_a)?) } else { None };
    let tables = account::ask_tables(interview, args, both, &mut of_a, &mut of_b)?;
    let marks = if both { Some(marks(interview, args, [&a.name, &b.name])?) } else { None };
    let sync_mode = account::sync_mode(interview, args)?;
    let set_up = match &marks {
        Some(marks) => set_up(interview, args, marks, [&mut of_a, &mut of_b])?,
        None => None,
    };
    Ok((Answers { sides: [a, b], start, back, tables, sync_mode, marks: marks.map(|m| m.marks) }, set_up))
}

/// The cluster of a side that has answered, to check that a target is not part of it.
fn upstream(side: &Side, found: &SideFacts) -> Result<Option<Upstream>> {
    found.cluster.is_some().then(|| Upstream::connect(&side.pd.join(","), &side.security)).transpose()
}

fn ways(interview: &mut Interview<'_>, args: &InitArgs) -> Result<bool> {
    let choice = Choice {
        flag: "--both (or --one-way)",
        text: "What do you want to set up?",
        choices: &["One way: from a TiDB cluster to another server", "Both ways: two TiDB clusters kept in sync"],
        default: Some(0),
    };
    let given = match (args.both, args.one_way) {
        (true, _) => Some(1),
        (_, true) => Some(0),
        _ => None,
    };
    Ok(interview.choose(choice, given)? == 1)
}

fn names(interview: &mut Interview<'_>, args: &InitArgs) -> Result<[Side; 2]> {
    let a = name(interview, ("--from-name", "Name of the first cluster", "a"), args.from_name.as_deref(), None)?;
    let default = if a == "b" { "c" } else { "b" };
    let b = name(interview, ("--to-name", "Name of the second cluster", default), args.to_name.as_deref(), Some(&a))?;
    Ok([a, b].map(|name| Side { name, ..Side::default() }))
}

fn name(
    interview: &mut Interview<'_>,
    (flag, text, default): (&'static str, &str, &str),
    given: Option<&str>,
    other: Option<&str>,
) -> Result<String> {
    interview.until_good(|interview| {
        let name = interview.text(Question { flag, text, default: Some(default) }, given)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || name.len() > 24 || !name.chars().all(plain) {
            let fault = Fault::usage(format!("`{name}` is not a valid cluster name ({flag})"));
            return Err(fault.hint("use 1 to 24 letters, digits, - and _").into());
        }
        if other == Some(name.as_str()) {
            return Err(Fault::usage(format!("both clusters are named `{name}`")).hint("choose another name").into());
        }
        Ok(name)
    })
}

/// The value of `result`; with --unchecked `None` if a cluster or server could not be reached.
fn reached<T>(interview: &mut Interview<'_>, args: &InitArgs, result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if args.unchecked && fault(&error).is_none_or(|f| f.kind == Kind::Connect) => {
            interview.warn(&format!("not checked: {error:#}"));
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// A start, its origin for a comment, and its flag.
fn begin(flag: &str, value: &str, said: String, start: Start) -> Begin {
    Begin { start, said, flags: vec![flag.to_owned(), value.to_owned()] }
}

/// The answers about marks.
struct Answered {
    pub marks: Marks,
    mark: Mark,
}

fn marks(interview: &mut Interview<'_>, args: &InitArgs, names: [&String; 2]) -> Result<Answered> {
    let given = args.channel_id.map(|n| n.to_string());
    let text = "Mark channel (the same number on both clusters)";
    let channel: i64 = interview.until_good(|interview| {
        let typed = interview.text(Question { flag: "--channel-id", text, default: Some("1") }, given.as_deref())?;
        typed
            .parse()
            .map_err(|_| Fault::usage(format!("`{typed}` is not a valid channel")).hint("give a whole number").into())
    })?;
    let text = "Mark table";
    let mark = interview.until_good(|interview| {
        let question = Question { flag: "--mark-table", text, default: Some(DEFAULT_MARK_TABLE) };
        Mark::new(&interview.text(question, args.mark_table.as_deref())?, channel)
    })?;
    let [a, b] = names;
    let labels = [format!("{a}: its DDL goes to {b}"), format!("{b}: its DDL goes to {a}")];
    let ddl_from = interview.until_good(|interview| {
        let given = match &args.ddl_from {
            None => None,
            Some(name) if name == a => Some(0),
            Some(name) if name == b => Some(1),
            Some(other) => {
                return Err(Fault::usage(format!("--ddl-from names an unknown cluster: `{other}`"))
                    .hint(format!("it can be {a} or {b}"))
                    .into());
            }
        };
        let [first, second] = &labels;
        let text = "DDL is replicated in one direction only. On which cluster will you run it?";
        interview.choose(Choice { flag: "--ddl-from", text, choices: &[first, second], default: Some(0) }, given)
    })?;
    Ok(Answered { marks: Marks { channel, table: mark.name(), ddl_from }, mark })
}

/// Creates the mark table and its rows, if the operator wants it. Returns the answer; `None` if the
/// question could not be asked.
fn set_up(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    answered: &Answered,
    found: [&mut SideFacts; 2],
) -> Result<Option<bool>> {
    let mut servers: Vec<_> = found.into_iter().filter_map(|f| f.server.as_mut()).collect();
    let given = args.mark_setup.map(|word| word == YesNo::Yes);
    if servers.len() < 2 || args.dry_run && given != Some(true) {
        return Ok(given);
    }
    interview.until_good(|interview| {
        let mut plans: Vec<Plan> = Vec::new();
        for server in &mut servers {
            let plan = mark::plan(&mut server.session, &answered.mark, ROWS);
            plans.push(plan.with_context(|| format!("on {}", server.name))?);
        }
        if plans.iter().all(|p| p.statements.is_empty()) {
            interview
                .found(&format!("{}: exists on both clusters, with the rows of the channel", answered.mark.name()));
            return Ok(Some(true));
        }
        for (server, plan) in servers.iter().zip(&plans) {
            interview.found(&sql_text([(server.name.as_str(), plan.statements.as_slice())].into_iter()));
        }
        let wanted = interview.agree("--mark-setup", "Run this now?", true, given)?;
        if wanted && !args.dry_run {
            for (server, plan) in servers.iter_mut().zip(&plans) {
                mark::apply(&mut server.session, plan).with_context(|| format!("on {}", server.name))?;
            }
            interview.found("done");
        }
        Ok(Some(wanted))
    })
}

/// Asks the operator the questions of the wizard, and shows its findings.
///
/// The [`interview`] calls it on one thread, and each call may wait for the operator for any time.
pub trait Asker {
    /// Whether there is an operator. If not, none of the questions below is asked.
    fn attended(&self) -> bool;

    /// Asks for a line of text; returns `default` if the line is empty.
    ///
    /// # Errors
    /// If there is no more input.
    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String>;

    /// Asks for one of `choices`, by index; `default` is offered first.
    ///
    /// # Errors
    /// If there is no more input.
    fn choose(&mut self, question: &str, choices: &[&str], default: usize) -> Result<usize>;

    /// Asks a yes-or-no question.
    ///
    /// # Errors
    /// If there is no more input.
    fn agree(&mut self, question: &str, default: bool) -> Result<bool>;

    /// Asks for a secret, which is not shown while it is typed.
    ///
    /// # Errors
    /// If there is no more input.
    fn secret(&mut self, question: &str) -> Result<Secret>;

    /// Shows a finding.
    fn found(&mut self, text: &str);

    /// Shows a warning.
    fn warn(&mut self, text: &str);

    /// Shows why an answer is not accepted. The question is asked again afterwards.
    fn wrong(&mut self, error: &anyhow::Error);
}
