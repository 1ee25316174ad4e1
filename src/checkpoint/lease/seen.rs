//! A look at a link's lease from outside: does somebody have it, and does that one still live?

use std::time::Duration;

use crate::checkpoint::failed::Failed;
use crate::checkpoint::locks::{self, Holder, known};
use crate::sink::mysql::session::{Flavour, Session};

/// Who has the lease of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nobody: the run has ended, whichever way.
    Free,
    /// A connection.
    Held(Holding),
    /// The server has no named locks, so nobody can tell.
    Unknown,
}

/// The connection that has the lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Its number, where the server tells it.
    pub connection: Option<u64>,
    /// Where it comes from, `host:port`.
    pub from: Option<String>,
    /// For how long it has been silent; `None` if it belongs to another account, or the server does not tell.
    pub silent: Option<Duration>,
}

impl Seen {
    /// Whether the run lives, as far as one look tells; `None` if nobody can tell. One that has been silent for `idle` is gone, with its
    /// process or its machine.
    #[must_use]
    pub fn lives(&self, idle: Duration) -> Option<bool> {
        match self {
            Self::Free => Some(false),
            Self::Held(holding) => Some(holding.silent.is_none_or(|silent| silent < idle)),
            Self::Unknown => None,
        }
    }
}

/// Looks at the lock `name`. `named` is the number that its holder once said to have, for servers that do not tell.
///
/// # Errors
/// If the connection is lost.
pub(super) fn look(session: &mut Session, name: &str, named: Option<u64>) -> Result<Seen, Failed> {
    let (list, connection) = match locks::holder(session, name)? {
        Holder::Nobody => return Ok(Seen::Free),
        Holder::Unknown => return Ok(Seen::Unknown),
        Holder::Session(Some(id)) => ("processlist", Some(id)),
        Holder::Session(None) => ("cluster_processlist", named),
    };
    let Some(id) = connection else { return Ok(Seen::Held(Holding::default())) };
    let rows = session.fetch::<(Option<String>, Option<i64>)>(&format!(
        "SELECT host, time FROM information_schema.{list} WHERE id = {id}"
    ));
    // Where each server counts its own connections, a number that two of them have says nothing.
    let one = match known(rows)?.as_deref() {
        Some([one]) => Some(one.clone()),
        _ => None,
    };
    let told = session.server().flavour != Flavour::TiDb;
    let Some((from, silent)) = one else {
        return Ok(Seen::Held(Holding { connection: connection.filter(|_| told), ..Holding::default() }));
    };
    let silent = silent.map(|s| Duration::from_secs(u64::try_from(s).unwrap_or(0)));
    Ok(Seen::Held(Holding { connection, from, silent }))
}
