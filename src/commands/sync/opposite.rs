//! Links that go opposite ways tell each other which cluster they come from: what a link writes names it, so each knows
//! the other's data when it comes back.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Settings, opposites};
use crate::sink::mysql::numbers::Numbering;
use crate::stop::Stop;

/// How long a waiting link sleeps before it looks at its stop again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is known of a link's source.
#[derive(Clone, Copy)]
enum Known {
    NotYet,
    Cluster(u64),
    /// It ended before anybody knew.
    Never,
}

/// All links of a process.
struct Roll {
    known: Mutex<Vec<Known>>,
    news: Condvar,
    /// How each link's target gives numbers to rows, where it does.
    numbers: Mutex<Vec<Option<Numbering>>>,
}

impl Roll {
    fn new(links: usize) -> Arc<Self> {
        let (known, numbers) = (Mutex::new(vec![Known::NotYet; links]), Mutex::new(vec![None; links]));
        Arc::new(Self { known, news: Condvar::new(), numbers })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, which: usize, what: Known) {
        if let Some(entry) = self.known().get_mut(which)
            && matches!(entry, Known::NotYet)
        {
            *entry = what;
        }
        self.news.notify_all();
    }
}

/// A link's place among them. Dropping it says that nothing more will be told.
pub struct Seat {
    roll: Arc<Roll>,
    own: usize,
    opposite: Option<usize>,
}

/// A seat for each link.
#[must_use]
pub fn seats(links: &[Settings]) -> Vec<Seat> {
    let pairs = opposites(links);
    let roll = Roll::new(links.len());
    let seat = |own| {
        let opposite = pairs.iter().find_map(|(a, b)| match own {
            own if own == *a => Some(*b),
            own if own == *b => Some(*a),
            _ => None,
        });
        Seat { roll: Arc::clone(&roll), own, opposite }
    };
    (0..links.len()).map(seat).collect()
}

impl Seat {
    /// Says that the link comes from `cluster_id`, and gives where the opposite one comes from: waits until that is known, or will
    /// never be. `None` too if there is no such link, or if `stop` ends the waiting.
    #[must_use]
    pub fn exchange(&self, cluster_id: u64, stop: &Stop) -> Option<u64> {
        self.roll.tell(self.own, Known::Cluster(cluster_id));
        let opposite = self.opposite?;
        let mut known = self.roll.known();
        while !stop.requested() {
            match known.get(opposite) {
                Some(Known::Cluster(id)) => return Some(*id),
                Some(Known::NotYet) => {}
                Some(Known::Never) | None => return None,
            }
            known = self.roll.news.wait_timeout(known, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }
}

impl Seat {
    /// Says how the link's target numbers rows. Gives a warning if the opposite link's target, which said so before, may give the same
    /// numbers, although neither gives all.
    #[must_use]
    pub fn numbers(&self, own: Numbering) -> Option<String> {
        let mut numbers = self.roll.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = numbers.get_mut(self.own) {
            *entry = Some(own);
        }
        let other = numbers.get(self.opposite?).copied().flatten()?;
        own.clash(other)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.roll.tell(self.own, Known::Never);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> [Seat; 2] {
        let roll = Roll::new(2);
        [0, 1].map(|own| Seat { roll: Arc::clone(&roll), own, opposite: Some(1 - own) })
    }

    #[test]
    fn each_gets_the_others() {
        let [here, there] = two();
        let other = std::thread::spawn(move || there.exchange(20, &Stop::default()));
        assert_eq!(here.exchange(10, &Stop::default()), Some(20));
        assert_eq!(other.join().unwrap(), Some(10));
        // What was told once holds when the link has gone.
        assert_eq!(here.exchange(10, &Stop::default()), Some(20));
    }

    #[test]
    fn nobody_waits_for_one_that_failed_or_was_stopped() {
        let [here, there] = two();
        let panicked = std::thread::spawn(move || {
            let _seat = there;
            panic!("as a link might");
        });
        assert_eq!(here.exchange(10, &Stop::default()), None);
        assert!(panicked.join().is_err());
        let [here, _there] = two();
        let stop = Stop::default();
        stop.request();
        assert_eq!(here.exchange(10, &stop), None);
    }

    #[test]
    fn the_second_to_say_how_it_numbers_hears_of_a_clash() {
        let numbering = |increment, offset| Numbering { increment, offset };
        let [here, there] = two();
        assert_eq!(here.numbers(numbering(2, 1)), None);
        assert_eq!(there.numbers(numbering(2, 2)), None);
        let text = there.numbers(numbering(2, 1)).unwrap();
        assert!(text.contains("`SET GLOBAL auto_increment_increment = 2, GLOBAL auto_increment_offset = 2`"), "{text}");
        // Each target that gives every number has earned a warning of its own.
        assert_eq!(there.numbers(numbering(1, 1)), None);
    }
}
