//! Options of a MySQL sink, and the choice of connection count and batch size.
//!
//! The number of connections and the batch size follow from the round trip to the target and the
//! memory limit.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use super::ddl::{Asker, DdlPolicy};
use crate::checkpoint::DrainerPlace;
use crate::checkpoint::lease::Terms;
use crate::checkpoint::locks::known;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::identity::Upstream;
use crate::model::{CommitTs, DurablePosition, Mark};
use crate::mysql::login::Connection;
use crate::mysql::session::Session;
use crate::schema::Ahead;
use crate::stop::Stop;

/// The operator's decision about a DDL that an earlier run began and did not see end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PendingDdl {
    /// It took effect: continue after it.
    Done,
    /// It did not: run it again.
    Again,
}

/// What to do if the target's rows are not as the stream requires: one to change or delete is
/// missing, or the key of one to insert is taken. Such rows are counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// The run ends; nothing of the transaction is applied.
    #[default]
    Stop,
    /// The target's row becomes what the upstream has.
    Count,
}

impl fmt::Display for OnConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Count => "count",
        })
    }
}

/// Whether a table must have the same columns on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It must: a missing or additional column is an error (Drainer's sync-mode 1).
    #[default]
    Full,
    /// Columns that the target lacks are left out, additional ones keep their values (Drainer's
    /// sync-mode 2).
    Partial,
}

impl Mode {
    /// 1 is full, 2 is partial, as in Drainer.
    #[must_use]
    pub fn of(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Full),
            2 => Some(Self::Partial),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "1",
            Self::Partial => "2",
        })
    }
}

/// Settings of a sink.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// The upstream cluster's id, from PD.
    pub cluster_id: u64,
    /// The cluster that the link comes from, if it is a live one: the target must be another one.
    pub upstream: Option<Upstream>,
    /// The link's name, 1 to 64 characters; each has its own checkpoint.
    pub link: String,
    /// Password, session variables and similar settings.
    pub connection: Connection,
    /// Where a first start begins (exclusive); a checkpoint on the target takes precedence.
    pub start: Option<CommitTs>,
    /// [`start`](Self::start) was meant only for the very first start: it is ignored if Drainer's
    /// checkpoint is ahead of it.
    pub start_yields: bool,
    /// Where a first start begins if neither `start` nor Drainer's checkpoint is there.
    pub first: Option<CommitTs>,
    /// Whether [`first`](Self::first) is PD's clock, instead of a ts that the operator named.
    pub first_is_now: bool,
    /// The source's newest ts at the start: no run can have applied more.
    pub now: Option<CommitTs>,
    /// Where a Drainer kept its checkpoint, from which a first start continues.
    pub drainer: DrainerPlace,
    /// Whether [`start`](Self::start) applies to a first start even if Drainer's checkpoint
    /// differs.
    pub ignore_drainer: bool,
    /// Whether tables without a key are replicated even if Drainer's checkpoint is not exact.
    pub allow_repeats: bool,
    /// INSERT becomes REPLACE, and deviating rows are counted instead of being an error.
    pub safe_mode: bool,
    /// Safe mode for transactions at or below this ts: they may be on the target already.
    pub safe_until: Option<CommitTs>,
    /// Whether both sides must have the same columns.
    pub mode: Mode,
    /// The future of the source's tables, if the target has each DDL first: with it, rows are
    /// fitted to what the target has already.
    pub ahead: Option<Arc<Ahead>>,
    /// Tables that the target lacks are only reported; a row for one of them stops the run.
    pub allow_missing: bool,
    /// The operator's decisions about DDLs.
    pub ddl: DdlPolicy,
    /// Asks the operator about a DDL that the target refuses.
    pub asker: Option<Asker>,
    /// The operator's decision about a DDL that an earlier run left unfinished.
    pub pending_ddl: Option<PendingDdl>,
    /// Number of connections to the target, 1 to 64; chosen from the round trip if `None`.
    pub workers: Option<usize>,
    /// Row changes of a batch, at least 1; chosen from the round trip if `None`. A larger
    /// transaction is not split nevertheless.
    pub batch_rows: Option<u64>,
    /// Number of row changes above which an upstream transaction is split into several on the
    /// target; never if `None`.
    pub max_txn_rows: Option<u64>,
    /// Bytes of memory that the run may use.
    pub memory_limit: usize,
    /// What to do if rows are not as the stream requires; in safe mode nothing is required.
    pub on_conflict: OnConflict,
    /// If set, every transaction on the target carries a mark of this channel, because the target
    /// is also a source.
    pub mark: Option<Mark>,
    /// What to do about another run of the link that is alive.
    pub lease: Terms,
    /// Ends the wait for a target that does not come back.
    pub stop: Stop,
    /// Gets the sink's position.
    pub durable: DurablePosition,
}

