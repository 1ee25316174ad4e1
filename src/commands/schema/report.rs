//! What `schema diff` says.

use anyhow::Result;
use serde::Serialize;

use super::compare::{Outcome, TableReport};
use crate::cli::Format;
use crate::commands::ts::show;
use crate::error::Fault;
use crate::output;

#[derive(Serialize)]
struct Answer<'a> {
    version: u32,
    equal: bool,
    tables: Vec<Table<'a>>,
}

#[derive(Serialize)]
struct Table<'a> {
    schema: &'a str,
    table: &'a str,
    status: &'static str,
    differences: Vec<Part>,
    /// What of the upstream's definition this target cannot have.
    without: &'a [String],
    /// Why it was not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    statements: &'a [String],
}

#[derive(Clone, Serialize)]
struct Part {
    part: String,
    upstream: Option<String>,
    target: Option<String>,
}

/// A line of CSV.
#[derive(Serialize)]
struct Row<'a> {
    version: u32,
    schema: &'a str,
    table: &'a str,
    status: &'static str,
    part: String,
    upstream: Option<String>,
    target: Option<String>,
}

const fn status(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Equal => "equal",
        Outcome::Differs { .. } => "differs",
        Outcome::Missing => "missing",
        Outcome::Extra => "extra",
        Outcome::Unknown(_) => "unknown",
    }
}

fn parts(outcome: &Outcome) -> Vec<Part> {
    let Outcome::Differs { differences } = outcome else { return Vec::new() };
    let part = |d: &crate::sink::mysql::schema_diff::Difference| Part {
        part: d.part.to_string(),
        upstream: d.upstream.clone(),
        target: d.target.clone(),
    };
    differences.iter().map(part).collect()
}

/// Prints the answer: as the statements alone if `sql`.
///
/// # Errors
/// If standard output cannot take it.
pub(super) fn print(report: &[TableReport], sql: bool, format: Format) -> Result<()> {
    let equal = report.iter().all(|t| matches!(t.outcome, Outcome::Equal));
    match format {
        _ if sql => {
            let all: Vec<String> = report.iter().flat_map(|t| &t.statements).map(|s| format!("{s};")).collect();
            if all.is_empty() { Ok(()) } else { output::answer(&all.join("\n")) }
        }
        Format::Json => {
            let tables = report.iter().map(|t| Table {
                schema: &t.schema,
                table: &t.name,
                status: status(&t.outcome),
                differences: parts(&t.outcome),
                without: &t.without,
                reason: if let Outcome::Unknown(why) = &t.outcome { Some(why) } else { None },
                statements: &t.statements,
            });
            show::json(&Answer { version: show::VERSION, equal, tables: tables.collect() })
        }
        Format::Csv => show::csv(&report.iter().flat_map(rows).collect::<Vec<_>>()),
        Format::Text => output::answer(&text(report)),
    }
}

/// One line for each difference, one for a table without.
fn rows(table: &TableReport) -> Vec<Row<'_>> {
    let row = |part: Part| Row {
        version: show::VERSION,
        schema: &table.schema,
        table: &table.name,
        status: status(&table.outcome),
        part: part.part,
        upstream: part.upstream,
        target: part.target,
    };
    match parts(&table.outcome) {
        all if all.is_empty() => vec![row(Part { part: String::new(), upstream: None, target: None })],
        all => all.into_iter().map(row).collect(),
    }
}

fn text(report: &[TableReport]) -> String {
    let mut lines = Vec::new();
    for table in report {
        let name = format!("`{}`.`{}`", table.schema, table.name);
        match &table.outcome {
            Outcome::Equal => {}
            Outcome::Differs { differences } => {
                lines.push(format!("{name} differs"));
                lines.extend(differences.iter().map(|d| format!("  {d}")));
            }
            Outcome::Missing => lines.push(format!("{name} is missing on the target")),
            Outcome::Extra => lines.push(format!("{name} is on the target alone")),
            Outcome::Unknown(why) => lines.push(format!("{name} was not compared: {why}")),
        }
        lines.extend(table.without.iter().map(|what| format!("  note: {name}: {what}")));
        lines.extend(table.statements.iter().map(|sql| format!("  {sql};")));
    }
    lines.push(summary(report));
    lines.join("\n")
}

fn summary(report: &[TableReport]) -> String {
    let count = |wanted: &str| report.iter().filter(|t| status(&t.outcome) == wanted).count();
    let mut parts = vec![format!("{} equal", count("equal"))];
    let others = [
        ("differs", "different"),
        ("missing", "missing on the target"),
        ("extra", "on the target alone"),
        ("unknown", "not compared"),
    ];
    parts.extend(
        others.into_iter().filter(|(key, _)| count(key) > 0).map(|(key, word)| format!("{} {word}", count(key))),
    );
    let tables = if report.len() == 1 { "1 table".to_owned() } else { format!("{} tables", report.len()) };
    format!("{tables}: {}", parts.join(", "))
}

/// Whether all is the same.
///
/// # Errors
/// Negative if something differs; refused if nothing does, and something was not compared.
pub(super) fn verdict(report: &[TableReport]) -> Result<()> {
    let differs = |t: &&TableReport| matches!(t.outcome, Outcome::Differs { .. } | Outcome::Missing | Outcome::Extra);
    if report.iter().any(|t| differs(&t)) {
        return Err(Fault::negative(format!("the definitions differ: {}", summary(report)))
            .hint("read the statements before you run them: a renamed column looks like one that was dropped and one that was added. \
                   A link that is behind has DDL to come")
            .into());
    }
    if report.iter().any(|t| matches!(t.outcome, Outcome::Unknown(_))) {
        return Err(Fault::refused(format!("not all could be compared: {}", summary(report))).into());
    }
    Ok(())
}
