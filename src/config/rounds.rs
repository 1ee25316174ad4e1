//! Links that lead back to where they come from: one whose target is its source, and rings of several clusters.

use super::Settings;

/// Steps of the search for rings: far more than any file needs.
const STEPS: usize = 100_000;

/// Links by which data would come back to where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Their indices in the order of the way; a single one leads to its own source.
    pub links: Vec<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// All of them but pairs, which [`discords`](super::discords) are about, and rings where all write with the same marks: there each change
/// goes one link far.
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
        Some(how) => format!("its target says so itself ({how})"),
        None => "PD, or the file, names the target's address as one of the source's own".to_owned(),
    };
    Round {
        links: vec![index],
        message: format!(
            "link `{name}` leads from a cluster to itself: {how}. Each change would come back and be applied again, for ever"
        ),
        hint: format!(
            "check `from` and `to` of `{name}`: perhaps they are swapped, or a name or a load balancer leads to the wrong cluster"
        ),
    }
}

fn ring(links: &[Settings], way: Vec<usize>) -> Round {
    let names: Vec<String> = way.iter().filter_map(|i| links.get(*i)).map(|link| format!("`{}`", link.link)).collect();
    Round {
        message: format!(
            "the links {} make a ring, and not all of them write with the same marks: what the first one brings would come back, for ever",
            names.join(", ")
        ),
        hint: "write `loopback = true` and the same `channel-id` into all of them; then each change goes one link far, so add a link for \
               each other pair of clusters that shall have it. Links that have no table in common may run without, each with --link in a \
               process of its own"
            .to_owned(),
        links: way,
    }
}

/// Whether all write with the same marks, and leave out what carries them.
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
    /// Follows `way`, whose first link has the lowest index, over clusters that it has not passed.
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

    /// Whether `one` goes where `other` comes from.
    fn leads(&self, one: usize, other: usize) -> bool {
        self.links.get(one).zip(self.links.get(other)).is_some_and(|(one, other)| one.ends.to.is(&other.ends.from))
    }

    /// Whether the way has been in the cluster that `next` comes from.
    fn passed(&self, way: &[usize], next: usize) -> bool {
        let from = |i: &usize| self.links.get(*i).map(|link| &link.ends.from);
        way.iter().filter_map(from).any(|place| from(&next).is_some_and(|next| next.is(place)))
    }

    fn is_known(&self, way: &[usize]) -> bool {
        self.found.iter().any(|known| known.len() == way.len() && known.iter().all(|i| way.contains(i)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Places;

    /// A link from one cluster to another, each a letter.
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
            // Pairs are looked at on their own.
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
