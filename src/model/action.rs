//! The types of DDL jobs (spec/tidb-formats.md §6.4).

use serde::{Deserialize, Serialize};

/// Types with TiDB's numbers and words for them, and both ways between type and number.
macro_rules! types {
    ($($(#[$of:meta])? $number:literal $name:ident $words:literal,)*) => {
        /// TiDB's ActionType: what kind of DDL a job is.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "u8", into = "u8")]
        pub enum ActionType {
            $($(#[$of])? #[doc = $words] $name,)*
            /// One that is younger than this program, made by [`From`] alone.
            Other(u8),
        }

        impl ActionType {
            /// All that are known, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// TiDB's number.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// What TiDB calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                    Self::Other(_) => "unknown",
                }
            }
        }

        impl From<u8> for ActionType {
            fn from(number: u8) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

types! {
    #[default] 0 None "none",
    1 CreateSchema "create schema",
    2 DropSchema "drop schema",
    3 CreateTable "create table",
    4 DropTable "drop table",
    5 AddColumn "add column",
    6 DropColumn "drop column",
    7 AddIndex "add index",
    8 DropIndex "drop index",
    9 AddForeignKey "add foreign key",
    10 DropForeignKey "drop foreign key",
    11 TruncateTable "truncate table",
    12 ModifyColumn "modify column",
    13 RebaseAutoId "rebase auto_increment ID",
    14 RenameTable "rename table",
    15 SetDefaultValue "set default value",
    16 ShardRowId "shard row ID",
    17 ModifyTableComment "modify table comment",
    18 RenameIndex "rename index",
    19 AddPartition "add partition",
    20 DropPartition "drop partition",
    21 CreateView "create view",
    22 ModifyTableCharset "modify table charset and collate",
    23 TruncatePartition "truncate partition",
    24 DropView "drop view",
    25 RecoverTable "recover table",
    26 ModifySchemaCharset "modify schema charset and collate",
    27 LockTable "lock table",
    28 UnlockTable "unlock table",
    29 RepairTable "repair table",
    30 SetTiFlashReplica "set tiflash replica",
    31 UpdateTiFlashReplica "update tiflash replica status",
    32 AddPrimaryKey "add primary key",
    33 DropPrimaryKey "drop primary key",
    34 CreateSequence "create sequence",
    35 AlterSequence "alter sequence",
    36 DropSequence "drop sequence",
    37 AddColumns "add columns",
    38 DropColumns "drop columns",
    39 ModifyAutoIdCache "modify auto id cache",
    40 RebaseAutoRandom "rebase auto_random ID",
    41 AlterIndexVisibility "alter index visibility",
    42 ExchangePartition "exchange partition",
    43 AddCheck "add check constraint",
    44 DropCheck "drop check constraint",
    45 AlterCheck "alter check constraint",
    46 AlterPartition "alter partition",
    47 RenameTables "rename tables",
    48 DropIndexes "drop indexes",
    49 AlterTableAttributes "alter table attributes",
    50 AlterPartitionAttributes "alter table partition attributes",
    51 CreatePlacementPolicy "create placement policy",
    52 AlterPlacementPolicy "alter placement policy",
    53 DropPlacementPolicy "drop placement policy",
    54 AlterPartitionPlacement "alter table partition placement",
    55 ModifySchemaPlacement "modify schema default placement",
    56 AlterTablePlacement "alter table placement",
    57 CacheTable "alter table cache",
    58 AlterTableStatistics "alter table statistics options",
    59 NoCacheTable "alter table nocache",
    60 CreateTables "create tables",
    61 MultiSchemaChange "alter table multi-schema change",
    62 FlashbackCluster "flashback cluster",
    63 RecoverSchema "flashback schema",
    64 ReorganizePartition "alter table reorganize partition",
    65 AlterTtl "alter table ttl",
    66 Unused "unused",
    67 RemoveTtl "alter table no_ttl",
    68 CreateResourceGroup "create resource group",
    69 AlterResourceGroup "alter resource group",
    70 DropResourceGroup "drop resource group",
    71 PartitionBy "alter table partition by",
    72 RemovePartitioning "alter table remove partitioning",
    73 AddColumnarIndex "add columnar index",
    74 ModifyEngineAttribute "modify engine attribute",
    75 AlterTableMode "alter table mode",
    76 RefreshMeta "refresh meta",
    77 ModifySchemaReadOnly "modify schema read only",
}

impl From<ActionType> for u8 {
    fn from(action: ActionType) -> Self {
        action.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_kept() {
        for number in 0..=u8::MAX {
            let action = ActionType::from(number);
            assert_eq!(action.number(), number);
            assert_eq!(ActionType::ALL.get(usize::from(number)).is_some(), !matches!(action, ActionType::Other(_)));
            assert_eq!(serde_json::to_string(&action).unwrap(), number.to_string());
            assert_eq!(serde_json::from_str::<ActionType>(&number.to_string()).unwrap(), action);
        }
        assert!(serde_json::from_str::<ActionType>("256").is_err());
        assert_eq!(ActionType::default(), ActionType::from(0));
    }
}
