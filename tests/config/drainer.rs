//! drainer.toml: each of its keys.

use std::collections::BTreeSet;

use ::tisync::config::drainer::{Fate, KEYS};

use crate::{File, assert_shown, shown};

/// What a file with the key leads to.
enum Then {
    /// This setting has this value.
    Is(&'static str, &'static str),
    /// It is an error with these words.
    Fails(&'static str),
    /// It is said to do nothing.
    Idle,
}

use Then::{Fails, Idle, Is};

const FILE: &str = "[syncer.to.checkpoint]\ntype = \"file\"\n";

/// The key, the text of a file with it, and what that leads to.
#[rustfmt::skip]
const CASES: &[(&str, &str, Then)] = &[
    ("log-level", "log-level = \"debug\"", Idle),
    ("log-file", "log-file = \"x.log\"", Idle),
    ("node-id", "node-id = \" d1 \"", Is("node-id", "d1")),
    ("addr", "addr = \"10.0.0.9:8249\"", Is("addr", "10.0.0.9:8249")),
    ("advertise-addr", "advertise-addr = \"d:8249\"", Is("advertise-addr", "d:8249")),
    ("data-dir", "data-dir = \"/d\"\n[syncer.to.checkpoint]\ntype = \"file\"\n", Is("drainer-checkpoint", "/d/savepoint")),
    ("detect-interval", "detect-interval = 10", Idle),
    ("log-rotate", "log-rotate = \"day\"", Idle),
    ("metrics-addr", "metrics-addr = \"\"", Idle),
    ("metrics-interval", "metrics-interval = 15", Idle),
    ("pprof-addr", "pprof-addr = \":10081\"", Idle),
    ("syncer.detect-interval", "[syncer]\ndetect-interval = 10", Idle),
    ("syncer.mark-status", "[syncer]\nmark-status = true", Fails("syncer.mark-status: name used by older Drainers: use loopback-control")),
    ("syncer.to.compression", "[syncer.to]\ncompression = \"gzip\"", Idle),
    ("syncer.to.time-limit", "[syncer.to]\ntime-limit = \"30s\"", Idle),
    ("syncer.to.size-limit", "[syncer.to]\nsize-limit = \"100000\"", Idle),
    ("pd-urls", "pd-urls = \"http://b:2379, http://a:2379\"", Is("from", "pd://b:2379,a:2379")),
    ("pd-urls", "pd-urls = \"https://b:2379\"", Is("from", "https://b:2379")),
    ("pd-urls", "pd-urls = \"http://b\"", Fails("pd-urls: the PD address `http://b` has no port")),
    ("pd-urls", "[syncer]", Is("from", "pd://127.0.0.1:2379")),
    ("initial-commit-ts", "initial-commit-ts = 470616376687198209", Is("start-ts", "470616376687198209")),
    ("initial-commit-ts", "initial-commit-ts = -1", Is("start-ts", "now")),
    ("initial-commit-ts", "initial-commit-ts = 0", Is("start-ts", "now")),
    ("initial-commit-ts", "initial-commit-ts = -2", Fails("initial-commit-ts: expected an integer, at least -1")),
    ("compressor", "compressor = \"gzip\"", Is("compress", "true")),
    ("compressor", "compressor = \"zstd\"", Fails("compressor: must be \"\" or \"gzip\"")),
    ("synced-check-time", "synced-check-time = 5", Idle),
    ("syncer.txn-batch", "[syncer]\ntxn-batch = 20", Idle),
    ("syncer.worker-count", "[syncer]\nworker-count = 8", Is("workers", "8")),
    ("syncer.worker-count", "[syncer]\nworker-count = 100", Is("workers", "64")),
    ("syncer.worker-count", "[syncer]\nworker-count = 0", Fails("syncer.worker-count: expected an integer, at least 1")),
    ("syncer.db-type", "[syncer]\ndb-type = \"tidb\"", Is("to", "tidb://root@localhost:3306")),
    ("syncer.db-type", "[syncer]\ndb-type = \"file\"", Fails("syncer.db-type: tisync does not write files from a drainer.toml: `tisync record`")),
    ("syncer.db-type", "[syncer]\ndb-type = \"pb\"", Fails("`tisync record`")),
    ("syncer.db-type", "[syncer]\ndb-type = \"kafka\"", Fails("syncer.db-type: tisync does not write to Kafka")),
    ("syncer.db-type", "[syncer]\ndb-type = \"oracle\"", Fails("syncer.db-type: tisync does not write to Oracle")),
    ("syncer.db-type", "[syncer]\ndb-type = \"flash\"", Fails("syncer.db-type: Drainer itself no longer supports it")),
    ("syncer.loopback-control", "[syncer]\nloopback-control = true", Is("loopback", "true")),
    ("syncer.loopback-control", "[syncer]\nloopback-control = false", Is("start-ts", "now")),
    ("syncer.loopback-control", "[syncer]\nloopback-control = true", Is("channel-id", "0")),
    ("syncer.channel-id", "[syncer]\nloopback-control = true\nchannel-id = 7", Is("channel-id", "7")),
    ("syncer.channel-id", "[syncer]\nchannel-id = 7", Is("start-ts", "now")),
    ("syncer.sync-ddl", "[syncer]\nsync-ddl = false", Is("ddl", "false")),
    ("syncer.sync-ddl", "[syncer]\nsync-ddl = false\nloopback-control = true", Is("wrong-side-ddl", "ignore")),
    ("syncer.safe-mode", "[syncer]\nsafe-mode = true", Is("safe-mode", "true")),
    ("syncer.enable-dispatch", "[syncer]\nworker-count = 9\nenable-dispatch = false", Is("workers", "1")),
    ("syncer.enable-dispatch", "[syncer]\nworker-count = 9\nenable-dispatch = true", Is("workers", "9")),
    ("syncer.disable-dispatch", "[syncer]\nenable-dispatch = true\ndisable-dispatch = true", Is("workers", "1")),
    ("syncer.enable-detect", "[syncer]\nenable-detect = false", Idle),
    ("syncer.disable-detect", "[syncer]\ndisable-detect = true", Idle),
    ("syncer.relay.log-dir", "[syncer.relay]\nlog-dir = \"r\"", Idle),
    ("syncer.relay.max-file-size", "[syncer.relay]\nmax-file-size = 10485760", Idle),
    ("syncer.load-schema-snapshot", "[syncer]\nload-schema-snapshot = true", Idle),
    ("security.ssl-ca", "pd-urls = \"http://a:1\"\n[security]\nssl-ca = \"ca\"", Is("from.tls.ca", "ca")),
    ("security.ssl-cert", "pd-urls = \"http://a:1\"\n[security]\nssl-ca = \"ca\"\nssl-cert = \"c\"\nssl-key = \"k\"", Is("from.tls.cert", "c")),
    ("security.ssl-cert", "pd-urls = \"http://a:1\"\n[security]\nssl-ca = \"ca\"\nssl-cert = \"c\"", Fails("security.ssl-cert: \
        a client certificate and its key must be given together")),
    ("security.ssl-key", "pd-urls = \"http://a:1\"\n[security]\nssl-ca = \"ca\"\nssl-cert = \"c\"\nssl-key = \"k\"", Is("from.tls.key", "k")),
    ("security.cert-allowed-cn", "pd-urls = \"http://a:1\"\n[security]\ncert-allowed-cn = [\"a\"]", Idle),
    ("syncer.sql-mode", "[syncer]\nsql-mode = \"ANSI_QUOTES, STRICT_TRANS_TABLES\"", Is("to.sql-mode", "ANSI_QUOTES")),
    ("syncer.sql-mode", "[syncer]\nsql-mode = \"STRICT_TRANS_TABLE\"", Fails("syncer.sql-mode: unknown SQL mode \
        `STRICT_TRANS_TABLE`; did you mean STRICT_TRANS_TABLES?")),
    ("syncer.sql-mode", "[syncer]\nsql-mode = \"NO_BACKSLASH_ESCAPES\"", Fails("syncer.sql-mode: NO_BACKSLASH_ESCAPES would change")),
    ("syncer.ignore-txn-commit-ts", "[syncer]\nignore-txn-commit-ts = [470616376687198209]", Is("ignore-ts", "470616376687198209")),
    ("syncer.to.host", "[syncer.to]\nhost = \"h\"", Is("to", "mysql://root@h:3306")),
    ("syncer.to.port", "[syncer.to]\nport = 4000", Is("to", "mysql://root@localhost:4000")),
    ("syncer.to.port", "[syncer.to]\nport = \"4000\"", Fails("syncer.to.port: expected an integer from 0 to 65535, \
                                                              found text")),
    ("syncer.to.user", "[syncer.to]\nuser = \"r@pl\"", Is("to", "mysql://r%40pl@localhost:3306")),
    ("syncer.to.password", "[syncer.to]\npassword = \"pw\"", Is("to.password", "***")),
    ("syncer.to.encrypted_password", "[syncer.to]\nencrypted_password = \"AAECAwQFBgcICQoLDA0OD0BJ5CQeh+MU\"", Is("to.password", "***")),
    ("syncer.to.encrypted_password", "[syncer.to]\nencrypted_password = \"pw!\"", Fails("syncer.to.encrypted_password: is not what `binlogctl -cmd encrypt` writes")),
    ("syncer.to.sync-mode", "[syncer.to]\nsync-mode = 2", Is("sync-mode", "2")),
    ("syncer.to.sync-mode", "[syncer.to]\nsync-mode = 0", Is("sync-mode", "1")),
    ("syncer.to.sync-mode", "[syncer.to]\nsync-mode = 3", Fails("syncer.to.sync-mode: expected an integer from 0 to 2, \
                                                                 found 3")),
    ("syncer.to.merge", "[syncer.to]\nmerge = true", Idle),
    ("syncer.to.read-timeout", "[syncer.to]\nread-timeout = \"1h30m\"", Is("to.read-timeout", "1h30m")),
    ("syncer.to.read-timeout", "[syncer.to]\nread-timeout = \"2\"", Is("to.read-timeout", "48h")),
    ("syncer.to.read-timeout", "[syncer.to]\nread-timeout = \"1 minute\"", Fails("syncer.to.read-timeout: expected a duration")),
    ("syncer.to.params", "[syncer.to.params]\nlock_wait_timeout = 50", Is("to.variables", "lock_wait_timeout=50")),
    ("syncer.to.params", "[syncer.to.params]\nautocommit = 0", Fails("syncer.to.params: `autocommit` is set by tisync")),
    ("syncer.to.security.ssl-ca", "[syncer.to.security]\nssl-ca = \"a b\"", Is("to", "mysql://root@localhost:3306/?ssl-mode=verify-identity&ssl-ca=a%20b")),
    ("syncer.to.security.ssl-cert", "[syncer.to.security]\nssl-ca = \"a\"\nssl-cert = \"c\"\nssl-key = \"k\"", Is("to", "mysql://root@localhost:3306/?ssl-mode=verify-identity&ssl-ca=a&ssl-cert=c&ssl-key=k")),
    ("syncer.to.security.ssl-key", "[syncer.to.security]\nssl-key = \"k\"", Is("to", "mysql://root@localhost:3306")),
    ("syncer.to.security.cert-allowed-cn", "[syncer.to.security]\ncert-allowed-cn = [\"a\"]", Idle),
    ("syncer.to.dir", "[syncer.to]\ndir = \"d\"", Idle),
    ("syncer.to.retention-time", "[syncer.to]\nretention-time = 7", Idle),
    ("syncer.to.zookeeper-addrs", "[syncer.to]\nzookeeper-addrs = \"z:1\"", Idle),
    ("syncer.to.kafka-addrs", "[syncer.to]\nkafka-addrs = \"k:1\"", Idle),
    ("syncer.to.kafka-version", "[syncer.to]\nkafka-version = \"0.8.2.0\"", Idle),
    ("syncer.to.kafka-max-messages", "[syncer.to]\nkafka-max-messages = 1024", Idle),
    ("syncer.to.kafka-max-message-size", "[syncer.to]\nkafka-max-message-size = 1", Idle),
    ("syncer.to.kafka-client-id", "[syncer.to]\nkafka-client-id = \"c\"", Idle),
    ("syncer.to.topic-name", "[syncer.to]\ntopic-name = \"t\"", Idle),
    ("syncer.to.oracle-service-name", "[syncer.to]\noracle-service-name = \"o\"", Idle),
    ("syncer.to.oracle-connect-string", "[syncer.to]\noracle-connect-string = \"o\"", Idle),
    ("syncer.to.checkpoint.type", "[syncer.to.checkpoint]\ntype = \"\"", Is("drainer-checkpoint", "tidb_binlog.checkpoint on the target")),
    ("syncer.to.checkpoint.type", FILE, Is("drainer-checkpoint", "data.drainer/savepoint")),
    ("syncer.to.checkpoint.type", "[syncer.to.checkpoint]\ntype = \"oracle\"", Fails("syncer.to.checkpoint.type: \
        tisync does not read Oracle: give the position with --start-ts")),
    ("syncer.to.checkpoint.type", "[syncer.to.checkpoint]\ntype = \"etcd\"", Fails("syncer.to.checkpoint.type: must be \
        mysql, tidb or file")),
    ("syncer.to.checkpoint.schema", "[syncer.to.checkpoint]\nschema = \"s\"\nhost = \"ignored\"\ntable = \"ignored\"", Is("drainer-checkpoint", "s.checkpoint on the target")),
    ("syncer.to.checkpoint.table", "[syncer.to.checkpoint]\ntype = \"mysql\"\ntable = \"t\"", Is("drainer-checkpoint", "tidb_binlog.t on mysql://root@127.0.0.1:3306")),
    ("syncer.to.checkpoint.host", "[syncer.to.checkpoint]\ntype = \"mysql\"\nhost = \"h\"", Is("drainer-checkpoint", "tidb_binlog.checkpoint on mysql://root@h:3306")),
    ("syncer.to.checkpoint.port", "[syncer.to.checkpoint]\ntype = \"tidb\"\nport = 4000", Is("drainer-checkpoint", "tidb_binlog.checkpoint on mysql://root@127.0.0.1:4000")),
    ("syncer.to.checkpoint.user", "[syncer.to.checkpoint]\ntype = \"mysql\"\nuser = \"u\"", Is("drainer-checkpoint", "tidb_binlog.checkpoint on mysql://u@127.0.0.1:3306")),
    ("syncer.to.checkpoint.password", "[syncer.to.checkpoint]\ntype = \"mysql\"\npassword = 5", Fails("syncer.to.checkpoint.password: \
        expected quoted text, found a number")),
    ("syncer.to.checkpoint.encrypted_password", "[syncer.to.checkpoint]\ntype = \"mysql\"\nencrypted_password = \"=\"", Fails("syncer.to.checkpoint.encrypted_password: is not what `binlogctl -cmd encrypt` writes")),
    ("syncer.to.checkpoint.security.ssl-ca", "[syncer.to.checkpoint]\ntype = \"mysql\"\nsecurity = { ssl-ca = \"c\" }", Is("drainer-checkpoint", "tidb_binlog.checkpoint on mysql://root@127.0.0.1:3306/?ssl-mode=verify-identity&ssl-ca=c")),
    ("syncer.to.checkpoint.security.ssl-cert", "[syncer.to.checkpoint]\ntype = \"mysql\"\nsecurity = { ssl-ca = \"c\", ssl-cert = \"d\" }", Is("drainer-checkpoint", "tidb_binlog.checkpoint on mysql://root@127.0.0.1:3306/?ssl-mode=verify-identity&ssl-ca=c&ssl-cert=d")),
    ("syncer.to.checkpoint.security.ssl-key", "[syncer.to.checkpoint]\ntype = \"mysql\"\nsecurity = { ssl-ca = \"c\", ssl-key = \"d\" }", Is("drainer-checkpoint", "tidb_binlog.checkpoint on mysql://root@127.0.0.1:3306/?ssl-mode=verify-identity&ssl-ca=c&ssl-key=d")),
    ("syncer.to.checkpoint.security.cert-allowed-cn", "[syncer.to.checkpoint.security]\ncert-allowed-cn = [\"a\"]", Idle),
];

/// The filters have a test of their own.
const FILTERS: [&str; 12] = [
    "syncer.ignore-schemas",
    "syncer.ignore-table.db-name",
    "syncer.ignore-table.tbl-name",
    "syncer.replicate-do-db",
    "syncer.replicate-do-table.db-name",
    "syncer.replicate-do-table.tbl-name",
    "syncer.case-sensitive",
    "syncer.table-migrate-rule.binlog-filter-rule",
    "syncer.table-migrate-rule.source.schema",
    "syncer.table-migrate-rule.source.table",
    "syncer.binlog-filter-rule.NAME.ignore-event",
    "syncer.binlog-filter-rule.NAME.ignore-sql",
];

#[test]
fn every_key_does_what_the_list_says() {
    for (key, text, then) in CASES {
        let file =
            File::new("drainer.toml", &format!("{text}\n{}", if text.contains("syncer") { "" } else { "[syncer]\n" }));
        let loaded = file.loaded(&[]);
        match (then, loaded) {
            (Is(setting, value), Ok((_, loaded))) => {
                assert_shown(&loaded.draft, setting, value);
                assert!(!loaded.idle.iter().any(|i| i.key == *key), "{text}: {:?}", loaded.idle);
            }
            (Idle, Ok((_, loaded))) => {
                let line = 1 + text.lines().position(|l| l.starts_with(key.rsplit('.').next().unwrap())).unwrap();
                assert!(loaded.idle.iter().any(|i| i.key == *key && i.line == line), "{text}: {:?}", loaded.idle);
            }
            (Fails(words), Err(message)) => assert!(message.contains(words), "{words}\nis not in\n{message}"),
            (_, other) => panic!("{key}: {text}\n{other:?}"),
        }
    }
}

#[test]
fn every_key_has_a_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(key, ..)| *key).chain(FILTERS).collect();
    let keys: BTreeSet<&str> = KEYS.iter().map(|k| k.path).filter(|p| !p.is_empty()).collect();
    let target = ["syncer.table-migrate-rule.target.schema", "syncer.table-migrate-rule.target.table"];
    assert_eq!(keys.difference(&cases).copied().collect::<Vec<_>>(), target);
    assert_eq!(cases.difference(&keys).count(), 0);
    for key in KEYS.iter().filter(|k| !k.path.is_empty()) {
        let idle =
            CASES.iter().any(|(path, _, then)| *path == key.path && matches!(then, Idle)) || target.contains(&key.path);
        assert_eq!(matches!(key.fate, Fate::Idle(_)), idle, "{}", key.path);
    }
}

