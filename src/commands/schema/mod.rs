//! `tisync schema`: compares the table definitions of both sides.
//!
//! Compares table by table over one connection to the target, and prints the result of `schema
//! diff`.

mod definitions;

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::Result;
use serde::Serialize;

use super::checkpoint::settings_of;
use super::ts;
use crate::checkpoint::SCHEMA;
use crate::cli::Format;
use crate::cli::target::{SchemaCommand, SchemaDiffArgs};
use crate::config::Settings;
use crate::error::{Fault, counted};
use crate::mysql::address::Target;
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;
use crate::output;
use crate::sink::mysql::schema_diff::{Collations, Difference, Reference, Shown, show, statements};
use crate::sql::{quote_name, quote_text};
use definitions::Wanted;

/// Runs `command`.
///
/// # Errors
/// The reason why the definitions were not compared; negative if they differ.
pub fn run(command: &SchemaCommand, format: Format) -> Result<()> {
    let SchemaCommand::Diff(args) = command;
    let settings = settings(args)?;
    let report = compare(&settings)?;
    print(&report, args.sql, format)?;
    verdict(&report)
}

/// The settings of the link, as `sync` would use them.
fn settings(args: &SchemaDiffArgs) -> Result<Settings> {
    let mut words: Vec<OsString> = Vec::new();
    let mut add = |flag: &str, value: Option<OsString>| {
        if let Some(value) = value {
            words.extend([OsString::from(flag), value]);
        }
    };
    add("--config", args.config.clone().map(Into::into));
    let texts =
        [("--link", &args.link), ("--from", &args.from), ("--to", &args.to), ("--schema-from", &args.schema_from)];
    texts.into_iter().for_each(|(flag, value)| add(flag, value.clone().map(Into::into)));
    args.tables.iter().for_each(|pattern| add("--tables", Some(pattern.into())));
    args.route.iter().for_each(|route| add("--route", Some(format!("{}={}", route.from, route.to).into())));
    let files = [
        ("--ssl-ca", &args.security.ssl_ca),
        ("--ssl-cert", &args.security.ssl_cert),
        ("--ssl-key", &args.security.ssl_key),
    ];
    files.into_iter().for_each(|(flag, value)| add(flag, value.clone().map(Into::into)));
    if args.plain.allow_plain_password {
        words.push("--allow-plain-password".into());
    }
    settings_of(words)
}

/// The result of one table.
enum Outcome {
    Equal,
    Differs {
        differences: Vec<Difference>,
    },
    /// The target does not have it.
    Missing,
    /// Only the target has it.
    Extra,
    /// Why it was not compared.
    Unknown(String),
}

/// One table, by its names on the target.
struct TableReport {
    pub schema: String,
    pub name: String,
    pub outcome: Outcome,
    /// Statements that give it the upstream's definition.
    pub statements: Vec<String>,
    /// Parts of the upstream's definition that the target cannot have.
    pub without: Vec<String>,
}

/// Compares all tables of the link.
///
/// # Errors
/// If a side cannot be read.
fn compare(settings: &Settings) -> Result<Vec<TableReport>> {
    let events = output::events();
    let target = Target::parse_with(&settings.target, &settings.connection, &events)?;
    let mut session = Session::open(&target)?;
    let wanted = definitions::all(settings, session.server(), &events)?;
    let place = Place::find(&mut session)?;
    let compared = tables(&mut session, settings, wanted, &place);
    place.leave(&mut session)?;
    compared
}

/// Where reference tables are created temporarily.
struct Place {
    /// In quotes, with its database.
    reference: String,
    /// A new database, for a target that no link has written to yet.
    own: Option<String>,
}

impl Place {
    fn find(session: &mut Session) -> Result<Self> {
        let name = format!("tisync_reference_{}", session.connection_id());
        let there: Option<String> = session.first(&format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name = {}",
            quote_text(SCHEMA)
        ))?;
        let (schema, own) = match there {
            Some(_) => (SCHEMA, None),
            None => (name.as_str(), Some(name.clone())),
        };
        if own.is_some() {
            session.run(&format!("CREATE DATABASE {}", quote_name(schema)))?;
        }
        Ok(Self { reference: format!("{}.{}", quote_name(schema), quote_name(&name)), own })
    }

    fn leave(self, session: &mut Session) -> Result<()> {
        let drop = self.own.map(|own| session.run(&format!("DROP DATABASE {}", quote_name(&own))));
        drop.transpose().map(|_| ())
    }
}

