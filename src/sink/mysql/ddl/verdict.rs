//! What becomes of a DDL on this target: run as which statements, left out, or refused.

use super::text::{rewrite, split};
use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::sink::mysql::session::{Flavour, Server, shorten};

/// ActionType numbers that are named here.
pub(super) mod action {
    pub const CREATE_SCHEMA: u8 = 1;
    pub const DROP_SCHEMA: u8 = 2;
    pub const CREATE_TABLE: u8 = 3;
    pub const DROP_TABLE: u8 = 4;
    pub const RECOVER_TABLE: u8 = 25;
    pub const CREATE_TABLES: u8 = 60;
    pub const FLASHBACK_CLUSTER: u8 = 62;
    pub const RECOVER_SCHEMA: u8 = 63;
}

/// What becomes of a DDL.
pub(super) enum Plan {
    /// These statements run, one after the other.
    Run(Vec<String>),
    /// It means nothing to the target.
    Skip(&'static str),
}

pub(super) fn plan(server: &Server, ts: CommitTs, ddl: &Ddl) -> Result<Plan, Fault> {
    if let Some(fault) = &ddl.refused {
        return Err(Fault::clone(fault));
    }
    let flavour = server.flavour;
    let why = match ddl.action {
        action::RECOVER_TABLE | action::RECOVER_SCHEMA | action::FLASHBACK_CLUSTER => {
            return Err(Fault::refused(format!(
                "`{}` in database `{}` (commit ts {}) brings rows back that no binlog repeats, so the target cannot follow",
                shorten(&ddl.query),
                ddl.schema,
                ts.explain()
            ))
            .hint(format!(
                "`--skip-ddl {}` goes on without: what it brings back is then left out, counted and listed. To have it on the \
                 target, copy it there from a newer backup and start a new link from that backup's ts",
                ts.0
            )));
        }
        27 | 28 => Some("locks concern the upstream alone"),
        30 | 31 => Some("TiFlash concerns the upstream alone"),
        49..=56 => Some("placement concerns the upstream alone"),
        57 | 59 => Some("table caches concern the upstream alone"),
        58 => Some("statistics concern the upstream alone"),
        65 | 67 => Some("the rows that TTL removes arrive by themselves"),
        68..=70 => Some("resource groups concern the upstream alone"),
        34..=36 if flavour == Flavour::MySql => Some("MySQL has no sequences"),
        41 if flavour == Flavour::MariaDb || server.version < (8, 0, 0) && flavour == Flavour::MySql => {
            Some("the target has no invisible indexes")
        }
        _ => None,
    };
    if let Some(why) = why {
        return Ok(Plan::Skip(why));
    }
    let texts = if ddl.action == action::CREATE_TABLES { split(&ddl.query) } else { vec![ddl.query.as_str()] };
    if ddl.action == action::CREATE_TABLES && texts.len() != ddl.after.len() {
        return Err(Fault::refused(format!(
            "a job made {} tables at once in database `{}`, but its text holds {} statements (commit ts {})",
            ddl.after.len(),
            ddl.schema,
            texts.len(),
            ts.explain()
        ))
        .hint(format!(
            "this is how BR restores, whose rows no binlog carries: restore the same backup on the target, or leave the tables \
             out with `--skip-ddl {}`",
            ts.0
        )));
    }
    let default = default_of(ddl);
    let statements: Vec<String> = texts.into_iter().filter_map(|text| rewrite(text, flavour, default)).collect();
    Ok(if statements.is_empty() { Plan::Skip("it says nothing to this target") } else { Plan::Run(statements) })
}

/// Charset and collation that the job's database has upstream, where both are known and are such names.
fn default_of(ddl: &Ddl) -> Option<(&str, &str)> {
    let names = ddl.charset.as_deref().zip(ddl.collation.as_deref())?;
    let is_name = |n: &str| n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_name(names.0) && is_name(names.1)).then_some(names)
}
