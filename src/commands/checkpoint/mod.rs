//! `tisync checkpoint`: shows the checkpoints of a target, and changes them for the operator.
//!
//! - `set` and `clear` are refused while a run holds the link, and unless the operator accepts what
//!   the change costs.
//! - When a link is forgotten, its entry among the Drainers in PD goes too: otherwise Pumps would
//!   wait for it for ever.

mod show;

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use clap::Parser;

use super::sync;
use crate::checkpoint::drainer::DrainerRowLeft;
use crate::checkpoint::{DrainerPlace, LinkSurvey, TakenOver, Who, survey, take_unless};
use crate::cli::target::{CheckpointClear, CheckpointCommand, CheckpointLink, CheckpointSet, CheckpointTarget};
use crate::cli::{Cli, Command, Format, PlainArgs};
use crate::config::{Settings, security};
use crate::error::Fault;
use crate::mark::{Writer, definition};
use crate::model::CommitTs;
use crate::mysql::address::Target;
use crate::mysql::session::Session;
use crate::pd::{Pd, Security};
use crate::registration::{self, Unregistered};
use crate::stop::Stop;
use crate::{output, source};

/// Runs `command`.
///
/// # Errors
/// The reason why there is no answer; refused, if the change would lose or repeat data and the
/// operator did not accept that.
pub fn run(command: &CheckpointCommand, format: Format) -> Result<()> {
    match command {
        CheckpointCommand::Show(args) => show::run(args, format),
        CheckpointCommand::Set(args) => set(args),
        CheckpointCommand::Clear(args) => clear(args),
    }
}

/// The target, and where Drainer's checkpoint is.
fn open(target: &CheckpointTarget, link: Option<&str>) -> Result<(Session, DrainerPlace)> {
    let events = output::events();
    let (target, place) = match (&target.to, &target.config) {
        (Some(to), _) => (Target::parse_with(to, &target.plain.connection(), &events)?, DrainerPlace::default()),
        (None, Some(file)) => {
            let settings = settings(file, link, &target.plain)?;
            let place = sync::drainer(&settings, &events)?;
            (Target::parse_with(&settings.target, &settings.connection, &events)?, place)
        }
        (None, None) => {
            return Err(Fault::usage("no target given").hint("--to mysql://user@host:3306, or --config FILE").into());
        }
    };
    Ok((Session::open(&target)?, place))
}

/// The settings with which `tisync sync` would run this file.
fn settings(file: &Path, link: Option<&str>, plain: &PlainArgs) -> Result<Settings> {
    let mut words: Vec<OsString> = vec!["--config".into(), file.into()];
    if let Some(link) = link {
        words.extend(["--link", link].map(OsString::from));
    }
    if plain.allow_plain_password {
        words.push("--allow-plain-password".into());
    }
    settings_of(words)
}

/// The settings with which `tisync sync` would run with these arguments.
pub(super) fn settings_of(words: Vec<OsString>) -> Result<Settings> {
    let all = ["tisync", "sync"].map(OsString::from).into_iter().chain(words);
    match Cli::try_parse_from(all).map(|cli| cli.command) {
        Ok(Command::Sync(args)) => Settings::of(&args),
        Ok(_) => Err(Fault::usage("no arguments of sync").into()),
        Err(error) => Err(Fault::usage(error.to_string()).into()),
    }
}

/// The link that the arguments name, or the only one.
fn choose<'a>(found: &'a [LinkSurvey], wanted: &CheckpointLink) -> Result<&'a LinkSurvey> {
    let mut named =
        found.iter().filter(|l| l.link == wanted.link && wanted.cluster_id.is_none_or(|id| l.cluster_id == id));
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            let ids: Vec<String> =
                found.iter().filter(|l| l.link == wanted.link).map(|l| l.cluster_id.to_string()).collect();
            let message =
                format!("several clusters have a link named `{}` on the target: {}", wanted.link, ids.join(", "));
            Err(Fault::usage(message).hint("name one of them with --cluster-id").into())
        }
        (None, _) => {
            let names: Vec<String> =
                found.iter().map(|l| format!("`{}` of cluster {}", l.link, l.cluster_id)).collect();
            let there = if names.is_empty() { "it has no links".to_owned() } else { names.join(", ") };
            Err(Fault::usage(format!("the target has no link `{}`: {there}", wanted.link))
                .hint("the first `tisync sync --start-ts …` creates a link")
                .into())
        }
    }
}

