//! What PD and TiDB's status ports say about a cluster.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::filter;
use crate::model::CommitTs;
use crate::pd::{Node, Pd, Security, State, TidbServer, endpoints};
use crate::place::judge::life;

/// How long a status port may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Drainers that are listed by name.
const SHOWN: usize = 5;

/// A cluster that answered.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// PD's id of it.
    pub id: u64,
    now: CommitTs,
    leader: String,
    servers: Vec<(TidbServer, bool)>,
    pumps: Vec<Node>,
    drainers: Vec<Node>,
    /// Its users' databases, where a status port told them.
    pub databases: Option<Vec<String>>,
    warnings: Vec<String>,
}

/// PD's addresses as a tisync.toml has them, and whether one of them says https.
///
/// # Errors
/// A usage fault that names the address that is none.
pub fn addresses(text: &str) -> Result<(Vec<String>, bool)> {
    let found = endpoints(&[text.to_owned()])?;
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

    /// What was found, in a few lines.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = format!("cluster {}, PD's leader is {}", self.id, self.leader);
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
            let _ = write!(text, "\nand {} drainers more: `tisync nodes list` shows them", known.len() - SHOWN);
        }
        if known.is_empty() {
            text.push_str("\nno drainer reads it");
        }
        if let Some(databases) = &self.databases {
            let _ = write!(text, "\n{} databases of its users", databases.len());
        }
        text
    }

    /// What would keep a link from running, or somebody should know.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = self.warnings.clone();
        if self.pumps.iter().all(|p| p.state == State::Offline) {
            doubts.push(
                "no Pump is registered: start Pumps, and TiDB with binlog on; TiDB 8.4 and later have no Binlog"
                    .to_owned(),
            );
        }
        for (server, _) in self.servers.iter().filter(|(s, _)| s.binlog_status != "On") {
            doubts.push(format!("TiDB {} writes no Binlog: its changes would be missed", server.sql_address()));
        }
        if self.servers.is_empty() {
            doubts.push("no TiDB server is registered: the history of DDL is read from one's status port".to_owned());
        } else if self.servers.iter().all(|(_, answers)| !answers) {
            doubts.push(
                "no status port answers from here, and the history of DDL is read there: open one to this machine, or give the cluster a \
                 `schema-from = \"http://host:10080\"` in the file"
                    .to_owned(),
            );
        }
        doubts
    }
}
