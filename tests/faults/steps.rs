//! What a statement of tisync is for, told from its text alone. The only place that knows how tisync writes: where its
//! statements change, this changes, and the check that every step was met says so.

use std::fmt;

/// A step of applying, as seen on the wire. One packet may be several, where statements are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A run takes the link over: it locks or re-numbers rows of its state.
    TakeOver,
    /// A connection makes a slot its own, at its beginning and after a loss.
    Claim,
    /// START TRANSACTION.
    Begin,
    /// The first statement of a transaction with data: it changes the row that fences other runs off.
    Fence,
    /// The first statement with rows of a transaction.
    FirstData,
    /// A statement with rows.
    Data,
    /// COMMIT of a transaction with rows.
    Commit,
    /// A position alone, without data.
    Position,
    /// The intent of a DDL is stored.
    Intent,
    /// The DDL itself.
    Ddl,
    /// The intent is cleared.
    IntentEnd,
    /// Drainer's row.
    Drainer,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TakeOver => "take-over",
            Self::Claim => "claim of a slot",
            Self::Begin => "begin",
            Self::Fence => "fence",
            Self::FirstData => "first data",
            Self::Data => "data",
            Self::Commit => "commit",
            Self::Position => "position",
            Self::Intent => "DDL intent",
            Self::Ddl => "DDL",
            Self::IntentEnd => "DDL end",
            Self::Drainer => "Drainer's row",
        })
    }
}

/// What a connection has done since its transaction began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// Whether a transaction is open, by the server's word.
    pub open: bool,
    /// Statements with rows in it.
    pub data: u32,
}

/// How much of each end of a statement is looked at.
const HEAD: usize = 400;
const TAIL: usize = 24;

/// Every step that `text` is, in order.
pub fn steps(text: &[u8], before: &mut Before) -> Vec<Step> {
    let head = String::from_utf8_lossy(&text[..text.len().min(HEAD)]).to_lowercase().replace('`', "");
    let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).to_lowercase();
    let (head, marked) = without_mark(head.trim_start());
    let head = head.as_str();
    let mut found = Vec::new();
    let begins = head.starts_with("start transaction") || head.starts_with("begin");
    if begins {
        found.push(Step::Begin);
        before.data = 0;
    }
    let first = ["insert", "replace", "update", "delete"].iter().any(|verb| head.starts_with(verb));
    if head.contains("tidb_binlog.tisync_") {
        found.extend(bookkeeping(head, begins && !marked || before.open));
    } else if head.contains("tidb_binlog.checkpoint") {
        found.extend((first || begins).then_some(Step::Drainer));
    } else if first && before.open && !head.contains("tidb_binlog") {
        // Outside a transaction it only asks whether the account may.
        if before.data == 0 {
            found.push(Step::FirstData);
        }
        before.data += 1;
        found.push(Step::Data);
    } else if is_ddl(head) && !head.contains("tidb_binlog") {
        found.push(Step::Ddl);
    }
    if (head.starts_with("commit") || tail.trim_end_matches(';').ends_with("; commit")) && before.data > 0 {
        found.push(Step::Commit);
    }
    found
}

/// The same without the mark that a transaction carries first, and whether there was one.
fn without_mark(head: &str) -> (String, bool) {
    match head.split_once("update retl._drainer_repl_mark set ") {
        Some((before, rest)) => {
            let rest = rest.split_once("; ").map_or("", |(_, rest)| rest);
            (format!("{before}{rest}"), true)
        }
        None => (head.to_owned(), false),
    }
}

/// Statements about the link's own state.
fn bookkeeping(head: &str, open: bool) -> Option<Step> {
    let update = head.contains("update tidb_binlog.tisync_");
    let slot = head.contains("tidb_binlog.tisync_slot");
    if head.starts_with("select") {
        let one = head.contains("and slot =");
        return head.contains("for update").then_some(if slot && one { Step::Claim } else { Step::TakeOver });
    }
    if !update {
        return (slot && (head.starts_with("delete") || head.starts_with("insert"))).then_some(Step::TakeOver);
    }
    let set = head.split_once(" set ").map_or("", |(_, rest)| rest);
    let set = set.split_once(" where ").map_or(set, |(set, _)| set);
    if set.contains("ddl_ts = 0") {
        Some(Step::IntentEnd)
    } else if set.contains("ddl_ts") || set.contains("ddl_step") {
        Some(Step::Intent)
    } else if set.contains("claim = ") {
        Some(Step::Claim)
    } else if set.contains(" run = ") || set.starts_with("run = ") {
        Some(Step::TakeOver)
    } else if slot && set.contains("batch") || !slot && set.contains("commit_ts") && open {
        Some(Step::Fence)
    } else if set.contains("commit_ts") {
        Some(Step::Position)
    } else {
        None
    }
}

