//! `[cluster.NAME]`: where a cluster is and who may enter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::address::{self, with_parameters};
use crate::config::draft::Draft;
use crate::config::origin::{Given, Origin};
use crate::config::reader::Reader;
use crate::config::session::{modes, own_variable};
use crate::config::{Environment, Places, duration, password};
use crate::sink::mysql::secret::{Secret, open_to_others};

pub(super) const KEYS: [&str; 11] = [
    "pd",
    "tls",
    "schema-from",
    "sql",
    "sql-tls",
    "password",
    "password-file",
    "variables",
    "sql-mode",
    "read-timeout",
    "allow-plain-password",
];
pub(super) const TLS: [&str; 3] = ["ca", "cert", "key"];
pub(super) const SQL_TLS: [&str; 4] = ["mode", "ca", "cert", "key"];
/// As flags, addresses and drainer.toml call them, which holds as well.
const SSL: [(&str, &str); 4] = [("ssl-mode", "mode"), ("ssl-ca", "ca"), ("ssl-cert", "cert"), ("ssl-key", "key")];
/// What flags and drainer.toml call something that has another name here.
const ELSEWHERE: [(&str, &str); 8] = [
    ("pd-urls", "pd"),
    ("ssl-ca", "tls.ca"),
    ("ssl-cert", "tls.cert"),
    ("ssl-key", "tls.key"),
    ("security", "tls"),
    ("host", "sql"),
    ("user", "sql"),
    ("params", "variables"),
];

/// A cluster, as a source, a target or both.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pd: Option<Given<String>>,
    ca: Option<Given<PathBuf>>,
    cert: Option<Given<PathBuf>>,
    key: Option<Given<PathBuf>>,
    schema_from: Option<Given<String>>,
    sql: Option<Given<String>>,
    password: Option<Given<Secret>>,
    /// Of the variable that has the cluster's own name.
    own_password: Option<Given<Secret>>,
    /// `pd` and `sql`, right or wrong, if they are there.
    pub(super) tried: Vec<&'static str>,
    /// The file with its password, if others may read it.
    pub(super) open_file: Option<String>,
    /// The line of a password that stands in the file itself.
    pub(super) password_line: Option<usize>,
    variables: Option<Given<Vec<(String, String)>>>,
    sql_mode: Option<Given<Vec<String>>>,
    read_timeout: Option<Given<Duration>>,
    allow_plain_password: Option<Given<bool>>,
}

impl Cluster {
    /// Reads it, and notes what is wrong.
    pub(super) fn read(reader: &Reader<'_>, name: &str, environment: Environment<'_>) -> Self {
        reader.named(&KEYS, &[], &ELSEWHERE);
        let tried = ["pd", "sql"].into_iter().filter(|key| reader.has(key)).collect();
        let mut cluster = Self { tried, schema_from: reader.text("schema-from"), ..Self::default() };
        cluster.pd = reader.texts("pd").and_then(|pd| address::pd(reader, "pd", pd));
        if let Some(tls) = reader.table("tls") {
            tls.named(&TLS, SSL.get(1..).unwrap_or_default(), &[]);
            let file = |key| tls.text(tls.name_of(key, &SSL)).map(|t| t.map(PathBuf::from));
            (cluster.ca, cluster.cert, cluster.key) = (file("ca"), file("cert"), file("key"));
            if cluster.cert.is_some() != cluster.key.is_some() {
                tls.wrong(tls.line(), "cert", "a client certificate and its key come together");
            }
            if !cluster.tried.contains(&"pd") {
                tls.wrong(
                    tls.line(),
                    "ca",
                    "protects PD and Pumps, and there is no `pd`; for SQL connections it is `sql-tls`",
                );
            }
        }
        cluster.sql = cluster.sql(reader);
        cluster.password(reader, name, environment);
        cluster.variables = reader.pairs("variables");
        for (variable, _) in cluster.variables.iter().flat_map(|v| &v.value) {
            if let Some(why) = own_variable(variable) {
                reader.wrong(
                    cluster.variables.as_ref().map_or(0, Given::line),
                    "variables",
                    format!("`{variable}` {why}"),
                );
            }
        }
        cluster.sql_mode = reader.texts("sql-mode").and_then(|given| modes(reader, "sql-mode", given));
        cluster.read_timeout = reader.text("read-timeout").and_then(|given| {
            let read = duration::parse(&given.value).filter(|d| !d.is_zero()).map(|d| given.with(d));
            if read.is_none() {
                reader.refuse("read-timeout", &given, format!("expected {}", duration::EXPECTED));
            }
            read
        });
        cluster.allow_plain_password = reader.flag("allow-plain-password");
        if cluster.tried.is_empty() {
            reader.wrong(reader.line(), "pd", "a cluster has `pd` (as a source), `sql` (as a target) or both");
        }
        cluster
    }

