//! Links that lead back to where they come from, under whatever name: refused before anything is written.

use std::time::Duration;

use crate::proxy::Proxy;
use mysql::prelude::Queryable;
use tisync::event;
use tisync::pd::{Pd, Security};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::mirror::{Mirror, MirrorOptions};

use crate::common::binary::{Ran, tisync};
use crate::common::run::Running;
use crate::world::File;

const ID: u64 = 7_700_000_000_000_000_070;

fn mirror(cluster_id: u64) -> Mirror {
    let fakes = Duration::from_millis(100);
    let options = MirrorOptions { cluster_id, auto_increment_offset: None, fakes, events: event::silent() };
    Mirror::start(options).expect("MariaDB starts")
}

/// Another way to the server of `url`, on a port of its own.
fn balancer(url: &str) -> (Proxy, String) {
    let (_, place) = url.rsplit_once('@').unwrap();
    let proxy = Proxy::start(place.parse().unwrap(), Duration::ZERO).unwrap();
    let url = format!("mysql://root@{}", proxy.address());
    (proxy, url)
}

/// `tisync` with these words; one that goes on although it should not is ended.
fn ended(words: &[&str], code: i32) -> Ran {
    Running::start(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).expect(code)
}

fn refused(ran: Ran) -> String {
    let said = ran.stderr;
    assert!(said.contains("is the source itself") && said.contains("hint: check both addresses"), "{said}");
    said
}

/// Fails if a run has left anything on the cluster.
fn untouched(a: &Mirror) {
    let schemas = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name IN ('tidb_binlog', 'retl')";
    assert_eq!(a.connect().unwrap().query_first::<u64, _>(schemas).unwrap(), Some(0));
    let pd = Pd::connect(&[a.cluster().pd_url()], &Security::default()).unwrap();
    assert!(pd.drainers().unwrap().is_empty(), "{:?}", pd.drainers());
}

fn check(file: &File, code: i32) -> String {
    tisync(&["config", "check", file.name()]).expect(code).stderr
}

#[test]
fn a_cluster_is_never_its_own_target_whatever_it_is_called() {
    let (a, b) = (mirror(ID + 1), mirror(ID + 2));
    let (pd, pd_of_b) = (a.cluster().pd_url(), b.cluster().pd_url());
    a.connect().unwrap().query_drop("CREATE DATABASE shop").unwrap();
    let (_proxy, balanced) = balancer(&a.url());
    let socket = format!("mysql://root@localhost/?socket={}", a.socket().display());
    let other_name = a.url().replace("127.0.0.1", "localhost");
    let sync = |from: &str, to: &str| {
        ended(&["sync", "--from", from, "--to", to, "--start-ts", "now", "--until", "caught-up"], 4)
    };
    for to in [&a.url(), &other_name, &balanced, &socket] {
        let said = refused(sync(&pd, to));
        assert!(said.contains(&format!("cluster_id {}", ID + 1)), "{said}");
        let link = format!("[[link]]\nname = \"own\"\nfrom = \"{pd}\"\nto = \"{to}\"\nstart-ts = \"now\"\n");
        let said = check(&File::new(&link), 2);
        assert!(said.contains("link.to: link `own` leads from a cluster to itself"), "{said}");
    }
    // The names are swapped: each cluster has the other one's SQL address.
    let cluster =
        |name: &str, pd: &str, sql: &str| format!("[cluster.{name}]\npd = [\"{}\"]\nsql = \"{sql}\"\n", &pd[5..]);
    let swapped = cluster("a", &pd, &b.url()) + &cluster("b", &pd_of_b, &balanced);
    let link = |from: &str, to: &str, more: &str| {
        format!("[[link]]\nname = \"{from}-{to}\"\nfrom = \"{from}\"\nto = \"{to}\"\nstart-ts = \"now\"\n{more}\n")
    };
    let file = File::new(&(swapped.clone() + &link("a", "b", "")));
    refused(ended(&["sync", "--config", file.name()], 4));
    assert!(check(&file, 2).contains("link `a-b` leads from a cluster to itself"));
    let (there, back) = ("loopback = true\nchannel-id = 1", "loopback = true\nchannel-id = 1\nddl = false");
    let file = File::new(&(swapped + &link("a", "b", there) + &link("b", "a", back)));
    let said = ended(&["sync", "--config", file.name()], 4).stderr;
    assert!(said.contains("link `a-b` leads from a cluster to itself: the target itself says so"), "{said}");
    // Where nobody is asked, nobody can tell.
    tisync(&["config", "check", "--offline", file.name()]).expect(0);
    // The wizard asks before it writes.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tisync.toml");
    let place = file.to_str().unwrap();
    let words =
        ["init", "--one-way", "--from-pd", &pd, "--to", &balanced, "--start-ts", "now", "--yes", "--config", place];
    refused(tisync(&words).expect(4));
    assert!(!file.exists());
    untouched(&a);
    untouched(&b);
}

