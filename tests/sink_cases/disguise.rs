//! A server that passes for another one: a proxy that rewrites what clients ask, and the number of their connection in its greeting.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server gets instead of a statement; `None` leaves it as it is.
type Rewrite = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub struct Disguise {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Disguise {
    /// In front of the server on port `server`, until the test ends.
    pub fn start(server: u16, rewrite: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (all, rewrite): (_, Rewrite) = (asked.clone(), Arc::new(rewrite));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || answers(ends.1, ends.0));
                let (all, rewrite) = (all.clone(), rewrite.clone());
                thread::spawn(move || questions(client, server, &all, &rewrite));
            }
        });
        Self { port, asked }
    }

    /// One that says that it is a TiDB of this version.
    pub fn tidb(server: u16, version: &str) -> Self {
        let told = format!("SELECT 'Release Version: {version}\\nEdition: Community\\nStore: tikv'");
        Self::start(server, move |sql| sql.contains("TIDB_VERSION()").then(|| told.clone()))
    }

    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/?ssl-mode=disabled", self.port)
    }

    /// How many statements had `part` in them.
    pub fn asked(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|sql| sql.contains(part)).count()
    }
}

/// One packet with its number; `None` at the end of the stream.
fn packet(from: &mut TcpStream) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut payload = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    from.read_exact(&mut payload)?;
    Ok(Some((head[3], payload)))
}

fn send(to: &mut TcpStream, number: u8, payload: &[u8]) -> io::Result<()> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_le_bytes();
    bytes[3] = number;
    to.write_all(&[&bytes, payload].concat())
}

/// An end of either side ends both.
fn questions(mut client: TcpStream, mut server: TcpStream, asked: &Mutex<Vec<String>>, rewrite: &Rewrite) {
    const QUERY: u8 = 3;
    while let Ok(Some((number, mut payload))) = packet(&mut client) {
        if payload.first() == Some(&QUERY) {
            let sql = String::from_utf8_lossy(&payload[1..]).into_owned();
            if let Some(other) = rewrite(&sql) {
                payload = [&[QUERY], other.as_bytes()].concat();
            }
            asked.lock().unwrap().push(sql);
        }
        if send(&mut server, number, &payload).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

fn answers(mut server: TcpStream, mut client: TcpStream) {
    if let Ok(Some((number, mut greeting))) = packet(&mut server) {
        // Behind the protocol's version and the text of the server's: 32 bits of what may have 64.
        if let Some(end) = greeting.iter().position(|b| *b == 0).filter(|_| greeting[0] == 10) {
            greeting[end + 4] ^= 0x40;
        }
        if send(&mut client, number, &greeting).is_ok() {
            let _ = io::copy(&mut server, &mut client);
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}
