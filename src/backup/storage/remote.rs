//! Object storage through the crate `object_store`.
//!
//! Its calls are asynchronous. Each is waited for here, on a private runtime with one thread.
//!
//! Also reads the AWS files in the home directory, which the library leaves out of its credential
//! chain: the keys of a profile.

use std::io::{Seek, Write};
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;
use std::{env, fmt, fs};

use anyhow::{Context, Result};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use tempfile::SpooledTempFile;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt;

use super::address::{Address, Service};
use super::{Failure, Object, Patience, explain};
use crate::error::Fault;

/// So much of an object is kept in memory; the rest goes to a temporary file.
const IN_MEMORY: usize = 16 << 20;
/// How often a request is repeated that failed for a reason that may pass.
const RETRIES: usize = 2;

/// A prefix in a bucket.
pub(super) struct Remote {
    address: Address,
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)
    }
}

impl Remote {
    /// Prepares the client; sends no request yet.
    ///
    /// # Errors
    /// If an option has an impossible value.
    pub(super) fn open(address: Address, patience: Patience) -> Result<Self> {
        // If a provider is installed already, it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(patience.connect)
            .with_read_timeout(patience.idle)
            .with_allow_http(address.plain_http());
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() };
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: patience.idle * 2, backoff };
        let store: Result<Box<dyn ObjectStore>, object_store::Error> = match address.service {
            Service::S3 => {
                s3(&address)?.with_client_options(client).with_retry(retry).build().map(|s| Box::new(s) as _)
            }
            Service::Gcs => {
                gcs(&address)?.with_client_options(client).with_retry(retry).build().map(|s| Box::new(s) as _)
            }
            Service::Azure => {
                azure(&address)?.with_client_options(client).with_retry(retry).build().map(|s| Box::new(s) as _)
            }
        };
        let store = store.map_err(|error| match explain(&address, &address.to_string(), &error) {
            Failure::Fault(fault) => Fault::usage(fault.message).hint(fault.hint),
            Failure::Missing => Fault::usage(format!("{address} cannot be used")).hint("check its options"),
        })?;
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
        Ok(Self { address, store, runtime })
    }

    /// Where it is, for messages.
    pub(super) fn place(&self) -> String {
        self.address.to_string()
    }

    /// The object `name` below the prefix. `None` when it is not there.
    ///
    /// # Errors
    /// A connect fault when it cannot be read.
    pub(super) fn find(&self, name: &str) -> Result<Option<Object>> {
        let prefix = &self.address.prefix;
        let mut keys = vec![if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }];
        // BR of old wrote there without a slash, and still looks there.
        if self.address.service == Service::Gcs && !prefix.is_empty() {
            keys.push(format!("{prefix}{name}"));
        }
        // The object itself was named.
        if prefix.rsplit('/').next() == Some(name) {
            keys.push(prefix.clone());
        }
        for key in keys {
            if let Some(object) = self.get(&key)? {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    fn get(&self, key: &str) -> Result<Option<Object>> {
        let place = format!("{}://{}/{key}", self.address.scheme, self.address.bucket);
        let path = self.path(key)?;
        let mut kept = SpooledTempFile::new(IN_MEMORY);
        let fetched = self.runtime.block_on(async {
            let got = self.store.get(&path).await?;
            let size = got.meta.size;
            let mut stream = got.into_stream();
            while let Some(bytes) = stream.next().await {
                if let Err(error) = kept.write_all(&bytes?) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(size))
        });
        let size = match fetched {
            Ok(Ok(size)) => size,
            Ok(Err(error)) => {
                let text = format!("cannot keep a copy of {place} while it is read: {error}");
                return Err(Fault::connect(text)
                    .hint("free up space in the folder for temporary files (TMPDIR)")
                    .into());
            }
            Err(error) => match explain(&self.address, &place, &error) {
                Failure::Missing => return Ok(None),
                Failure::Fault(fault) => return Err(fault.into()),
            },
        };
        let len = kept.stream_position()?;
        if len != size {
            let text = format!("{place} ended after {len} of {size} bytes");
            return Err(Fault::connect(text)
                .hint("try again; the connection was cut, or the object is being written")
                .into());
        }
        kept.rewind()?;
        Ok(Some(Object { place, len, reader: Box::new(kept) }))
    }

    /// The names below the prefix, sorted, folders with a `/` behind.
    ///
    /// # Errors
    /// A connect fault when it cannot be listed.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let prefix = self.path(&self.address.prefix)?;
        let listed = self.runtime.block_on(self.store.list_with_delimiter(Some(&prefix)));
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => match explain(&self.address, &self.place(), &error) {
                Failure::Missing => return Ok(Vec::new()),
                Failure::Fault(fault) => return Err(fault.into()),
            },
        };
        let last = |path: &Path| path.filename().unwrap_or_default().to_owned();
        let folders = listed.common_prefixes.iter().map(|p| format!("{}/", last(p)));
        let mut names: Vec<String> = listed.objects.iter().map(|o| last(&o.location)).chain(folders).collect();
        names.sort();
        Ok(names)
    }

    fn path(&self, key: &str) -> Result<Path> {
        Path::parse(key).map_err(|e| {
            let text =
                format!("{}://{}/{key} is not a valid object name: {e}", self.address.scheme, self.address.bucket);
            Fault::usage(text).hint("leave out empty parts, `.` and `..`").into()
        })
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|v| !v.is_empty())
}

