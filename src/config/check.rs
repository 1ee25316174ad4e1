//! Checks a configuration file without running anything: problems, rings, and links that disagree.
//!
//! - Rings: a link whose target is its source, and links that lead in a circle over several
//!   clusters.
//! - Links that run together must agree: two that go opposite ways, and two that go the same way.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::address::Ends;
use super::document::{Document, Problem};
use super::draft::Draft;
use super::settings::Settings;
use super::{Environment, FileKind, IneffectiveKey, Loaded, Remark, drainer, tisync};

/// The findings about a file.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its path.
    pub path: PathBuf,
    /// Which kind of file it is.
    pub kind: FileKind,
    /// The names of its links.
    pub links: Vec<String>,
    /// Its problems.
    pub problems: Vec<Problem>,
    /// Remarks for the operator.
    pub remarks: Vec<Remark>,
    /// Keys without effect.
    pub idle: Vec<IneffectiveKey>,
    /// Its links, if each has no problem by itself. The identities of their clusters may be added
    /// before [`together`](Self::together).
    pub settings: Vec<Settings>,
    drafts: Vec<Draft>,
    /// The line on which each link begins.
    lines: Vec<usize>,
}

/// Checks a file, except how its links fit [together](Checked::together).
///
/// # Errors
/// A usage fault if it cannot be read, is not TOML, or is neither tisync.toml nor drainer.toml.
pub fn check(path: &Path, environment: Environment<'_>) -> Result<Checked> {
    let document = Document::open(path)?;
    let kind = FileKind::of(&document)?;
    let (drafts, lines, Loaded { mut remarks, idle, clusters, .. }) = match kind {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            let clusters = file.places();
            (file.links, file.lines, Loaded { remarks: file.remarks, clusters, ..Loaded::default() })
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            (vec![loaded.draft.clone()], vec![0], loaded)
        }
    };
    let mut names = Vec::new();
    let mut links = Vec::new();
    for draft in &drafts {
        let name = draft.link.as_ref().map_or(super::DEFAULT_LINK.to_owned(), |n| n.value.clone());
        // A missing key has been reported already.
        if document.problems().is_empty() {
            match Settings::settle(draft.clone()) {
                Ok(mut link) => {
                    link.ends = Ends::new(&link.source.address, &link.target, &clusters);
                    links.push(link);
                }
                Err(error) => document.problem(0, format!("link `{name}`"), error.to_string()),
            }
        }
        names.push(name);
    }
    if links.len() == drafts.len() {
        let twice = repeated(&links).into_iter().filter_map(|(i, j)| Some((links.get(i)?, links.get(j)?)));
        remarks.extend(twice.map(|(one, other)| Remark::Warning(repetition(one, other))));
    } else {
        links.clear();
    }
    let problems = document.problems();
    Ok(Checked { path: path.to_owned(), kind, links: names, problems, remarks, idle, settings: links, drafts, lines })
}

impl Checked {
    /// Adds the problems between its links.
    pub fn together(&mut self) {
        let line = |at: usize| self.lines.get(at).copied().unwrap_or_default();
        let mut found: Vec<Problem> = Vec::new();
        for Round { links, message, hint } in rounds(&self.settings) {
            let line = links.last().map_or(0, |at| line(*at));
            found.push(Problem { line, key: "link.to".to_owned(), message: format!("{message}; {hint}") });
        }
        let two = |(i, j): (usize, usize)| Some((self.settings.get(i)?, self.settings.get(j)?));
        for (one, other) in opposites(&self.settings).into_iter().filter_map(two) {
            for Discord { link, key, message, hint } in discords(one, other) {
                let at = self.settings.iter().position(|l| l.link == link).unwrap_or_default();
                let shown = self.drafts.get(at).map_or_else(Vec::new, Draft::shown);
                let written = shown.into_iter().find(|(k, ..)| *k == key).map(|(.., origin)| origin.line());
                let line = written.unwrap_or_else(|| line(at));
                found.push(Problem { line, key: format!("link.{key}"), message: format!("{message}; {hint}") });
            }
        }
        self.problems.extend(found);
        self.problems.sort();
        self.problems.dedup();
    }
}

/// Limit for the steps of the search for rings: far more than any file needs.
const STEPS: usize = 100_000;

/// Links by which data would come back to its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The indices of the links in their order on the ring; a single one leads to its own source.
    pub links: Vec<usize>,
    /// The problem.
    pub message: String,
    /// How to solve it.
    pub hint: String,
}

