//! Types of columns, and their defaults.

use std::borrow::Cow;

use tisync::schema::{CiStr, ColumnInfo, FieldType};

use super::{COMMENTS, Maker, PUBLIC};

pub const NOT_NULL: u64 = 1;
pub const PRIMARY: u64 = 2;
pub const UNSIGNED: u64 = 32;
pub const ZEROFILL: u64 = 64;
pub const AUTO_INCREMENT: u64 = 512;
pub const NO_DEFAULT: u64 = 4096;
const ON_UPDATE_NOW: u64 = 8192;

/// A type as TiDB's JSON has it, and defaults that it may have.
struct Type {
    tp: i64,
    flen: i64,
    decimal: i64,
    flag: u64,
    /// Whether it has a character set.
    text: bool,
    elements: &'static [&'static str],
    defaults: &'static [&'static str],
}

const fn kind(tp: i64, flen: i64, decimal: i64, defaults: &'static [&'static str]) -> Type {
    Type { tp, flen, decimal, flag: 0, text: false, elements: &[], defaults }
}

const fn text(tp: i64, flen: i64, defaults: &'static [&'static str]) -> Type {
    Type { text: true, ..kind(tp, flen, 0, defaults) }
}

const fn unsigned(of: Type, flag: u64) -> Type {
    Type { flag: UNSIGNED | flag, ..of }
}

const fn listed(tp: i64, elements: &'static [&'static str], defaults: &'static [&'static str]) -> Type {
    Type { elements, ..text(tp, 0, defaults) }
}

const NOW: &str = "CURRENT_TIMESTAMP";
const WORDS: &[&str] = &["", "it's", "a\\b", "名", " x", "50%_\"q\"", "a\tb\nc", "\\'"];
/// Begins an expression.
const EXPRESSION: char = '=';

const TYPES: [Type; 52] = [
    kind(1, 4, 0, &["0", "-7", "127"]),
    kind(1, 1, 0, &["1"]),
    unsigned(kind(1, 3, 0, &["255"]), 0),
    kind(2, 6, 0, &["12", "-300"]),
    unsigned(kind(2, 5, 0, &["42"]), ZEROFILL),
    kind(9, 9, 0, &["1"]),
    kind(3, 11, 0, &["5", "-2147483648"]),
    unsigned(kind(3, 10, 0, &["4294967295"]), 0),
    unsigned(kind(3, 6, 0, &["42"]), ZEROFILL),
    kind(8, 20, 0, &["9223372036854775807", "0"]),
    unsigned(kind(8, 20, 0, &["18446744073709551615"]), 0),
    kind(0xf6, 10, 3, &["1.500", "-0.001", "1.5"]),
    kind(0xf6, 65, 30, &["-0.000000000000000000000000000001"]),
    kind(0xf6, 5, 0, &["3"]),
    unsigned(kind(0xf6, 20, 2, &["7.50"]), ZEROFILL),
    kind(4, 12, -1, &["1.5"]),
    kind(4, 7, 3, &["0.125"]),
    kind(5, 22, -1, &["1.5", "-2", "=rand()"]),
    unsigned(kind(5, 10, 2, &["0.5"]), 0),
    kind(10, 10, 0, &["2024-02-29", "0000-00-00", "CURRENT_DATE"]),
    kind(12, 19, 0, &["2024-05-06 07:08:09", "0000-00-00 00:00:00", NOW]),
    kind(12, 21, 1, &["2024-05-06 07:08:09.5", NOW]),
    kind(12, 23, 3, &["2024-05-06 07:08:09.125", NOW]),
    kind(12, 26, 6, &["9999-12-31 23:59:59.000001", NOW]),
    kind(7, 19, 0, &["2019-12-31 16:00:00", "0000-00-00 00:00:00", NOW]),
    kind(7, 22, 2, &["2019-12-31 16:00:00.25", NOW]),
    kind(7, 26, 6, &["2019-12-31 16:00:00.000001", NOW]),
    kind(11, 10, 0, &["-12:30:00", "838:59:59"]),
    kind(11, 14, 3, &["-00:00:00.001"]),
    kind(11, 17, 6, &["12:34:56.000000"]),
    unsigned(kind(13, 4, 0, &["1999", "2024", "0", "0000", "71"]), ZEROFILL),
    text(15, 20, WORDS),
    text(15, 255, WORDS),
    text(
        15,
        40,
        &["=uuid()", "=date_format(now(), _utf8mb4'%Y-%m-%d')", "=replace(upper(uuid()), _utf8mb4'-', _utf8mb4'')"],
    ),
    text(0xfe, 8, &["x", "\\'", "名"]),
    text(0xfe, 3, &["", "y"]),
    kind(15, 16, 0, &["bytes", "\0\\0", "it's"]),
    kind(0xfe, 5, 0, &["ab\0\0\0"]),
    text(0xf9, 255, &[]),
    text(0xfc, 65_535, &[]),
    text(0xfa, 16_777_215, &[]),
    text(0xfb, 4_294_967_295, &[]),
    kind(0xf9, 255, 0, &[]),
    kind(0xfc, 65_535, 0, &[]),
    kind(0xfb, 4_294_967_295, 0, &[]),
    kind(0xf5, 4_294_967_295, 0, &["=json_object()", "=json_array()"]),
    listed(0xf7, &["a\\", "b", "it's"], &["b", "it's"]),
    listed(0xf7, &["\\'", "", "x,y", "名", "\"`"], &["\\'", "", "x,y", "名"]),
    listed(0xf8, &["a\\", "b", "it's"], &["b", "b,it's", ""]),
    kind(16, 1, 0, &["AQ=="]),
    kind(16, 12, 0, &["Crw="]),
    kind(16, 64, 0, &["//////////8="]),
];

