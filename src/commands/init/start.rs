//! Where the links begin, judged as `ts check` does.

use anyhow::Result;

use super::{Found, begin};
use crate::checkpoint;
use crate::cli::init::InitArgs;
use crate::cli::ts::{CheckArgs, CrypterArgs, PdArgs};
use crate::cli::SecurityArgs;
use crate::commands::live::Clusters;
use crate::commands::ts::facts::CheckpointFact;
use crate::commands::ts::{check, from_br, from_dumpling, judge};
use crate::config::Start;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::wizard::{Begin, Choice, Interview, Question, Side};

/// Where a start comes from.
enum Held {
    Backup(String),
    Dump(String),
    Nothing,
}

/// Of the link from the first cluster to the second.
pub(super) fn first(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    link: &str,
    source: &Side,
    found: &Found,
    target: &mut Found,
) -> Result<Begin> {
    let given = &args.start;
    interview.until_good(|interview| {
        let choice = Choice {
            flag: "--start-ts",
            text: "Where does replication begin?",
            choices: &[
                "At the end of a backup by BR, which the target was restored from",
                "At the snapshot of a dump by Dumpling, which the target was loaded from",
                "Behind a ts or a time",
                "Now: what was before is not replicated",
            ],
            default: None,
        };
        let flag = match (&given.start_from_br, &given.start_from_dumpling, &given.start_ts) {
            (Some(_), ..) => Some(0),
            (_, Some(_), _) => Some(1),
            (_, _, Some(_)) => Some(2),
            _ => None,
        };
        let (held, start, flag, value, said) = match interview.choose(choice, flag)? {
            0 => {
                let flag = "--start-from-br";
                let text = "The backup (a folder, s3://, gcs:// or azure://)";
                let place = interview.text(Question { flag, text, default: None }, given.start_from_br.as_deref())?;
                let backup = from_br::open(&place, &given.crypter)?;
                let said = format!("the end of the backup in {place}");
                (Held::Backup(place.clone()), Start::Ts(backup.end_version), flag, place, said)
            }
            1 => {
                let flag = "--start-from-dumpling";
                let text = "The dump (a folder, its metadata file, s3://, gcs:// or azure://)";
                let place =
                    interview.text(Question { flag, text, default: None }, given.start_from_dumpling.as_deref())?;
                let dump = from_dumpling::open(&place, given.time_zone.as_ref())?;
                let said = format!("the snapshot of the dump in {place}");
                (Held::Dump(place.clone()), Start::Ts(dump.ts), flag, place, said)
            }
            2 => {
                let (flag, text) = ("--start-ts", "The ts or time (470616376687198209, 2026-11-21T13:00:00Z, -2h)");
                let typed = interview.text(Question { flag, text, default: None }, given.start_ts.as_deref())?;
                let start = parse(&typed)?;
                (Held::Nothing, start, flag, start.to_string(), said(start))
            }
            _ => (Held::Nothing, Start::Now, "--start-ts", "now".to_owned(), said(Start::Now)),
        };
        judged(interview, (start, &held), (given.time_zone.as_ref(), &given.crypter), link, (source, found), target)?;
        Ok(begin(flag, &value, said, start))
    })
}

/// Of the link back.
pub(super) fn back(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    link: &str,
    source: &Side,
    found: &Found,
    target: &mut Found,
) -> Result<Begin> {
    let text = format!("Where does the link back from {} begin (a ts, a time, or now)?", source.name);
    interview.until_good(|interview| {
        let question = Question { flag: "--back-start-ts", text: &text, default: Some("now") };
        let start = parse(&interview.text(question, args.back_start_ts.as_deref())?)?;
        let plain = CrypterArgs::default();
        judged(interview, (start, &Held::Nothing), (None, &plain), link, (source, found), target)?;
        Ok(begin("--back-start-ts", &start.to_string(), said(start), start))
    })
}

fn parse(text: &str) -> Result<Start> {
    text.parse().map_err(|why| Fault::usage(format!("`{text}` is no start: {why}")).into())
}

fn said(start: Start) -> String {
    match start {
        Start::Ts(ts) => ts.time().map_or_else(|| "a ts".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()),
        Start::Now => "the moment of that start".to_owned(),
    }
}

/// Shows what `ts check` says of it.
fn judged(
    interview: &mut Interview<'_>,
    (start, held): (Start, &Held),
    (time_zone, crypter): (Option<&String>, &CrypterArgs),
    link: &str,
    (source, found): (&Side, &Found),
    target: &mut Found,
) -> Result<()> {
    let known = match (&found.cluster, &mut target.server) {
        (Some(cluster), Some(server)) => checkpoint::of_link(&mut server.session, cluster.id, link)?,
        _ => None,
    };
    if let (Some(at), Start::Now) = (known, start) {
        interview.found(&format!("the link has been there: it goes on from its checkpoint, {}", at.explain()));
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
        // Nobody could be asked: nothing to judge.
        (Start::Now, None) => return Ok(()),
    };
    if start != Start::Now && target.server.is_some() {
        facts.checkpoint = known.map_or(CheckpointFact::None, CheckpointFact::At);
    }
    let mut report = judge::judge(ts, &facts);
    if start == Start::Now {
        // Who begins now does not join anything.
        report.findings.retain(|f| f.code != "interval");
    }
    interview.found(&check::text(ts, &report));
    check::verdict(ts, &report)
}
