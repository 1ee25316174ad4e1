//! Checkpoints: a link's position, kept on the target in the transaction whose data it covers.
//!
//! A *link* is one upstream cluster and a name; each process that replicates it is a *run* with a
//! number of its own. In `tidb_binlog`:
//!
//! - `tisync_checkpoint` has one row per link: its position, its run, and a DDL under way
//!   ([`Link`]).
//! - `tisync_slot` has one row per worker. Each transaction with data updates its worker's row
//!   first ([`Slot`]); the row then lists the upstream transactions in it ([`Record`]) until the
//!   low-water mark has passed them.
//!
//! A new run locks all of these rows before it reads them ([`take`]): so it waits for a commit that
//! is still on its way, or has it rolled back, and then knows exactly what is durable
//! ([`Applied`]). It writes its own number into the rows, so an older run's next transaction
//! changes no row and stops. Within a run the same is done for one slot after a lost connection
//! ([`Slot::claim`]). What the target acknowledged as durable is compared with what it holds after
//! each new connection ([`Acknowledged`]).
//!
//! Before any of this a run takes the link's [`lease`], by which a second run is refused while the
//! first is alive. Correctness does not rely on it.
//!
//! [`drainer`] keeps Drainer's own checkpoint in step, apart from the data.
//!
//! This file creates the state tables on the target, and upgrades those of an older layout.

mod acknowledged;
pub mod drainer;
mod inspect;
pub mod lease;
mod link;
pub mod locks;
mod record;
mod slot;
mod takeover;

use crate::error::Fault;
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;
use crate::sql::quote_text;
pub use acknowledged::{Acknowledged, Applied, Forgotten, is_known};
pub use drainer::{DrainerPlace, DrainerTable};
pub use inspect::{LinkSurvey, SkippedDdl, look, of_link, survey};
pub use lease::Who;
pub use link::{Intent, Link, LinkRow};
pub use record::{DdlAt, Record};
pub use slot::{OtherBatch, Slot};
pub use takeover::{TakenOver, take, take_unless};

/// The database of the state tables; Drainer's own checkpoint is there too.
pub const SCHEMA: &str = "tidb_binlog";
/// The version of the layout. Each link's row has its own, so that links of an older version of
/// tisync keep working next to newer ones.
const VERSION: u32 = 2;
/// The oldest layout that is upgraded in place.
const OLDEST: u32 = 1;

