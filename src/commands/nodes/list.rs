//! `nodes list`.

use anyhow::Result;
use serde::Serialize;

use super::report::{Row, notes, table};
use crate::cli::Format;
use crate::cli::nodes::ListArgs;
use crate::commands::ts::show;
use crate::output;
use crate::pd::State;

#[derive(Serialize)]
struct Answer {
    version: u32,
    cluster_id: String,
    nodes: Vec<Row>,
    /// What somebody should look at.
    notes: Vec<String>,
}

pub(super) fn run(args: &ListArgs, format: Format) -> Result<()> {
    let (pd, _) = super::connect(&args.cluster)?;
    let (all, now) = (super::nodes(&pd)?, pd.tso()?);
    let notes = notes(&all, now, &pd.flags());
    let shown = all.iter().filter(|(_, node)| args.all || node.state != State::Offline);
    let rows: Vec<Row> = shown.map(|(kind, node)| Row::new(*kind, node, now)).collect();
    if format == Format::Json {
        let cluster_id = pd.cluster_id().to_string();
        return show::json(&Answer { version: show::VERSION, cluster_id, nodes: rows, notes });
    }
    notes.iter().for_each(|note| output::warn(note));
    match format {
        Format::Csv => show::csv(&rows),
        _ => output::answer(&table(&rows)),
    }
}
