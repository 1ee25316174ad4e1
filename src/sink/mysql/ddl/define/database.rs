//! CREATE DATABASE and ALTER DATABASE: their character set and collation, which is all that a target needs of a DBInfo. What TiDB reads and
//! ignores beside them (ENCRYPTION), or keeps for its own stores (placement, TiFlash), is not in it.

use crate::model::{ActionType, Ddl};
use crate::sink::mysql::session::quote_name;
use crate::sql::{Role, Statement};

/// The statement that does what `ddl` did to its database; `None` where its DBInfo is not known.
pub(super) fn statement(ddl: &Ddl, condition: bool) -> Option<String> {
    let verb = match ddl.action {
        ActionType::CreateSchema if condition => "CREATE DATABASE IF NOT EXISTS",
        ActionType::CreateSchema => "CREATE DATABASE",
        ActionType::ModifySchemaCharset => "ALTER DATABASE",
        _ => return None,
    };
    let (charset, collation) = ddl.charset.as_deref().zip(ddl.collation.as_deref())?;
    let is_word = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_word(charset) || !is_word(collation) {
        return None;
    }
    // The name as it stands in the statement is the catalog's, and the route's.
    let statement = Statement::of(&ddl.query);
    let name = statement.place(Role::Database).map_or(ddl.schema.as_str(), |place| place.name.as_str());
    Some(format!("{verb} {} CHARACTER SET {charset} COLLATE {collation}", quote_name(name)))
}
