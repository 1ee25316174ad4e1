//! The cases, by subject.

mod docs;
mod more;
mod other;
mod own;
mod policy;
mod refused;
mod tokens;
mod types;

use tisync::playground::mariadb::PrivateServer;

pub type Case = Box<dyn Fn(&PrivateServer) + Send>;

pub fn all() -> Vec<(&'static str, Case)> {
    let mut all: Vec<(&'static str, Case)> = Vec::new();
    for kind in types::types().into_iter().chain(more::more()) {
        all.push((kind.test, Box::new(move |server| types::run(server, &kind))));
    }
    all.push(("every_kind_that_runs_with_marks", Box::new(|_| types::with_marks())));
    all.push(("tokens_are_where_the_server_reads_them", Box::new(tokens::as_the_server_reads)));
    let plain = policy::CASES.iter().chain(more::CASES).chain(docs::CASES).chain(refused::CASES);
    all.extend(plain.map(|(name, case)| (*name, Box::new(*case) as Case)));
    all
}
