//! Refuses a target that is the very cluster that the link comes from.
//!
//! Such a link would send a cluster's changes to itself: each TRUNCATE comes back, runs again, and
//! comes back.
//!
//! Addresses do not tell: a cluster has many, behind load balancers and under other names, and two
//! sites may use the same private ones. So PD is compared with what the target says about itself
//! ([`Told`]), the best evidence first:
//!
//! 1. The TiDB servers that run. Each has a new uuid at each start, which is in its own PD's etcd
//!    and nowhere else.
//! 2. The cluster's id, which PD gives and new versions of TiDB keep in `mysql.tidb`. A copy of a
//!    cluster's disks has the same id.
//! 3. The GC safe point, which the cluster writes both into PD and into `mysql.tidb`: to the
//!    millisecond, no other cluster has the same.
//! 4. For a TiDB that tells none of this: whether PD lists the very address.
//!
//! A target that is not TiDB is another server. Nothing is written for any of this.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use mysql::{Row, from_value_opt};

use crate::error::Fault;
use crate::event::{Event, Events};
use crate::mysql::address::Target;
use crate::mysql::error::Class;
use crate::mysql::session::{Flavour, Session};
use crate::pd::{Pd, Security};

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the same cluster; the text says how that is known.
    Same(String),
    /// It is another cluster, or not TiDB at all.
    Other,
    /// It cannot be known, for the reason in the text.
    Unknown(String),
}

/// The cluster that a link comes from, through its PD.
#[derive(Clone)]
pub struct Upstream {
    pd: Arc<Pd>,
    /// The address that the operator gave.
    address: String,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.address)
    }
}

impl Upstream {
    /// Connects to PD.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn connect(address: &str, security: &Security) -> Result<Self> {
        let pd = Pd::connect(&[address.to_owned()], security)?;
        Ok(Self { pd: Arc::new(pd), address: address.to_owned() })
    }

    /// PD's id of the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.pd.cluster_id()
    }

    /// `host:port` of its TiDB servers, as they registered.
    ///
    /// # Errors
    /// If PD does not answer.
    pub fn servers(&self) -> Result<Vec<String>> {
        Ok(self.pd.tidb_servers()?.iter().map(|server| server.sql_address()).collect())
    }

    /// Whether the server behind `session`, which was reached as `target`, belongs to this cluster.
    ///
    /// # Errors
    /// If the server or PD does not answer.
    pub fn is(&self, session: &mut Session, target: &Target) -> Result<Verdict> {
        let tidb = session.server().flavour == Flavour::TiDb;
        let address = target.socket.is_none().then(|| format!("{}:{}", target.host, target.port));
        judge(&*self.pd, session, tidb, address.as_deref())
    }

    /// Checks that the server behind `session` belongs to another cluster; warns if that cannot be
    /// known.
    ///
    /// # Errors
    /// Refused if it belongs to this one.
    pub fn refuse(&self, session: &mut Session, target: &Target, events: &Events) -> Result<()> {
        match self.is(session, target)? {
            Verdict::Same(how) => Err(self.same(target, &how).into()),
            Verdict::Other => Ok(()),
            Verdict::Unknown(why) => {
                events(Event::Warning(self.doubt(target, &why)));
                Ok(())
            }
        }
    }

    /// The error for a target that belongs to this cluster.
    #[must_use]
    pub fn same(&self, target: &Target, how: &str) -> Fault {
        same(&self.address, self.cluster_id(), &target.name(), how)
    }

    /// The warning for a target of which that cannot be known.
    #[must_use]
    pub fn doubt(&self, target: &Target, why: &str) -> String {
        format!(
            "tisync cannot tell whether the target {} is the source itself, cluster {}: {why}. Make sure that it is \
             not: the source's changes would go round forever. `GRANT SELECT ON mysql.tidb` lets the account find out",
            target.name(),
            self.cluster_id()
        )
    }
}

/// The error for a link whose target is its source.
fn same(source: &str, cluster_id: u64, target: &str, how: &str) -> Fault {
    Fault::refused(format!(
        "the target {target} is the source itself: {how}, and {source} is the PD of the same cluster, {cluster_id}. \
         Each change would come back and be applied again, forever; nothing was written"
    ))
    .hint("check both addresses: they may be swapped, or a host name or load balancer may lead to the wrong cluster")
}

/// PD's id of the cluster that the TiDB behind `session` belongs to, if it can be known: from
/// `mysql.tidb`, or from the PD that the target names. That PD counts only if it lists a TiDB
/// server of the target: under the same name, another cluster may answer from here.
///
/// # Errors
/// If the target does not answer. A PD that does not answer is ignored.
pub fn cluster(session: &mut Session, security: &Security) -> Result<Option<u64>> {
    cluster_by(session, &|address| Ok(Box::new(Pd::connect(&[address.to_owned()], security)?)))
}

