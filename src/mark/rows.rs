//! What a link does about its marks before it starts.

use anyhow::Result;

use super::carrier::{SET_UP, Writer};
use super::{Definition, definition};
use crate::error::Fault;
use crate::sink::mysql::session::Session;

/// Sees to it that the rows 0 to `connections` - 1 of the writer's channel are there and name it. What is there keeps its `val`,
/// and nothing is deleted. The transaction changes rows of the channel, so it is recognised like any other.
///
/// # Errors
/// Refused if the table is missing or is not what it must be; or if the target cannot be written.
pub fn ready(session: &mut Session, writer: &Writer, connections: usize) -> Result<()> {
    let mark = writer.mark();
    match definition(session, mark)? {
        Definition::Table(different) if different.is_empty() => {}
        Definition::Table(different) => {
            return Err(Fault::refused(format!(
                "the mark table {} on the target is not what it must be: {}",
                mark.name(),
                different.join("; ")
            ))
            .hint("rename it away, then make it with `tisync mark setup`")
            .into());
        }
        Definition::NoTable | Definition::NoDatabase => {
            return Err(Fault::refused(format!("the target has no mark table {}", mark.name())).hint(SET_UP).into());
        }
    }
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
