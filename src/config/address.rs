//! Addresses of clusters, as files give them and as the parts of tisync take them.

use std::fmt::{Display, Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

use super::origin::Given;
use super::reader::Reader;
use crate::error::fault;
use crate::event::silent;
use crate::pd::endpoints;
use crate::sink::mysql::connect::Target;

/// What can end a part of an address, and all else that RFC 3986 does not leave as it is.
pub(crate) const PARTS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameters behind `address`, each encoded.
pub(super) fn with_parameters(address: &str, parameters: &[(String, String)]) -> String {
    let mut address = address.to_owned();
    for (name, value) in parameters {
        append(&mut address, name, encode(value));
    }
    address
}

/// Puts a parameter, whose value is encoded, behind `address`.
pub(crate) fn append(address: &mut String, name: &str, value: impl Display) {
    let joint = match address.as_str() {
        there if there.ends_with(['?', '&']) => "",
        there if there.contains('?') => "&",
        // The slash keeps a `?` from being taken for a part of the host.
        there if there.splitn(4, '/').count() == 4 => "?",
        _ => "/?",
    };
    // Writing into a String cannot fail.
    let _ = write!(address, "{joint}{name}={value}");
}

/// `text` with everything encoded that could end a part of an address.
pub(crate) fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, PARTS)
}

/// What [`encode`] made, back.
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
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
