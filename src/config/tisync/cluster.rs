//! `[cluster.NAME]`: the addresses and logins of a cluster.
//!
//! Also which variables a file may set in the sessions on the target, beside those that tisync must
//! set itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::address::{self, Places, with_parameters};
use crate::config::draft::{Draft, Given, Origin};
use crate::config::reader::Reader;
use crate::config::{Environment, document};
use crate::error::nearest;
use crate::mysql::login::{Secret, open_to_others};

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
/// Names of these keys in flags, addresses and drainer.toml, which are accepted too.
const SSL: [(&str, &str); 4] = [("ssl-mode", "mode"), ("ssl-ca", "ca"), ("ssl-cert", "cert"), ("ssl-key", "key")];
/// Keys under their names in flags and drainer.toml, with their names here.
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
    /// The password from the environment variable with the cluster's name.
    own_password: Option<Given<Secret>>,
    /// The keys among `pd` and `sql` that are given, right or wrong.
    pub(super) tried: Vec<&'static str>,
    /// The file with its password, if others may read it.
    pub(super) open_file: Option<String>,
    /// The line of a password in the file itself.
    pub(super) password_line: Option<usize>,
    variables: Option<Given<Vec<(String, String)>>>,
    sql_mode: Option<Given<Vec<String>>>,
    read_timeout: Option<Given<Duration>>,
    allow_plain_password: Option<Given<bool>>,
}

impl Cluster {
    /// Reads the cluster, and reports its problems.
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
                tls.wrong(tls.line(), "cert", "a client certificate and its key must be given together");
            }
            if !cluster.tried.contains(&"pd") {
                tls.wrong(
                    tls.line(),
                    "ca",
                    "is for PD and Pumps, but `pd` is not set; for SQL connections use `sql-tls`",
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
            let read = document::parse(&given.value).filter(|d| !d.is_zero()).map(|d| given.with(d));
            if read.is_none() {
                reader.refuse("read-timeout", &given, format!("expected {}", document::EXPECTED));
            }
            read
        });
        cluster.allow_plain_password = reader.flag("allow-plain-password");
        if cluster.tried.is_empty() {
            reader.wrong(reader.line(), "pd", "a cluster needs `pd` (as a source), `sql` (as a target) or both");
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

    /// The password: from the environment, the named file, or the text itself, in this order.
    fn password(&mut self, reader: &Reader<'_>, name: &str, environment: Environment<'_>) {
        let text = reader.text("password");
        self.password_line = text.as_ref().map(Given::line);
        let file = reader.text("password-file");
        self.own_password = address::of_variable(&address::variable(name), environment);
        let Some(file) = file else {
            self.password = text.map(|t| t.map(Secret::new));
            return;
        };
        match address::of_file(&file.value) {
            Ok(secret) => {
                self.open_file = Some(file.value.clone()).filter(|path| open_to_others(Path::new(path)));
                self.password = Some(file.with(secret));
            }
            Err(_) if self.own_password.is_some() => {}
            Err(why) => reader.refuse("password-file", &file, why),
        }
    }

    /// Makes the cluster the source of a link that names it.
    pub(super) fn upstream(&self, draft: &mut Draft, named: &Origin) {
        draft.from = self.pd.clone().map(|pd| named_by(pd, named));
        draft.ssl_ca = draft.ssl_ca.take().or_else(|| self.ca.clone());
        draft.ssl_cert = draft.ssl_cert.take().or_else(|| self.cert.clone());
        draft.ssl_key = draft.ssl_key.take().or_else(|| self.key.clone());
        draft.schema_from = draft.schema_from.take().or_else(|| self.schema_from.clone());
    }

    /// Makes the cluster the target of a link that names it.
    pub(super) fn target(&self, draft: &mut Draft, named: &Origin, any_target: Option<&Given<Secret>>) {
        draft.to = self.sql.clone().map(|sql| named_by(sql, named));
        draft.password = self.own_password.as_ref().or(any_target).or(self.password.as_ref()).cloned();
        draft.variables = self.variables.clone();
        draft.sql_mode = self.sql_mode.clone();
        draft.read_timeout = self.read_timeout.clone();
        draft.allow_plain_password = draft.allow_plain_password.take().or_else(|| self.allow_plain_password.clone());
    }

    /// All known places of the cluster.
    pub(super) fn places(&self) -> Places {
        let pd = self.pd.as_ref().map_or_else(Places::default, |pd| Places::of_source(&pd.value));
        pd.and(self.sql.as_ref().map_or_else(Places::default, |sql| Places::of_target(&sql.value)))
    }

    /// Whether the cluster can be a source.
    pub(super) fn has_pd(&self) -> bool {
        self.pd.is_some()
    }

    /// Whether the cluster can be a target.
    pub(super) fn has_sql(&self) -> bool {
        self.sql.is_some()
    }
}

