//! Clusters of which a part is the wrong one or does not answer.

use prost::Message;
use tisync::model::CommitTs;
use tisync::playground::mariadb::free_port;

use crate::Case;
use crate::fake_cluster::FakeCluster;
use crate::story::{self, BAD, end, start};
use crate::world::{World, proper, run};

pub const CASES: &[Case] = &[
    ("a PD that nobody serves", no_pd),
    ("a TiDB that does not answer", no_tidb),
    ("a Pump that does not answer", no_pump),
    ("a Pump of another cluster", other_cluster),
    ("a Pump that sends a damaged message", damaged_message),
];

fn sync(world: &World, pd: &str, status: &str) -> crate::common::binary::Ran {
    let (from, start) = (format!("pd://{pd}"), start().0.to_string());
    let (url, schema) = (world.server.url(), format!("http://{status}"));
    let common = ["sync", "--quiet", "--from", &from, "--to", &url, "--link", &world.db, "--start-ts", &start];
    // This cluster's etcd can only be read.
    run(&[&common[..], &["--schema-from", &schema, "--until", "caught-up", "--no-register"]].concat())
}

fn dead() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

fn cluster() -> FakeCluster {
    FakeCluster::start(CommitTs(end().0))
}

/// A status port that has the story's jobs.
fn status(world: &World, cluster: &FakeCluster) -> String {
    cluster.status_port(story::history(&world.db).to_string().leak())
}

fn no_pd(world: &mut World) {
    let pd = dead();
    proper(&sync(world, &pd, "127.0.0.1:1"), 3, &[&pd]);
    world.expect_applied(0, "");
}

fn no_tidb(world: &mut World) {
    let cluster = cluster();
    cluster.pump("p1", &story::messages(&world.db));
    let status = dead();
    let ran = sync(world, &cluster.pd_address(), &status);
    proper(&ran, 3, &[&status, "/schema"]);
    world.expect_applied(0, &ran.stderr);
}

fn no_pump(world: &mut World) {
    let cluster = cluster();
    let pump = dead();
    cluster.register("p1", &pump, "online", CommitTs(1));
    let ran = sync(world, &cluster.pd_address(), &status(world, &cluster));
    proper(&ran, 3, &["p1", &pump]);
    world.expect_applied(0, &ran.stderr);
}

fn other_cluster(world: &mut World) {
    let cluster = cluster();
    cluster.pump("p1", &story::messages(&world.db)).0.lock().unwrap().cluster_id = 4711;
    let ran = sync(world, &cluster.pd_address(), &status(world, &cluster));
    proper(&ran, 4, &["p1", "mismatch", "4711"]);
    world.expect_applied(0, &ran.stderr);
}

fn damaged_message(world: &mut World) {
    let cluster = cluster();
    let pump = cluster.pump("p1", &story::messages(&world.db));
    let mut message = tisync::source::write(&story::messages(&world.db)[BAD]);
    message.prewrite_value = Some(vec![0x12, 0x7f].into());
    pump.0.lock().unwrap().payloads[BAD].1 = message.encode_to_vec().into();
    let ran = sync(world, &cluster.pd_address(), &status(world, &cluster));
    proper(&ran, 4, &[&story::ts(BAD).0.to_string(), "row data"]);
    world.expect_applied(BAD, &ran.stderr);
}
