//! The address of a target, `mysql://user@host:port/?ssl-mode=…`, and the connection options it stands for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use mysql::consts::CapabilityFlags;
use mysql::{ClientIdentity, OptsBuilder, SslOpts};

use super::connection::Connection;
use super::option_file;
use super::secret::Secret;
use super::server::Known;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::near::nearest;

/// The environment variable that may hold the password.
pub const PASSWORD_VARIABLE: &str = "TISYNC_TARGET_PASSWORD";

/// How long one attempt to connect may take unless `connect-timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take unless `read-timeout` says otherwise; DDL is waited for without end.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// What the server may take for its greeting and the login, beside the time to connect.
const LOGIN_LIMIT: Duration = Duration::from_secs(20);

/// The parameters that an address may carry.
const PARAMETERS: [&str; 8] =
    ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket", "connect-timeout", "password-file", "defaults-file"];

/// How the connection is protected; the names are the MySQL client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Plain.
    Disabled,
    /// TLS where the server or the account asks for it: the default for this machine.
    OnDemand,
    /// TLS where the server offers it: the default for other machines than this one.
    Preferred,
    /// TLS, whoever answers.
    Required,
    /// TLS, and the certificate was signed by a known authority.
    VerifyCa,
    /// The same, and it names the host.
    VerifyIdentity,
}

/// A parsed address with everything that a connection needs.
#[derive(Clone, Debug)]
pub struct Target {
    /// The account.
    pub user: String,
    /// Its password, if there is one.
    pub password: Option<Secret>,
    /// Host name or address; brackets of an IPv6 address are gone.
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
    /// Shared by all copies: what one session found out, the others need not ask.
    known: Known,
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
    /// Reads `address` and finds the password: in the address (with a warning), in `password-file`, in
    /// `defaults-file`, in `TISYNC_TARGET_PASSWORD`, in `~/.my.cnf`, in this order.
    ///
    /// # Errors
    /// A usage fault if the address cannot be read; it never repeats a password.
    pub fn parse(address: &str, events: &Events) -> Result<Self> {
        Self::parse_with(address, &Connection::default(), events)
    }

    /// The same; the password of `connection` comes right after that of the address.
    ///
    /// # Errors
    /// A usage fault if the address cannot be read; it never repeats a password.
    pub fn parse_with(address: &str, connection: &Connection, events: &Events) -> Result<Self> {
        let Parts { user, mut password, host, port, parameters } = split(address)?;
        if password.is_some() {
            events(Event::Warning(format!(
                "the password is part of the target's address, where others can read it: better \
                 {PASSWORD_VARIABLE}, password-file= or ~/.my.cnf"
            )));
        }
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let mut option_user = None;
        password = password.or_else(|| connection.password.clone());
        if let (None, Some(path)) = (&password, get("password-file")) {
            password = Some(read_password(Path::new(path))?);
        }
        if let Some(path) = get("defaults-file") {
            let found = option_file::read(Path::new(path))?;
            password = password.or(found.password);
            option_user = found.user;
        }
        if password.is_none() {
            password = std::env::var(PASSWORD_VARIABLE).ok().filter(|p| !p.is_empty()).map(Secret::new);
        }
        if password.is_none()
            && get("defaults-file").is_none()
            && let Some(found) = option_file::of_home()
        {
            password = found.password;
            option_user = option_user.or(found.user);
        }
        let local = matches!(host.as_str(), "127.0.0.1" | "localhost" | "::1") || get("socket").is_some();
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
                ..connection.clone()
            },
            known: Known::default(),
        })
    }

    /// Session variables that the operator wants.
    pub(super) fn variables(&self) -> &[(String, String)] {
        &self.connection.variables
    }

    /// What earlier sessions found out about the server.
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// SQL modes that the operator wants.
    pub(super) fn sql_mode(&self) -> &[String] {
        &self.connection.sql_mode
    }

    /// The same, without an end to the waiting for an answer: for DDL.
    pub(super) fn patient(&self) -> Self {
        let mut patient = self.clone();
        patient.connection.read_timeout = None;
        patient
    }

    /// The same, where an answer that takes longer than `limit` means that the connection is lost.
    pub(crate) fn answering_within(&self, limit: Duration) -> Self {
        let mut impatient = self.clone();
        impatient.connection.read_timeout = Some(limit);
        impatient
    }

    /// How long an answer may take before the connection counts as lost.
    pub(super) fn read_timeout(&self) -> Option<Duration> {
        self.connection.read_timeout
    }

    /// How long it may take until the server has let us in.
    pub(super) fn handshake_limit(&self) -> Duration {
        let limit = self.connect_timeout + LOGIN_LIMIT;
        self.connection.read_timeout.map_or(limit, |most| limit.min(self.connect_timeout + most))
    }

    /// What messages call it: `user@host:port`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.socket {
            Some(socket) => format!("{}@{socket}", self.user),
            None => format!("{}@{}:{}", self.user, self.host, self.port),
        }
    }

    /// The driver's options; `tls` says whether this attempt is protected.
    pub(super) fn options(&self, tls: bool) -> OptsBuilder {
        let ssl = tls.then(|| {
            let mut ssl = SslOpts::default().with_root_cert_path(self.ssl_ca.clone());
            if matches!(self.ssl_mode, SslMode::Required | SslMode::Preferred | SslMode::OnDemand) {
                ssl = ssl.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true);
            } else if self.ssl_mode == SslMode::VerifyCa {
                ssl = ssl.with_danger_skip_domain_validation(true);
            }
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
            // A target that has vanished without a word is noticed within a minute, whichever side is to speak next.
            .tcp_keepalive_time_ms(Some(30_000))
            .tcp_keepalive_probe_interval_secs(Some(10))
            .tcp_keepalive_probe_count(Some(3))
            .tcp_user_timeout_ms(Some(60_000))
            .ssl_opts(ssl)
            // An UPDATE counts the rows it found: the number that tells whether the assumption behind it holds.
            .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
    }
}

