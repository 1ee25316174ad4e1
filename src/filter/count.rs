//! What was left out of a run by the operator's rules.

use std::fmt;

use super::Why;
use crate::decode::LeftOut;

/// Counts of what the rules left out, system databases not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Row changes of tables that are not replicated.
    pub table_rows: u64,
    /// Row changes of a kind that an event rule leaves out.
    pub event_rows: u64,
    /// DDLs on tables that are not replicated.
    pub table_ddl: u64,
    /// DDLs that an event rule leaves out.
    pub event_ddl: u64,
    /// Transactions of which nothing was left.
    pub emptied: u64,
    /// Transactions left out for their commit ts.
    pub ignored: u64,
}

impl Counts {
    /// Adds the row changes of a transaction, of which nothing was left if `empty`.
    pub fn rows(&mut self, left_out: LeftOut, empty: bool) {
        self.table_rows += left_out.tables;
        self.event_rows += left_out.kinds;
        self.emptied += u64::from(empty && left_out != LeftOut::default());
    }

    /// Adds a DDL.
    pub fn ddl(&mut self, why: Why) {
        match why {
            Why::System => {}
            Why::Tables => self.table_ddl += 1,
            Why::Events => self.event_ddl += 1,
        }
    }

    /// Whether anything was left out.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = |n: u64, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let part = |rows: u64, ddl: u64, by: &str| {
            let counts: Vec<String> = [(rows, "row change"), (ddl, "DDL")]
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| several(*n, what))
                .collect();
            (!counts.is_empty()).then(|| format!("{} {by}", counts.join(" and ")))
        };
        let parts = [
            part(self.table_rows, self.table_ddl, "of tables that are not replicated"),
            part(self.event_rows, self.event_ddl, "by event rules"),
            (self.ignored > 0).then(|| format!("{} by commit ts", several(self.ignored, "transaction"))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "left out: {}", parts.join("; "))?;
        if self.emptied > 0 {
            write!(f, "; nothing was left of {}", several(self.emptied, "transaction"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_what_there_was() {
        let mut counts = Counts::default();
        assert!(!counts.any());
        counts.ddl(Why::System);
        counts.rows(LeftOut::default(), true);
        assert!(!counts.any());
        counts.rows(LeftOut { tables: 2, kinds: 0 }, true);
        counts.rows(LeftOut { tables: 1, kinds: 1 }, false);
        counts.ddl(Why::Tables);
        assert_eq!(
            counts.to_string(),
            "left out: 3 row changes and 1 DDL of tables that are not replicated; 1 row change by event rules; nothing was left of \
             1 transaction"
        );
        assert_eq!(Counts { ignored: 1, ..Counts::default() }.to_string(), "left out: 1 transaction by commit ts");
    }
}
