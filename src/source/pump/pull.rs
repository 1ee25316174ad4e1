//! Pulls one Pump's binlogs, for ever: whatever breaks off is taken up again behind the last commit ts received.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::{sleep, timeout};
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status, Streaming};

use super::messages::{Desk, DeskCodec, Said, Taken};
use super::{Outlet, PumpSource, Timing, check};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::pd::{DIAL_LIMIT, Node, REQUEST_LIMIT, Security, State, words};
use crate::source::binlog::{Pos, PullBinlogReq};
use crate::source::{Forward, read};

/// Asks a Pump for what follows `from`. The position is sent even when it is empty, as Pumps expect.
#[must_use]
pub fn request(cluster_id: u64, from: CommitTs) -> PullBinlogReq {
    PullBinlogReq { cluster_id, start_from: Some(Pos { suffix: 0, offset: from.to_wire() }) }
}

/// One Pump's reader.
pub(super) struct Puller {
    id: String,
    cluster_id: u64,
    security: Security,
    gzip: bool,
    timing: Timing,
    events: Events,
    /// The list as it was when the roll was called last: a Pump's address may change.
    nodes: Arc<Mutex<Vec<Node>>>,
    forward: Forward,
    /// When it last said something.
    heard: Instant,
}

/// Why a connection is over.
enum Broken {
    /// Nobody listens any more, or the Pump has gone offline with everything read.
    Done,
    /// Going on is not possible.
    Fatal(anyhow::Error),
    /// Try again.
    Retry(String),
}

impl Puller {
    pub(super) fn new(source: &PumpSource, node: &Node, from: CommitTs, nodes: Arc<Mutex<Vec<Node>>>) -> Self {
        Self {
            id: node.id.clone(),
            cluster_id: source.pd.cluster_id(),
            security: source.security.clone(),
            gzip: source.gzip,
            timing: source.timing,
            events: Arc::clone(&source.events),
            nodes,
            forward: Forward::new(from),
            heard: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, outlet: Outlet) {
        let mut pause = self.timing.retry;
        loop {
            let before = self.forward.position();
            match self.session(&outlet).await {
                Broken::Done => return,
                Broken::Fatal(error) => {
                    outlet.say(Err(error));
                    return;
                }
                Broken::Retry(why) => self.tell(&why),
            }
            if !outlet.heard(self.forward.position()) {
                return;
            }
            if self.forward.position() > before {
                pause = self.timing.retry;
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.timing.retry_most);
        }
    }

    /// Connects, and passes on what comes until the connection is over.
    async fn session(&mut self, outlet: &Outlet) -> Broken {
        let Some(node) = self.node() else { return Broken::Retry("it is no longer in the list of Pumps".to_owned()) };
        if node.state == State::Offline {
            return self.gone_offline(&node);
        }
        let desk = Desk::new(outlet.queue.most());
        let mut stream = match self.connect(&node, &desk).await {
            Ok(stream) => stream,
            Err(broken) => return broken,
        };
        loop {
            let received = desk.received();
            let message = match timeout(self.timing.silence, stream.message()).await {
                Ok(Ok(Some(Said::Message(message)))) => message,
                Ok(Ok(Some(Said::Large))) if outlet.drained(self.forward.position()) => continue,
                Ok(Ok(Some(Said::Large))) => return Broken::Done,
                Ok(Ok(None)) => return Broken::Retry("it has ended the stream".to_owned()),
                Ok(Err(status)) => return self.failed(&status),
                // A large message takes its time.
                Err(_) if desk.received() > received => continue,
                Err(_) => return Broken::Retry(silent(self.timing.silence)),
            };
            self.heard = Instant::now();
            let payload = message.entity.unwrap_or_default().payload;
            let said = read(payload).and_then(|pulled| Ok((self.forward.pass(&pulled)?, pulled)));
            match said {
                Ok((false, _)) => {}
                Ok((true, pulled)) => {
                    if !outlet.say(Ok(pulled)) {
                        return Broken::Done;
                    }
                }
                Err(error) => return Broken::Fatal(error.context(format!("Pump {} ({})", self.id, node.host))),
            }
        }
    }

    /// Opens the stream behind the last position and makes sure that the Pump still holds what follows it.
    async fn connect(&self, node: &Node, desk: &Desk) -> Result<Streaming<Said>, Broken> {
        let retry = |e: String| Broken::Retry(e);
        let channel = self.security.channel(&node.host, DIAL_LIMIT).map_err(|e| retry(format!("{e:#}")))?;
        let taken = Taken { channel, desk: desk.clone() };
        let mut grpc = Grpc::new(taken).max_decoding_message_size(usize::MAX);
        if self.gzip {
            // A Pump answers in the form in which it was asked.
            grpc = grpc.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        let ready = timeout(DIAL_LIMIT, grpc.ready()).await;
        ready.map_err(|_| retry("no connection within 5 s".to_owned()))?.map_err(|e| {
            let status = Status::from_error(Box::new(e));
            retry(words(&status))
        })?;
        let from = self.forward.position();
        let codec = DeskCodec(desk.clone());
        let path = PathAndQuery::from_static("/binlog.Pump/PullBinlogs");
        // A Go server answers with its first message, so this may take as long as a silence may.
        let opened = timeout(
            self.timing.silence,
            grpc.server_streaming(Request::new(request(self.cluster_id, from)), path, codec),
        );
        let stream = match opened.await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return Err(self.failed(&status)),
            Err(_) => return Err(retry(silent(self.timing.silence))),
        };
        // Asked for after the Pump has begun: what it still holds now, it held then.
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
                "an entry in this cluster's etcd leads to it; check its address",
            );
        }
        // tonic's own words for bytes that are no message; asking again would bring the same ones.
        if status.code() == Code::Internal && text.contains("failed to decode") {
            return fatal("sends what cannot be read", "is this a Pump? Look at its log and version");
        }
        if status.code() == Code::Unimplemented {
            return fatal("does not know PullBinlogs", "is this a Pump? Check the address that it registered");
        }
        Broken::Retry(text)
    }

    /// It had a stream here, and its entry now says offline.
    fn gone_offline(&self, node: &Node) -> Broken {
        let position = self.forward.position();
        // 0: its entry does not tell.
        if node.max_commit_ts > CommitTs(0) && position >= node.max_commit_ts {
            (self.events)(Event::Note(format!("Pump {} has gone offline; all it held has been read", self.id)));
            return Broken::Done;
        }
        let text = format!(
            "Pump {} has gone offline with {} as its last, but was read only up to {}",
            self.id,
            node.max_commit_ts.explain(),
            position.explain()
        );
        let hint = "start it again to read the rest; or, if it held nothing but position markers in between, start \
                    tisync again, which then leaves it out";
        Broken::Fatal(Fault::refused(text).hint(hint).into())
    }

    fn node(&self) -> Option<Node> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().find(|n| n.id == self.id).cloned()
    }

    fn tell(&self, why: &str) {
        let (host, state) = self.node().map_or((String::new(), String::new()), |n| {
            let state = if n.state == State::Online { String::new() } else { format!(", {}", n.state) };
            (n.host, state)
        });
        let position = self.forward.position().explain();
        let what = format!("Pump {} ({host}{state}): {why}; read up to {position}", self.id);
        (self.events)(Event::Waiting { what, since: self.heard.elapsed() });
    }
}

/// What the silence of a Pump may mean.
fn silent(limit: Duration) -> String {
    format!(
        "nothing for {} s, not even a position marker: it hangs, or waits for a transaction whose outcome TiKV is to tell (up to 10 min)",
        limit.as_secs_f32()
    )
}