impl MysqlOptions {
    /// Default of [`memory_limit`](Self::memory_limit).
    pub const MEMORY_LIMIT: usize = 256 << 20;

    /// The defaults for a link of a cluster.
    #[must_use]
    pub fn new(cluster_id: u64, link: impl Into<String>) -> Self {
        Self {
            cluster_id,
            upstream: None,
            link: link.into(),
            connection: Connection::default(),
            start: None,
            start_yields: false,
            first: None,
            first_is_now: false,
            now: None,
            drainer: DrainerPlace::default(),
            ignore_drainer: false,
            allow_repeats: false,
            safe_mode: false,
            safe_until: None,
            mode: Mode::Full,
            ahead: None,
            allow_missing: false,
            ddl: DdlPolicy::default(),
            asker: None,
            pending_ddl: None,
            workers: None,
            batch_rows: None,
            max_txn_rows: None,
            memory_limit: Self::MEMORY_LIMIT,
            on_conflict: OnConflict::default(),
            mark: None,
            lease: Terms::default(),
            stop: Stop::default(),
            durable: DurablePosition::default(),
        }
    }

    /// Whether the target has each DDL before the upstream: it is also a source, and this link runs
    /// none.
    pub(crate) fn target_leads(&self) -> bool {
        self.mark.is_some() && !self.ddl.run
    }

    /// The future of the source's tables, if rows are fitted to a target that has each DDL first.
    /// With mode 2 the target's additional columns do not matter.
    pub(super) fn follows(&self) -> Option<&Arc<Ahead>> {
        self.ahead.as_ref().filter(|_| self.target_leads() && self.mode == Mode::Full)
    }

    /// Whether deviating rows are overwritten and counted.
    pub(super) fn forgives(&self) -> bool {
        self.safe_mode || self.on_conflict == OnConflict::Count
    }
}

/// How often the round trip is measured; the shortest counts, since anything longer includes
/// delays.
const TRIES: usize = 5;
/// The longest round trip within one machine or rack.
const NEAR: Duration = Duration::from_micros(500);
/// Connections for such a target: enough that one commits while others work.
const FEW: usize = 4;
/// Connections for the farthest target.
const MANY: usize = 16;

/// Row changes of a batch for a near target: more hardly speed it up, and take memory.
const ROWS: u64 = 2000;
/// Limit for a far target, where each statement costs a round trip.
const MOST_ROWS: u64 = 8000;
/// Bytes of a batch's rows, unless the memory limit is lower.
const BYTES: usize = 4 << 20;
/// What decoding, folding and rendering need besides the rows under way, as a part of the memory
/// limit.
const UNDER_WAY: usize = 4;

/// Bytes of a statement of many rows.
const STATEMENT: usize = 1 << 20;

/// Limits of [`Size::records`].
const LEAST_RECORDS: usize = 256 << 10;
const MOST_RECORDS: usize = 1536 << 10;

/// The sizes that were chosen or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Connections.
    pub(super) workers: usize,
    /// Row changes of a batch.
    pub(super) rows: u64,
    /// Bytes of a batch's rows.
    pub(super) bytes: usize,
    /// Bytes of rows that may be under way in all.
    pub(super) in_flight: usize,
}

