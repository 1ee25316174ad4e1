//! Names that TiDB has and other servers cannot have: they keep names in three bytes of UTF-8 for each character, which end at U+FFFF. Even a question about
//! such a name is an error there, so none is asked.

use super::batch::full_name;
use super::server::{Flavour, Server};
use crate::error::Fault;
use crate::model::Table;

impl Server {
    /// The first character of `name` that no name can have there.
    #[must_use]
    pub fn cannot_name(&self, name: &str) -> Option<char> {
        let odd = name.chars().find(|c| u32::from(*c) > 0xffff);
        odd.filter(|_| self.flavour != Flavour::TiDb)
    }

    /// The same of a table.
    pub(super) fn cannot_name_table(&self, schema: &str, table: &str) -> Option<char> {
        self.cannot_name(schema).or_else(|| self.cannot_name(table))
    }

    /// Whether rows of `table` have a place there.
    ///
    /// # Errors
    /// Refused, where it can have no such table.
    pub(super) fn has_room_for(&self, table: &Table) -> Result<(), Fault> {
        let Some(odd) = self.cannot_name_table(&table.schema, &table.name) else { return Ok(()) };
        let text = format!("rows of {} have no place: {}", full_name(table), lacks(odd));
        Err(Fault::refused(text).hint(ANOTHER))
    }
}

/// What is the matter with a name.
pub(super) fn lacks(odd: char) -> String {
    format!("the target cannot have a name with {odd} in it: names of MySQL and MariaDB end at U+FFFF")
}

/// What to do about a table of such a name.
pub(super) const ANOTHER: &str = "give the table another name there with `--route`, or leave it out with a `!` pattern";
