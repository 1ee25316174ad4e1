//! Reads an unchanged drainer.toml, with the target in `[syncer.to]`.
//!
//! Source: docs/protocol/tidb-binlog.md §9. Each key is honoured, refused with the reason, or read
//! and reported as without effect.

mod keys;

use std::path::PathBuf;

use super::address::{self, encode, with_parameters};
use super::document::{self, Document};
use super::draft::{Draft, Given, Origin};
use super::reader::{Reader, commas};
use super::tisync::cluster::own_variable;
use super::{Environment, IneffectiveKey, Loaded, Remark};
use crate::model::CommitTs;
use crate::moment::Start;
use crate::mysql::address::PASSWORD_VARIABLE;
use crate::mysql::login::Secret;
use crate::sink::mysql::{Mode, WrongSide};
pub(super) use keys::TOP;
pub use keys::{Fate, KEYS, Key, Kind};

/// Drainer's default for `pd-urls`.
const PD: &str = "http://127.0.0.1:2379";

/// Reads the whole file, and adds its problems to `document`.
pub(super) fn read(document: &Document, environment: Environment<'_>) -> Loaded {
    let root = Reader::root(document).with_variables(variables(environment));
    let mut file = File { root, environment, remarks: Vec::new(), idle: Vec::new() };
    file.known();
    file.idle_keys();
    let mut draft = Draft::default();
    file.upstream(&mut draft);
    file.syncer(&mut draft);
    file.target(&mut draft);
    file.filters(&mut draft);
    file.checkpoint(&mut draft);
    let File { mut remarks, idle, .. } = file;
    if let Some(line) = password_lines(document).into_iter().min().filter(|_| document.open_to_others) {
        remarks.push(Remark::Warning(format!(
            "{}:{line}: the file contains a password and others can read it: `chmod 600` it, or better use \
             TISYNC_TARGET_PASSWORD",
            document.path.display()
        )));
    }
    Loaded { draft, remarks, idle, ..Loaded::default() }
}

/// A drainer.toml while it is read.
struct File<'d> {
    root: Reader<'d>,
    environment: Environment<'d>,
    remarks: Vec<Remark>,
    /// Keys that were given and have no effect, with the reason.
    idle: Vec<IneffectiveKey>,
}

/// The values of `BINLOG_SERVER_…` variables, which override the file.
fn variables(environment: Environment<'_>) -> Vec<(&'static str, String, String)> {
    let flags = KEYS.iter().filter(|k| !k.path.is_empty());
    flags.filter_map(|k| k.variable().and_then(|name| environment(&name).map(|text| (k.path, name, text)))).collect()
}

/// The lines of passwords in plain text, or encrypted with the built-in key.
fn password_lines(document: &Document) -> Vec<usize> {
    let to = Reader::root(document).table_or_none("syncer").table_or_none("to");
    let of = |reader: &Reader<'_>| {
        ["password", "encrypted_password"].map(|key| reader.some_text(key).map_or(0, |t| t.line()))
    };
    of(&to).into_iter().chain(of(&to.table_or_none("checkpoint"))).filter(|line| *line > 0).collect()
}

impl<'d> File<'d> {
    /// Reports every key that Drainer does not have.
    fn known(&self) {
        let all: Vec<&str> = KEYS.iter().map(|k| k.path).filter(|p| !p.is_empty()).collect();
        let only = |reader: &Reader<'d>, prefix: &str| reader.only(&keys::names_in(prefix), &all);
        only(&self.root, "");
        let inner = |reader: &Reader<'d>, name: &str| reader.table(name);
        if let Some(security) = inner(&self.root, "security") {
            only(&security, "security.");
        }
        let Some(syncer) = inner(&self.root, "syncer") else { return };
        only(&syncer, "syncer.");
        if let Some(relay) = inner(&syncer, "relay") {
            only(&relay, "syncer.relay.");
        }
        let Some(to) = inner(&syncer, "to") else { return };
        only(&to, "syncer.to.");
        if let Some(security) = inner(&to, "security") {
            only(&security, "syncer.to.security.");
        }
        let Some(checkpoint) = inner(&to, "checkpoint") else { return };
        only(&checkpoint, "syncer.to.checkpoint.");
        if let Some(security) = inner(&checkpoint, "security") {
            only(&security, "syncer.to.checkpoint.security.");
        }
    }

