//! Starts the tasks that read Pumps, each with its stream.

use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::roll::Roll;
use super::roster::Roster;
use super::{Muster, PumpSource, Timing, pull};
use crate::event::Events;
use crate::model::{CommitTs, Pulled, Stream};
use crate::pd::{Node, Security};
use crate::source::queue::Queue;

/// All that a reader of a Pump needs.
#[derive(Clone)]
pub(super) struct Crew {
    pub cluster_id: u64,
    pub security: Security,
    pub gzip: bool,
    pub timing: Timing,
    pub events: Events,
    /// For all Pumps together. One that joins gets the share that it would have had from the start; the others keep theirs.
    pub queue_bytes: usize,
    pub muster: Arc<Muster>,
    pub roster: Arc<Roster>,
    pub alive: watch::Receiver<()>,
    pub runtime: Handle,
    /// To whoever waits for their ends.
    pub tasks: mpsc::UnboundedSender<JoinHandle<()>>,
}

impl Crew {
    /// Reads `node` behind `from`.
    pub fn read(&self, node: &Node, from: CommitTs) -> Stream {
        let (outlet, stream) = self.open(format!("Pump {}", node.id));
        // Without what would keep the list of tasks open.
        let puller = pull::Puller::new(self, node, from);
        self.spawn(outlet.clone().while_alive(puller.run(outlet)));
        stream
    }

    /// Calls the roll, which is known up to `known_to`.
    pub fn call_roll(self, source: &PumpSource, known_to: CommitTs) -> Stream {
        let (outlet, stream) = self.open("PD's list of Pumps".to_owned());
        let (runtime, tasks) = (self.runtime.clone(), self.tasks.clone());
        let roll = Roll::new(source, known_to, self);
        // Fails only when nobody waits for the tasks any more.
        let _ = tasks.send(runtime.spawn(outlet.clone().while_alive(roll.run(outlet))));
        stream
    }

    fn open(&self, name: String) -> (Outlet, Stream) {
        let (queue, receiver) = Queue::new(self.queue_bytes, self.roster.count());
        let outlet = Outlet { queue: Arc::new(queue), alive: self.alive.clone() };
        (outlet, Stream { name, receiver })
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let _ = self.tasks.send(self.runtime.spawn(task));
    }
}

/// The writing end of a stream.
#[derive(Clone)]
pub(super) struct Outlet {
    pub queue: Arc<Queue>,
    alive: watch::Receiver<()>,
}

impl Outlet {
    /// Passes on what the stream says, waiting for room; false if nobody listens any more.
    pub fn say(&self, said: Result<Pulled>) -> bool {
        match self.queue.offer(said) {
            Ok(heard) => heard,
            Err(said) => tokio::task::block_in_place(|| self.queue.send(said)),
        }
    }

    /// Waits until all that the stream said up to `position` has been taken; false if nobody listens any more.
    pub fn drained(&self, position: CommitTs) -> bool {
        tokio::task::block_in_place(|| self.queue.drain(position))
    }

    /// Says again how far the stream is, which is always true; the answer tells whether anybody still listens.
    pub fn heard(&self, position: CommitTs) -> bool {
        self.queue.is_heard(position)
    }

    /// Runs `work` until it ends or the source is dropped. A stream must not look as if it had ended for good when it
    /// was only left off, so both that and a panic give it an error to end with.
    async fn while_alive(mut self, work: impl Future<Output = ()> + Send + 'static) {
        let mut task = tokio::spawn(work);
        let why = tokio::select! {
            ended = &mut task => match ended {
                Ok(()) => return,
                Err(e) => format!("the reading of a stream broke off: {e}"),
            },
            // No value is ever sent: this is the end of the source.
            _ = self.alive.changed() => "the source was closed while its streams were still open".to_owned(),
        };
        task.abort();
        self.say(Err(anyhow::anyhow!(why)));
    }
}
