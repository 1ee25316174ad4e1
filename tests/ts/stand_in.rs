//! A stand-in for object storage that speaks as much of S3, GCS and Azure as reading takes.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::runtime::Runtime;

/// What is behind the address.
pub struct StandIn {
    pub address: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    objects: BTreeMap<String, Bytes>,
    /// Paths with queries and `authorization`, as asked for.
    asked: Mutex<Vec<String>>,
    failures: AtomicU32,
}

impl StandIn {
    /// Serves `objects` by `bucket/key`.
    pub fn start(objects: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let objects = objects.into_iter().map(|(k, v)| (k, v.into())).collect();
        let shared = Arc::new(Shared { objects, ..Shared::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, shared, _runtime: runtime }
    }

    /// What was asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    /// The address of `place` there, with keys.
    pub fn s3(&self, place: &str, more: &str) -> String {
        format!(
            "s3://{place}?access-key=ID&secret-access-key=geheim/+x&region=us-west-7&endpoint=http://{}{more}",
            self.address
        )
    }
}

fn error(status: StatusCode, code: &str, more: &str) -> Response {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>about {code}</Message>{more}</Error>");
    (status, body).into_response()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').replace("%20", " ").replace("%2F", "/");
    let query = request.uri().query().unwrap_or_default().to_owned();
    let authorization = request.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    shared.asked.lock().unwrap().push(format!("{path}?{query} {authorization}"));
    // Azure's path begins with the account.
    let path = path.strip_prefix("account/").unwrap_or(&path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    match bucket {
        "denied" => return error(StatusCode::FORBIDDEN, "AccessDenied", ""),
        "nobucket" => return error(StatusCode::NOT_FOUND, "NoSuchBucket", ""),
        "moved" => return StatusCode::MOVED_PERMANENTLY.into_response(),
        "elsewhere" => {
            let region = "<Region>eu-central-1</Region>";
            return error(StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed", region);
        }
        "unlisted" if key.is_empty() => return error(StatusCode::FORBIDDEN, "AccessDenied", ""),
        "slow" => tokio::time::sleep(Duration::from_secs(60)).await,
        "flaky" if shared.failures.fetch_add(1, Ordering::SeqCst) == 0 => {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        _ => {}
    }
    if key.is_empty() {
        return list(&shared, bucket, &query);
    }
    let Some(bytes) = shared.objects.get(path) else { return error(StatusCode::NOT_FOUND, "NoSuchKey", "") };
    let mut headers = HeaderMap::new();
    headers.insert("etag", "\"1\"".parse().unwrap());
    headers.insert("last-modified", "Sat, 21 Nov 2026 12:00:00 GMT".parse().unwrap());
    if bucket == "short" {
        headers.insert("content-length", (bytes.len() + 90).into());
        let cut = [Ok(bytes.clone()), Err(std::io::Error::other("cut"))];
        return (headers, Body::from_stream(tokio_stream::iter(cut))).into_response();
    }
    (headers, bytes.clone()).into_response()
}

/// The names of a bucket below the prefix of `query`, for a client of S3 or GCS and for one of Azure.
fn list(shared: &Shared, bucket: &str, query: &str) -> Response {
    let prefix = query.split('&').find_map(|p| p.strip_prefix("prefix=")).unwrap_or_default().replace("%2F", "/");
    let whole = format!("{bucket}/{prefix}");
    let names: Vec<&str> = shared.objects.keys().filter_map(|k| k.strip_prefix(&whole)).collect();
    let (mut s3, mut azure) = (String::new(), String::new());
    for name in names {
        let _ = if let Some((folder, _)) = name.split_once('/') {
            write!(s3, "<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>")
        } else {
            let date = "<LastModified>2026-11-21T12:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>1</Size>";
            let _ = write!(s3, "<Contents><Key>{prefix}{name}</Key>{date}</Contents>");
            let date = "<Last-Modified>Sat, 21 Nov 2026 12:00:00 GMT</Last-Modified><Content-Length>1</Content-Length>\
                        <Content-Type>a</Content-Type><Etag>1</Etag>";
            write!(azure, "<Blob><Name>{prefix}{name}</Name><Properties>{date}</Properties></Blob>")
        };
    }
    if query.contains("comp=list") {
        let body = format!("<EnumerationResults><Blobs>{azure}</Blobs><NextMarker /></EnumerationResults>");
        return body.into_response();
    }
    format!("<ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{s3}</ListBucketResult>")
        .into_response()
}