const CHARSETS: [(&str, &str); 8] = [
    ("utf8mb4", "utf8mb4_bin"),
    ("utf8mb4", "utf8mb4_bin"),
    ("utf8mb4", "utf8mb4_general_ci"),
    ("utf8mb4", "utf8mb4_unicode_ci"),
    ("utf8", "utf8_bin"),
    ("latin1", "latin1_bin"),
    ("ascii", "ascii_bin"),
    ("gbk", "gbk_chinese_ci"),
];

pub fn binary() -> FieldType {
    FieldType { charset: Cow::Borrowed("binary"), collate: Cow::Borrowed("binary"), ..FieldType::default() }
}

/// A type with a character set.
pub fn text_type(tp: i64, flen: i64, (charset, collate): (&'static str, &'static str)) -> FieldType {
    FieldType { tp, flen, decimal: 0, charset: Cow::Borrowed(charset), collate: Cow::Borrowed(collate), ..binary() }
}

impl Maker {
    /// A column of any type.
    pub fn column(&mut self, name: &str) -> ColumnInfo {
        let of = self.pick(&TYPES);
        let mut field = FieldType { tp: of.tp, flen: of.flen, decimal: of.decimal, flag: of.flag, ..binary() };
        if of.text {
            let ascii = of.defaults.iter().chain(of.elements).all(|d| d.is_ascii());
            let any = if ascii { CHARSETS.as_slice() } else { CHARSETS.get(..5).unwrap() };
            let (charset, collate) = *self.pick(any);
            (field.charset, field.collate) = (Cow::Borrowed(charset), Cow::Borrowed(collate));
        }
        field.elems = of.elements.iter().map(|e| (*e).to_owned()).collect();
        let not_null = self.random.one_in(2);
        field.flag |= u64::from(not_null) * NOT_NULL;
        let mut column = self.plain(name, field);
        if !of.defaults.is_empty() && self.random.below(3) > 0 {
            let default = *self.pick(of.defaults);
            self.give_default(&mut column, default);
        } else if not_null {
            column.field.flag |= NO_DEFAULT;
        }
        column
    }

    /// A column of this type, without a default.
    pub fn plain(&mut self, name: &str, field: FieldType) -> ColumnInfo {
        self.next_column += 1;
        ColumnInfo {
            id: self.next_column,
            name: CiStr(name.to_owned()),
            field,
            state: PUBLIC,
            version: 2,
            comment: (*self.pick(&COMMENTS)).to_owned(),
            ..ColumnInfo::default()
        }
    }

    /// What the rows that are there have is another value than the default where that is the time.
    fn give_default(&mut self, column: &mut ColumnInfo, default: &str) {
        if column.field.tp == 16 {
            // TiDB keeps bits as a text too, which JSON damages.
            (column.default, column.default_bit) = (Some("\u{fffd}".to_owned()), Some(default.to_owned()));
            (column.origin_default, column.origin_default_bit) = (column.default.clone(), column.default_bit.clone());
            return;
        }
        if let Some(expression) = default.strip_prefix(EXPRESSION) {
            // TiDB adds no such column to rows that are there.
            column.default = Some(expression.to_owned());
            column.default_is_expr = true;
            return;
        }
        column.default = Some(default.to_owned());
        column.origin_default = column.default.clone();
        if default == "CURRENT_DATE" {
            column.origin_default = Some("2024-05-06".to_owned());
        } else if default == NOW {
            let digits = usize::try_from(column.field.decimal).unwrap();
            let fraction = if digits == 0 { String::new() } else { format!(".{:0<digits$}", 25 % 10_i32.pow(2)) };
            column.origin_default = Some(format!("2024-05-06 07:08:09{}", fraction.get(..=digits).unwrap_or_default()));
            if self.random.one_in(2) {
                column.field.flag |= ON_UPDATE_NOW;
            }
        }
    }

