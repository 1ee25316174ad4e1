//! Two mirrored servers and two links with marks: both sides work, everything is killed now and then, nothing comes back.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use prost::Message;
use tisync::decode::row::update;
use tisync::event;
use tisync::model::{RowKind, Value};
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mirror::load::{self, LoadOptions, RunningLoad};
use tisync::playground::mirror::{Mirror, MirrorOptions};
use tisync::schema::{Converted, TableInfo, convert};
use tisync::source::binlog::PrewriteValue;

use crate::common::binary::tisync;
use crate::common::run::Running;
use crate::wire::{Reader, json};

const LIMIT: Duration = Duration::from_secs(60);

pub struct Pair {
    pub a: Arc<Mirror>,
    pub b: Arc<Mirror>,
    /// Where the links begin: behind the tables, which both sides have.
    pub start: [String; 2],
}

impl Pair {
    pub fn start(cluster_id: u64) -> Self {
        let mirror = |n: u8| {
            let options = MirrorOptions {
                cluster_id: cluster_id + u64::from(n),
                auto_increment_offset: Some(n),
                fakes: Duration::from_millis(100),
                events: event::silent(),
            };
            Arc::new(Mirror::start(options).expect("MariaDB starts"))
        };
        let (a, b) = (mirror(1), mirror(2));
        tisync(&["mark", "setup", "--to", &a.url(), "--to", &b.url(), "--channel-id", "1"]).expect(0);
        for side in [&a, &b] {
            load::create(&mut side.connect().unwrap()).unwrap();
            side.wait_caught_up(LIMIT).unwrap();
        }
        let start = [a.cluster().tso().to_string(), b.cluster().tso().to_string()];
        Self { a, b, start }
    }

    /// The link from A to B (0) or back (1).
    fn link(&self, direction: usize, more: &[&str]) -> Running {
        self.telling(direction, &[&["--quiet"], more].concat())
    }

