//! Takes the messages out of a Pump's answer before the gRPC library buffers them.
//!
//! The library collects what arrives in one growing buffer and gives out slices of it. After a
//! message of hundreds of MB the buffer stays that large, is filled to its end with what follows,
//! and is kept alive by any slice: one such message costs its size twice. Here each message gets
//! memory of exactly its own size, and the reader learns of a large one when only its length has
//! arrived, so that it can make room first. The library gets an empty message in its place, and
//! still does everything else.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use parking_lot::Mutex;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::transport::{self, Channel};
use tonic_prost::ProstCodec;

use crate::source::binlog::{PullBinlogReq, PullBinlogResp};

/// What the library gets in place of a message: an uncompressed message without bytes.
const PLACEHOLDER: &[u8] = &[0; 5];
/// Bytes in front of each message: compression flag and length.
const HEAD: usize = 5;

/// What comes next in a Pump's stream.
pub(super) enum StreamItem {
    /// A message above the limit follows. It is not read before the next item is asked for.
    Large,
    /// A message.
    Message(PullBinlogResp),
}

/// Hands messages from the body that finds them to the codec that gives them out.
#[derive(Clone)]
pub(super) struct FrameInterceptor {
    slot: Arc<Mutex<Option<Intercepted>>>,
    received: Arc<AtomicU64>,
    large: usize,
}

enum Intercepted {
    Large,
    Message(Bytes),
}

impl FrameInterceptor {
    /// Messages of more than `large` bytes are announced before they are read.
    pub fn new(large: usize) -> Self {
        Self { slot: Arc::default(), received: Arc::default(), large }
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn put(&self, found: Intercepted) -> Bytes {
        *self.slot.lock() = Some(found);
        Bytes::from_static(PLACEHOLDER)
    }

    fn take(&self) -> Option<Intercepted> {
        self.slot.lock().take()
    }
}

/// A channel whose answers pass through the interceptor.
#[derive(Clone)]
pub(super) struct InterceptedChannel {
    pub channel: Channel,
    pub interceptor: FrameInterceptor,
}

impl Service<http::Request<tonic::body::Body>> for InterceptedChannel {
    type Response = http::Response<InterceptedBody>;
    type Error = transport::Error;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let (answer, interceptor) = (self.channel.call(request), self.interceptor.clone());
        Box::pin(async move {
            let state = State::Head { bytes: [0; HEAD], filled: 0 };
            Ok(answer.await?.map(|body| InterceptedBody { body, interceptor, rest: Bytes::new(), state }))
        })
    }
}

/// The body of an answer, with its messages taken out.
pub(super) struct InterceptedBody {
    body: tonic::body::Body,
    interceptor: FrameInterceptor,
    /// Received bytes that are not read yet.
    rest: Bytes,
    state: State,
}

enum State {
    /// Within the head of a message.
    Head { bytes: [u8; HEAD], filled: usize },
    /// After the head of a message of this length.
    Body(usize),
    /// Within a message, which is gathered up to its length.
    Gather { into: Vec<u8>, len: usize },
    /// Within a compressed message, which the library gets unchanged: so many bytes are left.
    Pass(usize),
}

impl InterceptedBody {
    /// Reads on in what has arrived. Returns the bytes for the library; `None` if more has to
    /// arrive first.
    fn step(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            match &mut self.state {
                State::Head { bytes, filled } => {
                    let Some(room) = bytes.get_mut(*filled..) else { return Ok(None) };
                    let count = room.len().min(self.rest.len());
                    if let (Some(room), part) = (room.get_mut(..count), self.rest.split_to(count)) {
                        room.copy_from_slice(&part);
                    }
                    *filled += count;
                    if *filled < HEAD {
                        return Ok(None);
                    }
                    let head = *bytes;
                    let [flag, length @ ..] = head;
                    let len = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                    if flag != 0 {
                        self.state = State::Pass(len);
                        return Ok(Some(Bytes::copy_from_slice(&head)));
                    }
                    self.state = State::Body(len);
                    if len > self.interceptor.large {
                        return Ok(Some(self.interceptor.put(Intercepted::Large)));
                    }
                }
                State::Body(len) if self.rest.len() >= *len => {
                    let message = self.rest.split_to(*len);
                    self.begin();
                    return Ok(Some(self.interceptor.put(Intercepted::Message(message))));
                }
                State::Body(len) => {
                    let (len, mut into) = (*len, Vec::new());
                    into.try_reserve_exact(len).map_err(|_| {
                        Status::resource_exhausted(format!("not enough memory for a message of {len} bytes"))
                    })?;
                    self.state = State::Gather { into, len };
                }
                State::Gather { into, len } => {
                    let count = (*len - into.len()).min(self.rest.len());
                    into.extend_from_slice(&self.rest.split_to(count));
                    if into.len() < *len {
                        return Ok(None);
                    }
                    let message = std::mem::take(into).into();
                    self.begin();
                    return Ok(Some(self.interceptor.put(Intercepted::Message(message))));
                }
                State::Pass(0) => self.begin(),
                State::Pass(_) if self.rest.is_empty() => return Ok(None),
                State::Pass(left) => {
                    let count = (*left).min(self.rest.len());
                    *left -= count;
                    return Ok(Some(self.rest.split_to(count)));
                }
            }
        }
    }

    fn begin(&mut self) {
        self.state = State::Head { bytes: [0; HEAD], filled: 0 };
    }

    fn is_between(&self) -> bool {
        matches!(self.state, State::Head { filled: 0, .. } | State::Pass(0))
    }
}

