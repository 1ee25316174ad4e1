//! `tisync playground --both` as somebody at a terminal sees it: what it says, what it proves, and that nothing is left of it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use crate::common::binary::command;

const LIMIT: Duration = Duration::from_secs(120);

/// A run whose lines are read while it goes on, in a process group of its own, as a shell makes one.
struct Shown {
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// Its MariaDBs: found when they are up.
    servers: BTreeSet<u32>,
}

impl Shown {
    fn start(more: &[&str]) -> Self {
        Self::of(&[&["playground", "--both"], more].concat())
    }

    fn of(args: &[&str]) -> Self {
        let mut command = command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("the binary runs");
        let said = Arc::default();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![read(out, &said), read(err, &said)];
        Self { child, said, readers, servers: BTreeSet::new() }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until a line holds `words`.
    #[track_caller]
    fn until(&mut self, words: &str) {
        let begin = Instant::now();
        while !self.said().contains(words) {
            let ended = self.child.try_wait().unwrap();
            let late = begin.elapsed() > LIMIT;
            assert!(ended.is_none() && !late, "{ended:?} without `{words}`\n{}", self.said());
            sleep(Duration::from_millis(20));
        }
        self.servers.extend(children(self.child.id()));
    }

    /// What Ctrl-C sends, to all that a terminal sends it to.
    fn interrupt(&self) {
        let group = format!("-{}", self.child.id());
        assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    }

    /// Waits for its end, and fails unless that comes with `code` and nothing is left.
    #[track_caller]
    fn expect(mut self, code: i32) -> String {
        let begin = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if begin.elapsed() > LIMIT => panic!("it does not end\n{}", self.said()),
                None => sleep(Duration::from_millis(20)),
            }
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let said = self.said();
        assert_eq!(status.code(), Some(code), "{said}");
        assert!(self.servers.len() >= 4, "two servers, and two that repeat DDL: {:?}", self.servers);
        let left: Vec<_> = self.servers.iter().filter(|id| Path::new(&format!("/proc/{id}")).exists()).collect();
        assert!(left.is_empty(), "MariaDBs are left: {left:?}");
        for file in [self.socket("A"), self.socket("B"), self.file()] {
            assert!(!file.parent().unwrap().exists(), "{} is left", file.display());
        }
        said
    }

    /// The socket of a side, as it told.
    fn socket(&self, side: &str) -> PathBuf {
        word(&self.said(), &format!("note: {side}: mariadb -u root -S ")).into()
    }

    /// Its tisync.toml, as the command names it.
    fn file(&self) -> PathBuf {
        word(&self.said(), "$ tisync sync --config ").into()
    }

    fn connect(&self, side: &str) -> Conn {
        let socket = self.socket(side).display().to_string();
        Conn::new(OptsBuilder::new().socket(Some(socket)).user(Some("root"))).unwrap()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // Its servers are in its group; what has ended by itself is as good.
        let group = format!("-{}", self.child.id());
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = self.child.wait();
        }
    }
}

fn read(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    spawn(move || {
        for line in BufReader::new(from).lines() {
            into.lock().unwrap().push_str(&(line.unwrap() + "\n"));
        }
    })
}

/// The folder of the MariaDB with this number.
fn folder(server: u32) -> PathBuf {
    let line = std::fs::read_to_string(format!("/proc/{server}/cmdline")).unwrap();
    let data = line.split('\0').find_map(|word| word.strip_prefix("--datadir=")).unwrap();
    Path::new(data).parent().unwrap().to_owned()
}

