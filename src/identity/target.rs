//! What a target says of itself, as far as its version and the account's rights go.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::Timestamp;
use mysql::{Row, from_value_opt};

use crate::sink::mysql::failure::Class;
use crate::sink::mysql::session::Session;

/// `mysql.tidb` has a row for each; TiDB before 8.5 or so has no cluster_id there.
const OF_CLUSTER: &str =
    "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM mysql.tidb WHERE VARIABLE_NAME IN ('cluster_id', 'tikv_gc_safe_point')";
/// The servers of the whole cluster, whichever of them a load balancer leads to. Since TiDB 4.0, for every account.
const SERVERS: &str = "SELECT DDL_ID FROM information_schema.tidb_servers_info";
/// The server that answers, and the one that runs the cluster's DDL. In all versions, for accounts with SUPER.
const DDL: &str = "ADMIN SHOW DDL";

/// The addresses of PD, as the target's TiDB servers call it. Since TiDB 4.0, for accounts with PROCESS.
const PDS: &str = "SELECT INSTANCE FROM information_schema.cluster_info WHERE TYPE = 'pd'";

/// What it told; nothing of it by a server that is no TiDB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// PD's id of its cluster.
    pub(super) cluster_id: Option<u64>,
    /// The GC safe point in milliseconds; `None` too where it is written in whole seconds alone.
    pub(super) safe_point_ms: Option<u64>,
    /// Uuids of TiDB servers that run.
    pub(super) servers: BTreeSet<String>,
}

/// Rows of a query, each a list of columns by name.
pub(super) type Rows = Vec<Vec<(String, String)>>;

/// Answers queries.
pub(super) trait Ask {
    /// The rows; `None` if the server does not know the query, or does not allow it.
    fn ask(&mut self, sql: &str) -> Result<Option<Rows>>;
}

impl Ask for Session {
    fn ask(&mut self, sql: &str) -> Result<Option<Rows>> {
        match self.fetch::<Row>(sql) {
            Ok(rows) => Ok(Some(rows.into_iter().map(columns).collect())),
            // A look that failed is no answer; one that the server refuses is.
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
    /// Asks for all of it.
    pub(super) fn by(target: &mut dyn Ask) -> Result<Self> {
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

/// Where the target's TiDB servers find PD, as far as it may be told: `host:port` each.
pub(super) fn pds(target: &mut dyn Ask) -> Result<Vec<String>> {
    let rows = target.ask(PDS)?.unwrap_or_default();
    Ok(rows.iter().map(|row| value(row, "instance").to_owned()).filter(|address| !address.is_empty()).collect())
}

fn value<'a>(row: &'a [(String, String)], name: &str) -> &'a str {
    row.iter().find(|(column, _)| column == name).map_or("", |(_, value)| value)
}

/// `20260821-07:57:58.000 +0000`; versions that write whole seconds write no point.
fn safe_point(text: &str) -> Option<u64> {
    text.split_once('.')?;
    let time = jiff::fmt::strtime::parse("%Y%m%d-%H:%M:%S.%f %z", text).ok()?;
    let time: Timestamp = time.to_timestamp().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
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
