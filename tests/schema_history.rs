//! The schema over real DDL histories, together with the messages of their streams.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test: a panic is its answer, and a loud line its duty")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use libtest_mimic::{Arguments, Failed, Trial};
use prost::Message;
use tisync::model::{CommitTs, Ddl, Handle, Kind, Table};
use tisync::schema::{
    Catalog, Converted, DbInfo, FileHistory, History, Job, Snapshot, TableInfo, TableLookup, convert,
};
use tisync::source::binlog::{Binlog, PrewriteValue, TP_COMMIT};

type Check = fn(&Path) -> Result<(), Failed>;

fn main() {
    let args = Arguments::from_args();
    let root = std::env::var_os("TISYNC_RECORDINGS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings"), PathBuf::from);
    let there = root.is_dir();
    if !there {
        eprintln!("NOT RUN: no recordings at {}; set TISYNC_RECORDINGS", root.display());
    }
    let checks: [(&str, Check); 11] = [
        ("everything_ends_as_its_dump", |root| ends_as_dump(&root.join("everything"), "everything", 36)),
        ("feed_v81_ends_as_its_dump", |root| ends_as_dump(&root.join("feed-v81"), "pump", 36)),
        ("bidi_a_ends_as_its_dump", |root| ends_as_dump(&root.join("bidi-a"), "bidi-a", 2)),
        ("two_pumps_together", two_pumps),
        ("http_answers", http_answers),
        ("every_start_of_bidi_b", |root| every_start(&root.join("bidi-b"))),
        ("swap_by_rename", swap_by_rename),
        ("exchange_partition", exchange_partition),
        ("ddl_that_is_none", ddl_that_is_none),
        ("every_start_of_everything", |root| every_start(&root.join("everything"))),
        ("every_start_of_feed_v81", |root| every_start(&root.join("feed-v81/pump"))),
    ];
    let trial = |(name, check): (&'static str, Check)| {
        let root = root.clone();
        Trial::test(name, move || check(&root)).with_ignored_flag(!there)
    };
    libtest_mimic::run(&args, checks.into_iter().map(trial).collect()).exit();
}

/// One message of a stream.
enum Step {
    Ddl { ts: CommitTs, job: i64, query: Bytes, state: i32 },
    Rows { ts: CommitTs, version: i64, tables: Vec<i64> },
}

impl Step {
    fn ts(&self) -> CommitTs {
        match self {
            Self::Ddl { ts, .. } | Self::Rows { ts, .. } => *ts,
        }
    }
}

fn steps(folder: &Path) -> Result<Vec<Step>> {
    let bytes = Bytes::from(std::fs::read(folder.join("binlogs.bin"))?);
    let (mut at, mut steps) = (0, Vec::new());
    while at < bytes.len() {
        let length = usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into()?))?;
        let binlog = Binlog::decode(bytes.slice(at + 4..at + 4 + length))?;
        at += 4 + length;
        if binlog.tp != Some(TP_COMMIT) {
            continue;
        }
        let ts = CommitTs::from_wire(binlog.commit_ts.unwrap_or(-1)).unwrap();
        if let Some(job) = binlog.ddl_job_id.filter(|id| *id > 0) {
            let (query, state) = (binlog.ddl_query.unwrap_or_default(), binlog.ddl_schema_state.unwrap_or_default());
            steps.push(Step::Ddl { ts, job, query, state });
        } else if let Some(value) = binlog.prewrite_value {
            let value = PrewriteValue::decode(value)?;
            let tables = value.mutations.iter().map(|m| m.table_id.unwrap_or_default()).collect();
            steps.push(Step::Rows { ts, version: value.schema_version.unwrap_or_default(), tables });
        }
    }
    assert!(steps.is_sorted_by_key(Step::ts), "a Pump sends in the order of commit ts");
    Ok(steps)
}

/// What a step did to a catalog.
#[derive(Debug, PartialEq)]
enum Done {
    Ddl(Option<String>),
    Rows(Vec<TableLookup>),
}

