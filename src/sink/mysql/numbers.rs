//! Numbers that a server gives to new rows by itself. Where the target is a source too, both clusters give them, and must not give the
//! same ones: one gives the odd ones and the other the even ones, or (TiDB alone) they are random.

use anyhow::Result;

use super::session::{Flavour, Session};
use crate::event::{Event, Events};

/// Tables that a warning names.
const NAMED: usize = 5;

/// How a server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// From one number to the next: `auto_increment_increment`.
    pub increment: u64,
    /// The first one: `auto_increment_offset`.
    pub offset: u64,
}

impl Numbering {
    /// Asks the server.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn read(session: &mut Session) -> Result<Self> {
        let found: Option<(u64, u64)> =
            session.first("SELECT @@GLOBAL.auto_increment_increment, @@GLOBAL.auto_increment_offset")?;
        let (increment, offset) = found.unwrap_or((1, 1));
        Ok(Self { increment, offset })
    }

    /// Whether two servers that count like this can give the same number.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        let step = gcd(self.increment.max(1), other.increment.max(1));
        self.offset.abs_diff(other.offset).is_multiple_of(step)
    }

    /// What to say where two servers leave numbers to each other and yet can give the same.
    #[must_use]
    pub fn clash(self, other: Self) -> Option<String> {
        let both = self.increment > 1 && other.increment > 1;
        (both && self.meets(other)).then(|| {
            format!(
                "both clusters number the rows of AUTO_INCREMENT columns alike (increment {} from {} on, and {} from {} on): they will give \
                 the same numbers to different rows. Run `{}` on one cluster and `{}` on the other",
                self.increment,
                self.offset,
                other.increment,
                other.offset,
                statement(1),
                statement(2)
            )
        })
    }
}

/// The statement that makes a server give every other number, from `offset` (1 or 2) on. TiDB takes the second variable for the
/// session's unless it is said again.
#[must_use]
pub fn statement(offset: u8) -> String {
    format!("SET GLOBAL auto_increment_increment = 2, GLOBAL auto_increment_offset = {offset}")
}

/// How the target numbers rows of `tables` (as statements name them), if there are any. Warns, once for all, where it leaves no number to
/// the other side.
///
/// # Errors
/// If the target does not answer.
pub(super) fn check(session: &mut Session, tables: &[String], events: &Events) -> Result<Option<Numbering>> {
    if tables.is_empty() {
        return Ok(None);
    }
    let found = Numbering::read(session)?;
    if found.increment < 2 {
        events(Event::Warning(warning(tables, found, session.server().flavour)));
    }
    Ok(Some(found))
}

fn warning(tables: &[String], found: Numbering, flavour: Flavour) -> String {
    let named: Vec<&str> = tables.iter().take(NAMED).map(String::as_str).collect();
    let more = if tables.len() > NAMED { ", …" } else { "" };
    let (noun, verb) = if tables.len() == 1 { ("table", "has") } else { ("tables", "have") };
    let lasting = match flavour {
        Flavour::TiDb => {
            "; TiDB keeps it for the whole cluster, for new sessions. A BIGINT that is the clustered primary key may get ALTER TABLE … MODIFY … \
             BIGINT AUTO_RANDOM instead"
        }
        Flavour::MySql | Flavour::MariaDb => {
            "; it holds for new sessions until the server restarts, so write it into its configuration too"
        }
    };
    format!(
        "{} {noun} on the target {verb} AUTO_INCREMENT columns, and its auto_increment_increment is {}: both clusters will give the same \
         numbers to different rows: {}{more}. Run `{}` on one cluster and `{}` on the other{lasting}",
        tables.len(),
        found.increment,
        named.join(", "),
        statement(1),
        statement(2)
    )
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_servers_give_the_same_numbers() {
        let numbering = |increment, offset| Numbering { increment, offset };
        for (a, b, meet) in [
            ((1, 1), (1, 1), true),
            ((2, 1), (2, 2), false),
            ((2, 1), (2, 1), true),
            ((2, 1), (1, 1), true),
            ((10, 3), (10, 4), false),
            ((2, 1), (4, 2), false),
            ((2, 1), (3, 2), true),
        ] {
            assert_eq!(numbering(a.0, a.1).meets(numbering(b.0, b.1)), meet, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_warning_names_a_few_tables() {
        let tables: Vec<String> = (1..8).map(|n| format!("`d`.`t{n}`")).collect();
        let text = warning(&tables, Numbering { increment: 1, offset: 1 }, Flavour::TiDb);
        assert!(text.starts_with("7 tables on the target have AUTO_INCREMENT"), "{text}");
        assert!(text.contains("`d`.`t5`, …") && !text.contains("t6") && text.contains("AUTO_RANDOM"), "{text}");
        let text = warning(&tables[..1], Numbering { increment: 1, offset: 1 }, Flavour::MariaDb);
        assert!(text.starts_with("1 table on the target has") && !text.contains("AUTO_RANDOM"), "{text}");
    }
}