/// Whether it runs; what nobody has buried does not.
fn runs(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// What follows `begin`, up to a space or the end of the line.
fn word(text: &str, begin: &str) -> String {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("`{begin}` is not in\n{text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The MariaDBs that the process `parent` has started and not buried.
fn children(parent: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        // Whatever ends meanwhile is none of them.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(") ") else { continue };
        if name.contains("mariadbd") && rest.split(' ').nth(1) == Some(&parent.to_string()) {
            found.insert(id);
        }
    }
    found
}

#[test]
fn load_on_both_sides_ends_with_the_proof() {
    let mut shown = Shown::start(&["--load", "20", "--duration", "5"]);
    shown.until("20 transactions per second on each side");
    let file = std::fs::read_to_string(shown.file()).unwrap();
    for part in
        ["[cluster.a]", "[cluster.b]", "name = \"a-to-b\"", "name = \"b-to-a\"", "ddl = false", "channel-id = 1"]
    {
        assert!(file.contains(part), "{part} in\n{file}");
    }
    let said = shown.expect(0);
    assert!(said.contains("equal: 4 tables, "), "{said}");
    for side in ["A", "B"] {
        let line = format!("\n{side}: ");
        let number = |begin: &str| -> u64 {
            let proof = said.lines().find(|l| l.starts_with(line.trim_start()) && l.contains("by its binlog")).unwrap();
            word(proof, begin).trim_end_matches(',').parse().unwrap_or_else(|_| panic!("{begin} in {proof}"))
        };
        let done = number(&format!("{side}: "));
        assert!((50..=140).contains(&done), "{done} of about 100\n{said}");
        assert_eq!(number("by its binlog "), done, "{said}");
        let (marked, grew) = (number("of its own and "), number("val grew by "));
        assert!(marked > 0 && marked == grew, "{said}");
    }
    assert!(said.contains("echoes: 0\n"), "{said}");
    for link in ["a-to-b", "b-to-a"] {
        assert!(said.contains(&format!("note: {link}: ")) && said.contains("rows applied in"), "{said}");
    }
}

/// Ctrl-C ends the load, and only that: it is compared all the same.
#[test]
fn sides_that_differ_are_told() {
    let mut shown = Shown::start(&["--load", "20", "--duration", "100"]);
    shown.until("20 transactions per second on each side");
    let mut conn = shown.connect("B");
    // Past the binlog: no link can know of it.
    conn.query_drop("SET sql_log_bin = 0").unwrap();
    conn.query_drop("INSERT INTO play.hot VALUES (77, 1)").unwrap();
    drop(conn);
    shown.interrupt();
    let said = shown.expect(1);
    let error = said.split_once("error: ").unwrap_or_else(|| panic!("{said}")).1;
    assert!(error.contains("differs") && error.contains("hot"), "{said}");
    assert!(!said.contains("equal:"), "{said}");
}

#[test]
fn ddl_on_the_wrong_side_ends_it_with_a_clear_word() {
    let mut shown = Shown::start(&[]);
    shown.until("Ctrl-C stops");
    shown.connect("B").query_drop("CREATE DATABASE typed_on_b").unwrap();
    let said = shown.expect(4);
    let error = said.split_once("error: ").unwrap_or_else(|| panic!("{said}")).1;
    assert!(error.contains("b-to-a") && error.contains("typed_on_b"), "{said}");
}

#[test]
fn ctrl_c_ends_it_and_leaves_nothing() {
    let mut shown = Shown::start(&[]);
    shown.until("Ctrl-C stops");
    let (mut a, mut b) = (shown.connect("A"), shown.connect("B"));
    nobody_else_enters(&shown, &mut a);
    a.query_drop("CREATE DATABASE typed").unwrap();
    a.query_drop("CREATE TABLE typed.t (id INT PRIMARY KEY, word VARCHAR(20))").unwrap();
    a.query_drop("INSERT INTO typed.t VALUES (1, 'from A')").unwrap();
    words(&mut shown, &mut b, &["from A"]);
    b.query_drop("INSERT INTO typed.t VALUES (2, 'from B')").unwrap();
    words(&mut shown, &mut a, &["from A", "from B"]);
    drop((a, b));
    shown.interrupt();
    let said = shown.expect(0);
    for part in ["supported DDL: CREATE", "views, triggers", "are not in its row binlog"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert!(!said.contains("error:"), "{said}");
}

/// Whoever enters a server as its root has the files of the account that it runs as: no other local user may, and that account is not the
/// system's root.
#[track_caller]
fn nobody_else_enters(shown: &Shown, a: &mut Conn) {
    let we_are_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    for server in &shown.servers {
        let folder = std::fs::metadata(folder(*server)).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        let runs_as = std::fs::metadata(format!("/proc/{server}")).unwrap().uid();
        assert_eq!(folder.uid(), runs_as);
        let named = std::env::var_os(tisync::playground::mariadb::VARIABLE).is_some();
        assert!(!we_are_root || named || runs_as != 0, "it runs as root");
        let line = std::fs::read_to_string(format!("/proc/{server}/cmdline")).unwrap();
        assert!(line.contains("--skip-networking") && !line.contains("--port"), "{line}");
    }
    let outside = std::env::temp_dir().join(format!("tisync-outfile-{}", std::process::id()));
    let written = a.query_drop(format!("SELECT 'x' INTO OUTFILE '{}'", outside.display()));
    assert!(written.is_err() && !outside.exists(), "{written:?}");
}

/// Waits until a side has these words.
#[track_caller]
fn words(shown: &mut Shown, side: &mut Conn, expected: &[&str]) {
    let begin = Instant::now();
    // Until the table is there, there is nothing to read.
    while side.query::<String, _>("SELECT word FROM typed.t ORDER BY id").unwrap_or_default() != expected {
        assert!(shown.child.try_wait().unwrap().is_none(), "it ended\n{}", shown.said());
        assert!(begin.elapsed() < LIMIT, "{expected:?} did not come\n{}", shown.said());
        sleep(Duration::from_millis(20));
    }
}

/// However it ends: by a second Ctrl-C or `kill` while the first still waits for servers that hang, or by SIGKILL.
#[test]
fn nothing_is_left_after_a_second_signal() {
    for (args, up, signals, code) in [
        (&["playground", "--both"][..], "Ctrl-C stops", &["INT", "INT"][..], Some(130)),
        (&["playground", "--both"], "Ctrl-C stops", &["TERM", "TERM"], Some(130)),
        (&["playground", "--both"], "Ctrl-C stops", &["KILL"], None),
        (&["playground", "--duration", "100"], "starts after", &["INT", "INT"], Some(130)),
        (&["playground", "--duration", "100"], "starts after", &["KILL"], None),
    ] {
        let mut shown = Shown::of(args);
        shown.until(up);
        let mut folders: Vec<PathBuf> = shown.servers.iter().map(|id| folder(*id)).collect();
        assert_eq!(folders.len(), if args.contains(&"--both") { 4 } else { 1 });
        if args.contains(&"--both") {
            folders.push(shown.file().parent().unwrap().to_owned());
        }
        assert!(folders.iter().all(|folder| folder.exists()));
        let id = shown.child.id().to_string();
        for server in &shown.servers {
            assert!(Command::new("kill").args(["-STOP", &server.to_string()]).status().unwrap().success());
        }
        for signal in signals {
            assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
            sleep(Duration::from_millis(300));
        }
        assert_eq!(shown.child.wait().unwrap().code(), code, "{args:?} {signals:?}\n{}", shown.said());
        let begin = Instant::now();
        while shown.servers.iter().any(|id| runs(*id)) || folders.iter().any(|folder| folder.exists()) {
            let left: Vec<_> = folders.iter().filter(|folder| folder.exists()).collect();
            assert!(begin.elapsed() < LIMIT, "{args:?} {signals:?}: {left:?} {:?}", shown.servers);
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn ddl_that_no_tidb_has_is_refused_aloud() {
    let mut shown = Shown::start(&[]);
    shown.until("Ctrl-C stops");
    let mut conn = shown.connect("A");
    conn.query_drop("CREATE DATABASE typed").unwrap();
    conn.query_drop("CREATE VIEW typed.v AS SELECT 1 AS n").unwrap();
    drop(conn);
    let said = shown.expect(4);
    let error = said.lines().find(|l| l.starts_with("error: ")).unwrap_or_else(|| panic!("{said}"));
    assert!(error.starts_with("error: A: ") && error.contains("VIEW") && error.contains("refused"), "{said}");
    assert!(said.contains("start it again without that statement"), "{said}");
}
