//! The real binary, from a simulated cluster over real ports into a real private MariaDB.
//!
//! What replays a recording needs the recordings (see tests/README.md) and counts as ignored without them; the rest
//! needs none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it saw"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/wire.rs"]
mod wire;

mod bank;
mod early;
mod nodes;
mod place;
mod pumps;
mod recorded;
mod refusals;
mod stuck;
mod takeover;
mod ts;

use std::path::Path;
use std::process::ExitCode;

use common::recordings;
use libtest_mimic::{Arguments, Failed, Trial};
use tisync::playground::cluster::Cluster;
use tisync::playground::mariadb::PrivateServer;

fn main() -> ExitCode {
    let folder = recordings::folder();
    let missing = folder.is_none();
    let folder = folder.unwrap_or_default();
    let recorded = |name: &str, test: fn(&Path) -> Result<(), Failed>| {
        let folder = folder.clone();
        Trial::test(name, move || test(&folder)).with_ignored_flag(missing)
    };
    let mut trials = vec![
        recorded("everything_equals_its_dump_with_late_jobs", recorded::with_late_jobs),
        recorded("everything_stopped_ten_times_equals_its_dump", recorded::stopped_ten_times),
        recorded("a_checkpoint_of_drainers_is_taken_over_in_a_recording", takeover::in_a_recording),
        recorded("parts_of_an_alter_show_before_the_job_is_over", early::parts_show_before_the_job_is_over),
        recorded("three_pumps_equal_the_dump", pumps::three_pumps_equal_the_dump),
        recorded("three_pumps_emit_the_same_list", pumps::three_pumps_emit_the_same_list),
        recorded("a_recorded_pair_of_pumps_equals_its_dump", pumps::a_recorded_pair),
        Trial::test("t19_the_bank_adds_up_at_every_moment", bank::adds_up_at_every_moment),
        Trial::test("restarts_of_every_server_lose_nothing", bank::restarts_lose_nothing),
        Trial::test(
            "drainers_checkpoint_is_taken_over_and_left_byte_for_byte",
            takeover::drainers_checkpoint_is_taken_over_and_left,
        ),
        Trial::test("recorders_that_are_killed_record_everything_once", bank::recorded_and_replayed),
        Trial::test("old_collations_of_the_upstream_are_told", bank::old_collations_are_told),
        Trial::test("ts_now_and_check_ask_the_cluster", ts::now_and_check),
    ];
    trials.extend(refusals::trials());
    trials.extend(place::trials());
    trials.extend(nodes::trials());
    trials.extend(stuck::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// `sync` from the cluster to the server, from the beginning, with `more` arguments.
fn sync(cluster: &Cluster, server: &PrivateServer, more: &[&str]) -> Vec<String> {
    let (from, to) = (cluster.pd_url(), server.url());
    let args = ["sync", "--from", &from, "--to", &to, "--quiet", "--start-ts", "1"];
    args.iter().chain(more).map(|a| (*a).to_owned()).collect()
}

/// The same until caught up, without the statements of `everything` that bring rows back.
fn everything(cluster: &Cluster, server: &PrivateServer, recording: &Path) -> Vec<String> {
    let mut args = sync(cluster, server, &["--until", "caught-up"]);
    for ts in recordings::ddl_of_type(recording, 25) {
        args.extend(["--skip-ddl".to_owned(), ts.to_string()]);
    }
    args
}
