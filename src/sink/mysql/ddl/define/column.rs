//! Writes a column definition in TiDB's SQL.
//!
//! The second part is SQL that TiDB keeps as text: expressions of generated columns, checks,
//! defaults and partitions, and partition bounds.

use crate::model::{Column, ColumnDefault, ColumnDetails, Generated, Handle, Kind, Table, Value};
use crate::mysql::literal;
use crate::mysql::session::{Flavour, Server};
use crate::sink::mysql::ddl::dialect::Unsupported;
use crate::sql::{Token, has_query, is_closed, tokens};
use crate::sql::{quote_name, quote_text};

/// A column with its details.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub column: &'a Column,
    pub details: &'a ColumnDetails,
    /// `AUTO_RANDOM`: shard bits and range bits; 0 shard bits for none.
    pub auto_random: (u64, u64),
    /// Whether its default, an expression, is left out.
    pub silent: bool,
}

/// The columns that a statement to `server` names, in order; without helper columns of indexes.
pub(super) fn visible<'a>(table: &'a Table, server: &Server) -> Vec<Whole<'a>> {
    let Some(details) = &table.details else { return Vec::new() };
    let mysql = server.flavour == Flavour::MySql;
    let whole = |(at, (column, own)): (usize, (&'a Column, &'a ColumnDetails))| {
        let key = matches!(&table.handle, Handle::Int(handle) if *handle == at)
            || matches!(&table.handle, Handle::Common(parts) if parts.first().is_some_and(|p| p.column == at));
        let auto_random = if key { details.own.auto_random } else { (0, 0) };
        // MySQL refuses a generated column that uses a later column whose default is an expression.
        // A replica does not need the default.
        let used = |n: &ColumnDetails| mentions(&n.generated, &column.name);
        let silent = mysql && is_expression(own, column) && details.columns.iter().take(at).any(used);
        Whole { column, details: own, auto_random, silent }
    };
    table.columns.iter().zip(&details.columns).enumerate().map(whole).filter(|w| !w.column.hidden).collect()
}

/// Which default a definition gets.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// The column's own.
    Own,
    /// This one, as SQL, for existing rows.
    Instead(&'a str),
    /// None.
    Nothing,
}

impl Whole<'_> {
    pub(super) fn name(&self) -> String {
        quote_name(&self.column.name)
    }

    /// Everything after the name. The character set is left out if it is that of `table`, which is
    /// being created.
    ///
    /// # Errors
    /// If an expression is unsafe.
    pub(super) fn definition(&self, table: Option<&Table>, given: Given<'_>) -> Result<String, Unsupported> {
        let mut sql = self.kind(table);
        let Self { column, details, .. } = self;
        if column.generated != Generated::No {
            let word = if column.generated == Generated::Stored { "STORED" } else { "VIRTUAL" };
            sql.push_str(&format!(" GENERATED ALWAYS AS ({}) {word}", expression(&details.generated)?));
        }
        sql.push_str(match (column.nullable, &column.kind) {
            (false, _) => " NOT NULL",
            // Without NULL, it would be NOT NULL.
            (true, Kind::Timestamp { .. }) => " NULL",
            (true, _) => "",
        });
        if column.generated == Generated::No {
            let default = match given {
                Given::Own => self.default()?,
                Given::Instead(value) => Some(value.to_owned()),
                Given::Nothing => None,
            };
            sql.extend(default.map(|value| format!(" DEFAULT {value}")));
            if details.on_update {
                sql.push_str(&format!(" ON UPDATE {}", self.now()));
            }
        }
        if details.auto_increment {
            sql.push_str(" AUTO_INCREMENT");
        }
        match self.auto_random {
            (0, _) => {}
            (bits, 0) => sql.push_str(&format!(" /*T![auto_rand] AUTO_RANDOM({bits}) */")),
            (bits, range) => sql.push_str(&format!(" /*T![auto_rand] AUTO_RANDOM({bits}, {range}) */")),
        }
        if !details.comment.is_empty() {
            sql.push_str(&format!(" COMMENT {}", quote_text(&details.comment)));
        }
        Ok(sql)
    }

    fn kind(&self, table: Option<&Table>) -> String {
        let mut sql = self.details.sql.clone();
        if let Kind::Enum { elements } | Kind::Set { elements } = &self.column.kind {
            let list: Vec<String> = elements.iter().map(|e| quote_text(e)).collect();
            sql.push_str(&format!("({})", list.join(",")));
        }
        let Some((charset, collation)) = &self.details.charset else { return sql };
        match table {
            Some(table) if (&table.charset, &table.collation) == (charset, collation) => {}
            Some(_) => sql.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}")),
            // MySQL would show for ever that a character set was given. The collation implies it.
            None => sql.push_str(&format!(" COLLATE {collation}")),
        }
        sql
    }

    /// What follows DEFAULT; `None` if there is no DEFAULT.
    ///
    /// # Errors
    /// If an expression is unsafe.
    pub(super) fn default(&self) -> Result<Option<String>, Unsupported> {
        if self.silent {
            return Ok(None);
        }
        Ok(Some(match &self.details.default {
            ColumnDefault::None => return Ok(None),
            ColumnDefault::Null => "NULL".to_owned(),
            ColumnDefault::Text(text) => quote_text(text),
            ColumnDefault::Bits(bytes) => bits(bytes),
            ColumnDefault::Now => self.now(),
            ColumnDefault::Expression(sql) if sql.trim_start().to_lowercase().starts_with("nextval") => {
                expression(sql)?.to_owned()
            }
            ColumnDefault::Expression(sql) => format!("({})", expression(sql)?),
        }))
    }

    fn now(&self) -> String {
        match self.column.kind {
            Kind::Timestamp { fsp } | Kind::Datetime { fsp } if fsp > 0 => format!("CURRENT_TIMESTAMP({fsp})"),
            Kind::Date => "(CURRENT_DATE)".to_owned(),
            _ => "CURRENT_TIMESTAMP".to_owned(),
        }
    }

    /// The value of rows that are older than the column, as a default, if it is not the value that
    /// new rows get.
    pub(super) fn for_old_rows(&self, mariadb: bool) -> Option<String> {
        let Self { column, details, .. } = self;
        let value = &column.missing;
        if *value == Value::Absent || column.generated != Generated::No {
            return None;
        }
        let implied = matches!(details.default, ColumnDefault::None | ColumnDefault::Null);
        match &column.kind {
            // MariaDB's JSON is a text, which would be empty.
            Kind::Json if mariadb && !column.nullable => {}
            _ if *value == details.new => return None,
            _ if implied && *value == Value::Null => return None,
            _ => {}
        }
        literal_of(column, value)
    }
}

