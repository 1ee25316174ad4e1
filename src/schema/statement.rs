//! Builds the statement that runs on the target for a job, and its current database.
//!
//! Databases, tables, views and sequences are named as the catalog spells them: upstream, `WORKER`
//! is the table `Worker`, but on a server with case-sensitive names there is no table `WORKER`. A
//! new name comes from the job, so the catalog has that too. The aliases of a query follow, and
//! tables in front of columns.

use std::ops::Range;

use super::apply::{Effect, Move};
use super::store::Store;
use crate::error::Fault;
use crate::mark::Origin;
use crate::model::{ActionType, CommitTs, Ddl, Kind, Partition, Side, Table};
use crate::sql::{
    Clause, Edit, Mention, MentionKind, Role, Source, Statement, Unclear, canonical, edited, is_closed, mentions,
    quote_name, statements,
};

impl Effect {
    /// The DDL of this job with `query`, the statement of its message of `commit_ts`: TiDB's
    /// restored text, which holds a database name only where the user wrote one.
    pub fn into_ddl(self, commit_ts: CommitTs, query: String) -> Ddl {
        let (query, unclear) = self.as_every_server_reads_it(commit_ts, query);
        let (schema, query) = match self.action {
            ActionType::RenameTable | ActionType::RenameTables => self.rename(query),
            ActionType::ExchangePartition => (self.exchange_database(&query), query),
            ActionType::DropTable => self.drop("TABLE", query),
            ActionType::DropView => self.drop("VIEW", query),
            ActionType::DropSequence => self.drop("SEQUENCE", query),
            _ => (self.schema.clone(), query),
        };
        let query = self.in_the_catalogs_spelling(query, &schema);
        let partitions = self.moves_of_partitions.as_ref().map(|m| m.partitions()).unwrap_or_default();
        Ddl {
            job_id: self.job_id,
            action: self.action,
            schema,
            table: self.table,
            query,
            written: self.query,
            refused: None,
            unclear: unclear.map(Box::new),
            side: Side::Unknown,
            after: self.after,
            before: self.before,
            charset: self.charset,
            collation: self.collation,
            checks: self.checks,
            sequences: self.sequences,
            temporary: self.temporary,
            early: None,
            zone: self.zone,
            partitions,
        }
    }

    /// The statement in its canonical form; unchanged, with the reason, where it has none.
    fn as_every_server_reads_it(&self, commit_ts: CommitTs, query: String) -> (String, Option<Fault>) {
        let (origin, statement) = match Origin::split(&query) {
            Some((origin, statement)) => (Some(origin), statement),
            None => (None, query.as_str()),
        };
        let typed = Origin::split(&self.query).map_or(self.query.as_str(), |(_, typed)| typed);
        let known = self.after.iter().any(|table| !table.columns.is_empty());
        let has = |element: &str| self.after.iter().any(|table| has_element(table, element));
        match canonical(statement, Source { typed, elements: known.then_some(&has) }) {
            Ok(text) => (origin.map_or(text.clone(), |origin| format!("{origin} {text}")), None),
            Err(why) => {
                let fault = unclear(statement, commit_ts, why);
                (query, Some(fault))
            }
        }
    }

    /// Within one database the statement stays as it is. Across databases the current one is not
    /// known, so all names are written out.
    fn rename(&self, query: String) -> (String, String) {
        let Some(first) = self.moves.first() else { return (self.schema.clone(), query) };
        let home = &first.from.0;
        if self.moves.iter().all(|m| m.from.0 == *home && m.to.0 == *home) {
            return (home.clone(), query);
        }
        let one = |m: &Move| format!("{} TO {}", qualified(&m.from.0, &m.from.1), qualified(&m.to.0, &m.to.1));
        let moves: Vec<String> = self.moves.iter().map(one).collect();
        (home.clone(), format!("RENAME TABLE {};", moves.join(", ")))
    }

    /// The session's database: that of the table without a database written before it.
    fn exchange_database(&self, query: &str) -> String {
        let partitioned = self.before.iter().chain(&self.after).find(|t| t.name == self.table).map(|t| &t.schema);
        let statement = Statement::of(query);
        let subject = statement.place(Role::Subject).filter(|_| statement.place(Role::With).is_some());
        match (subject, partitioned) {
            (Some(table), Some(schema)) if table.schema.is_none() => schema.clone(),
            _ => self.schema.clone(),
        }
    }

    /// One of several objects of a DROP. Each object has its own job and message, all with the
    /// statement's whole text.
    fn drop(&self, what: &str, query: String) -> (String, String) {
        let query = if Statement::of(&query).subjects().count() > 1 {
            format!("DROP {what} {};", qualified(&self.schema, &self.table))
        } else {
            query
        };
        (self.schema.clone(), query)
    }
}

fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quote_name(schema), quote_name(table))
}