    /// Checks the values of keys without effect, and collects the given ones.
    fn idle_keys(&mut self) {
        for key in KEYS {
            let why = match key.fate {
                Fate::Idle(why) => why,
                Fate::Refused(why) => {
                    self.refused(key.path, why);
                    continue;
                }
                Fate::Honoured(_) => continue,
            };
            if key.path.is_empty() {
                // Read only as variables: Drainer's command line is not tisync's.
                if let Some(name) = key.variable().filter(|name| (self.environment)(name).is_some()) {
                    self.idle.push(IneffectiveKey { key: name, line: 0, why });
                }
                continue;
            }
            let mut reader = None;
            let mut name = key.path;
            while let Some((table, rest)) = name.split_once('.') {
                let outer = reader.as_ref().unwrap_or(&self.root);
                if !outer.is_table(table) {
                    break;
                }
                reader = Some(outer.table_or_none(table));
                name = rest;
            }
            let reader = reader.as_ref().unwrap_or(&self.root);
            if name.contains('.') || !reader.has(name) {
                continue;
            }
            match key.kind {
                Kind::Text => drop(reader.text_or_number(name, "quoted text")),
                Kind::Whole => drop(reader.whole(name, i64::MIN..=i64::MAX)),
                Kind::Flag => drop(reader.flag(name)),
                Kind::Texts => drop(reader.texts(name)),
                Kind::Stamps => drop(reader.stamps(name)),
                Kind::Pairs => drop(reader.pairs(name)),
            }
            let line = reader.origin(name).map_or(0, |o| o.line());
            self.idle.push(IneffectiveKey { key: key.path.to_owned(), line, why });
        }
    }

    /// Refuses a key if it is given, with any value.
    fn refused(&self, path: &str, why: &str) {
        let (table, name) = path.split_once('.').unwrap_or(("", path));
        let reader = if table.is_empty() { None } else { Some(self.root.table_or_none(table)) };
        let reader = reader.as_ref().unwrap_or(&self.root);
        if let Some(origin) = reader.origin(name) {
            reader.wrong(origin.line(), name, why);
        }
    }

