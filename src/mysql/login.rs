//! Connects and logs in: which transports may carry a password, credentials, option files.
//!
//! A password may travel over TLS, a Unix socket, or within this machine. A host in between, or one
//! that answers in place of the target, can ask for the password itself (a MySQL server may do so,
//! and sends the key to encrypt it with). So a login with a password sends nothing of it over a
//! plain connection to another machine unless the operator allows it.
//!
//! The other parts of this file, in order:
//! - What every connection to a target has besides its address.
//! - A password that no message can show.
//! - MySQL's option files: user and password of their `[client]` group.

use std::fmt;
use std::io::Read as _;
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Error, Result};
use mysql::prelude::Queryable as _;
use mysql::{Conn, DriverError};

use super::address::{SslMode, Target};
use super::answer::{Answers as _, guarded, has_password, no_password};
use super::error::{Class, classify, explain, explain_as};
use super::server::Server;
use crate::error::{Fault, Kind};

/// The smallest limit for a statement that a server can have; enough to query the actual one.
const LEAST_PACKET: usize = 1024;
/// How long to wait for the greeting that tells which server it is.
const GREETING: Duration = Duration::from_secs(5);

/// The hint if a password would be sent without TLS.
const WAYS: &str = "turn on TLS there (ssl_cert and ssl_key; MySQL 8.0 and MariaDB 11.4 and later have it by default), \
    or use a Unix socket (?socket=…) or a tunnel that ends on this machine; if you trust the network, \
    --allow-plain-password (in an address: allow-plain-password=yes) sends the password without TLS";

/// Whether `host` is this machine, even without a network.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Why there is no connection.
enum Refusal {
    /// The error of the server or the driver.
    Said(mysql::Error),
    /// We do not continue with this server.
    Ours(Fault),
}

impl From<mysql::Error> for Refusal {
    fn from(error: mysql::Error) -> Self {
        Self::Said(error)
    }
}

/// Opens a connection, logged in.
///
/// # Errors
/// If the target cannot be reached, refuses the account, or a password would be sent over a plain
/// connection.
pub(crate) fn connect(target: &Target) -> Result<Conn> {
    let made = match connect_as(target, None) {
        // The driver's own query was answered without a row: the server's default limits results to
        // 0 rows.
        Err(Refusal::Said(mysql::Error::DriverError(DriverError::SetupError))) => {
            ask_packet(target).and_then(|packet| connect_as(target, Some(packet)))
        }
        other => other,
    };
    made.map_err(|refusal| explained(target, refusal))
}

fn ask_packet(target: &Target) -> Result<usize, Refusal> {
    let mut first = connect_as(target, Some(LEAST_PACKET))?;
    first.query_drop("SET SESSION sql_select_limit = 18446744073709551615")?;
    let packet: Option<usize> = first.one("SELECT @@max_allowed_packet")?;
    Ok(packet.unwrap_or(LEAST_PACKET))
}

/// `packet` is the largest statement that the server accepts, if known; otherwise the driver
/// queries it.
fn connect_as(target: &Target, packet: Option<usize>) -> Result<Conn, Refusal> {
    let protected = || connect_in_time(target, true, packet);
    let plain = || match connect_in_time(target, false, packet) {
        Err(error) if wants_the_password(&error) => Err(Refusal::Ours(asked_for_it(target))),
        other => Ok(other?),
    };
    match target.ssl_mode {
        SslMode::Disabled if target.keeps_password() => Err(Refusal::Ours(disabled(target))),
        SslMode::Disabled => plain(),
        SslMode::OnDemand => on_demand(target, packet),
        mode => match protected() {
            Err(mysql::Error::DriverError(DriverError::TlsNotSupported)) => {
                if mode == SslMode::Preferred && !target.keeps_password() {
                    return plain();
                }
                Err(Refusal::Ours(no_tls(target)))
            }
            other => Ok(other?),
        },
    }
}

