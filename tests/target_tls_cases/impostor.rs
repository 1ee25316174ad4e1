//! A server of the test's own that speaks the beginning of MySQL's protocol, and keeps all that it is told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Of a key that belongs to no server: only who has its other half could read what is encrypted with it.
const PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAhQ/60Ltm6UINYyrBja+B\n\
P3eeKwn+lDrR1zXSdHuk+CFann9xYko6Beydh50FLYWrkrFxWvB55sn+JXgtys2J\n\
bIz22VCcFXBhCmJL6+fTLxrnptU0rE0wIuKxyN5UvSXhZv+K1HPcMAJWlmWJDGMv\n\
EUcPFaDBQhN9P1WoNsr/1UWb7HWIPxCrR4ywkxrSN9lzJYWqYc5nNrkVFXzrd3MQ\n\
iVxzb9O/N+ASfGM07kKtxngmJU7jxGHZ+f1eWzopxAVxSFMztqFJqC2r8ZuQ6Q2K\n\
FtN4Di5fGO6tIHhQ2bm/0KZB7GvvIolP2ab0IhH/Zl41C0CCCAT1cPNO9T8gXiua\n\
FwIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

const CLIENT_SSL: u32 = 0x0800;
/// Protocol 4.1, transactions, secure connection, plugins.
const USUAL: u32 = 0x0000_0200 | 0x0000_2000 | 0x0000_8000 | 0x0008_0000 | 0x0001_0000;

/// What it pretends to be, and what it asks for.
#[derive(Clone, Copy)]
pub(crate) enum Asks {
    /// The password itself, encrypted with its own key.
    FullAuthentication,
    /// The password as it is.
    Clear,
    /// Nothing: it offers TLS, and refuses each version of it that there still is.
    OldTls,
}

pub(crate) struct Impostor {
    pub(crate) port: u16,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Impostor {
    pub(crate) fn start(version: &'static str, asks: Asks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let told = Arc::new(Mutex::new(Vec::new()));
        let keeps = told.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = serve(stream, version, asks, &keeps);
            }
        });
        Self { port, told }
    }

    /// What clients said, packet by packet, since the last time; without the word that they go.
    pub(crate) fn told(&self) -> Vec<Vec<u8>> {
        let mut told = std::mem::take(&mut *self.told.lock().expect("no thread panicked"));
        told.retain(|packet| *packet != [1]);
        told
    }
}

fn serve(mut stream: TcpStream, version: &str, asks: Asks, told: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let plugin: &[u8] = match asks {
        Asks::FullAuthentication => b"caching_sha2_password",
        Asks::Clear | Asks::OldTls => b"mysql_native_password",
    };
    let capabilities = USUAL | if matches!(asks, Asks::OldTls) { CLIENT_SSL } else { 0 };
    send(&mut stream, 0, &greeting(version, capabilities, plugin))?;
    let hears = |stream: &mut TcpStream| {
        let (number, packet) = receive(stream)?;
        told.lock().expect("no thread panicked").push(packet.clone());
        Ok::<_, std::io::Error>((number, packet))
    };
    let (number, _) = hears(&mut stream)?;
    match asks {
        Asks::FullAuthentication => {
            send(&mut stream, number + 1, &[1, 4])?;
            let (number, packet) = hears(&mut stream)?;
            if packet == [2] {
                send(&mut stream, number + 1, &[b"\x01", PUBLIC_KEY.as_bytes()].concat())?;
                hears(&mut stream)?;
            }
        }
        Asks::Clear => {
            send(&mut stream, number + 1, b"\xfemysql_clear_password\0")?;
            hears(&mut stream)?;
        }
        // The alert of a fatal `protocol_version`.
        Asks::OldTls => stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70])?,
    }
    Ok(())
}

fn greeting(version: &str, capabilities: u32, plugin: &[u8]) -> Vec<u8> {
    let [low, high] = [capabilities.to_le_bytes()[..2].to_vec(), capabilities.to_le_bytes()[2..].to_vec()];
    [
        b"\x0a",
        version.as_bytes(),
        b"\0",
        &7_u32.to_le_bytes(),
        b"abcdefgh\0",
        &low,
        &[45],
        &[2, 0],
        &high,
        &[21],
        &[0; 10],
        b"ijklmnopqrst\0",
        plugin,
        b"\0",
    ]
    .concat()
}

fn send(stream: &mut TcpStream, number: u8, packet: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(packet.len()).expect("short").to_le_bytes();
    stream.write_all(&[&length[..3], &[number], packet].concat())
}

fn receive(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut packet = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    stream.read_exact(&mut packet)?;
    Ok((head[3], packet))
}
