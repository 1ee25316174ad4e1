//! The link's entry in the cluster: its id, address and state, and what others write into it.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};

use anyhow::Result;

use super::Options;
use crate::error::Fault;
use crate::pd::{self, Pd, State, Status};

/// What was requested of a running link from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To stop, and continue later.
    Pause,
    /// To stop for good.
    Close,
}

impl Wish {
    /// The state to write while the run drains.
    fn on_the_way(self) -> State {
        match self {
            Self::Pause => State::Pausing,
            Self::Close => State::Closing,
        }
    }

    /// The state to write at the end of the run.
    fn in_the_end(self) -> State {
        match self {
            Self::Pause => State::Paused,
            Self::Close => State::Offline,
        }
    }

    /// The word for it, as in "asks to …".
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Close => "go offline",
        }
    }
}

/// A request from outside, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request.
    pub wish: Wish,
    /// Who or what made it, as in "`binlogctl` asks".
    pub by: String,
}

/// What to do about the entry.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write our own state.
    Write,
    /// Another process has written this state into it: keep the state, and do what it says.
    Obey(Wish, State),
    /// Another process, reachable at this address, has taken the entry over: leave it alone.
    Leave(String),
}

/// The state of the link as its entry shows it.
#[derive(Debug)]
pub struct Standing {
    /// The state that the entry should have now.
    say: State,
    /// The state that was last written. Any other one was written by another process.
    written: State,
    asked: Option<Asked>,
    ended: bool,
    /// Whether another process has the entry.
    lost: bool,
}

impl Standing {
    pub fn new(state: State) -> Self {
        Self { written: state.clone(), say: state, asked: None, ended: false, lost: false }
    }

    /// Sets the state of the entry, unless an end was requested.
    pub fn say(&mut self, state: State) {
        if self.asked.is_none() && !self.ended {
            self.say = state;
        }
    }

    /// The state to write.
    pub fn state(&self) -> &State {
        &self.say
    }

    pub fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Whether another process has the entry now.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether a request from outside is still accepted: only while the link is online, as in
    /// Drainer.
    pub fn takes_wishes(&self) -> bool {
        self.say == State::Online
    }

    /// Records a request; false if it changes nothing. A close overrides a pause.
    pub fn ask(&mut self, wish: Wish, by: &str) -> bool {
        let more = match &self.asked {
            None => true,
            Some(asked) => asked.wish == Wish::Pause && wish == Wish::Close,
        };
        if more {
            self.say = if self.ended { wish.in_the_end() } else { wish.on_the_way() };
            self.asked = Some(Asked { wish, by: by.to_owned() });
        }
        more
    }

    /// Keeps a state that another process wrote into the entry.
    pub fn keep(&mut self, state: &State) {
        if !self.ended {
            self.say = state.clone();
            self.written = state.clone();
        }
    }

    /// Called when our state has been written.
    pub fn wrote(&mut self, state: &State) {
        self.written = state.clone();
    }

    /// Called at the end of the run: sets the state for the time between runs.
    pub fn end(&mut self) {
        self.ended = true;
        self.say = self.asked.as_ref().map_or(State::Paused, |a| a.wish.in_the_end());
    }

    /// What to do about the entry `found`, where `host` is our own address.
    pub fn meet(&self, found: &Status, host: &str) -> Step {
        if found.host != host {
            return Step::Leave(found.host.clone());
        }
        let state = found.state();
        if state == self.written || state == self.say {
            return Step::Write;
        }
        match state {
            State::Pausing | State::Paused => Step::Obey(Wish::Pause, state),
            State::Closing | State::Offline => Step::Obey(Wish::Close, state),
            // An entry cannot make a run online, and unknown states cannot be obeyed.
            State::Online | State::Other(_) => Step::Write,
        }
    }
}

/// Drainer's port.
const PORT: u16 = 8249;

/// The address of a link.
pub(super) struct Identity {
    /// The bound port; `None` if the link does not listen.
    pub(super) listener: Option<TcpListener>,
    /// `host:port` that Pumps get.
    pub(super) host: String,
    /// What the operator should know about the choice.
    pub(super) note: Option<String>,
}