/// Whether an ENUM or a SET of `table` has this element; the source keeps no trailing spaces.
fn has_element(table: &Table, element: &str) -> bool {
    let element = element.trim_end_matches(' ');
    table.columns.iter().any(|column| match &column.kind {
        Kind::Enum { elements } | Kind::Set { elements } => elements.iter().any(|e| e.trim_end_matches(' ') == element),
        _ => false,
    })
}

/// Refuses a statement that has no canonical form.
pub(crate) fn unclear(statement: &str, commit_ts: CommitTs, Unclear(why): Unclear) -> Fault {
    let shown: String = statement.trim_end_matches(';').chars().take(160).collect();
    Fault::refused(format!("`{shown}` (commit ts {}) is not sent to the target: {why}", commit_ts.explain())).hint(
        format!(
            "`--on-ddl-error 'replace:{0}=SQL'` runs your SQL instead, `--on-ddl-error skip:{0}` (or `--skip-ddl {0}`) \
         continues without it",
            commit_ts.0
        ),
    )
}

/// Database and name.
type Name = (String, String);

/// Whether `a` and `b` are one name to TiDB.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase()
}

impl Store {
    /// Looks up the other names in the statement of `effect`, while the store is as the job left
    /// it.
    pub fn spell(&self, effect: &mut Effect) {
        let own = effect.own_names();
        let mut homes: Vec<&str> = Vec::new();
        for (schema, _) in &own {
            if !homes.contains(&schema.as_str()) {
                homes.push(schema);
            }
        }
        let mut others = std::mem::take(&mut effect.others);
        for (schema, name) in named(&effect.query) {
            let schemas = schema.as_deref().map_or_else(|| homes.clone(), |schema| vec![schema]);
            for schema in schemas {
                if find(&own, schema, &name).is_none() && find(&others, schema, &name).is_none() {
                    others.extend(self.spelled(schema, &name));
                }
            }
        }
        effect.others = others;
    }
}

/// The databases, where written, and the names in a statement.
fn named(sql: &str) -> Vec<(Option<String>, String)> {
    let mut named = Vec::new();
    for statement in statements(sql) {
        let places = Statement::of(statement).places;
        let apart: Vec<Range<usize>> = places.iter().map(|place| place.at.clone()).collect();
        let of_query = mentions(statement, &apart).into_iter().filter(|m| m.kind == MentionKind::Read);
        named.extend(places.into_iter().map(|place| (place.schema, place.name)));
        named.extend(of_query.map(|m| (m.schema, m.name)));
    }
    named
}

impl Effect {
    /// `query` in the catalog's spelling, to be run with `home` as the current database.
    pub(super) fn in_the_catalogs_spelling(&self, query: String, home: &str) -> String {
        let mut known = self.own_names();
        known.extend(self.others.iter().cloned());
        let exchanged = self.moves_of_partitions.as_ref().map(|moves| moves.partitions()).unwrap_or_default();
        let speller = Speller { known, home, moves: &self.moves, exchanged };
        if self.action != ActionType::CreateTables {
            return speller.respell(&query);
        }
        let (mut out, mut rest) = (String::with_capacity(query.len()), query.as_str());
        for statement in statements(&query) {
            let Some((before, behind)) = rest.split_once(statement) else { continue };
            out.push_str(before);
            out.push_str(&speller.respell(statement));
            rest = behind;
        }
        out + rest
    }

    /// The job's own tables, views and sequences, before and after.
    fn own_names(&self) -> Vec<Name> {
        let moved = self.moves.iter().flat_map(|m| [&m.from, &m.to]).cloned();
        let tables = self.before.iter().chain(&self.after).map(|t| (t.schema.clone(), t.name.clone()));
        moved.chain(tables).chain([(self.schema.clone(), self.table.clone())]).collect()
    }
}

fn find<'a>(known: &'a [Name], schema: &str, name: &str) -> Option<&'a Name> {
    known.iter().find(|known| same(&known.1, name) && same(&known.0, schema))
}

/// A name as a statement has it.
struct Written<'a> {
    schema: Option<&'a str>,
    name: &'a str,
    at: Range<usize>,
}

struct Speller<'a> {
    known: Vec<Name>,
    home: &'a str,
    moves: &'a [Move],
    /// Partitions as their table spells them: MariaDB finds the rows of an exchanged one by its
    /// name as written.
    exchanged: Vec<Partition>,
}

