//! Tests of the listener: callers that take more than their share, and who may change the run.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Stream};
use std::sync::atomic::AtomicU32;

use axum::routing::get;
use tokio::runtime::Runtime;

use super::*;

#[allow(dead_code)]
#[path = "../../tests/common/certificates.rs"]
mod certificates;

const SHORT: Limits = Limits {
    head: Duration::from_millis(150),
    request: Duration::from_millis(300),
    idle: Duration::from_millis(400),
    look: Duration::from_millis(10),
};

/// A port where `/` tells whether the caller has shown a certificate, and `/never` never answers.
fn opened(security: &Security, limits: Limits) -> (Runtime, SocketAddr, Arc<AtomicU32>) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&asked);
    let router = Router::new()
        .route("/", get(|Extension(caller): Extension<Caller>| async move { caller.certified.to_string() }))
        .route(
            "/never",
            get(move || {
                counts.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<String>()
            }),
        );
    let acceptor = tls(security).unwrap();
    runtime.spawn(open(listener, acceptor, router, limits));
    (runtime, address, asked)
}

/// What arrives until the other side closes the connection.
fn rest(mut stream: Stream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(e) if e.kind() != std::io::ErrorKind::ConnectionReset => panic!("it stays open: {e}"),
        _ => String::from_utf8(bytes).unwrap(),
    }
}

#[test]
fn one_caller_cannot_take_all_places() {
    let guests = Arc::new(Guests::default());
    let ip = |n: u8| IpAddr::from([10, 0, 0, n]);
    let mut inside: Vec<Guest> = (0..MOST_OF_ONE).map(|_| guests.admit(ip(1)).unwrap()).collect();
    assert!(guests.admit(ip(1)).is_none(), "one of them has its share");
    for n in 2..=4 {
        inside.extend((0..MOST_OF_ONE).map(|_| guests.admit(ip(n)).unwrap()));
    }
    assert!(guests.admit(ip(5)).is_none(), "all are taken");
    inside.pop();
    assert!(guests.admit(ip(5)).is_some());
    drop(inside);
    assert!(guests.0.lock().is_empty());
}

#[test]
fn connections_above_the_bound_are_closed_and_those_below_are_served() {
    let (_runtime, address, _) = opened(&Security::default(), Limits::default());
    let mut inside: Vec<Stream> = (0..MOST_OF_ONE).map(|_| Stream::connect(address).unwrap()).collect();
    for _ in 0..20 {
        assert_eq!(rest(Stream::connect(address).unwrap()), "");
    }
    let mut one = inside.pop().unwrap();
    one.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    assert!(rest(one).ends_with("\r\n\r\nfalse"));
}

#[test]
fn who_says_nothing_or_too_little_is_sent_away() {
    let (_runtime, address, asked) = opened(&Security::default(), SHORT);
    for said in [&b""[..], b"GET / HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = Stream::connect(address).unwrap();
        stream.write_all(said).unwrap();
        let answer = rest(stream);
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // A caller that was answered and sends no further request.
    let mut stream = Stream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(rest(stream).contains("200 OK"));
    // A request does not take for ever either.
    let mut stream = Stream::connect(address).unwrap();
    stream.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 408 ") && asked.load(Ordering::SeqCst) == 1, "{answer}");
}

#[test]
fn who_may_change_the_run() {
    let caller = |ip: &str, certified| Caller { ip: ip.parse().unwrap(), certified }.may_change();
    assert!(caller("127.0.0.1", false) && caller("::1", false) && caller("::ffff:127.0.0.2", false));
    assert!(!caller("10.0.0.1", false) && !caller("::ffff:10.0.0.1", false) && caller("10.0.0.1", true));
}

#[test]
fn a_certificate_is_asked_for_and_only_the_clusters_counts() {
    if !certificates::possible() {
        eprintln!("SKIPPED: there is no `openssl` to make certificates with");
        return;
    }
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates::make(ours.path());
    certificates::make(other.path());
    let files = |authority: &Path, own: Option<&Path>| Security {
        ca: Some(authority.join("ca.pem")),
        cert: own.map(|dir| dir.join("cert.pem")),
        key: own.map(|dir| dir.join("key.pem")),
    };
    let (_runtime, address, _) = opened(&files(ours.path(), Some(ours.path())), Limits::default());
    let ask = |security: &Security| {
        let url = format!("https://{address}/");
        let answer = security.agent(Duration::from_secs(20)).unwrap().get(&url).call();
        answer.map(|mut answer| answer.body_mut().read_to_string().unwrap())
    };
    assert_eq!(ask(&files(ours.path(), Some(ours.path()))).unwrap(), "true");
    assert_eq!(ask(&files(ours.path(), None)).unwrap(), "false");
    assert!(ask(&files(ours.path(), Some(other.path()))).is_err(), "of another authority");
}
