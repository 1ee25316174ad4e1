//! Entries of Pumps in etcd that cannot be read: what such a Pump holds may be nowhere else.

use super::*;

/// What an entry may hold that is none.
const BROKEN: [&str; 5] = [
    "",
    "{",
    r#"{"host":"127.0.0.1:1","maxCommitTS":9,"updateTS":9}"#,
    r#"{"host":"127.0.0.1:1","state":"online","maxCommitTS":4.1e17,"updateTS":9}"#,
    "\u{fffd}\u{0}",
];

fn put(cluster: &FakeCluster, entry: &str) {
    cluster.put("/tidb-binlog/v1/pumps/p2", entry);
}

#[test]
fn an_entry_that_cannot_be_read_refuses_the_start() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    for entry in BROKEN {
        put(&cluster, entry);
        let text = refusal(&cluster, ts(0));
        assert!(text.contains("the entry of Pump p2 in etcd"), "{entry:?}: {text}");
    }
}

#[test]
fn an_entry_that_becomes_unreadable_ends_the_run() {
    for entry in BROKEN {
        // One that nobody has heard of; and one that is being read.
        let cluster = FakeCluster::start(ts(1000));
        cluster.pump("p1", &said([1]));
        let text = ends_with(&cluster, || put(&cluster, entry));
        assert!(text.contains("the entry of Pump p2 in etcd"), "{entry:?}: {text}");
        let cluster = FakeCluster::start(ts(1000));
        cluster.pump("p2", &said([1]));
        let text = ends_with(&cluster, || put(&cluster, entry));
        assert!(text.contains("the entry of Pump p2 in etcd"), "{entry:?}: {text}");
    }
}

#[test]
fn the_entry_of_a_pump_that_was_offline_may_become_anything() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1, 2]));
    cluster.register("p2", "127.0.0.1:1", "offline", ts(1));
    let told = Told::default();
    let mut running = source(&cluster, &told);
    let mut merge = Merge::new(running.streams(ts(0)).unwrap(), ts(0));
    assert_eq!(read_to(&mut merge, ts(2)).unwrap(), [1, 2].map(txn));
    for entry in BROKEN {
        put(&cluster, entry);
        let now = cluster.shared.tick();
        read_to(&mut merge, now).unwrap();
    }
    assert!(told.says("Pump p2 was offline, and its entry in etcd"), "{:?}", told.0.lock().unwrap());
    // It comes back, and is read.
    let (_pump, host) = cluster.pump_unregistered(&said([3]));
    cluster.register("p2", &host, "online", ts(1));
    let now = cluster.shared.tick();
    read_to(&mut merge, now).unwrap();
    assert!(told.says("Pump p2 (") && told.says("has joined"), "{:?}", told.0.lock().unwrap());
}
