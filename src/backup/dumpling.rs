//! Reads the commit ts from the `metadata` file of a Dumpling or mydumper dump.
//!
//! Source: docs/protocol/tidb-binlog.md §11.4.
//!
//! - Judging: which of the positions in the file is the ts of the dump, and whether it can be one.
//! - Parsing, without judging: Dumpling and older mydumpers write headed blocks of `Key: value`
//!   lines, newer mydumpers a file like INI.

use std::io::Read;

use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::storage::{Object, Storage};
use crate::error::Fault;
use crate::model::CommitTs;
use crate::{backup, moment};

/// mydumper lists every table in its metadata, so it may be large; but not larger than this.
const MAX_LEN: u64 = 256 << 20;

/// What TiDB calls its binlog in `SHOW MASTER STATUS`.
const TIDB_LOG: &str = "tidb-binlog";

/// A dump whose position can be taken for a start of replication.
#[derive(Clone, Debug)]
pub struct Dump {
    /// The metadata file.
    pub place: String,
    /// The dump holds every transaction with a commit ts up to and including this.
    pub ts: CommitTs,
    /// The position as it stands in the file: a TSO, or the time that was given as `--snapshot`.
    pub pos: String,
    /// In the dump host's own time zone, which the file does not name.
    pub started: Option<String>,
    /// In the time zone of `started`.
    pub finished: Option<String>,
    /// What makes the position less than certain; to be shown to the operator.
    pub warnings: Vec<String>,
}

/// The dump in the folder, or of the metadata file, that `storage` names. `zone` is the zone of a
/// position that is a date-time; `now` bounds what can be a position.
///
/// # Errors
/// A usage fault when there is no dump; a refused one when the dump is unfinished, not of TiDB, has
/// no position, or one that cannot be right; a connect fault when the file cannot be read.
pub fn read(storage: &Storage, zone: Option<&TimeZone>, now: Timestamp) -> Result<Dump> {
    let Some(object) = storage.find("metadata")? else { return Err(missing(storage)?.into()) };
    let place = object.place.clone();
    let text = text(object)?;
    let Some(file) = Metadata::parse(&text) else {
        let fault = Fault::usage(format!("{place} is not the metadata file of a dump"));
        return Err(fault.hint("give the dump's folder, or the file `metadata` in it").into());
    };
    let position = finished_position(&place, &file)?;
    let pos = position.pos.clone().unwrap_or_default();
    let ts = position_ts(&place, &pos, zone, now)?;
    Ok(Dump { warnings: warnings(&file, &pos), place, ts, pos, started: file.started, finished: file.finished })
}

fn text(mut object: Object) -> Result<String> {
    let refuse = |why: &str| Fault::refused(format!("{} is not the metadata file of a dump: {why}", object.place));
    if object.len > MAX_LEN {
        return Err(refuse("it is far too large").hint("give the dump's folder, or the file `metadata` in it").into());
    }
    let mut bytes = Vec::new();
    object
        .reader
        .by_ref()
        .take(MAX_LEN)
        .read_to_end(&mut bytes)
        .with_context(|| Fault::connect(format!("cannot read {} to its end", object.place)).hint("check the disk"))?;
    String::from_utf8(bytes)
        .map_err(|_| refuse("it is not text").hint("give the dump's folder, or the file `metadata` in it").into())
}

/// Why a folder has no metadata file.
fn missing(storage: &Storage) -> Result<Fault> {
    let names = storage.names()?;
    let place = storage.place();
    if names.iter().any(|n| n == "metadata.partial" || n == "metadata.header") {
        return Ok(Fault::refused(format!(
            "the dump in {place} is unfinished: it has a `metadata.partial` but no `metadata`"
        ))
        .hint("wait until mydumper ends; if it ended already it has failed: dump again into an empty folder"));
    }
    if names.iter().any(|n| is_dump_file(n)) {
        return Ok(Fault::refused(format!(
            "the dump in {place} is unfinished: it has data files but no `metadata`, which is written last"
        ))
        .hint("wait until Dumpling ends; if it ended already it has failed: dump again into an empty folder"));
    }
    if names.iter().any(|n| n == "backupmeta") {
        return Ok(Fault::usage(format!("{place} contains a BR backup, not a dump"))
            .hint(format!("use `tisync ts from-br {place}`")));
    }
    Ok(Fault::usage(format!("{place} is not a dump's folder: it has neither `metadata` nor dump files"))
        .hint("give the folder that was Dumpling's --output"))
}

