//! The statements that make a table on the target what the upstream's is.

use super::column::ShownColumn;
use super::difference::{Difference, Part};
use super::foreign::ForeignKey;
use super::reference::Collations;
use super::shown::{Named, Shown};
use super::tail::Partitioning;
use crate::sink::mysql::ddl::picture::same_name;
use crate::sink::mysql::session::{Flavour, Server, quote_name};

/// ALTER TABLEs that take away `differences` from the table `name`, in quotes, which is `target` now and has to be `upstream`.
///
/// A renamed column cannot be told from one that was dropped and another that was added, so who runs this reads it before.
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

    /// Of all parts that `name` gives a name: those that differ, with what each side has.
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

    /// Columns that are added, changed or moved, in the order of the definition.
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

    /// What stands behind the column's name: with its collation, whatever the table's is.
    fn definition(&self, column: &ShownColumn) -> String {
        use super::column::Attribute::{Charset, Collation, Type};
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

/// The clause that adds partitions behind those that are there, where that is all.
fn added(own: &Partitioning, other: &Partitioning) -> Option<String> {
    let (there, new) = own.partitions.split_at_checked(other.partitions.len())?;
    if own.by != other.by || there != other.partitions || new.is_empty() {
        return None;
    }
    let list: Vec<String> = new.iter().map(|p| format!("PARTITION {} {}", quote_name(&p.name), p.text)).collect();
    Some(format!("ADD PARTITION ({})", list.join(", ")))
}
