//! `tisync config`: shows what a configuration says, without running anything.
//!
//! - `check`: everything that is wrong with a file, at once, and with the clusters that it
//!   connects.
//! - `convert`: the tisync.toml for a drainer.toml.
//! - `filter`: which rule decides about a table.
//! - `show`: the values that a run would use, and where they come from.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::clusters::identify;
use crate::cli::{CheckArgs, ConfigCommand, ConvertArgs, FilterArgs, Format, ShowArgs};
use crate::config::{
    Checked, Converted, Draft, FileKind, Loaded, Passwords, Remark, Settings, check, convert, environment, link, load,
    open,
};
use crate::error::{Fault, Kind, counted};
use crate::filter::Explanation;
use crate::output;

/// Runs one of the subcommands.
pub fn run(command: &ConfigCommand, format: Format) -> Result<()> {
    match command {
        ConfigCommand::Check(args) => check_file(args, format),
        ConfigCommand::Show(args) => show_settings(args, format),
        ConfigCommand::Filter(args) => explain_rule(args, format),
        ConfigCommand::Convert(args) => convert_file(args),
    }
}

/// Reports the findings about a file; fails if it has a problem.
pub fn check_file(args: &CheckArgs, format: Format) -> Result<()> {
    let mut checked = check(&args.file, &environment)?;
    if !args.offline && checked.problems.is_empty() {
        let asked = identify(&mut checked.settings);
        checked.remarks.extend(asked);
    }
    checked.together();
    if format == Format::Json {
        output::answer(&serde_json::to_string_pretty(&findings_as_json(&checked))?)?;
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
        output::note(&format!("{line}{} has no effect here: {}", idle.key, idle.why));
    }
    if !checked.problems.is_empty() {
        let list: Vec<String> = checked.problems.iter().map(|p| p.at(&checked.path)).collect();
        return Err(
            Fault::usage(format!("{path} has {}:\n  {}", counted(list.len(), "error"), list.join("\n  "))).into()
        );
    }
    if format == Format::Json {
        return Ok(());
    }
    let (kind, links) = (name(checked.kind), checked.links.join(", "));
    output::answer(&format!(
        "{path} is a valid {kind}, with link{} {links}",
        if checked.links.len() == 1 { "" } else { "s" }
    ))
}

fn name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Tisync => "tisync.toml",
        FileKind::Drainer => "drainer.toml",
    }
}

fn findings_as_json(checked: &Checked) -> serde_json::Value {
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

/// Prints or writes the converted file.
pub fn convert_file(args: &ConvertArgs) -> Result<()> {
    let (kind, loaded) = open(&args.file, &environment)?;
    if kind == FileKind::Tisync {
        return Err(Fault::usage(format!("{} is already a tisync.toml", args.file.display())).into());
    }
    for remark in &loaded.remarks {
        if let Remark::Warning(text) = remark {
            output::warn(text);
        }
    }
    // The file may be used from another folder.
    let stem = std::path::absolute(args.out.as_deref().unwrap_or(Path::new("tisync.toml")))?;
    let passwords = match (&args.out, args.with_passwords) {
        (_, true) => Passwords::InFile,
        (Some(_), false) => Passwords::Beside(&stem),
        (None, false) => Passwords::Out,
    };
    let Converted { text, has_secret, passwords } = convert(&args.file, &loaded, passwords);
    let Some(out) = &args.out else { return output::answer(text.trim_end()) };
    for (path, secret) in &passwords {
        write(Path::new(path), &format!("{}\n", secret.reveal()), true)?;
        output::note(&format!("wrote a password to {path}, readable only by its owner"));
    }
    write(out, &text, has_secret)?;
    output::note(&format!("wrote {}; `tisync config check {0}` checks it", out.display()));
    Ok(())
}

/// Writes a new file. A file with a secret is readable only by its owner, from its first byte on.
fn write(path: &Path, text: &str, secret: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| {
        Fault::usage(format!("cannot write {}: {e}", path.display())).hint("give a file that does not exist yet").into()
    })
}

