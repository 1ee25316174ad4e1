//! The playground's own load: a bank whose balances always sum to the same, and tables that show off types and keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::Result;

use super::{cluster, different, job_delay, keep, sync, target, wait};
use crate::cli::PlaygroundArgs;
use crate::error::{Fault, Kind};
use crate::model::CommitTs;
use crate::output;
use crate::pipeline::End;
use crate::playground::bank::{Bank, BankOptions, Limit};
use crate::playground::compare::{self, Definitions, Side};
use crate::playground::mariadb::PrivateServer;
use crate::playground::truth;
use crate::sink::mysql::answer::Answers;
use crate::stop::Stop;

/// Time between two looks of the reader.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn options(args: &PlaygroundArgs) -> BankOptions {
    let rate = Some(f64::from(args.rate));
    BankOptions { seed: args.seed, rate, job_delay: job_delay(args), ..BankOptions::default() }
}

/// Serves the cluster with the bank at work, until a signal.
pub fn serve(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let cluster = cluster(args)?;
    let start = cluster.tso();
    let bank = Bank::start(Arc::clone(&cluster), options(args))?;
    output::note(&format!("start behind it with --start-ts {start}"));
    output::answer(&cluster.pd_url())?;
    let running = bank.spawn(Limit { time: Some(Duration::from_secs(args.duration)), ..Limit::default() });
    wait(stop);
    running.stop().map(|_| ())
}

/// Runs the whole: cluster, bank, MariaDB, sync, comparison.
pub fn run(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let server = target()?;
    let cluster = cluster(args)?;
    let start = cluster.tso();
    let bank = Bank::start(Arc::clone(&cluster), options(args))?;
    output::note(&format!(
        "the bank is open: {} transactions a second for {} s, seed {}",
        args.rate, args.duration, args.seed
    ));
    let sum = bank.sum();
    let accounts = BankOptions::default().accounts;
    let running = bank.spawn(Limit { time: Some(Duration::from_secs(args.duration)), ..Limit::default() });
    let reader = Reader::start(&server, accounts, sum);

    // A first run to the end of the load, a second one for the rest: a restart is part of the show.
    let end = CommitTs::from_millis(cluster.tso().physical_ms() + args.duration * 1000);
    let from = cluster.pd_url();
    let first = ["--start-ts".to_owned(), start.to_string(), "--until-ts".to_owned(), end.to_string()];
    let ended = sync(&from, &server.url(), &first, stop)?;
    let bank = if ended == End::Stopped { running.stop()? } else { running.wait()? };
    if ended == End::Stopped {
        return Err(Fault::new(Kind::Interrupted, "stopped by a signal; nothing was compared").into());
    }
    sync(&from, &server.url(), &["--until".to_owned(), "caught-up".to_owned()], stop)?;
    let (reads, wrong) = reader.stop()?;

    let found = compared(&server, &bank)?;
    output::note(&format!("{reads} snapshots of the balances were read meanwhile, {wrong} with a wrong sum"));
    if !found.equal() || wrong > 0 {
        return Err(different(&found.differences));
    }
    let summary = format!(
        "equal: {} transactions of the bank, {} tables, {} rows; the balances sum to {}.{:02}",
        bank.done(),
        found.tables,
        found.rows,
        sum / 100,
        sum % 100
    );
    output::answer(&summary)?;
    if args.keep {
        keep(&server, stop);
    }
    Ok(())
}

fn compared(server: &PrivateServer, bank: &Bank) -> Result<compare::Comparison> {
    let mut conn = server.connect()?;
    truth::load(&mut conn, "bank", "bank_truth", &bank.expected())?;
    let mut left = Side::new(server.connect()?, "bank")?;
    let mut right = Side::new(server.connect()?, "bank_truth")?;
    compare::databases(&mut left, &mut right, Definitions::Exact, &[])
}

/// Reads the sum of all balances over and over while the sync writes.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(u64, u64)>>,
}

impl Reader {
    fn start(server: &PrivateServer, accounts: u32, sum: i64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let conn = server.connect();
        let thread = std::thread::spawn(move || {
            let mut conn = conn?;
            let (mut reads, mut wrong) = (0, 0);
            while !flag.load(Ordering::Relaxed) {
                let query = "SELECT COUNT(*), CAST(SUM(balance) * 100 AS SIGNED) FROM bank.accounts";
                // Until the table is there, there is nothing to read.
                if let Ok(Some((count, Some(found)))) = conn.one::<(u32, Option<i64>)>(query)
                    && count == accounts
                {
                    reads += 1;
                    wrong += u64::from(found != sum);
                }
                sleep(LOOK_EVERY);
            }
            Ok((reads, wrong))
        });
        Self { stop, thread }
    }

    fn stop(self) -> Result<(u64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Fault::refused("the reader's thread panicked"))?
    }
}
