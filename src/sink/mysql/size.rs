//! How many connections, and how large the batches: from the round trip to the target and the memory limit.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::MysqlOptions;
use super::session::Session;
use crate::checkpoint::locks::known;
use crate::error::Fault;
use crate::event::{Event, Events};

/// How often the round trip is measured; the shortest counts, since everything else is somebody's delay.
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
/// What decoding, folding and rendering need beside the rows under way, as a part of the memory limit.
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

    /// The same with no more connections than the account may still have.
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
            "the account may have {limit} connections to the target, of which {free} are free: {free} workers instead of {}; raise its \
             MAX_USER_CONNECTIONS, or set --workers to this",
            self.workers
        )));
        Ok(Self { workers: free, ..self })
    }

    /// Row changes of a window, which gives each worker a batch.
    pub(super) fn window_rows(self) -> u64 {
        self.rows * self.workers as u64
    }

    /// Bytes that the slots together may keep to remember what is durable above the low-water mark: three windows of one-row transactions, within
    /// bounds. Where one batch is stuck, each transaction on the target writes again what its slot keeps, and a TiDB takes 6 MB as a row.
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

/// What a statement of so many bytes takes: it is held three times, as it is rendered and in two buffers of its connection, which keeps them.
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
