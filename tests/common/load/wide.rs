//! Rows of a hundred columns.

use anyhow::{Context, Result};

use super::{BIGINT, Draft, scaled};
use super::{Place, Stream, Workload};
use tisync::decode::value::Civil;
use tisync::model::{Kind, Row, Value};
use tisync::playground::Random;

/// Columns behind the key.
const COLUMNS: u64 = 99;
/// An update changes one of this many columns, a different lot each time.
const CHANGED_ONE_IN: u64 = 20;
/// Every so many columns, one allows NULL and is so one time in so many.
const NULL_ONE_IN: u64 = 3;

/// `wide`: a key and 99 columns of eleven types. After the first rows, transactions of three changes: mostly updates of
/// five columns, else a new row or a removed one.
#[derive(Clone, Copy, Debug)]
pub struct Wide {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Rows at first.
    pub rows: u64,
    /// Transactions behind them.
    pub txns: u64,
}

impl Default for Wide {
    fn default() -> Self {
        Self { seed: 1, rows: 5_000, txns: 5_000 }
    }
}

/// A row is told by its key and how often it was changed.
struct Alive {
    id: i64,
    version: u64,
}

impl Wide {
    fn row(&self, row: &Alive) -> Result<Row> {
        let mut values = vec![Value::Int(row.id)];
        for column in 0..COLUMNS {
            // How many of the changes were of this column.
            let changes = (row.version + CHANGED_ONE_IN - 1 - column % CHANGED_ONE_IN) / CHANGED_ONE_IN;
            let spread = [row.id.cast_unsigned(), column, changes]
                .into_iter()
                .fold(self.seed, |all, part| (all ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
            let mut random = Random::new(spread);
            let null = nullable(column) && random.one_in(NULL_ONE_IN);
            values.push(if null { Value::Null } else { value(column, &mut random)? });
        }
        Ok(values)
    }

    fn add(&self, out: &mut Stream, place: Place, alive: &mut Vec<Alive>, id: i64) -> Result<()> {
        let row = Alive { id, version: 0 };
        out.insert(place, id, self.row(&row)?)?;
        alive.push(row);
        Ok(())
    }

    fn step(&self, out: &mut Stream, place: Place, alive: &mut Vec<Alive>, random: &mut Random) -> Result<bool> {
        let at = usize::try_from(random.below(u64::try_from(alive.len())?))?;
        match random.below(20) {
            0..3 => return Ok(true),
            3..6 if alive.len() > 1 => {
                let gone = alive.swap_remove(at);
                out.delete(place, gone.id, self.row(&gone)?)?;
            }
            _ => {
                let row = alive.get_mut(at).context("there are rows")?;
                let old = self.row(row)?;
                row.version += 1;
                let new = self.row(row)?;
                out.update(place, row.id, old, new)?;
            }
        }
        Ok(false)
    }
}

impl Workload for Wide {
    fn name(&self) -> &'static str {
        "wide"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let mut draft = Draft::new("wide").column("id", BIGINT);
        for column in 0..COLUMNS {
            let name = format!("c{column}");
            let kind = kind(column);
            let length = match kind {
                Kind::Text { .. } => Some(40),
                Kind::Binary { .. } => Some(20),
                _ => None,
            };
            draft = if nullable(column) { draft.nullable(&name, kind) } else { draft.column(&name, kind) };
            draft = length.into_iter().fold(draft, |d, n| d.length(&name, n));
        }
        let place = out.table(draft.primary(&[0]))?;
        let mut random = Random::new(self.seed);
        let mut alive = Vec::new();
        let mut last = 0;
        for id in 1..=i64::try_from(self.rows.max(1))? {
            self.add(out, place, &mut alive, id)?;
            if id % 50 == 0 {
                out.commit()?;
            }
            last = id;
        }
        out.commit()?;
        for _ in 0..self.txns {
            for _ in 0..3 {
                if self.step(out, place, &mut alive, &mut random)? {
                    last += 1;
                    self.add(out, place, &mut alive, last)?;
                }
            }
            out.commit()?;
        }
        Ok(())
    }
}

fn nullable(column: u64) -> bool {
    // TIMESTAMP too: without NULL, older servers give it a default of their own.
    column.is_multiple_of(NULL_ONE_IN) || matches!(kind(column), Kind::Timestamp { .. })
}

fn kind(column: u64) -> Kind {
    let int = |bytes, unsigned| Kind::Int { bytes, unsigned };
    let text = || Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() };
    match column % 11 {
        0 => int(4, false),
        1 => Kind::Decimal { precision: 20, scale: 4 },
        2 => text(),
        3 => Kind::Datetime { fsp: 6 },
        4 => int(8, true),
        5 => Kind::Date,
        6 => Kind::Binary { fixed: None },
        7 => Kind::Timestamp { fsp: 0 },
        8 => int(2, false),
        9 => Kind::Double,
        _ => Kind::Enum { elements: ["small", "it's", "größer"].map(str::to_owned).to_vec() },
    }
}

fn value(column: u64, random: &mut Random) -> Result<Value> {
    Ok(match column % 11 {
        0 => Value::Int(random.between(i64::from(i32::MIN), i64::from(i32::MAX))),
        1 => scaled(random.between(-1_000_000_000_000, 1_000_000_000_000), 4),
        2 => {
            let length = random.below(30);
            Value::Bytes(random.text(length).into())
        }
        3 => time(random, true, true)?,
        4 => Value::UInt(random.next()),
        5 => time(random, false, false)?,
        6 => {
            let length = random.below(20);
            Value::Bytes(random.bytes(length).into())
        }
        7 => time(random, true, false)?,
        8 => Value::Int(random.between(i64::from(i16::MIN), i64::from(i16::MAX))),
        // Quarters have one text on every server.
        9 => Value::Double(f64::from(i32::try_from(random.between(-1_000_000, 1_000_000))?) / 4.0),
        _ => Value::Enum(1 + random.below(3)),
    })
}

/// A time within the reach of TIMESTAMP.
fn time(random: &mut Random, clock: bool, micros: bool) -> Result<Value> {
    let mut part = |from: i64, to: i64, wanted: bool| -> Result<u32> {
        Ok(if wanted { u32::try_from(random.between(from, to))? } else { 0 })
    };
    let civil = Civil {
        year: part(1971, 2037, true)?,
        month: part(1, 12, true)?,
        day: part(1, 28, true)?,
        hour: part(0, 23, clock)?,
        minute: part(0, 59, clock)?,
        second: part(0, 59, clock)?,
        micros: part(0, 999_999, micros)?,
    };
    Ok(Value::Time(civil.pack()))
}
