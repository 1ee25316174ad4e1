//! A MariaDB whose own binlog passes for a TiDB's: typed into one side with SQL, equal on the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/wire.rs"]
mod wire;

mod books;
mod changes;
mod columns;
mod conflicts;
mod ddl;
mod echo;
mod evidence;
mod forgets;
mod idle;
mod lease;
mod pair;
mod playground;
mod refused;
mod restarts;
mod rounds;
mod sides;
mod start;
mod types;
mod world;
