//! What becomes of each type of DDL job.

use crate::model::ActionType;

/// What becomes of a type of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
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
    /// TiDB has no such job any more, or did not when this program was made.
    Unused,
}

const LOCKS: &str = "locks concern the upstream alone";
const TIFLASH: &str = "TiFlash concerns the upstream alone";
const ATTRIBUTES: &str = "attributes concern the upstream's stores alone";
const PLACEMENT: &str = "placement concerns the upstream's stores alone";
const CACHES: &str = "table caches concern the upstream alone";
const GROUPS: &str = "resource groups concern the upstream alone";
pub(super) const SEQUENCES: &str = "MySQL has no sequences";
const TTL: &str = "the rows that TTL removes arrive by themselves";

/// What becomes of jobs of this type.
pub(super) const fn fate(action: ActionType) -> Fate {
    use ActionType as Type;
    use Fate::{BringsBack, LeftOut, Repairs, Runs, RunsOnTidb, RunsUnlessMysql, Unused};
    match action {
        Type::RecoverTable | Type::FlashbackCluster | Type::RecoverSchema => BringsBack,
        Type::LockTable | Type::UnlockTable => LeftOut(LOCKS),
        Type::RepairTable => Repairs,
        Type::SetTiFlashReplica | Type::UpdateTiFlashReplica => LeftOut(TIFLASH),
        Type::CreateSequence | Type::AlterSequence | Type::DropSequence => RunsUnlessMysql(SEQUENCES),
        Type::AlterTableAttributes | Type::AlterPartitionAttributes => LeftOut(ATTRIBUTES),
        Type::CreatePlacementPolicy
        | Type::AlterPlacementPolicy
        | Type::DropPlacementPolicy
        | Type::AlterPartitionPlacement
        | Type::ModifySchemaPlacement
        | Type::AlterTablePlacement => LeftOut(PLACEMENT),
        Type::CacheTable | Type::NoCacheTable => LeftOut(CACHES),
        Type::AlterTableStatistics => LeftOut("statistics concern the upstream alone"),
        Type::AlterTtl | Type::RemoveTtl => RunsOnTidb(TTL),
        Type::CreateResourceGroup | Type::AlterResourceGroup | Type::DropResourceGroup => LeftOut(GROUPS),
        Type::AddColumnarIndex => LeftOut("columnar indexes concern the upstream's TiFlash alone"),
        Type::ModifyEngineAttribute => LeftOut("engine attributes concern the upstream alone"),
        Type::AlterTableMode => LeftOut("a table's mode concerns the upstream alone"),
        Type::RefreshMeta => LeftOut("it concerns the upstream's own schema cache"),
        Type::ModifySchemaReadOnly => LeftOut("it would keep tisync out as well"),
        Type::None | Type::AlterPartition | Type::Unused | Type::Other(_) => Unused,
        Type::CreateSchema
        | Type::DropSchema
        | Type::CreateTable
        | Type::DropTable
        | Type::AddColumn
        | Type::DropColumn
        | Type::AddIndex
        | Type::DropIndex
        | Type::AddForeignKey
        | Type::DropForeignKey
        | Type::TruncateTable
        | Type::ModifyColumn
        | Type::RebaseAutoId
        | Type::RenameTable
        | Type::SetDefaultValue
        | Type::ShardRowId
        | Type::ModifyTableComment
        | Type::RenameIndex
        | Type::AddPartition
        | Type::DropPartition
        | Type::CreateView
        | Type::ModifyTableCharset
        | Type::TruncatePartition
        | Type::DropView
        | Type::ModifySchemaCharset
        | Type::AddPrimaryKey
        | Type::DropPrimaryKey
        | Type::AddColumns
        | Type::DropColumns
        | Type::ModifyAutoIdCache
        | Type::RebaseAutoRandom
        | Type::AlterIndexVisibility
        | Type::ExchangePartition
        | Type::AddCheck
        | Type::DropCheck
        | Type::AlterCheck
        | Type::RenameTables
        | Type::DropIndexes
        | Type::CreateTables
        | Type::MultiSchemaChange
        | Type::ReorganizePartition
        | Type::PartitionBy
        | Type::RemovePartitioning => Runs,
    }
}

/// Whether rows come back with it that no binlog repeats.
pub(super) fn brings_back(action: ActionType) -> bool {
    fate(action) == Fate::BringsBack
}
