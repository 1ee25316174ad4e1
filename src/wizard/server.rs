//! The SQL side of a cluster: an account that can be entered.

use anyhow::Result;

use super::rights::{Lack, lacks};
use crate::config::encode;
use crate::error::Fault;
use crate::event::silent;
use crate::identity::{Upstream, Verdict};
use crate::sink::mysql::Connection;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::secret::Secret;
use crate::sink::mysql::session::Session;

/// An address, and the password if the address and the environment lead to none.
#[derive(Clone, Debug)]
pub struct Account {
    /// As the file will have it: without a password.
    pub address: String,
    /// Whether the address names the user.
    pub has_user: bool,
}

impl Account {
    /// Reads what was typed: `mysql://user@host:port`, or `host:port`.
    ///
    /// # Errors
    /// A usage fault if it is no address, or has a password in it; never with the password.
    pub fn read(text: &str) -> Result<Self> {
        let address = if text.contains("://") { text.to_owned() } else { format!("mysql://{text}") };
        let (_, rest) = address.split_once("://").unwrap_or_default();
        let account = rest.rsplit_once('@').map(|(account, _)| account);
        if account.is_some_and(|a| a.contains(':')) {
            return Err(Fault::usage("a password stands in the address, where others can read it")
                .hint("leave it out: it is taken from a password file or the environment, or asked for")
                .into());
        }
        Target::parse(&address, &silent())?;
        let has_user = account.is_some_and(|a| !a.is_empty());
        Ok(Self { address, has_user })
    }

    /// The same with the user `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        let (scheme, rest) = self.address.split_once("://").unwrap_or(("mysql", &self.address));
        format!("{scheme}://{}@{rest}", encode(name))
    }
}

/// A server that let us in.
pub struct Server {
    /// The connection.
    pub session: Session,
    /// What messages call it.
    pub name: String,
    target: Target,
    password: Option<Secret>,
}

impl Server {
    /// Enters `address` with `password`, or with the one that the address or the environment lead to.
    ///
    /// # Errors
    /// If it cannot be reached, refuses the account, or is too old.
    pub fn enter(address: &str, password: Option<Secret>) -> Result<Self> {
        let connection = Connection { password: password.clone(), ..Connection::default() };
        let target = Target::parse_with(address, &connection, &silent())?;
        let session = Session::open(&target)?;
        Ok(Self { session, name: target.name(), target, password })
    }

    /// Sees to it that it is not of the cluster `upstream`, from which its changes come; gives what to say where that cannot be told.
    ///
    /// # Errors
    /// Refused if it is.
    pub fn is_not(&mut self, upstream: &Upstream) -> Result<Option<String>> {
        match upstream.is(&mut self.session, &self.target)? {
            Verdict::Same(how) => Err(upstream.same(&self.target, &how).into()),
            Verdict::Other => Ok(None),
            Verdict::Unknown(why) => Ok(Some(upstream.doubt(&self.target, &why))),
        }
    }

    /// Kind and version, as in `MariaDB 10.11.6`.
    #[must_use]
    pub fn kind(&self) -> String {
        self.session.server().to_string()
    }

    /// The password that was given to [`enter`](Self::enter).
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The rights that the account lacks for a link that writes into `databases`.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn lacks(&mut self, databases: &[String]) -> Result<Vec<Lack>> {
        lacks(&mut self.session, databases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_for_an_address() {
        let read = |text: &str| Account::read(text).map(|a| (a.address, a.has_user));
        assert_eq!(read("db2:3306").unwrap(), ("mysql://db2:3306".to_owned(), false));
        assert_eq!(read("repl@db2:3306").unwrap(), ("mysql://repl@db2:3306".to_owned(), true));
        let tidb = "tidb://repl@db2/?ssl-mode=required";
        assert_eq!(read(tidb).unwrap(), (tidb.to_owned(), true));
        assert_eq!(Account::read("db2").unwrap().of("a@b"), "mysql://a%40b@db2");
        for secret in ["repl:hunter2@db2", "mysql://repl:hunter2@db2:3306", "mysql://:hunter2@db2"] {
            let error = read(secret).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        assert!(read("postgres://db2").is_err());
    }
}
