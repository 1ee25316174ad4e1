//! Converts a drainer.toml to an equivalent tisync.toml.

use std::fmt::Write as _;
use std::path::Path;

use super::draft::{Given, Origin};
use super::{Draft, DrainerCheckpoint, document};
use super::{IneffectiveKey, Loaded};
use crate::moment::Start;
use crate::mysql::login::Secret;
use crate::sink::mysql::{Connection, Mode};

/// Where passwords are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords<'a> {
    /// In the file.
    InFile,
    /// In separate files, whose names begin with this.
    Beside(&'a Path),
    /// Nowhere; a comment says where to put them.
    Out,
}

/// A tisync.toml, and the files that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// The text of the file.
    pub text: String,
    /// Whether it holds a password.
    pub has_secret: bool,
    /// Files with passwords: path and content.
    pub passwords: Vec<(String, Secret)>,
}

/// The tisync.toml for the drainer.toml `name`, which was read as `loaded`.
#[must_use]
pub fn convert(name: &Path, loaded: &Loaded, passwords: Passwords<'_>) -> Converted {
    let mut writer = Writer { made: Converted::default(), passwords };
    let draft = &loaded.draft;
    writer.line(&format!("# What {} says, in tisync's words.", name.display()));
    writer.upstream(draft);
    writer.target(draft);
    if let Some(Given { value: DrainerCheckpoint::Server { address, connection, .. }, origin }) =
        &draft.drainer_checkpoint
    {
        writer.line("\n# Where Drainer stored its checkpoint.\n[cluster.checkpoint]");
        writer.server(
            &Given { value: address.clone(), origin: origin.clone() },
            "[syncer.to.checkpoint] host, port, user",
        );
        let Connection { password, .. } = connection;
        writer.password(
            password.as_ref().map(|p| Given { value: p.clone(), origin: origin.clone() }).as_ref(),
            "checkpoint",
        );
    }
    writer.link(draft);
    writer.rules(draft);
    writer.checkpoint(draft);
    writer.left_out(&loaded.idle);
    writer.made
}

