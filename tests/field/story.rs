//! One case: a recording in a folder, a run of the binary, and what it must leave on the server.

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tisync::model::{Row, RowKind};
use tisync::playground::mariadb::PrivateServer;

use crate::column::{Defined, Field, id};
use crate::common::binary::Ran;
use crate::common::made::Made;
use crate::common::run::Running;
use crate::world::World;

/// The id of the table `t`.
pub const T: i64 = 201;

pub struct Story<'a> {
    /// The target, in a session in UTC that takes every value.
    pub world: World<'a>,
    /// The source.
    pub made: Made,
    pub db: String,
    dir: TempDir,
}

impl<'a> Story<'a> {
    /// With a database, whose name has letters in both cases.
    pub fn new(server: &'a PrivateServer, number: u64) -> Self {
        let db = format!("Field_{number}");
        let mut world = World::new(server, &db);
        // The stream makes it.
        world.run(&format!("DROP DATABASE {db}"));
        world.run("SET SESSION sql_mode = ''");
        Self { world, made: Made::of(&db, 5000 + number), db, dir: TempDir::new().unwrap() }
    }

    /// A definition of the table `t`: an `id` and these.
    pub fn t(&self, fields: &[Field]) -> Defined {
        Defined::new(&self.db, T, "t", &[&[id()], fields].concat())
    }

    /// CREATE TABLE `t` with an `id` alone, and its first row.
    pub fn plain(&mut self) -> Defined {
        let t = self.t(&[]);
        self.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY);", &t);
        self.insert(&t, vec![crate::world::i(1)]);
        t
    }

    /// A job that leaves `table` behind, whose statement was typed as TiDB restored it.
    pub fn ddl(&mut self, action: u8, sql: &str, table: &Defined) {
        self.typed(action, sql.trim_end_matches(';'), sql, table);
    }

    /// One whose statement was typed otherwise.
    pub fn typed(&mut self, action: u8, typed: &str, restored: &str, table: &Defined) {
        self.job(action, table.table.id, typed, restored, table.info());
    }

    /// One whose table has another id afterwards, or none.
    pub fn job(&mut self, action: u8, table_id: i64, typed: &str, restored: &str, info: Json) {
        let left = json!({"DBInfo": null, "TableInfo": info, "MultipleTableInfos": null});
        self.made.typed(action, table_id, [typed, restored], left);
    }

    pub fn insert(&mut self, table: &Defined, row: Row) {
        self.made.insert(&table.table, row);
    }

    pub fn delete(&mut self, table: &Defined, row: Row) {
        self.made.rows(&table.table, vec![RowKind::Delete(row)]);
    }

    /// Plays it: all of it must arrive.
    #[track_caller]
    pub fn play(&mut self) -> Ran {
        self.play_with(&[]).expect(0)
    }

    /// Plays it as far as it goes, with more arguments.
    pub fn play_with(&mut self, more: &[&str]) -> Ran {
        self.play_as("root", more)
    }

    /// The same with another account, which has no password.
    pub fn play_as(&mut self, user: &str, more: &[&str]) -> Ran {
        self.made.save(self.dir.path());
        let url = self.world.server.url().replace("root@", &format!("{user}@"));
        let folder = self.dir.path().display().to_string();
        let args = ["sync", "--from", &folder, "--to", &url, "--link", &self.db];
        let args: Vec<String> = args.iter().chain(more).map(|a| (*a).to_owned()).collect();
        let ran = Running::start(&args).end();
        if self.world.one(&format!("SHOW DATABASES LIKE '{}'", self.db)) == self.db {
            self.world.run(&format!("USE {}", self.db));
        }
        ran
    }

    /// Plays a story in which both are right: what it says arrives (`true`), or the run stops with exit code 4 before it touches anything that it cannot do.
    #[track_caller]
    pub fn arrives_or_stops(&mut self) -> bool {
        let ran = self.play_with(&[]);
        if ran.code == 4 {
            return false;
        }
        ran.expect(0);
        true
    }

    /// That a query gives these rows: columns with `|` between, rows with `;`, NULL as `~`.
    #[track_caller]
    pub fn shows(&mut self, sql: &str, rows: &str) {
        assert_eq!(self.world.one(sql), rows, "{sql}");
    }

    /// One of what information_schema.columns says of a column of the table `t`.
    pub fn of_column(&mut self, what: &str, column: &str) -> String {
        self.world.one(&format!(
            "SELECT {what} FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = '{column}'"
        ))
    }

    /// Tables and views of the database, in order.
    pub fn tables(&mut self) -> String {
        let sql = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{}'", self.db);
        let mut names = self.world.rows(&sql);
        names.sort();
        names.join(",")
    }
}
