//! One server of the simulated cluster: a port on loopback and a runtime of its own, so that stopping it cuts its
//! connections at once, as a killed process would.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use tokio::runtime::{Builder, Runtime};

/// How long a stopped server may take to be gone.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A running or stopped server.
pub(super) struct Node {
    name: String,
    port: u16,
    runtime: Option<Runtime>,
}

/// Listens on `port` of 127.0.0.1; 0 takes a free one.
pub(super) fn listen(port: u16) -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("the simulated cluster cannot listen on 127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

impl Node {
    /// A server that does not run yet.
    pub(super) fn new(name: String, port: u16) -> Self {
        Self { name, port, runtime: None }
    }

    pub(super) fn running(&self) -> bool {
        self.runtime.is_some()
    }

    /// Starts on `listener`, or on its own port again.
    pub(super) fn start<F>(&mut self, listener: Option<TcpListener>, router: Router, beside: Option<F>) -> Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = match listener {
            Some(listener) => listener,
            None => listen(self.port)?.0,
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(&self.name).enable_all().build()?;
        let entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(entered);
        runtime.spawn(async move { axum::serve(listener, router).await });
        if let Some(beside) = beside {
            runtime.spawn(beside);
        }
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Drops every connection and the port.
    pub(super) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_LIMIT);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}
