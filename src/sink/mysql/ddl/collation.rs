//! Collations that a statement names and the target does not have: text would compare otherwise, so none is put in their place.

use super::run::Setback;
use super::way::refused;
use crate::checkpoint::Failed;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::sink::mysql::session::{Session, shorten};
use crate::sql::{Token, tokens};

/// The server's code for one that it does not know.
const UNKNOWN_COLLATION: u16 = 1273;

/// The collations that `sql` names.
fn named(sql: &str) -> Vec<&str> {
    let all: Vec<Token<'_>> = tokens(sql).into_iter().map(|(t, ..)| t).collect();
    let mut names = Vec::new();
    for (at, token) in all.iter().enumerate() {
        if !token.is("COLLATE") {
            continue;
        }
        let value = at + if all.get(at + 1) == Some(&Token::Sign('=')) { 2 } else { 1 };
        if let Some(Token::Word(name)) = all.get(value)
            && !names.contains(name)
        {
            names.push(*name);
        }
    }
    names
}

/// Whether the target has them all.
///
/// # Errors
/// Refused, with the first that it lacks.
pub(super) fn check(session: &mut Session, sql: &str, ts: CommitTs) -> Result<(), Setback> {
    for name in named(sql) {
        let charset = name.split('_').next().unwrap_or_default();
        let unknown = |code: u16| code == UNKNOWN_COLLATION;
        match session.exec(&format!("DO CONVERT('' USING {charset}) COLLATE {name}")) {
            Err(failed) if failed.code().is_some_and(unknown) => {
                return Err(refused(lacks(session, name, sql, ts)));
            }
            Err(failed) if failed.class() == Some(crate::sink::mysql::failure::Class::Connection) => {
                return Err(Failed::into(failed));
            }
            // What else may be wrong with it the statement itself will show.
            _ => {}
        }
    }
    Ok(())
}

fn lacks(session: &Session, name: &str, sql: &str, ts: CommitTs) -> Fault {
    Fault::refused(format!(
        "`{}` (commit ts {}) needs the collation {name}, which the target ({}) does not have",
        shorten(sql),
        ts.explain(),
        session.server()
    ))
    .hint(format!(
        "choose one of the target's that compares alike, and run the statement with it: `--on-ddl-error 'replace:{}=SQL'`. A unique \
         key must not hold texts for equal that the upstream tells apart",
        ts.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        let sql = "CREATE TABLE t (a TEXT COLLATE utf8mb4_bin, b TEXT COLLATE utf8mb4_0900_ai_ci) COLLATE = utf8mb4_bin COMMENT 'COLLATE x'";
        assert_eq!(named(sql), ["utf8mb4_bin", "utf8mb4_0900_ai_ci"]);
    }
}
