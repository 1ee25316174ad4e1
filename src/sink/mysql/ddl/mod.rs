//! DDL: alone, with its intent stored first, never run twice (spec/tidb-binlog.md §7.7, spec/tidb-formats.md §6.4).
//!
//! ```text
//! action    every type of job, and what becomes of it       policy    what the operator wants: skip, replace, ask, none at all
//! way       which way a DDL takes: run, replaced, left out, refused   verdict   the same by type and text; unrun: DDL that is followed alone
//! sequence   statements that name sequences as tables, for a target that has none; range: ALTER SEQUENCE within what MariaDB takes
//! define    the statements, made from definitions           text, charset, dialect, view, collation   its text for this target, and what the target lacks for it
//! constraint   names of foreign keys and CHECKs, which are unique in more than their table there
//! references   foreign keys that hold a column: dropped, and added again behind it
//! zone       columns that become TIMESTAMPs, or cease to be    conversion, conversions   columns of another type, whose values this target would make otherwise
//! division   generated columns that divide, which MySQL rounds otherwise
//! missing   DDLs that the operator skips, and tables missing since
//! run       one statement at a time, each under an intent; resume after a lost connection; asks when one is refused
//! refusal   what an operator reads when a statement does not come to its end
//! settle    the same question at the start of a run
//! form      what a statement is about
//! picture   what it concerns on the target (look takes it); begun is what is stored
//! wait      until the session that ran it is gone
//! reference what makes an empty table like the upstream's
//! expected  what the tables have to be in the end, and whether they are
//! judge     two pictures: not done, done, in part, unknown (partitions, renamed: where only ids tell; shown: for the operator)
//! ```

mod action;
mod begun;
mod charset;
mod collation;
mod constraint;
mod conversion;
mod conversions;
mod define;
mod dialect;
mod division;
mod expected;
pub mod form;
pub mod judge;
#[cfg(test)]
mod judge_tests;
pub mod look;
mod missing;
mod partitions;
pub mod picture;
mod policy;
mod range;
mod reference;
mod references;
mod refusal;
mod renamed;
mod run;
mod sequence;
mod settle;
mod shown;
pub mod text;
mod unnamable;
mod unrun;
mod verdict;
mod view;
mod wait;
mod way;
mod zone;

pub use begun::Begun;
pub use policy::{Answer, Asker, DdlPolicy, DdlTrouble, OnDdlError, WrongSide};
pub use reference::{Reference, reference, reference_of_text};
pub use run::{Ground, How, Ran, announce, resume, run};
pub use settle::{Settled, settle};
pub use unrun::Unrun;
