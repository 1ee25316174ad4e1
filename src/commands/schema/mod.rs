//! `tisync schema`: whether both sides have the same tables.

mod compare;
mod report;
mod wanted;

use std::ffi::OsString;

use anyhow::Result;

use super::checkpoint::settings_of;
use crate::cli::Format;
use crate::cli::schema::{SchemaCommand, SchemaDiffArgs};
use crate::config::Settings;

/// Runs `command`.
///
/// # Errors
/// Whatever keeps the definitions from being compared; negative if they differ.
pub fn run(command: &SchemaCommand, format: Format) -> Result<()> {
    let SchemaCommand::Diff(args) = command;
    let settings = settings(args)?;
    let report = compare::compare(&settings)?;
    report::print(&report, args.sql, format)?;
    report::verdict(&report)
}

/// The link that is meant, as `sync` would run it.
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
