//! Workloads: streams of transactions as a TiDB would write them into its Pump, made from a seed, together with what a
//! target must hold in the end.
//!
//! [`write`] makes a recording folder, which `tisync sync --from DIR` reads and `tisync playground --serve --recording
//! DIR` serves. It is written as it is made: a stream of any length takes no more memory than the rows that it still
//! speaks of. The same seed and sizes give the same bytes.

mod backlog;
mod bank;
mod big;
mod draft;
mod keys;
mod many_tables;
mod no_key;
mod stream;
mod truth;
mod wide;

use std::path::Path;

use anyhow::{Context, Result};

pub use self::backlog::Backlog;
pub use self::bank::Bank;
pub use self::big::Big;
pub use self::draft::Draft;
pub use self::keys::Keys;
pub use self::many_tables::ManyTables;
pub use self::no_key::NoKey;
pub use self::stream::{Place, Stream};
pub use self::truth::{TableTruth, Truth};
pub use self::wide::Wide;

/// A kind of load, with its sizes.
pub trait Workload {
    /// Its name; its tables are in the database `load_` and this.
    fn name(&self) -> &'static str;

    /// Writes its whole stream.
    ///
    /// # Errors
    /// If it cannot be written.
    fn fill(&self, out: &mut Stream) -> Result<()>;

    /// The database of its tables.
    fn database(&self) -> String {
        format!("load_{}", self.name())
    }
}

/// Writes `workload` as a recording into the folder `dir`, which is made if need be and must not hold one yet. Gives what
/// a target must hold once everything is applied; `expected.tsv` in the folder says the same.
///
/// # Errors
/// If it cannot be written.
pub fn write(workload: &dyn Workload, dir: &Path) -> Result<Truth> {
    let mut out = Stream::create(dir, &workload.database())?;
    workload.fill(&mut out).with_context(|| format!("making the workload `{}`", workload.name()))?;
    out.finish()
}
