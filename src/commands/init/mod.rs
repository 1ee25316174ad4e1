//! `tisync init`: the wizard. The steps are here in their order; what they ask of is in [`crate::wizard`].

mod account;
mod both;
mod file;
mod source;
mod start;
mod tables;

use anyhow::Result;

use crate::cli::Format;
use crate::cli::init::InitArgs;
use crate::config::{Start, security};
use crate::error::{Fault, Kind, fault};
use crate::identity::Upstream;
use crate::output::Dialogue;
use crate::wizard::{Answers, Asker as _, Choice, Cluster, Interview, Question, Server, Side, missing};

/// What was found on one side.
#[derive(Default)]
struct Found {
    cluster: Option<Cluster>,
    server: Option<Server>,
}

/// Asks, checks, writes.
///
/// # Errors
/// A usage fault with every flag that is missing, where there is no terminal; else what was wrong with an answer that nobody could
/// mend.
pub fn run(args: &InitArgs, format: Format) -> Result<()> {
    if format == Format::Csv {
        return Err(Fault::usage("`tisync init` does not answer in CSV").hint("--output text or --output json").into());
    }
    let mut dialogue = Dialogue::open()?;
    let unanswered = missing(args);
    if !dialogue.attended() && !unanswered.is_empty() {
        return Err(Fault::usage(format!(
            "there is no terminal to ask at, and these are missing: {}",
            unanswered.join(", ")
        ))
        .hint("`tisync init --help` shows every question's flag")
        .into());
    }
    let mut interview = Interview::new(&mut dialogue, args.yes);
    let (answers, mark_setup) = ask(&mut interview, args)?;
    file::finish(&mut interview, args, &answers, mark_setup, format)
}

/// All questions but where to write.
fn ask(interview: &mut Interview<'_>, args: &InitArgs) -> Result<(Answers, Option<bool>)> {
    let both = ways(interview, args)?;
    let [mut a, mut b] = names(interview, args)?;
    let (mut of_a, mut of_b) = (Found::default(), Found::default());
    let first = source::Asked {
        flag: "--from-pd",
        tls: ["--ssl-ca", "--ssl-cert", "--ssl-key"],
        given: args.from_pd.as_deref(),
        security: security(&args.security),
        other: None,
    };
    source::ask(interview, args, &mut a, &mut of_a, &first)?;
    if both {
        let second = source::Asked {
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
        source::ask(interview, args, &mut b, &mut of_b, &second)?;
    }
    account::ask(interview, args, &mut b, &mut of_b, &account::SECOND, upstream(&a, &of_a)?.as_ref())?;
    if both {
        account::ask(interview, args, &mut a, &mut of_a, &account::FIRST, upstream(&b, &of_b)?.as_ref())?;
    }
    let link = |from: &Side, to: &Side| {
        if both { format!("{}-to-{}", from.name, to.name) } else { crate::config::DEFAULT_LINK.to_owned() }
    };
    let start = start::first(interview, args, &link(&a, &b), &a, &of_a, &mut of_b)?;
    let back = if both { Some(start::back(interview, args, &link(&b, &a), &b, &of_b, &mut of_a)?) } else { None };
    let tables = tables::ask(interview, args, both, &mut of_a, &mut of_b)?;
    let marks = if both { Some(both::marks(interview, args, [&a.name, &b.name])?) } else { None };
    let sync_mode = tables::sync_mode(interview, args)?;
    let set_up = match &marks {
        Some(marks) => both::set_up(interview, args, marks, [&mut of_a, &mut of_b])?,
        None => None,
    };
    Ok((Answers { sides: [a, b], start, back, tables, sync_mode, marks: marks.map(|m| m.marks) }, set_up))
}

/// The cluster of a side that has answered, to be asked whether a target is it.
fn upstream(side: &Side, found: &Found) -> Result<Option<Upstream>> {
    found.cluster.is_some().then(|| Upstream::connect(&side.pd.join(","), &side.security)).transpose()
}

fn ways(interview: &mut Interview<'_>, args: &InitArgs) -> Result<bool> {
    let choice = Choice {
        flag: "--both (or --one-way)",
        text: "What shall be set up?",
        choices: &["One way: from a TiDB cluster to another server", "Both ways: two TiDB clusters kept in step"],
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
    let b = name(interview, ("--to-name", "Name of the second", default), args.to_name.as_deref(), Some(&a))?;
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
            let fault = Fault::usage(format!("`{name}` cannot be the name of a cluster ({flag})"));
            return Err(fault.hint("1 to 24 letters, digits, - and _").into());
        }
        if other == Some(name.as_str()) {
            return Err(Fault::usage(format!("both clusters cannot be called `{name}`")).hint("another name").into());
        }
        Ok(name)
    })
}

/// What `result` found; with --unchecked nothing where somebody could not be reached.
fn reached<T>(interview: &mut Interview<'_>, args: &InitArgs, result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if args.unchecked && fault(&error).is_none_or(|f| f.kind == Kind::Connect) => {
            interview.warn(&format!("not checked: {error:#}"));
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// What a start is called in a comment and as a flag.
fn begin(flag: &str, value: &str, said: String, start: Start) -> crate::wizard::Begin {
    crate::wizard::Begin { start, said, flags: vec![flag.to_owned(), value.to_owned()] }
}
