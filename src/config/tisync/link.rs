//! `[[link]]`: the source, the target and the settings of a link.

use std::path::PathBuf;

use clap::ValueEnum;

use super::File;
use crate::cli::Size;
use crate::config::DrainerCheckpoint;
use crate::config::address;
use crate::config::draft::Draft;
use crate::config::draft::Given;
use crate::config::reader::Reader;
use crate::config::settings::{Replacement, Route};
use crate::error::nearest;
use crate::filter::EventRule;
use crate::model::CommitTs;
use crate::moment::Start;
use crate::sink::mysql::{Connection, Mode, OnDdlError};

pub(super) const KEYS: [&str; 33] = [
    "name",
    "from",
    "to",
    "start-ts",
    "ignore-drainer",
    "take-over",
    "ddl",
    "sync-mode",
    "safe-mode",
    "on-conflict",
    "loopback",
    "channel-id",
    "mark-table",
    "other-channels",
    "wrong-side-ddl",
    "allow-missing",
    "tables",
    "events",
    "routes",
    "ignore-ts",
    "skip-ddl",
    "replace-ddl",
    "on-ddl-error",
    "workers",
    "batch-rows",
    "max-txn-rows",
    "memory-limit",
    "compress",
    "register",
    "listen",
    "node-id",
    "addr",
    "advertise-addr",
];
pub(super) const EVENTS: [&str; 4] = ["tables", "ignore", "ignore-sql", "case-sensitive"];
pub(super) const ROUTES: [&str; 2] = ["from", "to"];
pub(super) const REPLACEMENTS: [&str; 2] = ["ts", "sql"];
pub(super) const CHECKPOINT: [&str; 4] = ["schema", "table", "cluster", "file"];
/// A key for links that take over from a Drainer.
const DRAINER: &str = "drainer-checkpoint";
/// Other names of keys that are accepted too: those of flags, or of an earlier tisync.
const ALIASES: [(&str, &str); 2] = [("mode", "sync-mode"), ("route", "routes")];
/// Keys under their names in flags and drainer.toml, with their names here.
const ELSEWHERE: [(&str, &str); 11] = [
    ("link", "name"),
    ("sync-ddl", "ddl"),
    ("no-ddl", "ddl = false"),
    ("no-register", "register = false"),
    ("no-listen", "listen = false"),
    ("loopback-control", "loopback"),
    ("worker-count", "workers"),
    ("txn-batch", "batch-rows"),
    ("initial-commit-ts", "start-ts"),
    ("ignore-txn-commit-ts", "ignore-ts"),
    ("compressor", "compress"),
];

impl File {
    /// Reads a link, and reports its problems.
    pub(super) fn link(&self, reader: &Reader<'_>) -> Draft {
        let known: Vec<&str> = KEYS.into_iter().chain([DRAINER]).collect();
        reader.named(&known, &ALIASES, &ELSEWHERE);
        let mode = reader.name_of("sync-mode", &ALIASES);
        let mut draft = Draft {
            link: reader.text("name").filter(|name| {
                let fits = (1..=64).contains(&name.value.chars().count());
                if !fits {
                    reader.refuse("name", name, "expected 1 to 64 letters");
                }
                fits
            }),
            start: start(reader),
            ignore_drainer: reader.flag("ignore-drainer"),
            take_over: reader.flag("take-over"),
            ddl: reader.flag("ddl"),
            mode: reader.whole(mode, 1..=2).and_then(|n| Some(n.with(Mode::of(n.value)?))),
            safe_mode: reader.flag("safe-mode"),
            on_conflict: word(reader, "on-conflict"),
            loopback: reader.flag("loopback"),
            channel_id: reader.whole("channel-id", i64::MIN..=i64::MAX),
            mark_table: reader.some_text("mark-table"),
            other_channels: word(reader, "other-channels"),
            wrong_side_ddl: word(reader, "wrong-side-ddl"),
            allow_missing: reader.flag("allow-missing"),
            tables: reader.texts("tables"),
            events: events(reader),
            routes: routes(reader),
            ignore_ts: reader.stamps("ignore-ts"),
            skip_ddl: reader.stamps("skip-ddl"),
            replace_ddl: replacements(reader),
            on_ddl_error: on_ddl_error(reader),
            workers: reader.whole("workers", 1..=64).and_then(|n| Some(n.with(usize::try_from(n.value).ok()?))),
            batch_rows: count(reader, "batch-rows"),
            max_txn_rows: count(reader, "max-txn-rows"),
            memory_limit: memory(reader),
            compress: reader.flag("compress"),
            register: reader.flag("register"),
            listen: reader.flag("listen"),
            node_id: reader.some_text("node-id"),
            addr: reader.some_text("addr"),
            advertise_addr: reader.some_text("advertise-addr"),
            ..Draft::default()
        };
        self.ends(reader, &mut draft);
        draft.drainer_checkpoint = self.checkpoint(reader);
        draft
    }