fn cluster_by(target: &mut dyn Ask, connect: &dyn Fn(&str) -> Result<Box<dyn Cluster>>) -> Result<Option<u64>> {
    let told = Told::by(target)?;
    if told.cluster_id.is_some() || told.servers.is_empty() {
        return Ok(told.cluster_id);
    }
    let its = |pd: &dyn Cluster| pd.servers().is_ok_and(|all| all.iter().any(|(id, _)| told.servers.contains(id)));
    let mut pds = pds(target)?.into_iter().filter_map(|address| connect(&address).ok());
    Ok(pds.find(|pd| its(&**pd)).map(|pd| pd.id()))
}

/// What PD tells about its cluster.
trait Cluster {
    fn id(&self) -> u64;
    /// Uuids and addresses of the TiDB servers that run.
    fn servers(&self) -> Result<Vec<(String, String)>>;
    /// The GC safe point in milliseconds; 0 before the first garbage collection.
    fn safe_point_ms(&self) -> Result<u64>;
}

impl Cluster for Pd {
    fn id(&self) -> u64 {
        self.cluster_id()
    }

    fn servers(&self) -> Result<Vec<(String, String)>> {
        Ok(self.tidb_servers()?.into_iter().map(|server| (server.id.clone(), server.sql_address())).collect())
    }

    fn safe_point_ms(&self) -> Result<u64> {
        Ok(self.gc_safe_point()?.physical_ms())
    }
}

fn judge(pd: &dyn Cluster, target: &mut dyn Ask, tidb: bool, address: Option<&str>) -> Result<Verdict> {
    let told = Told::by(target)?;
    if !tidb && told == Told::default() {
        return Ok(Verdict::Other);
    }
    let listed = pd.servers()?;
    if let Some(verdict) = by_servers(pd, target, &told, &listed)? {
        return Ok(verdict);
    }
    match told.cluster_id {
        Some(id) if id == pd.id() => return Ok(Verdict::Same(format!("its mysql.tidb says cluster_id {id}"))),
        Some(_) => return Ok(Verdict::Other),
        None => {}
    }
    if let Some(ms) = told.safe_point_ms.filter(|ms| *ms > 0)
        && pd.safe_point_ms()? == ms
    {
        return Ok(Verdict::Same("its mysql.tidb has the GC safe point that PD has, to the millisecond".to_owned()));
    }
    let here = address.filter(|address| listed.iter().any(|(_, listed)| listed.eq_ignore_ascii_case(address)));
    Ok(match here {
        Some(address) => Verdict::Same(format!("PD lists {address} among its TiDB servers")),
        None => Verdict::Unknown("it is a TiDB, and the account cannot read the tables that would tell".to_owned()),
    })
}

/// The verdict by the TiDB servers that run, if both sides name some.
fn by_servers(
    pd: &dyn Cluster,
    target: &mut dyn Ask,
    told: &Told,
    listed: &[(String, String)],
) -> Result<Option<Verdict>> {
    let common = |theirs: &BTreeSet<String>, ours: &[(String, String)]| {
        ours.iter().find(|(id, _)| theirs.contains(id)).map(|(id, address)| {
            Verdict::Same(format!("its cluster has the TiDB server {address} with the id {id}, which PD lists"))
        })
    };
    if told.servers.is_empty() || listed.is_empty() {
        return Ok(None);
    }
    if let Some(verdict) = common(&told.servers, listed) {
        return Ok(Some(verdict));
    }
    // A server may have started between the two looks.
    let (theirs, ours) = (Told::by(target)?.servers, pd.servers()?);
    if let Some(verdict) = common(&theirs, &ours).or_else(|| common(&told.servers, &ours)) {
        return Ok(Some(verdict));
    }
    Ok(Some(if told.cluster_id == Some(pd.id()) {
        Verdict::Unknown(
            "its mysql.tidb says the same cluster_id, but its TiDB servers are not those that PD lists, as with a copy of the cluster's \
             disks"
                .to_owned(),
        )
    } else {
        Verdict::Other
    }))
}

/// `mysql.tidb` has a row for each; TiDB before about 8.5 has no cluster_id there.
const OF_CLUSTER: &str =
    "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM mysql.tidb WHERE VARIABLE_NAME IN ('cluster_id', 'tikv_gc_safe_point')";
