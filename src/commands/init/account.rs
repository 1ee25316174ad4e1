//! The `tisync init` steps that ask for PD, for the SQL login and for the tables.
//!
//! - SQL: the address, the account and its password.
//! - PD: its address, and what it says about the cluster.
//! - Tables: which of them, and whether the accounts may write them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::interview::{Choice, Interview, Kept, Question, Side};
use super::probe::{Account, Cluster, Lack, Server, addresses};
use super::{SideFacts, reached};
use crate::cli::config::{InitArgs, KeepArg};
use crate::config::{environment, password_of_file, password_variable};
use crate::error::{Fault, counted};
use crate::event::{Event, Events};
use crate::filter::{self, Filter, Rules, Scope};
use crate::identity::Upstream;
use crate::mysql::address::PASSWORD_VARIABLE;
use crate::mysql::error::refused_login;
use crate::mysql::login::Secret;
use crate::pd::Security;
use crate::sink::mysql::check;

/// The flags of the side whose account is asked for.
pub(super) struct AccountAnswers {
    flag: &'static str,
    file_flag: &'static str,
    first: bool,
}

/// Flags of the first cluster, which is the target of the link back.
pub(super) const FIRST: AccountAnswers =
    AccountAnswers { flag: "--from-sql", file_flag: "--from-password-file", first: true };
/// Flags of the second cluster.
pub(super) const SECOND: AccountAnswers =
    AccountAnswers { flag: "--to", file_flag: "--to-password-file", first: false };

/// Asks for an account; `source` is the cluster that the changes come from, which the account's
/// server must not be part of.
pub(super) fn ask_account(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    side: &mut Side,
    found: &mut SideFacts,
    asked: &AccountAnswers,
    source: Option<&Upstream>,
) -> Result<()> {
    let (given, file) =
        if asked.first { (&args.from_sql, &args.from_password_file) } else { (&args.to, &args.to_password_file) };
    let text = format!("SQL address of cluster {} (mysql://user@host:port)", side.name);
    let mut last: Option<String> = None;
    let mut locked_out = false;
    interview.until_good(|interview| {
        let question = Question { flag: asked.flag, text: &text, default: last.as_deref() };
        let typed = interview.text(question, given.as_deref())?;
        let account = Account::read(&typed)?;
        last = Some(typed);
        let address = if account.has_user {
            account.address
        } else {
            let question = Question { flag: asked.flag, text: "SQL user", default: Some("root") };
            account.of(&interview.text(question, None)?)
        };
        let (password, mut kept) = known(&side.name, file.as_deref())?;
        let tried = if locked_out { Err(None) } else { Server::enter(&address, password).map_err(Some) };
        let entered = match tried {
            Err(error) if interview.attended() && error.as_ref().is_none_or(refused_login) => {
                // Next time the password is asked for at once: the known one is wrong.
                locked_out = true;
                let secret = interview.secret(asked.file_flag, &format!("Password for {address}"))?;
                let server = Server::enter(&address, Some(secret.clone()));
                if server.is_ok() {
                    kept = keep(interview, args, &side.name, secret)?;
                    locked_out = false;
                }
                server
            }
            Err(Some(error)) => Err(error),
            Err(None) => Err(Fault::connect("the login was refused").into()),
            Ok(server) => Ok(server),
        };
        let mut server = reached(interview, args, entered)?;
        if let Some(server) = &mut server {
            interview.found(&format!("{}: {}", server.name, server.kind()));
            if let Some(doubt) = source.map(|source| server.is_not(source)).transpose()?.flatten() {
                interview.warn(&doubt);
            }
            settings(interview, server)?;
        }
        (side.sql, side.password) = (Some(address), kept);
        found.server = server;
        Ok(())
    })
}

/// The password from a flag or the environment, and how the file refers to it.
fn known(name: &str, file: Option<&Path>) -> Result<(Option<Secret>, Kept)> {
    if let Some(file) = file {
        let path = file.display().to_string();
        let secret = password_of_file(&path)
            .map_err(|why| Fault::usage(why).hint("the file must have the password on its first line"))?;
        return Ok((Some(secret), Kept::File(std::path::absolute(file)?)));
    }
    let variable = password_variable(name);
    if let Some(text) = environment(&variable).filter(|t| !t.is_empty()) {
        return Ok((Some(Secret::new(text)), Kept::Variable(variable)));
    }
    match environment(PASSWORD_VARIABLE).filter(|t| !t.is_empty()) {
        Some(text) => Ok((Some(Secret::new(text)), Kept::Variable(PASSWORD_VARIABLE.to_owned()))),
        None => Ok((None, Kept::Nowhere)),
    }
}

/// Where to keep a typed password.
fn keep(interview: &mut Interview<'_>, args: &InitArgs, name: &str, secret: Secret) -> Result<Kept> {
    if secret.reveal().is_empty() {
        return Ok(Kept::Nowhere);
    }
    let variable = password_variable(name);
    let own = format!("Nowhere: I will set the variable {variable} myself");
    let choice = Choice {
        flag: "--keep-password",
        text: "Where should `tisync sync` find this password?",
        choices: &[&own, "In a file next to tisync.toml, readable only by its owner", "In tisync.toml itself"],
        default: Some(0),
    };
    let given = args.keep_password.map(|keep| match keep {
        KeepArg::Env => 0,
        KeepArg::File => 1,
        KeepArg::Config => 2,
    });
    Ok(match interview.choose(choice, given)? {
        0 => Kept::Variable(variable),
        1 => Kept::Beside(secret),
        _ => Kept::Inside(secret),
    })
}

