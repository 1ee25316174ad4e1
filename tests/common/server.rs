//! The server that the cases run on: the installed MariaDB, or the kind that `TISYNC_SERVER` names; and what a case says that needs another one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use libtest_mimic::{Completion, Failed, Trial};
use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;

/// The variable with the kind of server, as `.ci/server` knows it.
pub const VARIABLE: &str = "TISYNC_SERVER";

/// Starts one with more options; those of one dialect alone begin with `--loose-`.
pub fn start(extra: &[&str]) -> anyhow::Result<PrivateServer> {
    start_in(&std::env::temp_dir(), extra)
}

/// The same with its files below `parent`.
pub fn start_in(parent: &Path, extra: &[&str]) -> anyhow::Result<PrivateServer> {
    match program() {
        None => PrivateServer::start_in(parent, extra),
        Some(program) => {
            // A later MariaDB without a certificate makes one at each start, which takes seconds or, on a busy machine, minutes.
            let plain = !is_mysql() && !extra.iter().any(|option| option.starts_with("--ssl"));
            let off: &[&str] = if plain { &["--skip-ssl"] } else { &[] };
            PrivateServer::start_at(program, parent, &[off, extra].concat())
        }
    }
}

/// The program of the kind that is asked for; `None`: whatever else the environment names, or the installed one.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(find).as_deref()
}

fn find() -> Option<PathBuf> {
    let kind = std::env::var(VARIABLE).ok().filter(|kind| !kind.is_empty() && kind != "mariadb10.11")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/server");
    let output = Command::new("sh").arg(script).arg(&kind).output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()))
}

/// Whether a MySQL is asked for, before there is one to ask.
pub fn is_mysql() -> bool {
    std::env::var(VARIABLE).is_ok_and(|kind| kind.starts_with("mysql"))
}

/// Whether it is a MySQL of before 8.0.
pub fn has_no_atomic_ddl() -> bool {
    std::env::var(VARIABLE).is_ok_and(|kind| kind == "mysql5.7")
}

/// Whether the server takes `--lower-case-table-names` with a data directory that is there.
pub fn folds_names() -> bool {
    !is_mysql() || std::env::var(VARIABLE).is_ok_and(|kind| kind == "mysql5.7")
}

/// Whose server it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub mysql: bool,
    pub version: (u32, u32),
}

impl Dialect {
    pub fn of(server: &PrivateServer) -> Self {
        Self::asked(&mut server.connect().expect("it answers"))
    }

    pub fn asked(conn: &mut Conn) -> Self {
        let text: String = conn.query_first("SELECT VERSION()").expect("it says").expect("a row");
        let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self { mysql: !text.contains("MariaDB"), version: (next(), next()) }
    }
}

/// What a case ends with that this server cannot take.
struct Refused(String);

/// Ends a case that needs what the server lacks: it counts as ignored, with this reason.
pub fn refuse(reason: &str) -> ! {
    // Without the words of a panic.
    resume_unwind(Box::new(Refused(reason.to_owned())))
}

/// Ends a case on a MySQL, which lacks `what`.
pub fn only_mariadb(server: &PrivateServer, what: &str) {
    if Dialect::of(server).mysql {
        refuse(&format!("MySQL has no {what}"));
    }
}

/// Ends a case on a MariaDB, which lacks `what`.
pub fn only_mysql(server: &PrivateServer, what: &str) {
    if !Dialect::of(server).mysql {
        refuse(&format!("MariaDB has no {what}"));
    }
}

/// A test that may find out that the server cannot take it.
pub fn trial(name: impl Into<String>, case: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match catch_unwind(AssertUnwindSafe(case)) {
        Ok(done) => done.map(|()| Completion::Completed),
        Err(thrown) => refused(thrown),
    })
}

fn refused(thrown: Box<dyn Any + Send>) -> Result<Completion, Failed> {
    match thrown.downcast::<Refused>() {
        Ok(refused) => Ok(Completion::ignored_with(refused.0)),
        Err(thrown) => resume_unwind(thrown),
    }
}
