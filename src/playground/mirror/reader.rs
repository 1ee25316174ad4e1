//! Reads MariaDB's row binlog group by group: a group is what MariaDB commits as one.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use mysql::binlog::StatusVarKey;
use mysql::binlog::events::{Event, EventData, QueryEvent, StatusVarVal};
use mysql::prelude::Queryable;
use mysql::{BinlogRequest, Conn, OptsBuilder};

use super::statement::Query;
use super::statement::{self, Statement};
use super::turn::Item;

/// Base name of the binlog's files; a number of six digits or more follows.
pub(super) const BASE: &str = "binlog.";
/// How often a silent server sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(200);
/// After this long without any event the connection is given up.
const SILENCE: Duration = Duration::from_secs(10);
/// The server id under which this reader registers as a replica.
const READER_ID: u32 = 7_001;

/// Event types of MariaDB's that the crate does not know.
mod code {
    pub(super) const GTID: u8 = 162;
    pub(super) const COMPRESSED: [u8; 7] = [165, 166, 167, 168, 169, 170, 171];
}

/// A position in the binlog, behind a whole group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The number in the file's name.
    pub(super) file: u64,
    /// Bytes in it.
    pub(super) offset: u64,
}

impl Place {
    /// The start of everything.
    pub(super) const FIRST: Self = Self { file: 1, offset: 4 };

    /// The position that `SHOW MASTER STATUS` names.
    pub(super) fn of(file: &str, offset: u64) -> Result<Self> {
        let number = file.strip_prefix(BASE).and_then(|n| n.parse().ok());
        Ok(Self { file: number.with_context(|| format!("a binlog file called {file}"))?, offset })
    }

    fn name(&self) -> String {
        format!("{BASE}{:06}", self.file)
    }
}

/// Why reading ended.
pub(super) enum Broken {
    /// The server is gone or restarts: reading can go on at the same position.
    Connection(anyhow::Error),
    /// A file ends in the middle of an event, because the server was killed while it wrote. That
    /// event is not committed: reading goes on in the next file, at this position.
    Cut(Place),
    /// The binlog holds events that cannot be followed.
    Content(anyhow::Error),
}

/// The next step of the stream.
pub(super) enum Step {
    /// A whole group that ends at this position.
    Group(Vec<Item>, Place),
    /// Only a new position, or not even that.
    Idle(Place),
}

/// An open stream.
pub(super) struct Reader {
    stream: mysql::BinlogStream,
    place: Place,
    open: Option<Open>,
}

/// An open group, whose end was not read yet.
struct Open {
    items: Vec<Item>,
    /// It ends with its one statement.
    alone: bool,
}

impl Reader {
    /// Opens the stream at the position `place`.
    pub(super) fn open(socket: &Path, place: Place) -> Result<Self> {
        let socket = socket.to_string_lossy().into_owned();
        let options = OptsBuilder::new().socket(Some(socket)).user(Some("root")).read_timeout(Some(SILENCE));
        let mut conn = Conn::new(options)?;
        conn.query_drop("SET @master_binlog_checksum = 'NONE', @mariadb_slave_capability = 4")?;
        conn.query_drop(format!("SET @master_heartbeat_period = {}", HEARTBEAT.as_nanos()))?;
        let request = BinlogRequest::new(READER_ID).with_filename(place.name().into_bytes()).with_pos(place.offset);
        Ok(Self { stream: conn.get_binlog_stream(request)?, place, open: None })
    }

    /// Waits for the next event; a heartbeat is one.
    pub(super) fn next(&mut self) -> Result<Step, Broken> {
        let event = match self.stream.next() {
            Some(Ok(event)) => event,
            Some(Err(mysql::Error::MySqlError(error)))
                if error.code == 1236 && error.message.contains("truncated in the") =>
            {
                return Err(Broken::Cut(Place { file: self.place.file + 1, ..Place::FIRST }));
            }
            Some(Err(mysql::Error::MySqlError(error))) => {
                let why = format!("MariaDB does not send its binlog from {:?} on: {}", self.place, error.message);
                // A server that shuts down says so; any other error is permanent.
                let passing = error.code == 1053 || error.code == 1077 || error.code == 1927 || error.code == 1317;
                return Err(if passing { Broken::Connection(anyhow!(why)) } else { Broken::Content(anyhow!(why)) });
            }
            Some(Err(error)) => return Err(Broken::Connection(error.into())),
            None => return Err(Broken::Connection(anyhow!("MariaDB ended the stream"))),
        };
        self.take(event).map_err(Broken::Content)
    }

