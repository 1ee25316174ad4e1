//! Parses a target address, `mysql://user@host:port/?ssl-mode=…`, into connection options.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use mysql::consts::CapabilityFlags;
use mysql::{ClientIdentity, OptsBuilder, SslOpts};
use percent_encoding::percent_decode_str;

use super::login;
use super::login::Connection;
use super::login::is_this_machine;
use super::login::{Secret, open_to_others, told_of};
use super::server::ServerCache;
use crate::error::Fault;
use crate::error::nearest;
use crate::event::{Event, Events};

/// The environment variable that may hold the password.
pub const PASSWORD_VARIABLE: &str = "TISYNC_TARGET_PASSWORD";

/// How long one attempt to connect may take, unless `connect-timeout` is set.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take, unless `read-timeout` is set; DDL has no limit.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the server may take for its greeting and the login, besides the time to connect.
const LOGIN_LIMIT: Duration = Duration::from_secs(20);

/// The parameters of an address.
const PARAMETERS: [&str; 9] = [
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "socket",
    "connect-timeout",
    "password-file",
    "defaults-file",
    "allow-plain-password",
];

/// A path that no file can have. The driver reads a server's key from there, with which it encrypts
/// a password over a plain connection, and so it does not ask the server for one.
const NO_SERVER_KEY: &str = "\0";

/// How the connection is protected; the names are those of the MySQL client, with the same meaning.
/// A given authority is checked in each mode with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Plain.
    Disabled,
    /// TLS if the server or the account requires it: the default for this machine.
    OnDemand,
    /// TLS if the server offers it, without a check who answers: the default for other machines
    /// than this one. Without TLS a password is sent only as [`Target::keeps_password`] says.
    Preferred,
    /// TLS, without a check who answers.
    Required,
    /// TLS, with a certificate signed by the given authority.
    VerifyCa,
    /// TLS, with a certificate for the host that is signed by the given authority or, if none is
    /// given, by a public one.
    VerifyIdentity,
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::OnDemand | Self::Preferred => "preferred",
            Self::Required => "required",
            Self::VerifyCa => "verify-ca",
            Self::VerifyIdentity => "verify-identity",
        })
    }
}

/// A parsed address with everything that a connection needs.
#[derive(Clone, Debug)]
pub struct Target {
    /// The account.
    pub user: String,
    /// Its password, if there is one.
    pub password: Option<Secret>,
    /// Host name or address; an IPv6 address without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// A Unix socket, used instead of host and port.
    pub socket: Option<String>,
    /// Protection of the connection.
    pub ssl_mode: SslMode,
    ssl_ca: Option<PathBuf>,
    ssl_cert: Option<PathBuf>,
    ssl_key: Option<PathBuf>,
    connect_timeout: Duration,
    connection: Connection,
    /// Shared by all copies: what one session found out, the others need not query.
    known: ServerCache,
}

/// The raw parts of an address.
#[derive(Default)]
struct Parts {
    user: Option<String>,
    password: Option<Secret>,
    host: String,
    port: Option<u16>,
    parameters: Vec<(String, String)>,
}

impl Target {
    /// Parses `address` and finds the password: in the address (with a warning), in
    /// `password-file`, in `defaults-file`, in `TISYNC_TARGET_PASSWORD`, in `~/.my.cnf`, in this
    /// order.
    ///
    /// # Errors
    /// A usage fault if the address cannot be read; it never repeats a password.
    pub fn parse(address: &str, events: &Events) -> Result<Self> {
        Self::parse_with(address, &Connection::default(), events)
    }

    /// Like [`parse`](Self::parse); the password of `connection` comes right after that of the
    /// address.
    ///
    /// # Errors
    /// A usage fault if the address cannot be read; it never repeats a password.
    pub fn parse_with(address: &str, connection: &Connection, events: &Events) -> Result<Self> {
        let Parts { user, mut password, host, port, parameters } = split(address)?;
        if password.is_some() {
            events(Event::Warning(format!(
                "the password is part of the target's address, where others can read it: better use \
                 {PASSWORD_VARIABLE}, password-file= or ~/.my.cnf"
            )));
        }
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let mut option_user = None;
        password = password.or_else(|| connection.password.clone());
        if let (None, Some(path)) = (&password, get("password-file")) {
            password = Some(read_password(Path::new(path))?);
            warn_if_open(path, events);
        }
        if let Some(path) = get("defaults-file") {
            let found = login::read(Path::new(path))?;
            if found.password.is_some() {
                warn_if_open(path, events);
            }
            password = password.or(found.password);
            option_user = found.user;
        }
        if password.is_none() {
            password = std::env::var(PASSWORD_VARIABLE).ok().filter(|p| !p.is_empty()).map(Secret::new);
        }
        if password.is_none()
            && get("defaults-file").is_none()
            && let Some(found) = login::of_home()
        {
            password = found.password;
            option_user = option_user.or(found.user);
        }
        let local = is_this_machine(&host) || get("socket").is_some();
        Ok(Self {
            user: user.or(option_user).unwrap_or_else(|| "root".to_owned()),
            password,
            port: port.unwrap_or(if address.starts_with("tidb:") { 4000 } else { 3306 }),
            socket: get("socket").map(ToOwned::to_owned),
            ssl_mode: ssl_mode(get("ssl-mode"), get("ssl-ca").is_some(), local)?,
            ssl_ca: get("ssl-ca").map(PathBuf::from),
            ssl_cert: get("ssl-cert").map(PathBuf::from),
            ssl_key: get("ssl-key").map(PathBuf::from),
            connect_timeout: timeout(get("connect-timeout"))?,
            host,
            connection: Connection {
                read_timeout: connection.read_timeout.or(Some(READ_TIMEOUT)),
                allow_plain_password: connection.allow_plain_password || yes(get("allow-plain-password"))?,
                ..connection.clone()
            },
            known: ServerCache::default(),
        })
    }

