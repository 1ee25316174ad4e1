//! The kinds of fault, and which of them a round gets.

use std::time::Duration;

use crate::proxy::{Moment, Point};
use crate::random::Random;
use crate::steps::Step;

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Kill(Moment),
    KillAnyTime(Duration),
    /// One connection is cut.
    Cut(Moment),
    /// Every connection is cut and none is taken for a while.
    Away(Moment, Duration),
    KillServer(Moment),
    /// Somebody ends the session on the server.
    KillSession(Moment),
    /// Somebody else holds the hot rows for a while.
    Lock(Duration),
    /// Answers come late for a while.
    Slow {
        each: Duration,
        during: Duration,
    },
    /// A Pump is away for a while.
    Pump(Duration),
    /// A COMMIT is held, tisync killed, and the COMMIT let go this long after the next run has begun.
    Held {
        nth: u32,
        release: Duration,
    },
    Interrupt(Duration),
    /// A COMMIT is answered by an error of this code: before the server has it, or although it took effect.
    Answered(Moment, u16),
    /// MariaDB does not flush its log from here on, and is killed at a moment: it comes back without its last commits.
    Forget(Moment),
    /// A save of the position is held for this long, while others go on.
    HeldSave(Duration),
}

/// Errors that a server may answer a COMMIT with, whatever became of it.
const ANSWERS: [u16; 5] = [1317, 1969, 8028, 1205, 1180];

/// Where tisync is killed. Those at the end of the list come late in a run, or not at all.
const KILLS: [(Step, Point); 33] = {
    use Point::{Answered, Before, Delivered, Forwarded};
    use Step::{Begin, Claim, Commit, Data, Ddl, Drainer, Fence, FirstData, Intent, IntentEnd, Position, TakeOver};
    [
        (FirstData, Before),
        (Commit, Forwarded),
        (Data, Delivered),
        (Commit, Before),
        (Commit, Answered),
        (Ddl, Forwarded),
        (Data, Forwarded),
        (Intent, Delivered),
        (Commit, Forwarded),
        (Ddl, Answered),
        (Commit, Delivered),
        (Data, Answered),
        (Ddl, Delivered),
        (Begin, Delivered),
        (Fence, Before),
        (Fence, Forwarded),
        (Intent, Before),
        (Intent, Forwarded),
        (Ddl, Before),
        (Fence, Delivered),
        (IntentEnd, Before),
        (IntentEnd, Forwarded),
        (IntentEnd, Answered),
        (TakeOver, Before),
        (TakeOver, Forwarded),
        (TakeOver, Answered),
        (Claim, Before),
        (Claim, Answered),
        (Position, Before),
        (Position, Forwarded),
        (Drainer, Before),
        (Drainer, Forwarded),
        (Drainer, Delivered),
    ]
};

/// Where connections are cut or the server is killed.
const CUTS: [(Step, Point); 13] = [
    (Step::Data, Point::Delivered),
    (Step::Commit, Point::Before),
    (Step::Commit, Point::Forwarded),
    (Step::Ddl, Point::Forwarded),
    (Step::Commit, Point::Answered),
    (Step::Fence, Point::Forwarded),
    (Step::Data, Point::Forwarded),
    (Step::Intent, Point::Forwarded),
    (Step::Intent, Point::Delivered),
    (Step::Ddl, Point::Before),
    (Step::Ddl, Point::Answered),
    (Step::IntentEnd, Point::Before),
    (Step::IntentEnd, Point::Forwarded),
];

/// The faults of the round with this number: kills in turn, so that few rounds have all of them, and two others.
pub fn plan(round: u64, random: &mut Random) -> Vec<Fault> {
    let kills = KILLS.len() as u64;
    let kill = |n: u64, random: &mut Random| {
        let (step, point) = KILLS[usize::try_from(n % kills).unwrap_or(0)];
        Fault::Kill(moment(step, point, random))
    };
    let mut faults = vec![kill(round * 2, random), kill(round * 2 + 1, random), other(round, random)];
    if random.one_in(2) {
        let any = random.below(OTHERS);
        faults.insert(0, other(any, random));
    }
    if random.one_in(2) {
        faults.insert(1, Fault::KillAnyTime(Duration::from_millis(random.below(700))));
    }
    // What comes late in a run comes last, so that it does not keep the others out.
    faults.sort_by_key(Fault::late);
    faults
}

