//! What the link's entry in the cluster says, and what to make of what others have written into it.

use crate::pd::{State, Status};

/// What somebody outside wants from a running link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To stop; it goes on later.
    Pause,
    /// To stop for good.
    Close,
}

impl Wish {
    /// The state that says so while the run drains.
    fn on_the_way(self) -> State {
        match self {
            Self::Pause => State::Pausing,
            Self::Close => State::Closing,
        }
    }

    /// The state to leave behind.
    fn in_the_end(self) -> State {
        match self {
            Self::Pause => State::Paused,
            Self::Close => State::Offline,
        }
    }

    /// As in "asks to …".
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Close => "go offline",
        }
    }
}

/// A wish and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was asked for.
    pub wish: Wish,
    /// As in "`binlogctl` asks": who or what.
    pub by: String,
}

/// What is to be done about the entry.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write our own state over it.
    Write,
    /// Somebody has written another state into it: keep it, and do as it says.
    Obey(Wish, State),
    /// Another process has taken it over, which can be reached at this address: leave it alone.
    Leave(String),
}

/// Where the link stands.
#[derive(Debug)]
pub struct Standing {
    /// What the entry shall say now.
    say: State,
    /// What was written last. Another state was written by somebody else.
    written: State,
    asked: Option<Asked>,
    ended: bool,
    /// Another process has the entry.
    lost: bool,
}

impl Standing {
    pub fn new(state: State) -> Self {
        Self { written: state.clone(), say: state, asked: None, ended: false, lost: false }
    }

    /// The entry shall say this, unless somebody has asked for an end.
    pub fn say(&mut self, state: State) {
        if self.asked.is_none() && !self.ended {
            self.say = state;
        }
    }

    /// The state to write.
    pub fn state(&self) -> &State {
        &self.say
    }

    pub fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Whether the entry is somebody else's now.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether a wish from outside can still be taken: only while it is online, as with Drainer.
    pub fn takes_wishes(&self) -> bool {
        self.say == State::Online
    }

    /// Takes note of a wish; false if it is none that changes anything. To close for good is more than to pause.
    pub fn ask(&mut self, wish: Wish, by: &str) -> bool {
        let more = match &self.asked {
            None => true,
            Some(asked) => asked.wish == Wish::Pause && wish == Wish::Close,
        };
        if more {
            self.say = if self.ended { wish.in_the_end() } else { wish.on_the_way() };
            self.asked = Some(Asked { wish, by: by.to_owned() });
        }
        more
    }

    /// Somebody wrote this state into the entry: it is kept.
    pub fn keep(&mut self, state: &State) {
        if !self.ended {
            self.say = state.clone();
            self.written = state.clone();
        }
    }

    /// Our state has been written.
    pub fn wrote(&mut self, state: &State) {
        self.written = state.clone();
    }

    /// The run is over: the entry shall say what it is to say between runs.
    pub fn end(&mut self) {
        self.ended = true;
        self.say = self.asked.as_ref().map_or(State::Paused, |a| a.wish.in_the_end());
    }

    /// What to do about what the entry holds now, where `host` is our own address.
    pub fn meet(&self, found: &Status, host: &str) -> Step {
        if found.host != host {
            return Step::Leave(found.host.clone());
        }
        let state = found.state();
        if state == self.written || state == self.say {
            return Step::Write;
        }
        match state {
            State::Pausing | State::Paused => Step::Obey(Wish::Pause, state),
            State::Closing | State::Offline => Step::Obey(Wish::Close, state),
            // Nobody can make a run online that is not, and what we do not know we cannot obey.
            State::Online | State::Other(_) => Step::Write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "10.0.0.1:8249";

    fn found(state: &State) -> Status {
        Status::new("d", HOST, state)
    }

    fn online() -> Standing {
        let mut standing = Standing::new(State::Paused);
        standing.say(State::Online);
        assert_eq!(standing.meet(&found(&State::Paused), HOST), Step::Write, "we wrote that ourselves");
        standing.wrote(&State::Online);
        standing
    }

    #[test]
    fn t02_a_state_set_from_outside_is_obeyed_and_kept() {
        for (state, wish, end) in [
            (State::Pausing, Wish::Pause, State::Paused),
            (State::Paused, Wish::Pause, State::Paused),
            (State::Closing, Wish::Close, State::Offline),
            (State::Offline, Wish::Close, State::Offline),
        ] {
            let mut standing = online();
            assert_eq!(standing.meet(&found(&State::Online), HOST), Step::Write);
            assert_eq!(standing.meet(&found(&state), HOST), Step::Obey(wish, state.clone()));
            assert!(standing.ask(wish, "somebody"));
            standing.keep(&state);
            assert_eq!(standing.meet(&found(&state), HOST), Step::Write);
            assert_eq!(standing.state(), &state, "the next heartbeat must not say anything else");
            standing.say(State::Online);
            assert_eq!(standing.state(), &state);
            standing.end();
            assert_eq!(standing.state(), &end);
        }
    }

    #[test]
    fn our_own_wish_is_written_and_a_close_is_more_than_a_pause() {
        let mut standing = online();
        assert!(standing.takes_wishes() && standing.ask(Wish::Pause, "HTTP"));
        assert_eq!((standing.state(), standing.takes_wishes()), (&State::Pausing, false));
        assert_eq!(standing.meet(&found(&State::Online), HOST), Step::Write, "not written yet");
        standing.wrote(&State::Pausing);
        assert!(!standing.ask(Wish::Pause, "again"));
        assert_eq!(standing.meet(&found(&State::Closing), HOST), Step::Obey(Wish::Close, State::Closing));
        assert!(standing.ask(Wish::Close, "etcd") && !standing.ask(Wish::Pause, "late"));
        assert_eq!(standing.asked().map(|a| a.by.as_str()), Some("etcd"));
        standing.end();
        assert_eq!(standing.state(), &State::Offline);
    }

    #[test]
    fn what_is_no_wish() {
        let mut standing = online();
        assert_eq!(standing.meet(&found(&State::Other("x".into())), HOST), Step::Write);
        let other = Status::new("d", "10.0.0.2:8249", &State::Online);
        assert_eq!(standing.meet(&other, HOST), Step::Leave("10.0.0.2:8249".into()));
        standing.end();
        assert_eq!(standing.state(), &State::Paused);
    }
}
