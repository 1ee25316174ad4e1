//! Who is in the way of a session, as far as the server tells.

use super::failure::Class;
use super::session::{Flavour, Session, shorten};
use crate::checkpoint::Failed;
use crate::model::span_text;

/// The table, number, user, host, command of the session that holds the lock, and how long it has been at that.
type Holder = (Option<String>, u64, Option<String>, Option<String>, Option<String>, Option<u64>);

/// The state of a session: command, state, seconds.
type State = (Option<String>, Option<String>, Option<u64>);

const MARIADB: &str = "SELECT l.lock_table, CAST(b.trx_mysql_thread_id AS UNSIGNED), p.user, p.host, p.command, CAST(p.time AS UNSIGNED) \
     FROM information_schema.innodb_lock_waits w \
     JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id \
     JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id \
     LEFT JOIN information_schema.innodb_locks l ON l.lock_id = w.requested_lock_id \
     LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id \
     WHERE r.trx_mysql_thread_id = ";
const MYSQL: &str = "SELECT w.locked_table, CAST(w.blocking_pid AS UNSIGNED), p.user, p.host, p.command, CAST(p.time AS UNSIGNED) \
     FROM sys.innodb_lock_waits w LEFT JOIN information_schema.processlist p ON p.id = w.blocking_pid \
     WHERE w.waiting_pid = ";
const TIDB: &str = "SELECT NULL, CAST(h.session_id AS UNSIGNED), h.user, NULL, IF(h.state = 'Idle', 'Sleep', 'Query'), \
     CAST(TIMESTAMPDIFF(SECOND, h.start_time, NOW()) AS UNSIGNED) \
     FROM information_schema.data_lock_waits w \
     JOIN information_schema.cluster_tidb_trx r ON r.id = w.trx_id \
     JOIN information_schema.cluster_tidb_trx h ON h.id = w.current_holding_trx_id \
     WHERE r.session_id = ";

/// What the server behind `session` says about why the session `waits` gets no answer; `None` if it says nothing.
///
/// # Errors
/// If the connection is lost. What the account may not see, or the server does not have, is no error.
pub(super) fn of(session: &mut Session, waits: u64) -> Result<Option<String>, Failed> {
    if waits == 0 {
        return Ok(None);
    }
    let query = match session.server().flavour {
        Flavour::MariaDb => MARIADB,
        Flavour::MySql => MYSQL,
        Flavour::TiDb => TIDB,
    };
    let held = if_told(session.fetch_one::<Holder>(&format!("{query}{waits} LIMIT 1")))?;
    if let Some(holder) = held.flatten() {
        return Ok(Some(row_lock(&holder)));
    }
    let sql = format!(
        "SELECT command, state, CAST(time AS UNSIGNED) FROM information_schema.{} WHERE id = {waits}",
        if session.server().flavour == Flavour::TiDb { "cluster_processlist" } else { "processlist" }
    );
    Ok(if_told(session.fetch_one::<State>(&sql))?.and_then(state))
}

/// Whether the server has long answered what the session `waits` waits for: it has run nothing for `seconds`.
///
/// # Errors
/// As [`of`].
pub(super) fn has_answered(session: &mut Session, waits: u64, seconds: u64) -> Result<bool, Failed> {
    let list = if session.server().flavour == Flavour::TiDb { "cluster_processlist" } else { "processlist" };
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.{list} WHERE id = {waits} AND command = 'Sleep' AND time >= {seconds}"
    );
    Ok(waits > 0 && if_told(session.fetch_one::<u64>(&sql))?.flatten() == Some(1))
}

fn row_lock((table, id, user, host, command, seconds): &Holder) -> String {
    let table = table.as_deref().map_or_else(|| "a row".to_owned(), |table| format!("a row of {table}"));
    let account = match (user, host) {
        (Some(user), Some(host)) => format!(" of {user}@{}", host.rsplit_once(':').map_or(host.as_str(), |(h, _)| h)),
        (Some(user), None) => format!(" of {user}"),
        _ => String::new(),
    };
    let time = seconds.map(|seconds| span_text(seconds.saturating_mul(1000))).unwrap_or_default();
    let doing = match command.as_deref() {
        Some("Sleep") => format!(", which has had its transaction open without running anything for {time}"),
        Some(_) => format!(", which has been at work for {time}"),
        None => String::new(),
    };
    format!("{table} is locked by session {id}{account}{doing}")
}

/// The words for a session that no row lock holds up.
fn state(found: Option<State>) -> Option<String> {
    let Some((command, state, _)) = found else {
        return Some("the target has no such session any more: its answer was lost".to_owned());
    };
    let state = state.filter(|state| !state.is_empty())?;
    let lower = state.to_lowercase();
    let why = if ["global read lock", "backup lock", "commit lock"].iter().any(|lock| lower.contains(lock)) {
        ": somebody has FLUSH TABLES WITH READ LOCK, or makes a backup"
    } else if lower.contains("metadata lock") {
        ": another session has the table open in a transaction, or changes it"
    } else {
        ""
    };
    let state = shorten(&state);
    match command.as_deref() {
        // It has answered, or is gone in all but name.
        Some("Sleep") => None,
        _ => Some(format!("its state there is `{state}`{why}")),
    }
}

/// What the server does not tell this account is not known.
fn if_told<T>(answer: Result<T, Failed>) -> Result<Option<T>, Failed> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failed) if failed.class() == Some(Class::Connection) => Err(failed),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_the_way_in_words() {
        let text = |s: &str| Some(s.to_owned());
        let holder = (text("`a`.`t`"), 52, text("app"), text("10.0.0.5:4711"), text("Sleep"), Some(95));
        assert_eq!(
            row_lock(&holder),
            "a row of `a`.`t` is locked by session 52 of app@10.0.0.5, which has had its transaction open without running anything for 1m 35s"
        );
        assert_eq!(row_lock(&(None, 3, None, None, None, None)), "a row is locked by session 3");
        let ftwrl = state(Some((text("Query"), text("Waiting for backup lock"), Some(7)))).unwrap_or_default();
        assert!(ftwrl.contains("`Waiting for backup lock`: somebody has FLUSH TABLES WITH READ LOCK"), "{ftwrl}");
        assert_eq!(state(Some((text("Query"), text(""), Some(7)))), None);
        assert!(state(None).is_some_and(|text| text.contains("no such session")));
    }
}