/// Shows the server settings that are a problem for a target.
fn settings(interview: &mut Interview<'_>, server: &mut Server) -> Result<()> {
    let heard = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let hear = heard.clone();
    let events: Events = std::sync::Arc::new(move |event| {
        if let Event::Warning(text) = event {
            hear.lock().push(text);
        }
    });
    let mut problems = Vec::new();
    check::settings(&mut server.session, &mut problems, &events)?;
    for warning in heard.lock().drain(..) {
        interview.warn(&warning);
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Fault::refused(format!("{}: {}", server.name, problems.join("; "))).hint("fix it there, then continue").into())
}

/// The flags of the cluster that is asked for.
pub(super) struct SourceAnswers<'a> {
    pub flag: &'static str,
    /// The flags for CA, certificate and key.
    pub tls: [&'static str; 3],
    pub given: Option<&'a str>,
    pub security: Security,
    /// The id of the other cluster.
    pub other: Option<u64>,
}

pub(super) fn ask_source(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    side: &mut Side,
    found: &mut SideFacts,
    asked: &SourceAnswers<'_>,
) -> Result<()> {
    let text = format!("PD of cluster {} (host:port, several separated by commas)", side.name);
    let mut last: Option<String> = None;
    interview.until_good(|interview| {
        let question = Question { flag: asked.flag, text: &text, default: last.as_deref() };
        let typed = interview.text(question, asked.given)?;
        last = Some(typed.clone());
        let (pd, https) = addresses(&typed)?;
        let mut security = asked.security.clone();
        if https && security.ca.is_none() {
            security = files(interview, asked.tls)?;
        }
        let answered = Cluster::look(&pd, &security);
        let cluster = reached(interview, args, answered)?;
        if let Some(cluster) = &cluster {
            interview.found(&cluster.shown());
            cluster.doubts().iter().for_each(|doubt| interview.warn(doubt));
            if asked.other == Some(cluster.id) {
                return Err(Fault::usage(format!("{typed} is the first cluster again: both have id {}", cluster.id))
                    .hint("each side needs its own PD")
                    .into());
            }
        }
        (side.pd, side.security) = (pd, security);
        side.cluster_id = cluster.as_ref().map(|c| c.id);
        found.cluster = cluster;
        Ok(())
    })
}

/// The files for TLS. Without a client certificate only the CA.
fn files(interview: &mut Interview<'_>, [ca, cert, key]: [&'static str; 3]) -> Result<Security> {
    let mut file = |flag, text, optional: bool| -> Result<Option<PathBuf>> {
        let default = optional.then_some("");
        let typed = interview.text(Question { flag, text, default }, None)?;
        Ok(Some(typed).filter(|t| !t.is_empty()).map(PathBuf::from))
    };
    let ca = file(ca, "CA certificate of the cluster (a PEM file)", false)?;
    let cert = file(cert, "Client certificate (a PEM file, empty for none)", true)?;
    let key = if cert.is_some() { file(key, "Its private key (a PEM file)", false)? } else { None };
    Ok(Security { ca, cert, key })
}

/// The answer for all tables.
const ALL: &str = "all";

pub(super) fn ask_tables(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    both: bool,
    of_a: &mut SideFacts,
    of_b: &mut SideFacts,
) -> Result<Vec<String>> {
    let given = (!args.tables.is_empty()).then(|| args.tables.join(","));
    let text = "Which tables (patterns separated by commas, such as app.*,!app.tmp_*)?";
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
        let fault = Fault::connect(format!("privileges are missing:\n  {}", lacks.join("\n  ")))
            .hint("run these statements as an administrator, then continue");
        if args.unchecked {
            interview.warn(&fault.message);
            return Ok(tables);
        }
        Err(fault.into())
    })
}

/// The statements that an administrator of `target` has to run before it can take the tables of
/// `source`.
fn rights(
    interview: &mut Interview<'_>,
    filter: &Filter,
    source: &SideFacts,
    target: &mut SideFacts,
) -> Result<Vec<String>> {
    let Some(server) = &mut target.server else { return Ok(Vec::new()) };
    let known = source.cluster.as_ref().and_then(|c| c.databases.as_ref());
    let wanted: Vec<String> =
        known.into_iter().flatten().filter(|name| !matches!(filter.database(name), Scope::None)).cloned().collect();
    let lacks = server.lacks(&wanted)?;
    if lacks.is_empty() {
        let list = match wanted.len() {
            0 => "tidb_binlog".to_owned(),
            n => format!("{} and tidb_binlog", counted(n, "database")),
        };
        interview.found(&format!("{}: the account has the privileges that a link needs on {list}", server.name));
    }
    let line =
        |lack: Lack| format!("{}: {} on `{}`; {}", server.name, lack.rights.join(", "), lack.database, lack.grant);
    Ok(lacks.into_iter().map(line).collect())
}

pub(super) fn sync_mode(interview: &mut Interview<'_>, args: &InitArgs) -> Result<u8> {
    let text =
        "Sync mode (1: both sides must have the same columns, 2: only columns that both sides have are replicated)";
    let given = args.sync_mode.map(|n| n.to_string());
    interview.until_good(|interview| {
        let question = Question { flag: "--sync-mode", text, default: Some("1") };
        match interview.text(question, given.as_deref())?.as_str() {
            "1" => Ok(1),
            "2" => Ok(2),
            other => Err(Fault::usage(format!("unknown sync mode `{other}`")).hint("1 or 2").into()),
        }
    })
}