fn apply(catalog: &mut Catalog, step: &Step) -> Result<(Done, Option<Ddl>)> {
    let mut never = |_: Duration| anyhow::bail!("a file does not grow");
    Ok(match step {
        Step::Ddl { ts, job, query, state } => {
            let ddl = catalog.ddl(*ts, *job, query, *state, &mut never)?;
            (Done::Ddl(ddl.as_ref().map(|d| format!("{d:?}"))), ddl)
        }
        Step::Rows { ts, version, tables } => {
            let found = tables
                .iter()
                .map(|id| catalog.table(*id, *version).map_err(|e| e.context(format!("rows at {}", ts.explain()))));
            (Done::Rows(found.collect::<Result<_>>()?), None)
        }
    })
}

fn history(folder: &Path) -> Result<Arc<dyn History>> {
    Ok(Arc::new(FileHistory::open(folder.join("ddl_history.json"))?))
}

fn start_ts(folder: &Path) -> Result<CommitTs> {
    let meta: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json"))?)?;
    Ok(CommitTs(meta["start_ts"].as_u64().unwrap()))
}

/// Replays a recording; gives the catalog at its end and every DDL.
fn replay(folder: &Path) -> Result<(Catalog, Vec<Ddl>)> {
    let mut catalog = Catalog::at(history(folder)?, start_ts(folder)?)?;
    let mut ddls = Vec::new();
    for step in steps(folder)? {
        ddls.extend(apply(&mut catalog, &step)?.1);
    }
    Ok((catalog, ddls))
}

/// A table as a dump's CREATE TABLE shows it.
#[derive(Debug, Default, PartialEq)]
struct Shape {
    /// Name, type, and whether NULL is refused.
    columns: Vec<(String, String, bool)>,
    /// Name and columns, sorted.
    keys: BTreeSet<(String, Vec<String>)>,
    clustered: bool,
    partitions: usize,
}

fn unquote(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '`' && chars.next_if(|(_, c)| *c == '`').is_none() {
            return (name, &text[at + 1..]);
        }
        name.push(c);
    }
    panic!("an open name: {text}");
}

/// The type of a dumped column in the words of [`type_of`].
fn dumped_type(text: &str) -> String {
    let word = text.split([' ', '(', ',']).next().unwrap();
    let rest = &text[word.len()..];
    let size = rest.strip_prefix('(').and_then(|r| r.split_once(')')).map_or("", |(size, _)| size);
    let sign = if text.contains(" UNSIGNED") || text.contains(" unsigned") { "u" } else { "" };
    match word {
        "tinyint" => format!("int1{sign}"),
        "smallint" => format!("int2{sign}"),
        "mediumint" => format!("int3{sign}"),
        "int" => format!("int4{sign}"),
        "bigint" => format!("int8{sign}"),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => "text".to_owned(),
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => "bytes".to_owned(),
        "datetime" | "timestamp" | "time" => format!("{word}({})", if size.is_empty() { "0" } else { size }),
        "decimal" | "binary" | "bit" => format!("{word}({size})"),
        // No element of these tables has a bracket in it.
        "enum" | "set" => {
            format!("{word} {}", rest.split(')').next().unwrap().replace("''", "").matches('\'').count() / 2)
        }
        other => other.to_owned(),
    }
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Int { bytes, unsigned } => format!("int{bytes}{}", if *unsigned { "u" } else { "" }),
        Kind::Year => "year".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Double => "double".to_owned(),
        Kind::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        Kind::Date => "date".to_owned(),
        Kind::Datetime { fsp } => format!("datetime({fsp})"),
        Kind::Timestamp { fsp } => format!("timestamp({fsp})"),
        Kind::Duration { fsp } => format!("time({fsp})"),
        Kind::Text { charset, collation } => {
            assert!(collation.starts_with(charset.as_str()) && !charset.is_empty(), "{charset} {collation}");
            "text".to_owned()
        }
        Kind::Binary { fixed: Some(length) } => format!("binary({length})"),
        Kind::Binary { fixed: None } => "bytes".to_owned(),
        Kind::Enum { elements } => format!("enum {}", elements.len()),
        Kind::Set { elements } => format!("set {}", elements.len()),
        Kind::Bit { width } => format!("bit({width})"),
        Kind::Json => "json".to_owned(),
    }
}

