//! Parses object storage addresses and their options as BR and Dumpling do.
//!
//! Source: docs/protocol/tidb-binlog.md §11.3.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;

use super::percent_decoded;
use crate::error::Fault;

/// The kind of object storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Amazon's S3, or storage with the same protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// Options that say how, or as whom, to read.
const S3: [&str; 9] = [
    "endpoint",
    "region",
    "force-path-style",
    "access-key",
    "secret-access-key",
    "session-token",
    "provider",
    "use-accelerate-endpoint",
    "role-arn",
];
/// Options that matter to writers only: accepted, so that the address of the backup can be given as
/// it is.
const S3_WRITING: [&str; 6] = ["storage-class", "sse", "sse-kms-key-id", "acl", "external-id", "object-lock-enabled"];
const GCS: [&str; 2] = ["endpoint", "credentials-file"];
const GCS_WRITING: [&str; 2] = ["storage-class", "predefined-acl"];
const AZURE: [&str; 5] = ["endpoint", "account-name", "account-key", "sas-token", "encryption-key"];
const AZURE_WRITING: [&str; 2] = ["access-tier", "encryption-scope"];

impl Service {
    fn of(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "s3" => Self::S3,
            "gcs" | "gs" => Self::Gcs,
            "azure" | "azblob" => Self::Azure,
            _ => return None,
        })
    }

    fn options(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::S3 => (&S3, &S3_WRITING),
            Self::Gcs => (&GCS, &GCS_WRITING),
            Self::Azure => (&AZURE, &AZURE_WRITING),
        }
    }
}

/// An address in object storage. Its options may be secret: it is never shown with them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) service: Service,
    pub(super) scheme: String,
    /// The bucket or container.
    pub(super) bucket: String,
    /// What names begin with, without `/` at either end.
    pub(super) prefix: String,
    /// By their names in lower case with `-`.
    options: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl Address {
    /// Parses `text`; `None` if it is no address of object storage.
    ///
    /// # Errors
    /// A usage fault if it is an invalid address of object storage.
    pub(super) fn parse(text: &str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        let scheme = scheme.to_ascii_lowercase();
        let Some(service) = Service::of(&scheme) else { return Ok(None) };
        // In a query a plus would be a space, but keys are full of them.
        let rest = rest.replace('+', "%2B");
        let rest = rest.split('#').next().unwrap_or_default();
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.contains('@') {
            return Err(Fault::usage(format!("an address of {scheme}:// cannot have a user before the bucket"))
                .hint(format!("give keys as options: {}", example(service)))
                .into());
        }
        if bucket.is_empty() {
            return Err(Fault::usage(format!("the address has no bucket: {scheme}://BUCKET/PREFIX"))
                .hint(format!("as in {}", example(service)))
                .into());
        }
        let prefix = percent_decoded(prefix)?.trim_matches('/').to_owned();
        let bucket = percent_decoded(bucket)?;
        let mut address = Self { service, scheme, bucket, prefix, options: BTreeMap::new() };
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            address.option(&percent_decoded(name)?, percent_decoded(value)?)?;
        }
        address.pairs()?;
        Ok(Some(address))
    }

    fn option(&mut self, name: &str, value: String) -> Result<()> {
        let name = name.to_lowercase().replace('_', "-");
        let (reading, writing) = self.service.options();
        let Some(known) = reading.iter().chain(writing).find(|known| **known == name) else {
            return Err(unknown(&self.scheme, &name, reading).into());
        };
        self.options.insert(known, value);
        Ok(())
    }

    fn pairs(&self) -> Result<()> {
        for (a, b) in [("access-key", "secret-access-key"), ("account-key", "account-name")] {
            let (has_a, has_b) = (self.get(a).is_some(), self.get(b).is_some());
            // An account may be named alone: the environment may have its key.
            if (has_a && !has_b) || (a == "access-key" && has_b && !has_a) {
                let (there, missing) = if has_a { (a, b) } else { (b, a) };
                let text = format!("{self} has the option {there} but not {missing}: they must be given together");
                return Err(Fault::usage(text).hint("give both, or neither to use the environment's").into());
            }
        }
        if self.get("role-arn").is_some() {
            let text = format!("{self} asks for a role (role-arn), which tisync cannot assume");
            return Err(Fault::usage(text)
                .hint(
                    "assume it first, and give its keys in the environment: `aws sts assume-role …`, then \
                     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
                )
                .into());
        }
        Ok(())
    }

    /// An option that was given and is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// An option that is true or false, in the words that Go takes.
    ///
    /// # Errors
    /// A usage fault for any other word.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(_) => {
                let text = format!("the option {name} of {self} is neither true nor false");
                Err(Fault::usage(text).hint("write true or false").into())
            }
        }
    }

    /// Whether what is sent there goes unencrypted.
    pub(super) fn plain_http(&self) -> bool {
        self.get("endpoint").is_some_and(|e| e.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("http://")))
    }

    /// The values that must not be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        ["access-key", "secret-access-key", "session-token", "account-key", "sas-token", "encryption-key"]
            .into_iter()
            .filter_map(|name| self.get(name))
    }
}