    fn sql(&self, reader: &Reader<'_>) -> Option<Given<String>> {
        let sql = reader.text("sql")?;
        let mut parameters = Vec::new();
        if let Some(tls) = reader.table("sql-tls") {
            tls.named(&SQL_TLS, &SSL, &[]);
            for key in SQL_TLS {
                parameters.extend(tls.text(tls.name_of(key, &SSL)).map(|t| (format!("ssl-{key}"), t.value)));
            }
        }
        let full = with_parameters(&sql.value, &parameters);
        if let Err(why) = address::check(&full) {
            reader.refuse("sql", &sql, why);
            return None;
        }
        Some(sql.with(full))
    }

    /// From the environment, the file that is named, or the text itself, in this order.
    fn password(&mut self, reader: &Reader<'_>, name: &str, environment: Environment<'_>) {
        let text = reader.text("password");
        self.password_line = text.as_ref().map(Given::line);
        let file = reader.text("password-file");
        self.own_password = password::of_variable(&password::variable(name), environment);
        let Some(file) = file else {
            self.password = text.map(|t| t.map(Secret::new));
            return;
        };
        match password::of_file(&file.value) {
            Ok(secret) => {
                self.open_file = Some(file.value.clone()).filter(|path| open_to_others(Path::new(path)));
                self.password = Some(file.with(secret));
            }
            Err(_) if self.own_password.is_some() => {}
            Err(why) => reader.refuse("password-file", &file, why),
        }
    }

    /// Makes it the source of a link that names it.
    pub(super) fn upstream(&self, draft: &mut Draft, named: &Origin) {
        draft.from = self.pd.clone().map(|pd| named_by(pd, named));
        draft.ssl_ca = draft.ssl_ca.take().or_else(|| self.ca.clone());
        draft.ssl_cert = draft.ssl_cert.take().or_else(|| self.cert.clone());
        draft.ssl_key = draft.ssl_key.take().or_else(|| self.key.clone());
        draft.schema_from = draft.schema_from.take().or_else(|| self.schema_from.clone());
    }

    /// Makes it the target of a link that names it.
    pub(super) fn target(&self, draft: &mut Draft, named: &Origin, any_target: Option<&Given<Secret>>) {
        draft.to = self.sql.clone().map(|sql| named_by(sql, named));
        draft.password = self.own_password.as_ref().or(any_target).or(self.password.as_ref()).cloned();
        draft.variables = self.variables.clone();
        draft.sql_mode = self.sql_mode.clone();
        draft.read_timeout = self.read_timeout.clone();
        draft.allow_plain_password = draft.allow_plain_password.take().or_else(|| self.allow_plain_password.clone());
    }

    /// All that it is known by.
    pub(super) fn places(&self) -> Places {
        let pd = self.pd.as_ref().map_or_else(Places::default, |pd| Places::of_source(&pd.value));
        pd.and(self.sql.as_ref().map_or_else(Places::default, |sql| Places::of_target(&sql.value)))
    }

    /// Whether it can be a source.
    pub(super) fn has_pd(&self) -> bool {
        self.pd.is_some()
    }

    /// Whether it can be a target.
    pub(super) fn has_sql(&self) -> bool {
        self.sql.is_some()
    }
}

/// In a file it is the cluster that says it; else whoever named the cluster.
fn named_by(given: Given<String>, named: &Origin) -> Given<String> {
    match named {
        Origin::File { .. } => given,
        other => Given { origin: other.clone(), ..given },
    }
}
