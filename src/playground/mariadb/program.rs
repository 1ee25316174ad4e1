//! Finds the server program to run, and makes its data directory.
//!
//! Also finds the account for the server where we are root: a server does what its clients say, to
//! files as well.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Keeper;
use crate::error::Fault;

/// The variable with the path of a `mariadbd` other than the installed one, or of a MySQL's
/// `mysqld`.
pub const VARIABLE: &str = "TISYNC_MARIADBD";

/// The folders below a server's base folder that may hold its messages and the SQL of its system
/// tables.
const SHARES: [&str; 4] = ["share", "share/mysql", "share/mariadb", "scripts"];
/// The file by which the folder of messages is recognised. MySQL has the SQL of its system tables
/// within the program.
const TEXTS: &str = "english/errmsg.sys";
/// An empty data directory that comes with a server, to be copied.
const READY: &str = "data";
/// The first lines of a bootstrap: root has no password, and needs no socket.
const BEGIN: &str = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n";
/// The files that make the system tables, in this order; of each pair the first that exists is
/// used.
const TABLES: [[&str; 2]; 3] = [
    ["mariadb_system_tables.sql", "mysql_system_tables.sql"],
    ["mariadb_performance_tables.sql", "mysql_performance_tables.sql"],
    ["mariadb_system_tables_data.sql", "mysql_system_tables_data.sql"],
];
/// The views of `sys`, which older servers lack.
const SYS: &str = "mariadb_sys_schema.sql";
/// A private server has no access to files of other accounts while its tables are made, and opens
/// no other port.
const MYSQL: [&str; 2] = ["--secure-file-priv=NULL", "--loose-mysqlx=OFF"];

/// A server program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// The system's server, with `mariadb-install-db` beside it.
    Installed,
    /// A server that was unpacked to some folder.
    Unpacked {
        make: Make,
        server: PathBuf,
        base: PathBuf,
        /// With the SQL of the system tables, and a folder of messages for each language.
        share: PathBuf,
    },
}

/// Whether it is a MariaDB or a MySQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Make {
    MariaDb,
    MySql,
}

