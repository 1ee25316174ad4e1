//! Everything needed to try tisync on one machine: a private MariaDB, a simulated TiDB cluster, and a comparison of what
//! went in with what came out.

pub mod bank;
pub mod cluster;
pub mod compare;
pub mod dump;
pub mod encode;
pub mod keeper;
pub mod load;
pub mod mariadb;
pub mod mirror;
pub mod proxy;
pub mod random;
pub mod replay;
pub mod tableinfo;
pub mod truth;
mod upstream;

pub use crate::sql::quoted as sql_name;
