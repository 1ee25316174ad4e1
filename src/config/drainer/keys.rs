//! Every key of drainer.toml and flag of Drainer, and what tisync does with it.
//!
//! Source: docs/protocol/tidb-binlog.md §9.1, §9.2.
//!
//! `docs/drainer.md` has this table for the operator; a test compares the two. Also here:
//!
//! - `[syncer.to.checkpoint]`: where Drainer kept its position (docs/protocol/tidb-binlog.md §8.1);
//! - the filters of drainer.toml, unchanged (docs/protocol/tidb-binlog.md §9.3).

use std::path::Path;

use Fate::{Honoured, Idle, Refused};
use Kind::{Flag, Pairs, Stamps, Text, Texts, Whole};

use super::{File, default};
use crate::config::address::DrainerCheckpoint;
use crate::config::draft::{Draft, Given, Origin};
use crate::config::reader::{Reader, commas};
use crate::config::{IneffectiveKey, Remark};
use crate::error::nearest;
use crate::filter::drainer::{EventFilter, Migrate, Rules};
use crate::sink::mysql::Connection;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
    /// A list of commit ts.
    Stamps,
    /// A table of texts.
    Pairs,
}

/// What tisync does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its effect; the text is the name of that setting in tisync.toml.
    Honoured(&'static str),
    /// It is read and has no effect; the text is the reason.
    Idle(&'static str),
    /// It is refused; the text is the reason.
    Refused(&'static str),
}

/// A key of drainer.toml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its full name, as in `syncer.to.host`; empty for a mere flag.
    pub path: &'static str,
    /// Drainer's flag for it; empty if there is none.
    pub flag: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// What tisync does with it.
    pub fate: Fate,
}

impl Key {
    /// The environment variable by which Drainer overrides the file: `BINLOG_SERVER_PD_URLS`.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        (!self.flag.is_empty()).then(|| format!("BINLOG_SERVER_{}", self.flag.to_ascii_uppercase().replace('-', "_")))
    }
}

const fn key(path: &'static str, flag: &'static str, kind: Kind, fate: Fate) -> Key {
    Key { path, flag, kind, fate }
}

const PUSH: &str = "nothing is pushed to a Pushgateway: scrape /metrics on the port registered with the Pumps";
const DETECT: &str = "Pumps are detected several times a second, and nothing newer than the last detection is applied";
const FLASH: Fate = Idle("it is for db-type flash, which is refused");
const KAFKA: Fate = Idle("it is for db-type kafka, which is refused");
const ORACLE: Fate = Idle("it is for db-type oracle, which is refused");
const ORDER: &str = "transactions that share a key always keep their order, and only those wait for each other";
const ONE_WORKER: &str = "workers = 1 where dispatching is off: one transaction after another";
const CERTIFICATE_NAMES: &str = "any client certificate of the CA can pause the run through its port, whatever its \
    name; --no-listen opens no port; servers are verified by their CA";
const RELAY: &str = "no relay log is needed: the target is always at a transaction boundary";
const CHECKPOINT: Fate = Honoured("[link.drainer-checkpoint]");
const ELSEWHERE: Fate = Honoured("[link.drainer-checkpoint], where its type is mysql or tidb");

