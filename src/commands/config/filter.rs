//! `tisync config filter`: which rule decides about a table.

use anyhow::Result;
use serde_json::json;

use crate::cli::{FilterArgs, Format};
use crate::config::{Settings, environment, link};
use crate::error::{Fault, Kind};
use crate::filter::Explanation;
use crate::output;

/// Says it of each table; fails with the answer no if one of them is left out.
pub fn run(args: &FilterArgs, format: Format) -> Result<()> {
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
            found.without.push(format!("on the target it is {there}"));
        }
        found
    };
    let found: Vec<Explanation> = args.tables.iter().map(explain).collect();
    output::answer(&match format {
        Format::Json => serde_json::to_string_pretty(&as_json(&found))?,
        Format::Text | Format::Csv => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    })?;
    let out: Vec<&str> = found.iter().filter(|e| !e.replicated).map(|e| e.what.as_str()).collect();
    match out.as_slice() {
        [] => Ok(()),
        list => Err(Fault::new(Kind::Negative, format!("not replicated: {}", list.join(", "))).into()),
    }
}

fn as_json(found: &[Explanation]) -> serde_json::Value {
    let item = |e: &Explanation| json!({ "what": e.what, "replicated": e.replicated, "because": e.because, "details": e.without });
    json!({ "version": 1, "answers": found.iter().map(item).collect::<Vec<_>>() })
}
