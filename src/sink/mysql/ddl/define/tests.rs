//! What of TiDB's SQL may stand in a statement. What is made of definitions is tried on a real server (`tests/definitions`).

use super::expression::expression;

#[test]
fn nothing_leaves_its_brackets() {
    for text in [
        "`a` + 1",
        "concat(`d`, _utf8mb4'!')",
        "json_unquote(json_extract(`j`, _utf8mb4'$.k'))",
        "regexp_replace(`a`, _utf8mb4'^[1-9]\\\\d{3}$', _utf8mb4'x')",
        "'2025-01-01'",
        "MAXVALUE",
        "`a)b;` = ')'",
        "case when `a` > 0 then ';' else '--' end",
        "-1",
    ] {
        assert!(expression(text).is_ok(), "{text}");
    }
    for text in [
        "",
        " ",
        "1)",
        "1) STORED, DROP COLUMN `b`, ADD COLUMN `c` INT AS (1",
        "1; DROP DATABASE d",
        "(1",
        "1 /*! ) */",
        "1 -- )",
        "1 # )",
        "'a",
        "`a",
        "'a\\'",
        "1 \n",
        "(select 1)",
        "(SELECT `word` FROM `secret`)",
    ] {
        assert!(expression(text).is_err(), "{text}");
    }
}
