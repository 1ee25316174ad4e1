//! Where passwords come from: the environment, files, and Drainer's encrypted texts.

use std::path::Path;

use aes::cipher::consts::U16;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Environment;
use super::origin::{Given, Origin};
use crate::sink::mysql::secret::Secret;

/// The variable that holds the key of Drainer's encrypted passwords.
pub(super) const KEY_VARIABLE: &str = "BINLOG_SECRET_KEY";

/// The key of a Drainer that was told none: public, as it is in every copy of TiDB Binlog.
const BUILT_IN_KEY: &str = "a529b7665997f043a30ac8fadcb51d6aa032c226ab5b7750530b12b8c1a16a48";

/// The bytes of an AES block, and of an initialisation vector.
const BLOCK: usize = 16;

/// The variable for the password of the cluster of that name.
pub(crate) fn variable(cluster: &str) -> String {
    let name: String =
        cluster.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("TISYNC_PASSWORD_{name}")
}

/// What the environment's variable `name` holds, if it is not empty.
pub(super) fn of_variable(name: &str, environment: Environment<'_>) -> Option<Given<Secret>> {
    let text = environment(name).filter(|t| !t.is_empty())?;
    Some(Given { value: Secret::new(text), origin: Origin::Environment(name.to_owned()) })
}

/// The first line of a file; else why not.
pub(crate) fn of_file(path: &str) -> Result<Secret, String> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|e| format!("cannot read {path}: {e}"))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// A password that `binlogctl -cmd encrypt` wrote (spec/tidb-binlog.md §9.4): base64 of the initialisation vector, `@` and the text in
/// AES-CFB. The reasons for a failure never repeat it.
pub(super) fn decrypt(text: &str, environment: Environment<'_>) -> Result<Secret, String> {
    let hex_key = environment(KEY_VARIABLE).filter(|k| !k.is_empty());
    let whose = if hex_key.is_some() { KEY_VARIABLE } else { "Drainer's built-in key" };
    let key = hex::decode(hex_key.as_deref().unwrap_or(BUILT_IN_KEY).trim())
        .map_err(|_| format!("{KEY_VARIABLE} is not hexadecimal"))?;
    let bytes = STANDARD.decode(text.trim()).map_err(|_| "is not what `binlogctl -cmd encrypt` writes: no base64")?;
    let Some((iv, cipher)) =
        bytes.split_first_chunk::<BLOCK>().and_then(|(iv, rest)| Some((iv, rest.strip_prefix(b"@")?)))
    else {
        return Err("is not what `binlogctl -cmd encrypt` writes: a part is missing".to_owned());
    };
    let plain = match key.len() {
        16 => cfb(Aes128::new_from_slice(&key).ok(), iv, cipher),
        24 => cfb(Aes192::new_from_slice(&key).ok(), iv, cipher),
        32 => cfb(Aes256::new_from_slice(&key).ok(), iv, cipher),
        _ => None,
    };
    let plain = plain.ok_or_else(|| format!("{KEY_VARIABLE} must be 16, 24 or 32 bytes in hexadecimal"))?;
    // A wrong key gives noise, which nearly never is text.
    String::from_utf8(plain)
        .map(Secret::new)
        .map_err(|_| format!("cannot be decrypted with {whose}: was it encrypted with another {KEY_VARIABLE}?"))
}

/// AES-CFB with feedback of whole blocks: each block is XORed with the encryption of the one before it.
fn cfb(aes: Option<impl BlockCipherEncrypt<BlockSize = U16>>, iv: &[u8; BLOCK], cipher: &[u8]) -> Option<Vec<u8>> {
    let aes = aes?;
    let mut plain = Vec::with_capacity(cipher.len());
    let mut before: Array<u8, U16> = Array::from(*iv);
    for chunk in cipher.chunks(BLOCK) {
        aes.encrypt_block(&mut before);
        plain.extend(chunk.iter().zip(&before).map(|(c, k)| c ^ k));
        if let Ok(whole) = <[u8; BLOCK]>::try_from(chunk) {
            before = Array::from(whole);
        }
    }
    Some(plain)
}
