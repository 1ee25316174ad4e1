//! tisync: replicates a TiDB cluster to another TiDB, MySQL or MariaDB.

pub mod backup;
pub mod cli;
pub mod commands;
pub mod decode;
pub mod error;
pub mod event;
pub mod model;
pub mod moment;
pub mod output;
pub mod pd;
pub mod playground;
pub mod schema;
pub mod source;
