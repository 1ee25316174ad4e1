//! Turns groups of MariaDB's binlog into transactions and DDL jobs of a simulated TiDB.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use mysql::binlog::events::{Event as BinlogEvent, TableMapEvent};
use serde_json::Value as Json;

use super::known::Census;
use super::known::{Catalog, Known};
use super::rows;
use super::statement::Origins;
use super::statement::{self, Statement};
use super::statement::{Query, Shadow};
use crate::event::{Event, Events};
use crate::mark::Origin;
use crate::model::{ActionType, RowChange, Table};
use crate::playground::Upstream;
use crate::playground::cluster::Cluster;
use crate::playground::encode::row::Job;
use crate::playground::sql_name;
use crate::playground::tableinfo;
use crate::sink::mysql::ddl::form::{Form, Name};
use crate::sql;

/// MariaDB's own databases: no part of them belongs to a TiDB.
const SYSTEM: [&str; 4] = ["mysql", "sys", "performance_schema", "information_schema"];

/// One event of a group.
pub(super) enum Item {
    /// A statement.
    Query(Query),
    /// Changed rows, with the table that they belong to.
    Rows(Box<(BinlogEvent, TableMapEvent<'static>)>),
}

/// Turns groups: it knows every table as of the position in the binlog, and writes to the cluster's
/// Pumps.
pub(super) struct Turner {
    upstream: Upstream,
    shadow: Shadow,
    catalog: Catalog,
    row_id: i64,
    census: Census,
    origins: Origins,
    /// The comment in front of the statement that is being turned.
    comment: Option<String>,
    events: Events,
}

impl Turner {
    pub(super) fn new(cluster: Arc<Cluster>, shadow: Shadow, events: Events) -> Self {
        let seed = cluster.cluster_id();
        let upstream = Upstream::new(cluster, None, seed);
        let (catalog, census, origins) = (Catalog::default(), Census::default(), Origins::default());
        Self { upstream, shadow, catalog, row_id: 0, census, origins, comment: None, events }
    }

    /// Writes the changes of a whole group: one transaction for its rows. Returns how many rows
    /// changed.
    ///
    /// # Errors
    /// If a part of it is refused; then nothing after it may be written.
    pub(super) fn group(&mut self, items: &[Item]) -> Result<u64> {
        let mut changes = Vec::new();
        for item in items {
            match item {
                Item::Query(query) => {
                    self.query(query).with_context(|| format!("`{}`, run in database `{}`", query.sql, query.schema))?
                }
                Item::Rows(rows) => changes.append(&mut self.rows(&rows.0, &rows.1)?),
            }
        }
        let mut handles = Vec::with_capacity(changes.len());
        for _ in &changes {
            self.row_id += 1;
            handles.push(self.row_id);
        }
        self.upstream.rows(&changes, &handles)?;
        self.census.take(&changes);
        Ok(u64::try_from(changes.len())?)
    }

    /// A count of the transactions that it wrote, by kind.
    pub(super) fn census(&self) -> Census {
        self.census
    }

    fn rows(&mut self, event: &BinlogEvent, map: &TableMapEvent<'static>) -> Result<Vec<RowChange>> {
        let (schema, name) = (map.database_name(), map.table_name());
        if system(&schema) {
            return Ok(Vec::new());
        }
        let known = self.catalog.table(&schema, &name).with_context(|| {
            format!("rows of `{schema}`.`{name}`, which was created without a binlog entry (sql_log_bin?)")
        })?;
        let changes =
            rows::changes(event, map, &known.table).with_context(|| format!("rows of `{schema}`.`{name}`"))?;
        changes.iter().for_each(|change| self.origins.see(change));
        Ok(changes)
    }

    fn query(&mut self, query: &Query) -> Result<()> {
        let (comment, sql) = Origin::split(&query.sql).map_or((None, query.sql.as_str()), |(o, sql)| (Some(o), sql));
        let query = &Query { sql: sql.to_owned(), ..query.clone() };
        let form = match statement::read(&query.sql, &query.schema) {
            Ok(Statement::Ddl(form)) => form,
            Ok(_) => return Ok(()),
            Err(why) => bail!("refused: {why}"),
        };
        let database = form.database().map(str::to_owned);
        if form.names().iter().map(|n| n.schema.as_str()).chain(database.as_deref()).any(system) {
            return Ok(());
        }
        self.comment = comment.map(|o| o.to_string()).or_else(|| self.origins.of(&form));
        self.shadow.run(query)?;
        let replace = query.sql.get(..17).is_some_and(|begin| begin.eq_ignore_ascii_case("CREATE OR REPLACE"));
        match form {
            Form::CreateDatabase(name) => self.create_database(&name, replace),
            Form::AlterDatabase(name) => self.alter_database(&name),
            Form::DropDatabase(name) => self.drop_database(&name),
            Form::Create { name, .. } => self.create_table(&name, replace, &query.sql),
            Form::Drop { names, .. } => names.iter().try_for_each(|name| self.drop_table(name)),
            Form::Rename(pairs) => pairs.iter().try_for_each(|(from, to)| self.rename_table(from, to)),
            Form::Truncate(name) => self.truncate_table(&name),
            Form::Alter { name, .. } => self.alter_table(&name, &query.sql),
            Form::AlterSequence { .. } | Form::Other => bail!("refused: it is not understood"),
        }
    }

    fn create_database(&mut self, name: &str, replace: bool) -> Result<()> {
        match (self.catalog.databases.contains_key(name), replace) {
            (true, true) => self.forget_database(name)?,
            (true, false) => return Ok(()),
            (false, _) => {}
        }
        let id = self.upstream.new_id();
        self.catalog.databases.insert(name.to_owned(), id);
        self.database_job(ActionType::CreateSchema, "CREATE", name, id)
    }

    fn alter_database(&mut self, name: &str) -> Result<()> {
        let id = self.database(name)?;
        self.database_job(ActionType::ModifySchemaCharset, "ALTER", name, id)
    }

    fn database_job(&mut self, action: ActionType, verb: &str, name: &str, id: i64) -> Result<()> {
        let (charset, collation) = self.shadow.database(name)?.context("the database does not exist")?;
        let mut info = tableinfo::db_info(id, name);
        info["charset"] = super::definition::as_tidb(&charset).into();
        info["collate"] = super::definition::as_tidb(&collation).into();
        let query = format!("{verb} DATABASE {} CHARACTER SET = {charset} COLLATE = {collation}", sql_name(name));
        self.job((action, id, name), None, query, &move |_| (info.clone(), Json::Null))
    }

    fn drop_database(&mut self, name: &str) -> Result<()> {
        if self.catalog.databases.contains_key(name) { self.forget_database(name) } else { Ok(()) }
    }

    fn forget_database(&mut self, name: &str) -> Result<()> {
        let id = self.database(name)?;
        self.catalog.databases.remove(name);
        self.catalog.tables.retain(|(schema, _), _| schema != name);
        let mut info = tableinfo::db_info(id, name);
        info["state"] = 0.into();
        let query = format!("DROP DATABASE {}", sql_name(name));
        self.job((ActionType::DropSchema, id, name), None, query, &move |_| (info.clone(), Json::Null))
    }

    fn create_table(&mut self, name: &Name, replace: bool, sql: &str) -> Result<()> {
        match (self.catalog.table(&name.schema, &name.name).is_some(), replace) {
            (true, true) => self.forget_table(name)?,
            // IF NOT EXISTS.
            (true, false) => return Ok(()),
            (false, _) => {}
        }
        let schema_id = self.database(&name.schema)?;
        let definition = self.shadow.table(&name.schema, &name.name).context("refused")?;
        let definition = definition.context("the table does not exist")?;
        let (text, cascades) = (definition.text.clone(), definition.cascades);
        // An option in TiDB's own syntax, which is a comment to MariaDB.
        let nonclustered = sql.contains("[clustered_index] NONCLUSTERED");
        let known = Known::new(schema_id, self.upstream.new_id(), nonclustered, definition).context("refused")?;
        self.warn(name, cascades);
        self.table_job(ActionType::CreateTable, &known, text)?;
        self.catalog.put(known);
        Ok(())
    }

    fn drop_table(&mut self, name: &Name) -> Result<()> {
        ensure!(!self.shadow.has(&name.schema, &name.name)?, "{name} still exists");
        if self.catalog.table(&name.schema, &name.name).is_some() { self.forget_table(name) } else { Ok(()) }
    }

    fn forget_table(&mut self, name: &Name) -> Result<()> {
        let known = self.catalog.take(&name.schema, &name.name).with_context(|| unknown(name))?;
        self.table_job(ActionType::DropTable, &known, format!("DROP TABLE {}", sql_name(&name.name)))
    }

    fn truncate_table(&mut self, name: &Name) -> Result<()> {
        let old = self.known(name)?;
        let new = old.moved(old.schema_id, self.upstream.new_id(), &name.schema, &name.name)?;
        let query = format!("TRUNCATE TABLE {}", sql_name(&name.name));
        let info = new.clone();
        self.job((ActionType::TruncateTable, old.schema_id, &name.schema), Some(&old.table), query, &move |ts| {
            (Json::Null, info.info(ts))
        })?;
        self.catalog.put(new);
        Ok(())
    }

    /// One of the pairs of a RENAME: each is a job of its own here, so a reader sees the states
    /// between them.
    fn rename_table(&mut self, from: &Name, to: &Name) -> Result<()> {
        let old = self.known(from)?;
        let schema_id = self.database(&to.schema)?;
        let new = old.moved(schema_id, old.table.id, &to.schema, &to.name)?;
        self.table_job(ActionType::RenameTable, &new, format!("RENAME TABLE {from} TO {to}"))?;
        self.catalog.take(&from.schema, &from.name);
        self.catalog.put(new);
        Ok(())
    }

    fn alter_table(&mut self, name: &Name, sql: &str) -> Result<()> {
        let old = self.known(name)?;
        let definition = self.shadow.table(&name.schema, &name.name).context("refused")?;
        let definition = definition.context("the table does not exist")?;
        self.warn(name, definition.cascades);
        let new = old
            .altered(definition, &sql::Statement::of(sql).renamed_columns().unwrap_or_default())
            .context("refused")?;
        let query = sql::with_collations(sql, &|name| self.shadow.collations.get(&name.to_lowercase()).cloned());
        self.table_job(statement::action(sql), &new, query)?;
        self.catalog.put(new);
        Ok(())
    }

    fn table_job(&mut self, action: ActionType, known: &Known, query: String) -> Result<()> {
        let schema = known.table.schema.clone();
        let info = known.clone();
        let outcome = move |ts| (Json::Null, info.info(ts));
        self.job((action, known.schema_id, &schema), Some(&known.table), query, &outcome)
    }

    /// A job on a database (by id and name) or a table.
    fn job(
        &mut self,
        (action, schema_id, schema): (ActionType, i64, &str),
        table: Option<&Table>,
        query: String,
        outcome: &dyn Fn(u64) -> (Json, Json),
    ) -> Result<()> {
        let job = Job {
            action,
            schema_id,
            schema_name: schema.to_owned(),
            table_id: table.map_or(0, |t| t.id),
            table_name: table.map_or_else(String::new, |t| t.name.clone()),
            query,
            comment: self.comment.clone(),
        };
        self.upstream.ddl(&job, outcome).map(|_| ())
    }

    fn known(&self, name: &Name) -> Result<Known> {
        self.catalog.table(&name.schema, &name.name).cloned().with_context(|| unknown(name))
    }

    fn database(&self, name: &str) -> Result<i64> {
        let id = self.catalog.databases.get(name).copied();
        id.with_context(|| format!("the database {} was created without a binlog entry", sql_name(name)))
    }

    fn warn(&self, name: &Name, cascades: bool) {
        if cascades {
            (self.events)(Event::Warning(format!(
                "{name} has a foreign key that cascades: changes that MariaDB makes through it are not in its row \
                 binlog, so the other side does not get them (TiDB would log them)"
            )));
        }
    }
}

fn unknown(name: &Name) -> String {
    format!("{name} was created without a binlog entry")
}

fn system(schema: &str) -> bool {
    SYSTEM.iter().any(|s| s.eq_ignore_ascii_case(schema))
}
