//! The cases, by subject.

mod conflicts;
mod ddl;
mod engine;
mod marks;
mod mode;
mod model;
mod no_key;
mod rows;
mod run;
mod takeover;
mod types;
mod world;

use tisync::playground::mariadb::PrivateServer;

pub type Case = fn(&PrivateServer);

pub fn all() -> Vec<(&'static str, Case)> {
    [
        takeover::CASES,
        mode::CASES,
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
