//! TiDB's packed time and duration: reading, building and printing them (spec/tidb-formats.md §3.1, §3.2).

/// The parts of a packed time. No part is checked: months and days may be 0, and 31 February can be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// 0 to 9999.
    pub year: u32,
    /// 0 to 12.
    pub month: u32,
    /// 0 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999.
    pub micros: u32,
}

impl Civil {
    /// The parts of `packed`; the zero date is all zero.
    #[must_use]
    pub const fn unpack(packed: u64) -> Self {
        let (hms, ymd) = (low(packed >> 24, 17), low(packed >> 41, 23));
        let months = ymd >> 5;
        Self {
            year: months / 13,
            month: months % 13,
            day: ymd & 31,
            hour: hms >> 12,
            minute: (hms >> 6) & 63,
            second: hms & 63,
            micros: low(packed, 24),
        }
    }

    /// The packed form.
    #[must_use]
    pub const fn pack(self) -> u64 {
        let ymd = ((self.year as u64 * 13 + self.month as u64) << 5) | self.day as u64;
        let hms = ((self.hour as u64) << 12) | ((self.minute as u64) << 6) | self.second as u64;
        (((ymd << 17) | hms) << 24) | self.micros as u64
    }
}

/// The lowest `bits` (at most 32) of `n`.
#[allow(clippy::cast_possible_truncation, reason = "masked to at most 32 bits just before")]
const fn low(n: u64, bits: u32) -> u32 {
    (n & ((1 << bits) - 1)) as u32
}

/// Appends `YYYY-MM-DD`.
pub fn write_date(out: &mut Vec<u8>, packed: u64) {
    let t = Civil::unpack(packed);
    digits(out, t.year, 4);
    out.push(b'-');
    digits(out, t.month, 2);
    out.push(b'-');
    digits(out, t.day, 2);
}

/// Appends `YYYY-MM-DD hh:mm:ss` and exactly `fsp` (0 to 6) fraction digits, the rest cut off.
pub fn write_datetime(out: &mut Vec<u8>, packed: u64, fsp: u8) {
    let t = Civil::unpack(packed);
    write_date(out, packed);
    out.push(b' ');
    write_clock(out, t.hour, t.minute, t.second);
    write_fraction(out, t.micros, fsp);
}

/// Appends `[-]hh:mm:ss` (hours up to three digits) and exactly `fsp` fraction digits of `nanos`.
pub fn write_duration(out: &mut Vec<u8>, nanos: i64, fsp: u8) {
    if nanos < 0 {
        out.push(b'-');
    }
    let micros = nanos.unsigned_abs() / 1000;
    let seconds = micros / 1_000_000;
    let hours = u32::try_from(seconds / 3600).unwrap_or(u32::MAX);
    write_clock(out, hours, low(seconds / 60 % 60, 6), low(seconds % 60, 6));
    write_fraction(out, low(micros % 1_000_000, 20), fsp);
}

fn write_clock(out: &mut Vec<u8>, hour: u32, minute: u32, second: u32) {
    digits(out, hour, 2);
    out.push(b':');
    digits(out, minute, 2);
    out.push(b':');
    digits(out, second, 2);
}

fn write_fraction(out: &mut Vec<u8>, micros: u32, fsp: u8) {
    let fsp = fsp.min(6);
    if fsp > 0 {
        out.push(b'.');
        digits(out, micros / 10u32.pow(6 - u32::from(fsp)), usize::from(fsp));
    }
}

/// Appends `n` with at least `width` digits.
fn digits(out: &mut Vec<u8>, n: u32, width: usize) {
    let text = n.to_string();
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(text.len())));
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datetime(packed: u64, fsp: u8) -> String {
        let mut out = Vec::new();
        write_datetime(&mut out, packed, fsp);
        String::from_utf8(out).unwrap()
    }

    fn duration(nanos: i64, fsp: u8) -> String {
        let mut out = Vec::new();
        write_duration(&mut out, nanos, fsp);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn packed_times() {
        let packed = 1_850_845_719_989_183_040;
        assert_eq!(datetime(packed, 6), "2023-03-03 06:01:10.123456");
        assert_eq!(datetime(packed, 3), "2023-03-03 06:01:10.123");
        assert_eq!(Civil::unpack(packed).pack(), packed);
        assert_eq!(datetime(0, 0), "0000-00-00 00:00:00");
        assert_eq!(datetime(9_147_936_188_962_652_735, 6), "9999-12-31 23:59:59.999999");
        assert_eq!(datetime(1_850_627_603_128_385_536, 0), "2023-00-00 00:00:00");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(-1000, 6), "-00:00:00.000001");
        assert_eq!(duration(-10_000_000, 2), "-00:00:00.01");
        assert_eq!(duration(-3_020_399_000_000_000, 0), "-838:59:59");
    }
}
