//! Options of a MySQL sink, and the choice of connection count and batch size.
//!
//! The number of connections and the batch size follow from the round trip to the target and the
//! memory limit.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ddl::{Asker, DdlPolicy};
use crate::checkpoint::DrainerPlace;
use crate::checkpoint::lease::Terms;
use crate::checkpoint::locks::known;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::identity::Upstream;
use crate::model::CommitTs;
use crate::model::Mark;
use crate::mysql::login::Connection;
use crate::mysql::session::Session;
use crate::schema::Ahead;
use crate::stop::Stop;

/// What to do about a DDL that an earlier run began and did not see end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingDdl {
    /// It took effect on the target: go on behind it.
    Done,
    /// It did not: run it again.
    Again,
}

/// What to do where the target's rows are not as the stream supposes: one to change or delete is
/// missing, or the key of one to insert is taken. They are counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing of the transaction is applied, and the run ends.
    #[default]
    Stop,
    /// The row becomes what the upstream has.
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

/// Whether a table's columns have to be the same on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They have to: a missing or an extra one is an error (Drainer's sync-mode 1).
    #[default]
    Full,
    /// Columns that the target lacks are left out, the target's own keep their values (Drainer's
    /// sync-mode 2).
    Partial,
}

impl Mode {
    /// 1 is full, 2 partial, as Drainer numbers them.
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

/// How a sink is opened.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// The upstream cluster's id, from PD.
    pub cluster_id: u64,
    /// The cluster that the link comes from, if it is a live one: the target must be another.
    pub upstream: Option<Upstream>,
    /// The link's name, 1 to 64 characters: one checkpoint for each.
    pub link: String,
    /// Password, session variables and the like.
    pub connection: Connection,
    /// Where a first start begins (exclusive); a checkpoint on the target wins over it.
    pub start: Option<CommitTs>,
    /// [`start`](Self::start) was written for the first start of all: where Drainer's checkpoint is
    /// ahead of it, it has no say.
    pub start_yields: bool,
    /// Where it begins if neither that nor Drainer's checkpoint says so.
    pub first: Option<CommitTs>,
    /// The operator did not name [`first`](Self::first): it is what PD's clock showed.
    pub first_is_now: bool,
    /// The source's newest ts as of the start: no run can have applied more.
    pub now: Option<CommitTs>,
    /// Where a Drainer kept its checkpoint, from which a first start goes on.
    pub drainer: DrainerPlace,
    /// On a first start, [`start`](Self::start) counts although Drainer's checkpoint says something
    /// else.
    pub ignore_drainer: bool,
    /// Behind a checkpoint of Drainer's that is not exact, tables without a key are replicated all
    /// the same.
    pub allow_repeats: bool,
    /// INSERT becomes REPLACE, and rows that are not as expected are counted instead of being an
    /// error.
    pub safe_mode: bool,
    /// Safe mode for transactions at or below this ts: they may be on the target already.
    pub safe_until: Option<CommitTs>,
    /// Whether columns have to be the same on both sides.
    pub mode: Mode,
    /// What the source's tables become, where the target has each DDL first: with it, rows are
    /// fitted to what the target has already.
    pub ahead: Option<Arc<Ahead>>,
    /// Tables that the target lacks are only said; a row for one of them stops the run.
    pub allow_missing: bool,
    /// What the operator wants to become of DDLs.
    pub ddl: DdlPolicy,
    /// Who is asked about a DDL that the target refuses.
    pub asker: Option<Asker>,
    /// The operator's word about a DDL left behind.
    pub pending_ddl: Option<PendingDdl>,
    /// Connections to the target, 1 to 64; chosen from the round trip to it if `None`.
    pub workers: Option<usize>,
    /// Row changes of a batch, at least 1; chosen from the round trip if `None`. A larger
    /// transaction still is not split.
    pub batch_rows: Option<u64>,
    /// Row changes above which an upstream transaction is split over several of the target's; never
    /// if `None`.
    pub max_txn_rows: Option<u64>,
    /// Bytes of memory that the run may take.
    pub memory_limit: usize,
    /// What to do where rows are not as the stream supposes; in safe mode nothing is supposed.
    pub on_conflict: OnConflict,
    /// With it every transaction on the target carries a mark of this channel, for the target is a
    /// source too.
    pub mark: Option<Mark>,
    /// What to do about another run of the same link that lives.
    pub lease: Terms,
    /// Ends the waiting for a target that does not come back.
    pub stop: Stop,
}

