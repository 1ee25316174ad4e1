//! Addresses of clusters: as files have them, and in the form that the rest of tisync takes.
//!
//! - Source and target of a link, as far as their addresses show: enough to see that two links go
//!   opposite ways, or the same way.
//! - Passwords: from the environment, from files, and from Drainer's encrypted texts.
//! - The place of a Drainer's checkpoint, from its drainer.toml
//!   (docs/protocol/tidb-binlog.md §8.1).

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write as _};
use std::path::{Path, PathBuf};

use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cfb_mode::BufDecryptor;
use cfb_mode::cipher::{BlockCipherEncrypt, KeyInit, KeyIvInit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

use super::Environment;
use super::draft::{Given, Origin};
use super::reader::Reader;
use crate::error::fault;
use crate::event::silent;
use crate::mysql::address::Target;
use crate::mysql::login::Secret;
use crate::pd::parse_endpoints;
use crate::sink::mysql::Connection;
use crate::source;

/// Characters to encode in a part of an address: all that RFC 3986 does not leave unchanged.
pub(crate) const PARTS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `address` with these parameters, each encoded.
pub(super) fn with_parameters(address: &str, parameters: &[(String, String)]) -> String {
    let mut address = address.to_owned();
    for (name, value) in parameters {
        append(&mut address, name, encode(value));
    }
    address
}

/// Appends a parameter, whose value is encoded, to `address`.
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

/// `text` with every character encoded that could end a part of an address.
pub(crate) fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, PARTS)
}

/// The reverse of [`encode`].
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Checks the address of a target; the error is the reason why it is invalid.
pub(super) fn check(address: &str) -> Result<(), String> {
    Target::parse(address, &silent()).map(drop).map_err(|e| reason(&e))
}

/// PD's addresses as one source: `pd://a:2379,b:2379`. Reports invalid ones.
pub(super) fn pd(reader: &Reader<'_>, key: &str, given: Given<Vec<String>>) -> Option<Given<String>> {
    match parse_endpoints(&given.value) {
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

/// The identities of one end: `cluster id`, `pd host:port`, `sql host:port`, `folder path`. Two
/// ends that share one of them are one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeSet<String>);

impl Places {
    /// The places of a source's address.
    #[must_use]
    pub(super) fn of_source(address: &str) -> Self {
        if !source::is_cluster(address) {
            return Self(BTreeSet::from([format!("folder {address}")]));
        }
        // An invalid address is refused where it is opened.
        let found = parse_endpoints(&[address.to_owned()]).unwrap_or_default();
        Self(found.into_iter().map(|e| format!("pd {}", e.address.to_lowercase())).collect())
    }

    /// The places of a target's address.
    #[must_use]
    pub(super) fn of_target(address: &str) -> Self {
        let place = Target::parse(address, &silent()).map(|target| match target.socket {
            Some(socket) => format!("socket {socket}"),
            None => format!("sql {}:{}", target.host.to_lowercase(), target.port),
        });
        Self(place.into_iter().collect())
    }

    /// The places of SQL servers, each `host:port`.
    #[must_use]
    pub fn of_servers(addresses: impl IntoIterator<Item = String>) -> Self {
        Self(addresses.into_iter().map(|address| format!("sql {}", address.to_lowercase())).collect())
    }

    /// The place of the cluster with this id from PD.
    #[must_use]
    pub fn of_cluster(id: u64) -> Self {
        Self(BTreeSet::from([format!("cluster {id}")]))
    }

    /// Whether the addresses of its SQL servers are known.
    #[must_use]
    pub fn has_sql(&self) -> bool {
        self.0.iter().any(|place| place.starts_with("sql ") || place.starts_with("socket "))
    }

    /// Adds the places of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether both are one cluster: decided by their ids, if both are known, since two sites may
    /// use equal addresses.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let id = |places: &Self| places.0.iter().any(|place| place.starts_with("cluster "));
        let ids = id(self) && id(other);
        self.0.iter().any(|place| (!ids || place.starts_with("cluster ")) && other.0.contains(place))
    }

    /// Adds the places of those clusters of the file that are this one.
    fn learn(&mut self, clusters: &[Self]) {
        let known: Vec<&Self> = clusters.iter().filter(|cluster| self.is(cluster)).collect();
        let more: BTreeSet<String> = known.into_iter().flat_map(|cluster| cluster.0.iter().cloned()).collect();
        self.0.extend(more);
    }
}

/// Both ends of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The source.
    pub from: Places,
    /// The target.
    pub to: Places,
    /// How the two ends were found to be one cluster, if the clusters were asked.
    pub one_by: Option<String>,
    /// Whether the clusters were asked, and are two: then addresses that they share mean nothing.
    pub two: bool,
}