#[test]
fn filters_of_a_drainer_are_those_of_tisync() {
    for (text, setting, value) in [
        ("ignore-schemas = \"mysql, staging\"", "tables", "*.*, !`mysql`.*, !`staging`.*"),
        ("[[syncer.ignore-table]]\ndb-name = \"a\"\ntbl-name = \"b\"", "tables", "*.*, !`a`.`b`"),
        ("replicate-do-db = [\"a\", \"~^b\"]", "tables", "`a`.*, /^b/.*"),
        ("[[syncer.replicate-do-table]]\ndb-name = \"a\"\ntbl-name = \"~b\"", "tables", "`a`./b/"),
    ] {
        let file = File::new("drainer.toml", &format!("[syncer]\n{text}\n"));
        let (_, loaded) = file.loaded(&[]).unwrap();
        assert_shown(&loaded.draft, setting, value);
    }
    let rules = |case: &str| {
        format!(
            "[syncer]\n{case}\n[[syncer.table-migrate-rule]]\nbinlog-filter-rule = [\"keep\"]\n\
             source = {{ schema = \"Db\", table = \"t*\" }}\ntarget = {{ schema = \"x\" }}\n\
             [syncer.binlog-filter-rule.keep]\nignore-event = [\"delete\"]\nignore-sql = [\"^DROP\"]\n"
        )
    };
    let file = File::new("drainer.toml", &rules(""));
    assert_shown(&file.draft(), "events", "[db.t*] without [delete, ^DROP]");
    assert!(
        file.loaded(&[]).unwrap().1.idle.iter().any(|i| i.key == "syncer.table-migrate-rule.target" && i.line == 3)
    );
    let cased = File::new("drainer.toml", &rules("case-sensitive = true")).draft();
    assert_shown(&cased, "events", "[Db.t*] without [delete, ^DROP]");
    assert!(cased.events.unwrap().value[0].case_sensitive);
    for (text, words) in [
        ("ignore-schemas = \"\"", "syncer.ignore-schemas: is empty, which Drainer also refuses"),
        ("replicate-do-db = [\"\"]", "syncer.replicate-do-db: an item is empty"),
        ("[[syncer.ignore-table]]\ndb-name = \"a\"", "both `db-name` and `tbl-name` are required"),
        (
            "[[syncer.table-migrate-rule]]\nbinlog-filter-rule = [\"x\"]\nsource = { schema = \"a\" }",
            "[syncer.binlog-filter-rule.x] does not exist",
        ),
        ("[[syncer.table-migrate-rule]]\nsource = { table = \"a\" }", "source.schema: names no database"),
        ("replicate-do-db = [\"~(\"]", "the filters: "),
    ] {
        let found = File::new("drainer.toml", &format!("[syncer]\n{text}\n")).loaded(&[]).unwrap_err();
        assert!(found.contains(words), "{words}\nis not in\n{found}");
    }
}

