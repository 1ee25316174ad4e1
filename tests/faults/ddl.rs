//! DDL of the workload, each with a look that tells from outside whether it took effect.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value as Json, json};
use tisync::model::{Key, KeyPart};
use tisync::playground::tableinfo;

use crate::tables::{self, DATABASE, FIRST_EXTRA, JOURNAL, State, Work, text};
use crate::upstream::{Job, SCHEMA_ID};
use crate::workload::Workload;

/// The most columns that a table gets.
const MOST_COLUMNS: usize = 8;
/// The most tables that come and go.
const MOST_EXTRAS: usize = 4;

/// A DDL that ran upstream.
#[derive(Clone, Debug)]
pub struct Ran {
    pub commit_ts: u64,
    /// What kind of statement it is: `ADD COLUMN`.
    pub kind: &'static str,
    pub query: String,
    /// Gives 1 if it took effect, 0 if not.
    pub probe: String,
}

struct Plan {
    kind: &'static str,
    action: u8,
    query: String,
    probe: String,
}

fn run(work: &mut Workload, plan: Plan, before: (i64, &str), infos: (Json, Json, Json)) -> Result<()> {
    let (db_info, table_info, several) = infos;
    let job = Job {
        action: plan.action,
        table_id: before.0,
        table_name: before.1.to_owned(),
        query: plan.query.clone(),
        db_info,
        table_info,
        several,
    };
    let commit_ts = work.upstream.ddl(job)?;
    work.ddl.push(Ran { commit_ts, kind: plan.kind, query: plan.query, probe: plan.probe });
    Ok(())
}

fn of_table(work: &mut Workload, plan: Plan, before: (i64, &str), after: &State) -> Result<()> {
    run(work, plan, before, (Json::Null, after.info(0), Json::Null))
}

fn exists(table: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{DATABASE}' AND table_name = '{table}'"
    )
}

fn quoted(state: &State) -> String {
    format!("`{DATABASE}`.`{}`", state.name())
}

pub fn create_database(work: &mut Workload) -> Result<()> {
    let plan = Plan {
        kind: "CREATE DATABASE",
        action: 1,
        query: format!("CREATE DATABASE `{DATABASE}`"),
        probe: format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{DATABASE}'"),
    };
    run(work, plan, (0, ""), (tableinfo::db_info(SCHEMA_ID, DATABASE), Json::Null, Json::Null))
}

pub fn create(work: &mut Workload, mut state: State) -> Result<()> {
    Arc::make_mut(&mut state.table).id = work.upstream.new_id();
    let plan = Plan { kind: "CREATE TABLE", action: 3, query: state.create(), probe: exists(state.name()) };
    of_table(work, plan, (state.table.id, state.name()), &state)?;
    work.states.push(state);
    Ok(())
}

/// Any DDL that is possible now.
pub fn random(work: &mut Workload) -> Result<()> {
    let extras = work.states.len() - FIRST_EXTRA;
    let at = FIRST_EXTRA + usize::try_from(work.random.below(extras as u64))?;
    match work.random.below(9) {
        0 | 1 if extras < MOST_EXTRAS => create_extra(work),
        2 if extras > 0 => drop_table(work, at),
        3 if extras > 0 => rename(work, at),
        4 if extras > 0 => truncate(work, at),
        5 if extras > 1 => swap(work),
        6 => index(work),
        7 => comment(work),
        _ => add_column(work),
    }
}

fn create_extra(work: &mut Workload) -> Result<()> {
    work.extras += 1;
    let state = tables::extra(work.extras);
    create(work, state)
}

fn drop_table(work: &mut Workload, at: usize) -> Result<()> {
    let state = work.states.remove(at);
    let plan = Plan {
        kind: "DROP TABLE",
        action: 4,
        query: format!("DROP TABLE {}", quoted(&state)),
        probe: format!("SELECT 1 - ({})", exists(state.name())),
    };
    of_table(work, plan, (state.table.id, state.name()), &state)
}

fn rename(work: &mut Workload, at: usize) -> Result<()> {
    work.extras += 1;
    let old = quoted(&work.states[at]);
    let before = (work.states[at].table.id, work.states[at].name().to_owned());
    let name = format!("extra_{}_renamed", work.extras);
    Arc::make_mut(&mut work.states[at].table).name.clone_from(&name);
    let state = work.states[at].clone();
    let query = format!("RENAME TABLE {old} TO {}", quoted(&state));
    let plan = Plan { kind: "RENAME TABLE", action: 14, query, probe: exists(&name) };
    of_table(work, plan, (before.0, &before.1), &state)
}

/// A table that holds something, so that one can see it.
fn truncate(work: &mut Workload, at: usize) -> Result<()> {
    let mut fill = Work::default();
    let state = &mut work.states[at];
    let handle = state.handle();
    let row = state.row(vec![tisync::model::Value::Int(handle), text("goes")], handle);
    fill.insert(state, handle, row);
    work.upstream.rows(&fill.changes, &fill.handles)?;
    let id = work.upstream.new_id();
    let state = &mut work.states[at];
    let old = state.table.id;
    Arc::make_mut(&mut state.table).id = id;
    state.rows.clear();
    let state = state.clone();
    let plan = Plan {
        kind: "TRUNCATE TABLE",
        action: 11,
        query: format!("TRUNCATE TABLE {}", quoted(&state)),
        probe: format!("SELECT COUNT(*) = 0 FROM {}", quoted(&state)),
    };
    of_table(work, plan, (old, state.name()), &state)
}

