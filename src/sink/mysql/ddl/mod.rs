//! DDL: alone, with its intent stored first, never run twice (spec/tidb-binlog.md §7.7, spec/tidb-formats.md §6.4).
//!
//! ```text
//! verdict   what becomes of a DDL: which statements run, or why none     text, charset   its text for this target
//! missing   DDLs that the operator skips, and tables missing since
//! run       one statement at a time, each under an intent; resume after a lost connection
//! settle    the same question at the start of a run
//! form      what a statement is about (parse reads it)
//! picture   what it concerns on the target (look takes it); begun is what is stored
//! wait      until the session that ran it is gone
//! judge     two pictures: not done, done, in part, unknown (partitions, renamed: where only ids tell; shown: for the operator)
//! ```

mod begun;
mod charset;
pub mod form;
pub mod judge;
#[cfg(test)]
mod judge_tests;
pub mod look;
mod missing;
mod parse;
mod partitions;
pub mod picture;
mod renamed;
mod run;
mod settle;
mod shown;
pub mod text;
mod verdict;
mod wait;

pub use begun::Begun;
pub use run::{Ground, Ran, announce, resume, run};
pub use settle::{Settled, settle};
