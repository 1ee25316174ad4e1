//! Error codes that mean a server will never accept what a statement defines.
//!
//! A retry would be refused, too. The codes are those of MySQL, MariaDB and TiDB, which share the
//! numbers up to 1880.

/// In which way a definition is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A foreign key is not accepted, or needs what the statement removes.
    ForeignKey,
    /// A number or a length is above its limit.
    Limit,
    /// The server does not have such partitions.
    Partitions,
    /// Any other rule.
    Rule,
}

/// Errors of the storage engine in "Can't create table … (errno: N)" and "Got error N from storage
/// engine": 36 a name too long for a file, 121 a constraint's name that is taken, 138 not
/// supported, 139 a row too long, 140 wrong options, 150 a foreign key.
const ENGINE: [(u16, Unfit); 6] = [
    (36, Unfit::Limit),
    (121, Unfit::ForeignKey),
    (138, Unfit::Rule),
    (139, Unfit::Limit),
    (140, Unfit::Rule),
    (150, Unfit::ForeignKey),
];

impl Unfit {
    /// The reason in a server's error about a definition; `None` if it is about something else.
    pub(crate) fn of(code: u16, message: &str) -> Option<Self> {
        Some(match code {
            1005 | 1030 => return engine(message),
            1215..=1217
            | 1239
            | 1240
            | 1451
            | 1452
            | 1553
            | 1701
            | 1761
            | 1762
            | 1821
            | 1822
            | 1824..=1826
            | 1828..=1830
            | 1832..=1834
            | 1849
            | 1851
            | 3730
            | 3733..=3735
            | 3776
            | 3780
            | 3823
            | 6125 => Self::ForeignKey,
            1059
            | 1069..=1071
            | 1074
            | 1089
            | 1097
            | 1117
            | 1118
            | 1425..=1427
            | 1439
            | 1470
            | 1499
            | 1628
            | 1629
            | 1655
            | 1660
            | 1688
            | 1709
            | 1793
            | 1860
            | 1967
            | 4026
            | 4159
            | 4160 => Self::Limit,
            1480..=1495
            | 1498
            | 1500
            | 1502..=1506
            | 1508..=1516
            | 1519..=1523
            | 1562..=1564
            | 1566
            | 1567
            | 1572
            | 1652..=1654
            | 1656..=1659
            | 1697
            | 1731..=1737
            | 1757
            | 1848
            | 1863
            | 3855
            | 4030
            | 4113
            | 4184 => Self::Partitions,
            // Columns, defaults and keys.
            1063
            | 1066..=1068
            | 1073
            | 1075
            | 1090
            | 1101..=1103
            | 1110
            | 1113
            | 1121
            | 1128
            | 1163
            | 1164
            | 1166
            | 1167
            | 1170
            | 1171
            | 1173
            | 1178
            | 1210
            | 1214
            | 1221
            | 1225
            | 1234
            | 1253
            | 1280
            | 1283
            | 1289
            | 1291
            | 1293
            | 1294
            | 1302
            | 1382
            | 1391
            | 1464
            | 1582..=1584
            | 1800
            | 1801
            | 1818
            | 1831
            | 1845..=1847
            | 1850
            | 1852..=1857
            | 1861 => Self::Rule,
            // Views.
            1349..=1353 | 1462 => Self::Rule,
            // MariaDB.
            1903
            | 1904
            | 1906..=1912
            | 1978
            | 4027..=4029
            | 4047
            | 4078
            | 4079
            | 4085
            | 4086
            | 4097
            | 4098
            | 4108
            | 4143
            | 4144
            | 4162
            | 4169
            | 4174 => Self::Rule,
            // MySQL: generated columns, keys over JSON, invisible keys, keys over expressions,
            // defaults that are expressions, checks.
            3102..=3109 | 3152 | 3522 | 3752..=3774 | 3812..=3818 | 3820..=3822 | 3837 | 3940 | 3959 => Self::Rule,
            // TiDB.
            8108 | 8200 | 8208 | 8209 | 8216 | 8227 | 8228 | 8230 | 8231 => Self::Rule,
            _ => return None,
        })
    }

    /// A hint for the operator.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::ForeignKey => {
                "the target requires an index over the parent's columns, the same types on both sides and a unique \
                 name for each foreign key, and does not let a statement remove what a foreign key needs"
            }
            Self::Limit => "the target has a lower limit than TiDB for the number or the length of what this defines",
            Self::Partitions => "the target has different rules from TiDB for partitions",
            Self::Rule => "the target does not support this definition",
        }
    }
}