/// The servers of the whole cluster, whichever of them a load balancer leads to. Since TiDB 4.0,
/// for every account.
const SERVERS: &str = "SELECT DDL_ID FROM information_schema.tidb_servers_info";
/// The server that answers, and the one that runs the cluster's DDL. In all versions, for accounts
/// with SUPER.
const DDL: &str = "ADMIN SHOW DDL";

/// The addresses of PD as the target's TiDB servers know them. Since TiDB 4.0, for accounts with
/// PROCESS.
const PDS: &str = "SELECT INSTANCE FROM information_schema.cluster_info WHERE TYPE = 'pd'";

/// What a target tells about itself; everything is empty for a server that is not TiDB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    /// PD's id of its cluster.
    cluster_id: Option<u64>,
    /// The GC safe point in milliseconds; also `None` if it is written in whole seconds only.
    safe_point_ms: Option<u64>,
    /// Uuids of TiDB servers that run.
    servers: BTreeSet<String>,
}

/// Rows of a query, each a list of column name and value.
type Rows = Vec<Vec<(String, String)>>;

/// A server that answers queries.
trait Ask {
    /// The rows; `None` if the server does not know the query, or does not allow it.
    fn ask(&mut self, sql: &str) -> Result<Option<Rows>>;
}

impl Ask for Session {
    fn ask(&mut self, sql: &str) -> Result<Option<Rows>> {
        match self.fetch::<Row>(sql) {
            Ok(rows) => Ok(Some(rows.into_iter().map(columns).collect())),
            // A query that failed is no answer; one that the server refuses is.
            Err(failed)
                if matches!(failed.class(), None | Some(Class::Connection | Class::Contention | Class::Full)) =>
            {
                Err(failed.into())
            }
            Err(_) => Ok(None),
        }
    }
}

fn columns(row: Row) -> Vec<(String, String)> {
    let names: Vec<String> = row.columns_ref().iter().map(|c| c.name_str().to_lowercase()).collect();
    let values = row.unwrap_raw();
    let text = |value: Option<mysql::Value>| value.and_then(|v| from_value_opt::<String>(v).ok()).unwrap_or_default();
    names.into_iter().zip(values.into_iter().map(text)).collect()
}

impl Told {
    /// Asks the target for everything.
    fn by(target: &mut dyn Ask) -> Result<Self> {
        let mut told = Self::default();
        for row in target.ask(OF_CLUSTER)?.unwrap_or_default() {
            match (value(&row, "variable_name"), value(&row, "variable_value")) {
                ("cluster_id", id) => told.cluster_id = id.parse().ok().filter(|id| *id > 0),
                ("tikv_gc_safe_point", time) => told.safe_point_ms = safe_point(time),
                _ => {}
            }
        }
        for row in target.ask(SERVERS)?.unwrap_or_default() {
            told.servers.insert(value(&row, "ddl_id").to_owned());
        }
        if told.servers.is_empty() {
            for row in target.ask(DDL)?.unwrap_or_default() {
                told.servers.extend(["self_id", "owner_id"].map(|name| value(&row, name).to_owned()));
            }
        }
        told.servers.remove("");
        Ok(told)
    }
}

/// The addresses of PD as the target's TiDB servers know them, `host:port`; empty if the account
/// may not see them.
fn pds(target: &mut dyn Ask) -> Result<Vec<String>> {
    let rows = target.ask(PDS)?.unwrap_or_default();
    Ok(rows.iter().map(|row| value(row, "instance").to_owned()).filter(|address| !address.is_empty()).collect())
}

fn value<'a>(row: &'a [(String, String)], name: &str) -> &'a str {
    row.iter().find(|(column, _)| column == name).map_or("", |(_, value)| value)
}

/// Parses `20260821-07:57:58.000 +0000`. Versions that write whole seconds write no point.
fn safe_point(text: &str) -> Option<u64> {
    text.split_once('.')?;
    let time = jiff::fmt::strtime::parse("%Y%m%d-%H:%M:%S.%f %z", text).ok()?;
    let time: Timestamp = time.to_timestamp().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;

#[cfg(test)]
mod target_tests {
    use super::*;

    #[test]
    fn a_safe_point_is_read_as_tidb_writes_it() {
        assert_eq!(safe_point("20260821-07:57:58.250 +0000"), Some(1_787_299_078_250));
        assert_eq!(safe_point("20260821-15:57:58.250 +0800"), Some(1_787_299_078_250));
        for odd in ["", "20260821-07:57:58 +0000", "now", "20260821-07:57:58.250", "."] {
            assert_eq!(safe_point(odd), None, "{odd}");
        }
    }
}
