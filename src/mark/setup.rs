//! Creates, checks, shows and drops the mark table's rows, for `tisync mark` and for links.
//!
//! Setting up leaves what exists unchanged. Dropping refuses while the channel is in use.
//! Privileges are found by statements that change nothing, because the text of SHOW GRANTS (roles,
//! patterns, proxies) is not enough. The table must have the definition that Drainer creates.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::INFO_CHARS;
use super::alive;
use crate::error::Fault;
use crate::model::Mark;
use crate::mysql::error::{Class, classify};
use crate::mysql::session::Session;
use crate::sql::{quote_name, quote_text};

/// The `channel_info` of rows that no link has used yet.
const NOBODY: &str = "tisync mark setup";

/// What has to be done on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The statements in order; empty if everything exists.
    pub statements: Vec<String>,
    /// Rows of the channel that exist.
    pub there: usize,
    /// Rows that are to be created.
    pub missing: usize,
}

/// Checks privileges and definition, and finds what is missing for the rows 0 to `rows` - 1.
/// Changes nothing.
///
/// # Errors
/// Refused if the table exists and is different, with all differences; not allowed if privileges
/// are missing, with all of them.
pub fn plan(session: &mut Session, mark: &Mark, rows: u32) -> Result<Plan> {
    let found = definition(session, mark)?;
    if let Definition::Table(different) = &found
        && !different.is_empty()
    {
        return Err(Fault::refused(format!(
            "the table {} exists and is not the mark table that Drainer and tisync share: {}",
            mark.name(),
            different.join("; ")
        ))
        .hint("nothing was changed: rename it, or give another with --table on both clusters")
        .into());
    }
    let denied = missing(session, mark, &found, false);
    if !denied.is_empty() {
        return Err(Fault::connect(format!("the account cannot set up marks; it lacks: {}", denied.join(", ")))
            .hint(format!(
                "nothing was changed; as an administrator: GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON {}.* TO the account",
                mark.schema
            ))
            .into());
    }
    let mut statements = Vec::new();
    let mut there: Vec<i64> = Vec::new();
    match found {
        Definition::NoDatabase => statements.extend([mark.create_database(), mark.create_table()]),
        Definition::NoTable => statements.push(mark.create_table()),
        Definition::Table(_) => {
            there = session.rows(&format!(
                "SELECT id FROM {} WHERE channel_id = {} ORDER BY id",
                mark.quoted(),
                mark.channel
            ))?;
        }
    }
    let missing: Vec<(u32, String)> =
        (0..rows).filter(|id| !there.contains(&i64::from(*id))).map(|id| (id, NOBODY.to_owned())).collect();
    if !missing.is_empty() {
        statements.push(mark.insert(&missing));
    }
    Ok(Plan { statements, there: there.len(), missing: missing.len() })
}

/// Runs the statements of `plan`.
///
/// # Errors
/// If the server refuses a statement.
pub fn apply(session: &mut Session, plan: &Plan) -> Result<()> {
    plan.statements.iter().try_for_each(|sql| session.run(sql).map(drop))
}

/// How long the rows must not change: a link saves its position every 3 s while its upstream is
/// alive.
const WATCH: Duration = Duration::from_secs(4);
/// Pause between looks at the rows.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The users of the channel; `None` if there are none, after watching its rows for four seconds.
///
/// # Errors
/// If the server cannot be read.
pub fn in_use(session: &mut Session, mark: &Mark) -> Result<Option<String>> {
    let first = read(session, mark, Some(mark.channel))?;
    if first.is_empty() {
        return Ok(None);
    }
    let infos: Vec<String> = first.iter().map(|r| r.channel_info.clone()).collect();
    let links = alive(session, &infos, |who| who.writes_with(&mark.name(), Some(mark.channel)))?;
    if !links.is_empty() {
        return Ok(Some(format!("{} runs", links.join(", "))));
    }
    let begin = Instant::now();
    while begin.elapsed() < WATCH {
        sleep(LOOK_EVERY);
        let now = read(session, mark, Some(mark.channel))?;
        if let Some(row) = now.iter().find(|row| !first.contains(row)) {
            return Ok(Some(format!("the row of id {} is changing: something is using it", row.id)));
        }
    }
    Ok(None)
}

/// Deletes the rows of the channel; gives their number. The table stays: other channels may have
/// rows in it.
///
/// # Errors
/// Refused while the channel is in use; not allowed without DELETE.
pub fn drop_rows(session: &mut Session, mark: &Mark) -> Result<u64> {
    let denied = missing(session, mark, &Definition::Table(Vec::new()), true);
    if !denied.is_empty() {
        return Err(Fault::connect(format!("the account cannot drop marks; it lacks: {}", denied.join(", "))).into());
    }
    if let Some(who) = in_use(session, mark)? {
        return Err(Fault::refused(format!("channel {} of {} is in use: {who}", mark.channel, mark.name()))
            .hint("stop the links that use it first; without its rows their transactions would be written unmarked")
            .into());
    }
    session.run(&mark.delete())
}