impl MysqlOptions {
    /// The default of [`memory_limit`](Self::memory_limit).
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
        }
    }

    /// Whether the target has each DDL before the upstream: it is a source too, and this link runs
    /// none.
    pub(crate) fn target_leads(&self) -> bool {
        self.mark.is_some() && !self.ddl.run
    }

    /// What the source's tables become, if rows are fitted to a target that has each DDL first.
    /// With mode 2 the target's own columns do not matter.
    pub(super) fn follows(&self) -> Option<&Arc<Ahead>> {
        self.ahead.as_ref().filter(|_| self.target_leads() && self.mode == Mode::Full)
    }

    /// Whether rows that are not as supposed are overwritten and counted.
    pub(super) fn forgives(&self) -> bool {
        self.safe_mode || self.on_conflict == OnConflict::Count
    }
}

/// How often the round trip is measured; the shortest counts, since anything longer includes
/// delays.
const TRIES: usize = 5;
/// A round trip within one machine or rack.
const NEAR: Duration = Duration::from_micros(500);
/// Connections for such a target: enough that one commits while others work.
const FEW: usize = 4;
/// Connections for the farthest target.
const MANY: usize = 16;

/// Row changes of a batch for a near target: more hardly make it quicker, and take memory.
const ROWS: u64 = 2000;
/// The most for a far one, where each statement costs a round trip.
const MOST_ROWS: u64 = 8000;
/// Bytes of a batch's rows, unless the memory limit says less.
const BYTES: usize = 4 << 20;
/// What decoding, folding and rendering need beside the rows under way, as a part of the memory
/// limit.
const UNDER_WAY: usize = 4;

/// Bytes of a statement of many rows.
const STATEMENT: usize = 1 << 20;

/// Bounds of [`Size::records`].
const LEAST_RECORDS: usize = 256 << 10;
const MOST_RECORDS: usize = 1536 << 10;

/// What was chosen, or set.
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
    /// For a target at this distance.
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

    /// This size with no more connections than the account may still have.
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

    /// Bytes that the slots together may keep to remember what is durable above the low-water mark:
    /// three windows of one-row transactions, within bounds. Where one batch is stuck, each
    /// transaction on the target writes again what its slot keeps, and a TiDB takes 6 MB as a row.
    pub(super) fn records(self) -> usize {
        usize::try_from(self.window_rows() * 12).unwrap_or(MOST_RECORDS).clamp(LEAST_RECORDS, MOST_RECORDS)
    }

    /// Whether a row of so many bytes of text takes more memory than each worker has at once.
    pub(super) fn is_heavy(self, row: usize) -> bool {
        row > STATEMENT && copies(row) > self.in_flight / self.workers
    }

    /// What the statement of a row takes beside it, where that is not within what each worker has.
    pub(super) fn statement(self, row: usize) -> usize {
        if self.is_heavy(row) { copies(row) } else { 0 }
    }

    /// Bytes of a window's rows.
    pub(super) fn window_bytes(self) -> usize {
        self.bytes * self.workers
    }
}

/// What a statement of so many bytes takes: it is held three times, as it is rendered and in two
/// buffers of its connection, which keeps them.
fn copies(statement: usize) -> usize {
    statement.saturating_mul(3)
}

/// How many connections an account may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    limit: u64,
    /// Beside those that it has.
    free: usize,
}

/// The room that the session's account has; `None` if nothing limits it.
///
/// # Errors
/// If the connection is lost.
pub(super) fn room(session: &mut Session) -> Result<Option<Room>> {
    // For an account that has a limit of its own this is that one.
    let asked = known(session.fetch_one::<u64>("SELECT @@max_user_connections"))?.flatten();
    let Some(limit) = asked.filter(|limit| *limit > 0) else { return Ok(None) };
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1)";
    // Our own: the lease's, and this one, whose place is taken by others that come and go.
    let used = known(session.fetch_one::<u64>(sql))?.flatten().unwrap_or(2);
    let free = usize::try_from(limit.saturating_sub(used)).unwrap_or(usize::MAX);
    Ok(Some(Room { limit, free }))
}

/// The round trip of a statement that does nothing.
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
