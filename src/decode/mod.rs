//! From the bytes of a binlog to typed rows.

pub mod time;
