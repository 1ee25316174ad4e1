//! The filters of drainer.toml (spec/tidb-binlog.md §9.3), as they stand there.

use super::File;
use crate::config::Remark;
use crate::config::draft::Draft;
use crate::config::load::Idle;
use crate::config::origin::{Given, Origin};
use crate::config::reader::{Reader, commas};
use crate::filter::drainer::{EventFilter, Migrate, Rules};
use crate::near::nearest;

impl<'d> File<'d> {
    /// Reads them all.
    pub(super) fn filters(&mut self, draft: &mut Draft) {
        let syncer = self.syncer_table();
        let mut filters = Rules::default();
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
        let origin = origin.unwrap_or(Origin::Default);
        self.remarks.extend(filters.warnings().into_iter().map(Remark::Warning));
        match filters.convert() {
            Ok(rules) => {
                let given = |empty: bool| (!empty).then(|| origin.clone());
                draft.tables = given(rules.tables.is_empty()).map(|origin| Given { value: rules.tables, origin });
                draft.events = given(rules.events.is_empty()).map(|origin| Given { value: rules.events, origin });
            }
            Err(fault) => syncer.wrong(syncer.line(), "the filters", fault.to_string()),
        }
    }

    fn bindings(&mut self, syncer: &Reader<'d>, filters: &mut Rules) {
        for rule in syncer.tables("table-migrate-rule") {
            rule.only(&["binlog-filter-rule", "source", "target"], &[]);
            let mut binding = Migrate::default();
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
                for name in names.value.iter().filter(|name| !filters.event_filters.contains_key(*name)) {
                    let near = nearest(name, filters.event_filters.keys().map(String::as_str));
                    let hint = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    rule.refuse(
                        "binlog-filter-rule",
                        &names,
                        format!("there is no [syncer.binlog-filter-rule.{name}]{hint}"),
                    );
                }
                binding.filters = names.value;
            }
            filters.migrate.push(binding);
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

fn events(syncer: &Reader<'_>, filters: &mut Rules) {
    let Some(rules) = syncer.table("binlog-filter-rule") else { return };
    for name in rules.keys() {
        let Some(rule) = rules.table(name) else { continue };
        rule.only(&["ignore-event", "ignore-sql"], &[]);
        let list = |key| rule.texts(key).map_or(Vec::new(), |l| l.value);
        let filter = EventFilter { ignore_event: list("ignore-event"), ignore_sql: list("ignore-sql") };
        filters.event_filters.insert(name.to_owned(), filter);
    }
}
