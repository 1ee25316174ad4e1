//! Limits of a target: KEY partitions, generated numbers, names, transaction size.
//!
//! - Partitions by KEY. Only TiDB's own hash tells which rows they hold; other servers have a hash
//!   of their own. TiDB takes the CRC-32 of the columns' sort keys one after the other, a zero byte
//!   for NULL, modulo the number of partitions.
//! - Numbers that a server generates for new rows. Where the target is a source too, both clusters
//!   generate them and must not generate the same ones: one gives the odd ones and the other the
//!   even ones, or (TiDB only) they are random.
//! - Names that TiDB can have and other servers cannot: those keep names in three bytes of UTF-8
//!   for each character, which end at U+FFFF. Even a query about such a name is an error there, so
//!   none is sent.
//! - How large a transaction a TiDB target takes. TiDB counts the keys and values that a
//!   transaction writes. `performance.txn-total-size-limit` bounds them: 100 MiB unless set (error
//!   8004 above it). Since 6.5 that value, if left at its default, means that the transaction's
//!   memory counts into the session's instead, which `tidb_mem_quota_query` bounds (1 GiB unless
//!   set), unless `tidb_mem_oom_action` says that passing it is only logged.

use anyhow::Result;

use super::batch::full_name;
use crate::error::{Fault, counted};
use crate::event::{Event, Events};
use crate::model::{Hashed, Kind, LargeRows, Table};
use crate::mysql::server::{Flavour, Server};
use crate::mysql::session::Session;
use crate::sql::quote_name;

/// The condition on rows of `table` that TiDB keeps in this partition.
///
/// # Errors
/// Refused, if a column's sort key cannot be computed in SQL.
pub(super) fn condition(table: &Table, hashed: &Hashed) -> Result<String, Fault> {
    let mut parts = Vec::new();
    for name in &hashed.columns {
        let column = table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name));
        let key = column.and_then(|c| sort_key(&quote_name(&c.name), &c.kind));
        let key = key.ok_or_else(|| {
            Fault::refused(format!(
                "`{}`.`{}` is partitioned by KEY, and the target cannot tell which rows TiDB keeps in a partition for \
                 the column `{name}`",
                table.schema, table.name
            ))
        })?;
        parts.push(format!("IFNULL({key}, X'00')"));
    }
    Ok(format!("CRC32(CONCAT({})) % {} = {}", parts.join(", "), hashed.of, hashed.number))
}

/// What TiDB hashes of a column; `None` if SQL cannot compute it: the weights of collations that
/// are not binary.
fn sort_key(name: &str, kind: &Kind) -> Option<String> {
    match kind {
        Kind::Int { .. } => Some(format!("CAST(CAST({name} AS CHAR) AS BINARY)")),
        Kind::Text { collation, .. } if collation.ends_with("_bin") => {
            Some(format!("CAST(TRIM(TRAILING ' ' FROM CONVERT({name} USING utf8mb4)) AS BINARY)"))
        }
        Kind::Binary { .. } => Some(format!("CAST({name} AS BINARY)")),
        _ => None,
    }
}

/// Limit of tables that a warning names.
const NAMED: usize = 5;

/// How a server generates numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The step between numbers: `auto_increment_increment`.
    pub increment: u64,
    /// The first number: `auto_increment_offset`.
    pub offset: u64,
}

