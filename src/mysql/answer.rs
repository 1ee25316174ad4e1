//! Reads query results, turns driver panics into errors, and records what sessions wait for.
//!
//! - Results as values. The driver's own shortcuts panic at a row that is not as expected; these
//!   return an error.
//! - Driver panics as errors. The driver takes some packets for granted that a damaged connection,
//!   or an unusual server, does not send.
//! - What each connection of a sink waits for, and since when, so that a stall can be explained.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use mysql::consts::ColumnType;
use mysql::prelude::{FromRow, Queryable};
use mysql::{DriverError, FromRowError, Params, Row, Value};
use parking_lot::Mutex;

use super::address::Target;
use super::session::Session;

/// Queries whose rows are converted without a panic.
pub trait Answers: Queryable {
    /// All rows of a query.
    ///
    /// # Errors
    /// The server's error, or a row that is not as expected.
    fn all<T: FromRow>(&mut self, sql: impl AsRef<str>) -> mysql::Result<Vec<T>> {
        guarded(|| self.query::<Row, _>(sql))?.into_iter().map(value).collect()
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    fn one<T: FromRow>(&mut self, sql: impl AsRef<str>) -> mysql::Result<Option<T>> {
        guarded(|| self.query_first::<Row, _>(sql))?.map(value).transpose()
    }

    /// All rows of a prepared query.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    fn all_with<T: FromRow>(&mut self, sql: impl AsRef<str>, params: impl Into<Params>) -> mysql::Result<Vec<T>> {
        guarded(|| Queryable::exec::<Row, _, _>(self, sql.as_ref(), params))?.into_iter().map(value).collect()
    }

    /// The first row of a prepared query.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    fn one_with<T: FromRow>(&mut self, sql: impl AsRef<str>, params: impl Into<Params>) -> mysql::Result<Option<T>> {
        guarded(|| self.exec_first::<Row, _, _>(sql.as_ref(), params))?.map(value).transpose()
    }
}

impl<Q: Queryable> Answers for Q {}

fn value<T: FromRow>(row: Row) -> mysql::Result<T> {
    T::from_row_opt(row).map_err(|FromRowError(row)| mysql::Error::FromRowError(row))
}

/// A description of an unexpected row: each column with its type; no values, which may be
/// confidential.
pub(crate) fn unexpected(row: &Row) -> String {
    let columns = row.columns_ref().iter().enumerate().map(|(at, column)| {
        let null = if matches!(row.as_ref(at), Some(Value::NULL)) { ", NULL" } else { "" };
        format!("`{}` ({}{null})", column.name_str(), type_name(column.column_type()))
    });
    format!("the answer does not have the expected form: {}", columns.collect::<Vec<_>>().join(", "))
}

fn type_name(of: ColumnType) -> String {
    format!("{of:?}").trim_start_matches("MYSQL_TYPE_").to_lowercase()
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, which only calls the driver. A panic in it becomes the error for an answer that
/// cannot be read, and the connection is lost.
///
/// # Errors
/// Those of `work`, and [`DriverError::UnexpectedPacket`].
pub(crate) fn guarded<T>(work: impl FnOnce() -> mysql::Result<T>) -> mysql::Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        // A panic that becomes an error is reported as that.
        set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                loud(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.unwrap_or(Err(mysql::Error::DriverError(DriverError::UnexpectedPacket)))
}

/// Whether there is a password that is not empty.
pub(crate) fn has_password(target: &Target) -> bool {
    target.password.as_ref().is_some_and(|password| !password.reveal().is_empty())
}

/// The error for a login in which the driver panicked, as the server would word it: MariaDB's
/// `parsec` does not work without a password.
pub(crate) fn no_password(target: &Target) -> mysql::Error {
    mysql::Error::MySqlError(mysql::MySqlError {
        state: "28000".to_owned(),
        code: 1045,
        message: format!(
            "Access denied for {}: the account's login method needs a password, and none was given",
            target.name()
        ),
    })
}

/// Limit of characters of a statement that are shown.
const SHOWN: usize = 80;
/// What ends the part of a statement that tells what it does to which object.
const ENDS: [&str; 4] = [" (", " WHERE ", " SET ", " VALUES"];

/// What each connection waits for, by the number of its [`Caller`].
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<BTreeMap<u32, Call>>);

