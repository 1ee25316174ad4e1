//! Which tables, and whether the accounts may write them.

use anyhow::Result;

use super::Found;
use crate::cli::init::InitArgs;
use crate::error::Fault;
use crate::filter::{self, Filter, Rules, Scope};
use crate::wizard::{Interview, Lack, Question};

/// How `all` is typed.
const ALL: &str = "all";

pub(super) fn ask(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    both: bool,
    of_a: &mut Found,
    of_b: &mut Found,
) -> Result<Vec<String>> {
    let given = (!args.tables.is_empty()).then(|| args.tables.join(","));
    let text = "Which tables (patterns with commas, as in app.*,!app.tmp_*)?";
    interview.until_good(|interview| {
        let typed = interview.text(Question { flag: "--tables", text, default: Some(ALL) }, given.as_deref())?;
        let tables = if typed == ALL { Vec::new() } else { filter::split(&typed) };
        let filter = Filter::new(&Rules { tables: tables.clone(), ..Rules::default() })?;
        let mut lacks = rights(interview, &filter, of_a, of_b)?;
        if both {
            lacks.extend(rights(interview, &filter, of_b, of_a)?);
        }
        if lacks.is_empty() {
            return Ok(tables);
        }
        let fault = Fault::connect(format!("rights are missing:\n  {}", lacks.join("\n  ")))
            .hint("as an administrator: run these statements, then go on");
        if args.unchecked {
            interview.warn(&fault.message);
            return Ok(tables);
        }
        Err(fault.into())
    })
}

/// The statements that an administrator of `target` has to run before it can take what `source` has.
fn rights(interview: &mut Interview<'_>, filter: &Filter, source: &Found, target: &mut Found) -> Result<Vec<String>> {
    let Some(server) = &mut target.server else { return Ok(Vec::new()) };
    let known = source.cluster.as_ref().and_then(|c| c.databases.as_ref());
    let wanted: Vec<String> =
        known.into_iter().flatten().filter(|name| !matches!(filter.database(name), Scope::None)).cloned().collect();
    let lacks = server.lacks(&wanted)?;
    if lacks.is_empty() {
        let list = match wanted.len() {
            0 => "tidb_binlog".to_owned(),
            n => format!("{n} databases and tidb_binlog"),
        };
        interview.found(&format!("{}: the account has the rights that a link needs on {list}", server.name));
    }
    let line =
        |lack: Lack| format!("{}: {} on `{}`; {}", server.name, lack.rights.join(", "), lack.database, lack.grant);
    Ok(lacks.into_iter().map(line).collect())
}

pub(super) fn sync_mode(interview: &mut Interview<'_>, args: &InitArgs) -> Result<u8> {
    let text = "Sync mode (1: columns have to be the same on both sides, 2: those that both have are replicated)";
    let given = args.sync_mode.map(|n| n.to_string());
    interview.until_good(|interview| {
        let question = Question { flag: "--sync-mode", text, default: Some("1") };
        match interview.text(question, given.as_deref())?.as_str() {
            "1" => Ok(1),
            "2" => Ok(2),
            other => Err(Fault::usage(format!("there is no sync mode `{other}`")).hint("1 or 2").into()),
        }
    })
}
