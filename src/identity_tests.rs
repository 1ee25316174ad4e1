//! Tests of the comparison: clusters of many versions, as PD and a target describe them.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::Rows;
use super::*;

const ID: u64 = 7_600_000_000_000_000_001;

/// PD of a cluster with the TiDB servers `a` and `b`.
struct Ours {
    servers: Cell<&'static [&'static str]>,
    /// What it lists from the second look on.
    later: &'static [&'static str],
    safe_point_ms: u64,
}

impl Ours {
    fn new() -> Self {
        Self { servers: Cell::new(&["a", "b"]), later: &["a", "b"], safe_point_ms: 1_787_299_078_250 }
    }
}

impl Cluster for Ours {
    fn id(&self) -> u64 {
        ID
    }

    fn servers(&self) -> Result<Vec<(String, String)>> {
        let list = self.servers.replace(self.later);
        Ok(list.iter().map(|id| ((*id).to_owned(), format!("10.0.0.1:400{}", id.len()))).collect())
    }

    fn safe_point_ms(&self) -> Result<u64> {
        Ok(self.safe_point_ms)
    }
}

/// A target that knows some answers, by a word of the query.
#[derive(Default)]
struct Theirs(BTreeMap<&'static str, Rows>);

impl Ask for Theirs {
    fn ask(&mut self, sql: &str) -> Result<Option<Rows>> {
        Ok(self.0.iter().find(|(word, _)| sql.contains(**word)).map(|(_, rows)| rows.clone()))
    }
}

fn row(columns: &[(&str, &str)]) -> Vec<(String, String)> {
    columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Theirs {
    fn tells(mut self, name: &str, value: &str) -> Self {
        let rows = self.0.entry("mysql.tidb").or_default();
        rows.push(row(&[("variable_name", name), ("variable_value", value)]));
        self
    }

    fn has(mut self, servers: &[&str]) -> Self {
        self.0.insert("tidb_servers_info", servers.iter().map(|id| row(&[("ddl_id", id)])).collect());
        self
    }

    fn shows_ddl(mut self, own: &str, owner: &str) -> Self {
        let answer = row(&[("schema_ver", "63"), ("owner_id", owner), ("running_jobs", ""), ("self_id", own)]);
        self.0.insert("ADMIN SHOW DDL", vec![answer]);
        self
    }
}

fn verdict(theirs: &mut Theirs) -> Verdict {
    judge(&Ours::new(), theirs, true, Some("db:4000")).unwrap()
}

#[track_caller]
fn same(verdict: &Verdict, words: &str) {
    assert!(matches!(verdict, Verdict::Same(how) if how.contains(words)), "{verdict:?}");
}

#[test]
fn the_servers_that_run_decide() {
    // A load balancer leads to any of them.
    same(&verdict(&mut Theirs::default().has(&["x", "b"])), "server 10.0.0.1:4001 with the id b");
    assert_eq!(verdict(&mut Theirs::default().has(&["x", "y"])), Verdict::Other);
    // TiDB of versions without the table, and accounts that have only SUPER.
    same(&verdict(&mut Theirs::default().shows_ddl("a", "x")), "the id a");
    same(&verdict(&mut Theirs::default().shows_ddl("x", "b")), "the id b");
    assert_eq!(verdict(&mut Theirs::default().shows_ddl("x", "y")), Verdict::Other);
    // Running servers are better evidence than a row that may have been restored.
    let other = (ID + 1).to_string();
    same(&verdict(&mut Theirs::default().has(&["a"]).tells("cluster_id", &other)), "the id a");
}

#[test]
fn a_server_that_starts_meanwhile_is_seen() {
    let pd = Ours { later: &["a", "b", "new"], ..Ours::new() };
    same(&judge(&pd, &mut Theirs::default().has(&["new"]), true, None).unwrap(), "the id new");
}

#[test]
fn the_id_decides_where_no_server_is_named() {
    let (own, other) = (ID.to_string(), (ID + 1).to_string());
    same(&verdict(&mut Theirs::default().tells("cluster_id", &own)), &own);
    assert_eq!(verdict(&mut Theirs::default().tells("cluster_id", &other)), Verdict::Other);
    // The server's name for itself does not count: TiDB may say that it is MySQL.
    let told = judge(&Ours::new(), &mut Theirs::default().tells("cluster_id", &own), false, None).unwrap();
    same(&told, "cluster_id");
    let copy = verdict(&mut Theirs::default().tells("cluster_id", &own).has(&["x"]));
    assert!(matches!(&copy, Verdict::Unknown(why) if why.contains("copy")), "{copy:?}");
}

#[test]
fn the_gc_safe_point_tells_of_old_versions() {
    let of = |text: &str| verdict(&mut Theirs::default().tells("tikv_gc_safe_point", text));
    same(&of("20260821-07:57:58.250 +0000"), "GC safe point");
    // Garbage collection may be under way: this is no proof that they differ.
    for text in ["20260821-07:57:58.251 +0000", "20260821-07:57:58 +0000", ""] {
        assert!(matches!(of(text), Verdict::Unknown(_)), "{text}");
    }
    let new = Ours { safe_point_ms: 0, ..Ours::new() };
    let never =
        judge(&new, &mut Theirs::default().tells("tikv_gc_safe_point", "19700101-00:00:00.000 +0000"), true, None);
    assert!(matches!(never.unwrap(), Verdict::Unknown(_)));
}

#[test]
fn who_tells_nothing() {
    let silent = |tidb, address| judge(&Ours::new(), &mut Theirs::default(), tidb, address).unwrap();
    assert_eq!(silent(false, Some("10.0.0.1:4001")), Verdict::Other, "no TiDB");
    assert!(matches!(silent(true, Some("10.0.0.9:4000")), Verdict::Unknown(_)));
    assert!(matches!(silent(true, None), Verdict::Unknown(_)));
    same(&silent(true, Some("10.0.0.1:4001")), "PD lists 10.0.0.1:4001");
}

#[test]
fn a_target_says_which_cluster_it_is() {
    let connect = |address: &str| -> Result<Box<dyn Cluster>> {
        match address {
            "pd0:2379" => Ok(Box::new(Ours::new())),
            _ => Err(anyhow::anyhow!("nobody listens there")),
        }
    };
    let by = |theirs: &mut Theirs| cluster_by(theirs, &connect).unwrap();
    let names = |mut theirs: Theirs, pds: &[&str]| {
        theirs.0.insert("cluster_info", pds.iter().map(|pd| row(&[("instance", pd)])).collect());
        theirs
    };
    assert_eq!(by(&mut Theirs::default().has(&["a"]).tells("cluster_id", "77")), Some(77));
    // Before TiDB 8.5 the target names only its PD.
    assert_eq!(by(&mut names(Theirs::default().has(&["x", "b"]), &["gone:2379", "pd0:2379"])), Some(ID));
    // The PD of that name, seen from here, belongs to another cluster.
    assert_eq!(by(&mut names(Theirs::default().has(&["x", "y"]), &["pd0:2379"])), None);
    assert_eq!(by(&mut names(Theirs::default(), &["pd0:2379"])), None);
    assert_eq!(by(&mut names(Theirs::default().has(&["a"]), &["gone:2379"])), None);
    assert_eq!(by(&mut Theirs::default().has(&["a"])), None);
}
