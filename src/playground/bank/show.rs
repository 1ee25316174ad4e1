//! Random work on the tables that show off types and keys.

use bytes::Bytes;

use super::state::{State, Work};
use crate::decode::time::Civil;
use crate::model::{Decimal, Kind, Row, Value};
use crate::playground::random::Random;

/// The most rows that such a table keeps.
const MOST: usize = 500;

/// One insert, update or delete, now and then several of them on the same row.
pub(super) fn change(random: &mut Random, state: &mut State, work: &mut Work) {
    let (full, empty) = (state.rows.len() >= MOST, state.rows.is_empty());
    let deletes = full || random.one_in(5);
    if empty || (!deletes && random.one_in(2)) {
        let handle = state.new_handle();
        let row = row(random, state, handle);
        work.insert(state, handle, row);
        if random.one_in(8) {
            rewrite(random, state, work, handle);
        }
        return;
    }
    let at = random.between(1, state.last_handle());
    let Some((handle, _)) = state.near(at) else { return };
    if deletes {
        work.delete(state, handle);
    } else {
        rewrite(random, state, work, handle);
    }
}

/// New values for some columns; the key of a clustered table stays, a nullable unique one may change.
fn rewrite(random: &mut Random, state: &mut State, work: &mut Work, handle: i64) {
    let fresh = row(random, state, handle);
    let chosen: Vec<bool> = fresh.iter().map(|_| random.one_in(3)).collect();
    let any = chosen.iter().any(|c| *c);
    work.update(state, handle, |row| {
        for ((value, new), chosen) in row.iter_mut().zip(fresh).zip(chosen) {
            // Where no column was chosen all are.
            if chosen || !any {
                *value = new;
            }
        }
    });
}

/// A row for `handle`, whose keys no other row has.
fn row(random: &mut Random, state: &State, handle: i64) -> Row {
    let named = |column: &str| state.table.name == "stock" && column == "house";
    let columns = &state.table.columns;
    let mut row: Row = columns
        .iter()
        .enumerate()
        .map(|(at, c)| match c.name.as_str() {
            "id" | "item" => Value::Int(handle),
            "code" => code(random, state, at),
            name if named(name) => Value::Bytes(format!("house-{}", handle % 7).into()),
            _ if c.nullable && random.one_in(6) => Value::Null,
            _ => value(random, &c.kind),
        })
        .collect();
    if state.table.name == "log" && random.one_in(3) {
        // Tables without a key may hold equal rows, and should.
        row = columns.iter().map(|c| if c.nullable { Value::Null } else { Value::Int(7) }).collect();
    }
    row
}

/// A code that no row has; codes are few, so that one often goes from one row to another. NULL if it is taken.
fn code(random: &mut Random, state: &State, column: usize) -> Value {
    let code = Value::Bytes(format!("code-{}", random.below(300)).into());
    if state.rows.values().any(|row| row.get(column) == Some(&code)) { Value::Null } else { code }
}

/// Any value of a type, its edges more often than chance would have it.
fn value(random: &mut Random, kind: &Kind) -> Value {
    match kind {
        Kind::Int { bytes, unsigned } => int(random, *bytes, *unsigned),
        Kind::Year => Value::Int(random.between(1901, 2155)),
        // Quarters are exact in both widths and in text.
        Kind::Float => Value::Float(f32::from(i16::try_from(random.between(-30_000, 30_000)).unwrap_or(0)) / 4.0),
        Kind::Double => Value::Double(f64::from(i32::try_from(random.between(-1 << 30, 1 << 30)).unwrap_or(0)) / 8.0),
        Kind::Decimal { precision, scale } => decimal(random, *precision, *scale),
        Kind::Date => Value::Time(Civil { year: year(random), month: 2, day: 28, ..Civil::default() }.pack()),
        Kind::Datetime { fsp } | Kind::Timestamp { fsp } => Value::Time(time(random, *fsp).pack()),
        Kind::Duration { fsp } => {
            let unit = 10i64.pow(9 - u32::from((*fsp).min(6)));
            let most = 838 * 3600 * 1_000_000_000;
            Value::Duration(random.between(-most, most) / unit * unit)
        }
        Kind::Text { .. } => {
            let length = random.below(15);
            Value::Bytes(random.text(length).into())
        }
        Kind::Binary { fixed } => {
            let length = fixed.map_or_else(|| random.below(20), u64::from);
            Value::Bytes(random.bytes(length).into())
        }
        Kind::Enum { elements } => Value::Enum(1 + random.below(u64::try_from(elements.len()).unwrap_or(1))),
        Kind::Set { elements } => Value::Set(random.below(1 << elements.len().min(63))),
        Kind::Bit { width } => Value::Bit(random.next() >> (64 - u32::from((*width).clamp(1, 64)))),
        Kind::Json => Value::Json(json(random)),
    }
}

fn int(random: &mut Random, bytes: u8, unsigned: bool) -> Value {
    let bits = u32::from(bytes.clamp(1, 8)) * 8;
    let edge = random.below(8);
    if unsigned {
        let most = u64::MAX >> (64 - bits);
        return Value::UInt(match edge {
            0 => 0,
            1 => most,
            _ => random.next() & most,
        });
    }
    let (least, most) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    Value::Int(match edge {
        0 => least,
        1 => most,
        2 => 0,
        _ => random.next().cast_signed() >> (64 - bits),
    })
}

fn decimal(random: &mut Random, precision: u8, scale: u8) -> Value {
    let whole = u32::from(precision.saturating_sub(scale)).min(17);
    let units = random.below(10u64.pow(whole));
    let fraction: String = (0..scale).map(|_| char::from(b'0' + u8::try_from(random.below(10)).unwrap_or(0))).collect();
    let point = if scale > 0 { "." } else { "" };
    let nothing = units == 0 && fraction.bytes().all(|b| b == b'0');
    let sign = if random.one_in(2) && !nothing { "-" } else { "" };
    Value::Decimal(Decimal { text: format!("{sign}{units}{point}{fraction}").into() })
}

fn year(random: &mut Random) -> u32 {
    u32::try_from(random.between(1971, 2037)).unwrap_or(2000)
}

fn time(random: &mut Random, fsp: u8) -> Civil {
    let mut part = |end: u64| u32::try_from(random.below(end)).unwrap_or(0);
    let unit = 10u32.pow(6 - u32::from(fsp.min(6)));
    let micros = part(1_000_000) / unit * unit;
    let (month, day) = (1 + part(12), 1 + part(28));
    let (hour, minute, second) = (part(24), part(60), part(60));
    Civil { year: year(random), month, day, hour, minute, second, micros }
}

/// A document in the text form that TiDB prints.
fn json(random: &mut Random) -> Bytes {
    let (n, half) = (random.between(-1000, 1000), random.below(100));
    match random.below(4) {
        0 => format!(r#"{{"a": {n}, "b": [true, null, {half}.5]}}"#).into(),
        1 => format!(r#"[{n}, "größer", {{}}]"#).into(),
        2 => format!("{n}").into(),
        _ => format!(r#"{{"k": "v{half}"}}"#).into(),
    }
}