    fn syncer_table(&self) -> Reader<'d> {
        self.root.table_or_none("syncer")
    }

    /// Reads PD, the Pumps, and the registration among the Drainers.
    fn upstream(&mut self, draft: &mut Draft) {
        let root = &self.root;
        let pd = root.some_text("pd-urls").unwrap_or_else(|| {
            self.remarks.push(Remark::Note(format!(
                "pd-urls is not set, so Drainer's default {PD} is used: deployment tools (TiUP, TiDB Ansible) pass it \
                 on the command line as -pd-urls, so it is not in the file; add it there, or give --from"
            )));
            default(PD.to_owned())
        });
        draft.from = address::pd(root, "pd-urls", pd.map(|text| vec![text]));
        let security = root.table_or_none("security");
        let file = |key| security.some_text(key).map(|t| t.map(PathBuf::from));
        draft.ssl_ca = file("ssl-ca");
        // Without a CA there is no TLS, even if other TLS files are named.
        if draft.ssl_ca.is_some() {
            (draft.ssl_cert, draft.ssl_key) = (file("ssl-cert"), file("ssl-key"));
        }
        if let Some(names) = security.texts("cert-allowed-cn").filter(|n| !n.value.is_empty()) {
            self.remarks.push(Remark::Warning(format!(
                "{}: security.cert-allowed-cn is not supported: any client certificate of the CA can pause this run \
                 through its port; --no-listen opens no port",
                names.origin
            )));
        }
        if draft.ssl_cert.is_some() != draft.ssl_key.is_some() {
            security.wrong(security.line(), "ssl-cert", "a client certificate and its key must be given together");
        }
        if let Some(compressor) = root.some_text("compressor") {
            if compressor.value == "gzip" {
                draft.compress = Some(compressor.with(true));
            } else {
                root.refuse("compressor", &compressor, "must be \"\" or \"gzip\"");
            }
        }
        // Drainer treats 0 as not given, too.
        let ts = root.whole("initial-commit-ts", -1..=i64::MAX);
        draft.start = Some(match ts {
            Some(ts) => {
                let start = u64::try_from(ts.value).ok().filter(|t| *t > 0);
                ts.with(start.map_or(Start::Now, |t| Start::Ts(CommitTs(t))))
            }
            None => default(Start::Now),
        });
        draft.node_id = root.some_text("node-id").map(|t| t.map(|id| id.trim().to_owned()));
        draft.addr = root.some_text("addr");
        draft.advertise_addr = root.some_text("advertise-addr");
    }

    /// Reads how changes are applied.
    fn syncer(&mut self, draft: &mut Draft) {
        let syncer = self.syncer_table();
        let workers = syncer.whole("worker-count", 1..=i64::MAX);
        draft.workers = workers.and_then(|n| Some(n.with(usize::try_from(n.value.min(64)).ok()?)));
        // Drainer's order: a key that says "disable" wins.
        let disabled = syncer.flag("disable-dispatch").filter(|f| f.value);
        let disabled = disabled.or_else(|| syncer.flag("enable-dispatch").filter(|f| !f.value));
        if let Some(disabled) = disabled {
            draft.workers = Some(disabled.with(1));
        }
        draft.ddl = syncer.flag("sync-ddl");
        draft.safe_mode = syncer.flag("safe-mode");
        if let Some(loopback) = syncer.flag("loopback-control").filter(|f| f.value) {
            draft.channel_id = syncer.whole("channel-id", i64::MIN..=i64::MAX).or_else(|| Some(loopback.with(0)));
            draft.loopback = Some(loopback);
            // A Drainer never checks where a DDL came from, and one in the other direction does not
            // record it.
            draft.wrong_side_ddl = draft.ddl.as_ref().filter(|ddl| !ddl.value).map(|ddl| ddl.with(WrongSide::Ignore));
        }
        draft.ignore_ts = syncer.stamps("ignore-txn-commit-ts").filter(|l| !l.value.is_empty());
        let mode = syncer.table_or_none("to").whole("sync-mode", 0..=2);
        // Drainer treats 0 as not given.
        draft.mode = mode.and_then(|n| Some(n.with(Mode::of(n.value.max(1))?)));
        let modes = syncer.text("sql-mode").map(|text| text.map(|list| commas(&list)));
        draft.sql_mode = modes.and_then(|given| super::tisync::cluster::modes(&syncer, "sql-mode", given));
    }
}

/// A value that was not given.
fn default<T>(value: T) -> Given<T> {
    Given { value, origin: Origin::Default }
}

impl<'d> File<'d> {
    /// Reads the kind of the target, its address, its password and its session settings.
    fn target(&mut self, draft: &mut Draft) {
        let syncer = self.syncer_table();
        let to = syncer.table_or_none("to");
        let kind = syncer.some_text("db-type").unwrap_or_else(|| default("mysql".to_owned()));
        let scheme = match kind.value.to_ascii_lowercase().as_str() {
            "mysql" => "mysql",
            "tidb" => "tidb",
            other => return syncer.refuse("db-type", &kind, no_such_target(other)),
        };
        draft.to = self.address(&to, scheme);
        draft.password = address::of_variable(PASSWORD_VARIABLE, self.environment)
            .or_else(|| self.password(&to))
            .or_else(|| address::of_variable("MYSQL_PSWD", self.environment));
        self.variables(&to, draft);
        draft.read_timeout = to.text_or_number("read-timeout", document::EXPECTED).and_then(|given| {
            let read = document::parse_or_days(&given.value);
            if read.is_none() {
                to.refuse(
                    "read-timeout",
                    &given,
                    format!("expected {}; a number alone means days", document::EXPECTED),
                );
            }
            read.filter(|d| !d.is_zero()).map(|d| given.with(d))
        });
    }

