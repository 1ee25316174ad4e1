//! The given settings of one link, key by key and each with its origin, before the defaults.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::address::DrainerCheckpoint;
use super::settings::{Replacement, Route};
use crate::cli::Size;
use crate::filter::EventRule;
use crate::loopback::OtherChannels;
use crate::moment::Start;
use crate::mysql::login::Secret;
use crate::output::hidden;
use crate::sink::mysql::{Mode, MysqlOptions, OnConflict, OnDdlError, WrongSide};

macro_rules! draft {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $key:literal;)*) => {
        /// The given settings of one link; a setting that was not given is `None`.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Draft {
            $($(#[$doc])* pub $field: Option<Given<$type>>,)*
        }

        impl Draft {
            /// Takes each setting from here, or from `lower` if it is not given here.
            fn or(self, lower: Self) -> Self {
                Self { $($field: self.$field.or(lower.$field),)* }
            }

            /// Key, value for display, and origin of each setting that was given.
            #[must_use]
            pub fn shown(&self) -> Vec<(&'static str, String, Origin)> {
                let mut list = Vec::new();
                $(if let Some(given) = &self.$field {
                    list.push(($key, given.value.show(), given.origin.clone()));
                })*
                list
            }

            /// The settings as if the command line had given them all: to compare values without
            /// their origins.
            #[must_use]
            pub fn without_origins(self) -> Self {
                Self { $($field: self.$field.map(|g| Given::flag(g.value)),)* }
            }
        }
    };
}

draft! {
    /// The link's name.
    link: String = "name";
    /// `pd://…` or a folder.
    from: String = "from";
    /// CA for PD, Pumps and the status port.
    ssl_ca: PathBuf = "from.tls.ca";
    /// Client certificate for them.
    ssl_cert: PathBuf = "from.tls.cert";
    /// Its key.
    ssl_key: PathBuf = "from.tls.key";
    /// TiDB's status address.
    schema_from: String = "from.schema-from";
    /// Whether Pumps shall compress.
    compress: bool = "compress";
    /// `mysql://…`; without a password, unless a flag gives one in it.
    to: String = "to";
    /// The target's password.
    password: Secret = "to.password";
    /// Session variables of the target.
    variables: Vec<(String, String)> = "to.variables";
    /// SQL modes of the target's sessions.
    sql_mode: Vec<String> = "to.sql-mode";
    /// How long an answer of the target may take.
    read_timeout: Duration = "to.read-timeout";
    /// Whether the password may go to another machine without TLS.
    allow_plain_password: bool = "to.allow-plain-password";
    /// Where a first start begins.
    start: Start = "start-ts";
    /// Whether the start counts although a Drainer's checkpoint has another position.
    ignore_drainer: bool = "ignore-drainer";
    /// Whether another live run of the link is ended.
    take_over: bool = "take-over";
    /// The place of a Drainer's checkpoint.
    drainer_checkpoint: DrainerCheckpoint = "drainer-checkpoint";
    /// Whether DDL is replicated.
    ddl: bool = "ddl";
    /// All columns, or those that both sides have.
    mode: Mode = "sync-mode";
    /// Whether rows may be there already, or be missing.
    safe_mode: bool = "safe-mode";
    /// What to do if the target's rows are not as the stream expects.
    on_conflict: OnConflict = "on-conflict";
    /// Whether changes that came from the other side are left out.
    loopback: bool = "loopback";
    /// The channel of marks.
    channel_id: i64 = "channel-id";
    /// The mark table.
    mark_table: String = "mark-table";
    /// What to do with marks of other channels.
    other_channels: OtherChannels = "other-channels";
    /// What to do with DDL on the side that has none of its own.
    wrong_side_ddl: WrongSide = "wrong-side-ddl";
    /// Whether tables may be missing on the target.
    allow_missing: bool = "allow-missing";
    /// Patterns of the tables.
    tables: Vec<String> = "tables";
    /// Events that are left out, by table.
    events: Vec<EventRule> = "events";
    /// New names on the target.
    routes: Vec<Route> = "routes";
    /// Transactions that are left out.
    ignore_ts: Vec<u64> = "ignore-ts";
    /// DDLs that are left out.
    skip_ddl: Vec<u64> = "skip-ddl";
    /// Statements that run instead of DDLs.
    replace_ddl: Vec<Replacement> = "replace-ddl";
    /// What to do with any other DDL that the target refuses.
    on_ddl_error: OnDdlError = "on-ddl-error";
    /// Connections to the target.
    workers: usize = "workers";
    /// Row changes of a batch.
    batch_rows: u64 = "batch-rows";
    /// Row changes above which a transaction is split.
    max_txn_rows: u64 = "max-txn-rows";
    /// The memory limit.
    memory_limit: Size = "memory-limit";
    /// Whether the link is registered in PD.
    register: bool = "register";
    /// Whether it answers Pumps and operators on a port.
    listen: bool = "listen";
    /// The node id in PD.
    node_id: String = "node-id";
    /// The address on which it listens for Pumps.
    addr: String = "addr";
    /// The address under which others reach it.
    advertise_addr: String = "advertise-addr";
}

