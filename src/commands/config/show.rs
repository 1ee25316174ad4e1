//! `tisync config show`: the values that a run would work with, and where they came from.

use anyhow::Result;
use serde_json::json;

use crate::cli::{Format, ShowArgs};
use crate::config::{Draft, Loaded, Remark, environment, load};
use crate::output;

/// What a setting is shown as that nobody gave and that has no one default.
const CHOSEN: [(&str, &str); 4] = [
    ("workers", "chosen from the round trip to the target"),
    ("batch-rows", "chosen from the round trip to the target"),
    ("max-txn-rows", "no transaction is split"),
    ("tables", "*.*"),
];

/// Prints them.
pub fn run(args: &ShowArgs, format: Format) -> Result<()> {
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
        Format::Json => as_json(&rows, args.origin)?,
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

fn as_json(rows: &[(&str, String, String)], origins: bool) -> Result<String> {
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