fn s3(address: &Address) -> Result<AmazonS3Builder> {
    let own = address.get("access-key").zip(address.get("secret-access-key"));
    let own = own.map(|(key, secret)| (key.to_owned(), secret.to_owned()));
    let in_environment = variable("AWS_ACCESS_KEY_ID").or_else(|| variable("AWS_WEB_IDENTITY_TOKEN_FILE")).is_some();
    let profile = if own.is_some() || in_environment { Profile::default() } else { profile() };
    let token = if own.is_some() { address.get("session-token").map(str::to_owned) } else { profile.token };
    let mut builder = match own.or(profile.keys) {
        // The session token in the environment belongs to the keys there.
        Some((key, secret)) => AmazonS3Builder::new().with_access_key_id(key).with_secret_access_key(secret),
        None => AmazonS3Builder::from_env(),
    };
    if let Some(token) = token {
        builder = builder.with_token(token);
    }
    builder = builder.with_bucket_name(&address.bucket);
    let environment = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    if let Some(region) = address.get("region").map(str::to_owned).or(environment).or(profile.region) {
        builder = builder.with_region(region);
    }
    let accelerated = address.flag("use-accelerate-endpoint", false)?;
    let others = address.get("provider").is_some_and(|p| ["alibaba", "netease"].contains(&p.to_lowercase().as_str()));
    let path_style = address.flag("force-path-style", true)? && !accelerated && !others;
    builder = builder.with_virtual_hosted_style_request(!path_style);
    if accelerated {
        return Ok(builder.with_endpoint(format!("https://{}.s3-accelerate.amazonaws.com", address.bucket)));
    }
    let Some(endpoint) = address.get("endpoint") else { return Ok(builder) };
    let (scheme, host) = with_scheme(address, endpoint)?;
    let host = host.trim_end_matches('/');
    // The library takes the endpoint for the bucket's own where it does not write the bucket into
    // the path.
    let bucket = if path_style { String::new() } else { format!("{}.", address.bucket) };
    let endpoint = format!("{scheme}://{bucket}{host}");
    if reqwest::Url::parse(&endpoint).is_err() {
        let text = format!("the bucket `{}` cannot be put before the endpoint's host, {host}", address.bucket);
        return Err(Fault::usage(text).hint("leave out force-path-style=false: then it is put in the path").into());
    }
    Ok(builder.with_endpoint(endpoint))
}

fn with_scheme<'a>(address: &Address, endpoint: &'a str) -> Result<(&'a str, &'a str)> {
    let right = reqwest::Url::parse(endpoint).is_ok_and(|u| u.has_host());
    match endpoint.split_once("://") {
        Some((scheme @ ("http" | "https"), host)) if right => Ok((scheme, host)),
        _ => {
            let text = format!("the option endpoint of {address} is not a URL");
            Err(Fault::usage(text).hint("write it with its scheme: endpoint=https://minio.example.com:9000").into())
        }
    }
}