fn dumped(sql: &str) -> Shape {
    let mut shape = Shape::default();
    for line in sql.lines() {
        let line = line.trim();
        let (what, key) = match line.strip_prefix("PRIMARY KEY (") {
            Some(columns) => ("PRIMARY".to_owned(), Some(columns)),
            None => match line.strip_prefix("UNIQUE KEY ") {
                Some(rest) => {
                    let (name, rest) = unquote(rest);
                    (name, rest.trim_start().strip_prefix('('))
                }
                None => (String::new(), None),
            },
        };
        if let Some(mut rest) = key {
            let mut columns = Vec::new();
            while rest.starts_with('`') {
                let (name, tail) = unquote(rest);
                columns.push(name);
                rest = tail.trim_start_matches(',');
            }
            shape.clustered |= line.contains("] CLUSTERED");
            shape.keys.insert((what, columns));
        } else if line.starts_with('`') {
            let (name, rest) = unquote(line);
            shape.columns.push((name, dumped_type(rest.trim()), rest.contains(" NOT NULL")));
        }
        shape.partitions += line.matches("PARTITION `").count();
        if let Some((_, count)) = line.split_once("PARTITIONS ") {
            shape.partitions += count.trim_end_matches([';', ')']).trim().parse::<usize>().unwrap();
        }
    }
    shape
}

fn shape(table: &Table) -> Shape {
    let name = |i: usize| table.columns[i].name.clone();
    Shape {
        columns: table
            .columns
            .iter()
            .filter(|c| !c.hidden)
            .map(|c| (c.name.clone(), type_of(&c.kind), !c.nullable))
            .collect(),
        keys: table.keys.iter().map(|k| (k.name.clone(), k.parts.iter().map(|p| name(p.column)).collect())).collect(),
        clustered: table.handle != Handle::RowId,
        partitions: table.partitions.len(),
    }
}

