//! Which nodes live, and which entries are left of those that do not.

use crate::model::{CommitTs, span_text};
use crate::pd::{Node, State};
use crate::shell::quoted;

/// A node that lives writes its entry every second or two; after this it is taken for dead.
const FRESH_MS: u64 = 30_000;

/// Names in a sentence about many.
const SHOWN: usize = 5;

/// What an entry's age says of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It says that it runs, and was heard of lately.
    Alive,
    /// It says that it runs, and was not heard of lately.
    Dead,
    /// It says itself that it does not run.
    Stopped,
}

impl Life {
    /// In one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead => "dead",
            Self::Stopped => "stopped",
        }
    }
}

/// Whether an entry that was written at `update_ts` is new, by PD's clock `now`.
#[must_use]
pub fn is_fresh(update_ts: CommitTs, now: CommitTs) -> bool {
    now.physical_ms().saturating_sub(update_ts.physical_ms()) < FRESH_MS
}

/// Whether `node` lives, by PD's clock `now`.
#[must_use]
pub fn life(node: &Node, now: CommitTs) -> Life {
    match node.state {
        State::Paused | State::Offline => Life::Stopped,
        _ if is_fresh(node.update_ts, now) => Life::Alive,
        _ => Life::Dead,
    }
}

/// A sentence for each drainer that holds Pumps back from going offline though it does not run: all that are not offline and not
/// heard of lately, but `own`. `flags` lead a command to their PD.
#[must_use]
pub fn ghosts(drainers: &[Node], own: &str, now: CommitTs, flags: &str) -> Vec<String> {
    let idle = |d: &&Node| d.id != own && d.state != State::Offline && !is_fresh(d.update_ts, now);
    let sentence = |d: &Node| {
        let age = span_text(now.physical_ms().saturating_sub(d.update_ts.physical_ms()));
        let (id, host, state, at) = (&d.id, &d.host, &d.state, d.max_commit_ts.explain());
        let word = quoted(id);
        let what = if life(d, now) == Life::Dead { "is probably dead" } else { "does not run" };
        format!(
            "drainer {id} ({host}) {what}: it says {state}, was last heard of {age} ago, and stands at {at}. No Pump can go offline \
             before it gets further; if it is given up, or this link has taken over from it, `tisync nodes set-state {word} offline {flags}`"
        )
    };
    drainers.iter().filter(idle).map(sentence).collect()
}

/// The same for a start, which has more to say: from two on as one sentence.
#[must_use]
pub fn ghosts_at_start(drainers: &[Node], own: &str, now: CommitTs, flags: &str) -> Option<String> {
    let mut each = ghosts(drainers, own, now, flags);
    if each.len() < 2 {
        return each.pop();
    }
    let idle = drainers.iter().filter(|d| d.id != own && d.state != State::Offline && !is_fresh(d.update_ts, now));
    let mut names: Vec<&str> = idle.map(|d| d.id.as_str()).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.truncate(SHOWN);
    Some(format!(
        "{} drainers and links that do not run are still in the cluster's list: {}{more}. No Pump can go offline before each of them gets further, or is set \
         offline: `tisync nodes list {flags}` says how",
        each.len(),
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drainer(id: &str, state: State, age_s: u64) -> Node {
        let update_ts = CommitTs::from_millis(1_000_000_000 - age_s * 1000);
        Node { id: id.into(), host: "h:8249".into(), state, max_commit_ts: CommitTs(1), update_ts }
    }

    const NOW: CommitTs = CommitTs::from_millis(1_000_000_000);

    #[test]
    fn who_lives() {
        for (state, age, wanted) in [
            (State::Online, 2, Life::Alive),
            (State::Online, 31, Life::Dead),
            (State::Pausing, 31, Life::Dead),
            (State::Closing, 1, Life::Alive),
            (State::Paused, 900_000, Life::Stopped),
            (State::Offline, 1, Life::Stopped),
        ] {
            assert_eq!(life(&drainer("d", state.clone(), age), NOW), wanted, "{state}");
        }
        // A clock that runs ahead is no reason to take it for dead.
        assert!(is_fresh(CommitTs::from_millis(1_000_009_000), NOW));
    }

    #[test]
    fn t01_ghosts_are_named() {
        let all = [
            drainer("own", State::Online, 900),
            drainer("new", State::Online, 1),
            drainer("dead", State::Online, 900),
            drainer("paused", State::Paused, 7_200),
            drainer("gone", State::Offline, 7_200),
        ];
        let ghosts = ghosts(&all, "own", NOW, "--pd h:2379");
        assert_eq!(ghosts.len(), 2, "{ghosts:?}");
        assert!(ghosts[0].contains("drainer dead (h:8249) is probably dead") && ghosts[0].contains("15m 0s ago"));
        assert!(
            ghosts[1].contains("drainer paused")
                && ghosts[1].ends_with("`tisync nodes set-state paused offline --pd h:2379`")
        );
    }

    #[test]
    fn t01_many_ghosts_are_one_line() {
        let all: Vec<Node> = (0..10).map(|n| drainer(&format!("d{n}"), State::Paused, 900)).collect();
        let said = |count: usize| ghosts_at_start(&all[..count], "d0", NOW, "--pd h:2379");
        assert_eq!(said(1), None);
        assert!(said(2).unwrap().contains("drainer d1"), "{:?}", said(2));
        let many = said(10).unwrap();
        assert!(many.starts_with("9 drainers") && many.contains("d1, d2, d3, d4, d5, …"), "{many}");
        assert!(many.contains("`tisync nodes list --pd h:2379`") && !many.contains('\n'), "{many}");
    }
}
