//! Whether a table has the same columns on both sides, and what is written where it has not (spec/tidb-binlog.md §6.4).
//!
//! ```text
//! found      a table as the target has it          elements   the texts of an ENUM or SET there
//! unique     its unique keys
//! compare    what differs: an error in mode 1      zero       values for columns that nobody else gives one
//! fit        mode 2: the row that the target takes, made of the upstream's
//! fits       the fits of all tables, by the upstream's definition
//! look       reads and compares
//! ahead      a target that has each DDL first: what the source will do to its rows itself
//! signature  whether the columns are still those that were compared
//! ```

pub(super) mod ahead;
pub(super) mod compare;
pub(super) mod elements;
pub(super) mod fit;
pub(super) mod fits;
pub(super) mod found;
pub(super) mod look;
pub(super) mod signature;
pub(super) mod unique;
mod zero;

pub(super) use fit::Fit;
pub(super) use fits::Fits;
