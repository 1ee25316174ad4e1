//! What object storage said, as an operator needs it.

use std::error::Error as _;

use object_store::Error;

use super::address::{Address, Service};
use crate::error::Fault;

/// What a failed request comes to.
pub(super) enum Failure {
    /// There is no such object.
    Missing,
    /// Anything else.
    Fault(Fault),
}

/// Reads `error`, which came when `what` (a bucket and key) was to be read or listed.
pub(super) fn explain(address: &Address, what: &str, error: &Error) -> Failure {
    let said = hidden(address, &chain(error));
    let no_bucket =
        ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"].iter().any(|w| said.contains(w));
    if no_bucket {
        let fault =
            Fault::connect(format!("there is no bucket or container `{}` at {}", address.bucket, end_of(address)));
        return Failure::Fault(fault.hint("check its name, and the options endpoint and region"));
    }
    if matches!(error, Error::NotFound { .. }) {
        return Failure::Missing;
    }
    let denied = matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. });
    let cannot = |why: &str| Fault::connect(format!("cannot read {what}: {why}"));
    let lower = said.to_lowercase();
    let fault = if lower.contains("redirect") || lower.contains("authorizationheadermalformed") {
        let region = region(&said).map_or_else(|| "region=…".to_owned(), |r| format!("region={r}"));
        cannot("the bucket is in another region than the one that was asked")
            .hint(format!("add the bucket's region to the address: ?{region}"))
    } else if denied {
        cannot(&format!("{} refuses it: {}", end_of(address), short(&said))).hint(rights(address))
    } else if lower.contains("timed out") || lower.contains("timeout") {
        cannot(&format!("{} did not answer in time", end_of(address)))
            .hint("try again; if it stays so, check the endpoint and the way there (proxy, firewall)")
    } else if lower.contains("metadata") && address.secrets().next().is_none() {
        cannot(&format!("there are no keys to read it with: {}", short(&said))).hint(rights(address))
    } else {
        cannot(&short(&said))
            .hint("check the endpoint, the bucket's name and the way there (proxy, firewall), then try again")
    };
    Failure::Fault(fault)
}

/// Who is asked, for messages.
fn end_of(address: &Address) -> String {
    let own = match address.service {
        Service::S3 => "Amazon S3",
        Service::Gcs => "Google Cloud Storage",
        Service::Azure => "Azure Blob Storage",
    };
    let endpoint = address.get("endpoint").map(|e| e.rsplit_once('@').map_or(e, |(_, host)| host));
    endpoint.unwrap_or(own).to_owned()
}

fn rights(address: &Address) -> String {
    match address.service {
        Service::S3 => {
            "give keys that may read it (s3:GetObject, and s3:ListBucket to tell what is missing): ?access-key=…&secret-access-key=…, \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        }
        Service::Gcs => {
            "give an account that may read it (storage.objects.get and .list): ?credentials-file=…, or GOOGLE_APPLICATION_CREDENTIALS"
        }
        Service::Azure => {
            "give a key that may read it: ?account-name=…&account-key=… or &sas-token=…, or AZURE_STORAGE_ACCOUNT_NAME and \
             AZURE_STORAGE_ACCOUNT_KEY"
        }
    }
    .to_owned()
}

/// The region that the answer names.
fn region(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("<Region>").or_else(|| said.split_once("expecting '"))?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?;
    rest.get(..end).filter(|r| !r.is_empty())
}

fn chain(error: &Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        source = cause.source();
    }
    said
}

/// `text` without secrets: neither those of the address, nor what stands behind the `?` of a URL, where signatures are.
fn hidden(address: &Address, text: &str) -> String {
    let mut text = text.to_owned();
    for secret in address.secrets() {
        text = text.replace(secret, "…");
    }
    let mut out = String::with_capacity(text.len());
    let mut in_url = false;
    let mut in_query = false;
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        in_url |= rest.starts_with("http://") || rest.starts_with("https://");
        if c.is_whitespace() || matches!(c, '"' | ')' | '<' | '>') {
            (in_url, in_query) = (false, false);
        } else if in_url && c == '?' {
            in_query = true;
            out.push_str("?…");
        }
        if !in_query {
            out.push(c);
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// The first line of it: answers may be whole pages.
fn short(said: &str) -> String {
    const SHOWN: usize = 300;
    let line = said.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let mut text: String = line.chars().take(SHOWN).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_and_keys_are_not_shown() {
        let address = Address::parse("azure://c/p?sas-token=sv%3D1%26sig%3Dgeheim").unwrap().unwrap();
        let text =
            hidden(&address, "error sending (https://h/c/p?sig=abc&se=1) and sv=1&sig=geheim: \"http://h?x\" end?");
        assert_eq!(text, "error sending (https://h/c/p?…) and …: \"http://h?…\" end?");
    }

    #[test]
    fn the_region_that_an_answer_names() {
        assert_eq!(region("<Error><Region>eu-central-1</Region></Error>"), Some("eu-central-1"));
        assert_eq!(region("the region 'x' is wrong; expecting 'eu-west-1'"), Some("eu-west-1"));
        assert_eq!(region("nothing"), None);
    }
}