/// Moves a link.
fn set(args: &CheckpointSet) -> Result<()> {
    let (mut session, _) = open(&args.target, Some(&args.link.link))?;
    let found = survey(&mut session)?;
    let link = choose(&found, &args.link)?;
    let wanted = CommitTs(args.ts);
    not_running(link)?;
    if let Some(ddl) = &link.pending {
        return Err(Fault::refused(format!(
            "link `{}` has a DDL whose outcome is unknown: job {} at {}, `{}`",
            link.link,
            ddl.job,
            ddl.ts.explain(),
            ddl.query
        ))
        .hint("resolve it first: `tisync sync` does, or asks for --pending-ddl done|again")
        .into());
    }
    let cost = cost(link, wanted);
    if let (Some(cost), false) = (&cost, args.yes) {
        return Err(Fault::refused(cost.clone()).hint("add --yes to go ahead").into());
    }
    let taken = take_marked(&mut session, link)?;
    taken.link.move_to(&mut session, wanted, &taken)?;
    if let Some(cost) = cost {
        output::warn(&cost);
    }
    output::answer(&format!("link `{}` of cluster {} is at {}", link.link, link.cluster_id, wanted.explain()))
}

/// Forgets a link.
fn clear(args: &CheckpointClear) -> Result<()> {
    let (mut session, place) = open(&args.target, Some(&args.link.link))?;
    let found = survey(&mut session)?;
    let link = choose(&found, &args.link)?;
    not_running(link)?;
    let at = link.position.map_or("has not started".to_owned(), |ts| format!("is at {}", ts.explain()));
    let cost = format!(
        "link `{}` of cluster {} {at}; without its checkpoint there is no record of what the target holds: the next \
         start counts as a first start, from Drainer's checkpoint if a Drainer has written one since, or from \
         --start-ts",
        link.link, link.cluster_id
    );
    if !args.yes {
        return Err(Fault::refused(cost).hint("add --yes to go ahead").into());
    }
    // If PD cannot be asked, the link is not forgotten: that would leave its entry there.
    let entry = Entry::find(args, link.cluster_id)?;
    let taken = take_marked(&mut session, link)?;
    let left = taken.link.forget(&mut session, &place.kept())?;
    output::warn(&cost);
    match left {
        DrainerRowLeft::AsItWas => {}
        DrainerRowLeft::Gone => {
            output::note("Drainer's checkpoint on the target, which this link wrote, is deleted too")
        }
        DrainerRowLeft::HandedOn(heir) => {
            output::note(&format!("link `{heir}` maintains Drainer's checkpoint on the target from now on"))
        }
    }
    entry.remove()?;
    output::answer(&format!("the checkpoint of link `{}` of cluster {} is cleared", link.link, link.cluster_id))
}

/// Takes the link over. Rows that its run writes with marks, its own records included, are changed
/// with marks here too: a link that reads the target must not take this change for data, nor what
/// the next run changes.
fn take_marked(session: &mut Session, link: &LinkSurvey) -> Result<TakenOver> {
    let marks = link.who.as_ref().and_then(|who| Some((who, who.writes_mark()?)));
    let marks = match marks {
        Some((who, mark)) if definition(session, &mark)?.is_sound() => Some((who, mark)),
        _ => None,
    };
    let who = marks.as_ref().map(|(who, mark)| Who::this_process(&who.account, Some(mark)));
    if let Some((_, mark)) = marks {
        let writer = Writer::new(mark, link.cluster_id, &link.link, output::events());
        session.set_prelude(Some(writer.carrier(0)));
    }
    take_unless(session, (link.cluster_id, &link.link), (0, 0), who.as_ref(), &Stop::default(), &output::events())
}

