//! Routes on generated streams.

use std::sync::Arc;

use crate::load::{Bank, Keys, ManyTables, Truth, Workload};
use tisync::model::Table;

use crate::Outcome;
use crate::world::{World, says};

/// What `truth` says, under other names.
fn renamed(mut truth: Truth, to: impl Fn(&str) -> (String, String)) -> Truth {
    for table in &mut truth.tables {
        let (schema, name) = to(&table.table.name);
        table.table = Arc::new(Table { schema, name, ..Table::clone(&table.table) });
    }
    truth
}

pub fn a_database_under_another_name() -> Outcome {
    let bank = Bank { seed: 7, accounts: 100, balance: 10_000, transfers: 200, kept: Some(50) };
    let keys = Keys { seed: 7, rows: 20, steps: 600 };
    for workload in [&bank as &dyn Workload, &keys] {
        let (world, truth) = World::with(workload);
        let (from, first) = (workload.database(), truth.tables[0].table.name.clone());
        world.server.connect()?;
        let args = ["--route", &format!("{from}.{first}=k2.`first one`"), "--route", &format!("{from}.*=k2.*")];
        world.sync(&args).expect(0);
        let name = |table: &str| ("k2".to_owned(), if table == first { "first one" } else { table }.to_owned());
        let truth = renamed(truth, name);
        assert_eq!(truth.differences(&mut world.server.connect()?)?, Vec::<String>::new());
        assert_eq!(world.tables(&from), "NULL", "nothing is left under the old name");
        // A second run checks the tables under the target's names before it goes on.
        world.sync(&args).expect(0);
    }
    Ok(())
}

pub fn two_tables_on_one_name_are_refused() -> Outcome {
    let (world, truth) = World::with(&ManyTables { seed: 7, tables: 3, rows: 2 });
    let ran = world.sync(&["--route", "load_many_tables.t2=load_many_tables.t3"]).expect(4);
    says(
        &ran.stderr,
        "`load_many_tables`.`t2` and `load_many_tables`.`t3` of the upstream would both be `load_many_tables`.`t3`",
    );
    // At the next start the tables are there from the beginning.
    let ran = world.sync(&["--route", "load_many_tables.t2=load_many_tables.t1"]).expect(4);
    says(&ran.stderr, "of the upstream would both be `load_many_tables`.`t1` on the target");
    // Where both move there is room for both.
    let swap =
        ["--route", "load_many_tables.t2=load_many_tables.t3", "--route", "load_many_tables.t3=load_many_tables.t2"];
    world.sync(&swap).expect(0);
    let swapped = |table: &str| match table {
        "t2" => "t3".to_owned(),
        "t3" => "t2".to_owned(),
        other => other.to_owned(),
    };
    let truth = renamed(truth, |table| ("load_many_tables".to_owned(), swapped(table)));
    assert_eq!(truth.differences(&mut world.server.connect()?)?, Vec::<String>::new());
    Ok(())
}
