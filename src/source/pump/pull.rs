//! Pulls one Pump's binlogs, and reconnects after the last commit ts received.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use tokio::time::{sleep, timeout};
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status, Streaming};

use super::Silence;
use super::messages::{FrameInterceptor, InterceptedChannel, InterceptingCodec, StreamItem};
use super::{Membership, PullContext, PumpStatus, StreamSender, Timing, check};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::pd::{DIAL_LIMIT, Node, REQUEST_LIMIT, Security, State, words};
use crate::source::binlog::{Pos, PullBinlogReq};
use crate::source::{Forward, read};

/// How far a Pump that goes offline in order may have moved its position after this link had read
/// the rest. Beyond that, `offline` was only written into its entry by hand.
const MARKERS_MS: u64 = 5_000;

/// The request for what follows `from`. The position is sent even if it is zero, as Pumps expect.
#[must_use]
pub fn request(cluster_id: u64, from: CommitTs) -> PullBinlogReq {
    PullBinlogReq { cluster_id, start_from: Some(Pos { suffix: 0, offset: from.to_wire() }) }
}

/// The task that reads one Pump.
pub(super) struct Puller {
    id: String,
    cluster_id: u64,
    security: Security,
    gzip: bool,
    timing: Timing,
    events: Events,
    list: Arc<Membership>,
    pump_status: Arc<PumpStatus>,
    /// How far the Pump has been read, shared with [`PumpStatus`].
    position: Arc<AtomicU64>,
    silence: Silence,
    forward: Forward,
    /// When the Pump last sent something.
    heard: Instant,
}

/// Why a connection ended.
enum Broken {
    /// The receiver is gone, or the Pump has gone offline with everything read.
    Done,
    /// An error that no new connection can change.
    Fatal(anyhow::Error),
    /// Reconnect after a pause.
    Retry(String),
    /// The Pump's address or state in the list has changed: look at it without a pause.
    Moved,
}