/// Whether a statement changes definitions.
fn is_ddl(head: &str) -> bool {
    ["create ", "alter ", "drop ", "rename ", "truncate "].iter().any(|verb| head.starts_with(verb))
}

/// Whether both forms of tisync's statements are known: one row for all, and a slot for each connection.
pub fn check() {
    let mut open = Before::default();
    assert_eq!(steps(b"UPDATE `d`.`t` SET `a` = `a` WHERE 1 = 0", &mut open), []);
    open.open = true;
    let mut see = |text: &str| steps(text.as_bytes(), &mut open);
    assert_eq!(see("START TRANSACTION"), [Step::Begin]);
    let fence = "UPDATE `tidb_binlog`.`tisync_slot` SET `batch` = 4, `floor_ts` = 1, `applied` = x'00' WHERE `slot` = 1 AND `run` = 2";
    assert_eq!(see(fence), [Step::Fence]);
    assert_eq!(see("INSERT INTO `d`.`t` VALUES (1)"), [Step::FirstData, Step::Data]);
    assert_eq!(see("DELETE FROM `d`.`t` WHERE `id` = 1"), [Step::Data]);
    assert_eq!(see("COMMIT"), [Step::Commit]);
    assert_eq!(see(&format!("START TRANSACTION; {fence}")), [Step::Begin, Step::Fence]);
    assert_eq!(see("COMMIT"), [], "a transaction without rows");
    let mark = "START TRANSACTION; UPDATE `retl`.`_drainer_repl_mark` SET val = IFNULL(val, 0) + 1 WHERE id = 0 AND channel_id = 1";
    assert_eq!(see(mark), [Step::Begin]);
    assert_eq!(see(&format!("{mark}; {fence}")), [Step::Begin, Step::Fence]);
    assert_eq!(see("REPLACE INTO `tidb_binlog`.`checkpoint` VALUES (1, '{}')"), [Step::Drainer]);
    assert_eq!(see("SELECT `run` FROM `tidb_binlog`.`tisync_checkpoint` WHERE x FOR UPDATE"), [Step::TakeOver]);
    assert_eq!(see("UPDATE `tidb_binlog`.`tisync_checkpoint` SET `run` = 3 WHERE `link` = 'l'"), [Step::TakeOver]);
    assert_eq!(see("UPDATE `tidb_binlog`.`tisync_slot` SET `run` = 3 WHERE `link` = 'l'"), [Step::TakeOver]);
    let update =
        |set: &str| format!("UPDATE `tidb_binlog`.`tisync_checkpoint` SET {set} WHERE `link` = 'l' AND `run` = 1");
    assert_eq!(see(&update("`ddl_ts` = 7, `ddl_job` = 1")), [Step::Intent]);
    assert_eq!(see(&update("`last_job` = 1, `commit_ts` = 7, `ddl_ts` = 0")), [Step::IntentEnd]);
    assert_eq!(see(&update("`version` = 2, `run` = 3, `commit_ts` = 7, `applied` = x''")), [Step::TakeOver]);
    assert_eq!(see(&update("`ddl_step` = 1, `ddl_before` = 'x'")), [Step::Intent]);
    let slot = "`tidb_binlog`.`tisync_slot` WHERE `link` = 'l' AND `slot` = 1";
    assert_eq!(see(&format!("SELECT `run` FROM {slot} FOR UPDATE")), [Step::Claim]);
    assert_eq!(
        see("UPDATE `tidb_binlog`.`tisync_slot` SET `claim` = 2, `connection` = CONNECTION_ID() WHERE x"),
        [Step::Claim]
    );
    assert_eq!(see("CREATE TABLE `d`.`t` (id INT)"), [Step::Ddl]);
    assert_eq!(see("CREATE TABLE IF NOT EXISTS `tidb_binlog`.`tisync_slot` (x INT)"), []);
    assert_eq!(see("SET NAMES utf8mb4"), []);
    assert_eq!(see(&update("`commit_ts` = 7")), [Step::Fence]);
    open.open = false;
    let marked = format!("{mark}; {}", update("`commit_ts` = 7"));
    assert_eq!(steps(marked.as_bytes(), &mut open), [Step::Begin, Step::Position]);
    assert_eq!(steps(update("`commit_ts` = 7").as_bytes(), &mut open), [Step::Position]);
}