/// Whether Dumpling or mydumper names its data and schema files so.
fn is_dump_file(name: &str) -> bool {
    let base = [".gz", ".zst", ".snappy"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    [".sql", ".csv", ".dat", ".parquet"].iter().any(|end| base.ends_with(end))
}

/// The position of a dump of TiDB that has come to its end.
fn finished_position<'a>(place: &str, file: &'a Metadata) -> Result<&'a Position> {
    let refuse = |message: String, hint: &str| Err(Fault::refused(message).hint(hint).into());
    let named = file.position.as_ref().filter(|p| p.log.as_ref().is_some_and(|l| !l.is_empty()));
    if let Some((position, log)) = named.and_then(|p| Some((p, p.log.as_ref()?))).filter(|(_, log)| *log != TIDB_LOG) {
        let gtid = position.gtid.as_deref().unwrap_or_default();
        let pos = position.pos.as_deref().unwrap_or("?");
        return refuse(
            format!(
                "{place} belongs to a dump of {}, not of TiDB: its position is {pos} in the binlog file {log}",
                server(gtid)
            ),
            "tisync replicates from TiDB; to replicate from MySQL or MariaDB use DM with that position",
        );
    }
    if file.finished.is_none() {
        return refuse(
            format!("the dump of {place} is unfinished: the file has no line `Finished dump at`"),
            "wait until the dump ends; if it ended already it has failed: dump again into an empty folder",
        );
    }
    if let Some(values) = &file.contradiction {
        return refuse(
            format!("{place} contradicts itself at {values}"),
            "dump again, or find out who edited the file",
        );
    }
    let Some(position) = &file.position else {
        let why = match (&file.after_connect, file.replicas) {
            (Some(_), _) => "only a position taken after the data connections were opened",
            (None, 0) => "mydumper 0.10 writes none for TiDB, nor does any dump tool for a server with binlog disabled",
            (None, _) => "only the position of the primary of the replica that was dumped",
        };
        return refuse(
            format!("{place} has no position: {why}"),
            "dump again with Dumpling, which takes a snapshot of TiDB and records its TS",
        );
    };
    match (named, position.pos.as_deref()) {
        (Some(position), Some(pos)) if !pos.is_empty() => Ok(position),
        (None, _) => refuse(
            format!("{place} does not say which server was dumped: `Log` is missing or empty"),
            "a dump of TiDB says `Log: tidb-binlog`; dump again with Dumpling",
        ),
        _ => refuse(format!("{place} has no position: `Pos` is missing or empty"), "dump again with Dumpling"),
    }
}

/// The kind of server that writes GTIDs like this.
fn server(gtid: &str) -> &'static str {
    let first = gtid.split(',').next().unwrap_or_default();
    if first.is_empty() {
        "MySQL or MariaDB"
    } else if first.contains(':') {
        "MySQL"
    } else {
        "MariaDB"
    }
}

