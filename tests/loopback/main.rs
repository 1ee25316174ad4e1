//! Both ways: the commands around marks, and real streams of a bidirectional run into a real MariaDB by the real binary.
//!
//! What replays a recording needs the recordings (see tests/README.md) and counts as ignored without them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it saw"
)]

#[path = "../common/mod.rs"]
mod common;
mod marks;
mod recorded;

use std::path::Path;
use std::process::ExitCode;

use common::recordings;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let folder = recordings::folder();
    let missing = folder.is_none();
    let folder = folder.unwrap_or_default();
    let recorded = |name: &str, test: fn(&Path) -> Result<(), Failed>| {
        let folder = folder.clone();
        Trial::test(name, move || test(&folder)).with_ignored_flag(missing)
    };
    let trials = vec![
        recorded("with_loopback_control_only_own_transactions_are_applied", recorded::own_alone),
        recorded("without_it_all_are", recorded::all),
        recorded("own_transactions_of_both_sides_in_one_database_equal_both_dumps", recorded::both_in_one),
        recorded("marks_of_another_channel_stop_the_run_if_so_set", recorded::another_channel),
        Trial::test("mark_setup_makes_what_is_missing_and_nothing_else", marks::setup),
        Trial::test("mark_setup_says_what_differs_and_which_privilege_is_missing", marks::refusals),
        Trial::test("mark_status_says_who_writes_and_whether_marks_are_ready", marks::status),
        Trial::test("mark_drop_is_refused_while_the_channel_is_in_use", marks::drop),
        Trial::test("flags_that_belong_together", marks::flags),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
