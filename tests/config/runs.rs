//! Runs with a file, from a simulated cluster into a private MariaDB.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mysql::prelude::Queryable;
use tisync::playground::bank::{Bank, BankOptions, Limit};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;

use crate::File;
use crate::common::binary::{command, tisync};
use crate::common::run::Running;
use crate::common::target::checkpoint;

struct World {
    cluster: Arc<Cluster>,
    server: PrivateServer,
    bank: Bank,
}

impl World {
    fn new(id: u64) -> Self {
        let mut spec = ClusterSpec::new(id, 2);
        for pump in &mut spec.pumps {
            pump.behaviour.fakes = Some(Duration::from_millis(50));
        }
        let cluster = Arc::new(Cluster::start(spec).unwrap());
        let options = BankOptions { accounts: 20, ..BankOptions::default() };
        let bank = Bank::start(Arc::clone(&cluster), options).unwrap();
        Self { cluster, server: PrivateServer::start().unwrap(), bank }
    }

    fn work(&mut self, txns: u64) {
        self.bank.run(Limit { txns: Some(txns), time: None }, &AtomicBool::new(false)).unwrap();
    }

    fn drainer(&self, top: &str, syncer: &str, to: &str) -> File {
        let pd = self.cluster.pd_url().replace("pd://", "http://");
        File::new(
            "drainer.toml",
            &format!(
                "pd-urls = \"{pd}\"\ndetect-interval = 10\n{top}\n[syncer]\nworker-count = 3\n{syncer}\n\
                 [syncer.to]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n{to}\n",
                self.server.port()
            ),
        )
    }

    fn transfers(&self) -> u64 {
        self.server.connect().unwrap().query_first("SELECT COUNT(*) FROM bank.transfers").unwrap().unwrap()
    }

    fn expected_transfers(&self) -> u64 {
        let tables = self.bank.expected();
        u64::try_from(tables.iter().find(|t| t.table.name == "transfers").unwrap().rows.len()).unwrap()
    }

    fn sum(&self) -> i64 {
        let query = "SELECT CAST(SUM(balance) * 100 AS SIGNED) FROM bank.accounts";
        self.server.connect().unwrap().query_first(query).unwrap().unwrap()
    }
}

fn sync(file: &File, more: &[&str]) -> Vec<String> {
    ["sync", "--config", file.name()].iter().chain(more).map(|a| (*a).to_owned()).collect()
}