/// For this machine: without TLS, unless the server, the account or the authentication requires it.
fn on_demand(target: &Target, packet: Option<usize>) -> Result<Conn, Refusal> {
    let plain = match connect_in_time(target, false, packet) {
        Err(error) if asks_for_tls(&error) || wants_the_password(&error) => error,
        other => return Ok(other?),
    };
    match connect_in_time(target, true, packet) {
        // If the server has no TLS, its answer to a connection without TLS is the relevant one.
        Err(error) if classify(&error) == Class::Connection => {
            Err(if wants_the_password(&plain) { Refusal::Ours(asked_for_it(target)) } else { Refusal::Said(plain) })
        }
        other => Ok(other?),
    }
}

/// Whether a login may have failed because it was not encrypted. For an account with REQUIRE SSL,
/// the server only says that access is denied.
fn asks_for_tls(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::MySqlError(e) if matches!(e.code, 3159 | 1045))
}

/// Whether the server asked for the password itself over a plain connection, and did not get it:
/// see [`Target::options`].
fn wants_the_password(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::IoError(e) if e.kind() == std::io::ErrorKind::InvalidInput)
}

/// Connects within a time limit. A server that hangs accepts a connection and sends nothing: the
/// driver, which has to wait for DDL without a limit, would wait for that as well.
fn connect_in_time(target: &Target, tls: bool, packet: Option<usize>) -> mysql::Result<Conn> {
    let limit = target.handshake_limit();
    let options = target.options(tls).max_allowed_packet(packet);
    let (made, comes) = crossbeam_channel::bounded(1);
    // A late connection is received by no one, and is closed there.
    std::thread::Builder::new().name("connect".to_owned()).spawn(move || made.send(guarded(|| Conn::new(options))))?;
    let late = |_| mysql::Error::IoError(std::io::Error::from(std::io::ErrorKind::WouldBlock));
    match comes.recv_timeout(limit).map_err(late).flatten() {
        // The driver's code for MariaDB's `parsec` requires a password.
        Err(mysql::Error::DriverError(DriverError::UnexpectedPacket)) if !has_password(target) => {
            Err(no_password(target))
        }
        other => other,
    }
}

fn explained(target: &Target, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Ours(fault) => fault.into(),
        Refusal::Said(error) if speaks_no_tls_of_ours(&error) => explain_as(&error, old_tls(target)),
        Refusal::Said(error) => explain(&error, format!("cannot connect to the target {}", target.name())),
    }
}

/// Whether both sides have TLS, but no common version or cipher.
fn speaks_no_tls_of_ours(error: &mysql::Error) -> bool {
    use rustls::AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    let error = match error {
        mysql::Error::IoError(error) => Some(error),
        mysql::Error::CodecError(e) => std::error::Error::source(e).and_then(|cause| cause.downcast_ref()),
        _ => None,
    };
    match error
        .and_then(|error: &std::io::Error| error.get_ref())
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::AlertReceived(alert)) => {
            matches!(alert, HandshakeFailure | InsufficientSecurity | ProtocolVersion)
        }
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::InvalidMessage(_)) => true,
        _ => false,
    }
}

fn cannot(target: &Target) -> String {
    format!("cannot log in to the target {}", target.name())
}

fn no_tls(target: &Target) -> Fault {
    let why = match target.ssl_mode {
        SslMode::Preferred => "a password is sent only over TLS, a Unix socket or to this machine".to_owned(),
        mode => format!("ssl-mode={mode} requires it"),
    };
    Fault::connect(format!("{}: {} offers no TLS, and {why}", cannot(target), kind(target))).hint(WAYS)
}

fn asked_for_it(target: &Target) -> Fault {
    let message = match target.ssl_mode {
        SslMode::Disabled => format!("without TLS (ssl-mode=disabled) {} asks for the plain password", kind(target)),
        _ => format!("{} offers no TLS, and asks for the plain password", kind(target)),
    };
    let off = if target.ssl_mode == SslMode::Disabled { "remove ssl-mode=disabled; " } else { "" };
    Fault::connect(format!("{}: {message}", cannot(target))).hint(format!("{off}{WAYS}"))
}

