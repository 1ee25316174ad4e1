//! Looks at a target after a sync: is it equal to a dump, and where does its checkpoint stand?

use std::path::Path;

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;

/// `evolve` holds two tables that only FLASHBACK and RECOVER brought back; no binlog has their rows.
const BROUGHT_BACK: [&str; 2] = ["dropme", "dropme2"];

/// Loads the dump beside the target's databases and compares them, on the same server.
pub fn equal(server: &PrivateServer, dir: &Path, databases: &[&str]) -> Result<(), Failed> {
    let mut conn = server.connect()?;
    compare::load_dump(&mut conn, dir, databases, "truth_")?;
    for database in databases {
        same(server, database, &BROUGHT_BACK)?;
    }
    Ok(())
}

/// Compares a database of the target with the one called `truth_` and its name. Gives the number of rows.
pub fn same(server: &PrivateServer, database: &str, except: &[&str]) -> Result<usize, Failed> {
    let truth = format!("truth_{database}");
    let (mut ours, mut theirs) = (Side::new(server.connect()?, database)?, Side::new(server.connect()?, &truth)?);
    let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, except)?;
    if !found.equal() {
        return Err(found.differences.join("\n").into());
    }
    println!("{database}: {} tables, {} rows equal", found.tables, found.rows);
    Ok(found.rows)
}

/// Everything up to this is on the target; `None` if no link has got that far.
pub fn position(server: &PrivateServer) -> Option<u64> {
    let mut conn = server.connect().expect("connects");
    let there = "SELECT 1 FROM information_schema.tables WHERE table_name = 'tisync_slot'";
    conn.query_first::<u8, _>(there).expect("readable")?;
    // The link's row is written every now and then; each slot knows how far everything was when it last wrote.
    let position = "SELECT MAX(ts) FROM (SELECT commit_ts AS ts FROM tidb_binlog.tisync_checkpoint \
                    UNION SELECT floor_ts FROM tidb_binlog.tisync_slot) AS positions HAVING MAX(ts) > 0";
    conn.query_first(position).expect("readable")
}

/// Where the one link of the target stands.
pub fn checkpoint(server: &PrivateServer) -> u64 {
    position(server).expect("a checkpoint")
}
