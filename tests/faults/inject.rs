//! How each fault is made to happen.

use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mysql::prelude::Queryable;

use crate::kinds::Fault;
use crate::proxy::{Caught, Moment, Point, Then, Trap};
use crate::round::{Round, TICK};
use crate::steps::Step;
use crate::world::Killer;

/// Longer than a held COMMIT is ever held.
const LONG: Duration = Duration::from_secs(20);

impl Round {
    /// Waits for `receiver`, and looks after the run meanwhile; `None` if the run came to its end first.
    fn until<T>(&mut self, receiver: &Receiver<T>) -> Result<Option<T>> {
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(it) => return Ok(Some(it)),
                Err(RecvTimeoutError::Disconnected) => bail!("a trap was lost"),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.look()? {
                // What is in the trap's hands now still counts.
                return Ok(if self.world.proxy.unset() { None } else { receiver.recv_timeout(TICK * 100).ok() });
            }
        }
    }

    /// Lets `action` happen to the session at a moment; gives how many transactions were open, unless the moment did not come.
    fn at(&mut self, at: Moment, action: impl FnOnce(u32) -> Then + Send + 'static) -> Result<Option<usize>> {
        if self.look()? {
            return Ok(None);
        }
        let (sender, receiver) = channel();
        let action = Box::new(move |caught: &Caught| {
            let then = action(caught.session);
            // The round may have failed meanwhile.
            let _ = sender.send(caught.open);
            then
        });
        self.world.proxy.set(Trap { at, action, answer: Box::new(|_| {}) });
        self.until(&receiver)
    }

    /// Lets a fault happen; gives the number of open transactions at its moment, or `None` if that did not come.
    pub fn inject(&mut self, fault: Fault) -> Result<Option<usize>> {
        match fault {
            Fault::Kill(at) => self.kill_at(at),
            Fault::Cut(at) => self.at(at, |_| Then::Cut),
            Fault::KillAnyTime(wait) => {
                if self.rest(wait)? || !self.open_soon()? {
                    return Ok(None);
                }
                sleep(Duration::from_micros(self.random.below(4000)));
                let open = self.world.proxy.open();
                self.killer().kill();
                Ok(Some(open))
            }
            Fault::Away(at, away) => self.go_away(at, away),
            Fault::KillServer(at) => self.kill_server(at),
            Fault::KillSession(at) => {
                let mut conn = self.world.connect()?;
                self.at(at, move |session| {
                    // Without a session there is nothing to end.
                    let _ = conn.query_drop(format!("KILL CONNECTION {session}"));
                    Then::GoOn
                })
            }
            Fault::Lock(during) => self.lock_rows(during),
            Fault::Slow { each, during } => {
                self.world.proxy.delay(each);
                let ended = self.rest(during)?;
                let open = self.world.proxy.open();
                self.world.proxy.delay(Duration::ZERO);
                Ok((!ended).then_some(open))
            }
            Fault::Pump(away) => {
                let pump = usize::try_from(self.random.below(self.world.cluster.pump_count() as u64))?;
                let open = self.world.proxy.open();
                self.world.cluster.stop_pump(pump)?;
                self.pump_away = true;
                let ended = self.rest(away)?;
                self.world.cluster.restart_pump(pump)?;
                self.pump_away = false;
                Ok((!ended).then_some(open))
            }
            Fault::Held { nth, release } => self.hold(nth, release),
            Fault::Answered(at, code) => self.at(at, move |_| Then::Answer(code)),
            Fault::Forget(at) => self.forget(at),
            Fault::HeldSave(during) => {
                let at = Moment { step: Step::Position, point: Point::Before, nth: 1 };
                self.at(at, move |_| {
                    sleep(during);
                    Then::GoOn
                })
            }
            Fault::Interrupt(wait) => {
                if self.rest(wait)? {
                    return Ok(None);
                }
                let open = self.world.proxy.open();
                if let Some(run) = &self.run {
                    run.interrupt();
                    run.wait()?;
                }
                Ok(Some(open))
            }
        }
    }

    /// Cuts every connection at a moment, and takes none for a while.
    fn go_away(&mut self, at: Moment, away: Duration) -> Result<Option<usize>> {
        let open = self.at(at, |_| Then::Cut)?;
        if open.is_some() {
            self.world.proxy.refuse(true);
            self.world.proxy.cut();
            self.rest(away)?;
            self.world.proxy.refuse(false);
        }
        Ok(open)
    }

    /// What is committed from here on is gone when the server comes back, but for what a DDL has flushed.
    fn forget(&mut self, at: Moment) -> Result<Option<usize>> {
        let mut conn = self.world.connect()?;
        conn.query_drop("SET GLOBAL innodb_flush_log_at_timeout = 2700, GLOBAL innodb_flush_log_at_trx_commit = 0")?;
        let caught = self.kill_server(at)?;
        if caught.is_none() {
            conn.query_drop("SET GLOBAL innodb_flush_log_at_timeout = 1, GLOBAL innodb_flush_log_at_trx_commit = 2")?;
        }
        Ok(caught)
    }

    fn kill_server(&mut self, at: Moment) -> Result<Option<usize>> {
        let server = self.world.server.clone();
        let open = self.at(at, move |_| {
            server.lock().unwrap_or_else(PoisonError::into_inner).kill();
            Then::Cut
        })?;
        if open.is_some() {
            self.world.proxy.refuse(true);
            self.world.server.lock().unwrap_or_else(PoisonError::into_inner).restart()?;
            self.world.proxy.refuse(false);
        }
        Ok(open)
    }

    /// Holds the rows that take half of the work.
    fn lock_rows(&mut self, during: Duration) -> Result<Option<usize>> {
        let mut conn = self.world.connect()?;
        conn.query_drop("START TRANSACTION")?;
        let hold = "SELECT COUNT(*) FROM faults.accounts WHERE id <= 2 FOR UPDATE";
        // An error says that the table is not there yet; where its rows are not, nobody waits for them.
        while conn.query_first::<u64, _>(hold).ok().flatten() != Some(2) {
            conn.query_drop("ROLLBACK")?;
            if self.look()? {
                return Ok(None);
            }
            sleep(TICK);
            conn.query_drop("START TRANSACTION")?;
        }
        let ended = self.rest(during)?;
        let open = self.world.proxy.open();
        conn.query_drop("ROLLBACK")?;
        Ok((!ended).then_some(open))
    }

    /// Waits, and looks after the run; whether that came to its end.
    fn rest(&mut self, wait: Duration) -> Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < wait {
            if self.look()? {
                return Ok(true);
            }
            sleep(TICK);
        }
        self.look()
    }

    /// Waits until a transaction is open; `false` if the run comes to its end first.
    fn open_soon(&mut self) -> Result<bool> {
        while self.world.proxy.open() == 0 {
            if self.look()? {
                return Ok(false);
            }
            sleep(Duration::from_micros(300));
        }
        Ok(true)
    }

    fn killer(&self) -> Killer {
        self.run.as_ref().expect("a run is under way").killer()
    }

    /// The trap may wait for a later run than the one that goes on now, so it asks for the run when it goes off.
    fn kill_at(&mut self, at: Moment) -> Result<Option<usize>> {
        if matches!(at.step, Step::TakeOver | Step::Claim) {
            // It comes once in a run, at its beginning.
            self.killer().kill();
        }
        let killer = self.world.current.clone();
        self.at(at, move |_| {
            killer.kill();
            Then::Cut
        })
    }

    fn hold(&mut self, nth: u32, release: Duration) -> Result<Option<usize>> {
        let at = Moment { step: Step::Commit, point: Point::Before, nth };
        let (let_go, wait) = channel::<()>();
        let (killed, is_killed) = channel();
        let killer = self.world.current.clone();
        if self.look()? {
            return Ok(None);
        }
        let action = move |caught: &Caught| {
            killer.kill();
            let _ = killed.send(caught.open);
            // Whoever holds the other end lets go, or is gone.
            let _ = wait.recv_timeout(LONG);
            Then::GoOn
        };
        self.world.proxy.set(Trap { at, action: Box::new(action), answer: Box::new(|_| {}) });
        let open = self.until(&is_killed)?;
        if open.is_some() {
            self.rest(release)?;
            let _ = let_go.send(());
        }
        Ok(open)
    }
}
