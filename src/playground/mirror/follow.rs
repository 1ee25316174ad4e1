//! The thread that reads, turns and writes, and what it tells of itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::anyhow;

use super::census::Census;
use super::reader::{Broken, Place, Reader, Step};
use super::turn::Turner;
use crate::event::{Event, Events};
use crate::playground::cluster::Cluster;

/// How long until a lost server is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// What the reading thread tells.
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    pub(super) state: Mutex<State>,
    pub(super) moved: Condvar,
}

/// How far it is.
pub(super) struct State {
    pub(super) place: Place,
    pub(super) failure: Option<String>,
    pub(super) groups: u64,
    pub(super) rows: u64,
    pub(super) census: Census,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread works with.
pub(super) struct Work {
    pub(super) socket: PathBuf,
    pub(super) cluster: Arc<Cluster>,
    pub(super) shared: Arc<Shared>,
    pub(super) events: Events,
    pub(super) turner: Turner,
}

impl Drop for Work {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail(&anyhow!("its thread panicked"));
        }
    }
}

impl Work {
    /// Works until it is to stop, or the stream has failed.
    pub(super) fn run(mut self) {
        let mut lost = false;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let place = self.shared.lock().place.clone();
            let ended = match Reader::open(&self.socket, place) {
                Ok(reader) => {
                    lost = false;
                    self.read(reader)
                }
                Err(error) => Err(Broken::Connection(error)),
            };
            match ended {
                Ok(()) => return,
                Err(Broken::Connection(error)) => {
                    // Once, however long it takes.
                    if !std::mem::replace(&mut lost, true) {
                        let why = format!("MariaDB's binlog cannot be read: {error:#}");
                        (self.events)(Event::Retrying { why, next: AGAIN, since: Duration::ZERO });
                    }
                    sleep(AGAIN);
                }
                Err(Broken::Cut(next)) => self.shared.lock().place = next,
                Err(Broken::Content(error)) => return self.fail(&error),
            }
        }
    }

    /// Reads until it is to stop.
    fn read(&mut self, mut reader: Reader) -> Result<(), Broken> {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let (place, done) = match reader.next()? {
                Step::Idle(place) => (place, None),
                Step::Group(items, place) => {
                    let rows = self.turner.group(&items).map_err(Broken::Content)?;
                    (place, Some(rows))
                }
            };
            let mut state = self.shared.lock();
            state.place = place;
            state.groups += u64::from(done.is_some());
            state.rows += done.unwrap_or(0);
            state.census = self.turner.census();
            self.shared.moved.notify_all();
        }
        Ok(())
    }

    /// Ends the stream: no fake may promise that nothing is missing.
    fn fail(&self, error: &anyhow::Error) {
        // The one Pump is there.
        let _ = self.cluster.behave(0, |b| (b.silent, b.fakes) = (true, None));
        let text = format!("the stream of cluster {} has stopped: {error:#}", self.cluster.cluster_id());
        (self.events)(Event::Warning(text.clone()));
        self.shared.lock().failure = Some(text);
        self.shared.moved.notify_all();
    }
}