/// The name of a table that does not exist.
const NOWHERE: &str = "_tisync_no_such_table";

/// Whether the server takes no writes from this account, whatever its privileges.
pub(super) fn read_only(session: &mut Session, mark: &Mark) -> bool {
    let sql = format!("UPDATE {} SET val = 0 WHERE 1 = 0", mark.quoted());
    session.try_run(&sql).is_err_and(|e| classify(&e) == Class::ReadOnly)
}

/// The privileges that are missing, as `INSERT on retl._drainer_repl_mark`. Servers check
/// privileges before they look whether a table exists, so this also works for one that is to be
/// created.
pub(super) fn missing(session: &mut Session, mark: &Mark, there: &Definition, delete: bool) -> Vec<String> {
    let table = mark.quoted();
    let mut tries = vec![
        ("SELECT", format!("SELECT id, channel_id, val, channel_info FROM {table} WHERE 1 = 0")),
        ("INSERT", format!("INSERT INTO {table} (id, channel_id) SELECT 0, 0 FROM DUAL WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE {table} SET val = 0 WHERE 1 = 0")),
    ];
    if delete {
        tries.push(("DELETE", format!("DELETE FROM {table} WHERE 1 = 0")));
    }
    if !matches!(there, Definition::Table(_)) {
        // Fails because the table to be copied does not exist, after the check of the right to
        // create one.
        let nowhere = format!("{}.{}", quote_name(&mark.schema), quote_name(NOWHERE));
        tries.push(("CREATE", format!("CREATE TABLE {table} LIKE {nowhere}")));
    }
    let denied = |sql: &str, session: &mut Session| {
        session.try_run(sql).is_err_and(|e| matches!(classify(&e), Class::Privilege | Class::ReadOnly))
    };
    let mut missing = Vec::new();
    for (right, sql) in tries {
        // Without the right to read the copied table, the error says nothing about the right to
        // create one.
        let unknown = right == "CREATE" && !missing.is_empty();
        if !unknown && denied(&sql, session) {
            missing.push(format!("{right} on {}", mark.name()));
        }
    }
    missing
}

/// A row of the mark table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkRow {
    /// Number of the connection that has the row for itself.
    pub id: i64,
    /// Its channel.
    pub channel_id: i64,
    /// Raised by each transaction that carried it.
    pub val: Option<i64>,
    /// The link that writes with it.
    pub channel_info: String,
}

/// What `tisync mark status` shows of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether the table exists.
    pub table_exists: bool,
    /// How it differs from what it must be.
    pub different: Vec<String>,
    /// The rows of the channel, or of all channels.
    pub rows: Vec<MarkRow>,
    /// When the table was last written, in UTC, if the server knows it: MySQL and MariaDB since
    /// their start.
    pub last_change: Option<String>,
    /// Links of tisync that write with the channel now.
    pub in_use_by: Vec<String>,
}

/// Looks at the mark table; at all channels if `channel` is `None`.
///
/// # Errors
/// If the server cannot be read.
pub fn status(session: &mut Session, mark: &Mark, channel: Option<i64>) -> Result<Status> {
    let different = match definition(session, mark)? {
        Definition::Table(different) => different,
        Definition::NoTable | Definition::NoDatabase => {
            return Ok(Status {
                table_exists: false,
                different: Vec::new(),
                rows: Vec::new(),
                last_change: None,
                in_use_by: Vec::new(),
            });
        }
    };
    let (mut rows, mut in_use_by) = (Vec::new(), Vec::new());
    if different.is_empty() {
        rows = read(session, mark, channel)?;
        let infos: Vec<String> = rows.iter().map(|r| r.channel_info.clone()).collect();
        in_use_by = alive(session, &infos, |who| who.writes_with(&mark.name(), channel))?;
    }
    let last_change: Option<Option<String>> = session.first(&format!(
        "SELECT DATE_FORMAT(update_time, '%Y-%m-%dT%H:%i:%sZ') FROM information_schema.tables \
         WHERE LOWER(table_schema) = LOWER({}) AND LOWER(table_name) = LOWER({})",
        quote_text(&mark.schema),
        quote_text(&mark.table)
    ))?;
    Ok(Status { table_exists: true, different, rows, last_change: last_change.flatten(), in_use_by })
}

