//! A DDL under way, as it is stored beside its intent.
//!
//! It holds enough to judge the DDL and to finish it without the stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expected::ExpectedTable;
use super::form::Form;
use super::judge::{Expected, Shape, Verdict, judge};
use super::picture::{Picture, VERSION};
use crate::checkpoint::Intent;
use crate::model::{ActionType, Ddl, Table};

/// The beginning of our statement that deletes what a partition holds upstream.
pub(super) const DELETE: &str = "DELETE FROM";

/// A DDL under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The version of this layout.
    pub version: u32,
    /// The type of its job.
    pub action: ActionType,
    /// The database that must be current; `None` for a statement that creates or drops one.
    pub database: Option<String>,
    /// All statements in order. The intent names the one that is under way.
    pub statements: Vec<String>,
    /// The upstream's tables before the job, as far as they are known.
    pub before: Vec<Shape>,
    /// The upstream's tables after the job, as far as they are known.
    pub after: Vec<Shape>,
    /// The target before the statement that is under way.
    pub picture: Picture,
    /// Whether the operator wrote the statements.
    #[serde(default)]
    pub replaced: bool,
    /// From this statement on, statements are left out, with a report, if the target refuses them:
    /// what came before is useful alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional_from: Option<usize>,
    /// What runs instead of an optional statement that is left out, by its number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub if_left_out: BTreeMap<usize, String>,
    /// The comment in front of the statement under way as it was sent
    /// ([`Origin`](crate::mark::Origin)). Kept apart, so that the statements do not depend on
    /// marks: neither the code that judges and shows them nor an older version of tisync needs the
    /// comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// If it runs before its message: the position behind which it does ([`Ddl::early`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<u64>,
    /// The time zones, as SQL, of statements that do not run in UTC, by their numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<usize, String>,
    /// How the tables must be in the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<ExpectedTable>,
    /// Whether all statements are done, and the tables were then not as they must be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ran: bool,
}

impl Begun {
    /// The stored form of `ddl`, which runs as `statements`.
    #[must_use]
    pub fn new(ddl: &Ddl, statements: Vec<String>) -> Self {
        // ALTER DATABASE may name no database, and means the current one.
        let of_database = matches!(ddl.action, ActionType::CreateSchema | ActionType::DropSchema);
        Self {
            version: VERSION,
            action: ddl.action,
            database: (!of_database && !ddl.schema.is_empty()).then(|| ddl.schema.clone()),
            statements,
            // A table of which only the name is known has no columns, and is not of use here.
            before: ddl.before.iter().filter(|t| !t.columns.is_empty()).map(|t| shape(t)).collect(),
            after: ddl.after.iter().filter(|t| !t.columns.is_empty()).map(|t| shape(t)).collect(),
            picture: Picture::default(),
            replaced: false,
            optional_from: None,
            if_left_out: BTreeMap::new(),
            origin: None,
            early: ddl.early.map(|ts| ts.0),
            zones: BTreeMap::new(),
            expected: Vec::new(),
            ran: false,
        }
    }

    /// The stored form of statements that the operator wrote: their result need not be what the
    /// upstream has.
    #[must_use]
    pub fn instead(ddl: &Ddl, statements: Vec<String>) -> Self {
        Self { before: vec![], after: vec![], replaced: true, ..Self::new(ddl, statements) }
    }

    /// Parses a stored one; `None` if it is of another version, or damaged.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|b: &Self| b.version == VERSION)
    }

    /// The one stored with `intent`; `None` as for [`read`](Self::read), and if its statements are
    /// not those of the intent: they would run with our rights, and one of the two was changed.
    #[must_use]
    pub fn of(intent: &Intent) -> Option<Self> {
        let begun = Self::read(intent.before.as_deref()?)?;
        let home = begun.database.as_ref().is_none_or(|database| *database == intent.schema);
        (home && begun.text() == intent.query && (intent.step as usize) < begun.statements.len()).then_some(begun)
    }

    /// All statements as one text, as in the intent.
    #[must_use]
    pub fn text(&self) -> String {
        self.statements.join("; ")
    }

    /// The stored form.
    ///
    /// # Errors
    /// None that can occur: names and numbers always serialize.
    pub fn write(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The statement of `step`.
    #[must_use]
    pub fn statement(&self, step: usize) -> &str {
        self.statements.get(step).map_or("", String::as_str)
    }

    /// The statement of `step` as it is sent, and as the target's own lists show it.
    #[must_use]
    pub fn sent(&self, step: usize) -> String {
        let statement = self.statement(step);
        self.origin.as_ref().map_or_else(|| statement.to_owned(), |origin| format!("{origin} {statement}"))
    }

    /// The form of the statement of `step`.
    #[must_use]
    pub fn form(&self, step: usize) -> Form {
        Form::of(self.statement(step), self.database.as_deref().unwrap_or_default())
    }

    /// Whether the statement of `step` took effect, if the target is `now` like this.
    #[must_use]
    pub fn judge(&self, step: usize, now: &Picture) -> Verdict {
        if self.action == ActionType::TruncatePartition && !self.replaced && self.statement(step).starts_with(DELETE) {
            // The rows are the same, so running it again changes nothing.
            return Verdict::NotDone;
        }
        let form = self.form(step);
        judge(Expected { form: &form, before: &self.before, after: &self.after }, &self.picture, now)
    }
}

fn shape(table: &Table) -> Shape {
    let columns = table.columns.iter().filter(|c| !c.hidden).map(|c| c.name.clone()).collect();
    Shape { schema: table.schema.clone(), name: table.name.clone(), columns }
}