impl Draft {
    /// The default settings.
    #[must_use]
    pub fn defaults() -> Self {
        fn of<T>(value: T) -> Option<Given<T>> {
            Some(Given { value, origin: Origin::Default })
        }
        Self {
            link: of(super::DEFAULT_LINK.to_owned()),
            compress: of(false),
            ddl: of(true),
            on_ddl_error: of(OnDdlError::Stop),
            mode: of(Mode::Full),
            safe_mode: of(false),
            allow_missing: of(false),
            register: of(true),
            memory_limit: of(Size(MysqlOptions::MEMORY_LIMIT)),
            ..Self::default()
        }
    }

    /// Takes each setting from here, or from `lower` if it is not given here. But a source or a
    /// target that is named here takes no settings from another one in `lower`.
    #[must_use]
    pub fn over(self, mut lower: Self) -> Self {
        if self.from.is_some() {
            (lower.ssl_ca, lower.ssl_cert, lower.ssl_key) = (None, None, None);
            lower.schema_from = None;
        }
        if self.to.is_some() {
            (lower.password, lower.variables, lower.sql_mode) = (None, None, None);
            (lower.read_timeout, lower.drainer_checkpoint) = (None, None);
            lower.allow_plain_password = None;
        }
        self.or(lower)
    }
}

/// Values as text for display.
trait Show {
    fn show(&self) -> String;
}

macro_rules! show_as_is {
    ($($type:ty),*) => { $(impl Show for $type {
        fn show(&self) -> String {
            self.to_string()
        }
    })* };
}

show_as_is!(OnConflict, OtherChannels, WrongSide, i64, bool, usize, u64, Size, Secret, Start, Mode, OnDdlError);

impl Show for DrainerCheckpoint {
    fn show(&self) -> String {
        hide(&self.to_string())
    }
}

impl Show for String {
    fn show(&self) -> String {
        hide(self)
    }
}

impl Show for PathBuf {
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Show for Duration {
    fn show(&self) -> String {
        super::document::show(*self)
    }
}

impl<T: ListItem> Show for Vec<T> {
    fn show(&self) -> String {
        self.iter().map(ListItem::show_item).collect::<Vec<_>>().join(", ")
    }
}

trait ListItem {
    fn show_item(&self) -> String;
}

impl ListItem for u64 {
    fn show_item(&self) -> String {
        self.to_string()
    }
}

impl ListItem for String {
    fn show_item(&self) -> String {
        self.clone()
    }
}

impl ListItem for (String, String) {
    fn show_item(&self) -> String {
        format!("{}={}", self.0, self.1)
    }
}

impl ListItem for Replacement {
    fn show_item(&self) -> String {
        format!("{}: {}", self.ts, self.sql)
    }
}

impl ListItem for Route {
    fn show_item(&self) -> String {
        format!("{} -> {}", self.from, self.to)
    }
}

impl ListItem for EventRule {
    fn show_item(&self) -> String {
        let what: Vec<&str> = self.ignore.iter().chain(&self.ignore_sql).map(String::as_str).collect();
        format!("[{}] without [{}]", self.tables.join(", "), what.join(", "))
    }
}

/// An address without the password and the keys in it, in any spelling.
fn hide(text: &str) -> String {
    let shown = hidden(text);
    // Without a scheme it is not an address for tisync, but it may have been meant as one.
    match shown.rsplit_once('@') {
        Some((account, place)) if !shown.contains("://") => match account.split_once(':') {
            Some((user, _)) => format!("{user}:***@{place}"),
            None => shown.into_owned(),
        },
        _ => shown.into_owned(),
    }
}

/// The origin of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// An environment variable, by its name.
    Environment(String),
    /// A file.
    File {
        /// Its path.
        path: Arc<Path>,
        /// The line, from 1.
        line: usize,
    },
    /// Not given: the default.
    Default,
}

impl Origin {
    /// The line in a file, or 0.
    #[must_use]
    pub fn line(&self) -> usize {
        match self {
            Self::File { line, .. } => *line,
            _ => 0,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A given value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub origin: Origin,
}

impl<T> Given<T> {
    /// `value` from the command line.
    pub fn flag(value: T) -> Self {
        Self { value, origin: Origin::Flag }
    }

    /// Another value of the same origin.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: to(self.value), origin: self.origin }
    }

    /// Another value of the same origin.
    pub fn with<U>(&self, value: U) -> Given<U> {
        Given { value, origin: self.origin.clone() }
    }

    /// The line in a file, or 0.
    #[must_use]
    pub fn line(&self) -> usize {
        self.origin.line()
    }
}