/// The number after `errno: ` or `Got error `.
fn engine(message: &str) -> Option<Unfit> {
    let behind = ["errno: ", "Got error "].iter().find_map(|words| message.split_once(words))?.1;
    let number: u16 = behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    ENGINE.iter().find(|(engine, _)| *engine == number).map(|(_, unfit)| *unfit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{exit_code, fault};
    use crate::mysql::error::{Class, classify, refuse};

    fn said(code: u16, message: &str) -> mysql::Error {
        mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: message.into(), code })
    }

    /// Codes with the servers' texts, by reason.
    const REFUSALS: [(u16, &str, Unfit); 40] = [
        (
            1005,
            "Can't create table `d`.`t28` (errno: 150 \"Foreign key constraint is incorrectly formed\")",
            Unfit::ForeignKey,
        ),
        (1005, "Can't create table `d`.`t` (errno: 121 \"Duplicate key on write or update\")", Unfit::ForeignKey),
        (1030, "Got error 139 \"Too big row\" from storage engine InnoDB", Unfit::Limit),
        (1059, "Identifier name 'x' is too long", Unfit::Limit),
        (1067, "Invalid default value for 'a'", Unfit::Rule),
        (1069, "Too many keys specified; max 64 keys allowed", Unfit::Limit),
        (1071, "Specified key was too long; max key length is 3072 bytes", Unfit::Limit),
        (1073, "BLOB column `a` can't be used in key specification in the table", Unfit::Rule),
        (1074, "Column length too big for column 'a' (max = 16383); use BLOB or TEXT instead", Unfit::Limit),
        (1075, "Incorrect table definition; there can be only one auto column", Unfit::Rule),
        (1101, "BLOB, TEXT, GEOMETRY or JSON column 'a' can't have a default value", Unfit::Rule),
        (1113, "A table must have at least 1 column", Unfit::Rule),
        (1117, "Too many columns", Unfit::Limit),
        (1118, "Row size too large", Unfit::Limit),
        (1128, "Function 'SPATIAL' is not defined", Unfit::Rule),
        (1170, "BLOB/TEXT column 'a' used in key specification without a key length", Unfit::Rule),
        (1171, "All parts of a PRIMARY KEY must be NOT NULL", Unfit::Rule),
        (1210, "Incorrect arguments to DISPLAY WIDTH", Unfit::Rule),
        (1215, "Cannot add foreign key constraint", Unfit::ForeignKey),
        (1217, "Cannot delete or update a parent row: a foreign key constraint fails", Unfit::ForeignKey),
        (1280, "Incorrect index name 'PRIMARY'", Unfit::Rule),
        (1294, "Invalid ON UPDATE clause for 'a' column", Unfit::Rule),
        (1302, "Conflicting declarations: 'CHARACTER SET utf8mb4' and 'CHARACTER SET latin1'", Unfit::Rule),
        (1426, "Too big precision specified for 'a'. Maximum is 6", Unfit::Limit),
        (1493, "VALUES LESS THAN value must be strictly increasing for each partition", Unfit::Partitions),
        (1503, "A PRIMARY KEY must include all columns in the table's partitioning function", Unfit::Partitions),
        (1553, "Cannot drop index 'i': needed in a foreign key constraint", Unfit::ForeignKey),
        (1659, "Field 'a' is of a not allowed type for this type of partitioning", Unfit::Partitions),
        (1822, "Failed to add the foreign key constraint. Missing index for constraint 'f'", Unfit::ForeignKey),
        (
            1846,
            "ALGORITHM=INPLACE is not supported. Reason: Cannot change column type INPLACE. Try ALGORITHM=COPY",
            Unfit::Rule,
        ),
        (1911, "Unknown option 'CLUSTERED'", Unfit::Rule),
        (1978, "Incorrect default value 'x' for column 'a'", Unfit::Rule),
        (3105, "The value specified for generated column 'a' in table 't' is not allowed", Unfit::Rule),
        (3152, "JSON column 'a' supports indexing only via generated columns", Unfit::Rule),
        (3757, "Cannot create a functional index on an expression that returns a BLOB or TEXT", Unfit::Rule),
        (3780, "Referencing column 'a' and referenced column 'b' are incompatible", Unfit::ForeignKey),
        (3837, "Functional index 'i' refers to the AUTO_INCREMENT column", Unfit::Rule),
        (4159, "Specified key part was too long; max key part length is 3072 bytes", Unfit::Limit),
        (6125, "Failed to add the foreign key constraint. Missing unique key", Unfit::ForeignKey),
        (8200, "Unsupported modify column", Unfit::Rule),
    ];

    #[test]
    fn a_definition_is_refused_for_good_and_the_ways_on_are_named() {
        for (code, message, unfit) in REFUSALS {
            let error = said(code, message);
            assert_eq!((classify(&error), Unfit::of(code, message)), (Class::Definition, Some(unfit)), "{code}");
            let refused = refuse(&error, "cannot run the DDL of commit ts 7", "go on with `--skip-ddl 7`");
            assert_eq!(exit_code(&refused), 4, "{code}");
            let hint = &fault(&refused).unwrap().hint;
            assert!(hint.starts_with(unfit.hint()) && hint.ends_with("; go on with `--skip-ddl 7`"), "{code}: {hint}");
            assert!(!hint.contains("of this batch"), "{code}: {hint}");
        }
    }

    #[test]
    fn what_the_operator_or_time_may_change_is_no_definition() {
        for (code, message, class) in [
            (1005, "Can't create table `d`.`t150` (errno: 28 \"No space left on device\")", Class::Full),
            (1005, "Can't create table `d`.`t` (errno: 13 \"Permission denied\")", Class::Other),
            (1030, "Got error 28 from storage engine", Class::Full),
            (1064, "You have an error in your SQL syntax", Class::Syntax),
            (1146, "Table 'd.t' doesn't exist", Class::Object),
            (1206, "The total number of locks exceeds the lock table size", Class::Other),
            (1264, "Out of range value for column 'a' at row 1", Class::Data),
            (1526, "Table has no partition for value 7", Class::Data),
            (3819, "Check constraint 'c' is violated.", Class::Data),
        ] {
            assert_eq!(classify(&said(code, message)), class, "{code} {message}");
        }
        // An unknown code is permanent as well, and says nothing about a batch of rows.
        let refused = refuse(&said(1206, "no"), "cannot run the DDL of commit ts 7", "go on with `--skip-ddl 7`");
        assert_eq!((exit_code(&refused), fault(&refused).unwrap().hint.as_str()), (4, "go on with `--skip-ddl 7`"));
    }
}
