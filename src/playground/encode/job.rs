//! DDL jobs: as TiDB's history shows them, and the key that stands in their binlog.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::datum;
use crate::model::ActionType;

/// What a DDL job did, for the history and the binlog.
pub(crate) struct Job {
    pub(crate) action: ActionType,
    pub(crate) schema_id: i64,
    pub(crate) schema_name: String,
    /// 0 for a job on a database.
    pub(crate) table_id: i64,
    pub(crate) table_name: String,
    pub(crate) query: String,
    /// A comment in front of it: the history keeps it, the binlog, whose text TiDB restores, does not.
    pub(crate) comment: Option<String>,
}

impl Job {
    /// As the history shows it when it is finished (spec/tidb-formats.md §6.1).
    pub(crate) fn json(&self, id: i64, version: i64, ts: u64, db_info: &Json, table_info: &Json) -> Json {
        let query = self.comment.iter().map(String::as_str).chain([self.query.as_str()]).collect::<Vec<_>>().join(" ");
        json!({
            "id": id, "type": self.action, "schema_id": self.schema_id, "table_id": self.table_id,
            "schema_name": self.schema_name, "table_name": self.table_name, "state": 6, "warning": null, "err": null,
            "err_count": 0, "row_count": 0, "raw_args": null, "schema_state": 5, "snapshot_ver": 0,
            "real_start_ts": ts, "start_ts": ts, "dependency_id": 0, "query": query,
            "binlog": {
                "SchemaVersion": version, "DBInfo": db_info, "TableInfo": table_info, "FinishedTS": ts,
                "MultipleTableInfos": null,
            },
            "version": 1, "reorg_meta": null, "multi_schema_info": null, "priority": 0, "seq_num": version,
            "charset": "utf8mb4", "collate": "utf8mb4_bin",
        })
    }

    /// The meta key that the job wrote first (spec/tidb-formats.md §5.3).
    pub(crate) fn meta_key(&self) -> Bytes {
        let (hash, field) = if self.table_id == 0 {
            ("DBs".to_owned(), format!("DB:{}", self.schema_id))
        } else {
            (format!("DB:{}", self.schema_id), format!("Table:{}", self.table_id))
        };
        let mut key = vec![b'm'];
        datum::comparable_bytes(&mut key, hash.as_bytes());
        key.extend(u64::from(b'h').to_be_bytes());
        datum::comparable_bytes(&mut key, field.as_bytes());
        key.into()
    }
}
