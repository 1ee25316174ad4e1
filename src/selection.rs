//! Table filtering and routing: which upstream changes go to the sink, and under which names.
//!
//! [`Filter`] decides by the upstream's names, then [`Router`] gives the names on the target. The
//! answer for each table definition is cached.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Result;

use crate::decode::{Kinds, LeftOut, Lookup};
use crate::event::{Event, Events};
use crate::filter::{Counts, Filter, Judged, Scope, Why, wanted};
use crate::model::{CommitTs, Ddl, Table};
use crate::route::{Contents, Router};

/// What goes on to the sink, and what was left out so far. The default takes everything.
#[derive(Default)]
pub struct Selection {
    filter: Arc<Filter>,
    router: Router,
    /// What was decided about a table id, for this definition of it.
    seen: HashMap<i64, (Arc<Table>, Lookup)>,
    /// Tables on the target that rules on events keep from following the upstream's definition.
    differ: HashSet<(String, String)>,
    /// Those of them that the caller has not [asked for](Self::differing) yet.
    news: Vec<(String, String)>,
    /// What the rules left out.
    pub left_out: Counts,
}

impl Selection {
    /// A selection that has seen nothing yet.
    #[must_use]
    pub fn new(filter: Arc<Filter>, router: Router) -> Self {
        Self { filter, router, ..Self::default() }
    }

    /// How the rows of `table` are to be read.
    pub fn lookup(&mut self, table: &Arc<Table>) -> Lookup {
        if let Some((of, lookup)) = self.seen.get(&table.id)
            && Arc::ptr_eq(of, table)
        {
            return lookup.clone();
        }
        let lookup = self.unread(&table.schema, &table.name).unwrap_or_else(|| {
            let routed = self.router.table(table);
            match self.filter.kinds(&table.schema, &table.name) {
                Kinds::ALL => Lookup::Read(routed),
                kinds => Lookup::Some(routed, kinds),
            }
        });
        self.seen.insert(table.id, (Arc::clone(table), lookup.clone()));
        lookup
    }

    /// How the rows of a table that is not replicated are to be read: its definition need not be
    /// known. `None` if the table is replicated.
    #[must_use]
    pub fn unread(&self, schema: &str, table: &str) -> Option<Lookup> {
        if !wanted(schema) {
            return Some(Lookup::Skip);
        }
        (!self.filter.table(schema, table)).then_some(Lookup::LeaveOut)
    }

    /// Which row changes of a table are wanted, by its name upstream.
    #[must_use]
    pub fn kinds(&self, schema: &str, table: &str) -> Kinds {
        match self.unread(schema, table) {
            Some(_) => Kinds::NONE,
            None => self.filter.kinds(schema, table),
        }
    }

    /// What a table is called on the target.
    #[must_use]
    pub fn target(&self, schema: &str, table: &str) -> (String, String) {
        self.router.target(schema, table).unwrap_or_else(|| (schema.to_owned(), table.to_owned()))
    }

    /// The rule that keeps rows of a table on the target that the upstream no longer has; by the
    /// table's name there.
    #[must_use]
    pub fn keeps(&self, schema: &str, table: &str) -> Option<&str> {
        let is = |routed: &Table| routed.schema == schema && routed.name == table;
        self.seen.values().find_map(|(of, lookup)| match lookup {
            Lookup::Some(routed, _) if is(routed) => self.filter.keeps(&of.schema, &of.name),
            _ => None,
        })
    }

    /// The tables of an upstream database that are replicated and on the target, for a source that
    /// has no definitions; `None` where all that the target has under the database's name is the
    /// upstream's.
    ///
    /// # Errors
    /// If `tables`, which lists a database of the target, fails.
    pub fn contents(
        &self,
        schema: &str,
        tables: &mut dyn FnMut(&str) -> Result<Vec<String>>,
    ) -> Result<Option<Contents>> {
        match self.filter.database(schema) {
            Scope::None => return Ok(None),
            Scope::All if self.router.routes().is_empty() => return Ok(None),
            Scope::All | Scope::Some => {}
        }
        self.router.routes().contents(schema, &|schema, table| self.filter.table(schema, table), tables).map(Some)
    }

    /// Whether the transaction with rows of this commit ts is left out whole; says and counts it if
    /// so.
    pub fn ignores(&mut self, ts: CommitTs, events: &Events) -> bool {
        let ignored = self.filter.ignores(ts);
        if ignored {
            self.left_out.ignored += 1;
            events(Event::Warning(format!("left out as you asked: the transaction of commit ts {}", ts.explain())));
        }
        ignored
    }