fn disabled(target: &Target) -> Fault {
    let message = format!(
        "{}: with ssl-mode=disabled its password would be sent to another machine in plain text",
        cannot(target)
    );
    Fault::new(Kind::Usage, message).hint(format!("remove ssl-mode=disabled; otherwise {WAYS}"))
}

fn old_tls(target: &Target) -> Fault {
    Fault::connect(format!("{}: {} only supports TLS older than 1.2", cannot(target), kind(target))).hint(
        "that is no longer secure: upgrade the server, or use a Unix socket (?socket=…) or a tunnel that ends on this \
         machine, with ssl-mode=disabled; if you trust the network, use ssl-mode=disabled with --allow-plain-password",
    )
}

/// The kind of server, as far as its greeting tells.
fn kind(target: &Target) -> String {
    let version = if target.socket.is_some() { None } else { greeting(&target.host, target.port).ok().flatten() };
    version.map_or("the server".to_owned(), |text| Server::read(text, None, 0).to_string())
}

/// The version in a server's greeting, which any client gets that connects.
fn greeting(host: &str, port: u16) -> std::io::Result<Option<String>> {
    let Some(address) = (host, port).to_socket_addrs()?.next() else { return Ok(None) };
    let stream = TcpStream::connect_timeout(&address, GREETING)?;
    stream.set_read_timeout(Some(GREETING))?;
    // Length, number, protocol 10, and the version up to a zero.
    let mut bytes = Vec::new();
    let mut from = stream.take(256);
    while bytes.len() < 256 && !bytes.iter().skip(5).any(|b| *b == 0) {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        bytes.extend(byte);
    }
    let version = bytes.get(5..bytes.len().saturating_sub(1)).filter(|_| bytes.get(4) == Some(&10));
    Ok(version.map(|text| String::from_utf8_lossy(text).into_owned()))
}

/// Settings of all connections to a target, besides its address. By default there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The password, if the address has none.
    pub password: Option<Secret>,
    /// Session variables, set in this order after all others; the values are written unchanged,
    /// without quotes.
    pub variables: Vec<(String, String)>,
    /// Names of additional SQL modes, for the way in which the target parses DDL.
    pub sql_mode: Vec<String>,
    /// How long an answer may take before the connection counts as lost; 60 s if `None`. DDL has no
    /// limit.
    pub read_timeout: Option<Duration>,
    /// Whether a password may be sent to another machine without TLS.
    pub allow_plain_password: bool,
}

/// A secret text. Its `Debug` and `Display` show only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the login only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Whether other users than its owner may read the file at `path`.
#[must_use]
pub fn open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o044 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// The warning for a file with a password that others may read.
#[must_use]
pub fn told_of(path: &Path) -> String {
    format!("others can read {}, which contains a password: `chmod 600` it", path.display())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The account in an option file.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
}

/// Parses the option file at `path`.
pub(crate) fn read(path: &Path) -> Result<Account> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Fault::usage(format!("cannot read the MySQL option file {}: {e}", path.display()))
            .hint("check the path of defaults-file= and its permissions")
    })?;
    Ok(parse(&text))
}

/// `~/.my.cnf`, if it can be read.
pub(crate) fn of_home() -> Option<Account> {
    let path = PathBuf::from(std::env::var_os("HOME")?).join(".my.cnf");
    Some(parse(&std::fs::read_to_string(path).ok()?))
}

fn parse(text: &str) -> Account {
    let mut account = Account::default();
    let mut client = false;
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[') {
            client = group.trim_end().strip_suffix(']').is_some_and(|g| g.trim() == "client");
        } else if client && let Some((name, value)) = line.split_once('=') {
            match name.trim() {
                "user" => account.user = Some(unquote(value)),
                "password" => account.password = Some(Secret::new(unquote(value))),
                _ => {}
            }
        }
    }
    account
}

/// The value without its quotes or, if it has none, without a comment after it.
fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote)
            && let Some(end) = inner.find(quote)
        {
            return inner.get(..end).unwrap_or_default().to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}
