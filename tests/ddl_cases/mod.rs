//! The cases, by subject.

mod kinds;
mod steps;
mod waits;
mod world;

use tisync::playground::mariadb::PrivateServer;

pub type Case = fn(&PrivateServer);

pub fn all() -> Vec<(&'static str, Case)> {
    [kinds::CASES, steps::CASES, waits::CASES].concat()
}
