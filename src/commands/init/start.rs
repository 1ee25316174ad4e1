//! The start positions of the links, with the judgement of `ts check`.

use anyhow::Result;

use super::{Begin, Choice, Interview, Question, Side};
use super::{SideFacts, begin};
use crate::checkpoint;
use crate::cli::SecurityArgs;
use crate::cli::config::{InitArgs, StartArgs};
use crate::cli::ts::{CheckArgs, CrypterArgs, PdArgs};
use crate::commands::clusters::Clusters;
use crate::commands::ts::check::CheckpointFact;
use crate::commands::ts::{self, check, judge};
use crate::error::Fault;
use crate::model::CommitTs;
use crate::moment::Start;

/// The origin of a start.
enum Held {
    Backup(String),
    Dump(String),
    Nothing,
}

/// The choices for the start of replication.
const CHOICES: [&str; 4] = [
    "At the end of the BR backup that the target was restored from",
    "At the snapshot of the Dumpling dump that the target was loaded from",
    "After a ts or a time",
    "Now: earlier changes are not replicated",
];

/// The start of the link from the first cluster to the second.
pub(super) fn first(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    link: &str,
    source: &Side,
    found: &SideFacts,
    target: &mut SideFacts,
) -> Result<Begin> {
    let given = &args.start;
    let choice =
        Choice { flag: "--start-ts", text: "Where should replication begin?", choices: &CHOICES, default: None };
    let flag = match (&given.start_from_br, &given.start_from_dumpling, &given.start_ts) {
        (Some(_), ..) => Some(0),
        (_, Some(_), _) => Some(1),
        (_, _, Some(_)) => Some(2),
        _ => None,
    };
    interview.until_good(|interview| {
        let (held, begin) = match interview.choose(choice, flag)? {
            0 => backup(interview, given)?,
            1 => dump(interview, given)?,
            2 => {
                let (flag, text) = ("--start-ts", "The ts or time (470616376687198209, 2026-11-21T13:00:00Z, -2h)");
                let typed = interview.text(Question { flag, text, default: None }, given.start_ts.as_deref())?;
                let start = parse(&typed)?;
                (Held::Nothing, begin(flag, &start.to_string(), said(start), start))
            }
            _ => (Held::Nothing, begin("--start-ts", "now", said(Start::Now), Start::Now)),
        };
        let how = (given.time_zone.as_ref(), &given.crypter);
        judged(interview, (begin.start, &held), how, link, (source, found), target)?;
        Ok(begin)
    })
}

fn backup(interview: &mut Interview<'_>, given: &StartArgs) -> Result<(Held, Begin)> {
    let flag = "--start-from-br";
    let text = "The backup (a folder, s3://, gcs:// or azure://)";
    let place = interview.text(Question { flag, text, default: None }, given.start_from_br.as_deref())?;
    let backup = ts::open_backup(&place, &given.crypter)?;
    let said = format!("the end of the backup in {}", public(&place));
    Ok((Held::Backup(place.clone()), at(flag, &place, said, backup.end_version)))
}

fn dump(interview: &mut Interview<'_>, given: &StartArgs) -> Result<(Held, Begin)> {
    let flag = "--start-from-dumpling";
    let text = "The dump (a folder, its metadata file, s3://, gcs:// or azure://)";
    let place = interview.text(Question { flag, text, default: None }, given.start_from_dumpling.as_deref())?;
    let dump = ts::open_dump(&place, given.time_zone.as_ref())?;
    let said = format!("the snapshot of the dump in {}", public(&place));
    Ok((Held::Dump(place.clone()), at(flag, &place, said, dump.ts)))
}

/// An address without its options, which may hold keys.
fn public(place: &str) -> &str {
    place.split_once('?').map_or(place, |(place, _)| place)
}

/// A start at `ts`; its flag names `place`, unless that has options, which may be secret.
fn at(flag: &str, place: &str, said: String, ts: CommitTs) -> Begin {
    let start = Start::Ts(ts);
    if public(place) == place {
        begin(flag, place, said, start)
    } else {
        begin("--start-ts", &ts.to_string(), said, start)
    }
}

