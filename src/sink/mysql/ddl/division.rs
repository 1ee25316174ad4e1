//! Generated columns that divide. TiDB keeps nine digits of a quotient, or a multiple of nine, until the value is put into its column, and so do MariaDB and MySQL 5.7.
//! Later a MySQL rounds to `div_precision_increment` digits at once, in 8.0 within functions and by 9 everywhere. No table keeps that setting, and no other one
//! makes both alike: so it is said.

use super::run::Ground;
use crate::event::Event;
use crate::model::{Column, CommitTs, Ddl, Generated, Table};
use crate::sink::mysql::batch::full_name;
use crate::sink::mysql::session::{Flavour, quote_name};
use crate::sql::{Token, tokens};

/// The first MySQL that rounds a quotient anywhere.
const ROUNDS: (u32, u32, u32) = (8, 0, 0);

/// The columns of `table` that are computed, with their expressions.
fn computed(table: &Table) -> impl Iterator<Item = (&Column, &str)> {
    let details = table.details.iter().flat_map(|details| &details.columns);
    let all = table.columns.iter().zip(details).map(|(column, own)| (column, own.generated.as_str()));
    all.filter(|(column, _)| column.generated != Generated::No && !column.hidden)
}

/// The columns that divide, and did not before `ddl`.
fn new_divisions(ddl: &Ddl) -> Vec<String> {
    let divides = |expression: &str| tokens(expression).iter().any(|(token, ..)| *token == Token::Sign('/'));
    let known = |column: &Column, expression: &str| {
        ddl.before.iter().flat_map(|t| computed(t)).any(|(old, was)| old.name == column.name && was == expression)
    };
    let of_table = |table: &Table| -> Vec<String> {
        let new = computed(table).filter(|(column, expression)| divides(expression) && !known(column, expression));
        new.map(|(column, _)| format!("{} of {}", quote_name(&column.name), full_name(table))).collect()
    };
    ddl.after.iter().flat_map(|table| of_table(table)).collect()
}

/// Says so before such a column is made.
pub(super) fn warn_of_divisions(ground: &Ground<'_>, ts: CommitTs, ddl: &Ddl) {
    let server = ground.session.server();
    if server.flavour != Flavour::MySql || server.version < ROUNDS {
        return;
    }
    for column in new_divisions(ddl) {
        (ground.events)(Event::Warning(format!(
            "column {column} is computed with a division (commit ts {}), and its values may have other digits on the target: MySQL rounds a quotient to the \
             scale of its dividend and `div_precision_increment` digits more, TiDB does not before the value is in its column",
            ts.explain()
        )));
    }
}