/// All keys, in the order of Drainer's documentation.
pub const KEYS: &[Key] = &[
    key("", "config", Text, Honoured("--config")),
    key("", "V", Flag, Idle("tisync --version prints the version")),
    key("log-level", "L", Text, Idle("important messages go to standard error; --quiet suppresses notes")),
    key("log-file", "log-file", Text, Idle("messages go to standard error: redirect it to a file")),
    key("log-rotate", "log-rotate", Text, Idle("Drainer ignores it too")),
    key("node-id", "node-id", Text, Honoured("node-id")),
    key("addr", "addr", Text, Honoured("addr")),
    key("advertise-addr", "advertise-addr", Text, Honoured("advertise-addr")),
    key(
        "data-dir",
        "data-dir",
        Text,
        Honoured("[link.drainer-checkpoint] file, where that is a file: nothing else is stored there"),
    ),
    key("detect-interval", "detect-interval", Whole, Idle(DETECT)),
    key("pd-urls", "pd-urls", Text, Honoured("[cluster] pd")),
    key("initial-commit-ts", "initial-commit-ts", Whole, Honoured("start-ts; -1 and 0 are \"now\"")),
    key("compressor", "compressor", Text, Honoured("compress, for gzip")),
    key(
        "synced-check-time",
        "synced-check-time",
        Whole,
        Idle("whether everything is applied is determined by comparing with PD, not by waiting"),
    ),
    key("", "cache-binlog-count", Whole, Idle("queues are bounded by memory-limit, in bytes")),
    key("metrics-addr", "metrics-addr", Text, Idle(PUSH)),
    key("metrics-interval", "metrics-interval", Whole, Idle(PUSH)),
    key("pprof-addr", "pprof-addr", Text, Idle("there is no Go profile")),
    key(
        "syncer.txn-batch",
        "txn-batch",
        Whole,
        Idle("the size of a batch is chosen from the round-trip time to the target; batch-rows sets it"),
    ),
    key("syncer.worker-count", "c", Whole, Honoured("workers, at most 64")),
    key(
        "syncer.db-type",
        "dest-db-type",
        Text,
        Honoured("the target's kind; file, pb, kafka, oracle and flash are refused"),
    ),
    key("syncer.ignore-schemas", "ignore-schemas", Text, Honoured("tables")),
    key(
        "syncer.loopback-control",
        "loopback-control",
        Flag,
        Honoured("loopback, and channel-id for the marks on the target"),
    ),
    key(
        "syncer.mark-status",
        "",
        Flag,
        Refused("name used by older Drainers: use loopback-control, and channel-id for the marks"),
    ),
    key("syncer.detect-interval", "", Whole, Idle(DETECT)),
    key("syncer.channel-id", "channel-id", Whole, Honoured("channel-id, where loopback-control is on; 0 unless given")),
    key(
        "syncer.sync-ddl",
        "sync-ddl",
        Flag,
        Honoured("ddl; where it is off with loopback-control, wrong-side-ddl = \"ignore\""),
    ),
    key("syncer.safe-mode", "safe-mode", Flag, Honoured("safe-mode")),
    key("syncer.enable-dispatch", "enable-dispatch", Flag, Honoured(ONE_WORKER)),
    key("syncer.disable-dispatch", "disable-dispatch", Flag, Honoured(ONE_WORKER)),
    key("syncer.enable-detect", "enable-detect", Flag, Idle(ORDER)),
    key("syncer.disable-detect", "disable-detect", Flag, Idle(ORDER)),
    key("syncer.relay.log-dir", "relay-log-dir", Text, Idle(RELAY)),
    key("syncer.relay.max-file-size", "relay-max-file-size", Whole, Idle(RELAY)),
    key(
        "syncer.load-schema-snapshot",
        "load-schema-snapshot",
        Flag,
        Idle("the tables as of the start always come from TiDB's DDL history, without TiKV"),
    ),
    key("security.ssl-ca", "", Text, Honoured("[cluster] tls.ca")),
    key("security.ssl-cert", "", Text, Honoured("[cluster] tls.cert")),
    key("security.ssl-key", "", Text, Honoured("[cluster] tls.key")),
    key("security.cert-allowed-cn", "", Texts, Idle(CERTIFICATE_NAMES)),
    key("syncer.sql-mode", "", Text, Honoured("[cluster] sql-mode")),
    key("syncer.ignore-txn-commit-ts", "", Stamps, Honoured("ignore-ts")),
    key("syncer.ignore-table.db-name", "", Text, Honoured("tables")),
    key("syncer.ignore-table.tbl-name", "", Text, Honoured("tables")),
    key("syncer.replicate-do-db", "", Texts, Honoured("tables")),
    key("syncer.replicate-do-table.db-name", "", Text, Honoured("tables")),
    key("syncer.replicate-do-table.tbl-name", "", Text, Honoured("tables")),
    key("syncer.case-sensitive", "", Flag, Honoured("[[link.events]] case-sensitive")),
    key("syncer.table-migrate-rule.binlog-filter-rule", "", Texts, Honoured("[[link.events]]")),
    key("syncer.table-migrate-rule.source.schema", "", Text, Honoured("[[link.events]] tables")),
    key("syncer.table-migrate-rule.source.table", "", Text, Honoured("[[link.events]] tables")),
    key(
        "syncer.table-migrate-rule.target.schema",
        "",
        Text,
        Idle("Drainer renames only for Oracle; here, routes rename"),
    ),
    key(
        "syncer.table-migrate-rule.target.table",
        "",
        Text,
        Idle("Drainer renames only for Oracle; here, routes rename"),
    ),
    key("syncer.binlog-filter-rule.NAME.ignore-event", "", Texts, Honoured("[[link.events]] ignore")),
    key("syncer.binlog-filter-rule.NAME.ignore-sql", "", Texts, Honoured("[[link.events]] ignore-sql")),
    key("syncer.to.host", "", Text, Honoured("[cluster] sql")),
    key("syncer.to.port", "", Whole, Honoured("[cluster] sql")),
    key("syncer.to.user", "", Text, Honoured("[cluster] sql")),
    key("syncer.to.password", "", Text, Honoured("[cluster] password-file")),
    key("syncer.to.encrypted_password", "", Text, Honoured("[cluster] password-file")),
    key("syncer.to.sync-mode", "", Whole, Honoured("sync-mode")),
    key("syncer.to.merge", "", Flag, Idle("the changes of a batch are always merged into their net effect")),
    key("syncer.to.read-timeout", "", Text, Honoured("[cluster] read-timeout; DDL is waited for without a limit")),
    key("syncer.to.params", "", Pairs, Honoured("[cluster] variables")),
    key("syncer.to.security.ssl-ca", "", Text, Honoured("[cluster] sql-tls.ca, with mode verify-identity")),
    key("syncer.to.security.ssl-cert", "", Text, Honoured("[cluster] sql-tls.cert")),
    key("syncer.to.security.ssl-key", "", Text, Honoured("[cluster] sql-tls.key")),
    key("syncer.to.security.cert-allowed-cn", "", Texts, Idle(CERTIFICATE_NAMES)),
    key("syncer.to.dir", "", Text, Idle("it is for db-type file, which is refused")),
    key("syncer.to.retention-time", "", Whole, Idle("it is for db-type file, which is refused")),
    key("syncer.to.compression", "", Text, Idle("it is for db-type file, which is refused")),
    key("syncer.to.time-limit", "", Text, FLASH),
    key("syncer.to.size-limit", "", Text, FLASH),
    key("syncer.to.zookeeper-addrs", "", Text, KAFKA),
    key("syncer.to.kafka-addrs", "", Text, KAFKA),
    key("syncer.to.kafka-version", "", Text, KAFKA),
    key("syncer.to.kafka-max-messages", "", Whole, KAFKA),
    key("syncer.to.kafka-max-message-size", "", Whole, KAFKA),
    key("syncer.to.kafka-client-id", "", Text, KAFKA),
    key("syncer.to.topic-name", "", Text, KAFKA),
    key("syncer.to.oracle-service-name", "", Text, ORACLE),
    key("syncer.to.oracle-connect-string", "", Text, ORACLE),
    key("syncer.to.checkpoint.type", "", Text, CHECKPOINT),
    key("syncer.to.checkpoint.schema", "", Text, CHECKPOINT),
    key("syncer.to.checkpoint.table", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.host", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.port", "", Whole, ELSEWHERE),
    key("syncer.to.checkpoint.user", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.password", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.encrypted_password", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.security.ssl-ca", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.security.ssl-cert", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.security.ssl-key", "", Text, ELSEWHERE),
    key("syncer.to.checkpoint.security.cert-allowed-cn", "", Texts, Idle(CERTIFICATE_NAMES)),
];

/// The keys and tables at the top of the file.
pub(in crate::config) const TOP: [&str; 12] = [
    "log-level",
    "log-file",
    "node-id",
    "addr",
    "advertise-addr",
    "data-dir",
    "detect-interval",
    "pd-urls",
    "initial-commit-ts",
    "compressor",
    "synced-check-time",
    "syncer",
];

/// The possible names in the table `prefix` (`""`, `syncer.to.`), each once.
pub(super) fn names_in(prefix: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for rest in KEYS.iter().filter_map(|k| k.path.strip_prefix(prefix)) {
        let name = rest.split('.').next().unwrap_or(rest);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl<'d> File<'d> {
    /// Reads the place of the checkpoint; without a type, it is the target.
    pub(super) fn checkpoint(&mut self, draft: &mut Draft) {
        let to = self.syncer_table().table_or_none("to");
        let checkpoint = to.table_or_none("checkpoint");
        let text = |key, fallback: &str| checkpoint.some_text(key).map_or(fallback.to_owned(), |t| t.value);
        let schema = text("schema", "tidb_binlog");
        let kind = checkpoint.some_text("type");
        let place = match kind.as_ref().map(|k| k.value.to_ascii_lowercase()).as_deref() {
            // Without a type, Drainer uses only the schema.
            None => DrainerCheckpoint::Target { schema, table: "checkpoint".to_owned() },
            Some("mysql" | "tidb") => match self.server(&checkpoint, schema, text("table", "checkpoint")) {
                Some(place) => place,
                None => return,
            },
            Some("file") => {
                let folder = self.root.some_text("data-dir").map_or("data.drainer".to_owned(), |t| t.value);
                DrainerCheckpoint::File(Path::new(&folder).join("savepoint"))
            }
            Some(other) => {
                let given = kind.unwrap_or_else(|| default(String::new()));
                let message = match other {
                    "oracle" => "tisync does not read Oracle: give the position with --start-ts",
                    _ => "must be mysql, tidb or file",
                };
                return checkpoint.refuse("type", &given, message);
            }
        };
        draft.drainer_checkpoint = Some(kind.map_or_else(|| default(()), |k| k.with(())).with(place));
    }

    fn server(&self, checkpoint: &Reader<'_>, schema: String, table: String) -> Option<DrainerCheckpoint> {
        let text = |key, fallback: &str| checkpoint.some_text(key).map_or(fallback.to_owned(), |t| t.value);
        let port = checkpoint.whole("port", 0..=65_535).filter(|p| p.value != 0).map(|p| p.map(|n| n.to_string()));
        let port = port.unwrap_or_else(|| default("3306".to_owned()));
        let address = self.join(checkpoint, "mysql", &text("user", "root"), &text("host", "127.0.0.1"), &port)?;
        // The password of each table by itself: Drainer decrypts the target's password in its
        // place.
        let password = self.password(checkpoint).map(|p| p.value);
        Some(DrainerCheckpoint::Server {
            address,
            connection: Connection { password, ..Connection::default() },
            schema,
            table,
        })
    }
}

impl<'d> File<'d> {
    /// Reads all filters.
    pub(super) fn filters(&mut self, draft: &mut Draft) {
        let syncer = self.syncer_table();
        let mut filters = Rules::default();
        if let Some(schemas) = syncer.text("ignore-schemas") {
            filters.ignore_db = commas(&schemas.value);
            if filters.ignore_db.is_empty() {
                syncer.refuse("ignore-schemas", &schemas, "is empty, which Drainer also refuses: leave it out");
            }
        }
        if let Some(list) = syncer.texts("replicate-do-db") {
            if list.value.iter().any(|name| name.trim().is_empty()) {
                syncer.refuse("replicate-do-db", &list, "an item is empty");
            }
            filters.do_db = list.value;
        }
        filters.do_table = tables(&syncer, "replicate-do-table");
        filters.ignore_table = tables(&syncer, "ignore-table");
        filters.case_sensitive = syncer.flag("case-sensitive").is_some_and(|f| f.value);
        events(&syncer, &mut filters);
        self.bindings(&syncer, &mut filters);
        let first = ["replicate-do-db", "replicate-do-table", "ignore-schemas", "ignore-table", "table-migrate-rule"];
        let origin = first.into_iter().find_map(|key| syncer.origin(key));
        let origin = origin.unwrap_or(Origin::Default);
        self.remarks.extend(filters.warnings().into_iter().map(Remark::Warning));
        match filters.convert() {
            Ok(rules) => {
                let given = |empty: bool| (!empty).then(|| origin.clone());
                draft.tables = given(rules.tables.is_empty()).map(|origin| Given { value: rules.tables, origin });
                draft.events = given(rules.events.is_empty()).map(|origin| Given { value: rules.events, origin });
            }
            Err(fault) => syncer.wrong(syncer.line(), "the filters", fault.to_string()),
        }
    }

    fn bindings(&mut self, syncer: &Reader<'d>, filters: &mut Rules) {
        for rule in syncer.tables("table-migrate-rule") {
            rule.only(&["binlog-filter-rule", "source", "target"], &[]);
            let mut binding = Migrate::default();
            if let Some(source) = rule.table("source") {
                source.only(&["schema", "table"], &[]);
                let text = |key| source.text(key).map_or(String::new(), |t| t.value);
                (binding.schema, binding.table) = (text("schema"), text("table"));
            }
            if binding.schema.is_empty() {
                rule.wrong(rule.line(), "source.schema", "names no database");
            }
            let target = rule.table("target");
            if let Some(target) = &target {
                target.only(&["schema", "table"], &[]);
            }
            if target.is_some_and(|t| ["schema", "table"].iter().any(|key| t.some_text(key).is_some())) {
                let why = "Drainer renames only for Oracle; here, routes rename";
                self.idle.push(IneffectiveKey {
                    key: "syncer.table-migrate-rule.target".to_owned(),
                    line: rule.line(),
                    why,
                });
            }
            if let Some(names) = rule.texts("binlog-filter-rule") {
                for name in names.value.iter().filter(|name| !filters.event_filters.contains_key(*name)) {
                    let near = nearest(name, filters.event_filters.keys().map(String::as_str));
                    let hint = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    rule.refuse(
                        "binlog-filter-rule",
                        &names,
                        format!("[syncer.binlog-filter-rule.{name}] does not exist{hint}"),
                    );
                }
                binding.filters = names.value;
            }
            filters.migrate.push(binding);
        }
    }
}

fn tables(syncer: &Reader<'_>, key: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for rule in syncer.tables(key) {
        rule.only(&["db-name", "tbl-name"], &[]);
        match (rule.some_text("db-name"), rule.some_text("tbl-name")) {
            (Some(db), Some(table)) => found.push((db.value, table.value)),
            _ => rule.wrong(rule.line(), "db-name", "both `db-name` and `tbl-name` are required"),
        }
    }
    found
}

fn events(syncer: &Reader<'_>, filters: &mut Rules) {
    let Some(rules) = syncer.table("binlog-filter-rule") else { return };
    for name in rules.keys() {
        let Some(rule) = rules.table(name) else { continue };
        rule.only(&["ignore-event", "ignore-sql"], &[]);
        let list = |key| rule.texts(key).map_or(Vec::new(), |l| l.value);
        let filter = EventFilter { ignore_event: list("ignore-event"), ignore_sql: list("ignore-sql") };
        filters.event_filters.insert(name.to_owned(), filter);
    }
}
