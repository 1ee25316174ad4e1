//! `tisync checkpoint set` and `clear`: refused while a run holds the link, and unless the operator says yes to what it costs.

use anyhow::Result;

use super::entry::Entry;
use super::{choose, open};
use crate::checkpoint::drainer::Left;
use crate::checkpoint::{LinkSurvey, Taken, Who, survey, take_unless};
use crate::cli::checkpoint::{CheckpointClear, CheckpointSet};
use crate::error::Fault;
use crate::mark::{Writer, definition};
use crate::model::CommitTs;
use crate::output;
use crate::sink::mysql::session::Session;
use crate::stop::Stop;

/// Moves a link.
pub(super) fn set(args: &CheckpointSet) -> Result<()> {
    let (mut session, _) = open(&args.target, Some(&args.link.link))?;
    let found = survey(&mut session)?;
    let link = choose(&found, &args.link)?;
    let wanted = CommitTs(args.ts);
    not_running(link)?;
    if let Some(ddl) = &link.pending {
        return Err(Fault::refused(format!(
            "link `{}` has a DDL of which nobody knows how it ended: job {} at {}, `{}`",
            link.link,
            ddl.job,
            ddl.ts.explain(),
            ddl.query
        ))
        .hint("settle it first: `tisync sync` does, or asks for --pending-ddl done|again")
        .into());
    }
    let cost = cost(link, wanted);
    if let (Some(cost), false) = (&cost, args.yes) {
        return Err(Fault::refused(cost.clone()).hint("--yes does it").into());
    }
    let taken = take_marked(&mut session, link)?;
    taken.link.move_to(&mut session, wanted, &taken)?;
    if let Some(cost) = cost {
        output::warn(&cost);
    }
    output::answer(&format!("link `{}` of cluster {} is at {}", link.link, link.cluster_id, wanted.explain()))
}

/// Forgets a link.
pub(super) fn clear(args: &CheckpointClear) -> Result<()> {
    let (mut session, place) = open(&args.target, Some(&args.link.link))?;
    let found = survey(&mut session)?;
    let link = choose(&found, &args.link)?;
    not_running(link)?;
    let at = link.position.map_or("has not started".to_owned(), |ts| format!("is at {}", ts.explain()));
    let cost = format!(
        "link `{}` of cluster {} {at}; without its checkpoint nobody knows what is on the target: the next start is a first one, from \
         Drainer's checkpoint if a Drainer has written one since, or where --start-ts says",
        link.link, link.cluster_id
    );
    if !args.yes {
        return Err(Fault::refused(cost).hint("--yes does it").into());
    }
    // Who cannot be asked keeps the link from being forgotten by half.
    let entry = Entry::find(args, link.cluster_id)?;
    let taken = take_marked(&mut session, link)?;
    let left = taken.link.forget(&mut session, &place.kept())?;
    output::warn(&cost);
    match left {
        Left::AsItWas => {}
        Left::Gone => {
            output::note("Drainer's checkpoint on the target, which this link had written, is deleted with it")
        }
        Left::HandedOn(heir) => {
            output::note(&format!("Drainer's checkpoint on the target is kept by link `{heir}` from now on"))
        }
    }
    entry.remove()?;
    output::answer(&format!("link `{}` of cluster {} is forgotten", link.link, link.cluster_id))
}

/// Takes the link. What its run writes with marks, its records included, is changed with the same: who reads the target must not take it for
/// data, nor what the next one changes.
fn take_marked(session: &mut Session, link: &LinkSurvey) -> Result<Taken> {
    let marks = link.who.as_ref().and_then(|who| Some((who, who.writes_mark()?)));
    let marks = match marks {
        Some((who, mark)) if definition(session, &mark)?.is_sound() => Some((who, mark)),
        _ => None,
    };
    let who = marks.as_ref().map(|(who, mark)| Who::this_process(&who.account, Some(mark)));
    if let Some((_, mark)) = marks {
        let writer = Writer::new(mark, link.cluster_id, &link.link, output::events());
        session.carry(Some(writer.carrier(0)));
    }
    take_unless(session, (link.cluster_id, &link.link), (0, 0), who.as_ref(), &Stop::default(), &output::events())
}

fn not_running(link: &LinkSurvey) -> Result<()> {
    if link.running != Some(true) {
        return Ok(());
    }
    let who = link.who.as_ref().map_or(String::new(), |who| format!(" ({who})"));
    Err(Fault::refused(format!(
        "run {}{who} holds link `{}`: it would go on as if nothing had happened",
        link.run, link.link
    ))
    .hint("stop it first (SIGTERM); then its checkpoint is exact, too")
    .into())
}

/// What moving the link to `wanted` loses or repeats.
fn cost(link: &LinkSurvey, wanted: CommitTs) -> Option<String> {
    let at = link.position?;
    let last = link.applied.last().unwrap_or_default().max(at);
    if wanted > at {
        return Some(format!(
            "link `{}` is at {}: what lies between that and {} is never applied, and lost unless the target has it otherwise",
            link.link,
            at.explain(),
            wanted.explain()
        ));
    }
    (wanted < at).then(|| {
        format!(
            "link `{}` is at {}: everything from {} on is applied again: rows in safe mode up to {last} (tables without a key need \
             --allow-repeats), DDL as it comes, which may fail, or empty a table once more",
            link.link,
            at.explain(),
            wanted.explain()
        )
    })
}
