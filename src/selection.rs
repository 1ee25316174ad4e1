//! What of the upstream goes on to the sink: [`Filter`] by the upstream's names, with what it says about each definition kept.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;

use crate::decode::{Kinds, LeftOut, Lookup};
use crate::event::{Event, Events};
use crate::filter::{Counts, Filter, Judged, Why, wanted};
use crate::model::{CommitTs, Ddl, Table};

/// What goes on to the sink, and what was left out so far. The default takes everything.
#[derive(Default)]
pub struct Selection {
    filter: Arc<Filter>,
    /// What was decided about a table id, for this definition of it.
    seen: HashMap<i64, (Arc<Table>, Lookup)>,
    /// What the rules left out.
    pub left_out: Counts,
}

impl Selection {
    /// A selection that has seen nothing yet.
    #[must_use]
    pub fn new(filter: Arc<Filter>) -> Self {
        Self { filter, seen: HashMap::new(), left_out: Counts::default() }
    }

    /// How the rows of `table` are to be read.
    pub fn lookup(&mut self, table: &Arc<Table>) -> Lookup {
        if let Some((of, lookup)) = self.seen.get(&table.id)
            && Arc::ptr_eq(of, table)
        {
            return lookup.clone();
        }
        let lookup = self.unread(&table.schema, &table.name).unwrap_or_else(|| {
            match self.filter.kinds(&table.schema, &table.name) {
                Kinds::ALL => Lookup::Read(Arc::clone(table)),
                kinds => Lookup::Some(Arc::clone(table), kinds),
            }
        });
        self.seen.insert(table.id, (Arc::clone(table), lookup.clone()));
        lookup
    }

    /// The same of a table that nobody wants, whose definition need not be known; `None` if somebody does.
    #[must_use]
    pub fn unread(&self, schema: &str, table: &str) -> Option<Lookup> {
        if !wanted(schema) {
            return Some(Lookup::Skip);
        }
        (!self.filter.table(schema, table)).then_some(Lookup::LeaveOut)
    }

    /// Whether the transaction with rows of this commit ts is left out whole; says and counts it if so.
    pub fn ignores(&mut self, ts: CommitTs, events: &Events) -> bool {
        let ignored = self.filter.ignores(ts);
        if ignored {
            self.left_out.ignored += 1;
            events(Event::Warning(format!("left out by your word: the transaction of commit ts {}", ts.explain())));
        }
        ignored
    }

    /// Counts the row changes of a transaction that were left out; `empty` if nothing is left of it.
    pub fn count(&mut self, left_out: LeftOut, empty: bool) {
        self.left_out.rows(left_out, empty);
    }

    /// What of a DDL goes on to the sink.
    ///
    /// # Errors
    /// If it cannot be said under which names.
    pub fn ddl(&mut self, ts: CommitTs, ddl: Ddl, events: &Events) -> Result<Option<Ddl>> {
        for table in &ddl.before {
            self.seen.remove(&table.id);
        }
        let text = ddl.query.clone();
        let Judged { ddl, why, warning } = self.filter.ddl(ts, ddl);
        if let Some(warning) = warning {
            events(Event::Warning(warning));
        }
        if let Some(why) = why {
            self.left_out.ddl(why);
            if why == Why::Events {
                events(Event::Note(format!("left out by an event rule: `{text}` (commit ts {})", ts.explain())));
            }
        }
        // Of a DDL that is left out by its ts the sink keeps account, as of every one that is skipped.
        self.left_out.ignored += u64::from(ddl.is_some() && self.filter.ignores(ts));
        Ok(ddl)
    }
}
