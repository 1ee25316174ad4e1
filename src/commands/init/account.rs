//! Where SQL goes, as whom, and with which password.

use std::path::Path;

use anyhow::Result;

use super::{Found, reached};
use crate::cli::init::{InitArgs, KeepArg};
use crate::config::{environment, password_of_file, password_variable};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::identity::Upstream;
use crate::sink::mysql::check;
use crate::sink::mysql::connect::PASSWORD_VARIABLE;
use crate::sink::mysql::failure::refused_login;
use crate::sink::mysql::secret::Secret;
use crate::wizard::{Account, Choice, Interview, Kept, Question, Server, Side};

/// Which side is asked for.
pub(super) struct Asked {
    flag: &'static str,
    file_flag: &'static str,
    first: bool,
}

/// The first cluster, to which the link back goes.
pub(super) const FIRST: Asked = Asked { flag: "--from-sql", file_flag: "--from-password-file", first: true };
/// The second.
pub(super) const SECOND: Asked = Asked { flag: "--to", file_flag: "--to-password-file", first: false };

/// Asks; `source` is the cluster whose changes go there, which it must not be.
pub(super) fn ask(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    side: &mut Side,
    found: &mut Found,
    asked: &Asked,
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
            let question = Question { flag: asked.flag, text: "User there", default: Some("root") };
            account.of(&interview.text(question, None)?)
        };
        let (password, mut kept) = known(&side.name, file.as_deref())?;
        let tried = if locked_out { Err(None) } else { Server::enter(&address, password).map_err(Some) };
        let entered = match tried {
            Err(error) if interview.attended() && error.as_ref().is_none_or(refused_login) => {
                // The next time the password is asked for at once: whatever was known is wrong.
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
            Err(None) => Err(Fault::connect("the account was refused").into()),
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

/// The password that a flag or the environment lead to, and how the file leads to it.
fn known(name: &str, file: Option<&Path>) -> Result<(Option<Secret>, Kept)> {
    if let Some(file) = file {
        let path = file.display().to_string();
        let secret = password_of_file(&path)
            .map_err(|why| Fault::usage(why).hint("the file holds the password on its first line"))?;
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

/// Where a password that was typed goes.
fn keep(interview: &mut Interview<'_>, args: &InitArgs, name: &str, secret: Secret) -> Result<Kept> {
    if secret.reveal().is_empty() {
        return Ok(Kept::Nowhere);
    }
    let variable = password_variable(name);
    let own = format!("Nowhere: I set the variable {variable} myself");
    let choice = Choice {
        flag: "--keep-password",
        text: "Where shall `tisync sync` find this password?",
        choices: &[&own, "In a file beside tisync.toml that only its owner can read", "In tisync.toml itself"],
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

/// What the server's own settings say against being a target.
fn settings(interview: &mut Interview<'_>, server: &mut Server) -> Result<()> {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hear = heard.clone();
    let events: Events = std::sync::Arc::new(move |event| {
        if let Event::Warning(text) = event {
            hear.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text);
        }
    });
    let mut problems = Vec::new();
    check::settings(&mut server.session, &mut problems, &events)?;
    for warning in heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..) {
        interview.warn(&warning);
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Fault::refused(format!("{}: {}", server.name, problems.join("; "))).hint("mend it there, then go on").into())
}
