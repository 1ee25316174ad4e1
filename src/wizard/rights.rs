//! Which rights an account lacks for writing what a link writes, tried with statements on a table that nobody has: servers look at
//! rights before they look whether a table is there. The text of SHOW GRANTS (roles, patterns, proxies) does not tell.

use anyhow::Result;

use crate::checkpoint;
use crate::sink::mysql::failure::{Class, classify};
use crate::sink::mysql::session::{Session, quote_name, quote_text};

/// A table that nobody has.
const NOWHERE: &str = "_tisync_no_such_table";

/// What rows and DDL of users' tables need.
const REPLICATED: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "CREATE VIEW"];
/// What the checkpoint's tables need.
const KEPT: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP"];

/// Rights on a database that an account lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The database.
    pub database: String,
    /// The rights.
    pub rights: Vec<&'static str>,
    /// The statement by which an administrator gives them.
    pub grant: String,
}

/// The rights that the account of `session` lacks on `databases` and on the checkpoint's.
///
/// # Errors
/// If the server does not answer.
pub fn lacks(session: &mut Session, databases: &[String]) -> Result<Vec<Lack>> {
    let account: String = session.first("SELECT CURRENT_USER()")?.unwrap_or_default();
    let account = match account.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", quote_text(user), quote_text(host)),
        None => quote_text(&account),
    };
    let wanted = databases.iter().map(|d| (d.as_str(), &REPLICATED[..])).chain([(checkpoint::SCHEMA, &KEPT[..])]);
    let mut lacks = Vec::new();
    for (database, rights) in wanted {
        let mut missing = Vec::new();
        for right in rights {
            if denied(session, database, right)? {
                missing.push(*right);
            }
        }
        if !missing.is_empty() {
            // All of them: of several grants on patterns that fit, MariaDB and MySQL take one alone.
            let grant = format!("GRANT {} ON {}.* TO {account};", rights.join(", "), pattern(database));
            lacks.push(Lack { database: database.to_owned(), rights: missing, grant });
        }
    }
    Ok(lacks)
}

/// The database's name as GRANT takes it, where `_` and `%` stand for others.
fn pattern(database: &str) -> String {
    quote_name(&database.replace('_', "\\_").replace('%', "\\%"))
}

fn denied(session: &mut Session, database: &str, right: &str) -> Result<bool> {
    let table = format!("{}.{}", quote_name(database), quote_name(NOWHERE));
    let sql = match right {
        "SELECT" => format!("SELECT 1 FROM {table} WHERE 1 = 0"),
        "INSERT" => format!("INSERT INTO {table} VALUES ()"),
        "UPDATE" => format!("UPDATE {table} SET x = 0 WHERE 1 = 0"),
        "DELETE" => format!("DELETE FROM {table} WHERE 1 = 0"),
        "DROP" => format!("DROP TABLE {table}"),
        "ALTER" => format!("ALTER TABLE {table} COMMENT = ''"),
        "INDEX" => format!("CREATE INDEX x ON {table} (x)"),
        // Stops at a table that is not there to be copied or shown, and that everybody may read.
        "CREATE" => format!("CREATE TABLE {table} LIKE information_schema.{}", quote_name(NOWHERE)),
        _ => format!("CREATE VIEW {table} AS SELECT 1 FROM information_schema.{}", quote_name(NOWHERE)),
    };
    match session.try_run(&sql) {
        Err(error) => match classify(&error) {
            Class::Privilege => Ok(true),
            Class::Connection => Err(error.into()),
            _ => Ok(false),
        },
        Ok(_) => Ok(false),
    }
}