/// Prints the rule for each table; fails with the exit code for "no" if a table is left out.
pub fn explain_rule(args: &FilterArgs, format: Format) -> Result<()> {
    let draft = link(&args.file, args.link.as_deref(), &environment)?;
    let settings = Settings::settle(draft)?;
    let explain = |name: &String| {
        let (schema, table) = name.split_once('.').unwrap_or((name, ""));
        let mut found = settings.filter.explain(schema, table);
        let there = match table {
            "" | "*" => Some(settings.routes.database(schema).to_owned()).filter(|to| to != schema),
            _ => settings.routes.table(schema, table).map(|(schema, table)| format!("{schema}.{table}")),
        };
        if let Some(there) = there.filter(|_| found.replicated) {
            found.without.push(format!("its name on the target is {there}"));
        }
        found
    };
    let found: Vec<Explanation> = args.tables.iter().map(explain).collect();
    output::answer(&match format {
        Format::Json => serde_json::to_string_pretty(&rule_as_json(&found))?,
        Format::Text | Format::Csv => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    })?;
    let out: Vec<&str> = found.iter().filter(|e| !e.replicated).map(|e| e.what.as_str()).collect();
    match out.as_slice() {
        [] => Ok(()),
        list => Err(Fault::new(Kind::Negative, format!("not replicated: {}", list.join(", "))).into()),
    }
}

fn rule_as_json(found: &[Explanation]) -> serde_json::Value {
    let item = |e: &Explanation| json!({ "what": e.what, "replicated": e.replicated, "because": e.because, "details": e.without });
    json!({ "version": 1, "answers": found.iter().map(item).collect::<Vec<_>>() })
}

/// The text for settings that were not given and have no fixed default.
const CHOSEN: [(&str, &str); 4] = [
    ("workers", "chosen from the round-trip time to the target"),
    ("batch-rows", "chosen from the round-trip time to the target"),
    ("max-txn-rows", "no transaction is split"),
    ("tables", "*.*"),
];

/// Prints the settings.
pub fn show_settings(args: &ShowArgs, format: Format) -> Result<()> {
    let Loaded { draft, remarks, .. } = load(&args.sync, &environment)?;
    for remark in &remarks {
        if let Remark::Warning(text) = remark {
            output::warn(text);
        }
    }
    let mut rows: Vec<(&str, String, String)> = draft
        .over(Draft::defaults())
        .shown()
        .into_iter()
        .map(|(key, value, origin)| (key, value, origin.to_string()))
        .collect();
    for (key, text) in CHOSEN {
        if !rows.iter().any(|(k, ..)| *k == key) {
            rows.push((key, text.to_owned(), "default".to_owned()));
        }
    }
    output::answer(&match format {
        Format::Json => settings_as_json(&rows, args.origin)?,
        Format::Csv => as_csv(&rows, args.origin)?,
        Format::Text => as_text(&rows, args.origin),
    })
}

fn as_text(rows: &[(&str, String, String)], origins: bool) -> String {
    let wide = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
    let line = |(key, value, origin): &(&str, String, String)| match origins {
        true => format!("{key:wide$}  {}  ({})", output::one_line(value), output::one_line(origin)),
        false => format!("{key:wide$}  {}", output::one_line(value)),
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn settings_as_json(rows: &[(&str, String, String)], origins: bool) -> Result<String> {
    let item = |(key, value, origin): &(&str, String, String)| match origins {
        true => json!({ "key": key, "value": value, "origin": origin }),
        false => json!({ "key": key, "value": value }),
    };
    let settings: Vec<_> = rows.iter().map(item).collect();
    Ok(serde_json::to_string_pretty(&json!({ "version": 1, "settings": settings }))?)
}

fn as_csv(rows: &[(&str, String, String)], origins: bool) -> Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(if origins { &["key", "value", "origin"][..] } else { &["key", "value"] })?;
    for (key, value, origin) in rows {
        let record = [key, value.as_str(), origin.as_str()];
        csv.write_record(record.into_iter().take(if origins { 3 } else { 2 }))?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?.trim_end().to_owned())
}
