//! Rows that a rule keeps on the target, and what comes of their keys.

use tisync::event;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::mirror::{Mirror, MirrorOptions};

use std::sync::Arc;
use std::time::Duration;

use mysql::prelude::Queryable;

use crate::world::{File, LIMIT, sql};

/// The row that a rule has kept is in the way of the one that comes after it: the rule is named, not a backup or another writer.
#[test]
fn a_key_that_an_event_rule_has_kept_names_the_rule() {
    let options = MirrorOptions {
        cluster_id: 7_700_000_000_000_000_090,
        auto_increment_offset: None,
        fakes: Duration::from_millis(100),
        events: event::silent(),
    };
    let (a, target) = (Arc::new(Mirror::start(options).unwrap()), PrivateServer::start().unwrap());
    let start = a.cluster().tso();
    let pd = a.cluster().pd_url().replace("pd://", "");
    let file = File::new(&format!(
        "[cluster.a]\npd = [\"{pd}\"]\n[cluster.b]\nsql = \"{}\"\n[[link]]\nname = \"kept\"\nfrom = \"a\"\nto = \"b\"\nstart-ts = {start}\n\
         events = [{{ tables = [\"shop.t\"], ignore = [\"delete\"] }}]\n",
        target.url()
    ));
    sql(&a, "CREATE DATABASE shop");
    sql(&a, "CREATE TABLE shop.t (id INT PRIMARY KEY, k INT NOT NULL UNIQUE)");
    sql(&a, "INSERT INTO shop.t VALUES (1, 10)");
    sql(&a, "DELETE FROM shop.t");
    sql(&a, "INSERT INTO shop.t VALUES (2, 20)");
    a.wait_caught_up(LIMIT).unwrap();
    file.sync(&["--until", "caught-up"]).expect(0);
    let ids = || target.connect().unwrap().query::<u32, _>("SELECT id FROM shop.t ORDER BY id").unwrap();
    assert_eq!(ids(), [1, 2], "the deleted row is kept");
    sql(&a, "INSERT INTO shop.t VALUES (3, 10)");
    a.wait_caught_up(LIMIT).unwrap();
    let ran = file.sync(&["--until", "caught-up"]).expect(4);
    for words in
        ["`shop`.`t` keeps rows that the upstream has deleted or changed", "event rule 1 for `shop.t`: ignores delete"]
    {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("backup"), "{}", ran.stderr);
    assert_eq!(ids(), [1, 2]);
    file.sync(&["--until", "caught-up", "--on-conflict", "count"]).expect(0);
    assert_eq!(ids(), [2, 3]);
}