fn example(service: Service) -> &'static str {
    match service {
        Service::S3 => "s3://backups/full?access-key=ID&secret-access-key=KEY&region=eu-central-1",
        Service::Gcs => "gcs://backups/full?credentials-file=/etc/key.json",
        Service::Azure => "azure://backups/full?account-name=NAME&account-key=KEY",
    }
}

fn unknown(scheme: &str, name: &str, known: &[&str]) -> Fault {
    let near = known.iter().map(|k| (strsim::jaro_winkler(k, name), *k)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match near {
        Some((likeness, near)) if likeness > 0.75 => format!("did you mean `{near}`?"),
        _ => format!("its options are {}", known.join(", ")),
    };
    // A key that is given by a slip in place of a name must not be shown.
    let shown: String = name.chars().take(32).collect();
    let plain = shown.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'.'));
    let shown = if plain { format!("`{shown}`") } else { "of that name".to_owned() };
    Fault::usage(format!("an address of {scheme}:// has no option {shown}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap().unwrap()
    }

    fn refused(text: &str) -> String {
        let error = Address::parse(text).unwrap_err();
        let fault = crate::error::fault(&error).unwrap();
        assert_eq!(fault.kind, crate::error::Kind::Usage, "{text}");
        let all = format!("{error:#}; {}", fault.hint);
        assert!(!fault.hint.is_empty() && !all.contains("geheim"), "{all}");
        all
    }

    #[test]
    fn buckets_prefixes_and_options() {
        let a = parse(
            "S3://b/full%20one//?Access_Key=a+b%2Fc&SECRET-ACCESS-KEY=geheim&storage_class=x&endpoint=http%3A%2F%2Fh%3A1",
        );
        assert_eq!((a.service, a.bucket.as_str(), a.prefix.as_str()), (Service::S3, "b", "full one"));
        assert_eq!(a.get("access-key"), Some("a+b/c"));
        assert!(a.plain_http());
        assert_eq!(format!("{a} {a:?}"), "s3://b/full one s3://b/full one");
        assert_eq!(parse("gs://b").prefix, "");
        assert_eq!(parse("azblob://c/p?sas-token=geheim").secrets().collect::<Vec<_>>(), ["geheim"]);
        for local in ["/a/b", "local:///a", "file:///a", "hdfs://x", "a:b"] {
            assert_eq!(Address::parse(local).unwrap(), None, "{local}");
        }
        for (word, means) in [("1", true), ("False", false), ("", true), ("TRUE", true)] {
            assert_eq!(
                parse(&format!("s3://b?force-path-style={word}")).flag("force-path-style", true).unwrap(),
                means
            );
        }
    }

    #[test]
    fn slips_are_named_and_secrets_are_not() {
        assert!(refused("s3://b/p?acces-key=geheim").contains("no option `acces-key`; did you mean `access-key`?"));
        assert!(refused("gcs://b/p?region=x").contains("its options are endpoint, credentials-file"));
        assert!(refused("s3://b/p?geheimGeheim123=1").contains("no option of that name"));
        assert!(refused("s3://b/p?access-key=geheim").contains("but not secret-access-key"));
        assert!(refused("s3://b/p?secret-access-key=geheim").contains("but not access-key"));
        assert!(refused("azure://b/p?account-key=geheim").contains("but not account-name"));
        assert!(refused("s3://geheim:geheim@b/p").contains("cannot have a user before the bucket"));
        assert!(refused("s3:///p").contains("has no bucket"));
        assert!(refused("s3://b/p?role-arn=arn:aws:iam::1:role/x").contains("assume-role"));
        assert!(refused("s3://b/%zz").contains("two hex digits"));
        assert!(parse("s3://b?force-path-style=geheim").flag("force-path-style", true).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(s3|gcs|azure)://[-%a-z0-9/?&=+@#]{0,40}") {
            let _ = Address::parse(&text);
        }
    }
}
