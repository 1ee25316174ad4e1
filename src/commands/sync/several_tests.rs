//! Tests of links that run together: how they end, and what they know of each other.

use super::*;
use std::sync::Arc;

type Work = Box<dyn FnOnce(&Stop) -> Result<(End, CommitTs)> + Send>;

/// Runs until it is asked to stop, and then a while.
fn endless() -> Work {
    Box::new(|stop| {
        while !stop.requested() {
            sleep(TICK);
        }
        sleep(TICK * 3);
        Ok((End::Stopped, CommitTs(7)))
    })
}

fn ends(after: Duration, result: fn() -> Result<(End, CommitTs)>) -> Work {
    Box::new(move |_| {
        sleep(after);
        result()
    })
}

/// The result, and the messages.
fn watched(work: Vec<(&'static str, Work)>, keep_going: bool, signals: &Stop) -> (Result<()>, String) {
    let said = Arc::new(Mutex::new(String::new()));
    let result = scope(|scope| {
        let start = |(name, work): (&'static str, Work)| {
            let (stop, said) = (Stop::default(), Arc::clone(&said));
            let events: Events = Arc::new(move |event| match event {
                Event::Note(text) | Event::Warning(text) => *said.lock() += &format!("{name}: {text}\n"),
                other => panic!("{other:?}"),
            });
            let stopped = stop.clone();
            let thread = Some(Builder::new().spawn_scoped(scope, move || work(&stopped)));
            Running { name, stop, told: false, events, thread }
        };
        Watch::new(work.into_iter().map(start).collect(), keep_going).until_all_ended(signals)
    });
    let said = said.lock().clone();
    (result, said)
}

fn refused() -> Result<(End, CommitTs)> {
    Err(Fault::refused("row missing").hint("look").into())
}

fn finished() -> Result<(End, CommitTs)> {
    Ok((End::Finished, CommitTs(5)))
}

fn code(result: &Result<()>) -> u8 {
    crate::error::exit_code(result.as_ref().unwrap_err())
}

#[test]
fn one_that_fails_stops_the_others() {
    // However late the others begin, it fails when they are asked to stop.
    let late: Work = Box::new(|stop| {
        while !stop.requested() {
            sleep(TICK);
        }
        Err(Fault::connect("gone").into())
    });
    let work = vec![("there", endless()), ("back", ends(Duration::ZERO, refused)), ("third", late)];
    let (result, said) = watched(work, false, &Stop::default());
    assert_eq!(code(&result), 4);
    let error = result.unwrap_err();
    assert_eq!(format!("{error:#}"), "link `back`: row missing");
    assert_eq!(fault(&error).unwrap().hint, "look");
    assert!(said.contains("back: failed; the others drain and stop"), "{said}");
    assert!(said.contains("there: stopped cleanly; everything up to 7"), "{said}");
    assert!(said.contains("third: failed too: gone"), "{said}");
}

#[test]
fn others_go_on_if_they_shall() {
    let work = vec![("there", ends(TICK * 10, finished)), ("back", ends(Duration::ZERO, refused))];
    let (result, said) = watched(work, true, &Stop::default());
    assert_eq!(code(&result), 4);
    assert!(said.contains("back: failed: row missing; the others continue"), "{said}");
    assert!(said.contains("there: finished at 5"), "{said}");
}

#[test]
fn a_panic_is_an_error() {
    let panics = ends(TICK, || panic!("as a link might"));
    let (result, _) = watched(vec![("there", endless()), ("back", panics)], false, &Stop::default());
    assert_eq!(code(&result), 4);
    assert!(format!("{:#}", result.unwrap_err()).starts_with("link `back`: its thread panicked"));
}

#[test]
fn ends_by_themselves_and_by_a_signal() {
    let work = || vec![("there", ends(TICK * 4, finished)), ("back", ends(Duration::ZERO, finished))];
    let (result, said) = watched(work(), false, &Stop::default());
    assert!(result.is_ok() && said.contains("back: finished at 5"), "{said}");
    assert!(said.contains("; the others continue\n") && said.trim_end().ends_with(')'), "{said}");

    let interrupted = Box::new(|stop: &Stop| {
        while !stop.requested() {
            sleep(TICK);
        }
        Err(Fault::new(Kind::Interrupted, "stopped while waiting for a DDL job").into())
    });
    let stop = Stop::default();
    stop.request();
    let (result, _) = watched(vec![("there", endless()), ("back", interrupted)], false, &stop);
    assert_eq!(code(&result), 5);
    let text = result.unwrap_err().to_string();
    // In the order of the file, although the second one was done first.
    let (there, back) = text.split_once("; `back`: ").unwrap_or_else(|| panic!("{text}"));
    assert!(there.contains("; `there`: everything up to 7") && back.starts_with("stopped while waiting"), "{text}");
}

/// One link was taken offline through the cluster: that is no request to the others, but they
/// belong together.
#[test]
fn one_that_was_asked_from_outside_names_who() {
    let paused = ends(Duration::ZERO, || Err(Fault::new(Kind::Interrupted, "paused by binlogctl").into()));
    let (result, _) = watched(vec![("there", endless()), ("back", paused)], false, &Stop::default());
    assert_eq!(code(&result), 5);
    assert_eq!(format!("{:#}", result.unwrap_err()), "link `back`: paused by binlogctl");
}

fn two() -> [LinkHandle; 2] {
    let states = LinkStates::new(2);
    [0, 1].map(|own| LinkHandle { states: Arc::clone(&states), own, opposite: Some(1 - own) })
}

#[test]
fn each_gets_the_others() {
    let [here, there] = two();
    let other = std::thread::spawn(move || there.exchange(20, &Stop::default()));
    assert_eq!(here.exchange(10, &Stop::default()), Some(20));
    assert_eq!(other.join().unwrap(), Some(10));
    // A recorded cluster stays known after its link has gone.
    assert_eq!(here.exchange(10, &Stop::default()), Some(20));
}

#[test]
fn nobody_waits_for_one_that_failed_or_was_stopped() {
    let [here, there] = two();
    let panicked = std::thread::spawn(move || {
        let _handle = there;
        panic!("as a link might");
    });
    assert_eq!(here.exchange(10, &Stop::default()), None);
    assert!(panicked.join().is_err());
    let [here, _there] = two();
    let stop = Stop::default();
    stop.request();
    assert_eq!(here.exchange(10, &stop), None);
}

#[test]
fn the_second_to_say_how_it_numbers_hears_of_a_clash() {
    let numbering = |increment, offset| Numbering { increment, offset };
    let [here, there] = two();
    assert_eq!(here.numbers(numbering(2, 1)), None);
    assert_eq!(there.numbers(numbering(2, 2)), None);
    let text = there.numbers(numbering(2, 1)).unwrap();
    assert!(text.contains("`SET GLOBAL auto_increment_increment = 2, GLOBAL auto_increment_offset = 2`"), "{text}");
    // Each target that uses every number gets its own warning.
    assert_eq!(there.numbers(numbering(1, 1)), None);
}
