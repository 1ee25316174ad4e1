//! The recording `everything`, in part and under other names, against what its own SQL said afterwards.

use std::path::Path;

use mysql::prelude::Queryable;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;

use crate::Outcome;
use crate::common::recordings;
use crate::world::{World, one, says, sync_from};

/// Tables that only FLASHBACK and RECOVER brought back; no binlog has their rows.
const BROUGHT_BACK: [&str; 2] = ["dropme", "dropme2"];

/// Syncs without the statements that bring rows back.
fn sync(folder: &Path, server: &PrivateServer, more: &[&str]) -> String {
    let skipped: Vec<String> = recordings::ddl_of_type(folder, 25)
        .into_iter()
        .flat_map(|ts| ["--skip-ddl".to_owned(), ts.to_string()])
        .collect();
    let args: Vec<&str> = more.iter().copied().chain(skipped.iter().map(String::as_str)).collect();
    sync_from(folder, server, &args).expect(0).stderr
}

/// Compares `database` of the target with `name` of the dump, in which `renames` were made.
fn equal(
    folder: &Path,
    server: &PrivateServer,
    (database, name): (&str, &str),
    renames: &[(&str, &str)],
    except: &[&str],
) -> Outcome {
    let mut conn = server.connect()?;
    compare::load_dump(&mut conn, &folder.join("dump"), &[name], "truth_")?;
    for (from, to) in renames {
        conn.query_drop(format!("RENAME TABLE truth_{name}.`{from}` TO truth_{name}.`{to}`"))?;
    }
    let (mut ours, mut theirs) =
        (Side::new(server.connect()?, database)?, Side::new(server.connect()?, &format!("truth_{name}"))?);
    let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, except)?;
    assert!(found.equal(), "{}", found.differences.join("\n"));
    println!("{database}: {} tables, {} rows equal", found.tables, found.rows);
    Ok(())
}

fn databases(server: &PrivateServer) -> String {
    one(
        server,
        "SELECT GROUP_CONCAT(schema_name ORDER BY schema_name) FROM information_schema.schemata WHERE schema_name NOT IN \
         ('mysql', 'sys', 'test', 'information_schema', 'performance_schema', 'tidb_binlog')",
    )
}

pub fn of_one_database(folder: &Path) -> Outcome {
    let world = World::new();
    let said = sync(folder, &world.server, &["--tables", "bank.*"]);
    assert_eq!(databases(&world.server), "bank");
    says(&said, " of tables that are not replicated");
    equal(folder, &world.server, ("bank", "bank"), &[], &[])
}

pub fn of_one_table(folder: &Path) -> Outcome {
    let world = World::new();
    sync(folder, &world.server, &["--tables", "kinds.clustered"]);
    assert_eq!((databases(&world.server), world.tables("kinds")), ("kinds".to_owned(), "clustered".to_owned()));
    let mut conn = world.server.connect()?;
    compare::load_dump(&mut conn, &folder.join("dump"), &["kinds"], "truth_")?;
    let sum = |schema: &str| {
        one(
            &world.server,
            &format!("CHECKSUM TABLE {schema}.clustered").replace("CHECKSUM TABLE", "SELECT COUNT(*) FROM"),
        )
    };
    assert_eq!(sum("kinds"), sum("truth_kinds"));
    let others = world.one(
        "SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = 'truth_kinds' AND table_name <> 'clustered'",
    );
    let (mut ours, mut theirs) =
        (Side::new(world.server.connect()?, "kinds")?, Side::new(world.server.connect()?, "truth_kinds")?);
    let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, &others.split(',').collect::<Vec<_>>())?;
    assert!(found.equal() && found.tables == 1, "{found:?}");
    Ok(())
}

/// Of `kinds` what begins with `b` to `d`, of `evolve` the tables of the swap: what only passes through other names
/// counts by its first and its last name.
pub fn by_expressions(folder: &Path) -> Outcome {
    let world = World::new();
    let patterns = ["/^[ae]vol.e$/.*", "kinds.[b-d]*", "!evolve.[!t]*", "!evolve.t_swap", "gone.g"];
    let args: Vec<&str> = patterns.iter().flat_map(|p| ["--tables", p]).collect();
    sync(folder, &world.server, &args);
    // Of a database of which only a part is replicated, DROP DATABASE drops that part.
    assert_eq!((databases(&world.server).as_str(), world.tables("gone").as_str()), ("evolve,gone,kinds", "NULL"));
    assert_eq!(world.tables("evolve"), "t,t_old");
    let others: Vec<String> = {
        let mut conn = world.server.connect()?;
        compare::load_dump(&mut conn, &folder.join("dump"), &["kinds", "evolve"], "all_")?;
        conn.query(
            "SELECT table_name FROM information_schema.tables WHERE (table_schema = 'all_kinds' AND table_name NOT RLIKE '^[b-d]') \
             OR (table_schema = 'all_evolve' AND table_name NOT RLIKE '^t')",
        )?
    };
    let except: Vec<&str> = others.iter().map(String::as_str).collect();
    for (database, least) in [("kinds", 5), ("evolve", 2)] {
        let truth = format!("all_{database}");
        let (mut ours, mut theirs) =
            (Side::new(world.server.connect()?, database)?, Side::new(world.server.connect()?, &truth)?);
        let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, &except)?;
        assert!(found.equal() && found.tables >= least, "{found:?}");
    }
    Ok(())
}

