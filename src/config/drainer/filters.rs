//! The filters of drainer.toml (spec/tidb-binlog.md §9.3), as they stand there.

use std::collections::BTreeMap;

use super::File;
use crate::config::draft::Draft;
use crate::config::load::Idle;
use crate::config::origin::{Given, Origin};
use crate::config::reader::{Reader, commas};
use crate::near::nearest;

/// Drainer's filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// `replicate-do-db`.
    pub do_db: Vec<String>,
    /// `replicate-do-table`: database and table.
    pub do_table: Vec<(String, String)>,
    /// `ignore-schemas`.
    pub ignore_db: Vec<String>,
    /// `ignore-table`: database and table.
    pub ignore_table: Vec<(String, String)>,
    /// `table-migrate-rule`: which tables have which of the event filters.
    pub bindings: Vec<Binding>,
    /// `binlog-filter-rule`, by name.
    pub events: BTreeMap<String, EventFilter>,
    /// Whether the names of the last two count with their case.
    pub case_sensitive: bool,
}

/// Which tables have which event filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Pattern of the database.
    pub schema: String,
    /// Pattern of the table; empty: what is about the database itself.
    pub table: String,
    /// Names of event filters.
    pub filters: Vec<String>,
}

/// What of some tables is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Names of events.
    pub ignore_event: Vec<String>,
    /// Regular expressions.
    pub ignore_sql: Vec<String>,
}

impl<'d> File<'d> {
    /// Reads them all.
    pub(super) fn filters(&mut self, draft: &mut Draft) {
        let syncer = self.syncer_table();
        let mut filters = Filters::default();
        if let Some(schemas) = syncer.text("ignore-schemas") {
            filters.ignore_db = commas(&schemas.value);
            if filters.ignore_db.is_empty() {
                syncer.refuse("ignore-schemas", &schemas, "is empty, which Drainer refuses too: leave it out");
            }
        }
        if let Some(list) = syncer.texts("replicate-do-db") {
            if list.value.iter().any(|name| name.trim().is_empty()) {
                syncer.refuse("replicate-do-db", &list, "an item is empty");
            }
            filters.do_db = list.value;
        }
        filters.do_table = tables(&syncer, "replicate-do-table");
        filters.ignore_table = tables(&syncer, "ignore-table");
        filters.case_sensitive = syncer.flag("case-sensitive").is_some_and(|f| f.value);
        events(&syncer, &mut filters);
        self.bindings(&syncer, &mut filters);
        let first = ["replicate-do-db", "replicate-do-table", "ignore-schemas", "ignore-table", "table-migrate-rule"];
        let origin = first.into_iter().find_map(|key| syncer.origin(key));
        if filters != Filters::default() {
            let origin = origin.unwrap_or(Origin::Default);
            draft.drainer_filters = Some(Given { value: filters, origin });
        }
    }

    fn bindings(&mut self, syncer: &Reader<'d>, filters: &mut Filters) {
        for rule in syncer.tables("table-migrate-rule") {
            rule.only(&["binlog-filter-rule", "source", "target"], &[]);
            let mut binding = Binding::default();
            if let Some(source) = rule.table("source") {
                source.only(&["schema", "table"], &[]);
                let text = |key| source.text(key).map_or(String::new(), |t| t.value);
                (binding.schema, binding.table) = (text("schema"), text("table"));
            }
            if binding.schema.is_empty() {
                rule.wrong(rule.line(), "source.schema", "names no database");
            }
            let target = rule.table("target");
            if let Some(target) = &target {
                target.only(&["schema", "table"], &[]);
            }
            if target.is_some_and(|t| ["schema", "table"].iter().any(|key| t.some_text(key).is_some())) {
                let why = "Drainer renames for Oracle alone; routes rename here";
                self.idle.push(Idle { key: "syncer.table-migrate-rule.target".to_owned(), line: rule.line(), why });
            }
            if let Some(names) = rule.texts("binlog-filter-rule") {
                for name in names.value.iter().filter(|name| !filters.events.contains_key(*name)) {
                    let near = nearest(name, filters.events.keys().map(String::as_str));
                    let hint = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    rule.refuse(
                        "binlog-filter-rule",
                        &names,
                        format!("there is no [syncer.binlog-filter-rule.{name}]{hint}"),
                    );
                }
                binding.filters = names.value;
            }
            filters.bindings.push(binding);
        }
    }
}

fn tables(syncer: &Reader<'_>, key: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for rule in syncer.tables(key) {
        rule.only(&["db-name", "tbl-name"], &[]);
        match (rule.some_text("db-name"), rule.some_text("tbl-name")) {
            (Some(db), Some(table)) => found.push((db.value, table.value)),
            _ => rule.wrong(rule.line(), "db-name", "`db-name` and `tbl-name` are both needed"),
        }
    }
    found
}

fn events(syncer: &Reader<'_>, filters: &mut Filters) {
    let Some(rules) = syncer.table("binlog-filter-rule") else { return };
    for name in rules.keys() {
        let Some(rule) = rules.table(name) else { continue };
        rule.only(&["ignore-event", "ignore-sql"], &[]);
        let list = |key| rule.texts(key).map_or(Vec::new(), |l| l.value);
        let filter = EventFilter { ignore_event: list("ignore-event"), ignore_sql: list("ignore-sql") };
        filters.events.insert(name.to_owned(), filter);
    }
}