/// The rows of a channel, or all of them.
pub(super) fn read(session: &mut Session, mark: &Mark, channel: Option<i64>) -> Result<Vec<MarkRow>> {
    let condition = channel.map_or(String::new(), |c| format!("WHERE channel_id = {c}"));
    let rows: Vec<(i64, i64, Option<i64>, Option<String>)> = session.rows(&format!(
        "SELECT id, channel_id, val, channel_info FROM {} {condition} ORDER BY channel_id, id",
        mark.quoted()
    ))?;
    let row = |(id, channel_id, val, info): (i64, i64, Option<i64>, Option<String>)| MarkRow {
        id,
        channel_id,
        val,
        channel_info: info.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Engines with transactions; TiDB says InnoDB.
const ENGINES: [&str; 3] = ["innodb", "rocksdb", "tokudb"];

/// The result of looking at a mark table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// No such database.
    NoDatabase,
    /// The database, but no such table.
    NoTable,
    /// The table; each entry says how it differs from what it must be.
    Table(Vec<String>),
}

impl Definition {
    /// Whether marks can be written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        matches!(self, Self::Table(different) if different.is_empty())
    }
}

/// A column as the server describes it.
struct Column {
    kind: String,
    chars: u64,
    needed: bool,
    generated: bool,
}

/// Looks up the mark table's definition.
///
/// # Errors
/// If it cannot be read.
pub fn definition(session: &mut Session, mark: &Mark) -> Result<Definition> {
    let database = format!("LOWER(table_schema) = LOWER({})", quote_text(&mark.schema));
    let here = format!("{database} AND LOWER(table_name) = LOWER({})", quote_text(&mark.table));
    let found: Option<(String, String, Option<String>)> =
        session.first(&format!("SELECT table_name, table_type, engine FROM information_schema.tables WHERE {here}"))?;
    let Some((_, kind, engine)) = found else {
        let database: Option<u64> = session.first(&format!(
            "SELECT COUNT(*) FROM information_schema.schemata WHERE LOWER(schema_name) = LOWER({})",
            quote_text(&mark.schema)
        ))?;
        return Ok(if database.unwrap_or(0) > 0 { Definition::NoTable } else { Definition::NoDatabase });
    };
    let mut different = Vec::new();
    let engine = engine.unwrap_or_default().to_lowercase();
    if kind != "BASE TABLE" {
        different.push(format!("it is not a table but a {}", kind.to_lowercase()));
    } else if !ENGINES.contains(&engine.as_str()) {
        different.push(format!("it uses the storage engine {engine}, which has no transactions"));
    }
    columns(session, &here, &mut different)?;
    let key: Vec<String> = session.rows(&format!(
        "SELECT LOWER(column_name) FROM information_schema.statistics WHERE {here} AND index_name = 'PRIMARY' ORDER BY seq_in_index"
    ))?;
    let mut sorted = key.clone();
    sorted.sort();
    if sorted != ["channel_id", "id"] {
        different.push(format!("its primary key is ({}), not (id, channel_id)", key.join(", ")));
    }
    let triggers: Vec<String> = session.rows(&format!(
        "SELECT trigger_name FROM information_schema.triggers WHERE LOWER(event_object_schema) = LOWER({}) \
         AND LOWER(event_object_table) = LOWER({})",
        quote_text(&mark.schema),
        quote_text(&mark.table)
    ))?;
    different.extend(triggers.iter().map(|t| format!("trigger `{t}` fires for it")));
    Ok(Definition::Table(different))
}

fn columns(session: &mut Session, here: &str, different: &mut Vec<String>) -> Result<()> {
    type Row = (String, String, Option<u64>, bool, String, String);
    let rows: Vec<Row> = session.rows(&format!(
        "SELECT LOWER(column_name), LOWER(data_type), character_maximum_length, column_default IS NULL, is_nullable, LOWER(extra) \
         FROM information_schema.columns WHERE {here}"
    ))?;
    let read = |(name, kind, chars, no_default, nullable, extra): Row| {
        let generated = ["virtual", "stored", "persistent"].iter().any(|w| extra.contains(w));
        let needed = no_default && nullable == "NO" && !generated && !extra.contains("auto_increment");
        (name, Column { kind, chars: chars.unwrap_or(0), needed, generated })
    };
    let mut found: BTreeMap<String, Column> = rows.into_iter().map(read).collect();
    for name in ["id", "channel_id", "val"] {
        match found.remove(name) {
            None => different.push(format!("it has no column {name}")),
            Some(c) if c.generated => different.push(format!("its column {name} is generated")),
            Some(c) if c.kind != "bigint" => different.push(format!("its column {name} is {}, not bigint", c.kind)),
            Some(_) => {}
        }
    }
    match found.remove("channel_info") {
        None => different.push("it has no column channel_info".to_owned()),
        Some(c) if c.chars < INFO_CHARS as u64 || !["varchar", "char", "text"].contains(&c.kind.as_str()) => {
            different.push(format!("its column channel_info is {}({}), not varchar({INFO_CHARS})", c.kind, c.chars));
        }
        Some(_) => {}
    }
    for (name, _) in found.iter().filter(|(_, c)| c.needed) {
        different.push(format!("its column {name} needs a value that marks do not have"));
    }
    Ok(())
}