    /// Source and target: names of clusters, a folder, addresses.
    fn ends(&self, reader: &Reader<'_>, draft: &mut Draft) {
        for key in ["from", "to"] {
            if !reader.has(key) {
                reader.wrong(reader.line(), key, "every link needs it: the name of a cluster");
            }
        }
        if let Some(from) = reader.text("from") {
            match self.clusters.get(&from.value) {
                Some(cluster) if cluster.has_pd() => cluster.upstream(draft, &from.origin),
                Some(_) => self.lacks(reader, "from", &from, "pd"),
                None if from.value.contains("://") || from.value.contains(['/', '.']) => draft.from = Some(from),
                None => self.unknown(reader, "from", &from),
            }
        }
        if let Some(to) = reader.text("to") {
            match self.clusters.get(&to.value) {
                Some(cluster) if cluster.has_sql() => cluster.target(draft, &to.origin, self.target_password.as_ref()),
                Some(_) => self.lacks(reader, "to", &to, "sql"),
                None if to.value.contains("://") => match address::check(&to.value) {
                    Ok(()) => draft.to = Some(to),
                    Err(why) => reader.refuse("to", &to, why),
                },
                None => self.unknown(reader, "to", &to),
            }
        }
    }

    /// Reports that a cluster lacks a key, unless the key has a wrong value, which was reported
    /// before.
    fn lacks(&self, reader: &Reader<'_>, key: &str, given: &Given<String>, lacking: &str) {
        let said = self.clusters.get(&given.value).is_some_and(|c| c.tried.contains(&lacking));
        if !said {
            reader.refuse(key, given, format!("cluster `{}` has no `{lacking}`", given.value));
        }
    }

    fn unknown(&self, reader: &Reader<'_>, key: &str, given: &Given<String>) {
        let names: Vec<&str> = self.clusters.keys().map(String::as_str).collect();
        let hint = match nearest(&given.value, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "none is defined".to_owned(),
            None => format!("defined: {}", names.join(", ")),
        };
        reader.refuse(key, given, format!("unknown cluster `{}`; {hint}", given.value));
    }

    fn checkpoint(&self, reader: &Reader<'_>) -> Option<Given<DrainerCheckpoint>> {
        let inner = reader.table(DRAINER)?;
        inner.only(&CHECKPOINT, &[]);
        let text = |key: &str, default: &str| inner.text(key).map_or(default.to_owned(), |t| t.value);
        let (schema, table) = (text("schema", "tidb_binlog"), text("table", "checkpoint"));
        let (file, cluster) = (inner.text("file"), inner.text("cluster"));
        let place = match (file, cluster) {
            (Some(file), None) => DrainerCheckpoint::File(PathBuf::from(file.value)),
            (None, None) => DrainerCheckpoint::Target { schema, table },
            (None, Some(name)) => match self.clusters.get(&name.value) {
                Some(cluster) if cluster.has_sql() => {
                    let mut end = Draft::default();
                    cluster.target(&mut end, &name.origin, None);
                    let Draft { to, password, variables, sql_mode, read_timeout, allow_plain_password, .. } = end;
                    let connection = Connection {
                        password: password.map(|p| p.value),
                        variables: variables.map_or(Vec::new(), |v| v.value),
                        sql_mode: sql_mode.map_or(Vec::new(), |m| m.value),
                        read_timeout: read_timeout.map(|t| t.value),
                        allow_plain_password: allow_plain_password.is_some_and(|allow| allow.value),
                    };
                    DrainerCheckpoint::Server { address: to?.value, connection, schema, table }
                }
                Some(_) => {
                    self.lacks(&inner, "cluster", &name, "sql");
                    return None;
                }
                None => {
                    self.unknown(&inner, "cluster", &name);
                    return None;
                }
            },
            (Some(_), Some(_)) => {
                inner.wrong(inner.line(), "file", "a checkpoint is in a `file` or on a `cluster`, not both");
                return None;
            }
        };
        Some(inner.here(place))
    }
}