impl Speller<'_> {
    /// A text in which a string or a name has no end stays unchanged: it is not sent.
    fn respell(&self, sql: &str) -> String {
        if !is_closed(sql) {
            return sql.to_owned();
        }
        let names = Statement::of(sql);
        let apart: Vec<Range<usize>> = names.places.iter().map(|place| place.at.clone()).collect();
        let mentions = mentions(sql, &apart);
        let mut prefixes = Prefixes::default();
        let mut edits = self.edit_places(&names, &mut prefixes);
        edits.extend(self.edit_read(&mentions, &mut prefixes));
        edits.extend(
            mentions.iter().filter(|m| m.kind == MentionKind::Prefix).filter_map(|m| self.edit_prefix(m, &prefixes)),
        );
        edits.extend(self.edit_partition(&names));
        edits.sort_by_key(|(at, _)| at.start);
        edited(sql, &edits)
    }

    /// Names of objects that the statement creates, changes, drops or refers to.
    fn edit_places(&self, names: &Statement, prefixes: &mut Prefixes) -> Vec<Edit> {
        let mut edits = Vec::new();
        // Several moves may rename one table in succession: each place in the text has the name of
        // its own move.
        let moves: Vec<&Name> = self.moves.iter().flat_map(|m| [&m.from, &m.to]).collect();
        let by_move = moves.len() == names.places.len();
        for (i, place) in names.places.iter().enumerate() {
            let written = Written { schema: place.schema.as_deref(), name: &place.name, at: place.at.clone() };
            let moved = moves.get(i).copied().filter(|name| by_move && same(&name.1, &place.name));
            let name = moved.or_else(|| self.find(&written));
            if place.role == Role::Database {
                let database = self.database(&place.name).filter(|database| *database != place.name);
                edits.extend(database.map(|database| (written.at, quote_name(database))));
                continue;
            }
            prefixes.add(&place.name, name.map_or(&place.name, |name| &name.1));
            edits.extend(self.edit(&written, name));
        }
        edits
    }

    /// Names that a query or an expression reads.
    fn edit_read(&self, mentions: &[Mention], prefixes: &mut Prefixes) -> Vec<Edit> {
        let mut edits = Vec::new();
        let common: Vec<&str> =
            mentions.iter().filter(|m| m.kind == MentionKind::Common).map(|m| m.name.as_str()).collect();
        for mention in mentions.iter().filter(|m| m.kind == MentionKind::Read) {
            let written = written(mention);
            let hidden = common.iter().find(|name| mention.schema.is_none() && same(name, &mention.name));
            let own = hidden.map(|name| (String::new(), (*name).to_owned()));
            let name = own.as_ref().or_else(|| self.find(&written));
            match &mention.alias {
                Some(alias) => prefixes.add(alias, alias),
                None => prefixes.add(&mention.name, name.map_or(&mention.name, |name| &name.1)),
            }
            edits.extend(self.edit(&written, name));
        }
        edits
    }

    /// The partition's name in an EXCHANGE.
    fn edit_partition(&self, statement: &Statement) -> Option<Edit> {
        let Some(Clause::ExchangePartition(written, at)) = statement.clauses.first() else { return None };
        let own = self.exchanged.iter().find(|own| same(&own.name, written) && own.name != *written)?;
        Some((at.clone(), quote_name(&own.name)))
    }

    fn find(&self, written: &Written<'_>) -> Option<&Name> {
        find(&self.known, written.schema.unwrap_or(self.home), written.name)
    }

    fn database(&self, name: &str) -> Option<&str> {
        self.known.iter().map(|(schema, _)| schema.as_str()).find(|schema| same(schema, name))
    }

    /// The catalog's spelling of a name in place of another one.
    fn edit(&self, written: &Written<'_>, name: Option<&Name>) -> Option<Edit> {
        let spelled = name.map_or(written.name, |(_, name)| name.as_str());
        let Some(schema) = written.schema else {
            return (spelled != written.name).then(|| (written.at.clone(), quote_name(spelled)));
        };
        let database = name.map(|(schema, _)| schema.as_str()).or_else(|| self.database(schema)).unwrap_or(schema);
        (spelled != written.name || database != schema)
            .then(|| (written.at.clone(), format!("{}.{}", quote_name(database), quote_name(spelled))))
    }

    /// The catalog's spelling of a name in front of a column.
    fn edit_prefix(&self, mention: &Mention, prefixes: &Prefixes) -> Option<Edit> {
        let written = written(mention);
        if written.schema.is_some() {
            return self.edit(&written, self.find(&written));
        }
        let spelled = prefixes.find(written.name).filter(|spelled| *spelled != written.name)?;
        Some((written.at, quote_name(spelled)))
    }
}

fn written(mention: &Mention) -> Written<'_> {
    Written { schema: mention.schema.as_deref(), name: &mention.name, at: mention.at.clone() }
}

/// The names that may stand in front of a column.
#[derive(Default)]
struct Prefixes(Vec<String>);

impl Prefixes {
    fn add(&mut self, written: &str, spelled: &str) {
        if same(written, spelled) && !self.0.iter().any(|known| known == spelled) {
            self.0.push(spelled.to_owned());
        }
    }

    /// The spelling of `name`, if there is only one: two queries in a statement may each have an
    /// alias.
    fn find(&self, name: &str) -> Option<&str> {
        let mut fitting = self.0.iter().filter(|known| same(known, name));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