/// If a file names the cluster, the value keeps its own origin; otherwise it gets the origin of the
/// name.
fn named_by(given: Given<String>, named: &Origin) -> Given<String> {
    match named {
        Origin::File { .. } => given,
        other => Given { origin: other.clone(), ..given },
    }
}

/// Modes that change how a statement is parsed, or what a table becomes: these are passed on.
const PASSED: [&str; 11] = [
    "ANSI",
    "ANSI_QUOTES",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_SPACE",
    "NO_DIR_IN_CREATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_UNSIGNED_SUBTRACTION",
    "ONLY_FULL_GROUP_BY",
    "PIPES_AS_CONCAT",
    "REAL_AS_FLOAT",
    "SIMULTANEOUS_ASSIGNMENT",
];

/// Modes about values, not passed on. The upstream has accepted its values; here they have to
/// arrive unchanged, which tisync's own modes ensure.
const OWN: [&str; 13] = [
    "ALLOW_INVALID_DATES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_CREATE_USER",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "STRICT_ALL_TABLES",
    "STRICT_TRANS_TABLES",
    "TIME_TRUNCATE_FRACTIONAL",
    "TRADITIONAL",
];

/// Modes that would change the meaning of tisync's own statements: refused.
const REFUSED: [&str; 10] = [
    "DB2",
    "EMPTY_STRING_IS_NULL",
    "MAXDB",
    "MSSQL",
    "MYSQL323",
    "MYSQL40",
    "NO_BACKSLASH_ESCAPES",
    "ORACLE",
    "PAD_CHAR_TO_FULL_LENGTH",
    "POSTGRESQL",
];

/// The modes that are passed on; reports unknown names and refused modes.
pub(in crate::config) fn modes(
    reader: &Reader<'_>,
    key: &str,
    given: Given<Vec<String>>,
) -> Option<Given<Vec<String>>> {
    let mut passed = Vec::new();
    let mut good = true;
    for name in &given.value {
        let upper = name.to_ascii_uppercase();
        if PASSED.contains(&upper.as_str()) {
            passed.push(upper);
        } else if REFUSED.contains(&upper.as_str()) {
            good = false;
            reader.refuse(
                key,
                &given,
                format!("{upper} would change the meaning of tisync's statements: leave it out"),
            );
        } else if !OWN.contains(&upper.as_str()) {
            good = false;
            let near = nearest(&upper, PASSED.into_iter().chain(OWN).chain(REFUSED));
            let hint = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
            reader.refuse(key, &given, format!("unknown SQL mode `{name}`{hint}"));
        }
    }
    good.then(|| given.with(passed))
}

/// Why a session variable cannot be set: tisync's work depends on it. `None` if it can.
pub(in crate::config) fn own_variable(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    Some(match name.as_str() {
        "time_zone" => "is always UTC: tisync converts times, so no setting is needed",
        "sql_mode" => "is set by `sql-mode`",
        "autocommit" | "foreign_key_checks" | "unique_checks" => "is set by tisync, whose transactions depend on it",
        "transaction_isolation" | "tx_isolation" | "tidb_txn_mode" | "transaction_read_only" | "tx_read_only" => {
            "is set by tisync: it uses locks to hand a link over from run to run"
        }
        "names"
        | "charset"
        | "collation"
        | "character_set_client"
        | "character_set_connection"
        | "character_set_results"
        | "character_set_server"
        | "collation_connection"
        | "collation_server" => "is set by tisync, which writes utf8mb4",
        "explicit_defaults_for_timestamp" | "sql_safe_updates" | "sql_select_limit" | "pseudo_thread_id" => {
            "would change what tisync's statements do"
        }
        _ if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
            "is not a variable name"
        }
        _ => return None,
    })
}
