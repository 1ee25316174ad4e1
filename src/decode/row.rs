//! Rows in TiDB's old format, the only one in a binlog: pairs of column id and value without length, count or order
//! (spec/tidb-formats.md §4.1, §4.6; spec/tidb-binlog.md §3.2).

use anyhow::{Context, Error, Result, bail, ensure};
use bytes::Bytes;

use super::cursor::Cursor;
use super::datum::{self, Datum};
use super::handle::Prefix;
use super::value;
use crate::model::{Column, Handle, Row, RowKind, Table, Value};

/// Most pairs in one item: both images of the widest table (4,096 columns), and as many that the table does not know.
/// Bounds the search for unknown column ids in damaged rows.
const MAX_PAIRS: usize = 16_384;

/// Reads an item of `inserted_rows`: the handle, then the row.
///
/// # Errors
/// If it is malformed or does not fit `table`.
pub fn insert(table: &Table, bytes: &Bytes) -> Result<Row> {
    insert_from(table, bytes, bytes)
}

/// The same of an item that lies within `source`.
pub(super) fn insert_from(table: &Table, bytes: &[u8], source: &Bytes) -> Result<Row> {
    let mut from = Cursor::new(bytes);
    let prefix = Prefix::read(table, &mut from)?;
    let mut row = image(table, from, source)?;
    prefix.fill(table, &mut row, source)?;
    finish(table, &mut row, |_| true)?;
    Ok(row)
}

/// Reads an item of `deleted_rows`: the row.
///
/// # Errors
/// If it is malformed or does not fit `table`.
pub fn delete(table: &Table, bytes: &Bytes) -> Result<Row> {
    delete_from(table, bytes, bytes)
}

/// The same of an item that lies within `source`.
pub(super) fn delete_from(table: &Table, bytes: &[u8], source: &Bytes) -> Result<Row> {
    let mut row = image(table, Cursor::new(bytes), source)?;
    finish(table, &mut row, |_| false)?;
    Ok(row)
}

/// Reads an item of `updated_rows`: the old row and the new one without anything between them. What comes first of a
/// column is its old value.
///
/// # Errors
/// If it is malformed, does not fit `table`, or the two rows differ in their columns.
pub fn update(table: &Table, bytes: &Bytes) -> Result<RowKind> {
    update_from(table, bytes, bytes)
}

/// The same of an item that lies within `source`.
pub(super) fn update_from(table: &Table, bytes: &[u8], source: &Bytes) -> Result<RowKind> {
    let (mut old, mut new) = (blank(table), blank(table));
    let mut pairs = Pairs::new(table, Cursor::new(bytes));
    while let Some((at, column)) = pairs.next()? {
        let slot = match (old.get_mut(at), new.get_mut(at)) {
            (Some(old), _) if absent(old) => old,
            (_, Some(new)) if absent(new) => new,
            _ => bail!("column `{}` is there more than twice", column.name),
        };
        *slot = pairs.value(column, source)?;
    }
    for (column, (old, new)) in table.columns.iter().zip(old.iter().zip(&new)) {
        let torn = !absent(old) && absent(new);
        ensure!(!torn, "column `{}` is in one of the two images only", column.name);
    }
    finish(table, &mut old, |_| false).context("the image before the update")?;
    // Without a value, a row that is written anew could not come into a column that refuses NULL.
    finish(table, &mut new, |column| !column.nullable).context("the image after the update")?;
    Ok(RowKind::Update { old, new })
}

/// The hidden column of the row id.
const ROW_ID: i64 = -1;

/// The row id of a change, where the table's rows have one.
pub(super) fn row_id(table: &Table, kind: &RowKind, bytes: &[u8]) -> Result<Option<i64>> {
    let mut from = Cursor::new(bytes);
    if table.handle != Handle::RowId {
        return Ok(None);
    }
    let int = |from: &mut Cursor<'_>| match Datum::read(from)? {
        Datum::Int(id) => Ok(id),
        other => bail!("there is {} where a row id belongs", other.name()),
    };
    if let RowKind::Insert(_) = kind {
        return int(&mut from).map(Some);
    }
    while !from.is_empty() {
        let Datum::Int(column) = Datum::read(&mut from)? else { return Ok(None) };
        if column == ROW_ID {
            return int(&mut from).map(Some);
        }
        datum::skip(&mut from)?;
    }
    Ok(None)
}