/// The default node id of a link: made from its name, its target and the cluster, so that it stays
/// the same wherever and whenever the link runs. The name of the machine would change with each
/// container.
#[must_use]
pub fn node_id(link: &str, target: &str, cluster_id: u64) -> String {
    let host = target_host(target);
    // FNV-1a, 64 bits; written out here because it must never change.
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

/// Listens on `options.addr`; or on the address from which PD is reached, at Drainer's port or a
/// free one if that is taken.
pub(super) fn listen(options: &Options, pd: &Pd) -> Result<Identity> {
    if !options.listen {
        // It is never called: the entry only needs some address.
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
            let why = match error.kind() {
                ErrorKind::AddrInUse => format!("port {PORT} is in use"),
                _ => format!("cannot listen on {usual} ({error})"),
            };
            (listener, Some(format!("{why}; listening on {port}")))
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
        Fault::usage(format!("`{text}` is not a valid listen address"))
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
            .hint("use another --addr HOST:PORT; port 0 picks a free one")
            .into()
    })
}

/// The address of this machine from which PD is reached. Nothing is sent to find it.
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
            .hint("give it with --addr HOST:PORT")
    })?;
    Ok(if address.is_ipv4() { address.ip().to_string() } else { format!("[{}]", address.ip()) })
}

/// Checks that `id` can be a node id: a part of a key that is not the beginning of another one.
///
/// # Errors
/// A usage fault.
pub fn check_id(id: &str) -> Result<()> {
    if id.trim() == id && !id.is_empty() && !id.contains('/') && !id.chars().any(char::is_control) {
        return Ok(());
    }
    let fault = Fault::usage(format!("`{id}` is not a valid node id under {}", pd::DRAINERS));
    Err(fault.hint("a node id must not be empty, contain `/`, or begin or end with a space").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "10.0.0.1:8249";

    fn found(state: &State) -> Status {
        Status::new("d", HOST, state)
    }

    fn online() -> Standing {
        let mut standing = Standing::new(State::Paused);
        standing.say(State::Online);
        assert_eq!(standing.meet(&found(&State::Paused), HOST), Step::Write, "we wrote that ourselves");
        standing.wrote(&State::Online);
        standing
    }

    #[test]
    fn t02_a_state_set_from_outside_is_obeyed_and_kept() {
        for (state, wish, end) in [
            (State::Pausing, Wish::Pause, State::Paused),
            (State::Paused, Wish::Pause, State::Paused),
            (State::Closing, Wish::Close, State::Offline),
            (State::Offline, Wish::Close, State::Offline),
        ] {
            let mut standing = online();
            assert_eq!(standing.meet(&found(&State::Online), HOST), Step::Write);
            assert_eq!(standing.meet(&found(&state), HOST), Step::Obey(wish, state.clone()));
            assert!(standing.ask(wish, "somebody"));
            standing.keep(&state);
            assert_eq!(standing.meet(&found(&state), HOST), Step::Write);
            assert_eq!(standing.state(), &state, "the next heartbeat must not say anything else");
            standing.say(State::Online);
            assert_eq!(standing.state(), &state);
            standing.end();
            assert_eq!(standing.state(), &end);
        }
    }

    #[test]
    fn our_own_wish_is_written_and_a_close_is_more_than_a_pause() {
        let mut standing = online();
        assert!(standing.takes_wishes() && standing.ask(Wish::Pause, "HTTP"));
        assert_eq!((standing.state(), standing.takes_wishes()), (&State::Pausing, false));
        assert_eq!(standing.meet(&found(&State::Online), HOST), Step::Write, "not written yet");
        standing.wrote(&State::Pausing);
        assert!(!standing.ask(Wish::Pause, "again"));
        assert_eq!(standing.meet(&found(&State::Closing), HOST), Step::Obey(Wish::Close, State::Closing));
        assert!(standing.ask(Wish::Close, "etcd") && !standing.ask(Wish::Pause, "late"));
        assert_eq!(standing.asked().map(|a| a.by.as_str()), Some("etcd"));
        standing.end();
        assert_eq!(standing.state(), &State::Offline);
    }

    #[test]
    fn what_is_no_wish() {
        let mut standing = online();
        assert_eq!(standing.meet(&found(&State::Other("x".into())), HOST), Step::Write);
        let other = Status::new("d", "10.0.0.2:8249", &State::Online);
        assert_eq!(standing.meet(&other, HOST), Step::Leave("10.0.0.2:8249".into()));
        standing.end();
        assert_eq!(standing.state(), &State::Paused);
    }

    #[test]
    fn t01_the_node_id_depends_on_the_link_its_target_and_the_cluster_alone() {
        let id = node_id("default", "mysql://repl:secret@db2:3306/?ssl-mode=required", 7_000_000_000_000_000_001);
        // Fixed: a run of a later version must find the entry of an earlier one.
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
