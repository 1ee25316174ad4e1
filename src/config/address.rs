//! Addresses of clusters, as files give them and as the parts of tisync take them.

use super::origin::Given;
use super::reader::Reader;
use crate::error::fault;
use crate::event::silent;
use crate::pd::endpoints;
use crate::sink::mysql::connect::Target;

/// The parameters behind `address`, each encoded.
pub(super) fn with_parameters(address: &str, parameters: &[(String, String)]) -> String {
    let mut address = address.to_owned();
    for (name, value) in parameters {
        if !address.contains('?') {
            // The slash keeps a `?` from being taken for a part of the host.
            address.push_str(if address.splitn(4, '/').count() == 4 { "?" } else { "/?" });
        } else if !address.ends_with(['?', '&']) {
            address.push('&');
        }
        address.push_str(&format!("{name}={}", encode(value)));
    }
    address
}

/// `text` with everything encoded that could end a part of an address.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What [`encode`] made, back.
pub(super) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut hex = || char::from(bytes.next()?).to_digit(16);
        let decoded =
            if byte == b'%' { hex().zip(hex()).and_then(|(a, b)| u8::try_from(a * 16 + b).ok()) } else { Some(byte) };
        out.extend(decoded);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether `address` is one of a target; else why not.
pub(super) fn check(address: &str) -> Result<(), String> {
    Target::parse(address, &silent()).map(drop).map_err(|e| reason(&e))
}

/// PD's addresses as one source: `pd://a:2379,b:2379`. Notes those that are none.
pub(super) fn pd(reader: &Reader<'_>, key: &str, given: Given<Vec<String>>) -> Option<Given<String>> {
    match endpoints(&given.value) {
        Ok(found) => {
            let tls = if found.iter().any(|e| e.tls) { "https" } else { "pd" };
            let list: Vec<String> = found.into_iter().map(|e| e.address).collect();
            Some(given.with(format!("{tls}://{}", list.join(","))))
        }
        Err(error) => {
            reader.refuse(key, &given, reason(&error));
            None
        }
    }
}

fn reason(error: &anyhow::Error) -> String {
    match fault(error) {
        Some(fault) if !fault.hint.is_empty() => format!("{}; {}", fault.message, fault.hint),
        _ => error.to_string(),
    }
}
