//! Making the mark table and the rows of a channel. What is there is left as it is.

use anyhow::Result;

use super::{Definition, Mark, definition, rights};
use crate::error::Fault;
use crate::sink::mysql::session::Session;

/// What rows say that no link has taken yet.
const NOBODY: &str = "tisync mark setup";

/// What is to be done on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The statements in order; none if everything is there.
    pub statements: Vec<String>,
    /// Rows of the channel that are there already.
    pub there: usize,
    /// Rows that are to be made.
    pub missing: usize,
}

/// Checks privileges and definition, and finds what is missing for the rows 0 to `rows` - 1. Changes nothing.
///
/// # Errors
/// Refused if the table is there and differs, with everything in which it does; not allowed if a privilege is missing, with
/// all that are.
pub fn plan(session: &mut Session, mark: &Mark, rows: u32) -> Result<Plan> {
    let found = definition(session, mark)?;
    if let Definition::Table(different) = &found
        && !different.is_empty()
    {
        return Err(Fault::refused(format!(
            "the table {} is there and is not the mark table that Drainer and tisync share: {}",
            mark.name(),
            different.join("; ")
        ))
        .hint("nothing was changed: rename it away, or name another with --table on both clusters")
        .into());
    }
    let denied = rights::missing(session, mark, &found, false);
    if !denied.is_empty() {
        return Err(Fault::connect(format!("the account may not set marks up, it lacks: {}", denied.join(", ")))
            .hint(format!(
                "nothing was changed; as an administrator: GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON {}.* TO the account",
                mark.schema
            ))
            .into());
    }
    let mut statements = Vec::new();
    let mut there: Vec<i64> = Vec::new();
    match found {
        Definition::NoDatabase => statements.extend([mark.create_database(), mark.create_table()]),
        Definition::NoTable => statements.push(mark.create_table()),
        Definition::Table(_) => {
            there = session.rows(&format!(
                "SELECT id FROM {} WHERE channel_id = {} ORDER BY id",
                mark.quoted(),
                mark.channel
            ))?;
        }
    }
    let missing: Vec<(u32, String)> =
        (0..rows).filter(|id| !there.contains(&i64::from(*id))).map(|id| (id, NOBODY.to_owned())).collect();
    if !missing.is_empty() {
        statements.push(mark.insert(&missing));
    }
    Ok(Plan { statements, there: there.len(), missing: missing.len() })
}

/// Does what `plan` says.
///
/// # Errors
/// If the server refuses a statement.
pub fn apply(session: &mut Session, plan: &Plan) -> Result<()> {
    plan.statements.iter().try_for_each(|sql| session.run(sql).map(drop))
}