/// The whole outcome: drainer.toml as it is, and what it was converted to goes on from there.
#[test]
fn a_drainer_toml_runs_as_it_is_and_converted() {
    let mut world = World::new(7_400_000_000_000_000_001);
    world.work(200);
    world.server.connect().unwrap().query_drop("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1").unwrap();
    let file = world.drainer(
        "initial-commit-ts = 1\ncompressor = \"gzip\"",
        "sql-mode = \"ANSI_QUOTES,NO_ZERO_DATE\"",
        "read-timeout = \"30s\"\n[syncer.to.params]\nlock_wait_timeout = 77\ntime_zone = \"'+08:00'\"",
    );
    let ran = Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    assert!(ran.stderr.contains("have no effect: detect-interval, syncer.to.params.time_zone"), "{}", ran.stderr);
    assert_eq!(world.sum(), world.bank.sum());
    let before = world.transfers();
    assert!(before > 0);

    // What the file wants of every session arrives there, and nothing that would bend values.
    let mut conn = world.server.connect().unwrap();
    conn.query_drop("SET GLOBAL general_log = 0").unwrap();
    let count = |conn: &mut mysql::Conn, like: &str| -> usize {
        conn.query_first(format!("SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '{like}'"))
            .unwrap()
            .unwrap()
    };
    let sessions = count(&mut conn, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED%");
    assert!(sessions >= 4, "{sessions} sessions");
    // The first one learns which variables this server does not have.
    let set = "SET SESSION %time_zone = ''+00:00''%, sql_mode = ''%";
    let modes = count(&mut conn, set);
    assert!(modes >= sessions, "{modes} of {sessions}");
    assert_eq!(count(&mut conn, &format!("{set}NO_AUTO_VALUE_ON_ZERO%,ANSI_QUOTES''%")), modes);
    assert_eq!(count(&mut conn, "SET SESSION lock_wait_timeout = 77"), sessions);
    assert_eq!(count(&mut conn, "%NO_ZERO_DATE%") + count(&mut conn, "%+08:00%"), 0);

    let out = file.dir.path().join("tisync.toml");
    tisync(&["config", "convert", file.name(), "-o", out.to_str().unwrap()]).expect(0);
    world.work(100);
    let args = ["sync", "--config", out.to_str().unwrap(), "--until", "caught-up"].map(str::to_owned);
    let ran = Running::start(&args).expect(0);
    assert!(ran.stderr.contains("continues from its checkpoint"), "{}", ran.stderr);
    assert_eq!(world.sum(), world.bank.sum());
    assert!(world.transfers() > before);
}

/// Drainer takes the checkpoint and says nothing (T25).
#[test]
fn t25_the_checkpoint_wins_and_says_so() {
    let mut world = World::new(7_400_000_000_000_000_002);
    world.work(50);
    let file = world.drainer("initial-commit-ts = 1", "", "");
    Running::start(&sync(&file, &["--until", "caught-up", "--quiet"])).expect(0);
    let there = checkpoint(&world.server);
    world.work(50);
    let edited = world.drainer("initial-commit-ts = 2", "", "");
    let ran = Running::start(&sync(&edited, &["--until", "caught-up"])).expect(0);
    let line = ran
        .stderr
        .lines()
        .find(|l| l.contains("continues from its checkpoint"))
        .unwrap_or_else(|| panic!("{}", ran.stderr));
    assert!(line.contains(&there.to_string()) && line.contains("the start ts 2 is not used"), "{line}");
    // One that would leave something out is refused, with both.
    let later = world.drainer("initial-commit-ts = 9000000000000000000", "", "");
    let ran = Running::start(&sync(&later, &["--until", "caught-up"])).expect(4);
    let there = checkpoint(&world.server);
    for words in ["9000000000000000000", &there.to_string(), "would be lost"] {
        assert!(ran.stderr.contains(words), "{words}\nis not in\n{}", ran.stderr);
    }
    assert_eq!(world.sum(), world.bank.sum());
}

/// Without an initial-commit-ts Drainer begins now, and so is it here, with a warning; the second start goes on, even if the first took
/// nothing.
#[test]
fn no_initial_commit_ts_means_now_on_the_first_start_alone() {
    let mut world = World::new(7_400_000_000_000_000_003);
    world.work(50);
    let file = world.drainer("", "", "");
    let load = ["--link", "load", "--start-ts", "1", "--until", "caught-up"];
    Running::start(&sync(&file, &load)).expect(0);
    let begin = world.cluster.tso().0;
    let ran = Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    assert!(ran.stderr.contains("the first start") && ran.stderr.contains("not replicated"), "{}", ran.stderr);
    assert!(checkpoint(&world.server) > begin);
    world.work(50);
    let ran = Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    assert!(ran.stderr.contains("continues from") && !ran.stderr.contains("not replicated"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("is not used"), "nobody named a start: {}", ran.stderr);
    assert_eq!(world.sum(), world.bank.sum());
    assert_eq!(world.transfers(), world.expected_transfers());
}

/// What Drainer did stays done, however old the initial-commit-ts of its file is.
#[test]
fn a_drainer_toml_goes_on_from_drainers_checkpoint() {
    let mut world = World::new(7_400_000_000_000_000_007);
    world.work(50);
    let file = world.drainer("initial-commit-ts = 1", "", "");
    Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    let there = checkpoint(&world.server);
    // As if Drainer alone had come so far.
    let mut conn = world.server.connect().unwrap();
    for table in ["tisync_checkpoint", "tisync_slot"] {
        conn.query_drop(format!("DELETE FROM tidb_binlog.{table}")).unwrap();
    }
    let row = format!("{{\"consistent\":true,\"commitTS\":{there},\"ts-map\":{{}},\"schema-version\":1}}");
    conn.exec_drop("REPLACE INTO tidb_binlog.checkpoint VALUES (?, ?)", (world.cluster.cluster_id(), row)).unwrap();
    world.work(50);
    // A flag is meant: Drainer's checkpoint says something else.
    let ran = Running::start(&sync(&file, &["--start-ts", "2", "--until", "caught-up"])).expect(4);
    assert!(ran.stderr.contains("is not where Drainer stopped"), "{}", ran.stderr);
    let ran = Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    assert!(ran.stderr.contains("is ahead of the start ts 1, which is not used"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("taking over from Drainer") && ran.stderr.contains(&there.to_string()),
        "{}",
        ran.stderr
    );
    assert_eq!(world.sum(), world.bank.sum());
    assert_eq!(world.transfers(), world.expected_transfers());
}

#[test]
fn a_variable_that_the_target_does_not_know_is_named() {
    let world = World::new(7_400_000_000_000_000_004);
    let file = world.drainer("initial-commit-ts = 1", "", "[syncer.to.params]\nno_such_thing = 1");
    let ran = Running::start(&sync(&file, &[])).expect(4);
    assert!(ran.stderr.contains("cannot set the session variable no_such_thing"), "{}", ran.stderr);
}

/// An answer that takes longer than `read-timeout` is not waited for, except one to a DDL.
#[test]
fn a_read_timeout_ends_the_waiting() {
    let mut world = World::new(7_400_000_000_000_000_005);
    world.work(20);
    let file = world.drainer("initial-commit-ts = 1", "", "read-timeout = \"300ms\"");
    Running::start(&sync(&file, &["--until", "caught-up", "--quiet"])).expect(0);
    world.work(20);
    let mut conn = world.server.connect().unwrap();
    conn.query_drop("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1").unwrap();
    conn.query_drop("LOCK TABLES bank.accounts READ").unwrap();
    let mut run = Running::start(&sync(&file, &["--until", "caught-up"]));
    std::thread::sleep(Duration::from_millis(3_000));
    assert!(!run.ended());
    // It has gone and come again with the same statement, several times.
    let query = "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE 'UPDATE%bank%accounts%' OR argument LIKE '%INTO%accounts%'";
    let mut other = world.server.connect().unwrap();
    let tries: u64 = other.query_first(query).unwrap().unwrap();
    assert!(tries >= 2, "{tries} tries");
    conn.query_drop("UNLOCK TABLES").unwrap();
    run.expect(0);
    assert_eq!(world.sum(), world.bank.sum());
}

/// A statement that takes its time is not cut off for ever: each try waits longer.
#[test]
fn a_statement_that_takes_longer_than_the_limit_gets_through() {
    let mut world = World::new(7_400_000_000_000_000_009);
    world.work(5);
    let file = world.drainer("initial-commit-ts = 1", "", "read-timeout = \"3s\"");
    Running::start(&sync(&file, &["--until", "caught-up", "--quiet"])).expect(0);
    let mut conn = world.server.connect().unwrap();
    conn.query_drop("CREATE TRIGGER bank.slow BEFORE INSERT ON bank.transfers FOR EACH ROW SET @slept = SLEEP(4)")
        .unwrap();
    world.work(3);
    let ran = Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    assert!(ran.stderr.contains("no answer in time (`read-timeout`); trying again"), "{}", ran.stderr);
    assert_eq!(world.sum(), world.bank.sum());
    assert_eq!(world.transfers(), world.expected_transfers());
}

/// What a file says about tables, events and names is what the run does.
#[test]
fn filters_and_routes_of_a_file_are_applied() {
    let mut world = World::new(7_400_000_000_000_000_008);
    world.work(30);
    let file = world.drainer(
        "initial-commit-ts = 1",
        "replicate-do-db = [\"bank\"]\n[[syncer.ignore-table]]\ndb-name = \"bank\"\ntbl-name = \"transfers\"",
        "",
    );
    Running::start(&sync(&file, &["--until", "caught-up"])).expect(0);
    assert_eq!(world.sum(), world.bank.sum());
    let tables = |world: &World, database: &str| -> Vec<String> {
        let query = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'");
        world.server.connect().unwrap().query(query).unwrap()
    };
    assert!(!tables(&world, "bank").contains(&"transfers".to_owned()), "{:?}", tables(&world, "bank"));
    let text = format!(
        "[cluster.a]\npd = [\"{}\"]\n[cluster.b]\nsql = \"mysql://root@127.0.0.1:{}\"\n\
         [[link]]\nname = \"renamed\"\nfrom = \"a\"\nto = \"b\"\nstart-ts = 1\ntables = [\"bank.*\"]\nroutes = [{{ from = \"bank.*\", to = \"second.*\" }}]\n",
        world.cluster.pd_url().replace("pd://", ""),
        world.server.port()
    );
    let renamed = File::new("tisync.toml", &text);
    Running::start(&sync(&renamed, &["--until", "caught-up"])).expect(0);
    assert!(tables(&world, "second").contains(&"transfers".to_owned()));
}

/// The password of an account may stand in the file, or come from Drainer's variable.
#[test]
fn an_account_with_a_password_is_let_in() {
    let mut world = World::new(7_400_000_000_000_000_006);
    world.work(20);
    let mut conn = world.server.connect().unwrap();
    for host in ["localhost", "%"] {
        conn.query_drop(format!("CREATE USER 'repl'@'{host}' IDENTIFIED BY 'hunter2'")).unwrap();
        conn.query_drop(format!("GRANT ALL ON *.* TO 'repl'@'{host}'")).unwrap();
    }
    let file = |more: &str| {
        let file = world.drainer("initial-commit-ts = 1", "", more);
        let text = std::fs::read_to_string(&file.path).unwrap().replace("user = \"root\"", "user = \"repl\"");
        File::new("drainer.toml", &text)
    };
    let ran = Running::start(&sync(&file(""), &[])).expect(3);
    assert!(ran.stderr.contains("using password: NO"), "{}", ran.stderr);
    // `openssl enc -aes-256-cfb` made it, with the built-in key.
    let encrypted = file("encrypted_password = \"AAECAwQFBgcICQoLDA0OD0BJ5CQeh+MU\"");
    Running::start(&sync(&encrypted, &["--until", "caught-up"])).expect(0);
    let plain = file("");
    let args = sync(&plain, &["--until", "caught-up"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = command(&args).env("MYSQL_PSWD", "hunter2").output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
}