    /// Tables, by their names on the target, of which DDL was left out by a rule on events since
    /// this was asked last: their columns may be others there.
    pub fn differing(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.news)
    }

    /// Whether a table whose rows come without a definition may have other columns on the target, as far
    /// as rules tell.
    #[must_use]
    pub fn may_differ(&self, schema: &str, table: &str) -> bool {
        self.filter.judges_texts() || self.filter.leaves_definition(schema, table, None)
    }

    fn differs(&mut self, schema: &str, table: &str) {
        let target = self.target(schema, table);
        if self.differ.insert(target.clone()) {
            self.news.push(target);
        }
    }

    /// A table that is renamed stays as it is.
    fn follow_renames(&mut self, ddl: &Ddl) {
        for before in &ddl.before {
            let renamed = ddl.after.iter().find(|after| after.id == before.id);
            if let Some(after) = renamed.filter(|after| after.schema != before.schema || after.name != before.name)
                && self.differ.contains(&self.target(&before.schema, &before.name))
            {
                self.differs(&after.schema, &after.name);
            }
        }
    }

    /// Counts the row changes of a transaction that were left out; `empty` if nothing is left of
    /// it.
    pub fn count(&mut self, left_out: LeftOut, empty: bool) {
        self.left_out.rows(left_out, empty);
    }

    /// What of a DDL goes on to the sink, under the target's names.
    #[must_use]
    pub fn ddl(&mut self, ts: CommitTs, ddl: Ddl, events: &Events) -> Option<Ddl> {
        for table in &ddl.before {
            self.seen.remove(&table.id);
        }
        let (text, schema, table) = (ddl.query.clone(), ddl.schema.clone(), ddl.table.clone());
        self.follow_renames(&ddl);
        let Judged { ddl, why, warning } = self.filter.ddl(ts, ddl);
        if let Some(warning) = warning {
            events(Event::Warning(warning));
        }
        if let Some(why) = why {
            self.left_out.ddl(why);
            if why == Why::Events {
                events(Event::Note(format!("left out by an event rule: `{text}` (commit ts {})", ts.explain())));
                self.differs(&schema, &table);
            }
        }
        // Of a DDL that is left out by its ts the sink keeps account, as of every one that is
        // skipped.
        self.left_out.ignored += u64::from(ddl.is_some() && self.filter.ignores(ts));
        ddl.and_then(|ddl| self.router.ddl(ts, ddl))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::silent;
    use crate::filter::{EventRule, Rules};
    use crate::model::Handle;

    fn table(id: i64, schema: &str, name: &str) -> Arc<Table> {
        Arc::new(Table {
            id,
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: vec![],
            keys: vec![],
            handle: Handle::RowId,
            foreign_keys: vec![],
            partitions: vec![],
            charset: String::new(),
            collation: String::new(),
            details: None,
        })
    }

    fn selection(tables: &[&str]) -> Selection {
        let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        let event = EventRule { tables: own(&["a.part"]), ignore: own(&["delete"]), ..EventRule::default() };
        let rules = Rules { tables: own(tables), events: vec![event], ignore_ts: vec![7] };
        Selection::new(Arc::new(Filter::new(&rules).unwrap()), Router::default())
    }

    #[test]
    fn each_definition_is_decided_once() {
        let mut selection = selection(&["a.*"]);
        let first = table(1, "a", "t");
        assert!(matches!(selection.lookup(&first), Lookup::Read(t) if Arc::ptr_eq(&t, &first)));
        assert!(matches!(selection.lookup(&table(2, "a", "part")), Lookup::Some(_, kinds) if !kinds.delete));
        assert!(matches!(selection.lookup(&table(3, "b", "t")), Lookup::LeaveOut));
        assert!(matches!(selection.lookup(&table(4, "mysql", "user")), Lookup::Skip));
        assert_eq!(selection.keeps("a", "part"), Some("event rule 1 for `a.part`: ignores delete"));
        assert_eq!(selection.keeps("a", "t"), None);
        // The same id under another name is another definition.
        let renamed = table(1, "b", "t");
        assert!(matches!(selection.lookup(&renamed), Lookup::LeaveOut));
        assert!(matches!(selection.lookup(&renamed), Lookup::LeaveOut));
        assert_eq!(selection.seen.len(), 4);
    }

    #[test]
    fn what_nobody_wants_need_not_be_known() {
        let selection = selection(&["a.*"]);
        assert!(matches!(selection.unread("b", "t"), Some(Lookup::LeaveOut)));
        assert!(selection.unread("a", "t").is_none());
    }

    #[test]
    fn a_ddl_left_out_by_its_ts_goes_to_the_sink_and_is_counted_once() {
        let mut selection = selection(&["a.*"]);
        let ddl = |schema: &str| Ddl {
            schema: schema.to_owned(),
            table: "t".to_owned(),
            query: "CREATE TABLE `t` (`a` INT)".to_owned(),
            ..Ddl::default()
        };
        assert!(selection.ddl(CommitTs(7), ddl("a"), &silent()).is_some());
        assert!(selection.ddl(CommitTs(7), ddl("b"), &silent()).is_none());
        assert!(selection.ignores(CommitTs(7), &silent()) && !selection.ignores(CommitTs(8), &silent()));
        assert_eq!(selection.left_out, Counts { ignored: 2, table_ddl: 1, ..Counts::default() });
    }
}
