//! The value of a NOT NULL column without a default that only the target has: the zero of its type, said explicitly, so that strict
//! mode can stay on.

use super::elements::elements;
use super::found::{Facts, FoundColumn};
use crate::sink::mysql::session::quote_text;

/// The literal; `None` if the type has no zero.
pub(super) fn zero(column: &FoundColumn, facts: Facts) -> Option<String> {
    let date = |zero: &str, earliest: &str| {
        // Where the server's own sessions refuse zero dates, a dump of the table could not be loaded again.
        format!("'{}'", if facts.zero_dates { zero } else { earliest })
    };
    Some(match column.kind.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "decimal" | "numeric" | "float"
        | "double" | "year" | "bit" => "0".to_owned(),
        "json" => "'null'".to_owned(),
        "longtext" if column.json => "'null'".to_owned(),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary" | "varbinary" | "tinyblob"
        | "blob" | "mediumblob" | "longblob" | "set" => "''".to_owned(),
        "date" => date("0000-00-00", "1000-01-01"),
        "datetime" => date("0000-00-00 00:00:00", "1000-01-01 00:00:00"),
        "timestamp" => date("0000-00-00 00:00:00", "1970-01-01 00:00:01"),
        "time" => "'00:00:00'".to_owned(),
        "enum" => quote_text(elements(&column.definition)?.first()?),
        "uuid" => "'00000000-0000-0000-0000-000000000000'".to_owned(),
        "inet6" => "'::'".to_owned(),
        "inet4" => "'0.0.0.0'".to_owned(),
        _ => return None,
    })
}