/// All rings, except pairs, which [`discords`](super::discords) checks, and rings whose links all
/// write with equal marks: there each change goes only one link far.
#[must_use]
pub fn rounds(links: &[Settings]) -> Vec<Round> {
    let own = (0..links.len()).filter(|i| links.get(*i).is_some_and(|link| link.ends.is_round()));
    let mut found: Vec<Round> = own.filter_map(|i| links.get(i).map(|link| to_itself(i, link))).collect();
    let alone: Vec<usize> = found.iter().flat_map(|round| round.links.clone()).collect();
    let mut search = Search { links, found: Vec::new(), steps: STEPS };
    for first in (0..links.len()).filter(|i| !alone.contains(i)) {
        search.go_on(&mut vec![first], &alone);
    }
    found.extend(search.found.into_iter().map(|way| ring(links, way)));
    found
}

fn to_itself(index: usize, link: &Settings) -> Round {
    let name = &link.link;
    let how = match &link.ends.one_by {
        Some(how) => format!("the target itself says so ({how})"),
        None => "PD, or the file, lists the target's address as part of the source".to_owned(),
    };
    Round {
        links: vec![index],
        message: format!(
            "link `{name}` leads from a cluster to itself: {how}. Each change would come back and be applied again, \
             forever"
        ),
        hint: format!(
            "check `from` and `to` of `{name}`: they may be swapped, or a host name or load balancer may lead to the \
             wrong cluster"
        ),
    }
}

fn ring(links: &[Settings], way: Vec<usize>) -> Round {
    let names: Vec<String> = way.iter().filter_map(|i| links.get(*i)).map(|link| format!("`{}`", link.link)).collect();
    Round {
        message: format!(
            "the links {} form a ring, and not all of them write the same marks: changes would come back to where they \
             started, forever",
            names.join(", ")
        ),
        hint: "set `loopback = true` and the same `channel-id` in all of them; each change then travels over one link \
               only, so add a link for each other pair of clusters that should have it. Links that have no table in \
               common can run without marks, each with --link in its own process"
            .to_owned(),
        links: way,
    }
}

/// Whether all links write with equal marks, and leave out transactions with them.
fn marked(links: &[&Settings]) -> bool {
    let mut marks = links.iter().map(|link| link.loopback.as_ref().map(|loopback| &loopback.mark));
    let Some(Some(first)) = marks.next() else { return false };
    marks.all(|mark| mark.is_some_and(|m| m.channel == first.channel && m.is(&first.schema, &first.table)))
}

struct Search<'a> {
    links: &'a [Settings],
    found: Vec<Vec<usize>>,
    steps: usize,
}

impl Search<'_> {
    /// Extends `way`, whose first link has the lowest index, over clusters that it has not passed
    /// yet.
    fn go_on(&mut self, way: &mut Vec<usize>, alone: &[usize]) {
        let (Some(first), Some(last)) = (way.first().copied(), way.last().copied()) else { return };
        if way.len() == 1 || !self.leads(last, first) {
            return self.step(way, alone);
        }
        let on_it: Vec<&Settings> = way.iter().filter_map(|i| self.links.get(*i)).collect();
        if way.len() > 2 && !marked(&on_it) && !self.is_known(way) {
            self.found.push(way.clone());
        }
    }

    fn step(&mut self, way: &mut Vec<usize>, alone: &[usize]) {
        let (Some(first), Some(last)) = (way.first().copied(), way.last().copied()) else { return };
        for next in first + 1..self.links.len() {
            self.steps = self.steps.saturating_sub(1);
            let fits = !alone.contains(&next) && self.leads(last, next) && !self.passed(way, next);
            if fits && self.steps > 0 {
                way.push(next);
                self.go_on(way, alone);
                way.pop();
            }
        }
    }

    /// Whether the target of `one` is the source of `other`.
    fn leads(&self, one: usize, other: usize) -> bool {
        self.links.get(one).zip(self.links.get(other)).is_some_and(|(one, other)| one.ends.to.is(&other.ends.from))
    }

    /// Whether the way has passed the cluster that `next` comes from.
    fn passed(&self, way: &[usize], next: usize) -> bool {
        let from = |i: &usize| self.links.get(*i).map(|link| &link.ends.from);
        way.iter().filter_map(from).any(|place| from(&next).is_some_and(|next| next.is(place)))
    }

    fn is_known(&self, way: &[usize]) -> bool {
        self.found.iter().any(|known| known.len() == way.len() && known.iter().all(|i| way.contains(i)))
    }
}

/// The indices of any two links that go opposite ways.
#[must_use]
pub fn opposites(links: &[Settings]) -> Vec<(usize, usize)> {
    pairs(links, |a, b| a.ends.opposite(&b.ends))
}

/// The indices of any two links that do equal work: with equal ends, and equal tables under equal
/// names.
#[must_use]
pub fn repeated(links: &[Settings]) -> Vec<(usize, usize)> {
    let same_work = |a: &Settings, b: &Settings| a.filter == b.filter && a.routes == b.routes;
    pairs(links, |a, b| a.ends.same(&b.ends) && same_work(a, b))
}

