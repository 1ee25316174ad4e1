//! The cases, by subject.

mod conflicts;
mod ddl;
mod engine;
mod marks;
mod model;
mod no_key;
mod rows;
mod run;
mod types;
mod world;

use tisync::playground::mariadb::PrivateServer;

pub type Case = fn(&PrivateServer);

pub fn all() -> Vec<(&'static str, Case)> {
    [
        types::CASES,
        rows::CASES,
        no_key::CASES,
        run::CASES,
        engine::CASES,
        ddl::CASES,
        model::CASES,
        marks::CASES,
        conflicts::CASES,
    ]
    .concat()
}
