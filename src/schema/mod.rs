//! Tables as of a version: what each row is read with.
//!
//! ```text
//! job, info   what TiDB's JSON says          file, http   where it comes from (trait History)
//! convert, details  TableInfo -> model::Table  default      what a row holds that is older than a column
//! apply       what one job does to the store statement      the text that runs on the target
//! packed      a job until its time           each        a long list, element by element
//! text        a DDL of which nothing but its text is known
//! spelling    a statement whose names are in the letter case that the catalog has them in
//! catalog     the store at a position, moved on by rows and DDL messages; seed: how it begins
//! ahead       what tables become beyond that position
//! ```

mod ahead;
mod apply;
mod catalog;
mod confirm;
mod convert;
mod default;
mod details;
mod each;
mod early;
mod file;
mod history;
mod http;
mod info;
mod job;
mod keys;
mod moved;
mod packed;
mod partition;
mod seed;
mod spelling;
mod statement;
mod store;
mod text;
mod twice;

pub use ahead::{Ahead, Course, Later, carried};
pub(crate) use catalog::sets_value;
pub use catalog::{Catalog, FRESH, Found};
pub use confirm::TableNow;
pub use convert::{Converted, convert};
pub use early::EarlyJob;
pub use file::FileHistory;
pub use history::History;
pub use http::HttpHistory;
pub use info::{CiStr, ColumnInfo, DbInfo, FieldType, PUBLIC, TableInfo, TtlInfo};
pub use job::{HistoryInfo, Job, RESERVED_ABOVE, Snapshot};
pub use keys::{CheckInfo, FkInfo, IndexColumn, IndexInfo};
pub use moved::{LateTable, Moved};
pub use partition::{PartitionDefinition, PartitionInfo};
pub(crate) use statement::unclear;
pub use text::{TextDdl, Unclear, from_text};
