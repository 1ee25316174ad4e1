//! Random changes in random batches, compared with a model of the table.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tisync::model::{Kind, Row, RowChange, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::MysqlOptions;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[("random changes equal the model", random)];

/// One step: which table, what to do, which row, which key and value, and where batches and restarts fall.
type Step = (bool, u8, usize, u8, u8, u8);

const KEYS: [&str; 6] = ["a", "b", "b'c", "", "é", "zz"];

fn row(key: u8, value: u8) -> Row {
    let key = KEYS[usize::from(key) % KEYS.len()];
    let unique = if value.is_multiple_of(3) { Value::Null } else { i(i64::from(value)) };
    vec![
        s(key),
        unique,
        Value::Float(f32::from(value) / 10.0),
        json(if value.is_multiple_of(2) { "[1, 1.5]" } else { "{}" }),
    ]
}

fn shown(row: &Row) -> String {
    let text = |v: &Value| match v {
        Value::Null => "~".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Bytes(b) | Value::Json(b) => String::from_utf8(b.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    row.iter().map(text).collect::<Vec<_>>().join("|")
}

/// The tables as they should be: by key, and as a list.
#[derive(Default)]
struct Model {
    keyed: BTreeMap<Vec<u8>, Row>,
    plain: Vec<Row>,
}

impl Model {
    /// Makes the step valid, does it, and gives the change; `None` where nothing fits.
    fn step(&mut self, (keyed, what, at, key, value, _): Step) -> Option<(bool, Option<Row>, Option<Row>)> {
        let new = row(key, value);
        let Value::Bytes(name) = &new[0] else { return None };
        let name = name.to_vec();
        if keyed {
            let old = self.keyed.keys().nth(at % self.keyed.len().max(1)).cloned();
            let clash = |k: &Vec<u8>, r: &Row| {
                Some(k) != old.as_ref() && (*k == name || (r[1] == new[1] && r[1] != Value::Null))
            };
            let fits = !self.keyed.iter().any(|(k, r)| clash(k, r));
            let fresh = !self.keyed.iter().any(|(k, r)| *k == name || (r[1] == new[1] && r[1] != Value::Null));
            return match (what % 3, old) {
                (0, _) if fresh => Some((true, None, self.keyed.insert(name, new.clone()).or(Some(new)))),
                (1, Some(old)) if fits => {
                    let before = self.keyed.remove(&old);
                    self.keyed.insert(name, new.clone());
                    Some((true, before, Some(new)))
                }
                (2, Some(old)) => Some((true, self.keyed.remove(&old), None)),
                _ => None,
            };
        }
        let old = (!self.plain.is_empty() && what % 3 > 0).then(|| self.plain.swap_remove(at % self.plain.len()));
        let new = (what % 3 < 2).then_some(new);
        self.plain.extend(new.clone());
        (old.is_some() || new.is_some()).then_some((false, old, new))
    }
}

fn random(server: &PrivateServer) {
    let number = AtomicU32::new(0);
    let step = (any::<bool>(), any::<u8>(), any::<usize>(), any::<u8>(), 0..30_u8, 0..40_u8);
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let strategy = prop::collection::vec(step, 1..120);
    let done = runner.run(&strategy, |steps| {
        let db = format!("model_{}", number.fetch_add(1, Ordering::SeqCst));
        run(server, &db, &steps);
        Ok(())
    });
    done.unwrap();
}

fn run(server: &PrivateServer, db: &str, steps: &[Step]) {
    let mut w = World::new(server, db);
    let columns = [("k", text()), ("u?", INT), ("f?", Kind::Float), ("j?", Kind::Json)];
    let sql = "k VARCHAR(9) NOT NULL, u BIGINT, f FLOAT, j JSON";
    let keyed = w.table("keyed", &format!("{sql}, PRIMARY KEY (k), UNIQUE (u)"), &columns, &[&[0], &[1]], true);
    let plain = w.table("plain", sql, &columns, &[], false);
    let options = || MysqlOptions {
        batch_rows: Some(7),
        start: Some(tisync::model::CommitTs(START)),
        ..MysqlOptions::new(77, db)
    };
    let mut sink = w.open(options()).unwrap();
    let (mut model, mut rows, mut n) = (Model::default(), Vec::<RowChange>::new(), 0);
    for step in steps {
        if let Some((is_keyed, old, new)) = model.step(*step) {
            let t = if is_keyed { &keyed } else { &plain };
            rows.push(match (old, new) {
                (Some(old), Some(new)) => upd(t, old, new),
                (Some(old), None) => del(t, old),
                (None, Some(new)) => ins(t, new),
                (None, None) => unreachable!(),
            });
        }
        if step.5 < 20 {
            n += 1;
            sink.apply(txn(n, std::mem::take(&mut rows))).unwrap();
        }
        match step.5 {
            0..6 => sink.flush().unwrap(),
            6 => {
                sink.drain().unwrap();
                drop(sink);
                sink = w.open(options()).unwrap();
            }
            _ => {}
        }
    }
    sink.apply(txn(n + 1, rows)).unwrap();
    sink.drain().unwrap();
    let mut expected: Vec<String> = model.keyed.values().map(shown).collect();
    expected.sort();
    let mut found = w.rows("SELECT * FROM keyed");
    found.sort();
    assert_eq!(found, expected);
    let mut expected: Vec<String> = model.plain.iter().map(shown).collect();
    expected.sort();
    let mut found = w.rows("SELECT * FROM plain");
    found.sort();
    assert_eq!(found, expected);
    w.run(&format!("DROP DATABASE {db}"));
}
