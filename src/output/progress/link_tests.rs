//! The lines as text, and what makes them change.

use std::time::{Duration, Instant};

use super::*;

/// Milliseconds of the upstream's clock: 2026-11-21 10:00:00 UTC.
const TEN: u64 = 1_795_255_200_000;

fn at(ms: u64) -> CommitTs {
    CommitTs::from_millis(TEN + ms)
}

fn applied(txns: u64, rows: u64, ms: u64) -> Event {
    Event::Applied { txns, rows, position: at(ms) }
}

fn reached(txns: u64, dropped: u64, ms: u64) -> Event {
    Event::Reached { position: at(ms), txns, dropped }
}

fn link(name: &str, events: impl IntoIterator<Item = Event>) -> Link {
    let mut link = Link::start(name);
    events.into_iter().for_each(|event| link.take(event));
    link
}

/// The line without the parts that depend on the clock of this machine.
fn timeless(line: &str) -> String {
    let age = |text: &str, from: &str, to: &str| match text.split_once(from) {
        Some((head, tail)) => format!("{head}{from}…{}", &tail[tail.find(to).unwrap()..]),
        None => text.to_owned(),
    };
    age(&age(&age(line, "age_s=", " "), " UTC, ", ")"), "applied in ", ";")
}

#[test]
fn a_link_alone_has_no_name() {
    let link = link("", [Event::Durable { position: at(0) }, reached(12, 0, 2500), applied(10, 44, 1000)]);
    insta::assert_snapshot!(timeless(&link.terminal_line(0)), @"at 470615379410944000 (2026-11-21 10:00:01.000 UTC, …) · lag 1.5s · 0 rows/s · 10 transactions, 44 rows · backlog 2");
    insta::assert_snapshot!(timeless(&link.plain_line()), @"position=470615379410944000 age_s=… lag_ms=1500 rows_per_s=0 transactions=10 rows=44 backlog=2");
    insta::assert_snapshot!(timeless(&link.summary().unwrap()), @"10 transactions with 44 rows applied in …; position 470615379410944000 (2026-11-21 10:00:01.000 UTC, …)");
    assert_eq!(link.before(), "");
}

#[test]
fn one_of_several_begins_with_its_name() {
    let link = link("A→B", [applied(3, 9, 1000), reached(3, 7, 2500)]);
    insta::assert_snapshot!(timeless(&link.terminal_line(5)), @"A→B   · at 470615379410944000 (2026-11-21 10:00:01.000 UTC, …) · lag 0.0s · 0 rows/s · 3 transactions, 9 rows · backlog 0 · 7 came from the other side");
    insta::assert_snapshot!(timeless(&link.plain_line()), @"link=A→B position=470615379410944000 age_s=… lag_ms=0 rows_per_s=0 transactions=3 rows=9 backlog=0 dropped=7");
    insta::assert_snapshot!(timeless(&link.summary().unwrap()), @"A→B: 3 transactions with 9 rows applied in …; position 470615379410944000 (2026-11-21 10:00:01.000 UTC, …)");
    assert_eq!(link.before(), "A→B: ");
}

#[test]
fn a_name_with_spaces_stays_one_value() {
    let line = link("to the west", []).plain_line();
    assert!(line.starts_with("link=\"to the west\" position=0 "), "{line}");
}

