//! The worst moment: tisync is killed while its last COMMIT is on its way, and the COMMIT arrives when the next run has
//! begun. Once as it is; and once with what makes the next run wait taken out by the proxy, which has to go wrong, or
//! else these tests could not see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Failed, Trial};
use mysql::prelude::Queryable;

use crate::packet::Answer;
use crate::proxy::{Caught, Moment, Point, Rewritten, Then, Trap};
use crate::steps::Step;
use crate::summary::note;
use crate::truth;
use crate::workload::{self, Options, Truth};
use crate::world::{self, Ended, Run, World};

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(20);

pub fn trials() -> Vec<Trial> {
    let test = |name: &str, release: Release| {
        Trial::test(name, move || play(release).map_err(|e| Failed::from(format!("{e:#}"))))
    };
    vec![
        test("a_commit_held_until_after_the_restart_is_not_applied_twice", Release::After(Duration::from_millis(500))),
        test("a_commit_held_for_long_is_not_applied_twice", Release::After(Duration::from_secs(4))),
        test("without_the_fence_a_held_commit_is_applied_twice", Release::Unfenced),
    ]
}

/// When the COMMIT is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// This long after the next run was started.
    After(Duration),
    /// When the next run has read where it stands, without having waited for anybody.
    Unfenced,
}

/// A COMMIT in the proxy's hands, and its sender dead.
struct Held {
    /// The server's number of its session.
    session: u32,
    let_go: Sender<()>,
    answer: Receiver<Answer>,
}

fn play(release: Release) -> Result<()> {
    let server = world::server()?;
    let mut world = World::new(server.clone(), 7_400_000_000_001_000_001, 1, false)?;
    let options = Options { only_inserts: Some(2), ..Options::small() };
    let truth = workload::write(&world.cluster, &options)?;
    world.cluster.slow_pump(0, Duration::from_millis(2))?;

    let run = world.start(truth.half, &[])?;
    finish(&mut world, &run)?;
    let (run, held) = hold(&mut world, truth.end)?;
    ensure!(run.wait()? == Ended::Killed);
    world.ended(&run);

    let ended = match release {
        Release::After(wait) => released(&mut world, &truth, held, wait),
        Release::Unfenced => unfenced(&mut world, &truth, held),
    };
    let told = std::mem::take(&mut world.told);
    ended.and_then(|()| judge(&world, &truth, release)).with_context(|| told)?;
    let label = match release {
        Release::After(wait) => format!("kill with its COMMIT held for {} ms more", wait.as_millis()),
        Release::Unfenced => "kill with its COMMIT held, fence taken out".to_owned(),
    };
    note(|all| all.fault(&label, 1));
    drop(world);
    world::give_back(server);
    Ok(())
}

/// Starts a run, kills it when its first COMMIT is on its way, and keeps that.
fn hold(world: &mut World, end: u64) -> Result<(Run, Held)> {
    let (let_go, wait) = channel::<()>();
    let (killed, is_killed) = channel();
    let (answered, answer) = channel();
    let killer = world.current.clone();
    let action = move |caught: &Caught| {
        killer.kill();
        let _ = killed.send(caught.session);
        let _ = wait.recv_timeout(LONG);
        Then::GoOn
    };
    world.proxy.set(Trap {
        at: Moment { step: Step::Commit, point: Point::Before, nth: 1 },
        action: Box::new(action),
        answer: Box::new(move |answer| drop(answered.send(answer.clone()))),
    });
    let run = world.start(end, &[])?;
    let session = is_killed.recv_timeout(LONG).context("no COMMIT came")?;
    Ok((run, Held { session, let_go, answer }))
}

fn released(world: &mut World, truth: &Truth, held: Held, wait: Duration) -> Result<()> {
    let run = world.start(truth.end, &[])?;
    let begun = Instant::now();
    while begun.elapsed() < wait {
        let ended = run.ended()?.is_some();
        // One that has ended the session that the COMMIT belongs to need not wait any more.
        if !still_there(world, held.session)? {
            break;
        }
        ensure!(!ended, "the next run did not wait for the COMMIT: {}", world.ended(&run));
        sleep(Duration::from_millis(10));
    }
    let _ = held.let_go.send(());
    finish(world, &run)
}

/// Whether the session whose COMMIT is held is still on the server.
fn still_there(world: &World, session: u32) -> Result<bool> {
    let there = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {session}");
    Ok(world.connect()?.query_first::<u64, _>(there)? > Some(0))
}

fn finish(world: &mut World, run: &Run) -> Result<()> {
    let ended = run.wait()?;
    let said = world.ended(run);
    ensure!(ended == Ended::Code(0), "{ended:?}: {said}");
    Ok(())
}

/// Runs on with a next run that does not wait where it should.
fn unfenced(world: &mut World, truth: &Truth, held: Held) -> Result<()> {
    let slots: Option<u64> = world.connect()?.query_first(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'tidb_binlog' AND table_name = 'tisync_slot'",
    )?;
    let slots = slots.unwrap_or(0) > 0;
    let late = Arc::new(AtomicBool::new(false));
    let landed = Arc::clone(&late);
    let held = std::sync::Mutex::new(held);
    let rewrite = move |sql: &str| {
        let text = sql.to_lowercase().replace('`', "");
        if !text.contains("tidb_binlog.tisync_") {
            return None;
        }
        if text.starts_with("select") && text.contains(" for update") {
            return Some(Rewritten::Text(sql.replace(" FOR UPDATE", "")));
        }
        if text.starts_with("insert ignore") {
            // It would wait for the row, which is there.
            return Some(Rewritten::Faked(0));
        }
        let writes = if slots {
            text.contains("tisync_slot") && (text.starts_with("delete") || text.starts_with("insert"))
        } else {
            text.contains(" set run = ")
        };
        if writes && !landed.load(Ordering::SeqCst) {
            // The next run has read where it stands, and comes to write: now the COMMIT lands.
            let held = held.lock().expect("nobody panics with it");
            let _ = held.let_go.send(());
            let answer = held.answer.recv_timeout(LONG);
            landed.store(matches!(answer, Ok(Answer::Ok { .. })), Ordering::SeqCst);
        }
        without_guard(sql).map(Rewritten::Text)
    };
    world.proxy.rewrite(Some(Arc::new(rewrite)));
    let run = world.start(truth.end, &[])?;
    finish(world, &run)?;
    world.proxy.rewrite(None);
    ensure!(late.load(Ordering::SeqCst), "the held COMMIT did not take effect, so there is nothing to see");
    Ok(())
}

/// The engine of one row also sees by its position that it would go back: that is part of its fence.
fn without_guard(sql: &str) -> Option<String> {
    let (before, behind) = sql.split_once(" AND `commit_ts` <= ")?;
    let rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
    (!sql.starts_with("SELECT")).then(|| format!("{before}{rest}"))
}

fn judge(world: &World, truth: &Truth, release: Release) -> Result<()> {
    let compared = truth::compare(|| world.connect(), truth);
    if release != Release::Unfenced {
        return compared.map(drop);
    }
    let error = compared.err().context("the fence was taken out, and nobody noticed")?;
    let said = format!("{error:#}");
    println!("without the fence: {said}");
    let twice: Option<i64> = world.connect()?.query_first("SELECT COUNT(*) FROM faults.journal")?;
    let right = i64::try_from(truth.states[crate::tables::JOURNAL].rows.len())?;
    ensure!(said.contains("journal: ") && twice > Some(right), "not the difference that was to be: {said}");
    Ok(())
}
