//! What two opposite links need: a channel, a mark table, and one side whose DDL goes to the other.

use anyhow::{Context as _, Result};

use super::Found;
use crate::cli::init::{InitArgs, YesNo};
use crate::commands::mark::sql_text;
use crate::error::Fault;
use crate::mark::{self, DEFAULT_TABLE, Mark, Plan, ROWS};
use crate::wizard::{Choice, Interview, Marks, Question};

/// The answers about marks.
pub(super) struct Answered {
    pub marks: Marks,
    mark: Mark,
}

pub(super) fn marks(interview: &mut Interview<'_>, args: &InitArgs, names: [&String; 2]) -> Result<Answered> {
    let given = args.channel_id.map(|n| n.to_string());
    let text = "Channel of the marks (the same number on both clusters)";
    let channel: i64 = interview.until_good(|interview| {
        let typed = interview.text(Question { flag: "--channel-id", text, default: Some("1") }, given.as_deref())?;
        typed
            .parse()
            .map_err(|_| Fault::usage(format!("the channel cannot be `{typed}`")).hint("a whole number").into())
    })?;
    let text = "Mark table";
    let mark = interview.until_good(|interview| {
        let question = Question { flag: "--mark-table", text, default: Some(DEFAULT_TABLE) };
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
                return Err(Fault::usage(format!("--ddl-from names no cluster of the file: `{other}`"))
                    .hint(format!("it can be {a} or {b}"))
                    .into());
            }
        };
        let [first, second] = &labels;
        let text = "DDL goes one way only. Where will it be run?";
        interview.choose(Choice { flag: "--ddl-from", text, choices: &[first, second], default: Some(0) }, given)
    })?;
    Ok(Answered { marks: Marks { channel, table: mark.name(), ddl_from }, mark })
}

/// Makes the mark table and its rows, if that is wanted. Says whether it was; `None` if it could not be asked.
pub(super) fn set_up(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    answered: &Answered,
    found: [&mut Found; 2],
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
            interview.found(&format!("{}: both clusters have it, with the rows of the channel", answered.mark.name()));
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