    /// Whether the password must not be sent over a connection without TLS: there is one, and the
    /// connection leaves this machine.
    pub(crate) fn keeps_password(&self) -> bool {
        let has_one = self.password.as_ref().is_some_and(|p| !p.reveal().is_empty());
        let local = self.socket.is_some() || is_this_machine(&self.host);
        has_one && !local && !self.connection.allow_plain_password
    }

    /// Session variables that the operator set.
    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.connection.variables
    }

    /// What earlier sessions found out about the server.
    pub(crate) fn known(&self) -> &ServerCache {
        &self.known
    }

    /// Additional SQL modes that the operator set.
    pub(crate) fn sql_mode(&self) -> &[String] {
        &self.connection.sql_mode
    }

    /// This target without a time limit for answers: for DDL.
    pub(crate) fn patient(&self) -> Self {
        let mut patient = self.clone();
        patient.connection.read_timeout = None;
        patient
    }

    /// This target with a connection that counts as lost if an answer takes longer than `limit`.
    pub(crate) fn answering_within(&self, limit: Duration) -> Self {
        let mut impatient = self.clone();
        impatient.connection.read_timeout = Some(limit);
        impatient
    }

    /// How long an answer may take before the connection counts as lost.
    pub(crate) fn read_timeout(&self) -> Option<Duration> {
        self.connection.read_timeout
    }

    /// How long it may take to connect and log in.
    pub(crate) fn handshake_limit(&self) -> Duration {
        let limit = self.connect_timeout + LOGIN_LIMIT;
        self.connection.read_timeout.map_or(limit, |most| limit.min(self.connect_timeout + most))
    }

    /// Its name in messages: `user@host:port`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.socket {
            Some(socket) => format!("{}@{socket}", self.user),
            None => format!("{}@{}:{}", self.user, self.host, self.port),
        }
    }

    /// The driver's options; `tls` says whether this attempt uses TLS.
    pub(crate) fn options(&self, tls: bool) -> OptsBuilder {
        let ssl = tls.then(|| {
            // A given authority is checked, as MySQL's client does.
            let anyone = self.ssl_ca.is_none() && !matches!(self.ssl_mode, SslMode::VerifyCa | SslMode::VerifyIdentity);
            let mut ssl = SslOpts::default()
                .with_root_cert_path(self.ssl_ca.clone())
                .with_danger_accept_invalid_certs(anyone)
                .with_danger_skip_domain_validation(self.ssl_mode != SslMode::VerifyIdentity);
            if let (Some(cert), Some(key)) = (&self.ssl_cert, &self.ssl_key) {
                ssl = ssl.with_client_identity(Some(ClientIdentity::new(cert.clone(), key.clone())));
            }
            ssl
        });
        OptsBuilder::new()
            .ip_or_hostname(Some(self.host.clone()))
            .tcp_port(self.port)
            .socket(self.socket.clone())
            .prefer_socket(self.socket.is_some())
            .user(Some(self.user.clone()))
            .pass(self.password.as_ref().map(|p| p.reveal().to_owned()))
            .tcp_connect_timeout(Some(self.connect_timeout))
            .read_timeout(self.connection.read_timeout)
            // A server may ask for the password itself, encrypted with a key that it sends: over a
            // plain connection that key may be an attacker's.
            .server_key_path((!self.connection.allow_plain_password).then(|| PathBuf::from(NO_SERVER_KEY)))
            // A target that has vanished is noticed within a minute, whichever side is to send
            // next.
            .tcp_keepalive_time_ms(Some(30_000))
            .tcp_keepalive_probe_interval_secs(Some(10))
            .tcp_keepalive_probe_count(Some(3))
            .tcp_user_timeout_ms(Some(60_000))
            .ssl_opts(ssl)
            // An UPDATE counts the rows that it matched: the number that tells whether they
            // existed.
            .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
    }
}

