//! MySQL's option files: user and password of their `[client]` group.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::secret::Secret;
use crate::error::Fault;

/// What an option file says about the account.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
}

/// Reads the option file at `path`.
pub(super) fn read(path: &Path) -> Result<Account> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Fault::usage(format!("cannot read the MySQL option file {}: {e}", path.display()))
            .hint("check the path of defaults-file= and its permissions")
    })?;
    Ok(parse(&text))
}

/// `~/.my.cnf`, where it can be read.
pub(super) fn of_home() -> Option<Account> {
    let path = PathBuf::from(std::env::var_os("HOME")?).join(".my.cnf");
    Some(parse(&std::fs::read_to_string(path).ok()?))
}

fn parse(text: &str) -> Account {
    let mut account = Account::default();
    let mut client = false;
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[') {
            client = group.trim_end().strip_suffix(']').is_some_and(|g| g.trim() == "client");
        } else if client && let Some((name, value)) = line.split_once('=') {
            match name.trim() {
                "user" => account.user = Some(unquote(value)),
                "password" => account.password = Some(Secret::new(unquote(value))),
                _ => {}
            }
        }
    }
    account
}

/// The value without its quotes or, if it has none, without a comment behind it.
fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote)
            && let Some(end) = inner.find(quote)
        {
            return inner.get(..end).unwrap_or_default().to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}
