//! Transactions that name tables and columns, and DDL as text, as Drainer's files hold them.
//! Definitions come from the target.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use jiff::tz::TimeZone;

use super::Pipeline;
use crate::error::Fault;
use crate::event::Event;
use crate::filter::{from_nowhere, ways_on};
use crate::model::{ActionType, Change, CommitTs, Ddl, Definition, Table};
use crate::schema::{TextDdl, Unclear, from_text, unclear};
use crate::sql::{Source, Statement, canonical, quote_name};

impl Pipeline<'_> {
    pub(super) fn named(&mut self, events: &Bytes, zone: &TimeZone, commit_ts: CommitTs) -> Result<Change> {
        let (sink, selection) = (&mut self.sink, &self.selection);
        // No definition has changed since the last DDL, and that was durable before this was read.
        let mut find = |schema: &str, table: &str| {
            let may_differ = selection.may_differ(schema, table);
            let (schema, table) = selection.target(schema, table);
            if may_differ {
                sink.may_differ(&schema, &table);
            }
            sink.definition(&schema, &table)
        };
        let wanted = |schema: &str, table: &str| selection.kinds(schema, table);
        let (rows, left_out) = self.names.rows((events, zone, commit_ts), &wanted, &mut find)?;
        self.selection.count(left_out, rows.is_empty());
        Ok(if rows.is_empty() { Change::Nothing } else { Change::Rows(rows) })
    }

    pub(super) fn statement(&mut self, text: &Bytes, commit_ts: CommitTs) -> Result<Option<Ddl>> {
        self.names.forget();
        let text = std::str::from_utf8(text).map_err(|_| unreadable("is not valid UTF-8", "…", commit_ts))?;
        let (text, refused) = match canonical(text, Source::default()) {
            Ok(text) => (text, None),
            Err(why) => (text.to_owned(), Some(unclear(text, commit_ts, why))),
        };
        let text = text.as_str();
        let found = from_text(text).map_err(|known| {
            let why = match known {
                Unclear::Several => "holds several statements that are not all CREATE TABLE",
                Unclear::Unknown => "is not a schema change that tisync knows",
            };
            unreadable(why, text, commit_ts)
        })?;
        let Some(TextDdl { mut ddl, one_of }) = found else { return Ok(None) };
        ddl.refused = refused.map(Box::new);
        if ddl.action == ActionType::DropSchema {
            self.name_contents(&mut ddl, commit_ts)?;
        }
        if self.moved_from_nowhere(&mut ddl, commit_ts) {
            return Ok(None);
        }
        let ddl = if one_of.is_empty() { Some(ddl) } else { self.next_of_several(ddl, &one_of, commit_ts)? };
        Ok(ddl.and_then(|ddl| self.select(commit_ts, ddl)))
    }

    /// Adds the tables that a database has to its DROP, as the upstream's catalog would.
    fn name_contents(&mut self, ddl: &mut Ddl, commit_ts: CommitTs) -> Result<()> {
        let (sink, schema) = (&mut self.sink, ddl.schema.clone());
        let Some(contents) = self.selection.contents(&schema, &mut |target| sink.tables(target))? else {
            return Ok(());
        };
        if let Some((other, target, table)) = contents.doubtful {
            let text = format!(
                "`{}` (commit ts {}): `{target}`.`{table}` on the target belongs to that database or to `{other}`, and \
                 Drainer's files do not say which",
                ddl.query.trim_end_matches(';'),
                commit_ts.explain(),
            );
            let by_hand = format!("drop the tables of `{schema}` on the target by hand");
            ddl.refused = Some(Box::new(Fault::refused(text).hint(ways_on(commit_ts, &by_hand, None))));
        }
        ddl.before = contents.tables.iter().map(|table| Arc::new(Table::named(&schema, table))).collect();
        Ok(())
    }

    /// Whether a RENAME does not concern the target that moves tables from a database that it does
    /// not name (TiDB took the session's). If it does concern the target, it is refused.
    fn moved_from_nowhere(&mut self, ddl: &mut Ddl, commit_ts: CommitTs) -> bool {
        let moved = from_nowhere(&Statement::of(&ddl.query), &ddl.schema);
        if moved.is_empty() {
            return false;
        }
        let list: Vec<String> = moved.iter().map(|(schema, table)| format!("`{table}` (now in `{schema}`)")).collect();
        let text = format!(
            "`{}` (commit ts {}) moves tables, but does not say from which database: {}",
            ddl.query.trim_end_matches(';'),
            commit_ts.explain(),
            list.join(", ")
        );
        if moved.iter().all(|(schema, table)| self.selection.unread(schema, table).is_some()) {
            (self.events)(Event::Warning(format!(
                "{text}. If one was replicated, it stays on the target as it is now: drop it there"
            )));
            return true;
        }
        ddl.refused =
            Some(Box::new(Fault::refused(text).hint(ways_on(commit_ts, "move them on the target by hand", None))));
        false
    }

    /// The DDL for one object of a DROP of several: the upstream drops them one by one, each by a
    /// job with the same text. The first object that is still on the target is the one; that holds
    /// however often the run was restarted in between.
    fn next_of_several(&mut self, ddl: Ddl, objects: &[Arc<Table>], commit_ts: CommitTs) -> Result<Option<Ddl>> {
        let what = match ddl.action {
            ActionType::DropView => "VIEW",
            ActionType::DropSequence => "SEQUENCE",
            _ => "TABLE",
        };
        for table in objects.iter().filter(|t| self.selection.unread(&t.schema, &t.name).is_none()) {
            let (schema, name) = self.selection.target(&table.schema, &table.name);
            if self.sink.definition(&schema, &name)? == Definition::Missing {
                continue;
            }
            let query = format!("DROP {what} {}.{}", quote_name(&table.schema), quote_name(&table.name));
            let (schema, before) = (table.schema.clone(), vec![Arc::clone(table)]);
            return Ok(Some(Ddl { query, schema, table: table.name.clone(), before, ..ddl }));
        }
        (self.events)(Event::Note(format!(
            "nothing is left to drop for `{}` (commit ts {})",
            ddl.query,
            commit_ts.explain()
        )));
        Ok(None)
    }
}

