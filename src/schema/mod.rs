//! Tables as of a version: what each row is read with.

mod history;

pub use history::History;
mod job;
pub use job::Job;
/// Databases and tables as they are now.
#[derive(Clone, Debug)]
pub struct Snapshot;
