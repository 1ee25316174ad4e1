//! TLS towards PD, Pumps and TiDB's status port: one CA and one client certificate for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use ureq::tls::{ClientCert, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::Fault;

/// How long an HTTP port may take to accept a connection.
const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// Files for TLS. With `ca` set, every connection to the cluster uses TLS; without it none does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// The CA that signed the servers' certificates, PEM.
    pub ca: Option<PathBuf>,
    /// Our own certificate, PEM; needs `key`.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

impl Security {
    /// Whether connections use TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.ca.is_some()
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls() { "https" } else { "http" }
    }

    /// Checks that the three files fit together and can be used; `asked` is whether an address said
    /// `https://`.
    ///
    /// # Errors
    /// A usage fault.
    pub fn check(&self, asked: bool) -> Result<()> {
        let hint = "TLS to the cluster needs a CA file; a client certificate and its key must be given together";
        if asked && !self.tls() {
            return Err(Fault::usage("an address uses https, but no CA file was given").hint(hint).into());
        }
        if self.cert.is_some() != self.key.is_some() || (self.cert.is_some() && !self.tls()) {
            return Err(Fault::usage("the TLS files are incomplete").hint(hint).into());
        }
        // Only reads the files: a CA file without a certificate would look like a wrong server
        // later.
        self.agent(Duration::ZERO).map(drop)
    }

    /// A channel to `address` (`host:port`), which connects when it is first used. The files are
    /// read each time.
    ///
    /// # Errors
    /// If a file cannot be read, or the address is malformed.
    pub fn channel(&self, address: &str, dial_limit: Duration) -> Result<Channel> {
        let bad = |e: tonic::transport::Error| {
            Fault::connect(format!("cannot use the address `{address}`: {}", reason(&e)))
                .hint("an address is host:port; with TLS, check the CA, certificate and key files")
        };
        let endpoint = Endpoint::from_shared(format!("{}://{address}", self.scheme())).map_err(bad)?;
        let mut endpoint = endpoint
            .connect_timeout(dial_limit)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(10)))
            // The default of 64 KiB makes a transaction of many MB wait for the round trip again
            // and again.
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(8 << 20);
        if let Some(ca) = &self.ca {
            let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
            if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
                tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
            }
            endpoint = endpoint.tls_config(tls).map_err(bad)?;
        }
        Ok(endpoint.connect_lazy())
    }

    /// A blocking HTTP client for Pump's and TiDB's HTTP ports, with `limit` for each whole call.
    /// An answer of any status is returned, not made an error.
    ///
    /// # Errors
    /// If a file cannot be read or has no certificate.
    pub fn agent(&self, limit: Duration) -> Result<ureq::Agent> {
        let mut config = ureq::Agent::config_builder()
            .timeout_connect(Some(limit.min(DIAL_LIMIT)))
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            // These ports are inside the cluster, where a proxy from the environment does not lead.
            .proxy(None);
        if let Some(ca) = &self.ca {
            let roots = certificates(ca)?;
            let mut tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots));
            if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
                let private = parse_pem(&read(key)?).filter_map(Result::ok).find_map(|item| match item {
                    PemItem::PrivateKey(key) => Some(key),
                    _ => None,
                });
                let private = private.ok_or_else(|| holds_no(key, "private key"))?;
                tls = tls.client_cert(Some(ClientCert::new_with_certs(&certificates(cert)?, private)));
            }
            config = config.tls_config(tls.build());
        }
        Ok(config.build().new_agent())
    }
}

/// The causes of a transport error, whose own text is only "transport error".
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}

fn certificates(path: &Path) -> Result<Vec<ureq::tls::Certificate<'static>>> {
    let found: Vec<_> = parse_pem(&read(path)?)
        .filter_map(Result::ok)
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() { Err(holds_no(path, "certificate")) } else { Ok(found) }
}

fn holds_no(path: &Path, what: &str) -> anyhow::Error {
    Fault::usage(format!("{} contains no {what} in PEM format", path.display())).hint("check the files for TLS").into()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| {
        let hint = "check the path and that this user can read it";
        Fault::usage(format!("cannot read {} for TLS: {e}", path.display())).hint(hint).into()
    })
}