/// Whether MySQL needs the default as an expression.
fn is_expression(details: &ColumnDetails, column: &Column) -> bool {
    match details.default {
        ColumnDefault::Expression(_) => true,
        ColumnDefault::Now => column.kind == Kind::Date,
        _ => false,
    }
}

/// Whether an expression of TiDB's, in which all names are quoted, uses the column.
fn mentions(expression: &str, column: &str) -> bool {
    !expression.is_empty() && expression.contains(&quote_name(column))
}

/// `value` as it can follow DEFAULT.
fn literal_of(column: &Column, value: &Value) -> Option<String> {
    let element = |list: &[String], at: usize| list.get(at).map(|e| quote_text(e));
    match (&column.kind, value) {
        (Kind::Enum { elements }, Value::Enum(number)) => {
            element(elements, usize::try_from(*number).ok()?.checked_sub(1)?)
        }
        (Kind::Set { elements }, Value::Set(mask)) => {
            let there = elements.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
            Some(quote_text(&there.map(|(_, e)| e.as_str()).collect::<Vec<_>>().join(",")))
        }
        (Kind::Bit { .. }, Value::Bit(number)) => Some(bits(&number.to_be_bytes())),
        (kind, value) => {
            let mut out = Vec::new();
            literal::write(&mut out, kind, value).ok()?;
            let sql = String::from_utf8(out).ok()?;
            // Text and JSON can only have a default that is an expression.
            Some(if *kind == Kind::Json { format!("({sql})") } else { sql })
        }
    }
}

/// The bits as `b'101'`.
fn bits(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
    let digits = digits.trim_start_matches('0');
    format!("b'{}'", if digits.is_empty() { "0" } else { digits })
}

/// `text` if it cannot be anything but one expression (or several, separated by commas), wherever
/// it occurs.
///
/// # Errors
/// If it could close the brackets around it, or be read differently by the target: any user who may
/// create a table upstream can write it.
pub(super) fn expression(text: &str) -> Result<&str, Unsupported> {
    let mut depth = 0_usize;
    let mut end = 0;
    for (token, _, to) in tokens(text) {
        end = to;
        depth = match token {
            Token::Sign('(') => depth + 1,
            Token::Sign(')') if depth > 0 => depth - 1,
            Token::Sign(')' | ';') | Token::Comment(_) => return Err(refused(text)),
            _ => depth,
        };
    }
    let whole = text.get(end..).is_some_and(|rest| rest.trim().is_empty());
    let control = text.chars().any(char::is_control);
    if depth > 0 || !whole || control || text.trim().is_empty() || has_query(text) || !is_closed(text) {
        return Err(refused(text));
    }
    Ok(text)
}

pub(super) fn refused(text: &str) -> Unsupported {
    let shown: String = text.chars().take(200).collect();
    Unsupported(format!("its definition has `{shown}` where an expression is expected"))
}