#[test]
fn without_pd_urls_the_default_is_said() {
    let note = |text: &str| {
        let loaded = File::new("drainer.toml", text).loaded(&[]).unwrap().1;
        loaded.remarks.iter().map(|r| format!("{r:?}")).collect::<String>()
    };
    let said = note("[syncer]\n");
    assert!(said.contains("Drainer's default http://127.0.0.1:2379 is used") && said.contains("-pd-urls"), "{said}");
    assert!(!note("pd-urls = \"http://h:1\"\n[syncer]\n").contains("pd-urls"));
}

/// The variables that Drainer reads: over the file those of its flags, under it those of the target.
#[test]
fn drainers_variables_count() {
    let file = File::new(
        "drainer.toml",
        "pd-urls = \"http://a:1\"\n[syncer]\nworker-count = 3\nsync-ddl = true\n[syncer.to]\nhost = \"h\"\nport = 0\n",
    );
    let variables = [
        ("BINLOG_SERVER_PD_URLS", "http://b:2"),
        ("BINLOG_SERVER_C", "5"),
        ("BINLOG_SERVER_SYNC_DDL", "false"),
        ("BINLOG_SERVER_METRICS_ADDR", "p:9091"),
        ("MYSQL_HOST", "other"),
        ("MYSQL_PORT", "4406"),
        ("MYSQL_USER", "repl"),
        ("MYSQL_PSWD", "pw"),
    ];
    let (_, loaded) = file.loaded(&variables).unwrap();
    for (key, value, origin) in [
        ("from", "pd://b:2", "environment BINLOG_SERVER_PD_URLS"),
        ("workers", "5", "environment BINLOG_SERVER_C"),
        ("ddl", "false", "environment BINLOG_SERVER_SYNC_DDL"),
        ("to.password", "***", "environment MYSQL_PSWD"),
    ] {
        assert_eq!(shown(&loaded.draft, key), Some((value.to_owned(), origin.to_owned())));
    }
    assert_shown(&loaded.draft, "to", "mysql://repl@h:4406");
    assert!(loaded.idle.iter().any(|i| i.key == "metrics-addr"), "{:?}", loaded.idle);
    let found = file.loaded(&[("BINLOG_SERVER_C", "many")]).unwrap_err();
    assert!(found.contains("syncer.worker-count (from BINLOG_SERVER_C): expected an integer"), "{found}");
}