/// One row, up to the end of the bytes.
fn image(table: &Table, from: Cursor<'_>, source: &Bytes) -> Result<Row> {
    let mut row = blank(table);
    if from.rest() == [datum::NIL] {
        return Ok(row);
    }
    let mut pairs = Pairs::new(table, from);
    while let Some((at, column)) = pairs.next()? {
        match row.get_mut(at) {
            Some(slot) if absent(slot) => *slot = pairs.value(column, source)?,
            _ => bail!("column `{}` is there twice", column.name),
        }
    }
    Ok(row)
}

fn blank(table: &Table) -> Row {
    std::iter::repeat_with(|| Value::Absent).take(table.columns.len()).collect()
}

/// Not filled yet.
pub(super) fn absent(value: &Value) -> bool {
    matches!(value, Value::Absent)
}

/// Takes away what the target computes itself, and gives columns that no pair and no handle filled their value where `fills` wants it.
///
/// An insert leaves out what is NULL by default, and what its writer did not know. The images of updates and deletes hold all columns but
/// one that is being dropped (spec/tidb-binlog.md §3.2): what the target's row has in it nobody can tell, and it will soon be gone.
fn finish(table: &Table, row: &mut [Value], fills: impl Fn(&Column) -> bool) -> Result<()> {
    for (column, slot) in table.columns.iter().zip(row) {
        if !column.writable() {
            *slot = Value::Absent;
        } else if absent(slot) && fills(column) {
            ensure!(
                !absent(&column.missing),
                "column `{}` is not in the row, and TiDB's schema does not tell what rows hold that are older than the \
                 column",
                column.name
            );
            *slot = column.missing.clone();
        }
        ensure!(
            column.nullable || !matches!(slot, Value::Null),
            "column `{}` is NULL, which it must not be",
            column.name
        );
    }
    Ok(())
}

/// The pairs of one or two rows whose column the table knows.
struct Pairs<'a> {
    table: &'a Table,
    from: Cursor<'a>,
    /// The column behind the last one found: nearly always the next to come.
    expected: usize,
    read: usize,
}

impl<'a> Pairs<'a> {
    fn new(table: &'a Table, from: Cursor<'a>) -> Self {
        Self { table, from, expected: 0, read: 0 }
    }

    /// The column of the next pair and its place; its value must be taken next. Other columns are passed over: they
    /// are the hidden row id (-1), or about to be added or dropped. `None` at the end.
    fn next(&mut self) -> Result<Option<(usize, &'a Column)>> {
        while self.read == 0 || !self.from.is_empty() {
            self.read += 1;
            ensure!(self.read <= MAX_PAIRS, "a row has more than {MAX_PAIRS} columns");
            let id = self.id()?;
            if let Some(found) = self.find(id) {
                return Ok(Some(found));
            }
            datum::skip(&mut self.from).with_context(|| format!("column id {id}, not in the definition"))?;
        }
        Ok(None)
    }

    #[inline]
    fn id(&mut self) -> Result<i64> {
        // Nearly always one byte behind its flag.
        if let [datum::VARINT, byte @ ..0x80, ..] = self.from.rest() {
            let id = i64::from(byte >> 1) ^ -i64::from(byte & 1);
            self.from.take(2)?;
            return Ok(id);
        }
        match Datum::read(&mut self.from).context("a column id")? {
            Datum::Int(id) => Ok(id),
            other => bail!("there is {} where a column id belongs", other.name()),
        }
    }

