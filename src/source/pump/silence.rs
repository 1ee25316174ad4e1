//! What the silence of a Pump means. A healthy one sends at least a position marker every few seconds.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;

use crate::model::{CommitTs, span_text};

/// Why a Pump says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Its other port does not answer either.
    Hangs,
    /// It has more, and does not send it.
    Stuck,
    /// It has come no further itself.
    Waits,
}

/// One Pump's silence, told once for each cause.
#[derive(Default)]
pub(super) struct Silence(Mutex<Option<Cause>>);

impl Silence {
    /// The words for nothing since `limit`, at `position`, where the Pump's metrics say that it is at `newest` (exact to the
    /// millisecond); and whether that is news.
    pub fn explain(&self, limit: Duration, position: CommitTs, newest: Result<CommitTs>) -> (String, bool) {
        let begin = format!("nothing for {} s, not even a position marker", limit.as_secs_f32());
        let (cause, text) = match newest {
            Err(error) => {
                (Cause::Hangs, format!("{begin}, and its metrics do not answer ({error:#}): it hangs or is cut off"))
            }
            Ok(newest) if newest.physical_ms() > position.physical_ms() => (
                Cause::Stuck,
                format!("{begin}, though it holds data up to {}: it hangs, and is connected to anew", newest.explain()),
            ),
            Ok(_) => (
                Cause::Waits,
                format!(
                    "{begin}; it answers, and has come no further itself: waiting, probably for a transaction whose outcome \
                     TiKV is to tell (up to 10 min). This is no lag of tisync's"
                ),
            ),
        };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.replace(cause) != Some(cause);
        (text, news)
    }

    /// It sends again after `silent`: words for that, if its silence was told.
    pub fn over(&mut self, id: &str, silent: Duration) -> Option<String> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()?;
        let time = span_text(u64::try_from(silent.as_millis()).unwrap_or(u64::MAX));
        Some(format!("Pump {id} sends again after {time}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t08_a_pump_that_waits_is_told_from_one_that_hangs() {
        let mut silence = Silence::default();
        let limit = Duration::from_secs(30);
        let at = CommitTs::from_parts(1000, 7);
        let (text, news) = silence.explain(limit, at, Ok(CommitTs::from_millis(1000)));
        assert!(news && text.contains("waiting") && text.contains("no lag") && !text.contains("hangs"), "{text}");
        assert!(!silence.explain(limit, at, Ok(CommitTs::from_millis(1000))).1, "told once");
        let (text, news) = silence.explain(limit, at, Ok(CommitTs::from_millis(1001)));
        assert!(news && text.contains("hangs") && text.contains("holds data up to"), "{text}");
        let (text, news) = silence.explain(limit, at, Err(anyhow::anyhow!("refused")));
        assert!(news && text.contains("hangs or is cut off") && text.contains("nothing for 30 s"), "{text}");
        assert!(silence.over("p1", Duration::from_secs(95)).is_some_and(|t| t.contains("p1 sends again after 1m 35s")));
        assert!(silence.over("p1", limit).is_none());
    }
}