    /// Gives a column another type that keeps every value in it; `None` where there is none. Tells whether TiDB writes the column anew, under another id.
    pub fn retype(&mut self, column: &mut ColumnInfo) -> Option<bool> {
        // What the rows that are there hold, unless that is the time.
        let held = column.origin_default.clone().unwrap_or_default();
        let field = &mut column.field;
        let signed = field.flag & UNSIGNED == 0;
        let small = |text: &str| text.parse::<i64>().map_or(text.is_empty(), |n| (0..100).contains(&n));
        let small = small(&held) && small(column.default.as_deref().unwrap_or_default());
        match (field.tp, field.charset.as_ref(), self.random.below(3)) {
            (15, charset, 0 | 1) if charset != "binary" && field.flen < 200 => field.flen += 30,
            (15, "binary", _) => field.flen += 30,
            (15, "utf8" | "latin1" | "ascii", _) => {
                (field.charset, field.collate) = (Cow::Borrowed("utf8mb4"), Cow::Borrowed("utf8mb4_bin"));
            }
            (15, "utf8mb4", 2) => field.collate = Cow::Borrowed("utf8mb4_general_ci"),
            (0xfe, charset, _) if charset != "binary" && field.flen > 0 => {
                (field.tp, field.flen) = (15, 60);
                return Some(true);
            }
            (1 | 2 | 9 | 3, _, 0) if signed => (field.tp, field.flen) = (8, 20),
            (2 | 9 | 3 | 8, _, 1) if small && field.flag & ZEROFILL == 0 => {
                (field.tp, field.flen) = if signed { (1, 4) } else { (1, 3) };
                return Some(true);
            }
            (2 | 9 | 3 | 8, _, 2) if small && signed => {
                (field.flag, field.flen) = (field.flag | UNSIGNED, field.flen.min(11));
                return Some(true);
            }
            (0xf6, _, _) if (field.flen, field.decimal) == (10, 3) => {
                field.flen = 12;
                return Some(true);
            }
            (0xf7 | 0xf8, _, _) => field.elems.push(format!("new \\ '{}'", field.elems.len())),
            (12 | 7, _, _) if field.decimal == 1 || field.decimal == 3 => {
                if column.default.is_some() {
                    return None;
                }
                (field.decimal, field.flen) = (6, 26);
                return Some(true);
            }
            (0xf9, _, _) => (field.tp, field.flen) = (0xfc, 65_535),
            (0xfc, _, _) => (field.tp, field.flen) = (0xfb, 4_294_967_295),
            _ => return None,
        }
        Some(false)
    }

    /// Gives a column another default for new rows, or none.
    pub fn redefault(&mut self, column: &mut ColumnInfo) -> bool {
        let nullable = column.field.flag & NOT_NULL == 0;
        if column.field.tp == 16 || column.field.flag & AUTO_INCREMENT != 0 {
            return false;
        }
        if column.default.is_some() && self.random.one_in(3) {
            // DROP DEFAULT, or SET DEFAULT NULL
            column.default = None;
            column.default_is_expr = false;
            if !nullable || self.random.one_in(2) {
                column.field.flag |= NO_DEFAULT;
            }
            return true;
        }
        let Some(of) = TYPES.iter().find(|t| {
            (t.tp, t.flen, t.decimal, t.flag) == {
                let f = &column.field;
                (f.tp, f.flen, f.decimal, f.flag & (UNSIGNED | ZEROFILL))
            } && t.text == (column.field.charset != "binary")
                && t.elements.iter().all(|e| column.field.elems.iter().any(|f| f == e))
                && !t.defaults.is_empty()
        }) else {
            return false;
        };
        let default = *self.pick(of.defaults);
        let fits = default.is_ascii() || column.field.charset.starts_with("utf8");
        if !fits {
            return false;
        }
        let expression = default.strip_prefix(EXPRESSION);
        column.default_is_expr = expression.is_some();
        column.default = Some(expression.unwrap_or(default).to_owned());
        column.field.flag &= !NO_DEFAULT;
        true
    }
}