impl Ends {
    /// The ends of a link with these addresses. `clusters` are the clusters of a file, each with
    /// all its known places.
    #[must_use]
    pub(super) fn new(from: &str, to: &str, clusters: &[Places]) -> Self {
        let mut ends = Self { from: Places::of_source(from), to: Places::of_target(to), ..Self::default() };
        ends.from.learn(clusters);
        ends.to.learn(clusters);
        ends
    }

    /// Whether the link leads from a cluster to itself.
    #[must_use]
    pub fn is_round(&self) -> bool {
        self.one_by.is_some() || (!self.two && self.from.is(&self.to))
    }

    /// Whether `other` leads back to the source of this link; two links within one cluster are not
    /// opposite.
    #[must_use]
    pub fn opposite(&self, other: &Self) -> bool {
        self.from.is(&other.to) && self.to.is(&other.from) && !self.same(other)
    }

    /// Whether `other` has equal ends.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.from.is(&other.from) && self.to.is(&other.to)
    }
}

/// The environment variable with the key of Drainer's encrypted passwords.
pub(super) const KEY_VARIABLE: &str = "BINLOG_SECRET_KEY";

/// The key of a Drainer that was given none: public, as every copy of TiDB Binlog has it.
const BUILT_IN_KEY: &str = "a529b7665997f043a30ac8fadcb51d6aa032c226ab5b7750530b12b8c1a16a48";

/// The length of an AES block, and of an initialisation vector, in bytes.
const BLOCK: usize = 16;

/// The environment variable for the password of the cluster with that name.
pub(crate) fn variable(cluster: &str) -> String {
    let name: String =
        cluster.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("TISYNC_PASSWORD_{name}")
}

/// The value of the environment variable `name`, unless it is empty.
pub(super) fn of_variable(name: &str, environment: Environment<'_>) -> Option<Given<Secret>> {
    let text = environment(name).filter(|t| !t.is_empty())?;
    Some(Given { value: Secret::new(text), origin: Origin::Environment(name.to_owned()) })
}

/// The first line of a file; the error is the reason why it cannot be read.
pub(crate) fn of_file(path: &str) -> Result<Secret, String> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|e| format!("cannot read {path}: {e}"))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// Decrypts a password that `binlogctl -cmd encrypt` wrote (docs/protocol/tidb-binlog.md §9.4):
/// base64 of the initialisation vector, `@` and the text in AES-CFB. Errors never repeat the text.
pub(super) fn decrypt(text: &str, environment: Environment<'_>) -> Result<Secret, String> {
    let hex_key = environment(KEY_VARIABLE).filter(|k| !k.is_empty());
    let whose = if hex_key.is_some() { KEY_VARIABLE } else { "Drainer's built-in key" };
    let key = hex::decode(hex_key.as_deref().unwrap_or(BUILT_IN_KEY).trim())
        .map_err(|_| format!("{KEY_VARIABLE} is not hexadecimal"))?;
    let bytes =
        STANDARD.decode(text.trim()).map_err(|_| "is not what `binlogctl -cmd encrypt` writes: not valid base64")?;
    let Some((iv, cipher)) =
        bytes.split_first_chunk::<BLOCK>().and_then(|(iv, rest)| Some((iv, rest.strip_prefix(b"@")?)))
    else {
        return Err("is not what `binlogctl -cmd encrypt` writes: a part is missing".to_owned());
    };
    let plain = cfb::<Aes128>(&key, iv, cipher)
        .or_else(|| cfb::<Aes192>(&key, iv, cipher))
        .or_else(|| cfb::<Aes256>(&key, iv, cipher));
    let plain = plain.ok_or_else(|| format!("{KEY_VARIABLE} must be 16, 24 or 32 bytes in hexadecimal"))?;
    // A wrong key yields noise, which is hardly ever text.
    String::from_utf8(plain)
        .map(Secret::new)
        .map_err(|_| format!("cannot be decrypted with {whose}: was it encrypted with another {KEY_VARIABLE}?"))
}