fn start(reader: &Reader<'_>) -> Option<Given<Start>> {
    if reader.is_text("start-ts") {
        let text = reader.text("start-ts")?;
        if text.value == "now" {
            return Some(text.with(Start::Now));
        }
        reader.refuse("start-ts", &text, "expected a commit ts (digits without quotes) or \"now\"");
        return None;
    }
    let ts = reader.whole("start-ts", 1..=i64::MAX)?;
    Some(ts.with(Start::Ts(CommitTs(u64::try_from(ts.value).ok()?))))
}

fn count(reader: &Reader<'_>, key: &str) -> Option<Given<u64>> {
    let n = reader.whole(key, 1..=i64::MAX)?;
    Some(n.with(u64::try_from(n.value).ok()?))
}

fn memory(reader: &Reader<'_>) -> Option<Given<Size>> {
    let text = reader.text_or_number("memory-limit", "a size such as \"256MiB\"")?;
    match Size::memory(&text.value) {
        Ok(size) => Some(text.with(size)),
        Err(why) => {
            reader.refuse("memory-limit", &text, why);
            None
        }
    }
}

fn events(reader: &Reader<'_>) -> Option<Given<Vec<EventRule>>> {
    let readers = reader.tables("events");
    let first = readers.first()?.here(());
    let rule = |r: &Reader<'_>| {
        r.only(&EVENTS, &[]);
        let list = |key| r.texts(key).map_or(Vec::new(), |l| l.value);
        EventRule {
            tables: r.texts("tables").map_or(vec!["*.*".to_owned()], |l| l.value),
            ignore: list("ignore"),
            ignore_sql: list("ignore-sql"),
            case_sensitive: r.flag("case-sensitive").is_some_and(|f| f.value),
        }
    };
    Some(first.with(readers.iter().map(rule).collect()))
}

/// Reads one of the words that the flag takes.
fn word<T: ValueEnum>(reader: &Reader<'_>, key: &str) -> Option<Given<T>> {
    let given = reader.text(key)?;
    let found = T::from_str(&given.value, false).ok();
    if found.is_none() {
        let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let list: Vec<String> = words.map(|word| format!("\"{}\"", word.get_name())).collect();
        reader.refuse(key, &given, format!("expected {}", list.join(" or ")));
    }
    found.map(|value| given.with(value))
}

fn on_ddl_error(reader: &Reader<'_>) -> Option<Given<OnDdlError>> {
    let word = reader.text("on-ddl-error")?;
    match word.value.as_str() {
        "stop" => Some(word.with(OnDdlError::Stop)),
        "ask" => Some(word.with(OnDdlError::Ask)),
        _ => {
            reader.refuse(
                "on-ddl-error",
                &word,
                "expected \"stop\" or \"ask\"; `skip-ddl` and `replace-ddl` are for single DDLs",
            );
            None
        }
    }
}

fn replacements(reader: &Reader<'_>) -> Option<Given<Vec<Replacement>>> {
    let readers = reader.tables("replace-ddl");
    let first = readers.first()?.here(());
    let mut list = Vec::new();
    for r in &readers {
        r.only(&REPLACEMENTS, &[]);
        match (count(r, "ts"), r.some_text("sql")) {
            (Some(ts), Some(sql)) => list.push(Replacement { ts: ts.value, sql: sql.value }),
            _ => r.wrong(
                r.line(),
                "ts",
                "a replacement needs `ts` and `sql`, as in { ts = 470616475975548936, sql = \"ALTER TABLE …\" }",
            ),
        }
    }
    Some(first.with(list))
}

fn routes(reader: &Reader<'_>) -> Option<Given<Vec<Route>>> {
    let readers = reader.tables(reader.name_of("routes", &ALIASES));
    let first = readers.first()?.here(());
    let mut routes = Vec::new();
    for r in &readers {
        r.only(&ROUTES, &[]);
        match (r.text("from"), r.text("to")) {
            (Some(from), Some(to)) => routes.push(Route { from: from.value, to: to.value }),
            _ => {
                r.wrong(r.line(), "from", "a route needs `from` and `to`, as in { from = \"app.*\", to = \"app2.*\" }")
            }
        }
    }
    Some(first.with(routes))
}