/// The ts that the text `pos` stands for.
fn position_ts(place: &str, pos: &str, zone: Option<&TimeZone>, now: Timestamp) -> Result<CommitTs> {
    if pos.bytes().all(|b| b.is_ascii_digit()) {
        let ts = backup::number(pos).map_err(|f| Fault::refused(format!("`Pos` in {place}: {f}")).hint(f.hint))?;
        return match backup::doubt(ts, now) {
            None => Ok(ts),
            Some(why) => {
                Err(Fault::refused(format!("`Pos` in {place} is not a TiDB timestamp: {}: {why}", ts.explain()))
                    .hint("check that the file is as Dumpling wrote it, and this machine's clock")
                    .into())
            }
        };
    }
    // Only a full time: `now` or `-5m` in a file would mean something else each time it is read.
    let time = match (moment::civil(pos), pos.parse::<Timestamp>(), zone) {
        (None, Ok(time), _) => time,
        (None, Err(_), _) => {
            return Err(Fault::refused(format!("`Pos` in {place} is neither a TSO nor a date-time: `{pos}`"))
                .hint("check that the file is as Dumpling wrote it")
                .into());
        }
        (Some(civil), _, Some(zone)) => moment::in_zone(civil, zone).with_context(|| format!("`Pos` in {place}"))?,
        (Some(_), _, None) => {
            let message = format!("`Pos` in {place} is a date-time without a time zone: {pos}");
            return Err(Fault::usage(message)
                .hint("give the zone of the session that dumped, TiDB's `time_zone`: --time-zone UTC, +08:00, Europe/Berlin")
                .into());
        }
    };
    let ts = moment::to_ts(time).with_context(|| format!("`Pos` in {place}"))?;
    match backup::doubt(ts, now) {
        None => Ok(ts),
        Some(why) => Err(Fault::refused(format!("`Pos` in {place}, {pos}, would be {}: {why}", ts.explain()))
            .hint("check --time-zone: it is the zone of the session that dumped; and this machine's clock")
            .into()),
    }
}

/// What the file shows that makes its position less than certain.
fn warnings(file: &Metadata, pos: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let later = file.after_connect.as_ref().and_then(|p| p.pos.as_deref()).filter(|later| *later != pos);
    if let Some(later) = later {
        warnings.push(format!(
            "the dump was not taken from one snapshot: its position moved from {pos} to {later} while its \
             connections were opened. Start at the first one and in safe mode: changes that are already in the dump \
             will be applied again"
        ));
    }
    if file.layout == Layout::Ini {
        warnings.push(
            "newer mydumpers ask for the position on a connection of its own, so it may be a little later than the snapshot \
             that was dumped, and the changes between would be lost. Compare it with `tidb_snapshot` in mydumper's log, and \
             start at the older one"
                .to_owned(),
        );
    }
    if !pos.bytes().all(|b| b.is_ascii_digit()) {
        warnings.push(format!("the position is a time, {pos}: tisync cannot check that it is in the given time zone"));
    }
    warnings
}

/// The program that lays a metadata file out like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Dumpling, and mydumper up to 0.11: `SHOW MASTER STATUS:`, then indented `Log: …`, `Pos: …`.
    Headed,
    /// mydumper from 0.12 on: `[source]`, then `File = …`, `Position = …`.
    Ini,
}

/// One server's position, as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// A binlog's name; `tidb-binlog` for TiDB.
    pub log: Option<String>,
    /// An offset in a MySQL binlog; for TiDB a TSO, or the text that was given as `--snapshot`.
    pub pos: Option<String>,
    /// Servers with GTIDs only; several lines joined.
    pub gtid: Option<String>,
}

/// What a metadata file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The program that wrote it.
    pub layout: Layout,
    /// In the dump host's own time zone, which the file does not name.
    pub started: Option<String>,
    /// Missing when the dump has not come to its end.
    pub finished: Option<String>,
    /// The position of the dumped server itself, taken before the data was read.
    pub position: Option<Position>,
    /// The server's position, taken again after all connections were open.
    pub after_connect: Option<Position>,
    /// How many positions of other servers, whose replica the dumped one was, follow.
    pub replicas: usize,
    /// Two values for one key in the first position: which one holds cannot be told.
    pub contradiction: Option<String>,
}

/// Whose position a block gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Own,
    AfterConnect,
    Other,
}