impl Numbering {
    /// Reads the server's settings.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn read(session: &mut Session) -> Result<Self> {
        let found: Option<(u64, u64)> =
            session.first("SELECT @@GLOBAL.auto_increment_increment, @@GLOBAL.auto_increment_offset")?;
        let (increment, offset) = found.unwrap_or((1, 1));
        Ok(Self { increment, offset })
    }

    /// Whether two servers with these settings can generate equal numbers.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        let step = gcd(self.increment.max(1), other.increment.max(1));
        self.offset.abs_diff(other.offset).is_multiple_of(step)
    }

    /// The warning for two servers that leave numbers to each other and can nevertheless generate
    /// equal ones.
    #[must_use]
    pub fn clash(self, other: Self) -> Option<String> {
        let both = self.increment > 1 && other.increment > 1;
        (both && self.meets(other)).then(|| {
            format!(
                "both clusters number AUTO_INCREMENT columns the same way (increment {} from {} on, and {} from {} \
                 on): they will give the same numbers to different rows. Run `{}` on one cluster and `{}` on the other",
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

/// The statement that makes a server generate every other number, from `offset` (1 or 2) on.
/// Without repeating GLOBAL, TiDB takes the second variable for the session's.
#[must_use]
pub fn statement(offset: u8) -> String {
    format!("SET GLOBAL auto_increment_increment = 2, GLOBAL auto_increment_offset = {offset}")
}

/// How the target numbers rows of `tables` (names as in statements), if there are any. Warns, once
/// for all, if it leaves no numbers to the other side.
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
    let verb = if tables.len() == 1 { "has" } else { "have" };
    let lasting = match flavour {
        Flavour::TiDb => {
            "; TiDB keeps it for the whole cluster, for new sessions. A BIGINT that is the clustered primary key may get ALTER TABLE … MODIFY … \
             BIGINT AUTO_RANDOM instead"
        }
        Flavour::MySql | Flavour::MariaDb => {
            "; it holds for new sessions until the server restarts, so set it in its configuration too"
        }
    };
    format!(
        "{} on the target {verb} AUTO_INCREMENT columns, and its auto_increment_increment is {}: both clusters will \
         give the same numbers to different rows: {}{more}. Run `{}` on one cluster and `{}` on the other{lasting}",
        counted(tables.len(), "table"),
        found.increment,
        named.join(", "),
        statement(1),
        statement(2)
    )
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Server {
    /// The first character of `name` that names cannot have there.
    #[must_use]
    pub fn cannot_name(&self, name: &str) -> Option<char> {
        let odd = name.chars().find(|c| u32::from(*c) > 0xffff);
        odd.filter(|_| self.flavour != Flavour::TiDb)
    }

    /// The first character of a table's schema or name that names cannot have there.
    pub(super) fn cannot_name_table(&self, schema: &str, table: &str) -> Option<char> {
        self.cannot_name(schema).or_else(|| self.cannot_name(table))
    }

    /// Checks that the server can have `table`.
    ///
    /// # Errors
    /// Refused, if its names are not possible there.
    pub(super) fn has_room_for(&self, table: &Table) -> Result<(), Fault> {
        let Some(odd) = self.cannot_name_table(&table.schema, &table.name) else { return Ok(()) };
        let text = format!("rows of {} cannot be stored: {}", full_name(table), lacks(odd));
        Err(Fault::refused(text).hint(ANOTHER))
    }
}

/// The error text for a name with this character.
pub(super) fn lacks(odd: char) -> String {
    format!("the target cannot have a name that contains {odd}: names in MySQL and MariaDB are limited to U+FFFF")
}

/// The hint for a table with such a name.
pub(super) const ANOTHER: &str =
    "give the table another name on the target with `--route`, or leave it out with a `!` pattern";

/// Default of `performance.txn-total-size-limit`, in bytes.
const UNSET: u64 = 100 << 20;

/// The limit of a transaction on TiDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TidbLimit {
    /// Limit of bytes of keys and values.
    pub bytes: u64,
    setting: &'static str,
}

impl TidbLimit {
    /// Reads the target's limit. `None` if it is not TiDB, has no limit, or does not tell it:
    /// reading the configuration requires the privilege CONFIG, and a limit that is only guessed
    /// must not refuse a transaction.
    pub fn read(session: &mut Session) -> Option<Self> {
        if session.server().flavour != Flavour::TiDb {
            return None;
        }
        let version = session.server().version;
        // A refusal here is no answer; a lost connection will show with the next statement.
        let shown = "SHOW CONFIG WHERE type = 'tidb' AND name = 'performance.txn-total-size-limit'";
        let sizes: Vec<(String, String, String, String)> = session.rows(shown).unwrap_or_default();
        let size = sizes.iter().filter_map(|(_, _, _, value)| value.parse().ok()).min();
        let quota: Option<String> = session.first("SELECT @@tidb_mem_quota_query").ok().flatten();
        let action: Option<String> = session.first("SELECT @@tidb_mem_oom_action").ok().flatten();
        Self::of(version, size, quota.and_then(|q| q.parse().ok()), action.as_deref())
    }

    /// The limit that follows from these settings, as far as they are known.
    fn of(version: (u32, u32, u32), size: Option<u64>, quota: Option<i64>, action: Option<&str>) -> Option<Self> {
        let bytes = size?;
        if version == (0, 0, 0) && bytes == UNSET {
            // A build without a version: it is not known which of the two limits applies.
            return None;
        }
        if version < (6, 5, 0) || bytes != UNSET {
            return Some(Self { bytes, setting: "performance.txn-total-size-limit" });
        }
        let bytes = u64::try_from(quota?).ok().filter(|bytes| *bytes > 0)?;
        action.filter(|a| a.eq_ignore_ascii_case("CANCEL"))?;
        Some(Self { bytes, setting: "tidb_mem_quota_query" })
    }

    /// Refuses `txn` if the target certainly would, before anything of it is written.
    ///
    /// # Errors
    /// Refused, with the value to set.
    pub fn check(&self, txn: &dyn LargeRows) -> Result<()> {
        self.check_size(txn.least_written(), || {
            format!("the transaction committed at {} ({} bytes)", txn.commit_ts().explain(), txn.raw_size())
        })
    }

    fn check_size(&self, least: u64, what: impl Fn() -> String) -> Result<()> {
        if least <= self.bytes {
            return Ok(());
        }
        let Self { bytes, setting } = self;
        // Indexes and the target's own overhead come on top.
        let number = least.saturating_mul(2).next_multiple_of(1 << 20);
        let text = format!("{} writes at least {least} bytes, and the target's {setting} is {bytes}", what());
        Err(Fault::refused(text)
            .hint(format!(
                "set {setting} to {number} or more on the target and start again; or split the transaction with \
                 --max-txn-rows. Nothing of it was applied"
            ))
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::fault;
    use crate::model::{Column, Generated, Value};

    #[test]
    fn only_what_sql_can_tell() {
        let column = |name: &str, kind| Column {
            id: 1,
            name: name.to_owned(),
            kind,
            nullable: true,
            generated: Generated::No,
            hidden: false,
            missing: Value::Null,
        };
        let text = |collation: &str| Kind::Text { charset: "utf8mb4".into(), collation: collation.into() };
        let columns = vec![
            column("a", Kind::Int { bytes: 4, unsigned: false }),
            column("b", text("utf8mb4_bin")),
            column("c", text("utf8mb4_general_ci")),
        ];
        let table = Table { columns, ..Table::named("d", "t") };
        let of = |names: &[&str]| {
            let columns = names.iter().map(|n| (*n).to_owned()).collect();
            condition(&table, &Hashed { columns, number: 1, of: 3 })
        };
        assert_eq!(of(&["A"]).unwrap(), "CRC32(CONCAT(IFNULL(CAST(CAST(`a` AS CHAR) AS BINARY), X'00'))) % 3 = 1");
        assert!(of(&["a", "b"]).unwrap().contains("TRIM(TRAILING ' ' FROM"));
        assert!(of(&["c"]).unwrap_err().message.contains("`c`") && of(&["gone"]).is_err());
    }

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

    const OLD: (u32, u32, u32) = (5, 4, 3);
    const NEW: (u32, u32, u32) = (8, 1, 0);

    fn limit(
        version: (u32, u32, u32),
        size: Option<u64>,
        quota: Option<i64>,
        action: &str,
    ) -> Option<(u64, &'static str)> {
        TidbLimit::of(version, size, quota, Some(action)).map(|l| (l.bytes, l.setting))
    }

    #[test]
    fn which_setting_counts() {
        let total = "performance.txn-total-size-limit";
        assert_eq!(limit(OLD, Some(UNSET), Some(1 << 30), "CANCEL"), Some((UNSET, total)));
        assert_eq!(limit(NEW, Some(5 << 30), Some(1 << 30), "CANCEL"), Some((5 << 30, total)));
        assert_eq!(limit(NEW, Some(UNSET), Some(1 << 30), "CANCEL"), Some((1 << 30, "tidb_mem_quota_query")));
        // Not known, not limited, or not enforced.
        assert_eq!(limit(OLD, None, Some(1 << 30), "CANCEL"), None);
        assert_eq!(limit(NEW, None, Some(1 << 30), "CANCEL"), None);
        assert_eq!(limit(NEW, Some(UNSET), Some(-1), "CANCEL"), None);
        assert_eq!(limit(NEW, Some(UNSET), Some(0), "CANCEL"), None);
        assert_eq!(limit(NEW, Some(UNSET), Some(1 << 30), "LOG"), None);
        assert_eq!(TidbLimit::of(NEW, Some(UNSET), Some(1), None), None);
        assert_eq!(limit((0, 0, 0), Some(UNSET), Some(1 << 30), "CANCEL"), None);
    }

    #[test]
    fn a_transaction_above_it_is_refused_with_the_number_to_set() {
        let limit = TidbLimit { bytes: UNSET, setting: "performance.txn-total-size-limit" };
        assert!(limit.check_size(UNSET, String::new).is_ok());
        let error = limit.check_size(UNSET + 1, || "the transaction".to_owned()).unwrap_err();
        assert!(error.to_string().contains("at least 104857601 bytes"), "{error}");
        let hint = &fault(&error).unwrap().hint;
        assert!(hint.contains("performance.txn-total-size-limit to 210763776 or more"), "{hint}");
    }
}
