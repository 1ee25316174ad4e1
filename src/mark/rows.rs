//! What a link does about its marks before it starts.

use anyhow::Result;

use super::carrier::{SET_UP, Writer};
use super::user::alive;
use super::{Definition, Mark, definition, rights};
use crate::error::Fault;
use crate::sink::mysql::session::Session;

/// Whether marks can be written at all: to be asked before anything is.
///
/// # Errors
/// Refused if the table is missing or is not what it must be; not allowed if a privilege is missing or the target is read-only.
pub fn check(session: &mut Session, mark: &Mark) -> Result<()> {
    match definition(session, mark)? {
        Definition::Table(different) if different.is_empty() => {}
        Definition::Table(different) => {
            return Err(Fault::refused(format!(
                "the mark table {} on the target is not what it must be: {}",
                mark.name(),
                different.join("; ")
            ))
            .hint("rename it away, then make it with `tisync mark setup --to TARGET --channel-id N`")
            .into());
        }
        Definition::NoTable | Definition::NoDatabase => {
            return Err(Fault::refused(format!("the target has no mark table {}", mark.name())).hint(SET_UP).into());
        }
    }
    if rights::read_only(session, mark) {
        return Err(Fault::connect(format!("the target is read-only: no mark can be set in {}", mark.name()))
            .hint("name the server that takes writes, or SET GLOBAL read_only = 0 there")
            .into());
    }
    let denied = rights::missing(session, mark, &Definition::Table(Vec::new()), false);
    if !denied.is_empty() {
        return Err(Fault::connect(format!(
            "the account may not set marks on the target, it lacks: {}",
            denied.join(", ")
        ))
        .hint(format!("as an administrator: GRANT SELECT, INSERT, UPDATE ON {}.* TO the account", mark.schema))
        .into());
    }
    Ok(())
}

/// Sees to it that the rows 0 to `connections` - 1 of the writer's channel are there and name it. What is there keeps its `val`,
/// and nothing is deleted. The transaction changes rows of the channel, so it is recognised like any other.
///
/// # Errors
/// If the target cannot be written.
pub fn ready(session: &mut Session, writer: &Writer, connections: usize) -> Result<()> {
    let mark = writer.mark();
    let info = writer.info();
    let there: Vec<(i64, Option<String>)> =
        session.rows(&format!("SELECT id, channel_info FROM {} WHERE channel_id = {}", mark.quoted(), mark.channel))?;
    let last = u32::try_from(connections)?;
    let row = |id: u32| there.iter().find(|(n, _)| *n == i64::from(id));
    let missing: Vec<(u32, String)> = (0..last).filter(|id| row(*id).is_none()).map(|id| (id, info.clone())).collect();
    let others: Vec<u32> =
        (0..last).filter(|id| row(*id).is_some_and(|(_, found)| found.as_deref() != Some(&info))).collect();
    if missing.is_empty() && others.is_empty() {
        return Ok(());
    }
    let infos: Vec<String> = there.iter().filter_map(|(_, found)| found.clone()).filter(|i| *i != info).collect();
    let alive = alive(session, &infos, |_| false)?;
    if !alive.is_empty() {
        writer.warn(format!(
            "{} writes with the same rows of channel {} on the target: that is safe, but the two wait for each other",
            alive.join(", "),
            mark.channel
        ));
    }
    session.transaction(|session| {
        if !missing.is_empty() {
            session.exec(&mark.insert(&missing))?;
        }
        for id in others {
            session.exec(&mark.tell(id, &info))?;
        }
        Ok(())
    })?;
    Ok(())
}
