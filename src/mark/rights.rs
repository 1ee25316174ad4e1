//! Which privileges on the mark table the account has, tried with statements that change nothing: the text of SHOW GRANTS (roles,
//! patterns, proxies) does not tell.

use super::{Definition, Mark};
use crate::sink::mysql::failure::{Class, classify};
use crate::sink::mysql::session::{Session, quote_name};

/// A table that nobody has.
const NOWHERE: &str = "_tisync_no_such_table";

/// Whether the server takes no writes from this account, whatever its privileges.
pub(super) fn read_only(session: &mut Session, mark: &Mark) -> bool {
    let sql = format!("UPDATE {} SET val = 0 WHERE 1 = 0", mark.quoted());
    session.try_run(&sql).is_err_and(|e| classify(&e) == Class::ReadOnly)
}

/// The privileges that are missing, as `INSERT on retl._drainer_repl_mark`. Servers check privileges before they look whether a
/// table is there, so this also tells for one that is to be made.
pub(super) fn missing(session: &mut Session, mark: &Mark, there: &Definition, delete: bool) -> Vec<String> {
    let table = mark.quoted();
    let mut tries = vec![
        ("SELECT", format!("SELECT id, channel_id, val, channel_info FROM {table} WHERE 1 = 0")),
        ("INSERT", format!("INSERT INTO {table} (id, channel_id) SELECT 0, 0 FROM DUAL WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE {table} SET val = 0 WHERE 1 = 0")),
    ];
    if delete {
        tries.push(("DELETE", format!("DELETE FROM {table} WHERE 1 = 0")));
    }
    if !matches!(there, Definition::Table(_)) {
        // Stops at the table that is not there to be copied, behind the check of the right to make one.
        let nowhere = format!("{}.{}", quote_name(&mark.schema), quote_name(NOWHERE));
        tries.push(("CREATE", format!("CREATE TABLE {table} LIKE {nowhere}")));
    }
    let denied = |sql: &str, session: &mut Session| {
        session.try_run(sql).is_err_and(|e| matches!(classify(&e), Class::Privilege | Class::ReadOnly))
    };
    let mut missing = Vec::new();
    for (right, sql) in tries {
        // Without the right to read the table that is copied, nothing is learnt of the right to make one.
        let unknown = right == "CREATE" && !missing.is_empty();
        if !unknown && denied(&sql, session) {
            missing.push(format!("{right} on {}", mark.name()));
        }
    }
    missing
}