fn not_running(link: &LinkSurvey) -> Result<()> {
    if link.running != Some(true) {
        return Ok(());
    }
    let who = link.who.as_ref().map_or(String::new(), |who| format!(" ({who})"));
    Err(Fault::refused(format!("run {}{who} is using link `{}` and would not notice the change", link.run, link.link))
        .hint("stop it first (SIGTERM); its checkpoint is then exact, too")
        .into())
}

/// The data that moving the link to `wanted` loses or repeats, in words.
fn cost(link: &LinkSurvey, wanted: CommitTs) -> Option<String> {
    let at = link.position?;
    let last = link.applied.last().unwrap_or_default().max(at);
    if wanted > at {
        return Some(format!(
            "link `{}` is at {}: changes between that and {} will never be applied, and are lost unless the target \
             already has them",
            link.link,
            at.explain(),
            wanted.explain()
        ));
    }
    (wanted < at).then(|| {
        format!(
            "link `{}` is at {}: everything from {} on will be applied again: rows in safe mode up to {last} (tables \
             without a key need --allow-repeats), DDL unchanged, so it may fail, or truncate a table a second time",
            link.link,
            at.explain(),
            wanted.explain()
        )
    })
}

/// Where the link has its entry among the Drainers.
enum Entry {
    /// In this PD, under this id.
    In(Box<Pd>, String),
    /// In a PD that the arguments do not name; how to name it, in words.
    Somewhere(String),
    /// The link comes from files.
    Nowhere,
}

impl Entry {
    /// Finds the PD of the cluster and the node id of the link.
    fn find(args: &CheckpointClear, cluster_id: u64) -> Result<Self> {
        let link = &args.link.link;
        let of_file = match (&args.target.to, &args.target.config) {
            (None, Some(file)) => Some(settings(file, Some(link), &args.target.plain)?),
            _ => None,
        };
        let target = args.target.to.as_ref().or(of_file.as_ref().map(|s| &s.target));
        let given = args.node_id.clone().or(of_file.as_ref().and_then(|s| s.node_id.clone()));
        let id = match (given, target) {
            (Some(id), _) => id,
            (None, Some(target)) => registration::node_id(link, target, cluster_id),
            (None, None) => return Ok(Self::Nowhere),
        };
        let pd = match (&args.from, of_file) {
            (Some(address), _) => Some((address.clone(), security(&args.security))),
            (None, Some(file)) => Some((file.source.address, file.source.security)),
            (None, None) => None,
        };
        match pd {
            None => Ok(Self::Somewhere(id)),
            Some((address, _)) if !source::is_cluster(&address) => Ok(Self::Nowhere),
            Some((address, security)) => Ok(Self::In(Box::new(connect(&address, &security, cluster_id)?), id)),
        }
    }

    /// Removes the entry.
    fn remove(self) -> Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Somewhere(id) => {
                output::warn(&format!(
                    "if the link was registered, its entry {id} is still in PD's list of Drainers, and no Pump can go \
                     offline until it advances: run `tisync nodes set-state {id} offline --pd` with PD's address; with \
                     --from pd://… this command would have removed it"
                ));
                Ok(())
            }
            Self::In(pd, id) => {
                match registration::unregister(&pd, &id)? {
                    Unregistered::Nothing => {}
                    Unregistered::Removed => output::note(&format!("removed the entry of drainer {id} from PD")),
                    Unregistered::Alive(host) => output::warn(&format!(
                        "the entry of drainer {id} in PD was kept: a process at {host} keeps it alive. `tisync nodes \
                         offline {id} {}` asks that process to stop",
                        pd.flags()
                    )),
                }
                Ok(())
            }
        }
    }
}

fn connect(address: &str, security: &Security, cluster_id: u64) -> Result<Pd> {
    let pd = Pd::connect(&[address.to_owned()], security)?;
    if pd.cluster_id() == cluster_id {
        return Ok(pd);
    }
    let text = format!(
        "the link replicates from cluster {cluster_id}, but {address} is the PD of cluster {}",
        pd.cluster_id()
    );
    Err(Fault::refused(text).hint("give the PD of the right cluster with --from; nothing was changed").into())
}