impl Program {
    /// The program that the environment names, or the system's.
    pub(super) fn find() -> Result<Self> {
        match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => Self::at(Path::new(&path)),
            None => Ok(Self::Installed),
        }
    }

    /// The program at `path`: `BASE/bin/mariadbd`, `BASE/bin/mysqld` or the like.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let lost =
            |what: String| Fault::usage(what).hint(format!("{VARIABLE} is the path of a mariadbd in its folder"));
        let server = path.canonicalize().map_err(|e| lost(format!("cannot find {}: {e}", path.display())))?;
        let base = server.parent().and_then(Path::parent).map(Path::to_owned);
        let base = base.ok_or_else(|| lost(format!("{} is in no folder of a server", server.display())))?;
        let make = Make::of(&server)?;
        let files = match make {
            Make::MariaDb => TABLES[0],
            Make::MySql => [TEXTS, TEXTS],
        };
        let share = SHARES.iter().map(|share| base.join(share)).find(|share| first(share, files).is_some());
        let share = share.ok_or_else(|| lost(format!("no {} below {}", files[0], base.display())))?;
        Ok(Self::Unpacked { make, server, base, share })
    }

    /// The command with the options that the server needs in any folder, without any others.
    pub(super) fn command(&self) -> Command {
        match self {
            Self::Installed => {
                let mut command = Command::new("mariadbd");
                command.arg("--no-defaults");
                command
            }
            Self::Unpacked { make, server, base, share } => {
                let mut command = Command::new(server);
                command.arg("--no-defaults").arg(format!("--basedir={}", base.display()));
                command.arg(format!("--lc-messages-dir={}", share.display()));
                if *make == Make::MySql {
                    command.args(MYSQL);
                }
                command
            }
        }
    }

    /// Makes the data directory `data`, with temporary files in `scratch`; root has no password. An
    /// installed server does it as the system's `account`.
    pub(super) fn install(&self, data: &Path, scratch: &Path, account: &str, keeper: &mut Keeper) -> Result<()> {
        match self {
            Self::Installed => installed(data, scratch, account, keeper),
            Self::Unpacked { base, .. } if base.join(READY).is_dir() => Ok(copy(&base.join(READY), data)?),
            Self::Unpacked { make: Make::MySql, .. } => self.initialize(data, scratch, keeper),
            Self::Unpacked { share, .. } => self.bootstrap(share, data, scratch, keeper),
        }
    }

    /// A MySQL makes its data directory itself.
    fn initialize(&self, data: &Path, scratch: &Path, keeper: &mut Keeper) -> Result<()> {
        let mut command = self.command();
        command.arg(format!("--datadir={}", data.display())).args([
            "--initialize-insecure",
            "--user=root",
            "--innodb-use-native-aio=OFF",
        ]);
        command.env("TMPDIR", scratch).stdin(Stdio::null()).stdout(Stdio::null());
        run(&mut command, "mysqld --initialize-insecure", keeper)
    }

    /// Does the work of `mariadb-install-db`, for a server without that script.
    fn bootstrap(&self, share: &Path, data: &Path, scratch: &Path, keeper: &mut Keeper) -> Result<()> {
        fs::create_dir_all(data.join("mysql"))?;
        let input = scratch.join("bootstrap.sql");
        let mut sql = File::create(&input)?;
        sql.write_all(BEGIN.as_bytes())?;
        let sys = first(share, [SYS, SYS]);
        for path in TABLES.iter().filter_map(|names| first(share, *names)).chain(sys) {
            sql.write_all(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)?;
            sql.write_all(b"\n")?;
        }
        let mut command = self.command();
        command.arg(format!("--datadir={}", data.display())).args([
            "--bootstrap",
            "--skip-grant-tables",
            "--user=root",
        ]);
        command.args(["--max-allowed-packet=8M", "--net-buffer-length=16K", "--innodb-use-native-aio=OFF"]);
        command.env("TMPDIR", scratch).stdin(File::open(&input)?).stdout(Stdio::null());
        run(&mut command, "mariadbd --bootstrap", keeper)?;
        Ok(fs::remove_file(&input)?)
    }
}

impl Make {
    fn of(server: &Path) -> Result<Self> {
        let said = Command::new(server).args(["--no-defaults", "--version"]).stdin(Stdio::null()).output();
        let said = said.map_err(|e| Fault::usage(format!("cannot run {}: {e}", server.display())))?;
        let maria = String::from_utf8_lossy(&said.stdout).contains("MariaDB");
        Ok(if maria { Self::MariaDb } else { Self::MySql })
    }
}

fn installed(data: &Path, scratch: &Path, account: &str, keeper: &mut Keeper) -> Result<()> {
    let mut install = Command::new("mariadb-install-db");
    install.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
    install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]).arg(format!("--user={account}"));
    // A server that starts deletes every temporary table in its tmpdir: in a shared one, those of
    // other servers too, which then fail or crash.
    install.env("TMPDIR", scratch);
    install.stdin(Stdio::null()).stdout(Stdio::null());
    run(&mut install, "mariadb-install-db", keeper)
}

fn run(command: &mut Command, name: &str, keeper: &mut Keeper) -> Result<()> {
    let child = command.stderr(Stdio::piped()).spawn().map_err(|e| {
        Fault::connect(format!("cannot run {name}: {e}"))
            .hint("install MariaDB's server: `apt-get install mariadb-server`")
    })?;
    let _ = keeper.holds(Some(child.id()));
    let output = child.wait_with_output();
    let _ = keeper.holds(None);
    let output = output?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Fault::connect(format!("{name} failed: {words}")).into());
    }
    Ok(())
}

/// Copies a folder of files and folders.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The first of these files in `folder`.
fn first(folder: &Path, names: [&str; 2]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The accounts that are tried, in this order: that of the system's own server, and the one that
/// owns no files.
const NAMES: [&str; 2] = ["mysql", "nobody"];
/// The file that lists the system's accounts.
const PASSWD: &str = "/etc/passwd";

/// A system account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    name: String,
    user: u32,
    group: u32,
}

