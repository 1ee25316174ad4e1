//! What becomes of a job on a MySQL or a later MariaDB, where it is not what becomes of it on MariaDB 10.11.

use super::types::{Becomes, NOTHING, Type};
use crate::common::server::{Dialect, refuse};

/// The words of MariaDB's tables and catalogs as `dialect` has them.
pub fn catalog(dialect: Dialect, sql: &str) -> String {
    match dialect {
        Dialect { mysql: false, .. } => sql.to_owned(),
        Dialect { version: (8.., _), .. } => sql.replace("ignored", "IF(is_visible = 'YES', 'NO', 'YES')"),
        Dialect { .. } => sql.replace("ignored", "'NO'"),
    }
}

/// A type as MySQL shows it from 8.0.19 on: without a width that says nothing.
pub fn without_width(text: &str) -> String {
    text.replace("bigint(20)", "bigint").replace("int(11)", "int")
}

/// `kind` as it goes on `dialect`.
pub fn on(dialect: Dialect, kind: &Type) -> Type {
    let mut kind = Type { ..*kind };
    if !dialect.mysql {
        if kind.test == "ddl_03_create_table_with_an_unknown_collation" && dialect.version >= (11, 4) {
            (kind.becomes, kind.probe.1) = (Becomes::Ran, "a varchar(9)");
        }
        return kind;
    }
    let old = dialect.version < (8, 0);
    if kind.sql.contains(" SEQUENCE ") {
        (kind.setup, kind.becomes) = (&[], Becomes::LeftOut("MySQL has no sequences"));
        kind.probe = NOTHING;
    }
    let expressions = Becomes::LeftOut("index `e` is on an expression, and this MySQL has no such indexes");
    let (no_check, checks) = (
        Becomes::LeftOut("without its CHECK: this MySQL has none"),
        Becomes::LeftOut("this MySQL has no CHECK constraints"),
    );
    match kind.test {
        "ddl_03_create_table" if old => kind.probe.1 = "i NO,PRIMARY NO|InnoDB|utf8mb4_bin",
        "ddl_03_create_table" => kind.probe.1 = "e NO,i YES,PRIMARY NO|InnoDB|utf8mb4_bin",
        "ddl_03_create_table_with_a_default_from_a_sequence" => kind.setup = &[],
        "ddl_07_add_index" if old => kind.probe.1 = "PRIMARY NO,u NO,u NO",
        "ddl_07_add_index_on_an_expression" if old => kind.becomes = expressions,
        "ddl_07_add_index_on_an_expression" => {
            (kind.becomes, kind.probe.1) = (Becomes::Ran, "e NO,PRIMARY NO");
        }
        "ddl_08_drop_index_on_an_expression" | "ddl_18_rename_index_on_an_expression" if old => {
            kind.becomes = expressions;
        }
        "ddl_08_drop_index_on_an_expression"
        | "ddl_18_rename_index_on_an_expression"
        | "ddl_61_drop_one_of_each_kind_of_index"
            if !old =>
        {
            refuse("MySQL has indexes on expressions from 8.0.13 on");
        }
        "ddl_03_create_table_with_an_unknown_collation" if old => {
            kind.becomes = Becomes::Refused("needs the collation utf8mb4_0900_ai_ci, which the target (MySQL 5.7");
        }
        "ddl_03_create_table_with_an_unknown_collation" => {
            (kind.becomes, kind.probe.1) = (Becomes::Ran, "a varchar(9)");
        }
        "ddl_41_alter_index_visibility" if old => {
            kind.becomes = Becomes::LeftOut("this MySQL cannot hide an index");
            kind.probe.1 = "i NO,j NO,PRIMARY NO";
        }
        "ddl_43_add_check_constraint" if old => (kind.becomes, kind.probe.1) = (no_check, "PRIMARY"),
        "ddl_44_drop_check_constraint" if old => kind.becomes = checks,
        "ddl_45_alter_check_constraint" if old => {
            kind.becomes = Becomes::LeftOut("this MySQL has no CHECK constraints");
        }
        "ddl_45_alter_check_constraint" => kind.probe.1 = "c,PRIMARY",
        "ddl_43_add_check_that_is_not_enforced" if old => kind.becomes = no_check,
        "ddl_43_add_check_that_is_not_enforced" => kind.becomes = Becomes::Ran,
        "ddl_61_alter_table_multi_schema_change" if old => {
            kind.becomes = Becomes::Refused("this MySQL has no RENAME COLUMN");
            kind.probe.1 = "id,a,b|iNO,jNO,PRIMARYNO";
        }
        _ => {}
    }
    kind
}
