//! `tisync config check`: everything that is wrong with a file, at once, and with the clusters that it joins.

use anyhow::Result;
use serde_json::json;

use crate::cli::{CheckArgs, Format};
use crate::commands::whose::identify;
use crate::config::{Checked, FileKind, Remark, check, environment};
use crate::error::Fault;
use crate::output;

/// Says what was found; fails if something is wrong.
pub fn run(args: &CheckArgs, format: Format) -> Result<()> {
    let mut checked = check(&args.file, &environment)?;
    if !args.offline && checked.problems.is_empty() {
        let asked = identify(&mut checked.settings);
        checked.remarks.extend(asked);
    }
    checked.together();
    if format == Format::Json {
        output::answer(&serde_json::to_string_pretty(&as_json(&checked))?)?;
    }
    for remark in &checked.remarks {
        match remark {
            Remark::Warning(text) => output::warn(text),
            Remark::Note(text) => output::note(text),
        }
    }
    let path = checked.path.display();
    for idle in &checked.idle {
        let line = if idle.line > 0 { format!("{path}:{}: ", idle.line) } else { String::new() };
        output::note(&format!("{line}{} does nothing here: {}", idle.key, idle.why));
    }
    if !checked.problems.is_empty() {
        let list: Vec<String> = checked.problems.iter().map(|p| p.at(&checked.path)).collect();
        let places = if list.len() == 1 { "one place".to_owned() } else { format!("{} places", list.len()) };
        return Err(Fault::usage(format!("{path} is wrong in {places}:\n  {}", list.join("\n  "))).into());
    }
    if format == Format::Json {
        return Ok(());
    }
    let (kind, links) = (name(checked.kind), checked.links.join(", "));
    output::answer(&format!(
        "{path} is a good {kind}, with the link{} {links}",
        if checked.links.len() == 1 { "" } else { "s" }
    ))
}

fn name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Tisync => "tisync.toml",
        FileKind::Drainer => "drainer.toml",
    }
}

fn as_json(checked: &Checked) -> serde_json::Value {
    let problems: Vec<_> =
        checked.problems.iter().map(|p| json!({ "line": p.line, "key": p.key, "message": p.message })).collect();
    let remarks: Vec<_> = checked
        .remarks
        .iter()
        .map(|remark| match remark {
            Remark::Warning(text) => json!({ "kind": "warning", "text": text }),
            Remark::Note(text) => json!({ "kind": "note", "text": text }),
        })
        .collect();
    let idle: Vec<_> = checked.idle.iter().map(|i| json!({ "line": i.line, "key": i.key, "message": i.why })).collect();
    json!({
        "version": 1,
        "file": checked.path,
        "kind": name(checked.kind),
        "good": checked.problems.is_empty(),
        "links": checked.links,
        "problems": problems,
        "remarks": remarks,
        "without_effect": idle,
    })
}
