//! Sizes in bytes, as an operator writes them.

use std::fmt;
use std::str::FromStr;

/// Units, the largest first.
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of bytes: `268435456`, `256MiB`, `1 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

impl Size {
    /// The least memory that a run can do with.
    pub const LEAST_MEMORY: Self = Self(64 << 20);

    /// A size for `--memory-limit`.
    ///
    /// # Errors
    /// If it is no size, or too small.
    pub fn memory(text: &str) -> Result<Self, String> {
        let size: Self = text.parse()?;
        if size < Self::LEAST_MEMORY {
            return Err(format!("at least {} are needed", Self::LEAST_MEMORY));
        }
        Ok(size)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a size as `256MiB`, `1GiB` or a number of bytes".to_owned();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
        let unit = unit.trim_start();
        let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(wrong()),
        };
        let number: usize = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "larger than any memory".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes, shown) in [
            ("1", 1, "1"),
            ("67108864", 64 << 20, "64MiB"),
            ("256MiB", 256 << 20, "256MiB"),
            ("256 mib", 256 << 20, "256MiB"),
            ("3GiB", 3 << 30, "3GiB"),
            ("1536KiB", 1536 << 10, "1536KiB"),
            ("0", 0, "0"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (Size(bytes), shown), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "256MB", "1 GiB 2", "99999999999999999999", "99999999999GiB", "１MiB"]
        {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn memory_has_a_least() {
        assert!(Size::memory("63MiB").unwrap_err().contains("at least 64MiB"));
        assert_eq!(Size::memory("64MiB").unwrap(), Size::LEAST_MEMORY);
    }
}