    #[inline]
    fn find(&mut self, id: i64) -> Option<(usize, &'a Column)> {
        let columns = &self.table.columns;
        if let Some(column) = columns.get(self.expected).filter(|column| column.id == id) {
            self.expected += 1;
            return Some((self.expected - 1, column));
        }
        let (before, behind) = columns.split_at_checked(self.expected)?;
        let behind = behind.iter().zip(self.expected..);
        let (column, at) = behind.chain(before.iter().zip(0..)).find(|(column, _)| column.id == id)?;
        self.expected = at + 1;
        Some((at, column))
    }

    /// The value of the pair whose `column` was just read. That of a column which the target computes is only passed
    /// over and marked as seen; [`finish`] takes the mark away.
    #[inline]
    fn value(&mut self, column: &Column, source: &Bytes) -> Result<Value> {
        let value = if column.writable() {
            Datum::read(&mut self.from).and_then(|datum| value::value(datum, &column.kind, source))
        } else {
            datum::skip(&mut self.from).map(|()| Value::Null)
        };
        match value {
            Ok(value) => Ok(value),
            Err(error) => Err(in_column(error, column)),
        }
    }
}

#[cold]
fn in_column(error: Error, column: &Column) -> Error {
    error.context(format!("column `{}`", column.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Generated, Handle, KeyPart, Kind};

    fn column(id: i64, name: &str, kind: Kind) -> Column {
        let missing = Value::Bytes(Bytes::from_static(b"filled in"));
        Column { id, name: name.to_owned(), kind, nullable: true, generated: Generated::No, hidden: false, missing }
    }

    /// `id` BIGINT, `a` text, `b` INT, with the column ids 1, 2, 3.
    fn table(handle: Handle) -> Table {
        let text = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_general_ci".into() };
        Table {
            id: 7,
            schema: "db".into(),
            name: "t".into(),
            columns: vec![
                column(1, "id", Kind::Int { bytes: 8, unsigned: false }),
                column(2, "a", text),
                column(3, "b", Kind::Int { bytes: 4, unsigned: false }),
            ],
            keys: Vec::new(),
            handle,
            foreign_keys: Vec::new(),
            partitions: Vec::new(),
            charset: "utf8mb4".into(),
            collation: "utf8mb4_bin".into(),
            details: None,
        }
    }

    fn bytes(hex: &str) -> Bytes {
        hex::decode(hex.replace(' ', "")).unwrap().into()
    }

    fn text(value: &'static str) -> Value {
        Value::Bytes(value.into())
    }

    fn problem<T: std::fmt::Debug>(result: Result<T>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn an_integer_handle_is_a_column() {
        let table = table(Handle::Int(0));
        let row = insert(&table, &bytes("0802 0804020241 08060803")).unwrap();
        assert_eq!(row, [Value::Int(1), text("A"), Value::Int(-2)]);
        // Out of order, with an unknown column and the row's own id, which wins.
        let row = insert(&table, &bytes("0802 08060803 08080202ff 0804020241 08020806")).unwrap();
        assert_eq!(row, [Value::Int(3), text("A"), Value::Int(-2)]);
        assert_eq!(insert(&table, &bytes("0802 00")).unwrap(), [Value::Int(1), text("filled in"), text("filled in")]);
    }

    #[test]
    fn a_common_handle_fills_only_what_the_row_lacks() {
        let part = |column, prefix| KeyPart { column, prefix };
        let table = table(Handle::Common(vec![part(1, None), part(2, None), part(0, Some(3))]));
        let row = insert(&table, &bytes("02080041 0041 0802 0812 0804 02044161")).unwrap();
        assert_eq!(row, [text("filled in"), text("Aa"), Value::Int(1)]);
        // Without new collations the key holds the text itself and the row leaves it out.
        let row = insert(&table, &bytes("02044161 0802 0812 00")).unwrap();
        assert_eq!(row, [text("filled in"), text("Aa"), Value::Int(1)]);
        let error = problem(insert(&table, &bytes("0802 0802 0812 00")));
        assert_eq!(error, "column `a`, in the handle: a text column cannot hold a signed number");
    }

    #[test]
    fn an_update_is_split_at_the_second_occurrence() {
        let table = table(Handle::RowId);
        let RowKind::Update { old, new } =
            update(&table, &bytes("08020802 080400 0801080e 08020804 0804 02027a 0801080e")).unwrap()
        else {
            panic!("an update");
        };
        assert_eq!(old, [Value::Int(1), Value::Null, Value::Absent]);
        assert_eq!(new, [Value::Int(2), text("z"), Value::Absent]);
        let torn = problem(update(&table, &bytes("08020802 080400 08020802")));
        assert_eq!(torn, "column `a` is in one of the two images only");
        let thrice = problem(update(&table, &bytes("08020802 08020802 08020802")));
        assert_eq!(thrice, "column `id` is there more than twice");
    }

    #[test]
    fn columns_that_the_target_computes_are_absent() {
        let mut table = table(Handle::RowId);
        table.columns[1].generated = Generated::Stored;
        table.columns[2].hidden = true;
        let row = delete(&table, &bytes("08020802 0804 020278 0806 0803 0801080e")).unwrap();
        assert_eq!(row, [Value::Int(1), Value::Absent, Value::Absent]);
        let twice = problem(delete(&table, &bytes("0804 020278 0804 020278")));
        assert_eq!(twice, "column `a` is there twice");
    }

    #[test]
    fn a_column_that_the_row_lacks_is_not_guessed() {
        let mut table = table(Handle::RowId);
        table.columns[1].missing = Value::Absent;
        let expected = "column `a` is not in the row, and TiDB's schema does not tell what rows hold that are older \
                        than the column";
        assert_eq!(problem(insert(&table, &bytes("0802 08020802"))), expected);
        table.columns[1].nullable = false;
        let problem = problem(update(&table, &bytes("08020802 08020804")));
        assert_eq!(problem, format!("the image after the update: {expected}"));
        // One that the row has, or that the target computes, needs no such value.
        assert!(delete(&table, &bytes("08020802 0804 020278")).is_ok());
        table.columns[1].generated = Generated::Virtual;
        assert!(delete(&table, &bytes("08020802")).is_ok());
    }

    #[test]
    fn a_column_that_is_being_dropped_is_in_neither_image() {
        let mut table = table(Handle::RowId);
        let absent = [Value::Int(1), Value::Absent, Value::Absent];
        assert_eq!(delete(&table, &bytes("08020802")).unwrap(), absent);
        let both = bytes("08020802 08020804");
        let new = [Value::Int(2), Value::Absent, Value::Absent];
        assert_eq!(update(&table, &both).unwrap(), RowKind::Update { old: absent.to_vec(), new: new.to_vec() });
        table.columns[1].nullable = false;
        let RowKind::Update { old, new } = update(&table, &both).unwrap() else { panic!("an update") };
        assert_eq!((&old[1], &new[1]), (&Value::Absent, &text("filled in")));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let mut table = table(Handle::RowId);
        for (hex, expected) in [
            ("08020802 08020802", "column `id` is there twice"),
            ("08020202 41", "column `id`: an integer column cannot hold a string"),
            ("0806 0880808080 20", "column `b`: 4294967296 does not fit 4 bytes"),
            ("0804 0208 4141", "column `a`: the bytes end too early: 4 wanted, 2 left"),
            ("0802", "column `id`: the bytes end too early"),
            ("0908 00", "there is an unsigned number where a column id belongs"),
            ("0812 0b", "column id 9, not in the definition: no value begins with the flag 0x0b"),
            ("80000100 0000 01 0100 01", "a column id: no value begins with the flag 0x80"),
            ("", "a column id: the bytes end too early"),
        ] {
            assert_eq!(problem(delete(&table, &bytes(hex))), expected, "{hex}");
        }
        assert!(problem(insert(&table, &bytes("020241 00"))).contains("is a string instead of an integer"));
        table.columns[0].nullable = false;
        assert!(problem(delete(&table, &bytes("080200"))).contains("`id` is NULL"));
        let mut endless = Vec::new();
        (0..=MAX_PAIRS).for_each(|_| endless.extend([8, 20, 0]));
        assert!(problem(delete(&table, &endless.into())).contains("more than 16384 columns"));
    }
}
