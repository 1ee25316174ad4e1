//! `[syncer.to]`: where Drainer wrote to.

use super::{File, default};
use crate::config::address::{self, encode, with_parameters};
use crate::config::draft::Draft;
use crate::config::load::Idle;
use crate::config::origin::{Given, Origin};
use crate::config::reader::Reader;
use crate::config::session::own_variable;
use crate::config::{duration, password};
use crate::sink::mysql::connect::PASSWORD_VARIABLE;
use crate::sink::mysql::secret::Secret;

impl<'d> File<'d> {
    /// The kind of the target, its address, its password and its sessions.
    pub(super) fn target(&mut self, draft: &mut Draft) {
        let syncer = self.syncer_table();
        let to = syncer.table_or_none("to");
        let kind = syncer.some_text("db-type").unwrap_or_else(|| default("mysql".to_owned()));
        let scheme = match kind.value.to_ascii_lowercase().as_str() {
            "mysql" => "mysql",
            "tidb" => "tidb",
            other => return syncer.refuse("db-type", &kind, no_such_target(other)),
        };
        draft.to = self.address(&to, scheme);
        draft.password = password::of_variable(PASSWORD_VARIABLE, self.environment)
            .or_else(|| self.password(&to))
            .or_else(|| password::of_variable("MYSQL_PSWD", self.environment));
        self.variables(&to, draft);
        draft.read_timeout = to.text_or_number("read-timeout", duration::EXPECTED).and_then(|given| {
            let read = duration::parse_or_days(&given.value);
            if read.is_none() {
                to.refuse(
                    "read-timeout",
                    &given,
                    format!("expected {}; a number alone means days", duration::EXPECTED),
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
        // 0 is what Drainer takes for nothing.
        let port = to.whole("port", 0..=65_535).filter(|p| p.value != 0).map(|p| p.map(|n| n.to_string()));
        let port = port.or_else(|| variable("MYSQL_PORT")).unwrap_or_else(|| default("3306".to_owned()));
        Some(host.with(self.join(to, scheme, &user.value, &host.value, &port)?))
    }

    /// An address of its parts; notes a part that cannot be.
    pub(super) fn join(
        &self,
        to: &Reader<'_>,
        scheme: &str,
        user: &str,
        host: &str,
        port: &Given<String>,
    ) -> Option<String> {
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

    /// The password of this very table: encrypted, or else plain.
    pub(super) fn password(&self, to: &Reader<'_>) -> Option<Given<Secret>> {
        if let Some(encrypted) = to.some_text("encrypted_password") {
            return match password::decrypt(&encrypted.value, self.environment) {
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
            // Drainer needs it for what tisync does right by itself.
            if name.eq_ignore_ascii_case("time_zone") {
                let why = "times are converted between the upstream and UTC, in which all sessions are";
                self.idle.push(Idle { key: format!("syncer.to.params.{name}"), line, why });
            } else {
                to.wrong(line, "params", format!("`{name}` {why}"));
            }
            false
        });
        draft.variables = Some(given).filter(|g| !g.value.is_empty());
    }
}

/// The parameters of an address for a table's `security`. Drainer checks the server's name as soon as it has a CA.
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
        "file" | "pb" => "tisync does not write files from here: `tisync record` keeps a stream as files".to_owned(),
        "kafka" => "tisync does not write to Kafka: keep this Drainer (TiCDC does it on newer clusters), or keep the stream as files with \
                    `tisync record`"
            .to_owned(),
        "oracle" => "tisync does not write to Oracle: keep this Drainer".to_owned(),
        "flash" => "Drainer itself no longer supports it".to_owned(),
        other => format!("`{other}` is no kind of target: it can be mysql or tidb"),
    }
}