impl Body for InterceptedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            match self.step() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => {}
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.interceptor.received.fetch_add(data.remaining() as u64, Ordering::Relaxed);
                        self.rest = data;
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None if !self.is_between() => {
                    return Poll::Ready(Some(Err(Status::internal("the stream ended within a message"))));
                }
                other => return Poll::Ready(other),
            }
        }
    }
}

/// Gives out the message that the interceptor holds.
pub(super) struct InterceptingCodec(pub FrameInterceptor);

impl Codec for InterceptingCodec {
    type Encode = PullBinlogReq;
    type Decode = StreamItem;
    type Encoder = <ProstCodec<PullBinlogReq, PullBinlogResp> as Codec>::Encoder;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<PullBinlogReq, PullBinlogResp>::default().encoder()
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.clone())
    }
}

impl Decoder for InterceptingCodec {
    type Item = StreamItem;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<StreamItem>, Status> {
        let bytes = match self.0.take() {
            Some(Intercepted::Large) => return Ok(Some(StreamItem::Large)),
            Some(Intercepted::Message(bytes)) => bytes,
            // The message was compressed.
            None => from.copy_to_bytes(from.remaining()),
        };
        let message = PullBinlogResp::decode(bytes).map_err(|e| Status::internal(e.to_string()))?;
        Ok(Some(StreamItem::Message(message)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::source::binlog::Entity;

    /// A body that arrives in these pieces.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
        }
    }

    const LARGE: usize = 40;

    fn response(payload: &[u8]) -> PullBinlogResp {
        let entity = Entity { payload: Bytes::copy_from_slice(payload), ..Entity::default() };
        PullBinlogResp { entity: Some(entity) }
    }

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        let len = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[flag], len.as_slice(), message].concat()
    }

    /// What the library makes of `bytes` that arrive in pieces of these sizes.
    fn read(bytes: &[u8], sizes: &[usize]) -> (Vec<Option<PullBinlogResp>>, Result<(), Status>, u64) {
        let mut pieces = VecDeque::new();
        let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*sizes.next().unwrap_or(&1)));
            pieces.push_back(Bytes::copy_from_slice(piece));
            rest = more;
        }
        let interceptor = FrameInterceptor::new(LARGE);
        let state = State::Head { bytes: [0; HEAD], filled: 0 };
        let body = tonic::body::Body::new(Pieces(pieces));
        let answer = InterceptedBody { body, interceptor: interceptor.clone(), rest: Bytes::new(), state };
        let codec = InterceptingCodec(interceptor.clone());
        let mut stream = tonic::Streaming::new_response(codec, answer, http::StatusCode::OK, None, Some(usize::MAX));
        let mut found = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let next = std::pin::pin!(stream.message());
            match next.poll(&mut context) {
                Poll::Ready(Ok(Some(StreamItem::Large))) => found.push(None),
                Poll::Ready(Ok(Some(StreamItem::Message(message)))) => found.push(Some(message)),
                Poll::Ready(Ok(None)) => return (found, Ok(()), interceptor.received()),
                // Without trailers the library misses the status; all messages are there by then.
                Poll::Ready(Err(status)) if status.message().contains("grpc-status") => {
                    return (found, Ok(()), interceptor.received());
                }
                Poll::Ready(Err(status)) => return (found, Err(status), interceptor.received()),
                Poll::Pending => panic!("everything is there"),
            }
        }
    }

    proptest! {
        #[test]
        fn however_the_bytes_come(
            payloads in vec(vec(any::<u8>(), 0..100), 0..6),
            sizes in vec(1..60_usize, 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let messages: Vec<PullBinlogResp> = payloads.iter().map(|p| response(p)).collect();
            let bytes: Vec<u8> = messages.iter().flat_map(|m| framed(0, &m.encode_to_vec())).collect();
            let wanted: Vec<Option<PullBinlogResp>> = messages
                .into_iter()
                .flat_map(|m| if m.encoded_len() > LARGE { vec![None, Some(m)] } else { vec![Some(m)] })
                .collect();
            let (found, ended, received) = read(&bytes, &sizes);
            prop_assert!(ended.is_ok(), "{:?}", ended);
            prop_assert_eq!(&found, &wanted);
            prop_assert_eq!(received, bytes.len() as u64);
            // Cut off anywhere: a beginning of it, and an error unless the cut is between two
            // messages.
            if !bytes.is_empty() {
                let (part, ended, _) = read(&bytes[..cut.index(bytes.len())], &sizes);
                prop_assert!(wanted.starts_with(&part));
                prop_assert!(ended.is_err() || part.last().is_none_or(Option::is_some));
            }
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let (found, ended, _) = read(&framed(0, &[0xff; 9]), &[3]);
        assert!(found.is_empty());
        let status = ended.unwrap_err();
        assert!(status.code() == tonic::Code::Internal && status.message().contains("failed to decode"), "{status}");
        // Compressed although no encoding was agreed on: the library's own error.
        assert!(read(&framed(1, b"abc"), &[2]).1.unwrap_err().message().contains("compress"));
    }
}
