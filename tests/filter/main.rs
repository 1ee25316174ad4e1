//! What is left out and what is called otherwise, through a whole run into a real MariaDB.
//!
//! What replays a recording needs the recordings (see tests/README.md) and counts as ignored without them; the rest makes its streams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics, and says what it saw"
)]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "each binary uses its own part")]
#[path = "../common/load/mod.rs"]
mod load;

mod altered;
mod beyond;
mod cased;
mod generated;
mod recorded;
mod routed;
mod unknown;
mod world;

use std::path::Path;
use std::process::ExitCode;

use common::recordings;
use libtest_mimic::{Arguments, Failed, Trial};

type Outcome = Result<(), Failed>;

fn main() -> ExitCode {
    let folder = recordings::folder();
    let missing = folder.is_none();
    let folder = folder.unwrap_or_default();
    let recorded = |name: &str, test: fn(&Path) -> Outcome| {
        let folder = folder.join("everything");
        Trial::test(name, move || test(&folder)).with_ignored_flag(missing)
    };
    let made = |name: &str, test: fn() -> Outcome| Trial::test(name, test);
    let trials = vec![
        made("tables_by_patterns", generated::tables_by_patterns),
        made("t28_one_table_brings_its_database", generated::t28_one_table_brings_its_database),
        made("left_out_rows_are_never_decoded", generated::left_out_rows_are_never_decoded),
        made("events_are_left_out_row_by_row", generated::events_are_left_out_row_by_row),
        made("an_emptied_transaction_moves_the_position", generated::an_emptied_transaction_moves_the_position),
        made("transactions_are_left_out_by_their_ts", generated::transactions_are_left_out_by_their_ts),
        made("patterns_that_are_wrong_are_named", generated::patterns_that_are_wrong_are_named),
        made("an_unknown_definition_that_nobody_wants", unknown::an_unknown_definition_that_nobody_wants),
        made("columns_that_a_rule_leaves_out", altered::columns_that_a_rule_leaves_out),
        made("a_table_that_no_other_server_can_have", beyond::a_table_that_no_other_server_can_have),
        made("a_rule_or_a_route_for_a_name_beyond", beyond::a_rule_or_a_route_for_a_name_beyond),
        made("other_names_beyond", beyond::other_names_beyond),
        made("names_in_another_letter_case", cased::names_in_another_letter_case),
        made("routes_in_another_letter_case", cased::routes_in_another_letter_case),
        made("a_database_under_another_name", routed::a_database_under_another_name),
        made("two_tables_on_one_name_are_refused", routed::two_tables_on_one_name_are_refused),
        recorded("everything_of_one_database", recorded::of_one_database),
        recorded("everything_of_one_table", recorded::of_one_table),
        recorded("everything_by_expressions", recorded::by_expressions),
        recorded("everything_without_some_events", recorded::without_some_events),
        recorded("an_exchange_with_what_is_left_out", recorded::an_exchange_with_what_is_left_out),
        recorded("a_rename_into_what_is_replicated", recorded::a_rename_into_what_is_replicated),
        recorded("everything_under_other_names", recorded::under_other_names),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