/// How many kinds [`other`] knows.
const OTHERS: u64 = 16;

fn other(n: u64, random: &mut Random) -> Fault {
    let cut = *random.pick(&CUTS);
    let at = moment(cut.0, cut.1, random);
    let mut ms = |from, to| Duration::from_millis(u64::try_from(random.between(from, to)).unwrap_or(0));
    match n % OTHERS {
        0 => Fault::Cut(at),
        1 => Fault::KillServer(at),
        2 => Fault::Held { release: ms(50, 2600), nth: u32::try_from(random.between(1, 6)).unwrap_or(1) },
        3 => Fault::Slow { each: ms(1, 15), during: ms(100, 500) },
        4 => Fault::Away(at, ms(100, 1500)),
        5 => Fault::Pump(ms(0, 300)),
        6 => Fault::Interrupt(ms(50, 600)),
        7 => Fault::KillAnyTime(ms(0, 700)),
        8 => Fault::KillSession(at),
        9 => Fault::Lock(ms(200, 2500)),
        10 => Fault::Held { release: ms(50, 300), nth: 1 },
        11 | 12 => {
            let point = if random.one_in(2) { Point::Before } else { Point::Answered };
            Fault::Answered(moment(Step::Commit, point, random), *random.pick(&ANSWERS))
        }
        13 | 14 => {
            let (step, point) = *random.pick(&[
                (Step::Commit, Point::Delivered),
                (Step::Data, Point::Delivered),
                (Step::Ddl, Point::Answered),
                (Step::Commit, Point::Forwarded),
            ]);
            let nth = u32::try_from(random.between(2, 12)).unwrap_or(2);
            Fault::Forget(Moment { step, point, nth })
        }
        _ => Fault::HeldSave(ms(3500, 5000)),
    }
}

fn moment(step: Step, point: Point, random: &mut Random) -> Moment {
    let most = match step {
        Step::TakeOver | Step::Claim | Step::Position | Step::Drainer => 1,
        Step::Data => 40,
        _ => 6,
    };
    Moment { step, point, nth: u32::try_from(random.between(1, most)).unwrap_or(1) }
}

impl Fault {
    pub fn late(&self) -> bool {
        matches!(self, Self::Kill(Moment { step: Step::Position | Step::Drainer, .. }) | Self::HeldSave(_))
    }

    pub fn label(&self) -> String {
        match self {
            Self::Kill(at) => format!("kill {}", at.label()),
            Self::KillAnyTime(_) => "kill at any time".to_owned(),
            Self::Cut(at) => format!("cut a connection {}", at.label()),
            Self::Away(at, _) => format!("target away {}", at.label()),
            Self::KillServer(at) => format!("MariaDB killed {}", at.label()),
            Self::KillSession(at) => format!("session ended by KILL {}", at.label()),
            Self::Lock(_) => "hot rows locked by somebody else".to_owned(),
            Self::Slow { .. } => "answers late".to_owned(),
            Self::Pump(_) => "Pump restarted".to_owned(),
            Self::Held { .. } => "kill with its COMMIT held until after the restart".to_owned(),
            Self::Interrupt(_) => "SIGINT".to_owned(),
            Self::Answered(Moment { point, .. }, code) => {
                let effect = if *point == Point::Before { "before it took effect" } else { "after it took effect" };
                format!("COMMIT answered by {code} {effect}")
            }
            Self::Forget(at) => format!("MariaDB forgets {}", at.label()),
            Self::HeldSave(_) => "a save of the position held".to_owned(),
        }
    }
}

impl Moment {
    fn label(&self) -> String {
        let point = match self.point {
            Point::Before => "before the server sees it",
            Point::Forwarded => "the server has it",
            Point::Answered => "answered, not heard",
            Point::Delivered => "answer heard",
        };
        format!("{}: {point}", self.step)
    }
}
