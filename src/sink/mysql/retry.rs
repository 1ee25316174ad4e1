//! How long to wait before something is tried again, and who hears of it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Error, Result};

use super::failure::Class;
use super::shared::Shared;
use crate::error::{Fault, Kind, fault};
use crate::event::{Event, Events};
use crate::stop::Stop;

/// The first pause after a lost connection; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause: a target that comes back is found within this.
const LONGEST: Duration = Duration::from_secs(15);
/// The same for locks, which are soon free again.
const FIRST_LOCK: Duration = Duration::from_millis(5);
const LONGEST_LOCK: Duration = Duration::from_secs(2);
/// Lock conflicts that are nobody's business.
const QUIET: u32 = 5;
/// How long a lost connection is tried again although the run was asked to end.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// How often somebody who waits looks whether he still should.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the same may succeed later without anybody's doing; otherwise it needs the operator.
pub(super) fn passes(class: Class) -> bool {
    matches!(class, Class::Connection | Class::Contention | Class::ReadOnly)
}

/// One thing that is tried until it works.
pub(super) struct Backoff {
    tries: u32,
    since: Instant,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { tries: 0, since: Instant::now() }
    }

    /// How many pauses there were.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Waits before the next try, and says so unless it is a matter of moments.
    ///
    /// # Errors
    /// If the run is to end meanwhile.
    pub(super) fn pause(&mut self, class: Class, error: &Error, outlook: &Outlook<'_>) -> Result<()> {
        let (first, longest, quiet) = match class {
            Class::Contention => (FIRST_LOCK, LONGEST_LOCK, QUIET),
            _ => (FIRST, LONGEST, 0),
        };
        let pause = first.saturating_mul(1 << self.tries.min(16)).min(longest);
        self.tries += 1;
        if self.tries > quiet {
            outlook.tell(error, pause, self.since.elapsed());
        }
        let begin = Instant::now();
        // Whoever drains after a signal still gets over a lock or a moment's loss, but does not wait for a target that is away.
        let patient = class == Class::Contention || self.since.elapsed() < LAST_PATIENCE;
        loop {
            outlook.check(error, patient)?;
            let left = pause.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}

/// What somebody who waits looks at, and whom he tells.
pub(super) struct Outlook<'a> {
    pub(super) stop: &'a Stop,
    pub(super) shared: &'a Shared,
    pub(super) events: &'a Events,
    pub(super) told: &'a Told,
}

/// When a retry was last told of: all workers lose their connections at once, and one line is enough.
#[derive(Default)]
pub(super) struct Told(Mutex<Option<Instant>>);

impl Outlook<'_> {
    fn tell(&self, error: &Error, next: Duration, since: Duration) {
        let mut last = self.told.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < next.max(Duration::from_secs(1))) {
            return;
        }
        *last = Some(Instant::now());
        (self.events)(Event::Retrying { why: format!("{error:#}"), next, since });
    }

    /// # Errors
    /// If the operator asked the run to end, or another worker failed.
    fn check(&self, error: &Error, patient: bool) -> Result<()> {
        if !patient && self.stop.requested() {
            let hint = fault(error).map(|f| f.hint.clone()).unwrap_or_default();
            return Err(Fault::new(
                Kind::Interrupted,
                format!("stopped by a signal while the target could not be written to; what was read but not applied comes again: {error:#}"),
            )
            .hint(format!("the same command goes on from the checkpoint. {hint}"))
            .into());
        }
        if self.shared.is_stopped() {
            return Err(Fault::connect("given up, because the run failed elsewhere").into());
        }
        Ok(())
    }
}
