//! Whose rights a view runs with. TiDB's text keeps the definer that the user wrote: an account of the upstream, which the target need not
//! have. A view without its definer cannot be read there.

use std::borrow::Cow;

use super::form::{Form, Name};
use crate::checkpoint::Failed;
use crate::model::Ddl;
use crate::sink::mysql::session::{Session, quote_text};
use crate::sql::{Token, Words};

/// The definer that a CREATE VIEW names: its user and host, and where it stands.
fn definer(sql: &str) -> Option<(String, String, usize, usize)> {
    let words = Words::of(sql);
    let view = (0..words.len()).find(|at| words.is(*at, "VIEW"))?;
    // In SQL SECURITY DEFINER the word says nothing about who that is.
    let security = |at: usize| at > 0 && words.is(at - 1, "SECURITY");
    let at = (0..view).find(|at| words.is(*at, "DEFINER") && !security(*at))?;
    let part = |at: usize| match words.token(at)? {
        Token::Text(text) => Some(text.trim_matches(['\'', '"']).to_owned()),
        token => token.name().map(Cow::into_owned),
    };
    let user = if words.sign(at + 1, '=') { at + 2 } else { at + 1 };
    if !words.sign(user + 1, '@') {
        let (name, span) = (part(user)?, words.bytes(user..user + 1)?);
        return (!name.eq_ignore_ascii_case("CURRENT_USER")).then(|| (name, "%".to_owned(), span.start, span.end));
    }
    let span = words.bytes(user..user + 3)?;
    Some((part(user)?, part(user + 2)?, span.start, span.end))
}

/// Gives the view in `sql` to tisync's own account if the target does not have its definer, or this account may not see it; and says so.
pub(super) fn own_definer(session: &mut Session, sql: &mut String) -> Result<Option<String>, Failed> {
    let Some((user, host, from, to)) = definer(sql) else { return Ok(None) };
    let grantee = format!("'{user}'@'{host}'");
    let found = session.fetch_one::<u64>(&format!(
        "SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee = {}",
        quote_text(&grantee)
    ));
    let there = match found {
        Ok(count) => count.is_some_and(|n| n > 0),
        Err(failed) if failed.is_not_there() => false,
        Err(failed) => return Err(failed),
    };
    if there {
        return Ok(None);
    }
    sql.replace_range(from..to, "CURRENT_USER");
    Ok(Some(format!(
        "its definer {grantee} is not known on the target, so the view runs with the rights of tisync's account"
    )))
}

/// The statement that drops the view which `sql` replaces, if the target has it in another letter case: there that is another view.
///
/// # Errors
/// If the target cannot be read.
pub(super) fn drop_other_spelling(session: &mut Session, sql: &str, ddl: &Ddl) -> Result<Option<String>, Failed> {
    let Form::Create { name, replace: true } = Form::of(sql, &ddl.schema) else { return Ok(None) };
    let found = session.fetch_one::<String>(&format!(
        "SELECT table_name FROM information_schema.views WHERE table_schema = {} AND LOWER(table_name) = LOWER({1}) \
         AND BINARY table_name <> BINARY {1}",
        quote_text(&name.schema),
        quote_text(&name.name)
    ))?;
    Ok(found.map(|old| format!("DROP VIEW {}", Name { schema: name.schema, name: old })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definers_are_read() {
        let of = |sql: &str| definer(sql).map(|(user, host, from, to)| (user, host, sql[from..to].to_owned()));
        let own = |user: &str, host: &str, text: &str| Some((user.to_owned(), host.to_owned(), text.to_owned()));
        let view = |definer: &str| {
            format!("CREATE OR REPLACE ALGORITHM = MERGE DEFINER = {definer} SQL SECURITY DEFINER VIEW `v` AS SELECT 1")
        };
        assert_eq!(of(&view("CURRENT_USER")), None);
        assert_eq!(of(&view("`root`@`%`")), own("root", "%", "`root`@`%`"));
        assert_eq!(of(&view("'a'@'10.0.0.1'")), own("a", "10.0.0.1", "'a'@'10.0.0.1'"));
        assert_eq!(of(&view("bob@localhost")), own("bob", "localhost", "bob@localhost"));
        assert_eq!(of(&view("bob")), own("bob", "%", "bob"));
        assert_eq!(of("CREATE SQL SECURITY DEFINER VIEW `v` AS SELECT 1"), None);
        assert_eq!(of("CREATE TABLE `definer` (a INT)"), None);
        assert_eq!(of("CREATE VIEW v AS SELECT `definer` FROM t"), None);
    }
}
