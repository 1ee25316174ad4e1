//! Probes clusters and servers for `tisync init`.
//!
//! - What PD and the status ports of TiDB say about a cluster.
//! - The SQL side of a cluster: an account that can log in.
//! - The rights that an account lacks for the statements of a link. They are tried on a table that
//!   does not exist: servers check rights before they look for the table. The text of SHOW GRANTS
//!   is not enough (roles, patterns, proxies).

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::config::encode;
use crate::error::{Fault, counted};
use crate::event::silent;
use crate::identity::{Upstream, Verdict};
use crate::model::CommitTs;
use crate::mysql::address::Target;
use crate::mysql::error::{Class, classify};
use crate::mysql::login::Secret;
use crate::mysql::session::Session;
use crate::pd::{Node, Pd, Security, State, TidbServer, parse_endpoints};
use crate::registration::heartbeat::life;
use crate::sink::mysql::Connection;
use crate::sql::{quote_name, quote_text};
use crate::{checkpoint, filter};

/// How long a status port may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How many Drainers are listed by name.
const SHOWN: usize = 5;

/// A cluster that answered.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The cluster id from PD.
    pub id: u64,
    now: CommitTs,
    leader: String,
    servers: Vec<(TidbServer, bool)>,
    pumps: Vec<Node>,
    drainers: Vec<Node>,
    /// Its users' databases, if a status port listed them.
    pub databases: Option<Vec<String>>,
    warnings: Vec<String>,
}

/// PD's addresses as a tisync.toml has them, and whether one of them has the scheme https.
///
/// # Errors
/// A usage fault that names the invalid address.
pub fn addresses(text: &str) -> Result<(Vec<String>, bool)> {
    let found = parse_endpoints(&[text.to_owned()])?;
    let tls = found.iter().any(|e| e.tls);
    let list = found.into_iter().map(|e| if e.tls { format!("https://{}", e.address) } else { e.address });
    Ok((list.collect(), tls))
}

#[derive(Deserialize)]
struct Database {
    db_name: Name,
}

#[derive(Deserialize)]
struct Name {
    #[serde(rename = "O")]
    original: String,
}

impl Cluster {
    /// Asks PD at `addresses`, and the status port of each TiDB server that is registered there.
    ///
    /// # Errors
    /// If PD cannot be reached or does not answer.
    pub fn look(addresses: &[String], security: &Security) -> Result<Self> {
        let pd = Pd::connect(addresses, security)?;
        let agent = security.agent(LIMIT)?;
        let mut databases = None;
        let mut servers = Vec::new();
        for server in pd.tidb_servers()? {
            let answer = agent
                .get(format!("{}/schema", server.status_url(security)))
                .call()
                .ok()
                .filter(|a| a.status().is_success());
            let list = answer.and_then(|mut a| a.body_mut().read_json::<Vec<Database>>().ok());
            servers.push((server, list.is_some()));
            databases = databases.or(list);
        }
        let databases = databases
            .map(|list| list.into_iter().map(|d| d.db_name.original).filter(|name| filter::wanted(name)).collect());
        let (pumps, drainers, now) = (pd.pumps()?, pd.drainers()?, pd.tso()?);
        let warnings = pd.take_warnings();
        let (id, leader) = (pd.cluster_id(), pd.leader());
        Ok(Self { id, now, leader, servers, pumps, drainers, databases, warnings })
    }

    /// The findings, in a few lines.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = format!("cluster {}, PD leader {}", self.id, self.leader);
        // Writing into a String cannot fail.
        for (server, answers) in &self.servers {
            let binlog = if server.binlog_status.is_empty() { "none" } else { &server.binlog_status };
            let port = if *answers { "answers" } else { "does not answer" };
            let version = server.version.split_once("TiDB-").map_or(server.version.as_str(), |(_, own)| own);
            let (sql, status) = (server.sql_address(), server.status_address());
            let _ = write!(text, "\nTiDB {version} {sql}, binlog {binlog}, status port {status} {port}");
        }
        for pump in self.pumps.iter().filter(|p| p.state != State::Offline) {
            let _ = write!(text, "\nPump {} {} ({})", pump.id, pump.state, life(pump, self.now).word());
        }
        let known: Vec<&Node> = self.drainers.iter().filter(|d| d.state != State::Offline).collect();
        for drainer in known.iter().take(SHOWN) {
            let at = drainer.max_commit_ts.explain();
            let _ =
                write!(text, "\ndrainer {} {} ({}) at {at}", drainer.id, drainer.state, life(drainer, self.now).word());
        }
        if known.len() > SHOWN {
            let _ = write!(text, "\nand {} more: `tisync nodes list` shows all drainers", known.len() - SHOWN);
        }
        if known.is_empty() {
            text.push_str("\nno drainers");
        }
        if let Some(databases) = &self.databases {
            let _ = write!(text, "\n{}", counted(databases.len(), "user database"));
        }
        text
    }

    /// Warnings: what would keep a link from running, or what the operator should know.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = self.warnings.clone();
        if self.pumps.iter().all(|p| p.state == State::Offline) {
            doubts.push(
                "no Pump is registered: start Pumps, and TiDB with binlog enabled; TiDB 8.4 and later have no TiDB \
                 Binlog"
                    .to_owned(),
            );
        }
        for (server, _) in self.servers.iter().filter(|(s, _)| s.binlog_status != "On") {
            doubts.push(format!("TiDB {} does not write binlog: its changes would be missed", server.sql_address()));
        }
        if self.servers.is_empty() {
            doubts.push("no TiDB server is registered: the DDL history is read from the status port of one".to_owned());
        } else if self.servers.iter().all(|(_, answers)| !answers) {
            doubts.push(
                "no status port of TiDB can be reached from here, and the DDL history is read from one: open one to \
                 this machine, or set `schema-from = \"http://host:10080\"` for the cluster in the file"
                    .to_owned(),
            );
        }
        doubts
    }
}

