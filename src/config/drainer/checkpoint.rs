//! `[syncer.to.checkpoint]`: where Drainer kept its position (spec/tidb-binlog.md §8.1).

use std::path::Path;

use super::{File, default};
use crate::config::DrainerCheckpoint;
use crate::config::draft::Draft;
use crate::config::reader::Reader;
use crate::sink::mysql::Connection;

impl<'d> File<'d> {
    /// Where it is; without a type, where the rows go.
    pub(super) fn checkpoint(&mut self, draft: &mut Draft) {
        let to = self.syncer_table().table_or_none("to");
        let checkpoint = to.table_or_none("checkpoint");
        let text = |key, fallback: &str| checkpoint.some_text(key).map_or(fallback.to_owned(), |t| t.value);
        let schema = text("schema", "tidb_binlog");
        let kind = checkpoint.some_text("type");
        let place = match kind.as_ref().map(|k| k.value.to_ascii_lowercase()).as_deref() {
            // Without a type only the schema counts.
            None => DrainerCheckpoint::Target { schema, table: "checkpoint".to_owned() },
            Some("mysql" | "tidb") => match self.server(&checkpoint, schema, text("table", "checkpoint")) {
                Some(place) => place,
                None => return,
            },
            Some("file") => {
                let folder = self.root.some_text("data-dir").map_or("data.drainer".to_owned(), |t| t.value);
                DrainerCheckpoint::File(Path::new(&folder).join("savepoint"))
            }
            Some(other) => {
                let given = kind.unwrap_or_else(|| default(String::new()));
                let message = match other {
                    "oracle" => "tisync does not read Oracle: name the position with --start-ts",
                    _ => "can be mysql, tidb or file",
                };
                return checkpoint.refuse("type", &given, message);
            }
        };
        draft.drainer_checkpoint = Some(kind.map_or_else(|| default(()), |k| k.with(())).with(place));
    }

    fn server(&self, checkpoint: &Reader<'_>, schema: String, table: String) -> Option<DrainerCheckpoint> {
        let text = |key, fallback: &str| checkpoint.some_text(key).map_or(fallback.to_owned(), |t| t.value);
        let port = checkpoint.whole("port", 0..=65_535).filter(|p| p.value != 0).map(|p| p.map(|n| n.to_string()));
        let port = port.unwrap_or_else(|| default("3306".to_owned()));
        let address = self.join(checkpoint, "mysql", &text("user", "root"), &text("host", "127.0.0.1"), &port)?;
        // Each table's own: Drainer decrypts the target's in its place.
        let password = self.password(checkpoint).map(|p| p.value);
        Some(DrainerCheckpoint::Server {
            address,
            connection: Connection { password, ..Connection::default() },
            schema,
            table,
        })
    }
}
