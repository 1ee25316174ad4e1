//! Where a commit ts comes from: BR's backupmeta and Dumpling's metadata (spec/tidb-binlog.md §11).
//!
//! A backup or dump at B holds every transaction with commit ts <= B, so replication, which begins behind its start
//! ts, starts at B exactly. Everything here is local and instant.

pub mod br;
pub mod crypter;
pub mod dumpling;
pub mod metadata;
pub mod plausible;
pub mod storage;
pub mod wire;
