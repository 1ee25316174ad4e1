//! Random work for a seed: money that moves between accounts, some of them hot; equal rows without a key; unique values
//! that are swapped, go through NULL, or change their case alone; parents with children; and DDL between them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tisync::model::{Row, Value};
use tisync::playground::cluster::Cluster;

use crate::ddl::{self, Ran};
use crate::random::Random;
use crate::tables::{self, *};
use crate::upstream::Upstream;

/// What each account holds at first, in hundredths.
pub const BALANCE: i64 = 100_000;
/// Names that differ in case alone, or hardly.
const NAMES: [&str; 12] = ["anna", "Anna", "ANNA", "bert", "BERT", "Bert", "straße", "STRASSE", "é", "É", "zoë", "ZOË"];

/// How much and what of it.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub txns: u64,
    pub accounts: i64,
    /// A DDL after about this many transactions.
    pub ddl_every: u64,
    /// One of this many transactions is large.
    pub large_every: u64,
    pub job_delay: Option<Duration>,
    /// Only inserts into the table without a key, that many in each transaction.
    pub only_inserts: Option<u64>,
}

impl Options {
    /// Little work of one kind.
    pub fn small() -> Self {
        Self {
            seed: 1,
            txns: 300,
            accounts: 10,
            ddl_every: u64::MAX,
            large_every: u64::MAX,
            job_delay: None,
            only_inserts: None,
        }
    }
}

/// The state that a target has to reach.
pub struct Truth {
    pub accounts: i64,
    pub states: Vec<State>,
    /// Every DDL by its commit ts, in order.
    pub ddl: Vec<Ran>,
    pub txns: u64,
    /// About half of it is at or below this.
    pub half: u64,
    /// Everything is at or below this.
    pub end: u64,
}

pub struct Workload {
    pub upstream: Upstream,
    pub random: Random,
    pub states: Vec<State>,
    pub ddl: Vec<Ran>,
    pub extras: u64,
    options: Options,
}

/// Writes all of it into the cluster's Pumps.
pub fn write(cluster: &Arc<Cluster>, options: &Options) -> Result<Truth> {
    let mut work = Workload {
        upstream: Upstream::new(Arc::clone(cluster), options.job_delay, options.seed),
        random: Random::new(options.seed),
        states: Vec::new(),
        ddl: Vec::new(),
        extras: 0,
        options: options.clone(),
    };
    ddl::create_database(&mut work)?;
    for state in tables::all() {
        ddl::create(&mut work, state)?;
    }
    work.open()?;
    let mut half = 0;
    for number in 0..options.txns {
        if number == options.txns / 2 {
            half = cluster.tso().0;
        }
        if options.only_inserts.is_none() && work.random.one_in(options.ddl_every) {
            ddl::random(&mut work)?;
        }
        work.step()?;
    }
    let Workload { states, ddl, .. } = work;
    Ok(Truth { accounts: options.accounts, states, ddl, txns: options.txns, half, end: cluster.tso().0 })
}

impl Workload {
    /// All accounts in one transaction, so that a reader sees all of them or none; then some seats and parents.
    fn open(&mut self) -> Result<()> {
        let mut work = Work::default();
        for _ in 0..self.options.accounts {
            let accounts = &mut self.states[ACCOUNTS];
            let id = accounts.handle();
            let row = accounts.row(vec![Value::Int(id), text(&format!("owner {id}")), money(BALANCE)], id);
            work.insert(accounts, id, row);
        }
        self.commit(work)?;
        let mut work = Work::default();
        for _ in 0..20 {
            let seats = &mut self.states[SEATS];
            let id = seats.handle();
            let row = seats.row(vec![Value::Int(id), Value::Int(100 + id), text("nobody")], id);
            work.insert(seats, id, row);
            let parents = &mut self.states[PARENTS];
            let id = parents.handle();
            let row = parents.row(vec![Value::Int(id), Value::Int(0)], id);
            work.insert(parents, id, row);
        }
        self.commit(work)
    }

