//! The ground room of everything that talks to a MySQL, MariaDB or TiDB server: addresses, logins, sessions, transactions, errors, literals.
//! It knows no link, no mark and no checkpoint; those stand on it.

pub mod address;
pub mod answer;
pub(crate) mod definition_codes;
pub mod error;
pub mod literal;
pub mod login;
pub(crate) mod server;
pub mod session;
pub(crate) mod transaction;