impl Puller {
    pub(super) fn new(pull: &PullContext, node: &Node, from: CommitTs) -> Self {
        Self {
            id: node.id.clone(),
            cluster_id: pull.cluster_id,
            security: pull.security.clone(),
            gzip: pull.options.gzip,
            timing: pull.options.timing,
            events: Arc::clone(&pull.events),
            list: Arc::clone(&pull.list),
            pump_status: Arc::clone(&pull.options.status),
            position: pull.options.status.add(&node.id, from),
            silence: Silence::default(),
            forward: Forward::new(from),
            heard: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, sender: StreamSender) {
        let mut pause = self.timing.retry;
        loop {
            let before = self.forward.position();
            match self.session(&sender).await {
                Broken::Done => return,
                Broken::Fatal(error) => {
                    sender.say(Err(error));
                    return;
                }
                Broken::Retry(why) => self.tell(&why),
                Broken::Moved => {
                    pause = self.timing.retry;
                    continue;
                }
            }
            if !sender.heard(self.forward.position()) {
                return;
            }
            if self.forward.position() > before {
                pause = self.timing.retry;
            }
            // No need to wait if the Pump has a new address.
            let host = self.list.node(&self.id).map(|n| n.host).unwrap_or_default();
            tokio::select! {
                () = sleep(pause) => {}
                () = self.list.displaced(&self.id, &host) => {}
            }
            pause = (pause * 2).min(self.timing.retry_most);
        }
    }

    /// Connects, and passes on what arrives until the connection ends.
    async fn session(&mut self, sender: &StreamSender) -> Broken {
        let Some(node) = self.list.node(&self.id) else {
            return Broken::Retry("it is no longer in the list of Pumps".to_owned());
        };
        if node.state == State::Offline {
            return self.gone_offline(&node);
        }
        let interceptor = FrameInterceptor::new(sender.queue.large());
        let (list, id, host) = (Arc::clone(&self.list), self.id.clone(), node.host.clone());
        let mut displaced = pin!(async move { list.displaced(&id, &host).await });
        let connected = tokio::select! {
            connected = self.connect(&node, &interceptor) => connected,
            () = &mut displaced => return Broken::Moved,
        };
        let mut stream = match connected {
            Ok(stream) => stream,
            Err(broken) => return broken,
        };
        let mut settled = false;
        loop {
            let said = tokio::select! {
                said = self.next(&mut stream, &interceptor, &node, sender) => said,
                () = &mut displaced, if !settled => {
                    settled = true;
                    match self.list.node(&self.id) {
                        Some(now) if now.host != node.host => return self.moved(&node, &now),
                        _ => Ok(None),
                    }
                }
            };
            match said.and_then(|payload| payload.map_or(Ok(true), |p| self.pass(p, &node, sender))) {
                Ok(true) => {}
                Ok(false) => return Broken::Done,
                Err(broken) => return broken,
            }
            // Marked offline while it still sends: done once it has sent all that its entry
            // promises.
            if settled && let Some(broken) = self.all_read() {
                return broken;
            }
        }
    }

    /// The next message; `None` if the stream is to be asked again.
    async fn next(
        &self,
        stream: &mut Streaming<StreamItem>,
        interceptor: &FrameInterceptor,
        node: &Node,
        sender: &StreamSender,
    ) -> Result<Option<bytes::Bytes>, Broken> {
        let received = interceptor.received();
        match timeout(self.timing.silence, stream.message()).await {
            Ok(Ok(Some(StreamItem::Message(message)))) => Ok(Some(message.entity.unwrap_or_default().payload)),
            Ok(Ok(Some(StreamItem::Large))) if sender.drained(self.forward.position()) => Ok(None),
            Ok(Ok(Some(StreamItem::Large))) => Err(Broken::Done),
            Ok(Ok(None)) => Err(Broken::Retry("it has ended the stream".to_owned())),
            Ok(Err(status)) => Err(self.failed(&status)),
            // A large message takes its time.
            Err(_) if interceptor.received() > received => Ok(None),
            Err(_) => Err(Broken::Retry(self.silent(node).await)),
        }
    }

    /// Passes on a message; false if the receiver is gone.
    fn pass(&mut self, payload: bytes::Bytes, node: &Node, sender: &StreamSender) -> Result<bool, Broken> {
        if let Some(note) = self.silence.over(&self.id, self.heard.elapsed()) {
            (self.events)(Event::Note(note));
        }
        self.heard = Instant::now();
        match read(payload).and_then(|pulled| Ok((self.forward.pass(&pulled)?, pulled))) {
            Ok((false, _)) => Ok(true),
            Ok((true, pulled)) => {
                self.position.store(pulled.ts().0, Ordering::Relaxed);
                Ok(sender.say(Ok(pulled)))
            }
            Err(error) => Err(Broken::Fatal(error.context(format!("Pump {} ({})", self.id, node.host)))),
        }
    }

    /// Opens the stream behind the last position, and checks that the Pump still holds what follows
    /// it.
    async fn connect(&self, node: &Node, interceptor: &FrameInterceptor) -> Result<Streaming<StreamItem>, Broken> {
        let retry = |e: String| Broken::Retry(e);
        let channel = self.security.channel(&node.host, DIAL_LIMIT).map_err(|e| retry(format!("{e:#}")))?;
        let taken = InterceptedChannel { channel, interceptor: interceptor.clone() };
        let mut grpc = Grpc::new(taken).max_decoding_message_size(usize::MAX);
        if self.gzip {
            // A Pump compresses its answer if the request was compressed.
            grpc = grpc.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        let ready = timeout(DIAL_LIMIT, grpc.ready()).await;
        ready.map_err(|_| retry("no connection within 5 s".to_owned()))?.map_err(|e| {
            let status = Status::from_error(Box::new(e));
            retry(words(&status))
        })?;
        let from = self.forward.position();
        let codec = InterceptingCodec(interceptor.clone());
        let path = PathAndQuery::from_static("/binlog.Pump/PullBinlogs");
        // A Go server sends its headers with the first message, so this may take as long as a
        // silence.
        let opened = timeout(
            self.timing.silence,
            grpc.server_streaming(Request::new(request(self.cluster_id, from)), path, codec),
        );
        let stream = match opened.await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return Err(self.failed(&status)),
            Err(_) => return Err(retry(self.silent(node).await)),
        };
        // Asked after the Pump has begun to send: what it still holds now, it held then.
        let (security, host) = (self.security.clone(), node.host.clone());
        let ask = move || check::gc_ts(&security.agent(REQUEST_LIMIT)?, &security, &host);
        let gc = tokio::task::spawn_blocking(ask).await;
        let gc = gc.map_err(|e| retry(e.to_string()))?.map_err(|e| retry(format!("{e:#}")))?;
        check::covers(node, from, gc).map_err(|fault| Broken::Fatal(fault.into()))?;
        Ok(stream)
    }

    fn failed(&self, status: &Status) -> Broken {
        let text = words(status);
        let fatal = |why: &str, hint: &str| {
            Broken::Fatal(Fault::refused(format!("Pump {} {why}: {text}", self.id)).hint(hint).into())
        };
        if text.contains("cluster ID are mismatch") {
            return fatal(
                "belongs to another cluster",
                "an entry in this cluster's etcd points to it; check its address",
            );
        }
        // tonic's own words for bytes that are not a message; a retry would get the same bytes.
        if status.code() == Code::Internal && text.contains("failed to decode") {
            return fatal("sends data that cannot be read", "is this a Pump? Check its log and version");
        }
        if status.code() == Code::Unimplemented {
            return fatal("does not know PullBinlogs", "is this a Pump? Check the address that it registered");
        }
        Broken::Retry(text)
    }

    fn moved(&self, before: &Node, now: &Node) -> Broken {
        let text = format!("Pump {} has moved from {} to {}; reading it there now", self.id, before.host, now.host);
        (self.events)(Event::Note(text));
        Broken::Moved
    }

    /// Done if the entry says offline, and everything that it promises has been read.
    fn all_read(&self) -> Option<Broken> {
        let node = self.list.node(&self.id).filter(|n| n.state == State::Offline)?;
        // 0: the entry does not say.
        let reached = node.max_commit_ts > CommitTs(0) && self.forward.position() >= node.max_commit_ts;
        if !reached || !self.list.leave(&self.id) {
            return None;
        }
        self.pump_status.leave(&self.id);
        (self.events)(Event::Note(format!("Pump {} has gone offline; all its data has been read", self.id)));
        Some(Broken::Done)
    }

    /// The end of a Pump that was read here and whose entry now says offline.
    fn gone_offline(&self, node: &Node) -> Broken {
        if let Some(done) = self.all_read() {
            return done;
        }
        // In order: the Pump waited until this link, among others, had all that it held, and
        // meanwhile only moved its position every second.
        let gap = node.max_commit_ts.physical_ms().saturating_sub(self.forward.position().physical_ms());
        if self.pump_status.registered() && self.list.closed(&self.id) && gap <= MARKERS_MS {
            if !self.list.leave(&self.id) {
                return Broken::Moved;
            }
            self.pump_status.leave(&self.id);
            let text = format!("Pump {} has gone offline cleanly, after all its data had been applied", self.id);
            (self.events)(Event::Note(text));
            return Broken::Done;
        }
        let text = format!(
            "Pump {} has gone offline with {} as its last ts, but was read only up to {}",
            self.id,
            node.max_commit_ts.explain(),
            self.forward.position().explain()
        );
        let hint = "start it again to read the rest; or, if it had only position markers in between, start tisync \
                    again, which then leaves it out";
        Broken::Fatal(Fault::refused(text).hint(hint).into())
    }

    fn tell(&self, why: &str) {
        let (host, state) = self.list.node(&self.id).map_or((String::new(), String::new()), |n| {
            let state = if n.state == State::Online { String::new() } else { format!(", {}", n.state) };
            (n.host, state)
        });
        let position = self.forward.position().explain();
        let what = format!("Pump {} ({host}{state}): {why}; read up to {position}", self.id);
        (self.events)(Event::Waiting { what, since: self.heard.elapsed() });
    }

    /// Why the Pump is silent, as far as its metrics tell.
    async fn silent(&self, node: &Node) -> String {
        let (security, host) = (self.security.clone(), node.host.clone());
        let ask = move || check::newest(&security.agent(REQUEST_LIMIT)?, &security, &host);
        let newest = tokio::task::spawn_blocking(ask).await;
        let newest = newest.map_err(anyhow::Error::from).flatten();
        let (text, news) = self.silence.explain(self.timing.silence, self.forward.position(), newest);
        if news {
            let id = &self.id;
            (self.events)(Event::Warning(format!("everything is waiting for Pump {id}: {text}")));
        }
        text
    }
}