    fn commit(&mut self, work: Work) -> Result<()> {
        self.upstream.rows(&work.changes, &work.handles)
    }

    fn step(&mut self) -> Result<()> {
        let mut work = Work::default();
        if let Some(rows) = self.options.only_inserts {
            for _ in 0..rows {
                let journal = &mut self.states[JOURNAL];
                let handle = journal.handle();
                let row = journal.row(vec![Value::Int(7), text(&"wide ".repeat(38))], 0);
                work.insert(journal, handle, row);
            }
            return self.commit(work);
        }
        let many = if self.random.one_in(self.options.large_every) { 60 } else { 1 + self.random.below(3) };
        for _ in 0..many {
            match self.random.below(14) {
                0..=4 => self.transfer(&mut work),
                5..=7 => self.journal(&mut work),
                8 => self.seats(&mut work),
                9 => self.badges(&mut work),
                10 => self.exact(&mut work),
                11 => self.loose(&mut work),
                12 => self.family(&mut work),
                _ => self.extra(&mut work),
            }
        }
        self.commit(work)
    }

    fn transfer(&mut self, work: &mut Work) {
        let count = self.options.accounts;
        // Half of the work is on the first two.
        let (src, dst) = loop {
            let mut any =
                || if self.random.one_in(2) { self.random.between(1, 2) } else { self.random.between(1, count) };
            let pair = (any(), any());
            if pair.0 != pair.1 {
                break pair;
            }
        };
        let amount = self.random.between(1, 10_000);
        for (account, change) in [(src, -amount), (dst, amount)] {
            work.update(&mut self.states[ACCOUNTS], account, |row| row[2] = money(cents(&row[2]) + change));
        }
        let transfers = &mut self.states[TRANSFERS];
        let id = transfers.handle();
        let row = transfers.row(vec![Value::Int(id), Value::Int(src), Value::Int(dst), money(amount)], id);
        work.insert(transfers, id, row);
    }

    /// A table without a key: few different rows, many of them equal.
    fn journal(&mut self, work: &mut Work) {
        let random = &mut self.random;
        let journal = &mut self.states[JOURNAL];
        let level = random.between(0, 4);
        let message = if random.one_in(4) { Value::Null } else { text(random.pick::<&str>(&["m", "mm", "mmm"])) };
        match any(random, journal) {
            Some(at) if random.one_in(4) => work.delete(journal, at),
            Some(at) if random.one_in(4) => work.update(journal, at, |row| row[0] = Value::Int(level)),
            _ => {
                let handle = journal.handle();
                let row = journal.row(vec![Value::Int(level), message], level);
                work.insert(journal, handle, row);
            }
        }
    }

    /// Swaps or rotates what is unique, or moves somebody to a free seat.
    fn seats(&mut self, work: &mut Work) {
        let random = &mut self.random;
        let seats = &mut self.states[SEATS];
        let (Some(a), Some(b)) = (any(random, seats), any(random, seats)) else { return };
        if a == b || random.one_in(4) {
            let free = 1000 + seats.handle();
            work.update(seats, a, |row| row[1] = Value::Int(free));
            return;
        }
        let (of_a, of_b) = (seats.rows[&a][1].clone(), seats.rows[&b][1].clone());
        work.update(seats, a, |row| row[1] = of_b);
        work.update(seats, b, |row| row[1] = of_a);
    }

    /// A code goes from one row to another, through NULL now and then.
    fn badges(&mut self, work: &mut Work) {
        let random = &mut self.random;
        let badges = &mut self.states[BADGES];
        let code = text(&format!("code-{}", random.below(12)));
        let worth = random.between(0, 2);
        let holder = badges.rows.iter().find(|(_, row)| row[0] == code).map(|(at, _)| *at);
        match holder {
            Some(at) if random.one_in(3) => work.delete(badges, at),
            Some(at) => work.update(badges, at, |row| row[0] = Value::Null),
            None => {}
        }
        match any(random, badges) {
            Some(at) if random.one_in(2) => work.update(badges, at, |row| row[0] = code),
            _ => {
                let handle = badges.handle();
                let row = badges.row(vec![code, Value::Int(worth)], handle);
                work.insert(badges, handle, row);
            }
        }
    }