impl Size {
    /// The sizes for a target with this round trip.
    pub(super) fn choose(options: &MysqlOptions, round_trip: Duration) -> Self {
        let far = usize::try_from(round_trip.saturating_sub(NEAR).as_millis()).unwrap_or(MANY);
        let workers = options.workers.unwrap_or_else(|| (FEW + far * 2).min(MANY)).max(1);
        let in_flight = options.memory_limit / UNDER_WAY;
        Self {
            workers,
            rows: options.batch_rows.unwrap_or_else(|| (ROWS * (1 + far as u64)).min(MOST_ROWS)).max(1),
            bytes: BYTES.min(in_flight / (2 * workers)).max(64 << 10),
            in_flight,
        }
    }

    /// These sizes with no more connections than the account may still have.
    ///
    /// # Errors
    /// If it may have none.
    pub(super) fn within(self, room: Option<Room>, events: &Events) -> Result<Self> {
        let Some(Room { limit, free }) = room.filter(|room| room.free < self.workers) else { return Ok(self) };
        if free == 0 {
            return Err(Fault::connect(format!(
                "the account may have {limit} connections to the target, and all of them are in use"
            ))
            .hint("raise its MAX_USER_CONNECTIONS: a run takes one for each of its --workers, and two more")
            .into());
        }
        events(Event::Warning(format!(
            "the account may have {limit} connections to the target, of which {free} are free: using {free} workers \
             instead of {}; raise its MAX_USER_CONNECTIONS, or set --workers to this",
            self.workers
        )));
        Ok(Self { workers: free, ..self })
    }

    /// Row changes of a window, which gives each worker a batch.
    pub(super) fn window_rows(self) -> u64 {
        self.rows * self.workers as u64
    }

    /// Limit of bytes in all slots that record what is durable above the low-water mark: three
    /// windows of one-row transactions, within limits. If one batch is stuck, each transaction on
    /// the target writes again what its slot keeps, and TiDB accepts 6 MB for a row.
    pub(super) fn records(self) -> usize {
        usize::try_from(self.window_rows() * 12).unwrap_or(MOST_RECORDS).clamp(LEAST_RECORDS, MOST_RECORDS)
    }

    /// Whether a row of so many bytes of text takes more memory than each worker has.
    pub(super) fn is_heavy(self, row: usize) -> bool {
        row > STATEMENT && copies(row) > self.in_flight / self.workers
    }

    /// What the statement of a row takes in addition, if that is not within what each worker has.
    pub(super) fn statement(self, row: usize) -> usize {
        if self.is_heavy(row) { copies(row) } else { 0 }
    }

    /// Bytes of a window's rows.
    pub(super) fn window_bytes(self) -> usize {
        self.bytes * self.workers
    }
}

/// Memory of a statement of so many bytes: it is held three times, as it is rendered and in two
/// buffers of its connection, which keeps them.
fn copies(statement: usize) -> usize {
    statement.saturating_mul(3)
}

/// The limit of connections of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    limit: u64,
    /// Connections that it may still open.
    free: usize,
}

/// The connections that the session's account may have; `None` if there is no limit.
///
/// # Errors
/// If the connection is lost.
pub(super) fn room(session: &mut Session) -> Result<Option<Room>> {
    // For an account with its own limit, the variable shows that limit.
    let asked = known(session.fetch_one::<u64>("SELECT @@max_user_connections"))?.flatten();
    let Some(limit) = asked.filter(|limit| *limit > 0) else { return Ok(None) };
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1)";
    // Our own: the lease's, and this one, which is later replaced by others.
    let used = known(session.fetch_one::<u64>(sql))?.flatten().unwrap_or(2);
    let free = usize::try_from(limit.saturating_sub(used)).unwrap_or(usize::MAX);
    Ok(Some(Room { limit, free }))
}

/// The round trip of a statement without effect.
///
/// # Errors
/// If the connection is lost.
pub(super) fn round_trip(session: &mut Session) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..TRIES {
        let begin = Instant::now();
        session.run("DO 0")?;
        shortest = shortest.min(begin.elapsed());
    }
    Ok(shortest)
}
