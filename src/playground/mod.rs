//! Everything needed to try tisync on one machine: a private MariaDB and a simulated TiDB cluster.

pub mod cluster;
pub mod mariadb;
pub mod replay;
