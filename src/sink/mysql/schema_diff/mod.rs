//! Checks whether a table on the target matches the upstream's definition.
//!
//! No server shows a definition as it was given: types get widths, expressions other brackets, keys
//! another order. So the expected definition is given to the target itself, as an empty table
//! beside its checkpoints (the *reference*, [`Reference`]), and what SHOW CREATE TABLE says of the
//! two is compared part by part. What the target's dialect cannot have is missing in both, and so
//! is no difference.
//!
//! ```text
//! mod         the reference, and the statements that make the target's table match
//! shown       SHOW CREATE TABLE in parts
//! difference  what differs
//! ```
//!
//! - The reference: an empty table that is made on the target from the upstream's definition,
//!   shown, and dropped again.
//! - The statements that make a table on the target match the upstream's.

mod difference;
mod shown;

use std::collections::BTreeMap;

use mysql::Row;
use serde::{Deserialize, Serialize};

use super::ddl::picture::same_name;
pub use super::definition::well_quoted;
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Server, Session};
use crate::sql::Words;
use crate::sql::quote_name;
use difference::ShownColumn;
pub use difference::{Difference, Part, differences};
use shown::{ForeignKey, Named, Options, Partitioning};
pub use shown::{Shown, without_foreign_keys};

/// Limit of a reference's partitions; a server makes a file for each.
pub const PARTITIONS: usize = 64;

/// How a table must be defined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What follows the name in CREATE TABLE, in the target's SQL, without foreign keys and with
    /// the first [`PARTITIONS`] partitions.
    pub definition: String,
    /// As `definition`, with all partitions, if there are more than [`PARTITIONS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// Names of the partitions that `definition` leaves out, each with its definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<(String, String)>,
    /// Foreign keys as in CREATE TABLE, each parent with its database. They are not created,
    /// because that would lock parents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<String>,
    /// Parts of the upstream's definition that the target cannot have, and why.
    #[serde(skip)]
    pub without: Vec<String>,
}

impl Reference {
    /// What follows the name in CREATE TABLE, with all partitions.
    #[must_use]
    pub fn all(&self) -> &str {
        self.whole.as_ref().unwrap_or(&self.definition)
    }

    /// The differences of the table that the target shows as `target`, in database `home`. `name`,
    /// quoted and with its database, is the name of the reference meanwhile.
    ///
    /// # Errors
    /// If the target does not create the reference, or cannot be read.
    pub fn compare(
        &self,
        session: &mut Session,
        name: &str,
        target: &Shown,
        home: &str,
    ) -> Result<(Shown, Vec<Difference>), SessionError> {
        // TiDB shows a definition exactly as we write it, and is slow to create a table.
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

    /// The definition itself, without being shown by a server.
    fn as_written(&self) -> Option<Shown> {
        let mut shown = Shown::read(&format!("CREATE TABLE `t` {}", self.all()))?;
        shown.foreign_keys = self.foreign_keys.iter().filter_map(|key| ForeignKey::of(key)).collect();
        Some(shown)
    }

    fn make(&self, session: &mut Session, name: &str, definition: &str) -> Result<Option<Shown>, SessionError> {
        let drop = format!("DROP TABLE IF EXISTS {name}");
        // First, so that what a killed run has left is removed, and an account that may not drop
        // creates nothing that stays.
        session.exec(&drop)?;
        session.exec(&format!("CREATE TABLE {name} {definition}"))?;
        let shown = show(session, name);
        session.exec(&drop)?;
        let mut shown = shown?;
        if let Some(shown) = &mut shown {
            // Names that the server generated for this one table.
            let made_up = |name: &str| name.starts_with("tisync_reference") || name.starts_with("CONSTRAINT_");
            shown.checks.iter_mut().filter(|c| made_up(&c.name)).for_each(|c| c.name.clear());
            shown.foreign_keys = self.foreign_keys.iter().filter_map(|key| ForeignKey::of(key)).collect();
        }
        Ok(shown)
    }

    /// `shown` with the partitions that were left out: in the target's form, if that is equal.
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

/// A table, by its quoted name with its database, as the target shows it; `None` if it is not a
/// table.
///
/// # Errors
/// If it does not exist, or cannot be read.
pub fn show(session: &mut Session, name: &str) -> Result<Option<Shown>, SessionError> {
    let row: Option<Row> = session.fetch_one(&format!("SHOW CREATE TABLE {name}"))?;
    let text = row.and_then(|row| row.get_opt::<String, _>(1)).and_then(Result::ok);
    let words = Words::of(name);
    let Some(((schema, table), text)) = words.name(0).zip(words.name(2)).zip(text) else { return Ok(None) };
    Ok(Shown::read(&well_quoted(session, (&schema, &table), text)?))
}

/// The default collation of each character set on a server. If empty, only two defaults of one set
/// are equal.
#[derive(Clone, Debug, Default)]
pub struct Collations(BTreeMap<String, String>);

impl Collations {
    /// Reads those of the server of `session`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn read(session: &mut Session) -> Result<Self, SessionError> {
        let sql =
            "SELECT LOWER(character_set_name), LOWER(default_collate_name) FROM information_schema.character_sets";
        Ok(Self(session.fetch::<(String, String)>(sql)?.into_iter().collect()))
    }

    fn default_of(&self, charset: &str) -> String {
        self.0.get(charset).cloned().unwrap_or_else(|| format!("default of {charset}"))
    }

    fn of(&self, column: &ShownColumn, options: &Options) -> Option<String> {
        column.collation(|charset| self.default_of(charset)).or_else(|| self.of_table(options))
    }

    fn of_table(&self, options: &Options) -> Option<String> {
        let collation = options.get("COLLATE").map(|name| name.to_lowercase());
        collation.or_else(|| options.get("CHARSET").map(|charset| self.default_of(&charset.to_lowercase())))
    }
}

/// ALTER TABLEs that remove `differences` from the table `name`, quoted, which is `target` now and
/// must be `upstream`.
///
/// A renamed column looks like one that was dropped and another that was added, so the
/// operator reads the statements before running them.
#[must_use]
pub fn statements(
    server: &Server,
    name: &str,
    (upstream, target): (&Shown, &Shown),
    differences: &[Difference],
    collations: &Collations,
) -> Vec<String> {
    let mend = Mend { server, upstream, target, differences, collations };
    let mut all = Vec::new();
    all.extend(mend.gone_foreign_keys());
    let clauses = [mend.drops(), mend.columns(), mend.adds(), mend.options()].concat();
    if !clauses.is_empty() {
        all.push(clauses.join(", "));
    }
    all.extend(mend.partitioning());
    all.extend(mend.new_foreign_keys());
    all.into_iter().map(|clause| format!("ALTER TABLE {name} {clause}")).collect()
}

struct Mend<'a> {
    server: &'a Server,
    upstream: &'a Shown,
    target: &'a Shown,
    differences: &'a [Difference],
    collations: &'a Collations,
}

