//! The nouns that travel between the stages. Nothing here does any I/O.

mod action;
mod details;
mod table;
mod ts;
mod txn;
mod value;

pub use action::ActionType;
pub use details::{
    Check, ColumnDefault, ColumnDetails, ForeignKeyDetails, Index, IndexPart, Method, PartitionDetails, Partitioning,
    TableDetails, TidbOptions, Ttl,
};
pub use table::{Column, Definition, ForeignKey, Generated, Handle, Hashed, Key, KeyPart, Kind, Partition, Table};
pub use ts::{CommitTs, span_text};
pub use txn::{Body, Change, Ddl, Pulled, RawTxn, Row, RowChange, RowKind, Side, Stream, Txn};
pub use value::{Decimal, Value};