fn split(address: &str) -> Result<Parts> {
    let usage = |why: &str| {
        Fault::usage(format!("the target's address cannot be read: {why}"))
            .hint("write it as mysql://user@host:3306, with parameters behind a `?`, as in ?ssl-mode=required")
    };
    let (scheme, rest) = address.split_once("://").ok_or_else(|| usage("it has no `mysql://` in front"))?;
    if !matches!(scheme, "mysql" | "mariadb" | "tidb") {
        return Err(usage("it must begin with mysql://, mariadb:// or tidb://").into());
    }
    // A raw `?` or `/` may be part of a badly written password: everything up to the last `@` is the account.
    let (account, rest) = match rest.rsplit_once('@') {
        Some((account, rest)) => (Some(account), rest),
        None => (None, rest),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (place, database) = place.split_once('/').unwrap_or((place, ""));
    if !database.is_empty() {
        return Err(usage("it names a database, but a target is a whole server").into());
    }
    let mut parts = Parts::default();
    if let Some(account) = account {
        let (user, password) = account.split_once(':').map_or((account, None), |(u, p)| (u, Some(p)));
        parts.user = Some(decode(user).ok_or_else(|| usage("its user name is not well encoded"))?);
        if let Some(password) = password {
            let text = decode(password).ok_or_else(|| usage("its password is not well encoded"))?;
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
        let value = decode(value).ok_or_else(|| usage("a parameter is not well encoded"))?;
        parts.parameters.push((name.to_owned(), value));
    }
    Ok(parts)
}

fn unknown(name: &str) -> Fault {
    let fault = Fault::usage(format!("the target's address has an unknown parameter `{name}`"));
    match nearest(name, PARAMETERS) {
        Some(p) => fault.hint(format!("did you mean `{p}`?")),
        None => fault.hint(format!("it can have: {}", PARAMETERS.join(", "))),
    }
}

/// Percent-decoded `text`; `None` if it is not well formed.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let hex = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            out.push(b);
        }
    }
    String::from_utf8(out).ok()
}

fn ssl_mode(name: Option<&str>, has_ca: bool, local: bool) -> Result<SslMode> {
    Ok(match name {
        None if has_ca => SslMode::VerifyCa,
        None if local => SslMode::OnDemand,
        None | Some("preferred") => SslMode::Preferred,
        Some("disabled") => SslMode::Disabled,
        Some("required") => SslMode::Required,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-identity") => SslMode::VerifyIdentity,
        Some(other) => {
            return Err(Fault::usage(format!("the target's ssl-mode cannot be `{other}`"))
                .hint("it can be disabled, preferred, required, verify-ca or verify-identity")
                .into());
        }
    })
}

fn timeout(text: Option<&str>) -> Result<Duration> {
    let Some(text) = text else { return Ok(CONNECT_TIMEOUT) };
    let seconds = text.strip_suffix('s').unwrap_or(text).parse::<u64>().ok().filter(|s| (1..=3600).contains(s));
    let fault = || {
        Fault::usage(format!("the target's connect-timeout cannot be `{text}`")).hint("give seconds, 1 to 3600").into()
    };
    seconds.map(Duration::from_secs).ok_or_else(fault)
}