/// Two tables change their names: definitions alone hardly tell.
fn swap(work: &mut Workload) -> Result<()> {
    let (first, second) = (FIRST_EXTRA, FIRST_EXTRA + 1);
    // A row that only one of them has tells them apart.
    let mark = work.upstream.new_id();
    let mut fill = Work::default();
    let state = &mut work.states[first];
    let handle = state.handle();
    let label = format!("mark {mark}");
    let row = state.row(vec![tisync::model::Value::Int(handle), text(&label)], handle);
    fill.insert(state, handle, row);
    work.upstream.rows(&fill.changes, &fill.handles)?;
    let (a, b) = (work.states[first].name().to_owned(), work.states[second].name().to_owned());
    let before = (work.states[first].table.id, a.clone());
    Arc::make_mut(&mut work.states[first].table).name.clone_from(&b);
    Arc::make_mut(&mut work.states[second].table).name.clone_from(&a);
    let infos = |name: &str, at: usize| {
        let mut state = work.states[at].clone();
        name.clone_into(&mut Arc::make_mut(&mut state.table).name);
        state.info(0)
    };
    let several = json!([infos("swapping", first), infos(&a, second), infos(&b, first)]);
    let [qa, qb, between] = [&a, &b, "swapping"].map(|n| format!("`{DATABASE}`.`{n}`"));
    let plan = Plan {
        kind: "RENAME TABLES (a swap)",
        action: 47,
        query: format!("RENAME TABLE {qa} TO {between}, {qb} TO {qa}, {between} TO {qb}"),
        probe: format!("SELECT COUNT(*) FROM {qb} WHERE `v` = '{label}'"),
    };
    run(work, plan, (before.0, &before.1), (Json::Null, Json::Null, several))
}

/// Any of the tables, but seldom the money.
fn some(work: &mut Workload) -> usize {
    1 + usize::try_from(work.random.below(work.states.len() as u64 - 1)).unwrap_or(0)
}

fn add_column(work: &mut Workload) -> Result<()> {
    let at = if work.random.one_in(3) { JOURNAL } else { some(work) };
    if work.states[at].table.columns.len() >= MOST_COLUMNS {
        return Ok(());
    }
    let id = work.states[at].table.columns.iter().map(|c| c.id).max().unwrap_or(0) + 1;
    let name = format!("added_{id}");
    let (column, details) = tables::added(id, &name);
    let before = (work.states[at].table.id, work.states[at].name().to_owned());
    let mut with = work.states[at].details.clone();
    with.columns.insert(name.clone(), details.clone());
    let query = tableinfo::add_column(&work.states[at].table, &column, &with);
    work.states[at].add_column(column, details);
    let state = work.states[at].clone();
    let probe = format!(
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '{DATABASE}' AND table_name = '{}' AND column_name = '{name}'",
        before.1
    );
    of_table(work, Plan { kind: "ADD COLUMN", action: 5, query, probe }, (before.0, &before.1), &state)
}

/// A unique index over a column that holds each value once, or away with it.
fn index(work: &mut Workload) -> Result<()> {
    let at = tables::TRANSFERS;
    let state = &mut work.states[at];
    let table = Arc::make_mut(&mut state.table);
    let there = table.keys.iter().position(|k| k.name == "u_twice");
    let (kind, action, query, wanted) = match there {
        Some(key) => {
            table.keys.remove(key);
            ("DROP INDEX", 8, "ALTER TABLE `faults`.`transfers` DROP INDEX `u_twice`", 0)
        }
        None => {
            let parts = [0, 3].map(|column| KeyPart { column, prefix: None }).to_vec();
            table.keys.push(Key { name: "u_twice".to_owned(), primary: false, parts });
            ("ADD INDEX", 7, "ALTER TABLE `faults`.`transfers` ADD UNIQUE INDEX `u_twice`(`id`, `amount`)", 2)
        }
    };
    let probe = format!(
        "SELECT COUNT(*) = {wanted} FROM information_schema.statistics WHERE table_schema = '{DATABASE}' AND table_name = 'transfers' AND index_name = 'u_twice'"
    );
    let state = work.states[at].clone();
    of_table(work, Plan { kind, action, query: query.to_owned(), probe }, (state.table.id, state.name()), &state)
}

/// A comment says nothing about rows.
fn comment(work: &mut Workload) -> Result<()> {
    let at = some(work);
    let comment = format!("comment {}", work.upstream.new_id());
    let state = work.states[at].clone();
    let plan = Plan {
        kind: "ALTER TABLE … COMMENT",
        action: 17,
        query: format!("ALTER TABLE {} COMMENT = '{comment}'", quoted(&state)),
        probe: format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{DATABASE}' AND table_name = '{}' AND table_comment = '{comment}'",
            state.name()
        ),
    };
    of_table(work, plan, (state.table.id, state.name()), &state)
}