    fn take(&mut self, event: Event) -> Result<Step> {
        let kind = event.header().event_type_raw();
        let end = u64::from(event.header().log_pos());
        if kind == code::GTID {
            let alone = event.data().get(12).is_some_and(|flags| flags & 1 != 0);
            self.open = Some(Open { items: Vec::new(), alone });
            return Ok(Step::Idle(self.place.clone()));
        }
        if code::COMPRESSED.contains(&kind) {
            bail!("compressed events (log_bin_compress)");
        }
        match event.read_data().context("an event of the binlog")? {
            Some(EventData::RotateEvent(rotate)) => return self.rotate(&rotate.name(), rotate.position()),
            Some(EventData::RowsEvent(rows)) => {
                let map = self.stream.get_tme(rows.table_id()).context("rows of a table that was not named")?.clone();
                drop(rows);
                let open = self.open.as_mut().context("rows outside of a group")?;
                open.items.push(Item::Rows(Box::new((event, map))));
            }
            Some(EventData::QueryEvent(query)) => return self.query(&query, end),
            Some(EventData::XidEvent(_)) => return Ok(self.close(end)),
            Some(EventData::XaPrepareLogEvent(_)) => bail!("refused: an XA transaction"),
            Some(EventData::IncidentEvent(_)) => bail!("MariaDB has lost events (an incident)"),
            _ => {}
        }
        if self.open.is_none() && end > self.place.offset {
            self.place.offset = end;
        }
        Ok(Step::Idle(self.place.clone()))
    }

    /// The first rotate event of a stream is artificial, and has four bytes behind its name.
    fn rotate(&mut self, name: &str, offset: u64) -> Result<Step> {
        let digits: String = name.strip_prefix(BASE).unwrap_or_default().chars().take(6).collect();
        let file = digits.parse().with_context(|| format!("a binlog file called {name:?}"))?;
        if file != self.place.file {
            self.place = Place { file, offset };
        }
        Ok(Step::Idle(self.place.clone()))
    }

    fn query(&mut self, event: &QueryEvent<'_>, end: u64) -> Result<Step> {
        let sql = std::str::from_utf8(event.query_raw()).context("a statement that is not written in UTF-8")?;
        let query = Query {
            schema: event.schema().into_owned(),
            sql: sql.to_owned(),
            sql_mode: variable(event, StatusVarKey::SqlMode, |v| match v {
                StatusVarVal::SqlMode(mode) => Some(mode.0),
                _ => None,
            }),
            collations: variable(event, StatusVarKey::Charset, |v| match v {
                StatusVarVal::Charset { collation_connection, collation_server, .. } => {
                    Some((collation_connection, collation_server))
                }
                _ => None,
            }),
        };
        let open = self.open.as_mut().with_context(|| format!("`{sql}` outside of a group"))?;
        match statement::read(&query.sql, &query.schema) {
            Ok(Statement::Commit) => return Ok(self.close(end)),
            Ok(Statement::Rollback) if open.items.is_empty() => return Ok(self.close(end)),
            Ok(Statement::Rollback) => {
                bail!("refused: a transaction was rolled back that changed a table without transactions")
            }
            _ => {}
        }
        let alone = open.alone;
        open.items.push(Item::Query(query));
        Ok(if alone { self.close(end) } else { Step::Idle(self.place.clone()) })
    }

    fn close(&mut self, end: u64) -> Step {
        self.place.offset = end;
        let items = self.open.take().map(|open| open.items).unwrap_or_default();
        Step::Group(items, self.place.clone())
    }
}

fn variable<T>(
    event: &QueryEvent<'_>,
    key: StatusVarKey,
    read: impl FnOnce(StatusVarVal<'_>) -> Option<T>,
) -> Option<T> {
    event.status_vars().get_status_var(key).and_then(|v| v.get_value().ok().and_then(read))
}
