//! What each connection of a sink waits for, and since when: for whoever says why nothing moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::session::Session;

/// Characters of a statement that are shown.
const SHOWN: usize = 80;
/// What ends the part of a statement that says what it does to what.
const ENDS: [&str; 4] = [" (", " WHERE ", " SET ", " VALUES"];

/// Who waits for what, by whoever waits.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<BTreeMap<u32, Call>>);

/// Where one of those who ask stands.
#[derive(Debug, Default)]
struct Call {
    waiting: Option<Waiting>,
    /// What failed first and is to be repeated, and since when it is wanted: whatever has to be asked before it, belongs to that wait.
    trouble: Option<(String, Instant)>,
}

/// A wait that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Whose connection it is, as in `worker 3`.
    pub(super) who: Arc<str>,
    /// What was asked, shortened.
    pub(super) what: String,
    /// The server's number of the connection; 0 if there is none yet.
    pub(super) session: u64,
    /// When it was first asked.
    pub(super) since: Instant,
    /// Whether the answer is out; else the last one was an error, after which the same is tried again.
    pub(super) out: bool,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest wait of at least `patience`, and how many more there are of those.
    pub(super) fn longest(&self, patience: Duration) -> Option<(Waiting, usize)> {
        let all = self.lock();
        let waiting = all.values().filter_map(|call| call.waiting.as_ref());
        let long: Vec<&Waiting> = waiting.filter(|waiting| waiting.since.elapsed() >= patience).collect();
        let longest = long.iter().min_by_key(|waiting| waiting.since)?;
        Some(((*longest).clone(), long.len() - 1))
    }

    fn ask(&self, number: u32, who: &Arc<str>, what: String, session: u64) {
        let mut all = self.lock();
        let call = all.entry(number).or_default();
        let since = call.trouble.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        call.waiting = Some(Waiting { who: Arc::clone(who), what, session, since, out: true });
    }

    fn answer(&self, number: u32, fine: bool) {
        let mut all = self.lock();
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
        self.lock().remove(&number);
    }
}

/// Whoever asks the target something.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    waits: Arc<Waits>,
    number: u32,
    who: Arc<str>,
}

impl Caller {
    pub(super) fn new(waits: &Arc<Waits>, number: u32, who: &str) -> Self {
        Self { waits: Arc::clone(waits), number, who: who.into() }
    }

    /// A worker, by its number.
    pub(super) fn worker(waits: &Arc<Waits>, number: u32) -> Self {
        Self::new(waits, number, &format!("worker {number}"))
    }

    /// It asks on the connection `session` (0: for one).
    pub(super) fn ask(&self, what: &str, session: u64) -> Asked {
        self.waits.ask(self.number, &self.who, shown(what), session);
        Asked { caller: Some(self.clone()), fine: false }
    }

    /// It wants nothing any more: what failed is not tried again.
    pub(super) fn done(&self) {
        self.waits.done(self.number);
    }
}

/// A question that is out, until this is dropped.
#[must_use]
pub(super) struct Asked {
    caller: Option<Caller>,
    fine: bool,
}

impl Asked {
    /// Keeps what became of it.
    pub(super) fn answered<T, E>(mut self, answer: Result<T, E>) -> Result<T, E> {
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
    /// Whoever waits for its answers is `caller` from now on.
    pub(super) fn calls_for(&mut self, caller: Caller) {
        self.caller = Some(caller);
    }

    /// `sql` goes out now.
    pub(super) fn asks(&self, sql: &str) -> Asked {
        match &self.caller {
            Some(caller) => caller.ask(sql, self.connection_id()),
            None => Asked { caller: None, fine: true },
        }
    }
}

/// What a statement does to what, without values.
fn shown(sql: &str) -> String {
    // A statement may be long, and this is asked for each.
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
        // What has to be asked again before it belongs to the same wait.
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