fn split(address: &str) -> Result<Parts> {
    let usage = |why: &str| {
        Fault::usage(format!("the target's address cannot be read: {why}"))
            .hint("write it as mysql://user@host:3306, with parameters after a `?`, as in ?ssl-mode=required")
    };
    let (scheme, rest) = address.split_once("://").ok_or_else(|| usage("it does not begin with `mysql://`"))?;
    if !matches!(scheme, "mysql" | "mariadb" | "tidb") {
        return Err(usage("it must begin with mysql://, mariadb:// or tidb://").into());
    }
    // A raw `?` or `/` may be part of a badly written password: everything up to the last `@` is
    // the account.
    let (account, rest) = match rest.rsplit_once('@') {
        Some((account, rest)) => (Some(account), rest),
        None => (None, rest),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (place, database) = place.split_once('/').unwrap_or((place, ""));
    if !database.is_empty() {
        return Err(usage("it has a database, but a target is a whole server").into());
    }
    let mut parts = Parts::default();
    if let Some(account) = account {
        let (user, password) = account.split_once(':').map_or((account, None), |(u, p)| (u, Some(p)));
        parts.user = Some(decode(user).ok_or_else(|| usage("its user name is not validly encoded"))?);
        if let Some(password) = password {
            let text = decode(password).ok_or_else(|| usage("its password is not validly encoded"))?;
            parts.password = Some(Secret::new(text));
        }
    }
    let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(h, p)| (h, Some(p))),
    };
    parts.host = if host.is_empty() { "127.0.0.1".to_owned() } else { host.to_owned() };
    if let Some(port) = port {
        parts.port = Some(port.parse().map_err(|_| usage("its port is not a number up to 65535"))?);
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !PARAMETERS.contains(&name) {
            return Err(unknown(name).into());
        }
        let value = decode(value).ok_or_else(|| usage("a parameter is not validly encoded"))?;
        parts.parameters.push((name.to_owned(), value));
    }
    Ok(parts)
}

fn unknown(name: &str) -> Fault {
    let fault = Fault::usage(format!("the target's address has an unknown parameter `{name}`"));
    match nearest(name, PARAMETERS) {
        Some(p) => fault.hint(format!("did you mean `{p}`?")),
        None => fault.hint(format!("known parameters: {}", PARAMETERS.join(", "))),
    }
}

/// Percent-decoded `text`; `None` if it is malformed.
fn decode(text: &str) -> Option<String> {
    let is_code = |after: &str| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    text.split('%').skip(1).all(is_code).then(|| decoded.into_owned())
}

fn yes(text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("no" | "false" | "0") => Ok(false),
        Some("" | "yes" | "true" | "1") => Ok(true),
        Some(other) => Err(Fault::usage(format!("invalid allow-plain-password `{other}` for the target"))
            .hint("use yes or no")
            .into()),
    }
}

fn ssl_mode(name: Option<&str>, has_ca: bool, local: bool) -> Result<SslMode> {
    Ok(match name {
        Some("verify-ca") if !has_ca => {
            return Err(Fault::usage("the target's ssl-mode is verify-ca, but no CA is given")
                .hint("give its certificate with ssl-ca; or use verify-identity, which knows the public CAs")
                .into());
        }
        None if has_ca => SslMode::VerifyCa,
        None if local => SslMode::OnDemand,
        None | Some("preferred") => SslMode::Preferred,
        Some("disabled") => SslMode::Disabled,
        Some("required") => SslMode::Required,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-identity") => SslMode::VerifyIdentity,
        Some(other) => {
            return Err(Fault::usage(format!("invalid ssl-mode `{other}` for the target"))
                .hint("use disabled, preferred, required, verify-ca or verify-identity")
                .into());
        }
    })
}

fn timeout(text: Option<&str>) -> Result<Duration> {
    let Some(text) = text else { return Ok(CONNECT_TIMEOUT) };
    let seconds = text.strip_suffix('s').unwrap_or(text).parse::<u64>().ok().filter(|s| (1..=3600).contains(s));
    let fault = || {
        Fault::usage(format!("invalid connect-timeout `{text}` for the target")).hint("give seconds, 1 to 3600").into()
    };
    seconds.map(Duration::from_secs).ok_or_else(fault)
}

/// Warns if other users may read a file with a password.
fn warn_if_open(path: &str, events: &Events) {
    if open_to_others(Path::new(path)) {
        events(Event::Warning(told_of(Path::new(path))));
    }
}

fn read_password(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Fault::usage(format!("cannot read the target's password-file {}: {e}", path.display()))
            .hint("it must have the password on its first line")
    })?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