/// The start of the link back.
pub(super) fn back(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    link: &str,
    source: &Side,
    found: &SideFacts,
    target: &mut SideFacts,
) -> Result<Begin> {
    let text = format!("Where should the link back from {} begin (a ts, a time, or now)?", source.name);
    interview.until_good(|interview| {
        let question = Question { flag: "--back-start-ts", text: &text, default: Some("now") };
        let start = parse(&interview.text(question, args.back_start_ts.as_deref())?)?;
        let plain = CrypterArgs::default();
        judged(interview, (start, &Held::Nothing), (None, &plain), link, (source, found), target)?;
        Ok(begin("--back-start-ts", &start.to_string(), said(start), start))
    })
}

fn parse(text: &str) -> Result<Start> {
    text.parse().map_err(|why| Fault::usage(format!("`{text}` is not a valid start: {why}")).into())
}

fn said(start: Start) -> String {
    match start {
        Start::Ts(ts) => {
            ts.time().map_or_else(|| "a ts".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
        }
        Start::Now => "the moment of the first start".to_owned(),
    }
}

/// Shows the findings of `ts check` about a start.
fn judged(
    interview: &mut Interview<'_>,
    (start, held): (Start, &Held),
    (time_zone, crypter): (Option<&String>, &CrypterArgs),
    link: &str,
    (source, found): (&Side, &SideFacts),
    target: &mut SideFacts,
) -> Result<()> {
    let known = match (&found.cluster, &mut target.server) {
        (Some(cluster), Some(server)) => checkpoint::of_link(&mut server.session, cluster.id, link)?,
        _ => None,
    };
    if let (Some(at), Start::Now) = (known, start) {
        interview.found(&format!("the link already exists: it continues from its checkpoint, {}", at.explain()));
    }
    let pd = if found.cluster.is_some() { source.pd.clone() } else { Vec::new() };
    let tls = source.security.clone();
    let check = CheckArgs {
        ts: String::new(),
        backup: if let Held::Backup(place) = held { Some(place.clone()) } else { None },
        dump: if let Held::Dump(place) = held { Some(place.clone()) } else { None },
        backup_ts: None,
        time_zone: time_zone.cloned(),
        crypter: crypter.clone(),
        pd: PdArgs { pd, security: SecurityArgs { ssl_ca: tls.ca, ssl_cert: tls.cert, ssl_key: tls.key } },
        to: None,
    };
    let mut facts = check::gather(&check, &Clusters)?;
    let ts: CommitTs = match (start, facts.now) {
        (Start::Ts(ts), _) => ts,
        (Start::Now, Some(now)) => now,
        // The clusters did not answer: there is nothing to judge.
        (Start::Now, None) => return Ok(()),
    };
    if start != Start::Now && target.server.is_some() {
        facts.checkpoint = known.map_or(CheckpointFact::None, CheckpointFact::At);
    }
    if let Some(backup) = &mut facts.backup {
        backup.name = public(&backup.name).to_owned();
    }
    let mut report = judge::judge(ts, &facts);
    if start == Start::Now {
        // A start at "now" continues no earlier replication.
        report.findings.retain(|f| f.code != "interval");
    }
    interview.found(&check::text(ts, &report));
    check::verdict(ts, &report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_of_a_bucket_is_repeated() {
        let place = "s3://bucket/full?access-key=AK&secret-access-key=hunter2";
        let begin = at("--start-from-br", place, format!("the end of the backup in {}", public(place)), CommitTs(7));
        assert_eq!(begin.flags, ["--start-ts", "7"]);
        assert_eq!(begin.said, "the end of the backup in s3://bucket/full");
        assert_eq!(at("--start-from-br", "/b", String::new(), CommitTs(7)).flags, ["--start-from-br", "/b"]);
    }
}
