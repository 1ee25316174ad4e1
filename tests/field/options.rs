//! What TiDB reads in a CREATE TABLE or ALTER TABLE and does not keep: the text has it, the definition has not, and a server may refuse it. The table is made, and its
//! rows arrive.

use serde_json::json;

use crate::Case;
use crate::column::{Defined, field, id, index, unique};
use crate::common::made::INT;
use crate::story::Story;
use crate::world::{i, s, text};

/// Options of a table as TiDB restores them, with the case's name.
const OPTIONS: [(&str, &str); 25] = [
    ("ROW_FORMAT FIXED", "ROW_FORMAT = FIXED"),
    ("ROW_FORMAT of others", "ROW_FORMAT = TOKUDB_ZLIB"),
    ("ENCRYPTION", "ENCRYPTION = 'Y'"),
    ("COMPRESSION", "COMPRESSION = 'zlib'"),
    ("TABLESPACE", "TABLESPACE = `ts1`"),
    ("AUTOEXTEND_SIZE", "AUTOEXTEND_SIZE = 4M"),
    ("KEY_BLOCK_SIZE", "KEY_BLOCK_SIZE = 3"),
    ("STATS_PERSISTENT", "STATS_PERSISTENT = DEFAULT /* TableOptionStatsPersistent is not supported */ "),
    ("STATS_AUTO_RECALC", "STATS_AUTO_RECALC = 1"),
    ("STATS_SAMPLE_PAGES", "STATS_SAMPLE_PAGES = 100000"),
    ("PACK_KEYS", "PACK_KEYS = DEFAULT /* TableOptionPackKeys is not supported */ "),
    ("INSERT_METHOD", "INSERT_METHOD = LAST"),
    ("UNION", "UNION = (`x`,`y`)"),
    ("DATA DIRECTORY", "DATA DIRECTORY = '/dev/null/nowhere'"),
    ("INDEX DIRECTORY", "INDEX DIRECTORY = '/dev/null/nowhere'"),
    ("SECONDARY_ENGINE", "SECONDARY_ENGINE = 'rapid'"),
    ("SECONDARY_ENGINE of none", "SECONDARY_ENGINE = NULL"),
    ("CONNECTION", "CONNECTION = 'mysql://a:b@nowhere:1/x/y'"),
    ("PASSWORD", "PASSWORD = 'x'"),
    ("CHECKSUM", "CHECKSUM = 1 DELAY_KEY_WRITE = 1 TABLE_CHECKSUM = 1"),
    ("NODEGROUP", "NODEGROUP = 2"),
    ("STORAGE", "STORAGE DISK"),
    ("rows and their length", "AVG_ROW_LENGTH = 10 MAX_ROWS = 2 MIN_ROWS = 1"),
    ("ENGINE that is not there", "ENGINE = TokuDB"),
    ("ENGINE without transactions", "ENGINE = MyISAM"),
];

/// Behind a column's definition, or as a part of the table's, and whether the definition keeps an index `k` of it.
const PARTS: [(&str, &str, bool); 4] = [
    ("a FULLTEXT key", "FULLTEXT `k`(`v`)", false),
    ("a FULLTEXT key with a parser", "FULLTEXT `k`(`v`) WITH PARSER `ngram`", false),
    ("an index USING RTREE", "INDEX `k`(`n`) USING RTREE", true),
    ("an index with its own block size", "INDEX `k`(`n`) KEY_BLOCK_SIZE = 3 USING HASH", true),
];

/// What TiDB takes beside something that makes a job.
const ALTERED: [(&str, &str); 5] = [
    ("ROW_FORMAT", "ROW_FORMAT = FIXED"),
    ("ENGINE", "ENGINE = TokuDB"),
    ("a FULLTEXT key", "ADD FULLTEXT `k`(`v`)"),
    ("ALGORITHM", "ALGORITHM = INSTANT, LOCK = EXCLUSIVE"),
    ("ORDER BY", "ORDER BY `id`"),
];

pub fn cases() -> Vec<Case> {
    let options = OPTIONS.iter().map(|(name, option)| -> Case {
        (format!("a new table says {name}"), Box::new(|story| with_option(story, option)))
    });
    let parts = PARTS.iter().map(|(name, part, kept)| -> Case {
        (format!("a new table has {name}"), Box::new(|story| with_part(story, part, *kept)))
    });
    let altered = ALTERED.iter().map(|(name, part)| -> Case {
        (format!("an added column comes with {name}"), Box::new(|story| altered(story, part)))
    });
    let more = [
        crate::case("an added index is USING RTREE", added_rtree),
        crate::case("a text that is BINARY names its collation, too", binary_collation),
        crate::case("a column says how it is stored", column_options),
        crate::case("a UNIQUE key is CLUSTERED nowhere", unclustered),
        crate::case("a counter starts above every BIGINT", high_counter),
    ];
    options.chain(parts).chain(altered).chain(more).collect()
}

fn with_option(story: &mut Story<'_>, option: &str) {
    let t = story.t(&[field("n", INT)]);
    story.ddl(3, &format!("CREATE TABLE `t` (`id` INT PRIMARY KEY,`n` INT) {};", option.trim_end()), &t);
    story.insert(&t, vec![i(1), i(10)]);
    story.play();
    story.shows("SELECT * FROM t", "1|10");
    story.shows("SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE()", "InnoDB");
}

/// The indexes of the table `t` but for its primary key.
fn indexes(story: &mut Story<'_>) -> String {
    story.world.one("SELECT index_name, column_name, index_type FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY'")
}

