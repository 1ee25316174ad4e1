//! The history over HTTP, from a tiny server that answers as TiDB's status port does.

#![allow(clippy::unwrap_used, reason = "a test: a panic is its answer")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use tisync::schema::{History, HttpHistory};

type Handler = dyn Fn(&str) -> (u16, String) + Send + Sync;

/// Serves until the test ends; gives its address and the paths that it was asked for.
fn serve(handler: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, handler): (_, Arc<Handler>) = (Arc::clone(&asked), Arc::new(handler));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(request) = lines.next() else { continue };
            for line in lines {
                // What is sent packed may be a thousand times as large.
                assert!(!line.to_lowercase().starts_with("accept-encoding"), "{line}");
                if line.is_empty() {
                    break;
                }
            }
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let (status, body) = handler(&path);
            log.lock().unwrap().push(path);
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    (address, asked)
}

/// An address that nobody listens on.
fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn jobs(ids: impl Iterator<Item = i64>) -> String {
    let job =
        |id: i64| format!(r#"{{"id":{id},"type":3,"state":6,"raw_args":null,"binlog":{{"SchemaVersion":{id}}}}}"#);
    format!("[{}]", ids.map(job).collect::<Vec<_>>().join(","))
}

fn number(path: &str, name: &str) -> Option<i64> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// A newer TiDB with jobs 2, 4, ..., 2 * `count`: pages that descend, at most 2,048 of them.
fn paging(count: i64) -> impl Fn(&str) -> (u16, String) {
    move |path| {
        let limit = number(path, "limit").unwrap_or(2048);
        if !(1..=2048).contains(&limit) {
            return (400, "limit must be in 1..2048".to_owned());
        }
        let from = number(path, "start_job_id").unwrap_or(i64::MAX);
        let ids = (1..=count).rev().map(|n| n * 2).filter(move |id| *id <= from);
        (200, jobs(ids.take(usize::try_from(limit).unwrap())))
    }
}

fn ids(history: &HttpHistory) -> Vec<i64> {
    history.all().unwrap().iter().map(|j| j.id).collect()
}

#[test]
fn all_pages_behind_a_dead_address() {
    for count in [0, 1, 1023, 1024, 1025, 3000] {
        let (address, asked) = serve(paging(count));
        let history = HttpHistory::new(vec![dead(), address]);
        assert_eq!(ids(&history), (1..=count).map(|n| n * 2).collect::<Vec<_>>(), "{count} jobs");
        assert!(asked.lock().unwrap().iter().all(|p| p.contains("limit=1024")), "{asked:?}");
    }
}

#[test]
fn one_job_or_none_yet() {
    let (address, asked) = serve(paging(3000));
    let history = HttpHistory::new(vec![address]);
    assert_eq!(history.job(4000).unwrap().unwrap().id, 4000);
    assert!(history.job(4001).unwrap().is_none());
    assert!(history.job(9999).unwrap().is_none());
    assert_eq!(asked.lock().unwrap()[0], "/ddl/history?start_job_id=4000&limit=1");
    assert_eq!(asked.lock().unwrap().len(), 3, "one question each");
}

#[test]
fn only_what_is_new() {
    let (address, asked) = serve(paging(3000));
    let history = HttpHistory::new(vec![address]);
    let mut new: Vec<i64> = history.recent(&|id| id < 5990 || id == 5998).unwrap().iter().map(|j| j.id).collect();
    new.sort_unstable();
    assert_eq!(new, [5990, 5992, 5994, 5996, 6000]);
    assert!(asked.lock().unwrap().len() <= 2, "{asked:?}");
}

/// An old TiDB: `start_job_id` is ignored, or refused; without parameters it gives everything, ascending.
#[test]
fn old_servers_give_everything_at_once() {
    for refuses in [false, true] {
        let (address, _) = serve(move |path| match (number(path, "limit"), number(path, "start_job_id")) {
            (None, _) => (200, jobs(1..=1500)),
            (Some(_), Some(_)) if refuses => (400, "unknown parameter".to_owned()),
            (Some(limit), _) => (200, jobs((1501 - limit..=1500).rev())),
        });
        let history = HttpHistory::new(vec![address]);
        assert_eq!(ids(&history), (1..=1500).collect::<Vec<_>>(), "refuses: {refuses}");
        assert_eq!(history.job(3).unwrap().unwrap().id, 3);
        assert!(history.job(1501).unwrap().is_none());
    }
}

#[test]
fn the_current_schema() {
    let (address, asked) = serve(|path| {
        match path {
        "/schema" => (
            200,
            r#"[{"id":2,"db_name":{"O":"a b","L":"a b"},"state":5},{"id":3,"db_name":{"O":"gone","L":"gone"},"state":5},
                {"id":4,"db_name":{"O":"empty","L":"empty"},"state":5},
                {"id":4611686018427387905,"db_name":{"O":"INFORMATION_SCHEMA","L":"information_schema"},"state":0}]"#
                .to_owned(),
        ),
        "/schema/a%20b" => (200, r#"[{"id":9223372036854775807,"name":"old","cols":null}]"#.to_owned()),
        "/schema/empty" => (200, "null".to_owned()),
        _ => (400, "[schema:1049]Unknown database 'gone'".to_owned()),
    }
    });
    let snapshot = HttpHistory::new(vec![address]).current().unwrap().unwrap();
    let shape: Vec<(&str, usize)> = snapshot.databases.iter().map(|(d, t)| (d.name.0.as_str(), t.len())).collect();
    assert_eq!(shape, [("a b", 1), ("empty", 0)]);
    assert_eq!(snapshot.databases[0].1[0].id, i64::MAX, "64 bits, exactly");
    assert_eq!(snapshot.databases[0].1[0].name.0, "old");
    assert_eq!(asked.lock().unwrap().len(), 4, "built-in views of the server are not asked for");
}

#[test]
fn errors_name_every_address() {
    let (ill, _) = serve(|_| (500, "shutting down".to_owned()));
    let (well, _) = serve(paging(3));
    assert_eq!(ids(&HttpHistory::new(vec![ill.clone(), well])).len(), 3, "the next one is asked");
    let nobody = dead();
    let error = HttpHistory::new(vec![nobody.clone(), ill.clone()]).all().unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains(&nobody) && text.contains(&ill) && text.contains("shutting down"), "{text}");
    assert!(!tisync::error::fault(&error).unwrap().hint.is_empty());
    assert!(HttpHistory::new(Vec::new()).all().unwrap_err().to_string().contains("no address"));
    let (refuses, _) = serve(|_| (400, "no such thing".to_owned()));
    let error = HttpHistory::new(vec![refuses]).all().unwrap_err();
    assert!(error.to_string().contains("no such thing"), "{error}");
    let (garbage, _) = serve(|_| (200, "<html>".to_owned()));
    assert!(HttpHistory::new(vec![garbage]).all().unwrap_err().to_string().contains("/ddl/history"));
}