    /// A text key in which case tells rows apart.
    fn exact(&mut self, work: &mut Work) {
        let name = text(self.random.pick::<&str>(&NAMES));
        let n = self.random.between(0, 99);
        let exact = &mut self.states[EXACT];
        let holder = exact.rows.iter().find(|(_, row)| row[0] == name).map(|(at, _)| *at);
        match holder {
            Some(at) if self.random.one_in(2) => work.delete(exact, at),
            Some(at) => work.update(exact, at, |row| row[1] = Value::Int(n)),
            None => {
                let handle = exact.handle();
                let row = exact.row(vec![name, Value::Int(n)], n);
                work.insert(exact, handle, row);
            }
        }
    }

    /// A text key in which case does not: the same name in another case comes where the first has gone.
    fn loose(&mut self, work: &mut Work) {
        let name = self.random.pick::<&str>(&NAMES[..6]);
        let loose = &mut self.states[LOOSE];
        let same = |row: &Row| matches!(&row[1], Value::Bytes(b) if b.eq_ignore_ascii_case(name.as_bytes()));
        let holder = loose.rows.iter().find(|(_, row)| same(row)).map(|(at, _)| *at);
        match holder {
            Some(at) if self.random.one_in(2) => work.update(loose, at, |row| row[1] = text(name)),
            Some(at) if self.random.one_in(2) => {
                work.delete(loose, at);
                let handle = loose.handle();
                let row = loose.row(vec![Value::Int(handle), text(name)], handle);
                work.insert(loose, handle, row);
            }
            Some(at) => work.delete(loose, at),
            None => {
                let handle = loose.handle();
                let row = loose.row(vec![Value::Int(handle), text(name)], handle);
                work.insert(loose, handle, row);
            }
        }
    }

    /// A parent comes, gets children, and goes with them.
    fn family(&mut self, work: &mut Work) {
        let random = &mut self.random;
        let [parents, children] = &mut self.states[PARENTS..=CHILDREN] else { return };
        match (random.below(4), any(random, parents)) {
            (0, Some(parent)) => {
                let own: Vec<i64> =
                    children.rows.iter().filter(|(_, row)| row[1] == Value::Int(parent)).map(|(at, _)| *at).collect();
                own.into_iter().for_each(|child| work.delete(children, child));
                work.delete(parents, parent);
            }
            (1 | 2, Some(parent)) => {
                let child = children.handle();
                let row = children.row(vec![Value::Int(child), Value::Int(parent), Value::Int(0)], child);
                work.insert(children, child, row);
            }
            _ => {
                let parent = parents.handle();
                let row = parents.row(vec![Value::Int(parent), Value::Int(0)], parent);
                work.insert(parents, parent, row);
            }
        }
    }

    /// Rows of the tables that come and go.
    fn extra(&mut self, work: &mut Work) {
        let count = self.states.len() - FIRST_EXTRA;
        if count == 0 {
            return;
        }
        let at = FIRST_EXTRA + usize::try_from(self.random.below(count as u64)).unwrap_or(0);
        let random = &mut self.random;
        let state = &mut self.states[at];
        match any(random, state) {
            Some(at) if random.one_in(4) => work.delete(state, at),
            Some(at) if random.one_in(4) => work.update(state, at, |row| row[1] = text("changed")),
            _ => {
                let handle = state.handle();
                let row = state.row(vec![Value::Int(handle), text("new")], handle);
                work.insert(state, handle, row);
            }
        }
    }
}

/// Any handle of the table.
pub fn any(random: &mut Random, state: &State) -> Option<i64> {
    let at = random.between(1, state.next.max(1));
    state.rows.range(at..).next().or_else(|| state.rows.iter().next()).map(|(at, _)| *at)
}