impl Metadata {
    /// Parses `text`; `None` when no line of it is of a metadata file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ini = text.lines().map(str::trim_start).any(|l| l.starts_with("# Started dump at") || l.starts_with('['));
        let layout = if ini { Layout::Ini } else { Layout::Headed };
        let mut file = Self {
            layout,
            started: None,
            finished: None,
            position: None,
            after_connect: None,
            replicas: 0,
            contradiction: None,
        };
        let mut section = Section::None;
        for line in text.lines().map(str::trim) {
            let bare = line.trim_start_matches('#').trim_start();
            if let Some(when) = bare.strip_prefix("Started dump at:") {
                file.started = Some(when.trim().to_owned());
            } else if let Some(when) = bare.strip_prefix("Finished dump at:") {
                file.finished = Some(when.trim().to_owned());
            } else if let Some(next) = header(line, layout) {
                section = file.open(next);
            } else {
                file.line(section, bare);
            }
        }
        let known = file.started.is_some() || file.finished.is_some() || file.position.is_some() || file.replicas > 0;
        known.then_some(file)
    }

    /// Begins a block; a second one of the server itself is the position after connecting, with any
    /// header.
    fn open(&mut self, section: Section) -> Section {
        match section {
            Section::Own if self.position.is_some() => self.open(Section::AfterConnect),
            Section::Own => {
                self.position = Some(Position::default());
                section
            }
            Section::AfterConnect => {
                self.after_connect = Some(Position::default());
                section
            }
            Section::Other => {
                self.replicas += 1;
                section
            }
            Section::None => section,
        }
    }

    /// One line of a block.
    fn line(&mut self, section: Section, line: &str) {
        let position = match section {
            Section::Own => &mut self.position,
            Section::AfterConnect => &mut self.after_connect,
            Section::Other | Section::None => return,
        };
        let Some(position) = position else { return };
        let (name, value) = match self.layout {
            Layout::Headed => line.split_once(':').unwrap_or((line, "")),
            Layout::Ini => line.split_once('=').unwrap_or((line, "")),
        };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        let slot = match (self.layout, name.trim().to_ascii_lowercase().as_str()) {
            (Layout::Headed, "log") | (Layout::Ini, "file" | "source_log_file" | "master_log_file") => {
                &mut position.log
            }
            (Layout::Headed, "pos") | (Layout::Ini, "position" | "source_log_pos" | "master_log_pos") => {
                &mut position.pos
            }
            (Layout::Headed, "gtid") | (Layout::Ini, "executed_gtid_set") => &mut position.gtid,
            _ => {
                // The sets of MySQL run over several lines, each but the last ending with a comma.
                if let Some(set) = position.gtid.as_mut().filter(|set| set.ends_with(',')) {
                    set.push_str(line);
                }
                return;
            }
        };
        match slot {
            Some(first) if *first != value && section == Section::Own => {
                self.contradiction = Some(format!("{}: `{first}` and `{value}`", name.trim()));
            }
            Some(_) => {}
            None => *slot = Some(value),
        }
    }
}

/// Whose block `line` begins; `None` for any other line.
fn header(line: &str, layout: Layout) -> Option<Section> {
    if layout == Layout::Ini {
        let name = line.strip_prefix('[')?.strip_suffix(']')?.to_ascii_lowercase();
        return Some(match name.as_str() {
            "master" | "source" => Section::Own,
            _ if name.starts_with("replication") || name.starts_with("slave") || name.starts_with("replica") => {
                Section::Other
            }
            _ => Section::None,
        });
    }
    let upper = line.to_ascii_uppercase();
    let query = upper.strip_prefix("SHOW ")?;
    Some(if query.starts_with("MASTER STATUS") || query.starts_with("BINARY LOG STATUS") {
        if query.contains("AFTER CONNECTION") { Section::AfterConnect } else { Section::Own }
    } else {
        Section::Other
    })
}

#[cfg(test)]
#[path = "dumpling_tests.rs"]
mod tests;
