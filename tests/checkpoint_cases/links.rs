//! The link's row: positions, DDL under way, looks from outside.

use tisync::checkpoint::{Intent, Record, Slot, locks, look, take};
use tisync::error::exit_code;
use tisync::event::silent;
use tisync::model::Ddl;
use tisync::playground::mariadb::PrivateServer;
use tisync::stop::Stop;

use super::*;

pub const CASES: &[(&str, Case)] = &[
    ("a position never goes back", positions),
    ("a DDL's steps, and late copies of their statements", ddl),
    ("a look takes the slots into account", looks),
    ("named locks tell whether a session lives", named_locks),
    ("a link of another cluster is refused", another_cluster),
];

fn positions(server: &PrivateServer) {
    let (mut control, link) = started(server, 3, "positions", 1);
    assert!(link.save_position(&mut control, ts(5)).unwrap());
    assert!(link.save_position(&mut control, ts(5)).unwrap());
    // One that was held up comes behind the next one of the same run: there is nothing to do.
    assert!(!link.save_position(&mut control, ts(4)).unwrap());
    assert_eq!(link.state(&mut control).unwrap().position, Some(ts(5)));
    let text = said(link.save_ddl_position(&mut control, (ts(4), 87)).unwrap_err());
    assert!(text.contains("the checkpoint of link `positions` would go back from"), "{text}");
    link.save_ddl_position(&mut control, (ts(7), 88)).unwrap();
    let state = link.state(&mut control).unwrap();
    assert_eq!((state.position, state.last_job, state.intent), (Some(ts(7)), Some(88), None));
    assert!(link.save_ddl_position(&mut control, (ts(6), 87)).is_err());
    let (_s, _new) = taken(server, 3, "positions", 1);
    assert!(said(link.state(&mut control).unwrap_err()).contains("another run has taken over"));
}

fn ddl(server: &PrivateServer) {
    let (mut control, link) = started(server, 3, "ddl", 1);
    let ddl = Ddl {
        job_id: 61,
        action: tisync::model::ActionType::AddColumn,
        schema: "it's `a`".to_owned(),
        table: String::new(),
        query: String::new(),
        before: vec![],
        after: vec![],
        ..Ddl::default()
    };
    let lock = link.ddl_lock();
    let begin = |control: &mut Session| link.begin_ddl(control, (ts(4), &ddl), "ONE; TWO", (0, r#"{"a":"\\"}"#), &lock);
    begin(&mut control).unwrap();
    begin(&mut control).unwrap();
    let expected = Intent {
        ts: ts(4),
        job: 61,
        schema: "it's `a`".to_owned(),
        query: "ONE; TWO".to_owned(),
        step: 0,
        before: Some(r#"{"a":"\\"}"#.to_owned()),
        lock: lock.clone(),
    };
    assert_eq!(link.state(&mut control).unwrap().intent, Some(expected.clone()));
    link.step_ddl(&mut control, (ts(4), "ONE; TWO"), (1, "two"), &lock).unwrap();
    assert!(link.step_ddl(&mut control, (ts(4), "ONE; TWO"), (0, "late"), &lock).is_err());
    assert!(link.step_ddl(&mut control, (ts(3), "ONE; TWO"), (2, "another"), &lock).is_err());
    // A new run finds it as it is, with the name of the old session's lock.
    let (_s, new) = taken(server, 3, "ddl", 1);
    assert_eq!(new.intent, Some(Intent { step: 1, before: Some("two".to_owned()), ..expected }));
    assert_ne!(new.link.ddl_lock(), lock);
    assert!(
        said(link.end_ddl(&mut control, Some((ts(4), 61).into())).unwrap_err()).contains("another run has taken over")
    );
    let (mut control, link) = (session(server), new.link);
    link.end_ddl(&mut control, None).unwrap();
    let state = link.state(&mut control).unwrap();
    assert_eq!((state.position, state.last_job, state.intent), (Some(ts(0)), None, None));
    link.begin_ddl(&mut control, (ts(4), &ddl), "ONE; TWO", (0, ""), &lock).unwrap();
    link.end_ddl(&mut control, Some((ts(4), 61).into())).unwrap();
    let state = link.state(&mut control).unwrap();
    assert_eq!((state.position, state.last_job, state.intent), (Some(ts(4)), Some(61), None));
    let late = link.begin_ddl(&mut control, (ts(4), &ddl), "ONE; TWO", (0, ""), &lock);
    assert!(said(late.unwrap_err()).contains("would go back"));
}

fn looks(server: &PrivateServer) {
    let at = |id| look(&server.url(), Some(id), &silent());
    assert_eq!(at(31).unwrap(), None);
    let (_control, link) = started(server, 31, "looks", 2);
    assert_eq!(at(31).unwrap(), Some(ts(0)));
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 1).unwrap();
    worker.begin().unwrap();
    slot.write(&mut worker, 1, &Record::List(vec![ts(30)]), ts(12)).unwrap();
    worker.commit().unwrap();
    assert_eq!(at(31).unwrap(), Some(ts(12)));
    assert_eq!(taken(server, 31, "looks", 2).1.position, Some(ts(12)));
    let _other = started(server, 31, "looks too", 0);
    let text = words(&at(31).unwrap_err());
    assert!(
        text.contains(&format!("cluster 31, link `looks` at {}; cluster 31, link `looks too` at", ts(12))),
        "{text}"
    );
}

fn named_locks(server: &PrivateServer) {
    let (control, link) = started(server, 3, "named_locks", 1);
    let mut looker = session(server);
    let (name, id) = (link.control_lock(), control.connection_id());
    assert!(name.len() <= 64);
    assert_eq!(locks::holder(&mut looker, &name).unwrap(), locks::Holder::Session(Some(id)));
    assert!(!locks::hold(&mut looker, &name).unwrap());
    let waited = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(control);
    });
    assert!(locks::wait_until_free(&mut looker, &name, "the old session", &Stop::default(), &silent()).unwrap());
    waited.join().unwrap();
    assert_eq!(locks::holder(&mut looker, &name).unwrap(), locks::Holder::Nobody);
    // A control session that comes back ends the one before it.
    let (mut first, mut second) = (session(server), session(server));
    link.hold(&mut first).unwrap();
    link.hold(&mut second).unwrap();
    assert!(first.run("DO 1").is_err());
    link.hold(&mut second).unwrap();
    second.run("DO 1").unwrap();
    let stop = Stop::default();
    stop.request();
    let failed = locks::wait_until_free(&mut looker, &name, "the old session", &stop, &silent());
    let held = locks::holder(&mut looker, &name).unwrap();
    assert_eq!(matches!(held, locks::Holder::Session(_)), failed.is_err());
}

fn another_cluster(server: &PrivateServer) {
    let _first = started(server, 3, "another_cluster", 1);
    let error = take(&mut session(server), 33, "another_cluster", 1, &silent()).unwrap_err();
    assert_eq!(exit_code(&error), 4);
    let text = words(&error);
    assert!(text.contains("link `another_cluster` on the target belongs to cluster 3"), "{text}");
    let error = take(&mut session(server), 3, &"x".repeat(65), 1, &silent()).unwrap_err();
    assert_eq!(exit_code(&error), 2);
}