fn tables(session: &mut Session, settings: &Settings, wanted: Vec<Wanted>, place: &Place) -> Result<Vec<TableReport>> {
    let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reports = Vec::new();
    for Wanted { schema, name, reference } in wanted {
        if !there.contains_key(&schema) {
            there.insert(schema.clone(), definitions::there(session, &schema)?);
        }
        let is_there = there.get_mut(&schema).is_some_and(|names| take(names, &name));
        let quoted = format!("{}.{}", quote_name(&schema), quote_name(&name));
        let mut report =
            TableReport { schema, name, outcome: Outcome::Equal, statements: Vec::new(), without: Vec::new() };
        match reference {
            Err(why) => report.outcome = Outcome::Unknown(why),
            Ok(reference) if !is_there => {
                report.outcome = Outcome::Missing;
                report.statements.push(format!("CREATE TABLE {quoted} {}", reference.all()));
                let keys = reference.foreign_keys.iter().map(|key| format!("ALTER TABLE {quoted} ADD {key}"));
                report.statements.extend(keys);
                report.without = reference.without;
            }
            Ok(reference) => {
                let compared = one(session, &place.reference, &quoted, &reference, &report.schema);
                (report.outcome, report.statements) = outcome(compared)?;
                report.without = reference.without;
            }
        }
        reports.push(report);
    }
    // Under routes, extra tables on the target may belong to another link.
    if settings.routes.is_empty() {
        reports.extend(there.into_iter().flat_map(|(schema, names)| extra(settings, &schema, names)));
    }
    Ok(reports)
}

/// Removes `name` from `names`; some servers keep names in lower case.
fn take(names: &mut Vec<String>, name: &str) -> bool {
    let at = names.iter().position(|n| n == name);
    let at = at.or_else(|| names.iter().position(|n| *n == name.to_lowercase()));
    at.map(|at| names.remove(at)).is_some()
}

fn extra(settings: &Settings, schema: &str, names: Vec<String>) -> Vec<TableReport> {
    let own = |name: &String| settings.mark.as_ref().is_some_and(|mark| mark.is(schema, name));
    let names = names.into_iter().filter(|name| settings.filter.table(schema, name) && !own(name));
    let report = |name: String| TableReport {
        schema: schema.to_owned(),
        name,
        outcome: Outcome::Extra,
        statements: Vec::new(),
        without: Vec::new(),
    };
    names.map(report).collect()
}

type Compared = (Vec<Difference>, Vec<String>);

fn one(
    session: &mut Session,
    name: &str,
    table: &str,
    reference: &Reference,
    home: &str,
) -> Result<Option<Compared>, SessionError> {
    let Some(target): Option<Shown> = show(session, table)? else { return Ok(None) };
    let (upstream, found) = reference.compare(session, name, &target, home)?;
    let collations = if found.is_empty() { Collations::default() } else { Collations::read(session)? };
    let mend = statements(session.server(), table, (&upstream, &target), &found, &collations);
    Ok(Some((found, mend)))
}

fn outcome(compared: Result<Option<Compared>, SessionError>) -> Result<(Outcome, Vec<String>)> {
    Ok(match compared {
        Ok(Some((differences, _))) if differences.is_empty() => (Outcome::Equal, Vec::new()),
        Ok(Some((differences, mend))) => (Outcome::Differs { differences }, mend),
        Ok(None) => (Outcome::Unknown("the target shows no definition".to_owned()), Vec::new()),
        Err(failed) if failed.code().is_some() => {
            (Outcome::Unknown(format!("{:#}", anyhow::Error::from(failed))), Vec::new())
        }
        Err(failed) => return Err(failed.into()),
    })
}

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
    /// Parts of the upstream's definition that this target cannot have.
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

/// Prints the answer; if `sql`, only the statements.
///
/// # Errors
/// If standard output cannot take it.
fn print(report: &[TableReport], sql: bool, format: Format) -> Result<()> {
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
            ts::json(&Answer { version: ts::VERSION, equal, tables: tables.collect() })
        }
        Format::Csv => ts::csv(&report.iter().flat_map(rows).collect::<Vec<_>>()),
        Format::Text => output::answer(&text(report)),
    }
}

/// One line for each difference, or one for a table without any.
fn rows(table: &TableReport) -> Vec<Row<'_>> {
    let row = |part: Part| Row {
        version: ts::VERSION,
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
            Outcome::Extra => lines.push(format!("{name} exists only on the target")),
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
        ("extra", "only on the target"),
        ("unknown", "not compared"),
    ];
    parts.extend(
        others.into_iter().filter(|(key, _)| count(key) > 0).map(|(key, word)| format!("{} {word}", count(key))),
    );
    format!("{}: {}", counted(report.len(), "table"), parts.join(", "))
}

/// Whether both sides are equal.
///
/// # Errors
/// Negative if there is a difference; refused if there is none, but a table was not compared.
fn verdict(report: &[TableReport]) -> Result<()> {
    let differs = |t: &&TableReport| matches!(t.outcome, Outcome::Differs { .. } | Outcome::Missing | Outcome::Extra);
    if report.iter().any(|t| differs(&t)) {
        return Err(Fault::negative(format!("the definitions differ: {}", summary(report)))
            .hint(
                "review the statements before you run them: a renamed column looks like one dropped and one added. A \
                   link that lags still has DDL to apply",
            )
            .into());
    }
    if report.iter().any(|t| matches!(t.outcome, Outcome::Unknown(_))) {
        return Err(Fault::refused(format!("some tables could not be compared: {}", summary(report))).into());
    }
    Ok(())
}
