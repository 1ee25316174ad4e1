//! Every type of DDL job that TiDB knows (spec/tidb-formats.md §6.4), and what becomes of it.

/// ActionType numbers that are named elsewhere.
pub(super) const CREATE_SCHEMA: u8 = 1;
pub(super) const DROP_SCHEMA: u8 = 2;
pub(super) const CREATE_TABLE: u8 = 3;
pub(super) const DROP_TABLE: u8 = 4;
pub(super) const TRUNCATE_PARTITION: u8 = 23;
pub(super) const RECOVER_SCHEMA: u8 = 63;
pub(super) const CREATE_TABLES: u8 = 60;

/// What becomes of a type of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs, in the words of the target.
    Runs,
    /// As above, where the target is a TiDB; to others it means nothing, for this reason.
    RunsOnTidb(&'static str),
    /// As above, unless the target is a MySQL, to which it means nothing.
    RunsUnlessMysql(&'static str),
    /// It means nothing to any target.
    LeftOut(&'static str),
    /// Rows come back that no binlog repeats: the run stops.
    BringsBack,
    /// It mends the upstream's own notion of a table: left out, unless the table is another one afterwards.
    Repairs,
    /// TiDB has no such job any more, or not yet.
    Unused,
}

/// A type of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// TiDB's ActionType.
    pub number: u8,
    /// What TiDB calls it.
    pub name: &'static str,
    /// What becomes of it.
    pub fate: Fate,
}

const LOCKS: &str = "locks concern the upstream alone";
const TIFLASH: &str = "TiFlash concerns the upstream alone";
const ATTRIBUTES: &str = "attributes concern the upstream's stores alone";
const PLACEMENT: &str = "placement concerns the upstream's stores alone";
const CACHES: &str = "table caches concern the upstream alone";
const GROUPS: &str = "resource groups concern the upstream alone";
const SEQUENCES: &str = "MySQL has no sequences";
const TTL: &str = "the rows that TTL removes arrive by themselves";

const fn action(number: u8, name: &'static str, fate: Fate) -> Action {
    Action { number, name, fate }
}

/// All of them, by number.
pub const ACTIONS: [Action; 78] = {
    use Fate::{BringsBack, LeftOut, Repairs, Runs, RunsOnTidb, RunsUnlessMysql, Unused};
    [
        action(0, "none", Unused),
        action(1, "create schema", Runs),
        action(2, "drop schema", Runs),
        action(3, "create table", Runs),
        action(4, "drop table", Runs),
        action(5, "add column", Runs),
        action(6, "drop column", Runs),
        action(7, "add index", Runs),
        action(8, "drop index", Runs),
        action(9, "add foreign key", Runs),
        action(10, "drop foreign key", Runs),
        action(11, "truncate table", Runs),
        action(12, "modify column", Runs),
        action(13, "rebase auto_increment ID", Runs),
        action(14, "rename table", Runs),
        action(15, "set default value", Runs),
        action(16, "shard row ID", Runs),
        action(17, "modify table comment", Runs),
        action(18, "rename index", Runs),
        action(19, "add partition", Runs),
        action(20, "drop partition", Runs),
        action(21, "create view", Runs),
        action(22, "modify table charset and collate", Runs),
        action(23, "truncate partition", Runs),
        action(24, "drop view", Runs),
        action(25, "recover table", BringsBack),
        action(26, "modify schema charset and collate", Runs),
        action(27, "lock table", LeftOut(LOCKS)),
        action(28, "unlock table", LeftOut(LOCKS)),
        action(29, "repair table", Repairs),
        action(30, "set tiflash replica", LeftOut(TIFLASH)),
        action(31, "update tiflash replica status", LeftOut(TIFLASH)),
        action(32, "add primary key", Runs),
        action(33, "drop primary key", Runs),
        action(34, "create sequence", RunsUnlessMysql(SEQUENCES)),
        action(35, "alter sequence", RunsUnlessMysql(SEQUENCES)),
        action(36, "drop sequence", RunsUnlessMysql(SEQUENCES)),
        action(37, "add columns", Runs),
        action(38, "drop columns", Runs),
        action(39, "modify auto id cache", Runs),
        action(40, "rebase auto_random ID", Runs),
        action(41, "alter index visibility", Runs),
        action(42, "exchange partition", Runs),
        action(43, "add check constraint", Runs),
        action(44, "drop check constraint", Runs),
        action(45, "alter check constraint", Runs),
        action(46, "alter partition", Unused),
        action(47, "rename tables", Runs),
        action(48, "drop indexes", Runs),
        action(49, "alter table attributes", LeftOut(ATTRIBUTES)),
        action(50, "alter table partition attributes", LeftOut(ATTRIBUTES)),
        action(51, "create placement policy", LeftOut(PLACEMENT)),
        action(52, "alter placement policy", LeftOut(PLACEMENT)),
        action(53, "drop placement policy", LeftOut(PLACEMENT)),
        action(54, "alter table partition placement", LeftOut(PLACEMENT)),
        action(55, "modify schema default placement", LeftOut(PLACEMENT)),
        action(56, "alter table placement", LeftOut(PLACEMENT)),
        action(57, "alter table cache", LeftOut(CACHES)),
        action(58, "alter table statistics options", LeftOut("statistics concern the upstream alone")),
        action(59, "alter table nocache", LeftOut(CACHES)),
        action(60, "create tables", Runs),
        action(61, "alter table multi-schema change", Runs),
        action(62, "flashback cluster", BringsBack),
        action(63, "flashback schema", BringsBack),
        action(64, "alter table reorganize partition", Runs),
        action(65, "alter table ttl", RunsOnTidb(TTL)),
        action(66, "unused", Unused),
        action(67, "alter table no_ttl", RunsOnTidb(TTL)),
        action(68, "create resource group", LeftOut(GROUPS)),
        action(69, "alter resource group", LeftOut(GROUPS)),
        action(70, "drop resource group", LeftOut(GROUPS)),
        action(71, "alter table partition by", Runs),
        action(72, "alter table remove partitioning", Runs),
        action(73, "add columnar index", LeftOut("columnar indexes concern the upstream's TiFlash alone")),
        action(74, "modify engine attribute", LeftOut("engine attributes concern the upstream alone")),
        action(75, "alter table mode", LeftOut("a table's mode concerns the upstream alone")),
        action(76, "refresh meta", LeftOut("it concerns the upstream's own schema cache")),
        action(77, "modify schema read only", LeftOut("it would keep tisync out as well")),
    ]
};

/// What is known of a type; `None` for one that is younger than this program.
#[must_use]
pub fn find(number: u8) -> Option<&'static Action> {
    ACTIONS.get(usize::from(number)).filter(|a| a.number == number)
}

/// Whether rows come back with it that no binlog repeats.
pub(super) fn brings_back(number: u8) -> bool {
    find(number).is_some_and(|a| a.fate == Fate::BringsBack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_place() {
        for (number, action) in (0..).zip(&ACTIONS) {
            assert_eq!(find(number), Some(action));
        }
        assert_eq!(find(200), None);
        assert!(brings_back(25) && brings_back(62) && brings_back(63) && !brings_back(3));
    }
}
