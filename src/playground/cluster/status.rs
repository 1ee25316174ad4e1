//! TiDB's status port: what it says of itself, its schema and its DDL history (spec/tidb-formats.md §7).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::Catalog;
use super::grpc;
use super::state::{DDL_ID, Shared};

/// The most jobs that one answer holds.
const MOST: usize = 2048;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/info", get(info))
        .route("/info/all", get(info_all))
        .route("/schema", get(schema))
        .route("/settings", get(settings))
        .route("/schema/{db}", get(tables))
        .route("/schema/{db}/{table}", get(table))
        .route("/db-table/{id}", get(db_table))
        .route("/ddl/history", get(history))
        .fallback(grpc::unknown)
        .with_state(shared)
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let version = shared.server_info()["version"].clone();
    json_page(format!(r#"{{"connections":0,"version":{version},"git_hash":"None"}}"#))
}

async fn info(State(shared): State<Arc<Shared>>) -> Response {
    let mut info = shared.server_info();
    info["is_owner"] = true.into();
    info["max_procs"] = 1.into();
    info["gogc"] = 100.into();
    page(&info)
}

async fn info_all(State(shared): State<Arc<Shared>>) -> Response {
    page(&json!({
        "servers_num": 1, "owner_id": DDL_ID, "is_all_server_version_consistent": true,
        "all_servers_info": { DDL_ID: shared.server_info() },
    }))
}

async fn settings(State(shared): State<Arc<Shared>>) -> Response {
    page(&json!({ "store": "tikv", "new_collations_enabled_on_first_bootstrap": !shared.old_collations }))
}

async fn schema(State(shared): State<Arc<Shared>>) -> Response {
    match Catalog::read(&shared.jobs) {
        Ok(catalog) => list(catalog.databases()),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

async fn tables(State(shared): State<Arc<Shared>>, Path(db): Path<String>) -> Response {
    match Catalog::read(&shared.jobs).map(|c| c.tables(&db)) {
        Ok(Some(tables)) => list(tables),
        Ok(None) => refuse(&format!("[schema:1049]Unknown database '{db}'")),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

async fn table(State(shared): State<Arc<Shared>>, Path((db, name)): Path<(String, String)>) -> Response {
    match Catalog::read(&shared.jobs).map(|c| c.table(&db, &name)) {
        Ok(Some(table)) => json_page(table),
        Ok(None) => refuse(&format!("[schema:1146]Table '{db}.{name}' doesn't exist")),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

/// A table by its id, with the schema version of now.
async fn db_table(State(shared): State<Arc<Shared>>, Path(id): Path<i64>) -> Response {
    // First: what the table is then is no older than that version.
    let version = shared.jobs.version();
    let job = shared.jobs.last_of(id).and_then(|job| serde_json::from_str::<Value>(&job).ok());
    let found = job.and_then(|job| {
        let outcome = &job["binlog"];
        let several = outcome["MultipleTableInfos"].as_array().into_iter().flatten();
        std::iter::once(&outcome["TableInfo"]).chain(several).find(|info| info["id"] == id).cloned()
    });
    match found {
        Some(info) => page(&json!({ "db_info": null, "table_info": info, "schema_version": version })),
        None => refuse(&format!("[schema:1146]Table which ID = {id} does not exist.")),
    }
}

#[derive(Deserialize)]
struct Page {
    start_job_id: Option<String>,
    limit: Option<String>,
}

async fn history(State(shared): State<Arc<Shared>>, Query(asked): Query<Page>) -> Response {
    match bounds(&asked) {
        Ok((from, limit)) => list(shared.jobs.newest(from, limit)),
        Err(why) => refuse(&why),
    }
}

/// Highest job id and largest number of jobs, with TiDB's own words where they are not allowed.
fn bounds(asked: &Page) -> Result<(i64, usize), String> {
    let from = number(asked.start_job_id.as_deref())?;
    if from.is_some_and(|n| n < 1) {
        return Err("ddl history start_job_id must be greater than 0".to_owned());
    }
    let limit = match number(asked.limit.as_deref())? {
        Some(n) => Some(
            usize::try_from(n)
                .ok()
                .filter(|n| (1..=MOST).contains(n))
                .ok_or_else(|| format!("ddl history limit must be greater than 0 and less than or equal to {MOST}"))?,
        ),
        None => None,
    };
    match (from, limit) {
        (Some(_), None) => Err("when 'start_job_id' is specified, it must work with a 'limit'".to_owned()),
        (from, limit) => Ok((from.unwrap_or(i64::MAX), limit.unwrap_or(MOST))),
    }
}

fn number(text: Option<&str>) -> Result<Option<i64>, String> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|_| format!("strconv.Atoi: parsing {}: invalid syntax", json!(text)))
        }
    }
}

fn list<S: AsRef<str>>(items: Vec<S>) -> Response {
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    json_page(format!("[\n{}\n]", items.join(",\n")))
}

fn page(value: &Value) -> Response {
    json_page(format!("{value:#}"))
}

fn json_page(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn refuse(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, why.to_owned()).into_response()
}