fn gcs(address: &Address) -> Result<GoogleCloudStorageBuilder> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&address.bucket);
    if let Some(file) = address.get("credentials-file") {
        if !FilePath::new(file).is_file() {
            let text = format!("the option credentials-file of {address} is not a file");
            return Err(Fault::usage(text).hint("give the JSON file with the account's key").into());
        }
        builder = builder.with_application_credentials(file);
    }
    if let Some(endpoint) = address.get("endpoint") {
        with_scheme(address, endpoint)?;
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    // A token never goes over a line that others can read.
    Ok(if address.plain_http() { builder.with_skip_signature(true) } else { builder })
}

fn azure(address: &Address) -> Result<MicrosoftAzureBuilder> {
    // Credentials in the environment belong to another account.
    let own = address.get("account-key").or(address.get("sas-token")).is_some();
    let builder = if own { MicrosoftAzureBuilder::new() } else { MicrosoftAzureBuilder::from_env() };
    let mut builder = builder.with_container_name(&address.bucket);
    if let Some(account) = address.get("account-name") {
        builder = builder.with_account(account);
    }
    if let Some(key) = address.get("account-key") {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = address.get("sas-token") {
        let pairs = token.trim_start_matches('?').split('&').filter_map(|p| p.split_once('='));
        let decoded = |text: &str| super::percent_decoded(text).unwrap_or_else(|_| text.to_owned());
        let pairs: Vec<(String, String)> = pairs.map(|(n, v)| (decoded(n), decoded(v))).collect();
        builder = builder.with_sas_authorization(pairs);
    }
    if let Some(key) = address.get("encryption-key") {
        builder = builder.with_encryption_key(key);
    }
    let Some(endpoint) = address.get("endpoint") else { return Ok(builder) };
    with_scheme(address, endpoint)?;
    Ok(builder.with_endpoint(endpoint.trim_end_matches('/').to_owned()))
}

/// What a profile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) keys: Option<(String, String)>,
    pub(super) token: Option<String>,
    pub(super) region: Option<String>,
}

/// The profile of the environment (`AWS_PROFILE`, or `default`), as far as the files tell. The
/// environment's own keys go before it.
pub(super) fn profile() -> Profile {
    let name = env::var("AWS_PROFILE").ok().filter(|n| !n.is_empty()).unwrap_or_else(|| "default".to_owned());
    let home = env::var_os("HOME").map(PathBuf::from);
    let file = |variable: &str, own: &str| {
        let named = env::var_os(variable).map(PathBuf::from);
        let path = named.or_else(|| home.as_ref().map(|h| h.join(".aws").join(own)));
        path.and_then(|p| fs::read_to_string(p).ok()).unwrap_or_default()
    };
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = file("AWS_CONFIG_FILE", "config");
    read(&credentials, &config, &name)
}

fn read(credentials: &str, config: &str, name: &str) -> Profile {
    let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
    let value = |key: &str| find(credentials, name, key).or_else(|| find(config, &in_config, key));
    Profile {
        keys: value("aws_access_key_id").zip(value("aws_secret_access_key")),
        token: value("aws_session_token"),
        region: value("region"),
    }
}

/// The value of `key` in a section of an INI file.
fn find(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim).filter(|l| !l.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = name.trim() == section;
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case(key)
        {
            return Some(value.trim().to_owned()).filter(|v| !v.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files() {
        let credentials = "[default]\naws_access_key_id = a\n# aws_secret_access_key = no\naws_secret_access_key=b=\n\n[ops]\nAWS_ACCESS_KEY_ID=c\n";
        let config =
            "[default]\nregion = eu-central-1\n[profile ops]\naws_secret_access_key = d\naws_session_token = t\n";
        let default = read(credentials, config, "default");
        assert_eq!(default.keys, Some(("a".into(), "b=".into())));
        assert_eq!(default.region.as_deref(), Some("eu-central-1"));
        let ops = read(credentials, config, "ops");
        assert_eq!((ops.keys, ops.token), (Some(("c".into(), "d".into())), Some("t".into())));
        assert_eq!(read(credentials, config, "none"), Profile::default());
    }
}
