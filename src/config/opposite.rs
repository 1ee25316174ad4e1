//! What links that run together must agree on: two that go opposite ways, and two that go the same way.

use super::Settings;

/// The indices of each two links that go opposite ways.
#[must_use]
pub fn opposites(links: &[Settings]) -> Vec<(usize, usize)> {
    pairs(links, |a, b| a.ends.opposite(&b.ends))
}

/// The indices of each two links that do the same work: the same way, and the same tables under the same names.
#[must_use]
pub fn repeated(links: &[Settings]) -> Vec<(usize, usize)> {
    let same_work = |a: &Settings, b: &Settings| a.filter == b.filter && a.routes == b.routes;
    pairs(links, |a, b| a.ends.same(&b.ends) && same_work(a, b))
}

/// What is to be said about two links that do the same work.
#[must_use]
pub fn repetition(one: &Settings, other: &Settings) -> String {
    format!(
        "the links `{}` and `{}` go the same way and replicate the same tables: each row is applied twice",
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
    /// The name of the link that a change would mend; that of the later one where either would do.
    pub link: String,
    /// The key that it is about.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub hint: String,
}

/// Everything on which two opposite links do not agree.
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
                "`{a}` and `{b}` go opposite ways, and both replicate DDL: it carries no mark, so each statement would come back"
            ),
            hint: format!("write `ddl = false` into `{a}` or `{b}`, and make and change tables on the other's source alone"),
        });
    }
    found
}

fn marks(one: &Settings, other: &Settings) -> Option<Discord> {
    let (a, b) = (&one.link, &other.link);
    let channel = one.mark.as_ref().or(other.mark.as_ref()).map_or(1, |m| m.channel);
    let setup = format!("`tisync mark setup --channel-id {channel}` makes its rows on both clusters");
    let discord = |key, message, hint| Some(Discord { link: b.clone(), key, message, hint });
    match (&one.loopback, &other.loopback) {
        (None, None) => discord(
            "loopback",
            format!(
                "`{a}` and `{b}` go opposite ways, and neither has loopback: what one writes the other would send back, for ever"
            ),
            format!(
                "write `loopback = true` and `channel-id = {channel}` into both; {setup}. Two that have no table in common may run \
                 without, each with --link in a process of its own"
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
                    "`{a}` and `{b}` go opposite ways, and loopback is on in `{}` alone: what that one writes the other would send back",
                    with.link
                ),
                hint: format!("write {lacks} into `{}`; {setup}", without.link),
            })
        }
        (Some(here), Some(there)) if here.mark.channel != there.mark.channel => discord(
            "channel-id",
            format!(
                "`{a}` and `{b}` go opposite ways, and their channels differ: {} and {}. Neither would know the other's marks",
                here.mark.channel, there.mark.channel
            ),
            format!("write `channel-id = {}` into both; {setup}", here.mark.channel),
        ),
        (Some(here), Some(there)) if !here.mark.is(&there.mark.schema, &there.mark.table) => discord(
            "mark-table",
            format!(
                "`{a}` and `{b}` go opposite ways, and their mark tables differ: {} and {}",
                here.mark.name(),
                there.mark.name()
            ),
            "the mark table has the same name on both clusters: write the same `mark-table` into both, or leave it out of both"
                .to_owned(),
        ),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
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
        // A database each.
        let parts = [link("x", THERE, &["--tables", "a.*"]), link("y", THERE, &["--tables", "b.*"])];
        assert!(repeated(&parts).is_empty());
    }
}
