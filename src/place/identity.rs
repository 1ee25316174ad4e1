//! Under which name and address a link is known to the cluster.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};

use anyhow::Result;

use super::Options;
use crate::error::Fault;
use crate::pd::{self, Pd};

/// Drainer's port.
const PORT: u16 = 8249;

/// Where a link listens.
pub(super) struct Identity {
    /// The port is ours from now on; `None` if nobody is to be answered.
    pub(super) listener: Option<TcpListener>,
    /// `host:port` that Pumps are told.
    pub(super) host: String,
    /// What the operator should know about the choice.
    pub(super) note: Option<String>,
}

/// The node id of a link that was given none: from its name, its target and the cluster, so that it is the same wherever and
/// whenever it runs. A name of the machine would be a new one with each container.
#[must_use]
pub fn node_id(link: &str, target: &str, cluster_id: u64) -> String {
    let host = target_host(target);
    // FNV-1a, 64 bits: written here, as it must never change.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in format!("{link}\n{host}\n{cluster_id}").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = link.chars().map(plain).collect();
    format!("tisync-{name}-{:08x}", hash >> 32)
}

/// `host:port` of a target's URL, without user, database and parameters.
fn target_host(target: &str) -> String {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_lowercase()
}

/// Listens on `options.addr`, or on the address from which PD is reached and Drainer's port, or a free one if that is taken.
pub(super) fn listen(options: &Options, pd: &Pd) -> Result<Identity> {
    if !options.listen {
        // Nobody calls it: the entry only has to have an address.
        let own = format!("{}:{PORT}", local(pd)?);
        return Ok(Identity { listener: None, host: advertised(options, &own)?, note: None });
    }
    if let Some(text) = &options.addr {
        let listener = bind(text)?;
        let port = listener.local_addr()?.port();
        let (host, _) = split(text)?;
        let host = match host {
            "0.0.0.0" | "" | "[::]" | "*" => local(pd)?,
            host => host.to_owned(),
        };
        let host = advertised(options, &format!("{host}:{port}"))?;
        return Ok(Identity { listener: Some(listener), host, note: None });
    }
    let host = local(pd)?;
    let usual = format!("{host}:{PORT}");
    let (listener, note) = match TcpListener::bind(&usual) {
        Ok(listener) => (listener, None),
        Err(error) => {
            let listener = bind(&format!("{host}:0"))?;
            let port = listener.local_addr()?.port();
            (listener, Some(format!("{usual} cannot be listened on ({error}); Pumps are told port {port} instead")))
        }
    };
    let port = listener.local_addr()?.port();
    Ok(Identity { listener: Some(listener), host: advertised(options, &format!("{host}:{port}"))?, note })
}

fn advertised(options: &Options, own: &str) -> Result<String> {
    let Some(text) = &options.advertise else { return Ok(own.to_owned()) };
    split(text)?;
    Ok(text.clone())
}

fn split(text: &str) -> Result<(&str, u16)> {
    let bad = || {
        Fault::usage(format!("`{text}` is no address to listen on"))
            .hint("write it as host:port, without a scheme: 10.0.0.5:8249")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    if host.contains('/') || host.contains(' ') {
        return Err(bad().into());
    }
    Ok((host, port.parse().map_err(|_| bad())?))
}

fn bind(text: &str) -> Result<TcpListener> {
    let (host, port) = split(text)?;
    let host = if host.is_empty() || host == "*" { "0.0.0.0" } else { host };
    TcpListener::bind((host.trim_start_matches('[').trim_end_matches(']'), port)).map_err(|error| {
        Fault::connect(format!("cannot listen on {text} for the cluster's Pumps: {error}"))
            .hint("name another --addr HOST:PORT; port 0 takes a free one")
            .into()
    })
}

/// The address of this machine from which PD is reached. Nothing is sent for it.
fn local(pd: &Pd) -> Result<String> {
    let leader = pd.leader();
    let found = || -> std::io::Result<SocketAddr> {
        let target = leader.to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("it has no address"))?;
        let socket = UdpSocket::bind(if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.connect(target)?;
        socket.local_addr()
    };
    let address = found().map_err(|error| {
        Fault::connect(format!("cannot tell which address of this machine {leader} can reach: {error}"))
            .hint("name it with --addr HOST:PORT")
    })?;
    Ok(if address.is_ipv4() { address.ip().to_string() } else { format!("[{}]", address.ip()) })
}

/// Whether `id` can be a node id: a part of a key, which must not begin another one.
///
/// # Errors
/// A usage fault.
pub fn check_id(id: &str) -> Result<()> {
    if id.trim() == id && !id.is_empty() && !id.contains('/') && !id.chars().any(char::is_control) {
        return Ok(());
    }
    let fault = Fault::usage(format!("`{id}` cannot be a node id under {}", pd::DRAINERS));
    Err(fault.hint("a node id is not empty, has no `/`, and neither begins nor ends with a space").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t01_the_node_id_depends_on_the_link_its_target_and_the_cluster_alone() {
        let id = node_id("default", "mysql://repl:secret@db2:3306/?ssl-mode=required", 7_000_000_000_000_000_001);
        // For ever: a run of a later version must find the entry of an earlier one.
        assert_eq!(id, "tisync-default-73eb03db");
        assert_eq!(id, node_id("default", "mysql://other@DB2:3306", 7_000_000_000_000_000_001));
        for other in [
            node_id("b", "mysql://db2:3306", 7_000_000_000_000_000_001),
            node_id("default", "mysql://db3:3306", 7_000_000_000_000_000_001),
            node_id("default", "mysql://db2:3306", 7_000_000_000_000_000_002),
        ] {
            assert_ne!(id, other);
        }
        let odd = node_id("a/b ü", "mysql://db2:3306", 1);
        assert!(odd.starts_with("tisync-a-b---") && check_id(&odd).is_ok(), "{odd}");
        for bad in ["", "a/b", " a", "a\n"] {
            assert!(check_id(bad).is_err(), "{bad:?}");
        }
    }
}