/// The message about two links that do equal work.
#[must_use]
pub fn repetition(one: &Settings, other: &Settings) -> String {
    format!(
        "the links `{}` and `{}` go the same way and replicate the same tables: each row would be applied twice",
        one.link, other.link
    )
}

fn pairs(links: &[Settings], fits: impl Fn(&Settings, &Settings) -> bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (i, one) in links.iter().enumerate() {
        let others = links.iter().enumerate().skip(i + 1);
        found.extend(others.filter(|(_, other)| fits(one, other)).map(|(j, _)| (i, j)));
    }
    found
}

/// Something on which two opposite links do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discord {
    /// The link to change; the later one if either would do.
    pub link: String,
    /// The key to change.
    pub key: &'static str,
    /// The problem.
    pub message: String,
    /// The setting that solves it.
    pub hint: String,
}

/// All settings on which two opposite links do not agree.
#[must_use]
pub fn discords(one: &Settings, other: &Settings) -> Vec<Discord> {
    let mut found = Vec::new();
    if let Some(discord) = marks(one, other) {
        found.push(discord);
    }
    if one.ddl.run && other.ddl.run {
        let (a, b) = (&one.link, &other.link);
        found.push(Discord {
            link: b.clone(),
            key: "ddl",
            message: format!(
                "`{a}` and `{b}` go opposite ways, and both replicate DDL: DDL carries no mark, so each statement \
                 would come back"
            ),
            hint: format!(
                "set `ddl = false` in `{a}` or `{b}`, and create and alter tables only on the source of the \
                           other one"
            ),
        });
    }
    found
}