impl Account {
    /// The account that a server runs as; `None` where we are not root, which the owner of `ours`
    /// tells, a path that we have just made.
    ///
    /// # Errors
    /// If we are root and there is no such account.
    pub(super) fn instead_of_root(ours: &Path) -> Result<Option<Self>> {
        if fs::metadata(ours)?.uid() != 0 {
            return Ok(None);
        }
        let text = fs::read_to_string(PASSWD).with_context(|| format!("cannot read {PASSWD}"))?;
        let found = NAMES.iter().find_map(|name| Self::find(&text, name));
        found.map(Some).with_context(|| {
            format!("{PASSWD} has neither `mysql` nor `nobody`, and tisync does not run a server as root")
        })
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            // Another account with root's id would change nothing.
            (user != 0).then(|| Self { name: name.to_owned(), user, group })
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the account the owner of `path`.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(super) fn owns(&self, path: &Path) -> Result<()> {
        let given = chown(path, Some(self.user), Some(self.group));
        given.with_context(|| format!("cannot give {} to `{}`", path.display(), self.name))
    }

    /// What the account needs to be able to run, as text for the operator.
    pub(super) fn needs(&self) -> String {
        format!(
            "started by root, the server runs as `{}`, which needs access to the folder for temporary files ($TMPDIR)",
            self.name
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder in which `below/name` says that it is `version`.
    fn unpacked(below: &str, name: &str, share: &str, version: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for folder in [below, share] {
            fs::create_dir_all(base.join(folder)).unwrap();
        }
        let server = base.join(below).join(name);
        fs::write(&server, format!("#!/bin/sh\necho '{name}  Ver {version}'\n")).unwrap();
        fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
        (dir, base, server)
    }

    #[test]
    fn an_unpacked_server_finds_its_folders() {
        for (below, share, file) in
            [("bin", "share", TABLES[0][0]), ("sbin", "share/mysql", TABLES[0][1]), ("bin", "scripts", TABLES[0][0])]
        {
            let (_dir, base, server) = unpacked(below, "mariadbd", share, "11.4.5-MariaDB");
            let error = Program::at(&server).unwrap_err();
            assert!(format!("{error:#}").contains("no mariadb_system_tables.sql below"), "{error:#}");
            fs::write(base.join(share).join(file), "").unwrap();
            let found = Program::at(&server).unwrap();
            let make = Make::MariaDb;
            assert_eq!(found, Program::Unpacked { make, server, share: base.join(share), base });
        }
        let error = Program::at(Path::new("/nowhere/bin/mariadbd")).unwrap_err();
        assert_eq!(crate::error::exit_code(&error), 2);
    }

    #[test]
    fn a_mysql_is_told_by_its_version() {
        let (_dir, base, server) = unpacked("bin", "mysqld", "share/english", "8.0.31 for Linux on x86_64");
        let error = Program::at(&server).unwrap_err();
        assert!(format!("{error:#}").contains("no english/errmsg.sys below"), "{error:#}");
        fs::write(base.join("share").join(TEXTS), "").unwrap();
        // MySQL 5.7 has a file of that name too.
        fs::write(base.join("share").join(TABLES[0][1]), "").unwrap();
        let found = Program::at(&server).unwrap();
        assert_eq!(found, Program::Unpacked { make: Make::MySql, server, share: base.join("share"), base });
    }

    #[test]
    fn a_data_directory_that_comes_with_a_server_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("mysql")).unwrap();
        fs::write(from.join("mysql/user"), "root").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("mysql/user")).unwrap(), "root");
        copy(&from, &to).unwrap_err();
    }

    #[test]
    fn an_account_is_found_by_its_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nmysql2:x:7:7::/:/bin/false\n\nmysql:x:102:105:,,,:/x:/bin/false\nnobody:x:0:0::/:/\n";
        let mysql = Account::find(passwd, "mysql").unwrap();
        assert_eq!((mysql.name(), mysql.user, mysql.group), ("mysql", 102, 105));
        for none in ["nobody", "other", "root"] {
            assert_eq!(Account::find(passwd, none), None);
        }
    }
}