/// A FULLTEXT key on the target would do no harm to rows, but TiDB has none.
fn with_part(story: &mut Story<'_>, part: &str, kept: bool) {
    let mut t = story.t(&[field("v", text()).length(20), field("n", INT)]);
    if kept {
        let mut index = index(1, "k", &[("n", 2)]);
        index["index_type"] = json!(if part.contains("RTREE") { 3 } else { 2 });
        t = t.indexes(&[index]);
    }
    story.ddl(3, &format!("CREATE TABLE `t` (`id` INT PRIMARY KEY,`v` VARCHAR(20),`n` INT,{part});"), &t);
    story.insert(&t, vec![i(1), s("x"), i(10)]);
    story.play();
    story.shows("SELECT * FROM t", "1|x|10");
    // HASH is what some servers say back, and never have.
    assert_eq!(indexes(story).replace("HASH", "BTREE"), if kept { "k|n|BTREE" } else { "" });
}

fn altered(story: &mut Story<'_>, part: &str) {
    let old = story.t(&[field("v", text()).length(20)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`v` VARCHAR(20));", &old);
    story.insert(&old, vec![i(1), s("x")]);
    let new = story.t(&[field("v", text()).length(20), field("n", INT)]);
    story.ddl(5, &format!("ALTER TABLE `t` ADD COLUMN `n` INT, {part};"), &new);
    story.insert(&new, vec![i(2), s("y"), i(20)]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|x|~;2|y|20");
    story.shows("SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE()", "InnoDB");
    assert_eq!(indexes(story), "");
}

fn added_rtree(story: &mut Story<'_>) {
    let old = story.t(&[field("n", INT)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`n` INT);", &old);
    let mut index = index(1, "k", &[("n", 1)]);
    index["index_type"] = json!(3);
    let new = old.indexes(&[index]);
    story.ddl(7, "ALTER TABLE `t` ADD INDEX `k`(`n`) USING RTREE;", &new);
    story.insert(&new, vec![i(1), i(10)]);
    story.play();
    story.shows("SELECT * FROM t", "1|10");
    assert_eq!(indexes(story), "k|n|BTREE");
}

/// Which of both counts is the definition's to say.
fn binary_collation(story: &mut Story<'_>) {
    let v = field("v", text()).length(20);
    let w = v.clone().named("w").also("/type/Collate", json!("utf8mb4_general_ci"));
    let t = story.t(&[v.clone(), w.clone()]);
    let sql = "CREATE TABLE `t` (`id` INT PRIMARY KEY,`v` VARCHAR(20) BINARY COLLATE utf8mb4_bin,`w` VARCHAR(20) BINARY CHARACTER SET UTF8MB4 COLLATE utf8mb4_general_ci);";
    story.ddl(3, sql, &t);
    story.insert(&t, vec![i(1), s("x"), s("y")]);
    let more = story.t(&[v.clone(), w, v.named("x")]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `x` VARCHAR(20) BINARY COLLATE utf8mb4_bin;", &more);
    story.insert(&more, vec![i(2), s("x"), s("y"), s("z")]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|x|y|~;2|x|y|z");
    let collations = ["v", "w", "x"].map(|column| story.of_column("collation_name", column));
    assert_eq!(collations, ["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_bin"]);
}

fn column_options(story: &mut Story<'_>) {
    let t = story.t(&[field("n", INT), field("m", INT)]);
    let sql = "CREATE TABLE `t` (`id` INT PRIMARY KEY,`n` INT COLUMN_FORMAT FIXED,`m` INT STORAGE MEMORY);";
    story.ddl(3, sql, &t);
    story.insert(&t, vec![i(1), i(10), i(100)]);
    story.play();
    story.shows("SELECT * FROM t", "1|10|100");
}

/// TiDB's words about the primary key and ids come in comments that only it reads.
fn unclustered(story: &mut Story<'_>) {
    let t = Defined::new(&story.db, 201, "t", &[id(), field("n", INT)]).without_key();
    let mut primary = unique(1, "PRIMARY", &[("id", 0)]);
    primary["is_primary"] = json!(true);
    let t = t.indexes(&[primary, unique(2, "k", &[("n", 1)])]);
    let sql = "CREATE TABLE `t` (`id` INT,`n` INT,PRIMARY KEY(`id`) /*T![clustered_index] NONCLUSTERED */,UNIQUE `k`(`n`)) /*T! SHARD_ROW_ID_BITS = 4 */ /*T! PRE_SPLIT_REGIONS = 2 */ /*T![auto_id_cache] AUTO_ID_CACHE = 10 */;";
    story.ddl(
        3,
        sql,
        &t.also("/ShardRowIDBits", json!(4)).also("/pre_split_regions", json!(2)).also("/auto_id_cache", json!(10)),
    );
    let t = Defined::new(&story.db, 201, "t", &[id(), field("n", INT)]).without_key();
    story.insert(&t, vec![i(1), i(10)]);
    story.play();
    story.shows("SELECT * FROM t", "1|10");
    story.shows("SELECT index_name, non_unique FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY index_name", "k|0;PRIMARY|0");
}

/// TiDB keeps the counter as a signed number.
fn high_counter(story: &mut Story<'_>) {
    let t = story.t(&[]).also("/auto_inc_id", json!(-1));
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY) AUTO_INCREMENT = 18446744073709551615;", &t);
    story.insert(&t, vec![i(1)]);
    story.play();
    story.shows("SELECT * FROM t", "1");
}
