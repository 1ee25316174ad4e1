//! Decimal text to TiDB's binary form (spec/tidb-formats.md §2).

use anyhow::{Context, Result, ensure};

use crate::decode::decimal::size;

/// Appends header and groups of the decimal `text` (`-12.340`) as one of `precision` digits, `scale` of them behind the
/// point. There is no flag.
///
/// # Errors
/// If `text` is no decimal or has more digits than that.
pub fn decimal(out: &mut Vec<u8>, text: &str, precision: u8, scale: u8) -> Result<()> {
    ensure!(size(precision, scale).is_some(), "there is no DECIMAL({precision}, {scale})");
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let (room, scale_digits) = (usize::from(precision - scale), usize::from(scale));
    ensure!(
        digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && whole.len() <= room
            && fraction.len() <= scale_digits,
        "{text:?} is no DECIMAL({precision}, {scale})"
    );
    let negative = negative && digits.bytes().any(|b| b.is_ascii_digit() && b != b'0');
    let whole = format!("{whole:0>room$}");
    let fraction = format!("{fraction:0<scale_digits$}");
    out.extend([precision, scale]);
    let start = out.len();
    let (first, words) = whole.split_at(room % 9);
    group(out, first)?;
    for word in words.as_bytes().chunks(9) {
        group(out, std::str::from_utf8(word)?)?;
    }
    for word in fraction.as_bytes().chunks(9) {
        group(out, std::str::from_utf8(word)?)?;
    }
    let groups = out.get_mut(start..).unwrap_or_default();
    if negative {
        groups.iter_mut().for_each(|byte| *byte = !*byte);
    }
    if let Some(byte) = groups.first_mut() {
        *byte ^= 0x80;
    }
    Ok(())
}

/// Appends up to nine digits in the 0 to 4 bytes that they take.
fn group(out: &mut Vec<u8>, digits: &str) -> Result<()> {
    if digits.is_empty() {
        return Ok(());
    }
    let number: u32 = digits.parse().with_context(|| format!("{digits:?} are no digits"))?;
    let bytes = digits.len().div_ceil(2).min(4);
    out.extend(number.to_be_bytes().into_iter().skip(4 - bytes));
    Ok(())
}