/// The state of one connection that waits for answers.
#[derive(Debug, Default)]
struct Call {
    waiting: Option<Waiting>,
    /// What failed first and will be retried, and since when it is wanted: queries that have to
    /// come before it belong to that wait.
    trouble: Option<(String, Instant)>,
}

/// A wait for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The owner of the connection, like `worker 3`.
    pub(crate) who: Arc<str>,
    /// The statement, shortened.
    pub(crate) what: String,
    /// The server's id of the connection; 0 if there is none yet.
    pub(crate) session: u64,
    /// When it was first sent.
    pub(crate) since: Instant,
    /// Whether an answer is awaited; otherwise the last one was an error, and the statement will be
    /// retried.
    pub(crate) out: bool,
}

impl Waits {
    /// The longest wait of at least `patience`, and how many more such waits there are.
    pub(crate) fn longest(&self, patience: Duration) -> Option<(Waiting, usize)> {
        let all = self.0.lock();
        let waiting = all.values().filter_map(|call| call.waiting.as_ref());
        let long: Vec<&Waiting> = waiting.filter(|waiting| waiting.since.elapsed() >= patience).collect();
        let longest = long.iter().min_by_key(|waiting| waiting.since)?;
        Some(((*longest).clone(), long.len() - 1))
    }

    fn ask(&self, number: u32, who: &Arc<str>, what: String, session: u64) {
        let mut all = self.0.lock();
        let call = all.entry(number).or_default();
        let since = call.trouble.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        call.waiting = Some(Waiting { who: Arc::clone(who), what, session, since, out: true });
    }

    fn answer(&self, number: u32, fine: bool) {
        let mut all = self.0.lock();
        let call = all.entry(number).or_default();
        let Some(waiting) = &mut call.waiting else { return };
        if fine {
            call.trouble.take_if(|(what, _)| *what == waiting.what);
            call.waiting = None;
        } else {
            waiting.out = false;
            call.trouble.get_or_insert_with(|| (waiting.what.clone(), waiting.since));
        }
    }

    fn done(&self, number: u32) {
        self.0.lock().remove(&number);
    }
}

/// The owner of a connection, such as a worker.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    waits: Arc<Waits>,
    number: u32,
    who: Arc<str>,
}

impl Caller {
    pub(crate) fn new(waits: &Arc<Waits>, number: u32, who: &str) -> Self {
        Self { waits: Arc::clone(waits), number, who: who.into() }
    }

    /// A worker, by its number.
    pub(crate) fn worker(waits: &Arc<Waits>, number: u32) -> Self {
        Self::new(waits, number, &format!("worker {number}"))
    }

    /// Records that it sends `what` on the connection `session` (0: it opens one).
    pub(crate) fn ask(&self, what: &str, session: u64) -> Asked {
        self.waits.ask(self.number, &self.who, shown(what), session);
        Asked { caller: Some(self.clone()), fine: false }
    }

    /// Records that it wants nothing any more: what failed is not retried.
    pub(crate) fn done(&self) {
        self.waits.done(self.number);
    }
}

/// A statement whose answer is awaited, until this is dropped.
#[must_use]
pub(crate) struct Asked {
    caller: Option<Caller>,
    fine: bool,
}

impl Asked {
    /// Records whether the answer was an error.
    pub(crate) fn answered<T, E>(mut self, answer: Result<T, E>) -> Result<T, E> {
        self.fine = answer.is_ok();
        answer
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(caller) = &self.caller {
            caller.waits.answer(caller.number, self.fine);
        }
    }
}