/// An SQL address.
#[derive(Clone, Debug)]
pub struct Account {
    /// The address in the file, without a password.
    pub address: String,
    /// Whether the address names the user.
    pub has_user: bool,
}

impl Account {
    /// Parses typed text: `mysql://user@host:port`, or `host:port`.
    ///
    /// # Errors
    /// A usage fault if it is not an address, or has a password in it; the message never has the
    /// password.
    pub fn read(text: &str) -> Result<Self> {
        let address = if text.contains("://") { text.to_owned() } else { format!("mysql://{text}") };
        let (_, rest) = address.split_once("://").unwrap_or_default();
        let account = rest.rsplit_once('@').map(|(account, _)| account);
        if account.is_some_and(|a| a.contains(':')) {
            return Err(Fault::usage("the address contains a password, where others can read it")
                .hint("leave it out: it comes from a password file or the environment, or you are asked for it")
                .into());
        }
        Target::parse(&address, &silent())?;
        let has_user = account.is_some_and(|a| !a.is_empty());
        Ok(Self { address, has_user })
    }

    /// The address with the user `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        let (scheme, rest) = self.address.split_once("://").unwrap_or(("mysql", &self.address));
        format!("{scheme}://{}@{rest}", encode(name))
    }
}

/// A server on which the login succeeded.
pub struct Server {
    /// The connection.
    pub session: Session,
    /// Its name in messages.
    pub name: String,
    target: Target,
    password: Option<Secret>,
}

impl Server {
    /// Logs in at `address` with `password`, or with the password from the address or the
    /// environment.
    ///
    /// # Errors
    /// If it cannot be reached, refuses the account, or is too old.
    pub fn enter(address: &str, password: Option<Secret>) -> Result<Self> {
        let connection = Connection { password: password.clone(), ..Connection::default() };
        let target = Target::parse_with(address, &connection, &silent())?;
        let session = Session::open(&target)?;
        Ok(Self { session, name: target.name(), target, password })
    }

    /// Makes sure that the server is not part of the cluster `upstream`, from which its changes
    /// come; returns a warning if this is not known.
    ///
    /// # Errors
    /// Refused if it is part of that cluster.
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

/// A table that does not exist.
const NOWHERE: &str = "_tisync_no_such_table";

/// The rights for rows and DDL of users' tables.
const REPLICATED: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "CREATE VIEW"];
/// The rights for the checkpoint's tables.
const KEPT: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP"];

/// Rights on a database that an account lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The database.
    pub database: String,
    /// The rights.
    pub rights: Vec<&'static str>,
    /// The statement with which an administrator gives them.
    pub grant: String,
}

/// The rights that the account of `session` lacks on `databases` and on the checkpoint's database.
///
/// # Errors
/// If the server does not answer.
pub fn lacks(session: &mut Session, databases: &[String]) -> Result<Vec<Lack>> {
    let account: String = session.first("SELECT CURRENT_USER()")?.unwrap_or_default();
    let account = match account.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", quote_text(user), quote_text(host)),
        None => quote_text(&account),
    };
    let wanted = databases.iter().map(|d| (d.as_str(), &REPLICATED[..])).chain([(checkpoint::SCHEMA, &KEPT[..])]);
    let mut lacks = Vec::new();
    for (database, rights) in wanted {
        let mut missing = Vec::new();
        for right in rights {
            if denied(session, database, right)? {
                missing.push(*right);
            }
        }
        if !missing.is_empty() {
            // All of the rights: of several grants whose patterns match, MariaDB and MySQL use only
            // one.
            let grant = format!("GRANT {} ON {}.* TO {account};", rights.join(", "), pattern(database));
            lacks.push(Lack { database: database.to_owned(), rights: missing, grant });
        }
    }
    Ok(lacks)
}

/// The database's name for GRANT, where `_` and `%` are wildcards.
fn pattern(database: &str) -> String {
    quote_name(&database.replace('_', "\\_").replace('%', "\\%"))
}

fn denied(session: &mut Session, database: &str, right: &str) -> Result<bool> {
    let table = format!("{}.{}", quote_name(database), quote_name(NOWHERE));
    let sql = match right {
        "SELECT" => format!("SELECT 1 FROM {table} WHERE 1 = 0"),
        "INSERT" => format!("INSERT INTO {table} VALUES ()"),
        "UPDATE" => format!("UPDATE {table} SET x = 0 WHERE 1 = 0"),
        "DELETE" => format!("DELETE FROM {table} WHERE 1 = 0"),
        "DROP" => format!("DROP TABLE {table}"),
        "ALTER" => format!("ALTER TABLE {table} COMMENT = ''"),
        "INDEX" => format!("CREATE INDEX x ON {table} (x)"),
        // With the right, the statement fails because the table to be copied or shown does not
        // exist; that table is in a database that all accounts may read.
        "CREATE" => format!("CREATE TABLE {table} LIKE information_schema.{}", quote_name(NOWHERE)),
        _ => format!("CREATE VIEW {table} AS SELECT 1 FROM information_schema.{}", quote_name(NOWHERE)),
    };
    match session.try_run(&sql) {
        Err(error) => match classify(&error) {
            Class::Privilege => Ok(true),
            Class::Connection => Err(error.into()),
            _ => Ok(false),
        },
        Ok(_) => Ok(false),
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
