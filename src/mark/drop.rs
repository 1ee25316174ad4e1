//! Taking the rows of a channel away, once nobody writes with them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::status::read;
use super::user::alive;
use super::{Mark, rights};
use crate::error::Fault;
use crate::mark::Definition;
use crate::sink::mysql::session::Session;

/// How long the rows have to keep still: a link saves its position every 3 s while its upstream lives.
const WATCH: Duration = Duration::from_secs(4);
/// How often they are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Who writes with the channel now, or `None` after watching its rows for four seconds.
///
/// # Errors
/// If the server cannot be read.
pub fn in_use(session: &mut Session, mark: &Mark) -> Result<Option<String>> {
    let first = read(session, mark, Some(mark.channel))?;
    if first.is_empty() {
        return Ok(None);
    }
    let infos: Vec<String> = first.iter().map(|r| r.channel_info.clone()).collect();
    let links = alive(session, &infos, |who| who.writes_with(&mark.name(), Some(mark.channel)))?;
    if !links.is_empty() {
        return Ok(Some(format!("{} runs", links.join(", "))));
    }
    let begin = Instant::now();
    while begin.elapsed() < WATCH {
        sleep(LOOK_EVERY);
        let now = read(session, mark, Some(mark.channel))?;
        if let Some(row) = now.iter().find(|row| !first.contains(row)) {
            return Ok(Some(format!("the row of id {} changes: somebody writes with it", row.id)));
        }
    }
    Ok(None)
}

/// Deletes the rows of the channel; gives how many there were. The table stays: other channels may have rows in it.
///
/// # Errors
/// Refused while somebody uses the channel; not allowed without DELETE.
pub fn drop_rows(session: &mut Session, mark: &Mark) -> Result<u64> {
    let denied = rights::missing(session, mark, &Definition::Table(Vec::new()), true);
    if !denied.is_empty() {
        return Err(Fault::connect(format!("the account may not drop marks, it lacks: {}", denied.join(", "))).into());
    }
    if let Some(who) = in_use(session, mark)? {
        return Err(Fault::refused(format!("channel {} of {} is in use: {who}", mark.channel, mark.name()))
            .hint("stop the links that write with it first; without its rows their transactions would go out unmarked")
            .into());
    }
    session.run(&mark.delete())
}
