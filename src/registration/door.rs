//! The listener of a link's port: which callers get a connection, and for how long.
//!
//! Anyone in the network can connect. So no caller can take more than a few connections (file
//! descriptors that connections to the target would lack), or keep one without sending requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::error::Fault;
use crate::pd::Security;

/// Limits of connections at once, in all and from one address: Pumps call one after the other, and
/// Prometheus keeps one.
const MOST: usize = 64;
const MOST_OF_ONE: usize = 16;
/// Time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until TLS is set up and a request has come, and for the head of each request.
    head: Duration,
    /// For a request; a Pump waits 10 s for all drainers together.
    request: Duration,
    /// Without a request.
    idle: Duration,
    /// How often idle connections are looked for.
    look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let [head, request, idle, look] = [10, 15, 60, 1].map(Duration::from_secs);
        Self { head, request, idle, look }
    }
}

/// Limit of requests at once on one connection.
const STREAMS: u32 = 16;
/// Limit of the head of a request, in bytes.
const HEAD_BYTES: u32 = 16 << 10;

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Its address.
    pub(super) ip: IpAddr,
    /// Whether it has shown a certificate of the cluster's CA.
    pub(super) certified: bool,
}

impl Caller {
    /// Whether it may pause or stop the run.
    pub(super) fn may_change(&self) -> bool {
        self.certified || self.ip.to_canonical().is_loopback()
    }
}

/// Number of open connections by address.
#[derive(Default)]
struct Guests(Mutex<HashMap<IpAddr, usize>>);

/// One open connection; counted until it is dropped.
struct Guest {
    guests: Arc<Guests>,
    ip: IpAddr,
}

impl Guests {
    /// Counts a new connection; `None` if there are too many.
    fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Guest> {
        let mut there = self.0.lock();
        let all: usize = there.values().sum();
        let of_one = there.get(&ip).copied().unwrap_or_default();
        if all >= MOST || of_one >= MOST_OF_ONE {
            return None;
        }
        there.insert(ip, of_one + 1);
        Some(Guest { guests: Arc::clone(self), ip })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut there = self.guests.0.lock();
        if let Some(count) = there.get_mut(&self.ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                there.remove(&self.ip);
            }
        }
    }
}

/// Whether a connection is in use.
struct Pulse {
    asked: AtomicBool,
    under_way: AtomicUsize,
    last: Mutex<Instant>,
}

impl Pulse {
    fn new() -> Self {
        Self { asked: AtomicBool::new(false), under_way: AtomicUsize::new(0), last: Mutex::new(Instant::now()) }
    }

    fn begins(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.under_way.fetch_add(1, Ordering::SeqCst);
    }

    fn ends(&self) {
        *self.last.lock() = Instant::now();
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether there has been no request for longer than the limit.
    fn is_idle(&self, limits: Limits) -> bool {
        let limit = if self.asked.load(Ordering::SeqCst) { limits.idle } else { limits.head };
        let since = self.last.lock().elapsed();
        self.under_way.load(Ordering::SeqCst) == 0 && since >= limit
    }
}

/// Accepts connections until the runtime ends.
pub(super) async fn open(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, limits: Limits) {
    let guests = Arc::new(Guests::default());
    loop {
        // No file descriptor is left, or the caller is gone already.
        let Ok((stream, address)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Some(guest) = guests.admit(address.ip()) {
            tokio::spawn(greet(stream, guest, tls.clone(), router.clone(), limits));
        }
    }
}

async fn greet(stream: TcpStream, guest: Guest, tls: Option<TlsAcceptor>, router: Router, limits: Limits) {
    // It only makes answers faster.
    let _ = stream.set_nodelay(true);
    let caller = |certified| Caller { ip: guest.ip, certified };
    let Some(tls) = tls else { return serve(stream, caller(false), router, limits).await };
    if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
        let certified = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
        serve(stream, caller(certified), router, limits).await;
    }
}

async fn serve<S>(stream: S, caller: Caller, router: Router, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::new(Pulse::new());
    let beats = Arc::clone(&pulse);
    let limited = from_fn(move |request: Request, next: Next| {
        let pulse = Arc::clone(&beats);
        async move {
            pulse.begins();
            let answered = timeout(limits.request, next.run(request)).await;
            pulse.ends();
            answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
        }
    });
    let service = TowerToHyperService::new(router.layer(Extension(caller)).layer(limited));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(limits.idle).keep_alive_timeout(limits.head);
    builder.http2().max_concurrent_streams(STREAMS).max_header_list_size(HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = sleep(limits.look) => if pulse.is_idle(limits) { return },
        }
    }
}

/// TLS with our certificate; `None` without one. A client certificate of the cluster's CA is
/// requested and checked, but not required.
///
/// # Errors
/// A usage fault if the files cannot be used.
pub(super) fn tls(security: &Security) -> Result<Option<TlsAcceptor>> {
    let (Some(cert), Some(key)) = (&security.cert, &security.key) else { return Ok(None) };
    let bad = |path: &Path, why: &dyn std::fmt::Display| {
        Fault::usage(format!("cannot use {} for TLS: {why}", path.display()))
            .hint("check the certificate and key files for TLS")
    };
    let chain = certificates(cert).map_err(|e| bad(cert, &e))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, &e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| bad(cert, &e))?;
    let builder = match &security.ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(ca).map_err(|e| bad(ca, &e))? {
                roots.add(certificate).map_err(|e| bad(ca, &e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().map_err(|e| bad(ca, &e))?)
        }
    };
    let mut config = builder.with_single_cert(chain, private).map_err(|e| bad(cert, &e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