    /// The same, with its notes.
    pub fn telling(&self, direction: usize, more: &[&str]) -> Running {
        let (from, to) = if direction == 0 { (&self.a, &self.b) } else { (&self.b, &self.a) };
        let (from, to) = (from.cluster().pd_url(), to.url());
        let args = ["sync", "--from", &from, "--to", &to, "--start-ts", &self.start[direction]];
        Running::start(&args.iter().chain(more).map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    /// Where that link writes.
    fn target(&self, direction: usize) -> &Mirror {
        if direction == 0 { &self.b } else { &self.a }
    }

    fn load(&self) -> [RunningLoad; 2] {
        let one = |mirror: &Arc<Mirror>, side| {
            RunningLoad::start(Arc::clone(mirror), LoadOptions { side, seed: side.into(), rate: Some(60.0) })
        };
        [one(&self.a, 1), one(&self.b, 2)]
    }

    fn same(&self) -> usize {
        let side = |m: &Mirror| Side::new(m.connect().unwrap(), load::DATABASE).unwrap();
        let found = compare::databases(&mut side(&self.a), &mut side(&self.b), Definitions::Exact, &[]).unwrap();
        assert!(found.equal(), "{}", found.differences.join("\n"));
        assert_eq!(found.tables, 4);
        found.rows
    }
}

/// Transactions whose mark rose, in a server's own binlog, and how far the table counted.
fn marked(mirror: &Mirror) -> (i64, i64) {
    let page = json(&mirror.cluster().status_address(), "/schema/retl/_drainer_repl_mark");
    let info: TableInfo = serde_json::from_value(page).unwrap();
    let Converted::Table(table) = convert(&info, "retl") else { panic!("{info:?}") };
    let val = table.columns.iter().position(|c| c.name == "val").unwrap();
    let end = mirror.cluster().tso().to_wire();
    let mut reader =
        Reader::open(&mirror.cluster().pump_address(0).unwrap(), mirror.cluster().cluster_id(), 0).unwrap();
    let mut found = 0;
    loop {
        let message = reader.next();
        if message.commit_ts.unwrap() > end {
            break;
        }
        let Some(value) = message.prewrite_value else { continue };
        let mutations = PrewriteValue::decode(value).unwrap().mutations;
        let rows = mutations.into_iter().filter(|m| m.table_id == Some(table.id)).flat_map(|m| m.updated_rows);
        // Rows that a link takes for itself change too, but not their number.
        let rose: i64 = rows
            .map(|row| match update(&table, &row).unwrap() {
                RowKind::Update { old, new } => int(&new[val]) - int(&old[val]),
                other => panic!("{other:?}"),
            })
            .sum();
        assert!((0..=1).contains(&rose), "a transaction with {rose} marks");
        found += rose;
    }
    (found, counted(mirror))
}

/// How far a server's table of marks has counted.
fn counted(mirror: &Mirror) -> i64 {
    let sum = "SELECT CAST(SUM(val) AS SIGNED) FROM retl._drainer_repl_mark";
    mirror.connect().unwrap().query_first::<Option<i64>, _>(sum).unwrap().flatten().unwrap_or(0)
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(n) => *n,
        other => panic!("{other:?}"),
    }
}

pub const MARKED: [&str; 3] = ["--loopback", "--channel-id", "1"];

/// How many SIGKILLs of links there are at least: `TISYNC_MIRROR_ROUNDS`, or a few.
fn rounds() -> usize {
    std::env::var("TISYNC_MIRROR_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

/// A link that runs, and where its target's marks stood when it began.
struct Linked {
    running: Running,
    from: i64,
}

impl Linked {
    fn start(pair: &Pair, direction: usize, more: &[&str]) -> Self {
        let from = counted(pair.target(direction));
        Self { running: pair.link(direction, &[&MARKED[..], more].concat()), from }
    }

    /// Waits until it has written: from then on it gets over anything.
    #[track_caller]
    fn works(&mut self, pair: &Pair, direction: usize) {
        let wanted = self.from + 2;
        self.running.until("some progress", || counted(pair.target(direction)) > wanted);
    }
}

#[test]
fn both_sides_equal_after_kills_of_everything() {
    let pair = Pair::start(7_600_000_000_000_000_040);
    let before = [marked(&pair.a), marked(&pair.b)];
    let load = pair.load();
    let workers = |n: usize| ["1", "3", "8", "2"][n % 4];
    let mut links = [0, 1].map(|d| Linked::start(&pair, d, &[]));
    // As many rounds as it takes this machine to do something worth while on both sides.
    let enough = || {
        let rose = |d: usize| counted(pair.target(d)) - before[1 - d].1 > 40;
        load.iter().all(|l| l.done() > 100) && rose(0) && rose(1)
    };
    let mut kills = 0;
    let end = Instant::now() + LIMIT * 4 + Duration::from_secs(4) * u32::try_from(rounds()).unwrap();
    while kills < rounds() || !enough() {
        assert!(Instant::now() < end, "{kills} kills, {:?} transactions", load.each_ref().map(RunningLoad::done));
        sleep(Duration::from_millis(200));
        let direction = kills % 2;
        // Every third one dies while it starts.
        if kills % 3 != 2 {
            links[direction].works(&pair, direction);
        }
        // A link gets over it while it runs, but does not begin without its target.
        let restarted = match kills % 6 {
            1 => Some(&pair.a),
            4 => Some(&pair.b),
            _ => None,
        };
        if let Some(server) = restarted {
            (0..2).for_each(|d| links[d].works(&pair, d));
            server.restart().expect("it comes back");
        }
        links[direction].running.kill();
        links[direction] = Linked::start(&pair, direction, &["--workers", workers(kills)]);
        kills += 1;
    }
    let done = load.map(|l| l.stop().expect("the load has no conflicts"));
    links.iter_mut().for_each(|l| l.running.kill());
    for (direction, from) in [&pair.a, &pair.b].into_iter().enumerate() {
        from.wait_caught_up(LIMIT).expect("the mirror follows");
        pair.link(direction, &[&MARKED[..], &["--until", "caught-up"]].concat()).expect(0);
    }
    let rows = pair.same();
    for (side, before) in [&pair.a, &pair.b].into_iter().zip(before) {
        side.wait_caught_up(LIMIT).expect("the mirror follows");
        let after = marked(side);
        assert!(after.0 > before.0);
        assert_eq!(after.0 - before.0, after.1 - before.1, "marks in the binlog, and what the table counted");
    }
    println!(
        "{kills} kills, {done:?} transactions, {rows} rows; marks {before:?} to {:?}",
        [marked(&pair.a), marked(&pair.b)]
    );
}

#[test]
fn without_marks_the_echo_is_seen() {
    let pair = Pair::start(7_600_000_000_000_000_050);
    let load = pair.load();
    // There it goes without marks, and comes back on a link that looks for them.
    let _there = pair.link(0, &[]);
    let back = pair.link(1, &MARKED);
    let ran = back.expect(4);
    assert!(ran.stderr.contains("echo") || ran.stderr.contains("came back"), "{}", ran.stderr);
    for one in load {
        one.stop().expect("the load has no conflicts");
    }
}