#[test]
fn opposite_links_are_known_behind_other_addresses() {
    let (a, b) = (mirror(ID + 3), mirror(ID + 4));
    let ((_of_a, to_a), (_of_b, to_b)) = (balancer(&a.url()), balancer(&b.url()));
    let link = |name: &str, from: &Mirror, to: &str| {
        let pd = from.cluster().pd_url();
        format!("[[link]]\nname = \"{name}\"\nfrom = \"{pd}\"\nto = \"{to}\"\nstart-ts = \"now\"\n")
    };
    let file = File::new(&(link("there", &a, &to_b) + &link("back", &b, &to_a)));
    let said = [ended(&["sync", "--config", file.name()], 2).stderr, check(&file, 2)];
    for said in &said {
        assert!(said.contains("`there` and `back` go opposite ways, and neither has loopback"), "{said}");
    }
    untouched(&a);
    untouched(&b);
}

#[test]
fn rings_need_one_mark_on_the_whole_way() {
    let clusters: Vec<(Cluster, PrivateServer)> = (5..8)
        .map(|n| {
            let server = PrivateServer::start().unwrap();
            let mut conn = server.connect().unwrap();
            conn.query_drop("CREATE TABLE mysql.tidb (VARIABLE_NAME VARCHAR(64), VARIABLE_VALUE VARCHAR(1024))")
                .unwrap();
            conn.query_drop(format!("INSERT INTO mysql.tidb VALUES ('cluster_id', '{}')", ID + n)).unwrap();
            (Cluster::start(ClusterSpec::new(ID + n, 1)).unwrap(), server)
        })
        .collect();
    let link = |from: usize, to: usize, more: &str| {
        let (pd, url) = (clusters[from].0.pd_url(), clusters[to].1.url());
        format!("[[link]]\nname = \"{from}-{to}\"\nfrom = \"{pd}\"\nto = \"{url}\"\nstart-ts = \"now\"\n{more}\n")
    };
    let ring = |more: [&str; 3]| File::new(&(link(0, 1, more[0]) + &link(2, 0, more[2]) + &link(1, 2, more[1])));
    let marked = "loopback = true\nchannel-id = 1";
    for more in [[""; 3], [marked, marked, ""], [marked, marked, "loopback = true\nchannel-id = 2"]] {
        let file = ring(more);
        for said in [ended(&["sync", "--config", file.name()], 4).stderr, check(&file, 2)] {
            assert!(said.contains("the links `0-1`, `1-2`, `2-0` form a ring"), "{said}");
        }
    }
    check(&ring([marked; 3]), 0);
    // A chain is none.
    check(&File::new(&(link(0, 1, "") + &link(1, 2, ""))), 0);
    for (_, server) in &clusters {
        let schemas = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'tidb_binlog'";
        assert_eq!(server.connect().unwrap().query_first::<u64, _>(schemas).unwrap(), Some(0));
    }
}
