//! Files as a source: what Drainer wrote with db-type `file`, replayed by the real binary into a real MariaDB.
//!
//! Some tests need the recordings (see tests/README.md) and count as ignored without them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod border;
mod drainer;
mod types;
mod write;

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
        recorded("drainer_files_give_the_same_as_the_stream", drainer::same_as_the_stream),
        recorded("drainer_files_compressed_and_torn", drainer::compressed_and_torn),
        recorded("drainer_files_cut_and_continued", drainer::cut_and_continued),
        recorded("drainer_files_killed_and_continued", drainer::killed_and_continued),
        Trial::test("drainer_files_of_every_type", types::every_type),
        Trial::test("drainer_files_ddl_and_what_is_left_out", types::ddl_and_left_out),
        Trial::test("drainer_files_filtered_and_routed", types::filtered_and_routed),
        Trial::test("drainer_files_that_are_damaged_stop_the_run", types::damaged),
        Trial::test("drainer_files_drop_a_database_as_far_as_it_is_replicated", border::dropped),
        Trial::test("drainer_files_drop_a_database_whose_tables_have_routes", border::dropped_with_routes),
        Trial::test("drainer_files_over_the_border_of_the_filter", border::crossed),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