/// At the end there are exactly the tables of the dump, with its columns and keys.
fn ends_as_dump(folder: &Path, stream: &str, least: usize) -> Result<(), Failed> {
    let recording = if stream == "pump" { folder.join("pump") } else { folder.to_owned() };
    let (catalog, _) = replay(&recording)?;
    let mut want = BTreeMap::new();
    let mut schemas = BTreeSet::new();
    for file in std::fs::read_dir(folder.join("dump"))? {
        let path = file?.path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(schema) = name.strip_suffix("-schema-create.sql") {
            schemas.insert(schema.to_owned());
        } else if let Some(table) = name.strip_suffix("-schema.sql") {
            want.insert(table.to_owned(), dumped(&std::fs::read_to_string(&path)?));
        }
    }
    assert!(want.len() >= least, "the dump has only {} tables", want.len());
    let ours = catalog.tables().filter(|t| schemas.contains(&t.schema));
    let have: BTreeMap<String, Shape> = ours.map(|t| (format!("{}.{}", t.schema, t.name), shape(t))).collect();
    for (name, want) in &want {
        assert_eq!(have.get(name), Some(want), "{name}");
    }
    assert_eq!(have.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    let databases: BTreeSet<&str> = catalog.databases().map(|(name, _, _)| name).collect();
    assert!(schemas.iter().all(|s| databases.contains(s.as_str())) && !databases.contains("gone"));
    Ok(())
}

/// Neither Pump's stream makes sense alone; merged, every id is known when it comes.
fn two_pumps(root: &Path) -> Result<(), Failed> {
    let folder = root.join("two-pumps");
    let mut merged = steps(&folder.join("pump-1"))?;
    merged.extend(steps(&folder.join("pump-2"))?);
    merged.sort_by_key(Step::ts);
    let mut catalog = Catalog::at(history(&folder)?, start_ts(&folder)?)?;
    let (mut tables, mut ddls) = (0, 0);
    for step in &merged {
        match apply(&mut catalog, step)? {
            (Done::Rows(found), _) => tables += found.iter().filter(|f| matches!(f, TableLookup::Table(_))).count(),
            (Done::Ddl(_), ddl) => ddls += usize::from(ddl.is_some()),
        }
    }
    assert!(tables > 1000 && ddls >= 3, "{tables} tables, {ddls} DDL");
    Ok(())
}

/// A live cluster's answers are read; its built-in databases have no tables to read.
fn http_answers(root: &Path) -> Result<(), Failed> {
    let read = |name: &str| std::fs::read(root.join("http").join(name));
    let schemas: Vec<DbInfo> = serde_json::from_slice(&read("tidb-schema.json")?)?;
    assert!(schemas.iter().any(|d| d.name.0 == "METRICS_SCHEMA") && schemas.iter().any(|d| d.id == 1));
    let tables: Vec<TableInfo> = serde_json::from_slice(&read("tidb-schema-bank.json")?)?;
    for info in &tables {
        assert!(matches!(convert(info, "bank"), Converted::Table(t) if t.keys[0].identifies(&t.columns)));
    }
    let page: Vec<Job> = serde_json::from_slice(&read("tidb-ddl-history-limit-2.json")?)?;
    assert_eq!(page.iter().map(|j| j.id).collect::<Vec<_>>()[0], 418);
    // What the history and the current schema say of a table is the same.
    let of_job = page[0].info.table.as_deref().unwrap();
    let now = tables.iter().find(|t| t.id == of_job.id).unwrap();
    assert_eq!(convert(of_job, "bank"), convert(now, "bank"));
    let older: Vec<Job> = serde_json::from_slice(&read("tidb-ddl-history-start-100-limit-2.json")?)?;
    assert!(older.iter().all(|j| j.id <= 100 && j.effective()));
    Ok(())
}

fn names(tables: &[Arc<Table>]) -> Vec<(i64, &str)> {
    tables.iter().map(|t| (t.id, t.name.as_str())).collect()
}

fn swap_by_rename(root: &Path) -> Result<(), Failed> {
    let (_, ddls) = replay(&root.join("everything"))?;
    let swap = ddls.iter().find(|d| d.action.number() == 47).ok_or("no RENAME of several tables")?;
    assert_eq!(names(&swap.before), [(171, "t"), (158, "t_renamed")]);
    assert_eq!(names(&swap.after), [(171, "t_old"), (158, "t")]);
    assert_eq!(swap.schema, "evolve");
    assert!(swap.query.starts_with("RENAME TABLE `t` TO `t_swap`, "), "all within one database: {}", swap.query);
    Ok(())
}

fn exchange_partition(root: &Path) -> Result<(), Failed> {
    let folder = root.join("everything");
    let (mut catalog, ddls) = replay(&folder)?;
    let exchange = ddls.iter().find(|d| d.action.number() == 42).ok_or("no EXCHANGE PARTITION")?;
    assert_eq!(exchange.job_id, 214);
    assert_eq!(names(&exchange.before), [(212, "ex_t"), (208, "ex_p")]);
    assert_eq!(names(&exchange.after), [(209, "ex_t"), (208, "ex_p")]);
    assert_eq!(exchange.after[1].partitions, [212, 210]);
    assert_eq!((exchange.schema.as_str(), exchange.table.as_str()), ("evolve", "ex_p"));
    assert_eq!(catalog.table(212, 181)?, TableLookup::Gone("exchanged with a partition by DDL job 214".to_owned()));
    let later = steps(&folder)?.iter().any(|s| matches!(s, Step::Rows { tables, .. } if tables.contains(&209)));
    assert!(later, "the recording has rows for the new id");
    Ok(())
}

/// The rolled-back job 167 and the first notice of the DROP COLUMN 166 are no DDL; all others are.
fn ddl_that_is_none(root: &Path) -> Result<(), Failed> {
    let folder = root.join("everything");
    let mut catalog = Catalog::at(history(&folder)?, CommitTs(0))?;
    let mut none = Vec::new();
    let mut some = 0;
    for step in steps(&folder)? {
        match (&step, apply(&mut catalog, &step)?.0) {
            (Step::Ddl { job, state, .. }, Done::Ddl(None)) => none.push((*job, *state)),
            (Step::Ddl { .. }, _) => some += 1,
            _ => {}
        }
    }
    assert_eq!(none, [(166, 1), (167, 0)]);
    assert_eq!(some, 122);
    Ok(())
}

/// A history in memory, so that many catalogs can begin from it.
struct Kept(Vec<Job>);

impl History for Kept {
    fn all(&self) -> Result<Vec<Job>> {
        Ok(self.0.clone())
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        Ok(self.0.iter().find(|j| j.id == id).cloned())
    }

    fn grows(&self) -> bool {
        false
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        Ok(None)
    }
}

/// A catalog that begins anywhere goes on exactly as one that has replayed everything before.
fn every_start(folder: &Path) -> Result<(), Failed> {
    let history: Arc<dyn History> = Arc::new(Kept(history(folder)?.all()?));
    let steps = steps(folder)?;
    let tables = |c: &Catalog| c.tables().cloned().collect::<Vec<_>>();
    let first = start_ts(folder)?;
    let mut whole = Catalog::at(Arc::clone(&history), first)?;
    let mut truth = Vec::new();
    // The tables from each ts on.
    let mut states = BTreeMap::from([(first.0, tables(&whole))]);
    for step in &steps {
        truth.push(apply(&mut whole, step)?.0);
        if matches!(step, Step::Ddl { .. }) {
            states.insert(step.ts().0, tables(&whole));
        }
    }
    let finished: BTreeMap<i64, u64> = history.all()?.iter().map(|j| (j.id, j.info.finished_ts)).collect();
    let mut starts = BTreeSet::new();
    // From a job's commit to its finish only its message or a row can tell that it is over.
    let mut open = Vec::new();
    for step in &steps {
        if let Step::Ddl { ts, job, .. } = step {
            let finished = finished.get(job).copied().unwrap_or(ts.0);
            open.push(ts.0..finished);
            starts.extend([ts.0 - 1, ts.0, ts.0 + 1, finished - 1, finished, finished + 1]);
        }
    }
    assert!(starts.len() > 40, "only {} starts", starts.len());
    for start in starts {
        let mut catalog = Catalog::at(Arc::clone(&history), CommitTs(start))?;
        if !open.iter().any(|o| o.contains(&start)) {
            let want = states.range(..=start).next_back().map(|(_, state)| state);
            assert!(want.is_none() || want == Some(&tables(&catalog)), "the tables at {start}");
        }
        let mut last = None;
        for (step, want) in steps.iter().zip(&truth).filter(|(s, _)| s.ts().0 > start) {
            // Rows after rows of the same tables and version say nothing new.
            let rows = match step {
                Step::Rows { version, tables, .. } => Some((*version, tables)),
                Step::Ddl { .. } => None,
            };
            if rows.is_some() && rows == last {
                continue;
            }
            last = rows;
            let have = apply(&mut catalog, step).map_err(|e| format!("from {start}: {e:#}"))?.0;
            assert_eq!(have, *want, "from {start}, at {}", step.ts());
        }
        // A start at the very end leaves jobs that only a later row could bring in.
        if steps.iter().any(|s| matches!(s, Step::Rows { ts, .. } if ts.0 > start)) {
            assert_eq!(tables(&catalog), tables(&whole), "from {start}");
        }
    }
    Ok(())
}