struct Writer<'a> {
    made: Converted,
    passwords: Passwords<'a>,
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        self.made.text.push_str(text);
        self.made.text.push('\n');
    }

    /// Writes `key = value`, with the old name and the old line.
    fn put<T>(&mut self, key: &str, given: Option<&Given<T>>, was: &str, value: impl Fn(&T) -> String) {
        let Some(given) = given else { return };
        let place = match &given.origin {
            Origin::File { line, .. } => format!("{was}, line {line}"),
            Origin::Environment(name) => format!("{was}, from {name}"),
            Origin::Flag => was.to_owned(),
            Origin::Default => format!("{was} not set"),
        };
        self.line(&format!("{key} = {}  # {place}", value(&given.value)));
    }

    fn upstream(&mut self, draft: &Draft) {
        self.line("\n[cluster.upstream]");
        self.put("pd", draft.from.as_ref(), "pd-urls", |address| {
            let (scheme, list) = address.split_once("://").unwrap_or(("pd", address));
            let scheme = if scheme == "https" { "https://" } else { "" };
            let list: Vec<String> = list.split(',').map(|one| text(&format!("{scheme}{one}"))).collect();
            format!("[{}]", list.join(", "))
        });
        let path = |p: &std::path::PathBuf| text(&p.display().to_string());
        self.put("tls.ca", draft.ssl_ca.as_ref(), "security.ssl-ca", path);
        self.put("tls.cert", draft.ssl_cert.as_ref(), "security.ssl-cert", path);
        self.put("tls.key", draft.ssl_key.as_ref(), "security.ssl-key", path);
    }

    fn target(&mut self, draft: &Draft) {
        self.line("\n[cluster.target]");
        if let Some(to) = &draft.to {
            self.server(to, "[syncer.to] host, port, user");
        }
        self.password(draft.password.as_ref(), "target");
        self.put("variables", draft.variables.as_ref(), "[syncer.to.params]", |variables| {
            let pairs: Vec<String> = variables.iter().map(|(k, v)| format!("{k} = {}", text(v))).collect();
            format!("{{ {} }}", pairs.join(", "))
        });
        self.put(
            "sql-mode",
            draft.sql_mode.as_ref(),
            "syncer.sql-mode, without the modes that tisync sets itself",
            |m| list(m),
        );
        self.put("read-timeout", draft.read_timeout.as_ref(), "syncer.to.read-timeout", |d| text(&document::show(*d)));
    }

    /// Writes `sql`, and `sql-tls` from its parameters.
    fn server(&mut self, address: &Given<String>, was: &str) {
        let (place, parameters) = address.value.split_once("/?").unwrap_or((&address.value, ""));
        self.put("sql", Some(&address.with(place.to_owned())), was, |t| text(t));
        for (name, value) in parameters.split('&').filter_map(|p| p.split_once('=')) {
            let name = name.strip_prefix("ssl-").unwrap_or(name);
            let given = address.with(super::address::decode(value));
            self.put(&format!("sql-tls.{name}"), Some(&given), "its [security]", |t| text(t));
        }
    }

    fn password(&mut self, given: Option<&Given<Secret>>, cluster: &str) {
        let Some(given) = given else { return };
        let variable = super::address::variable(cluster);
        if let Origin::Environment(name) = &given.origin {
            self.line(&format!("# The password came from {name}: set {variable}, or password-file"));
            return;
        }
        match self.passwords {
            Passwords::InFile => {
                self.made.has_secret = true;
                self.put("password", Some(given), "password", |secret| text(secret.reveal()));
            }
            Passwords::Beside(stem) => {
                let path = format!("{}.{cluster}.password", stem.display());
                self.put("password-file", Some(&given.with(path.clone())), "password", |t| text(t));
                self.made.passwords.push((path, given.value.clone()));
            }
            Passwords::Out => {
                let line = given.line();
                self.line(&format!(
                    "# The password (line {line}) is not copied: set {variable}, or password-file = \"…\""
                ));
            }
        }
    }

    fn link(&mut self, draft: &Draft) {
        self.line("\n[[link]]");
        self.line("from = \"upstream\"\nto = \"target\"");
        self.put("start-ts", draft.start.as_ref(), "initial-commit-ts", |start| match start {
            Start::Ts(ts) => ts.0.to_string(),
            Start::Now => text("now"),
        });
        self.put("ddl", draft.ddl.as_ref(), "syncer.sync-ddl", ToString::to_string);
        self.put("sync-mode", draft.mode.as_ref(), "syncer.to.sync-mode", Mode::to_string);
        self.put("loopback", draft.loopback.as_ref(), "syncer.loopback-control", ToString::to_string);
        self.put("channel-id", draft.channel_id.as_ref(), "syncer.channel-id", ToString::to_string);
        self.put("wrong-side-ddl", draft.wrong_side_ddl.as_ref(), "syncer.sync-ddl with loopback-control", |w| {
            text(&w.to_string())
        });
        self.put("safe-mode", draft.safe_mode.as_ref(), "syncer.safe-mode", ToString::to_string);
        self.put(
            "workers",
            draft.workers.as_ref(),
            "syncer.worker-count, or 1 without dispatching",
            ToString::to_string,
        );
        self.put("compress", draft.compress.as_ref(), "compressor", ToString::to_string);
        self.put("node-id", draft.node_id.as_ref(), "node-id", |t| text(t));
        self.put("addr", draft.addr.as_ref(), "addr", |t| text(t));
        self.put("advertise-addr", draft.advertise_addr.as_ref(), "advertise-addr", |t| text(t));
        self.put("ignore-ts", draft.ignore_ts.as_ref(), "syncer.ignore-txn-commit-ts", |stamps| {
            format!("[{}]", stamps.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
        });
    }

    fn rules(&mut self, draft: &Draft) {
        self.put("tables", draft.tables.as_ref(), "the filters of [syncer]", |t| list(t));
        for rule in draft.events.iter().flat_map(|e| &e.value) {
            let mut table =
                String::from("\n[[link.events]]  # table-migrate-rule and binlog-filter-rule of [syncer]\n");
            // Writing into text cannot fail.
            let _ = writeln!(table, "tables = {}\nignore = {}", list(&rule.tables), list(&rule.ignore));
            if !rule.ignore_sql.is_empty() {
                let _ = writeln!(table, "ignore-sql = {}", list(&rule.ignore_sql));
            }
            if rule.case_sensitive {
                table.push_str("case-sensitive = true\n");
            }
            self.made.text.push_str(&table);
        }
    }

    fn checkpoint(&mut self, draft: &Draft) {
        let Some(given) = &draft.drainer_checkpoint else { return };
        self.line("\n# Where the first start looks for Drainer's position.\n[link.drainer-checkpoint]");
        let mut place = |schema: &str, table: &str| {
            self.put("schema", Some(&given.with(())), "syncer.to.checkpoint.schema", |()| text(schema));
            self.put("table", Some(&given.with(())), "syncer.to.checkpoint.table", |()| text(table));
        };
        match &given.value {
            DrainerCheckpoint::Target { schema, table } => place(schema, table),
            DrainerCheckpoint::Server { schema, table, .. } => {
                place(schema, table);
                self.line("cluster = \"checkpoint\"");
            }
            DrainerCheckpoint::File(path) => {
                let path = given.with(path.display().to_string());
                self.put("file", Some(&path), "data-dir, with syncer.to.checkpoint.type", |t| text(t));
            }
        }
    }

    fn left_out(&mut self, idle: &[IneffectiveKey]) {
        if idle.is_empty() {
            return;
        }
        self.line("\n# Left out because it has no effect:");
        for IneffectiveKey { key, line, why } in idle {
            let place = if *line > 0 { format!(" (line {line})") } else { String::new() };
            self.line(&format!("# - {key}{place}: {why}"));
        }
    }
}

/// `value` in TOML, on one line.
pub(crate) fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub(crate) fn list(values: &[String]) -> String {
    let items: Vec<String> = values.iter().map(|v| text(v)).collect();
    format!("[{}]", items.join(", "))
}
