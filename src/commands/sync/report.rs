//! What a link says at its end.

use crate::event::{Event, Events};
use crate::loopback::Counts;
use crate::sink::Totals;

/// What was not replicated because it came from the other side.
pub(super) fn report_loopback(counts: &Counts, events: &Events) {
    let mut text = format!(
        "{} transactions came from the other side and were dropped, {} of them bookkeeping alone",
        counts.dropped, counts.bookkeeping
    );
    for (channel, txns) in &counts.others {
        text.push_str(&format!("; {txns} carried a mark of channel {channel}"));
    }
    text.push_str(&format!("; echoes: {}", counts.echoes));
    events(Event::Note(text));
}

/// What an operator must not miss at the end of a run.
pub(super) fn report(totals: &Totals, late: u64, events: &Events) {
    report_ddl(totals, events);
    for table in totals.left_out.iter().filter(|t| t.table_id != 0 || t.rows > 0) {
        let ended = if table.ended { "; the upstream has dropped it since" } else { "" };
        events(Event::Warning(format!(
            "`{}`.`{}` is not on the target, because the DDL of commit ts {} was skipped: {} row changes left out{ended}",
            table.schema, table.table, table.commit_ts.0, table.rows
        )));
    }
    for (table, odd) in &totals.anomalies {
        events(Event::Warning(format!(
            "{table} was not as expected: {} rows to change or delete were missing, {} rows to insert were there already",
            odd.missing, odd.duplicate
        )));
    }
    for (table, rows) in &totals.narrowed {
        events(Event::Warning(format!(
            "{table}: {rows} row changes were written without the columns that the target lacks, as --sync-mode 2, or a rule that leaves out its DDL, allows"
        )));
    }
    if late > 0 {
        events(Event::Note(format!(
            "changes of tables that had just been dropped or truncated were left out {late} times"
        )));
    }
}

/// DDLs that did not run as they are because somebody wanted it so, or because the target had them first.
fn report_ddl(totals: &Totals, events: &Events) {
    let skipped = totals.decided.iter().filter(|d| d.instead.is_none()).count();
    if !totals.decided.is_empty() {
        events(Event::Warning(format!(
            "by your word, {skipped} DDLs were skipped and {} replaced in this run:",
            totals.decided.len() - skipped
        )));
    }
    for ddl in &totals.decided {
        let how = ddl.instead.as_ref().map_or_else(|| "skipped".to_owned(), |sql| format!("replaced by `{sql}`"));
        events(Event::Warning(format!("commit ts {}, in `{}`: `{}` {how}", ddl.commit_ts.0, ddl.schema, ddl.query)));
    }
    if totals.returned_ddl > 0 {
        events(Event::Note(format!("{} DDLs came from the other side and were followed", totals.returned_ddl)));
    }
    if totals.wrong_side_ddl > 0 {
        events(Event::Warning(format!("{} DDLs on the wrong side were ignored", totals.wrong_side_ddl)));
    }
    if totals.unrun_ddl > 0 {
        events(Event::Note(format!(
            "{} DDLs of the upstream were followed and not run on the target, because no DDL is run on this link",
            totals.unrun_ddl
        )));
    }
}