const CREATE: [&str; 4] = [
    "CREATE DATABASE IF NOT EXISTS `tidb_binlog` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS `tidb_binlog`.`tisync_checkpoint` (
        `cluster_id` BIGINT UNSIGNED NOT NULL COMMENT 'of the upstream, from PD',
        `link` VARCHAR(64) NOT NULL,
        `version` INT NOT NULL COMMENT 'of this layout',
        `run` BIGINT UNSIGNED NOT NULL COMMENT 'number of the run that owns the link',
        `commit_ts` BIGINT UNSIGNED NOT NULL COMMENT 'everything at or below is durable here; 0: not started',
        `last_job` BIGINT NOT NULL DEFAULT 0 COMMENT 'id of the last DDL job at or below commit_ts, or 0',
        `ddl_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'commit ts of a DDL under way, or 0',
        `ddl_job` BIGINT NOT NULL DEFAULT 0,
        `ddl_schema` VARCHAR(64) NOT NULL DEFAULT '',
        `ddl_query` LONGTEXT,
        `updated_at` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
        `applied` LONGBLOB COMMENT 'what runs before this one applied above commit_ts',
        `ddl_step` INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'statement of ddl_query under way, from 0',
        `ddl_before` LONGTEXT COMMENT 'the objects of the DDL before that statement, as JSON',
        `ddl_lock` VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'named lock of the session that runs the DDL',
        `drainer_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'what this link last wrote into Drainer''s checkpoint, or 0',
        `safe_until` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'at or below may have been here before the link started; 0: nothing',
        `holder` VARCHAR(512) NOT NULL DEFAULT '' COMMENT 'the process of that run, as JSON',
        `schema_version` BIGINT NOT NULL DEFAULT 0 COMMENT 'TiDB''s largest schema version at or below schema_ts; 0: not known',
        `schema_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'a position that this link had, or 0',
        `early_ddl` VARCHAR(4096) NOT NULL DEFAULT '' COMMENT 'DDL jobs that are here although their message is above commit_ts: job:commit ts, with commas between',
        `overtaken_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'a Drainer came to here, from which another link took over; this one goes on behind it; 0: none',
        PRIMARY KEY (`cluster_id`, `link`)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS `tidb_binlog`.`tisync_slot` (
        `cluster_id` BIGINT UNSIGNED NOT NULL,
        `link` VARCHAR(64) NOT NULL,
        `slot` INT UNSIGNED NOT NULL COMMENT 'number of a worker',
        `run` BIGINT UNSIGNED NOT NULL COMMENT 'number of the run that owns it',
        `claim` INT UNSIGNED NOT NULL COMMENT 'number of the session in that run that owns it; 0: none yet',
        `connection` BIGINT UNSIGNED NOT NULL COMMENT 'of that session',
        `batch` BIGINT UNSIGNED NOT NULL COMMENT 'number of the last batch that is durable; 0: none',
        `floor_ts` BIGINT UNSIGNED NOT NULL COMMENT 'everything at or below is durable here; 0: not started',
        `applied` LONGBLOB COMMENT 'what this slot applied above floor_ts',
        `updated_at` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
        `origins` VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'other clusters whose data this run passes on, with commas between',
        PRIMARY KEY (`cluster_id`, `link`, `slot`)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS `tidb_binlog`.`tisync_skipped` (
        `cluster_id` BIGINT UNSIGNED NOT NULL,
        `link` VARCHAR(64) NOT NULL,
        `commit_ts` BIGINT UNSIGNED NOT NULL COMMENT 'of the skipped DDL',
        `table_id` BIGINT NOT NULL COMMENT 'a table that it would have brought; 0: its whole database, or none',
        `job_id` BIGINT NOT NULL,
        `schema_name` VARCHAR(64) NOT NULL,
        `table_name` VARCHAR(64) NOT NULL,
        `query` LONGTEXT,
        `whole_schema` TINYINT NOT NULL DEFAULT 0,
        `rows_left_out` BIGINT UNSIGNED NOT NULL DEFAULT 0,
        `ended_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'when the upstream dropped it, or 0',
        PRIMARY KEY (`cluster_id`, `link`, `commit_ts`, `table_id`)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
];

/// Columns that version 2 added, some of them later, with their definitions. Each has a default, so
/// that a tisync of version 1 can still insert a row.
const SINCE_2: [(&str, &str); 11] = [
    ("applied", "LONGBLOB COMMENT 'what runs before this one applied above commit_ts'"),
    ("ddl_step", "INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'statement of ddl_query under way, from 0'"),
    ("ddl_before", "LONGTEXT COMMENT 'the objects of the DDL before that statement, as JSON'"),
    ("ddl_lock", "VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'named lock of the session that runs the DDL'"),
    (
        "drainer_ts",
        "BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'what this link last wrote into Drainer''s checkpoint, or 0'",
    ),
    (
        "safe_until",
        "BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'at or below may have been here before the link started; 0: nothing'",
    ),
    ("holder", "VARCHAR(512) NOT NULL DEFAULT '' COMMENT 'the process of that run, as JSON'"),
    (
        "schema_version",
        "BIGINT NOT NULL DEFAULT 0 COMMENT 'TiDB''s largest schema version at or below schema_ts; 0: not known'",
    ),
    ("schema_ts", "BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'a position that this link had, or 0'"),
    (
        "early_ddl",
        "VARCHAR(4096) NOT NULL DEFAULT '' COMMENT 'DDL jobs that are here although their message is above commit_ts: job:commit ts, with commas between'",
    ),
    (
        "overtaken_ts",
        "BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'a Drainer came to here, from which another link took over; this one goes on behind it; 0: none'",
    ),
];

/// Columns that were added to the slots' table.
const OF_SLOTS: [(&str, &str); 1] = [(
    "origins",
    "VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'other clusters whose data this run passes on, with commas between'",
)];

/// The error code for a column that another process added in the meantime.
const COLUMN_EXISTS: u16 = 1060;

/// Creates what is missing, and adds columns to tables of an older version of tisync. Looks before
/// it creates: once the tables are there, an account without CREATE will do.
fn prepare(session: &mut Session, cluster_id: u64, link: &str) -> Result<(), SessionError> {
    let there = existing(session)?;
    if there.iter().any(|t| t == "tisync_checkpoint") {
        let version: Option<u32> = session.fetch_one(&format!(
            "SELECT `version` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `cluster_id` = {cluster_id} AND `link` = {}",
            quote_text(link)
        ))?;
        if let Some(version) = version {
            check_version(version)?;
        }
        // Before the slots' table is created: if that exists, these columns do too.
        upgrade(session, "tisync_checkpoint", &SINCE_2)?;
    }
    if there.iter().any(|t| t == "tisync_slot") {
        upgrade(session, "tisync_slot", &OF_SLOTS)?;
    }
    if there.len() < CREATE.len() - 1 {
        for sql in CREATE {
            session.exec(sql)?;
        }
    }
    Ok(())
}

fn upgrade(session: &mut Session, table: &str, wanted: &[(&str, &str)]) -> Result<(), SessionError> {
    let columns = columns(session, table)?;
    for (name, definition) in wanted.iter().filter(|(name, _)| columns.iter().all(|c| c != name)) {
        // One at a time: TiDB before 6.2 accepts no more.
        let added = session.exec(&format!("ALTER TABLE `tidb_binlog`.`{table}` ADD COLUMN `{name}` {definition}"));
        match added {
            Err(failed) if failed.code() == Some(COLUMN_EXISTS) => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// The columns of one of the state tables; empty if it does not exist.
fn columns(session: &mut Session, table: &str) -> Result<Vec<String>, SessionError> {
    session.fetch(&format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'tidb_binlog' AND table_name = '{table}'"
    ))
}

/// Checks that tables of this version can be used.
fn check_version(version: u32) -> Result<(), SessionError> {
    if (OLDEST..=VERSION).contains(&version) {
        return Ok(());
    }
    Err(Fault::refused(format!(
        "the target's state tables have version {version}, but this tisync supports version {VERSION}"
    ))
    .hint("use the tisync version that created them, or a newer one")
    .into())
}

/// The state tables that exist.
fn existing(session: &mut Session) -> Result<Vec<String>, SessionError> {
    session.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'tidb_binlog' \
         AND table_name IN ('tisync_checkpoint', 'tisync_slot', 'tisync_skipped')",
    )
}
