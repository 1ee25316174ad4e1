//! Two mirrored servers, the links between them, and what the servers themselves say about what was written.

use std::sync::Arc;
use std::time::Duration;

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

/// More than one step takes on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);
/// What makes a link write marks and look for them.
pub const MARKED: [&str; 3] = ["--loopback", "--channel-id", "1"];

/// Two servers that both know the tables of the load, and have marks.
pub struct Pair {
    pub a: Arc<Mirror>,
    pub b: Arc<Mirror>,
    /// Where the links begin: behind the tables, which both sides have.
    pub start: [String; 2],
}

impl Pair {
    pub fn start(cluster_id: u64) -> Self {
        Self::start_with(cluster_id, [Some(1), Some(2)])
    }

    /// The same with other offsets of AUTO_INCREMENT.
    pub fn start_with(cluster_id: u64, offsets: [Option<u8>; 2]) -> Self {
        let mirror = |n: usize| {
            let options = MirrorOptions {
                cluster_id: cluster_id + n as u64,
                auto_increment_offset: offsets[n],
                fakes: Duration::from_millis(100),
                events: event::silent(),
            };
            Arc::new(Mirror::start(options).expect("MariaDB starts"))
        };
        let (a, b) = (mirror(0), mirror(1));
        tisync(&["mark", "setup", "--to", &a.url(), "--to", &b.url(), "--channel-id", "1"]).expect(0);
        for side in [&a, &b] {
            load::create(&mut side.connect().unwrap()).unwrap();
            side.wait_caught_up(LIMIT).unwrap();
        }
        let start = [a.cluster().tso().to_string(), b.cluster().tso().to_string()];
        Self { a, b, start }
    }

    /// Where the link from A to B (0), or back (1), reads.
    pub fn source(&self, direction: usize) -> &Mirror {
        if direction == 0 { &self.a } else { &self.b }
    }

    /// Where it writes.
    pub fn target(&self, direction: usize) -> &Mirror {
        self.source(1 - direction)
    }

    /// That link.
    pub fn link(&self, direction: usize, more: &[&str]) -> Running {
        let (from, to) = (self.source(direction).cluster().pd_url(), self.target(direction).url());
        let args = ["sync", "--from", &from, "--to", &to, "--start-ts", &self.start[direction]];
        Running::start(&args.iter().chain(more).map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    pub fn load(&self) -> [RunningLoad; 2] {
        let one = |mirror: &Arc<Mirror>, side| {
            RunningLoad::start(Arc::clone(mirror), LoadOptions { side, seed: side.into(), rate: Some(60.0) })
        };
        [one(&self.a, 1), one(&self.b, 2)]
    }

    /// Fails unless both sides are equal. Gives the rows of all tables, and of the one without a key those of each side.
    #[track_caller]
    pub fn same(&self) -> (usize, Vec<u64>) {
        let side = |m: &Mirror| Side::new(m.connect().unwrap(), load::DATABASE).unwrap();
        let found = compare::databases(&mut side(&self.a), &mut side(&self.b), Definitions::Exact, &[]).unwrap();
        assert!(found.equal(), "{}", found.differences.join("\n"));
        assert_eq!(found.tables, 4);
        let bare = "SELECT COUNT(*) FROM play.bare GROUP BY side ORDER BY side";
        (found.rows, self.a.connect().unwrap().query(bare).unwrap())
    }
}

/// Transactions whose mark rose, in a server's own binlog, and how far the table counted.
pub fn marked(mirror: &Mirror) -> (i64, i64) {
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
pub fn counted(mirror: &Mirror) -> i64 {
    let sum = "SELECT CAST(SUM(val) AS SIGNED) FROM retl._drainer_repl_mark";
    mirror.connect().unwrap().query_first::<Option<i64>, _>(sum).unwrap().flatten().unwrap_or(0)
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(n) => *n,
        other => panic!("{other:?}"),
    }
}

/// A counter of the server's own since it started.
pub fn status(mirror: &Mirror, name: &str) -> u64 {
    let sql = format!("SHOW GLOBAL STATUS LIKE '{name}'");
    let row: Option<(String, u64)> = mirror.connect().unwrap().query_first(sql).unwrap();
    row.unwrap_or_else(|| panic!("the server has no {name}")).1
}