fn unreadable(why: &str, text: &str, commit_ts: CommitTs) -> Fault {
    let shown: String = text.chars().take(160).collect();
    Fault::refused(format!("the DDL of commit ts {} {why}: `{shown}`", commit_ts.explain())).hint(
        "bring the target to the state after it by hand, then continue with `--skip-ddl` and its commit ts, or leave \
         it out with the filter",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::silent;
    use crate::model::Txn;
    use crate::schema::Catalog;
    use crate::sink::{Sink, Totals};

    /// The commit ts of a transaction that the target has from an earlier run.
    const PRESENT: CommitTs = CommitTs(20);

    /// A target that has these tables.
    struct Tables(Vec<&'static str>);

    impl Sink for Tables {
        fn position(&self) -> Option<CommitTs> {
            None
        }
        fn apply(&mut self, _: Txn) -> Result<()> {
            Ok(())
        }
        fn has(&self, ts: CommitTs) -> bool {
            ts == PRESENT
        }
        fn resolved(&mut self, _: CommitTs) -> Result<()> {
            Ok(())
        }
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
        fn drain(&mut self) -> Result<()> {
            Ok(())
        }
        fn totals(&self) -> Totals {
            Totals::default()
        }
        fn definition(&mut self, schema: &str, table: &str) -> Result<Definition> {
            let there = self.0.contains(&table);
            let column = crate::model::Column {
                id: 1,
                name: "c".to_owned(),
                kind: crate::model::Kind::Int { bytes: 8, unsigned: false },
                nullable: true,
                generated: crate::model::Generated::No,
                hidden: false,
                missing: crate::model::Value::Null,
            };
            let table = Table { columns: vec![column], ..Table::named(schema, table) };
            Ok(if there { Definition::Table(Arc::new(table)) } else { Definition::Missing })
        }
    }

    fn statement(tables: &[&'static str], text: &'static str) -> Result<Option<Ddl>> {
        let mut sink = Tables(tables.to_vec());
        pipeline(&mut sink)?.statement(&Bytes::from_static(text.as_bytes()), CommitTs(9))
    }

    fn pipeline(sink: &mut Tables) -> Result<Pipeline<'_>> {
        let catalog = Catalog::at(Arc::new(crate::source::pb::NoJobs), CommitTs(1))?;
        Ok(Pipeline::new(catalog, sink, crate::selection::Selection::default(), silent()))
    }

    /// What an earlier run left above the position is no backlog: it will not be reported as
    /// applied.
    #[test]
    fn what_is_there_already_is_not_counted() {
        let events = || {
            let column = crate::decode::named::Column {
                name: Some("c".to_owned()),
                tp: Some(Bytes::from_static(&[8])),
                mysql_type: Some("bigint".to_owned()),
                value: Some(Bytes::from_static(&[8, 2])),
                changed_value: None,
            };
            let event = crate::decode::named::Event {
                schema_name: Some("d".to_owned()),
                table_name: Some("a".to_owned()),
                tp: Some(0),
                row: vec![prost::Message::encode_to_vec(&column).into()],
            };
            let events = vec![prost::Message::encode_to_vec(&event).into()];
            Bytes::from(prost::Message::encode_to_vec(&crate::decode::named::DmlData { events }))
        };
        let mut sink = Tables(vec!["a"]);
        let mut pipeline = pipeline(&mut sink).unwrap();
        for (ts, taken) in [(PRESENT.0 - 1, 1), (PRESENT.0, 1), (PRESENT.0 + 1, 2)] {
            let body = crate::model::Body::Named { events: events(), zone: TimeZone::UTC };
            pipeline.take(crate::model::RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(1), body }).unwrap();
            assert_eq!(pipeline.taken, taken, "{ts}");
        }
    }

    #[test]
    fn each_job_of_a_drop_drops_one_table() {
        let text = "use `d`; DROP TABLE IF EXISTS a, `e`.`b`, c;";
        let query = |tables: &[&'static str]| statement(tables, text).unwrap().map(|d| d.query);
        assert_eq!(query(&["a", "b", "c"]).unwrap(), "DROP TABLE `d`.`a`");
        assert_eq!(query(&["b", "c"]).unwrap(), "DROP TABLE `e`.`b`");
        assert_eq!(query(&["c"]).unwrap(), "DROP TABLE `d`.`c`");
        assert_eq!(query(&[]), None);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        for text in ["use `d`; SELECT 1;", "use `d`; CREATE TABLE a (b INT); DROP TABLE c;"] {
            let error = statement(&[], text).unwrap_err();
            assert!(crate::error::fault(&error).unwrap().hint.contains("--skip-ddl"), "{error:#}");
        }
        assert!(statement(&[], "use `mysql`; DROP TABLE t;").unwrap().is_none(), "system databases are out");
    }
}