fn marks(one: &Settings, other: &Settings) -> Option<Discord> {
    let (a, b) = (&one.link, &other.link);
    let channel = one.mark.as_ref().or(other.mark.as_ref()).map_or(1, |m| m.channel);
    let setup = format!("`tisync mark setup --channel-id {channel}` creates its rows on both clusters");
    let discord = |key, message, hint| Some(Discord { link: b.clone(), key, message, hint });
    match (&one.loopback, &other.loopback) {
        (None, None) => discord(
            "loopback",
            format!(
                "`{a}` and `{b}` go opposite ways, and neither has loopback: each would send back what the other \
                 writes, forever"
            ),
            format!(
                "set `loopback = true` and `channel-id = {channel}` in both; {setup}. Two links that have no table in \
                 common can run without, each with --link in its own process"
            ),
        ),
        (Some(_), None) | (None, Some(_)) => {
            let (with, without) = if one.loopback.is_some() { (one, other) } else { (other, one) };
            let lacks = match &without.mark {
                Some(_) => "`loopback = true`".to_owned(),
                None => format!("`loopback = true` and `channel-id = {channel}`"),
            };
            Some(Discord {
                link: without.link.clone(),
                key: "loopback",
                message: format!(
                    "`{a}` and `{b}` go opposite ways, and loopback is on only in `{}`: the other would send back what \
                     it writes",
                    with.link
                ),
                hint: format!("set {lacks} in `{}`; {setup}", without.link),
            })
        }
        (Some(here), Some(there)) if here.mark.channel != there.mark.channel => discord(
            "channel-id",
            format!(
                "`{a}` and `{b}` go opposite ways, and their channels differ: {} and {}. Neither would recognise the \
                 other's marks",
                here.mark.channel, there.mark.channel
            ),
            format!("set `channel-id = {}` in both; {setup}", here.mark.channel),
        ),
        (Some(here), Some(there)) if !here.mark.is(&there.mark.schema, &there.mark.table) => discord(
            "mark-table",
            format!(
                "`{a}` and `{b}` go opposite ways, and their mark tables differ: {} and {}",
                here.mark.name(),
                there.mark.name()
            ),
            "the mark table must have the same name on both clusters: set the same `mark-table` in both, or leave it \
             out of both"
                .to_owned(),
        ),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod rounds_tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Places;

    /// A link from one cluster to another; each letter is a cluster.
    fn link(way: &str, channel: Option<i64>) -> Settings {
        let words = ["tisync", "sync", "--link", way, "--from", "pd://h:1", "--to", "mysql://h"].map(str::to_owned);
        let marks = channel.map(|n| ["--loopback".to_owned(), format!("--channel-id={n}")]);
        let mut settings =
            match Cli::try_parse_from(words.into_iter().chain(marks.into_iter().flatten())).unwrap().command {
                Command::Sync(args) => Settings::of(&args).unwrap(),
                other => panic!("{other:?}"),
            };
        let [from, to] = [0, 1].map(|i| Places::of_cluster(u64::from(way.as_bytes()[i])));
        (settings.ends.from, settings.ends.to) = (from, to);
        settings
    }

    fn found(ways: &[(&str, Option<i64>)]) -> Vec<Vec<usize>> {
        let links: Vec<Settings> = ways.iter().map(|(way, channel)| link(way, *channel)).collect();
        rounds(&links).into_iter().map(|round| round.links).collect()
    }

    #[test]
    fn rings() {
        assert_eq!(found(&[("ab", None), ("bc", None), ("ca", None)]), [[0, 1, 2]]);
        assert_eq!(found(&[("ca", Some(1)), ("xy", None), ("bc", Some(1)), ("ab", Some(2))]), [[0, 3, 2]]);
        assert_eq!(found(&[("ab", Some(1)), ("bc", Some(1)), ("ca", None)]), [[0, 1, 2]]);
        assert_eq!(found(&[("ab", None), ("bc", None), ("cd", None), ("da", None)]), [[0, 1, 2, 3]]);
        for none in [
            &[("ab", Some(1)), ("bc", Some(1)), ("ca", Some(1))][..],
            // A chain, a tree, and two pairs with a cluster in common.
            &[("ab", None), ("bc", None), ("cd", None)],
            &[("ab", None), ("ac", None), ("bd", None), ("cd", None)],
            &[("ab", Some(1)), ("ba", Some(1)), ("bc", Some(2)), ("cb", Some(2))],
            // Pairs are checked by another function.
            &[("ab", None), ("ba", None)],
        ] {
            assert!(found(none).is_empty(), "{none:?}: {:?}", found(none));
        }
    }

    #[test]
    fn many_links_take_no_time() {
        let clusters: Vec<char> = ('a'..='z').collect();
        let ways: Vec<String> = clusters.iter().flat_map(|a| clusters.iter().map(move |b| format!("{a}{b}"))).collect();
        let mesh: Vec<(&str, Option<i64>)> =
            ways.iter().filter(|w| w[..1] != w[1..]).take(200).map(|way| (way.as_str(), Some(1))).collect();
        assert!(found(&mesh).is_empty());
    }

    #[test]
    fn one_that_leads_to_itself() {
        assert_eq!(found(&[("ab", None), ("aa", None), ("ba", Some(1))]), [[1]]);
    }
}

#[cfg(test)]
mod opposite_tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn link(name: &str, ends: [&str; 2], more: &[&str]) -> Settings {
        let words = ["tisync", "sync", "--link", name, "--from", ends[0], "--to", ends[1]];
        match Cli::try_parse_from(words.iter().chain(more)).unwrap().command {
            Command::Sync(args) => Settings::of(&args).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    const THERE: [&str; 2] = ["pd://a:1", "mysql://b:1"];
    const BACK: [&str; 2] = ["pd://b:1", "mysql://a:1"];

    fn keys(there: &[&str], back: &[&str]) -> Vec<&'static str> {
        let found = discords(&link("there", THERE, there), &link("back", BACK, back));
        found.iter().for_each(|d| assert!(d.message.contains("`there` and `back`") && !d.hint.is_empty(), "{d:?}"));
        found.into_iter().map(|d| d.key).collect()
    }

    #[test]
    fn what_opposite_links_must_agree_on() {
        let marked = ["--loopback", "--channel-id", "1"];
        let without_ddl = ["--loopback", "--channel-id", "1", "--no-ddl"];
        assert!(keys(&marked, &without_ddl).is_empty() && keys(&without_ddl, &without_ddl).is_empty());
        assert_eq!(keys(&marked, &marked), ["ddl"]);
        assert_eq!(keys(&[], &["--no-ddl"]), ["loopback"]);
        assert_eq!(keys(&["--channel-id", "1"], &["--channel-id", "1"]), ["loopback", "ddl"]);
        assert_eq!(keys(&marked, &["--channel-id", "1", "--no-ddl"]), ["loopback"]);
        assert_eq!(keys(&["--no-ddl"], &marked), ["loopback"]);
        assert_eq!(keys(&marked, &["--loopback", "--channel-id", "2", "--no-ddl"]), ["channel-id"]);
        let table = ["--mark-table", "Retl._drainer_repl_mark"];
        assert!(keys(&marked, &[&without_ddl[..], &table].concat()).is_empty(), "names compare without case");
        let table = ["--mark-table", "retl.marks"];
        assert_eq!(keys(&marked, &[&without_ddl[..], &table].concat()), ["mark-table"]);
    }

    #[test]
    fn links_with_the_same_work() {
        let same = [link("x", THERE, &[]), link("y", BACK, &[]), link("z", THERE, &[])];
        assert_eq!(repeated(&same), [(0, 2)]);
        // Each link has its own database.
        let parts = [link("x", THERE, &["--tables", "a.*"]), link("y", THERE, &["--tables", "b.*"])];
        assert!(repeated(&parts).is_empty());
    }
}
