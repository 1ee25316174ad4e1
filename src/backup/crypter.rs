//! BR's encryption: AES in counter mode over the whole file, behind an IV of 16 bytes (spec/tidb-binlog.md §11.2).
//! Nothing in the file says that it is encrypted, and nothing proves the key right: the reader of the plain bytes must.

use std::io::{self, Read};

use aes::{Aes128, Aes192, Aes256};
use anyhow::{Context, Result, anyhow, ensure};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};

use crate::error::Fault;

/// How long the IV in front of the file is.
pub const IV_LEN: u64 = 16;

/// BR's encryption methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A key of 16 bytes.
    Aes128Ctr,
    /// A key of 24 bytes.
    Aes192Ctr,
    /// A key of 32 bytes.
    Aes256Ctr,
}

impl Method {
    /// BR's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Ctr => "aes128-ctr",
            Self::Aes192Ctr => "aes192-ctr",
            Self::Aes256Ctr => "aes256-ctr",
        }
    }

    /// Bytes of its key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Ctr => 16,
            Self::Aes192Ctr => 24,
            Self::Aes256Ctr => 32,
        }
    }
}

/// A method with its key. Has no `Debug`, so that no log ever shows the key.
pub struct Crypter {
    method: Method,
    key: Vec<u8>,
}

impl Crypter {
    /// `method` with the key that is written in `hex` as BR takes it; one line end behind it is ignored.
    ///
    /// # Errors
    /// A usage fault, which never repeats the key, when it is not hex or of the wrong length.
    pub fn new(method: Method, hex: &str) -> Result<Self> {
        let digits = hex.strip_suffix('\n').unwrap_or(hex);
        let digits = digits.strip_suffix('\r').unwrap_or(digits);
        let need =
            format!("{} needs a key of {} bytes, {} hex digits", method.name(), method.key_len(), method.key_len() * 2);
        let key = hex::decode(digits).map_err(|_| {
            let fault = Fault::usage("the key is not written in pairs of hex digits");
            anyhow!(fault.hint(format!("{need}, as BR got it")))
        })?;
        if key.len() != method.key_len() {
            let fault = Fault::usage(format!("the key has {} bytes, but {need}", key.len()));
            return Err(fault.hint("check --crypter-method and the key against BR's own command line").into());
        }
        Ok(Self { method, key })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The plain bytes behind the IV at the start of `reader`.
    ///
    /// # Errors
    /// When the IV cannot be read.
    pub fn decrypt<R: Read>(&self, mut reader: R) -> Result<Decrypting<R>> {
        let mut iv = [0; 16];
        reader.read_exact(&mut iv).context("the file ends within the 16-byte IV that encrypted files begin with")?;
        Ok(Decrypting { reader, cipher: self.cipher(&iv)? })
    }

    fn cipher(&self, iv: &[u8; 16]) -> Result<Cipher> {
        ensure!(self.key.len() == self.method.key_len(), "the key does not fit {}", self.method.name());
        let wrong = |_| anyhow!("the key does not fit {}", self.method.name());
        Ok(match self.method {
            Method::Aes128Ctr => Cipher::Aes128(Ctr128BE::new_from_slices(&self.key, iv).map_err(wrong)?),
            Method::Aes192Ctr => Cipher::Aes192(Ctr128BE::new_from_slices(&self.key, iv).map_err(wrong)?),
            Method::Aes256Ctr => Cipher::Aes256(Ctr128BE::new_from_slices(&self.key, iv).map_err(wrong)?),
        })
    }
}

enum Cipher {
    Aes128(Ctr128BE<Aes128>),
    Aes192(Ctr128BE<Aes192>),
    Aes256(Ctr128BE<Aes256>),
}

/// A reader whose bytes are decrypted on their way.
pub struct Decrypting<R> {
    reader: R,
    cipher: Cipher,
}

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        let bytes = buffer.get_mut(..len).unwrap_or_default();
        match &mut self.cipher {
            Cipher::Aes128(c) => c.apply_keystream(bytes),
            Cipher::Aes192(c) => c.apply_keystream(bytes),
            Cipher::Aes256(c) => c.apply_keystream(bytes),
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keystream(method: Method, key: &str, iv: &str, cipher_text: &str) -> String {
        let crypter = Crypter::new(method, key).unwrap();
        let file = hex::decode(format!("{iv}{cipher_text}")).unwrap();
        let mut plain = Vec::new();
        crypter.decrypt(&file[..]).unwrap().read_to_end(&mut plain).unwrap();
        hex::encode(plain)
    }

    #[test]
    fn nist_vectors() {
        // NIST SP 800-38A, F.5: the first two blocks of each.
        let iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
        let k128 = "2b7e151628aed2a6abf7158809cf4f3c";
        let k192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
        let k256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
        let c128 = "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff";
        let c192 = "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94";
        let c256 = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5";
        assert_eq!(keystream(Method::Aes128Ctr, k128, iv, c128), plain);
        assert_eq!(keystream(Method::Aes192Ctr, &format!("{k192}\n"), iv, c192), plain);
        assert_eq!(keystream(Method::Aes256Ctr, &format!("{k256}\r\n").to_uppercase(), iv, c256), plain);
    }

    #[test]
    fn keys_that_do_not_fit_are_not_repeated() {
        for (method, key) in [
            (Method::Aes128Ctr, "c0ffee"),
            (Method::Aes192Ctr, "c0ffeeq"),
            (Method::Aes256Ctr, ""),
            (Method::Aes128Ctr, "c0ffee00c0ffee00c0ffee00c0ffee00\n\n"),
        ] {
            let error = Crypter::new(method, key).err().unwrap();
            let text = format!("{error:#} {}", crate::error::fault(&error).unwrap().hint);
            assert!(!text.contains("c0ffee"), "{text}");
        }
    }
}