/// Transfers are only ever added upstream, accounts only updated behind their making: without updates they stand as they began.
pub fn without_some_events(folder: &Path) -> Outcome {
    let world = World::new();
    let skipped: Vec<String> = recordings::ddl_of_type(folder, 25)
        .into_iter()
        .flat_map(|ts| ["--skip-ddl".to_owned(), ts.to_string()])
        .collect();
    let args: Vec<&str> = skipped.iter().map(String::as_str).collect();
    let tables = ["*.*", "!kinds.*"];
    let events: [(&str, &[&str]); 2] = [("bank.accounts", &["update"]), ("evolve.*", &["all"])];
    let said = world.with_events(folder, &args, &tables, &events)?.join("\n");
    // Tables of which neither DDL nor rows arrive need not be there at the next start.
    world.with_events(folder, &args, &tables, &events)?;
    says(&said, "left out by an event rule: `CREATE DATABASE IF NOT EXISTS `evolve`");
    says(&said, " by event rules");
    assert_eq!(databases(&world.server), "bank,t1");
    equal(folder, &world.server, ("bank", "bank"), &[], &["accounts"])?;
    let (ours, truth) = (
        world.one("SELECT CONCAT(COUNT(*), ' ', COUNT(DISTINCT balance), ' ', SUM(balance)) FROM bank.accounts"),
        world.one("SELECT CONCAT(COUNT(*), ' 1 ', SUM(balance)) FROM truth_bank.accounts"),
    );
    assert_eq!(ours, truth, "every account as it began");
    Ok(())
}

/// Two databases and one table under other names, over the whole life of their tables; then the same run goes on from its checkpoint.
pub fn under_other_names(folder: &Path) -> Outcome {
    let world = World::new();
    let routes = ["kinds.clustered=k2.`cl us`", "kinds.*=k2.*", "evolve.*=e2.*"];
    let args: Vec<&str> = routes.iter().flat_map(|r| ["--route", r]).collect();
    // Which of a view's words are names cannot be told.
    let views: Vec<u64> = [21, 24].into_iter().flat_map(|action| recordings::ddl_of_type(folder, action)).collect();
    let views: Vec<String> = views.iter().map(u64::to_string).collect();
    let views: Vec<&str> = views.iter().flat_map(|ts| ["--skip-ddl", ts]).collect();
    let said = sync(folder, &world.server, &[&args[..], &views].concat());
    assert_eq!(databases(&world.server), "bank,e2,k2,t1");
    says(&said, "skipped as you asked: `CREATE");
    equal(folder, &world.server, ("k2", "kinds"), &[("clustered", "cl us")], &[])?;
    equal(folder, &world.server, ("e2", "evolve"), &[], &BROUGHT_BACK)?;
    equal(folder, &world.server, ("bank", "bank"), &[], &[])?;
    sync(folder, &world.server, &args);
    Ok(())
}

/// The commit ts behind `--skip-ddl` in what was said.
fn skip(said: &str) -> String {
    let (_, rest) = said.split_once("--skip-ddl ").unwrap();
    rest.chars().take_while(char::is_ascii_digit).collect()
}

/// Rows come into `ex_p` from a table that is left out: refused, until they are brought by hand.
pub fn an_exchange_with_what_is_left_out(folder: &Path) -> Outcome {
    let world = World::new();
    let tables = ["--tables", "evolve.ex_p"];
    let ran = sync_from(folder, &world.server, &tables).expect(4);
    says(
        &ran.stderr,
        "exchanges rows of `evolve`.`ex_p`, which is replicated, with rows of `evolve`.`ex_t`, which is not",
    );
    world.server.connect()?.query_drop("UPDATE evolve.ex_p SET id = 2, v = 2 WHERE id = 1")?;
    sync_from(folder, &world.server, &[&tables[..], &["--skip-ddl", &skip(&ran.stderr)]].concat()).expect(0);
    assert_eq!(world.one("SELECT GROUP_CONCAT(id, ' ', v ORDER BY id) FROM evolve.ex_p"), "2 3,3 4,11 12");
    Ok(())
}

/// A table gets a name that is replicated, and loses it again.
pub fn a_rename_into_what_is_replicated(folder: &Path) -> Outcome {
    let world = World::new();
    let tables = ["--tables", "evolve.t_renamed"];
    let ran = sync_from(folder, &world.server, &tables).expect(4);
    says(&ran.stderr, "whose rows are not on the target: `evolve`.`t` (as `evolve`.`t_renamed`)");
    let ts = skip(&ran.stderr);
    let said = sync_from(folder, &world.server, &[&tables[..], &["--skip-ddl", &ts]].concat()).expect(0).stderr;
    says(&said, "`evolve`.`t_renamed` is not on the target, because the DDL of commit ts ");
    says(&said, " was skipped: 1 row change left out");
    says(&said, "are no longer replicated: `evolve`.`t_renamed` (as `evolve`.`t`)");
    assert_eq!(world.tables("evolve"), "NULL");
    Ok(())
}
