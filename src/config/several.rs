//! Several links of one file in one process: which flags hold for all of them, and what they must agree on.

use std::path::Path;

use anyhow::Result;
use jiff::tz::TimeZone;

use super::draft::Draft;
use super::load::{Loaded, load_all};
use super::opposite::{discords, opposites, repeated, repetition};
use super::rounds::rounds;
use super::{DEFAULT_LINK, Origin, Remark, Settings, environment};
use crate::cli::{OnDdlErrorArg, SyncArgs, UntilArg};
use crate::error::Fault;

impl Settings {
    /// The settings of every link that the arguments of `tisync sync` stand for: all of a tisync.toml unless they choose one. Remarks about
    /// the file are those of the first.
    ///
    /// # Errors
    /// As [`Settings::of`]; also a usage fault if a flag is of one link alone and there are several, or if two that go opposite ways do
    /// not agree.
    pub fn all(args: &SyncArgs) -> Result<Vec<Self>> {
        let loaded = load_all(args, &environment)?;
        let mut links = loaded.into_iter().map(|one| Self::with(args, one)).collect::<Result<Vec<_>>>()?;
        agree(&links)?;
        let pair = |(i, j): (usize, usize)| Some(Remark::Warning(repetition(links.get(i)?, links.get(j)?)));
        let twice: Vec<Remark> = repeated(&links).into_iter().filter_map(pair).collect();
        if let Some(first) = links.first_mut() {
            first.remarks.extend(twice);
        }
        Ok(links)
    }
}

/// Refuses links by which data would come back: one that leads to its own source, rings, and two that go opposite ways and do not agree.
///
/// # Errors
/// Refused at the first two; a usage fault with everything on which opposite ones do not agree.
pub fn agree(links: &[Settings]) -> Result<()> {
    if let Some(round) = rounds(links).into_iter().next() {
        return Err(Fault::refused(round.message).hint(round.hint).into());
    }
    let two = |(i, j): (usize, usize)| Some((links.get(i)?, links.get(j)?));
    let wrong: Vec<_> = opposites(links).into_iter().filter_map(two).flat_map(|(a, b)| discords(a, b)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let list = |text: Vec<&str>, between: &str| text.join(between);
    let message = list(wrong.iter().map(|d| d.message.as_str()).collect(), "; ");
    Err(Fault::usage(message).hint(list(wrong.iter().map(|d| d.hint.as_str()).collect(), "; ")).into())
}

/// Refuses flags, and variables of the environment, that say something about one link.
pub(super) fn refuse_flags_of_one(args: &SyncArgs, flags: &Draft, path: &Path, links: &[Loaded]) -> Result<()> {
    let Some(found) = of_one_link(args, flags).into_iter().next() else { return Ok(()) };
    let name = |l: &Loaded| l.draft.link.as_ref().map_or(DEFAULT_LINK.to_owned(), |n| n.value.clone());
    let names: Vec<String> = links.iter().map(name).collect();
    let text = format!(
        "{found} says something about one link, and {} has {}: {}",
        path.display(),
        names.len(),
        names.join(", ")
    );
    Err(Fault::usage(text)
        .hint("choose one with --link NAME; without it all of them run, each as the file says")
        .into())
}

/// Those that were given, as the operator wrote them.
fn of_one_link(args: &SyncArgs, flags: &Draft) -> Vec<String> {
    let mut found = Vec::new();
    let mut given = |flag: &str, origin: Option<&Origin>| match origin {
        Some(Origin::Environment(variable)) => found.push(variable.clone()),
        Some(_) => found.push(flag.to_owned()),
        None => {}
    };
    macro_rules! drafted {
        ($($field:ident = $flag:literal),*) => { $(given($flag, flags.$field.as_ref().map(|g| &g.origin));)* };
    }
    drafted! {
        from = "--from", to = "--to", start = "--start-ts", routes = "--route", ignore_ts = "--ignore-ts", schema_from = "--schema-from",
        node_id = "--node-id", addr = "--addr", advertise_addr = "--advertise-addr"
    }
    let of_one_ddl = |word: &OnDdlErrorArg| matches!(word, OnDdlErrorArg::Skip(_) | OnDdlErrorArg::Replace(..));
    let others = [
        ("--until TS", matches!(args.until, Some(UntilArg::Ts(_)))),
        ("--until-ts", args.until_ts.is_some()),
        ("--skip-ddl", !args.skip_ddl.is_empty()),
        ("--on-ddl-error skip: or replace:", args.on_ddl_error.iter().any(of_one_ddl)),
        ("--pending-ddl", args.pending_ddl.is_some()),
        ("--safe-until", args.safe_until.is_some()),
        ("--time-zone", args.time_zone != TimeZone::UTC),
        ("--cluster-id", args.cluster_id != 0),
    ];
    for (flag, there) in others {
        given(flag, there.then_some(&Origin::Flag));
    }
    found
}
