//! Everything needed to try tisync on one machine: a private MariaDB and a simulated TiDB cluster.

pub mod bank;
pub mod cluster;
pub mod encode;
pub mod mariadb;
pub mod replay;
pub mod tableinfo;
