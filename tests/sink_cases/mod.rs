//! The cases, by subject.

mod accounts;
mod conflicts;
mod conversions;
mod ddl;
mod disguise;
mod engine;
mod flavour;
mod globals;
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
        globals::CASES,
        flavour::CASES,
        accounts::CASES,
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
        conversions::CASES,
        model::CASES,
        marks::CASES,
        conflicts::CASES,
    ]
    .concat()
}