/// Decrypts with feedback of whole blocks; `None` if `key` is none of this cipher.
fn cfb<C: BlockCipherEncrypt + KeyInit>(key: &[u8], iv: &[u8; BLOCK], cipher: &[u8]) -> Option<Vec<u8>> {
    let mut text = cipher.to_vec();
    BufDecryptor::<C>::new_from_slices(key, iv).ok()?.decrypt(&mut text);
    Some(text)
}

/// The checkpoint of the Drainer that a link takes over from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainerCheckpoint {
    /// In a table on the link's own target; the usual place is `tidb_binlog`.`checkpoint`.
    Target {
        /// Its database.
        schema: String,
        /// Its table.
        table: String,
    },
    /// In a table on another server.
    Server {
        /// `mysql://user@host:port/?…`, without a password.
        address: String,
        /// Password and settings of the connection.
        connection: Connection,
        /// Its database.
        schema: String,
        /// Its table.
        table: String,
    },
    /// In a file: `<data-dir>/savepoint`, TOML with `commitTS`, `consistent` and `schema-version`,
    /// without the cluster's id.
    File(PathBuf),
}

impl Default for DrainerCheckpoint {
    fn default() -> Self {
        Self::Target { schema: "tidb_binlog".to_owned(), table: "checkpoint".to_owned() }
    }
}

impl fmt::Display for DrainerCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { schema, table } => write!(f, "{schema}.{table} on the target"),
            Self::Server { address, schema, table, .. } => write!(f, "{schema}.{table} on {address}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(pd: &str, sql: &str) -> Places {
        Places::of_source(pd).and(Places::of_target(sql))
    }

    #[test]
    fn a_file_says_which_pd_and_which_sql_are_one_cluster() {
        let clusters = [cluster("pd://a1:2379,a2:2379", "mysql://r@a:4000"), cluster("pd://b:2379", "tidb://b")];
        let ends = |from, to| Ends::new(from, to, &clusters);
        let there = ends("pd://a1:2379,a2:2379", "mysql://root@B:4000/?ssl-mode=disabled");
        assert!(there.opposite(&ends("http://b:2379", "mysql://other@a:4000")));
        // One of PD's members is enough.
        assert!(
            there.opposite(&ends("pd://b:2379", "mysql://a:4000"))
                && there.same(&ends("pd://a2:2379", "tidb://b:4000"))
        );
        assert!(!there.opposite(&there) && !there.same(&ends("pd://b:2379", "mysql://a:4000")));
        assert!(!there.opposite(&ends("pd://b:2379", "mysql://a:4001")));
        let within = ends("pd://b:2379", "mysql://b:4000");
        assert!(within.same(&within) && !within.opposite(&within));
    }

    #[test]
    fn ids_tell_more_than_addresses() {
        let known = |id, port: &str| Places::of_cluster(id).and(Places::of_servers([format!("10.0.0.1:{port}")]));
        assert!(!known(1, "4000").is(&known(2, "4000")) && known(1, "4000").is(&known(1, "4001")));
        assert!(known(1, "4000").is(&Places::of_target("mysql://10.0.0.1:4000")));
    }

    #[test]
    fn without_a_file_only_equal_addresses_are_the_same() {
        let ends = |from, to| Ends::new(from, to, &[]);
        assert!(!ends("pd://a:2379", "mysql://b").opposite(&ends("pd://b:2379", "mysql://a")));
        assert!(ends("./recording", "mysql://b").same(&ends("./recording", "mysql://x@b:3306")));
        let socket = "mysql://root@localhost/?socket=/run/b.sock";
        assert!(ends("./r", socket).same(&ends("./r", socket)) && !ends("./r", socket).same(&ends("./s", socket)));
    }
}