#[test]
fn a_key_in_the_wrong_table_or_case_is_told_the_right_one() {
    let file = File::new(
        "drainer.toml",
        "worker-count = 4\n[syncer]\nsync_ddl = true\n[syncer.to]\nencrypted-password = \"x\"\nsafe-mode = true\n",
    );
    let found = file.loaded(&[]).unwrap_err();
    for words in [
        "drainer.toml:1: worker-count: unknown key; did you mean `syncer.worker-count`?",
        "drainer.toml:3: syncer.sync_ddl: unknown key; did you mean `syncer.sync-ddl`?",
        "drainer.toml:5: syncer.to.encrypted-password: unknown key; did you mean `syncer.to.encrypted_password`?",
        "drainer.toml:6: syncer.to.safe-mode: unknown key; did you mean `syncer.safe-mode`?",
    ] {
        assert!(found.contains(words), "{words}\nis not in\n{found}");
    }
}

/// Time zones are what Drainer needs to be told, and tisync not.
#[test]
fn a_time_zone_does_nothing() {
    let file = File::new("drainer.toml", "[syncer.to.params]\ntime_zone = \"'+08:00'\"\nlock_wait_timeout = \"5\"\n");
    let (_, loaded) = file.loaded(&[]).unwrap();
    assert_shown(&loaded.draft, "to.variables", "lock_wait_timeout=5");
    assert!(loaded.idle.iter().any(|i| i.key == "syncer.to.params.time_zone"));
}
