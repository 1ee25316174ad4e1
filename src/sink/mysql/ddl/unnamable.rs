//! Statements with names that the target cannot have.

use super::form::Form;
use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::sink::mysql::server::Server;
use crate::sink::mysql::session::shorten;
use crate::sink::mysql::unnamable::{ANOTHER, lacks};
use crate::sql::{Token, tokens};

/// The first character in a name of `sql` that no name can have there. Text and comments may hold it.
fn odd(server: &Server, sql: &str) -> Option<char> {
    tokens(sql).into_iter().find_map(|(token, ..)| match token {
        Token::Word(name) | Token::Name(name) => server.cannot_name(name),
        // In double quotes it may be a name; TiDB writes none.
        Token::Text(_) | Token::Comment(_) | Token::Sign(_) => None,
    })
}

/// That `sql`, a statement of `ddl`, has no such name.
///
/// # Errors
/// Refused, with the ways on.
pub(super) fn check(server: &Server, sql: &str, ts: CommitTs, ddl: &Ddl) -> Result<(), Fault> {
    let Some(odd) = odd(server, sql).or_else(|| server.cannot_name(&ddl.schema)) else { return Ok(()) };
    Err(Fault::refused(format!(
        "cannot run the DDL of commit ts {} (job {}), `{}` in database `{}`: {}",
        ts.explain(),
        ddl.job_id,
        shorten(sql),
        ddl.schema,
        lacks(odd)
    ))
    .hint(format!(
        "`--on-ddl-error 'replace:{0}=SQL'` runs SQL instead, `--skip-ddl {0}` goes on without: a table that it would make is left out then, \
         with its rows counted. Or {ANOTHER}",
        ts.0
    )))
}

/// Why `ddl` leaves nothing to do: it drops what the target cannot have had.
pub(super) fn never_there(server: &Server, ddl: &Ddl) -> Option<String> {
    let odd = match Form::of(&ddl.query, &ddl.schema) {
        Form::DropDatabase(name) => server.cannot_name(&name),
        Form::Drop { names, .. } => {
            let odd: Option<Vec<char>> = names.iter().map(|n| server.cannot_name_table(&n.schema, &n.name)).collect();
            odd.and_then(|odd| odd.first().copied())
        }
        _ => None,
    };
    odd.map(lacks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_count() {
        let server = |text: &str, tidb: Option<&str>| Server::read(text.to_owned(), tidb, 1 << 20);
        let (mysql, tidb) = (server("9.7.0", None), server("8.0.11-TiDB-v8.5.0", Some("Release Version: v8.5.0")));
        for (sql, found) in [
            ("CREATE TABLE `t` (`a` ENUM('😀') COMMENT '😀') COMMENT = \"😀\"", None),
            ("CREATE TABLE `t` (`a` INT) /*T![placement] PLACEMENT POLICY = `😀` */", None),
            ("CREATE TABLE `日本￿` (`é` INT)", None),
            ("CREATE TABLE `t` (`a😀b` INT)", Some('😀')),
            ("ALTER TABLE t𝄞 ADD INDEX `i` (`a`)", Some('𝄞')),
        ] {
            assert_eq!(odd(&mysql, sql), found, "{sql}");
            assert_eq!(odd(&tidb, sql), None, "{sql}");
        }
    }
}