impl Mend<'_> {
    fn differs(&self, is: impl Fn(&Part) -> bool) -> bool {
        self.differences.iter().any(|d| is(&d.part))
    }

    /// The differences of parts to which `name` gives a name.
    fn named(&self, name: impl Fn(&Part) -> Option<&String>) -> impl Iterator<Item = (&String, &Difference)> {
        self.differences.iter().filter_map(move |d| Some((name(&d.part)?, d)))
    }

    fn keys(&self) -> impl Iterator<Item = (&String, &Difference)> {
        self.named(|part| if let Part::Key(name) = part { Some(name) } else { None })
    }

    fn checks(&self) -> impl Iterator<Item = (&String, &Difference)> {
        self.named(|part| if let Part::Check(text) = part { Some(text) } else { None })
    }

    fn drops(&self) -> Vec<String> {
        let check = if self.server.flavour == Flavour::MySql { "CHECK" } else { "CONSTRAINT" };
        let named =
            |text: &str| self.target.checks.iter().find(|c: &&Named| c.text == text).map(|c| quote_name(&c.name));
        let checks = self.checks().filter(|(_, d)| d.target.is_some());
        let mut all: Vec<String> =
            checks.filter_map(|(text, _)| Some(format!("DROP {check} {}", named(text)?))).collect();
        all.extend(self.keys().filter(|(_, d)| d.target.is_some()).map(|(name, _)| match name.as_str() {
            "PRIMARY" => "DROP PRIMARY KEY".to_owned(),
            name => format!("DROP INDEX {}", quote_name(name)),
        }));
        let more =
            self.target.columns.iter().filter(|c| !self.upstream.columns.iter().any(|u| same_name(&u.name, &c.name)));
        all.extend(more.map(|column| format!("DROP COLUMN {}", quote_name(&column.name))));
        all
    }

    /// Clauses for columns that are added, changed or moved, in the order of the definition.
    fn columns(&self) -> Vec<String> {
        let moved = self.differs(|part| *part == Part::Order);
        let mut clauses = Vec::new();
        let mut before: Option<&ShownColumn> = None;
        for column in &self.upstream.columns {
            let is_new = self.differs(|part| matches!(part, Part::Column(name) if *name == column.name));
            let differs = self.differs(|part| matches!(part, Part::Attribute(name, _) if *name == column.name));
            let place = match before {
                Some(before) => format!(" AFTER {}", quote_name(&before.name)),
                None => " FIRST".to_owned(),
            };
            let (word, place) = match (is_new, moved) {
                (true, _) => ("ADD", place.as_str()),
                (false, true) => ("MODIFY", place.as_str()),
                (false, false) => ("MODIFY", ""),
            };
            if is_new || differs || moved {
                clauses.push(format!("{word} COLUMN {} {}{place}", quote_name(&column.name), self.definition(column)));
            }
            before = Some(column);
        }
        clauses
    }

    /// What follows the column's name, with its collation even if that is the table's.
    fn definition(&self, column: &ShownColumn) -> String {
        use difference::Attribute::{Charset, Collation, Type};
        let named = column.attributes.contains_key(&Charset) || column.attributes.contains_key(&Collation);
        let collation = self.collations.of(column, &self.upstream.options).filter(|_| column.is_text() && !named);
        match (collation, column.attributes.get(&Type)) {
            (Some(collation), Some(sql)) => {
                format!("{sql} COLLATE {collation}{}", column.text.get(sql.len()..).unwrap_or_default())
            }
            _ => column.text.clone(),
        }
    }

    fn adds(&self) -> Vec<String> {
        let keys = self.keys().filter_map(|(_, d)| d.upstream.as_ref()).map(|text| format!("ADD {text}"));
        let name = |text: &str| {
            let named = self.upstream.checks.iter().find(|c| c.text == text && !c.name.is_empty());
            named.map_or_else(String::new, |c| format!("CONSTRAINT {} ", quote_name(&c.name)))
        };
        let checks = self.checks().filter_map(|(_, d)| d.upstream.as_ref());
        keys.chain(checks.map(|text| format!("ADD {}{text}", name(text)))).collect()
    }

    fn options(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.differs(|part| *part == Part::Collation) {
            let charset = self.upstream.options.get("CHARSET").map_or("utf8mb4", String::as_str);
            let collation = self.collations.of_table(&self.upstream.options).unwrap_or_default();
            all.push(format!("DEFAULT CHARSET={charset} COLLATE={collation}"));
        }
        for difference in self.differences {
            match (&difference.part, &difference.upstream) {
                (Part::Option(name), text) if name == "COMMENT" => {
                    all.push(format!("COMMENT={}", text.as_deref().unwrap_or("''")));
                }
                (Part::Option(name), Some(text)) if name.starts_with('[') => all.push(text.clone()),
                _ => {}
            }
        }
        all
    }

    fn partitioning(&self) -> Option<String> {
        let counted = self.differs(|part| matches!(part, Part::Option(name) if name == "number of partitions"));
        let differs = counted || self.differs(|part| matches!(part, Part::Partitioning | Part::Partition(_)));
        if !differs {
            return None;
        }
        match (&self.upstream.partitioning, &self.target.partitioning) {
            (Some(own), Some(other)) => Some(added(own, other).unwrap_or_else(|| own.text.clone())),
            (Some(own), None) => Some(own.text.clone()),
            (None, _) => Some("REMOVE PARTITIONING".to_owned()),
        }
    }

    fn gone_foreign_keys(&self) -> Vec<String> {
        let gone = self.foreign(&self.target.foreign_keys, |d| d.target.as_ref());
        gone.map(|key| format!("DROP FOREIGN KEY {}", quote_name(&key.name))).collect()
    }

    fn new_foreign_keys(&self) -> Vec<String> {
        self.foreign(&self.upstream.foreign_keys, |d| d.upstream.as_ref())
            .map(|key| format!("ADD {}", key.text()))
            .collect()
    }

    fn foreign<'a>(
        &'a self,
        all: &'a [ForeignKey],
        side: impl Fn(&Difference) -> Option<&String> + 'a,
    ) -> impl Iterator<Item = &'a ForeignKey> + 'a {
        let differs = move |key: &&ForeignKey| {
            let text = key.text();
            self.differences.iter().any(|d| matches!(d.part, Part::ForeignKey(_)) && side(d) == Some(&text))
        };
        all.iter().filter(differs)
    }
}

/// The clause that adds partitions after the existing ones, if that is the only difference.
fn added(own: &Partitioning, other: &Partitioning) -> Option<String> {
    let (there, new) = own.partitions.split_at_checked(other.partitions.len())?;
    if own.by != other.by || there != other.partitions || new.is_empty() {
        return None;
    }
    let list: Vec<String> = new.iter().map(|p| format!("PARTITION {} {}", quote_name(&p.name), p.text)).collect();
    Some(format!("ADD PARTITION ({})", list.join(", ")))
}

#[cfg(test)]
mod tests;
