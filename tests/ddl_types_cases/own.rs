//! Types that concern the upstream alone, and those that this TiDB does not have.

use super::types::{Becomes, NOTHING, P, P_SAME, T, T_ROWS, T_SAME, Type, of};

pub fn the_upstreams_own() -> Vec<Type> {
    use Becomes::LeftOut;
    let (locks, tiflash, placement) = (
        LeftOut("locks concern only the upstream"),
        LeftOut("TiFlash concerns only the upstream"),
        LeftOut("placement concerns only the upstream's stores"),
    );
    let (attributes, caches, groups) = (
        LeftOut("attributes concern only the upstream's stores"),
        LeftOut("table caches concern only the upstream"),
        LeftOut("resource groups concern only the upstream"),
    );
    let ttl = LeftOut("the rows that TTL deletes are replicated anyway");
    vec![
        of("ddl_27_lock_table", 27, T, "LOCK TABLES `t` WRITE", locks, T_ROWS),
        of("ddl_28_unlock_table", 28, T, "UNLOCK TABLES", locks, T_ROWS),
        of("ddl_30_set_tiflash_replica", 30, T, "ALTER TABLE `t` SET TIFLASH REPLICA 1", tiflash, T_SAME),
        of("ddl_31_update_tiflash_replica_status", 31, T, "", tiflash, T_SAME),
        of(
            "ddl_49_alter_table_attributes",
            49,
            T,
            "ALTER TABLE `t` ATTRIBUTES='merge_option=allow'",
            attributes,
            T_SAME,
        ),
        of(
            "ddl_50_alter_table_partition_attributes",
            50,
            P,
            "ALTER TABLE `p` PARTITION `p0` ATTRIBUTES='merge_option=allow'",
            attributes,
            P_SAME,
        ),
        of("ddl_51_create_placement_policy", 51, &[], "CREATE PLACEMENT POLICY `p1` FOLLOWERS = 4", placement, NOTHING),
        of("ddl_52_alter_placement_policy", 52, &[], "ALTER PLACEMENT POLICY `p1` FOLLOWERS = 2", placement, NOTHING),
        of("ddl_53_drop_placement_policy", 53, &[], "DROP PLACEMENT POLICY `p1`", placement, NOTHING),
        of(
            "ddl_54_alter_table_partition_placement",
            54,
            P,
            "ALTER TABLE `p` PARTITION `p0` /*T![placement] PLACEMENT POLICY = `p1` */",
            placement,
            P_SAME,
        ),
        of(
            "ddl_55_modify_schema_default_placement",
            55,
            &[],
            "ALTER DATABASE `x` /*T![placement] PLACEMENT POLICY = `p1` */",
            placement,
            NOTHING,
        ),
        of(
            "ddl_56_alter_table_placement",
            56,
            T,
            "ALTER TABLE `t` /*T![placement] PLACEMENT POLICY = `p1` */",
            placement,
            T_SAME,
        ),
        of("ddl_57_alter_table_cache", 57, T, "ALTER TABLE `t` CACHE", caches, T_SAME),
        of(
            "ddl_58_alter_table_statistics_options",
            58,
            T,
            "ALTER TABLE `t` STATS_OPTIONS='{\"auto_recalc\": false}'",
            LeftOut("statistics concern only the upstream"),
            T_SAME,
        ),
        of("ddl_59_alter_table_nocache", 59, T, "ALTER TABLE `t` NOCACHE", caches, T_SAME),
        of(
            "ddl_65_alter_table_ttl",
            65,
            T,
            "ALTER TABLE `t` /*T![ttl] TTL = `d` + INTERVAL 1 DAY */ /*T![ttl] TTL_ENABLE = 'ON' */",
            ttl,
            T_SAME,
        ),
        of("ddl_67_alter_table_no_ttl", 67, T, "ALTER TABLE `t` /*T![ttl] REMOVE TTL */", ttl, T_SAME),
        of("ddl_68_create_resource_group", 68, &[], "CREATE RESOURCE GROUP `g` RU_PER_SEC = 500", groups, NOTHING),
        of("ddl_69_alter_resource_group", 69, &[], "ALTER RESOURCE GROUP `g` RU_PER_SEC = 600", groups, NOTHING),
        of("ddl_70_drop_resource_group", 70, &[], "DROP RESOURCE GROUP `g`", groups, NOTHING),
    ]
}

pub fn newer() -> Vec<Type> {
    use Becomes::{LeftOut, Refused};
    vec![
        of("ddl_00_none", 0, T, "", Refused("is a job of unknown type 0"), T_SAME),
        of("ddl_46_alter_partition", 46, P, "ALTER PARTITION WHATEVER", Refused("is a job of unknown type 46"), P_SAME),
        of("ddl_66_unused", 66, T, "SOMETHING NEW `t`", Refused("is a job of unknown type 66"), T_SAME),
        of(
            "ddl_73_add_columnar_index",
            73,
            T,
            "ALTER TABLE `t` ADD VECTOR INDEX `i`((VEC_COSINE_DISTANCE(`v`)))",
            LeftOut("columnar indexes concern"),
            T_SAME,
        ),
        of(
            "ddl_74_modify_engine_attribute",
            74,
            T,
            "ALTER TABLE `t` ENGINE_ATTRIBUTE = '{}'",
            LeftOut("engine attributes concern"),
            T_SAME,
        ),
        of("ddl_75_alter_table_mode", 75, T, "", LeftOut("a table's mode concerns"), T_SAME),
        of("ddl_76_refresh_meta", 76, T, "", LeftOut("it concerns only the upstream's schema cache"), T_SAME),
        of(
            "ddl_77_modify_schema_read_only",
            77,
            T,
            "ALTER DATABASE `x` READ ONLY = 1",
            LeftOut("it would lock out tisync as well"),
            T_SAME,
        ),
    ]
}