#[test]
fn conflicts_and_waiting_are_shown_while_they_last() {
    let odd = |missing, duplicate| Event::Odd { table: "`d`.`t`".to_owned(), missing, duplicate };
    let waiting = Event::Waiting { what: "the \"job\"".to_owned(), since: Duration::from_secs(71) };
    let mut link = link("", [applied(1, 1, 0), odd(2, 0), odd(1, 3), waiting]);
    let ends = |link: &Link| (tail(&link.terminal_line(0), "backlog"), tail(&link.plain_line(), "backlog"));
    let (seen, plain) = ends(&link);
    assert_eq!(seen, "backlog 0 · 6 conflicts · waiting 71s for the \"job\"");
    assert_eq!(plain, r#"backlog=0 conflicts=6 waiting="waiting 71s for the \"job\"""#);
    link.take(Event::Durable { position: at(0) });
    assert_eq!(ends(&link), (seen, plain), "nothing has moved");
    let target =
        |what: Option<&str>| Event::Unanswered { what: what.map(str::to_owned), since: Duration::from_secs(7) };
    link.take(target(Some("the target")));
    let (seen, plain) = ends(&link);
    assert_eq!(seen, "backlog 0 · 6 conflicts · waiting 7s for the target · waiting 71s for the \"job\"");
    assert_eq!(
        plain,
        r#"backlog=0 conflicts=6 waiting="waiting 7s for the target; waiting 71s for the \"job\"" "#.trim_end()
    );
    assert!(link.news() && !link.news(), "shown once");
    link.take(target(None));
    link.take(Event::Resumed);
    assert_eq!(ends(&link).0, "backlog 0 · 6 conflicts");
    let job = |since| Event::Waiting { what: "job 7".to_owned(), since: Duration::from_millis(since) };
    link.take(job(0));
    assert_eq!(ends(&link).0, "backlog 0 · 6 conflicts", "in the course of things");
    link.take(job(1_500));
    assert_eq!(ends(&link).0, "backlog 0 · 6 conflicts · waiting 1s for job 7");
    link.take(Event::Durable { position: at(1) });
    assert_eq!(ends(&link), ("backlog 0 · 6 conflicts".to_owned(), "backlog=0 conflicts=6".to_owned()));
}

fn tail(line: &str, from: &str) -> String {
    line[line.find(from).unwrap()..].to_owned()
}

#[test]
fn an_idle_link_is_not_behind() {
    // Nothing is in flight: the position on the target stays where the last transaction left it.
    let mut link = link("", [applied(5, 5, 0), reached(5, 0, 60_000)]);
    assert_eq!((link.lag_ms(), link.backlog()), (0, 0));
    link.take(reached(6, 0, 61_000));
    assert_eq!((link.lag_ms(), link.backlog()), (61_000, 1));
    // Transactions that were read since the last report are ahead of the count: the target is not
    // behind either.
    link.take(applied(2, 2, 61_500));
    assert_eq!((link.lag_ms(), link.backlog()), (0, 0));
}

/// Its lag is told by the clock: a silent cluster may hold anything, so its last message only gets
/// older.
#[test]
fn a_silent_cluster_is_behind_by_the_clock() {
    let now = jiff::Timestamp::now().as_millisecond();
    let ago = |ms: i64| CommitTs::from_millis(u64::try_from(now - ms).unwrap());
    let mut link = link("", [Event::Live, Event::Applied { txns: 5, rows: 5, position: ago(90_000) }]);
    link.take(Event::Reached { position: ago(70_000), txns: 5, dropped: 0 });
    assert!((70_000..80_000).contains(&link.lag_ms()), "{}", link.lag_ms());
    link.take(Event::Reached { position: ago(40_000), txns: 6, dropped: 0 });
    assert!((90_000..100_000).contains(&link.lag_ms()), "one is not applied: {}", link.lag_ms());
    link.take(Event::Applied { txns: 1, rows: 1, position: ago(40_000) });
    link.take(Event::Reached { position: ago(100), txns: 6, dropped: 0 });
    assert!(link.lag_ms() < 10_000, "{}", link.lag_ms());
    // The cluster's clock is ahead of ours.
    link.take(Event::Reached { position: ago(-60_000), txns: 6, dropped: 0 });
    let Some(earlier) = Instant::now().checked_sub(Duration::from_secs(8)) else { return };
    link.moved = earlier;
    assert!((8_000..18_000).contains(&link.lag_ms()), "{}", link.lag_ms());
}

#[test]
fn the_rate_is_that_of_the_time_since_the_last_line() {
    let mut link = link("", [applied(1, 500, 0)]);
    link.measure();
    assert!(link.rate.abs() < f64::EPSILON, "less than a second says nothing");
    let Some(earlier) = Instant::now().checked_sub(Duration::from_secs(10)) else { return };
    link.before = (100, earlier);
    link.measure();
    assert!((39.0..=40.0).contains(&link.rate), "{}", link.rate);
    assert_eq!(link.before.0, 500);
}

#[test]
fn a_link_that_did_not_begin_has_no_summary() {
    assert_eq!(link("A→B", [reached(1, 0, 5)]).summary(), None);
}
