//! Compares table after table, over one connection to the target.

use std::collections::BTreeMap;

use anyhow::Result;

use super::wanted::{self, Wanted};
use crate::checkpoint::{Failed, SCHEMA};
use crate::config::Settings;
use crate::output;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::schema_diff::{Collations, Difference, Reference, Shown, show, statements};
use crate::sink::mysql::session::{Session, quote_name, quote_text};

/// What became of one table.
pub(super) enum Outcome {
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
pub(super) struct TableReport {
    pub schema: String,
    pub name: String,
    pub outcome: Outcome,
    /// What makes it like the upstream's.
    pub statements: Vec<String>,
    /// What of the upstream's definition the target cannot have.
    pub without: Vec<String>,
}

/// Compares all tables of the link.
///
/// # Errors
/// If a side cannot be read.
pub(super) fn compare(settings: &Settings) -> Result<Vec<TableReport>> {
    let events = output::events();
    let target = Target::parse_with(&settings.target, &settings.connection, &events)?;
    let mut session = Session::open(&target)?;
    let wanted = wanted::all(settings, session.server(), &events)?;
    let place = Place::find(&mut session)?;
    let compared = tables(&mut session, settings, wanted, &place);
    place.leave(&mut session)?;
    compared
}

/// Where references are made for a moment.
struct Place {
    /// In quotes, with its database.
    reference: String,
    /// A database of its own, for a target that no link has written to yet.
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
            there.insert(schema.clone(), wanted::there(session, &schema)?);
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
    // Under routes, what the target alone has may belong to another link.
    if settings.routes.is_empty() {
        reports.extend(there.into_iter().flat_map(|(schema, names)| extra(settings, &schema, names)));
    }
    Ok(reports)
}

/// Takes `name` out of `names`; some servers keep names in lower case.
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
) -> Result<Option<Compared>, Failed> {
    let Some(target): Option<Shown> = show(session, table)? else { return Ok(None) };
    let (upstream, found) = reference.compare(session, name, &target, home)?;
    let collations = if found.is_empty() { Collations::default() } else { Collations::read(session)? };
    let mend = statements(session.server(), table, (&upstream, &target), &found, &collations);
    Ok(Some((found, mend)))
}

fn outcome(compared: Result<Option<Compared>, Failed>) -> Result<(Outcome, Vec<String>)> {
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
