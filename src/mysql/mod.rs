//! Client layer for MySQL, MariaDB and TiDB servers.
//!
//! It covers addresses, logins, sessions, transactions, errors and literals. It knows nothing of
//! links, marks and checkpoints; those are built on it.

pub mod address;
pub mod answer;
pub(crate) mod definition_codes;
pub mod error;
pub mod literal;
pub mod login;
pub(crate) mod server;
pub mod session;
pub(crate) mod transaction;
