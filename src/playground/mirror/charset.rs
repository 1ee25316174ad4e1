//! Text as TiDB stores it: UTF-8, whatever the column's character set (spec/tidb-formats.md §3.6).

use anyhow::{Result, bail};

/// What MariaDB's latin1 (cp1252) has at 0x80 to 0x9f; five bytes are themselves.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Whether columns of this character set can be mirrored. TiDB's gbk is not among them.
pub(super) fn known(charset: &str) -> bool {
    matches!(charset, "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "latin1" | "binary")
}

/// `bytes` of a column of `charset` as UTF-8.
///
/// # Errors
/// If the character set is not [`known`].
pub(super) fn to_utf8(charset: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    match charset {
        "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "binary" => Ok(bytes.to_vec()),
        "latin1" => Ok(bytes.iter().copied().map(latin1).collect::<String>().into_bytes()),
        other => bail!("the character set {other}, which is not mirrored"),
    }
}

fn latin1(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|n| HIGH.get(usize::from(n)));
    high.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_is_cp1252() {
        assert_eq!(to_utf8("latin1", &[b'a', 0xe9, 0x80, 0x81]).unwrap(), "aé€\u{81}".as_bytes());
        assert!(to_utf8("koi8r", &[0xe9]).is_err());
    }
}