impl Session {
    /// Sets the owner of the connection, for which waits are recorded.
    pub(crate) fn calls_for(&mut self, caller: Caller) {
        self.caller = Some(caller);
    }

    /// Records that `sql` is sent now.
    pub(crate) fn asks(&self, sql: &str) -> Asked {
        match &self.caller {
            Some(caller) => caller.ask(sql, self.connection_id()),
            None => Asked { caller: None, fine: true },
        }
    }
}

/// What a statement does to which object, without values.
fn shown(sql: &str) -> String {
    // A statement may be long, and this runs for each.
    let begin = sql.char_indices().nth(SHOWN).and_then(|(end, _)| sql.get(..end)).unwrap_or(sql);
    let end = ENDS.iter().filter_map(|end| begin.find(end)).min();
    let text = end.and_then(|end| begin.get(..end)).unwrap_or(begin);
    if text.len() < sql.len() { format!("{text} …") } else { text.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let empty: Vec<u8> = Vec::new();
        let indexed = guarded(|| Ok(empty.as_slice()[empty.len()]));
        assert!(matches!(indexed, Err(mysql::Error::DriverError(DriverError::UnexpectedPacket))));
        assert!(matches!(guarded(|| Ok(5)), Ok(5)));
        assert!(!GUARDED.get());
    }

    #[test]
    fn statements_are_shown_without_values() {
        for (sql, text) in [
            ("COMMIT", "COMMIT"),
            ("DELETE FROM `a`.`t` WHERE (`id`) IN ((1))", "DELETE FROM `a`.`t` …"),
            ("INSERT INTO `a`.`t` (`id`) VALUES (1)", "INSERT INTO `a`.`t` …"),
            ("UPDATE `a`.`t` SET `v` = 'secret'", "UPDATE `a`.`t` …"),
        ] {
            assert_eq!(shown(sql), text);
        }
        assert_eq!(shown(&"ä".repeat(200)).chars().count(), SHOWN + 2);
    }

    #[test]
    fn a_wait_lasts_over_tries_and_ends_with_an_answer() {
        let waits = Arc::<Waits>::default();
        let (one, two) = (Caller::worker(&waits, 1), Caller::worker(&waits, 2));
        let first = one.ask("COMMIT", 7);
        let (begun, more) = waits.longest(Duration::ZERO).unwrap();
        assert_eq!((&*begun.who, begun.what.as_str(), begun.session, more), ("worker 1", "COMMIT", 7, 0));
        assert!(first.answered(Err::<(), ()>(())).is_err());
        let (failed, _) = waits.longest(Duration::ZERO).unwrap();
        assert!(!failed.out && failed.since == begun.since, "what failed is still wanted");
        // A query that has to be repeated before it belongs to the same wait.
        let before = one.ask("a new connection", 0);
        assert_eq!(waits.longest(Duration::ZERO).unwrap().0.since, begun.since);
        assert!(before.answered(Ok::<(), ()>(())).is_ok());
        assert_eq!(waits.longest(Duration::ZERO), None);
        let again = one.ask("COMMIT", 8);
        let (now, _) = waits.longest(Duration::ZERO).unwrap();
        assert_eq!((now.since, now.session, now.out), (begun.since, 8, true));
        let other = two.ask("DELETE", 9);
        assert_eq!(waits.longest(Duration::ZERO).unwrap().1, 1);
        assert!(again.answered(Ok::<(), ()>(())).is_ok());
        assert_eq!(&*waits.longest(Duration::ZERO).unwrap().0.who, "worker 2");
        drop(other);
        two.done();
        assert_eq!(waits.longest(Duration::ZERO), None);
        let fresh = one.ask("COMMIT", 8);
        assert!(waits.longest(Duration::ZERO).unwrap().0.since > begun.since, "another one");
        assert_eq!(waits.longest(Duration::from_secs(60)), None);
        drop(fresh);
    }
}