    fn address(&self, to: &Reader<'_>, scheme: &str) -> Option<Given<String>> {
        let variable = |name: &str| {
            let value = (self.environment)(name).filter(|t| !t.is_empty())?;
            Some(Given { value, origin: Origin::Environment(name.to_owned()) })
        };
        let text = |key, name, fallback: &str| {
            let given = to.some_text(key).or_else(|| variable(name));
            given.unwrap_or_else(|| default(fallback.to_owned()))
        };
        let host = text("host", "MYSQL_HOST", "localhost");
        let user = text("user", "MYSQL_USER", "root");
        // Drainer treats 0 as not given.
        let port = to.whole("port", 0..=65_535).filter(|p| p.value != 0).map(|p| p.map(|n| n.to_string()));
        let port = port.or_else(|| variable("MYSQL_PORT")).unwrap_or_else(|| default("3306".to_owned()));
        Some(host.with(self.join(to, scheme, &user.value, &host.value, &port)?))
    }

    /// Builds an address from its parts; reports an invalid part.
    fn join(&self, to: &Reader<'_>, scheme: &str, user: &str, host: &str, port: &Given<String>) -> Option<String> {
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let address = with_parameters(&format!("{scheme}://{}@{host}:{}", encode(user), port.value), &tls(to));
        match address::check(&address) {
            Ok(()) => Some(address),
            Err(why) => {
                to.wrong(to.line(), "host", why);
                None
            }
        }
    }

    /// The password in a table: encrypted, or else plain.
    fn password(&self, to: &Reader<'_>) -> Option<Given<Secret>> {
        if let Some(encrypted) = to.some_text("encrypted_password") {
            return match address::decrypt(&encrypted.value, self.environment) {
                Ok(secret) => Some(encrypted.with(secret)),
                Err(why) => {
                    to.refuse("encrypted_password", &encrypted, why);
                    None
                }
            };
        }
        to.some_text("password").map(|t| t.map(Secret::new))
    }

    fn variables(&mut self, to: &Reader<'_>, draft: &mut Draft) {
        let Some(mut given) = to.pairs("params") else { return };
        let line = given.line();
        given.value.retain(|(name, _)| {
            let Some(why) = own_variable(name) else { return true };
            // Drainer needs this variable for what tisync does right without it.
            if name.eq_ignore_ascii_case("time_zone") {
                let why = "times are converted between the upstream's zone and UTC, which all sessions use";
                self.idle.push(IneffectiveKey { key: format!("syncer.to.params.{name}"), line, why });
            } else {
                to.wrong(line, "params", format!("`{name}` {why}"));
            }
            false
        });
        draft.variables = Some(given).filter(|g| !g.value.is_empty());
    }
}

/// The parameters of an address for a table's `security`. Drainer checks the server's name whenever
/// it has a CA.
fn tls(to: &Reader<'_>) -> Vec<(String, String)> {
    let security = to.table_or_none("security");
    let Some(ca) = security.some_text("ssl-ca") else { return Vec::new() };
    let mut parameters = vec![("ssl-mode".to_owned(), "verify-identity".to_owned()), ("ssl-ca".to_owned(), ca.value)];
    for key in ["ssl-cert", "ssl-key"] {
        parameters.extend(security.some_text(key).map(|t| (key.to_owned(), t.value)));
    }
    parameters
}

fn no_such_target(kind: &str) -> String {
    match kind {
        "file" | "pb" => {
            "tisync does not write files from a drainer.toml: `tisync record` stores a stream as files".to_owned()
        }
        "kafka" => "tisync does not write to Kafka: keep this Drainer (on newer clusters TiCDC does it), or store the \
                    stream as files with `tisync record`"
            .to_owned(),
        "oracle" => "tisync does not write to Oracle: keep this Drainer".to_owned(),
        "flash" => "Drainer itself no longer supports it".to_owned(),
        other => format!("unknown target type `{other}`: it must be mysql or tidb"),
    }
}
