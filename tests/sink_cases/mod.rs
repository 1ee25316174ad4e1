//! The cases, by subject.

mod conflicts;
mod ddl;
mod engine;
mod marks;
mod mode;
mod model;
mod no_key;
mod partial;
mod rows;
mod run;
mod settings;
mod stuck;
mod takeover;
mod types;
mod world;

use tisync::playground::mariadb::PrivateServer;

pub type Case = fn(&PrivateServer);

pub fn all() -> Vec<(&'static str, Case)> {
    [
        settings::CASES,
        takeover::CASES,
        mode::CASES,
        partial::CASES,
        types::CASES,
        rows::CASES,
        no_key::CASES,
        run::CASES,
        engine::CASES,
        stuck::CASES,
        ddl::CASES,
        model::CASES,
        marks::CASES,
        conflicts::CASES,
    ]
    .concat()
}
