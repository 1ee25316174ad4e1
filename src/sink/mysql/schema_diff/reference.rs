//! The reference: an empty table that is made on the target from the upstream's definition, shown, and dropped again.

use std::collections::BTreeMap;

use mysql::Row;
use serde::{Deserialize, Serialize};

use super::column::ShownColumn;
use super::difference::{Difference, differences};
use super::foreign::ForeignKey;
use super::quotes::well_quoted;
use super::shown::{Named, Shown};
use super::tail::Options;
use crate::checkpoint::Failed;
use crate::sink::mysql::session::{Flavour, Session};
use crate::sql::Words;

/// How many partitions a reference has; a server makes a file for each.
pub const PARTITIONS: usize = 64;

/// What a table has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What stands behind the name in CREATE TABLE, in the target's words, without foreign keys and with the first [`PARTITIONS`] partitions.
    pub definition: String,
    /// The same with all partitions, where there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// Names of the partitions that `definition` leaves out, and what is said of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<(String, String)>,
    /// Foreign keys as they stand in CREATE TABLE, each parent with its database. They are not made: that would lock parents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<String>,
    /// What of the upstream's definition the target cannot have, and why.
    #[serde(skip)]
    pub without: Vec<String>,
}

impl Reference {
    /// What stands behind the name in CREATE TABLE, with all partitions.
    #[must_use]
    pub fn all(&self) -> &str {
        self.whole.as_ref().unwrap_or(&self.definition)
    }

    /// What the table that the target shows as `target`, in database `home`, has otherwise. `name`, in quotes with its database, is what
    /// the reference is called meanwhile.
    ///
    /// # Errors
    /// If the target does not make the reference, or cannot be read.
    pub fn compare(
        &self,
        session: &mut Session,
        name: &str,
        target: &Shown,
        home: &str,
    ) -> Result<(Shown, Vec<Difference>), Failed> {
        // A TiDB shows a definition in the very words of ours, and takes its time to make a table.
        if session.server().flavour == Flavour::TiDb
            && let Some(own) = self.as_written()
            && differences(&own, target, home, &Collations::default()).is_empty()
        {
            return Ok((own, Vec::new()));
        }
        let first = self.make(session, name, &self.definition)?.map(|shown| self.with_more(shown, target));
        let Some(mut upstream) = first else { return Ok((Shown::default(), Vec::new())) };
        let mut found = differences(&upstream, target, home, &Collations::default());
        if let Some(whole) = self.whole.as_ref().filter(|_| !found.is_empty()) {
            upstream = self.make(session, name, whole)?.unwrap_or(upstream);
        }
        if !found.is_empty() {
            found = differences(&upstream, target, home, &Collations::read(session)?);
        }
        Ok((upstream, found))
    }

    /// The definition as it is, without a server's look at it.
    fn as_written(&self) -> Option<Shown> {
        let mut shown = Shown::read(&format!("CREATE TABLE `t` {}", self.all()))?;
        shown.foreign_keys = self.foreign_keys.iter().filter_map(|key| ForeignKey::of(key)).collect();
        Some(shown)
    }

    fn make(&self, session: &mut Session, name: &str, definition: &str) -> Result<Option<Shown>, Failed> {
        let drop = format!("DROP TABLE IF EXISTS {name}");
        // First: what a run that was killed has left goes, and an account that may not drop makes nothing that stays.
        session.exec(&drop)?;
        session.exec(&format!("CREATE TABLE {name} {definition}"))?;
        let shown = show(session, name);
        session.exec(&drop)?;
        let mut shown = shown?;
        if let Some(shown) = &mut shown {
            // Names that the server made up for this one table.
            let made_up = |name: &str| name.starts_with("tisync_reference") || name.starts_with("CONSTRAINT_");
            shown.checks.iter_mut().filter(|c| made_up(&c.name)).for_each(|c| c.name.clear());
            shown.foreign_keys = self.foreign_keys.iter().filter_map(|key| ForeignKey::of(key)).collect();
        }
        Ok(shown)
    }

    /// `shown` with the partitions that were left out: in the target's words, where those say the same.
    fn with_more(&self, mut shown: Shown, target: &Shown) -> Shown {
        let there = target.partitioning.as_ref().map(|by| by.partitions.as_slice()).unwrap_or_default();
        if let Some(by) = &mut shown.partitioning {
            by.partitions.extend(self.more.iter().map(|(name, text)| {
                let same = there.iter().find(|p| p.name == *name && plain(&p.text) == plain(text));
                same.cloned().unwrap_or_else(|| Named { name: name.clone(), text: text.clone() })
            }));
        }
        shown
    }
}

/// `text` without what servers write in several ways.
fn plain(text: &str) -> String {
    text.replace("_utf8mb4'", "'")
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '`')
        .collect::<String>()
        .to_uppercase()
}

/// A table, by its name in quotes with its database, as the target shows it; `None` if it is no table.
///
/// # Errors
/// If it is not there, or cannot be read.
pub fn show(session: &mut Session, name: &str) -> Result<Option<Shown>, Failed> {
    let row: Option<Row> = session.fetch_one(&format!("SHOW CREATE TABLE {name}"))?;
    let text = row.and_then(|row| row.get_opt::<String, _>(1)).and_then(Result::ok);
    let words = Words::of(name);
    let Some(((schema, table), text)) = words.name(0).zip(words.name(2)).zip(text) else { return Ok(None) };
    Ok(Shown::read(&well_quoted(session, (&schema, &table), text)?))
}

/// Each character set's default collation on a server. Empty: two defaults of the same set are the same, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Collations(BTreeMap<String, String>);

impl Collations {
    /// Those of the server of `session`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(session: &mut Session) -> Result<Self, Failed> {
        let sql =
            "SELECT LOWER(character_set_name), LOWER(default_collate_name) FROM information_schema.character_sets";
        Ok(Self(session.fetch::<(String, String)>(sql)?.into_iter().collect()))
    }

    fn default_of(&self, charset: &str) -> String {
        self.0.get(charset).cloned().unwrap_or_else(|| format!("default of {charset}"))
    }

    pub(super) fn of(&self, column: &ShownColumn, options: &Options) -> Option<String> {
        column.collation(|charset| self.default_of(charset)).or_else(|| self.of_table(options))
    }

    pub(super) fn of_table(&self, options: &Options) -> Option<String> {
        let collation = options.get("COLLATE").map(|name| name.to_lowercase());
        collation.or_else(|| options.get("CHARSET").map(|charset| self.default_of(&charset.to_lowercase())))
    }
}