fn read_password(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Fault::usage(format!("cannot read the target's password-file {}: {e}", path.display()))
            .hint("it holds the password on its first line")
    })?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::fault;
    use crate::event::silent;

    fn parse(address: &str) -> Result<Target> {
        Target::parse(address, &silent())
    }

    #[test]
    fn addresses() {
        let t = parse("mysql://re%40pl:p%3Aw@db2:3307/?ssl-mode=verify-identity&connect-timeout=3").unwrap();
        assert_eq!((t.user.as_str(), t.host.as_str(), t.port), ("re@pl", "db2", 3307));
        assert_eq!(t.password, Some(Secret::new("p:w")));
        assert_eq!((t.ssl_mode, t.connect_timeout), (SslMode::VerifyIdentity, Duration::from_secs(3)));
        assert_eq!(t.name(), "re@pl@db2:3307");
        let t = parse("tidb://[::1]").unwrap();
        assert_eq!((t.host.as_str(), t.port, t.ssl_mode), ("::1", 4000, SslMode::OnDemand));
        assert_eq!(parse("mysql://db").unwrap().ssl_mode, SslMode::Preferred);
        assert_eq!(parse("mysql://u@h?socket=%2Frun%2Fm.sock").unwrap().name(), "u@/run/m.sock");
    }

    #[test]
    fn what_is_wrong_with_an_address() {
        let of = |address: &str| {
            let error = parse(address).unwrap_err();
            let fault = fault(&error).unwrap();
            format!("{} / {}", fault.message, fault.hint)
        };
        insta::assert_snapshot!(of("mysql://h?ssl_mod=required"), @"the target's address has an unknown parameter `ssl_mod` / did you mean `ssl-mode`?");
        insta::assert_snapshot!(of("mysql://h?colour=red"), @"the target's address has an unknown parameter `colour` / it can have: ssl-mode, ssl-ca, ssl-cert, ssl-key, socket, connect-timeout, password-file, defaults-file");
        insta::assert_snapshot!(of("mysql://h?ssl-mode=on"), @"the target's ssl-mode cannot be `on` / it can be disabled, preferred, required, verify-ca or verify-identity");
        insta::assert_snapshot!(of("mysql://h:99999"), @"the target's address cannot be read: its port is not a number up to 65535 / write it as mysql://user@host:3306, with parameters behind a `?`, as in ?ssl-mode=required");
        insta::assert_snapshot!(of("postgres://u:hunter2@h"), @"the target's address cannot be read: it must begin with mysql://, mariadb:// or tidb:// / write it as mysql://user@host:3306, with parameters behind a `?`, as in ?ssl-mode=required");
    }

    #[test]
    fn the_password_never_shows() {
        let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let hear = heard.clone();
        let events: Events = std::sync::Arc::new(move |e| hear.lock().unwrap().push_str(&format!("{e:?}")));
        let target = Target::parse("mysql://u:hunter2@h?ssl-mode=disabled", &events).unwrap();
        assert!(heard.lock().unwrap().contains("the password is part of the target's address"));
        let all = format!("{target:?} {} {}", target.name(), heard.lock().unwrap());
        assert!(!all.contains("hunter2"), "{all}");
        for bad in ["mysql://u:hunter2@h:x", "mysql://u:hunter2%zz@h", "my://u:hunter2@h", "mysql://u:hunter2@h/db"] {
            assert!(!format!("{:?}", parse(bad).unwrap_err()).contains("hunter2"));
        }
    }

    #[test]
    fn password_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let (file, cnf) = (dir.path().join("pw"), dir.path().join("my.cnf"));
        std::fs::write(&file, "first\nsecond\n").unwrap();
        std::fs::write(&cnf, "[mysqld]\npassword=no\n[client]\nuser = \"repl\"\npassword='a#b' # why\n").unwrap();
        let t = parse(&format!("mysql://h?password-file={}", file.display())).unwrap();
        assert_eq!(t.password, Some(Secret::new("first")));
        let t = parse(&format!("mysql://h?defaults-file={}", cnf.display())).unwrap();
        assert_eq!((t.user.as_str(), t.password), ("repl", Some(Secret::new("a#b"))));
        assert!(parse("mysql://h?password-file=/nowhere/at/all").is_err());
    }
}
